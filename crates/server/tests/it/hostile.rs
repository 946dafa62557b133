//! Agents that lie, and what becomes of it: a refusal with a logged reason; the server stays up.

use serde_json::json;
use tokio_tungstenite::tungstenite::Message;
use wire::{Attempt, ReportSays, Rows, ServerSays, UploadPart};

use crate::agent::{Agent, Identity, finished, flow_id, raw_rows, rows};
use crate::browser::Browser;
use crate::hunting::connected;
use crate::log::assert_logged;
use crate::world::World;

pub(crate) async fn with_flow(world: &World, admin: &Browser) -> (Identity, Agent, Attempt) {
    let (identity, mut agent) = connected(world, admin).await;
    let asked = json!({
        "client": identity.client,
        "artifacts": [{ "name": "Test.Rows" }],
        "limits": { "rows": 10, "upload_bytes": "1kB" },
    });
    admin.post("/flows", asked).await.good();
    let attempt = agent.take_request().await.attempt.unwrap();
    (identity, agent, attempt)
}

async fn last_words(agent: &mut Agent) -> String {
    let mut words = String::new();
    while let Some(says) = agent.hear().await {
        if let ServerSays::Bye(bye) = says {
            words = bye.reason;
        }
    }
    words
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_make_no_sense_end_the_session_only() {
    let world = World::start().await;
    let admin = world.admin().await;
    let (identity, _agent) = connected(&world, &admin).await;
    let check = async |message: Message, reason: &str| {
        let mut agent = identity.connect(&world).await;
        // A message that is too large may be cut off while it is sent, and the last word with it.
        let sent = agent.try_raw(message).await;
        let words = last_words(&mut agent).await;
        assert!(!sent || words.is_empty() || words.contains(reason), "{words}");
        assert_logged("frame_refused", &[&identity.client, reason]);
    };
    check(Message::Binary(vec![0xff; 64].into()), "not a frame").await;
    check(Message::Text("hello".into()), "binary").await;
    check(Message::Binary(vec![0; (1 << 20) + 1].into()), "too large").await;
    let health = world.stranger().get("/health").await.good();
    assert_eq!(health["status"], "ok");
    identity.connect(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_that_are_not_in_order_or_too_large_are_rejected() {
    let world = World::start().await;
    let admin = world.admin().await;
    let (identity, mut agent, attempt) = with_flow(&world, &admin).await;
    let row = r#"{"a":1}"#;
    agent.good_report(&attempt, rows(0, &[row])).await;
    agent.good_report(&attempt, rows(0, &[row])).await;
    let why = agent.bad_report(&attempt, rows(7, &[row])).await;
    assert!(why.contains("batch 7 came when 1 was expected"), "{why}");
    assert_logged("frame_refused", &[&identity.client, "batch 7"]);
    let why = agent.bad_report(&attempt, rows(1, &[row; 11])).await;
    assert!(why.contains("may bring 10 rows"), "{why}");
    let why = agent.bad_report(&attempt, rows(1, &["[1]"])).await;
    assert!(why.contains("not a JSON object"), "{why}");
    let wrong_count =
        Rows { source: "Test.Rows".into(), seq: 1, count: 5, jsonl: b"{}\n".to_vec(), zstd: false };
    let why = agent.bad_report(&attempt, raw_rows(wrong_count)).await;
    assert!(why.contains("count"), "{why}");
    let bomb = vec![b' '; 40 << 20];
    let jsonl = zstd::bulk::compress(&bomb, 3).unwrap();
    let bomb = Rows { source: "Test.Rows".into(), seq: 1, count: 1, jsonl, zstd: true };
    let why = agent.bad_report(&attempt, raw_rows(bomb)).await;
    assert!(why.contains("rows.jsonl"), "{why}");
    agent.good_report(&attempt, finished(1, 1, (0, 0))).await;
    let flow = admin.get(&format!("/flows/{}", flow_id(&attempt))).await.good();
    assert_eq!((&flow["state"], &flow["rows"]), (&json!("done"), &json!(1)), "{flow}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_clients_flow_is_out_of_reach() {
    let world = World::start().await;
    let admin = world.admin().await;
    let (_, _owner, attempt) = with_flow(&world, &admin).await;
    let (thief, mut agent) = connected(&world, &admin).await;
    let part =
        UploadPart { path: "/x".into(), data: vec![1], declared_size: 1, ..UploadPart::default() };
    for says in [rows(0, &["{}"]), finished(0, 0, (0, 0)), ReportSays::Upload(part)] {
        let why = agent.bad_report(&attempt, says).await;
        assert!(why.contains("this client has no flow"), "{why}");
    }
    assert_logged("frame_refused", &[&thief.client, "has no flow"]);
    let unknown = Attempt { flow: vec![9; 16], attempt: 1 };
    let why = agent.bad_report(&unknown, rows(0, &["{}"])).await;
    assert!(why.contains("this client has no flow"), "the same words, whether it exists or not");
    let flow = admin.get(&format!("/flows/{}", flow_id(&attempt))).await.good();
    assert_eq!((&flow["state"], &flow["rows"]), (&json!("running"), &json!(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declared_size_beyond_the_limit_is_refused_before_a_byte_is_kept() {
    let world = World::start().await;
    let admin = world.admin().await;
    let (identity, mut agent, attempt) = with_flow(&world, &admin).await;
    let huge = UploadPart {
        path: "/dev/zero".into(),
        declared_size: 10 << 30,
        data: vec![0; 100],
        ..UploadPart::default()
    };
    let why = agent.bad_report(&attempt, ReportSays::Upload(huge.clone())).await;
    assert!(why.contains("10737418240 bytes was declared"), "{why}");
    assert_logged("frame_refused", &[&identity.client, "10737418240"]);
    let lied = UploadPart { declared_size: 10, ..huge.clone() };
    let why = agent.bad_report(&attempt, ReportSays::Upload(lied)).await;
    assert!(why.contains("declared with 10 bytes and has more"), "{why}");
    let gap = UploadPart { number: 1, declared_size: 500, offset: 200, ..huge.clone() };
    let why = agent.bad_report(&attempt, ReportSays::Upload(gap)).await;
    assert!(why.contains("a part at 200 came"), "{why}");
    let wrong_hash =
        UploadPart { number: 2, declared_size: 100, last: true, sha256: vec![7; 32], ..huge };
    let why = agent.bad_report(&attempt, ReportSays::Upload(wrong_hash)).await;
    assert!(why.contains("not what its hash says"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_declared_and_did_not_arrive_makes_a_flow_incomplete() {
    let world = World::start().await;
    let admin = world.admin().await;
    let (_, mut agent, attempt) = with_flow(&world, &admin).await;
    agent.good_report(&attempt, rows(0, &["{}"])).await;
    agent.good_report(&attempt, finished(5, 2, (0, 0))).await;
    let flow = admin.get(&format!("/flows/{}", flow_id(&attempt))).await.good();
    assert_eq!(flow["state"], "failed");
    assert!(
        flow["reason"].as_str().unwrap().starts_with("incomplete: Test.Rows: 5 rows"),
        "{flow}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_has_so_many_connections() {
    let world = World::with(|config| config.agents.connections_per_address_max = 4).await;
    let mut open = Vec::new();
    for _ in 0..6 {
        open.push(tokio::net::TcpStream::connect(world.server.agents).await.unwrap());
    }
    let closed = open.iter_mut().map(|stream| {
        Box::pin(async move {
            let mut byte = [0u8; 1];
            tokio::io::AsyncReadExt::read(stream, &mut byte).await
        })
    });
    let (first, _, _) = futures_util::future::select_all(closed).await;
    assert!(matches!(first, Ok(0) | Err(_)), "a connection too many is closed at once");
    assert_logged("connection_turned_away", &["127.0.0.1", "this address"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_and_loses_nothing() {
    let world = World::start().await;
    let admin = world.admin().await;
    let (identity, mut agent, attempt) = with_flow(&world, &admin).await;
    agent.good_report(&attempt, rows(0, &["{}"])).await;
    world.counted.disk_is_full(true);
    let status = wire::AgentSays::Report(wire::Report {
        number: 2,
        attempt: Some(attempt.clone()),
        says: Some(finished(1, 1, (0, 0))),
    });
    agent.say(status).await;
    let words = last_words(&mut agent).await;
    assert!(words.contains("could not do this now"), "not acknowledged, to be sent again: {words}");
    assert_eq!(identity.try_link(&world).await.err(), Some(503));
    let health = world.stranger().get("/health").await.good();
    assert_eq!(health["status"], "degraded");
    assert!(health["problems"][0].as_str().unwrap().contains("disk is full"), "{health}");
    let trouble = &health["troubles"][0];
    assert_eq!(trouble["what"], health["problems"][0]);
    assert!(trouble["works"].as_str().unwrap().contains("Agents keep"), "{health}");

    world.counted.disk_is_full(false);
    let mut agent = identity.try_link(&world).await.unwrap();
    agent.hello(std::slice::from_ref(&attempt)).await;
    agent.good_report(&attempt, finished(1, 1, (0, 0))).await;
    let flow = admin.get(&format!("/flows/{}", flow_id(&attempt))).await.good();
    assert_eq!((&flow["state"], &flow["rows"]), (&json!("done"), &json!(1)));
}
