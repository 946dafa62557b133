//! When a hunt ends by itself, and whom its canaries hold back.
//!
//! Pure. The hunt manager asks [`due`]; the admission of a store asks [`over`] and [`stage`] again
//! inside its transaction, so that two managers together admit nobody whom one would not.
//!
//! A budget counts what finished attempts have used. What runs when it is reached may finish, so a
//! hunt may exceed it by at most what `limits.running` flows within their own limits bring.

use base::Timestamp;
use model::bounds::Widen;
use model::hunt::{EndReason, Hunt, HuntEvent, HuntState};

use crate::ports::HuntSummary;
use crate::rounds;

/// Why a hunt admits nobody any more, whatever its state: a budget is used up, or too many fail.
pub fn over(summary: &HuntSummary) -> Option<EndReason> {
    let (limits, spent) = (&summary.hunt.spec.limits, &summary.progress.spent);
    let reached = |max: u64, used: u64| max > 0 && used >= max;
    if reached(limits.total.rows_max, spent.rows) {
        return Some(EndReason::RowBudget);
    }
    if reached(limits.total.upload_bytes_max, spent.upload_bytes) {
        return Some(EndReason::UploadBudget);
    }
    if reached(limits.total.cpu_secs_max, spent.cpu_millis / 1_000) {
        return Some(EndReason::CpuBudget);
    }
    let stop = limits.stop_when?;
    let finished = finished(summary);
    let enough = finished > 0 && finished >= stop.after_clients;
    (enough && share_reached(summary, stop.failed_percent)).then_some(EndReason::FailedShare)
}

/// Clients of the round that finished, well or not.
fn finished(summary: &HuntSummary) -> u64 {
    summary.counts.completed + summary.counts.results + summary.counts.failed
}

fn share_reached(summary: &HuntSummary, percent: u32) -> bool {
    let failed = summary.counts.failed;
    failed > 0 && failed.saturating_mul(100) >= finished(summary).saturating_mul(percent.into())
}

/// How far a hunt is with its canaries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It has none, or others are let in.
    Open,
    /// They are tried; so many more may be admitted.
    Trying {
        /// Places left.
        left: u64,
    },
    /// They have finished; nobody else is admitted until somebody lets them in.
    Holding {
        /// None of them failed, or fewer than the share at which the hunt stops.
        healthy: bool,
    },
}

impl Stage {
    /// How many clients may be admitted for the first time.
    pub fn fresh_max(self) -> u64 {
        match self {
            Self::Open => u64::MAX,
            Self::Trying { left } => left,
            Self::Holding { .. } => 0,
        }
    }

    /// The word for it; empty when there is nothing to tell.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "",
            Self::Trying { .. } => "canary",
            Self::Holding { healthy: true } => "holding",
            Self::Holding { healthy: false } => "unhealthy",
        }
    }
}

/// How far a hunt is with its canaries.
pub fn stage(summary: &HuntSummary) -> Stage {
    let Some(canary) = summary.hunt.canary() else { return Stage::Open };
    let left = canary.clients.saturating_sub(summary.progress.admitted);
    if left > 0 || summary.counts.running > 0 || summary.progress.retrying > 0 {
        return Stage::Trying { left };
    }
    let healthy = match summary.hunt.spec.limits.stop_when {
        None => summary.counts.failed == 0,
        Some(stop) => !share_reached(summary, stop.failed_percent),
    };
    Stage::Holding { healthy }
}

/// How many pending members could be admitted if there were no rate.
pub fn waiting(summary: &HuntSummary) -> u64 {
    if !summary.hunt.state.admits() || over(summary).is_some() {
        return 0;
    }
    let retrying = summary.progress.retrying.min(summary.counts.pending);
    let fresh = (summary.counts.pending - retrying).min(stage(summary).fresh_max());
    fresh + retrying
}

/// What is due for a hunt by itself.
///
/// A paused hunt is left alone until it is resumed: its end would let its pending members run.
pub fn due(summary: &HuntSummary, now: Timestamp) -> Option<(HuntEvent, EndReason)> {
    let HuntSummary { hunt, counts, progress } = summary;
    match hunt.state {
        HuntState::Running => running_due(summary, now),
        HuntState::Draining => {
            let runs = counts.running + progress.running_before > 0;
            let waits = counts.pending > 0 && over(summary).is_none();
            (!runs && !waits).then_some((HuntEvent::Drained, EndReason::Asked))
        }
        HuntState::Draft
        | HuntState::Paused
        | HuntState::Stopped
        | HuntState::Completed
        | HuntState::Archived => None,
    }
}

