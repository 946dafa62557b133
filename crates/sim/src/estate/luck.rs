//! What the records do to a node that asks them something: they take their time, refuse, are full, do it
//! and lose the answer; and the node may die or stand still before it is done or right after.
//!
//! A write that was not flushed and a connection that broke are the same here: an error after which
//! nobody knows whether it was done.

use std::sync::Arc;
use std::time::Duration;

use base::SeededEntropy;
use model::store::StoreError;
use parking_lot::Mutex;
use testkit::stores::pick;

use crate::log::gate::Gate;
use crate::log::time::{TrueTime, pass};

/// How badly the records behave, each in so many of a thousand changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Trouble {
    /// Refused: nothing was done.
    pub(crate) refused: u64,
    /// Done, and the flush or the answer failed.
    pub(crate) unanswered: u64,
    /// Slow, before or after.
    pub(crate) slow: u64,
    /// The node dies, before or after.
    pub(crate) deadly: u64,
    /// No room: nothing is done at all.
    pub(crate) full: bool,
}

impl Trouble {
    pub(crate) const USUAL: Self =
        Self { refused: 6, unanswered: 6, slow: 10, deadly: 3, full: false };
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Bad(&'static str);

/// The luck of one node.
#[derive(Clone)]
pub(crate) struct NodeLuck {
    pub(crate) gate: Arc<Gate>,
    pub(crate) trouble: Arc<Mutex<Trouble>>,
    pub(crate) entropy: Arc<Mutex<SeededEntropy>>,
    /// The records' own clock, which is right.
    pub(crate) records_clock: TrueTime,
}

fn bad<T>(why: &'static str) -> Result<T, StoreError> {
    Err(StoreError::broken("record it", Bad(why)))
}

impl NodeLuck {
    fn some(&self, end: u64) -> u64 {
        pick(&mut *self.entropy.lock(), end)
    }

    /// Others act meanwhile: every await of a node is a place where it may be overtaken.
    async fn takes_time(&self, trouble: Trouble) {
        let millis = match self.some(1000) {
            slow if slow < trouble.slow => self.some(90_000),
            quick if quick < 500 => 0,
            _ => self.some(40),
        };
        if millis > 0 {
            pass(Duration::from_millis(millis)).await;
        }
    }

    async fn perhaps_dies(&self, trouble: Trouble) {
        if self.some(1000) < trouble.deadly {
            self.gate.die();
        }
        self.gate.pass().await;
    }

    pub(crate) async fn change<T>(
        &self,
        change: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.gate.pass().await;
        let trouble = *self.trouble.lock();
        self.takes_time(trouble).await;
        self.perhaps_dies(trouble).await;
        if self.trouble.lock().full {
            return bad("database or disk is full");
        }
        if self.some(1000) < trouble.refused {
            return bad("the connection was refused");
        }
        let answer = change.await;
        self.perhaps_dies(trouble).await;
        self.takes_time(trouble).await;
        self.gate.pass().await;
        if self.some(1000) < trouble.unanswered {
            return bad("it could not be flushed, or the connection broke before the answer");
        }
        answer
    }

    pub(crate) async fn read(&self) -> Result<(), StoreError> {
        self.gate.pass().await;
        let trouble = *self.trouble.lock();
        self.takes_time(Trouble { slow: 0, ..trouble }).await;
        self.gate.pass().await;
        if self.some(1000) < trouble.refused { bad("the connection was refused") } else { Ok(()) }
    }
}
