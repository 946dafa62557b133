//! The server's half of one session: one WebSocket, or one body of the HTTP fallback.
//!
//! Knows the order in which an agent must speak and which reports are settled. It knows neither
//! clients nor flows: what a word means is decided by the server's own minds.
//!
//! # Invariants
//! - **L5** the first word is `Hello`, in a protocol version that is spoken here.
//! - **L6** reports are heard in order and each at most once; a gap ends the session, so that the
//!   agent begins again at its first unacknowledged report.
//! - **L7** an acknowledgement covers a report only after [`settle`](ServerSession::settle) and after
//!   all reports before it.

use std::collections::BTreeMap;

use wire::{
    AgentAnswer, AgentHello, AgentReport, AgentSaid, BadFrame, Bye, FRAME_BYTES_MAX,
    OUTSTANDING_BYTES_MAX, PROTOCOL, Rejected, ReportAck, Reported, read_agent_frame,
};

use model::results::AttemptId;

/// What the agent said, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// The first word.
    Hello(AgentHello),
    /// Are there newer offers?
    Poll {
        /// `last_hunt_timestamp`; 0 when the recheck mark changed.
        cursor: u64,
        /// The recheck mark under which the agent polls; to be given back.
        recheck: u64,
    },
    /// Rows of client queries.
    Answer(AgentAnswer),
    /// A request is on the agent's disk.
    Receipt(AttemptId),
    /// A new report, to be settled once its effect is durable.
    Report {
        /// Its number, for [`ServerSession::settle`].
        number: u64,
        /// Whose it is.
        attempt: AttemptId,
        /// What it says.
        said: Reported,
    },
    /// A report that makes no sense. It is settled as rejected already.
    BadReport {
        /// Its number.
        number: u64,
        /// For the log.
        why: BadFrame,
    },
    /// Nothing new: a report heard before, or a word from a newer agent.
    Nothing,
}

/// One session, as the server sees it.
#[derive(Debug, Default)]
pub struct ServerSession {
    greeted: bool,
    /// The last report heard, or acknowledged before this session.
    heard: u64,
    /// The last report acknowledged.
    acknowledged: Option<u64>,
    /// Reports heard and not acknowledged: their bytes, and their verdict once settled.
    open: BTreeMap<u64, Waiting>,
    open_bytes: usize,
    repeat_ack: bool,
}

#[derive(Debug)]
struct Waiting {
    bytes: usize,
    verdict: Option<Result<(), String>>,
}

impl ServerSession {
    /// A session in which nothing was said yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one frame of the agent. `Err` is the last word to send before closing.
    pub fn hear(&mut self, frame: &[u8]) -> Result<Heard, Bye> {
        let said = match read_agent_frame(frame) {
            Ok(said) => said,
            // An empty frame may be a word that only newer agents know.
            Err(BadFrame::Empty) if self.greeted => return Ok(Heard::Nothing),
            Err(bad) => return Err(bye(bad.to_string())),
        };
        match said {
            AgentSaid::Hello(hello) => self.hear_hello(hello),
            _ if !self.greeted => Err(bye("the first frame of a connection must be Hello")),
            AgentSaid::Poll { cursor, recheck } => Ok(Heard::Poll { cursor, recheck }),
            AgentSaid::Answer(answer) => Ok(Heard::Answer(answer)),
            AgentSaid::Receipt(attempt) => Ok(Heard::Receipt(attempt)),
            AgentSaid::Report(report) => self.hear_report(report, frame.len()),
        }
    }

    fn hear_hello(&mut self, hello: AgentHello) -> Result<Heard, Bye> {
        if self.greeted {
            return Err(bye("a second Hello on one connection"));
        }
        if hello.protocol == 0 || hello.protocol > PROTOCOL {
            let spoken = hello.protocol;
            return Err(bye(format!(
                "the agent speaks protocol {spoken}, this server up to {PROTOCOL}; update the server"
            )));
        }
        self.greeted = true;
        self.heard = hello.acknowledged;
        Ok(Heard::Hello(hello))
    }

    fn hear_report(&mut self, report: AgentReport, bytes: usize) -> Result<Heard, Bye> {
        let number = report.number;
        if number <= self.heard {
            self.repeat_ack = true;
            return Ok(Heard::Nothing);
        }
        if number - self.heard > 1 {
            return Err(bye(format!("report {} is missing before {number}", self.heard + 1)));
        }
        if self.open_bytes + bytes > OUTSTANDING_BYTES_MAX + FRAME_BYTES_MAX {
            return Err(bye(format!(
                "more than {OUTSTANDING_BYTES_MAX} bytes of reports without an acknowledgement"
            )));
        }
        self.heard = number;
        self.open_bytes += bytes;
        self.open.insert(number, Waiting { bytes, verdict: None });
        match report.content {
            Ok((attempt, said)) => Ok(Heard::Report { number, attempt, said }),
            Err(why) => {
                self.settle(number, Err(why.to_string()));
                Ok(Heard::BadReport { number, why })
            }
        }
    }

    /// A report's effect is durable, or the report will never be accepted.
    pub fn settle(&mut self, number: u64, verdict: Result<(), String>) {
        if let Some(waiting) = self.open.get_mut(&number) {
            waiting.verdict = Some(verdict);
        }
    }

