//! `lycaon demo`: a server, its web interface and several agents on this machine, and one hunt that some of
//! them match.
//!
//! Every part is a process of its own, started as it would be on real machines: the server from its
//! configuration file, each agent with its own key, state and labels, over TLS on the loopback. `--check`
//! runs the same hunt to its end and judges it.

mod balancer;
mod check;
mod cluster;
mod cohort;
mod logs;
mod node;
mod nodes;
mod stage;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use api::{HuntView, LogStreamsQuery, LoginRequest, RowsQuery};
use api_client::{Client, Connection};
use base::{Clock, Timestamp};
use parking_lot::Mutex;

use crate::complaint::{Complaint, Outcome};
use crate::demo::cohort::{Cohort, Role};
use crate::demo::logs::judge::{LogVerdict, judge};
use crate::demo::logs::{LogDemo, Planted};
use crate::demo::stage::agent_program;
use crate::machine::SystemClock;
use crate::output::{OutputArgs, Records};
use crate::remote::block_on;
use crate::results::row_record;
use crate::{download, gui, hunt, init, os};

pub(crate) use cluster::Cluster;
pub(crate) use node::{Common, Node};
pub(crate) use stage::{Actor, free_port, this_program};

/// Start a server, its web interface and several agents here, and run a hunt
///
/// Everything listens on the loopback only and lives in one folder. Three of five agents match the hunt's
/// condition; the others are refused, each with its reason. Stays up until Ctrl-C.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example:\n  lycaon demo\n  lycaon demo --agents 10 --check\n  lycaon demo --nodes 3\n  lycaon demo -- sh -c 'curl $LYCAON_URL/api/v1/health'"
)]
pub(crate) struct DemoArgs {
    /// How many agents
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=200), value_name = "N")]
    agents: u32,
    /// How many tenants with logs, on which forty rules run; 0 for none
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u32).range(0..=200), value_name = "N")]
    log_tenants: u32,
    /// How many servers, over one PostgreSQL of this machine, behind a load balancer for agents; one of them
    /// is killed in the middle of the hunt. Without logs
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=9), value_name = "N")]
    nodes: u32,
    /// Run the hunt to its end, judge it, and exit: 0 only if everything is as it must be
    #[arg(long)]
    check: bool,
    /// Keep everything in this folder, which must be empty or new [default: a temporary one, removed at the end]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// The port of the web interface [default: 8889 when it is free, else any]
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// Run this program while the demo is up, and end with its exit status; it finds the address and the
    /// password in LYCAON_URL, LYCAON_USER and LYCAON_PASSWORD
    #[arg(last = true, conflicts_with = "check", value_name = "PROGRAM")]
    program: Vec<String>,
}

/// How long a demo's step may take before the demo says that it failed.
const PATIENCE: Duration = Duration::from_secs(600);
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(100);
/// So many rows are shown.
const SAMPLE: u64 = 8;
const PREFERRED_PORT: u16 = 8889;
/// Logs go on so often: less than the rules' buffer, so that no row comes late.
const WRITE_EVERY: Duration = Duration::from_secs(2);

/// A running demo.
struct Demo {
    folder: PathBuf,
    made: init::Made,
    /// Where agents connect to.
    agents_port: u16,
    address: String,
    actors: Vec<Actor>,
    cohort: Cohort,
    logs: Option<Arc<Mutex<LogDemo>>>,
}

pub(crate) fn run(args: DemoArgs) -> Outcome {
    let temporary;
    let folder = match &args.dir {
        Some(folder) => folder.clone(),
        None => {
            temporary = tempfile::Builder::new()
                .prefix("lycaon-demo-")
                .tempdir()
                .map_err(|e| Complaint::failed(format!("cannot make a temporary folder: {e}")))?;
            temporary.path().to_owned()
        }
    };
    let agent = agent_program()?;
    block_on(async {
        let result = tokio::select! {
            result = nodes::play(&args, &folder, &agent), if args.nodes > 1 => result,
            result = play(&args, &folder, &agent), if args.nodes == 1 => result,
            () = os::asked_to_end() => Ok(()),
        };
        say("ending the demo")?;
        result
    })
}

