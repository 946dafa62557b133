//! A scripted agent over real TLS: says exactly what a test wants, also what no real agent says.

use std::sync::Arc;
use std::time::Duration;

use base::FlowId;
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper_util::rt::TokioIo;
use prost::Message as _;
use rcgen::{CertificateParams, KeyPair};
use rustls::RootCertStore;
use rustls::crypto::ring;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use server::pki::SERVER_NAME;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use wire::{
    AgentFrame, AgentSays, Attempt, CheckAnswer, EnrolReply, EnrolRequest, Facts, FlowReceipt,
    ForemanPoll, Hello, QueryAnswer, Report, ReportAck, ReportSays, Rows, ServerFrame, ServerSays,
    SourceCount, Status,
};

use crate::world::World;

/// Nothing that a test waits for takes as long as this.
const PATIENCE: Duration = Duration::from_secs(20);

/// A key with, perhaps, a certificate.
pub(crate) struct Identity {
    key: KeyPair,
    certificate: Option<CertificateDer<'static>>,
    pub(crate) client: String,
}

impl Identity {
    pub(crate) fn new() -> Self {
        Self { key: KeyPair::generate().unwrap(), certificate: None, client: String::new() }
    }

    pub(crate) fn csr(&self) -> Vec<u8> {
        CertificateParams::default().serialize_request(&self.key).unwrap().der().to_vec()
    }

    /// Enrols; fails when refused.
    pub(crate) async fn enrolled(world: &World, token: &str) -> Self {
        let mut identity = Self::new();
        let (status, reply) = identity.enrol(world, token).await;
        assert_eq!((status, reply.refused.as_str()), (200, ""));
        identity
    }

    /// Tries to enrol.
    pub(crate) async fn enrol(&mut self, world: &World, token: &str) -> (u16, EnrolReply) {
        let facts = Some(facts());
        let request = EnrolRequest { token: token.to_owned(), csr: self.csr(), facts };
        let body = request.encode_to_vec();
        let (status, body) = Self::new().post(world, wire::ENROL_PATH, body).await;
        let reply = EnrolReply::decode(body).unwrap();
        if !reply.certificate.is_empty() {
            self.certificate = Some(CertificateDer::from(reply.certificate.clone()));
            self.client = reply.client.clone();
        }
        (status, reply)
    }

