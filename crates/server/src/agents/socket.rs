//! The link as a WebSocket: one frame is one binary message, both ways.
//!
//! Buffers are small because most agents are idle most of the time.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base::ClientId;
use bytes::Bytes;
use fleet::ports::Sighting;
use futures_util::{FutureExt, SinkExt, StreamExt};
use http_body_util::Full;
use hunts::foreman::Foreman;
use hyper::body::Incoming;
use hyper::header::{
    CONNECTION, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use model::client::Client;
use prost::Message as _;
use tokio::sync::watch;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error as SocketError, Message};
use wire::{Bye, FRAME_BYTES_MAX, ServerFrame, ServerSays};

use super::dialogue::{Dialogue, Outgoing};
use super::hall::{Ears, Tell};
use super::intake::Metered;
use super::listen::Peer;
use super::pace::Pace;
use super::routes::{AgentRoutes, Answer, plain};
use crate::event::{FrameRefused, TaskFellBehind};
use crate::live::Touched;

type Socket = WebSocketStream<Metered<TokioIo<Upgraded>>>;

/// How long an agent may take to read a frame.
const SEND_TIMEOUT: Duration = Duration::from_secs(60);
/// Frames that came together are taken together, up to so many.
const BURST_FRAMES_MAX: usize = 64;
/// And until they have so many bytes.
const BURST_BYTES_MAX: usize = 256 << 10;
/// Words that are sent together wait in so many bytes; none is allocated before.
const WRITE_TOGETHER_BYTES: usize = 8 << 10;
/// How long a connection may last without its first frame.
const FIRST_FRAME_TIMEOUT: Duration = Duration::from_secs(30);

fn small() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(1_024)
        .write_buffer_size(WRITE_TOGETHER_BYTES)
        .max_write_buffer_size(FRAME_BYTES_MAX + 64 * 1_024)
        .max_message_size(Some(FRAME_BYTES_MAX))
        .max_frame_size(Some(FRAME_BYTES_MAX))
}

/// Turns the connection into a WebSocket and starts its session.
pub(super) async fn answer(
    routes: Arc<AgentRoutes>,
    mut request: Request<Incoming>,
    peer: Peer,
    client: Client,
) -> Answer {
    let Some(accept) = accept_key(request.headers()) else {
        return plain(StatusCode::UPGRADE_REQUIRED, "this path speaks WebSocket only");
    };
    let upgrade = hyper::upgrade::on(&mut request);
    let session = run(Arc::clone(&routes), upgrade, peer, client.id);
    routes.sessions.spawn(session);
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = answer.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    answer
}

fn accept_key(headers: &HeaderMap) -> Option<HeaderValue> {
    let has = |name: HeaderName, wanted: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
        value.split(',').any(|part| part.trim().eq_ignore_ascii_case(wanted))
    };
    let good =
        has(CONNECTION, "upgrade") && has(UPGRADE, "websocket") && has(SEC_WEBSOCKET_VERSION, "13");
    let key = headers.get(SEC_WEBSOCKET_KEY).filter(|_| good)?;
    HeaderValue::from_str(&derive_accept_key(key.as_bytes())).ok()
}

async fn run(routes: Arc<AgentRoutes>, upgrade: OnUpgrade, peer: Peer, client: ClientId) {
    // An error means that the connection broke before it was upgraded.
    let Ok(upgraded) = upgrade.await else { return };
    let metered = Metered::new(TokioIo::new(upgraded), Arc::clone(&routes.large_messages));
    let socket = WebSocketStream::from_raw_socket(metered, Role::Server, Some(small())).await;
    let core = Arc::clone(&routes.core);
    let now = core.clock.now();
    let session = routes.new_session();
    let ears = core.hall.arrived(client, session, now);
    note_sighting(&routes, client, Some(peer.address)).await;
    core.live.touch(Touched::Client(client));
    let allowance = routes.messages;
    let mut conversation = Conversation {
        dialogue: Dialogue::new(Arc::clone(&core), client),
        routes,
        client,
        ears,
        socket,
        pace: Pace::new(allowance, Instant::now()),
    };
    conversation.run().await;
    let Conversation { client, ears, routes, .. } = conversation;
    if core.hall.left(client, ears.session) {
        note_sighting(&routes, client, None).await;
        core.live.touch(Touched::Client(client));
    }
    drop(peer);
}

