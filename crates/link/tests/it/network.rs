//! Whole conversations over a network that loses, doubles and reorders frames and breaks
//! connections, with an agent that is restarted in between: every report arrives, in order, once.

use base::{Entropy, FlowId, SeededEntropy, Timestamp};
use link::{
    AgentSession, Bookmarks, Do, Heard, MemBookmarks, MemOutbox, Outbox, ServerSession, Setup,
};
use model::monitoring::{Event, EventKind, RunId};
use model::results::AttemptId;
use prost::Message;
use wire::*;

const FLOW: AttemptId = AttemptId { flow: FlowId::from_bits(5), attempt: 1 };
const RUN: AttemptId = AttemptId::of_run(RunId(6));
/// Names what the server wants to be monitored.
const WANTED: u64 = 7;
const BATCHES: u64 = 40;
const NEWEST: u64 = 77;

/// A server that remembers only what a store would remember.
#[derive(Default)]
struct Server {
    session: ServerSession,
    batches: Vec<u64>,
    events: Vec<u64>,
    ended: bool,
    checks_decided: u32,
    receipts: u32,
}

impl Server {
    fn hear(&mut self, frame: &[u8]) -> Result<Vec<ServerSays>, ()> {
        let mut says = Vec::new();
        match self.session.hear(frame).map_err(|_| ())? {
            Heard::Hello(hello) => {
                let welcome = Welcome {
                    protocol: 1,
                    newest_offer: NEWEST,
                    poll_secs: 5,
                    ..Welcome::default()
                };
                says.push(ServerSays::Welcome(welcome));
                says.push(ServerSays::FlowRequest(request()));
                if hello.monitoring != Some(WANTED) {
                    says.push(ServerSays::Monitoring(Monitoring { id: WANTED, wanted: vec![] }));
                }
            }
            Heard::Poll { cursor, .. } if cursor < NEWEST => {
                says.push(ServerSays::Check(Check { check: 1, snapshot: NEWEST, queries: vec![] }));
            }
            Heard::Poll { cursor, recheck } => {
                says.push(ServerSays::CursorAck(CursorAck { cursor, recheck }));
            }
            Heard::Answer(answer) => {
                self.checks_decided += 1;
                let cursor = answer.snapshot;
                says.push(ServerSays::CursorAck(CursorAck { cursor, recheck: answer.recheck }));
            }
            Heard::Receipt(_) => self.receipts += 1,
            Heard::Report { number, said, .. } => self.take_report(number, said),
            Heard::BadReport { why, .. } => panic!("the agent's own report is bad: {why}"),
            Heard::Nothing => {}
        }
        says.extend(self.session.take_ack().map(ServerSays::ReportAck));
        Ok(says)
    }

    fn take_report(&mut self, number: u64, said: Reported) {
        match said {
            Reported::Rows(batch) if !self.batches.contains(&batch.seq) => {
                assert_eq!(batch.seq, self.batches.len() as u64, "in order");
                self.batches.push(batch.seq);
            }
            Reported::Ended(_) => self.ended = true,
            Reported::Events(batch) if self.events.last().is_none_or(|last| *last < batch.seq) => {
                assert_eq!(batch.seq, self.events.len() as u64, "in order");
                self.events.push(batch.seq);
            }
            Reported::Events(_) | Reported::Rows(_) | Reported::Log(..) | Reported::Upload(_) => {}
        }
        self.session.settle(number, Ok(()));
    }
}

fn request() -> FlowRequest {
    FlowRequest { attempt: Some(FLOW.into()), ..FlowRequest::default() }
}

struct World {
    chance: SeededEntropy,
    now: Timestamp,
    outbox: MemOutbox,
    bookmarks: MemBookmarks,
    server: Server,
    agent: Option<AgentSession>,
    to_server: Vec<Vec<u8>>,
    to_agent: Vec<Vec<u8>>,
    written: u64,
    events: u64,
    runs: u32,
}

impl World {
    fn new(seed: u64) -> Self {
        Self {
            chance: SeededEntropy::new(seed),
            now: Timestamp::from_secs(1),
            outbox: MemOutbox::new(20_000),
            bookmarks: MemBookmarks::default(),
            server: Server::default(),
            agent: None,
            to_server: Vec::new(),
            to_agent: Vec::new(),
            written: 0,
            events: 0,
            runs: 0,
        }
    }

    fn one_in(&mut self, many: u64) -> bool {
        self.chance.next_u64().is_multiple_of(many)
    }

    fn connect(&mut self) {
        self.to_agent.clear();
        self.to_server.clear();
        self.server.session = ServerSession::new();
        let census = self.outbox.census();
        let setup = Setup {
            monitoring: Some(self.bookmarks.monitoring().id),
            facts: Facts::default(),
            bookmark: self.bookmarks.bookmark(),
            live: census.live,
            acknowledged: census.acknowledged,
            jitter: 0.0,
            poll_every: None,
        };
        let (session, hello) = AgentSession::start(setup, self.now);
        self.agent = Some(session);
        self.to_server.push(hello);
    }

