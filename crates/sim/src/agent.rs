//! A simulated agent: what is on its disk survives its death, the rest does not.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use base::{ClientId, FlowId, SeededEntropy};
use flows::completion::{AttemptEnd, SourceCount, Tally};
use flows::steer::StatusReport;
use hunts::decide::{QueryAnswer, QueryFailure};
use hunts::foreman::ClientQuery;
use model::flow::{Flow, FlowFailure};
use model::hunt::OfferSeq;
use model::results::{AttemptId, RowBatch};
use testkit::stores::pick;

use crate::invariants::Witness;
use crate::messages::{Nonce, Report, ToAgent, ToServer};

/// Sources that every collection has.
const SOURCES: [&str; 2] = ["Sim.One", "Sim.Two"];

pub(crate) struct Agent {
    pub(crate) client: ClientId,
    pub(crate) number: u64,
    pub(crate) disk: Disk,
    /// What is lost when it dies; `None` while it is dead.
    pub(crate) memory: Option<Memory>,
    entropy: SeededEntropy,
    /// Attempts whose evaluation it ended by itself, for the invariants.
    pub(crate) finished: BTreeSet<AttemptId>,
    /// Batches that were acknowledged as stored, for the invariants.
    pub(crate) acknowledged: BTreeMap<(AttemptId, String), u64>,
}

/// Survives.
#[derive(Default)]
pub(crate) struct Disk {
    pub(crate) cursor: OfferSeq,
    pub(crate) recheck: u64,
    /// Attempts that were taken and not ended.
    held: BTreeSet<AttemptId>,
    spool: VecDeque<(u64, Report)>,
    spooled: u64,
    /// A check was under way when it died.
    in_check: bool,
}

#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) session: Option<u64>,
    welcomed: bool,
    newest: OfferSeq,
    recheck: u64,
    nonce: Nonce,
    ticks: u64,
    running: BTreeMap<AttemptId, Evaluation>,
}

struct Evaluation {
    batches_left: u64,
    sent: BTreeMap<String, SourceCount>,
}

impl Agent {
    pub(crate) fn new(client: ClientId, number: u64, seed: u64) -> Self {
        Self {
            client,
            number,
            disk: Disk::default(),
            memory: Some(Memory::default()),
            entropy: SeededEntropy::new(seed ^ (number << 40)),
            finished: BTreeSet::new(),
            acknowledged: BTreeMap::new(),
        }
    }

    /// Dies: evaluations and the connection are gone.
    pub(crate) fn die(&mut self) {
        self.memory = None;
    }

    /// Starts again: what was being evaluated has failed.
    pub(crate) fn wake(&mut self) {
        if self.memory.is_some() {
            return;
        }
        self.memory = Some(Memory::default());
        for attempt in std::mem::take(&mut self.disk.held) {
            let end = AttemptEnd::Failed(FlowFailure::AgentRestarted);
            self.spool_status(attempt, end, BTreeMap::new());
        }
    }

    /// The server or the network has gone.
    pub(crate) fn disconnect(&mut self) {
        if let Some(memory) = &mut self.memory {
            memory.session = None;
            memory.welcomed = false;
        }
    }

