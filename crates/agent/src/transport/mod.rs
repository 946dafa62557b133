//! How frames travel: TLS to one of the servers, then a WebSocket or plain HTTP.

mod http;
mod socket;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

pub(crate) use http::HttpLink;
pub(crate) use socket::SocketLink;

/// How long connecting, or sending one frame, may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A server and how it is trusted.
#[derive(Clone)]
pub struct Target {
    /// `host:port`.
    pub address: String,
    /// The name that its certificate must carry.
    pub name: ServerName<'static>,
    /// The agent's certificate and the only authority that it believes.
    pub tls: Arc<ClientConfig>,
    /// From which address of this machine; `None` leaves it to the system.
    pub from: Option<IpAddr>,
}

/// Why nothing came through.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// No connection.
    #[error("could not reach {address}")]
    Connect {
        /// The server.
        address: String,
        /// What the system or TLS said.
        #[source]
        source: std::io::Error,
    },
    /// Too slow.
    #[error("{what} took longer than {} seconds", PATIENCE.as_secs())]
    Slow {
        /// What was waited for.
        what: &'static str,
    },
    /// The server, or something between, answered with another status than wanted.
    #[error("answered with HTTP status {status}: {text}")]
    Status {
        /// The status.
        status: u16,
        /// The beginning of the answer.
        text: String,
    },
    /// The connection broke.
    #[error("the connection broke: {why}")]
    Broken {
        /// How.
        why: String,
    },
}

impl TransportError {
    pub(crate) fn broken(why: impl std::fmt::Display) -> Self {
        Self::Broken { why: why.to_string() }
    }
}

/// Waits within [`PATIENCE`].
pub(crate) async fn soon<T>(
    what: &'static str,
    work: impl Future<Output = T>,
) -> Result<T, TransportError> {
    tokio::time::timeout(PATIENCE, work).await.map_err(|_| TransportError::Slow { what })
}

impl Target {
    /// A TLS connection.
    pub(crate) async fn connect(&self) -> Result<TlsStream<TcpStream>, TransportError> {
        let failed = |source| TransportError::Connect { address: self.address.clone(), source };
        let work = async {
            let tcp = match self.from {
                Some(from) => connect_from(from, &self.address).await?,
                None => TcpStream::connect(&self.address).await?,
            };
            tcp.set_nodelay(true)?;
            TlsConnector::from(Arc::clone(&self.tls)).connect(self.name.clone(), tcp).await
        };
        soon("connecting", work).await?.map_err(failed)
    }
}

async fn connect_from(from: IpAddr, address: &str) -> std::io::Result<TcpStream> {
    let of_its_kind = |found: &SocketAddr| found.is_ipv4() == from.is_ipv4();
    let found = tokio::net::lookup_host(address).await?.find(of_its_kind).ok_or_else(|| {
        std::io::Error::other(format!("{address} has no address that {from} could reach"))
    })?;
    let socket = if from.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.bind(SocketAddr::new(from, 0))?;
    socket.connect(found).await
}
