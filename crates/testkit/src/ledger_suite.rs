//! What every store of ledgers must do.

mod racing;
mod twin;

use std::time::Duration;

use loghunt::command::{Command, Refusal};
use loghunt::ports::{AuditNote, FindingQuery, Old, SliceQuery, Step, StreamQuery};
use loghunt::retry::RetryPolicy;
use loghunt::stream::{RunOutcome, StreamStatus};
use model::log::{FailureClass, Lane, SliceState, StreamKey};
use model::org::Actor;
use model::store::{Paging, StoreError};

use crate::log_stores::{
    LogStores, at, claim, commit, commit_as, each, fail, failure, finding, key, open, plan, token,
    window,
};

/// Runs all promises, each on records of its own.
pub async fn ledger_suite(fresh: impl AsyncFn() -> LogStores) {
    a_stream_reads_what_was_written(fresh().await).await;
    every_state_of_a_slice_reads_what_was_written(fresh().await).await;
    nothing_happens_without_a_stream(fresh().await).await;
    an_old_token_commits_nothing(fresh().await).await;
    leases_are_over_by_the_stores_clock(fresh().await).await;
    leases_that_run_out_without_a_word_are_attempts(fresh().await).await;
    a_lost_answer_is_found_on_the_ledger(fresh().await).await;
    a_refused_step_leaves_nothing(fresh().await).await;
    a_step_is_noted(fresh().await).await;
    a_commit_counts_its_new_findings(fresh().await).await;
    findings_need_their_own_commit(fresh().await).await;
    windows_that_become_one_leave_one_record(fresh().await).await;
    attempts_are_remembered(fresh().await).await;
    streams_are_found_and_paged(fresh().await).await;
    slices_are_found_and_paged(fresh().await).await;
    old_records_are_forgotten_and_open_ones_never(fresh().await).await;
    racing::one_of_two_clients_wins(fresh().await).await;
    racing::keys_do_not_disturb_one_another(fresh().await).await;
    for seed in 0..8 {
        twin::random_commands_are_answered_alike(fresh().await, seed).await;
    }
}

async fn a_stream_reads_what_was_written(stores: LogStores) {
    let key = StreamKey {
        part: "shard [1]/ä".into(),
        epoch: 3,
        lane: Lane::Backfill("job.1".into()),
        ..key("acme", "whoami")
    };
    assert_eq!(stores.ledger.stream(&key).await.unwrap(), None);
    let applied = stores.does(&key, vec![open(5), plan(600, 3_600)]).await;
    assert_eq!((applied.stream.t0.0, applied.stream.planned_to.0), (5_000_000, 600_000_000));
    assert_eq!((applied.stream.opened_at, applied.stream.last_tick), (at(1_000), Some(at(600))));
    assert_eq!(stores.other.stream(&key).await.unwrap(), Some(applied.stream));
    let again = stores.does(&key, vec![open(77)]).await.stream;
    assert_eq!(again.t0.0, 5_000_000, "a stream is opened once");
    let why = failure(FailureClass::Throttled { wait: Duration::from_secs(9) });
    let stopped = stores.does(&key, vec![Command::Stop { failure: why.clone() }]).await.stream;
    assert_eq!(stopped.status, StreamStatus::Stopped(why));
    assert_eq!(stores.other.stream(&key).await.unwrap(), Some(stopped));
    let on = Command::Continue { source_identity: Some("table-2".into()) };
    let on = stores.does(&key, vec![on]).await.stream;
    assert_eq!(on.source_identity.as_deref(), Some("table-2"));
    let close = Command::Close { reason: "replaced".into() };
    let closed = stores.does(&key, vec![close]).await.stream;
    assert_eq!(closed.status, StreamStatus::Closed { reason: "replaced".into() });
    assert_eq!(stores.other.stream(&key).await.unwrap(), Some(closed));
    assert_eq!(stores.windows(&key).await, [], "what was open is superseded");
}

