//! Whom a hunt is about: lists of clients, previews, hosts by hand, why, copies, tags.

use serde_json::{Value, json};
use wire::ServerSays;

use crate::agent::{Agent, Identity, finished, rows};
use crate::browser::Browser;
use crate::hunting::{MATCHES, connected, hunt, start};
use crate::world::World;

async fn why(admin: &Browser, hunt: &str, client: &str) -> (String, String, String) {
    let said = admin.get(&format!("/hunts/{hunt}/why/{client}")).await.good();
    let text = |name: &str| said[name].as_str().unwrap().to_owned();
    (text("verdict"), text("explanation"), text("next"))
}

fn including(include: Value, exclude: Value) -> Value {
    json!({
        "name": "targeted",
        "artifacts": [{ "name": "Test.Rows" }],
        "condition": { "include": include, "exclude": exclude },
        "start": true,
    })
}

async fn label(admin: &Browser, client: &str, add: &[&str]) {
    admin.post(&format!("/clients/{client}/labels"), json!({ "add": add })).await.good();
}

/// Polls as an agent does that was told of another mark; gives the check, if there is one.
async fn poll_again(agent: &mut Agent, recheck: u64) -> Option<wire::Check> {
    match agent.poll(0, recheck).await {
        ServerSays::Check(check) => Some(check),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_become_ids_and_what_nobody_has_is_told_by_line() {
    let world = World::start().await;
    let admin = world.admin().await;
    let (first, _agent) = connected(&world, &admin).await;
    let (second, _other) = connected(&world, &admin).await;
    // Every agent of these tests calls itself `box-1`.
    let pasted = json!({ "clients_text": "box-1\nnobody\nrm -rf /\n" });
    let reply = admin.post("/hunts", including(pasted, json!({}))).await;
    assert_eq!(reply.status, 422);
    let problems = reply.json()["problems"].clone();
    assert_eq!(problems[0]["line"], 3, "{problems}");
    let pasted = json!({ "clients_text": "box-1\nnobody\n", "clients": ["C.00000000000000000000000000000001"] });
    let problems =
        admin.post("/hunts", including(pasted, json!({}))).await.json()["problems"].clone();
    let told: Vec<(Value, Value)> = problems
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| (problem["field"].clone(), problem["line"].clone()))
        .collect();
    let text = json!("condition.include.clients_text");
    assert_eq!(
        told,
        [
            (json!("condition.include.clients[0]"), json!(null)),
            (text.clone(), json!(1)),
            (text, json!(2)),
        ],
        "{problems}"
    );
    assert!(problems[1]["message"].as_str().unwrap().starts_with("2 clients are called `box-1`"));
    let skipping = json!({ "clients": [first.client, "nobody"], "skip_unknown": true });
    let made = admin.post("/hunts", including(skipping, json!({}))).await.good();
    assert_eq!(made["spec"]["condition"]["include"]["clients"], json!([first.client]));
    let nobody = json!({ "clients": ["nobody"], "skip_unknown": true });
    let reply = admin.post("/hunts", including(nobody, json!({}))).await;
    assert_eq!(reply.status, 422, "an include that names nobody must not ask everybody");
    // Who is gone has no name any more.
    admin.act(&format!("/clients/{}/revoke", second.client)).await.good();
    let list = json!({ "text": "Asset,Owner\nBOX-1,ada\n", "column": "asset" });
    let found = admin.post("/clients/resolve", list).await.good();
    assert_eq!(found["clients"], json!([{ "name": "BOX-1", "client": first.client }]));
    let wrong_os = including(json!({ "os": "linus" }), json!({}));
    assert_eq!(admin.post("/hunts", wrong_os).await.status, 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_counts_whom_the_hunt_asks() {
    let world = World::start().await;
    let admin = world.admin().await;
    let (web, mut asked) = connected(&world, &admin).await;
    let (db, mut left_out) = connected(&world, &admin).await;
    label(&admin, &web.client, &["web"]).await;
    label(&admin, &db.client, &["web-old", "db"]).await;
    let mut request =
        including(json!({ "labels": ["new"], "os": "linux" }), json!({ "labels": ["db"] }));
    request["rate"] = json!("1/min");
    request["condition"]["server"] = json!("SELECT * FROM rows");
    let preview = admin.post("/hunts/preview", request.clone()).await.good();
    assert_eq!(
        (&preview["asked"], &preview["online"], &preview["excluded"]),
        (&json!(1), &json!(1), &json!(1))
    );
    assert_eq!((&preview["recent"], &preview["duration_all"]), (&json!(1), &json!("0s")));
    assert_eq!(preview["excluded_by"][0]["name"], "has the label `db`");
    assert_eq!(preview["sample"][0]["id"], web.client);
    assert_eq!(preview["labels"].as_array().unwrap().len(), 2);
    assert_eq!(preview["unknown"].as_array().unwrap().len(), 2, "{}", preview["unknown"]);
    // Scheduling decides the same, with a system asked for beside the exclusion.
    let hunt = start(&admin, request).await;
    let check = asked.check().await;
    asked.answer(&check, &[MATCHES]).await;
    asked.take_request().await;
    let told = left_out.poll(0, 0).await;
    assert!(matches!(told, ServerSays::CursorAck(_)), "{told:?}");
    assert_eq!(why(&admin, &hunt, &db.client).await.0, "refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_is_put_in_by_hand_past_its_refusal_and_runs_once() {
    let world = World::start().await;
    let admin = world.admin().await;
    let (identity, mut agent) = connected(&world, &admin).await;
    let hunt = start(&admin, including(json!({}), json!({ "labels": ["new"] }))).await;
    agent.poll(0, 0).await;
    assert_eq!(why(&admin, &hunt, "box-1").await.0, "refused");
    admin.act(&format!("/hunts/{hunt}/pause")).await.good();
    let add = json!({ "clients": ["box-1"] });
    let reply = admin.post(&format!("/hunts/{hunt}/members/add"), add.clone()).await.good();
    assert_eq!((&reply["changed"], &reply["items"][0]["outcome"]), (&json!(1), &json!("queued")));
    let (verdict, explanation, next) = why(&admin, &hunt, &identity.client).await;
    assert_eq!(verdict, "member");
    assert!(
        explanation.contains("added by hand") && next.contains("paused"),
        "{explanation} {next}"
    );
    let removed = admin.post(&format!("/hunts/{hunt}/members/remove"), add.clone()).await.good();
    assert_eq!(removed["items"][0]["outcome"], "removed");
    admin.post(&format!("/hunts/{hunt}/members/add"), add.clone()).await.good();
    admin.act(&format!("/hunts/{hunt}/resume")).await.good();
    let attempt = agent.take_request().await.attempt.unwrap();
    agent.good_report(&attempt, rows(0, &[r#"{"Word":"hi"}"#])).await;
    agent.good_report(&attempt, finished(1, 1, (0, 0))).await;
    let again = admin.post(&format!("/hunts/{hunt}/members/add"), add).await.good();
    assert_eq!((&again["changed"], &again["items"][0]["outcome"]), (&json!(0), &json!("stays")));
    let flows = admin.get("/flows").await.good();
    assert_eq!(flows["total"], 1, "nobody runs twice");
    let audit = admin.get("/audit").await.good();
    let actions: Vec<&str> =
        audit["items"].as_array().unwrap().iter().filter_map(|e| e["action"].as_str()).collect();
    assert_eq!(actions.iter().filter(|action| **action == "hunt.add").count(), 2, "{actions:?}");
    let nobody = json!({ "clients": ["nobody"] });
    assert_eq!(admin.post(&format!("/hunts/{hunt}/members/add"), nobody).await.status, 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_label_makes_a_refused_client_eligible_exactly_once() {
    let world = World::start().await;
    let admin = world.admin().await;
    let (identity, mut agent) = connected(&world, &admin).await;
    let hunt = start(&admin, including(json!({ "labels": ["web"] }), json!({}))).await;
    agent.poll(0, 0).await;
    let (verdict, explanation, _) = why(&admin, &hunt, &identity.client).await;
    assert_eq!(verdict, "refused");
    assert!(explanation.contains("has none of the labels asked for"), "{explanation}");
    label(&admin, &identity.client, &["web"]).await;
    let changed = agent
        .hear_until(|says| match says {
            ServerSays::HuntsChanged(changed) if changed.recheck != 0 => Some(changed),
            _ => None,
        })
        .await;
    assert!(why(&admin, &hunt, &identity.client).await.2.contains("labels were changed"));
    let check = poll_again(&mut agent, changed.recheck).await.expect("it is asked again");
    agent.answer_as(&check, &[MATCHES], changed.recheck).await;
    agent.take_request().await;
    // The same poll again, as after a lost answer, and another label: it stays one flow.
    for mark in [changed.recheck, changed.recheck + 1] {
        if mark > changed.recheck {
            label(&admin, &identity.client, &["more"]).await;
        }
        if let Some(check) = poll_again(&mut agent, mark).await {
            agent.answer_as(&check, &[MATCHES], mark).await;
        }
    }
    assert_eq!(admin.get("/flows").await.good()["total"], 1);
    let view = admin.get(&format!("/hunts/{hunt}")).await.good();
    assert_eq!((&view["counts"]["running"], &view["counts"]["refused"]), (&json!(1), &json!(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_asks_for_everything_that_the_hunt_asks_for() {
    let world = World::start().await;
    let admin = world.admin().await;
    let (identity, _agent) = connected(&world, &admin).await;
    let request = json!({
        "name": "cron",
        "description": "who persists",
        "artifacts": [{ "name": "Test.Rows", "parameters": { "Word": "hi" } }],
        "condition": {
            "client": "SELECT 1 AS OS FROM scope()",
            "server": "SELECT * FROM rows",
            "include": { "labels": ["web"], "os": "linux" },
            "exclude": { "labels": ["db"], "os": "windows", "clients": [identity.client] },
        },
        "rate": "20/min",
        "limits": { "clients": 7, "running": 3, "per_client": { "rows": 10, "cpu": "50%" } },
        "expires": "3d",
        "tags": ["sweep", "case 7"],
    });
    let made = admin.post("/hunts", request).await.good();
    let id = made["id"].as_str().unwrap();
    let copied = admin.post(&format!("/hunts/{id}/copy"), json!({})).await.good();
    assert_eq!(copied["spec"], made["spec"], "exclusions, limits and tags too");
    assert_eq!(
        (&copied["state"], &copied["copied_from"], &copied["copied_revision"]),
        (&json!("draft"), &json!(id), &json!(1))
    );
    let named = json!({ "name": "cron again", "start": true });
    let started = admin.post(&format!("/hunts/{id}/copy"), named).await.good();
    assert_eq!(
        (&started["spec"]["name"], &started["state"]),
        (&json!("cron again"), &json!("running"))
    );
    let change = json!({ "add": ["night"], "remove": ["sweep"] });
    let tagged = admin.post(&format!("/hunts/{id}/tags"), change).await.good();
    assert_eq!(
        (&tagged["spec"]["tags"], &tagged["revision"]),
        (&json!(["case 7", "night"]), &json!(1))
    );
    assert_eq!(admin.get("/hunts?tag=sweep").await.good()["total"], 2);
    assert_eq!(admin.get("/hunts?tag=night").await.good()["items"][0]["id"], id);
    assert_eq!(admin.post(&format!("/hunts/{id}/tags"), json!({ "add": [" "] })).await.status, 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_becomes_a_hunt() {
    let world = World::start().await;
    let admin = world.admin().await;
    let (identity, _agent) = connected(&world, &admin).await;
    let request = json!({
        "client": identity.client,
        "artifacts": [{ "name": "Test.Rows", "parameters": { "Word": "hi" } }],
        "limits": { "rows": 10, "timeout": "3m" },
    });
    let flow = admin.post("/flows", request).await.good();
    let id = flow["id"].as_str().unwrap();
    let hunt = admin.post(&format!("/flows/{id}/hunt"), json!({})).await.good();
    assert_eq!((&hunt["state"], &hunt["copied_from"]), (&json!("draft"), &json!(id)));
    assert_eq!(hunt["spec"]["artifacts"], flow["artifacts"]);
    assert_eq!(hunt["spec"]["limits"]["per_client"]["rows"], 10);
    assert_eq!(hunt["spec"]["limits"]["per_client"]["timeout"], "3m");
}

#[tokio::test(flavor = "multi_thread")]
async fn why_answers_for_clients_without_a_record() {
    let world = World::start().await;
    let admin = world.admin().await;
    let (away, agent) = connected(&world, &admin).await;
    drop(agent);
    let (here, mut agent) = connected(&world, &admin).await;
    let gone = async || {
        admin.get(&format!("/clients/{}", away.client)).await.good()["online"] == json!(false)
    };
    while !gone().await {
        tokio::task::yield_now().await;
    }
    let draft = admin
        .post("/hunts", json!({ "name": "draft", "artifacts": [{ "name": "Test.Rows" }] }))
        .await
        .good();
    let draft = draft["id"].as_str().unwrap();
    assert!(why(&admin, draft, &here.client).await.1.contains("has not been started"));
    let hunt = start(&admin, hunt("")).await;
    assert_eq!(why(&admin, &hunt, &away.client).await.0, "not_seen");
    agent.check().await;
    assert_eq!(why(&admin, &hunt, &here.client).await.0, "asked");
    let unknown = admin.get(&format!("/hunts/{hunt}/why/nobody")).await;
    assert_eq!(unknown.status, 404, "{}", unknown.error());
    let both = admin.get(&format!("/hunts/{hunt}/why/box-1")).await;
    assert!(both.error().contains("2 clients are called"), "{}", both.error());
}

/// One agent that has run a hunt and sent a file.
async fn with_results(world: &World, admin: &Browser) -> (Identity, Agent, String) {
    let (identity, mut agent) = connected(world, admin).await;
    let hunt = start(admin, hunt("")).await;
    let check = agent.check().await;
    agent.answer(&check, &[MATCHES]).await;
    let attempt = agent.take_request().await.attempt.unwrap();
    agent.good_report(&attempt, rows(0, &[r#"{"Word":"hi"}"#])).await;
    agent.good_report(&attempt, finished(1, 1, (0, 0))).await;
    (identity, agent, hunt)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_hunt_is_gone_at_once_and_its_rows_soon() {
    let world = World::start().await;
    let admin = world.admin().await;
    let (identity, mut agent, hunt) = with_results(&world, &admin).await;
    let early = admin.act(&format!("/hunts/{hunt}/delete")).await;
    assert_eq!(early.status, 409, "{}", early.error());
    admin.act(&format!("/hunts/{hunt}/stop")).await.good();
    let flow = admin.get("/flows").await.good()["items"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(admin.act(&format!("/hunts/{hunt}/delete")).await.status, 204);
    assert_eq!(admin.get(&format!("/hunts/{hunt}")).await.status, 404);
    assert_eq!(admin.get(&format!("/hunts/{hunt}/results")).await.status, 404);
    assert_eq!(admin.act(&format!("/hunts/{hunt}/delete")).await.status, 404);
    while admin.get(&format!("/flows/{flow}")).await.status != 404 {
        tokio::task::yield_now().await;
    }
    assert_eq!(admin.get("/flows").await.good()["total"], 0);
    // The agent goes on as before.
    let next = start(&admin, crate::hunting::hunt("")).await;
    let check = agent.check().await;
    agent.answer(&check, &[MATCHES]).await;
    agent.take_request().await;
    assert_eq!(why(&admin, &next, &identity.client).await.0, "member");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_those_with_the_role_change_and_delete_hunts() {
    let world = World::start().await;
    let admin = world.admin().await;
    let (_, _agent, hunt) = with_results(&world, &admin).await;
    let reader = world.user("grace", &[]).await;
    let writer = world.user("linus", &["hunts:write"]).await;
    let stop = format!("/hunts/{hunt}/stop");
    let refused = reader.act(&stop).await;
    assert!(
        refused.error().contains("neither the role `hunts:write` nor `admin`"),
        "{}",
        refused.error()
    );
    assert_eq!(reader.post("/hunts", crate::hunting::hunt("")).await.status, 403);
    assert_eq!(reader.post(&format!("/hunts/{hunt}/copy"), json!({})).await.status, 403);
    assert_eq!(reader.get(&format!("/hunts/{hunt}")).await.status, 200, "everybody may look");
    writer.act(&stop).await.good();
    assert_eq!(writer.act(&format!("/hunts/{hunt}/delete")).await.status, 403);
    let eraser = world.user("ada", &["hunts:delete"]).await;
    assert_eq!(eraser.act(&format!("/hunts/{hunt}/delete")).await.status, 204);
}
