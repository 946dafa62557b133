//! `lycaon server`: reads the configuration, chooses stores and catalogs, and runs the server until it is
//! asked to end.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use artifacts::ArtifactSet;
use base::Chain;
use model::org::OrgId;
use server::collect::Collector;
use server::config::ServerConfig;
use server::core::{Core, Parts};
use server::health::{Health, Look};
use server::serve::check_data_dir;
use server::tools::FoundTool;
use server::vql::Vql;
use server::{Ports, Server, Start};
use tokio_util::sync::CancellationToken;
use vql_plugin::{Catalog, Host};
use vql_records::Records;

use crate::artifact::{DefinitionArgs, load};
use crate::complaint::{Complaint, Outcome};
use crate::gui::Gui;
use crate::log::LogHunts;
use crate::login::note;
use crate::machine::{SystemClock, SystemEntropy};
use crate::storage::{self, Storage};
use crate::{figures, local, os};

/// Run the server
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example:\n  lycaon init /srv/lycaon\n  lycaon server --config /srv/lycaon/server.yaml\n\nLYCAON_LOG chooses what is logged: `info`, `debug`, `server=debug,info`."
)]
pub(crate) struct ServerCommand {
    /// The configuration that `lycaon init` made
    #[arg(long, short, value_name = "FILE")]
    config: PathBuf,
    /// Log as JSON, one object a line
    #[arg(long)]
    log_json: bool,
}

/// When the server ends, runs of log hunts have so long to finish.
const LAST_RUNS: Duration = Duration::from_secs(10);

pub(crate) fn run(args: ServerCommand) -> Outcome {
    let config = read_config(&args.config)?;
    start_log(args.log_json);
    os::raise_open_files();
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Complaint::failed(format!("cannot start: {error}")))?
        .block_on(serve(&config))
}

pub(crate) fn read_config(path: &Path) -> Outcome<ServerConfig> {
    let text = std::fs::read_to_string(path).map_err(|e| Complaint::io("read", path, &e))?;
    let mut config = ServerConfig::parse(&path.display().to_string(), &text)
        .map_err(|bad| Complaint::failed(bad.to_string()))?;
    // A relative folder is meant from where the configuration lies, not from where somebody stands.
    let home = path.parent().unwrap_or(Path::new("."));
    config.data_dir = home.join(&config.data_dir);
    let logs = config.log_hunts.as_mut().map(|logs| &mut logs.folder);
    let folders = config.artifacts.folders.iter_mut().chain(&mut config.tools.folder).chain(logs);
    let shared = config.authority.folder.iter_mut().chain(&mut config.objects.folder);
    let s3 = config.objects.s3.as_mut().and_then(|s3| s3.ca_file.as_mut());
    let postgres = config.store.postgres.as_mut().and_then(|postgres| postgres.ca_file.as_mut());
    let folders = folders.chain(shared).chain(s3).chain(postgres);
    for folder in folders {
        *folder = home.join(&*folder);
    }
    Ok(config)
}

async fn serve(config: &ServerConfig) -> Outcome {
    let log_hunts = match &config.log_hunts {
        Some(settings) => Some(LogHunts::open(settings, &config.data_dir).await?),
        None => None,
    };
    let (core, look) = core(config, log_hunts.as_ref()).await?;
    if let Some(folder) = &config.tools.folder {
        let unwanted = core.keep_found_tools(found_tools(folder)?).await;
        let unwanted = unwanted.map_err(|error| Complaint::failed(Chain(&error).to_string()))?;
        for name in unwanted {
            let file = folder.join(name);
            tracing::warn!(file = %file.display(), "no artifact declares a tool for this file");
        }
    }
    let figures = figures::install()
        .map_err(|error| Complaint::failed(format!("cannot count what log hunts do: {error}")))?;
    let health = Arc::new(Health::new());
    health.watch_beside("agents are served, rows arrive, and all other results can be read", look);
    let start = Start {
        config,
        assets: Arc::new(Gui::default()),
        health,
        counted: Some(Arc::new(move || figures.render())),
    };
    let server = Server::start(core, start)
        .await
        .map_err(|error| Complaint::failed(Chain(&error).to_string()).hint(error.hint()))?;
    let scheme = if config.http.tls_key_file.is_some() { "https" } else { "http" };
    note(&format!("people: {scheme}://{}   agents: {}", server.people, server.agents));
    let stop = CancellationToken::new();
    let log_hunts = log_hunts.map(|hunts| tokio::spawn(hunts.run(stop.clone())));
    os::asked_to_end().await;
    note("ending");
    stop.cancel();
    server.stop().await;
    if let Some(mut running) = log_hunts {
        // What runs may finish; what does not is run again after its lease.
        if tokio::time::timeout(LAST_RUNS, &mut running).await.is_err() {
            running.abort();
        }
    }
    Ok(())
}

