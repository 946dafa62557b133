//! Carries out what a session asks for: disk, flows, checks, labels. The same for every transport.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;
use link::{Admission, AgentSession, Bookmarks, Census, Do, Ending, Outbox, OutboxError, Setup};
use tokio::sync::{Mutex, mpsc};
use tokio::time::Instant;
use wire::{AskedCheck, Facts, QueryAnswer};

use crate::check::Checks;
use crate::collector::StopSign;
use crate::event;
use crate::flow::{Room, Runner};
use crate::labels::Labels;
use crate::monitor::Monitor;

/// Bytes of reports that are read from the outbox at once.
const READ_BYTES: usize = 512 << 10;

/// What lives longer than a connection.
pub(crate) struct Desk {
    pub(crate) facts: Facts,
    pub(crate) outbox: Arc<dyn Outbox>,
    pub(crate) bookmarks: Arc<dyn Bookmarks>,
    pub(crate) runner: Runner,
    pub(crate) monitor: Monitor,
    pub(crate) room: Arc<Room>,
    pub(crate) checks: Checks,
    pub(crate) labels: Labels,
    pub(crate) poll_every: Option<Duration>,
    /// One check at a time, also when a new session begins while an old check still runs.
    pub(crate) checking: Arc<Mutex<()>>,
    /// Sessions measure time from here: a clock that is set must not end them.
    pub(crate) began: Instant,
}

impl Desk {
    fn now(&self) -> Timestamp {
        let micros = i64::try_from(self.began.elapsed().as_micros()).unwrap_or(i64::MAX);
        Timestamp::from_micros(micros)
    }

    async fn on_disk<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&dyn Outbox) -> Result<T, OutboxError> + Send + 'static,
    ) -> Result<T, OutboxError> {
        let outbox = Arc::clone(&self.outbox);
        blocking(move || ask(&*outbox)).await
    }

    pub(crate) async fn census(&self) -> Result<Census, OutboxError> {
        self.on_disk(|outbox| Ok(outbox.census())).await
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, OutboxError> + Send + 'static,
) -> Result<T, OutboxError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| {
        Err(OutboxError::Disk {
            action: "finish a step on disk".to_owned(),
            source: std::io::Error::other("its thread did not come back"),
        })
    })
}

/// Answers of checks, on their way back to the session.
pub(crate) type Answers = mpsc::Receiver<(u64, Vec<QueryAnswer>)>;

/// One session with what it wants to send.
pub(crate) struct Talk {
    desk: Arc<Desk>,
    pub(crate) session: AgentSession,
    /// Frames to be sent, in order.
    pub(crate) frames: Vec<Vec<u8>>,
    pub(crate) ending: Option<Ending>,
    answers: mpsc::Sender<(u64, Vec<QueryAnswer>)>,
    stop_check: StopSign,
}

impl Drop for Talk {
    fn drop(&mut self) {
        // An answer would find nobody; the next session asks again.
        self.stop_check.raise();
    }
}

impl Talk {
    /// Begins a session. Its first frame is returned.
    pub(crate) async fn begin(
        desk: Arc<Desk>,
        jitter: f64,
    ) -> Result<(Self, Answers, Vec<u8>), OutboxError> {
        let census = desk.census().await?;
        let setup = Setup {
            facts: desk.facts.clone(),
            bookmark: desk.bookmarks.bookmark(),
            live: census.live,
            acknowledged: census.acknowledged,
            jitter,
            poll_every: desk.poll_every,
            monitoring: Some(desk.monitor.kept()),
        };
        let (session, hello) = AgentSession::start(setup, desk.now());
        let (answers, receiver) = mpsc::channel(4);
        let talk = Self {
            desk,
            session,
            frames: Vec::new(),
            ending: None,
            answers,
            stop_check: StopSign::default(),
        };
        Ok((talk, receiver, hello))
    }

    /// Takes a frame of the server.
    pub(crate) async fn hear(&mut self, frame: &[u8]) -> Result<(), OutboxError> {
        let todo = self.session.on_frame(frame, self.desk.now());
        self.carry_out(todo).await
    }

