//! Log hunts over HTTP: the records as people see them, and what people do to them.

use std::sync::Arc;
use std::time::Duration;

use base::{Clock, Timestamp};
use log_rules::{
    CatchUp, Dataset, Definitions, FirstFrom, OnChange, OnPoison, OnReplace, Question, Retry, Rule,
    RuleClass, Schedule, Selection, Tenant, Ticks,
};
use loghunt::command::{Command, Cut, Order};
use loghunt::memory::MemoryLog;
use loghunt::ports::{LedgerStore, Step, Tell, TellHow};
use loghunt::retry::RetryPolicy;
use model::log::{
    DatasetName, Domain, EngineName, Evidence, Failure, FailureClass, Finding, FindingId, Lane,
    Position, RuleName, Severity, StreamKey, TenantName, Triage,
};
use rows::{Row, Value};
use serde_json::json;
use server::log::{KnownDefinitions, LogPorts, StillDesk};

use crate::browser::{Browser, Reply};
use crate::world::World;

fn schedule() -> Schedule {
    Schedule {
        ticks: Ticks::Every { every: Duration::from_secs(600), anchor: Timestamp::EPOCH },
        log_buffer: Duration::from_secs(60),
        start_delay: Duration::ZERO,
        jitter: Duration::ZERO,
        max_window: Duration::from_secs(21_600),
        min_window: Duration::from_secs(60),
        first_from: FirstFrom::OneInterval,
        retry: Retry::Backoff,
        attempts_max: 2,
    }
}

fn rule(name: &str, severity: Severity) -> Rule {
    Rule {
        name: RuleName::new(name).unwrap(),
        title: format!("Title of {name}"),
        description: String::new(),
        severity,
        attack: vec!["T1033".into()],
        datasets: vec![dataset()],
        tenants: Selection { include: vec!["*".into()], exclude: vec!["quiet*".into()] },
        schedule: schedule(),
        class: RuleClass::PerEvent,
        group_by: Vec::new(),
        question: Question::Sql("SELECT * FROM {table}".into()),
        vql: None,
        lists: Vec::new(),
        suppress: None,
        notify: vec!["hook".into()],
        disabled: false,
        critical: false,
        on_poison: OnPoison::Quarantine,
        catch_up: CatchUp::OldestFirst,
        on_change: OnChange::Forward,
        tests: Vec::new(),
        logic_hash: "0123456789abcdef0123".into(),
        meta_hash: "x".into(),
        pack: None,
        file: format!("rules/{name}.yaml"),
        source_text: format!("rule: {name}\n").into(),
    }
}

fn dataset() -> DatasetName {
    DatasetName::new("process_creation").unwrap()
}

fn tenant(name: &str) -> Tenant {
    let dataset = Dataset {
        name: dataset(),
        engine: EngineName::new("lake").unwrap(),
        table: "p".into(),
        domain: Domain::EventTime,
        event_time: Some("event_time".into()),
        ingest_time: None,
        cursor: None,
        identity: Vec::new(),
        columns: Vec::new(),
        schema: Vec::new(),
        log_source: None,
        retention: Some(Duration::from_secs(86_400)),
        log_buffer: None,
        skew_max: Duration::from_secs(600),
        lateness_max: None,
        on_replace: OnReplace::Stop,
        audit_ages: Vec::new(),
    };
    Tenant {
        name: TenantName::new(name).unwrap(),
        datasets: vec![dataset],
        weight: 1,
        concurrency: 4,
        bytes_per_day: None,
        secrets: Vec::new(),
        overrides: Vec::new(),
        lists: Vec::new(),
    }
}

fn key(tenant: &str, rule: &str) -> StreamKey {
    StreamKey {
        tenant: TenantName::new(tenant).unwrap(),
        dataset: dataset(),
        part: "".into(),
        rule: RuleName::new(rule).unwrap(),
        epoch: 0,
        lane: Lane::Live,
    }
}

fn finding(key: &StreamKey, slice: &model::log::Slice, number: u128) -> Finding {
    let mut row = Row::new();
    row.set("Host", Value::from(format!("web-{number}")));
    row.set("_id", Value::from("forged"));
    Finding {
        id: FindingId(number),
        tenant: key.tenant.clone(),
        dataset: key.dataset.clone(),
        rule: key.rule.clone(),
        title: "Found".into(),
        severity: if number == 1 { Severity::Critical } else { Severity::Low },
        attack: ["T1033".to_owned()].into(),
        revision_first: "r1".into(),
        revision_last: "r1".into(),
        slice: slice.id,
        window: slice.window,
        domain: slice.domain,
        position: slice.window.from(),
        instant: slice.window.from().moment().plus(Duration::from_secs(number as u64)),
        found_at: Timestamp::EPOCH,
        row,
        late: false,
        suppressed_by: None,
        bucket: None,
        notified: false,
        triage: Triage::default(),
    }
}

