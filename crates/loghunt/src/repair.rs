//! Rows that come after their window was committed: when to look again, and what to read again.
//!
//! Committed windows whose source can still grow are looked at again at some ages. One whose
//! fingerprint changed is read again in a lane of its own, with every window whose answer depends on
//! it.

use std::time::Duration;

use base::Timestamp;
use log_rules::{Dataset, RuleClass};
use model::log::{Domain, Position, Window};

use crate::engine::Horizon;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// The ages at which windows of a dataset are looked at again, youngest first. The last is as late as
/// rows are kept, less a margin.
pub fn audit_ages(dataset: &Dataset) -> Vec<Duration> {
    let mut ages = dataset.audit_ages.clone();
    if ages.is_empty() {
        ages = vec![HOUR, DAY];
        ages.extend(dataset.retention.map(|kept| kept / 2));
    }
    if let Some(kept) = dataset.retention {
        let last = kept.saturating_sub(margin(kept));
        ages.retain(|age| *age < last);
        ages.push(last);
    }
    ages.sort_unstable();
    ages.dedup();
    ages
}

/// So long before rows go away they are looked at for the last time.
fn margin(kept: Duration) -> Duration {
    (kept / 10).min(DAY)
}

/// Whether the windows of a stream can grow after they were read.
pub fn can_grow(domain: Domain, horizon: &Horizon) -> bool {
    match domain {
        Domain::EventTime => true,
        // An engine that knows its open transactions lets nothing appear behind its horizon.
        Domain::IngestTime => horizon.stable.is_none(),
        Domain::Cursor => false,
    }
}

/// When a window is looked at next: at the first of its ages that is still to come.
pub fn next_audit(window: Window, ages: &[Duration], now: Timestamp) -> Option<Timestamp> {
    let end = window.to().moment();
    ages.iter().map(|age| end.plus(*age)).find(|moment| *moment > now)
}

/// The stretch in which windows are read again when this one changed: for a rule whose matches reach
/// over a span, all whose matches may have an event in it.
pub fn depends_on(window: Window, class: RuleClass) -> Window {
    let reach = match class {
        RuleClass::Windowed { span } => i64::try_from(span.as_micros()).unwrap_or(i64::MAX),
        RuleClass::PerEvent | RuleClass::Opaque => 0,
    };
    let to = Position(window.to().0.saturating_add(reach));
    Window::new(window.from(), to).unwrap_or(window)
}

/// By how much a source grew, where its fingerprints begin with a count of rows.
pub fn growth(before: &str, after: &str) -> Option<u64> {
    let count = |text: &str| {
        let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<u64>().ok()
    };
    count(after)?.checked_sub(count(before)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::examples::dataset;

    fn hours(ages: &[Duration]) -> Vec<u64> {
        ages.iter().map(|age| age.as_secs() / 3600).collect()
    }

    #[test]
    fn the_last_look_is_shortly_before_rows_go_away() {
        let mut logs = dataset();
        assert_eq!(hours(&audit_ages(&logs)), [1, 24]);
        logs.retention = Some(Duration::from_secs(10 * 24 * 3600));
        assert_eq!(hours(&audit_ages(&logs)), [1, 24, 120, 216]);
        logs.retention = Some(Duration::from_secs(10 * 3600));
        assert_eq!(hours(&audit_ages(&logs)), [1, 5, 9]);
        logs.audit_ages = vec![Duration::from_secs(2 * 3600)];
        assert_eq!(hours(&audit_ages(&logs)), [2, 9]);
    }

    #[test]
    fn a_window_is_looked_at_at_the_next_of_its_ages() {
        let window = Window::new(Position(0), Position(0).max(Position(1_000_000))).expect("order");
        let ages = [HOUR, DAY];
        let next = |secs| {
            let found = next_audit(window, &ages, Timestamp::from_secs(secs));
            found.map(|moment| moment.as_micros() / 1_000_000)
        };
        assert_eq!(next(0), Some(3601));
        assert_eq!(next(3601), Some(86_401));
        assert_eq!(next(86_401), None);
    }

    #[test]
    fn what_reaches_over_a_span_is_read_again_with_it() {
        let window = Window::new(Position(10), Position(20)).expect("order");
        assert_eq!(depends_on(window, RuleClass::PerEvent), window);
        let span = Duration::from_micros(5);
        let wider = depends_on(window, RuleClass::Windowed { span });
        assert_eq!((wider.from(), wider.to()), (Position(10), Position(25)));
    }

    #[test]
    fn growth_is_a_difference_of_counts() {
        assert_eq!(growth("12:ab", "15:cd"), Some(3));
        assert_eq!(growth("12", "11"), None);
        assert_eq!(growth("ab", "cd"), None);
    }
}
