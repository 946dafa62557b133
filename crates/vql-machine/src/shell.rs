//! Programs that a query talks to: what it writes goes to the program, what the program writes comes
//! as rows.
//!
//! # Invariants
//!
//! - **SH-1** A session belongs to the run that opened it; it ends with the run, and what the program
//!   has started ends with it.
//! - **SH-2** Nobody waits for a program that does not read: what it leaves unread is bounded, and more
//!   is refused.

use std::any::Any;
use std::collections::HashMap;
use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use rows::{Dict, Name, Object, ObjectKind, Row, Text, Value};
use vql_plugin::{Failure, Scope};

use crate::os;

/// What a program writes and nobody has taken yet, in chunks of [`CHUNK_BYTES`] at most.
const CHUNKS_HELD: usize = 64;
const CHUNK_BYTES: usize = 1 << 16;
/// How many texts a program may leave unread.
const TEXTS_HELD: usize = 256;
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// The sessions of a run, by name.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<HashMap<String, Arc<Session>>>);

impl Sessions {
    pub(crate) fn of(scope: &Scope) -> Arc<Self> {
        scope.keep("shell sessions", Self::default)
    }

    pub(crate) fn find(&self, name: &str) -> Result<Arc<Session>, Failure> {
        self.0.lock().get(name).cloned().ok_or_else(|| {
            let text = format!("no session is called `{name}`; shell_session() opens one");
            Failure::new(text)
        })
    }

    /// The running session of that name, or a new one.
    pub(crate) fn open(&self, name: &str, mut command: Command) -> Result<Arc<Session>, Failure> {
        let mut sessions = self.0.lock();
        if let Some(known) = sessions.get(name).filter(|known| known.is_running()) {
            return Ok(known.clone());
        }
        let session = Arc::new(Session::start(name, &mut command)?);
        sessions.insert(name.to_owned(), session.clone());
        Ok(session)
    }
}

enum Chunk {
    Stdout(Vec<u8>),
    Stderr(Vec<u8>),
}

/// A program that is talked to.
pub(crate) struct Session {
    name: String,
    child: Mutex<Child>,
    input: Mutex<Option<SyncSender<Vec<u8>>>>,
    output: Mutex<Receiver<Chunk>>,
}

