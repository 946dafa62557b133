//! FAKES: servers that speak as much of a protocol as a test needs and do what real ones do only on
//! bad days. What they show is that we read the protocol's documents, not that a real server agrees.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::IntoResponse;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Serves until the test ends.
pub(crate) async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

/// A request.
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// The URL of a server that answers every request by a function.
pub(crate) async fn answering<R: IntoResponse>(
    answer: impl Fn(Asked) -> R + Clone + Send + Sync + 'static,
) -> String {
    let handler = async move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
        answer(Asked { method, uri, headers, body })
    };
    format!("http://{}", serve(Router::new().fallback(handler)).await)
}

/// A server that answers each connection's request with these bytes and closes it: for answers that
/// no well-behaved library sends.
pub(crate) async fn raw(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let request = request(&mut stream).await;
            // The other side may be gone already.
            let _ = stream.write_all(&answer(&request)).await;
            let _ = stream.shutdown().await;
        }
    });
    address
}

/// Head and body of one request.
async fn request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| {
                    line.to_lowercase().strip_prefix("content-length:")?.trim().parse().ok()
                })
                .unwrap_or(0);
            if body.len() >= length {
                return text;
            }
        }
        let mut part = [0; 4_096];
        match stream.read(&mut part).await {
            Ok(length) if length > 0 => bytes.extend_from_slice(&part[..length]),
            _ => return text,
        }
    }
}

/// Listens and says nothing, as long as it is kept.
pub(crate) struct Silent(TcpListener);

impl Silent {
    pub(crate) async fn new() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    pub(crate) fn port(&self) -> u16 {
        self.0.local_addr().unwrap().port()
    }
}