/// From nothing to a judged hunt, and then on until somebody ends it.
async fn play(args: &DemoArgs, folder: &Path, agent: &Path) -> Outcome {
    let mut demo = set_up(args, folder).await?;
    say(&format!("folder   {}", demo.folder.display()))?;
    demo.start_server().await?;
    let client = demo.sign_in().await?;
    say(&format!("server   {}  (pid {})", demo.address, demo.actors[0].pid()))?;
    demo.start_agents(&client, agent).await?;
    say(&format!("agents   {} connected", demo.cohort.len()))?;
    let hunt = client.create_hunt(&demo.cohort.hunt()).await?;
    say(&format!("hunt     {}  {}", hunt.id, hunt.spec.name))?;
    let hunt = demo.until_quiet(&client, &hunt.id).await?;
    let zip = demo.folder.join("hunt.zip");
    tell_results(&client, &hunt, &zip).await?;
    let verdict = check::judge(&client, &demo.cohort, &hunt.id, &zip).await?;
    say(&verdict.told())?;
    let logs = demo.follow_log_hunts(&client).await?;
    if args.check {
        verdict.outcome()?;
        return logs.map_or(Ok(()), |logs| logs.outcome());
    }
    demo.stay_up(&args.program).await
}

async fn set_up(args: &DemoArgs, folder: &Path) -> Outcome<Demo> {
    let http_port = match args.port {
        Some(port) => init::port_that_is_free(port)?,
        None => free_port(Some(PREFERRED_PORT))?,
    };
    let plan = init::Plan {
        folder: folder.to_owned(),
        agents_port: free_port(None)?,
        http_port,
        loopback: true,
        addresses: vec!["127.0.0.1".into()],
        swarm: None,
    };
    let made = init::make(&plan).await?;
    let logs = match args.log_tenants {
        0 => None,
        tenants => {
            let logs = LogDemo::lay_out(folder, tenants, SystemClock.now())?;
            let config = &made.server_config;
            let mut text =
                std::fs::read_to_string(config).map_err(|e| Complaint::io("read", config, &e))?;
            let definitions = logs.definitions().display().to_string();
            // A JSON text is a YAML text, whatever the path has in it.
            let definitions = serde_json::Value::from(definitions);
            text.push_str(&format!("log_hunts:\n  folder: {definitions}\n"));
            std::fs::write(config, text).map_err(|e| Complaint::io("write", config, &e))?;
            Some(Arc::new(Mutex::new(logs)))
        }
    };
    Ok(Demo {
        logs,
        folder: folder.to_owned(),
        agents_port: plan.agents_port,
        address: format!("http://127.0.0.1:{http_port}"),
        made,
        actors: vec![],
        cohort: Cohort::of(args.agents),
    })
}

impl Demo {
    /// The process that was started last.
    fn last_pid(&self) -> u32 {
        self.actors.last().map_or(0, Actor::pid)
    }

    async fn start_server(&mut self) -> Outcome {
        let log = self.folder.join("server.log");
        self.actors.push(Actor::server("server", &self.made.server_config, &log, None)?);
        let client =
            Client::new(&Connection { server: self.address.clone(), ..Connection::default() })?;
        self.until("the server did not answer", async || Ok(client.health().await.is_ok())).await
    }

    async fn sign_in(&self) -> Outcome<Client> {
        let client =
            Client::new(&Connection { server: self.address.clone(), ..Connection::default() })?;
        let request = LoginRequest {
            user: self.made.user.clone(),
            password: self.made.password.clone(),
            token: true,
        };
        let token = client.login(&request).await?.token;
        Ok(client.with_token(token))
    }

    async fn start_agents(&mut self, client: &Client, agent: &Path) -> Outcome {
        for role in Role::ALL {
            let numbers = self.cohort.numbers(role);
            if numbers.is_empty() {
                continue;
            }
            let token = client.create_token(&role.token_request(numbers.len())).await?;
            let token = token.token.ok_or_else(|| Complaint::failed("the server made no token"))?;
            for number in numbers {
                let actor = self.start_agent(agent, number, role, &token)?;
                self.actors.push(actor);
            }
        }
        let wanted = self.cohort.len() as u64;
        self.until("not all agents connected", async || {
            let query = api::ClientsQuery { online: Some(true), ..Default::default() };
            Ok(client.clients(&query).await?.total >= wanted)
        })
        .await
    }

