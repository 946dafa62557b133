//! One agent: the real session over the real protocol, its outbox and bookmarks in memory. What evaluates
//! queries and drives the session is a model: it takes time, dies in the middle, and finds rows that
//! tell the attempt that found them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use base::{ClientId, Entropy, FlowId, SeededEntropy, Timestamp};
use link::{
    Admission, AgentSession, Bookmarks, Do, MemBookmarks, MemOutbox, Outbox, OutboxError, Setup,
    reconnect_after,
};
use model::flow::FlowFailure;
use model::results::AttemptId;
use parking_lot::Mutex;
use testkit::stores::pick;
use tokio::sync::{Notify, mpsc};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;
use wire::{AskedCheck, Facts, FlowRequest, Offer, QueryAnswer, ReportSays, SourceCount, Status};

use super::line::Line;
use crate::log::time::pass;

/// Sources that every collection has.
const SOURCES: [&str; 2] = ["Sim.One", "Sim.Two"];
/// Bytes that wait for the server at most: little, so that an outbox is full now and then.
const OUTBOX_BYTES: u64 = 1_500;
/// Nobody waits longer before he connects again.
const RECONNECT_MAX: Duration = Duration::from_secs(60);

/// What survives an agent's death, and what the checks want to know.
pub(crate) struct Body {
    pub(crate) client: ClientId,
    pub(crate) number: u64,
    pub(crate) outbox: MemOutbox,
    bookmarks: Mutex<Arc<MemBookmarks>>,
    entropy: Mutex<SeededEntropy>,
    /// Set when the process died in the middle of a query.
    pub(crate) died: Mutex<bool>,
    pub(crate) known: Mutex<Known>,
    more: Notify,
}

/// What is known of what an agent did.
#[derive(Clone, Default)]
pub(crate) struct Known {
    /// Attempts whose evaluation it ended by itself.
    pub(crate) finished: BTreeSet<AttemptId>,
    /// Batches that were acknowledged as stored.
    pub(crate) acknowledged: BTreeMap<(AttemptId, String), u64>,
    /// Batches by the number of their report.
    waiting: BTreeMap<u64, (AttemptId, String, u64)>,
    /// How often an attempt was begun.
    begun: BTreeMap<AttemptId, u64>,
}

/// Finds a node to talk to.
pub(crate) trait Connect: Send + Sync + 'static {
    fn connect(&self, client: ClientId) -> Option<Line>;
    fn blame(&self, what: String);
}

/// Its process.
pub(crate) struct Process(AbortHandle);

impl Process {
    /// Starts it.
    pub(crate) fn start(body: &Arc<Body>, connect: Arc<dyn Connect>) -> Self {
        *body.died.lock() = false;
        let life = Life { body: body.clone(), connect, evaluations: Evaluations::default() };
        Self(tokio::spawn(life.live()).abort_handle())
    }

    /// Ends it at once.
    pub(crate) fn kill(self, body: &Body) {
        self.0.abort();
        let mut bookmarks = body.bookmarks.lock();
        *bookmarks = Arc::new(bookmarks.reborn());
    }

    pub(crate) fn is_over(&self) -> bool {
        self.0.is_finished()
    }
}

impl Body {
    pub(crate) fn new(client: ClientId, number: u64, seed: u64) -> Self {
        Self {
            client,
            number,
            outbox: MemOutbox::new(OUTBOX_BYTES),
            bookmarks: Mutex::default(),
            entropy: Mutex::new(SeededEntropy::new(seed ^ (number << 40))),
            died: Mutex::new(false),
            known: Mutex::default(),
            more: Notify::new(),
        }
    }

    pub(crate) fn cursor(&self) -> u64 {
        self.marks().bookmark().cursor
    }

    /// Nothing waits and nothing runs.
    pub(crate) fn is_quiet(&self) -> bool {
        let census = self.outbox.census();
        census.live.is_empty() && census.acknowledged == census.last
    }

