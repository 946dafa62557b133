//! Bytes from a network: whatever they are, reading them refuses or accepts, within the limits, and
//! neither half of a session panics on them.

#![no_main]

use base::Timestamp;
use libfuzzer_sys::fuzz_target;
use link::{AgentSession, Bookmark, Heard, ServerSession, Setup};
use wire::{Facts, Reported};

fuzz_target!(|bytes: &[u8]| {
    // As single frames, either way.
    let _ = wire::read_server_frame(bytes);
    if let Ok(wire::AgentSaid::Report(report)) = wire::read_agent_frame(bytes)
        && let Ok((_, Reported::Rows(batch))) = report.content
    {
        let unpacked: usize = batch.rows.iter().map(|row| row.len() + 1).sum();
        assert!(unpacked <= wire::BATCH_BYTES_MAX + 1);
        assert!(batch.rows.len() <= wire::BATCH_ROWS_MAX);
    }
    // As the body of the HTTP fallback, heard by both halves of a session.
    let Ok(frames) = wire::split_frames(bytes) else { return };
    let mut server = ServerSession::new();
    let setup = Setup {
        facts: Facts::default(),
        bookmark: Bookmark::default(),
        live: Vec::new(),
        acknowledged: 0,
        jitter: 0.5,
        poll_every: None,
        monitoring: Some(0),
    };
    let (mut agent, hello) = AgentSession::start(setup, Timestamp::EPOCH);
    assert!(matches!(server.hear(&hello), Ok(Heard::Hello(_))));
    for (at, frame) in frames.iter().enumerate() {
        let now = Timestamp::from_secs(i64::try_from(at).unwrap_or(0));
        let _ = agent.on_frame(frame, now);
        let _ = agent.on_tick(now);
        if let Ok(Heard::Report { number, .. }) = server.hear(frame) {
            server.settle(number, Ok(()));
        }
        let _ = server.take_ack();
    }
});
