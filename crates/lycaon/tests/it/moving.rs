//! An installation with something of everything moves from SQLite and a disk to PostgreSQL and an object
//! store, by `lycaon migrate`. Whatever the API tells of it is the same afterwards, and its agents go on.

use std::collections::BTreeMap;
use std::path::Path;

use api::{
    ArtifactCall, ClientFilter, EventScanQuery, FlowLimits, FlowRequest, HuntRequest, HuntSchedule,
    LabelChange, MonitoringEntry, RosterRequest, TagChange, ToolQuery,
};
use api_client::Client;
use serde_json::Value;
use testkit::postgres::Cluster;

use crate::bucket::Bucket;
use crate::fleet::Fleet;
use crate::judge::{Cohort, judge, question};

const COHORT: Cohort = Cohort { matching: 2, others: 1 };

const ARTIFACTS: [(&str, &str); 4] = [
    (
        "Custom.Files",
        "
name: Custom.Files
parameters:
  - name: File
sources:
  - query: SELECT upload(file=File).sha256 AS Sha256, 'ä 1\\n' AS Text, 1.5 AS Number, NULL AS Nothing FROM scope()
  - name: More
    query: SELECT _value AS n, dict(a=_value) AS d FROM range(end=2500)
",
    ),
    (
        "Custom.Fails",
        "
name: Custom.Fails
sources:
  - query: SELECT upload(file='/nonexistent/x') AS U, log(message='hello', level='ERROR') AS L FROM scope()
",
    ),
    (
        "Custom.Ticks",
        "
name: Custom.Ticks
type: CLIENT_EVENT
sources:
  - query: SELECT _value AS n FROM range(end=100000000) WHERE sleep(ms=10)
",
    ),
    (
        "Custom.Tool",
        "
name: Custom.Tool
tools:
  - name: Hello
sources:
  - query: SELECT Tool_Hello_FILENAME AS File FROM scope()
",
    ),
];

fn call(artifact: &str) -> ArtifactCall {
    ArtifactCall { name: artifact.into(), parameters: serde_json::Map::new() }
}

/// Makes something of everything. All of it is at rest when this returns.
async fn fill(fleet: &Fleet, client: &Client, folder: &Path) {
    let found = client.clients(&api::ClientsQuery::default()).await.expect("clients").items;
    let label = LabelChange { add: vec!["extra".into()], remove: vec![] };
    client.label(&found[0].id, &label).await.expect("it is there");

    let file = folder.join("file");
    std::fs::write(&file, b"content".repeat(90_000)).expect("it is ours");
    let mut with_file = question("with a file", "Custom.Files");
    let path = file.display().to_string();
    with_file.artifacts[0].parameters.insert("File".into(), path.into());
    with_file.tags = vec!["kept".into()];
    with_file.limits.total.rows = 1_000_000;
    let with_file = fleet.hunt(client, &with_file).await;
    fleet.until_quiet(client, &with_file.id).await;

    let some = ClientFilter { clients: vec![found[0].id.clone()], ..ClientFilter::default() };
    let mut listed = HuntRequest::of("a list of clients", vec![call("Linux.Sys.Users")]);
    listed.condition.include = some;
    let listed = fleet.hunt(client, &listed).await;
    fleet.until_quiet(client, &listed.id).await;
    let roster = RosterRequest { clients: vec![found[1].id.clone()], ..RosterRequest::default() };
    client.add_to_hunt(&listed.id, &roster).await.expect("by hand");
    fleet
        .until("who was put in by hand has answered", async || {
            client.hunt(&listed.id).await.is_ok_and(|hunt| hunt.counts.results == 2)
        })
        .await;
    client.hunt_verb(&listed.id, "stop").await.expect("it runs");
    client.hunt_verb(&listed.id, "archive").await.expect("it is over");

    let mut again = question("again and again", "Linux.Sys.Users");
    again.schedule = Some(HuntSchedule {
        every: Some("1s".into()),
        cron: None,
        buffer: "0s".into(),
        first: None,
    });
    let again = fleet.hunt(client, &again).await;
    fleet
        .until("three rounds have begun", async || {
            let rounds = client.hunt_rounds(&again.id, &api::PageQuery::default()).await;
            rounds.is_ok_and(|rounds| rounds.total >= 3)
        })
        .await;
    client.hunt_verb(&again.id, "stop").await.expect("it runs");

    let mut draft = question("a draft", "Linux.Sys.Users");
    draft.start = false;
    let draft = client.create_hunt(&draft).await.expect("it is good");
    let tags = TagChange { add: vec!["idea".into()], remove: vec![] };
    client.tag_hunt(&draft.id, &tags).await.expect("it is there");

    let fails = FlowRequest {
        client: found[0].id.clone(),
        artifacts: vec![call("Custom.Fails")],
        limits: FlowLimits::default(),
    };
    let flow = client.start_flow(&fails).await.expect("it can be asked");
    fleet
        .until("the flow is over", async || {
            client.flow(&flow.id).await.is_ok_and(|flow| flow.ended.is_some())
        })
        .await;

    let ticks = MonitoringEntry {
        artifact: "Custom.Ticks".into(),
        label: None,
        parameters: serde_json::Map::new(),
        limits: api::MonitoringLimits { batch_wait: Some("100ms".into()), ..Default::default() },
    };
    client.add_monitoring(&ticks).await.expect("it can be monitored");
    let source =
        EventScanQuery { source: Some("Custom.Ticks".into()), ..EventScanQuery::default() };
    fleet
        .until("rows are monitored", async || {
            client.scan_events(&source).await.is_ok_and(|page| page.items.len() > 10)
        })
        .await;
}

