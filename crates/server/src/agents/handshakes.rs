//! TLS handshakes under way: how many there may be, and who gives way when there are too many.
//!
//! A handshake costs its maker nothing and this server a socket, so some are begun only to be left
//! lying. One that has made no end after [`STALE`] gives way to the next.
//!
//! # Invariants
//! - No address has more unfinished handshakes than it may, whatever the others do.
//! - While no address has all it may, a newcomer waits no longer than [`STALE`].

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// A handshake that is older gives way. An honest one takes a tenth of it on a busy server.
pub(crate) const STALE: Duration = Duration::from_secs(2);

/// Limits of unfinished handshakes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HandshakeLimits {
    /// In all.
    pub(crate) max: usize,
    /// From one address.
    pub(crate) per_address_max: usize,
}

/// The handshakes under way.
pub(crate) struct Handshakes {
    limits: HandshakeLimits,
    open: Mutex<Open>,
    ended: Notify,
}

#[derive(Default)]
struct Open {
    total: usize,
    next: u64,
    by_address: HashMap<IpAddr, VecDeque<Begun>>,
}

struct Begun {
    number: u64,
    at: Instant,
    given_up: CancellationToken,
}

/// One handshake; it is counted until this is dropped.
pub(crate) struct Turn {
    handshakes: Arc<Handshakes>,
    /// From where it comes.
    pub(crate) address: IpAddr,
    number: u64,
    /// Set when it has to give way.
    pub(crate) given_up: CancellationToken,
}

impl Open {
    /// The oldest of the address that has most.
    fn oldest_of_the_busiest(&self) -> Option<(IpAddr, Instant)> {
        let busiest = self.by_address.iter().max_by_key(|(_, begun)| begun.len())?;
        busiest.1.front().map(|oldest| (*busiest.0, oldest.at))
    }

    fn evict(&mut self, address: IpAddr) {
        let begun = self.by_address.get_mut(&address);
        if let Some(oldest) = begun.and_then(VecDeque::pop_front) {
            oldest.given_up.cancel();
            self.total -= 1;
        }
    }
}

impl Handshakes {
    /// None is under way.
    pub(crate) fn new(limits: HandshakeLimits) -> Arc<Self> {
        Arc::new(Self { limits, open: Mutex::default(), ended: Notify::new() })
    }

    /// Begins one from `address`. Waits while there are too many in all; `Err` when this address has
    /// as many as it may.
    pub(crate) async fn begin(self: &Arc<Self>, address: IpAddr) -> Result<Turn, &'static str> {
        loop {
            let ended = self.ended.notified();
            let again = match self.try_begin(address, Instant::now()) {
                Ok(turn) => return Ok(turn),
                Err(None) => {
                    return Err("this address has as many unfinished handshakes as it may");
                }
                Err(Some(again)) => again,
            };
            tokio::select! {
                () = ended => {}
                () = tokio::time::sleep_until(again) => {}
            }
        }
    }

    /// `Err` says when to try again, if at all.
    fn try_begin(self: &Arc<Self>, address: IpAddr, now: Instant) -> Result<Turn, Option<Instant>> {
        let mut open = self.open.lock();
        let own = open.by_address.get(&address);
        if own.is_some_and(|own| own.len() >= self.limits.per_address_max) {
            let oldest = own.and_then(|own| own.front()).map_or(now, |oldest| oldest.at);
            if now < oldest + STALE {
                return Err(None);
            }
            open.evict(address);
        }
        if open.total >= self.limits.max {
            let (busiest, oldest) = open.oldest_of_the_busiest().unwrap_or((address, now));
            if now < oldest + STALE {
                return Err(Some(oldest + STALE));
            }
            open.evict(busiest);
        }
        open.next += 1;
        open.total += 1;
        let (number, given_up) = (open.next, CancellationToken::new());
        let begun = Begun { number, at: now, given_up: given_up.clone() };
        open.by_address.entry(address).or_default().push_back(begun);
        Ok(Turn { handshakes: Arc::clone(self), address, number, given_up })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut open = self.handshakes.open.lock();
        let Some(begun) = open.by_address.get_mut(&self.address) else { return };
        let before = begun.len();
        begun.retain(|begun| begun.number != self.number);
        let (left, gone) = (begun.len(), before - begun.len());
        if left == 0 {
            open.by_address.remove(&self.address);
        }
        open.total -= gone;
        drop(open);
        self.handshakes.ended.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    fn handshakes(max: usize, per_address_max: usize) -> Arc<Handshakes> {
        Handshakes::new(HandshakeLimits { max, per_address_max })
    }

    #[test]
    fn an_address_that_has_all_it_may_is_refused_and_later_gives_up_its_oldest() {
        let (all, now) = (handshakes(10, 2), Instant::now());
        let first = all.try_begin(address(1), now).ok().unwrap();
        let _second = all.try_begin(address(1), now).ok().unwrap();
        assert!(matches!(all.try_begin(address(1), now), Err(None)));
        let _other = all.try_begin(address(2), now).ok().unwrap();
        let _third = all.try_begin(address(1), now + STALE).ok().unwrap();
        assert!(first.given_up.is_cancelled());
        drop(first);
        assert_eq!(all.open.lock().total, 3, "what gave way is not counted twice");
    }

    #[test]
    fn when_all_places_are_taken_the_busiest_gives_way_once_it_is_stale() {
        let (all, now) = (handshakes(3, 3), Instant::now());
        let honest = all.try_begin(address(1), now).ok().unwrap();
        let stalled: Vec<Turn> =
            (0..2).map(|_| all.try_begin(address(2), now).ok().unwrap()).collect();
        assert!(matches!(all.try_begin(address(3), now), Err(Some(at)) if at == now + STALE));
        let _late = all.try_begin(address(3), now + STALE).ok().unwrap();
        assert!(stalled[0].given_up.is_cancelled() && !stalled[1].given_up.is_cancelled());
        assert!(!honest.given_up.is_cancelled());
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_goes_on_when_another_has_ended() {
        let all = handshakes(1, 1);
        let first = all.begin(address(1)).await.ok().unwrap();
        let waiting = tokio::spawn({
            let all = Arc::clone(&all);
            async move { all.begin(address(2)).await.is_ok() }
        });
        drop(first);
        assert!(waiting.await.unwrap());
        assert!(all.open.lock().by_address.is_empty(), "nobody is left behind");
    }
}
