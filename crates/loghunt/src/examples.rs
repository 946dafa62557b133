//! Records that tests of this crate start from.

use base::Timestamp;
use model::log::{
    DatasetName, Domain, Lane, Position, RuleName, Slice, SliceState, StreamKey, TenantName, Window,
};

use crate::ids::slice_id;

pub(crate) fn key() -> StreamKey {
    StreamKey {
        tenant: TenantName::new("acme").expect("a name"),
        dataset: DatasetName::new("process_creation").expect("a name"),
        part: "".into(),
        rule: RuleName::new("whoami").expect("a name"),
        epoch: 0,
        lane: Lane::Live,
    }
}

/// A planned slice of the stream of [`key`], bounds in seconds.
pub(crate) fn slice(from: i64, to: i64) -> Slice {
    let window = Window::new(Position(from * 1_000_000), Position(to * 1_000_000)).expect("order");
    Slice {
        id: slice_id(&key(), window),
        key: key(),
        domain: Domain::EventTime,
        window,
        tick: Timestamp::EPOCH,
        state: SliceState::Planned,
        attempts: 0,
        planned_at: Timestamp::EPOCH,
        moved_at: Timestamp::EPOCH,
    }
}
