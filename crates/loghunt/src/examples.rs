//! Records that tests of this crate start from.

use base::Timestamp;
use model::log::{
    DatasetName, Domain, Finding, FindingId, Lane, Position, RuleName, Severity, Slice, SliceState,
    StreamKey, TenantName, Triage, Window,
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

/// A finding of the stream of [`key`].
pub(crate) fn finding(number: u128) -> Finding {
    let slice = slice(0, 600);
    Finding {
        id: FindingId(number),
        tenant: slice.key.tenant.clone(),
        dataset: slice.key.dataset.clone(),
        rule: slice.key.rule.clone(),
        title: "whoami".into(),
        severity: Severity::Medium,
        attack: Vec::new().into(),
        revision_first: "r1".into(),
        revision_last: "r1".into(),
        slice: slice.id,
        window: slice.window,
        domain: slice.domain,
        position: Position(0),
        instant: Timestamp::EPOCH,
        found_at: Timestamp::EPOCH,
        row: rows::Row::new(),
        late: false,
        suppressed_by: None,
        bucket: None,
        notified: false,
        triage: Triage::default(),
    }
}
