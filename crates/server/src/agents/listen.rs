//! Accepts connections: TLS handshakes within limits of number and time, then HTTP/1.1 with small
//! buffers, with the peer's identity from its certificate.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::gate::{Gate, Pass};
use super::handshakes::{Handshakes, Turn};
use super::hush::Hush;
use super::routes::AgentRoutes;
use crate::event::{ConnectionTurnedAway, HandshakeFailed};
use crate::pki::KeyIdentity;

/// Bytes of a request's head.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// Headers of a request.
const HEADERS_MAX: usize = 64;

/// Who is at the other end of a connection.
#[derive(Clone)]
pub(crate) struct Peer {
    /// From where it came.
    pub address: IpAddr,
    /// Whose certificate it showed, if any.
    pub identity: Option<KeyIdentity>,
    /// Counts the connection for as long as anybody holds it.
    pub _pass: Arc<Pass>,
}

/// The agents' listener.
pub(crate) struct AgentListener {
    /// Where connections come from.
    pub listener: TcpListener,
    /// How they are secured.
    pub tls: TlsAcceptor,
    /// How many there may be.
    pub gate: Arc<Gate>,
    /// Handshakes under way.
    pub handshakes: Arc<Handshakes>,
    /// How long one may take.
    pub handshake_timeout: Duration,
    /// What can be asked.
    pub routes: Arc<AgentRoutes>,
    /// Keeps the log short when connections come by the thousand.
    pub hush: Hush,
}

impl AgentListener {
    /// Accepts until `stop`; then waits for those who are connected to leave, which the routes'
    /// own stop makes them do.
    pub(crate) async fn run(self: Arc<Self>, stop: CancellationToken) {
        let connections = TaskTracker::new();
        while let Some((stream, address)) = next_connection(&self.listener, &stop).await {
            let admitted = match self.gate.enter(address) {
                // Waits before the next accept: a storm of handshakes waits in the kernel's queue.
                Ok(pass) => self.handshakes.begin(address).await.map(|turn| (Arc::new(pass), turn)),
                Err(reason) => Err(reason),
            };
            let (pass, turn) = match admitted {
                Ok(admitted) => admitted,
                Err(reason) => {
                    self.turned_away(address, reason);
                    continue;
                }
            };
            let one = Arc::clone(&self);
            let stop = stop.clone();
            connections.spawn(async move {
                match one.shake_hands(stream, turn).await {
                    Some(stream) => one.serve(stream, address, pass, stop).await,
                    None => one.gate.note_bad(address),
                }
            });
        }
        connections.close();
        connections.wait().await;
    }

    fn turned_away(&self, address: IpAddr, reason: &'static str) {
        if let Some(kept_back) = self.hush.may_say(Instant::now()) {
            ConnectionTurnedAway { address, reason, kept_back }.emit();
        }
    }

    async fn shake_hands(&self, stream: TcpStream, turn: Turn) -> Option<TlsStream<TcpStream>> {
        let address = turn.address;
        let accepted = tokio::select! {
            accepted = tokio::time::timeout(self.handshake_timeout, self.tls.accept(stream)) => {
                accepted
            }
            () = turn.given_up.cancelled() => {
                self.turned_away(address, "its TLS handshake was slow and others waited");
                return None;
            }
        };
        match accepted {
            Ok(Ok(stream)) => Some(stream),
            Ok(Err(error)) => {
                if let Some(kept_back) = self.hush.may_say(Instant::now()) {
                    HandshakeFailed { address, error: &error, kept_back }.emit();
                }
                None
            }
            Err(_) => {
                self.turned_away(address, "the TLS handshake took too long");
                None
            }
        }
    }

    async fn serve(
        &self,
        stream: TlsStream<TcpStream>,
        address: IpAddr,
        pass: Arc<Pass>,
        stop: CancellationToken,
    ) {
        let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        // The handshake has checked the signature; a certificate that cannot be read names nobody.
        let identity = certificate.and_then(|der| KeyIdentity::of_certificate(der).ok());
        let peer = Peer { address, identity, _pass: pass };
        let routes = Arc::clone(&self.routes);
        let service = service_fn(move |request| {
            let (routes, peer) = (Arc::clone(&routes), peer.clone());
            async move { Ok::<_, Infallible>(routes.answer(request, peer).await) }
        });
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(Duration::from_secs(15))
            .max_buf_size(HEAD_BYTES_MAX)
            .max_headers(HEADERS_MAX);
        let connection = http.serve_connection(TokioIo::new(stream), service).with_upgrades();
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if ended.is_err_and(|error| error.is_parse() || error.is_timeout()) {
            self.gate.note_bad(address);
        }
    }
}

/// The next connection; `None` when it is time to stop. Errors of accepting concern one connection
/// or pass (no free file), so they are waited out.
pub(crate) async fn next_connection(
    listener: &TcpListener,
    stop: &CancellationToken,
) -> Option<(TcpStream, IpAddr)> {
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => return None,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, address)) => {
                // Frames are small and wait for answers; failure to set this costs only time.
                let _ = stream.set_nodelay(true);
                return Some((stream, address.ip().to_canonical()));
            }
            Err(error) => {
                tracing::warn!(name: "accept_failed", %error, "could not accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}
