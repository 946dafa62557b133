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
        losses: 0,
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

/// Every so many seconds, with a buffer of so many.
pub(crate) fn schedule(every: u64, buffer: u64) -> log_rules::Schedule {
    use std::time::Duration;
    log_rules::Schedule {
        ticks: log_rules::Ticks::Every {
            every: Duration::from_secs(every),
            anchor: Timestamp::EPOCH,
        },
        log_buffer: Duration::from_secs(buffer),
        start_delay: Duration::ZERO,
        jitter: Duration::ZERO,
        max_window: Duration::from_secs(6 * 3600),
        min_window: Duration::from_secs(60),
        first_from: log_rules::FirstFrom::OneInterval,
        retry: log_rules::Retry::Backoff,
        attempts_max: 8,
    }
}

/// A rule per event.
pub(crate) fn rule() -> log_rules::Rule {
    log_rules::Rule {
        name: RuleName::new("whoami").expect("a name"),
        title: "whoami".into(),
        description: String::new(),
        severity: Severity::Medium,
        attack: Vec::new(),
        datasets: vec![key().dataset],
        tenants: log_rules::Selection { include: vec!["*".into()], exclude: Vec::new() },
        schedule: schedule(600, 60),
        class: log_rules::RuleClass::PerEvent,
        group_by: Vec::new(),
        question: log_rules::Question::Sql("SELECT * FROM {table}".into()),
        vql: None,
        lists: Vec::new(),
        suppress: None,
        notify: Vec::new(),
        disabled: false,
        critical: false,
        on_poison: log_rules::OnPoison::Quarantine,
        catch_up: log_rules::CatchUp::OldestFirst,
        on_change: log_rules::OnChange::Forward,
        tests: Vec::new(),
        logic_hash: "0123456789abcdef0123".into(),
        meta_hash: "m".into(),
        pack: None,
        file: "rules/whoami.yaml".into(),
        source_text: "".into(),
    }
}

/// Logs by their event's time.
pub(crate) fn dataset() -> log_rules::Dataset {
    log_rules::Dataset {
        name: key().dataset,
        engine: model::log::EngineName::new("lake").expect("a name"),
        table: "acme.process_creation".into(),
        domain: Domain::EventTime,
        event_time: Some("event_time".into()),
        ingest_time: None,
        cursor: None,
        identity: Vec::new(),
        columns: vec![("Image".into(), "process_path".into())],
        schema: Vec::new(),
        log_source: None,
        retention: None,
        log_buffer: None,
        skew_max: std::time::Duration::from_secs(300),
        lateness_max: None,
        on_replace: log_rules::OnReplace::Stop,
        audit_ages: Vec::new(),
    }
}

/// The stream of [`key`], read up to 1000 s.
pub(crate) fn stream() -> crate::stream::Stream {
    crate::stream::Stream {
        key: key(),
        domain: Domain::EventTime,
        t0: Position(0),
        planned_to: Position(1_000_000_000),
        checkpoint: Position(1_000_000_000),
        token: 0,
        status: crate::stream::StreamStatus::Active,
        source_identity: Some("oid 1".into()),
        opened_at: Timestamp::EPOCH,
        last_tick: None,
        last_run: None,
        last_failure: None,
        heartbeat: Timestamp::EPOCH,
    }
}
