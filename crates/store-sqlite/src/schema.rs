//! The numbered migrations and how a file is brought up to date.
//!
//! A migration is never changed once it has been released; a change of the schema is a new one.

use std::path::Path;

use rusqlite::Connection;

use crate::open::OpenError;

/// All migrations, in order. The schema's number is how many have run.
const MIGRATIONS: [&str; 3] = [
    include_str!("../migrations/0001_records.sql"),
    include_str!("../migrations/0002_monitoring.sql"),
    include_str!("../migrations/0003_tools.sql"),
];

/// Marks the file as ours: "LYCA".
const APPLICATION_ID: u32 = 0x4c59_4341;

fn pragma(connection: &Connection, name: &str) -> rusqlite::Result<u32> {
    connection.pragma_query_value(None, name, |row| row.get(0))
}

/// Refuses files of others and of newer versions.
pub(crate) fn check_owner(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let look = || {
        let tables: u32 =
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        Ok((pragma(connection, "application_id")?, pragma(connection, "user_version")?, tables))
    };
    let (owner, version, tables) =
        look().map_err(|source: rusqlite::Error| match source.sqlite_error_code() {
            Some(rusqlite::ErrorCode::NotADatabase) => OpenError::NotOurs { path: path.to_owned() },
            _ => OpenError::Sqlite { path: path.to_owned(), source },
        })?;
    if owner != APPLICATION_ID && (owner != 0 || tables > 0) {
        return Err(OpenError::NotOurs { path: path.to_owned() });
    }
    let known = MIGRATIONS.len() as u32;
    if version > known {
        return Err(OpenError::Newer { path: path.to_owned(), found: version, known });
    }
    Ok(())
}

/// Runs the migrations that have not run, each in a transaction with its number.
pub(crate) fn migrate(connection: &Connection) -> rusqlite::Result<()> {
    let done = pragma(connection, "user_version")? as usize;
    for (index, migration) in MIGRATIONS.iter().enumerate().skip(done) {
        let version = index + 1;
        connection.execute_batch(&format!(
            "BEGIN IMMEDIATE;
             {migration}
             PRAGMA application_id = {APPLICATION_ID};
             PRAGMA user_version = {version};
             COMMIT;"
        ))?;
    }
    Ok(())
}
