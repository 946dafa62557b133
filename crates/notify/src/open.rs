//! From a channel's definition to a way to send.

use std::sync::Arc;

use base::Clock;
use log_rules::{ChannelKind, Secret};
use loghunt::channel::Channel;
use url::Url;

use crate::file::File;
use crate::slack::Slack;
use crate::syslog::{Syslog, Way};
use crate::webhook::Webhook;

/// A channel that cannot be used as it is defined.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("channel {channel}: {message}")]
pub struct NotOpened {
    /// Its name.
    pub channel: String,
    /// What is wrong, and how to mend it; without secrets.
    pub message: String,
}

/// Makes the way to send. `secret` looks up what a file only refers to.
pub fn open(
    channel: &log_rules::Channel,
    clock: Arc<dyn Clock>,
    secret: &dyn Fn(&Secret) -> Result<String, String>,
) -> Result<Arc<dyn Channel>, NotOpened> {
    let bad = |message: String| NotOpened { channel: channel.name.clone(), message };
    let format = channel.format;
    match &channel.kind {
        ChannelKind::Webhook { url, secret: reference } => {
            let key = reference.as_ref().map(secret).transpose().map_err(bad)?;
            let url = web_url(url).map_err(bad)?;
            let client = crate::http::client().map_err(bad)?;
            Ok(Arc::new(Webhook {
                client,
                url,
                secret: key.map(String::into_bytes),
                format,
                clock,
            }))
        }
        ChannelKind::Slack { url } => {
            let url = web_url(&secret(url).map_err(bad)?).map_err(bad)?;
            let client = crate::http::client().map_err(bad)?;
            Ok(Arc::new(Slack { client, url }))
        }
        ChannelKind::Syslog { url } => {
            let (way, host, port) = syslog_address(url).map_err(bad)?;
            let mut roots = rustls::RootCertStore::empty();
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
            let _ = rustls::crypto::ring::default_provider().install_default();
            let tls =
                rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
            Ok(Arc::new(Syslog { way, host, port, format, tls: Arc::new(tls) }))
        }
        ChannelKind::File { path } => Ok(Arc::new(File { path: Arc::new(path.clone()), format })),
        other => Err(bad(format!("{other:?} is not known to this version"))),
    }
}

fn web_url(text: &str) -> Result<Url, String> {
    let mend = "write it as https://host/path";
    let url =
        Url::parse(text.trim()).map_err(|error| format!("its URL is not one ({error}); {mend}"))?;
    match url.scheme() {
        "http" | "https" if url.has_host() => Ok(url),
        other => Err(format!("its URL begins with `{other}:`; {mend}")),
    }
}

fn syslog_address(text: &str) -> Result<(Way, String, u16), String> {
    let mend = "write it as tcp://host:601, tls://host:6514 or udp://host:514";
    let url =
        Url::parse(text.trim()).map_err(|error| format!("its URL is not one ({error}); {mend}"))?;
    let (way, usual) = match url.scheme() {
        "tcp" => (Way::Tcp, 601),
        "tls" => (Way::Tls, 6514),
        "udp" => (Way::Udp, 514),
        other => return Err(format!("its URL begins with `{other}:`; {mend}")),
    };
    let host = url.host_str().ok_or_else(|| format!("its URL names no host; {mend}"))?;
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    Ok((way, host, url.port().unwrap_or(usual)))
}
