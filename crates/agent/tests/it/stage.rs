//! A server small enough to see through: real TLS, real WebSocket or HTTP, the server's half of
//! `link`, and a record of everything that was heard.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use agent::collector::{Evidence, Order, Question};
use agent::{
    AgentParts, Collector, Farewell, Identity, Key, Labels, Settings, Target, client_config,
};
use base::{Clock, Entropy, FixedClock, FlowId, Timestamp};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use link::{Bookmarks, Heard, MemBookmarks, MemOutbox, Outbox, ServerSession};
use model::results::{AttemptId, LogLine};
use prost::Message;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::server::WebPkiClientVerifier;
use rustls_pki_types::{CertificateDer, CertificateSigningRequestDer, PrivateKeyDer};
use tokio::sync::{Notify, mpsc};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{Message as Frame, protocol::CloseFrame};
use tokio_util::sync::CancellationToken;
use wire::*;

/// A file as it arrived: path, bytes, hash once complete, declared size.
pub(crate) type HeardFile = (String, Vec<u8>, Option<[u8; 32]>, u64);

/// What was heard of one attempt.
#[derive(Debug, Default, Clone)]
pub(crate) struct HeardFlow {
    pub(crate) rows: Vec<(String, u64, String)>,
    pub(crate) log: Vec<LogLine>,
    pub(crate) files: BTreeMap<u64, HeardFile>,
    pub(crate) end: Option<AttemptEnd>,
    /// Of a run: number, whether it is a log, rows.
    pub(crate) events: Vec<(u64, bool, Vec<String>)>,
}

impl HeardFlow {
    /// Rows, or lines of the log, of a run in order.
    pub(crate) fn events(&self, log: bool) -> Vec<&str> {
        let batches = self.events.iter().filter(|(_, is_log, _)| *is_log == log);
        batches.flat_map(|(_, _, rows)| rows.iter().map(String::as_str)).collect()
    }
}

#[derive(Default)]
pub(crate) struct Record {
    pub(crate) hellos: Vec<AgentHello>,
    pub(crate) answers: Vec<OfferAnswer>,
    pub(crate) receipts: Vec<AttemptId>,
    pub(crate) flows: BTreeMap<AttemptId, HeardFlow>,
    pub(crate) bodies: u32,
    pub(crate) sockets: u32,
}

/// What the server does and says.
#[derive(Default)]
pub(crate) struct Script {
    pub(crate) newest_offer: u64,
    pub(crate) labels: Vec<String>,
    pub(crate) queries: Vec<ClientQuery>,
    pub(crate) requests: Vec<FlowRequest>,
    pub(crate) refuse_upgrade: bool,
    pub(crate) refuse_token: bool,
    /// What is to be monitored.
    pub(crate) monitoring: Option<Monitoring>,
    /// Reports are heard but not acknowledged.
    pub(crate) hold_acks: bool,
}

