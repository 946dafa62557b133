//! Enrolment: a token and a signing request go out, a certificate comes back.

use std::time::Duration;

use base::Entropy;
use link::reconnect_after;
use prost::Message;
use tokio_util::sync::CancellationToken;
use wire::{ENROL_BYTES_MAX, ENROL_PATH, EnrolReply, EnrolRequest, Facts};

use crate::event;
use crate::identity::{Identity, IdentityError, Key};
use crate::transport::{HttpLink, Target, TransportError};

/// Why the agent did not enrol.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// The server said no; asking again with the same token will not help.
    #[error("the server refused to enrol this agent: {reason}")]
    Refused {
        /// What it said.
        reason: String,
    },
    /// The server cannot do it now.
    #[error("the server cannot enrol now: {reason}")]
    Later {
        /// What it said.
        reason: String,
    },
    /// The server was not reached.
    #[error("could not enrol with {address}")]
    Transport {
        /// The server.
        address: String,
        /// How it failed.
        #[source]
        source: TransportError,
    },
    /// The answer makes no sense.
    #[error("could not use what the server answered")]
    Identity(#[from] IdentityError),
}

impl EnrolError {
    /// Whether trying again may help.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Refused { .. } | Self::Identity(_))
    }
}

/// Asks one server for a certificate. `target` shows no client certificate.
pub async fn enrol(
    target: &Target,
    token: &str,
    key: &Key,
    facts: &Facts,
) -> Result<Identity, EnrolError> {
    let request = EnrolRequest {
        token: token.to_owned(),
        csr: key.signing_request()?,
        facts: Some(facts.clone()),
    };
    let failed = |source| EnrolError::Transport { address: target.address.clone(), source };
    let mut link = HttpLink::open(target).await.map_err(failed)?;
    let limits = (Duration::ZERO, ENROL_BYTES_MAX);
    let answer = link.post(ENROL_PATH, request.encode_to_vec(), limits).await.map_err(failed)?;
    let reply = EnrolReply::decode(answer.body.as_slice()).unwrap_or_default();
    match answer.status {
        200 if !reply.certificate.is_empty() => Ok(key.with_certificate(reply.certificate)?),
        400..=499 if answer.status != 429 && !reply.refused.is_empty() => {
            Err(EnrolError::Refused { reason: reply.refused })
        }
        status => {
            let said = if reply.refused.is_empty() { "no reason given" } else { &reply.refused };
            Err(EnrolError::Later { reason: format!("HTTP status {status}, {said}") })
        }
    }
}

/// What [`enrol_patiently`] needs.
pub struct EnrolmentWish<'a> {
    /// The servers, tried in turn, without a client certificate; at least one.
    pub targets: &'a [Target],
    /// As given out.
    pub token: &'a str,
    /// The agent's key.
    pub key: &'a Key,
    /// First facts.
    pub facts: &'a Facts,
    /// For jitter.
    pub entropy: &'a mut dyn Entropy,
}

/// Tries until a server gives a certificate, refuses for good, or `stop` asks to end (`None`).
pub async fn enrol_patiently(
    wish: EnrolmentWish<'_>,
    stop: &CancellationToken,
) -> Result<Option<Identity>, EnrolError> {
    let mut failures = 0u32;
    loop {
        let target = &wish.targets[failures as usize % wish.targets.len()];
        let tried = tokio::select! {
            tried = enrol(target, wish.token, wish.key, wish.facts) => tried,
            () = stop.cancelled() => return Ok(None),
        };
        match tried {
            Ok(identity) => {
                event::enrolled(identity.client);
                return Ok(Some(identity));
            }
            Err(error) if error.is_final() => return Err(error),
            Err(error) => {
                let wait = reconnect_after(failures, wish.entropy.next_fraction());
                event::enrolment_waits(&error, wait);
                failures = failures.saturating_add(1);
                tokio::select! {
                    () = tokio::time::sleep(wait) => {}
                    () = stop.cancelled() => return Ok(None),
                }
            }
        }
    }
}
