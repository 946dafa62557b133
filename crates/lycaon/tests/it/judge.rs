//! What must hold of a hunt whatever happened meanwhile: nothing is lost and nothing is there twice. Every
//! agent has one member record, every matching one the rows of exactly one finished attempt, the counters
//! equal a recount.

use std::collections::BTreeMap;

use api::{
    ArtifactCall, HuntCondition, HuntRequest, LabelChange, MemberView, MembersQuery, RowsQuery,
};
use api_client::Client;

use crate::fleet::Fleet;

/// How many agents a hunt is to be answered by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cohort {
    /// Labelled `office`, which the hunt is for.
    pub(crate) matching: usize,
    /// The others.
    pub(crate) others: usize,
}

/// A hunt for those who are labelled `office`.
pub(crate) fn question(name: &str, artifact: &str) -> HuntRequest {
    let call = ArtifactCall { name: artifact.into(), parameters: serde_json::Map::new() };
    HuntRequest {
        condition: HuntCondition {
            server: Some("SELECT * FROM rows WHERE 'office' IN Labels".into()),
            ..HuntCondition::default()
        },
        expires: "1d".into(),
        start: true,
        ..HuntRequest::of(name, vec![call])
    }
}

/// An agent that was killed while it evaluated the hunt's client query cannot know that the query was not the
/// cause: it is refused with that reason, and asked again when its labels change.
pub(crate) async fn ask_again_who_was_killed_in_the_question(
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

pub(crate) async fn members(client: &Client, hunt: &str) -> Vec<MemberView> {
    let query = MembersQuery { limit: Some(1000), ..MembersQuery::default() };
    client.hunt_members(hunt, &query).await.expect("the hunt has members").items
}

/// The rows of each client, as texts.
pub(crate) async fn rows(client: &Client, hunt: &str) -> BTreeMap<String, Vec<String>> {
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

/// Nothing is lost, nothing is there twice. The rows of one agent: all have the same, because they run on
/// the same machine.
pub(crate) async fn judge(client: &Client, hunt: &str, cohort: Cohort, round: u64) -> Vec<String> {
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
    let states = (in_state("results"), in_state("refused"));
    assert_eq!(states, (cohort.matching, cohort.others), "round {round}");
    assert!(members.iter().all(|member| member.state != "refused" || !member.reason.is_empty()));
    let rows = rows(client, hunt).await;
    assert_eq!(rows.len(), cohort.matching, "round {round}: every matching agent has rows");
    let mut all = rows.values();
    let first = all.next().expect("some agents match");
    assert!(!first.is_empty() && all.all(|rows| rows == first), "round {round}: the same machine");
    let recount = client.hunt_recount(hunt).await.expect("a recount");
    let stored: usize = rows.values().map(Vec::len).sum();
    assert!(recount.equal, "round {round}: {recount:?}");
    assert_eq!((recount.rows_declared, recount.rows_stored), (stored as u64, stored as u64));
    first.clone()
}

/// Each matching agent's flow has exactly these files: size and hash.
pub(crate) async fn judge_files(client: &Client, hunt: &str, files: &[(u64, String)]) {
    for member in members(client, hunt).await.iter().filter(|member| member.state == "results") {
        let flow = member.flow.as_ref().expect("who has results has a flow");
        let page = client.flow_uploads(flow, &api::PageQuery::default()).await.expect("its files");
        let found: Vec<(u64, String)> = page
            .items
            .iter()
            .map(|file| (file.size, file.sha256.clone().unwrap_or_default()))
            .collect();
        assert_eq!(found, files, "{} {flow}", member.client);
    }
}
