//! Whether a process lives. It reaches the world through ports only, so a process whose calls do not
//! come back is one that stands still (a stopped process, a long collection of garbage), and one whose
//! calls never come back is dead, whatever its tasks believe.
//!
//! Whoever waits goes on in the order in which he came, so that a run repeats itself.

use parking_lot::Mutex;
use tokio::sync::Notify;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    Lives,
    StandsStill,
    Dead,
}

/// The life of one process, from its start to its death.
#[derive(Debug)]
pub(crate) struct Gate {
    life: Mutex<Life>,
    changed: Notify,
}

impl Gate {
    pub(crate) fn new() -> Self {
        Self { life: Mutex::new(Life::Lives), changed: Notify::new() }
    }

    /// Comes back when the process lives; never, when it is dead.
    pub(crate) async fn pass(&self) {
        loop {
            // It is woken by every change from here on.
            let changed = self.changed.notified();
            if self.lives() {
                return;
            }
            changed.await;
        }
    }

    fn turn(&self, from: Life, to: Life) {
        let mut life = self.life.lock();
        if *life == from {
            *life = to;
            drop(life);
            self.changed.notify_waiters();
        }
    }

    pub(crate) fn stop(&self) {
        self.turn(Life::Lives, Life::StandsStill);
    }

    pub(crate) fn go_on(&self) {
        self.turn(Life::StandsStill, Life::Lives);
    }

    pub(crate) fn lives(&self) -> bool {
        *self.life.lock() == Life::Lives
    }

    pub(crate) fn is_dead(&self) -> bool {
        *self.life.lock() == Life::Dead
    }

    pub(crate) fn die(&self) {
        *self.life.lock() = Life::Dead;
    }
}
