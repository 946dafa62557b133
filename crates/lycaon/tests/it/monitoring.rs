//! Monitoring with the real programs: agents and server are killed at random moments while endless
//! sources run, and no row that was spooled is lost or there twice.

use std::collections::BTreeMap;
use std::time::Duration;

use api::{
    ArtifactCall, EventRowView, EventScanQuery, FlowRequest, LoginRequest, MonitoringEntry,
    MonitoringLimits, VqlQuery,
};
use api_client::Client;
use base::{Entropy, SeededEntropy};
use serde_json::Value;

use crate::fleet::Fleet;
use crate::program::{lycaon, said};

const AGENTS: usize = 3;
const ROUNDS: u64 = 8;

/// Two sources that count from 0 in each run.
const TICKS: &str = "
name: Custom.Events.Ticks
type: CLIENT_EVENT
sources:
  - name: Fast
    query: |
      LET Run <= rand()
      SELECT Run, _value AS n FROM range(end=100000000) WHERE sleep(ms=3)
  - name: Slow
    query: |
      LET Run <= rand()
      SELECT Run, _value AS n FROM range(end=100000000) WHERE sleep(ms=40)
";

/// Runs a program that the server sends.
const TOOL: &str = "
name: Custom.Tool
tools:
  - name: Hello
    version: 1.0
sources:
  - query: |
      SELECT Stdout, Tool_Hello_VERSION AS Version, Tool_Hello_FILENAME AS File
      FROM execve(argv=[Tool_Hello_PATH, 'world'])
";

async fn fleet_with_ticks() -> (Fleet, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("Custom.Events.Ticks.yaml"), TICKS).expect("it is ours");
    std::fs::write(folder.path().join("Custom.Tool.yaml"), TOOL).expect("it is ours");
    let mut fleet = Fleet::new().await;
    let config = std::fs::read_to_string(fleet.config()).expect("made by init");
    let own = format!("\nartifacts:\n  folders: ['{}']\n", folder.path().display());
    std::fs::write(fleet.config(), config + &own).expect("it is ours");
    fleet.kill_server();
    fleet.start_server();
    fleet.until_server_answers().await;
    (fleet, folder)
}

async fn rows(client: &Client, source: &str) -> Vec<EventRowView> {
    let mut query = EventScanQuery { source: Some(source.to_owned()), ..EventScanQuery::default() };
    let mut found = Vec::new();
    loop {
        let page = client.scan_events(&query).await.expect("rows can be scanned");
        found.extend(page.items);
        query.after = Some(page.place);
        if page.end {
            return found;
        }
    }
}

/// The numbers of each run of each client, in order of arrival.
async fn runs(client: &Client, source: &str) -> BTreeMap<(String, u64), Vec<u64>> {
    let mut runs: BTreeMap<(String, u64), Vec<u64>> = BTreeMap::new();
    for row in rows(client, source).await {
        let number = |name: &str| row.row[name].as_u64().expect("a number");
        runs.entry((row.client, number("Run"))).or_default().push(number("n"));
    }
    runs
}

/// Waits until every client has rows of a run that is not among `before`.
async fn until_new_runs(
    fleet: &Fleet,
    client: &Client,
    before: &BTreeMap<(String, u64), Vec<u64>>,
    clients: usize,
) {
    fleet
        .until("rows of new runs", async || {
            let now = runs(client, "Custom.Events.Ticks/Fast").await;
            let mut new: Vec<&String> = now
                .iter()
                .filter(|(run, rows)| before.get(run).is_none_or(|old| old.len() < rows.len()))
                .map(|((client, _), _)| client)
                .collect();
            new.dedup();
            new.len() >= clients
        })
        .await;
}

#[tokio::test]
async fn no_spooled_row_is_lost_or_doubled_when_anybody_is_killed() {
    let seed = u64::from(std::process::id());
    eprintln!("the seed of the kills is {seed}");
    let mut chance = SeededEntropy::new(seed);
    let (mut fleet, _folder) = fleet_with_ticks().await;
    let client = fleet.admin().await;
    fleet.enrol(&client, AGENTS, &["web"]).await;
    let entry = MonitoringEntry {
        artifact: "Custom.Events.Ticks".into(),
        label: Some("web".into()),
        parameters: serde_json::Map::new(),
        limits: MonitoringLimits { batch_wait: Some("100ms".into()), ..Default::default() },
    };
    client.add_monitoring(&entry).await.expect("it can be monitored");
    until_new_runs(&fleet, &client, &BTreeMap::new(), AGENTS).await;
    for _ in 0..ROUNDS {
        let before = runs(&client, "Custom.Events.Ticks/Fast").await;
        let moment = Duration::from_millis(chance.next_u64() % 700);
        tokio::time::timeout(moment, std::future::pending::<()>()).await.ok();
        let whom = chance.next_u64() % 3;
        if whom != 0 {
            fleet.kill_server();
        }
        let index = (chance.next_u64() % AGENTS as u64) as usize;
        if whom != 1 {
            fleet.kill_agent(index);
        }
        if whom != 0 {
            fleet.start_server();
            fleet.until_server_answers().await;
        }
        if whom != 1 {
            fleet.start_agent(index);
        }
        until_new_runs(&fleet, &client, &before, AGENTS).await;
    }
    for source in ["Custom.Events.Ticks/Fast", "Custom.Events.Ticks/Slow"] {
        let runs = runs(&client, source).await;
        assert!(runs.len() >= AGENTS, "{source}");
        for (run, numbers) in runs {
            let wanted: Vec<u64> = (0..numbers.len() as u64).collect();
            assert_eq!(numbers, wanted, "{source} of {run:?}");
        }
    }
    what_people_see(&fleet, &client).await;
}

