//! How many members may start now, and when to look again.
//!
//! Pure. Stores ask [`allowed`] inside the transaction that admits; the hunt manager asks [`plan`]
//! to share what the server admits among its hunts.
//!
//! # Invariants
//!
//! - **E3** in any 60 seconds, ends included, never more admissions than the rate. Counted from
//!   stored times, so a restart resets nothing; there is no credit for quiet times.

use std::collections::BTreeMap;
use std::time::Duration;

use base::{HuntId, Rate, Timestamp};

use crate::bounds::{stage, waiting};
use crate::ports::{Admissions, HuntSummary};

/// What a rate is counted over.
pub const WINDOW: Duration = Duration::from_secs(60);

/// Most members that one transaction admits.
pub const BATCH_MAX: u64 = 2_000;

/// How much a rate leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// So many may be admitted now.
    pub free: u64,
    /// When nothing is free: from when on something is.
    pub more_at: Option<Timestamp>,
}

/// How much `rate` leaves at `now` after these admissions. Those after `now` count as made now.
pub fn room(
    rate: Rate,
    admitted: impl IntoIterator<Item = (Timestamp, u64)>,
    now: Timestamp,
) -> Room {
    let Rate::PerMinute(rate) = rate else { return Room { free: u64::MAX, more_at: None } };
    let mut oldest = now;
    let mut counted: u64 = 0;
    for (at, count) in admitted {
        let at = at.min(now);
        // An admission exactly a minute ago still shares a minute with one made now.
        if count > 0 && at.plus(WINDOW) >= now {
            counted = counted.saturating_add(count);
            oldest = oldest.min(at);
        }
    }
    let free = u64::from(rate).saturating_sub(counted);
    let more_at = (free == 0).then(|| oldest.plus(WINDOW).plus(Duration::from_micros(1)));
    Room { free, more_at }
}

/// How many pending members of a hunt may start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// So many may be admitted now.
    pub free: u64,
    /// Of these, so many for the first time.
    pub fresh: u64,
}

fn places(hunt: &HuntSummary) -> u64 {
    match hunt.hunt.spec.limits.running_max {
        0 => u64::MAX,
        max => max.saturating_sub(hunt.counts.running + hunt.progress.running_before),
    }
}

/// How many pending members of a hunt may start at `now`, the server's ceiling aside.
pub fn allowed(hunt: &HuntSummary, admitted: &[Admissions], now: Timestamp) -> Allowed {
    let own = admitted.iter().filter(|some| some.hunt == hunt.hunt.id);
    let room = room(hunt.hunt.spec.rate, own.map(|some| (some.at, some.count)), now);
    let free = room.free.min(places(hunt)).min(waiting(hunt));
    Allowed { free, fresh: free.min(stage(hunt).fresh_max()) }
}

/// What the hunt manager does next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// How many members of which hunts to admit now.
    pub grants: Vec<(HuntId, u64)>,
    /// When to look again, events aside.
    pub wake: Option<Timestamp>,
}

/// Shares what the server may admit at `now` fairly among its hunts: whoever wants less than an
/// equal share gets all of it, and the others share the rest.
pub fn plan(hunts: &[HuntSummary], admitted: &[Admissions], ceiling: Rate, now: Timestamp) -> Plan {
    let over_all = room(ceiling, admitted.iter().map(|some| (some.at, some.count)), now);
    let wanting: Vec<&HuntSummary> = hunts.iter().filter(|hunt| waiting(hunt) > 0).collect();
    let wanted: BTreeMap<HuntId, u64> = wanting
        .iter()
        .map(|hunt| (hunt.hunt.id, allowed(hunt, admitted, now).free.min(BATCH_MAX)))
        .filter(|(_, wanted)| *wanted > 0)
        .collect();
    let grants = share(&wanted, over_all.free);
    // What is granted counts as admitted when the next moment is computed.
    let mut after = admitted.to_vec();
    after.extend(grants.iter().map(|(hunt, count)| Admissions {
        hunt: *hunt,
        at: now,
        count: *count,
    }));
    let ceiling_after = room(ceiling, after.iter().map(|some| (some.at, some.count)), now);
    let next = |hunt: &&HuntSummary| {
        let granted = after.iter().filter(|some| some.hunt == hunt.hunt.id && some.at == now);
        let granted = granted.map(|some| some.count).sum::<u64>();
        if waiting(hunt) <= granted {
            return None;
        }
        let own = after.iter().filter(|some| some.hunt == hunt.hunt.id);
        let own = room(hunt.hunt.spec.rate, own.map(|some| (some.at, some.count)), now);
        // A change of state or the end of a flow wakes the manager then, not the clock.
        let full = places(hunt) <= granted;
        let blocked = full || (own.free == 0 && own.more_at.is_none());
        (!blocked).then(|| own.more_at.max(ceiling_after.more_at).unwrap_or(now))
    };
    Plan { wake: wanting.iter().filter_map(next).min(), grants }
}