/// What the API tells, by path.
struct Told {
    client: reqwest::Client,
    address: String,
    token: String,
    answers: BTreeMap<String, Value>,
}

impl Told {
    async fn ask(&mut self, path: &str) -> Value {
        let request = self.client.get(format!("{}{}{path}", self.address, api::PREFIX));
        let reply = request.bearer_auth(&self.token).send().await.expect("the server answers");
        assert!(reply.status().is_success(), "{path}: {}", reply.status());
        let body = reply.bytes().await.expect("the whole answer");
        let answer = serde_json::from_slice(&body)
            .unwrap_or_else(|_| Value::from(String::from_utf8_lossy(&body)));
        self.answers.insert(path.to_owned(), answer.clone());
        answer
    }

    async fn ids(&mut self, path: &str) -> Vec<String> {
        let page = self.ask(path).await;
        let items = page["items"].as_array().expect("a page has items");
        assert!(!items.is_empty(), "{path} has something");
        items.iter().map(|item| item["id"].as_str().expect("an id").to_owned()).collect()
    }

    /// Everything that can be told.
    async fn everything(address: String, token: &str) -> BTreeMap<String, Value> {
        let (client, token) = (reqwest::Client::new(), token.to_owned());
        let mut told = Self { client, address, token, answers: BTreeMap::new() };
        for path in ["/tokens", "/tools", "/monitoring", "/whoami"] {
            told.ask(path).await;
        }
        let clients = told.ids("/clients?limit=1000").await;
        for client in &clients {
            told.ask(&format!("/clients/{client}")).await;
            told.ask(&format!("/clients/{client}/monitoring")).await;
            for log in ["", "&log=true"] {
                let rows = "monitoring/rows?source=Custom.Ticks&limit=1000";
                told.ask(&format!("/clients/{client}/{rows}{log}")).await;
            }
        }
        for hunt in told.ids("/hunts?limit=1000").await {
            for what in ["", "/members?limit=1000", "/sources", "/results?limit=1000", "/recount"] {
                told.ask(&format!("/hunts/{hunt}{what}")).await;
            }
            for what in ["/revisions", "/rounds?limit=1000", "/results/export?format=csv"] {
                told.ask(&format!("/hunts/{hunt}{what}")).await;
            }
            for client in &clients {
                told.ask(&format!("/hunts/{hunt}/why/{client}")).await;
                told.ask(&format!("/hunts/{hunt}/checkpoints/{client}")).await;
            }
        }
        for flow in told.ids("/flows?limit=1000").await {
            for what in ["", "/sources", "/results?limit=1000", "/log?limit=1000"] {
                told.ask(&format!("/flows/{flow}{what}")).await;
            }
            let files = told.ask(&format!("/flows/{flow}/uploads?limit=1000")).await;
            for file in files["items"].as_array().expect("a page has items") {
                let id = file["id"].as_str().expect("an id");
                told.ask(&format!("/uploads/{id}/content")).await;
            }
        }
        // What was looked at here is in it too, and no part of what moved.
        let mut audit = told.ask("/audit?limit=1000").await;
        let items = audit["items"].as_array_mut().expect("a page has items");
        items.retain(|item| {
            !["hunt.export", "upload.read"].iter().any(|own| item["action"] == *own)
        });
        told.answers.insert("/audit?limit=1000".to_owned(), audit["items"].take());
        told.answers
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_moved_to_postgres_and_objects_is_what_was_there() {
    let Some(cluster) = Cluster::or_say() else { return };
    let bucket = Bucket::start().await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let artifacts = folder.path().join("artifacts");
    std::fs::create_dir(&artifacts).expect("it is ours");
    for (name, text) in ARTIFACTS {
        std::fs::write(artifacts.join(format!("{name}.yaml")), text).expect("it is ours");
    }
    let artifacts = format!("artifacts: {{ folders: ['{}'] }}", artifacts.display());
    let mut fleet = Fleet::unstarted();
    fleet.configure(&artifacts);
    fleet.start_server();
    fleet.until_server_answers().await;
    let token = fleet.token_of(0).await;
    let client = fleet.anybody(0).with_token(token.clone());
    fleet.enrol(&client, COHORT.matching, &["office"]).await;
    fleet.enrol(&client, COHORT.others, &["lab"]).await;
    let tool: &[u8] = b"#!/bin/sh\n";
    let query = ToolQuery { size: Some(tool.len() as u64), ..ToolQuery::default() };
    let bytes = futures_util::stream::iter([Ok(tool.into())]);
    client.upload_tool("Hello", &query, bytes).await.expect("it is wanted");
    fill(&fleet, &client, folder.path()).await;
    for agent in 0..fleet.agents() {
        fleet.kill_agent(agent);
    }
    let online = api::ClientsQuery { online: Some(true), ..Default::default() };
    fleet
        .until("the agents are gone", async || {
            client.clients(&online).await.is_ok_and(|page| page.total == 0)
        })
        .await;
    let before = Told::everything(fleet.address(), &token).await;
    fleet.kill_server();

    let objects = bucket.config();
    let database = cluster.fresh_database();
    fleet.move_to_nodes(2, &database, (Some(&objects), &artifacts)).await;
    let after = Told::everything(fleet.address(), &token).await;
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    for (path, told) in &before {
        assert_eq!(told, &after[path], "{path}");
    }
    assert!(before.len() > 100, "something of everything: {}", before.len());

    for agent in 0..fleet.agents() {
        fleet.start_agent(agent);
    }
    let client = fleet.anybody(1).with_token(token);
    let hunt = fleet.hunt(&client, &question("afterwards", "Linux.Sys.Users")).await;
    fleet.until_quiet(&client, &hunt.id).await;
    judge(&client, &hunt.id, COHORT, 1).await;
}
