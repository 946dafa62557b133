//! Rows that satisfy some base rule of a Sigma correlation, to its matches.
//!
//! One query fetches the rows of all base rules, as far back as the correlation reaches; which rule a
//! row satisfies is asked here, where it means what it means everywhere.
//!
//! # Not here
//!
//! What completes a match: `sigma::correlate`.

use base::Timestamp;
use model::log::{Position, Window};
use rows::{Dict, Row, Time, Value};
use sigma::correlate::{CorrelationMatch, Emit, Event, correlate};
use sigma::{Correlation, Fields, Predicate, RuleSet, Scratch};

use crate::engine::Match;

/// So many of a match's events are kept as a sample.
const SAMPLE_MAX: usize = 5;

/// What engines are asked for: rows that satisfy any of the base rules.
pub fn any_base(correlation: &Correlation) -> Predicate {
    let leaves = correlation.leaves();
    Predicate::Or(leaves.iter().flat_map(|leaf| leaf.conditions.clone()).collect())
}

/// The matches that are completed in a window of event time. `matches` are the rows of the window and
/// of what the correlation reaches before it; `columns` lead from names that rules use to columns.
pub fn correlated(
    correlation: &Correlation,
    columns: &[(String, String)],
    matches: &[Match],
    emit: Window,
) -> Vec<Match> {
    let leaves = correlation.leaves();
    let mut owners = Vec::new();
    for (leaf, rule) in leaves.iter().enumerate() {
        owners.extend(rule.conditions.iter().map(|_| leaf));
    }
    let set = RuleSet::new(leaves.iter().flat_map(|leaf| &leaf.conditions));
    let (mut scratch, mut hits) = (Scratch::default(), Vec::new());
    let mut events = Vec::new();
    for one in matches {
        set.matching(&Named { row: &one.row, columns }, &mut scratch, &mut hits);
        let mut satisfied: Vec<usize> = hits.iter().map(|hit| owners[*hit]).collect();
        satisfied.dedup();
        let time = one.event_time.map_or(one.position.0, Timestamp::as_micros);
        events.extend(satisfied.into_iter().map(|leaf| Event {
            leaf,
            time,
            position: one.position.0,
            row: one.row.clone(),
            new: true,
        }));
    }
    let emit = Emit::CompletedIn { from: emit.from().0, to: emit.to().0 };
    let field = |row: &Row, name: &str| Named { row, columns }.field(name);
    let found = correlate(correlation, &events, emit, &field);
    found.iter().map(|one| as_match(one, &events)).collect()
}

/// A row whose fields have the names that rules use.
struct Named<'r> {
    row: &'r Row,
    columns: &'r [(String, String)],
}

impl Fields for Named<'_> {
    fn field(&self, name: &str) -> Option<Value> {
        let mapped = self.columns.iter().find(|(known, _)| known == name);
        self.row.field(mapped.map_or(name, |(_, column)| column))
    }

    fn each_text(&self, see: &mut dyn FnMut(&[u8])) {
        self.row.each_text(see);
    }
}

/// The group, what was counted, and some of the events.
pub fn as_match(found: &CorrelationMatch, events: &[Event]) -> Match {
    let moment = |micros: i64| Value::Time(Time::from_unix_nanos(i128::from(micros) * 1_000));
    let of_match = || found.events.iter().map(|at| &events[*at]);
    let first = of_match().map(|event| event.time).min().unwrap_or(found.instant);
    let sample = of_match().rev().take(SAMPLE_MAX).map(|event| Value::Dict(event.row.clone()));
    let mut row: Dict = found.group.iter().cloned().collect();
    row.set("events", i64::try_from(found.events.len()).unwrap_or(i64::MAX));
    row.set("amount", found.amount);
    row.set("first_event", moment(first));
    row.set("last_event", moment(found.instant));
    row.set("sample", Value::array(sample.collect::<Vec<_>>()));
    let instant = Timestamp::from_micros(found.instant);
    Match { row, position: Position::at(instant), event_time: Some(instant), identity: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = "title: Failed\nname: failed\nlogsource: {category: authentication}\n\
        detection:\n  s: {Outcome: failure}\n  condition: s\n---\n\
        title: Guessing\ncorrelation:\n  type: event_count\n  rules: [failed]\n  group-by: [User]\n  \
        timespan: 1m\n  condition: {gte: 3}\n";

    fn row(secs: i64, user: &str, outcome: &str) -> Match {
        let position = Position::at(Timestamp::from_secs(secs));
        let row = Dict::new().with("account", user).with("Outcome", outcome);
        Match { row, position, event_time: Some(Timestamp::from_secs(secs)), identity: None }
    }

    fn window(from: i64, to: i64) -> Window {
        let at = |secs| Position::at(Timestamp::from_secs(secs));
        Window::new(at(from), at(to)).unwrap()
    }

    #[test]
    fn two_slices_find_what_one_finds_and_each_match_once() {
        let file = sigma::read_rules("rules.yml", RULES);
        let correlation = &file.correlations[0];
        let columns = [("User".to_owned(), "account".to_owned())];
        let rows = [
            row(1, "x", "failure"),
            row(30, "x", "failure"),
            row(40, "x", "success"),
            row(50, "y", "failure"),
            row(60, "x", "FAILURE"),
            row(61, "x", "failure"),
        ];
        let all = correlated(correlation, &columns, &rows, window(0, 120));
        assert_eq!(all.len(), 1);
        let [found] = &all[..] else { panic!("one match") };
        assert_eq!(found.event_time, Some(Timestamp::from_secs(60)));
        assert_eq!(found.row.get("User"), Some(&Value::text("x")));
        assert_eq!(found.row.get("events"), Some(&Value::Int(3)));
        let sliced: Vec<usize> = [(0, 60), (60, 61), (61, 120)]
            .map(|(from, to)| {
                let read: Vec<Match> = rows
                    .iter()
                    .filter(|one| {
                        one.position.0 >= (from - 60) * 1_000_000 && one.position.0 < to * 1_000_000
                    })
                    .cloned()
                    .collect();
                correlated(correlation, &columns, &read, window(from, to)).len()
            })
            .to_vec();
        assert_eq!(sliced, [0, 1, 0]);
    }

    #[test]
    fn engines_are_asked_for_the_rows_of_every_base_rule() {
        let file = sigma::read_rules("rules.yml", RULES);
        let asked = any_base(&file.correlations[0]);
        assert!(matches!(&asked, Predicate::Or(of) if of.len() == 1), "{asked:?}");
    }
}
