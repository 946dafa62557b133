//! What can be asked on the agents' listener: enrolment, the link, its HTTP fallback, tools. Everything but
//! enrolment needs the certificate of a client that is known and not revoked.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base::{ClientId, SessionId};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use model::client::Client;
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::listen::Peer;
use super::pace::{Allowance, Pace};
use super::{enrol, poll, socket, tools};
use crate::config::AgentsConfig;
use crate::core::Core;
use crate::event::{AgentRefused, TaskFellBehind};

/// An agent may send so many seconds' worth of messages at once.
const MESSAGES_AT_ONCE_SECS: f64 = 5.0;

/// A whole answer.
pub(crate) type Answer = Response<Full<Bytes>>;

/// Answers agents.
pub(crate) struct AgentRoutes {
    pub(crate) core: Arc<Core>,
    /// Ends all sessions.
    pub(crate) stop: CancellationToken,
    /// Sessions under way.
    pub(crate) sessions: TaskTracker,
    /// How many messages an agent may send.
    pub(crate) messages: Allowance,
    /// A ticket for each large message that may be taken in at once.
    pub(crate) large_messages: Arc<Semaphore>,
    /// What clients that come over plain HTTP have left of `messages`.
    paces: Mutex<HashMap<ClientId, Pace>>,
}

/// Clients over plain HTTP whose pace is remembered before those that are rested are forgotten.
const PACES_MAX: usize = 4_096;

impl AgentRoutes {
    pub(crate) fn new(core: Arc<Core>, config: &AgentsConfig, stop: CancellationToken) -> Self {
        let per_second = f64::from(config.messages_per_second_max);
        Self {
            core,
            stop,
            sessions: TaskTracker::new(),
            messages: Allowance { per_second, at_once: per_second * MESSAGES_AT_ONCE_SECS },
            large_messages: Arc::new(Semaphore::new(config.large_messages_max)),
            paces: Mutex::default(),
        }
    }

    /// Counts messages of a client that comes over plain HTTP; how long to let it wait.
    pub(crate) fn pace(&self, client: ClientId, messages: usize) -> Duration {
        let now = Instant::now();
        let mut paces = self.paces.lock();
        if paces.len() >= PACES_MAX {
            paces.retain(|_, pace| !pace.is_full(self.messages, now));
        }
        let pace = paces.entry(client).or_insert_with(|| Pace::new(self.messages, now));
        pace.take(messages as f64, self.messages, now)
    }

    /// Answers one request.
    pub(crate) async fn answer(self: Arc<Self>, request: Request<Incoming>, peer: Peer) -> Answer {
        let path = request.uri().path();
        let wanted = match path {
            wire::ENROL_PATH | wire::POLL_PATH => Method::POST,
            wire::LINK_PATH => Method::GET,
            path if path.starts_with(wire::TOOL_PATH) => Method::POST,
            _ => return plain(StatusCode::NOT_FOUND, "nothing is here"),
        };
        if request.method() != wanted {
            return plain(StatusCode::METHOD_NOT_ALLOWED, "not with this method");
        }
        if path == wire::ENROL_PATH {
            return enrol::answer(&self.core, request, &peer).await;
        }
        let client = match self.known_client(&peer).await {
            Ok(client) => client,
            Err(answer) => return *answer,
        };
        match request.uri().path() {
            wire::LINK_PATH => socket::answer(self, request, peer, client).await,
            path if path.starts_with(wire::TOOL_PATH) => {
                tools::answer(&self.core, &path[wire::TOOL_PATH.len()..]).await
            }
            _ => poll::answer(&self, request, &peer, client).await,
        }
    }

    /// The client that the peer's certificate stands for, if it may speak.
    async fn known_client(&self, peer: &Peer) -> Result<Client, Box<Answer>> {
        let refused = |client: Option<ClientId>, status: StatusCode, reason: &'static str| {
            AgentRefused { address: peer.address, client, reason }.emit();
            Err(Box::new(plain(status, reason)))
        };
        let Some(identity) = peer.identity else {
            let reason = "no client certificate was shown; enrol first";
            return refused(None, StatusCode::UNAUTHORIZED, reason);
        };
        let id = Some(identity.client);
        let record = match self.core.ports.clients.get(identity.client).await {
            Ok(record) => record,
            Err(error) => {
                TaskFellBehind { task: "agent_sign_in", error: &error }.emit();
                self.core.note_trouble(&error);
                let reason = "the server cannot read its records now";
                return Err(Box::new(plain(StatusCode::SERVICE_UNAVAILABLE, reason)));
            }
        };
        match record {
            None => refused(id, StatusCode::FORBIDDEN, "this client is not known; enrol it anew"),
            Some(client) if client.key_hash != identity.key_hash => {
                refused(id, StatusCode::FORBIDDEN, "another key has this client's id")
            }
            Some(client) if client.revoked_at.is_some() => {
                refused(id, StatusCode::FORBIDDEN, "the certificate of this client was revoked")
            }
            Some(client) => Ok(client),
        }
    }

    /// A name for a new session.
    pub(crate) fn new_session(&self) -> SessionId {
        SessionId::mint(self.core.clock.now(), &mut **self.core.entropy.lock())
    }
}

/// A short text.
pub(crate) fn plain(status: StatusCode, text: &'static str) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    answer
}

/// Some bytes.
pub(crate) fn binary(status: StatusCode, bytes: Vec<u8>) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(bytes)));
    *answer.status_mut() = status;
    let kind = HeaderValue::from_static("application/octet-stream");
    answer.headers_mut().insert(CONTENT_TYPE, kind);
    answer
}

/// A whole body of at most `bytes_max` bytes; `None` when it is longer or breaks off.
pub(crate) async fn whole_body(request: Request<Incoming>, bytes_max: usize) -> Option<Bytes> {
    let body = Limited::new(request.into_body(), bytes_max);
    let time = Duration::from_secs(60);
    let collected = tokio::time::timeout(time, body.collect()).await.ok()?;
    Some(collected.ok()?.to_bytes())
}
