//! Syslog of RFC 5424: over TCP and TLS with octet counting (RFC 6587, RFC 5425), or over UDP
//! (RFC 5426), where nobody can tell whether a message arrived.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use log_rules::FindingFormat;
use loghunt::channel::{Channel, Message, NotSent};
use model::log::{Finding, Severity};
use tokio::io::{AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::form::render;

/// How long the receiver may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// Facility 13: log audit.
const FACILITY: u8 = 13;
/// A datagram that is surely taken whole.
const DATAGRAM_MAX: usize = 60_000;

/// How a message travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Tcp,
    Tls,
    Udp,
}

/// A syslog receiver.
pub(crate) struct Syslog {
    pub(crate) way: Way,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) format: FindingFormat,
    pub(crate) tls: Arc<rustls::ClientConfig>,
}

#[async_trait]
impl Channel for Syslog {
    async fn send(&self, message: &Message) -> Result<(), NotSent> {
        let lines: Vec<Vec<u8>> =
            message.findings.iter().map(|finding| line(finding, self.format)).collect();
        let sent = tokio::time::timeout(PATIENCE, self.deliver(&lines)).await;
        let problem = match sent {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {} s", PATIENCE.as_secs()),
        };
        let message = format!("syslog at {}:{}: {problem}", self.host, self.port);
        Err(NotSent::Later { message, wait: None })
    }
}

impl Syslog {
    async fn deliver(&self, lines: &[Vec<u8>]) -> std::io::Result<()> {
        let address = (self.host.as_str(), self.port);
        match self.way {
            Way::Udp => {
                let socket = UdpSocket::bind(("0.0.0.0", 0)).await?;
                socket.connect(address).await?;
                for line in lines {
                    socket.send(&line[..line.len().min(DATAGRAM_MAX)]).await?;
                }
                Ok(())
            }
            Way::Tcp => {
                let mut stream = TcpStream::connect(address).await?;
                write_counted(&mut stream, lines).await?;
                // A receiver that closed before it read everything answers with a reset here.
                drain(&mut stream).await
            }
            Way::Tls => {
                let name = ServerName::try_from(self.host.clone()).map_err(|_| {
                    std::io::Error::other("its name cannot be that of a certificate")
                })?;
                let stream = TcpStream::connect(address).await?;
                let connector = TlsConnector::from(Arc::clone(&self.tls));
                let mut stream = connector.connect(name, stream).await?;
                write_counted(&mut stream, lines).await?;
                drain(&mut stream).await
            }
        }
    }
}

async fn write_counted(
    stream: &mut (impl AsyncWrite + Unpin),
    lines: &[Vec<u8>],
) -> std::io::Result<()> {
    for line in lines {
        stream.write_all(format!("{} ", line.len()).as_bytes()).await?;
        stream.write_all(line).await?;
    }
    stream.flush().await?;
    stream.shutdown().await
}

/// Waits until the receiver closes, too: then it has read what was sent. Receivers that keep their
/// side open for long have it as well.
async fn drain(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> std::io::Result<()> {
    let mut rest = [0u8; 256];
    let closed = async {
        while stream.read(&mut rest).await? > 0 {}
        Ok(())
    };
    tokio::time::timeout(Duration::from_secs(2), closed).await.unwrap_or(Ok(()))
}

/// One message: priority, version, moment, host, program, no process, kind, no structured data, text.
fn line(finding: &Finding, format: FindingFormat) -> Vec<u8> {
    let level = match finding.severity {
        Severity::Informational => 6,
        Severity::Low => 5,
        Severity::Medium => 4,
        Severity::High => 3,
        Severity::Critical => 2,
    };
    let priority = FACILITY * 8 + level;
    let (instant, tenant) = (finding.instant, &finding.tenant);
    let body = render(finding, format);
    // The byte order mark says that the text is UTF-8.
    format!("<{priority}>1 {instant} {tenant} lycaon - finding - \u{feff}{body}").into_bytes()
}
