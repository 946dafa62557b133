//! The numbered migrations and how a file is brought up to date.
//!
//! A migration is never changed once it has been released; a change of the schema is a new one.

use std::path::Path;

use rusqlite::Connection;

use crate::open::OpenError;

/// What a kind of file holds: whose it is, and how it came to its tables.
pub(crate) struct Schema {
    /// Marks a file as ours.
    application_id: u32,
    /// All migrations, in order. The schema's number is how many have run.
    migrations: &'static [&'static str],
}

/// The records of an installation. Marked "LYCA".
pub(crate) const RECORDS: Schema = Schema {
    application_id: 0x4c59_4341,
    migrations: &[
        include_str!("../migrations/0001_records.sql"),
        include_str!("../migrations/0002_monitoring.sql"),
        include_str!("../migrations/0003_tools.sql"),
        include_str!("../migrations/0007_leases.sql"),
        include_str!("../migrations/0006_segments.sql"),
        include_str!("../migrations/0005_bounds.sql"),
        include_str!("../migrations/0008_hot_indexes.sql"),
        include_str!("../migrations/0004_targeting.sql"),
    ],
};

/// The records of log hunts, in a file of their own. Marked "LYCL".
pub(crate) const LOG_HUNTS: Schema = Schema {
    application_id: 0x4c59_434c,
    migrations: &[include_str!("../migrations/log_0001_records.sql")],
};

fn pragma(connection: &Connection, name: &str) -> rusqlite::Result<u32> {
    connection.pragma_query_value(None, name, |row| row.get(0))
}

impl Schema {
    /// Refuses files of others and of newer versions.
    pub(crate) fn check_owner(
        &self,
        connection: &Connection,
        path: &Path,
    ) -> Result<(), OpenError> {
        let look = || {
            let tables: u32 =
                connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
            Ok((pragma(connection, "application_id")?, pragma(connection, "user_version")?, tables))
        };
        let (owner, version, tables) =
            look().map_err(|source: rusqlite::Error| match source.sqlite_error_code() {
                Some(rusqlite::ErrorCode::NotADatabase) => {
                    OpenError::NotOurs { path: path.to_owned() }
                }
                _ => OpenError::Sqlite { path: path.to_owned(), source },
            })?;
        if owner != self.application_id && (owner != 0 || tables > 0) {
            return Err(OpenError::NotOurs { path: path.to_owned() });
        }
        let known = self.migrations.len() as u32;
        if version > known {
            return Err(OpenError::Newer { path: path.to_owned(), found: version, known });
        }
        Ok(())
    }

    /// Runs the migrations that have not run, each in a transaction with its number. Another process
    /// may do the same at this moment: which one is next is read inside the transaction.
    pub(crate) fn migrate(&self, connection: &Connection) -> rusqlite::Result<()> {
        if pragma(connection, "user_version")? as usize >= self.migrations.len() {
            return Ok(());
        }
        loop {
            connection.execute_batch("BEGIN IMMEDIATE")?;
            let done = pragma(connection, "user_version")? as usize;
            let Some(migration) = self.migrations.get(done) else {
                return connection.execute_batch("COMMIT");
            };
            connection.execute_batch(&format!(
                "{migration}
                 PRAGMA application_id = {};
                 PRAGMA user_version = {};
                 COMMIT;",
                self.application_id,
                done + 1
            ))?;
        }
    }
}
