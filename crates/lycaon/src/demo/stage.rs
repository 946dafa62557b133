//! The demo's processes: a server and several agents, each in a folder of its own, none of which outlives
//! the demo.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::complaint::{Complaint, Outcome};
use crate::os;

/// A process of the demo. Killed when this is dropped.
pub(crate) struct Actor {
    /// `server`, `agent 3`.
    pub(crate) name: String,
    log: PathBuf,
    child: Child,
}

/// A process that was asked to end has so long before it is killed.
const FAREWELL: Duration = Duration::from_secs(5);
/// So much of a log is shown when its process ended by itself.
const LOG_TAIL_BYTES: u64 = 2_000;

impl Actor {
    /// Starts an agent whose output goes to `log`.
    pub(crate) fn agent(name: &str, program: &Path, config: &Path, log: &Path) -> Outcome<Self> {
        let config = config.display().to_string();
        Self::start(name, (program, &["--config", &config]), log, None)
    }

    /// Starts a server of this program, perhaps with another choice of what is logged.
    pub(crate) fn server(
        name: &str,
        config: &Path,
        log: &Path,
        level: Option<&str>,
    ) -> Outcome<Self> {
        let config = config.display().to_string();
        Self::start(name, (&this_program()?, &["server", "--config", &config]), log, level)
    }

    fn start(
        name: &str,
        (program, args): (&Path, &[&str]),
        log: &Path,
        level: Option<&str>,
    ) -> Outcome<Self> {
        let file = File::options()
            .create(true)
            .append(true)
            .open(log)
            .map_err(|e| Complaint::io("write", log, &e))?;
        let also = file.try_clone().map_err(|e| Complaint::io("write", log, &e))?;
        let mut command = Command::new(program);
        command.args(args).stdin(Stdio::null()).stdout(file).stderr(also);
        if let Some(level) = level {
            command.env("LYCAON_LOG", level);
        }
        os::tie_to_this_process(&mut command);
        let child = command.spawn().map_err(|error| {
            Complaint::failed(format!("cannot start {}: {error}", program.display()))
                .hint("build both programs: `cargo build -p lycaon -p lycaon-agent`")
        })?;
        Ok(Self { name: name.to_owned(), log: log.to_owned(), child })
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A complaint with the end of its log, when it ended by itself.
    pub(crate) fn check(&mut self) -> Outcome {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(self.ended(&format!("{status}"))),
            Err(error) => Err(self.ended(&error.to_string())),
        }
    }

    fn ended(&self, how: &str) -> Complaint {
        let tail = tail(&self.log).unwrap_or_default();
        Complaint::failed(format!(
            "the {} ended by itself ({how}). The end of {}:\n{}",
            self.name,
            self.log.display(),
            crate::output::clean(&tail)
        ))
    }

    /// Kills it, as a loss of power would.
    pub(crate) fn kill(&mut self) {
        // When this fails it is gone.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to end.
    pub(crate) fn dismiss(&self) {
        os::ask_to_end(self.child.id());
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        self.dismiss();
        let until = Instant::now() + FAREWELL;
        while Instant::now() < until {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        // It did not listen; when this fails too it is gone.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn tail(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LOG_TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
}

/// A port of the loopback that nobody uses: `wanted` when it is free.
pub(crate) fn free_port(wanted: Option<u16>) -> Outcome<u16> {
    let bind = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let listener = match wanted.map(bind) {
        Some(Ok(listener)) => Ok(listener),
        _ => bind(0),
    };
    listener
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| Complaint::failed(format!("no port of the loopback is free: {error}")))
}

/// The agent program, which lies beside this one.
pub(crate) fn agent_program() -> Outcome<PathBuf> {
    let own = this_program()?;
    let name = format!("lycaon-agent{}", std::env::consts::EXE_SUFFIX);
    let agent = own.with_file_name(&name);
    if agent.is_file() {
        return Ok(agent);
    }
    Err(Complaint::failed(format!("there is no {name} beside {}", own.display()))
        .hint("`make demo` builds both; or `cargo build -p lycaon-agent` with the same profile"))
}

/// This program.
pub(crate) fn this_program() -> Outcome<PathBuf> {
    std::env::current_exe()
        .map_err(|error| Complaint::failed(format!("cannot find this program's own file: {error}")))
}
