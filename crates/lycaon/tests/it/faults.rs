//! What the real programs do when a disk is full or read-only, when PostgreSQL is away, and when the object
//! store fails or is slow: agents keep what they have, `GET /health` and the log say what is wrong,
//! nothing that was acknowledged is lost, and when the fault ends everything goes on by itself.
//!
//! In each story the flows of a hunt wait at a gate on the agents' machine until the fault is there; then
//! they bring rows and a file, which the server cannot take.

use std::path::PathBuf;
use std::time::Duration;

use api_client::Client;
use sha2::{Digest, Sha256};
use testkit::postgres::Cluster;

use crate::bad_disk::{BadDisk, Wrong};
use crate::bucket::{Bucket, Manner};
use crate::fleet::Fleet;
use crate::judge::{Cohort, judge, judge_files, question};

const COHORT: Cohort = Cohort { matching: 4, others: 1 };

/// How late the slow object store answers.
const LATE: Duration = Duration::from_secs(7);

/// Waits for the gate's file, then brings rows and a file.
const ARTIFACT: &str = r#"
name: Custom.Fault
parameters:
  - name: Gate
  - name: File
sources:
  - query: |
      SELECT * FROM foreach(
        row={ SELECT _value FROM range(end=12000)
              WHERE sleep(ms=20) AND stat(filename=Gate) LIMIT 1 },
        query={ SELECT upload(file=File).sha256 AS Sha256 FROM scope() })
"#;

/// The files on the agents' machine.
struct Machine {
    folder: tempfile::TempDir,
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(folder.path().join("artifacts")).expect("it is ours");
        let artifact = folder.path().join("artifacts/Custom.Fault.yaml");
        std::fs::write(artifact, ARTIFACT).expect("it is ours");
        Self { folder }
    }

    fn config(&self) -> String {
        format!("artifacts: {{ folders: ['{}'] }}", self.folder.path().join("artifacts").display())
    }

    fn gate(&self, story: &str) -> PathBuf {
        self.folder.path().join(format!("gate-{story}"))
    }

    /// A file that no other story has, of two parts and a half.
    fn file(&self, story: &str) -> (PathBuf, Vec<u8>) {
        let bytes: Vec<u8> = story.bytes().cycle().take(600_000).collect();
        let path = self.folder.path().join(format!("file-{story}"));
        std::fs::write(&path, &bytes).expect("it is ours");
        (path, bytes)
    }
}

/// A hunt in which a fault comes and goes.
struct Story<'a> {
    fleet: &'a Fleet,
    client: &'a Client,
    machine: &'a Machine,
    name: &'a str,
    hunt: String,
    /// Flows that had begun on these agents before.
    before: usize,
    /// Connections that they had lost before.
    lost: usize,
}

/// What an agent logs when its connection is over.
const LOST: &str = "no connection; trying again";

impl<'a> Story<'a> {
    /// Starts the hunt, and waits until all its flows wait at the gate.
    async fn begin(
        name: &'a str,
        fleet: &'a Fleet,
        (client, machine): (&'a Client, &'a Machine),
    ) -> Self {
        let mut request = question(name, "Custom.Fault");
        let (file, _) = machine.file(name);
        for (name, path) in [("Gate", machine.gate(name)), ("File", file)] {
            let value = path.display().to_string().into();
            request.artifacts[0].parameters.insert(name.into(), value);
        }
        let (before, lost) = (logged(fleet, "flow began"), logged(fleet, LOST));
        let hunt = fleet.hunt(client, &request).await.id;
        let story = Self { fleet, client, machine, name, hunt, before, lost };
        let waiting = (COHORT.matching as u64, COHORT.others as u64);
        let at_the_gate = async || {
            let counts = client.hunt(&story.hunt).await.map(|hunt| hunt.counts);
            counts.is_ok_and(|counts| (counts.running, counts.refused) == waiting)
                && logged(fleet, "flow began") == before + COHORT.matching
        };
        fleet.until("the flows wait at the gate", at_the_gate).await;
        story
    }

    /// The flows go on, and their agents have all of it on their disks.
    async fn open_the_gate(&self) {
        std::fs::write(self.machine.gate(self.name), "").expect("it is ours");
        let spooled = async || logged(self.fleet, "flow ended") == self.before + COHORT.matching;
        self.fleet.until("the agents have everything", spooled).await;
    }

