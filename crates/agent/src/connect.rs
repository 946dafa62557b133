//! The agent's one long loop: connect, talk until it ends, wait, connect again.

use std::sync::Arc;
use std::time::Duration;

use base::Entropy;
use link::{Ending, OutboxError, reconnect_after, reconnect_when_asked};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use wire::{POLL_BYTES_MAX, POLL_PATH, append_encoded, split_frames};

use crate::desk::{Answers, Desk, Talk};
use crate::event;
use crate::transport::{HttpLink, SocketLink, Target, TransportError};

/// So many WebSockets in a row must fail, with TLS working, before plain HTTP is used.
const UPGRADES_MAX: u32 = 3;

/// How long plain HTTP is used before a WebSocket is tried again.
const FALLBACK_TIME: Duration = Duration::from_secs(1_800);

/// How long the server may hold back the answer to a body that brings nothing.
const HOLD: Duration = Duration::from_secs(25);

/// Reports that come within this time are sent together.
const GATHER: Duration = Duration::from_millis(20);

/// The pause between bodies while something is under way.
const BUSY_PAUSE: Duration = Duration::from_millis(500);

/// The pause after a body that should have been held back, but was answered at once.
const UNHELD_PAUSE: Duration = Duration::from_secs(5);

/// How frames may travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TransportChoice {
    /// By WebSocket; by plain HTTP while no WebSocket can be had.
    #[default]
    Auto,
    /// By WebSocket only.
    WebSocket,
    /// By plain HTTP only.
    Http,
}

/// Why the agent has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Farewell {
    /// It was asked to.
    Stopped,
    /// The server does not want this client any more.
    TurnedAway {
        /// What the server said.
        reason: String,
    },
}

/// How one connection ended.
enum Outcome {
    Stopped,
    Ended(Ending),
    /// Plain HTTP was used for long enough.
    TryWebSocket,
}

