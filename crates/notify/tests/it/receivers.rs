//! Receivers that remember what they were sent.

use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, UdpSocket};

/// What one request brought.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

type Log = Arc<Mutex<Vec<Heard>>>;

/// A web server that answers every POST like that; where it is, and what it heard.
pub(crate) async fn web(status: u16, retry_after: Option<&'static str>) -> (String, Log) {
    let log = Log::default();
    let hear = move |State(log): State<Log>, headers: HeaderMap, body: Bytes| async move {
        log.lock().unwrap().push(Heard { headers, body });
        let mut answer = HeaderMap::new();
        if let Some(seconds) = retry_after {
            answer.insert("Retry-After", seconds.parse().unwrap());
        }
        (StatusCode::from_u16(status).unwrap(), answer, "because")
    };
    let app = axum::Router::new().route("/hook", post(hear)).with_state(Arc::clone(&log));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    (format!("http://{address}/hook"), log)
}

/// A TCP receiver that takes one connection; where it is, and all it read.
pub(crate) async fn tcp() -> (u16, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let reading = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    });
    (port, reading)
}

/// A UDP receiver of one datagram.
pub(crate) async fn udp() -> (u16, tokio::task::JoinHandle<String>) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port = socket.local_addr().unwrap().port();
    let reading = tokio::spawn(async move {
        let mut buffer = vec![0; 65_536];
        let length = socket.recv(&mut buffer).await.unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    });
    (port, reading)
}
