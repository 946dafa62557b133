//! The people's listener: HTTP/1.1, plain on the loopback or over TLS.

use std::net::IpAddr;
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::sign_in::CallerAddress;
use crate::agents::gate::{Gate, GateLimits};
use crate::agents::listen::next_connection;
use crate::event::{ConnectionTurnedAway, HandshakeFailed};

/// Connections of people, in all and from one address.
const LIMITS: GateLimits = GateLimits { connections_max: 2_000, per_address_max: 500 };
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Accepts until `stop`; then lets requests under way finish.
pub(crate) async fn run(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    router: Router,
    stop: CancellationToken,
) {
    let gate = Gate::new(LIMITS);
    let connections = TaskTracker::new();
    while let Some((stream, address)) = next_connection(&listener, &stop).await {
        let pass = match gate.enter(address) {
            Ok(pass) => pass,
            Err(reason) => {
                ConnectionTurnedAway { address, reason, kept_back: 0 }.emit();
                continue;
            }
        };
        let (tls, router, stop) = (tls.clone(), router.clone(), stop.clone());
        connections.spawn(async move {
            let _pass = pass;
            match tls {
                None => serve(stream, address, router, stop).await,
                Some(tls) => {
                    match tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(stream)).await {
                        Ok(Ok(stream)) => serve(stream, address, router, stop).await,
                        Ok(Err(error)) => {
                            HandshakeFailed { address, error: &error, kept_back: 0 }.emit()
                        }
                        Err(_) => {
                            ConnectionTurnedAway {
                                address,
                                reason: "the TLS handshake took too long",
                                kept_back: 0,
                            }
                            .emit();
                        }
                    }
                }
            }
        });
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

async fn serve<S>(stream: S, address: IpAddr, router: Router, stop: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(CallerAddress(address));
        router.clone().oneshot(request)
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(30))
        .max_buf_size(64 << 10)
        .max_headers(100);
    let mut connection = std::pin::pin!(http.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        _ = connection.as_mut() => {}
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}
