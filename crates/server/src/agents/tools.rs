//! Tools for agents: pieces of files that an administrator has put on the server, and of nothing else
//! that lies there.

use hyper::StatusCode;

use super::routes::{Answer, binary, plain};
use crate::core::Core;
use crate::event::TaskFellBehind;

/// Answers `SHA256/OFFSET` below [`wire::TOOL_PATH`].
pub(super) async fn answer(core: &Core, asked: &str) -> Answer {
    let parts = asked.split_once('/').and_then(|(hash, offset)| {
        let mut sha256 = [0; 32];
        hex::decode_to_slice(hash, &mut sha256).ok()?;
        Some((sha256, offset.parse::<u64>().ok()?))
    });
    let Some((sha256, offset)) = parts else {
        return plain(StatusCode::BAD_REQUEST, "ask for SHA256/OFFSET");
    };
    if !core.collector.keeps_tool(&sha256) {
        return plain(StatusCode::NOT_FOUND, "the server keeps no tool with this SHA-256");
    }
    match core.ports.blobs.read(&sha256, offset, wire::TOOL_PIECE_BYTES).await {
        Ok(piece) => binary(StatusCode::OK, piece),
        Err(error) => {
            TaskFellBehind { task: "tool", error: &error }.emit();
            core.note_trouble(&error);
            plain(StatusCode::SERVICE_UNAVAILABLE, "the server cannot read the tool now")
        }
    }
}
