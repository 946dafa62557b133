//! The agent's half of one session: what it says when, and what it is asked to do.
//!
//! One value lives as long as one WebSocket, or over many bodies of the HTTP fallback until one of
//! them fails. Whoever drives it carries out every [`Do`] in order and brings back what became of it.

use std::collections::VecDeque;
use std::time::Duration;

use base::Timestamp;
use model::results::AttemptId;
use prost::Message;
use wire::{
    AgentFrame, AgentSays, AskedCheck, BadFrame, Bye, CheckAnswer, CursorAck, Facts, FlowReceipt,
    ForemanPoll, Hello, HuntsChanged, OUTSTANDING_BYTES_MAX, PROTOCOL, QueryAnswer, ReportAck,
    ServerSaid, Welcome, read_server_frame, report_frame,
};

use crate::answer::answer_frames;
use crate::ports::{Bookmark, StoredReport};
use crate::receipts::Receipts;
use crate::todo::{Do, Ending};

/// The longest wait for a word that the server owes: then the connection is taken for dead.
const PATIENCE: Duration = Duration::from_secs(60);

/// Seconds between polls when the server does not say.
const POLL_SECS: u32 = 600;

/// What a session needs to begin.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Of the machine.
    pub facts: Facts,
    /// Where the agent stands.
    pub bookmark: Bookmark,
    /// Attempts that it holds.
    pub live: Vec<AttemptId>,
    /// All reports up to this one are acknowledged.
    pub acknowledged: u64,
    /// In `[0, 1)`; spreads the polls of a fleet.
    pub jitter: f64,
    /// The agent's own wish for the time between polls; `None` leaves it to the server.
    pub poll_every: Option<Duration>,
    /// Names what it monitors, 0 for nothing; `None` when it cannot monitor.
    pub monitoring: Option<u64>,
}

/// How much of the outbox may be sent now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadFrom {
    /// Reports after this one.
    pub after: u64,
    /// At most so many bytes of them.
    pub bytes_max: usize,
}

/// Where the conversation with the foreman stands.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Asking {
    Nothing,
    Polled { recheck: u64 },
    Checking { check: u64, snapshot: u64, recheck: u64 },
    Answered { recheck: u64 },
}

/// One session, as the agent sees it.
#[derive(Debug)]
pub struct AgentSession {
    facts: Facts,
    jitter: f64,
    bookmark: Bookmark,
    /// The server's recheck mark; another one than the bookmark's asks for a poll from the start.
    recheck: u64,
    poll_every: Option<Duration>,
    /// What the agent says that it monitors.
    monitoring: Option<u64>,
    poll_secs: u32,
    welcomed: bool,
    over: bool,
    /// The server has announced something that no poll has asked about yet.
    announced: bool,
    asking: Asking,
    /// HTTP only: what was asked last is in no body yet.
    unsent: bool,
    poll_at: Timestamp,
    /// When a welcome or the foreman's word must have come; `None` while none is awaited.
    answered_by: Option<Timestamp>,
    /// When the next acknowledgement of reports must have come.
    acknowledged_by: Option<Timestamp>,
    sent: u64,
    acknowledged: u64,
    outstanding: VecDeque<Outstanding>,
    outstanding_bytes: usize,
    receipts: Receipts,
}

#[derive(Debug)]
struct Outstanding {
    number: u64,
    bytes: usize,
    attempt: AttemptId,
}

impl AgentSession {
    /// A new session and its first frame.
    pub fn start(setup: Setup, now: Timestamp) -> (Self, Vec<u8>) {
        let session = Self {
            facts: setup.facts,
            jitter: setup.jitter,
            bookmark: setup.bookmark,
            recheck: setup.bookmark.recheck,
            poll_every: setup.poll_every,
            monitoring: setup.monitoring,
            poll_secs: POLL_SECS,
            welcomed: false,
            over: false,
            announced: false,
            asking: Asking::Nothing,
            unsent: false,
            poll_at: now,
            answered_by: Some(now.plus(PATIENCE)),
            acknowledged_by: None,
            sent: setup.acknowledged,
            acknowledged: setup.acknowledged,
            outstanding: VecDeque::new(),
            outstanding_bytes: 0,
            receipts: Receipts::default(),
        };
        let hello = session.hello(&setup.live, 0);
        (session, hello)
    }