    fn marks(&self) -> Arc<MemBookmarks> {
        self.bookmarks.lock().clone()
    }

    fn some(&self, end: u64) -> u64 {
        pick(&mut *self.entropy.lock(), end)
    }

    async fn a_while(&self, millis: u64) {
        let millis = self.some(millis);
        pass(Duration::from_millis(millis)).await;
    }

    fn finish(&self, attempt: AttemptId, failure: &str, sent: &Sent) {
        let sent = sent.lock().clone();
        let count = |(source, (rows, batches))| SourceCount { source, rows, batches };
        let sources = sent.into_iter().map(count).collect();
        let failure = failure.to_owned();
        let status = Status { failure, sources, cpu_millis: 1, ..Status::default() };
        // An attempt that was ended meanwhile stays as it ended.
        if self.outbox.finish(attempt, status).is_ok() {
            self.more.notify_one();
        }
    }

    /// The server has all reports up to this one.
    fn acknowledged(&self, up_to: u64) {
        let mut known = self.known.lock();
        let waiting = known.waiting.split_off(&(up_to + 1));
        for (attempt, source, seq) in std::mem::replace(&mut known.waiting, waiting).into_values() {
            let count = known.acknowledged.entry((attempt, source)).or_default();
            *count = (*count).max(seq + 1);
        }
    }
}

/// Rows and batches of each source.
type Sent = Arc<Mutex<BTreeMap<String, (u64, u64)>>>;

/// What is evaluated. All of it ends with the process.
#[derive(Default)]
struct Evaluations {
    tasks: JoinSet<()>,
    running: BTreeMap<AttemptId, (AbortHandle, Sent)>,
}

struct Life {
    body: Arc<Body>,
    connect: Arc<dyn Connect>,
    evaluations: Evaluations,
}

impl Life {
    async fn live(mut self) {
        let body = self.body.clone();
        for held in body.outbox.held().unwrap_or_default() {
            if held.begun {
                let failure = FlowFailure::AgentRestarted.class().to_owned();
                body.finish(held.attempt, &failure, &Sent::default());
            } else {
                self.evaluate(held.attempt, &held.request);
            }
        }
        let mut failures = 0;
        loop {
            let welcomed = match self.connect.connect(body.client) {
                Some(line) => self.talk(line).await,
                None => false,
            };
            if *body.died.lock() {
                return;
            }
            failures = if welcomed { 0 } else { failures + 1 };
            let fraction = body.entropy.lock().next_fraction();
            let wait = reconnect_after(failures, fraction).min(RECONNECT_MAX);
            pass(wait.max(Duration::from_millis(50))).await;
        }
    }

    /// One session, to its end. Whether it was welcomed.
    async fn talk(&mut self, line: Line) -> bool {
        let body = self.body.clone();
        let census = body.outbox.census();
        let began = Instant::now();
        let number = body.number;
        let setup = Setup {
            facts: Facts {
                hostname: format!("host-{number}"),
                os: "linux".into(),
                ..Facts::default()
            },
            bookmark: body.marks().bookmark(),
            live: census.live,
            acknowledged: census.acknowledged,
            jitter: body.entropy.lock().next_fraction(),
            poll_every: None,
            monitoring: None,
        };
        let (session, hello) = AgentSession::start(setup, Timestamp::EPOCH);
        let (answers, mut answered) = mpsc::unbounded_channel();
        let mut talk = Talk {
            life: self,
            session,
            began,
            frames: vec![hello],
            answers,
            checks: JoinSet::new(),
            over: false,
        };
        let mut line = line;
        loop {
            talk.pump();
            for frame in std::mem::take(&mut talk.frames) {
                talk.over |= line.to_server.send(frame).is_err();
            }
            if talk.over || *body.died.lock() {
                break;
            }
            let tick = talk.session.next_tick().since(talk.now()).min(Duration::from_secs(3_600));
            let todo = tokio::select! {
                biased;
                frame = line.from_server.recv() => {
                    let Some(frame) = frame else { break };
                    let now = talk.now();
                    talk.session.on_frame(&frame, now)
                }
                Some((check, answers)) = answered.recv() => {
                    let now = talk.now();
                    talk.session.on_answer(check, answers, now)
                }
                () = body.more.notified() => Vec::new(),
                () = pass(tick) => {
                    let now = talk.now();
                    talk.session.on_tick(now)
                }
            };
            talk.carry_out(todo);
        }
        let welcomed = talk.session.is_welcomed();
        if !*body.died.lock() {
            // A query that was under way is stopped, and did not crash.
            let _ = body.marks().end_query();
        }
        welcomed
    }