fn running_due(summary: &HuntSummary, now: Timestamp) -> Option<(HuntEvent, EndReason)> {
    let hunt = &summary.hunt;
    if hunt.expires().is_some_and(|end| end <= now) {
        return Some((HuntEvent::Drain, EndReason::Expired));
    }
    if let Some(reason) = over(summary) {
        return Some((HuntEvent::Drain, reason));
    }
    let clients_max = hunt.spec.limits.clients_max;
    let full = clients_max > 0 && summary.counts.recruited() >= clients_max;
    // A recurring hunt recruits again in its next round.
    if full && hunt.spec.schedule.is_none() {
        return Some((HuntEvent::Drain, EndReason::ClientLimit));
    }
    if let Some(event) = canary_due(summary) {
        return Some((event, EndReason::Asked));
    }
    let next = next_round(hunt)?;
    (next <= now).then_some((HuntEvent::NextRound { round: hunt.round + 1 }, EndReason::Asked))
}

fn canary_due(summary: &HuntSummary) -> Option<HuntEvent> {
    use model::bounds::Gate;
    let canary = summary.hunt.canary()?;
    match stage(summary) {
        Stage::Open | Stage::Trying { .. } => None,
        Stage::Holding { healthy: false } if summary.hunt.gate == Gate::Closed => {
            Some(HuntEvent::CanaryFailed)
        }
        Stage::Holding { healthy: true }
            if canary.then == Widen::Auto && summary.hunt.gate == Gate::Closed =>
        {
            Some(HuntEvent::Widen)
        }
        Stage::Holding { .. } => None,
    }
}

/// When the next round of a recurring hunt begins.
pub fn next_round(hunt: &Hunt) -> Option<Timestamp> {
    let schedule = hunt.spec.schedule.as_ref()?;
    rounds::next_tick(&schedule.ticks, hunt.started?, hunt.round_started?)
}