    /// The frame that introduces the agent: the first of a WebSocket and of every HTTP body.
    pub fn hello(&self, live: &[AttemptId], hold_secs: u32) -> Vec<u8> {
        encode(AgentSays::Hello(Hello {
            protocol: PROTOCOL,
            facts: Some(self.facts.clone()),
            cursor: self.bookmark.cursor,
            live: live.iter().map(|attempt| (*attempt).into()).collect(),
            recheck: self.bookmark.recheck,
            hold_secs,
            acknowledged: self.acknowledged,
            monitoring: self.monitoring,
            takes_checks: true,
        }))
    }

    /// Takes one frame of the server.
    pub fn on_frame(&mut self, frame: &[u8], now: Timestamp) -> Vec<Do> {
        if self.over {
            return Vec::new();
        }
        let said = match read_server_frame(frame) {
            Ok(said) => said,
            Err(BadFrame::Empty) => return note("a word that only newer agents know"),
            // One senseless word must not keep the agent from all the others for ever.
            Err(bad @ (BadFrame::Field { .. } | BadFrame::Missing { .. })) if self.welcomed => {
                return note(bad.to_string());
            }
            Err(bad) => return self.end(Ending::Broken(bad)),
        };
        match said {
            ServerSaid::Welcome(welcome) => self.on_welcome(welcome, now),
            ServerSaid::Bye(bye) => self.on_bye(bye),
            _ if !self.welcomed => self.end(Ending::Broken(BadFrame::Missing { field: "welcome" })),
            ServerSaid::HuntsChanged(changed) => self.on_hunts_changed(changed, now),
            ServerSaid::Check(check) => self.on_check(check),
            ServerSaid::CursorAck(ack) => self.on_cursor_ack(ack, now),
            ServerSaid::Request(attempt, request) => vec![Do::AcceptFlow(attempt, request)],
            ServerSaid::Cancel(flow) => vec![Do::CancelFlow(flow)],
            ServerSaid::ReportAck(ack) => self.on_report_ack(&ack, now),
            ServerSaid::Monitoring(_) if self.monitoring.is_none() => {
                note("what to monitor to an agent that cannot")
            }
            ServerSaid::Monitoring(wanted) => vec![Do::Monitor(wanted)],
        }
    }

    /// Time has passed; call it at [`next_tick`](Self::next_tick) or any time.
    pub fn on_tick(&mut self, now: Timestamp) -> Vec<Do> {
        if self.over {
            return Vec::new();
        }
        if self.silent_at().is_some_and(|by| by <= now) {
            return self.end(Ending::Silent);
        }
        if now >= self.poll_at {
            self.announced = true;
        }
        let mut todo: Vec<Do> = self.receipts.take_due(now).into_iter().map(receipt).collect();
        todo.extend(self.poll_if_due(now));
        todo
    }

    /// When [`on_tick`](Self::on_tick) has something to do.
    pub fn next_tick(&self) -> Timestamp {
        let poll = (self.asking == Asking::Nothing && self.welcomed).then_some(self.poll_at);
        let never = Timestamp::from_micros(i64::MAX);
        let receipts = self.receipts.next();
        self.silent_at().into_iter().chain(poll).chain(receipts).min().unwrap_or(never)
    }

    fn silent_at(&self) -> Option<Timestamp> {
        self.answered_by.into_iter().chain(self.acknowledged_by).min()
    }

    /// How much of the outbox may be sent now; `None` when nothing may.
    pub fn wants_reports(&self) -> Option<ReadFrom> {
        let room = OUTSTANDING_BYTES_MAX.saturating_sub(self.outstanding_bytes);
        // One report may be as large as a frame; less room than that waits for acknowledgements.
        let open = self.welcomed && !self.over;
        (open && (self.outstanding.is_empty() || room >= wire::FRAME_BYTES_MAX))
            .then_some(ReadFrom { after: self.sent, bytes_max: room })
    }

    /// Reports were read from the outbox where [`wants_reports`](Self::wants_reports) said.
    pub fn on_reports(&mut self, reports: Vec<StoredReport>, now: Timestamp) -> Vec<Do> {
        let mut todo = Vec::with_capacity(reports.len());
        let sent = self.sent;
        for report in reports.into_iter().filter(|report| report.number > sent) {
            self.sent = report.number;
            let bytes = report.bytes.len();
            self.outstanding_bytes += bytes;
            let (number, attempt) = (report.number, report.attempt);
            self.receipts.sent(&report);
            self.outstanding.push_back(Outstanding { number, bytes, attempt });
            todo.push(Do::Send(report_frame(&report.bytes)));
        }
        if !todo.is_empty() && self.acknowledged_by.is_none() {
            self.acknowledged_by = Some(now.plus(PATIENCE));
        }
        todo
    }

