//! Work on independent things by several threads, with the results in the order of the things.

use std::collections::VecDeque;
use std::num::NonZero;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

/// More threads than this gain nothing, because they wait for the same disk.
const WORKERS_MAX: usize = 8;

/// How many threads are worth having for `jobs` independent pieces of work.
pub(crate) fn workers(jobs: usize) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    jobs.min(cores).clamp(1, WORKERS_MAX)
}

struct Job<T, R> {
    item: T,
    answer: Sender<R>,
}

/// Results of work on `items` by `workers` threads, in the order of the items and only a little
/// ahead of whoever takes them. When it is dropped the threads end after what they are doing.
pub(crate) struct InOrder<I: Iterator, R> {
    items: I,
    jobs: Sender<Job<I::Item, R>>,
    waiting: VecDeque<Receiver<R>>,
    ahead: usize,
}

impl<I, R> InOrder<I, R>
where
    I: Iterator,
    I::Item: Send + 'static,
    R: Send + 'static,
{
    /// Starts the threads. Without any the work would never be done, so at least one must start.
    pub(crate) fn new<W>(items: I, workers: usize, work: W) -> std::io::Result<Self>
    where
        W: Fn(I::Item) -> R + Send + Sync + 'static,
    {
        let (jobs, queue) = channel::<Job<I::Item, R>>();
        let (queue, work) = (Arc::new(Mutex::new(queue)), Arc::new(work));
        for number in 0..workers.max(1) {
            let (queue, work) = (queue.clone(), work.clone());
            let run = move || {
                while let Some(job) = next_job(&queue) {
                    // Nobody may be interested any more.
                    let _ = job.answer.send(work(job.item));
                }
            };
            let started = std::thread::Builder::new().name("vql worker".into()).spawn(run);
            match started {
                Err(error) if number == 0 => return Err(error),
                Err(_) => break,
                Ok(_) => {}
            }
        }
        Ok(Self { items, jobs, waiting: VecDeque::new(), ahead: workers.max(1) * 2 })
    }
}

fn next_job<J>(queue: &Mutex<Receiver<J>>) -> Option<J> {
    queue.lock().ok()?.recv().ok()
}

impl<I: Iterator, R> Iterator for InOrder<I, R> {
    type Item = R;

    fn next(&mut self) -> Option<R> {
        loop {
            while self.waiting.len() < self.ahead {
                let Some(item) = self.items.next() else { break };
                let (answer, result) = channel();
                self.jobs.send(Job { item, answer }).ok()?;
                self.waiting.push_back(result);
            }
            // Work that panicked has no result; the others still count.
            match self.waiting.pop_front()?.recv() {
                Ok(result) => return Some(result),
                Err(_) => continue,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_things() {
        let squares = InOrder::new(0..1000u64, 4, |number| number * number).unwrap();
        let expected: Vec<u64> = (0..1000).map(|number| number * number).collect();
        assert_eq!(squares.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn only_a_little_is_done_ahead() {
        let (asked, taken) = channel();
        let items = (0..1000u64).inspect(move |item| asked.send(*item).unwrap());
        let mut results = InOrder::new(items, 2, |number| number).unwrap();
        assert_eq!(results.next(), Some(0));
        drop(results);
        assert!(taken.iter().count() <= 5);
    }
}
