//! Monitored artifacts on their way to an agent, and what they bring on its way back.
//!
//! # Invariants
//! - **W3** an unpacked batch has a moment for every row, and its rows keep **W1** and **W2**.

use std::time::Duration;

use base::Timestamp;
use model::collect::CompiledCollection;
use model::monitoring::{Event, EventBatch, EventKind, MonitoringLimits};
use model::results::AttemptId;

use crate::{BATCH_BYTES_MAX, BATCH_ROWS_MAX, BadFrame, Events, Monitored, pack_rows, unpack_rows};

/// What an agent is asked to run for one entry of the table.
pub fn monitored(compiled: CompiledCollection, limits: &MonitoringLimits) -> Monitored {
    let millis = limits.batch_wait.as_millis();
    Monitored {
        collection: Some(compiled.into()),
        cpu_percent: limits.cpu_percent,
        rows_per_second: limits.rows_per_second,
        batch_rows: limits.batch_rows,
        batch_bytes: limits.batch_bytes,
        batch_wait_millis: u32::try_from(millis).unwrap_or(u32::MAX),
    }
}

/// The limits of a monitored artifact, as far as the wire allows them.
pub fn monitoring_limits(said: &Monitored) -> MonitoringLimits {
    let usual = MonitoringLimits::default();
    let or = |given: u32, usual: u32, most: usize| {
        let most = u32::try_from(most).unwrap_or(u32::MAX);
        (if given == 0 { usual } else { given }).min(most)
    };
    MonitoringLimits {
        cpu_percent: said.cpu_percent,
        rows_per_second: said.rows_per_second,
        batch_rows: or(said.batch_rows, usual.batch_rows, BATCH_ROWS_MAX),
        batch_bytes: or(said.batch_bytes, usual.batch_bytes, BATCH_BYTES_MAX),
        batch_wait: match said.batch_wait_millis {
            0 => usual.batch_wait,
            millis => Duration::from_millis(millis.into()),
        },
    }
}

/// Packs events as batch `seq` of `source`. Together, with a line end each, their rows must fit
/// [`BATCH_BYTES_MAX`].
pub fn pack_events(source: &str, kind: EventKind, seq: u64, events: Vec<Event>) -> Events {
    let first = events.first().map_or(Timestamp::EPOCH, |event| event.observed);
    let mut last = first;
    let mut since_last = Vec::with_capacity(events.len());
    let mut rows = Vec::with_capacity(events.len());
    for event in events {
        since_last.push(event.observed.as_micros().saturating_sub(last.as_micros()));
        last = event.observed;
        rows.push(event.json);
    }
    Events {
        rows: Some(pack_rows(source, seq, &rows)),
        first_micros: first.as_micros(),
        since_last,
        log: kind == EventKind::Log,
    }
}

/// The object that a log line of a monitored source travels and is kept as.
pub fn log_event(level: &str, text: &str) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    format!("{{\"level\":{},\"text\":{}}}", quoted(level), quoted(text))
}

/// Unpacks and checks a batch of a run.
pub(crate) fn unpack_events(attempt: AttemptId, said: &Events) -> Result<EventBatch, BadFrame> {
    let run = attempt.run().ok_or_else(|| {
        BadFrame::field("attempt", "names an attempt of a flow and not a run".to_owned())
    })?;
    let rows = said.rows.as_ref().ok_or(BadFrame::Missing { field: "events.rows" })?;
    let batch = unpack_rows(attempt, rows)?;
    if said.since_last.len() != batch.rows.len() {
        let why = format!("has {} moments for {} rows", said.since_last.len(), batch.rows.len());
        return Err(BadFrame::field("events.since_last", why));
    }
    let mut at = said.first_micros;
    let events = batch.rows.into_iter().zip(&said.since_last).map(|(json, since)| {
        at = at.saturating_add(*since);
        Event { observed: Timestamp::from_micros(at), json }
    });
    let kind = if said.log { EventKind::Log } else { EventKind::Rows };
    Ok(EventBatch { run, source: batch.source, kind, seq: batch.seq, events: events.collect() })
}

#[cfg(test)]
mod tests {
    use model::monitoring::RunId;

    use super::*;

    const RUN: AttemptId = AttemptId::of_run(RunId(9));

    fn event(micros: i64, json: &str) -> Event {
        Event { observed: Timestamp::from_micros(micros), json: json.to_owned() }
    }

    #[test]
    fn a_batch_comes_out_as_it_went_in() {
        let sent = vec![event(5_000, r#"{"a":1}"#), event(9_000, "{}"), event(2_000, "{}")];
        let packed = pack_events("A/B", EventKind::Log, 4, sent.clone());
        let batch = unpack_events(RUN, &packed).unwrap();
        assert_eq!((batch.run, batch.seq, batch.kind), (RunId(9), 4, EventKind::Log));
        assert_eq!((batch.source.as_str(), batch.events), ("A/B", sent));
    }

    #[test]
    fn what_is_no_batch_of_a_run_is_refused_with_a_reason() {
        let packed = pack_events("A", EventKind::Rows, 0, vec![event(1, "{}")]);
        let refused =
            |attempt, said: &Events| unpack_events(attempt, said).unwrap_err().to_string();
        let flow = AttemptId { attempt: 1, ..RUN };
        assert!(refused(flow, &packed).contains("names an attempt of a flow"));
        assert!(refused(RUN, &Events { rows: None, ..packed.clone() }).contains("events.rows"));
        let torn = Events { since_last: vec![], ..packed };
        assert!(refused(RUN, &torn).contains("0 moments for 1 rows"));
    }

    #[test]
    fn limits_are_those_of_the_wire_at_most() {
        let limits = MonitoringLimits { batch_rows: 1_000_000, ..MonitoringLimits::default() };
        let said = monitored(CompiledCollection::default(), &limits);
        assert_eq!(monitoring_limits(&said).batch_rows, BATCH_ROWS_MAX as u32);
        assert_eq!(monitoring_limits(&Monitored::default()), MonitoringLimits::default());
    }
}