    fn carry_out(&mut self, todo: Vec<Do>) {
        for wish in todo {
            let Some(agent) = &mut self.agent else { return };
            let more = match wish {
                Do::Send(frame) => {
                    self.to_server.push(frame);
                    Vec::new()
                }
                Do::RunCheck(check) => agent.on_answer(check.check, vec![], self.now),
                Do::AcceptFlow(attempt, request) => {
                    if self.outbox.accept(attempt, &request).unwrap() == link::Admission::New {
                        self.runs += 1;
                        agent.on_begun(attempt, self.now);
                        Vec::new()
                    } else {
                        agent.on_receipt(attempt)
                    }
                }
                Do::Acknowledge(up_to) => {
                    self.outbox.acknowledge(up_to).unwrap();
                    Vec::new()
                }
                Do::SaveBookmark(bookmark) => {
                    self.bookmarks.save(bookmark).unwrap();
                    Vec::new()
                }
                Do::End(_) => {
                    self.agent = None;
                    Vec::new()
                }
                Do::Monitor(wanted) => {
                    self.bookmarks.save_monitoring(&wanted).unwrap();
                    agent.on_monitoring_kept(wanted.id);
                    Vec::new()
                }
                Do::CancelFlow(_) | Do::GiveUp(..) | Do::SetLabels(_) | Do::Note(_) => Vec::new(),
            };
            self.carry_out(more);
        }
    }

    /// The monitored source writes its next batch, or waits while the outbox is half full.
    fn monitor(&mut self) {
        let ready = self.bookmarks.monitoring().id == WANTED && self.events < BATCHES;
        let event = Event { observed: self.now, json: "{}".to_owned() };
        let events = pack_events("E", EventKind::Rows, self.events, vec![event]);
        if ready && self.outbox.append(RUN, ReportSays::Events(events)).is_ok() {
            self.events += 1;
        }
    }

    /// The flow's evaluation writes its next batch, or waits while the outbox is full.
    fn evaluate(&mut self) {
        if self.runs == 0 || self.written > BATCHES {
            return;
        }
        if self.written == BATCHES {
            self.outbox.finish(FLOW, Status::default()).unwrap();
            self.written += 1;
            return;
        }
        let rows = pack_rows("A", self.written, &["{\"a\":1}".to_owned()]);
        if self.outbox.append(FLOW, ReportSays::Rows(rows)).is_ok() {
            self.written += 1;
        }
    }

    fn step(&mut self, faults: bool) {
        self.now = self.now.plus(std::time::Duration::from_millis(500));
        if self.agent.is_none() || (faults && self.one_in(60)) {
            self.connect();
        }
        self.evaluate();
        self.monitor();
        let mut todo = Vec::new();
        if let Some(agent) = &mut self.agent {
            todo.extend(agent.on_tick(self.now));
            if let Some(from) = agent.wants_reports() {
                let reports = self.outbox.read(from.after, from.bytes_max.min(500)).unwrap();
                todo.extend(agent.on_reports(reports, self.now));
            }
        }
        self.carry_out(todo);
        self.deliver(faults);
    }

    fn deliver(&mut self, faults: bool) {
        for frame in self.bad_network(faults, true) {
            match self.server.hear(&frame) {
                Ok(says) => {
                    let frames =
                        says.into_iter().map(|s| ServerFrame { says: Some(s) }.encode_to_vec());
                    self.to_agent.extend(frames);
                }
                // The server closes the connection.
                Err(()) => return self.agent = None,
            }
        }
        for frame in self.bad_network(faults, false) {
            let now = self.now;
            let todo = self.agent.as_mut().map(|agent| agent.on_frame(&frame, now));
            self.carry_out(todo.unwrap_or_default());
        }
    }

    fn bad_network(&mut self, faults: bool, up: bool) -> Vec<Vec<u8>> {
        let mut frames = std::mem::take(if up { &mut self.to_server } else { &mut self.to_agent });
        if faults {
            if frames.len() > 1 && self.one_in(10) {
                let last = frames.len() - 1;
                frames.swap(0, last);
            }
            if !frames.is_empty() && self.one_in(10) {
                frames.pop();
            }
            if !frames.is_empty() && self.one_in(10) {
                frames.push(frames[0].clone());
            }
        }
        frames
    }
}

#[test]
fn every_report_arrives_once_and_in_order_through_a_bad_network() {
    for seed in 0..200 {
        let mut world = World::new(seed);
        for _ in 0..400 {
            world.step(true);
        }
        for _ in 0..400 {
            world.step(false);
        }
        let all: Vec<u64> = (0..BATCHES).collect();
        assert_eq!(world.server.batches, all, "seed {seed}");
        assert_eq!(world.server.events, all, "seed {seed}");
        assert!(world.server.ended && world.server.receipts > 0, "seed {seed}");
        assert_eq!(world.runs, 1, "seed {seed}: an attempt runs once, however often it is sent");
        assert_eq!(world.bookmarks.bookmark().cursor, NEWEST, "seed {seed}");
        let census = world.outbox.census();
        assert_eq!((census.bytes, census.live), (0, vec![]), "seed {seed}");
    }
}