    fn evaluate(&mut self, attempt: AttemptId, _request: &FlowRequest) {
        let older: Vec<AttemptId> = {
            let running = self.evaluations.running.keys();
            running
                .filter(|other| other.flow == attempt.flow && **other < attempt)
                .copied()
                .collect()
        };
        let failure = FlowFailure::Refused("a newer attempt has begun".to_owned());
        older.into_iter().for_each(|older| self.end(older, failure.class()));
        let sent = Sent::default();
        let work = evaluation(self.body.clone(), self.connect.clone(), attempt, sent.clone());
        let task = self.evaluations.tasks.spawn(work);
        self.evaluations.running.insert(attempt, (task, sent));
    }

    fn end(&mut self, attempt: AttemptId, failure: &str) {
        if let Some((task, sent)) = self.evaluations.running.remove(&attempt) {
            task.abort();
            self.body.finish(attempt, failure, &sent);
        }
    }

    fn cancel(&mut self, flow: FlowId) {
        let running = self.evaluations.running.keys();
        let of_flow: Vec<AttemptId> = running.filter(|one| one.flow == flow).copied().collect();
        of_flow.into_iter().for_each(|attempt| self.end(attempt, "cancelled"));
    }
}

/// Each evaluation makes a batch now and then, and ends.
async fn evaluation(body: Arc<Body>, connect: Arc<dyn Connect>, attempt: AttemptId, sent: Sent) {
    body.a_while(2_000).await;
    if body.outbox.begin(attempt).is_err() {
        return;
    }
    let begun = {
        let mut known = body.known.lock();
        let begun = known.begun.entry(attempt).or_default();
        *begun += 1;
        *begun
    };
    if begun > 1 {
        connect.blame(format!("E4: {attempt:?} was begun {begun} times"));
    }
    for _ in 0..body.some(5) {
        body.a_while(20_000).await;
        let source = SOURCES[usize::from(body.some(2) == 0)];
        let (first, seq) = sent.lock().get(source).copied().unwrap_or_default();
        let count = 1 + body.some(3);
        let row = |number: u64| {
            let (agent, attempt) = (body.number, attempt.attempt);
            format!(r#"{{"agent":{agent},"try":{attempt},"s":"{source}","n":{number}}}"#)
        };
        let rows: Vec<String> = (first..first + count).map(row).collect();
        loop {
            let says = ReportSays::Rows(wire::pack_rows(source, seq, &rows));
            match body.outbox.append(attempt, says) {
                Ok(number) => {
                    let batch = (attempt, source.to_owned(), seq);
                    body.known.lock().waiting.insert(number, batch);
                    break;
                }
                Err(OutboxError::Full { .. }) => body.a_while(5_000).await,
                Err(_) => return,
            }
        }
        sent.lock().insert(source.to_owned(), (first + count, seq + 1));
        body.more.notify_one();
    }
    body.a_while(10_000).await;
    if body.some(12) == 0 {
        body.finish(attempt, FlowFailure::Query("simulated".into()).class(), &sent);
    } else {
        body.known.lock().finished.insert(attempt);
        body.finish(attempt, "", &sent);
    }
}

struct Talk<'a> {
    life: &'a mut Life,
    session: AgentSession,
    began: Instant,
    frames: Vec<Vec<u8>>,
    answers: mpsc::UnboundedSender<(u64, Vec<QueryAnswer>)>,
    checks: JoinSet<()>,
    over: bool,
}