/// A ledger on which something happened, in the order in which a scheduler does it.
struct Past {
    log: MemoryLog,
    now: Timestamp,
}

impl Past {
    async fn step(&self, key: &StreamKey, commands: Vec<Command>) -> loghunt::command::Applied {
        self.log.step(&Step::of(key.clone(), commands)).await.unwrap().unwrap()
    }

    /// A stream whose one window is claimed.
    async fn claimed(&self, key: &StreamKey) -> (model::log::Slice, u64, Position) {
        let frontier = Position::at(self.now.minus(Duration::from_secs(90)));
        let t0 = Position(frontier.0 - 600_000_000);
        let open = Command::Open { domain: Domain::EventTime, t0, source_identity: None };
        let plan = Command::Plan {
            tick: self.now.minus(Duration::from_secs(30)),
            frontier,
            cut: Cut::Additive { max: 21_600_000_000 },
        };
        self.step(key, vec![open, plan]).await;
        let claim = Command::Claim {
            owner: "here".into(),
            ttl: Duration::from_secs(600),
            order: Order::OldestFirst,
            only_tick: None,
            policy: RetryPolicy::default(),
        };
        let slice = self.step(key, vec![claim]).await.claimed.unwrap();
        let token = slice.state.lease().unwrap().token;
        (slice, token, frontier)
    }

    async fn commits(&self, key: &StreamKey, found: u128) {
        let (slice, token, frontier) = self.claimed(key).await;
        let evidence = Evidence {
            token,
            revision: "0123456789abcdef".into(),
            rows: found as u64,
            findings_new: 0,
            bytes: 4_096,
            fingerprint: None,
            source_clock: None,
            took: Duration::from_millis(20),
            committed_at: Timestamp::EPOCH,
            audit_at: None,
            audits: 0,
        };
        let step = Step {
            key: key.clone(),
            commands: vec![Command::Commit { slice: slice.id, evidence, frontier }],
            findings: (1..=found).map(|number| finding(key, &slice, number)).collect(),
            tell: Tell { channels: vec!["hook".into()], how: TellHow::Each },
            audit: None,
        };
        self.log.step(&step).await.unwrap().unwrap();
    }

    async fn gives_up(&self, key: &StreamKey) {
        let (slice, token, _) = self.claimed(key).await;
        let policy = RetryPolicy { attempts_max: 1, may_split: false, ..RetryPolicy::default() };
        let failure = Failure { class: FailureClass::TooLarge, message: "it is too much".into() };
        let (slice, jitter_millionths) = (slice.id, 0);
        let fail = Command::Fail { slice, token, failure, policy, jitter_millionths };
        self.step(key, vec![fail]).await;
    }

    async fn stops(&self, key: &StreamKey) {
        self.claimed(key).await;
        let class = FailureClass::SourceChanged;
        let failure = Failure { class, message: "the table was made anew".into() };
        self.step(key, vec![Command::Stop { failure }]).await;
    }
}

struct RealClock;

impl Clock for RealClock {
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap())
    }
}

fn text(reply: &Reply) -> String {
    String::from_utf8_lossy(&reply.body).into_owned()
}

