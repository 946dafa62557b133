//! Enrolment over HTTP: a token and a signing request in, a certificate out.

use base::Chain;
use fleet::enrolment::Enrolment;
use fleet::ports::EnrolError;
use hyper::body::Incoming;
use hyper::{Request, StatusCode};
use model::client::ClientFacts;
use prost::Message;
use wire::{EnrolReply, EnrolRequest};

use super::listen::Peer;
use super::routes::{Answer, binary, whole_body};
use crate::core::Core;
use crate::event::{ClientEnrolled, EnrolmentRefused, TaskFellBehind};
use crate::live::Touched;
use crate::people::sign_in::secret_hash;
use crate::pki::SigningRequest;

struct Refusal {
    status: StatusCode,
    client: Option<base::ClientId>,
    reason: String,
}

/// Answers an enrolment.
pub(super) async fn answer(core: &Core, request: Request<Incoming>, peer: &Peer) -> Answer {
    let Some(body) = whole_body(request, wire::ENROL_BYTES_MAX).await else {
        let reason = format!("the request has more than {} bytes", wire::ENROL_BYTES_MAX);
        return refused(
            peer,
            Refusal { status: StatusCode::PAYLOAD_TOO_LARGE, client: None, reason },
        );
    };
    match enrol(core, &body, peer).await {
        Ok(reply) => binary(StatusCode::OK, reply.encode_to_vec()),
        Err(refusal) => refused(peer, refusal),
    }
}

fn refused(peer: &Peer, refusal: Refusal) -> Answer {
    let Refusal { status, client, reason } = refusal;
    EnrolmentRefused { address: peer.address, client, reason: &reason }.emit();
    let reply = EnrolReply { refused: reason, ..EnrolReply::default() };
    binary(status, reply.encode_to_vec())
}

async fn enrol(core: &Core, body: &[u8], peer: &Peer) -> Result<EnrolReply, Refusal> {
    let bad = |reason: String| Refusal { status: StatusCode::BAD_REQUEST, client: None, reason };
    let said =
        EnrolRequest::decode(body).map_err(|error| bad(format!("not a request: {error}")))?;
    let (token, secret) = said
        .token
        .split_once('.')
        .ok_or_else(|| bad("the enrolment token does not have the form `id.secret`".into()))?;
    let request =
        SigningRequest::read(&said.csr).map_err(|error| bad(Chain(&error).to_string()))?;
    let client = Some(request.identity.client);
    let enrolment = Enrolment {
        token: token.to_owned(),
        secret_hash: secret_hash(secret),
        key_hash: request.identity.key_hash,
        facts: said.facts.as_ref().map(ClientFacts::from).unwrap_or_default(),
        address: Some(peer.address),
    };
    let now = core.clock.now();
    let enrolled =
        core.ports.clients.enrol(&enrolment, now).await.map_err(|error| match error {
            EnrolError::Refused(refusal) => {
                Refusal { status: StatusCode::FORBIDDEN, client, reason: refusal.to_string() }
            }
            EnrolError::Store(error) => ours(&error, client),
        })?;
    let life = core.settings.certificate_life;
    let signed = core.authority.sign(request, life, now, &mut **core.entropy.lock());
    let certificate = signed.map_err(|error| ours(&error, client))?;
    let (address, fresh, id) = (peer.address, enrolled.fresh, enrolled.client.id);
    ClientEnrolled { address, client: id, fresh }.emit();
    core.live.touch(Touched::Client(id));
    Ok(EnrolReply {
        certificate: certificate.to_vec(),
        client: id.to_string(),
        refused: String::new(),
    })
}

fn ours(error: &dyn std::error::Error, client: Option<base::ClientId>) -> Refusal {
    TaskFellBehind { task: "enrolment", error }.emit();
    let reason = "the server cannot enrol anybody now; its log says why".to_owned();
    Refusal { status: StatusCode::SERVICE_UNAVAILABLE, client, reason }
}
