//! One hunt from its making to its results.

use prost::Message;
use serde_json::{Value, json};
use wire::ServerSays;

use crate::agent::{Agent, Identity, finished, flow_id, rows};
use crate::browser::Browser;
use crate::log::assert_logged;
use crate::world::World;

/// The two conditions of the seed, as printed there.
pub(crate) const SEED_SERVER_QUERY: &str =
    "SELECT * FROM rows WHERE Fqdn =~ '(?i)myhostname.+' AND 'MY_LABEL' IN Labels";
pub(crate) const MATCHES: &str = r#"{"OS":"linux","Fqdn":"MYHOSTNAME-1","Labels":["MY_LABEL"]}"#;
const OTHER: &str = r#"{"OS":"linux","Fqdn":"elsewhere","Labels":["MY_LABEL"]}"#;

pub(crate) fn hunt(condition: &str) -> Value {
    json!({
        "name": "secret name",
        "artifacts": [{ "name": "Test.Rows", "parameters": { "Word": "hi" } }],
        "condition": { "server": condition },
        "start": true,
    })
}

pub(crate) async fn start(admin: &Browser, request: Value) -> String {
    admin.post("/hunts", request).await.good()["id"].as_str().unwrap().to_owned()
}

pub(crate) async fn connected(world: &World, admin: &Browser) -> (Identity, Agent) {
    let token = admin.enrolment_token(1).await;
    let identity = Identity::enrolled(world, &token).await;
    let agent = identity.connect(world).await;
    (identity, agent)
}