    /// Time has passed.
    pub(crate) async fn tick(&mut self) -> Result<(), OutboxError> {
        let todo = self.session.on_tick(self.desk.now());
        self.carry_out(todo).await
    }

    /// A check was evaluated.
    pub(crate) async fn answer(
        &mut self,
        (check, answers): (u64, Vec<QueryAnswer>),
    ) -> Result<(), OutboxError> {
        let todo = self.session.on_answer(check, answers, self.desk.now());
        self.carry_out(todo).await
    }

    /// How long until [`tick`](Self::tick) has something to do.
    pub(crate) fn time_to_tick(&self) -> Duration {
        self.session.next_tick().since(self.desk.now()).min(Duration::from_secs(3_600))
    }

    /// Reads reports that may be sent now. Whether there were any.
    pub(crate) async fn pump(&mut self) -> Result<bool, OutboxError> {
        let Some(from) = self.session.wants_reports() else { return Ok(false) };
        let bytes_max = from.bytes_max.min(READ_BYTES);
        let reports = self.desk.on_disk(move |outbox| outbox.read(from.after, bytes_max)).await?;
        let any = !reports.is_empty();
        let todo = self.session.on_reports(reports, self.desk.now());
        self.carry_out(todo).await?;
        Ok(any)
    }

    async fn carry_out(&mut self, todo: Vec<Do>) -> Result<(), OutboxError> {
        let mut todo = VecDeque::from(todo);
        while let Some(wish) = todo.pop_front() {
            match wish {
                Do::Send(frame) => self.frames.push(frame),
                Do::RunCheck(check) => self.run_check(check),
                Do::AcceptFlow(attempt, request) => {
                    let kept = request.clone();
                    match self.desk.on_disk(move |outbox| outbox.accept(attempt, &kept)).await {
                        Ok(Admission::New) => {
                            self.desk.runner.start(attempt, request);
                            self.session.on_begun(attempt, self.desk.now());
                        }
                        Ok(Admission::Held | Admission::Over) => {
                            todo.extend(self.session.on_receipt(attempt));
                        }
                        Err(error) => {
                            // Without a receipt the server sends it again.
                            event::disk_failed("keep a flow request", &error);
                        }
                    }
                }
                Do::CancelFlow(flow) => self.desk.runner.cancel(flow),
                Do::GiveUp(attempt, reason) => self.desk.runner.give_up(attempt, &reason),
                Do::Acknowledge(up_to) => {
                    self.desk.on_disk(move |outbox| outbox.acknowledge(up_to)).await?;
                    self.desk.room.free();
                }
                Do::SaveBookmark(bookmark) => {
                    let bookmarks = Arc::clone(&self.desk.bookmarks);
                    blocking(move || bookmarks.save(bookmark)).await?;
                }
                Do::SetLabels(labels) => self.desk.labels.set_server(labels),
                Do::Monitor(wanted) => self.monitor(wanted).await,
                Do::Note(text) => event::odd_word(&text),
                Do::End(ending) => self.ending = Some(ending),
            }
        }
        Ok(())
    }

    async fn monitor(&mut self, wanted: wire::Monitoring) {
        let (bookmarks, kept) = (Arc::clone(&self.desk.bookmarks), wanted.clone());
        match blocking(move || bookmarks.save_monitoring(&kept)).await {
            Ok(()) => {
                self.desk.monitor.set_kept(wanted.id);
                self.session.on_monitoring_kept(wanted.id);
            }
            // The server sends it again with the next connection.
            Err(error) => event::disk_failed("keep what to monitor", &error),
        }
        self.desk.monitor.adopt(&wanted);
    }

    fn run_check(&self, check: AskedCheck) {
        let (desk, answers) = (Arc::clone(&self.desk), self.answers.clone());
        let stop = self.stop_check.clone();
        tokio::spawn(async move {
            let _one_at_a_time = desk.checking.lock().await;
            let id = check.check;
            let answer = desk.checks.answer(check, stop).await;
            // Nobody listens when the session is over.
            let _ = answers.send((id, answer)).await;
        });
    }
}