    /// Waits until the server has told every agent that it cannot take what it brings.
    async fn until_all_are_sent_away(&self) {
        let away = async || logged(self.fleet, LOST) >= self.lost + COHORT.matching;
        self.fleet.until("all agents have tried in vain", away).await;
    }

    /// Waits until a node says so.
    async fn until_health(&self, node: usize, says: &str) {
        let stranger = self.fleet.anybody(node);
        let said = async || {
            let health = stranger.health().await;
            health.is_ok_and(|health| {
                health.status == "degraded" && health.problems.iter().any(|one| one.contains(says))
            })
        };
        self.fleet.until(&format!("health says `{says}`"), said).await;
        let log = std::fs::read_to_string(self.fleet.node_log(node)).expect("it logs");
        assert!(log.contains(says), "the log says `{says}` too");
    }

    async fn until_well(&self, node: usize) {
        let stranger = self.fleet.anybody(node);
        let well = async || stranger.health().await.is_ok_and(|health| health.status == "ok");
        self.fleet.until("the server is well", well).await;
    }

    /// No flow of the hunt was taken while the fault lasted.
    async fn nothing_was_taken(&self) {
        let counts = self.client.hunt(&self.hunt).await.expect("reading works").counts;
        assert_eq!((counts.running, counts.results), (COHORT.matching as u64, 0));
    }

    /// Every agent exactly once.
    async fn end(self) {
        self.fleet.until_quiet(self.client, &self.hunt).await;
        let rows = judge(self.client, &self.hunt, COHORT, 1).await;
        let (_, bytes) = self.machine.file(self.name);
        let hash = hex::encode(Sha256::digest(&bytes));
        assert!(rows.len() == 1 && rows[0].contains(&hash), "{rows:?}");
        judge_files(self.client, &self.hunt, &[(bytes.len() as u64, hash)]).await;
    }
}

/// How often the matching agents have logged this.
fn logged(fleet: &Fleet, what: &str) -> usize {
    let read = |index| std::fs::read_to_string(fleet.agent_log(index)).unwrap_or_default();
    (0..COHORT.matching).map(|index| read(index).matches(what).count()).sum()
}

/// A server with agents that answer [`ARTIFACT`].
async fn with_agents(mut fleet: Fleet) -> (Fleet, Client) {
    let client = fleet.admin().await;
    fleet.enrol(&client, COHORT.matching, &["office"]).await;
    fleet.enrol(&client, COHORT.others, &["lab"]).await;
    (fleet, client)
}

async fn started(mut fleet: Fleet, machine: &Machine, objects: Option<&str>) -> (Fleet, Client) {
    fleet.configure(&machine.config());
    if let Some(objects) = objects {
        fleet.configure(&format!("objects: {objects}"));
    }
    fleet.start_server();
    fleet.until_server_answers().await;
    with_agents(fleet).await
}

async fn a_bad_disk_of_the_server(wrong: Wrong, says: &str) {
    let Some(disk) = BadDisk::or_say() else { return };
    let machine = Machine::new();
    let mut fleet = Fleet::unstarted();
    fleet.server_env = disk.env(&fleet.home());
    let (mut fleet, client) = started(fleet, &machine, None).await;
    let story = Story::begin("disk", &fleet, (&client, &machine)).await;
    disk.is(wrong);
    story.open_the_gate().await;
    story.until_health(0, says).await;
    story.until_all_are_sent_away().await;
    story.nothing_was_taken().await;
    let (hunt, before, lost) = (story.hunt, story.before, story.lost);
    // What an agent has spooled outlives it too.
    fleet.kill_agent(0);
    fleet.start_agent(0);
    disk.is(Wrong::Nothing);
    let (fleet, client, machine) = (&fleet, &client, &machine);
    let story = Story { fleet, client, machine, name: "disk", hunt, before, lost };
    story.until_well(0).await;
    story.end().await;
}

#[tokio::test]
async fn a_full_disk_of_the_server_is_told_and_waited_out() {
    a_bad_disk_of_the_server(Wrong::Full, "the disk is full").await;
}

#[tokio::test]
async fn a_read_only_disk_of_the_server_is_told_and_waited_out() {
    a_bad_disk_of_the_server(Wrong::ReadOnly, "can be read but not written").await;
}