pub(crate) struct Stage {
    pub(crate) record: Mutex<Record>,
    pub(crate) script: Mutex<Script>,
    changed: Notify,
    /// To every open WebSocket.
    push: Mutex<Vec<mpsc::UnboundedSender<ServerSays>>>,
    pub(crate) address: String,
    pub(crate) ca_pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Stage {
    pub(crate) async fn new(script: Script) -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = params.self_signed(&key).unwrap();
        let issuer = Issuer::new(params, key);
        let acceptor = acceptor(&ca, &issuer);
        let stage = Arc::new(Self {
            record: Mutex::default(),
            script: Mutex::new(script),
            changed: Notify::new(),
            push: Mutex::default(),
            address,
            ca_pem: ca.pem(),
            issuer,
        });
        let shared = Arc::clone(&stage);
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let (shared, acceptor) = (Arc::clone(&shared), acceptor.clone());
                tokio::spawn(async move {
                    let Ok(tls) = acceptor.accept(tcp).await else { return };
                    let known = tls.get_ref().1.peer_certificates().is_some();
                    let service = hyper::service::service_fn(move |request| {
                        Arc::clone(&shared).serve(request, known)
                    });
                    let connection = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(tls), service);
                    let _ = connection.with_upgrades().await;
                });
            }
        });
        stage
    }

    /// Waits for a state of the record.
    pub(crate) async fn until<T>(&self, what: &str, find: impl Fn(&Record) -> Option<T>) -> T {
        let search = async {
            loop {
                let changed = self.changed.notified();
                if let Some(found) = find(&self.record.lock().unwrap()) {
                    return found;
                }
                changed.await;
            }
        };
        match tokio::time::timeout(Duration::from_secs(60), search).await {
            Ok(found) => found,
            Err(_) => panic!("never saw: {what}"),
        }
    }

    /// The end of an attempt with all that was heard of it.
    pub(crate) async fn ended(&self, attempt: AttemptId) -> HeardFlow {
        self.until("the end of the flow", |record| {
            record.flows.get(&attempt).filter(|flow| flow.end.is_some()).cloned()
        })
        .await
    }

    pub(crate) fn say(&self, says: ServerSays) {
        self.push.lock().unwrap().retain(|sender| sender.send(says.clone()).is_ok());
    }

    async fn serve(
        self: Arc<Self>,
        request: Request<hyper::body::Incoming>,
        known: bool,
    ) -> Result<Response<Full<Bytes>>, hyper::Error> {
        let answer = |status, body: Vec<u8>| {
            let mut response = Response::new(Full::new(Bytes::from(body)));
            *response.status_mut() = status;
            Ok(response)
        };
        match (request.uri().path().to_owned().as_str(), known) {
            (ENROL_PATH, _) => {
                let body = request.into_body().collect().await?.to_bytes();
                let (status, reply) = self.enrol(&body);
                answer(status, reply.encode_to_vec())
            }
            (LINK_PATH, true) if !self.script.lock().unwrap().refuse_upgrade => {
                Ok(self.upgrade(request))
            }
            (POLL_PATH, true) => {
                let body = request.into_body().collect().await?.to_bytes();
                answer(StatusCode::OK, self.answer_body(&body))
            }
            _ => answer(StatusCode::FORBIDDEN, b"not here".to_vec()),
        }
    }

    fn enrol(&self, body: &[u8]) -> (StatusCode, EnrolReply) {
        let request = EnrolRequest::decode(body).unwrap();
        if self.script.lock().unwrap().refuse_token || request.token != "id.secret" {
            let refused = "the token is used up".to_owned();
            return (StatusCode::FORBIDDEN, EnrolReply { refused, ..EnrolReply::default() });
        }
        let csr = CertificateSigningRequestDer::from(request.csr);
        let csr = rcgen::CertificateSigningRequestParams::from_der(&csr).unwrap();
        let certificate = csr.signed_by(&self.issuer).unwrap().der().to_vec();
        (StatusCode::OK, EnrolReply { certificate, ..EnrolReply::default() })
    }

    fn answer_body(&self, body: &[u8]) -> Vec<u8> {
        let mut session = ServerSession::new();
        let mut sequence = Vec::new();
        for frame in split_frames(body).unwrap() {
            for says in self.hear(&mut session, frame) {
                append_frame(&mut sequence, &ServerFrame { says: Some(says) });
            }
        }
        self.record.lock().unwrap().bodies += 1;
        self.changed.notify_waiters();
        sequence
    }

    fn upgrade(
        self: Arc<Self>,
        mut request: Request<hyper::body::Incoming>,
    ) -> Response<Full<Bytes>> {
        let key = request.headers()["sec-websocket-key"].as_bytes().to_vec();
        self.record.lock().unwrap().sockets += 1;
        tokio::spawn(async move {
            let upgraded = hyper::upgrade::on(&mut request).await.unwrap();
            let io = TokioIo::new(upgraded);
            let mut socket =
                tokio_tungstenite::WebSocketStream::from_raw_socket(io, Role::Server, None).await;
            let (sender, mut pushed) = mpsc::unbounded_channel();
            self.push.lock().unwrap().push(sender);
            let mut session = ServerSession::new();
            loop {
                let says = tokio::select! {
                    frame = socket.next() => match frame {
                        Some(Ok(Frame::Binary(frame))) => self.hear(&mut session, &frame),
                        Some(Ok(_)) => continue,
                        Some(Err(_)) | None => return,
                    },
                    Some(says) = pushed.recv() => vec![says],
                };
                for says in says {
                    let last = matches!(says, ServerSays::Bye(_));
                    let frame = ServerFrame { says: Some(says) }.encode_to_vec();
                    let _ = socket.send(Frame::Binary(frame.into())).await;
                    if last {
                        let _ = socket.close(None::<CloseFrame>).await;
                        return;
                    }
                }
            }
        });
        let mut response = Response::new(Full::default());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert("connection", "upgrade".parse().unwrap());
        headers.insert("upgrade", "websocket".parse().unwrap());
        headers.insert("sec-websocket-accept", derive_accept_key(&key).parse().unwrap());
        response
    }

    fn hear(&self, session: &mut ServerSession, frame: &[u8]) -> Vec<ServerSays> {
        let script = self.script.lock().unwrap();
        let mut record = self.record.lock().unwrap();
        let mut says = Vec::new();
        match session.hear(frame) {
            Err(bye) => says.push(ServerSays::Bye(bye)),
            Ok(Heard::Hello(hello)) => {
                let monitors = hello.monitoring;
                record.hellos.push(hello);
                says.push(ServerSays::Welcome(Welcome {
                    protocol: PROTOCOL,
                    newest_offer: script.newest_offer,
                    labels: script.labels.clone(),
                    recheck: 0,
                    poll_secs: 600,
                }));
                says.extend(script.requests.iter().cloned().map(ServerSays::FlowRequest));
                let wanted = script.monitoring.clone().filter(|w| Some(w.id) != monitors);
                says.extend(wanted.map(ServerSays::Monitoring));
            }
            Ok(Heard::Poll { cursor, .. }) if cursor < script.newest_offer => {
                let (snapshot, queries) = (script.newest_offer, script.queries.clone());
                says.push(ServerSays::Check(Check { check: 7, snapshot, queries }));
            }
            Ok(Heard::Poll { cursor, recheck }) => {
                says.push(ServerSays::CursorAck(CursorAck { cursor, recheck }));
            }
            Ok(Heard::Answer(answer)) => {
                let (cursor, recheck) = (answer.snapshot, answer.recheck);
                record.answers.extend(answer.answers);
                says.push(ServerSays::CursorAck(CursorAck { cursor, recheck }));
            }
            Ok(Heard::Receipt(attempt)) => record.receipts.push(attempt),
            Ok(Heard::Report { number, attempt, said }) => {
                take(record.flows.entry(attempt).or_default(), said);
                if !script.hold_acks {
                    session.settle(number, Ok(()));
                }
            }
            Ok(Heard::BadReport { why, .. }) => panic!("the agent's report is bad: {why}"),
            Ok(Heard::Nothing) => {}
        }
        says.extend(session.take_ack().map(ServerSays::ReportAck));
        self.changed.notify_waiters();
        says
    }

    pub(crate) fn target(&self, identity: Option<&Identity>) -> Target {
        Target {
            address: self.address.clone(),
            name: "lycaon-server".try_into().unwrap(),
            tls: client_config(&self.ca_pem, identity).unwrap(),
            from: None,
        }
    }

    pub(crate) async fn identity(&self) -> Identity {
        let key = Key::generate().unwrap();
        agent::enrol(&self.target(None), "id.secret", &key, &Facts::default()).await.unwrap()
    }
}

