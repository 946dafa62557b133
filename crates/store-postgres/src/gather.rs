//! Calls of many clients that come at the same moment become one transaction.
//!
//! A call that comes while nobody works is done at once; those that come meanwhile wait and are done
//! together. After many, the next ones are given a moment to gather. So a few calls cost no time, and
//! thousands cost few transactions.
//!
//! # Invariants
//! - A call is answered after the transaction that it was part of, or not at all when that came to
//!   nothing for a reason that nobody foresaw.
//! - Work goes on when the one who called has gone away: others wait for it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use base::{Chain, Fault};
use model::store::StoreError;
use parking_lot::Mutex;
use tokio::sync::oneshot;

/// So many calls are done together at most.
const TOGETHER_MAX: usize = 64;

/// So many transactions of one kind are under way at a time. While one waits for the disk, the other
/// is made.
const UNDER_WAY_MAX: usize = 2;

/// After this many calls at once others gather.
const FEW: u32 = 4;

/// For each call of the transaction before, the next one waits so long for its calls to gather.
const GATHER_FOR_EACH: Duration = Duration::from_micros(200);

type Answer<A> = Result<A, StoreError>;

/// Calls of one kind.
pub(crate) struct Gather<J, A> {
    state: Mutex<State<J, A>>,
}

struct State<J, A> {
    waiting: VecDeque<(J, oneshot::Sender<Answer<A>>)>,
    under_way: usize,
}

impl<J, A> Default for Gather<J, A> {
    fn default() -> Self {
        Self { state: Mutex::new(State { waiting: VecDeque::new(), under_way: 0 }) }
    }
}

/// One who works; counted until nothing waits, or until dropped when the work panics.
struct Worker<J, A> {
    gather: Arc<Gather<J, A>>,
    counted: bool,
}

impl<J, A> Worker<J, A> {
    /// Waits a moment for calls to gather, after so many.
    async fn gather(&self, last: u32) {
        if last > FEW && self.gather.state.lock().waiting.len() < TOGETHER_MAX {
            tokio::time::sleep(GATHER_FOR_EACH * last).await;
        }
    }

    /// The next calls. Whoever finds none stops working in the same moment, so that a call that comes
    /// then knows that it needs another.
    #[allow(clippy::type_complexity, reason = "two lists of the same length")]
    fn next(&mut self) -> Option<(Vec<J>, Vec<oneshot::Sender<Answer<A>>>)> {
        let mut state = self.gather.state.lock();
        let count = state.waiting.len().min(TOGETHER_MAX);
        if count == 0 {
            state.under_way -= 1;
            self.counted = false;
            return None;
        }
        Some(state.waiting.drain(..count).unzip())
    }
}

impl<J, A> Drop for Worker<J, A> {
    fn drop(&mut self) {
        if self.counted {
            self.gather.state.lock().under_way -= 1;
        }
    }
}

impl<J: Clone + Send + 'static, A: Send + 'static> Gather<J, A> {
    /// Does a job, perhaps together with others. `work` does some jobs in one transaction; one answer
    /// for each.
    pub(crate) async fn call<F>(
        self: &Arc<Self>,
        doing: &'static str,
        job: J,
        work: impl Fn(Vec<J>) -> F + Send + Sync + 'static,
    ) -> Answer<A>
    where
        F: Future<Output = Answer<Vec<A>>> + Send,
    {
        let (tell, told) = oneshot::channel();
        let worker = {
            let mut state = self.state.lock();
            state.waiting.push_back((job, tell));
            let free = state.under_way < UNDER_WAY_MAX;
            state.under_way += usize::from(free);
            free.then(|| Worker { gather: Arc::clone(self), counted: true })
        };
        if let Some(mut worker) = worker {
            tokio::spawn(async move {
                while let Some((jobs, tells)) = worker.next() {
                    let count = u32::try_from(jobs.len()).unwrap_or(u32::MAX);
                    let answers = together(doing, jobs, &work).await;
                    for (tell, answer) in tells.into_iter().zip(answers) {
                        // Whoever has gone away does not wait for it.
                        let _ = tell.send(answer);
                    }
                    worker.gather(count).await;
                }
            });
        }
        let gone = |_| StoreError::broken(doing, "the transaction came to nothing");
        told.await.unwrap_or_else(|error| Err(gone(error)))
    }
}

/// Does jobs together. When the database refuses them, each is done alone, so that one disturbs no
/// other.
async fn together<J: Clone, A, F: Future<Output = Answer<Vec<A>>>>(
    doing: &'static str,
    jobs: Vec<J>,
    work: &impl Fn(Vec<J>) -> F,
) -> Vec<Answer<A>> {
    let error = match work(jobs.clone()).await {
        Ok(answers) => return answers.into_iter().map(Ok).collect(),
        Err(error) => error,
    };
    if jobs.len() == 1 {
        return vec![Err(error)];
    }
    if error.fault() == Fault::Busy {
        // The database is away: for all of them.
        let why = Chain(&error).to_string();
        return jobs.iter().map(|_| Err(StoreError::away(doing, why.clone()))).collect();
    }
    let mut answers = Vec::with_capacity(jobs.len());
    for job in jobs {
        let alone = work(vec![job]).await;
        let none = || StoreError::broken(doing, "there is no answer");
        answers.push(alone.and_then(|mut one| one.pop().ok_or_else(none)));
    }
    answers
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;

    use super::*;

    /// A transaction that refuses odd numbers, after a while.
    async fn doubled(jobs: Vec<u32>, sizes: Arc<Mutex<Vec<usize>>>) -> Answer<Vec<u32>> {
        sizes.lock().push(jobs.len());
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        match jobs.iter().find(|job| **job % 2 == 1) {
            Some(odd) => Err(StoreError::refused(format!("{odd} is odd"))),
            None => Ok(jobs.iter().map(|job| job * 2).collect()),
        }
    }

    async fn all(jobs: Vec<u32>) -> (Vec<Option<u32>>, Vec<usize>) {
        let (gather, sizes) = (Arc::new(Gather::default()), Arc::new(Mutex::new(Vec::new())));
        let calls = jobs.into_iter().map(|job| {
            let sizes = Arc::clone(&sizes);
            gather.call("double", job, move |jobs| doubled(jobs, Arc::clone(&sizes)))
        });
        let answers = join_all(calls).await.into_iter().map(Result::ok).collect();
        let sizes = sizes.lock().clone();
        (answers, sizes)
    }

    #[tokio::test]
    async fn calls_of_one_moment_are_done_together_and_answered_each() {
        let (answers, sizes) = all((0..200).map(|n| n * 2).collect()).await;
        assert_eq!(answers, (0..200).map(|n| Some(n * 4)).collect::<Vec<_>>());
        assert_eq!(sizes.iter().sum::<usize>(), 200);
        assert!(sizes.len() <= 6, "{sizes:?}");
    }

    #[tokio::test]
    async fn one_that_is_refused_disturbs_no_other() {
        let (answers, _) = all(vec![2, 4, 5, 6]).await;
        assert_eq!(answers, [Some(4), Some(8), None, Some(12)]);
    }
}