    /// What can be acknowledged now and was not yet. Call it after each commit: all reports that one
    /// commit made durable share one acknowledgement.
    pub fn take_ack(&mut self) -> Option<ReportAck> {
        let mut rejected = Vec::new();
        let mut moved = false;
        while let Some(entry) = self.open.first_entry() {
            let Some(verdict) = &entry.get().verdict else { break };
            if let Err(reason) = verdict {
                rejected.push(Rejected { number: *entry.key(), reason: reason.clone() });
            }
            self.acknowledged = Some(*entry.key());
            self.open_bytes -= entry.get().bytes;
            entry.remove();
            moved = true;
        }
        let again = std::mem::take(&mut self.repeat_ack);
        let up_to = self.acknowledged?;
        (moved || again).then_some(ReportAck { up_to, rejected })
    }

    /// Whether reports were heard that are not settled yet.
    pub fn has_open_reports(&self) -> bool {
        !self.open.is_empty()
    }
}

fn bye(reason: impl Into<String>) -> Bye {
    Bye { reason: reason.into(), for_ever: false, retry_secs: 0 }
}

#[cfg(test)]
mod tests {
    use prost::Message;
    use wire::{AgentFrame, AgentSays, Attempt, Hello, Report, ReportSays, Status, UploadPart};

    use super::*;

    fn frame(says: AgentSays) -> Vec<u8> {
        AgentFrame { says: Some(says) }.encode_to_vec()
    }

    fn hello(protocol: u32) -> Vec<u8> {
        frame(AgentSays::Hello(Hello { protocol, acknowledged: 40, ..Hello::default() }))
    }

    fn report_saying(number: u64, says: ReportSays) -> Vec<u8> {
        let attempt = Some(Attempt { flow: vec![1; 16], attempt: 1 });
        frame(AgentSays::Report(Report { number, attempt, says: Some(says) }))
    }

    fn report(number: u64) -> Vec<u8> {
        report_saying(number, ReportSays::Status(Status::default()))
    }

    fn greeted() -> ServerSession {
        let mut session = ServerSession::new();
        session.hear(&hello(1)).unwrap();
        session
    }

    #[test]
    fn hello_comes_first_and_once_and_in_a_known_protocol() {
        let refused = |frames: &[Vec<u8>]| {
            let mut session = ServerSession::new();
            frames.iter().find_map(|frame| session.hear(frame).err()).map(|bye| bye.reason)
        };
        assert_eq!(refused(&[hello(1), report(41)]), None);
        assert!(refused(&[report(41)]).unwrap().contains("must be Hello"));
        assert!(refused(&[hello(1), hello(1)]).unwrap().contains("second Hello"));
        assert!(refused(&[hello(2)]).unwrap().contains("update the server"));
        assert!(refused(&[vec![0xff; 20]]).unwrap().contains("not a frame"));
        assert!(refused(&[hello(1), vec![0xff; 20]]).unwrap().contains("not a frame"));
        assert_eq!(refused(&[hello(1), vec![]]), None, "a word that only newer agents know");
    }

    #[test]
    fn reports_follow_the_acknowledged_without_a_gap() {
        let mut session = greeted();
        assert!(matches!(session.hear(&report(41)), Ok(Heard::Report { number: 41, .. })));
        assert!(matches!(session.hear(&report(42)), Ok(Heard::Report { number: 42, .. })));
        assert_eq!(session.hear(&report(41)), Ok(Heard::Nothing));
        assert!(session.hear(&report(44)).unwrap_err().reason.contains("43 is missing"));
    }

    #[test]
    fn an_acknowledgement_waits_for_all_before_it() {
        let mut session = greeted();
        for number in 41..=43 {
            session.hear(&report(number)).unwrap();
        }
        session.settle(42, Err("the attempt is over".into()));
        assert_eq!(session.take_ack(), None);
        session.settle(41, Ok(()));
        let rejected = vec![Rejected { number: 42, reason: "the attempt is over".into() }];
        assert_eq!(session.take_ack(), Some(ReportAck { up_to: 42, rejected }));
        assert_eq!(session.take_ack(), None);
        assert!(session.has_open_reports());
        session.hear(&report(42)).unwrap();
        assert_eq!(session.take_ack(), Some(ReportAck { up_to: 42, rejected: vec![] }), "again");
    }

    #[test]
    fn a_report_without_sense_is_rejected_and_the_session_goes_on() {
        let mut session = greeted();
        let part = UploadPart::default();
        let heard = session.hear(&report_saying(41, ReportSays::Upload(part)));
        assert!(matches!(heard, Ok(Heard::BadReport { number: 41, .. })));
        assert_eq!(session.take_ack().map(|ack| (ack.up_to, ack.rejected.len())), Some((41, 1)));
        assert!(session.hear(&report(42)).is_ok());
    }

    #[test]
    fn an_agent_that_does_not_wait_for_acknowledgements_is_stopped() {
        let mut session = greeted();
        let data = vec![0; 256 << 10];
        let part = UploadPart { path: "/x".into(), data, ..UploadPart::default() };
        let sent = (41..140)
            .take_while(|n| {
                session.hear(&report_saying(*n, ReportSays::Upload(part.clone()))).is_ok()
            })
            .count();
        assert!((16..=21).contains(&sent), "{sent} parts of 256 KiB were heard");
    }
}
