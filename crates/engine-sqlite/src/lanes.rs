//! So many connections, each used by one blocking thread at a time, and how to stop one.
//!
//! # Invariants
//!
//! - A thread works for nobody: when the future that waits for it is dropped, its statement ends at
//!   the next thousand steps and the connection is given back.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use loghunt::engine::EngineError;
use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::Semaphore;

use crate::session;
use crate::trouble;

/// How many steps of SQLite's machine pass between two looks at the clock.
const STEPS: i32 = 1_000;

/// Why a question was ended from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stopped {
    TimedOut,
    Cancelled,
}

/// Ends one question.
pub(crate) struct Stop {
    state: AtomicU8,
    until: Instant,
}

impl Stop {
    pub(crate) fn after(timeout: Duration) -> Arc<Self> {
        let far = Duration::from_secs(86_400 * 365);
        Arc::new(Self { state: AtomicU8::new(0), until: Instant::now() + timeout.min(far) })
    }

    pub(crate) fn cancel(&self) {
        let _ = self.state.compare_exchange(0, 1, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Whether it is time to stop, and why.
    pub(crate) fn why(&self) -> Option<Stopped> {
        if self.state.load(Ordering::Relaxed) == 0 && Instant::now() >= self.until {
            let _ = self.state.compare_exchange(0, 2, Ordering::Relaxed, Ordering::Relaxed);
        }
        match self.state.load(Ordering::Relaxed) {
            0 => None,
            1 => Some(Stopped::Cancelled),
            _ => Some(Stopped::TimedOut),
        }
    }
}

/// The connections to one database file.
pub(crate) struct Lanes {
    path: PathBuf,
    /// The file, as messages name it.
    place: String,
    free: Arc<Semaphore>,
    idle: Mutex<Vec<Connection>>,
    running: Mutex<HashMap<Arc<str>, Vec<Arc<Stop>>>>,
}

/// Cancels when dropped, and forgets the tag.
pub(crate) struct Running {
    lanes: Arc<Lanes>,
    tag: Arc<str>,
    pub(crate) stop: Arc<Stop>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
        let mut running = self.lanes.running.lock();
        if let Some(stops) = running.get_mut(&self.tag) {
            stops.retain(|stop| !Arc::ptr_eq(stop, &self.stop));
            if stops.is_empty() {
                running.remove(&self.tag);
            }
        }
    }
}

impl Lanes {
    pub(crate) fn new(path: PathBuf, most: usize) -> Self {
        Self {
            place: format!("SQLite database {}", path.display()),
            path,
            free: Arc::new(Semaphore::new(most)),
            idle: Mutex::new(Vec::new()),
            running: Mutex::new(HashMap::new()),
        }
    }

    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    /// Makes a question known, so that it can be cancelled.
    pub(crate) fn announce(self: &Arc<Self>, tag: &Arc<str>, timeout: Duration) -> Running {
        let stop = Stop::after(timeout);
        self.running.lock().entry(tag.clone()).or_default().push(stop.clone());
        Running { lanes: self.clone(), tag: tag.clone(), stop }
    }

    pub(crate) fn cancel(&self, tag: &str) {
        if let Some(stops) = self.running.lock().get(tag) {
            stops.iter().for_each(|stop| stop.cancel());
        }
    }

    /// Runs something on a connection, on a thread that may block, once one is free.
    pub(crate) async fn work<T: Send + 'static>(
        self: &Arc<Self>,
        stop: &Arc<Stop>,
        job: impl FnOnce(&Connection) -> Result<T, EngineError> + Send + 'static,
    ) -> Result<T, EngineError> {
        let left = stop.until.saturating_duration_since(Instant::now());
        let permit = tokio::time::timeout(left, self.free.clone().acquire_owned()).await;
        let Ok(Ok(permit)) = permit else {
            return Err(EngineError::transient(format!(
                "{}: all connections were busy for as long as the question may take",
                self.place
            )));
        };
        let (lanes, stop) = (self.clone(), stop.clone());
        let thread = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            if let Some(stopped) = stop.why() {
                return Err(trouble::of_stop(&lanes.place, stopped));
            }
            let mut connection = lanes.connection(&stop)?;
            let watch = stop.clone();
            let watching = connection.progress_handler(STEPS, Some(move || watch.why().is_some()));
            watching.map_err(|error| trouble::said(&lanes.place, &error, &stop))?;
            let answer = job(&connection);
            if connection.progress_handler(0, None::<fn() -> bool>).is_ok() {
                lanes.idle.lock().push(connection);
            }
            answer
        });
        thread.await.unwrap_or_else(|broken| {
            Err(EngineError::transient(format!("{}: the thread ended: {broken}", self.place)))
        })
    }

    fn connection(&self, stop: &Stop) -> Result<Connection, EngineError> {
        if let Some(connection) = self.idle.lock().pop() {
            return Ok(connection);
        }
        session::open(&self.path).map_err(|error| trouble::said(&self.place, &error, stop))
    }
}
