//! Random steps, the same ones for a store and for the twin in memory: the answers are the same, and
//! so is everything that can be read afterwards.

use std::sync::Arc;
use std::time::Duration;

use base::{SeededEntropy, Timestamp};
use loghunt::command::{Command, Cut, Order};
use loghunt::memory::MemoryLog;
use loghunt::ports::{
    AuditNote, Facet, FindingQuery, Old, Settled, SliceQuery, Step, StreamQuery, Tell, TellHow,
};
use loghunt::retry::RetryPolicy;
use model::log::{FailureClass, Finding, Lane, Position, Slice, SliceId, StreamKey};
use model::org::Actor;
use model::store::Paging;

use crate::log_stores::{
    LogStores, at, claim, commit_as, fail, failure, finding, key, open, plan, shown, token, window,
};
use crate::stores::pick;

const STEPS: u64 = 200;

pub(super) async fn random_commands_are_answered_alike(stores: LogStores, seed: u64) {
    let twin = Arc::new(MemoryLog::new(stores.clock.clone()));
    let twin = LogStores::of(twin.clone(), twin, stores.clock.clone());
    let mut dice = SeededEntropy::new(seed);
    let keys = keys();
    for number in 0..STEPS {
        stores.clock.advance(Duration::from_secs(pick(&mut dice, 40)));
        let key = &keys[pick(&mut dice, keys.len() as u64) as usize];
        let known = twin.ledger.slices(&all(key)).await.unwrap().items;
        let step = random_step(&mut dice, key, &known, stores.clock_now());
        let expected = twin.ledger.step(&step).await;
        let answer = stores.ledger.step(&step).await;
        assert_eq!(
            format!("{answer:?}"),
            format!("{expected:?}"),
            "seed {seed}, step {number}: {step:?}"
        );
        if number % 10 == 0 {
            deliver(&stores, &twin, &mut dice).await;
        }
    }
    let committed = SliceQuery { states: vec!["committed"], ..SliceQuery::default() };
    let committed = twin.ledger.slices(&committed).await.unwrap().total;
    let found = twin.count(&FindingQuery::default()).await;
    assert!(committed > 0 && found > 0, "seed {seed}: {committed} commits, {found} findings");
    assert_alike(&stores, &twin, seed).await;
    let before = Some(at(2_000));
    let old = Old { runs_before: before, findings_before: before, limit: 10_000 };
    let gone = twin.ledger.forget(&old).await.unwrap();
    assert_eq!(stores.ledger.forget(&old).await.unwrap(), gone, "seed {seed}");
    assert_alike(&stores, &twin, seed).await;
}

impl LogStores {
    fn clock_now(&self) -> Timestamp {
        base::Clock::now(&*self.clock)
    }
}

fn keys() -> Vec<StreamKey> {
    let live = key("acme", "whoami");
    vec![
        live.clone(),
        StreamKey { lane: Lane::Repair(1), ..live.clone() },
        StreamKey { lane: Lane::Backfill("job".into()), ..live },
        key("other", "whoami"),
    ]
}

/// All slices of a key, whatever their state.
fn all(key: &StreamKey) -> SliceQuery {
    let mut query = SliceQuery { paging: Paging::ALL, ..SliceQuery::default() };
    query.of.tenant = Some(key.tenant.clone());
    query.of.lane = Some(key.lane.clone());
    query.of.epoch = Some(key.epoch);
    query
}

fn random_step(dice: &mut SeededEntropy, key: &StreamKey, known: &[Slice], now: Timestamp) -> Step {
    let mut step = Step::of(key.clone(), Vec::new());
    for _ in 0..=pick(dice, 3) / 2 {
        let command = random_command(dice, known, now);
        if matches!(command, Command::Commit { .. }) && step.findings.is_empty() {
            step.findings = random_findings(dice, key);
        }
        step.commands.push(command);
    }
    let how = [TellHow::Each, TellHow::Digest, TellHow::Nothing][pick(dice, 3) as usize];
    let channels = ["mail", "hook"].iter().take(pick(dice, 3) as usize);
    step.tell = Tell { channels: channels.map(|name| (*name).to_owned()).collect(), how };
    if pick(dice, 8) == 0 {
        step.audit = Some(AuditNote {
            at: now,
            actor: Actor::System,
            action: "test".into(),
            subject: key.to_string(),
            reason: format!("{}", step.commands.len()),
        });
    }
    step
}

fn random_command(dice: &mut SeededEntropy, known: &[Slice], now: Timestamp) -> Command {
    let held: Vec<&Slice> = known.iter().filter(|slice| slice.state.lease().is_some()).collect();
    let any = (!known.is_empty()).then(|| &known[pick(dice, known.len() as u64) as usize]);
    let id = any.map_or(SliceId(1), |slice| slice.id);
    let here = any.map_or(window(0, 50), |slice| slice.window);
    let frontier = now.as_micros() / 1_000_000 - 900;
    if let (Some(slice), 0..6) = (held.first(), pick(dice, 9)) {
        return of_held(dice, slice);
    }
    match pick(dice, 16) {
        0 => open(0),
        1..4 => plan(frontier, 100),
        4 => {
            let tick = |n: i64| (at(frontier + n), Position((frontier - 10 * n) * 1_000_000));
            let cut = Cut::ByTick(vec![tick(2), tick(1), tick(0)]);
            Command::Plan { tick: now, frontier: Position(frontier * 1_000_000), cut }
        }
        5 => Command::Add { tick: now, windows: vec![here, window(frontier, frontier + 7)] },
        6..10 => claim("a"),
        10 => Command::Claim {
            owner: "n".into(),
            ttl: Duration::from_secs(20),
            order: Order::NewestFirst,
            only_tick: Some(at(frontier - 20)),
            policy: RetryPolicy { attempts_max: 2, ..RetryPolicy::default() },
        },
        11 => Command::Waive { window: here, actor: Actor::System, reason: "retention".into() },
        12 => Command::Reopen { slice: id },
        13 => Command::Audited { slice: id, seen: 0, fingerprint: None, next: Some(now) },
        14 if pick(dice, 3) == 0 => Command::Stop { failure: failure(FailureClass::SourceChanged) },
        14 => Command::Continue { source_identity: None },
        _ => Command::Heartbeat { tick: now },
    }
}