fn take(flow: &mut HeardFlow, said: Reported) {
    match said {
        Reported::Rows(batch) => {
            let seen = flow.rows.iter().any(|(s, seq, _)| (s, *seq) == (&batch.source, batch.seq));
            if !seen {
                let (source, seq) = (batch.source, batch.seq);
                flow.rows.extend(batch.rows.into_iter().map(|row| (source.clone(), seq, row)));
            }
        }
        Reported::Log(_, lines) => flow.log.extend(lines),
        Reported::Upload(part) => {
            let file = flow.files.entry(part.number).or_default();
            if file.1.len() as u64 == part.offset {
                file.1.extend(part.data);
            }
            (file.0, file.2, file.3) = (part.path, part.sha256, part.declared_size);
        }
        Reported::Events(batch) => {
            let is_log = batch.kind == model::monitoring::EventKind::Log;
            let of_kind = flow.events.iter().filter(|(_, log, _)| *log == is_log);
            let next = of_kind.count() as u64;
            assert!(batch.seq <= next, "batch {} came before {next}", batch.seq);
            if batch.seq == next {
                let rows = batch.events.into_iter().map(|event| event.json).collect();
                flow.events.push((batch.seq, is_log, rows));
            }
        }
        Reported::Ended(end) => flow.end = Some(end),
    }
}

fn acceptor(
    ca: &rcgen::Certificate,
    issuer: &Issuer<'static, KeyPair>,
) -> tokio_rustls::TlsAcceptor {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["lycaon-server".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, issuer).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from(ca.der().to_vec())).unwrap();
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .allow_unauthenticated()
            .build()
            .unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        )
        .unwrap();
    tokio_rustls::TlsAcceptor::from(Arc::new(config))
}