impl Session {
    fn start(name: &str, command: &mut Command) -> Result<Self, Failure> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        os::own_group(command);
        let program = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .spawn()
            .map_err(|error| Failure::new(format!("cannot run `{program}`: {error}")))?;
        let (send, output) = sync_channel(CHUNKS_HELD);
        let (input, texts) = sync_channel(TEXTS_HELD);
        if let Some(pipe) = child.stdin.take() {
            thread(move || write_all(pipe, &texts))?;
        }
        if let Some(pipe) = child.stdout.take() {
            let send = send.clone();
            thread(move || read_all(pipe, &send, Chunk::Stdout))?;
        }
        if let Some(pipe) = child.stderr.take() {
            thread(move || read_all(pipe, &send, Chunk::Stderr))?;
        }
        Ok(Self {
            name: name.to_owned(),
            child: Mutex::new(child),
            input: Mutex::new(Some(input)),
            output: Mutex::new(output),
        })
    }

    pub(crate) fn is_running(&self) -> bool {
        matches!(self.child.lock().try_wait(), Ok(None))
    }

    /// Gives the program something to read.
    pub(crate) fn write(&self, text: Vec<u8>) -> Result<(), Failure> {
        let input = self.input.lock();
        let input = input.as_ref().ok_or("the input of this session is closed")?;
        input.try_send(text).map_err(|error| match error {
            TrySendError::Full(_) => "the program does not read what it was given".into(),
            TrySendError::Disconnected(_) => "the program has closed its input".into(),
        })
    }

    /// There is no more to read for the program.
    pub(crate) fn close_input(&self) {
        self.input.lock().take();
    }

    /// Ends the program and what it has started.
    pub(crate) fn kill(&self) {
        let mut child = self.child.lock();
        if !matches!(child.try_wait(), Ok(Some(_))) {
            os::kill_group(&mut child);
            let _ = child.wait();
        }
    }

    /// What the program writes next: a row with `Stdout` or `Stderr`; the last one has `ReturnCode`.
    pub(crate) fn next(&self, scope: &Scope) -> Option<(Row, bool)> {
        let row = |stdout: Vec<u8>, stderr: Vec<u8>, code: Option<i64>| {
            Row::new()
                .with("Stdout", stdout)
                .with("Stderr", stderr)
                .with("ReturnCode", code)
                .with("Complete", code.is_some())
        };
        loop {
            let chunk = self.output.lock().recv_timeout(LOOK_AGAIN);
            match chunk {
                Ok(Chunk::Stdout(bytes)) => return Some((row(bytes, Vec::new(), None), false)),
                Ok(Chunk::Stderr(bytes)) => return Some((row(Vec::new(), bytes, None), false)),
                Err(RecvTimeoutError::Timeout) if scope.stopped() => return None,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        loop {
            if let Ok(Some(status)) = self.child.lock().try_wait() {
                let code = status.code().map_or(-1, i64::from);
                return Some((row(Vec::new(), Vec::new(), Some(code)), true));
            }
            if !crate::waiting::wait(LOOK_AGAIN, scope) {
                return None;
            }
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.kill();
    }
}

fn thread(work: impl FnOnce() + Send + 'static) -> Result<(), Failure> {
    std::thread::Builder::new()
        .name("vql shell".to_owned())
        .spawn(work)
        .map(drop)
        .map_err(|error| Failure::new(format!("no thread could be started: {error}")))
}

fn write_all(mut pipe: ChildStdin, texts: &Receiver<Vec<u8>>) {
    for text in texts {
        if pipe.write_all(&text).and_then(|()| pipe.flush()).is_err() {
            return;
        }
    }
}

fn read_all(mut pipe: impl Read, send: &SyncSender<Chunk>, wrap: fn(Vec<u8>) -> Chunk) {
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
}

/// A session as a value: whether it runs is asked when it is asked.
pub(crate) struct Shown {
    pub(crate) session: Arc<Session>,
    /// The rows of what the program writes.
    pub(crate) query: Value,
}

impl Object for Shown {
    fn kind(&self) -> ObjectKind {
        ObjectKind::Record
    }

    fn type_name(&self) -> &str {
        "shell session"
    }

    fn member(&self, name: &str) -> Option<Value> {
        match name {
            "Name" => Some(Value::text(self.session.name.as_str())),
            "Pid" => Some(Value::from(self.session.child.lock().id())),
            "IsRunning" => Some(Value::Bool(self.session.is_running())),
            "Query" => Some(self.query.clone()),
            _ => None,
        }
    }

    fn members(&self) -> Vec<Name> {
        ["Name", "Pid", "IsRunning", "Query"].map(Name::from).to_vec()
    }

    fn to_text(&self) -> Text {
        Text::from(format!("shell session {}", self.session.name))
    }

    fn truth(&self) -> bool {
        true
    }

    /// Without the query: it would run until the program ends.
    fn materialise(&self) -> Value {
        let member = |name: &str| self.member(name).unwrap_or_default();
        Value::Dict(
            Dict::new()
                .with("Name", member("Name"))
                .with("Pid", member("Pid"))
                .with("IsRunning", member("IsRunning")),
        )
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Everything that a program writes until it ends, as rows; waited for when it is first asked for.
pub(crate) struct Output {
    session: Arc<Session>,
    scope: Scope,
    rows: OnceLock<Vec<Dict>>,
}

impl Output {
    pub(crate) fn value(session: Arc<Session>, scope: Scope) -> Value {
        Value::Object(Arc::new(Self { session, scope, rows: OnceLock::new() }))
    }

    fn collect(&self) -> Vec<Dict> {
        let mut rows = Vec::new();
        while let Some((row, last)) = self.session.next(&self.scope) {
            let bytes = Value::Dict(row.clone()).size_bytes();
            rows.push(row);
            if last || self.scope.charge(bytes).is_err() {
                break;
            }
        }
        rows
    }
}

impl Object for Output {
    fn kind(&self) -> ObjectKind {
        ObjectKind::Rows
    }

    fn type_name(&self) -> &str {
        "rows"
    }

    fn rows(&self) -> Option<&[Dict]> {
        Some(self.rows.get_or_init(|| self.collect()))
    }

    fn truth(&self) -> bool {
        true
    }

    fn materialise(&self) -> Value {
        Value::array(self.rows.get_or_init(|| self.collect()).iter().cloned())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
