//! What everybody must do who takes what an agent reports at once.

use std::sync::Arc;

use base::{ClientId, Entropy, FlowId, SeededEntropy};
use flows::ReportStore;
use flows::completion::{AttemptEnd, SourceCount, Tally};
use flows::reports::{Burst, Report, Taken};
use flows::results::{Appended, BatchRefusal, LogBatch};
use flows::steer::{Ended, OneByOne, StatusReport};
use hunts::ports::Decided;
use model::flow::{Flow, FlowFailure, FlowState};
use model::member::{MemberQueue, MemberState};
use model::results::{AttemptId, LogLine};

use crate::stores::{Stores, at, batch, decision, direct_flow, first, pick, rows, spec};

/// A whole set of stores, and who takes reports into them.
pub type Taking = (Stores, Arc<dyn ReportStore>);

/// Runs all promises, each on records of its own.
pub async fn report_suite(fresh: impl AsyncFn() -> Taking) {
    a_small_flow_of_a_hunt_is_one_step(fresh().await).await;
    what_is_not_the_clients_own_is_refused(fresh().await).await;
    an_end_that_declares_more_than_came_is_incomplete(fresh().await).await;
    many_clients_at_once_are_each_as_alone(fresh().await).await;
    for seed in 0..10 {
        together_is_as_one_by_one(seed, fresh().await, fresh().await).await;
    }
}

fn burst(client: ClientId, reports: Vec<Report>, secs: i64) -> Burst {
    Burst { client, reports, now: at(secs) }
}

fn finished(attempt: AttemptId, rows: u64, batches: u64) -> Report {
    let sources = [("A".to_owned(), SourceCount { rows, batches })].into();
    let declared = Tally { sources, ..Tally::default() };
    Report::Ended(StatusReport {
        attempt,
        end: AttemptEnd::Finished,
        declared,
        cpu_millis: 0,
        windows: Vec::new(),
    })
}