/// The files of the folder of tools. Read one after the other when the server starts.
fn found_tools(folder: &Path) -> Outcome<Vec<FoundTool>> {
    let bad = |error: std::io::Error| Complaint::io("read", folder, &error);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(bad)? {
        let path = entry.map_err(bad)?.path();
        if !path.is_file() {
            continue;
        }
        let content = std::fs::read(&path).map_err(|error| Complaint::io("read", &path, &error))?;
        let filename = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let filename = filename.unwrap_or_default();
        found.push(FoundTool { filename, content: content.into() });
    }
    Ok(found)
}

async fn core(config: &ServerConfig, log_hunts: Option<&LogHunts>) -> Outcome<(Arc<Core>, Look)> {
    let data = &config.data_dir;
    check_data_dir(data)
        .map_err(|error| Complaint::failed(Chain(&error).to_string()).hint(error.hint()))?;
    let keys = config.authority.folder.as_deref().unwrap_or(data);
    let authority = server::pki::load(keys).map_err(|error| {
        Complaint::failed(Chain(&error).to_string())
            .hint("`lycaon init DIR` makes a new installation with keys and a configuration")
    })?;
    let Storage { ports, nodes, look } = storage::open(config).await?;
    let artifacts = load(&DefinitionArgs { folders: config.artifacts.folders.clone() })?;
    let artifacts = Arc::new(artifacts);
    let collector =
        Collector::new(Arc::clone(&artifacts), Arc::new(load(&DefinitionArgs::default())?));
    let core = Core::new(Parts {
        ports: ports.clone(),
        nodes,
        clock: Arc::new(SystemClock),
        entropy: Box::new(SystemEntropy),
        authority,
        vql: Arc::new(vql(artifacts).with_records(records_host(), records_catalog(&ports))),
        collector,
        settings: config.into(),
    })
    .keeping(config.retention());
    let core = match log_hunts {
        Some(hunts) => core.with_log(hunts.ports()),
        None => core,
    };
    Ok((Arc::new(core), look))
}

/// Conditions may call what needs no machine; what clients may call is checked, never run here.
fn vql(artifacts: Arc<ArtifactSet>) -> Vql {
    let host = Host::builder(Arc::new(SystemClock), Box::new(SystemEntropy)).build();
    let conditions = vql_eval::language().and(vql_std::catalog());
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let accessors = accessors::all();
    let names: Vec<String> = accessors.iter().map(|(name, _)| name.to_string()).collect();
    Vql::new(host, conditions, local::catalog(), threads).offering(names, artifacts)
}

fn records_host() -> Host {
    Host::builder(Arc::new(SystemClock), Box::new(SystemEntropy)).wait(std::thread::sleep).build()
}

/// What administrators may call in queries on the server: the language and its records, no machine.
fn records_catalog(ports: &Ports) -> Catalog {
    let records = Records {
        clients: ports.clients.clone(),
        flows: ports.flows.clone(),
        results: ports.results.clone(),
        monitoring: ports.monitoring.clone(),
        hunts: ports.hunts.clone(),
        org: OrgId::default(),
        runtime: tokio::runtime::Handle::current(),
    };
    let language = vql_eval::language().and(vql_std::catalog());
    language.and(vql_records::catalog(&Arc::new(records)))
}

pub(crate) fn start_log(json: bool) {
    let filter = tracing_subscriber::EnvFilter::try_from_env("LYCAON_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if json {
        log.json().init();
    } else {
        log.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).init();
    }
}
