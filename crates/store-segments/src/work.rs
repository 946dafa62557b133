//! The threads on which questions are answered and segments written, so that neither agents nor people
//! wait for them.

use std::sync::{Arc, OnceLock};

use model::store::StoreError;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// How many threads compute.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(2, std::num::NonZero::get)
}

/// The runtime of all stores of this process; it lives as long as the process.
pub(crate) fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(cores())
            .thread_name("results")
            // Deep expressions are planned by recursion.
            .thread_stack_size(8 << 20)
            .enable_all()
            .build()
            .expect("a process that cannot start threads cannot do anything")
    })
}

/// One permit for each row group that is in memory at a time, over all questions.
pub(crate) fn permits() -> Arc<Semaphore> {
    static PERMITS: OnceLock<Arc<Semaphore>> = OnceLock::new();
    PERMITS.get_or_init(|| Arc::new(Semaphore::new(cores()))).clone()
}

/// Runs work on the threads of this crate. It is given up when the caller is.
pub(crate) async fn on_own_threads<T: Send + 'static>(
    work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Result<T, StoreError> {
    let mut set = JoinSet::new();
    set.spawn_on(work, runtime().handle());
    let interrupted = || StoreError::broken("answer a question", "its work was interrupted");
    match set.join_next().await {
        Some(Ok(outcome)) => outcome,
        Some(Err(error)) => Err(StoreError::broken("answer a question", error)),
        None => Err(interrupted()),
    }
}

/// Runs as many workers as there are cores, each with a state of its own; their states. All are given
/// up when one fails.
pub(crate) async fn workers<S, F>(make: impl Fn() -> F) -> Result<Vec<S>, StoreError>
where
    S: Send + 'static,
    F: Future<Output = Result<S, StoreError>> + Send + 'static,
{
    let mut set = JoinSet::new();
    for _ in 0..cores() {
        set.spawn_on(make(), runtime().handle());
    }
    let mut states = Vec::new();
    while let Some(ended) = set.join_next().await {
        states.push(ended.map_err(|error| StoreError::broken("answer a question", error))??);
    }
    Ok(states)
}
