//! What a stage of a query keeps, charged to its run.

use std::sync::Arc;

use rows::{Row, Value};
use vql_plugin::Stopped;

use super::Session;

/// Memory that is kept as long as this is.
pub(crate) struct Charge {
    session: Arc<Session>,
    bytes: usize,
}

impl Charge {
    pub(crate) fn new(session: &Arc<Session>) -> Self {
        Self { session: session.clone(), bytes: 0 }
    }

    /// So much more is kept; fails when that is too much.
    pub(crate) fn add(&mut self, bytes: usize) -> Result<(), Stopped> {
        self.bytes += bytes;
        self.session.keep(bytes)
    }

    /// One more row is kept. Returns what it costs.
    pub(crate) fn add_row(&mut self, row: &Row) -> Result<usize, Stopped> {
        let size = self.session.measure(&Value::Dict(row.clone()))?;
        self.add(size)?;
        Ok(size)
    }

    /// How much is kept.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// So much less is kept.
    pub(crate) fn subtract(&mut self, bytes: usize) {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        self.session.release(bytes);
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.session.release(self.bytes);
    }
}
