//! Frames over plain HTTP: each body is a sequence of frames, on one connection that is kept.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;

use super::{PATIENCE, Target, TransportError, soon};

/// A connection for requests, one after the other.
pub(crate) struct HttpLink {
    address: String,
    sender: SendRequest<Full<Bytes>>,
}

/// A whole answer.
pub(crate) struct HttpAnswer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl HttpLink {
    /// Connects.
    pub(crate) async fn open(target: &Target) -> Result<Self, TransportError> {
        let stream = target.connect().await?;
        let opened = soon("the HTTP handshake", handshake(TokioIo::new(stream))).await?;
        let (sender, connection) = opened.map_err(TransportError::broken)?;
        // Ends with the connection, which ends when the sender is dropped.
        tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(Self { address: target.address.clone(), sender })
    }

    /// Posts a body; the answer may be held back for `hold` and has at most `bytes_max` bytes.
    pub(crate) async fn post(
        &mut self,
        path: &str,
        body: Vec<u8>,
        (hold, bytes_max): (Duration, usize),
    ) -> Result<HttpAnswer, TransportError> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(HOST, &self.address)
            .header(CONTENT_TYPE, "application/octet-stream")
            .body(Full::new(Bytes::from(body)))
            .map_err(TransportError::broken)?;
        let work = async {
            self.sender.ready().await.map_err(TransportError::broken)?;
            let answer = self.sender.send_request(request).await.map_err(TransportError::broken)?;
            let status = answer.status().as_u16();
            let body = Limited::new(answer.into_body(), bytes_max).collect().await;
            let body = body.map_err(TransportError::broken)?.to_bytes().to_vec();
            Ok(HttpAnswer { status, body })
        };
        let slow = |_| TransportError::Slow { what: "the server's answer" };
        tokio::time::timeout(PATIENCE + hold, work).await.map_err(slow)?
    }
}
