//! Enrolment, both transports, hunts' conditions, and how a conversation ends.

use std::sync::Arc;

use agent::{EnrolError, Farewell, Key, Settings, TransportChoice};
use base::HuntId;
use link::{Bookmark, Bookmarks, Outbox};
use wire::{Bye, CheckFailure, Facts, HuntsChanged, OfferId, ServerSays};

use crate::stage::{Actor, Memory, Script, Scripted, Stage, question};

fn settings(transport: TransportChoice) -> Settings {
    Settings { transport, ..Settings::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_token_is_final_and_says_why() {
    let stage = Stage::new(Script { refuse_token: true, ..Script::default() }).await;
    let key = Key::generate().unwrap();
    let refused = agent::enrol(&stage.target(None), "id.secret", &key, &Facts::default()).await;
    let refused = refused.err().unwrap();
    assert!(refused.is_final());
    assert_eq!(refused.to_string(), "the server refused to enrol this agent: the token is used up");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_another_authority_is_not_spoken_to() {
    let (stage, stranger) =
        (Stage::new(Script::default()).await, Stage::new(Script::default()).await);
    let mut target = stage.target(None);
    target.address = stranger.address.clone();
    let key = Key::generate().unwrap();
    let refused = agent::enrol(&target, "id.secret", &key, &Facts::default()).await.err().unwrap();
    assert!(matches!(refused, EnrolError::Transport { .. }));
    let why = base::Chain(&refused).to_string();
    assert!(why.contains("certificate"), "{why}");
}

async fn a_condition_is_answered_over(transport: TransportChoice) -> Arc<Stage> {
    let queries = vec![question("good", 1), question("bad", 2)];
    let labels = vec!["web".to_owned()];
    let stage = Stage::new(Script { newest_offer: 70, queries, labels, ..Script::default() }).await;
    let identity = stage.identity().await;
    let memory = Memory::new();
    let collector = Scripted {
        ask: Box::new(|question| match question.vql.as_str() {
            "good" => Ok(vec![format!("{{\"Labels\":{:?}}}", question.labels)]),
            _ => Err("no such plugin".to_owned()),
        }),
        ..Scripted::default()
    };
    let _actor = Actor::start(&stage, &identity, &memory, Arc::new(collector), settings(transport));
    let answers =
        stage.until("two answers", |r| (r.answers.len() == 2).then(|| r.answers.clone())).await;
    assert_eq!(answers[0].outcome, Ok(vec![r#"{"Labels":["own", "web"]}"#.to_owned()]));
    assert_eq!(answers[1].outcome, Err(CheckFailure::Failed("no such plugin".to_owned())));
    // The cursor is on disk before the next hello shows it.
    while memory.bookmarks.bookmark() != (Bookmark { cursor: 70, recheck: 0 }) {
        tokio::task::yield_now().await;
    }
    stage
}

#[tokio::test(flavor = "multi_thread")]
async fn a_condition_is_answered_over_a_websocket() {
    let stage = a_condition_is_answered_over(TransportChoice::Auto).await;
    assert_eq!(stage.record.lock().unwrap().bodies, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_condition_is_answered_over_plain_http() {
    let stage = a_condition_is_answered_over(TransportChoice::Http).await;
    assert_eq!(stage.record.lock().unwrap().sockets, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_http_is_used_when_no_websocket_can_be_had() {
    let stage = Stage::new(Script { refuse_upgrade: true, ..Script::default() }).await;
    let identity = stage.identity().await;
    let auto = settings(TransportChoice::Auto);
    let _actor = Actor::start(&stage, &identity, &Memory::new(), Arc::<Scripted>::default(), auto);
    stage.until("a body", |record| (record.bodies > 0).then_some(())).await;
    assert_eq!(stage.record.lock().unwrap().sockets, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_brings_a_new_hunt_at_once() {
    let stage = Stage::new(Script::default()).await;
    let identity = stage.identity().await;
    let auto = settings(TransportChoice::Auto);
    let _actor = Actor::start(&stage, &identity, &Memory::new(), Arc::<Scripted>::default(), auto);
    stage.until("a hello", |record| record.hellos.first().cloned()).await;
    {
        let mut script = stage.script.lock().unwrap();
        script.newest_offer = 80;
        script.queries = vec![question("q", 3)];
    }
    stage.say(ServerSays::HuntsChanged(HuntsChanged { newest_offer: 80, ..Default::default() }));
    stage.until("an answer", |record| record.answers.first().cloned()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_took_the_agent_down_is_not_asked_again() {
    let queries = vec![question("deadly", 1), question("good", 2)];
    let stage = Stage::new(Script { newest_offer: 70, queries, ..Script::default() }).await;
    let identity = stage.identity().await;
    let memory = Memory::new();
    // The process died during the first query.
    let deadly =
        OfferId { hunt: HuntId::from_bits(u128::from_be_bytes([1; 16])), round: 1, revision: 1 };
    memory.bookmarks.begin_query(&[deadly]).unwrap();
    let memory = Memory { bookmarks: Arc::new(memory.bookmarks.reborn()), ..memory };
    let collector = Scripted {
        ask: Box::new(|question| match question.vql.as_str() {
            "deadly" => panic!("it must not be asked again"),
            _ => Ok(vec![]),
        }),
        ..Scripted::default()
    };
    let auto = settings(TransportChoice::Auto);
    let _actor = Actor::start(&stage, &identity, &memory, Arc::new(collector), auto);
    let answers =
        stage.until("two answers", |r| (r.answers.len() == 2).then(|| r.answers.clone())).await;
    assert_eq!(answers[0].offers, [deadly]);
    assert_eq!(answers[0].outcome, Err(CheckFailure::Crashed));
    assert_eq!(answers[1].outcome, Ok(vec![]));
    while !memory.bookmarks.crashed().is_empty() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_panics_refuses_its_own_hunt_only() {
    let queries = vec![question("panic", 1), question("good", 2)];
    let stage = Stage::new(Script { newest_offer: 70, queries, ..Script::default() }).await;
    let identity = stage.identity().await;
    let collector = Scripted {
        ask: Box::new(|question| {
            assert!(question.vql != "panic", "a bug in a plugin");
            Ok(vec![])
        }),
        ..Scripted::default()
    };
    let auto = settings(TransportChoice::Auto);
    let _actor = Actor::start(&stage, &identity, &Memory::new(), Arc::new(collector), auto);
    let answers =
        stage.until("two answers", |r| (r.answers.len() == 2).then(|| r.answers.clone())).await;
    let Err(CheckFailure::Failed(why)) = &answers[0].outcome else { panic!("{answers:?}") };
    assert!(why.contains("broke down"), "{why}");
    assert_eq!(answers[1].outcome, Ok(vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_agent_stops_for_good_and_a_dismissed_one_comes_back() {
    let stage = Stage::new(Script::default()).await;
    let identity = stage.identity().await;
    let auto = settings(TransportChoice::Auto);
    let memory = Memory::new();
    let actor = Actor::start(&stage, &identity, &memory, Arc::<Scripted>::default(), auto);
    stage.until("a hello", |record| record.hellos.first().cloned()).await;
    let bye = |for_ever| {
        ServerSays::Bye(Bye { reason: "revoked".into(), for_ever, ..Default::default() })
    };
    stage.say(bye(false));
    stage.until("a second hello", |record| record.hellos.get(1).cloned()).await;
    stage.say(bye(true));
    assert_eq!(actor.farewell().await, Farewell::TurnedAway { reason: "revoked".into() });
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_is_asked_to_end_ends() {
    let stage = Stage::new(Script::default()).await;
    let identity = stage.identity().await;
    for transport in [TransportChoice::WebSocket, TransportChoice::Http] {
        let memory = Memory::new();
        let collector = Arc::<Scripted>::default();
        let actor = Actor::start(&stage, &identity, &memory, collector, settings(transport));
        let before = stage.record.lock().unwrap().hellos.len();
        stage.until("a hello", |r| (r.hellos.len() > before).then_some(())).await;
        actor.stop.cancel();
        assert_eq!(actor.farewell().await, Farewell::Stopped);
        assert_eq!(memory.outbox.census().live, []);
    }
}
