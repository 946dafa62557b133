//! `lycaon bench swarm`: sets up a server process and a swarm of light agents, measures, prints.

use std::time::{Duration, Instant};

use api::{ClientsQuery, LoginRequest, TokenRequest};
use api_client::{Client, Connection};
use serde::Serialize;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::hunts::{self, HuntFigures};
use super::idle::{self, IdleFigures};
use super::light::{self, Door};
use crate::complaint::{Complaint, Outcome};
use crate::demo::{Actor, free_port, this_program};
use crate::login::note;
use crate::{init, os};

#[derive(clap::Args, Debug)]
pub(crate) struct SwarmArgs {
    /// How many agents
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(2..), value_name = "N")]
    agents: u32,
    /// How many hunts, one after the other; every agent takes part in each
    #[arg(long, default_value_t = 2, value_name = "N")]
    hunts: u32,
    /// Seconds between two polls of an agent
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..), value_name = "SECONDS")]
    poll_secs: u32,
    /// How long idling is measured
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..), value_name = "SECONDS")]
    idle_secs: u64,
}

/// All that is printed.
#[derive(Debug, Serialize)]
struct Figures {
    agents_asked: u32,
    agents_connected: u64,
    connect_secs: f64,
    enrolments_per_sec: f64,
    profile: &'static str,
    #[serde(flatten)]
    idle: IdleFigures,
    hunts: Vec<HuntFigures>,
    server_memory_peak_bytes: u64,
}

/// How long the swarm may take to connect.
const PATIENCE: Duration = Duration::from_secs(300);
/// So many agents enrol at once.
const AT_ONCE: usize = 64;

pub(crate) fn run(args: SwarmArgs) -> Outcome {
    os::raise_open_files();
    let folder = tempfile::Builder::new()
        .prefix("lycaon-swarm-")
        .tempdir()
        .map_err(|e| Complaint::failed(format!("cannot make a temporary folder: {e}")))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Complaint::failed(format!("cannot start: {error}")))?;
    let figures = runtime.block_on(measure(&args, folder.path()))?;
    let text = serde_json::to_string_pretty(&figures)
        .map_err(|error| Complaint::failed(format!("cannot print the figures: {error}")))?;
    use std::io::Write;
    Ok(writeln!(std::io::stdout(), "{text}")?)
}

async fn measure(args: &SwarmArgs, folder: &std::path::Path) -> Outcome<Figures> {
    let plan = init::Plan {
        folder: folder.join("house"),
        agents_port: free_port(None)?,
        http_port: free_port(None)?,
        loopback: true,
        addresses: vec!["127.0.0.1".into()],
        swarm: Some(init::Swarm { agents: args.agents, poll_secs: args.poll_secs }),
    };
    let made = init::make(&plan).await?;
    let config = made.server_config.display().to_string();
    let mut server = Actor::start(
        "server",
        &this_program()?,
        &["server", "--config", &config],
        &folder.join("server.log"),
    )?;
    let client = sign_in(&plan, &made, &mut server).await?;
    let token = enrolment_token(&client, args.agents).await?;
    let door = Door {
        address: format!("127.0.0.1:{}", plan.agents_port),
        authority_pem: made.authority_pem.clone(),
        token,
    };
    let stop = CancellationToken::new();
    let began = Instant::now();
    let half = args.agents / 2;
    let mut swarm = JoinSet::new();
    gather(&mut swarm, 1..=half, &door, &stop);
    until_connected(&client, half, &mut server, &mut swarm).await?;
    let first_secs = began.elapsed().as_secs_f64();
    let with_half = idle::settled(&server).await?;
    let again = Instant::now();
    gather(&mut swarm, half + 1..=args.agents, &door, &stop);
    let connected = until_connected(&client, args.agents, &mut server, &mut swarm).await?;
    let connect_secs = first_secs + again.elapsed().as_secs_f64();
    note(&format!(
        "{connected} agents connected in {connect_secs:.1} s; idling for {} s",
        args.idle_secs
    ));
    let memory = idle::Memory { half: u64::from(half), with_half: with_half.resident };
    let idle = idle::measure(&server, &memory, args.idle_secs, connected, args.poll_secs).await?;
    let mut figures = Vec::new();
    for number in 1..=args.hunts {
        note(&format!("hunt {number} of {}", args.hunts));
        figures.push(hunts::measure(&client, &mut server, number, connected, &idle).await?);
    }
    let peak = idle::usage(&server)?.resident;
    stop.cancel();
    swarm.shutdown().await;
    Ok(Figures {
        agents_asked: args.agents,
        agents_connected: connected,
        connect_secs,
        enrolments_per_sec: f64::from(args.agents) / connect_secs.max(0.001),
        profile: if cfg!(debug_assertions) { "debug" } else { "optimised" },
        idle,
        hunts: figures,
        server_memory_peak_bytes: peak,
    })
}

async fn sign_in(plan: &init::Plan, made: &init::Made, server: &mut Actor) -> Outcome<Client> {
    let address = format!("http://127.0.0.1:{}", plan.http_port);
    let client = Client::new(&Connection { server: address, ..Connection::default() })?;
    while client.health().await.is_err() {
        server.check()?;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let request =
        LoginRequest { user: made.user.clone(), password: made.password.clone(), token: true };
    let token = client.login(&request).await?.token;
    Ok(client.with_token(token))
}

async fn enrolment_token(client: &Client, uses_max: u32) -> Outcome<String> {
    let request =
        TokenRequest { labels: vec!["swarm".into()], expires_after: "1h".into(), uses_max };
    let made = client.create_token(&request).await?;
    made.token.ok_or_else(|| Complaint::failed("the server made no token"))
}

/// Starts the agents with these numbers; a bounded number of them enrols at the same time.
fn gather(
    swarm: &mut JoinSet<Outcome>,
    numbers: std::ops::RangeInclusive<u32>,
    door: &Door,
    stop: &CancellationToken,
) {
    let turns = std::sync::Arc::new(tokio::sync::Semaphore::new(AT_ONCE));
    for number in numbers {
        let (door, stop, turns) = (door.clone(), stop.clone(), turns.clone());
        swarm.spawn(async move {
            let turn = turns.acquire_owned().await;
            let life = light::enrolled(door, number).await?;
            drop(turn);
            life.run(stop).await
        });
    }
}

async fn until_connected(
    client: &Client,
    agents: u32,
    server: &mut Actor,
    swarm: &mut JoinSet<Outcome>,
) -> Outcome<u64> {
    let give_up = Instant::now() + PATIENCE;
    let query = ClientsQuery { online: Some(true), limit: Some(1), ..Default::default() };
    loop {
        server.check()?;
        if let Some(Ok(ended)) = swarm.try_join_next() {
            ended?;
            return Err(Complaint::failed("an agent ended by itself"));
        }
        let connected = client.clients(&query).await?.total;
        if connected >= u64::from(agents) {
            return Ok(connected);
        }
        if Instant::now() > give_up {
            return Err(Complaint::failed(format!(
                "{connected} of {agents} agents connected in {PATIENCE:?}"
            )));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