async fn every_state_of_a_slice_reads_what_was_written(stores: LogStores) {
    let key = key("acme", "whoami");
    let mut slice = stores.leased(&key).await;
    let check = async |slice: &loghunt::command::Applied| {
        let slice = slice.slice.clone().expect("the command named it");
        assert_eq!(stores.slice(slice.id).await, Some(slice.clone()), "{}", slice.state.word());
        slice
    };
    let (id, first) = (slice.id, token(&slice));
    let renew = Command::Renew { slice: id, token: first, ttl: Duration::from_secs(90) };
    slice = check(&stores.does(&key, vec![renew]).await).await;
    assert_eq!(slice.state.lease().unwrap().until, at(1_090));
    let start = Command::Start { slice: id, token: first, query_tag: "q-1".into() };
    slice = check(&stores.does(&key, vec![start]).await).await;
    slice = check(&stores.does(&key, vec![fail(&slice, FailureClass::Transient)]).await).await;
    assert_eq!((slice.state.word(), slice.attempts), ("backoff", 1));
    stores.clock.advance(Duration::from_secs(60));
    slice = stores.claim(&key, "ä").await.unwrap();
    let release = Command::Release { slice: id, token: token(&slice) };
    slice = check(&stores.does(&key, vec![release]).await).await;
    assert_eq!(slice.state, SliceState::Planned);
    let actor = Actor::User("ada".into());
    let waive = Command::Waive { window: slice.window, actor, reason: "holiday".into() };
    stores.does(&key, vec![waive]).await;
    let waived = stores.slice(id).await.unwrap();
    assert_eq!(waived.state.word(), "waived");
    assert_eq!(stores.ledger.stream(&key).await.unwrap().unwrap().checkpoint, slice.window.to());
    check(&stores.does(&key, vec![Command::Reopen { slice: id }]).await).await;
    slice = stores.claim(&key, "b").await.unwrap();
    slice = check(&stores.does(&key, vec![commit(&slice)]).await).await;
    let SliceState::Committed(evidence) = &slice.state else { panic!("{slice:?}") };
    assert_eq!((evidence.committed_at, evidence.took), (at(1_060), Duration::from_millis(250)));
    let fingerprint = Some("count=4".into());
    let audited = Command::Audited { slice: id, seen: 0, fingerprint, next: None };
    slice = check(&stores.does(&key, vec![audited.clone()]).await).await;
    let SliceState::Committed(evidence) = &slice.state else { panic!("{slice:?}") };
    assert_eq!((evidence.audits, evidence.audit_at), (1, None));
    let again = stores.ledger.step(&Step::of(key.clone(), vec![audited])).await.unwrap();
    assert_eq!(again.unwrap_err(), Refusal::AuditedAlready { slice: id });
    stores.does(&key, vec![plan(1_200, 3_600)]).await;
    slice = stores.claim(&key, "c").await.unwrap();
    let Command::Fail { slice: _, token, failure, mut policy, jitter_millionths } =
        fail(&slice, FailureClass::TooLarge)
    else {
        unreachable!("it fails")
    };
    (policy.attempts_max, policy.may_split) = (1, false);
    let given_up = Command::Fail { slice: slice.id, token, failure, policy, jitter_millionths };
    slice = check(&stores.does(&key, vec![given_up]).await).await;
    assert_eq!(slice.state.word(), "quarantined");
}

async fn nothing_happens_without_a_stream(stores: LogStores) {
    let key = key("acme", "whoami");
    let step = Step::of(key.clone(), vec![plan(600, 3_600)]);
    assert_eq!(stores.tries(&step).await, Err(Refusal::NoStream));
    assert_eq!(stores.ledger.stream(&key).await.unwrap(), None);
}

async fn an_old_token_commits_nothing(stores: LogStores) {
    let key = key("acme", "whoami");
    let old = stores.leased(&key).await;
    stores.clock.advance(Duration::from_secs(61));
    let new = stores.claim(&key, "b").await.expect("the lease is over");
    assert_eq!((token(&old), token(&new)), (1, 2));
    let step = Step {
        findings: vec![finding(&key, 1)],
        ..Step::of(key.clone(), vec![commit_as(&old, 1)])
    };
    let late = stores.other.step(&step).await.unwrap();
    assert_eq!(late, Err(Refusal::Fenced { token: 1 }));
    assert_eq!(stores.count(&FindingQuery::default()).await, 0);
    stores.does(&key, vec![commit(&new)]).await;
    assert_eq!(stores.tries(&step).await, Err(Refusal::Fenced { token: 1 }));
}