    /// The queries of a check were evaluated, one answer for each.
    pub fn on_answer(&mut self, check: u64, answers: Vec<QueryAnswer>, now: Timestamp) -> Vec<Do> {
        let Asking::Checking { check: asked, snapshot, recheck } = self.asking else {
            return Vec::new();
        };
        if asked != check || self.over {
            return Vec::new();
        }
        self.asking = Asking::Answered { recheck };
        self.unsent = true;
        self.answered_by = Some(now.plus(PATIENCE));
        let head = CheckAnswer { check, snapshot, recheck, answers: Vec::new(), more: false };
        answer_frames(&head, answers).into_iter().map(Do::Send).collect()
    }

    /// A request is on disk, and was before or will not begin: the server is told at once.
    pub fn on_receipt(&mut self, attempt: AttemptId) -> Vec<Do> {
        if self.over { Vec::new() } else { vec![receipt(attempt)] }
    }

    /// A request is on disk and its attempt begins. The server is told in a moment, unless the end of
    /// the attempt is sent before.
    pub fn on_begun(&mut self, attempt: AttemptId, now: Timestamp) {
        if !self.over {
            self.receipts.begun(attempt, now);
        }
    }

    /// What to monitor is on disk.
    pub fn on_monitoring_kept(&mut self, id: u64) {
        self.monitoring = Some(id);
    }

    /// HTTP only: all frames so far go into a body now.
    pub fn body_sent(&mut self) {
        self.unsent = false;
    }

    /// HTTP only: a body was answered. What it did not acknowledge goes into the next one, and a
    /// poll or an answer that was in it and not replied to is asked again.
    pub fn body_answered(&mut self) {
        self.sent = self.acknowledged;
        self.outstanding.clear();
        self.outstanding_bytes = 0;
        self.answered_by = None;
        self.acknowledged_by = None;
        if !self.unsent && matches!(self.asking, Asking::Polled { .. } | Asking::Answered { .. }) {
            self.asking = Asking::Nothing;
            self.announced = true;
        }
    }

    /// Whether client queries are being evaluated.
    pub fn is_checking(&self) -> bool {
        matches!(self.asking, Asking::Checking { .. })
    }

    /// Whether a poll is due as soon as the server can be asked. For the HTTP fallback: such a body
    /// is not held back.
    pub fn has_announcement(&self) -> bool {
        self.announced
    }

    /// Whether the server has welcomed the agent in this session.
    pub fn is_welcomed(&self) -> bool {
        self.welcomed
    }

    fn on_welcome(&mut self, welcome: Welcome, now: Timestamp) -> Vec<Do> {
        if welcome.protocol > PROTOCOL {
            return self.end(Ending::TooNew { protocol: welcome.protocol });
        }
        if !self.welcomed {
            self.welcomed = true;
            self.answered_by = None;
            self.poll_secs = if welcome.poll_secs == 0 { POLL_SECS } else { welcome.poll_secs };
            self.poll_at = now.plus(self.poll_pause());
        }
        self.recheck = welcome.recheck;
        // A server that knows fewer offers than the agent was restored, or lags behind: it decides.
        if welcome.newest_offer != self.bookmark.cursor || self.recheck != self.bookmark.recheck {
            self.announced = true;
        }
        let mut todo = vec![Do::SetLabels(welcome.labels)];
        todo.extend(self.poll_if_due(now));
        todo
    }

    fn on_hunts_changed(&mut self, changed: HuntsChanged, now: Timestamp) -> Vec<Do> {
        let mut todo = Vec::new();
        if changed.recheck != 0 && changed.recheck != self.recheck {
            self.recheck = changed.recheck;
            self.announced = true;
            todo.push(Do::SetLabels(changed.labels));
        }
        if changed.newest_offer > self.bookmark.cursor {
            self.announced = true;
        }
        todo.extend(self.poll_if_due(now));
        todo
    }

