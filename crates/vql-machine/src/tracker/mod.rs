//! The process tracker: one per program, fed by queries, asked by every later query.
//!
//! A query installs it with `process_tracker(…)`: from then on its sync query is run every period,
//! and the rows of its update query are taken as they come, until that query is over. Lookups go
//! to the installed tracker; without one, to the processes that run now.
//!
//! # Invariants
//!
//! - **TR-4** The tracker that was installed last answers. It goes when the query that installed it
//!   is over; an older one does not come back.
//! - **TR-5** Whoever reads updates slowly loses updates, and is told how many; nobody waits for a
//!   reader.
//!
//! # Not here
//!
//! What news mean for what is known: `state`. Rows to news and back: `entry`.

mod cache;
pub(crate) mod entry;
mod feed;
pub(crate) mod lookup;
mod state;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Weak};

use parking_lot::{Mutex, RwLock};
use rows::Row;
use vql_plugin::Scope;

pub(crate) use feed::{Feed, install};
pub(crate) use state::{Bounds, Processes, Tracked};

/// The place for a program's process tracker. A program makes one and offers it as a port of every
/// [`Host`](vql_plugin::Host).
#[derive(Default)]
pub struct ProcessTracker {
    installed: RwLock<Option<Arc<Installed>>>,
}

impl std::fmt::Debug for ProcessTracker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let installed = self.installed.read().is_some();
        f.debug_struct("ProcessTracker").field("installed", &installed).finish()
    }
}

impl ProcessTracker {
    pub(crate) fn of(scope: &Scope) -> Option<Arc<Self>> {
        scope.host().port()
    }

    pub(crate) fn installed(&self) -> Option<Arc<Installed>> {
        self.installed.read().clone()
    }

    fn put(&self, tracker: Arc<Installed>) {
        let before = self.installed.write().replace(tracker);
        if let Some(before) = before {
            before.over.store(true, Ordering::Relaxed);
        }
    }

    fn remove(&self, tracker: &Arc<Installed>) {
        let mut installed = self.installed.write();
        if installed.as_ref().is_some_and(|current| Arc::ptr_eq(current, tracker)) {
            *installed = None;
        }
    }
}

/// A tracker that is being fed.
pub(crate) struct Installed {
    pub(crate) processes: Mutex<Processes>,
    readers: Mutex<Vec<Weak<Reader>>>,
    over: AtomicBool,
}

impl Installed {
    fn new(bounds: Bounds) -> Arc<Self> {
        Arc::new(Self {
            processes: Mutex::new(Processes::new(bounds)),
            readers: Mutex::default(),
            over: AtomicBool::new(false),
        })
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    fn tell(&self, rows: Vec<Row>) {
        let mut readers = self.readers.lock();
        readers.retain(|reader| match reader.upgrade() {
            Some(reader) => {
                rows.iter().for_each(|row| reader.take(row));
                true
            }
            None => false,
        });
    }

    fn tell_counts(&self) {
        let counts = self.processes.lock().counts();
        self.tell(vec![entry::stats(counts)]);
    }

    /// The updates from now on.
    pub(crate) fn updates(&self) -> Updates {
        let (send, receive) = sync_channel(UPDATES_HELD);
        let reader = Arc::new(Reader { send, lost: AtomicU64::new(0) });
        self.readers.lock().push(Arc::downgrade(&reader));
        Updates { receive, reader }
    }
}

/// How many updates wait for a reader: more than a busy machine makes in the time between two rows.
const UPDATES_HELD: usize = 8192;

struct Reader {
    send: SyncSender<Row>,
    lost: AtomicU64,
}

impl Reader {
    fn take(&self, row: &Row) {
        if let Err(TrySendError::Full(_)) = self.send.try_send(row.clone()) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The updates of a tracker, as one reader gets them.
pub(crate) struct Updates {
    pub(crate) receive: Receiver<Row>,
    reader: Arc<Reader>,
}

impl Updates {
    /// How many updates this reader has lost since it last asked.
    pub(crate) fn lost(&self) -> u64 {
        self.reader.lost.swap(0, Ordering::Relaxed)
    }
}
