//! The stream of changes: server-sent events, read one at a time.

use std::collections::VecDeque;

use api::LiveEvent;

use crate::{ApiError, Client};

/// An event larger than this is not one of ours.
const EVENT_BYTES_MAX: usize = 1 << 20;

/// What changes, as it changes. Kinds of events that this version does not know are left out.
#[derive(Debug)]
pub struct Events {
    client: Client,
    response: reqwest::Response,
    buffer: Vec<u8>,
    ready: VecDeque<LiveEvent>,
}

impl Events {
    pub(crate) fn new(client: Client, response: reqwest::Response) -> Self {
        Self { client, response, buffer: Vec::new(), ready: VecDeque::new() }
    }

    /// The next event; nothing when the server ended the stream.
    pub async fn next(&mut self) -> Result<Option<LiveEvent>, ApiError> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(Some(event));
            }
            let chunk = self.response.chunk().await.map_err(|e| self.client.unreachable(&e))?;
            let Some(chunk) = chunk else { return Ok(None) };
            self.buffer.extend_from_slice(&chunk);
            self.ready.extend(take_events(&mut self.buffer));
            if self.buffer.len() > EVENT_BYTES_MAX {
                self.buffer.clear();
            }
        }
    }
}

/// Takes the complete events off the front of the buffer.
fn take_events(buffer: &mut Vec<u8>) -> Vec<LiveEvent> {
    let mut events = Vec::new();
    while let Some(end) = buffer.windows(2).position(|pair| pair == b"\n\n") {
        let block: Vec<u8> = buffer.drain(..end + 2).collect();
        let block = String::from_utf8_lossy(&block);
        let data: Vec<&str> =
            block.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim).collect();
        if let Ok(event) = serde_json::from_str(&data.join("\n")) {
            events.push(event);
        }
    }
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_across_chunks_and_unknown_ones_left_out() {
        let mut buffer = b": hello\n\nevent: change\ndata: {\"kind\":\"client\",\"id\":\"C.1\",\"online\":true}\n\nevent: change\ndata: {\"kind\":\"new\"}\n\ndata: {\"ki".to_vec();
        let events = take_events(&mut buffer);
        assert!(matches!(&events[..], [LiveEvent::Client { id, online: true }] if id == "C.1"));
        assert_eq!(buffer, b"data: {\"ki");
    }
}
