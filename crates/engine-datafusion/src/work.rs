//! The threads on which all engines of this process read and compute, so that nobody's network
//! waits for them, and many engines are not many threads.

use std::sync::{Arc, OnceLock};

use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

/// The runtime of all engines; it lives as long as the process.
pub(crate) fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(cores())
            .thread_name("log-engine")
            // Deep expressions are planned by recursion.
            .thread_stack_size(8 << 20)
            .enable_all()
            .build()
            .expect("a process that cannot start threads cannot do anything")
    })
}

/// One permit for each file that is read at a time.
pub(crate) fn readers() -> Arc<Semaphore> {
    static READERS: OnceLock<Arc<Semaphore>> = OnceLock::new();
    READERS.get_or_init(|| Arc::new(Semaphore::new(cores()))).clone()
}

/// How many threads compute.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(2, std::num::NonZero::get)
}
