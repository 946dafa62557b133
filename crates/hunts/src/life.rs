//! How events and edits move the record of a hunt.
//!
//! Pure. Stores call these functions inside their transactions and take an offer when one is
//! needed; the transition itself is [`model::hunt::HuntState::on`].

use model::hunt::{EndReason, Hunt, HuntEvent, HuntState, OfferSeq};
use model::member::MemberEvent;
use model::store::StoreError;

use crate::ports::{HuntEdit, HuntStep, NewHunt};

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
    }
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
    Ok(Hunt { spec: edit.spec.clone(), revision, condition_revision, ..before.clone() })
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
        HuntEvent::Start => hunt.started = Some(step.now),
        HuntEvent::Resume => hunt.ended = None,
        HuntEvent::Drain => hunt.ended = Some((step.now, step.reason, step.by.clone())),
        HuntEvent::Stop => {
            hunt.ended.get_or_insert((step.now, EndReason::Asked, step.by.clone()));
        }
        HuntEvent::Pause | HuntEvent::Drained | HuntEvent::Archive => {}
    }
    Ok(hunt)
}

/// Whether an event may make new clients eligible.
pub fn needs_offer_after_move(before: HuntState, event: HuntEvent) -> bool {
    match event {
        HuntEvent::Start => true,
        HuntEvent::Resume => before == HuntState::Draining,
        HuntEvent::Pause
        | HuntEvent::Drain
        | HuntEvent::Stop
        | HuntEvent::Drained
        | HuntEvent::Archive => false,
    }
}

/// Refuses events that are not for people to give to a member.
pub fn may_be_asked(event: &MemberEvent) -> Result<(), StoreError> {
    match event {
        MemberEvent::Cancel | MemberEvent::Expire | MemberEvent::Retry => Ok(()),
        MemberEvent::Admitted { .. } | MemberEvent::FlowEnded { .. } => {
            Err(StoreError::refused("members are admitted and ended by the hunt, not by hand"))
        }
    }
}

/// Whether a failed member may wait again in a hunt in this state: somebody will admit it.
pub fn takes_retries(state: HuntState) -> bool {
    state.recruits() || state.admits()
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
}