/// The command line shows the same rows, and removes what is not wanted any more.
async fn what_people_see(fleet: &Fleet, client: &Client) {
    let request =
        LoginRequest { user: "admin".into(), password: fleet.password().into(), token: true };
    let token = client.login(&request).await.expect("the password is good").token;
    let cli = |args: &[&str]| {
        let mut command = lycaon(args);
        command.env("LYCAON_SERVER", fleet.address()).env("LYCAON_TOKEN", &token);
        let said = said(&command.output().expect("the program starts"));
        assert_eq!(said.status, 0, "{args:?}: {}", said.err);
        let lines = said.out.lines().map(|line| serde_json::from_str(line).expect("JSON"));
        lines.collect::<Vec<Value>>()
    };
    let source = "Custom.Events.Ticks/Fast";
    let first = &cli(&["monitoring", "rows", source, "--limit", "3"]);
    assert_eq!((first.len(), first[0]["n"].as_u64()), (3, Some(0)));
    let of = first[0]["_client"].as_str().expect("a client").to_owned();
    let chosen = cli(&[
        "monitoring",
        "rows",
        source,
        "--client",
        &of,
        "--where",
        "n>4",
        "--where",
        "n<7",
        "--from",
        "2001-01-01",
        "--limit",
        "1",
    ]);
    assert_eq!(chosen[0]["n"], 5);
    let begins = cli(&["monitoring", "rows", source, "--client", &of, "--log", "--limit", "1"]);
    assert_eq!(begins[0]["text"], "monitoring begins");
    let followed = cli(&["monitoring", "rows", source, "--follow", "--limit", "2"]);
    assert_eq!(followed.len(), 2, "what arrives from now on");
    let days = cli(&["monitoring", "days", &of]);
    assert!(days.iter().any(|day| day["source"] == source && day["rows"].as_u64() > Some(0)));
    records_are_queried(client, &of).await;
    a_tool_runs_where_it_was_sent(client, &of, &cli).await;
    let left = cli(&["monitoring", "remove", "Custom.Events.Ticks", "--label", "web"]);
    assert_eq!(left.len(), 0);
    fleet
        .until("the sources end", async || {
            let query = EventScanQuery {
                source: Some(source.to_owned()),
                client: Some(of.clone()),
                log: Some(true),
                ..EventScanQuery::default()
            };
            let page = client.scan_events(&query).await.expect("the log can be read");
            page.items.last().is_some_and(|line| line.row["text"] == "monitoring ends")
        })
        .await;
}

/// An artifact's program is refused while it is not there, then uploaded, fetched, and run.
async fn a_tool_runs_where_it_was_sent(
    client: &Client,
    of: &str,
    cli: &impl Fn(&[&str]) -> Vec<Value>,
) {
    let request = FlowRequest {
        client: of.to_owned(),
        artifacts: vec![ArtifactCall {
            name: "Custom.Tool".into(),
            parameters: Default::default(),
        }],
        limits: api::FlowLimits::default(),
    };
    let refused = client.start_flow(&request).await.expect_err("the tool is not there");
    assert!(format!("{refused:?}").contains("lycaon tool upload Hello"), "{refused:?}");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("hello.sh");
    std::fs::write(&file, "#!/bin/sh\nprintf 'hello %s' \"$1\"\n").expect("it is ours");
    let kept = cli(&["tool", "upload", "Hello", &file.display().to_string(), "--version", "1.0"]);
    assert_eq!(kept[0]["artifacts"], serde_json::json!(["Custom.Tool"]));
    let listed = cli(&["tool", "list"]);
    assert_eq!(listed[0]["sha256"], kept[0]["sha256"]);
    for _ in 0..2 {
        let rows = cli(&["flow", "start", of, "Custom.Tool", "--wait"]);
        let row = &rows[0];
        assert_eq!(
            (&row["Stdout"], &row["Version"], &row["File"]),
            (&"hello world".into(), &"1.0".into(), &"hello.sh".into())
        );
    }
}

/// VQL on the server reads the same rows.
async fn records_are_queried(client: &Client, of: &str) {
    let ask = async |vql: String| {
        let query = VqlQuery { vql, env: Default::default(), rows_max: None, timeout: None };
        let text = client.query_records(&query).await.expect("the query compiles");
        let lines = text.lines().map(|line| serde_json::from_str(line).expect("JSON"));
        lines.collect::<Vec<Value>>()
    };
    let lines = ask(format!(
        "SELECT n, ClientId FROM source(client_id='{of}', artifact='Custom.Events.Ticks', source='Fast', count=3)"
    ))
    .await;
    let numbers: Vec<&Value> = lines.iter().filter_map(|line| line["row"].get("n")).collect();
    assert_eq!(numbers, [0, 1, 2], "{lines:?}");
    assert_eq!(lines.last().expect("an end")["end"], "");
    let rows = |lines: &[Value]| lines.iter().filter(|line| line.get("row").is_some()).count();
    let lines = ask("SELECT hostname FROM clients(search='all')".to_owned()).await;
    assert_eq!(rows(&lines), AGENTS, "{lines:?}");
    let lines =
        ask("SELECT * FROM watch_monitoring(artifact='Custom.Events.Ticks/Fast') LIMIT 2"
            .to_owned())
        .await;
    assert_eq!(rows(&lines), 2, "what arrives from now on: {lines:?}");
    let lines = ask("SELECT * FROM source(notebook_id='N.1')".to_owned()).await;
    let said = |line: &Value| line["log"]["text"].as_str().is_some_and(|t| t.contains("notebooks"));
    assert!(lines.iter().any(said), "{lines:?}");
}
