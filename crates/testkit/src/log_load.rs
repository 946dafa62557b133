//! How many runs a store of ledgers takes in a second: a measurement, not a test.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use loghunt::ports::{LedgerStore, Step, Tell};

use crate::log_stores::{claim, commit, finding, key, open, plan};

/// What is asked of a store.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// How many streams there are.
    pub streams: u32,
    /// How many runs of different streams go on at once.
    pub workers: u32,
    /// How often each stream is run.
    pub rounds: u32,
    /// Each run of so many has a finding that is told; none, when 0.
    pub finding_each: u32,
}

/// What a store did.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// Runs, of two steps each: plan and lease a window; commit it.
    pub runs: u32,
    /// In which time.
    pub took: Duration,
}

impl Measured {
    /// Runs in a second.
    pub fn runs_per_second(&self) -> f64 {
        f64::from(self.runs) / self.took.as_secs_f64()
    }
}

/// Runs every stream round after round.
pub async fn measure(store: Arc<dyn LedgerStore>, load: Load) -> Measured {
    let next = Arc::new(AtomicU32::new(0));
    let begun = Instant::now();
    let mut workers = Vec::new();
    for _ in 0..load.workers {
        let (store, next) = (store.clone(), next.clone());
        workers.push(tokio::spawn(async move {
            loop {
                let run = next.fetch_add(1, Ordering::Relaxed);
                if run >= load.streams * load.rounds {
                    return;
                }
                one(&*store, run, load).await;
            }
        }));
    }
    for worker in workers {
        worker.await.expect("a worker does not panic");
    }
    Measured { runs: load.streams * load.rounds, took: begun.elapsed() }
}

async fn one(store: &dyn LedgerStore, run: u32, load: Load) {
    let (stream, round) = (run % load.streams, run / load.streams);
    let name = format!("rule-{}", stream / 40);
    let key = key(&format!("tenant-{}", stream % 40), &name);
    let mut commands = vec![plan(600 * i64::from(round + 1), 600), claim("measure")];
    if round == 0 {
        commands.insert(0, open(0));
    }
    let step = Step::of(key.clone(), commands);
    let applied = store.step(&step).await.expect("the store works").expect("it is allowed");
    // With fewer streams than workers another one may have it.
    let Some(slice) = applied.claimed else { return };
    let found = load.finding_each > 0 && run.is_multiple_of(load.finding_each);
    let findings = if found { vec![finding(&key, u128::from(run))] } else { Vec::new() };
    let tell = Tell { channels: vec!["hook".into()], how: loghunt::ports::TellHow::Each };
    let step = Step { findings, tell, ..Step::of(key, vec![commit(&slice)]) };
    store.step(&step).await.expect("the store works").expect("the lease is in force");
}
