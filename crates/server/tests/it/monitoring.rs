//! What is monitored: from the table to agents of every age, and their rows back to people.

use model::monitoring::{Event, EventKind, RunId};
use model::results::AttemptId;
use serde_json::{Value, json};
use wire::{AgentSays, Attempt, Hello, Monitoring, ReportSays, ServerSays, pack_events};

use crate::agent::{Agent, Identity, facts};
use crate::browser::Browser;
use crate::hunting::connected;
use crate::log::assert_logged;
use crate::world::World;

async fn enrolled(world: &World, admin: &Browser) -> Identity {
    let token = admin.enrolment_token(1).await;
    Identity::enrolled(world, &token).await
}

/// An agent that can monitor, and says that it monitors this.
async fn monitoring_agent(world: &World, identity: &Identity, now: u64) -> Agent {
    let mut agent = identity.try_link(world).await.expect("the link opens");
    let hello = Hello {
        protocol: wire::PROTOCOL,
        facts: Some(facts()),
        monitoring: Some(now),
        ..Hello::default()
    };
    agent.say(AgentSays::Hello(hello)).await;
    let welcome = agent.hear().await;
    assert!(matches!(welcome, Some(ServerSays::Welcome(_))), "{welcome:?}");
    agent
}

async fn told(agent: &mut Agent) -> Monitoring {
    agent
        .hear_until(|says| match says {
            ServerSays::Monitoring(wanted) => Some(wanted),
            _ => None,
        })
        .await
}

fn words(wanted: &Monitoring) -> Vec<(&str, u32)> {
    let word = |item: &'_ wire::Monitored| {
        let collection = item.collection.as_ref().unwrap();
        assert!(collection.parallel && collection.sources.len() == 2);
        (collection.environment[0].value.clone(), item.cpu_percent)
    };
    let words: Vec<(String, u32)> = wanted.wanted.iter().map(word).collect();
    words.into_iter().map(|(word, cpu)| (&*Box::leak(word.into_boxed_str()), cpu)).collect()
}

async fn add(admin: &Browser, entry: Value) -> Value {
    admin.post("/monitoring/add", entry).await.good()
}

