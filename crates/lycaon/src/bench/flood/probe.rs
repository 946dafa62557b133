//! Honest sessions that time their own messages: a poll, and the server's word that there is nothing new.

use std::sync::Arc;
use std::time::{Duration, Instant};

use agent::{Identity, Key, client_config, enrol};
use base::Chain;
use futures_util::{SinkExt, StreamExt};
use prost::Message as _;
use serde::Serialize;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};
use wire::{AgentFrame, AgentSays, ForemanPoll, Hello, PROTOCOL, ServerSaid, read_server_frame};

use super::super::swarm::{Door, facts};
use crate::complaint::{Complaint, Outcome};

/// Between two messages of one session.
const EVERY: Duration = Duration::from_millis(100);

/// An answer that takes longer counts as this.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long answers took.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Answered {
    pub(crate) messages: u64,
    pub(crate) millis_50: f64,
    pub(crate) millis_99: f64,
    pub(crate) millis_100: f64,
}

/// A session over TLS and a WebSocket, without the agent around it.
pub(crate) struct Session {
    socket: WebSocketStream<TlsStream<TcpStream>>,
    cursor: u64,
}

fn failed(what: &str, error: impl std::fmt::Display) -> Complaint {
    Complaint::failed(format!("{what}: {error}"))
}

/// Enrols a client of its own.
pub(crate) async fn identity(door: &Door, number: u32) -> Outcome<Identity> {
    let wrong = |error: &dyn std::error::Error| Complaint::failed(Chain(error).to_string());
    let key = Key::generate().map_err(|e| wrong(&e))?;
    let enrolled = enrol(&door.target(None, number)?, &door.token, &key, &facts(number)).await;
    enrolled.map_err(|e| wrong(&e))
}

impl Session {
    /// Opens a session of this client from this address, and greets.
    pub(crate) async fn open(
        door: &Door,
        identity: &Identity,
        (number, from): (u32, std::net::Ipv4Addr),
    ) -> Outcome<Self> {
        let tls = client_config(&door.authority_pem, Some(identity))
            .map_err(|error| Complaint::failed(Chain(&error).to_string()))?;
        let connect = async {
            let socket = TcpSocket::new_v4()?;
            socket.bind((from, 0).into())?;
            let address = door.address(0).parse().map_err(std::io::Error::other)?;
            let stream = socket.connect(address).await?;
            stream.set_nodelay(true)?;
            let name = door.server_name().map_err(|_| std::io::Error::other("a bad name"))?;
            TlsConnector::from(Arc::clone(&tls)).connect(name, stream).await
        };
        let stream = connect.await.map_err(|error| failed("cannot connect", error))?;
        let url = format!("wss://{}{}", door.address(0), wire::LINK_PATH);
        let (socket, _) =
            client_async(url, stream).await.map_err(|error| failed("no WebSocket", error))?;
        let mut session = Self { socket, cursor: 0 };
        let hello = Hello { protocol: PROTOCOL, facts: Some(facts(number)), ..Hello::default() };
        session.send(AgentSays::Hello(hello)).await?;
        while let Some(said) = session.hear().await? {
            if let ServerSaid::Welcome(welcome) = said {
                session.cursor = welcome.newest_offer;
                break;
            }
        }
        Ok(session)
    }

    async fn send(&mut self, says: AgentSays) -> Outcome {
        let frame = AgentFrame { says: Some(says) }.encode_to_vec();
        let sent = self.socket.send(Message::Binary(frame.into())).await;
        sent.map_err(|error| failed("the session broke", error))
    }

    /// Sends polls without waiting for their answers.
    pub(crate) async fn polls(&mut self, count: u64) -> Outcome {
        let poll = ForemanPoll { cursor: self.cursor, recheck: 0 };
        let frame = AgentFrame { says: Some(AgentSays::Poll(poll)) }.encode_to_vec();
        for _ in 0..count {
            let sent = self.socket.feed(Message::Binary(frame.clone().into())).await;
            sent.map_err(|error| failed("the session broke", error))?;
        }
        self.socket.flush().await.map_err(|error| failed("the session broke", error))
    }

    /// The server's next word; nothing when the session is over.
    pub(crate) async fn hear(&mut self) -> Outcome<Option<ServerSaid>> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Binary(frame))) => {
                    let said = read_server_frame(&frame);
                    return said.map(Some).map_err(|bad| failed("the server said", bad));
                }
                Some(Ok(Message::Close(_))) | None => return Ok(None),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(failed("the session broke", error)),
            }
        }
    }

    async fn round_trip(&mut self) -> Outcome<Duration> {
        let began = Instant::now();
        self.polls(1).await?;
        let answer = async {
            while let Some(said) = self.hear().await? {
                if matches!(said, ServerSaid::CursorAck(_)) {
                    return Ok(began.elapsed());
                }
            }
            Err(Complaint::failed("the server ended an honest session"))
        };
        tokio::time::timeout(PATIENCE, answer).await.unwrap_or(Ok(PATIENCE))
    }
}

/// Some honest sessions.
pub(crate) struct Probes(Vec<Arc<Mutex<Session>>>);

impl Probes {
    /// Opens them.
    pub(crate) async fn connect(door: &Door, count: u32) -> Outcome<Self> {
        let mut sessions = Vec::new();
        for number in 1_000_000..1_000_000 + count {
            let identity = identity(door, number).await?;
            let from = (number, std::net::Ipv4Addr::new(127, 0, 0, 40));
            let session = Session::open(door, &identity, from).await?;
            sessions.push(Arc::new(Mutex::new(session)));
        }
        Ok(Self(sessions))
    }

    /// Lets all of them time messages for so long.
    pub(crate) async fn measure(&self, time: Duration) -> Outcome<Answered> {
        let mut tasks = JoinSet::new();
        for (index, session) in self.0.iter().enumerate() {
            let session = session.clone();
            tasks.spawn(async move {
                let mut session = session.lock().await;
                tokio::time::sleep(EVERY.mul_f64(index as f64 / 20.0)).await;
                let (began, mut took) = (Instant::now(), Vec::new());
                while began.elapsed() < time {
                    took.push(session.round_trip().await?);
                    tokio::time::sleep(EVERY).await;
                }
                Ok::<_, Complaint>(took)
            });
        }
        let mut took = Vec::new();
        while let Some(ended) = tasks.join_next().await {
            let ended = ended.map_err(|error| failed("a probe broke off", error))?;
            took.extend(ended?);
        }
        took.sort_unstable();
        let at = |share: f64| {
            let at = (took.len() as f64 * share).ceil() as usize;
            took[at.clamp(1, took.len()) - 1].as_secs_f64() * 1e3
        };
        Ok(Answered {
            messages: took.len() as u64,
            millis_50: at(0.5),
            millis_99: at(0.99),
            millis_100: at(1.0),
        })
    }
}
