//! Why is this client in a hunt, why not, and what comes next: one answer for every client.
//!
//! Pure: the records of hunt, client and member, and what only the server's memory knows, go in;
//! sentences for a person come out.

use std::time::Duration;

use base::{Rate, format_duration};
use model::bounds::{Gate, Widen};
use model::client::Client;
use model::flow::{Flow, FlowState};
use model::hunt::{Hunt, HuntState, PauseReason, QueueCounts};
use model::member::{Member, MemberState, Refusal};

use crate::condition::decide_by_record;
use crate::ports::Progress;

/// All that is known of one client and one hunt.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// The hunt.
    pub hunt: &'a Hunt,
    /// Its queues.
    pub counts: &'a QueueCounts,
    /// What it has done beyond them.
    pub progress: &'a Progress,
    /// The client.
    pub client: &'a Client,
    /// Its record in the hunt's current round.
    pub member: Option<&'a Member>,
    /// Its flow, when there is one.
    pub flow: Option<&'a Flow>,
    /// Members that are admitted before it, while it waits.
    pub ahead: u64,
    /// It is connected.
    pub online: bool,
    /// It was asked and has not answered.
    pub asked: bool,
    /// How fast the server admits over all hunts.
    pub ceiling: Rate,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Why {
    /// `member`, `refused`, `asked`, `not_seen`, `not_asked`.
    pub verdict: &'static str,
    /// Where it stands and why.
    pub explanation: String,
    /// What comes next; empty when nothing does.
    pub next: String,
}

/// Answers for one client.
pub fn explain(situation: &Situation<'_>) -> Why {
    match situation.member {
        Some(member) => of_member(situation, member),
        None => of_nobody(situation),
    }
}

fn why(verdict: &'static str, explanation: impl Into<String>, next: impl Into<String>) -> Why {
    Why { verdict, explanation: explanation.into(), next: next.into() }
}

fn of_nobody(it: &Situation<'_>) -> Why {
    let Situation { hunt, client, .. } = it;
    let not_asked = |explanation: String, next: &str| why("not_asked", explanation, next);
    let Some(started) = hunt.started else {
        return not_asked("The hunt has not been started.".into(), "It is asked after the start.");
    };
    if let Some(at) = client.revoked_at {
        return not_asked(format!("The client's certificate was revoked at {at}."), "");
    }
    let by_record = decide_by_record(&hunt.spec.condition, client).err();
    if !hunt.state.recruits() {
        let state = hunt.state.name();
        let seen = match client.last_seen < started && !it.online {
            true => format!(" It was last seen {}, before the hunt started.", client.last_seen),
            false => String::new(),
        };
        return not_asked(
            format!("The hunt is {state} and asks nobody any more; it was never asked.{seen}"),
            "Resume the hunt, or make a copy of it, to ask it.",
        );
    }
    let would = match &by_record {
        Some(refusal) => format!(" It would be refused: it {}.", spoken(refusal)),
        None => String::new(),
    };
    let next = "A person can put it in by hand.";
    if it.asked {
        let explanation = "It was asked and has not answered yet.";
        return why("asked", explanation, "It is decided when it answers, or asked again.");
    }
    if !it.online && client.last_seen < started {
        let seen = client.last_seen;
        return why(
            "not_seen",
            format!("It has not been seen since the hunt started; it was last seen {seen}.{would}"),
            format!("It is asked when it comes back. {next}"),
        );
    }
    if !it.online {
        let seen = client.last_seen;
        return not_asked(
            format!(
                "It is offline since {seen} and left before it was through with this hunt.{would}"
            ),
            &format!("It is asked when it comes back. {next}"),
        );
    }
    not_asked(
        format!("It is connected and has not been through with this hunt's offer yet.{would}"),
        &format!("It is asked at its next poll. {next}"),
    )
}

/// A refusal by the server's record as a predicate of "it".
fn spoken(refusal: &Refusal) -> String {
    let detail = refusal.detail();
    match detail.strip_prefix("its system is ") {
        Some(system) => format!("runs {system}"),
        None => detail.to_owned(),
    }
}

