//! The link over plain HTTP, for networks that let no WebSocket through. Every body is a session of
//! its own; see `wire`.

use std::sync::Arc;
use std::time::Duration;

use hyper::body::{Body as _, Incoming};
use hyper::{Request, StatusCode};
use model::client::Client;
use wire::{Bye, ServerFrame, ServerSays};

use super::dialogue::{Dialogue, Outgoing};
use super::hall::Ears;
use super::intake::FREE_BYTES;
use super::listen::Peer;
use super::routes::{AgentRoutes, Answer, binary, plain, whole_body};
use super::socket::note_sighting;
use crate::event::FrameRefused;

/// Longest time an answer is held back.
const HOLD_SECS_MAX: u32 = 50;

/// Answers one body.
pub(super) async fn answer(
    routes: &AgentRoutes,
    request: Request<Incoming>,
    peer: &Peer,
    client: Client,
) -> Answer {
    // A large body is taken in when it is its turn, as a large message is.
    let bytes = request.body().size_hint().upper().unwrap_or(u64::MAX);
    let turn = match bytes > FREE_BYTES as u64 {
        true => Arc::clone(&routes.large_messages).acquire_owned().await.ok(),
        false => None,
    };
    let Some(body) = whole_body(request, wire::POLL_BYTES_MAX).await else {
        let reason = "the body is too long, broke off or took too long";
        FrameRefused { client: client.id, kind: "body", reason }.emit();
        return plain(StatusCode::PAYLOAD_TOO_LARGE, reason);
    };
    let frames = match wire::split_frames(&body) {
        Ok(frames) => frames,
        Err(bad) => {
            let reason = bad.to_string();
            FrameRefused { client: client.id, kind: "body", reason: &reason }.emit();
            return binary(StatusCode::BAD_REQUEST, sequence([ServerSays::Bye(bye(reason))]));
        }
    };
    let core = &routes.core;
    let now = core.clock.now();
    let ears = core.hall.arrived(client.id, routes.new_session(), now);
    note_sighting(routes, client.id, Some(peer.address)).await;
    let mut dialogue = Dialogue::new(Arc::clone(core), client.id);
    let mut out = Outgoing::new();
    if let Err(bye) = dialogue.hear(&frames, &mut out).await {
        out.push(ServerSays::Bye(bye));
        return binary(StatusCode::OK, sequence(out));
    }
    drop(turn);
    let pause = routes.pace(client.id, frames.len());
    if !pause.is_zero() {
        tokio::time::sleep(pause).await;
    }
    let hold = hold_time(&frames);
    if !hold.is_zero() && nothing_to_say(&out) {
        hold_back(routes, &mut dialogue, ears, (hold, &mut out)).await;
    }
    binary(StatusCode::OK, sequence(out))
}

/// How long the answer may be held back: as the body's `Hello` says, and only when the body brings
/// nothing that somebody waits for.
fn hold_time(frames: &[&[u8]]) -> Duration {
    let secs = match frames.first().map(|frame| wire::read_agent_frame(frame)) {
        Some(Ok(wire::AgentSaid::Hello(hello))) => hello.hold_secs,
        Some(Ok(_) | Err(_)) | None => 0,
    };
    let only_polls = frames[1.min(frames.len())..]
        .iter()
        .all(|frame| matches!(wire::read_agent_frame(frame), Ok(wire::AgentSaid::Poll { .. })));
    if only_polls { Duration::from_secs(secs.min(HOLD_SECS_MAX).into()) } else { Duration::ZERO }
}

fn nothing_to_say(out: &Outgoing) -> bool {
    out.iter().all(|says| matches!(says, ServerSays::Welcome(_) | ServerSays::CursorAck(_)))
}

async fn hold_back(
    routes: &AgentRoutes,
    dialogue: &mut Dialogue,
    mut ears: Ears,
    (hold, out): (Duration, &mut Outgoing),
) {
    let before = out.len();
    let mut foreman = routes.core.hall.watch_foreman();
    // An offer that came between the answer and the line above would wake nobody.
    if let Err(bye) = dialogue.news(out).await {
        return out.push(ServerSays::Bye(bye));
    }
    let deadline = tokio::time::sleep(hold);
    let mut deadline = std::pin::pin!(deadline);
    while out.len() == before {
        tokio::select! {
            () = deadline.as_mut() => return,
            () = ears.closed.cancelled() => return,
            () = routes.stop.cancelled() => {
                out.push(ServerSays::Bye(bye("the server is stopping")));
            }
            Some(told) = ears.told.recv() => {
                if let Err(bye) = dialogue.tell(*told, out).await {
                    out.push(ServerSays::Bye(bye));
                }
            }
            Ok(()) = foreman.changed() => {
                if let Err(bye) = dialogue.news(out).await {
                    out.push(ServerSays::Bye(bye));
                }
            }
        }
    }
    // Whatever else is there already goes with it.
    while let Ok(told) = ears.told.try_recv() {
        if let Err(bye) = dialogue.tell(*told, out).await {
            out.push(ServerSays::Bye(bye));
        }
    }
}

fn sequence(says: impl IntoIterator<Item = ServerSays>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for says in says {
        wire::append_frame(&mut bytes, &ServerFrame { says: Some(says) });
    }
    bytes
}

fn bye(reason: impl Into<String>) -> Bye {
    Bye { reason: reason.into(), for_ever: false, retry_secs: 0 }
}