/// acme runs, beta has a gap, gamma is stopped, delta never ran, `quiet` is left out.
async fn hunted() -> (World, Browser) {
    let log = MemoryLog::new(Arc::new(RealClock));
    let past = Past { log: log.clone(), now: RealClock.now() };
    past.commits(&key("acme", "whoami"), 3).await;
    past.gives_up(&key("beta", "whoami")).await;
    past.stops(&key("gamma", "whoami")).await;
    let definitions = Definitions {
        tenants: ["acme", "beta", "gamma", "delta", "quiet-one"].map(tenant).into(),
        rules: vec![rule("whoami", Severity::Medium), rule("cron", Severity::Low)],
        revision: "rev".into(),
        ..Definitions::default()
    };
    let known = KnownDefinitions {
        definitions: Arc::new(definitions),
        folder: "/etc/hunts".into(),
        ..KnownDefinitions::default()
    };
    let ports = LogPorts {
        ledger: Arc::new(log.clone()),
        findings: Arc::new(log.clone()),
        outbox: Arc::new(log.clone()),
        control: Arc::new(log),
        desk: Arc::new(StillDesk(Arc::new(known))),
    };
    let world = World::hunting_logs(ports).await;
    let admin = world.admin().await;
    (world, admin)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_log_hunts_says_so() {
    let world = World::start().await;
    let admin = world.admin().await;
    assert_eq!(admin.get("/log/overview").await.good()["configured"], false);
    let refused = admin.get("/log/streams").await.error();
    assert!(refused.starts_with("404 a section `log_hunts:`"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_grid_shows_what_is_wrong_first() {
    let (_world, admin) = hunted().await;
    let numbers = admin.get("/log/overview").await.good();
    let streams = &numbers["streams"];
    let counts = ["ok", "waiting", "gap", "stopped"].map(|state| streams[state].as_u64().unwrap());
    assert_eq!(counts, [1, 5, 1, 1], "{numbers}");
    assert_eq!((&numbers["gaps"], &numbers["tenants"]), (&json!(1), &json!(5)));
    assert_eq!(numbers["outbox_waiting"], 3);
    let grid = admin.get("/log/grid?sort=trouble").await.good();
    let cell = |row: usize, column: usize| grid["items"][row]["cells"][column]["state"].clone();
    assert_eq!(grid["rules"][1]["name"], "whoami");
    assert_eq!(
        (grid["items"][0]["tenant"].clone(), cell(0, 1)),
        (json!("gamma"), json!("stopped"))
    );
    assert_eq!(cell(1, 1), "gap");
    let quiet = admin.get("/log/grid?tenant=QUIET").await.good();
    assert_eq!(quiet["items"][0]["cells"], json!([null, null]));
    let trouble = admin.get("/log/grid?state=trouble").await.good();
    assert_eq!(trouble["total"], 2);
    let lagging = admin.get("/log/streams?sort=lag&desc=true&rule=whoami").await.good();
    assert_eq!((&lagging["total"], &lagging["items"][0]["rule"]), (&json!(4), &json!("whoami")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_is_a_timeline_whose_windows_explain_themselves() {
    let (_world, admin) = hunted().await;
    let at = "/log/streams/acme/process_creation/whoami";
    let stream = admin.get(at).await.good();
    assert_eq!(
        (&stream["state"], &stream["windows"][0]["value"]),
        (&json!("ok"), &json!("committed"))
    );
    let line = admin.get(&format!("{at}/timeline")).await.good();
    assert_eq!((&line["segments"][0]["findings"], &line["windows"]), (&json!(3), &json!(1)));
    let window = line["segments"][0]["window"].as_str().unwrap();
    let why = admin.get(&format!("/log/windows/{window}")).await.good();
    let text = why["sentences"].to_string();
    assert!(text.contains("committed by here") && text.contains("3 matching rows"), "{text}");
    assert_eq!((&why["findings"], &why["runs"][0]["outcome"]), (&json!(3), &json!("committed")));
    let runs = admin.get(&format!("{at}/runs")).await.good();
    assert_eq!(runs["items"][0]["owner"], "here");
    let none = admin.get(&format!("{at}?epoch=7")).await.error();
    assert!(none.starts_with("404"), "{none}");
    let revisions = admin.get("/log/rules/whoami/revisions").await.good();
    assert_eq!(revisions["items"][0]["revision"], "0123456789abcdef");
    assert_eq!(revisions["items"][0]["in_force"], false, "its definitions have another one");
}

#[tokio::test(flavor = "multi_thread")]
async fn findings_are_filtered_sorted_triaged_and_exported() {
    let (_world, admin) = hunted().await;
    let newest = admin.get("/log/findings").await.good();
    assert_eq!(
        (&newest["total"], &newest["items"][0]["row"]["Host"]),
        (&json!(3), &json!("web-3"))
    );
    let worst = admin.get("/log/findings?sort=severity&desc=true&limit=2").await.good();
    let hosts = |page: &serde_json::Value| -> Vec<String> {
        let items = page["items"].as_array().unwrap().iter();
        items.map(|item| item["row"]["Host"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!((hosts(&worst), &worst["total"]), (vec!["web-1".into(), "web-3".into()], &json!(3)));
    let next = admin.get("/log/findings?sort=severity&desc=true&limit=2&offset=2").await.good();
    assert_eq!(hosts(&next), ["web-2"]);
    let oldest = admin.get("/log/findings?desc=false&limit=2").await.good();
    assert_eq!(hosts(&oldest), ["web-1", "web-2"]);
    let id = worst["items"][0]["id"].as_str().unwrap();
    let said =
        json!({ "findings": [id], "state": "triaged", "assignee": "anna", "comment": "odd" });
    let changed = admin.post("/log/triage", said).await.good();
    assert_eq!(changed[0]["comments"][0]["actor"], "admin");
    let new = admin.get("/log/findings?state=new").await.good();
    assert_eq!(new["total"], 2);
    let facets = admin.get("/log/findings/facets?state=new").await.good();
    assert_eq!(facets["state"], json!([{"value":"new","count":2},{"value":"triaged","count":1}]));
    assert_eq!(facets["severity"], json!([{"value":"low","count":2}]));
    let csv = text(&admin.get("/log/findings/export.csv?severity=critical").await);
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 2, "{csv}");
    assert!(lines[0].ends_with(",_found_at,Host") && lines[1].contains(id), "{csv}");
    let json = text(&admin.get("/log/findings/export.ndjson?sort=severity&desc=true").await);
    assert_eq!(json.lines().count(), 3);
    assert!(json.lines().next().unwrap().contains(id) && !json.contains("forged"), "{json}");
    let bad = admin.get("/log/findings?severity=awful").await.error();
    assert!(bad.starts_with("400 `awful` is not a severity"), "{bad}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_do_says_its_size_first_and_is_written_down() {
    let (_world, admin) = hunted().await;
    let pause = |preview| json!({ "mode": "hold", "reason": "moving", "preview": preview });
    let size = admin.post("/log/tenants/acme/pause", pause(true)).await.good();
    assert_eq!((&size["done"], &size["streams"]), (&json!(false), &json!(2)));
    admin.post("/log/tenants/acme/pause", pause(false)).await.good();
    let tenant = admin.get("/log/tenants/acme").await.good();
    assert_eq!(tenant["summary"]["pause"]["reason"], "moving");
    assert_eq!(tenant["summary"]["streams"]["paused"], 2);
    let nothing = admin.post("/log/tenants/acme/resume", json!({})).await.error();
    assert!(nothing.contains("reason is missing"), "{nothing}");
    admin.post("/log/tenants/acme/resume", json!({ "reason": "moved" })).await.good();

    let beta = "/log/streams/beta/process_creation/whoami";
    let line = admin.get(&format!("{beta}/timeline")).await.good();
    assert_eq!(line["segments"][0]["state"], "quarantined");
    let window = line["segments"][0]["window"].as_str().unwrap();
    let why = admin.get(&format!("/log/windows/{window}")).await.good();
    assert_eq!(why["actions"], json!(["reopen", "waive"]));
    let verb = |verb: &str| format!("/log/windows/{window}/{verb}");
    admin.post(&verb("waive"), json!({ "reason": "not needed" })).await.good();
    admin.post(&verb("reopen"), json!({ "reason": "needed" })).await.good();
    let again = admin.post(&verb("reopen"), json!({ "reason": "needed" })).await.error();
    assert!(again.starts_with("409 a window that is planned cannot be reopened"), "{again}");

    let gamma = "/log/streams/gamma/process_creation/whoami";
    assert_eq!(admin.get(gamma).await.good()["failure"], "the table was made anew");
    admin.post(&format!("{gamma}/continue"), json!({ "reason": "looked at it" })).await.good();
    assert_ne!(admin.get(gamma).await.good()["state"], "stopped");

    let ask = |preview| {
        json!({ "rule": "whoami", "tenants": ["*a"], "from": "2026-01-01", "to": "2026-01-02",
            "reason": "new intelligence", "preview": preview })
    };
    let size = admin.post("/log/backfills", ask(true)).await.good();
    assert_eq!((&size["streams"], &size["windows"]), (&json!(3), &json!(24)));
    assert!(size["problems"][0]["message"].as_str().unwrap().contains("keeps"), "{size}");
    let made = admin.post("/log/backfills", ask(false)).await.good();
    let job = made["job"].as_str().unwrap();
    admin.post(&format!("/log/backfills/{job}/cancel"), json!({ "reason": "enough" })).await.good();
    let jobs = admin.get("/log/backfills").await.good();
    assert_eq!((&jobs["items"][0]["state"], &jobs["total"]), (&json!("cancelled"), &json!(1)));
    let wrong = json!({ "rule": "whoami", "from": "soon", "to": "2999-01-01", "preview": true });
    let wrong = admin.post("/log/backfills", wrong).await.problems();
    assert!(wrong[0].starts_with("from: `soon`") && wrong[1].contains("in the past"), "{wrong:?}");

    let notes = admin.get("/log/notes").await.good();
    let actions: Vec<&str> =
        notes["items"].as_array().unwrap().iter().map(|n| n["action"].as_str().unwrap()).collect();
    let expected =
        ["backfill_cancel", "backfill", "continue", "reopen", "waive", "resume", "pause"];
    assert_eq!(actions, expected);
    let audit = admin.get("/audit?limit=3").await.good();
    assert_eq!(audit["items"][0]["action"], "log.backfill_cancel");
}