async fn leases_are_over_by_the_stores_clock(stores: LogStores) {
    let key = key("acme", "whoami");
    assert_eq!(stores.ledger.now().await.unwrap(), at(1_000));
    let slice = stores.leased(&key).await;
    assert_eq!(slice.state.lease().unwrap().until, at(1_060));
    stores.clock.set(at(1_059));
    assert_eq!(stores.claim(&key, "b").await, None, "somebody has the only window");
    stores.clock.set(at(1_060));
    let over = Err(Refusal::LeaseOver { until: at(1_060) });
    let step = Step::of(key.clone(), vec![commit(&slice)]);
    assert_eq!(stores.tries(&step).await, over);
    let renew = Command::Renew { slice: slice.id, token: 1, ttl: Duration::from_secs(60) };
    assert_eq!(stores.tries(&Step::of(key.clone(), vec![renew])).await, over);
    assert_eq!(token(&stores.claim(&key, "b").await.unwrap()), 2);
}

/// A window that takes its scheduler down each time says nothing else: it counts, and ends.
async fn leases_that_run_out_without_a_word_are_attempts(stores: LogStores) {
    let key = key("acme", "whoami");
    let slice = stores.leased(&key).await;
    let most = RetryPolicy::default().attempts_max;
    for losses in 1..most {
        stores.clock.advance(Duration::from_secs(61));
        let mut again = stores.claim(&key, "b").await;
        assert_eq!(again.is_some(), losses == 1, "only the first loss is taken over at once");
        while again.is_none() {
            stores.clock.advance(Duration::from_secs(300));
            again = stores.claim(&key, "b").await;
        }
        let again = again.unwrap();
        assert_eq!((again.id, again.attempts, again.losses), (slice.id, losses, losses));
        assert_eq!(stores.slice(slice.id).await.unwrap(), again);
    }
    stores.clock.advance(Duration::from_secs(61));
    // The window is large enough to be cut; what is left of it is tried again.
    stores.claim(&key, "b").await;
    assert_eq!(stores.slice(slice.id).await.map(|slice| slice.state.word()), None);
    let halves = stores.windows(&key).await;
    assert_eq!(halves.len(), 2, "{halves:?}");
}

async fn a_lost_answer_is_found_on_the_ledger(stores: LogStores) {
    let key = key("acme", "whoami");
    let slice = stores.leased(&key).await;
    let step =
        Step { findings: vec![finding(&key, 1)], ..Step::of(key.clone(), vec![commit(&slice)]) };
    stores.tries(&step).await.expect("the answer gets lost");
    let found = stores.slice(slice.id).await.expect("it is on the ledger");
    assert_eq!(found.state.word(), "committed");
    let again = stores.other.step(&step).await.unwrap();
    assert_eq!(again, Err(Refusal::Fenced { token: 1 }));
    assert_eq!(stores.count(&FindingQuery::default()).await, 1);
}

async fn a_refused_step_leaves_nothing(stores: LogStores) {
    let key = key("acme", "whoami");
    let slice = stores.leased(&key).await;
    let before = stores.ledger.stream(&key).await.unwrap();
    stores.clock.advance(Duration::from_secs(1));
    let unknown = Command::Reopen { slice: model::log::SliceId(99) };
    let step = Step {
        findings: vec![finding(&key, 1)],
        tell: each(),
        audit: Some(note()),
        ..Step::of(key.clone(), vec![commit(&slice), plan(1_200, 600), unknown])
    };
    let refused = stores.tries(&step).await;
    assert_eq!(refused, Err(Refusal::NoSlice { slice: model::log::SliceId(99) }));
    assert_eq!(stores.slice(slice.id).await, Some(slice));
    assert_eq!(stores.ledger.stream(&key).await.unwrap(), before);
    assert_eq!(stores.windows(&key).await, [(0, 600, "leased")]);
    assert_eq!(stores.count(&FindingQuery::default()).await, 0);
    assert_eq!(stores.outbox.waiting(Paging::ALL).await.unwrap().total, 0);
    assert_eq!(stores.control.notes(Paging::ALL).await.unwrap().total, 0);
    let runs = stores.ledger.runs(&StreamQuery::default(), Paging::ALL).await.unwrap();
    assert_eq!(runs.total, 0);
}