async fn a_small_flow_of_a_hunt_is_one_step((stores, reports): Taking) {
    let client = stores.enrol(1).await;
    let hunt = stores.start_hunt(1, spec(), at(2)).await;
    stores.members.decide(&[decision(hunt.id, client, Ok(()))], at(3)).await.unwrap();
    let flow = stores.admit(hunt.id, 1, at(4)).await.remove(0);
    let attempt = first(flow.id);
    let said =
        vec![Report::Rows(batch(attempt, 0, &[r#"{"a":1}"#, "{}"])), finished(attempt, 2, 1)];
    let taken = reports.take(&burst(client, said.clone(), 5)).await.unwrap();
    assert_eq!(taken[0], Taken::Appended(Appended::Stored));
    let now = stores.flows.get(flow.id).await.unwrap().unwrap();
    assert_eq!(taken[1], Taken::Ended(Ended::Moved(Box::new(now.clone()))));
    assert_eq!(now.life.state, FlowState::Done(rows(2)));
    assert_eq!((now.started, now.ended), (Some(at(5)), Some(at(5))));
    let key = hunts::ports::MemberKey { hunt: hunt.id, round: 1, client };
    let member = stores.members.member(key).await.unwrap().unwrap();
    assert_eq!(member.state, MemberState::Results(rows(2)));
    stores.assert_counters_hold(hunt.id).await;
    let again = reports.take(&burst(client, said, 6)).await.unwrap();
    assert_eq!(again, [Taken::Appended(Appended::Duplicate), Taken::Ended(Ended::Late)]);
    assert!(stores.flows.live(client).await.unwrap().is_empty());
}

async fn what_is_not_the_clients_own_is_refused((stores, reports): Taking) {
    let (client, other) = (stores.enrol(1).await, stores.enrol(2).await);
    let flow = direct_flow(7, client);
    stores.flows.create(&flow).await.unwrap();
    let attempt = first(flow.id);
    let log = LogBatch { attempt, seq: 0, lines: Vec::new() };
    let said = vec![
        Report::Delivered(attempt),
        Report::Rows(batch(attempt, 0, &["{}"])),
        Report::Log(log),
        finished(attempt, 1, 1),
    ];
    let refused = || Taken::Appended(Appended::Refused(BatchRefusal::NotYours(flow.id)));
    let taken = reports.take(&burst(other, said, 5)).await.unwrap();
    let ended = Taken::Ended(Ended::NotYours);
    assert_eq!(taken, [Taken::Delivered(false), refused(), refused(), ended]);
    assert_eq!(stores.flows.get(flow.id).await.unwrap(), Some(flow));
}

async fn an_end_that_declares_more_than_came_is_incomplete((stores, reports): Taking) {
    let client = stores.enrol(1).await;
    let flow = direct_flow(7, client);
    stores.flows.create(&flow).await.unwrap();
    let attempt = first(flow.id);
    let said = vec![Report::Rows(batch(attempt, 0, &["{}"])), finished(attempt, 2, 1)];
    reports.take(&burst(client, said, 5)).await.unwrap();
    let state = stores.flows.get(flow.id).await.unwrap().unwrap().life.state;
    assert!(matches!(state, FlowState::Failed(FlowFailure::Incomplete(_))), "{state:?}");
}

async fn many_clients_at_once_are_each_as_alone((stores, reports): Taking) {
    const CLIENTS: u8 = 40;
    let hunt = stores.start_hunt(1, spec(), at(2)).await.id;
    let mut clients = Vec::new();
    for number in 1..=CLIENTS {
        clients.push(stores.enrol(number).await);
    }
    let decided = clients.iter().map(|client| {
        let decision = decision(hunt, *client, Ok(()));
        let members = &stores.members;
        async move { members.decide(&[decision], at(3)).await.unwrap() }
    });
    for decided in futures::future::join_all(decided).await {
        assert_eq!(decided, [Decided::Recorded(MemberQueue::Pending)]);
    }
    stores.assert_counters_hold(hunt).await;
    let flows = stores.admit(hunt, CLIENTS.into(), at(4)).await;
    assert_eq!(flows.len(), usize::from(CLIENTS));
    let said = flows.iter().zip(0u64..).map(|(flow, number)| {
        let attempt = first(flow.id);
        // Every fifth speaks for somebody else, every seventh declares more than it brings.
        let client = if number % 5 == 0 { ClientId::from_bits(1 << 100) } else { flow.client };
        let declared = 1 + u64::from(number % 7 == 0);
        let said = vec![
            Report::Delivered(attempt),
            Report::Rows(batch(attempt, 0, &["{}"])),
            finished(attempt, declared, 1),
        ];
        burst(client, said, 5)
    });
    let taken = said.map(|burst| {
        let reports = &reports;
        async move { reports.take(&burst).await.unwrap() }
    });
    let taken = futures::future::join_all(taken).await;
    for ((flow, number), taken) in flows.iter().zip(0u64..).zip(&taken) {
        let now = stores.flows.get(flow.id).await.unwrap().unwrap();
        let refused = Taken::Appended(Appended::Refused(BatchRefusal::NotYours(flow.id)));
        if number % 5 == 0 {
            assert_eq!(*taken, [Taken::Delivered(false), refused, Taken::Ended(Ended::NotYours)]);
            assert_eq!(now.life.state, FlowState::Queued);
            continue;
        }
        let stored = Taken::Appended(Appended::Stored);
        let ended = Taken::Ended(Ended::Moved(Box::new(now.clone())));
        assert_eq!(*taken, [Taken::Delivered(true), stored, ended]);
        match now.life.state {
            FlowState::Done(brought) => assert_eq!((number % 7 != 0, brought), (true, rows(1))),
            FlowState::Failed(FlowFailure::Incomplete(_)) => assert_eq!(number % 7, 0),
            other => panic!("flow {number}: {other:?}"),
        }
    }
    stores.assert_counters_hold(hunt).await;
}

/// One of the reports that an honest or confused agent may make.
fn any_report(chance: &mut SeededEntropy, flows: &[Flow]) -> Report {
    let flow = flows[usize::try_from(pick(chance, flows.len() as u64)).unwrap_or(0)].id;
    let attempt = AttemptId { flow, attempt: 1 + u32::from(pick(chance, 4) == 0) };
    let status = |end| {
        let declared = Tally::default();
        Report::Ended(StatusReport { attempt, end, declared, cpu_millis: 3, windows: Vec::new() })
    };
    match chance.next_u64() % 8 {
        0 => Report::Delivered(attempt),
        1..=3 => Report::Rows(batch(attempt, pick(chance, 3), &[r#"{"a":1}"#])),
        4 => {
            let line = LogLine { time: at(1), level: "INFO".into(), text: "so".into() };
            Report::Log(LogBatch { attempt, seq: pick(chance, 2), lines: vec![line] })
        }
        5 => finished(attempt, pick(chance, 3), pick(chance, 3)),
        6 => status(AttemptEnd::Failed(FlowFailure::AgentRestarted)),
        _ => status(AttemptEnd::Cancelled),
    }
}

async fn together_is_as_one_by_one(seed: u64, (ours, reports): Taking, (theirs, _): Taking) {
    let plain = OneByOne { flows: Arc::clone(&theirs.flows), results: Arc::clone(&theirs.results) };
    let mut chance = SeededEntropy::new(seed);
    let mut flows = Vec::new();
    for number in 1..4 {
        for stores in [&ours, &theirs] {
            let flow = direct_flow(number, stores.enrol(1).await);
            stores.flows.create(&flow).await.unwrap();
            flows.push(flow);
        }
    }
    flows.push(Flow { id: FlowId::from_bits(99), ..flows[0].clone() });
    for round in 0..20 {
        let said = (0..pick(&mut chance, 6)).map(|_| any_report(&mut chance, &flows)).collect();
        let burst = burst(flows[0].client, said, 10 + round);
        let (a, b) = (reports.take(&burst).await.unwrap(), plain.take(&burst).await.unwrap());
        assert_eq!(a, b, "seed {seed}, {burst:?}");
    }
    for flow in &flows {
        let (a, b) = (ours.flows.get(flow.id).await, theirs.flows.get(flow.id).await);
        assert_eq!(a.unwrap(), b.unwrap(), "seed {seed}");
        let (a, b) =
            (ours.results.received(first(flow.id)), theirs.results.received(first(flow.id)));
        assert_eq!(a.await.unwrap(), b.await.unwrap(), "seed {seed}");
    }
}