/// No waiting between tries: small numbers, each another one.
pub(crate) struct NoChance;

static GIVEN: AtomicU64 = AtomicU64::new(0);

impl Entropy for NoChance {
    fn next_u64(&mut self) -> u64 {
        GIVEN.fetch_add(1, Ordering::Relaxed)
    }
}

type Collect = dyn Fn(Order, Arc<dyn Evidence>) -> Result<(), String> + Send + Sync;
type Ask = dyn Fn(Question) -> Result<Vec<String>, String> + Send + Sync;

/// A collector that does what a test says.
pub(crate) struct Scripted {
    pub(crate) collect: Box<Collect>,
    pub(crate) ask: Box<Ask>,
}

impl Default for Scripted {
    fn default() -> Self {
        Self {
            collect: Box::new(|_, _| Ok(())),
            ask: Box::new(|_| Ok(vec!["{\"OS\":\"linux\"}".to_owned()])),
        }
    }
}

impl Scripted {
    pub(crate) fn collecting(
        collect: impl Fn(Order, Arc<dyn Evidence>) -> Result<(), String> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self { collect: Box::new(collect), ..Self::default() })
    }
}

impl Collector for Scripted {
    fn collect(&self, order: Order, evidence: Arc<dyn Evidence>) -> Result<(), String> {
        (self.collect)(order, evidence)
    }

    fn ask(&self, question: Question) -> Result<Vec<String>, String> {
        (self.ask)(question)
    }
}

/// What an agent keeps over its death.
#[derive(Clone)]
pub(crate) struct Memory {
    pub(crate) outbox: Arc<MemOutbox>,
    pub(crate) bookmarks: Arc<MemBookmarks>,
}

impl Memory {
    pub(crate) fn new() -> Self {
        Self::of_size(64 << 20)
    }

    pub(crate) fn of_size(bytes_max: u64) -> Self {
        Self { outbox: Arc::new(MemOutbox::new(bytes_max)), bookmarks: Arc::default() }
    }
}

/// An agent under test. Killed when it is dropped.
pub(crate) struct Actor {
    pub(crate) stop: CancellationToken,
    task: tokio::task::JoinHandle<Farewell>,
}

impl Drop for Actor {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Actor {
    pub(crate) fn start(
        stage: &Stage,
        identity: &Identity,
        memory: &Memory,
        collector: Arc<dyn Collector>,
        settings: Settings,
    ) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(FixedClock::at(Timestamp::from_secs(1_700_000_000)));
        let parts = AgentParts {
            targets: vec![stage.target(Some(identity))],
            facts: Facts { hostname: "web-1".into(), ..Facts::default() },
            outbox: Arc::clone(&memory.outbox) as Arc<dyn Outbox>,
            bookmarks: Arc::clone(&memory.bookmarks) as Arc<dyn Bookmarks>,
            collector,
            clock,
            entropy: Box::new(NoChance),
            labels: Labels::new(["own".to_owned()]),
            tools: None,
            settings,
        };
        let stop = CancellationToken::new();
        let stopping = stop.clone();
        let task = tokio::spawn(async move { agent::run(parts, stopping).await.unwrap() });
        Self { stop, task }
    }

    pub(crate) async fn farewell(mut self) -> Farewell {
        let ended = tokio::time::timeout(Duration::from_secs(30), &mut self.task).await;
        ended.expect("the agent ends").unwrap()
    }
}

pub(crate) fn attempt(flow: u128, attempt: u32) -> AttemptId {
    AttemptId { flow: FlowId::from_bits(flow), attempt }
}

pub(crate) fn request(id: AttemptId, limits: Limits) -> FlowRequest {
    let source = Source { name: "A".into(), vql: "SELECT 1".into(), ..Source::default() };
    let collection =
        Collection { artifact: "A".into(), sources: vec![source], ..Collection::default() };
    FlowRequest { attempt: Some(id.into()), collections: vec![collection], limits: Some(limits) }
}

pub(crate) fn question(vql: &str, hunt: u8) -> ClientQuery {
    let offers = vec![Offer { hunt: vec![hunt; 16], round: 1, revision: 1 }];
    ClientQuery { vql: vql.into(), offers, timeout_millis: 5_000, rows_max: 10, bytes_max: 10_000 }
}
