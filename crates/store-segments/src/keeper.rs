//! Lets a compactor work, again and again, on the threads of this crate.

use std::sync::Arc;
use std::time::Duration;

use base::{Chain, NodeId};
use fleet::LeaseStore;
use model::duty::Duty;
use model::store::StoreError;
use tokio::task::JoinHandle;

use crate::compactor::Compactor;
use crate::work::runtime;

/// Between two rounds.
const PAUSE: Duration = Duration::from_secs(5);
/// After a round that failed.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(30);
/// Rounds between two searches for objects that nobody knows: about an hour.
const ROUNDS_TO_SWEEP: u32 = 720;
/// Rounds between two looks at segments that could not be read to their end: about a minute.
const ROUNDS_TO_LOOK: u32 = 12;
/// How long a turn lasts: longer than a round, as a rule; a longer one works in vain.
const TURN: Duration = Duration::from_secs(120);

/// Whose turn it is to move rows.
#[derive(Clone)]
pub enum Turns {
    /// Always this process's.
    Alone,
    /// That of the node that has the duty.
    Leased(Arc<dyn LeaseStore>, NodeId),
}

impl Turns {
    /// The number of the own turn; `None` when it is somebody else's.
    async fn take(&self) -> Result<Option<Option<u64>>, StoreError> {
        match self {
            Self::Alone => Ok(Some(None)),
            Self::Leased(leases, node) => {
                let lease = leases.take(Duty::Compactor, *node, TURN).await?;
                Ok(lease.map(|lease| Some(lease.fence.token)))
            }
        }
    }
}

/// A compactor at work; it stops when this is dropped, wherever it is.
pub(crate) struct Keeper(JoinHandle<()>);

impl Keeper {
    pub(crate) fn start(compactor: Arc<Compactor>, turns: Turns) -> Self {
        Self(runtime().spawn(keep(compactor, turns)))
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn keep(compactor: Arc<Compactor>, turns: Turns) {
    let mut rounds = 0u32;
    loop {
        compactor.results().look_again(rounds.is_multiple_of(ROUNDS_TO_LOOK)).await;
        let done = round(&compactor, &turns, rounds).await;
        let told = done.as_ref().copied().map_err(|error| Chain(error).to_string());
        compactor.results().files.place().trouble().moved(told);
        let pause = match done {
            Ok(()) => PAUSE,
            Err(error) => {
                // Agents and people go on without; rows stay in the records meanwhile.
                let error = Chain(&error).to_string();
                tracing::warn!(name: "segments_behind", error, "rows could not be moved");
                PAUSE_AFTER_FAILURE
            }
        };
        rounds = rounds.wrapping_add(1);
        tokio::time::sleep(pause).await;
    }
}

async fn round(compactor: &Arc<Compactor>, turns: &Turns, rounds: u32) -> Result<(), StoreError> {
    let Some(fence) = turns.take().await? else { return Ok(()) };
    let done = compactor.round(fence).await?;
    if !done.is_nothing() {
        let (segments, rows, merged) = (done.segments, done.rows, done.merged);
        tracing::info!(name: "segments", segments, rows, merged, "rows moved to segments");
    }
    if rounds % ROUNDS_TO_SWEEP == 1 {
        compactor.sweep().await?;
    }
    Ok(())
}
