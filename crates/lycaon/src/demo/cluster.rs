//! A PostgreSQL server of the demo's own, from the binaries of this machine. It ends with the demo, however
//! that ends.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::complaint::{Complaint, Outcome};

/// A running database server.
pub(crate) struct Cluster {
    /// Its standard input keeps the server alive: when that closes, the server ends.
    keeper: Child,
    port: u16,
    /// The server may not run as root, and its user cannot enter root's folders.
    _folder: TempDir,
}

/// The server, and then nothing but waiting for the end of the standard input.
const KEEPER: &str = r#"
"$1/postgres" -D "$2/data" -p "$3" -k "$2" -c listen_addresses=127.0.0.1 -c max_connections=200 \
  >"$2/log" 2>&1 &
server=$!
read -r end
kill -INT "$server"
wait "$server"
"#;

/// How long the server may take to come up on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(120);

impl Cluster {
    /// Makes a cluster and starts it.
    pub(crate) fn start(port: u16) -> Outcome<Self> {
        let bin = binaries().ok_or_else(|| {
            Complaint::failed("no PostgreSQL server is installed on this machine").hint(
                "install it (Debian: apt-get install postgresql), or set POSTGRES_BIN to the \
                 folder with `initdb` and `postgres`",
            )
        })?;
        let failed = |e: std::io::Error| Complaint::failed(format!("cannot start PostgreSQL: {e}"));
        let folder = TempDir::with_prefix("lycaon-demo-postgres-").map_err(failed)?;
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(folder.path()))?;
        }
        let mut initdb = as_server(&bin.join("initdb"), folder.path());
        initdb.arg("-D").arg(folder.path().join("data"));
        run(initdb.args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale"]))?;
        let mut keeper = as_server(Path::new("sh"), folder.path());
        keeper.args(["-c", KEEPER, "keeper"]).arg(&bin).arg(folder.path()).arg(port.to_string());
        keeper.stdin(Stdio::piped()).stdout(Stdio::null());
        let keeper = keeper.spawn().map_err(failed)?;
        let mut cluster = Self { keeper, port, _folder: folder };
        cluster.wait_until_up(&bin)?;
        Ok(cluster)
    }

    /// The URL of its database.
    pub(crate) fn url(&self) -> String {
        format!("postgresql://postgres@127.0.0.1:{}/lycaon", self.port)
    }

    /// The process above the server's.
    pub(crate) fn pid(&self) -> u32 {
        self.keeper.id()
    }

    /// It is up when the demo's database could be made in it.
    fn wait_until_up(&mut self, bin: &Path) -> Outcome {
        let begun = Instant::now();
        loop {
            let mut create = Command::new(bin.join("psql"));
            create.args(["-X", "-q", "-h", "127.0.0.1", "-U", "postgres", "-d", "postgres"]);
            create.args(["-p", &self.port.to_string(), "-c", "CREATE DATABASE lycaon"]);
            let Err(why) = run(create.current_dir("/")) else { return Ok(()) };
            let ended = self.keeper.try_wait().is_ok_and(|ended| ended.is_some());
            if ended || begun.elapsed() > PATIENCE {
                return Err(why);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        // What is left of a keeper that cannot be waited for ends with this process.
        let _ = self.keeper.wait();
    }
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// A command as the user that may run a server, in a folder that this user may enter.
fn as_server(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(if is_root() { Path::new("runuser") } else { program });
    if is_root() {
        command.args(["-u", "postgres", "--"]).arg(program);
    }
    command.current_dir(folder).env("LC_ALL", "C");
    command
}

fn run(command: &mut Command) -> Outcome {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Complaint::failed(format!("cannot run {program}: {error}")))?;
    match output.status.success() {
        true => Ok(()),
        false => {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            Err(Complaint::failed(format!("{program} failed: {said}")))
        }
    }
}

/// The folder of the newest binaries: where `$POSTGRES_BIN` says, where Debian puts them, or on the path.
fn binaries() -> Option<PathBuf> {
    let usable =
        |bin: &PathBuf| ["initdb", "postgres", "psql"].iter().all(|name| bin.join(name).is_file());
    if let Some(named) = std::env::var_os("POSTGRES_BIN") {
        return Some(PathBuf::from(named)).filter(usable);
    }
    let version = |bin: &PathBuf| -> u32 {
        let name = bin.parent().and_then(Path::file_name).unwrap_or_default();
        name.to_string_lossy().parse().unwrap_or(0)
    };
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = installed.map(|entry| entry.path().join("bin")).filter(usable).max_by_key(version);
    let path = std::env::var_os("PATH").unwrap_or_default();
    newest.or_else(|| std::env::split_paths(&path).find(usable))
}