fn of_member(it: &Situation<'_>, member: &Member) -> Why {
    let reason = member.reason();
    match &member.state {
        MemberState::Refused(refusal) => refused(it, member, refusal),
        MemberState::Pending => pending(it, member),
        MemberState::Running => running(it, member),
        MemberState::Completed | MemberState::Results(_) => {
            let at = member.updated;
            let flow = flow_text(member);
            why("member", format!("It took part and ended at {at}: {reason}{flow}."), "")
        }
        MemberState::Failed(_) => why(
            "member",
            format!(
                "Attempt {} failed at {}: {reason}{}.",
                member.attempt,
                member.updated,
                flow_text(member)
            ),
            "The retry policy gives it no further attempt.",
        ),
        MemberState::Cancelled => why(
            "member",
            match member.flow {
                Some(flow) => {
                    format!("It took part until {}: {reason}, flow {flow}.", member.updated)
                }
                None => format!("It waited until {}: {reason}.", member.updated),
            },
            match member.flow {
                None if it.hunt.state.recruits() => "A person can put it in again.",
                None | Some(_) => "",
            },
        ),
        MemberState::Expired => why(
            "member",
            format!(
                "Its time was over at {} before it had finished{}.",
                member.updated,
                flow_text(member)
            ),
            "",
        ),
    }
}

fn flow_text(member: &Member) -> String {
    member.flow.map(|flow| format!(", flow {flow}")).unwrap_or_default()
}

fn refused(it: &Situation<'_>, member: &Member, refusal: &Refusal) -> Why {
    let explanation = format!(
        "It was refused at {} under revision {}: {}.",
        member.decided,
        member.revision,
        member.reason()
    );
    let next = if !it.hunt.state.recruits() {
        format!("The hunt is {} and asks nobody again.", it.hunt.state.name())
    } else if member.revision < it.hunt.condition_revision {
        format!(
            "The condition was changed in revision {}; it is asked again at its next contact.",
            it.hunt.condition_revision
        )
    } else if it.client.recheck > member.recheck {
        "Its labels were changed since; it is asked again at its next contact.".to_owned()
    } else if *refusal == Refusal::ClientLimit {
        "It is asked again when the hunt's client limit is raised.".to_owned()
    } else {
        "It is asked again when its labels or the hunt's condition change; a person can put it in \
         by hand."
            .to_owned()
    };
    why("refused", explanation, next)
}

fn pending(it: &Situation<'_>, member: &Member) -> Why {
    let hunt = it.hunt;
    let what = match member.flow {
        Some(flow) => format!("attempt {} of flow {flow}", member.attempt),
        None => "its first attempt".to_owned(),
    };
    let explanation = format!("It waits since {} for {what}: {}.", member.updated, member.reason());
    let outdated =
        member.flow.is_none() && member.hand.is_none() && member.revision < hunt.condition_revision;
    let next = if outdated {
        format!(
            "It was decided under revision {}; the condition was changed in revision {} and it is \
             asked again at its next contact.",
            member.revision, hunt.condition_revision
        )
    } else if hunt.state == HuntState::Paused {
        let why = match hunt.paused {
            Some((_, PauseReason::CanaryFailed, _)) => " because its canaries were not healthy",
            Some((_, PauseReason::Asked, _)) | None => "",
        };
        format!("The hunt is paused{why}: nobody is admitted until it is resumed.")
    } else if !hunt.state.admits() {
        format!("The hunt is {} and admits nobody.", hunt.state.name())
    } else {
        behind_canaries(it, member).unwrap_or_else(|| waits_for(it))
    };
    why("member", explanation, next)
}

/// Why canaries hold a member back, if they do.
fn behind_canaries(it: &Situation<'_>, member: &Member) -> Option<String> {
    let canary = it.hunt.canary().filter(|_| member.flow.is_none())?;
    let admitted = it.progress.admitted;
    if admitted.saturating_add(it.ahead) < canary.clients {
        return None;
    }
    let who = match (canary.then, it.hunt.gate) {
        (Widen::Auto, Gate::Closed | Gate::Open) => {
            "the others are let in when these have finished and are healthy"
        }
        (Widen::Gate, _) | (Widen::Auto, Gate::Barred) => {
            "the others are let in when a person widens the hunt"
        }
    };
    Some(format!("{admitted} of {} canaries were admitted; {who}.", canary.clients))
}