/// When something is due for a hunt by the clock alone.
pub fn wake(hunt: &Hunt) -> Option<Timestamp> {
    (hunt.state == HuntState::Running)
        .then(|| hunt.expires().into_iter().chain(next_round(hunt)).min())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::examples::example_hunt;
    use crate::ports::Progress;
    use model::bounds::{Budgets, Canary, Gate, Spent, StopWhen};
    use model::hunt::QueueCounts;
    use model::window::{Schedule, Ticks};
    use std::time::Duration;

    fn running(change: impl FnOnce(&mut HuntSummary)) -> HuntSummary {
        let hunt = Hunt {
            state: HuntState::Running,
            started: Some(Timestamp::EPOCH),
            round_started: Some(Timestamp::EPOCH),
            ..example_hunt(1)
        };
        let (counts, progress) = (QueueCounts::default(), Progress::default());
        let mut summary = HuntSummary { hunt, counts, progress };
        change(&mut summary);
        summary
    }

    fn due_at(summary: &HuntSummary, secs: i64) -> Option<(HuntEvent, EndReason)> {
        due(summary, Timestamp::from_secs(secs))
    }

    #[test]
    fn a_budget_that_is_used_up_ends_recruitment_with_its_name() {
        let check = |total: Budgets, want: Option<EndReason>| {
            let spent = Spent { rows: 10, uploads: 1, upload_bytes: 100, cpu_millis: 5_999 };
            let summary = running(|it| {
                it.hunt.spec.limits.total = total;
                it.progress.spent = spent;
                it.counts.pending = 3;
            });
            assert_eq!(over(&summary), want);
            assert_eq!(waiting(&summary), if want.is_some() { 0 } else { 3 });
            assert_eq!(due_at(&summary, 1), want.map(|reason| (HuntEvent::Drain, reason)));
        };
        let none = Budgets::default();
        check(none, None);
        check(Budgets { rows_max: 11, cpu_secs_max: 6, ..none }, None);
        check(Budgets { rows_max: 10, ..none }, Some(EndReason::RowBudget));
        check(Budgets { upload_bytes_max: 99, ..none }, Some(EndReason::UploadBudget));
        check(Budgets { cpu_secs_max: 5, ..none }, Some(EndReason::CpuBudget));
    }

    #[test]
    fn failures_stop_a_hunt_once_enough_have_finished() {
        let check = |failed: u64, results: u64, want: bool| {
            let summary = running(|it| {
                it.hunt.spec.limits.stop_when =
                    Some(StopWhen { failed_percent: 20, after_clients: 10 });
                it.counts = QueueCounts { failed, results, ..it.counts };
            });
            assert_eq!(over(&summary) == Some(EndReason::FailedShare), want, "{failed} {results}");
        };
        check(9, 0, false);
        check(2, 8, true);
        check(1, 9, false);
        check(0, 90, false);
        check(20, 80, true);
        check(19, 81, false);
    }

    fn tried(then: Widen, change: impl FnOnce(&mut HuntSummary)) -> HuntSummary {
        running(|it| {
            it.hunt.spec.canary = Some(Canary { clients: 2, then });
            it.counts.pending = 5;
            change(it);
        })
    }

    #[test]
    fn canaries_hold_all_others_back_until_they_have_finished_and_somebody_widens() {
        let begun = tried(Widen::Auto, |_| {});
        assert_eq!((stage(&begun), waiting(&begun)), (Stage::Trying { left: 2 }, 2));
        let busy = tried(Widen::Auto, |it| (it.progress.admitted, it.counts.running) = (2, 1));
        assert_eq!((stage(&busy), waiting(&busy)), (Stage::Trying { left: 0 }, 0));
        let again = tried(Widen::Auto, |it| (it.progress.admitted, it.progress.retrying) = (2, 1));
        assert_eq!((stage(&again), waiting(&again)), (Stage::Trying { left: 0 }, 1));
        let well = |then| tried(then, |it| (it.progress.admitted, it.counts.results) = (2, 2));
        assert_eq!(stage(&well(Widen::Gate)), Stage::Holding { healthy: true });
        assert_eq!(waiting(&well(Widen::Gate)), 0);
        assert_eq!(due_at(&well(Widen::Gate), 1), None, "a person's turn");
        assert_eq!(due_at(&well(Widen::Auto), 1).unwrap().0, HuntEvent::Widen);
        let mut open = well(Widen::Gate);
        open.hunt.gate = Gate::Open;
        assert_eq!((stage(&open), waiting(&open)), (Stage::Open, 5));
    }

    #[test]
    fn canaries_that_fail_pause_the_hunt_once() {
        let mut ill = tried(Widen::Auto, |it| {
            (it.progress.admitted, it.counts.results, it.counts.failed) = (2, 1, 1);
        });
        assert_eq!(due_at(&ill, 1).unwrap().0, HuntEvent::CanaryFailed);
        ill.hunt.gate = Gate::Barred;
        assert_eq!((due_at(&ill, 1), waiting(&ill)), (None, 0), "resumed, and still barred");
        ill.hunt.gate = Gate::Closed;
        ill.hunt.spec.limits.stop_when = Some(StopWhen { failed_percent: 60, after_clients: 50 });
        assert_eq!(due_at(&ill, 1).unwrap().0, HuntEvent::Widen, "fewer than the tolerated share");
    }

    #[test]
    fn one_round_begins_however_many_ticks_have_passed() {
        let mut hourly = running(|it| {
            let ticks = Ticks::Every(Duration::from_secs(3_600));
            it.hunt.spec.schedule = Some(Schedule { ticks, buffer: Duration::ZERO, first: None });
        });
        assert_eq!(due_at(&hourly, 3_599), None);
        let second = Some((HuntEvent::NextRound { round: 2 }, EndReason::Asked));
        assert_eq!(due_at(&hourly, 3_600), second);
        assert_eq!(due_at(&hourly, 3 * 3_600), second);
        assert_eq!(wake(&hourly.hunt), Some(Timestamp::from_secs(3_600)));
        hourly.hunt.state = HuntState::Paused;
        assert_eq!((due_at(&hourly, 9_999), wake(&hourly.hunt)), (None, None));
    }

    #[test]
    fn a_drained_hunt_waits_for_whom_it_will_still_admit_and_for_all_rounds() {
        let mut draining = running(|it| it.counts.pending = 1);
        draining.hunt.state = HuntState::Draining;
        assert_eq!(due_at(&draining, 1), None);
        draining.hunt.spec.limits.total.rows_max = 1;
        draining.progress.spent.rows = 1;
        assert_eq!(due_at(&draining, 1).unwrap().0, HuntEvent::Drained, "nobody admits it");
        draining.progress.running_before = 1;
        assert_eq!(due_at(&draining, 1), None);
    }
}
