//! Accepts connections: TLS handshakes within limits of number and time, then HTTP/1.1 with small
//! buffers, with the peer's identity from its certificate.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::gate::{Gate, Pass};
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
    /// Handshakes under way at once.
    pub handshakes_max: usize,
    /// How long one may take.
    pub handshake_timeout: Duration,
    /// What can be asked.
    pub routes: Arc<AgentRoutes>,
}

impl AgentListener {
    /// Accepts until `stop`; then waits for those who are connected to leave, which the routes'
    /// own stop makes them do.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let handshakes = Arc::new(Semaphore::new(self.handshakes_max));
        let connections = TaskTracker::new();
        while let Some((stream, address)) = next_connection(&self.listener, &stop).await {
            let pass = match self.gate.enter(address) {
                Ok(pass) => Arc::new(pass),
                Err(reason) => {
                    ConnectionTurnedAway { address, reason }.emit();
                    continue;
                }
            };
            // Taken before the next accept: a storm of handshakes waits in the kernel's queue.
            let Ok(turn) = Arc::clone(&handshakes).acquire_owned().await else { break };
            let (tls, time) = (self.tls.clone(), self.handshake_timeout);
            let (routes, stop) = (Arc::clone(&self.routes), stop.clone());
            connections.spawn(async move {
                let stream = tokio::time::timeout(time, tls.accept(stream)).await;
                drop(turn);
                match stream {
                    Ok(Ok(stream)) => serve(stream, address, pass, routes, stop).await,
                    Ok(Err(error)) => HandshakeFailed { address, error: &error }.emit(),
                    Err(_) => {
                        ConnectionTurnedAway { address, reason: "the TLS handshake took too long" }
                            .emit();
                    }
                }
            });
        }
        drop(self.listener);
        connections.close();
        connections.wait().await;
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

async fn serve(
    stream: TlsStream<TcpStream>,
    address: IpAddr,
    pass: Arc<Pass>,
    routes: Arc<AgentRoutes>,
    stop: CancellationToken,
) {
    let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    // The handshake has checked the signature; a certificate that cannot be read names nobody.
    let identity = certificate.and_then(|der| KeyIdentity::of_certificate(der).ok());
    let peer = Peer { address, identity, _pass: pass };
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
    tokio::select! {
        _ = connection.as_mut() => {}
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}
