//! A PostgreSQL server for tests: a fresh cluster in a folder of its own, which ends with the process
//! that started it, however that ends.
//!
//! It listens on a free port of 127.0.0.1 and trusts everybody; the superuser is `postgres`. Nothing
//! of it outlives the tests, so it does not wait for the disk.
//!
//! # Where the binaries are looked for
//!
//! In `$POSTGRES_BIN`, in Debian's `/usr/lib/postgresql/*/bin` (the newest), and beside `initdb` of
//! `$PATH`. Where there are none, [`Cluster::or_say`] says what is missing; with `CI=true` that fails
//! the test.

use std::io::Write;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A running server. It ends when this is dropped, or when the process ends.
pub struct Cluster {
    port: u16,
    bin: PathBuf,
    /// Its standard input keeps the server alive: when it closes, the server ends.
    keeper: Option<Child>,
    folder: TempDir,
    databases: AtomicU32,
}

/// The server, and then nothing but waiting for words on the standard input: `stop` kills the server as a
/// loss of power would, `start` starts it on the same files. Their end ends the server; any other word
/// too, but keeps its files.
const KEEPER: &str = r#"
bin=$1 folder=$2 port=$3 options=$4 keep=
start() {
  "$bin/postgres" -D "$folder/data" -p "$port" -k "$folder" -c listen_addresses=127.0.0.1 \
    -c fsync=off -c full_page_writes=off -c max_connections=200 $options >>"$folder/log" 2>&1 &
  server=$!
}
stop() { kill -QUIT "$server"; wait "$server"; }
start
while read -r word; do
  case "$word" in
    stop) stop ;;
    start) start ;;
    *) keep=1; break ;;
  esac
done
stop
[ -n "$keep" ] || rm -rf "$folder"
"#;

/// How long the server may take to come up on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(120);

