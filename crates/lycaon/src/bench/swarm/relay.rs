//! A bad network: a relay on the loopback that passes bytes between an agent and the server, and breaks
//! each connection in the middle of what is sent.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::light::Tally;
use crate::complaint::{Complaint, Outcome};

/// Starts a relay to `server`; agents connect to the address that is returned. Each connection ends when
/// about `breaks_after` bytes went through, more with each connection so that something gets done.
pub(crate) async fn start(
    server: String,
    breaks_after: u64,
    tally: Arc<Tally>,
    stop: CancellationToken,
) -> Outcome<SocketAddr> {
    let bad = |error: std::io::Error| Complaint::failed(format!("cannot relay: {error}"));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(bad)?;
    let address = listener.local_addr().map_err(bad)?;
    tokio::spawn(async move {
        let mut patience = breaks_after;
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = stop.cancelled() => return,
            };
            let Ok((agent, _)) = accepted else { return };
            let Ok(server) = TcpStream::connect(&server).await else { continue };
            let cut = CancellationToken::new();
            let left = Arc::new(AtomicU64::new(patience));
            patience += patience / 4;
            let _ = (agent.set_nodelay(true), server.set_nodelay(true));
            let ((from_agent, to_agent), (from_server, to_server)) =
                (agent.into_split(), server.into_split());
            let tally = tally.clone();
            for (from, to) in [(from_agent, to_server), (from_server, to_agent)] {
                let (cut, left, tally) = (cut.clone(), left.clone(), tally.clone());
                tokio::spawn(async move {
                    if pass(from, to, &left, &cut).await {
                        tally.cuts.fetch_add(1, Ordering::Relaxed);
                    }
                    cut.cancel();
                });
            }
        }
    });
    Ok(address)
}

/// Passes bytes until one side closes or the connection breaks; whether it broke.
async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    left: &AtomicU64,
    cut: &CancellationToken,
) -> bool {
    let mut buffer = vec![0; 4 << 10];
    loop {
        let read = tokio::select! {
            read = from.read(&mut buffer) => read,
            () = cut.cancelled() => return false,
        };
        let Ok(bytes @ 1..) = read else { return false };
        let before = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            Some(left.saturating_sub(bytes as u64))
        });
        let allowed = before.unwrap_or(0).min(bytes as u64) as usize;
        if to.write_all(&buffer[..allowed]).await.is_err() {
            return false;
        }
        if allowed < bytes {
            return true;
        }
    }
}