    fn start_agent(&self, program: &Path, number: u32, role: Role, token: &str) -> Outcome<Actor> {
        let name = format!("agent-{number}");
        let folder = self.folder.join(&name);
        let labels: Vec<String> = role.labels().iter().map(|label| (*label).to_owned()).collect();
        let config = self.made.write_agent_config(&folder, token, &labels)?;
        let log = self.folder.join(format!("{name}.log"));
        Actor::agent(&name, program, &config, &log)
    }

    /// Waits for a state. A process that ends meanwhile is told at once, with the end of its log.
    async fn until(
        &mut self,
        otherwise: &str,
        reached: impl AsyncFn() -> Outcome<bool>,
    ) -> Outcome {
        let give_up = tokio::time::Instant::now() + PATIENCE;
        while !reached().await? {
            for actor in &mut self.actors {
                actor.check()?;
            }
            if tokio::time::Instant::now() > give_up {
                return Err(Complaint::failed(format!(
                    "{otherwise} within {} s",
                    PATIENCE.as_secs()
                ))
                .hint(format!("the logs are in {}; --dir DIR keeps them", self.folder.display())));
            }
            tokio::time::sleep(LOOK_AGAIN_AFTER).await;
        }
        Ok(())
    }

    /// Watches the hunt, a line for every change, until all have answered and ended.
    async fn until_quiet(&mut self, client: &Client, id: &str) -> Outcome<HuntView> {
        let everybody = self.cohort.len() as u64;
        let last = std::cell::RefCell::new(String::new());
        self.until("the hunt did not come to its end", async || {
            let hunt = client.hunt(id).await?;
            let line = queues(&hunt);
            if *last.borrow() != line {
                say(&format!("         {line}"))?;
                *last.borrow_mut() = line;
            }
            let counts = &hunt.counts;
            let decided = counts.refused + counts.completed + counts.results + counts.failed;
            Ok(hunt::is_quiet(counts) && decided >= everybody)
        })
        .await?;
        Ok(client.hunt(id).await?)
    }

    /// Watches until all streams are on time but those of the tenant whose database does not answer;
    /// lets it answer, watches it catch up, and holds what was found against what was planted.
    async fn follow_log_hunts(&mut self, client: &Client) -> Outcome<Option<LogVerdict>> {
        let Some(logs) = self.logs.clone() else { return Ok(None) };
        let writer = tokio::spawn(write_on(Arc::clone(&logs)));
        let overview = client.log_overview().await?;
        say(&format!(
            "\nlogs     {} tenants by {} rules, on generated logs in {}",
            overview.tenants,
            overview.rules,
            self.folder.join("logs").display()
        ))?;
        let weak = logs.lock().weak_tenant();
        if let Some(weak) = &weak {
            say(&format!("         {weak}'s database does not answer: its checkpoints stay"))?;
        }
        self.until_on_time(client, weak.as_deref()).await?;
        if let Some(weak) = weak {
            say(&format!("         {weak}'s database answers again: it catches up"))?;
            logs.lock().recover()?;
            self.until_on_time(client, None).await?;
        }
        let start = logs.lock().start();
        self.until("the log hunts did not read up to the demo's start", async || {
            let overview = client.log_overview().await?;
            let counted: Timestamp = overview
                .counted_at
                .parse()
                .map_err(|error| Complaint::failed(format!("{}: {error}", overview.counted_at)))?;
            Ok(counted.minus(Duration::from_millis(overview.lag_millis_max)) >= start)
        })
        .await?;
        let planted: Vec<Planted> = logs.lock().planted_in_the_past();
        let verdict = judge(client, &planted).await?;
        say(&verdict.told())?;
        if writer.is_finished() {
            writer.await.map_err(|error| Complaint::failed(error.to_string()))??;
        }
        Ok(Some(verdict))
    }

