//! How events and edits move the record of a hunt.
//!
//! Pure. Stores call these functions inside their transactions and take an offer when one is
//! needed; the transition itself is [`model::hunt::HuntState::on`].

use model::bounds::Gate;
use model::hunt::{
    EndReason, Hunt, HuntEvent, HuntRevision, HuntSpec, HuntState, OfferSeq, PauseReason,
};
use model::member::MemberEvent;
use model::store::StoreError;

use crate::ports::{HuntEdit, HuntStep, NewHunt};
use crate::rounds;

/// The record of a new draft.
pub fn draft(new: &NewHunt) -> Hunt {
    Hunt {
        id: new.id,
        org: new.org.clone(),
        spec: new.spec.clone(),
        state: HuntState::Draft,
        revision: 1,
        condition_revision: 1,
        round: 1,
        offer: OfferSeq::default(),
        creator: new.by.clone(),
        created: new.now,
        started: None,
        ended: None,
        paused: None,
        gate: Gate::default(),
        round_started: None,
        closed: None,
        copied_from: new.copied_from,
    }
}

/// The first revision of a hunt, as it is kept.
pub fn first_revision(new: &NewHunt) -> HuntRevision {
    HuntRevision { revision: 1, at: new.now, by: new.by.clone(), spec: new.spec.clone() }
}

/// The revision that an edit made, as it is kept.
pub fn revision(after: &Hunt, edit: &HuntEdit) -> HuntRevision {
    let (at, by) = (edit.now, edit.by.clone());
    HuntRevision { revision: after.revision, at, by, spec: after.spec.clone() }
}

/// The hunt after an edit.
pub fn edited(before: &Hunt, edit: &HuntEdit) -> Result<Hunt, StoreError> {
    if before.revision != edit.revision {
        return Err(StoreError::conflict(format!(
            "hunt {} was changed meanwhile (revision {}, the edit was made from {}); look at it and \
             edit again",
            before.id, before.revision, edit.revision
        )));
    }
    let over =
        matches!(before.state, HuntState::Stopped | HuntState::Completed | HuntState::Archived);
    if over {
        let state = before.state.name();
        return Err(StoreError::conflict(format!("hunt {} is {state}; make a new one", before.id)));
    }
    let may_change_what = before.state == HuntState::Draft;
    if !may_change_what && before.spec.artifacts != edit.spec.artifacts {
        return Err(StoreError::conflict(format!(
            "hunt {} has started; what it collects stays, make a new one for other artifacts",
            before.id
        )));
    }
    let revision = before.revision + 1;
    let new_condition = before.spec.condition != edit.spec.condition;
    if new_condition && before.state == HuntState::Draining {
        // Those pending under the old condition would wait for ever: nobody asks them again.
        return Err(StoreError::conflict(format!(
            "hunt {} is draining and asks nobody any more; resume it to change its condition",
            before.id
        )));
    }
    let condition_revision = if new_condition { revision } else { before.condition_revision };
    // Tags are changed apart: an edit that was begun before them does not take them back.
    let spec = HuntSpec { tags: before.spec.tags.clone(), ..edit.spec.clone() };
    Ok(Hunt { spec, revision, condition_revision, ..before.clone() })
}

/// Whether an edit may make new clients eligible.
pub fn needs_offer_after_edit(before: &Hunt, after: &Hunt) -> bool {
    let clients_max = |hunt: &Hunt| match hunt.spec.limits.clients_max {
        0 => u64::MAX,
        max => max,
    };
    after.state.recruits()
        && (before.spec.condition != after.spec.condition
            || clients_max(after) > clients_max(before)
            || after.spec.expires_after > before.spec.expires_after)
}

/// The hunt after an event.
pub fn moved(before: &Hunt, step: &HuntStep) -> Result<Hunt, StoreError> {
    let state = before.state.on(step.event).ok_or_else(|| {
        StoreError::conflict(format!(
            "hunt {} is {}; it cannot {} now",
            before.id,
            before.state.name(),
            step.event.name()
        ))
    })?;
    let mut hunt = Hunt { state, ..before.clone() };
    match step.event {
        HuntEvent::Start => (hunt.started, hunt.round_started) = (Some(step.now), Some(step.now)),
        HuntEvent::Pause => hunt.paused = Some((step.now, PauseReason::Asked, step.by.clone())),
        HuntEvent::CanaryFailed => {
            hunt.paused = Some((step.now, PauseReason::CanaryFailed, step.by.clone()));
            hunt.gate = Gate::Barred;
        }
        HuntEvent::Resume => (hunt.ended, hunt.paused) = (None, None),
        HuntEvent::Drain => {
            hunt.ended = Some((step.now, step.reason, step.by.clone()));
            hunt.paused = None;
        }
        HuntEvent::Stop => {
            hunt.ended.get_or_insert((step.now, EndReason::Asked, step.by.clone()));
            hunt.paused = None;
            hunt.closed = Some(step.now);
        }
        HuntEvent::Widen => widen(before, &mut hunt)?,
        HuntEvent::NextRound { round } => begin_round(before, &mut hunt, (round, step.now))?,
        HuntEvent::Drained => hunt.closed = Some(step.now),
        HuntEvent::Archive => {}
    }
    Ok(hunt)
}