/// Their flows wait for room; nothing is collected twice, and the server is not concerned.
#[tokio::test]
async fn a_full_disk_of_agents_is_waited_out() {
    let Some(disk) = BadDisk::or_say() else { return };
    let machine = Machine::new();
    let mut fleet = Fleet::unstarted();
    fleet.agent_env = disk.env(&fleet.agents_prefix());
    let (fleet, client) = started(fleet, &machine, None).await;
    let story = Story::begin("agents", &fleet, (&client, &machine)).await;
    disk.is(Wrong::Full);
    std::fs::write(machine.gate("agents"), "").expect("it is ours");
    let told = async || logged(&fleet, "the agent's disk failed") == COHORT.matching;
    fleet.until("the agents say that their disk is full", told).await;
    story.nothing_was_taken().await;
    story.until_well(0).await;
    disk.is(Wrong::Nothing);
    story.end().await;
    let began = logged(&fleet, "flow began");
    assert_eq!(began, COHORT.matching, "nobody collected twice");
}

/// Two nodes over a database of their own, which the test may stop.
#[tokio::test]
async fn a_database_that_is_read_only_or_away_is_told_and_waited_out() {
    if Cluster::or_say().is_none() {
        return;
    }
    let mut cluster = Cluster::start(&[]).expect("another one was started a moment ago");
    let machine = Machine::new();
    let fleet = Fleet::of_nodes_with(2, &cluster.fresh_database(), (None, &machine.config())).await;
    let (fleet, client) = with_agents(fleet).await;

    let story = Story::begin("read-only", &fleet, (&client, &machine)).await;
    let read_only = |on: &str| {
        cluster.sql("postgres", &format!("ALTER SYSTEM SET default_transaction_read_only = {on}"));
        cluster.sql("postgres", "SELECT pg_reload_conf()");
    };
    read_only("on");
    story.open_the_gate().await;
    for node in [0, 1] {
        story.until_health(node, "can be read but not written").await;
    }
    story.until_all_are_sent_away().await;
    story.nothing_was_taken().await;
    read_only("off");
    for node in [0, 1] {
        story.until_well(node).await;
    }
    story.end().await;

    let story = Story::begin("away", &fleet, (&client, &machine)).await;
    cluster.stop();
    story.open_the_gate().await;
    for node in [0, 1] {
        story.until_health(node, "cannot be reached").await;
    }
    story.until_all_are_sent_away().await;
    cluster.go_on();
    for node in [0, 1] {
        story.until_well(node).await;
    }
    story.end().await;
}

/// Files travel through a store that goes wrong.
async fn a_bad_object_store(name: &str, manner: Manner, says: &str) {
    let bucket = Bucket::start().await;
    let machine = Machine::new();
    let (fleet, client) = started(Fleet::unstarted(), &machine, Some(&bucket.config())).await;
    let story = Story::begin(name, &fleet, (&client, &machine)).await;
    bucket.is(manner);
    let before = bucket.requests();
    story.open_the_gate().await;
    story.until_health(0, says).await;
    if manner != Manner::Slow(LATE) {
        story.until_all_are_sent_away().await;
    }
    assert!(manner == Manner::Gone || bucket.requests() > before, "it was asked");
    story.nothing_was_taken().await;
    bucket.is(Manner::Well);
    story.until_well(0).await;
    story.end().await;
    assert_eq!(bucket.names("blobs").len(), 1, "the same file of all agents is kept once");
}

#[tokio::test]
async fn an_object_store_that_fails_is_told_and_waited_out() {
    a_bad_object_store("failing", Manner::Failing, "the store of uploaded files").await;
}

#[tokio::test]
async fn an_object_store_that_is_slow_is_told_and_waited_out() {
    a_bad_object_store("slow", Manner::Slow(LATE), "slow").await;
}

#[tokio::test]
async fn an_object_store_that_is_gone_is_told_and_waited_out() {
    a_bad_object_store("gone", Manner::Gone, "the store of uploaded files").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_starts_while_its_object_store_fails() {
    let bucket = Bucket::start().await;
    let machine = Machine::new();
    let (mut fleet, client) = started(Fleet::unstarted(), &machine, Some(&bucket.config())).await;
    bucket.is(Manner::Failing);
    let before = bucket.requests();
    fleet.kill_server();
    fleet.start_server();
    fleet.until_server_answers().await;
    assert!(bucket.requests() > before, "it was asked");
    assert!(client.health().await.is_ok());
}
