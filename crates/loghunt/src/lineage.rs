//! Whether a source is still the one that was read so far, and what follows when it is not.
//!
//! "No new data" is never the answer to a source that was restored, truncated or made anew.

use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;
use log_rules::{Dataset, OnReplace};
use model::log::{Domain, Position, Window};

use crate::engine::{Description, Horizon};
use crate::stream::Stream;

/// What follows from looking at a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lineage {
    /// It is the one that was read so far.
    Same,
    /// The stream stops with this sentence.
    Stop(String),
    /// The epoch is closed, and one begins here.
    Anew {
        /// Where.
        t0: Position,
        /// Why.
        reason: String,
    },
}

/// Looks at a source.
pub fn lineage(
    stream: &Stream,
    dataset: &Dataset,
    description: &Description,
    horizon: &Horizon,
) -> Lineage {
    let Some(why) = change(stream, description, horizon) else { return Lineage::Same };
    match dataset.on_replace {
        OnReplace::Stop => Lineage::Stop(format!(
            "`{}` of {}: {why}; look at it, and `lycaon log resume` the stream or set `on_replace: continue`",
            dataset.table, stream.key.tenant
        )),
        // A cursor of another source counts something else: no unread row may be dropped.
        OnReplace::Continue if stream.domain == Domain::Cursor => Lineage::Anew {
            t0: description.oldest.unwrap_or(Position(0)).min(Position(0)),
            reason: why,
        },
        OnReplace::Continue => Lineage::Anew { t0: stream.checkpoint, reason: why },
    }
}

fn change(stream: &Stream, description: &Description, horizon: &Horizon) -> Option<String> {
    if let Some(known) = &stream.source_identity
        && *known != description.identity
    {
        let now = &description.identity;
        return Some(format!("it was `{known}` and is `{now}` now: it was made anew or replaced"));
    }
    match (stream.domain, horizon.stable) {
        (Domain::Cursor, Some(stable)) if stable < stream.checkpoint => Some(format!(
            "it ends at {} and was read up to {}: it was truncated or restored from a backup",
            stable.0, stream.checkpoint.0
        )),
        _ => None,
    }
}

/// What can no longer be read: the stretch from the checkpoint to where the source begins now.
pub fn expired(
    stream: &Stream,
    dataset: &Dataset,
    description: &Description,
    source_clock: Timestamp,
) -> Option<Window> {
    let oldest = if stream.domain == Domain::Cursor {
        description.oldest?
    } else {
        // The oldest row of a quiet source says nothing of rows that may still come.
        Position::at(source_clock.minus(dataset.retention?))
    };
    Window::new(stream.checkpoint, oldest)
}

/// Columns that a rule needs and a source does not have.
pub fn missing_columns(needed: &[String], description: &Description) -> Vec<String> {
    let has = |column: &String| {
        let head = column.split('.').next().unwrap_or(column);
        description.columns.iter().any(|(name, _)| name == column || name == head)
    };
    // A source that does not name its columns cannot lack one.
    if description.columns.is_empty() {
        return Vec::new();
    }
    needed.iter().filter(|column| !has(column)).cloned().collect()
}

/// A source's clock that is too far from ours to plan by.
pub fn skewed(source: Option<Timestamp>, ours: Timestamp, limit: Duration) -> Option<String> {
    let source = source?;
    let apart = source.since(ours).max(ours.since(source));
    (apart > limit).then(|| {
        format!(
            "the source's clock says {source} and ours {ours}: more than {} s apart; set one of them right",
            limit.as_secs()
        )
    })
}

/// What tells one description of a source from another, besides its identity: its columns.
pub fn schema(description: &Description) -> Arc<str> {
    let columns = description.columns.iter();
    columns.map(|(name, kind)| format!("{name} {kind}")).collect::<Vec<_>>().join(",").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::examples::{dataset, stream};

    fn description(identity: &str) -> Description {
        Description {
            identity: identity.into(),
            columns: vec![("event_time".into(), "timestamp".into()), ("user".into(), "x".into())],
            parts: Vec::new(),
            oldest: None,
        }
    }

    #[test]
    fn another_table_behind_the_same_name_stops_the_stream() {
        let (stream, mut logs) = (stream(), dataset());
        let horizon = Horizon { clock: None, stable: None };
        assert_eq!(lineage(&stream, &logs, &description("oid 1"), &horizon), Lineage::Same);
        match lineage(&stream, &logs, &description("oid 2"), &horizon) {
            Lineage::Stop(why) => assert!(why.contains("was `oid 1` and is `oid 2`"), "{why}"),
            other => panic!("{other:?}"),
        }
        logs.on_replace = OnReplace::Continue;
        assert!(matches!(
            lineage(&stream, &logs, &description("oid 2"), &horizon),
            Lineage::Anew { t0, .. } if t0 == stream.checkpoint
        ));
    }

    #[test]
    fn a_cursor_that_fell_is_a_truncated_source() {
        let (mut stream, mut logs) = (stream(), dataset());
        stream.domain = Domain::Cursor;
        stream.checkpoint = Position(100);
        let horizon = Horizon { clock: None, stable: Some(Position(99)) };
        assert!(matches!(
            lineage(&stream, &logs, &description("oid 1"), &horizon),
            Lineage::Stop(_)
        ));
        logs.on_replace = OnReplace::Continue;
        assert!(matches!(
            lineage(&stream, &logs, &description("oid 1"), &horizon),
            Lineage::Anew { t0: Position(0), .. }
        ));
    }

    #[test]
    fn what_the_source_no_longer_keeps_is_known() {
        let (stream, mut logs) = (stream(), dataset());
        let now = stream.checkpoint.moment().plus(Duration::from_secs(1000));
        assert_eq!(expired(&stream, &logs, &description("oid 1"), now), None);
        logs.retention = Some(Duration::from_secs(600));
        let lost = expired(&stream, &logs, &description("oid 1"), now).expect("400 s");
        assert_eq!(lost.width(), 400_000_000);
    }

    #[test]
    fn columns_that_are_not_there_are_named() {
        let needed = ["user".to_owned(), "event_time.x".into(), "image".into()];
        assert_eq!(missing_columns(&needed, &description("a")), ["image"]);
    }

    #[test]
    fn clocks_that_are_apart_are_told() {
        let now = Timestamp::from_secs(1000);
        let limit = Duration::from_secs(60);
        assert_eq!(skewed(Some(Timestamp::from_secs(950)), now, limit), None);
        assert_eq!(skewed(None, now, limit), None);
        assert!(skewed(Some(Timestamp::from_secs(900)), now, limit).is_some());
    }
}