    pub(crate) fn witness(&self) -> Witness<'_> {
        Witness {
            client: self.client,
            number: self.number,
            cursor: self.disk.cursor,
            finished: &self.finished,
            acknowledged: &self.acknowledged,
        }
    }

    pub(crate) fn is_quiet(&self) -> bool {
        let Some(memory) = &self.memory else { return false };
        memory.running.is_empty()
            && self.disk.spool.is_empty()
            && memory.welcomed
            && memory.newest == self.disk.cursor
    }

    fn spool(&mut self, report: Report) {
        self.disk.spooled += 1;
        self.disk.spool.push_back((self.disk.spooled, report));
    }

    fn spool_status(
        &mut self,
        attempt: AttemptId,
        end: AttemptEnd,
        sources: BTreeMap<String, SourceCount>,
    ) {
        let declared = Tally { sources, ..Tally::default() };
        self.spool(Report::Status(StatusReport {
            attempt,
            end,
            declared,
            cpu_millis: 1,
            windows: Vec::new(),
        }));
    }

    /// A moment passes: evaluates, and says again what was not answered.
    pub(crate) fn tick(&mut self) -> Vec<ToServer> {
        self.evaluate();
        let held = self.attempts_held();
        let Some(memory) = &mut self.memory else { return Vec::new() };
        if memory.session.is_none() {
            return Vec::new();
        }
        memory.ticks += 1;
        if !memory.welcomed {
            return vec![ToServer::Hello { held }];
        }
        let mut said = Vec::new();
        let relabelled = memory.recheck != self.disk.recheck;
        if relabelled || memory.newest != self.disk.cursor || memory.ticks % 8 == 0 {
            memory.nonce += 1;
            let cursor = if relabelled { OfferSeq::default() } else { self.disk.cursor };
            let recheck = memory.recheck;
            said.push(ToServer::Poll { nonce: memory.nonce, cursor, recheck });
        }
        if let Some((number, report)) = self.disk.spool.front() {
            said.push(ToServer::Report { number: *number, report: report.clone() });
        }
        said
    }

    fn attempts_held(&self) -> Vec<AttemptId> {
        let spooled = self.disk.spool.iter().map(|(_, report)| report.attempt());
        let all: BTreeSet<AttemptId> = self.disk.held.iter().copied().chain(spooled).collect();
        all.into_iter().collect()
    }

    /// Each evaluation makes a batch now and then, and ends.
    fn evaluate(&mut self) {
        let Some(memory) = &mut self.memory else { return };
        let mut reports = Vec::new();
        let mut ended = Vec::new();
        for (attempt, evaluation) in &mut memory.running {
            if pick(&mut self.entropy, 3) == 0 {
                continue;
            }
            if evaluation.batches_left == 0 {
                ended.push((*attempt, std::mem::take(&mut evaluation.sent)));
                continue;
            }
            evaluation.batches_left -= 1;
            let source = SOURCES[usize::from(pick(&mut self.entropy, 2) == 0)].to_owned();
            let count = evaluation.sent.entry(source.clone()).or_default();
            let rows = 1 + pick(&mut self.entropy, 3);
            let row = |n: u64| {
                let (agent, number) = (self.number, count.rows + n);
                let try_no = attempt.attempt;
                format!(r#"{{"agent":{agent},"try":{try_no},"s":"{source}","n":{number}}}"#)
            };
            let rows_text = (0..rows).map(row).collect();
            let seq = count.batches;
            (count.rows, count.batches) = (count.rows + rows, count.batches + 1);
            reports.push(RowBatch { attempt: *attempt, source, seq, rows: rows_text });
        }
        for (attempt, _) in &ended {
            memory.running.remove(attempt);
        }
        for batch in reports {
            self.spool(Report::Rows(batch));
        }
        for (attempt, sent) in ended {
            self.disk.held.remove(&attempt);
            let fails = pick(&mut self.entropy, 12) == 0;
            let end = if fails {
                AttemptEnd::Failed(FlowFailure::Query("simulated".into()))
            } else {
                self.finished.insert(attempt);
                AttemptEnd::Finished
            };
            self.spool_status(attempt, end, sent);
        }
    }

    /// Takes a message and answers it.
    pub(crate) fn take(&mut self, message: ToAgent) -> Vec<ToServer> {
        let Some(memory) = &mut self.memory else { return Vec::new() };
        match message {
            ToAgent::Welcome { newest, recheck } => {
                memory.welcomed = true;
                memory.newest = memory.newest.max(newest);
                memory.recheck = memory.recheck.max(recheck);
                Vec::new()
            }
            ToAgent::Check { nonce, check, queries } if nonce == memory.nonce => {
                let recheck = memory.recheck;
                let answers = self.answer(&queries);
                vec![ToServer::Answer { nonce, check, answers, recheck }]
            }
            ToAgent::CursorAck { nonce, cursor, recheck } if nonce == memory.nonce => {
                self.disk.cursor = cursor;
                self.disk.recheck = recheck;
                Vec::new()
            }
            ToAgent::Check { .. } | ToAgent::CursorAck { .. } => Vec::new(),
            ToAgent::Request(flow) => self.take_request(&flow),
            ToAgent::Cancel(flow) => {
                self.cancel(flow);
                Vec::new()
            }
            ToAgent::ReportAck { number, accepted } => {
                self.acknowledge(number, accepted);
                Vec::new()
            }
        }
    }

    fn answer(&mut self, queries: &[ClientQuery]) -> Vec<QueryAnswer> {
        // Now and then the agent dies of a query and says so when it is asked again.
        let crashes = std::mem::replace(&mut self.disk.in_check, pick(&mut self.entropy, 30) == 0);
        let (even, number) = (self.number.is_multiple_of(2), self.number);
        let leaves_out = pick(&mut self.entropy, 40) == 0;
        let answer = |(index, query): (usize, &ClientQuery)| {
            let rows = if crashes && index == 0 {
                Err(QueryFailure::Crashed)
            } else {
                Ok(vec![format!(r#"{{"OS":"linux","Number":{number},"even":{even}}}"#)])
            };
            QueryAnswer { offers: query.offers.clone(), rows }
        };
        queries.iter().enumerate().skip(usize::from(leaves_out)).map(answer).collect()
    }

    fn take_request(&mut self, flow: &Flow) -> Vec<ToServer> {
        let attempt = AttemptId { flow: flow.id, attempt: flow.life.attempt };
        let Some(memory) = &mut self.memory else { return Vec::new() };
        // A later attempt takes the place of the former one.
        memory.running.retain(|held, _| held.flow != flow.id || *held == attempt);
        self.disk.held.retain(|held| held.flow != flow.id || *held == attempt);
        let known = self.disk.held.contains(&attempt)
            || self.finished.contains(&attempt)
            || self.disk.spool.iter().any(|(_, report)| report.attempt() == attempt);
        if !known {
            self.disk.held.insert(attempt);
            let batches_left = pick(&mut self.entropy, 5);
            let evaluation = Evaluation { batches_left, sent: BTreeMap::new() };
            memory.running.insert(attempt, evaluation);
        }
        vec![ToServer::Receipt(attempt)]
    }

    fn cancel(&mut self, flow: FlowId) {
        if let Some(memory) = &mut self.memory {
            memory.running.retain(|attempt, _| attempt.flow != flow);
        }
        self.disk.held.retain(|attempt| attempt.flow != flow);
    }

    fn acknowledge(&mut self, number: u64, accepted: bool) {
        let Some((_, report)) = self.disk.spool.pop_front_if(|(front, _)| *front == number) else {
            return;
        };
        if let (Report::Rows(batch), true) = (report, accepted) {
            let key = (batch.attempt, batch.source);
            let count = self.acknowledged.entry(key).or_default();
            *count = (*count).max(batch.seq + 1);
        }
    }
}