fn widen(before: &Hunt, hunt: &mut Hunt) -> Result<(), StoreError> {
    if before.spec.canary.is_none() {
        let id = before.id;
        return Err(StoreError::conflict(format!("hunt {id} has no canaries: it is wide already")));
    }
    if before.gate == Gate::Open {
        return Err(StoreError::conflict(format!(
            "the gate of hunt {} is open already",
            before.id
        )));
    }
    hunt.gate = Gate::Open;
    Ok(())
}

fn begin_round(
    before: &Hunt,
    hunt: &mut Hunt,
    (round, now): (u32, base::Timestamp),
) -> Result<(), StoreError> {
    let late = || {
        let (id, current) = (before.id, before.round);
        StoreError::conflict(format!("hunt {id} is in round {current}; round {round} is not due"))
    };
    let schedule = before.spec.schedule.as_ref().ok_or_else(late)?;
    let (started, last) = before.started.zip(before.round_started).ok_or_else(late)?;
    let tick = rounds::latest_tick(&schedule.ticks, started, (last, now)).ok_or_else(late)?;
    if round != before.round + 1 {
        return Err(late());
    }
    (hunt.round, hunt.round_started) = (round, Some(tick));
    Ok(())
}

/// Whether an event may make new clients eligible.
pub fn needs_offer_after_move(before: HuntState, event: HuntEvent) -> bool {
    match event {
        HuntEvent::Start | HuntEvent::NextRound { .. } => true,
        HuntEvent::Resume => before == HuntState::Draining,
        HuntEvent::Pause
        | HuntEvent::Drain
        | HuntEvent::Stop
        | HuntEvent::Drained
        | HuntEvent::Archive
        | HuntEvent::Widen
        | HuntEvent::CanaryFailed => false,
    }
}

/// Refuses events that are not for people to give to a member.
pub fn may_be_asked(event: &MemberEvent) -> Result<(), StoreError> {
    match event {
        MemberEvent::Cancel | MemberEvent::Withdraw | MemberEvent::Expire | MemberEvent::Retry => {
            Ok(())
        }
        MemberEvent::Admitted { .. } | MemberEvent::FlowEnded { .. } => {
            Err(StoreError::refused("members are admitted and ended by the hunt, not by hand"))
        }
    }
}

/// Whether a failed member may wait again in a hunt in this state: somebody will admit it.
pub fn takes_retries(state: HuntState) -> bool {
    state.recruits() || state.admits()
}