fn of_held(dice: &mut SeededEntropy, slice: &Slice) -> Command {
    let (id, token) = (slice.id, token(slice));
    match pick(dice, 14) {
        0 => Command::Renew { slice: id, token, ttl: Duration::from_secs(50) },
        1 => Command::Start { slice: id, token, query_tag: "q".into() },
        2 => Command::Release { slice: id, token },
        3 => fail(slice, FailureClass::Transient),
        4 => fail(slice, FailureClass::TooLarge),
        5 => fail(slice, FailureClass::Throttled { wait: Duration::from_millis(1_500) }),
        6 => commit_as(slice, token + 1),
        _ => commit_as(slice, token),
    }
}

fn random_findings(dice: &mut SeededEntropy, key: &StreamKey) -> Vec<Finding> {
    let mut findings = Vec::new();
    for _ in 0..=pick(dice, 4) {
        let mut found = finding(key, u128::from(pick(dice, 40)));
        found.revision_last = format!("r{}", pick(dice, 3)).into();
        found.suppressed_by = (pick(dice, 5) == 0).then(|| "User = 'svc'".into());
        found.bucket = (pick(dice, 2) == 0).then(|| format!("b{}", pick(dice, 4)).into());
        found.late = pick(dice, 4) == 0;
        findings.push(found);
    }
    findings
}

/// Some deliveries are taken, and each goes its own way.
async fn deliver(stores: &LogStores, twin: &LogStores, dice: &mut SeededEntropy) {
    let limit = pick(dice, 4);
    let ttl = Duration::from_secs(30);
    let expected = twin.outbox.take("d", ttl, limit).await.unwrap();
    let mut taken = stores.outbox.take("d", ttl, limit).await.unwrap();
    let ids: Vec<u64> = taken.iter().map(|delivery| delivery.id).collect();
    for (delivery, expected) in taken.iter_mut().zip(&expected) {
        delivery.id = expected.id;
    }
    assert_eq!(taken, expected);
    for (id, delivery) in ids.into_iter().zip(expected) {
        let error = "no route".to_owned();
        let how = match pick(dice, 4) {
            0 => Settled::Sent,
            1 => Settled::Later { not_before: stores.clock_now().plus(ttl), error },
            2 => Settled::GiveUp { error },
            _ => continue,
        };
        twin.outbox.settle(delivery.id, delivery.token, &how).await.unwrap();
        stores.outbox.settle(id, delivery.token, &how).await.unwrap();
    }
}

async fn assert_alike(stores: &LogStores, twin: &LogStores, seed: u64) {
    let streams = StreamQuery { paging: Paging::ALL, ..StreamQuery::default() };
    let expected = twin.ledger.streams(&streams).await.unwrap();
    assert_eq!(stores.other.streams(&streams).await.unwrap(), expected, "seed {seed}");
    for states in [vec![], vec!["split", "superseded"]] {
        let query = SliceQuery { paging: Paging::ALL, states, ..SliceQuery::default() };
        let expected = twin.ledger.slices(&query).await.unwrap();
        assert_eq!(stores.other.slices(&query).await.unwrap(), expected, "seed {seed}");
    }
    let expected = twin.ledger.runs(&streams, Paging::ALL).await.unwrap();
    assert_eq!(stores.other.runs(&streams, Paging::ALL).await.unwrap(), expected, "seed {seed}");
    let query = FindingQuery { paging: Paging::ALL, ..FindingQuery::default() };
    let texts = async |stores: &LogStores| {
        let page = stores.findings.findings(&query).await.unwrap();
        (page.items.iter().map(shown).collect::<Vec<_>>(), page.total)
    };
    assert_eq!(texts(stores).await, texts(twin).await, "seed {seed}");
    for facet in [Facet::Tenant, Facet::State, Facet::Day, Facet::Attack] {
        let expected = twin.findings.facet(&query, facet, 9).await.unwrap();
        assert_eq!(stores.findings.facet(&query, facet, 9).await.unwrap(), expected);
    }
    let expected = twin.outbox.waiting(Paging::ALL).await.unwrap();
    let mut waiting = stores.outbox.waiting(Paging::ALL).await.unwrap();
    for (delivery, expected) in waiting.items.iter_mut().zip(&expected.items) {
        delivery.id = expected.id;
    }
    assert_eq!(waiting, expected, "seed {seed}");
    let expected = twin.control.notes(Paging::ALL).await.unwrap();
    assert_eq!(stores.control.notes(Paging::ALL).await.unwrap(), expected, "seed {seed}");
}
