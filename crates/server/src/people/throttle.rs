//! How many wrong passwords are taken, for one user and from one address.
//!
//! # Invariants
//! - A correct password within the limit is always taken; nobody is locked out by others guessing
//!   from other addresses more than a quarter of an hour.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use base::Timestamp;
use parking_lot::Mutex;

/// What wrong passwords are counted over.
const WINDOW: Duration = Duration::from_secs(15 * 60);
/// Entries that are kept; beyond that the table is swept.
const ENTRIES_MAX: usize = 10_000;

#[derive(Clone, PartialEq, Eq, Hash)]
enum Subject {
    Address(IpAddr),
    User(String),
}

/// Counts wrong passwords.
pub(crate) struct Throttle {
    wrong_max: u32,
    wrong: Mutex<HashMap<Subject, (Timestamp, u32)>>,
}

impl Throttle {
    pub(crate) fn new(wrong_max: u32) -> Self {
        Self { wrong_max, wrong: Mutex::default() }
    }

    /// Counts a try before the password is looked at, so that many at once are counted too. `Err`
    /// holds how long to wait.
    pub(crate) fn take(&self, address: IpAddr, user: &str, now: Timestamp) -> Result<(), Duration> {
        let mut wrong = self.wrong.lock();
        if wrong.len() > ENTRIES_MAX {
            wrong.retain(|_, (since, _)| now.since(*since) < WINDOW);
        }
        let subjects = subjects(address, user);
        for subject in &subjects {
            match wrong.get(subject) {
                Some((since, count)) if now.since(*since) < WINDOW && *count >= self.wrong_max => {
                    return Err(WINDOW.saturating_sub(now.since(*since)));
                }
                Some(_) | None => {}
            }
        }
        for subject in subjects {
            let entry = wrong.entry(subject).or_insert((now, 0));
            if now.since(entry.0) >= WINDOW {
                *entry = (now, 0);
            }
            entry.1 += 1;
        }
        Ok(())
    }

    /// The password was right: the try does not count.
    pub(crate) fn give_back(&self, address: IpAddr, user: &str) {
        let mut wrong = self.wrong.lock();
        for subject in subjects(address, user) {
            if let Some((_, count)) = wrong.get_mut(&subject) {
                *count = count.saturating_sub(1);
            }
        }
    }
}

fn subjects(address: IpAddr, user: &str) -> [Subject; 2] {
    let user = user.chars().take(100).collect::<String>().to_lowercase();
    [Subject::Address(address), Subject::User(user)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guessing_ends_after_a_few_tries_and_may_go_on_later() {
        let throttle = Throttle::new(3);
        let address: IpAddr = "10.0.0.1".parse().unwrap();
        let at = Timestamp::from_secs;
        for _ in 0..3 {
            assert!(throttle.take(address, "ann", at(0)).is_ok());
        }
        assert_eq!(throttle.take(address, "bob", at(60)), Err(Duration::from_secs(840)));
        let other: IpAddr = "10.0.0.2".parse().unwrap();
        assert!(throttle.take(other, "Ann", at(60)).is_err(), "one user from many addresses");
        assert!(throttle.take(other, "bob", at(60)).is_ok());
        assert!(throttle.take(address, "ann", at(901)).is_ok());
    }

    #[test]
    fn right_passwords_are_not_counted() {
        let throttle = Throttle::new(2);
        let address: IpAddr = "10.0.0.1".parse().unwrap();
        for _ in 0..10 {
            assert!(throttle.take(address, "ann", Timestamp::EPOCH).is_ok());
            throttle.give_back(address, "ann");
        }
    }
}