fn share(wanted: &BTreeMap<HuntId, u64>, total: u64) -> Vec<(HuntId, u64)> {
    let mut by_size: Vec<(HuntId, u64)> = wanted.iter().map(|(hunt, n)| (*hunt, *n)).collect();
    by_size.sort_by_key(|(hunt, wanted)| (*wanted, *hunt));
    let mut left = total;
    let mut grants = Vec::with_capacity(by_size.len());
    for (index, (hunt, wanted)) in by_size.iter().enumerate() {
        let sharers = (by_size.len() - index) as u64;
        // Rounded up, so that a single leave is not lost between two hunts.
        let grant = (*wanted).min(left.div_ceil(sharers)).min(left);
        left -= grant;
        if grant > 0 {
            grants.push((*hunt, grant));
        }
    }
    grants
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::examples::example_hunt;
    use model::hunt::{HuntState, QueueCounts};
    use proptest::prelude::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    fn hunt(id: u128, rate: Rate, pending: u64) -> HuntSummary {
        let mut hunt = example_hunt(id);
        hunt.state = HuntState::Running;
        hunt.spec.rate = rate;
        let counts = QueueCounts { pending, ..QueueCounts::default() };
        HuntSummary { hunt, counts, progress: Default::default() }
    }

    fn admitted(hunt: u128, secs: i64, count: u64) -> Admissions {
        Admissions { hunt: HuntId::from_bits(hunt), at: at(secs), count }
    }

    #[test]
    fn a_minute_includes_both_of_its_ends() {
        let room_at = |secs| room(Rate::PerMinute(20), [(at(100), 20)], at(secs)).free;
        assert_eq!((room_at(100), room_at(160), room_at(161)), (0, 0, 20));
        let next = room(Rate::PerMinute(20), [(at(100), 20)], at(130)).more_at.unwrap();
        assert_eq!(room(Rate::PerMinute(20), [(at(100), 20)], next).free, 20);
    }

    #[test]
    fn a_clock_that_steps_back_gives_no_credit_and_blocks_for_a_minute_only() {
        let future = [(at(5_000), 20)];
        let room = room(Rate::PerMinute(20), future, at(100));
        assert_eq!(room.free, 0);
        assert_eq!(room.more_at, Some(Timestamp::from_micros(160_000_001)));
    }

    #[test]
    fn a_small_hunt_gets_all_it_wants_and_large_ones_share_the_rest() {
        let hunts = [
            hunt(1, Rate::Unlimited, 500),
            hunt(2, Rate::Unlimited, 10),
            hunt(3, Rate::Unlimited, 500),
        ];
        let plan = plan(&hunts, &[], Rate::PerMinute(100), at(0));
        let id = HuntId::from_bits;
        assert_eq!(plan.grants, [(id(2), 10), (id(1), 45), (id(3), 45)]);
        assert_eq!(plan.wake, Some(Timestamp::from_micros(60_000_001)));
    }

    #[test]
    fn running_max_leaves_only_free_places() {
        let mut full = hunt(1, Rate::Unlimited, 500);
        full.hunt.spec.limits.running_max = 10;
        full.counts.running = 7;
        assert_eq!(plan(&[full.clone()], &[], Rate::Unlimited, at(0)).grants[0].1, 3);
        full.counts.running = 12;
        assert_eq!(plan(&[full], &[], Rate::Unlimited, at(0)), Plan::default());
    }

    #[test]
    fn a_paused_hunt_admits_nobody_and_does_not_wake() {
        let mut paused = hunt(1, Rate::PerMinute(5), 9);
        paused.hunt.state = HuntState::Paused;
        assert_eq!(plan(&[paused], &[], Rate::Unlimited, at(0)), Plan::default());
    }

    #[test]
    fn more_than_one_batch_goes_on_at_once() {
        let plan = plan(&[hunt(1, Rate::Unlimited, BATCH_MAX + 1)], &[], Rate::Unlimited, at(9));
        assert_eq!((plan.grants[0].1, plan.wake), (BATCH_MAX, Some(at(9))));
    }

    proptest! {
        #[test]
        fn no_minute_holds_more_than_the_rate(
            rate in 1u32..30,
            steps in prop::collection::vec((0i64..90_000_000, 1u64..40), 1..60),
        ) {
            let mut now = at(0);
            let mut made: Vec<(Timestamp, u64)> = Vec::new();
            for (wait, wanted) in steps {
                now = now.plus(Duration::from_micros(wait.unsigned_abs()));
                let free = room(Rate::PerMinute(rate), made.iter().copied(), now).free;
                made.push((now, wanted.min(free)));
            }
            for (start, _) in &made {
                let within = |at: &Timestamp| at >= start && at.since(*start) <= WINDOW;
                let count: u64 = made.iter().filter(|(at, _)| within(at)).map(|(_, n)| n).sum();
                prop_assert!(count <= u64::from(rate));
            }
        }

        #[test]
        fn the_next_moment_is_the_first_with_room(
            rate in 1u32..10,
            times in prop::collection::vec(0i64..100_000_000, 0..20),
        ) {
            let now = at(100);
            let made: Vec<_> = times.iter().map(|at| (Timestamp::from_micros(*at), 1)).collect();
            let room_at = |moment| room(Rate::PerMinute(rate), made.iter().copied(), moment);
            if let Some(next) = room_at(now).more_at {
                let just_before = Timestamp::from_micros(next.as_micros() - 1);
                prop_assert_eq!(room_at(just_before.max(now)).free, 0);
            }
        }
    }

    #[test]
    fn admissions_of_another_hunt_count_for_the_ceiling_only() {
        let hunts = [hunt(1, Rate::PerMinute(20), 50)];
        let others = [admitted(2, 0, 20)];
        assert_eq!(plan(&hunts, &others, Rate::Unlimited, at(1)).grants[0].1, 20);
        assert_eq!(plan(&hunts, &others, Rate::PerMinute(25), at(1)).grants[0].1, 5);
    }
}
