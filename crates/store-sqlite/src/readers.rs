//! Connections that only read. In WAL mode they neither wait for the writer nor hold it up.

use std::path::Path;

use model::store::StoreError;
use parking_lot::{Condvar, Mutex};
use rusqlite::Connection;

use crate::codec::{Done, Failure};
use crate::open::{OpenError, open_for_reading};

/// How many reads of one kind may go on at once.
const CONNECTIONS: usize = 4;

/// A pool of reading connections.
pub(crate) struct Readers {
    idle: Mutex<Vec<Connection>>,
    returned: Condvar,
}

impl Readers {
    pub(crate) fn open(path: &Path) -> Result<Self, OpenError> {
        let idle = (0..CONNECTIONS).map(|_| open_for_reading(path)).collect::<Result<_, _>>()?;
        Ok(Self { idle: Mutex::new(idle), returned: Condvar::new() })
    }

    /// Runs `job` on this thread, in one consistent view of the records.
    pub(crate) fn here<T>(
        &self,
        doing: &'static str,
        job: impl FnOnce(&Connection) -> Done<T>,
    ) -> Result<T, StoreError> {
        let lent = Lent { connection: Some(self.take()), readers: self };
        let connection = lent.connection.as_ref().ok_or_else(|| {
            StoreError::broken(doing, "no connection was lent; this is a fault in the program")
        })?;
        let outcome = step(connection, "BEGIN").map_err(Failure::from).and_then(|()| {
            let outcome = job(connection)?;
            step(connection, "COMMIT")?;
            Ok(outcome)
        });
        outcome.map_err(|failure| failure.while_doing(doing))
    }

    fn take(&self) -> Connection {
        let mut idle = self.idle.lock();
        loop {
            match idle.pop() {
                Some(connection) => return connection,
                None => self.returned.wait(&mut idle),
            }
        }
    }
}

fn step(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(|_| ())
}

/// Gives a connection back also when its job fails or panics.
struct Lent<'r> {
    connection: Option<Connection>,
    readers: &'r Readers,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            if !connection.is_autocommit() {
                // A connection whose view cannot be ended would read old records for ever; a failure
                // here shows in its next use.
                let _ = step(&connection, "ROLLBACK");
            }
            self.readers.idle.lock().push(connection);
            self.readers.returned.notify_one();
        }
    }
}
