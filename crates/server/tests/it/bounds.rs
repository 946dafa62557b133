//! Canaries, repetition, revisions, rounds and comparison of hunts, over the API.

use serde_json::{Value, json};
use wire::{AgentSays, ReportSays, ServerSays, Status, WindowDone};

use crate::agent::{Agent, finished, rows};
use crate::browser::Browser;
use crate::hunting::{MATCHES, connected, hunt, start};
use crate::world::World;

fn with(change: &[(&str, Value)]) -> Value {
    let mut asked = hunt("");
    for (field, value) in change {
        asked[*field] = value.clone();
    }
    asked
}

async fn view(admin: &Browser, hunt: &str) -> Value {
    admin.get(&format!("/hunts/{hunt}")).await.good()
}

async fn collects(agent: &mut Agent, found: &[&str]) {
    let request = agent.take_request().await;
    let attempt = request.attempt.unwrap();
    agent.good_report(&attempt, rows(0, found)).await;
    agent.good_report(&attempt, finished(found.len() as u64, 1, (0, 0))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_lets_in_others_than_the_canaries() {
    let world = World::start().await;
    let admin = world.admin().await;
    let (_, mut first) = connected(&world, &admin).await;
    let (_, mut second) = connected(&world, &admin).await;
    let canary = json!({ "clients": 1, "then": "gate" });
    let hunt = start(&admin, with(&[("canary", canary)])).await;
    let check = first.check().await;
    first.answer(&check, &[MATCHES]).await;
    assert_eq!(view(&admin, &hunt).await["stage"], "canary");
    let check = second.check().await;
    second.answer(&check, &[MATCHES]).await;
    collects(&mut first, &[r#"{"Word":"hi"}"#]).await;
    let held = view(&admin, &hunt).await;
    assert_eq!((&held["stage"], &held["counts"]["pending"]), (&json!("holding"), &json!(1)));
    assert!(held["verbs"].as_array().unwrap().contains(&json!("widen")));
    assert_eq!(held["spent"]["rows"], 1);
    let open = admin.act(&format!("/hunts/{hunt}/widen")).await.good();
    assert_eq!(open["stage"], Value::Null);
    collects(&mut second, &[r#"{"Word":"ho"}"#]).await;
    assert_eq!(view(&admin, &hunt).await["counts"]["results"], 2);
    let again = admin.act(&format!("/hunts/{hunt}/widen")).await;
    assert!(again.error().contains("open already"), "{}", again.error());
    let audit = admin.get("/audit").await.good().to_string();
    assert!(audit.contains("hunt.widen"), "{audit}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_runs_again_by_hand_with_other_limits() {
    let world = World::start().await;
    let admin = world.admin().await;
    let (_, mut agent) = connected(&world, &admin).await;
    let hunt = start(&admin, with(&[])).await;
    let check = agent.check().await;
    agent.answer(&check, &[MATCHES]).await;
    let attempt = agent.take_request().await.attempt.unwrap();
    let failed = Status { failure: "row_limit".into(), ..Status::default() };
    agent.good_report(&attempt, ReportSays::Status(failed)).await;
    let path = format!("/hunts/{hunt}/retry");
    let wrong = admin.post(&path, json!({ "class": "bad luck" })).await;
    assert!(wrong.problems().concat().contains("not a class"), "{:?}", wrong.problems());
    let none = admin.post(&path, json!({ "class": "timeout" })).await.good();
    assert_eq!(none["clients"], 0);
    let done = admin.post(&path, json!({ "class": "row_limit", "rows": 7 })).await.good();
    assert_eq!(done["clients"], 1);
    let again = agent.take_request().await;
    assert_eq!(again.attempt.unwrap().attempt, 2);
    assert_eq!(again.limits.unwrap().rows_max, 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn revisions_tell_who_changed_what() {
    let world = World::start().await;
    let admin = world.admin().await;
    let hunt = start(&admin, with(&[])).await;
    let path = format!("/api/v1/hunts/{hunt}");
    let edit = json!({
        "revision": 1,
        "rate": "5/min",
        "limits": { "stop_when": { "failed_share": "20%", "after_clients": 3 } },
    });
    admin.send(hyper::Method::PUT, &path, Some(edit)).await.good();
    let kept = admin.get(&format!("/hunts/{hunt}/revisions")).await.good();
    assert_eq!((&kept[0]["revision"], &kept[0]["changes"]), (&json!(1), &json!([])));
    assert!(kept[1]["by"].as_str().unwrap().contains("admin"));
    let changes = kept[1]["changes"].as_array().unwrap();
    let fields: Vec<&str> = changes.iter().map(|it| it["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["rate", "limits.stop_when"]);
    assert_eq!(changes[0]["before"], "\"unlimited\"");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hunts_are_compared_line_by_line() {
    let world = World::start().await;
    let admin = world.admin().await;
    let (identity, mut agent) = connected(&world, &admin).await;
    let mut hunts = Vec::new();
    for found in [
        [r#"{"Word":"a","N":1}"#, r#"{"Word":"b","N":1}"#],
        [r#"{"Word":"b","N":2}"#, r#"{"Word":"c","N":1}"#],
    ] {
        let hunt = start(&admin, with(&[])).await;
        let check = agent.check().await;
        agent.answer(&check, &[MATCHES]).await;
        collects(&mut agent, &found).await;
        hunts.push(hunt);
    }
    let (before, after) = (&hunts[0], &hunts[1]);
    let path = format!("/api/v1/hunts/{before}/diff?with={after}&key=Word");
    let reply = admin.send(hyper::Method::GET, &path, None).await;
    assert_eq!(reply.header("content-type"), "application/x-ndjson");
    let text = String::from_utf8(reply.body.to_vec()).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let shown: Vec<String> = lines
        .iter()
        .map(|it| format!("{} {} {}", it["change"], it["row"]["Word"], it["was"]))
        .collect();
    let want = [r#""gone" "a" null"#, r#""changed" "b" {"N":1}"#, r#""new" "c" null"#];
    assert_eq!(shown, want);
    assert_eq!(
        (&lines[0]["client"], &lines[0]["hostname"]),
        (&json!(identity.client), &json!("box-1"))
    );
    let first = admin.get(&format!("/hunts/{before}/diff")).await;
    assert!(first.error().contains("no round before"), "{}", first.error());
}

/// Answers whatever is asked until a flow is delivered, and ends it with the window that it asked for.
pub(crate) async fn one_round(agent: &mut Agent) -> (Option<i64>, i64) {
    loop {
        match agent.hear().await.expect("the server keeps the connection") {
            ServerSays::HuntsChanged(_) => {
                let cursor = agent.cursor;
                agent.say(AgentSays::Poll(wire::ForemanPoll { cursor, recheck: 0 })).await;
            }
            ServerSays::Check(check) => agent.answer(&check, &[MATCHES]).await,
            ServerSays::FlowRequest(request) => {
                let attempt = request.attempt.clone();
                agent.say(AgentSays::Receipt(wire::FlowReceipt { attempt })).await;
                let window = request.collections[0].window.clone().expect("it names a window");
                let to = window.from_micros.map_or(1_000_000, |from| from + 1_000_000);
                let attempt = request.attempt.unwrap();
                agent.good_report(&attempt, rows(0, &[r#"{"Word":"x"}"#])).await;
                let ReportSays::Status(status) = finished(1, 1, (0, 0)) else { unreachable!() };
                let done = WindowDone {
                    source: window.sources[0].clone(),
                    from_micros: window.from_micros.unwrap_or(0),
                    to_micros: to,
                    anew: false,
                };
                let status = Status { windows: vec![done], ..status };
                agent.good_report(&attempt, ReportSays::Status(status)).await;
                return (window.from_micros, to);
            }
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recurring_hunt_goes_on_from_its_checkpoint() {
    let world = World::start().await;
    let admin = world.admin().await;
    let (identity, mut agent) = connected(&world, &admin).await;
    let call = json!([{ "name": "Test.Window" }]);
    let schedule = json!({ "every": "1s", "buffer": "30s" });
    let hunt = start(&admin, with(&[("artifacts", call), ("schedule", schedule)])).await;
    let path = format!("/hunts/{hunt}/checkpoints/{}", identity.client);
    // A round may be over before its answer comes; the next one asks again.
    let mut reached = Value::Null;
    for _ in 0..20 {
        let (from, _) = one_round(&mut agent).await;
        let marks = admin.get(&path).await.good();
        if from.is_some() && marks[0]["round"].as_u64() > Some(1) {
            reached = marks;
            break;
        }
    }
    assert_eq!((&reached[0]["source"], &reached[0]["epoch"]), (&json!("Test.Window"), &json!(1)));
    let shown = view(&admin, &hunt).await;
    assert!(shown["round"].as_u64() > Some(1) && shown["next_round"].is_string(), "{shown}");
    let rounds = admin.get(&format!("/hunts/{hunt}/rounds")).await.good();
    assert!(rounds["total"].as_u64() > Some(1), "{rounds}");
    assert_eq!(rounds["items"][0]["round"], 1);
    let first = admin.get(&format!("/hunts/{hunt}/members?round=1")).await.good();
    assert_eq!(first["total"], 1);
    let none = admin.get(&format!("/hunts/{hunt}/results?round=9999999")).await;
    assert!(none.error().contains("has no round"), "{}", none.error());
}
