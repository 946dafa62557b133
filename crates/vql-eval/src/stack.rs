//! Keeps recursion inside the native stack: evaluation asks before it goes deeper.
//!
//! A thread's floor is set when evaluation enters it. [`on_big_stack`] gives a thread on which the
//! language's own depth limit is reached long before the floor; elsewhere a small share of an
//! ordinary stack is used, and deep recursion ends earlier, with the same log line.

use std::cell::Cell;
use std::io;
use std::thread;

/// The stack of a thread made for evaluation. Only touched pages cost memory.
const BIG_BYTES: usize = 192 * 1024 * 1024;
/// The stack of a worker of a parallel `foreach`.
const WORKER_BYTES: usize = 48 * 1024 * 1024;
/// What is left for code that does not ask.
const MARGIN_BYTES: usize = 1024 * 1024;
/// What evaluation may use of a stack that it knows nothing about.
const UNKNOWN_BYTES: usize = 768 * 1024;

thread_local! {
    static FLOOR: Cell<usize> = const { Cell::new(0) };
}

fn here() -> usize {
    let marker = 0_u8;
    std::ptr::from_ref(&marker) as usize
}

/// Whether there is no room to go deeper.
pub(crate) fn is_low() -> bool {
    here() < FLOOR.get()
}

/// Holds the floor of this thread while evaluation is on it.
pub(crate) struct Entered {
    outermost: bool,
}

/// Evaluation enters this thread; a no-op when it is already there.
pub(crate) fn enter() -> Entered {
    let outermost = FLOOR.get() == 0;
    if outermost {
        FLOOR.set(here().saturating_sub(UNKNOWN_BYTES).max(1));
    }
    Entered { outermost }
}

impl Drop for Entered {
    fn drop(&mut self) {
        if self.outermost {
            FLOOR.set(0);
        }
    }
}

fn with_floor<T>(stack_bytes: usize, work: impl FnOnce() -> T) -> T {
    FLOOR.set(here().saturating_sub(stack_bytes - MARGIN_BYTES).max(1));
    let result = work();
    FLOOR.set(0);
    result
}

/// Runs `work` on a thread whose stack is large enough for every query that the depth limit
/// allows, and waits for it. Panics of `work` pass through.
pub fn on_big_stack<T: Send>(work: impl FnOnce() -> T + Send) -> io::Result<T> {
    thread::scope(|scope| {
        let builder = thread::Builder::new().name("vql".to_owned()).stack_size(BIG_BYTES);
        let thread = builder.spawn_scoped(scope, || with_floor(BIG_BYTES, work))?;
        match thread.join() {
            Ok(result) => Ok(result),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// Starts a worker thread of a parallel row source.
pub(crate) fn spawn_worker(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let builder = thread::Builder::new().name("vql worker".to_owned()).stack_size(WORKER_BYTES);
    builder.spawn(move || with_floor(WORKER_BYTES, work)).map(drop)
}