impl Talk<'_> {
    fn now(&self) -> Timestamp {
        Timestamp::EPOCH.plus(self.began.elapsed())
    }

    fn pump(&mut self) {
        while let Some(from) = self.session.wants_reports() {
            let reports = self.life.body.outbox.read(from.after, from.bytes_max);
            let reports = reports.unwrap_or_default();
            if reports.is_empty() {
                return;
            }
            let now = self.now();
            let todo = self.session.on_reports(reports, now);
            self.carry_out(todo);
        }
    }

    fn carry_out(&mut self, todo: Vec<Do>) {
        let body = self.life.body.clone();
        let mut todo = VecDeque::from(todo);
        while let Some(wish) = todo.pop_front() {
            match wish {
                Do::Send(frame) => self.frames.push(frame),
                Do::RunCheck(check) => {
                    self.checks.spawn(answer(body.clone(), check, self.answers.clone()));
                }
                Do::AcceptFlow(attempt, request) => {
                    match body.outbox.accept(attempt, &request) {
                        Ok(Admission::New) => {
                            self.life.evaluate(attempt, &request);
                            let now = self.now();
                            self.session.on_begun(attempt, now);
                            continue;
                        }
                        Ok(Admission::Held | Admission::Over) => {}
                        // Without a receipt the server sends it again.
                        Err(_) => continue,
                    }
                    todo.extend(self.session.on_receipt(attempt));
                }
                Do::CancelFlow(flow) => self.life.cancel(flow),
                Do::GiveUp(attempt, _) => {
                    body.known.lock().waiting.retain(|_, (other, _, _)| *other != attempt);
                    let failure = FlowFailure::Refused("nobody takes it".to_owned());
                    self.life.end(attempt, failure.class());
                }
                Do::Acknowledge(up_to) => {
                    body.acknowledged(up_to);
                    let _ = body.outbox.acknowledge(up_to);
                }
                Do::SaveBookmark(bookmark) => {
                    let _ = body.marks().save(bookmark);
                }
                Do::SetLabels(_) | Do::Monitor(_) | Do::Note(_) => {}
                Do::End(_) => self.over = true,
            }
        }
    }
}

/// Answers a check, one query after the other; now and then the process dies of one.
async fn answer(
    body: Arc<Body>,
    check: AskedCheck,
    answers: mpsc::UnboundedSender<(u64, Vec<QueryAnswer>)>,
) {
    let marks = body.marks();
    let crashed = marks.crashed();
    let mut said = Vec::new();
    for query in check.queries {
        let (gone, ours): (Vec<_>, Vec<_>) =
            query.offers.iter().copied().partition(|offer| crashed.contains(offer));
        if !gone.is_empty() {
            let offers = gone.into_iter().map(Offer::from).collect();
            said.push(QueryAnswer { offers, crashed: true, ..QueryAnswer::default() });
        }
        if ours.is_empty() {
            continue;
        }
        let _ = marks.begin_query(&ours);
        body.a_while(3_000).await;
        if body.some(60) == 0 {
            *body.died.lock() = true;
            body.more.notify_one();
            return;
        }
        let _ = marks.end_query();
        let (number, even) = (body.number, body.number.is_multiple_of(2));
        let rows = vec![format!(r#"{{"OS":"linux","Number":{number},"even":{even}}}"#)];
        let offers = ours.into_iter().map(Offer::from).collect();
        // Now and then an answer leaves one out.
        if body.some(40) > 0 {
            said.push(QueryAnswer { offers, rows, ..QueryAnswer::default() });
        }
    }
    let _ = answers.send((check.check, said));
}
