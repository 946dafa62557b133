//! Two nodes over the same records: what happens at one reaches the agents and people of the other.

use serde_json::{Value, json};
use wire::ServerSays;

use crate::agent::{Agent, Identity, finished, rows};
use crate::browser::Browser;
use crate::hunting::{MATCHES, SEED_SERVER_QUERY, connected, hunt, start};
use crate::world::World;

async fn two_nodes() -> (World, World) {
    let one = World::first_node().await;
    let two = one.node_beside().await;
    (one, two)
}

/// Asks again and again until the answer is as it must be.
async fn until(browser: &Browser, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..2_000 {
        let answer = browser.get(path).await.good();
        if wanted(&answer) {
            return answer;
        }
        // Waits for a state: what is asked for travels between the nodes.
        let pause = std::time::Duration::from_millis(10);
        tokio::time::timeout(pause, std::future::pending::<()>()).await.ok();
    }
    panic!("{path} never became what it must be: {}", browser.get(path).await.good());
}

async fn connected_twice(
    admin: &Browser,
    (first, then): (&World, &World),
) -> (Identity, Agent, Agent) {
    let (identity, old) = connected(first, admin).await;
    let new = identity.connect(then).await;
    (identity, old, new)
}

async fn hunts_changed(agent: &mut Agent) {
    let change = |says| matches!(says, ServerSays::HuntsChanged(_)).then_some(());
    agent.hear_until(change).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hunt_that_one_node_starts_runs_on_the_agents_of_the_other() {
    let (one, two) = two_nodes().await;
    let admin = one.admin().await;
    let (identity, mut agent) = connected(&two, &admin).await;
    let hunt = start(&admin, hunt(SEED_SERVER_QUERY)).await;
    hunts_changed(&mut agent).await;
    let check = agent.check().await;
    until(&admin, &format!("/hunts/{hunt}"), |hunt| hunt["counts"]["asked"] == 1).await;
    agent.answer(&check, &[MATCHES]).await;
    let request = agent.take_request().await;
    let attempt = request.attempt.unwrap();
    agent.good_report(&attempt, rows(0, &[r#"{"Word":"hi"}"#])).await;
    agent.good_report(&attempt, finished(1, 1, (0, 0))).await;
    let view = admin.get(&format!("/hunts/{hunt}")).await.good();
    assert_eq!((&view["counts"]["results"], &view["rows"]), (&json!(1), &json!(1)));
    // The other way round: the node with the agent starts, the other one is the manager or not.
    let other = two.admin().await;
    let second = start(&other, crate::hunting::hunt("")).await;
    let check = agent.check().await;
    agent.answer(&check, &[MATCHES]).await;
    agent.take_request().await;
    let why = admin.get(&format!("/hunts/{second}/why/{}", identity.client)).await.good();
    assert_eq!(why["member"]["state"], "running");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_online_on_every_node_and_connected_to_one() {
    let (one, two) = two_nodes().await;
    let admin = one.admin().await;
    let (identity, mut old, new) = connected_twice(&admin, (&one, &two)).await;
    assert!(old.hear().await.is_none(), "the older session ends");
    let path = format!("/clients/{}", identity.client);
    for world in [&one, &two] {
        let admin = world.admin().await;
        until(&admin, &path, |client| client["online"] == true).await;
        let overview = until(&admin, "/overview", |overview| overview["online"] == 1).await;
        assert_eq!(overview["clients"], 1);
        assert_eq!(admin.get("/clients?online=true").await.good()["total"], 1);
    }
    drop(new);
    until(&admin, &path, |client| client["online"] == false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_node_wants_of_a_client_reaches_it_on_the_other() {
    let (one, two) = two_nodes().await;
    let admin = one.admin().await;
    let (identity, mut agent) = connected(&two, &admin).await;
    let client = &identity.client;
    let ask = json!({ "client": client, "artifacts": [{ "name": "Test.Rows", "parameters": {} }] });
    let flow = admin.post("/flows", ask).await.good()["id"].as_str().unwrap().to_owned();
    agent.take_request().await;
    admin.post(&format!("/flows/{flow}/cancel"), json!({})).await.good();
    let cancelled = |says| matches!(says, ServerSays::FlowCancel(_)).then_some(());
    agent.hear_until(cancelled).await;
    let labels = json!({ "add": ["trusted"] });
    admin.post(&format!("/clients/{client}/labels"), labels).await.good();
    let changed = agent
        .hear_until(|says| match says {
            ServerSays::HuntsChanged(changed) => Some(changed),
            _ => None,
        })
        .await;
    assert_eq!(
        (changed.recheck, &*changed.labels),
        (1, &["new".to_owned(), "trusted".to_owned()][..])
    );
    admin.post(&format!("/clients/{client}/revoke"), json!({})).await.good();
    let bye = agent
        .hear_until(|says| match says {
            ServerSays::Bye(bye) => Some(bye),
            _ => None,
        })
        .await;
    assert!(bye.for_ever && bye.reason.contains("revoked"), "{bye:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_node_recorded_and_did_not_tell_is_found_when_it_is_gone() {
    let (one, two) = two_nodes().await;
    let admin = two.admin().await;
    let (identity, mut agent) = connected(&two, &admin).await;
    until(&admin, "/nodes", |nodes| nodes[1]["clients"] == 1).await;
    // As if the other node had died right after its commit: the flow is there, and nobody was told.
    one.record_flow(&identity.client).await;
    one.server.stop().await;
    agent.take_request().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_are_listed_and_a_node_that_stops_hands_its_duties_over() {
    let (one, two) = two_nodes().await;
    let admin = two.admin().await;
    let (_, mut agent) = connected(&two, &admin).await;
    let nodes = until(&admin, "/nodes", |nodes| nodes[1]["clients"] == 1).await;
    assert_eq!(nodes.as_array().unwrap().len(), 2);
    assert_eq!(nodes[0]["duties"], json!(["hunt_manager", "janitor"]));
    assert_eq!((&nodes[0]["answers"], &nodes[1]["answers"]), (&json!(false), &json!(true)));
    one.server.stop().await;
    let nodes = until(&admin, "/nodes", |nodes| nodes[0]["duties"] != json!([])).await;
    assert_eq!((nodes.as_array().unwrap().len(), &nodes[0]["answers"]), (1, &json!(true)));
    start(&admin, hunt("")).await;
    let check = agent.check().await;
    agent.answer(&check, &[MATCHES]).await;
    agent.take_request().await;
}