    async fn tls(&self, world: &World) -> TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(world.authority_pem.as_bytes()).unwrap()).unwrap();
        let builder =
            rustls::ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
                .with_protocol_versions(&[&rustls::version::TLS13])
                .unwrap()
                .with_root_certificates(roots);
        let config = match &self.certificate {
            None => builder.with_no_client_auth(),
            Some(certificate) => {
                let key = PrivateKeyDer::try_from(self.key.serialize_der()).unwrap();
                builder.with_client_auth_cert(vec![certificate.clone()], key).unwrap()
            }
        };
        let stream = TcpStream::connect(world.server.agents).await.unwrap();
        let name = ServerName::try_from(SERVER_NAME).unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
    }

    /// Posts a body to the agents' listener.
    pub(crate) async fn post(&self, world: &World, path: &str, body: Vec<u8>) -> (u16, Bytes) {
        let io = TokioIo::new(self.tls(world).await);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
        tokio::spawn(connection);
        let request = Request::post(path).header("host", SERVER_NAME);
        let request = request.body(Full::new(Bytes::from(body))).unwrap();
        let reply = tokio::time::timeout(PATIENCE, sender.send_request(request)).await;
        let reply = reply.expect("the server answers in time").unwrap();
        let status = reply.status().as_u16();
        (status, reply.into_body().collect().await.unwrap().to_bytes())
    }

    /// Opens the link without a word; the status when the server refuses.
    pub(crate) async fn try_link(&self, world: &World) -> Result<Agent, u16> {
        use tokio_tungstenite::tungstenite::Error;
        let stream = self.tls(world).await;
        let url = format!("wss://{SERVER_NAME}{}", wire::LINK_PATH);
        match tokio_tungstenite::client_async(url, stream).await {
            Ok((socket, _)) => Ok(Agent { socket, next_report: 1, cursor: 0 }),
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    /// Whether the server takes the certificate: it answers anything at all.
    pub(crate) async fn try_handshake(&self, world: &World) -> bool {
        // TLS 1.3 tells the client of a refusal only after its own part of the handshake.
        let io = TokioIo::new(self.tls(world).await);
        match hyper::client::conn::http1::handshake(io).await {
            Ok((mut sender, connection)) => {
                tokio::spawn(connection);
                let request = Request::get("/").body(Full::new(Bytes::new())).unwrap();
                sender.send_request(request).await.is_ok()
            }
            Err(_) => false,
        }
    }

    /// Opens the link and says hello.
    pub(crate) async fn connect(&self, world: &World) -> Agent {
        let mut agent = self.try_link(world).await.unwrap();
        agent.hello(&[]).await;
        agent
    }
}

pub(crate) fn facts() -> Facts {
    Facts {
        hostname: "box-1".into(),
        fqdn: "myhostname-1.example".into(),
        os: "linux".into(),
        platform: "debian 12".into(),
        architecture: "amd64".into(),
        agent_version: "0.1.0".into(),
    }
}

/// An agent on its link.
pub(crate) struct Agent {
    socket: WebSocketStream<TlsStream<TcpStream>>,
    next_report: u64,
    pub(crate) cursor: u64,
}

impl Agent {
    pub(crate) async fn say(&mut self, says: AgentSays) {
        let frame = AgentFrame { says: Some(says) }.encode_to_vec();
        self.raw(Message::Binary(frame.into())).await;
    }

    async fn raw(&mut self, message: Message) {
        self.socket.send(message).await.unwrap();
    }

    /// Whether the message could be sent whole.
    pub(crate) async fn try_raw(&mut self, message: Message) -> bool {
        self.socket.send(message).await.is_ok()
    }

    /// The server's next frame; `None` when it closes the link.
    pub(crate) async fn hear(&mut self) -> Option<ServerSays> {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.socket.next()).await;
            match message.expect("the server says something in time")? {
                Ok(Message::Binary(frame)) => return ServerFrame::decode(frame).unwrap().says,
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// The next frame that `wanted` takes; others are passed over.
    pub(crate) async fn hear_until<T>(&mut self, wanted: impl Fn(ServerSays) -> Option<T>) -> T {
        loop {
            let says = self.hear().await.expect("the server keeps the link");
            if let Some(found) = wanted(says) {
                return found;
            }
        }
    }

    pub(crate) async fn hello(&mut self, live: &[Attempt]) -> wire::Welcome {
        self.hello_with(Hello { live: live.to_vec(), ..Hello::default() }).await
    }

    /// Says hello in its own way.
    pub(crate) async fn hello_with(&mut self, hello: Hello) -> wire::Welcome {
        let (protocol, facts) = (wire::PROTOCOL, Some(facts()));
        let hello = Hello { protocol, facts, cursor: self.cursor, ..hello };
        self.say(AgentSays::Hello(hello)).await;
        match self.hear().await {
            Some(ServerSays::Welcome(welcome)) => welcome,
            other => panic!("not welcomed: {other:?}"),
        }
    }

    pub(crate) async fn poll(&mut self, cursor: u64, recheck: u64) -> ServerSays {
        self.say(AgentSays::Poll(ForemanPoll { cursor, recheck })).await;
        self.hear_until(|says| match says {
            ServerSays::HuntsChanged(_) => None,
            other => Some(other),
        })
        .await
    }

    /// Polls and takes the check that must come.
    pub(crate) async fn check(&mut self) -> wire::Check {
        match self.poll(self.cursor, 0).await {
            ServerSays::Check(check) => check,
            other => panic!("not a check: {other:?}"),
        }
    }

    /// Answers every query of a check with these rows, and keeps the cursor that comes back.
    pub(crate) async fn answer(&mut self, check: &wire::Check, rows: &[&str]) {
        self.answer_as(check, rows, 0).await;
    }

    /// An answer under a recheck mark.
    pub(crate) async fn answer_as(&mut self, check: &wire::Check, rows: &[&str], recheck: u64) {
        let rows: Vec<String> = rows.iter().map(|row| (*row).to_owned()).collect();
        let answers = check.queries.iter().map(|query| QueryAnswer {
            offers: query.offers.clone(),
            rows: rows.clone(),
            ..QueryAnswer::default()
        });
        let answer = CheckAnswer {
            check: check.check,
            snapshot: check.snapshot,
            answers: answers.collect(),
            recheck,
            ..CheckAnswer::default()
        };
        self.say(AgentSays::Answer(answer)).await;
        let ack = self
            .hear_until(|says| match says {
                ServerSays::CursorAck(ack) => Some(ack),
                _ => None,
            })
            .await;
        self.cursor = ack.cursor;
    }

    /// Waits for a flow's request and says that it is on the disk.
    pub(crate) async fn take_request(&mut self) -> wire::FlowRequest {
        let request = self
            .hear_until(|says| match says {
                ServerSays::FlowRequest(request) => Some(request),
                _ => None,
            })
            .await;
        self.say(AgentSays::Receipt(FlowReceipt { attempt: request.attempt.clone() })).await;
        request
    }

    /// Sends a report and waits for its acknowledgement.
    pub(crate) async fn report(&mut self, attempt: &Attempt, says: ReportSays) -> ReportAck {
        let number = self.next_report;
        self.next_report += 1;
        let (attempt, says) = (Some(attempt.clone()), Some(says));
        self.say(AgentSays::Report(Report { number, attempt, says })).await;
        self.hear_until(|says| match says {
            ServerSays::ReportAck(ack) if ack.up_to >= number => Some(ack),
            _ => None,
        })
        .await
    }

    /// Sends a report that must be accepted.
    pub(crate) async fn good_report(&mut self, attempt: &Attempt, says: ReportSays) {
        let ack = self.report(attempt, says).await;
        assert_eq!(ack.rejected, []);
    }

    /// Sends a report that must be rejected; why it was.
    pub(crate) async fn bad_report(&mut self, attempt: &Attempt, says: ReportSays) -> String {
        let ack = self.report(attempt, says).await;
        ack.rejected.first().expect("the report is rejected").reason.clone()
    }
}

/// A batch of rows.
pub(crate) fn rows(seq: u64, rows: &[&str]) -> ReportSays {
    let rows: Vec<String> = rows.iter().map(|row| (*row).to_owned()).collect();
    ReportSays::Rows(wire::pack_rows("Test.Rows", seq, &rows))
}

/// A batch as it is said, true or not.
pub(crate) fn raw_rows(rows: Rows) -> ReportSays {
    ReportSays::Rows(rows)
}

/// The end of an attempt that declares so many rows and batches, and files with so many bytes.
pub(crate) fn finished(rows: u64, batches: u64, (uploads, upload_bytes): (u64, u64)) -> ReportSays {
    let count = SourceCount { source: "Test.Rows".into(), rows, batches };
    let sources = if batches == 0 { vec![] } else { vec![count] };
    ReportSays::Status(Status {
        sources,
        uploads,
        upload_bytes,
        cpu_millis: 3,
        ..Status::default()
    })
}

/// The id of a flow, as the API spells it.
pub(crate) fn flow_id(attempt: &Attempt) -> FlowId {
    wire::flow_from_bytes(&attempt.flow).unwrap()
}