/// Keeps where and when a client was heard of. A failure is told and holds nobody up.
pub(super) async fn note_sighting(
    routes: &AgentRoutes,
    client: ClientId,
    address: Option<std::net::IpAddr>,
) {
    let core = &routes.core;
    let sighting = Sighting { at: core.clock.now(), address, facts: None };
    if let Err(error) = core.ports.clients.seen(client, &sighting).await {
        TaskFellBehind { task: "sighting", error: &error }.emit();
    }
}

struct Conversation {
    routes: Arc<AgentRoutes>,
    client: ClientId,
    dialogue: Dialogue,
    ears: Ears,
    socket: Socket,
    pace: Pace,
}

/// Why a session ends.
enum End {
    /// The agent is gone, or must go without a word.
    Silent,
    /// With a last word.
    Bye(Bye),
}

type Flow = ControlFlow<End>;

/// Foremen, one after the other.
type Foremen = watch::Receiver<Arc<Foreman>>;

impl Conversation {
    async fn run(&mut self) {
        let end = match tokio::time::timeout(FIRST_FRAME_TIMEOUT, self.one_frame()).await {
            Ok(ControlFlow::Continue(())) => self.talk().await,
            Ok(ControlFlow::Break(end)) => end,
            Err(_) => End::Bye(bye("no first frame came in time")),
        };
        if let End::Bye(bye) = end {
            let _ = self.send(vec![ServerSays::Bye(bye)]).await;
        }
        let close = self.socket.close(None);
        let _ = tokio::time::timeout(Duration::from_secs(5), close).await;
    }

    /// Waits for the agent's next frame only.
    async fn one_frame(&mut self) -> Flow {
        tokio::select! {
            message = self.socket.next() => self.hear(message).await,
            () = self.ears.closed.cancelled() => Flow::Break(End::Silent),
            () = self.routes.stop.cancelled() => Flow::Break(End::Bye(stopping())),
        }
    }

    async fn talk(&mut self) -> End {
        let mut foreman = self.routes.core.hall.watch_foreman();
        // An offer that came between the greeting and the line above would wake nobody.
        if let ControlFlow::Break(end) = self.news().await {
            return end;
        }
        loop {
            let next = if self.routes.core.hall.notice.is_under_way() {
                Box::pin(self.while_others_are_told(&mut foreman)).await
            } else {
                tokio::select! {
                    message = self.socket.next() => self.hear(message).await,
                    Some(told) = self.ears.told.recv() => self.tell(told).await,
                    Ok(()) = foreman.changed() => self.news().await,
                    () = self.ears.closed.cancelled() => Flow::Break(End::Silent),
                    () = self.routes.stop.cancelled() => Flow::Break(End::Bye(stopping())),
                }
            };
            if let ControlFlow::Break(end) = next {
                return end;
            }
        }
    }

    /// Does everything but hear the agent.
    async fn while_others_are_told(&mut self, foreman: &mut Foremen) -> Flow {
        let core = Arc::clone(&self.routes.core);
        tokio::select! {
            Some(told) = self.ears.told.recv() => self.tell(told).await,
            Ok(()) = foreman.changed() => self.news().await,
            () = core.hall.notice.over() => Flow::Continue(()),
            () = self.ears.closed.cancelled() => Flow::Break(End::Silent),
            () = self.routes.stop.cancelled() => Flow::Break(End::Bye(stopping())),
        }
    }

    async fn tell(&mut self, what: Box<Tell>) -> Flow {
        let mut out = Outgoing::new();
        let told = Box::pin(self.dialogue.tell(*what, &mut out)).await;
        self.send_then(out, told).await
    }

    async fn news(&mut self) -> Flow {
        let mut out = Outgoing::new();
        let told = Box::pin(self.dialogue.news(&mut out)).await;
        self.send_then(out, told).await
    }

