//! Kill -9 of server and agents at random moments during hunts, as real processes.
//!
//! Each round is one hunt to 20 agents, of which 15 match; during the round the server, some agents, or both
//! are killed and started again. At the end of each round nothing is lost and nothing is there twice: every agent
//! has one member record, every matching one the rows of exactly one finished attempt, the counters
//! equal a recount. An agent that is killed while it evaluates the hunt's question is refused with that reason and
//! asked again.
//!
//! `LYCAON_SOAK_ROUNDS` asks for more rounds than the usual 50, `LYCAON_SOAK_SEED` repeats a run.

use std::collections::BTreeMap;
use std::time::Duration;

use api::{
    ArtifactCall, HuntCondition, HuntRequest, LabelChange, MemberView, MembersQuery, RowsQuery,
};
use api_client::Client;
use base::{Entropy, SeededEntropy};

use crate::fleet::Fleet;

const MATCHING: usize = 15;
const OTHERS: usize = 5;
const ROUNDS: u64 = 50;

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

fn question(round: u64) -> HuntRequest {
    let users = ArtifactCall { name: "Linux.Sys.Users".into(), parameters: serde_json::Map::new() };
    HuntRequest {
        condition: HuntCondition {
            server: Some("SELECT * FROM rows WHERE 'office' IN Labels".into()),
            ..HuntCondition::default()
        },
        expires: "1d".into(),
        start: true,
        ..HuntRequest::of(format!("round {round}"), vec![users])
    }
}

/// Kills somebody after a moment, and starts them again. Gives the number of agents that were killed.
async fn disturb(fleet: &mut Fleet, chance: &mut SeededEntropy) -> usize {
    let moment = Duration::from_millis(chance.next_u64() % 400);
    tokio::time::timeout(moment, std::future::pending::<()>()).await.ok();
    let whom = chance.next_u64() % 4;
    if whom != 0 {
        fleet.kill_server();
    }
    let mut killed = Vec::new();
    if whom != 1 {
        for _ in 0..=chance.next_u64() % 5 {
            let index = (chance.next_u64() % fleet.agents() as u64) as usize;
            fleet.kill_agent(index);
            killed.push(index);
        }
    }
    killed.sort_unstable();
    killed.dedup();
    if whom != 0 {
        fleet.start_server();
        fleet.until_server_answers().await;
    }
    for index in &killed {
        fleet.start_agent(*index);
    }
    killed.len()
}

/// An agent that was killed while it evaluated the hunt's client query cannot know that the query was not the
/// cause: it is refused with that reason, and asked again when its labels change.
async fn ask_again_who_was_killed_in_the_question(
    fleet: &Fleet,
    client: &Client,
    hunt: &str,
    (round, killed): (u64, usize),
) {
    let crashed = members(client, hunt).await;
    let crashed: Vec<_> = crashed.iter().filter(|member| member.reason.contains("crash")).collect();
    assert!(crashed.len() <= killed, "round {round}: {} of {killed} killed", crashed.len());
    for member in crashed {
        let label = LabelChange { add: vec![format!("round-{round}")], remove: vec![] };
        client.label(&member.client, &label).await.expect("the client is there");
        fleet
            .until(&format!("{} is asked again", member.client), async || {
                let why = client.hunt_why(hunt, &member.client).await;
                let reason = why.map(|why| why.member.map(|member| member.reason));
                reason.is_ok_and(|reason| reason.is_some_and(|reason| !reason.contains("crash")))
            })
            .await;
    }
    fleet.until_quiet(client, hunt).await;
}

async fn members(client: &Client, hunt: &str) -> Vec<MemberView> {
    let query = MembersQuery { limit: Some(1000), ..MembersQuery::default() };
    client.hunt_members(hunt, &query).await.expect("the hunt has members").items
}

/// The rows of each client, as texts.
async fn rows(client: &Client, hunt: &str) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut offset = 0;
    loop {
        let query = RowsQuery { offset: Some(offset), limit: Some(1000), ..RowsQuery::default() };
        let page = client.hunt_results(hunt, &query).await.expect("the hunt has results");
        for row in page.items {
            let text = serde_json::Value::Object(row.row).to_string();
            found.entry(row.client).or_default().push(text);
            offset += 1;
        }
        if offset >= page.total {
            return found;
        }
    }
}

/// Nothing is lost, nothing is there twice.
async fn judge(client: &Client, hunt: &str, round: u64) {
    let members = members(client, hunt).await;
    let in_state = |state: &str| members.iter().filter(|member| member.state == state).count();
    let told: Vec<String> = members
        .iter()
        .filter(|member| {
            !matches!(member.state.as_str(), "results" | "refused")
                || member.reason.contains("crash")
        })
        .map(|member| format!("{} {} {}", member.client, member.state, member.reason))
        .collect();
    assert_eq!(told, [""; 0], "round {round}");
    assert_eq!((in_state("results"), in_state("refused")), (MATCHING, OTHERS), "round {round}");
    assert!(members.iter().all(|member| member.state != "refused" || !member.reason.is_empty()));
    let rows = rows(client, hunt).await;
    assert_eq!(rows.len(), MATCHING, "round {round}: every matching agent has rows");
    let mut all = rows.values();
    let first = all.next().expect("some agents match");
    assert!(!first.is_empty() && all.all(|rows| rows == first), "round {round}: the same machine");
    let recount = client.hunt_recount(hunt).await.expect("a recount");
    let stored: usize = rows.values().map(Vec::len).sum();
    assert!(recount.equal, "round {round}: {recount:?}");
    assert_eq!((recount.rows_declared, recount.rows_stored), (stored as u64, stored as u64));
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_when_anybody_is_killed_at_any_moment() {
    let seed = number("LYCAON_SOAK_SEED", std::process::id().into());
    let rounds = number("LYCAON_SOAK_ROUNDS", ROUNDS);
    eprintln!("LYCAON_SOAK_SEED={seed} repeats the order of kills");
    let mut chance = SeededEntropy::new(seed);
    let mut fleet = Fleet::new().await;
    let client = fleet.admin().await;
    fleet.enrol(&client, MATCHING, &["office"]).await;
    fleet.enrol(&client, OTHERS, &["lab"]).await;
    for round in 1..=rounds {
        let hunt = fleet.hunt(&client, &question(round)).await;
        let killed = disturb(&mut fleet, &mut chance).await;
        fleet.until_quiet(&client, &hunt.id).await;
        ask_again_who_was_killed_in_the_question(&fleet, &client, &hunt.id, (round, killed)).await;
        judge(&client, &hunt.id, round).await;
    }
}