    fn on_check(&mut self, check: AskedCheck) -> Vec<Do> {
        // A check may come before a poll, cross with one, or take the place of the one that crossed.
        let recheck = match self.asking {
            Asking::Nothing => self.bookmark.recheck,
            Asking::Polled { recheck }
            | Asking::Checking { recheck, .. }
            | Asking::Answered { recheck } => recheck,
        };
        self.answered_by = None;
        self.asking = Asking::Checking { check: check.check, snapshot: check.snapshot, recheck };
        vec![Do::RunCheck(check)]
    }

    fn on_cursor_ack(&mut self, ack: CursorAck, now: Timestamp) -> Vec<Do> {
        let recheck = match self.asking {
            Asking::Polled { recheck } | Asking::Answered { recheck } => recheck,
            // What is new was decided without asking.
            Asking::Nothing if ack.recheck == self.bookmark.recheck => ack.recheck,
            Asking::Nothing | Asking::Checking { .. } => {
                let cursor = ack.cursor;
                return note(format!(
                    "an acknowledgement of cursor {cursor} that was not asked for"
                ));
            }
        };
        self.asking = Asking::Nothing;
        self.answered_by = None;
        let answered = if ack.recheck == recheck { recheck } else { self.bookmark.recheck };
        let bookmark = Bookmark { cursor: ack.cursor, recheck: answered };
        let mut todo = Vec::new();
        if bookmark != self.bookmark {
            self.bookmark = bookmark;
            todo.push(Do::SaveBookmark(bookmark));
        }
        todo.extend(self.poll_if_due(now));
        todo
    }

    fn on_report_ack(&mut self, ack: &ReportAck, now: Timestamp) -> Vec<Do> {
        let mut todo = Vec::new();
        for rejected in &ack.rejected {
            let known = self.outstanding.iter().find(|sent| sent.number == rejected.number);
            todo.extend(known.map(|sent| Do::GiveUp(sent.attempt, rejected.reason.clone())));
        }
        let mut moved = false;
        while let Some(first) = self.outstanding.front().filter(|sent| sent.number <= ack.up_to) {
            self.acknowledged = first.number;
            self.outstanding_bytes -= first.bytes;
            self.outstanding.pop_front();
            moved = true;
        }
        if moved {
            todo.push(Do::Acknowledge(self.acknowledged));
            let waiting = !self.outstanding.is_empty();
            self.acknowledged_by = waiting.then(|| now.plus(PATIENCE));
        }
        todo
    }

    fn on_bye(&mut self, bye: Bye) -> Vec<Do> {
        let Bye { reason, for_ever, retry_secs } = bye;
        self.end(if for_ever {
            Ending::ForEver { reason }
        } else {
            Ending::Asked { reason, retry_secs }
        })
    }

    fn poll_if_due(&mut self, now: Timestamp) -> Vec<Do> {
        let quiet = self.asking == Asking::Nothing && self.welcomed && !self.over;
        if !quiet || !self.announced {
            return Vec::new();
        }
        self.announced = false;
        self.poll_at = now.plus(self.poll_pause());
        let recheck = self.recheck;
        self.asking = Asking::Polled { recheck };
        self.unsent = true;
        self.answered_by = Some(now.plus(PATIENCE));
        let cursor = if recheck == self.bookmark.recheck { self.bookmark.cursor } else { 0 };
        vec![send(AgentSays::Poll(ForemanPoll { cursor, recheck }))]
    }

    fn poll_pause(&self) -> Duration {
        let every = match self.poll_every {
            Some(every) => every,
            None => Duration::from_secs(u64::from(self.poll_secs)),
        };
        every.max(Duration::from_secs(1)).mul_f64(0.9 + 0.2 * self.jitter.clamp(0.0, 1.0))
    }

    fn end(&mut self, ending: Ending) -> Vec<Do> {
        self.over = true;
        vec![Do::End(ending)]
    }
}

fn encode(says: AgentSays) -> Vec<u8> {
    AgentFrame { says: Some(says) }.encode_to_vec()
}

fn send(says: AgentSays) -> Do {
    Do::Send(encode(says))
}

fn receipt(attempt: AttemptId) -> Do {
    send(AgentSays::Receipt(FlowReceipt { attempt: Some(attempt.into()) }))
}

fn note(text: impl Into<String>) -> Vec<Do> {
    vec![Do::Note(format!("the server said {}", text.into()))]
}