fn note() -> AuditNote {
    AuditNote {
        at: at(1_000),
        actor: Actor::User("ada".into()),
        action: "waive".into(),
        subject: "acme/process_creation/whoami".into(),
        reason: "the source was down".into(),
    }
}

async fn a_step_is_noted(stores: LogStores) {
    let key = key("acme", "whoami");
    let step = Step { audit: Some(note()), ..Step::of(key, vec![open(0)]) };
    stores.tries(&step).await.unwrap();
    assert_eq!(stores.control.notes(Paging::ALL).await.unwrap().items, [note()]);
}

async fn a_commit_counts_its_new_findings(stores: LogStores) {
    let key = key("acme", "whoami");
    let found = [1, 2, 2, 3].map(|number| finding(&key, number)).to_vec();
    let applied = stores.finds(&key, found, each()).await;
    assert_eq!(applied.findings_new, 3, "one of them came twice");
    stores.does(&key, vec![plan(1_200, 3_600)]).await;
    let slice = stores.claim(&key, "a").await.unwrap();
    let found = [3, 4].map(|number| finding(&key, number)).to_vec();
    let applied = stores.commits(&slice, found, each()).await;
    assert_eq!(applied.findings_new, 1);
    let SliceState::Committed(evidence) = applied.slice.unwrap().state else { panic!("committed") };
    assert_eq!((evidence.rows, evidence.findings_new), (3, 1));
    let kept = stores.slice(slice.id).await.unwrap();
    assert_eq!(kept.state, SliceState::Committed(evidence));
    let runs = stores.ledger.runs(&StreamQuery::default(), Paging::ALL).await.unwrap().items;
    let counted: Vec<RunOutcome> = runs.into_iter().map(|run| run.outcome).collect();
    let outcome = |findings_new| RunOutcome::Committed {
        rows: 3,
        findings_new,
        bytes: 4_096,
        took_millis: 250,
    };
    assert_eq!(counted, [outcome(1), outcome(3)]);
}

async fn findings_need_their_own_commit(stores: LogStores) {
    let key = key("acme", "whoami");
    let slice = stores.leased(&key).await;
    let without = Step { findings: vec![finding(&key, 1)], ..Step::of(key.clone(), vec![open(0)]) };
    let stranger = finding(&crate::log_stores::key("other", "whoami"), 1);
    let of_another =
        Step { findings: vec![stranger], ..Step::of(key.clone(), vec![commit(&slice)]) };
    for step in [without, of_another] {
        let refused = stores.ledger.step(&step).await;
        assert!(matches!(refused, Err(StoreError::Refused { .. })), "{refused:?}");
    }
    assert_eq!(stores.slice(slice.id).await, Some(slice));
    assert_eq!(stores.count(&FindingQuery::default()).await, 0);
}

async fn windows_that_become_one_leave_one_record(stores: LogStores) {
    let key = key("acme", "whoami");
    stores.planned(&key, 600, 3_600).await;
    let joined = stores.does(&key, vec![plan(1_200, 3_600)]).await;
    assert_eq!(joined.open, 1);
    assert_eq!(stores.windows(&key).await, [(0, 1_200, "planned")]);
    let slice = stores.claim(&key, "a").await.unwrap();
    let split = stores.does(&key, vec![fail(&slice, FailureClass::TooLarge)]).await;
    assert_eq!(split.open, 2);
    assert_eq!(stores.windows(&key).await, [(0, 600, "backoff"), (600, 1_200, "backoff")]);
    let split = SliceQuery { states: vec!["split"], ..SliceQuery::default() };
    assert_eq!(stores.ledger.slices(&split).await.unwrap().items[0].id, slice.id);
    for _ in 0..2 {
        let half = stores.claim(&key, "a").await.unwrap();
        stores.does(&key, vec![commit(&half)]).await;
    }
    let stream = stores.ledger.stream(&key).await.unwrap().unwrap();
    assert_eq!(stream.checkpoint.0, 1_200_000_000);
}

