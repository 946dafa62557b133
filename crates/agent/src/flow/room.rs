//! Tells two sides of the outbox about each other: who writes waits for room, who sends waits for
//! something to send.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

/// Wakes writers when reports were acknowledged, and the connection when reports were added.
#[derive(Debug, Default)]
pub struct Room {
    freed: Mutex<u64>,
    changed: Condvar,
    added: Notify,
}

impl Room {
    /// Reports were acknowledged.
    pub fn free(&self) {
        *self.freed.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.changed.notify_all();
    }

    /// Waits, on a thread that may block, until something was acknowledged, or for a while.
    pub fn wait_for_room(&self, longest: Duration) {
        let freed = self.freed.lock().unwrap_or_else(PoisonError::into_inner);
        let before = *freed;
        let waited = self.changed.wait_timeout_while(freed, longest, |now| *now == before);
        drop(waited);
    }

    /// A report was added.
    pub fn add(&self) {
        self.added.notify_one();
    }

    /// Waits until a report was added since the last call.
    pub async fn added(&self) {
        self.added.notified().await;
    }
}