/// Why one connection ended badly.
#[derive(Debug, thiserror::Error)]
enum TalkError {
    #[error("no connection")]
    Unreachable(#[source] TransportError),
    #[error("no WebSocket")]
    NoUpgrade(#[source] TransportError),
    #[error("connection lost")]
    Lost(#[source] TransportError),
    #[error("the agent's disk failed")]
    Disk(#[from] OutboxError),
}

/// What the loop knows from one connection to the next.
pub(crate) struct Connector {
    pub(crate) line: Line,
    pub(crate) targets: Vec<Target>,
    pub(crate) choice: TransportChoice,
    pub(crate) entropy: Box<dyn Entropy>,
}

/// What one connection needs.
pub(crate) struct Line {
    pub(crate) desk: Arc<Desk>,
    pub(crate) stop: CancellationToken,
}

#[derive(Default)]
struct Luck {
    failures: u32,
    upgrade_failures: u32,
    http_until: Option<Instant>,
    /// Set while a connection is under way, when the server has welcomed the agent.
    welcomed: bool,
}

impl Connector {
    /// Runs until it is stopped or turned away.
    pub(crate) async fn run(mut self) -> Farewell {
        let mut luck = Luck::default();
        let mut next = 0;
        loop {
            let target = self.targets[next % self.targets.len()].clone();
            luck.welcomed = false;
            let result = self.one_connection(&target, &mut luck).await;
            if self.line.stop.is_cancelled() {
                return Farewell::Stopped;
            }
            let asked = match &result {
                Ok(Outcome::Stopped) => return Farewell::Stopped,
                Ok(Outcome::Ended(Ending::ForEver { reason })) => {
                    event::turned_away(reason);
                    return Farewell::TurnedAway { reason: reason.clone() };
                }
                Ok(Outcome::TryWebSocket) => continue,
                Ok(Outcome::Ended(Ending::Asked { retry_secs, .. })) => *retry_secs,
                Ok(Outcome::Ended(_)) | Err(_) => 0,
            };
            luck.note(&result, self.choice);
            if luck.failures > 0 {
                next += 1;
            }
            let fraction = self.entropy.next_fraction();
            let wait = if asked > 0 {
                reconnect_when_asked(asked, fraction)
            } else {
                reconnect_after(luck.failures, fraction)
            };
            event::connection_lost(&target.address, &reason(&result), wait);
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.line.stop.cancelled() => return Farewell::Stopped,
            }
        }
    }

    async fn one_connection(
        &mut self,
        target: &Target,
        luck: &mut Luck,
    ) -> Result<Outcome, TalkError> {
        let jitter = self.entropy.next_fraction();
        let http = match self.choice {
            TransportChoice::Http => true,
            TransportChoice::WebSocket => false,
            TransportChoice::Auto => luck.http_until.is_some_and(|until| Instant::now() < until),
        };
        let stop = self.line.stop.clone();
        if http {
            let until = luck.http_until.filter(|_| self.choice == TransportChoice::Auto);
            let work = async {
                let link = HttpLink::open(target).await.map_err(TalkError::Unreachable)?;
                self.line.talk_over_http(link, jitter, (target, until, luck)).await
            };
            return stop_or(&stop, work).await;
        }
        let opened = stop_or_none(&stop, async {
            let stream = target.connect().await.map_err(TalkError::Unreachable)?;
            SocketLink::open(target, stream).await.map_err(TalkError::NoUpgrade)
        });
        let Some(link) = opened.await else { return Ok(Outcome::Stopped) };
        self.line.talk_over_socket(link?, jitter, (target, luck)).await
    }
}

impl Line {
    async fn talk_over_socket(
        &self,
        mut link: SocketLink,
        jitter: f64,
        (target, luck): (&Target, &mut Luck),
    ) -> Result<Outcome, TalkError> {
        let (mut talk, mut answers, hello) = Talk::begin(Arc::clone(&self.desk), jitter).await?;
        talk.frames.push(hello);
        loop {
            loop {
                let more = talk.pump().await?;
                let frames = std::mem::take(&mut talk.frames);
                if !frames.is_empty() {
                    link.send(frames).await.map_err(TalkError::Lost)?;
                }
                if !more {
                    break;
                }
            }
            if let Some(ending) = talk.ending.take() {
                link.close().await;
                return Ok(Outcome::Ended(ending));
            }
            tokio::select! {
                frame = link.next() => {
                    talk.hear(&frame.map_err(TalkError::Lost)?).await?;
                    self.note_welcome(&talk, target, luck, "websocket");
                }
                // The rows of a small flow and its end come one right after the other.
                () = self.desk.room.added() => tokio::time::sleep(GATHER).await,
                Some(answer) = answers.recv() => talk.answer(answer).await?,
                () = tokio::time::sleep(talk.time_to_tick()) => talk.tick().await?,
                () = self.stop.cancelled() => {
                    link.close().await;
                    return Ok(Outcome::Stopped);
                }
            }
        }
    }

    async fn talk_over_http(
        &self,
        mut link: HttpLink,
        jitter: f64,
        (target, until, luck): (&Target, Option<Instant>, &mut Luck),
    ) -> Result<Outcome, TalkError> {
        let (mut talk, mut answers, _) = Talk::begin(Arc::clone(&self.desk), jitter).await?;
        loop {
            talk.tick().await?;
            while talk.pump().await? {}
            let census = self.desk.census().await?;
            let quiet = talk.session.is_welcomed()
                && talk.frames.is_empty()
                && !talk.session.is_checking()
                && self.desk.runner.count() == 0
                && census.acknowledged == census.last;
            let hold = if quiet { HOLD } else { Duration::ZERO };
            let hold_secs = u32::try_from(hold.as_secs()).unwrap_or(0);
            let hello = talk.session.hello(&census.live, hold_secs);
            let mut body = Vec::new();
            append_encoded(&mut body, &hello);
            for frame in std::mem::take(&mut talk.frames) {
                append_encoded(&mut body, &frame);
            }
            talk.session.body_sent();
            let sent = Instant::now();
            let said = post(&mut link, body, hold, &mut talk).await?;
            self.note_welcome(&talk, target, luck, "http");
            talk.session.body_answered();
            if let Some(ending) = talk.ending.take() {
                return Ok(Outcome::Ended(ending));
            }
            if quiet && until.is_some_and(|until| Instant::now() >= until) {
                return Ok(Outcome::TryWebSocket);
            }
            let unheld = quiet && said <= 1 && sent.elapsed() < UNHELD_PAUSE;
            let busy = self.desk.runner.count() > 0 || talk.session.is_checking();
            let pause = match (unheld, busy) {
                (true, _) => UNHELD_PAUSE,
                (false, true) => BUSY_PAUSE,
                (false, false) => Duration::ZERO,
            };
            self.pause(pause, &mut talk, &mut answers).await?;
        }
    }

    /// Waits before the next body, unless there is something to put into it.
    async fn pause(
        &self,
        pause: Duration,
        talk: &mut Talk,
        answers: &mut Answers,
    ) -> Result<(), TalkError> {
        let ready = talk.session.has_announcement() || !talk.frames.is_empty();
        let pause = if ready { Duration::ZERO } else { pause };
        tokio::select! {
            biased;
            Some(answer) = answers.recv() => talk.answer(answer).await?,
            () = self.desk.room.added() => {}
            () = tokio::time::sleep(pause) => {}
        }
        Ok(())
    }

    fn note_welcome(&self, talk: &Talk, target: &Target, luck: &mut Luck, transport: &str) {
        if talk.session.is_welcomed() && !luck.welcomed {
            luck.welcomed = true;
            event::connected(&target.address, transport);
        }
    }
}

/// Posts a body and lets the session hear the answer. How many frames it had.
async fn post(
    link: &mut HttpLink,
    body: Vec<u8>,
    hold: Duration,
    talk: &mut Talk,
) -> Result<usize, TalkError> {
    let answer = link.post(POLL_PATH, body, (hold, POLL_BYTES_MAX)).await;
    let answer = answer.map_err(TalkError::Lost)?;
    if answer.status != 200 && split_frames(&answer.body).map_or(0, |frames| frames.len()) == 0 {
        let text = String::from_utf8_lossy(&answer.body).chars().take(300).collect();
        return Err(TalkError::Lost(TransportError::Status { status: answer.status, text }));
    }
    let frames =
        split_frames(&answer.body).map_err(|bad| TalkError::Lost(TransportError::broken(bad)))?;
    for frame in &frames {
        talk.hear(frame).await?;
    }
    Ok(frames.len())
}

async fn stop_or_none<T>(stop: &CancellationToken, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        done = work => Some(done),
        () = stop.cancelled() => None,
    }
}

async fn stop_or(
    stop: &CancellationToken,
    work: impl Future<Output = Result<Outcome, TalkError>>,
) -> Result<Outcome, TalkError> {
    stop_or_none(stop, work).await.unwrap_or(Ok(Outcome::Stopped))
}

impl Luck {
    fn note(&mut self, result: &Result<Outcome, TalkError>, choice: TransportChoice) {
        if self.welcomed {
            (self.failures, self.upgrade_failures) = (0, 0);
            return;
        }
        self.failures = self.failures.saturating_add(1);
        // A socket that opens and never brings a word is no better than none.
        let no_socket = matches!(
            result,
            Err(TalkError::NoUpgrade(_) | TalkError::Lost(_)) | Ok(Outcome::Ended(Ending::Silent))
        );
        if choice != TransportChoice::Auto || !no_socket {
            return;
        }
        if self.http_until.is_some_and(|until| Instant::now() < until) {
            return;
        }
        self.upgrade_failures += 1;
        if self.upgrade_failures >= UPGRADES_MAX {
            event::fell_back(self.upgrade_failures);
            self.upgrade_failures = 0;
            self.http_until = Some(Instant::now() + FALLBACK_TIME);
        }
    }
}

fn reason(result: &Result<Outcome, TalkError>) -> String {
    match result {
        Ok(Outcome::Ended(ending)) => match ending {
            Ending::Asked { reason, .. } | Ending::ForEver { reason } => {
                format!("the server said: {reason}")
            }
            Ending::Broken(bad) => format!("the server broke the protocol: {bad}"),
            Ending::TooNew { protocol } => {
                format!("the server speaks protocol {protocol}; update this agent")
            }
            Ending::Silent => "the server did not answer in time".to_owned(),
        },
        Ok(Outcome::Stopped | Outcome::TryWebSocket) => String::new(),
        Err(error) => base::Chain(error).to_string(),
    }
}