async fn attempts_are_remembered(stores: LogStores) {
    let key = key("acme", "whoami");
    let mut slice = stores.leased(&key).await;
    stores.clock.advance(Duration::from_secs(100));
    slice = stores.claim(&key, "b").await.unwrap_or(slice);
    stores.does(&key, vec![fail(&slice, FailureClass::Permanent)]).await;
    stores.clock.advance(Duration::from_secs(100));
    slice = stores.claim(&key, "c").await.unwrap();
    stores.does(&key, vec![commit(&slice)]).await;
    let query = StreamQuery { rule: Some(key.rule.clone()), ..StreamQuery::default() };
    let page = stores.ledger.runs(&query, Paging { offset: 0, limit: 2 }).await.unwrap();
    let told: Vec<_> =
        page.items.iter().map(|run| (&*run.owner, run.token, run.ended_at)).collect();
    assert_eq!((told, page.total), (vec![("c", 3, at(1_200)), ("b", 2, at(1_100))], 3));
    assert_eq!(page.items[1].outcome, RunOutcome::Failed(failure(FailureClass::Permanent)));
    assert_eq!((&page.items[0].key, page.items[0].window), (&key, window(0, 600)));
    let page = stores.ledger.runs(&query, Paging { offset: 2, limit: 2 }).await.unwrap();
    assert_eq!(page.items[0].outcome, RunOutcome::Lost);
    let other = StreamQuery { lane: Some(Lane::Repair(1)), ..StreamQuery::default() };
    assert_eq!(stores.ledger.runs(&other, Paging::ALL).await.unwrap().total, 0);
}

async fn streams_are_found_and_paged(stores: LogStores) {
    let of = |tenant: &str, rule: &str, lane| StreamKey { lane, ..key(tenant, rule) };
    let mut keys = [
        of("acme", "a", Lane::Live),
        of("acme", "a", Lane::Repair(2)),
        of("acme", "a", Lane::Repair(10)),
        of("acme", "a", Lane::Backfill("B".into())),
        of("acme", "b", Lane::Live),
        StreamKey { epoch: 1, ..of("acme", "b", Lane::Live) },
        of("other", "a", Lane::Live),
    ];
    for key in keys.iter().rev() {
        stores.does(key, vec![open(0)]).await;
    }
    keys.sort();
    let found = async |change: &dyn Fn(&mut StreamQuery)| {
        let mut query = StreamQuery::default();
        change(&mut query);
        let page = stores.ledger.streams(&query).await.unwrap();
        let place = |key: &StreamKey| keys.iter().position(|other| other == key).unwrap();
        (page.items.iter().map(|stream| place(&stream.key)).collect::<Vec<_>>(), page.total)
    };
    assert_eq!(found(&|_| {}).await, ((0..7).collect(), 7));
    assert_eq!(
        found(&|query| query.paging = Paging { offset: 5, limit: 9 }).await,
        (vec![5, 6], 7)
    );
    assert_eq!(found(&|query| query.tenant = Some(keys[6].tenant.clone())).await.0, [6]);
    assert_eq!(found(&|query| query.rule = Some(keys[4].rule.clone())).await.0, [4, 5]);
    assert_eq!(found(&|query| query.epoch = Some(1)).await.0, [5]);
    assert_eq!(found(&|query| query.lane = Some(Lane::Repair(10))).await.0, [2]);
    stores.does(&keys[3], vec![Command::Close { reason: "done".into() }]).await;
    assert_eq!(found(&|query| query.statuses = vec!["closed", "stopped"]).await.0, [3]);
    assert_eq!(found(&|query| query.statuses = vec!["active"]).await.1, 6);
}