    /// Until no stream is behind its schedule, but those of one tenant, of which one must have failed.
    async fn until_on_time(&mut self, client: &Client, but: Option<&str>) -> Outcome {
        let last = std::cell::RefCell::new(String::new());
        self.until("the log hunts did not catch up", async || {
            let overview = client.log_overview().await?;
            let streams = &overview.streams;
            let others = streams.behind + streams.failing + streams.waiting;
            let line = format!(
                "on time {}  waiting {}  behind {}  failing {}  findings {}",
                streams.ok,
                streams.waiting,
                streams.behind,
                streams.failing,
                overview.findings.iter().map(|count| count.count).sum::<u64>(),
            );
            // Findings go on as rules go on; only what streams do is worth a line.
            let state = line.split("  findings").next().unwrap_or_default().to_owned();
            if *last.borrow() != state {
                say(&format!("         {line}"))?;
                *last.borrow_mut() = state;
            }
            let Some(but) = but else { return Ok(streams.ok > 0 && others == 0) };
            let query = LogStreamsQuery {
                tenant: Some(but.to_owned()),
                limit: Some(1_000),
                ..LogStreamsQuery::default()
            };
            let theirs = client.log_streams(&query).await?.items;
            let late = theirs.iter().filter(|stream| stream.state != "ok").count() as u64;
            let failed = overview.troubles.iter().any(|trouble| trouble.starts_with(but));
            Ok(streams.ok > 0 && failed && others == late)
        })
        .await
    }

    fn tell_the_way_in(&self) -> Outcome {
        if !gui::is_built() {
            say(
                "The web interface was not built into this program: run `make gui` and build again.",
            )?;
        }
        say(&format!(
            "\n  Open      {}\n  User      {}\n  Password  {}\n\nCtrl-C ends the demo.",
            self.address, self.made.user, self.made.password
        ))
    }

    /// Stays until somebody ends the demo; with a program, for as long as it runs.
    async fn stay_up(&mut self, program: &[String]) -> Outcome {
        if let Some((program, arguments)) = program.split_first() {
            return tokio::select! {
                ended = self.accompany(program, arguments) => ended,
                broken = self.watch_over() => broken,
            };
        }
        self.tell_the_way_in()?;
        self.watch_over().await
    }

    /// Runs a program that finds the way in from its environment.
    fn accompany(
        &self,
        program: &str,
        arguments: &[String],
    ) -> impl Future<Output = Outcome> + use<> {
        let child = tokio::process::Command::new(program)
            .args(arguments)
            .env("LYCAON_URL", &self.address)
            .env("LYCAON_USER", &self.made.user)
            .env("LYCAON_PASSWORD", &self.made.password)
            .kill_on_drop(true)
            .spawn();
        let program = program.to_owned();
        async move {
            let wrong = |error| Complaint::failed(format!("cannot run {program}: {error}"));
            let status = child.map_err(wrong)?.wait().await.map_err(wrong)?;
            match status.success() {
                true => Ok(()),
                false => Err(Complaint::failed(format!("{program} ended with {status}"))),
            }
        }
    }

    /// Stays until somebody ends the demo, or a process ends by itself.
    async fn watch_over(&mut self) -> Outcome {
        loop {
            for actor in &mut self.actors {
                actor.check()?;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // All are asked first, so that they end at the same time; each is then waited for.
        for actor in &self.actors {
            actor.dismiss();
        }
    }
}

/// Goes on writing logs, for as long as the demo lasts.
async fn write_on(logs: Arc<Mutex<LogDemo>>) -> Outcome {
    loop {
        tokio::time::sleep(WRITE_EVERY).await;
        let logs = Arc::clone(&logs);
        let written = tokio::task::spawn_blocking(move || logs.lock().go_on(SystemClock.now()));
        written.await.map_err(|error| Complaint::failed(error.to_string()))??;
    }
}

fn queues(hunt: &HuntView) -> String {
    let counts = &hunt.counts;
    format!(
        "{}  asked {}  refused {}  pending {}  running {}  completed {}  results {}  failed {}",
        hunt::bar(counts, 30),
        counts.asked,
        counts.refused,
        counts.pending,
        counts.running,
        counts.completed,
        counts.results,
        counts.failed
    )
}

async fn tell_results(client: &Client, hunt: &HuntView, zip: &Path) -> Outcome {
    let query = RowsQuery { limit: Some(SAMPLE), ..RowsQuery::default() };
    let page = client.hunt_results(&hunt.id, &query).await?;
    say(&format!("\n{} of {} rows:", page.items.len(), page.total))?;
    let mut records: Records = OutputArgs::table().records(&["_client"]);
    for row in page.items {
        records.push(row_record(row, true))?;
    }
    records.finish()?;
    download::save(client.hunt_export(&hunt.id).await?, zip).await?;
    say(&format!("\nall rows and files: {}", zip.display()))
}

/// Prints a line at once.
fn say(text: &str) -> Outcome {
    use std::io::Write;
    let mut out = std::io::stdout();
    writeln!(out, "{text}")?;
    Ok(out.flush()?)
}
