//! Whether an engine is asked at all for a tenant: after failures in a row it is left alone for a
//! while, and then asked one small thing.

use std::time::Duration;

use base::Timestamp;
use model::log::FailureClass;

/// So many failures in a row open it.
pub const FAILURES_MAX: u32 = 5;
/// It stays open so long the first time, twice as long each time after.
pub const WAIT_FIRST: Duration = Duration::from_secs(10);
/// It never stays open for longer.
pub const WAIT_MAX: Duration = Duration::from_secs(300);

/// The breaker of one tenant's engine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Breaker {
    failures: u32,
    openings: u32,
    open_until: Option<Timestamp>,
    probing: bool,
}

/// What a breaker says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// Ask.
    Yes,
    /// Ask this one thing; nobody else does until it is back. Let it be the smallest.
    Probe,
    /// Not before this moment.
    No(Timestamp),
}

impl Breaker {
    /// Whether the engine may be asked now. A [`Permit::Probe`] is given once.
    pub fn ask(&mut self, now: Timestamp) -> Permit {
        match self.open_until {
            None => Permit::Yes,
            Some(until) if now < until => Permit::No(until),
            Some(_) if self.probing => Permit::No(now.plus(WAIT_FIRST)),
            Some(_) => {
                self.probing = true;
                Permit::Probe
            }
        }
    }

    /// Whether it is open, without asking.
    pub fn open_until(&self) -> Option<Timestamp> {
        self.open_until
    }

    /// The engine answered.
    pub fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// A probe came back without having asked the engine anything.
    pub fn gave_back(&mut self) {
        self.probing = false;
    }

    /// The engine failed. Failures that are the query's own fault do not count.
    pub fn failed(&mut self, class: FailureClass, now: Timestamp) {
        let wait = match class {
            FailureClass::Permanent | FailureClass::TooLarge | FailureClass::SourceChanged => {
                // It answered, after all.
                if self.probing {
                    self.succeeded();
                }
                return;
            }
            FailureClass::Throttled { wait } => Some(wait.max(Duration::from_secs(1))),
            FailureClass::Transient => None,
        };
        self.failures += 1;
        if wait.is_none() && self.failures < FAILURES_MAX && !self.probing {
            return;
        }
        // Of many failures that come back together only the first counts as an opening.
        let already = self.open_until.is_some_and(|until| now < until);
        if !already {
            self.openings += 1;
        }
        let doubled = WAIT_FIRST.saturating_mul(1 << (self.openings.max(1) - 1).min(10));
        let until = now.plus(wait.unwrap_or(doubled.min(WAIT_MAX)));
        self.open_until = Some(self.open_until.map_or(until, |before| before.max(until)));
        self.probing = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    #[test]
    fn it_opens_after_failures_in_a_row_and_asks_once() {
        let mut breaker = Breaker::default();
        for _ in 1..FAILURES_MAX {
            breaker.failed(FailureClass::Transient, at(0));
            assert_eq!(breaker.ask(at(0)), Permit::Yes);
        }
        breaker.failed(FailureClass::Transient, at(0));
        assert_eq!(breaker.ask(at(1)), Permit::No(at(10)));
        assert_eq!(breaker.ask(at(10)), Permit::Probe);
        assert_eq!(breaker.ask(at(10)), Permit::No(at(20)), "only one probe");
        breaker.failed(FailureClass::Transient, at(11));
        assert_eq!(breaker.ask(at(12)), Permit::No(at(31)), "twice as long");
        assert_eq!(breaker.ask(at(31)), Permit::Probe);
        breaker.succeeded();
        assert_eq!(breaker.ask(at(31)), Permit::Yes);
    }

    #[test]
    fn an_engine_that_asks_to_wait_is_left_alone_at_once() {
        let mut breaker = Breaker::default();
        breaker.failed(FailureClass::Throttled { wait: Duration::from_secs(90) }, at(5));
        assert_eq!(breaker.ask(at(6)), Permit::No(at(95)));
    }

    #[test]
    fn a_bad_query_is_not_the_engines_fault() {
        let mut breaker = Breaker::default();
        for _ in 0..20 {
            breaker.failed(FailureClass::Permanent, at(0));
        }
        assert_eq!(breaker.ask(at(0)), Permit::Yes);
    }
}