/// Refuses attempts by hand that nobody would admit.
pub fn may_retry(hunt: &Hunt) -> Result<(), StoreError> {
    if takes_retries(hunt.state) {
        return Ok(());
    }
    let (id, state) = (hunt.id, hunt.state.name());
    Err(StoreError::conflict(format!("hunt {id} is {state} and runs nothing any more; copy it")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::examples::example_hunt;
    use base::{Rate, Timestamp};
    use model::org::Actor;

    fn edit(hunt: &Hunt, change: impl FnOnce(&mut Hunt)) -> Result<Hunt, StoreError> {
        let mut wanted = hunt.clone();
        change(&mut wanted);
        let edit = HuntEdit {
            id: hunt.id,
            revision: wanted.revision,
            spec: wanted.spec,
            by: Actor::System,
            now: Timestamp::from_secs(9),
        };
        edited(hunt, &edit)
    }

    fn running() -> Hunt {
        Hunt { state: HuntState::Running, ..example_hunt(1) }
    }

    #[test]
    fn only_a_change_of_the_condition_outdates_answers() {
        let before = running();
        let slower = edit(&before, |hunt| hunt.spec.rate = Rate::PerMinute(5)).unwrap();
        assert_eq!((slower.revision, slower.condition_revision), (2, 1));
        assert!(!needs_offer_after_edit(&before, &slower));
        let other = edit(&slower, |hunt| hunt.spec.condition.server = "SELECT 1".into()).unwrap();
        assert_eq!((other.revision, other.condition_revision), (3, 3));
        assert!(needs_offer_after_edit(&slower, &other));
    }

    #[test]
    fn more_room_asks_those_again_who_found_none() {
        let mut before = running();
        before.spec.limits.clients_max = 5;
        let check = |max: u64, asks: bool| {
            let after = edit(&before, |hunt| hunt.spec.limits.clients_max = max).unwrap();
            assert_eq!(needs_offer_after_edit(&before, &after), asks, "{max}");
        };
        check(4, false);
        check(6, true);
        check(0, true);
    }

    #[test]
    fn an_edit_from_an_old_revision_or_of_a_hunt_that_is_over_is_refused() {
        let fails = |hunt: Hunt, revision: u32, text: &str| {
            let error = edit(&hunt, |wanted| wanted.revision = revision).unwrap_err();
            assert!(error.to_string().contains(text), "{error}");
        };
        fails(running(), 0, "was changed meanwhile");
        fails(Hunt { state: HuntState::Stopped, ..running() }, 1, "is stopped");
        let draining = Hunt { state: HuntState::Draining, ..running() };
        let condition = |hunt: &mut Hunt| hunt.spec.condition.server = "SELECT 1".into();
        assert!(edit(&draining, condition).is_err());
        assert!(edit(&draining, |hunt| hunt.spec.rate = Rate::PerMinute(9)).is_ok());
        let other = |hunt: &mut Hunt| hunt.spec.artifacts.clear();
        assert!(edit(&running(), other).is_err());
    }

    #[test]
    fn the_reason_of_an_end_is_kept() {
        let step = |event, reason| HuntStep {
            id: running().id,
            event,
            reason,
            by: Actor::System,
            now: Timestamp::from_secs(5),
        };
        let drained = moved(&running(), &step(HuntEvent::Drain, EndReason::ClientLimit)).unwrap();
        let stopped = moved(&drained, &step(HuntEvent::Stop, EndReason::Asked)).unwrap();
        assert_eq!(stopped.ended.unwrap().1, EndReason::ClientLimit);
        assert!(moved(&running(), &step(HuntEvent::Drained, EndReason::Asked)).is_err());
    }

    #[test]
    fn a_round_begins_once_and_only_when_its_tick_has_come() {
        use model::window::{Schedule, Ticks};
        let mut hunt = running();
        let begin = |hunt: &Hunt, round: u32, secs: i64| {
            let event = HuntEvent::NextRound { round };
            let (by, now) = (Actor::System, Timestamp::from_secs(secs));
            moved(hunt, &HuntStep { id: hunt.id, event, reason: EndReason::Asked, by, now })
        };
        (hunt.started, hunt.round_started) = (Some(Timestamp::EPOCH), Some(Timestamp::EPOCH));
        assert!(begin(&hunt, 2, 9_999).is_err(), "asks once");
        let ticks = Ticks::Every(std::time::Duration::from_secs(100));
        let buffer = std::time::Duration::ZERO;
        hunt.spec.schedule = Some(Schedule { ticks, buffer, first: None });
        assert!(begin(&hunt, 2, 99).is_err() && begin(&hunt, 3, 100).is_err());
        let second = begin(&hunt, 2, 350).unwrap();
        assert_eq!((second.round, second.round_started), (2, Some(Timestamp::from_secs(300))));
        assert!(begin(&second, 2, 360).is_err(), "the other manager was faster");
        assert!(begin(&second, 3, 399).is_err() && begin(&second, 3, 400).is_ok());
    }

    #[test]
    fn a_gate_is_opened_once_and_only_where_there_is_one() {
        use model::bounds::{Canary, Widen};
        let step = |event| HuntStep {
            id: running().id,
            event,
            reason: EndReason::Asked,
            by: Actor::System,
            now: Timestamp::from_secs(5),
        };
        assert!(moved(&running(), &step(HuntEvent::Widen)).is_err());
        let mut tried = running();
        tried.spec.canary = Some(Canary { clients: 1, then: Widen::Gate });
        let ill = moved(&tried, &step(HuntEvent::CanaryFailed)).unwrap();
        assert_eq!((ill.state, ill.gate), (HuntState::Paused, Gate::Barred));
        assert_eq!(ill.paused.as_ref().unwrap().1, PauseReason::CanaryFailed);
        let resumed = moved(&ill, &step(HuntEvent::Resume)).unwrap();
        assert_eq!((resumed.gate, resumed.paused.is_none()), (Gate::Barred, true));
        let open = moved(&ill, &step(HuntEvent::Widen)).unwrap();
        assert_eq!((open.gate, open.state), (Gate::Open, HuntState::Paused));
        assert!(moved(&open, &step(HuntEvent::Widen)).is_err());
    }
}
