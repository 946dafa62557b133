//! Kill -9 of nodes and agents at random moments during hunts: several servers over one PostgreSQL and one
//! store of objects that speaks S3. An agent whose node is gone goes on at another one.
//!
//! Each round is one hunt to 8 agents, of which 6 match; every third brings a file as well. During it a
//! node, some agents, or both are killed; the killed node is started again at once, or when the round is
//! over. In some rounds the store of objects fails at that moment, and for a while. Rounds are judged as in `survive`, through a node that was not killed.
//!
//! `LYCAON_SOAK_ROUNDS` asks for more rounds than the usual 6, `LYCAON_SOAK_SEED` repeats a run.

use std::time::Duration;

use api_client::Client;
use base::{Entropy, SeededEntropy};
use sha2::{Digest, Sha256};
use testkit::postgres::Cluster;

use crate::bucket::{Bucket, Manner};
use crate::fleet::Fleet;
use crate::judge::{
    Cohort, ask_again_who_was_killed_in_the_question, judge, judge_files, question,
};
use crate::survive::number;

const COHORT: Cohort = Cohort { matching: 6, others: 2 };
const ROUNDS: u64 = 6;
const NODES: usize = 2;

const FILES: &str = "
name: Custom.Files
parameters:
  - name: File
sources:
  - query: SELECT upload(file=File).sha256 AS Sha256 FROM scope()
";

/// What a round does.
struct Disturbance {
    node: Option<usize>,
    agents: Vec<usize>,
    /// The node comes back at once.
    at_once: bool,
    /// How long the store of objects fails.
    objects_fail: Duration,
}

impl Disturbance {
    fn of(chance: &mut SeededEntropy, fleet: &Fleet) -> Self {
        let mut below = |end: usize| (chance.next_u64() % end as u64) as usize;
        let whom = below(4);
        let node = (whom != 0).then(|| below(fleet.nodes()));
        let mut agents = Vec::new();
        if whom != 1 {
            agents.extend((0..=below(3)).map(|_| below(fleet.agents())));
        }
        agents.sort_unstable();
        agents.dedup();
        let at_once = below(2) == 0;
        let millis = if below(4) == 0 { below(3_000) } else { 0 };
        Self { node, agents, at_once, objects_fail: Duration::from_millis(millis as u64) }
    }

    /// A node that lives through it.
    fn survivor(&self, fleet: &Fleet) -> usize {
        (0..fleet.nodes()).find(|node| Some(*node) != self.node).expect("one is killed at most")
    }

    async fn strike(&self, fleet: &mut Fleet, bucket: &Bucket) {
        if !self.objects_fail.is_zero() {
            bucket.is(Manner::Failing);
        }
        if let Some(node) = self.node {
            fleet.kill_node(node);
        }
        for agent in &self.agents {
            fleet.kill_agent(*agent);
        }
        if let Some(node) = self.node.filter(|_| self.at_once) {
            fleet.start_node(node);
        }
        for agent in &self.agents {
            fleet.start_agent(*agent);
        }
        tokio::time::timeout(self.objects_fail, std::future::pending::<()>()).await.ok();
        bucket.is(Manner::Well);
    }

    async fn mend(&self, fleet: &mut Fleet) {
        if let Some(node) = self.node {
            if !self.at_once {
                fleet.start_node(node);
            }
            fleet.until_node_answers(node).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_when_nodes_and_agents_are_killed_at_any_moment() {
    let Some(cluster) = Cluster::or_say() else { return };
    let seed = number("LYCAON_SOAK_SEED", std::process::id().into());
    let rounds = number("LYCAON_SOAK_ROUNDS", ROUNDS);
    eprintln!("LYCAON_SOAK_SEED={seed} repeats the order of kills");
    let mut chance = SeededEntropy::new(seed);
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("Custom.Files.yaml"), FILES).expect("it is ours");
    let artifacts = format!("artifacts: {{ folders: ['{}'] }}", folder.path().display());
    let database = cluster.fresh_database();
    let bucket = Bucket::start().await;
    let objects = bucket.config();
    let mut fleet = Fleet::of_nodes_with(NODES, &database, (Some(&objects), &artifacts)).await;
    let client = fleet.admin().await;
    fleet.enrol(&client, COHORT.matching, &["office"]).await;
    fleet.enrol(&client, COHORT.others, &["lab"]).await;
    let file = folder.path().join("file");
    for round in 1..=rounds {
        let disturbance = Disturbance::of(&mut chance, &fleet);
        let client = fleet.admin_of(disturbance.survivor(&fleet)).await;
        let with_file = round % 3 == 0;
        let mut request = question(&format!("round {round}"), "Linux.Sys.Users");
        let bytes = chance.next_u64().to_le_bytes().repeat(40_000);
        if with_file {
            std::fs::write(&file, &bytes).expect("it is ours");
            request.artifacts[0].name = "Custom.Files".into();
            let path = file.display().to_string();
            request.artifacts[0].parameters.insert("File".into(), path.into());
        }
        let hunt = fleet.hunt(&client, &request).await;
        let moment = Duration::from_millis(chance.next_u64() % 400);
        tokio::time::timeout(moment, std::future::pending::<()>()).await.ok();
        disturbance.strike(&mut fleet, &bucket).await;
        fleet.until_quiet(&client, &hunt.id).await;
        let killed = (round, disturbance.agents.len());
        ask_again_who_was_killed_in_the_question(&fleet, &client, &hunt.id, killed).await;
        judge(&client, &hunt.id, COHORT, round).await;
        if with_file {
            let file = (bytes.len() as u64, hex::encode(Sha256::digest(&bytes)));
            judge_files(&client, &hunt.id, &[file]).await;
        }
        disturbance.mend(&mut fleet).await;
        everybody_is_known(&fleet, &client).await;
    }
    assert!(!bucket.names("").is_empty(), "files lie in the store of objects");
}

/// Both nodes agree on who is connected, so that the next round begins with all.
async fn everybody_is_known(fleet: &Fleet, client: &Client) {
    let wanted = fleet.agents() as u64;
    let query = api::ClientsQuery { online: Some(true), ..Default::default() };
    fleet
        .until("all agents are connected", async || {
            client.clients(&query).await.is_ok_and(|page| page.total == wanted)
        })
        .await;
}
