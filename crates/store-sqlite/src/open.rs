//! Opens the file, and says clearly when that cannot be done.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::leases;
use crate::members::reason_of_columns;
use crate::schema::{self, Schema};

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder or the file cannot be written.
    #[error("cannot write {}; give the server's user write access to it and its folder", .path.display())]
    NotWritable {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Another process has it open.
    #[error("{} is in use by another process; stop that one first", .path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// A newer version of this program has changed its schema.
    #[error(
        "{} has schema {found}, but this program knows only up to {known}; use the newer program \
         that wrote it", .path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// The newest schema known here.
        known: u32,
    },
    /// It is a file of something else.
    #[error("{} is not a store of this program; choose another data directory", .path.display())]
    NotOurs {
        /// The file.
        path: PathBuf,
    },
    /// The file is damaged.
    #[error("{} is damaged; put back a copy of it", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: rusqlite::Error,
    },
    /// Anything else that SQLite says.
    #[error("could not open {}", .path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: rusqlite::Error,
    },
    /// The writing thread could not be started.
    #[error("could not start the writing thread of the store")]
    Thread(#[source] std::io::Error),
}

impl OpenError {
    pub(crate) fn of(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                Self::NotWritable { path, source: source.into() }
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::InUse { path },
            Some(ErrorCode::NotADatabase) => Self::NotOurs { path },
            Some(ErrorCode::DatabaseCorrupt) => Self::Damaged { path, source },
            _ => Self::Sqlite { path, source },
        }
    }
}

/// Opens the file for its only writer and brings its schema up to date. The lock is to be kept as long
/// as the connection.
pub(crate) fn open_for_writing(path: &Path) -> Result<(File, Connection), OpenError> {
    let lock = lock(path)?;
    let connection = open_to_write(path, &schema::RECORDS, Duration::from_secs(5))?;
    leases::end_all(&connection).map_err(|source| OpenError::of(path, source))?;
    Ok((lock, connection))
}

/// Opens a file that other processes may write too, and brings its schema up to date.
pub(crate) fn open_shared(path: &Path, schema: &Schema) -> Result<Connection, OpenError> {
    // Two processes that make the same file at the same moment find it locked, and SQLite does not
    // wait in each of these places by itself.
    let until = Instant::now() + SHARED_PATIENCE;
    loop {
        match open_to_write(path, schema, SHARED_PATIENCE) {
            Err(OpenError::InUse { .. }) if Instant::now() < until => {
                std::thread::park_timeout(Duration::from_millis(20));
            }
            outcome => return outcome,
        }
    }
}

/// How long a process waits for another's transaction.
const SHARED_PATIENCE: Duration = Duration::from_secs(30);

fn open_to_write(
    path: &Path,
    schema: &Schema,
    patience: Duration,
) -> Result<Connection, OpenError> {
    let fail = |source| OpenError::of(path, source);
    let connection = Connection::open(path).map_err(fail)?;
    set_up(&connection).map_err(fail)?;
    connection.busy_timeout(patience).map_err(fail)?;
    schema.check_owner(&connection, path)?;
    let mode: String = connection
        .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
        .map_err(fail)?;
    if mode != "wal" {
        let source = format!("its journal stays in mode `{mode}`").into();
        return Err(OpenError::NotWritable { path: path.to_owned(), source });
    }
    connection.pragma_update(None, "synchronous", "FULL").map_err(fail)?;
    // In pages. What thousands write at once goes all over the indexes of what is there: it is kept in
    // memory (KiB, when negative), and copied into the file once for many transactions.
    connection.pragma_update(None, "wal_autocheckpoint", 8_000).map_err(fail)?;
    connection.pragma_update(None, "cache_size", -64_000).map_err(fail)?;
    schema.migrate(&connection).map_err(fail)?;
    Ok(connection)
}

/// Opens the file for reading. The writer has brought it up to date.
pub(crate) fn open_for_reading(path: &Path) -> Result<Connection, OpenError> {
    let fail = |source| OpenError::of(path, source);
    // Not `READ_ONLY`: such a connection cannot take part in WAL recovery.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(fail)?;
    set_up(&connection).map_err(fail)?;
    connection.pragma_update(None, "query_only", true).map_err(fail)?;
    Ok(connection)
}

fn lock(path: &Path) -> Result<File, OpenError> {
    let mut lock_path = path.as_os_str().to_owned();
    lock_path.push(".lock");
    let not_writable = |source: std::io::Error| OpenError::NotWritable {
        path: path.to_owned(),
        source: source.into(),
    };
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&lock_path)
        .map_err(not_writable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(source)) => Err(not_writable(source)),
    }
}

fn set_up(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(256);
    // Plans depend on the text of a statement alone. Otherwise a value that is compared with a literal
    // of a partial index makes SQLite prepare the statement anew each time it is bound.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "cache_size", -16_000)?;
    connection.pragma_update(None, "mmap_size", 1i64 << 30)?;
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    // Whether a text has another, in lower case already, inside it; letter case of all scripts.
    connection.create_scalar_function("holds", 2, flags, |context| {
        let text = context.get_raw(0).as_str_or_null()?.unwrap_or_default().to_lowercase();
        Ok(text.contains(context.get_raw(1).as_str()?))
    })?;
    // Why a member is where it is, for a person.
    connection.create_scalar_function("reason", 6, flags, |context| {
        Ok(reason_of_columns(
            (context.get(0)?, context.get(1)?),
            context.get_raw(2).as_str()?,
            context.get_raw(3).as_str()?,
            (context.get(4)?, context.get(5)?),
        ))
    })
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;

    #[test]
    fn a_statement_is_planned_once_whatever_is_bound() {
        let db = Connection::open_in_memory().unwrap();
        set_up(&db).unwrap();
        db.execute_batch(
            "CREATE TABLE things (number INTEGER, open INTEGER);
             CREATE INDEX open_things ON things (number) WHERE open = 1;",
        )
        .unwrap();
        let mut statement = db.prepare("SELECT number FROM things WHERE open = ?1").unwrap();
        for open in [1, 0, 1] {
            assert!(!statement.exists([open]).unwrap());
        }
        assert_eq!(statement.get_status(StatementStatus::RePrepare), 0);
    }
}
