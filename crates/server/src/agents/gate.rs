//! How many connections there may be, in all and from one address, and who is not let in for a while
//! because nothing good came of its connections.
//!
//! # Invariants
//! - A pass that was given out is counted until it is dropped.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;

use super::pace::{Allowance, Pace};

/// Limits of the agents' listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GateLimits {
    /// Connections in all.
    pub connections_max: usize,
    /// Connections from one address.
    pub per_address_max: usize,
}

/// Counts the connections.
pub struct Gate {
    limits: GateLimits,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    total: usize,
    per_address: HashMap<IpAddr, usize>,
    /// What addresses have left of [`BAD`].
    bad: HashMap<IpAddr, Pace>,
}

/// How many connections of one address may come to nothing: a handshake that fails or takes too long,
/// bytes that are no request.
const BAD: Allowance = Allowance { per_second: 5.0, at_once: 100.0 };

/// Addresses that are remembered for their bad connections before those that are rested are forgotten.
const BAD_MAX: usize = 4_096;

/// The right to be connected.
pub struct Pass {
    gate: Arc<Gate>,
    address: IpAddr,
}

impl Gate {
    /// Nobody is connected.
    pub fn new(limits: GateLimits) -> Arc<Self> {
        Arc::new(Self { limits, open: Mutex::default() })
    }

    /// Lets a connection in, or says why not.
    pub fn enter(self: &Arc<Self>, address: IpAddr) -> Result<Pass, &'static str> {
        let mut open = self.open.lock();
        if open.total >= self.limits.connections_max {
            return Err("the server has as many connections as it may");
        }
        let now = Instant::now();
        if open.bad.get(&address).is_some_and(|bad| !bad.allows(BAD, now)) {
            return Err("too many connections of this address came to nothing");
        }
        let from_there = open.per_address.entry(address).or_insert(0);
        if *from_there >= self.limits.per_address_max {
            return Err("this address has as many connections as it may");
        }
        *from_there += 1;
        open.total += 1;
        Ok(Pass { gate: Arc::clone(self), address })
    }

    /// A connection of this address came to nothing.
    pub(crate) fn note_bad(&self, address: IpAddr) {
        let now = Instant::now();
        let mut open = self.open.lock();
        if open.bad.len() >= BAD_MAX {
            open.bad.retain(|_, pace| !pace.is_full(BAD, now));
        }
        let pace = open.bad.entry(address).or_insert_with(|| Pace::new(BAD, now));
        // Not further below nothing than this: an attack that has ended is forgotten soon.
        if pace.allows(BAD, now) {
            pace.take(1.0, BAD, now);
        }
    }

    /// How many connections there are.
    pub fn total(&self) -> usize {
        self.open.lock().total
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut open = self.gate.open.lock();
        open.total -= 1;
        if let Some(count) = open.per_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                open.per_address.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_brings_nothing_good_is_not_let_in_for_a_while() {
        let gate = Gate::new(GateLimits { connections_max: 1_000, per_address_max: 1_000 });
        let [bad, good]: [IpAddr; 2] = ["10.0.0.1".parse().unwrap(), "::1".parse().unwrap()];
        for _ in 0..200 {
            gate.note_bad(bad);
        }
        assert!(gate.enter(bad).is_err_and(|why| why.contains("came to nothing")));
        assert!(gate.enter(good).is_ok());
    }

    #[test]
    fn one_address_cannot_take_every_place() {
        let gate = Gate::new(GateLimits { connections_max: 3, per_address_max: 2 });
        let [greedy, other]: [IpAddr; 2] = ["10.0.0.1".parse().unwrap(), "::1".parse().unwrap()];
        let first = gate.enter(greedy).ok().unwrap();
        let _second = gate.enter(greedy).ok().unwrap();
        assert!(gate.enter(greedy).is_err_and(|why| why.contains("address")));
        let _third = gate.enter(other).ok().unwrap();
        assert!(gate.enter(other).is_err_and(|why| why.contains("server")));
        drop(first);
        assert!(gate.enter(greedy).is_ok());
        assert_eq!(gate.total(), 2, "a pass that was dropped at once is not counted");
    }
}
