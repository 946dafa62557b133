//! Whether a scheduler lives. It reaches the world through ports only, so a scheduler whose calls do
//! not come back is one that stands still (a stopped process, a long collection of garbage), and one
//! whose calls never come back is dead, whatever its tasks believe.

use tokio::sync::watch;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    Lives,
    StandsStill,
    Dead,
}

/// The life of one scheduler, from its start to its death.
#[derive(Debug)]
pub(crate) struct Gate(watch::Sender<Life>);

impl Gate {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(Life::Lives))
    }

    /// Comes back when the scheduler lives; never, when it is dead.
    pub(crate) async fn pass(&self) {
        let mut life = self.0.subscribe();
        let _ = life.wait_for(|life| *life == Life::Lives).await;
    }

    pub(crate) fn stop(&self) {
        self.0.send_if_modified(|life| {
            let lives = *life == Life::Lives;
            if lives {
                *life = Life::StandsStill;
            }
            lives
        });
    }

    pub(crate) fn go_on(&self) {
        self.0.send_if_modified(|life| {
            let stands = *life == Life::StandsStill;
            if stands {
                *life = Life::Lives;
            }
            stands
        });
    }

    pub(crate) fn is_dead(&self) -> bool {
        *self.0.borrow() == Life::Dead
    }

    pub(crate) fn die(&self) {
        self.0.send_replace(Life::Dead);
    }
}
