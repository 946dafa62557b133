//! Frames over a WebSocket: each binary message is one frame.

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::{Target, TransportError, soon};

/// An open WebSocket.
pub(crate) struct SocketLink(WebSocketStream<TlsStream<TcpStream>>);

/// Small buffers: an idle agent costs little memory, here and where many agents run in one process.
fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(4 << 10)
        .write_buffer_size(8 << 10)
        .max_write_buffer_size(2 * wire::FRAME_BYTES_MAX)
        .max_message_size(Some(wire::FRAME_BYTES_MAX))
        .max_frame_size(Some(wire::FRAME_BYTES_MAX))
}

impl SocketLink {
    /// Opens a WebSocket over a TLS connection.
    pub(crate) async fn open(
        target: &Target,
        stream: TlsStream<TcpStream>,
    ) -> Result<Self, TransportError> {
        let url = format!("wss://{}{}", target.address, wire::LINK_PATH);
        let upgrade = client_async_with_config(url, stream, Some(config()));
        match soon("the WebSocket upgrade", upgrade).await? {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(Error::Http(response)) => {
                let body = response.body().as_deref().unwrap_or_default();
                let text = String::from_utf8_lossy(&body[..body.len().min(300)]).into_owned();
                Err(TransportError::Status { status: response.status().as_u16(), text })
            }
            Err(error) => Err(TransportError::broken(error)),
        }
    }

    /// Sends frames.
    pub(crate) async fn send(&mut self, frames: Vec<Vec<u8>>) -> Result<(), TransportError> {
        let work = async {
            for frame in frames {
                self.0.feed(Message::Binary(frame.into())).await?;
            }
            self.0.flush().await
        };
        soon("sending", work).await?.map_err(TransportError::broken)
    }

    /// The next frame. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Result<Vec<u8>, TransportError> {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Binary(frame))) => return Ok(frame.into()),
                Some(Ok(Message::Text(_))) => {
                    return Err(TransportError::broken("a text message came instead of a frame"));
                }
                // Answered by the library, with the next thing that is sent or read.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Close(_))) | None => {
                    return Err(TransportError::broken("the server closed it"));
                }
                Some(Err(error)) => return Err(TransportError::broken(error)),
            }
        }
    }

    /// Says goodbye, as far as that is quickly possible.
    pub(crate) async fn close(mut self) {
        let second = std::time::Duration::from_secs(1);
        let _ = tokio::time::timeout(second, self.0.close(None)).await;
    }
}
