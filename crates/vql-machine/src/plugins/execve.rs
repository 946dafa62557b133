//! Running programs: their output as rows.
//!
//! # Invariants
//!
//! - **EX-1** The program and what it has started end when the rows are no longer wanted or the
//!   query is stopped.
//! - **EX-2** At most a few chunks of output are held; a program that writes faster waits.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use rows::{Dict, Row};
use vql_plugin::{Entry, Failure, Level, Permission, Plugin, RowStream, Scope, plugin_args};

use crate::Machine;
use crate::os;

pub(super) fn entry(_machine: &Arc<dyn Machine>) -> Entry {
    Entry::plugin(Execve)
}

plugin_args! {
    /// Runs a program and gives its output as rows with `Stdout`, `Stderr`, `ReturnCode` and
    /// `Complete`.
    ///
    /// The last row has `ReturnCode` and `Complete`; it also has the output unless that was cut
    /// into several rows by `sep` or `length`. No shell is involved: each element of `argv` is one
    /// argument.
    pub struct ExecveArgs for "execve" {
        /// The program and its arguments.
        argv: Vec<String>,
        /// Cut the output behind this text: one row per piece, without it.
        sep: String = "",
        /// Cut the output into rows of at most so many bytes.
        length: i64 = 1_048_576,
        /// Environment variables; they are added to those of this program.
        env: Option<Dict>,
        /// Directory to run in.
        cwd: String = "",
        /// Refused: no secrets are kept here that a program could be given.
        secret: String = "",
    }
}

struct Execve;

impl Plugin for Execve {
    type Args = ExecveArgs;
    const NEEDS: &'static [Permission] = &[Permission::Execve];

    fn rows(&self, args: ExecveArgs, scope: &Scope) -> Result<RowStream, Failure> {
        if !args.secret.is_empty() {
            let text = "secrets are not offered here; give the program what it needs with `env`";
            return Err(text.into());
        }
        let (program, rest) = args.argv.split_first().ok_or("argv must name a program")?;
        let mut command = Command::new(program);
        command.args(rest).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        for (name, value) in args.env.iter().flat_map(Dict::iter) {
            command.env(name.as_str(), value.to_text().to_str_lossy().as_ref());
        }
        if !args.cwd.is_empty() {
            command.current_dir(&args.cwd);
        }
        os::own_group(&mut command);
        let mut child = command
            .spawn()
            .map_err(|error| Failure::new(format!("cannot run `{program}`: {error}")))?;
        let (send, receive) = sync_channel(CHUNKS_HELD);
        let stdout = child.stdout.take().map(|pipe| reader(pipe, send.clone(), Chunk::Stdout));
        let stderr = child.stderr.take().map(|pipe| reader(pipe, send, Chunk::Stderr));
        let running = Running {
            child,
            chunks: receive,
            stdout: Vec::new(),
            stderr: Vec::new(),
            separator: args.sep.into_bytes(),
            length: usize::try_from(args.length.clamp(1, 64 << 20)).unwrap_or(1 << 20),
            scope: scope.clone(),
            state: State::Running,
        };
        match (stdout, stderr) {
            (Some(Ok(())), Some(Ok(()))) => Ok(Box::new(running)),
            _ => Err(Failure::new("no thread could be started to read the output")),
        }
    }
}

const CHUNKS_HELD: usize = 8;
const CHUNK_BYTES: usize = 1 << 16;

enum Chunk {
    Stdout(Vec<u8>),
    Stderr(Vec<u8>),
}

/// Reads one of the pipes on a thread of its own until it ends or nobody wants more.
fn reader(
    mut pipe: impl Read + Send + 'static,
    send: SyncSender<Chunk>,
    wrap: fn(Vec<u8>) -> Chunk,
) -> std::io::Result<()> {
    let work = move || {
        let mut buffer = vec![0; CHUNK_BYTES];
        loop {
            match pipe.read(&mut buffer) {
                Ok(0) => return,
                Ok(count) => {
                    if send.send(wrap(buffer[..count].to_vec())).is_err() {
                        return;
                    }
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    };
    std::thread::Builder::new().name("vql execve".to_owned()).spawn(work).map(drop)
}

enum State {
    Running,
    /// Both pipes have ended; what is held still has to be handed over.
    Draining,
    Done,
}

/// A program that runs; its rows.
struct Running {
    child: Child,
    chunks: Receiver<Chunk>,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    separator: Vec<u8>,
    length: usize,
    scope: Scope,
    state: State,
}

impl Running {
    /// A piece of the output that is ready to be a row.
    fn piece(&mut self) -> Option<Vec<u8>> {
        if !self.separator.is_empty() {
            let found = self
                .stdout
                .windows(self.separator.len())
                .position(|window| window == self.separator);
            if let Some(at) = found {
                let piece = self.stdout[..at].to_vec();
                self.stdout.drain(..at + self.separator.len());
                return Some(piece);
            }
        }
        if self.stdout.len() > self.length {
            return Some(self.stdout.drain(..self.length).collect());
        }
        None
    }

    fn row(&mut self, stdout: Vec<u8>, code: Option<i64>) -> Row {
        let stderr = std::mem::take(&mut self.stderr);
        Row::new()
            .with("Stdout", stdout)
            .with("Stderr", stderr)
            .with("ReturnCode", code)
            .with("Complete", code.is_some())
    }

    /// Waits for the program itself, which may go on after it has closed its output.
    fn code(&mut self) -> Option<i64> {
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Some(status.code().map_or(-1, i64::from)),
                Ok(None) => {
                    if !crate::waiting::wait(Duration::from_millis(10), &self.scope) {
                        return None;
                    }
                }
                Err(error) => {
                    self.scope.log(Level::Default, &format!("execve: {error}"));
                    return Some(-1);
                }
            }
        }
    }

    fn absorb(&mut self, chunk: Chunk) {
        match chunk {
            Chunk::Stdout(bytes) => self.stdout.extend_from_slice(&bytes),
            Chunk::Stderr(bytes) => self.stderr.extend_from_slice(&bytes),
        }
    }
}

impl Iterator for Running {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        const LOOK_AGAIN: Duration = Duration::from_millis(50);
        loop {
            if let Some(piece) = self.piece() {
                return Some(self.row(piece, None));
            }
            match self.state {
                State::Done => return None,
                State::Draining => {
                    self.state = State::Done;
                    let code = self.code()?;
                    let rest = std::mem::take(&mut self.stdout);
                    return Some(self.row(rest, Some(code)));
                }
                State::Running => {}
            }
            if self.stderr.len() > self.length {
                return Some(self.row(Vec::new(), None));
            }
            match self.chunks.recv_timeout(LOOK_AGAIN) {
                Ok(chunk) => self.absorb(chunk),
                Err(RecvTimeoutError::Disconnected) => self.state = State::Draining,
                Err(RecvTimeoutError::Timeout) => {
                    if self.scope.stopped() {
                        self.state = State::Done;
                        return None;
                    }
                    // A child of the program may hold the pipes open long after it has ended.
                    if let Ok(Some(_)) = self.child.try_wait() {
                        while let Ok(chunk) = self.chunks.try_recv() {
                            self.absorb(chunk);
                        }
                        self.state = State::Draining;
                    }
                }
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            os::kill_group(&mut self.child);
            let _ = self.child.wait();
        }
    }
}
