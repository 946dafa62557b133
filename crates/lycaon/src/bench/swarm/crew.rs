//! A process of agents, and how the process that measures speaks with it: a line of JSON each way.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, BufReader as AsyncBufReader};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::light::{self, Common, Door, Tally};
use super::scenario::Scenario;
use crate::complaint::{Complaint, Outcome};
use crate::demo::this_program;
use crate::os;

/// What a process of agents is started with.
#[derive(Serialize, Deserialize)]
pub(crate) struct CrewPlan {
    pub(crate) door: Door,
    pub(crate) scenario: Scenario,
}

/// What it is told.
#[derive(Serialize, Deserialize)]
pub(crate) enum CrewOrder {
    /// Enrol and start the agents with these numbers.
    Gather { first: u32, last: u32 },
    /// Say how it stands.
    Report,
    /// Forget when agents were asked.
    Forget,
}

/// How a process of agents stands.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct CrewReport {
    pub(crate) enrolled: u64,
    /// Agents that ended by themselves, which none may.
    pub(crate) ended: u64,
    /// What the first of them said.
    pub(crate) why: String,
    pub(crate) deaths: u64,
    pub(crate) cuts: u64,
    /// When client queries were evaluated since the last [`CrewOrder::Forget`], in microseconds.
    pub(crate) asked: Vec<i64>,
}

/// A process of agents that runs. Ends with this one.
pub(crate) struct Crew {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Crew {
    /// Starts one. Its log goes to `folder`.
    pub(crate) fn start(plan: &CrewPlan, folder: &Path, number: u32) -> Outcome<Self> {
        let file = folder.join(format!("crew-{number}.json"));
        let text = serde_json::to_vec(plan).map_err(|e| Complaint::failed(e.to_string()))?;
        os::write_private(&file, &text).map_err(|e| Complaint::io("write", &file, &e))?;
        let log = folder.join(format!("crew-{number}.log"));
        let log = File::create(&log).map_err(|e| Complaint::io("write", &log, &e))?;
        let program = this_program()?;
        let mut command = Command::new(&program);
        command.args(["bench", "crew", "--plan"]).arg(&file);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        os::tie_to_this_process(&mut command);
        let mut child = command.spawn().map_err(|e| Complaint::io("start", &program, &e))?;
        let (Some(orders), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Complaint::failed("a process of agents has no pipes"));
        };
        Ok(Self { child, orders, answers: BufReader::new(answers) })
    }

    /// Tells it something; it answers at once.
    pub(crate) fn tell(&mut self, order: &CrewOrder) -> Outcome<CrewReport> {
        let gone = || Complaint::failed("a process of agents has ended");
        let line = serde_json::to_string(order).map_err(|e| Complaint::failed(e.to_string()))?;
        writeln!(self.orders, "{line}").map_err(|_| gone())?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer).map_err(|_| gone())?;
        let report: CrewReport = serde_json::from_str(&answer).map_err(|_| gone())?;
        if report.ended > 0 {
            let (ended, why) = (report.ended, &report.why);
            return Err(Complaint::failed(format!("{ended} agents ended by themselves: {why}")));
        }
        Ok(report)
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        // It has nothing to lose; when this fails it is gone.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[derive(clap::Args, Debug)]
pub(crate) struct CrewArgs {
    /// What to do
    #[arg(long, value_name = "FILE")]
    plan: PathBuf,
}

/// So many agents enrol at once.
const AT_ONCE: usize = 64;

/// Threads for evaluations and disks of agents.
const BLOCKING_THREADS: usize = 64;

/// The process of agents itself.
pub(crate) fn run(args: CrewArgs) -> Outcome {
    os::raise_open_files();
    // Real agents have machines of their own: what is measured does not wait for their work.
    os::give_way();
    let text = std::fs::read(&args.plan).map_err(|e| Complaint::io("read", &args.plan, &e))?;
    let plan: CrewPlan = serde_json::from_slice(&text)
        .map_err(|error| Complaint::failed(format!("{}: {error}", args.plan.display())))?;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .build()
        .map_err(|error| Complaint::failed(format!("cannot start: {error}")))?
        .block_on(obey(plan))
}

async fn obey(plan: CrewPlan) -> Outcome {
    let common = Common {
        door: plan.door,
        scenario: plan.scenario,
        tally: Arc::new(Tally::default()),
        stop: CancellationToken::new(),
    };
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut agents: JoinSet<Outcome> = JoinSet::new();
    let (mut ended, mut why) = (0, String::new());
    let mut orders = AsyncBufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = orders.next_line().await? {
        let order = serde_json::from_str(&line)
            .map_err(|error| Complaint::failed(format!("a wrong order: {error}")))?;
        let mut asked = Vec::new();
        match order {
            CrewOrder::Gather { first, last } => {
                for number in first..=last {
                    agents.spawn(one(common.clone(), number, turns.clone()));
                }
            }
            CrewOrder::Report => asked.clone_from(&common.tally.asked.lock()),
            CrewOrder::Forget => common.tally.asked.lock().clear(),
        }
        while let Some(end) = agents.try_join_next() {
            ended += 1;
            if let Ok(Err(complaint)) = end {
                why = format!("{complaint:?}");
            }
        }
        let tally = &common.tally;
        let report = CrewReport {
            enrolled: tally.enrolled.load(Ordering::Relaxed),
            ended,
            why: why.clone(),
            deaths: tally.deaths.load(Ordering::Relaxed),
            cuts: tally.cuts.load(Ordering::Relaxed),
            asked,
        };
        let line = serde_json::to_string(&report).map_err(|e| Complaint::failed(e.to_string()))?;
        writeln!(std::io::stdout(), "{line}")?;
    }
    Ok(())
}

async fn one(common: Common, number: u32, turns: Arc<Semaphore>) -> Outcome {
    let turn = turns.acquire_owned().await;
    let agent = light::enrolled(&common, number).await?;
    drop(turn);
    agent.run(&common.tally, common.stop).await
}