async fn slices_are_found_and_paged(stores: LogStores) {
    let (a, b) = (key("acme", "a"), key("acme", "b"));
    stores.planned(&a, 1_000, 100).await;
    stores.planned(&b, 250, 100).await;
    let slice = stores.claim(&a, "a").await.unwrap();
    stores.does(&a, vec![commit(&slice)]).await;
    let found = async |change: &dyn Fn(&mut SliceQuery)| {
        let mut query = SliceQuery::default();
        change(&mut query);
        let page = stores.ledger.slices(&query).await.unwrap();
        let from: Vec<i64> =
            page.items.iter().map(|slice| slice.window.from().0 / 1_000_000).collect();
        (from, page.total)
    };
    assert_eq!(found(&|_| {}).await.1, 13);
    assert_eq!(found(&|query| query.of.rule = Some(b.rule.clone())).await.0, [0, 100, 200]);
    assert_eq!(found(&|query| query.window = Some(window(199, 201))).await.0, [100, 100, 200, 200]);
    assert_eq!(found(&|query| query.states = vec!["committed"]).await.0, [0]);
    assert_eq!(found(&|query| query.audit_by = Some(at(4_999))).await.1, 0);
    assert_eq!(found(&|query| query.audit_by = Some(at(5_000))).await.0, [0]);
    assert_eq!(found(&|query| query.id = Some(slice.id)).await, (vec![0], 1));
    assert_eq!(found(&|query| query.paging = Paging { offset: 11, limit: 5 }).await.0, [800, 900]);
    stores.does(&b, vec![Command::Close { reason: "done".into() }]).await;
    assert_eq!(found(&|query| query.states = vec!["superseded"]).await.1, 3);
    assert_eq!(found(&|_| {}).await.1, 10);
}

async fn old_records_are_forgotten_and_open_ones_never(stores: LogStores) {
    let key = key("acme", "whoami");
    stores.planned(&key, 500, 100).await;
    for number in 0..4 {
        let slice = stores.claim(&key, "a").await.unwrap();
        let found = vec![finding(&key, number)];
        stores.commits(&slice, found, each()).await;
        let next = if number == 1 { Some(at(9_000)) } else { None };
        let audited = Command::Audited { slice: slice.id, seen: 0, fingerprint: None, next };
        stores.does(&key, vec![audited]).await;
        stores.clock.advance(Duration::from_secs(10));
    }
    let old = Old { runs_before: Some(at(1_030)), findings_before: None, limit: 100 };
    // Two slices (one is still watched) and three attempts.
    assert_eq!(stores.ledger.forget(&old).await.unwrap(), 5);
    assert_eq!(stores.ledger.forget(&old).await.unwrap(), 0);
    let left = [(100, 200, "committed"), (300, 400, "committed"), (400, 500, "planned")];
    assert_eq!(stores.windows(&key).await, left);
    let runs = stores.ledger.runs(&StreamQuery::default(), Paging::ALL).await.unwrap();
    assert_eq!((runs.total, runs.items[0].token), (1, 4));
    assert_eq!(stores.count(&FindingQuery::default()).await, 4);
    let old = Old { runs_before: None, findings_before: Some(at(1_020)), limit: 1 };
    for expected in [1, 1, 0] {
        assert_eq!(stores.ledger.forget(&old).await.unwrap(), expected);
    }
    assert_eq!(stores.count(&FindingQuery::default()).await, 2);
    let slice = stores.claim(&key, "a").await.expect("the stream goes on");
    stores.does(&key, vec![commit(&slice)]).await;
    let all = Old { runs_before: Some(at(100_000)), findings_before: None, limit: 100 };
    stores.ledger.forget(&all).await.unwrap();
    let left = [(100, 200, "committed"), (400, 500, "committed")];
    assert_eq!(stores.windows(&key).await, left, "the newest stays");
    let refused = stores.tries(&Step::of(key.clone(), vec![claim("a")])).await.unwrap();
    assert_eq!(refused.claimed, None);
}