/// What a member that may be admitted waits for.
fn waits_for(it: &Situation<'_>) -> String {
    let place = it.ahead + 1;
    let running_max = it.hunt.spec.limits.running_max;
    if running_max > 0 && it.counts.running >= running_max {
        return format!(
            "{} of {running_max} flows run; it is number {place} of those that wait for a place.",
            it.counts.running
        );
    }
    let own = it.hunt.spec.rate;
    let (rate, whose) = match (own, it.ceiling) {
        (Rate::PerMinute(own), Rate::PerMinute(all)) if all < own => (all, "the server"),
        (Rate::Unlimited, Rate::PerMinute(all)) => (all, "the server"),
        (Rate::PerMinute(own), _) => (own, "this hunt"),
        (Rate::Unlimited, Rate::Unlimited) => {
            return format!("It is number {place} of those that wait and is admitted at once.");
        }
    };
    let minutes = it.ahead / u64::from(rate.max(1));
    let when = match minutes {
        0 => "within a minute".to_owned(),
        minutes => format!("in about {}", format_duration(Duration::from_secs(minutes * 60))),
    };
    format!(
        "It is number {place} of those that wait; {whose} admits {rate} a minute, so it begins {when}."
    )
}

fn running(it: &Situation<'_>, member: &Member) -> Why {
    let admitted = member.admitted.map(|at| format!(" at {at}")).unwrap_or_default();
    let flow = flow_text(member);
    let explanation = format!("Attempt {} was admitted{admitted}{flow}.", member.attempt);
    let Some(flow) = it.flow else { return why("member", explanation, "") };
    let next = match (&flow.life.state, it.online) {
        (FlowState::Queued, true) => "The request is on its way to the client.".to_owned(),
        (FlowState::Queued, false) => format!(
            "The client is offline since {}; it gets the request when it comes back, until {}.",
            it.client.last_seen, flow.deliver_until
        ),
        (FlowState::Running, online) => {
            let since = flow.started.map(|at| format!(" since {at}")).unwrap_or_default();
            let limit = match flow.limits.timeout {
                Duration::ZERO => String::new(),
                timeout => format!(" and may take {}", format_duration(timeout)),
            };
            let offline =
                if online { "" } else { "; it is offline now and reports when it is back" };
            format!("The client runs it{since}{limit}{offline}.")
        }
        (
            FlowState::Done(_) | FlowState::Failed(_) | FlowState::Cancelled | FlowState::Expired,
            _,
        ) => String::new(),
    };
    why("member", explanation, next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::examples::{example_client, example_hunt};
    use crate::membership::{Beginning, flow_for};
    use base::{FlowId, Timestamp};
    use expect_test::{Expect, expect};
    use model::bounds::Canary;
    use model::flow::{FlowFailure, FlowYield};
    use model::member::{Hand, MemberEvent};

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(1_750_000_000 + secs)
    }

    struct Case {
        hunt: Hunt,
        client: Client,
        member: Option<Member>,
        flow: Option<Flow>,
        counts: QueueCounts,
        progress: Progress,
        online: bool,
        asked: bool,
        ahead: u64,
    }

    fn case() -> Case {
        let mut hunt = Hunt { state: HuntState::Running, started: Some(at(0)), ..example_hunt(1) };
        hunt.spec.rate = Rate::PerMinute(20);
        let mut client = example_client(2);
        client.last_seen = at(60);
        Case {
            hunt,
            client,
            member: None,
            flow: None,
            counts: QueueCounts::default(),
            progress: Progress::default(),
            online: true,
            asked: false,
            ahead: 0,
        }
    }

    fn pending() -> Member {
        let client = example_client(2).id;
        let (_, member) = crate::roster::add_by_hand(&case().hunt, None, client, 0, at(5));
        Member { hand: None, ..member.unwrap() }
    }

    fn running() -> (Member, Flow) {
        let fresh = FlowId::from_bits(9);
        let beginning = Beginning { former: None, fresh, checkpoints: Vec::new() };
        let flow = flow_for(&case().hunt, &pending(), beginning, at(6)).unwrap();
        let admitted = MemberEvent::Admitted { flow: flow.id };
        (pending().on(&admitted, at(6)).unwrap(), flow)
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut Case), answer: Expect) {
        let mut case = case();
        change(&mut case);
        let said = explain(&Situation {
            hunt: &case.hunt,
            counts: &case.counts,
            progress: &case.progress,
            client: &case.client,
            member: case.member.as_ref(),
            flow: case.flow.as_ref(),
            ahead: case.ahead,
            online: case.online,
            asked: case.asked,
            ceiling: Rate::PerMinute(20_000),
        });
        answer.assert_eq(&format!("{}: {} → {}", said.verdict, said.explanation, said.next));
    }

    #[test]
    fn who_has_no_record() {
        check(
            |_| {},
            expect![
                "not_asked: It is connected and has not been through with this hunt's offer yet. → It is asked at its next poll. A person can put it in by hand."
            ],
        );
        check(
            |case| case.asked = true,
            expect![
                "asked: It was asked and has not answered yet. → It is decided when it answers, or asked again."
            ],
        );
        check(
            |case| case.online = false,
            expect![
                "not_asked: It is offline since 2025-06-15T15:07:40Z and left before it was through with this hunt. → It is asked when it comes back. A person can put it in by hand."
            ],
        );
        check(
            |case| {
                case.online = false;
                case.client.last_seen = at(-60);
            },
            expect![
                "not_seen: It has not been seen since the hunt started; it was last seen 2025-06-15T15:05:40Z. → It is asked when it comes back. A person can put it in by hand."
            ],
        );
        check(
            |case| {
                case.hunt.spec.condition.exclude.os = Some("linux".into());
                case.online = false;
            },
            expect![
                "not_asked: It is offline since 2025-06-15T15:07:40Z and left before it was through with this hunt. It would be refused: it runs linux. → It is asked when it comes back. A person can put it in by hand."
            ],
        );
        check(
            |case| case.hunt.started = None,
            expect!["not_asked: The hunt has not been started. → It is asked after the start."],
        );
        check(
            |case| case.hunt.state = HuntState::Draining,
            expect![
                "not_asked: The hunt is draining and asks nobody any more; it was never asked. → Resume the hunt, or make a copy of it, to ask it."
            ],
        );
        check(
            |case| case.client.revoked_at = Some(at(7)),
            expect!["not_asked: The client's certificate was revoked at 2025-06-15T15:06:47Z. → "],
        );
    }

    #[test]
    fn who_was_refused() {
        let refused = |refusal| Some(Member { state: MemberState::Refused(refusal), ..pending() });
        check(
            |case| case.member = refused(Refusal::ConditionFalse),
            expect![
                "refused: It was refused at 2025-06-15T15:06:45Z under revision 1: condition_false. → It is asked again when its labels or the hunt's condition change; a person can put it in by hand."
            ],
        );
        check(
            |case| case.member = refused(Refusal::ClientLimit),
            expect![
                "refused: It was refused at 2025-06-15T15:06:45Z under revision 1: client_limit. → It is asked again when the hunt's client limit is raised."
            ],
        );
        check(
            |case| {
                case.member = refused(Refusal::Excluded("has the label `db`".into()));
                case.client.recheck = 1;
            },
            expect![
                "refused: It was refused at 2025-06-15T15:06:45Z under revision 1: excluded: has the label `db`. → Its labels were changed since; it is asked again at its next contact."
            ],
        );
        check(
            |case| {
                case.member = refused(Refusal::NoRows);
                case.hunt.condition_revision = 3;
            },
            expect![
                "refused: It was refused at 2025-06-15T15:06:45Z under revision 1: no_rows. → The condition was changed in revision 3; it is asked again at its next contact."
            ],
        );
    }

    #[test]
    fn who_waits() {
        let waits = |case: &mut Case| {
            case.member = Some(pending());
            case.ahead = 45;
        };
        check(
            waits,
            expect![
                "member: It waits since 2025-06-15T15:06:45Z for its first attempt: condition matched; waits for admission. → It is number 46 of those that wait; this hunt admits 20 a minute, so it begins in about 2m."
            ],
        );
        check(
            |case| {
                case.member = Some(Member { hand: Some(Hand::Added), ..pending() });
                case.hunt.spec.rate = Rate::Unlimited;
            },
            expect![
                "member: It waits since 2025-06-15T15:06:45Z for its first attempt: added by hand; waits for admission. → It is number 1 of those that wait; the server admits 20000 a minute, so it begins within a minute."
            ],
        );
        check(
            |case| {
                waits(case);
                case.hunt.state = HuntState::Paused;
            },
            expect![
                "member: It waits since 2025-06-15T15:06:45Z for its first attempt: condition matched; waits for admission. → The hunt is paused: nobody is admitted until it is resumed."
            ],
        );
        check(
            |case| {
                waits(case);
                (case.hunt.spec.limits.running_max, case.counts.running) = (3, 3);
            },
            expect![
                "member: It waits since 2025-06-15T15:06:45Z for its first attempt: condition matched; waits for admission. → 3 of 3 flows run; it is number 46 of those that wait for a place."
            ],
        );
        check(
            |case| {
                waits(case);
                case.hunt.spec.canary = Some(Canary { clients: 10, then: Widen::Gate });
                case.progress.admitted = 10;
            },
            expect![
                "member: It waits since 2025-06-15T15:06:45Z for its first attempt: condition matched; waits for admission. → 10 of 10 canaries were admitted; the others are let in when a person widens the hunt."
            ],
        );
        check(
            |case| {
                waits(case);
                case.hunt.condition_revision = 2;
            },
            expect![
                "member: It waits since 2025-06-15T15:06:45Z for its first attempt: condition matched; waits for admission. → It was decided under revision 1; the condition was changed in revision 2 and it is asked again at its next contact."
            ],
        );
    }

    #[test]
    fn who_runs_or_ran() {
        let (member, flow) = running();
        check(
            |case| (case.member, case.flow) = (Some(member.clone()), Some(flow.clone())),
            expect![
                "member: Attempt 1 was admitted at 2025-06-15T15:06:46Z, flow F.00000000000000000000000000000009. → The request is on its way to the client."
            ],
        );
        check(
            |case| {
                (case.member, case.flow) = (Some(member.clone()), Some(flow.clone()));
                case.online = false;
            },
            expect![
                "member: Attempt 1 was admitted at 2025-06-15T15:06:46Z, flow F.00000000000000000000000000000009. → The client is offline since 2025-06-15T15:07:40Z; it gets the request when it comes back, until 2025-06-22T15:06:40Z."
            ],
        );
        let ended = |outcome| {
            let event = MemberEvent::FlowEnded { attempt: 1, outcome };
            member.on(&event, at(50))
        };
        let rows = FlowYield { rows: 3, ..FlowYield::default() };
        check(
            |case| case.member = ended(Ok(rows)),
            expect![
                "member: It took part and ended at 2025-06-15T15:07:30Z: 3 rows, 0 files, flow F.00000000000000000000000000000009. → "
            ],
        );
        check(
            |case| case.member = ended(Err(FlowFailure::Timeout)),
            expect![
                "member: Attempt 1 failed at 2025-06-15T15:07:30Z: timeout, flow F.00000000000000000000000000000009. → The retry policy gives it no further attempt."
            ],
        );
        let removed = pending().on(&MemberEvent::Withdraw, at(50));
        check(
            |case| case.member = removed,
            expect![
                "member: It waited until 2025-06-15T15:07:30Z: removed by hand. → A person can put it in again."
            ],
        );
    }
}