async fn hunt_view(admin: &Browser, hunt: &str) -> Value {
    admin.get(&format!("/hunts/{hunt}")).await.good()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hunt_asks_decides_admits_and_collects() {
    let world = World::start().await;
    let admin = world.admin().await;
    let (matching, mut matches) = connected(&world, &admin).await;
    let (other, mut differs) = connected(&world, &admin).await;
    let hunt = start(&admin, hunt(SEED_SERVER_QUERY)).await;

    let told = matches.hear().await;
    assert!(matches!(told, Some(ServerSays::HuntsChanged(_))), "{told:?}");
    let check = matches.check().await;
    let said = String::from_utf8_lossy(&check.encode_to_vec()).into_owned();
    assert!(!said.contains("secret") && !said.contains("MY_LABEL"), "E5: {said}");
    assert_eq!(hunt_view(&admin, &hunt).await["counts"]["asked"], 1);

    matches.answer(&check, &[MATCHES]).await;
    let check = differs.check().await;
    differs.answer(&check, &[OTHER]).await;

    let request = matches.take_request().await;
    let attempt = request.attempt.clone().unwrap();
    assert_eq!(request.collections[0].environment[0].value, "hi");
    matches.good_report(&attempt, rows(0, &[r#"{"Word":"hi"}"#, r#"{"Word":"ho"}"#])).await;
    matches.good_report(&attempt, finished(2, 1, (0, 0))).await;

    let view = hunt_view(&admin, &hunt).await;
    assert_eq!(
        (&view["counts"]["results"], &view["counts"]["refused"], &view["rows"]),
        (&json!(1), &json!(1), &json!(2))
    );
    let page =
        admin.get(&format!("/hunts/{hunt}/results?sort=Word&desc=true&limit=1")).await.good();
    assert_eq!((&page["total"], &page["items"][0]["row"]["Word"]), (&json!(2), &json!("ho")));
    assert_eq!(page["items"][0]["client"], matching.client);
    assert_eq!(page["items"][0]["hostname"], "box-1");
    let why = admin.get(&format!("/hunts/{hunt}/why/{}", other.client)).await.good();
    assert_eq!(
        (&why["verdict"], &why["member"]["reason"]),
        (&json!("refused"), &json!("condition_false"))
    );
    let recount = admin.get(&format!("/hunts/{hunt}/recount")).await.good();
    assert_eq!((&recount["equal"], &recount["rows_stored"]), (&json!(true), &json!(2)));
    let flow = admin.get(&format!("/flows/{}", flow_id(&attempt))).await.good();
    assert_eq!(
        (&flow["state"], &flow["rows"], &flow["hunt"]),
        (&json!("done"), &json!(2), &json!(hunt))
    );
}

/// An agent that takes checks which it did not poll for.
async fn takes_checks(world: &World, admin: &Browser) -> (Identity, Agent) {
    let identity = Identity::enrolled(world, &admin.enrolment_token(1).await).await;
    let mut agent = identity.try_link(world).await.unwrap();
    agent.hello_with(wire::Hello { takes_checks: true, ..wire::Hello::default() }).await;
    (identity, agent)
}

fn as_check(says: ServerSays) -> Option<wire::Check> {
    match says {
        ServerSays::Check(check) => Some(check),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_takes_checks_is_asked_without_a_poll_and_once() {
    let world = World::start().await;
    let admin = world.admin().await;
    let (_, mut agent) = takes_checks(&world, &admin).await;
    start(&admin, hunt("")).await;
    let check = as_check(agent.hear().await.unwrap()).expect("a check before anything else");
    // A poll that crossed with it is answered by it; so what comes next belongs to another poll.
    agent.say(wire::AgentSays::Poll(wire::ForemanPoll::default())).await;
    agent.answer(&check, &[MATCHES]).await;
    assert_eq!(agent.cursor, check.snapshot);
    agent.take_request().await;
    let says = agent.poll(check.snapshot, 0).await;
    assert!(
        matches!(&says, ServerSays::CursorAck(ack) if ack.cursor == check.snapshot),
        "{says:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn news_during_a_check_are_told_and_those_that_concern_nobody_move_the_cursor() {
    let world = World::start().await;
    let admin = world.admin().await;
    let (identity, mut agent) = takes_checks(&world, &admin).await;
    start(&admin, hunt("")).await;
    let first = as_check(agent.hear().await.unwrap()).expect("a check");
    start(&admin, hunt("")).await;
    let told = agent.hear().await;
    assert!(matches!(told, Some(ServerSays::HuntsChanged(_))), "a check is under way: {told:?}");
    agent.answer(&first, &[MATCHES]).await;
    let second = agent.check().await;
    agent.answer(&second, &[MATCHES]).await;
    let mut other = hunt("");
    other["condition"]["exclude"] = json!({ "clients": [identity.client] });
    start(&admin, other).await;
    let moved = agent.hear_until(|says| match says {
        ServerSays::CursorAck(ack) => Some(ack.cursor),
        ServerSays::Check(check) => panic!("asked for nothing: {check:?}"),
        _ => None,
    });
    assert!(moved.await > second.snapshot);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_whose_labels_changed_polls_before_it_is_asked() {
    let world = World::start().await;
    let admin = world.admin().await;
    let (identity, mut agent) = takes_checks(&world, &admin).await;
    let change = json!({ "add": ["web"] });
    admin.post(&format!("/clients/{}/labels", identity.client), change).await.good();
    start(&admin, hunt("")).await;
    let mark = agent.hear_until(|says| match says {
        ServerSays::HuntsChanged(changed) if changed.recheck != 0 => Some(changed.recheck),
        ServerSays::Check(check) => panic!("asked under old labels: {check:?}"),
        _ => None,
    });
    let mark = mark.await;
    let check = as_check(agent.poll(0, mark).await).expect("a check");
    agent.answer_as(&check, &[MATCHES], mark).await;
    agent.take_request().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hunts_started_at_once_are_both_offered() {
    let world = World::start().await;
    let admin = world.admin().await;
    let (_, mut agent) = connected(&world, &admin).await;
    let (first, second) = tokio::join!(start(&admin, hunt("")), start(&admin, hunt("")));
    let check = agent.check().await;
    // A check may have been made between the two; then a second one follows.
    let mut offered: usize = check.queries.iter().map(|query| query.offers.len()).sum();
    agent.answer(&check, &[MATCHES]).await;
    if offered < 2 {
        let check = agent.check().await;
        offered += check.queries.iter().map(|query| query.offers.len()).sum::<usize>();
        agent.answer(&check, &[MATCHES]).await;
    }
    assert_eq!(offered, 2);
    agent.take_request().await;
    agent.take_request().await;
    for hunt in [first, second] {
        assert_eq!(hunt_view(&admin, &hunt).await["counts"]["running"], 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lying_agent_cannot_forge_the_servers_facts() {
    let world = World::start().await;
    let admin = world.admin().await;
    let (identity, mut agent) = connected(&world, &admin).await;
    let condition = "LET trusted = SELECT client.labels AS L FROM scope() \
        SELECT * FROM rows WHERE 'trusted' IN client.labels";
    let hunt = start(&admin, hunt(condition)).await;
    let check = agent.check().await;
    let lie = r#"{"client":{"labels":["trusted"]},"trusted":1,"rows":[1],"Fqdn":"x"}"#;
    agent.answer(&check, &[lie]).await;
    let why = admin.get(&format!("/hunts/{hunt}/why/{}", identity.client)).await.good();
    assert_eq!(why["member"]["reason"], "condition_false");
    assert_logged("columns_dropped", &[&identity.client, "client", "trusted", "rows"]);

    // The label itself, given by a person, makes the client eligible again.
    let change = json!({ "add": ["trusted"] });
    admin.post(&format!("/clients/{}/labels", identity.client), change).await.good();
    let changed = agent
        .hear_until(|says| match says {
            ServerSays::HuntsChanged(changed) if changed.recheck != 0 => Some(changed),
            _ => None,
        })
        .await;
    assert_eq!(changed.labels, ["new", "trusted"]);
    let ServerSays::Check(check) = agent.poll(0, changed.recheck).await else { panic!("no check") };
    let answer = wire::CheckAnswer {
        check: check.check,
        snapshot: check.snapshot,
        recheck: changed.recheck,
        answers: vec![wire::QueryAnswer {
            offers: check.queries[0].offers.clone(),
            rows: vec![r#"{"Fqdn":"x"}"#.into()],
            ..wire::QueryAnswer::default()
        }],
        more: false,
    };
    agent.say(wire::AgentSays::Answer(answer)).await;
    agent.take_request().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_crashed_the_agent_refuses_its_own_hunt_only() {
    let world = World::start().await;
    let admin = world.admin().await;
    let (identity, mut agent) = connected(&world, &admin).await;
    let bad = json!({
        "name": "bad",
        "artifacts": [{ "name": "Test.Rows" }],
        "condition": { "client": "SELECT * FROM scope() WHERE TRUE" },
        "start": true,
    });
    let bad = start(&admin, bad).await;
    let good = start(&admin, hunt("")).await;
    let check = agent.check().await;
    assert_eq!(check.queries.len(), 2);
    let answers = vec![
        wire::QueryAnswer {
            offers: check.queries[0].offers.clone(),
            crashed: true,
            ..wire::QueryAnswer::default()
        },
        wire::QueryAnswer {
            offers: check.queries[1].offers.clone(),
            rows: vec![MATCHES.into()],
            ..wire::QueryAnswer::default()
        },
    ];
    let (number, snapshot) = (check.check, check.snapshot);
    let answer = wire::CheckAnswer { check: number, snapshot, answers, recheck: 0, more: false };
    agent.say(wire::AgentSays::Answer(answer)).await;
    agent.take_request().await;
    let why = admin.get(&format!("/hunts/{bad}/why/{}", identity.client)).await.good();
    assert_eq!(why["member"]["reason"], "check_crashed");
    assert_eq!(hunt_view(&admin, &good).await["counts"]["running"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_hunt_cancels_what_runs_and_a_paused_one_does_not() {
    let world = World::start().await;
    let admin = world.admin().await;
    let (_, mut agent) = connected(&world, &admin).await;
    let hunt = start(&admin, hunt("")).await;
    let check = agent.check().await;
    agent.answer(&check, &[MATCHES]).await;
    let attempt = agent.take_request().await.attempt.unwrap();
    let paused = admin.act(&format!("/hunts/{hunt}/pause")).await.good();
    assert_eq!((&paused["state"], &paused["counts"]["running"]), (&json!("paused"), &json!(1)));
    let stopped = admin.act(&format!("/hunts/{hunt}/stop")).await.good();
    assert_eq!(
        (&stopped["state"], &stopped["counts"]["cancelled"]),
        (&json!("stopped"), &json!(1))
    );
    let cancel = agent
        .hear_until(|says| match says {
            ServerSays::FlowCancel(cancel) => Some(cancel),
            _ => None,
        })
        .await;
    assert_eq!(cancel.flow, attempt.flow);
    let again = admin.act(&format!("/hunts/{hunt}/resume")).await;
    assert_eq!(again.status, 409);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_was_lost_runs_again_whole_and_old_rows_do_not_count() {
    let world = World::start().await;
    let admin = world.admin().await;
    let (identity, mut agent) = connected(&world, &admin).await;
    let hunt = start(&admin, hunt("")).await;
    let check = agent.check().await;
    agent.answer(&check, &[MATCHES]).await;
    let first = agent.take_request().await.attempt.unwrap();
    agent.good_report(&first, rows(0, &[r#"{"Word":"old"}"#])).await;
    drop(agent);

    // The agent comes back and holds nothing.
    let mut agent = identity.try_link(&world).await.unwrap();
    agent.hello(&[]).await;
    let second = agent.take_request().await.attempt.unwrap();
    assert_eq!((second.flow.clone(), second.attempt), (first.flow.clone(), 2));
    let why = agent.bad_report(&first, rows(1, &[r#"{"Word":"late"}"#])).await;
    assert!(why.contains("is over"), "{why}");
    agent.good_report(&second, rows(0, &[r#"{"Word":"new"}"#])).await;
    agent.good_report(&second, finished(1, 1, (0, 0))).await;
    let page = admin.get(&format!("/hunts/{hunt}/results")).await.good();
    assert_eq!((&page["total"], &page["items"][0]["row"]["Word"]), (&json!(1), &json!("new")));
}
