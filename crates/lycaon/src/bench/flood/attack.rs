//! The process that attacks: it has the lowest priority and one thread, because it shares the processors
//! with the server that is measured.

use std::io::{BufRead, BufReader, Write};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader as AsyncBufReader};
use tokio::net::{TcpSocket, TcpStream};

use super::super::swarm::Door;
use super::probe::{Session, identity};
use crate::complaint::{Complaint, Outcome};
use crate::demo::this_program;
use crate::os;

/// What attackers do.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Attack {
    /// Connect, say half of a greeting, and wait; connect again when they are cut.
    Silent,
    /// Connect and send bytes that are no TLS; connect again.
    Garbage,
    /// One enrolled agent sends as fast as it can.
    Fast,
}

impl Attack {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Silent => "connections that never finish TLS",
            Self::Garbage => "connections that send garbage",
            Self::Fast => "an agent that sends as fast as it can",
        }
    }
}

/// What a process of attackers is started with.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct AttackPlan {
    pub(crate) door: Door,
    pub(crate) attack: Attack,
    pub(crate) connections: u32,
    pub(crate) per_second: u32,
}

/// How the attackers stand.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct AttackReport {
    pub(crate) connected: u64,
    pub(crate) cut: u64,
    pub(crate) messages: u64,
}

/// Attackers at work; they end when this is dropped.
pub(crate) struct Attackers {
    child: Child,
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Attackers {
    pub(crate) fn start(plan: &AttackPlan, folder: &Path) -> Outcome<Self> {
        let file = folder.join("attack.json");
        let text = serde_json::to_vec(plan).map_err(|e| Complaint::failed(e.to_string()))?;
        os::write_private(&file, &text).map_err(|e| Complaint::io("write", &file, &e))?;
        let program = this_program()?;
        let mut command = Command::new(&program);
        command.args(["bench", "attack", "--plan"]).arg(&file);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        os::tie_to_this_process(&mut command);
        let mut child = command.spawn().map_err(|e| Complaint::io("start", &program, &e))?;
        let (Some(asks), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Complaint::failed("the attackers have no pipes"));
        };
        Ok(Self { child, asks, answers: BufReader::new(answers) })
    }

    pub(crate) fn report(&mut self) -> Outcome<AttackReport> {
        let gone = || Complaint::failed("the attackers have ended by themselves");
        writeln!(self.asks).map_err(|_| gone())?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer).map_err(|_| gone())?;
        serde_json::from_str(&answer).map_err(|_| gone())
    }
}

impl Drop for Attackers {
    fn drop(&mut self) {
        // When this fails they are gone.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[derive(clap::Args, Debug)]
pub(crate) struct AttackArgs {
    /// What to do
    #[arg(long, value_name = "FILE")]
    plan: PathBuf,
}

/// From where attackers come: no honest agent does.
const FROM: Ipv4Addr = Ipv4Addr::new(127, 0, 1, 1);

/// Frames that the fast agent writes at once.
const AT_ONCE: u64 = 64;

#[derive(Default)]
struct Tally {
    connected: AtomicU64,
    cut: AtomicU64,
    messages: AtomicU64,
}

/// The process of attackers itself.
pub(crate) fn run(args: AttackArgs) -> Outcome {
    os::raise_open_files();
    os::give_way();
    let text = std::fs::read(&args.plan).map_err(|e| Complaint::io("read", &args.plan, &e))?;
    let plan: AttackPlan = serde_json::from_slice(&text)
        .map_err(|error| Complaint::failed(format!("{}: {error}", args.plan.display())))?;
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Complaint::failed(format!("cannot start: {error}")))?
        .block_on(attack(plan))
}

async fn attack(plan: AttackPlan) -> Outcome {
    let tally = Arc::new(Tally::default());
    match plan.attack {
        Attack::Fast => drop(tokio::spawn(send_fast(plan.door, tally.clone()))),
        Attack::Silent | Attack::Garbage => {
            drop(tokio::spawn(connect_often(plan, tally.clone())));
        }
    }
    let mut asks = AsyncBufReader::new(tokio::io::stdin()).lines();
    while asks.next_line().await?.is_some() {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let report = AttackReport {
            connected: count(&tally.connected),
            cut: count(&tally.cut),
            messages: count(&tally.messages),
        };
        let line = serde_json::to_string(&report).map_err(|e| Complaint::failed(e.to_string()))?;
        writeln!(std::io::stdout(), "{line}")?;
    }
    Ok(())
}

/// Keeps so many connections open, as far as the server lets it, at no more than the rate.
async fn connect_often(plan: AttackPlan, tally: Arc<Tally>) {
    let places = Arc::new(tokio::sync::Semaphore::new(plan.connections as usize));
    let pause = Duration::from_secs(1) / plan.per_second.max(1);
    let mut turn = tokio::time::interval(pause);
    loop {
        turn.tick().await;
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let (address, tally) = (plan.door.address(0), tally.clone());
        let attack = plan.attack;
        tokio::spawn(async move {
            if let Ok(stream) = connect(&address).await {
                tally.connected.fetch_add(1, Ordering::Relaxed);
                // However it ends, it has ended.
                let _ = bother(stream, attack, &tally).await;
                tally.connected.fetch_sub(1, Ordering::Relaxed);
            }
            tally.cut.fetch_add(1, Ordering::Relaxed);
            drop(place);
        });
    }
}

async fn connect(address: &str) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((FROM, 0).into())?;
    socket.connect(address.parse().map_err(std::io::Error::other)?).await
}

async fn bother(mut stream: TcpStream, attack: Attack, tally: &Tally) -> std::io::Result<()> {
    let mut answer = [0; 256];
    match attack {
        // The head of a TLS record that announces more than ever comes.
        Attack::Silent => stream.write_all(&[22, 3, 1, 2, 0, 1, 0, 1]).await?,
        Attack::Garbage => {
            let bytes: Vec<u8> = (0..4_096u32).map(|n| ((n * 131) >> 3) as u8).collect();
            stream.write_all(&bytes).await?;
        }
        Attack::Fast => {}
    }
    tally.messages.fetch_add(1, Ordering::Relaxed);
    while stream.read(&mut answer).await? > 0 {}
    Ok(())
}

/// One agent that never waits for an answer; it comes back when it is cut.
async fn send_fast(door: Door, tally: Arc<Tally>) {
    let number = 2_000_000;
    let Ok(identity) = identity(&door, number).await else { return };
    loop {
        if let Ok(mut session) = Session::open(&door, &identity, (number, FROM)).await {
            tally.connected.fetch_add(1, Ordering::Relaxed);
            while session.polls(AT_ONCE).await.is_ok() {
                tally.messages.fetch_add(AT_ONCE, Ordering::Relaxed);
                // What the server says is taken, so that it can go on.
                let taking = async { while let Ok(Some(_)) = session.hear().await {} };
                let _ = tokio::time::timeout(Duration::from_millis(1), taking).await;
            }
            tally.connected.fetch_sub(1, Ordering::Relaxed);
        }
        tally.cut.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
