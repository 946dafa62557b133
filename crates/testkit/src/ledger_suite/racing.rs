//! Several clients at once.

use loghunt::command::{Command, Refusal};
use loghunt::ports::{FindingQuery, Step, StreamQuery};
use model::store::Paging;

use crate::log_stores::{LogStores, claim, commit, each, finding, key, open, plan, token};

/// Two clients ask for the same window, and then both commit the same slice.
pub(super) async fn one_of_two_clients_wins(stores: LogStores) {
    let key = key("acme", "whoami");
    stores.planned(&key, 600, 3_600).await;
    for round in 0..10 {
        let of = |owner: &str| Step::of(key.clone(), vec![claim(owner)]);
        let (first, second) = (of("a"), of("b"));
        let (a, b) = tokio::join!(stores.ledger.step(&first), stores.other.step(&second));
        let claimed = [a, b].map(|answer| answer.unwrap().unwrap().claimed);
        let ([Some(slice), None] | [None, Some(slice)]) = claimed else {
            panic!("one of two has it: {claimed:?}")
        };
        assert_eq!(token(&slice), round + 1);
        let found = vec![finding(&key, u128::from(round))];
        let step = Step {
            findings: found,
            tell: each(),
            ..Step::of(key.clone(), vec![commit(&slice), plan_next(&slice)])
        };
        let (a, b) = tokio::join!(stores.ledger.step(&step), stores.other.step(&step));
        let mut refused = 0;
        for answer in [a.unwrap(), b.unwrap()] {
            match answer {
                Ok(applied) => assert_eq!(applied.findings_new, 1),
                Err(refusal) => {
                    assert_eq!(refusal, Refusal::Fenced { token: round + 1 });
                    refused += 1;
                }
            }
        }
        assert_eq!(refused, 1, "exactly one commits");
    }
    assert_eq!(stores.count(&FindingQuery::default()).await, 10);
    assert_eq!(stores.outbox.waiting(Paging::ALL).await.unwrap().total, 10);
}

fn plan_next(slice: &model::log::Slice) -> Command {
    plan(slice.window.to().0 / 1_000_000 + 600, 3_600)
}

/// Many streams through both clients at once; the same finding and the same bucket in all of them.
pub(super) async fn keys_do_not_disturb_one_another(stores: LogStores) {
    let epochs = 0..24;
    let run = async |epoch: u32| {
        let key = model::log::StreamKey { epoch, ..key("acme", "whoami") };
        let store = if epoch.is_multiple_of(2) { &stores.ledger } else { &stores.other };
        let step = Step::of(key.clone(), vec![open(0), plan(600, 600), claim("a")]);
        let slice = store.step(&step).await.unwrap().unwrap().claimed.expect("it is the only one");
        let mut findings: Vec<_> = (0..6).map(|number| finding(&key, number)).collect();
        if epoch.is_multiple_of(3) {
            findings.reverse();
        }
        for found in &mut findings {
            found.bucket = Some("the same".into());
        }
        findings.push(finding(&key, 100 + u128::from(epoch)));
        let mut commands = vec![commit(&slice)];
        let refused = epoch % 4 == 3;
        if refused {
            commands.push(Command::Reopen { slice: slice.id });
        }
        let step = Step { findings, tell: each(), ..Step::of(key, commands) };
        let answer = store.step(&step).await.unwrap();
        assert_eq!(answer.is_err(), refused, "{answer:?}");
        answer.map_or(0, |applied| applied.findings_new)
    };
    let runs: Vec<_> = epochs.map(run).collect();
    let counts = futures::future::join_all(runs).await;
    assert_eq!(counts.iter().sum::<u64>(), 6 + 18, "each is new once: {counts:?}");
    assert_eq!(stores.count(&FindingQuery::default()).await, 24);
    let waiting = stores.outbox.waiting(Paging::ALL).await.unwrap();
    assert_eq!(waiting.total, 1 + 18, "of the bucket one is told");
    let committed = stores.ledger.runs(&StreamQuery::default(), Paging::ALL).await.unwrap();
    assert_eq!(committed.total, 18);
}