    async fn hear(&mut self, message: Option<Result<Message, SocketError>>) -> Flow {
        let mut frames = Vec::new();
        let mut bytes = 0;
        let mut end = self.sort(message, &mut frames);
        // What is here already is taken together: one step of the records, one answer.
        while end.is_continue() && !frames.is_empty() && frames.len() < BURST_FRAMES_MAX {
            bytes += frames.last().map_or(0, Bytes::len);
            if bytes > BURST_BYTES_MAX {
                break;
            }
            let Some(message) = self.socket.next().now_or_never() else { break };
            end = self.sort(message, &mut frames);
        }
        self.heard();
        if frames.is_empty() {
            return end;
        }
        let mut out = Outgoing::new();
        // Boxed: what a frame may need is not kept by the task of an agent that is idle.
        let heard = Box::pin(self.dialogue.hear(&frames, &mut out)).await;
        self.socket.get_mut().dealt_with();
        self.send_then(out, heard).await?;
        let pause = self.pace.take(frames.len() as f64, self.routes.messages, Instant::now());
        if !pause.is_zero() && end.is_continue() {
            drop(frames);
            return Box::pin(self.rest(pause)).await;
        }
        end
    }

    /// An agent that says more than it may is not heard for a while.
    async fn rest(&mut self, pause: Duration) -> Flow {
        tokio::select! {
            () = tokio::time::sleep(pause) => Flow::Continue(()),
            () = self.ears.closed.cancelled() => Flow::Break(End::Silent),
            () = self.routes.stop.cancelled() => Flow::Break(End::Bye(stopping())),
        }
    }

    /// Puts a message's frame beside the others, or says how the session ends.
    fn sort(&self, message: Option<Result<Message, SocketError>>, frames: &mut Vec<Bytes>) -> Flow {
        match message {
            Some(Ok(Message::Binary(frame))) => {
                frames.push(frame);
                Flow::Continue(())
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Flow::Continue(()),
            Some(Ok(Message::Text(_))) => {
                let reason = "a text message; frames are binary messages";
                FrameRefused { client: self.client, kind: "frame", reason }.emit();
                Flow::Break(End::Bye(bye(reason)))
            }
            Some(Err(SocketError::Capacity(error))) => {
                let reason = format!("a message is too large: {error}");
                FrameRefused { client: self.client, kind: "frame", reason: &reason }.emit();
                Flow::Break(End::Bye(bye(reason)))
            }
            Some(Err(error @ SocketError::Protocol(_))) => {
                // Most agents that vanish look like this; it is worth a line, not an alarm.
                tracing::debug!(client = %self.client, %error, "the link broke");
                Flow::Break(End::Silent)
            }
            Some(Ok(Message::Close(_) | Message::Frame(_)) | Err(_)) | None => {
                Flow::Break(End::Silent)
            }
        }
    }

    fn heard(&self) {
        self.ears.heard_at(self.routes.core.clock.now());
    }

    async fn send_then(&mut self, out: Outgoing, then: Result<(), Bye>) -> Flow {
        self.send(out).await?;
        match then {
            Ok(()) => Flow::Continue(()),
            Err(bye) => Flow::Break(End::Bye(bye)),
        }
    }

    /// Sends words in one piece, as far as they fit the socket's buffer.
    async fn send(&mut self, out: Outgoing) -> Flow {
        if out.is_empty() {
            return Flow::Continue(());
        }
        let work = async {
            for says in out {
                let frame = ServerFrame { says: Some(says) }.encode_to_vec();
                self.socket.feed(Message::Binary(frame.into())).await?;
            }
            self.socket.flush().await
        };
        match tokio::time::timeout(SEND_TIMEOUT, work).await {
            Ok(Ok(())) => Flow::Continue(()),
            Ok(Err(_)) | Err(_) => Flow::Break(End::Silent),
        }
    }
}

fn bye(reason: impl Into<String>) -> Bye {
    Bye { reason: reason.into(), for_ever: false, retry_secs: 0 }
}

fn stopping() -> Bye {
    bye("the server is stopping")
}
