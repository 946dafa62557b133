//! Channels of gRPC, and what its errors mean.

use std::time::Duration;

use loghunt::engine::EngineError;
use model::log::FailureClass;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Code, Status};

use crate::site::{CONNECT, Site, causes};

/// The largest message that is taken.
pub(crate) const MESSAGE_MAX: usize = 128 << 20;

/// A channel to a server, which connects when it is first used.
pub(crate) fn channel(
    site: &Site,
    secure: bool,
    default_port: u16,
) -> Result<Channel, EngineError> {
    let bad = |error: &dyn std::error::Error| EngineError::permanent(site.says(causes(error)));
    let scheme = if secure { "https" } else { "http" };
    let host = site.url.host_str().unwrap_or("localhost");
    let port = site.url.port().unwrap_or(default_port);
    let mut endpoint = Endpoint::from_shared(format!("{scheme}://{host}:{port}"))
        .map_err(|error| bad(&error))?
        .connect_timeout(CONNECT)
        .http2_keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(20));
    if secure {
        let mut tls = ClientTlsConfig::new();
        tls = match &site.ca_pem {
            Some(pem) => tls.ca_certificate(Certificate::from_pem(pem)),
            None => tls.with_webpki_roots(),
        };
        endpoint = endpoint.tls_config(tls).map_err(|error| bad(&error))?;
    }
    Ok(endpoint.connect_lazy())
}

/// What follows from a status. Servers report most of their own errors as internal ones.
pub(crate) fn refused(site: &Site, status: &Status) -> EngineError {
    let mut text = status.message().to_owned();
    if let Some(source) = std::error::Error::source(status) {
        text = format!("{text}: {}", causes(source));
    }
    let text: String = text.chars().take(1_000).collect();
    let message = site.says(format!("{text} ({:?})", status.code()));
    let lower = text.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    match status.code() {
        Code::Unauthenticated | Code::PermissionDenied => {
            EngineError::permanent(format!("{message}; mend `user` and `secret` of the engine"))
        }
        Code::ResourceExhausted if has(&["quota", "rate", "too many requests"]) => EngineError {
            class: FailureClass::Throttled { wait: Duration::from_secs(30) },
            message,
        },
        Code::ResourceExhausted => EngineError::too_large(message),
        Code::Unavailable | Code::Cancelled | Code::Aborted | Code::DeadlineExceeded => {
            EngineError::transient(message)
        }
        _ if has(&["outofmemory", "out of memory", "resources exhausted", "oom"]) => {
            EngineError::too_large(message)
        }
        _ if has(&[
            "transport error",
            "connection reset",
            "connection closed",
            "canceled",
            "cancelled",
            "interrupted",
            "session_closed",
            "session_changed",
            "invalid_handle",
            "executor lost",
            "job aborted due to stage failure",
        ]) =>
        {
            EngineError::transient(message)
        }
        _ => EngineError::permanent(message),
    }
}