impl Cluster {
    /// One server for all tests of this process. Each takes a database of its own from it.
    ///
    /// # Errors
    ///
    /// A sentence that says what is missing.
    pub fn shared() -> Result<&'static Self, &'static str> {
        static SHARED: OnceLock<Result<Cluster, String>> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(&[])).as_ref().map_err(String::as_str)
    }

    /// The shared server; or nothing, having said on the standard error what is missing.
    ///
    /// # Panics
    ///
    /// When there is none and `CI` is `true`: tests that count must not be skipped there.
    pub fn or_say() -> Option<&'static Self> {
        match Self::shared() {
            Ok(cluster) => Some(cluster),
            Err(why) if std::env::var("CI").as_deref() == Ok("true") => panic!("{why}"),
            Err(why) => {
                // Nothing is to be done about a standard error that is closed.
                let _ = writeln!(std::io::stderr(), "not tested: {why}");
                None
            }
        }
    }

    /// Starts a server with these settings, for instance `wal_level=logical`.
    ///
    /// # Errors
    ///
    /// A sentence that says what is missing, or why it did not start.
    pub fn start(settings: &[&str]) -> Result<Self, String> {
        Self::start_with(settings, &[])
    }

    /// Starts a server with these settings, and with these files in its data folder: for instance
    /// `ssl=on` with `server.crt` and `server.key`.
    ///
    /// # Errors
    ///
    /// A sentence that says what is missing, or why it did not start.
    pub fn start_with(settings: &[&str], files: &[(&str, &[u8])]) -> Result<Self, String> {
        let bin = binaries().ok_or(
            "no PostgreSQL server is installed; install it (Debian: apt-get install postgresql), \
             or set POSTGRES_BIN to the folder with `initdb` and `postgres`",
        )?;
        let failed = |error: std::io::Error| format!("PostgreSQL cannot be started: {error}");
        let folder = TempDir::with_prefix("lycaon-postgres-").map_err(failed)?;
        if is_root() {
            // A server refuses to run as root; Debian's package makes the user.
            run(Command::new("chown").arg("postgres").arg(folder.path()))?;
        }
        let data = folder.path().join("data");
        let mut initdb = as_server(&bin.join("initdb"), &folder);
        initdb.arg("-D").arg(&data).args(["-U", "postgres", "-A", "trust", "--no-sync"]);
        run(initdb.args(["-E", "UTF8", "--no-locale"]))?;
        for (name, bytes) in files {
            let path = data.join(name);
            std::fs::write(&path, bytes).map_err(failed)?;
            if is_root() {
                run(Command::new("chown").arg("postgres").arg(&path))?;
            }
            // The server refuses a key that others may read.
            run(Command::new("chmod").arg("600").arg(&path))?;
        }
        let mut last = String::new();
        // A port that is free now may be taken a moment later.
        for _ in 0..5 {
            let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
            let port = free.local_addr().map_err(failed)?.port();
            drop(free);
            let options: Vec<String> =
                settings.iter().map(|setting| format!("-c {setting}")).collect();
            let mut keeper = as_server(Path::new("sh"), &folder);
            keeper.args(["-c", KEEPER, "keeper"]).arg(&bin).arg(folder.path());
            keeper.arg(port.to_string()).arg(options.join(" ")).stdin(Stdio::piped());
            let mut keeper = keeper.spawn().map_err(failed)?;
            match wait_until_up(&bin, port, &mut keeper, folder.path()) {
                Ok(()) => {
                    let databases = AtomicU32::new(0);
                    return Ok(Self { port, bin, keeper: Some(keeper), folder, databases });
                }
                Err(why) => last = why,
            }
        }
        Err(last)
    }

    /// Kills the server in the middle of whatever it does. Its files stay, and what it had committed
    /// is in them.
    ///
    /// # Panics
    ///
    /// When it does not go.
    pub fn stop(&mut self) {
        self.tell("stop");
        let begun = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok() {
            assert!(begun.elapsed() < PATIENCE, "the server does not stop");
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// Starts a server that was stopped.
    ///
    /// # Panics
    ///
    /// When it does not come up.
    pub fn go_on(&mut self) {
        self.tell("start");
        let mut keeper = self.keeper.take().expect("it is there until the end");
        wait_until_up(&self.bin, self.port, &mut keeper, self.folder.path())
            .expect("the server starts on its own files");
        self.keeper = Some(keeper);
    }

    fn tell(&mut self, word: &str) {
        let input = self.keeper.as_mut().and_then(|keeper| keeper.stdin.as_mut());
        let input = input.expect("it is open until the end");
        writeln!(input, "{word}").expect("the keeper reads");
    }

    /// Where it listens, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL of a database.
    pub fn url(&self, database: &str) -> String {
        format!("postgresql://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// Makes an empty database; the answer is its URL.
    ///
    /// # Panics
    ///
    /// When the server refuses.
    pub fn fresh_database(&self) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name}"));
        self.url(&name)
    }

    /// Runs statements in a database as the superuser; the answer is what `psql` writes: a line for
    /// each row, columns parted by `|`.
    ///
    /// # Panics
    ///
    /// When the server refuses.
    pub fn sql(&self, database: &str, statements: &str) -> String {
        let mut psql = as_server(&self.bin.join("psql"), &self.folder);
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d"]);
        run(psql.arg(self.url(database)).args(["-c", statements]))
            .expect("the statements are right")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(mut keeper) = self.keeper.take() {
            drop(keeper.stdin.take());
            // What is left of a keeper that cannot be waited for ends with this process.
            let _ = keeper.wait();
        }
    }
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// A command as the user that may run a server, in a folder that this user may enter.
fn as_server(program: &Path, folder: &TempDir) -> Command {
    let mut command = if is_root() {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.current_dir(folder.path()).env("LC_ALL", "C");
    command
}

fn run(command: &mut Command) -> Result<String, String> {
    let shown = format!("{command:?}");
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{shown} cannot be run: {error}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
    } else {
        Err(format!("{shown} failed: {}", String::from_utf8_lossy(&output.stderr)))
    }
}

/// The folder of the newest binaries.
fn binaries() -> Option<PathBuf> {
    let usable =
        |bin: &PathBuf| ["initdb", "postgres", "psql"].iter().all(|name| bin.join(name).is_file());
    if let Some(named) = std::env::var_os("POSTGRES_BIN") {
        return Some(PathBuf::from(named)).filter(usable);
    }
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let version = |path: &PathBuf| -> u32 {
        let name = path.parent().and_then(Path::file_name).unwrap_or_default();
        name.to_string_lossy().parse().unwrap_or(0)
    };
    let debian = versions.map(|entry| entry.path().join("bin")).filter(usable).max_by_key(version);
    let path = std::env::var_os("PATH").unwrap_or_default();
    debian.or_else(|| std::env::split_paths(&path).find(usable))
}

fn wait_until_up(bin: &Path, port: u16, keeper: &mut Child, folder: &Path) -> Result<(), String> {
    let begun = Instant::now();
    let answers = || {
        // Cheaper than a program, and enough to know that asking the program makes sense.
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
            && Command::new(bin.join("psql"))
                .args(["-X", "-q", "-d"])
                .arg(format!("postgresql://postgres@127.0.0.1:{port}/postgres"))
                .args(["-c", "SELECT 1"])
                .current_dir("/")
                .output()
                .is_ok_and(|output| output.status.success())
    };
    while !answers() {
        let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
        // A server that starts or ends sends those away who ask.
        let passing = ["starting up", "shutting down", "accepting connections", "terminating"];
        let fatal = |line: &str| {
            line.contains("FATAL:") && !passing.iter().any(|words| line.contains(words))
        };
        let failed = log.lines().any(fatal);
        if failed || begun.elapsed() > PATIENCE {
            if let Some(mut input) = keeper.stdin.take() {
                // A keeper that is gone already has ended its server.
                let _ = input.write_all(b"keep\n");
            }
            let _ = keeper.wait();
            return Err(format!("PostgreSQL did not start: {log}"));
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_database_is_empty_and_its_own() {
        let Some(cluster) = Cluster::or_say() else { return };
        let (first, second) = (cluster.fresh_database(), cluster.fresh_database());
        assert_ne!(first, second);
        let name = first.rsplit('/').next().unwrap();
        assert_eq!(cluster.sql(name, "CREATE TABLE t (a int); INSERT INTO t VALUES (7)"), "");
        assert_eq!(cluster.sql(name, "SELECT a, a + 1 FROM t"), "7|8");
        let other = second.rsplit('/').next().unwrap();
        assert_eq!(cluster.sql(other, "SELECT to_regclass('t') IS NULL"), "t");
    }
}
