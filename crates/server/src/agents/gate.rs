//! How many connections there may be, in all and from one address.
//!
//! # Invariants
//! - A pass that was given out is counted until it is dropped.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;

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
}

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
        let from_there = open.per_address.entry(address).or_insert(0);
        if *from_there >= self.limits.per_address_max {
            return Err("this address has as many connections as it may");
        }
        *from_there += 1;
        open.total += 1;
        Ok(Pass { gate: Arc::clone(self), address })
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