fn entry(label: Option<&str>, word: &str) -> Value {
    json!({ "artifact": "Test.Events", "label": label, "parameters": { "Word": word } })
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_are_told_what_concerns_them_and_only_then() {
    let world = World::start().await;
    let admin = world.admin().await;
    let identity = enrolled(&world, &admin).await;
    let mut agent = monitoring_agent(&world, &identity, 0).await;
    // An older agent is in the room all the time and is never told a word that it does not know.
    let (_, mut old) = connected(&world, &admin).await;

    let view = add(&admin, entry(None, "all")).await;
    assert_eq!(
        (&view["revision"], &view["entries"][0]["limits"]["cpu"]),
        (&json!(1), &json!("7%"))
    );
    let first = told(&mut agent).await;
    assert_eq!(words(&first), [("all", 7)]);

    // An entry for a label concerns nobody until somebody has the label; the same again nobody at all.
    add(&admin, entry(Some("web"), "web")).await;
    assert_eq!(add(&admin, entry(None, "all")).await["revision"], 2);
    let path = format!("/clients/{}/labels", identity.client);
    admin.post(&path, json!({ "add": ["web"] })).await.good();
    let second = told(&mut agent).await;
    assert_eq!(words(&second), [("web", 7)], "the label's entry comes before that for all");

    // Who comes back with what is wanted is told nothing; who comes with anything else, is.
    drop(agent);
    let mut agent = monitoring_agent(&world, &identity, second.id).await;
    admin
        .post("/monitoring/remove", json!({ "artifact": "Test.Events", "label": "web" }))
        .await
        .good();
    assert_eq!(told(&mut agent).await, first, "the next word is about the change after");
    drop(agent);
    let mut agent = monitoring_agent(&world, &identity, 99).await;
    assert_eq!(told(&mut agent).await, first);
    let set = json!({ "entries": [] });
    admin.send(hyper::Method::PUT, "/api/v1/monitoring", Some(set)).await.good();
    assert_eq!(told(&mut agent).await, Monitoring::default());

    let answer = old.poll(old.cursor, 5).await;
    assert!(matches!(answer, ServerSays::CursorAck(_)), "{answer:?}");
    let audit = admin.get("/audit").await.good();
    let actions: Vec<&str> =
        audit["items"].as_array().unwrap().iter().filter_map(|e| e["action"].as_str()).collect();
    let count = |action: &str| actions.iter().filter(|known| **known == action).count();
    assert_eq!(
        [count("monitoring.add"), count("monitoring.remove"), count("monitoring.set")],
        [2, 1, 1]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_monitored_is_refused_with_the_field() {
    let world = World::start().await;
    let admin = world.admin().await;
    let entries = json!({ "entries": [
        { "artifact": "Test.Rows" },
        { "artifact": "Test.Event" },
        { "artifact": "Test.Events", "parameters": { "Wort": "x" }, "limits": { "cpu": "200%" } },
        { "artifact": "Test.Events", "label": " \u{7}" , "limits": { "batch_bytes": "1GiB" } },
    ]});
    let refused = admin.send(hyper::Method::PUT, "/api/v1/monitoring", Some(entries)).await;
    assert_eq!(refused.status.as_u16(), 422, "{:?}", refused.json());
    let problems = refused.problems().join("\n");
    for part in [
        "entries[0].artifact",
        "CLIENT_EVENT",
        "entries[1].artifact",
        "did you mean `Test.Events`",
        "entries[2].parameters.Wort",
        "entries[2].limits.cpu",
        "entries[3].label",
        "entries[3].limits.batch_bytes",
    ] {
        assert!(problems.contains(part), "{part} is not in\n{problems}");
    }
    let stale = json!({ "entries": [], "revision": 4 });
    let conflict = admin.send(hyper::Method::PUT, "/api/v1/monitoring", Some(stale)).await;
    assert_eq!(conflict.status, 409);
    let missing = admin.post("/monitoring/remove", json!({ "artifact": "Test.Events" })).await;
    assert_eq!(missing.status, 404);
}

fn events(source: &str, kind: EventKind, seq: u64, rows: &[&str]) -> ReportSays {
    let event = |row: &&str| Event {
        observed: base::Timestamp::from_secs(1_700_000_000),
        json: (*row).to_owned(),
    };
    ReportSays::Events(pack_events(source, kind, seq, rows.iter().map(event).collect()))
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_monitored_sources_are_kept_once_and_found_again() {
    let world = World::start().await;
    let admin = world.admin().await;
    let identity = enrolled(&world, &admin).await;
    let mut agent = monitoring_agent(&world, &identity, 0).await;
    let run: Attempt = AttemptId::of_run(RunId(5)).into();
    let one = |seq, rows: &[&str]| events("Test.Events/One", EventKind::Rows, seq, rows);
    agent.good_report(&run, one(0, &[r#"{"n":0}"#, r#"{"n":1}"#])).await;
    agent.good_report(&run, one(0, &[r#"{"n":0}"#, r#"{"n":1}"#])).await;
    agent.good_report(&run, one(1, &[r#"{"n":2}"#])).await;
    let line = wire::log_event("WARN", "slow disk");
    agent.good_report(&run, events("Test.Events/One", EventKind::Log, 0, &[&line])).await;
    let unknown = events("Made.Up", EventKind::Rows, 0, &["{}"]);
    let why = agent.bad_report(&run, unknown).await;
    assert!(why.contains("no artifact is called `Made.Up`"), "{why}");
    assert_logged("frame_refused", &["Made.Up"]);

    let client = &identity.client;
    let days = admin.get(&format!("/clients/{client}/monitoring")).await.good();
    assert_eq!(
        (&days["days"][0]["rows"], &days["days"][0]["columns"], &days["days"][1]["kind"]),
        (&json!(3), &json!(["n"]), &json!("log"))
    );
    let rows = format!("/clients/{client}/monitoring/rows?source=Test.Events%2FOne");
    let page = admin.get(&format!("{rows}&filter=n%3E0&sort=n&desc=true&limit=1")).await.good();
    assert_eq!((&page["total"], &page["items"][0]["row"]["n"]), (&json!(2), &json!(2)));
    assert_eq!(page["items"][0]["observed"], "2023-11-14T22:13:20Z");
    let past = admin.get(&format!("{rows}&to=2001-01-01")).await.good();
    assert_eq!(past["total"], 0);
    let log = admin.get(&format!("{rows}&log=true")).await.good();
    assert_eq!(log["items"][0]["row"], json!({ "level": "WARN", "text": "slow disk" }));

    let scan = "/monitoring/scan?source=Test.Events%2FOne";
    let all = admin.get(scan).await.good();
    assert_eq!((all["items"].as_array().unwrap().len(), &all["end"]), (3, &json!(true)));
    let now = admin.get(&format!("{scan}&after=now")).await.good();
    assert_eq!(now["items"], json!([]));
    agent.good_report(&run, one(2, &[r#"{"n":3}"#])).await;
    let place = now["place"].as_str().unwrap();
    let later = admin.get(&format!("{scan}&after={place}&client={client}")).await.good();
    assert_eq!(later["items"][0]["row"]["n"], 3);

    let export = admin.get("/monitoring/export.jsonl?source=Test.Events%2FOne").await;
    let lines: Vec<Value> = export
        .body
        .split(|b| *b == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    assert_eq!((lines.len(), &lines[3]["n"], &lines[3]["_client"]), (4, &json!(3), &json!(client)));
    for (path, status) in [
        ("/monitoring/scan", 422),
        ("/monitoring/scan?source=A&from=soon", 422),
        ("/monitoring/scan?source=A&after=there", 400),
        ("/monitoring/scan?source=A&client=C.1", 400),
    ] {
        assert_eq!(admin.get(path).await.status, status, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_told_from_a_flow() {
    let world = World::start().await;
    let admin = world.admin().await;
    let identity = enrolled(&world, &admin).await;
    let mut agent = monitoring_agent(&world, &identity, 0).await;
    let flow = Attempt { flow: vec![1; 16], attempt: 1 };
    let why = agent.bad_report(&flow, events("Test.Events", EventKind::Rows, 0, &["{}"])).await;
    assert!(why.contains("names an attempt of a flow"), "{why}");
    let run: Attempt = AttemptId::of_run(RunId(5)).into();
    let why = agent.bad_report(&run, crate::agent::rows(0, &["{}"])).await;
    assert!(why.contains("has no flow"), "{why}");
}
