//! From matches to findings: which match is the same match, which exception it falls under, and with
//! which others it is told.
//!
//! # Invariants
//!
//! - A match has one identity, whichever window, lane or revision found it.
//! - Two rows with the same values at two positions are two findings, and so are two identical rows
//!   of one position.
//! - What an exception or a bucket holds back is stored all the same.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;
use log_rules::Suppress;
use model::log::{
    DatasetName, Domain, Finding, FindingId, Position, RuleName, Severity, SliceId, TenantName,
    Triage, Window,
};
use rows::{Row, Time, Value, write_json_row};
use sha2::{Digest, Sha256};
use sigma::{Fields, Predicate, RuleSet, Scratch};

use crate::engine::Match;
use crate::ids::finding_id;

/// In the rows of windowed SQL: the instant that completes the match.
pub const INSTANT_COLUMN: &str = "_instant";

/// How matches of a rule are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind<'k> {
    /// By their row.
    Row,
    /// By the instant that completes them and the values of these columns; of all, without any.
    Group(&'k [String]),
    /// By their window and row.
    Window(Window),
}

/// A match with its identity.
#[derive(Clone, Debug)]
pub struct Keyed {
    /// What was found.
    pub found: Match,
    /// What makes it the same match when it is found again.
    pub key: Vec<u8>,
}

/// Gives each match its key. `identity` are the dataset's columns that tell rows apart; without any,
/// and without an identity of the engine's, all columns do.
pub fn keyed(matches: Vec<Match>, identity: &[String], kind: Kind<'_>) -> Vec<Keyed> {
    let mut seen: HashMap<Vec<u8>, u64> = HashMap::new();
    let with_key = |found: Match| {
        let (base, counts) = match kind {
            Kind::Row => match &found.identity {
                Some(id) => (part("id", &[id.as_bytes()]), false),
                None => (by_values(&found, identity), true),
            },
            Kind::Group(columns) => (by_group(&found, columns), false),
            Kind::Window(window) => {
                let bounds = [window.from().0.to_be_bytes(), window.to().0.to_be_bytes()];
                (part("window", &[&bounds[0], &bounds[1], &json(&found.row)]), true)
            }
        };
        let key = if counts {
            let ordinal = seen.entry(base.clone()).or_default();
            let key = part("ordinal", &[&base, &ordinal.to_be_bytes()]);
            *ordinal += 1;
            key
        } else {
            base
        };
        Keyed { found, key }
    };
    matches.into_iter().map(with_key).collect()
}

fn by_values(found: &Match, identity: &[String]) -> Vec<u8> {
    let event = found.event_time.map_or(i64::MIN, Timestamp::as_micros);
    let place = [found.position.0.to_be_bytes(), event.to_be_bytes()];
    let values = if identity.is_empty() {
        // Whether an engine hands over a column that has no value must not matter.
        let given = found.row.iter().filter(|(_, value)| !value.is_null());
        json(&given.map(|(name, value)| (name.clone(), value.clone())).collect())
    } else {
        values(&found.row, identity)
    };
    part("row", &[&place[0], &place[1], &values])
}

fn by_group(found: &Match, columns: &[String]) -> Vec<u8> {
    let group = if columns.is_empty() {
        let mut rest = found.row.clone();
        rest.remove(INSTANT_COLUMN);
        json(&rest)
    } else {
        values(&found.row, columns)
    };
    let instant = found.event_time.map_or(found.position.0, Timestamp::as_micros);
    part("group", &[&group, &instant.to_be_bytes()])
}

/// The values of some columns, in order.
fn values(row: &Row, columns: &[String]) -> Vec<u8> {
    let value = |column: &String| row.get(column).cloned().unwrap_or_default();
    json(&columns.iter().map(|column| (column.as_str(), value(column))).collect())
}

fn json(row: &Row) -> Vec<u8> {
    let mut out = Vec::new();
    write_json_row(row, &mut out);
    out
}

/// Hashes parts under a word, so that keys are short and no two lists read the same.
fn part(kind: &str, parts: &[&[u8]]) -> Vec<u8> {
    let mut hasher = Sha256::new();
    for part in std::iter::once(kind.as_bytes()).chain(parts.iter().copied()) {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().to_vec()
}

/// Takes the instant out of rows of windowed SQL and keeps the matches that are completed in this
/// window. A row without a readable instant is the author's mistake, told by its sentence.
pub fn completed_in(matches: Vec<Match>, emit: Window) -> Result<Vec<Match>, String> {
    let mut kept = Vec::new();
    for mut found in matches {
        let value = found.row.get(INSTANT_COLUMN);
        let Some(instant) = value.and_then(moment_of) else {
            return Err(format!(
                "a windowed query must answer the instant that completes each match in a column `{INSTANT_COLUMN}`; this row has {}",
                value.map_or("none".into(), |value| format!("`{}`", value.to_text()))
            ));
        };
        found.event_time = Some(instant);
        found.position = Position::at(instant);
        if emit.contains(found.position) {
            kept.push(found);
        }
    }
    Ok(kept)
}

/// A moment, as engines answer it: a time, a text of one, or microseconds since 1970.
pub fn moment_of(value: &Value) -> Option<Timestamp> {
    let of_nanos = |nanos: i128| i64::try_from(nanos.div_euclid(1000)).ok();
    match value {
        Value::Time(time) => of_nanos(time.unix_nanos()).map(Timestamp::from_micros),
        Value::Int(micros) => Some(Timestamp::from_micros(*micros)),
        Value::Text(text) => {
            of_nanos(Time::parse(text.as_str()?)?.unix_nanos()).map(Timestamp::from_micros)
        }
        _ => None,
    }
}

/// An exception of a tenant, ready to be asked.
pub struct Exceptions {
    set: RuleSet,
    texts: Vec<(Arc<str>, Option<Timestamp>)>,
}

impl Exceptions {
    /// Exceptions: how they are written, what they ask, and until when they count.
    pub fn new(exceptions: &[(Arc<str>, Predicate, Option<Timestamp>)]) -> Self {
        Self {
            set: RuleSet::new(exceptions.iter().map(|(_, predicate, _)| predicate)),
            texts: exceptions.iter().map(|(text, _, until)| (text.clone(), *until)).collect(),
        }
    }

    /// The first exception that a match falls under; one that is over at the match's instant does
    /// not count.
    fn of(
        &self,
        record: &dyn Fields,
        instant: Timestamp,
        scratch: &mut Scratch,
    ) -> Option<Arc<str>> {
        if self.texts.is_empty() {
            return None;
        }
        let mut hits = Vec::new();
        self.set.matching(record, scratch, &mut hits);
        let counts = |hit: &&usize| self.texts[**hit].1.is_none_or(|until| instant < until);
        hits.iter().find(counts).map(|hit| self.texts[*hit].0.clone())
    }
}

/// A row by the names that rules use and by those of its columns.
struct Named<'a> {
    row: &'a Row,
    columns: &'a [(String, String)],
}

impl Fields for Named<'_> {
    fn field(&self, name: &str) -> Option<Value> {
        self.row.field(name).or_else(|| {
            let (_, column) = self.columns.iter().find(|(field, _)| field == name)?;
            self.row.field(column)
        })
    }

    fn each_text(&self, see: &mut dyn FnMut(&[u8])) {
        self.row.each_text(see);
    }
}

/// What all findings of a stream have in common.
pub struct Template {
    /// Whose logs.
    pub tenant: TenantName,
    /// Which of them.
    pub dataset: DatasetName,
    /// Which rule.
    pub rule: RuleName,
    /// What the rule calls it.
    pub title: Arc<str>,
    /// How bad, for this tenant.
    pub severity: Severity,
    /// ATT&CK techniques.
    pub attack: Arc<[String]>,
    /// The revision of the rule's logic.
    pub revision: Arc<str>,
    /// What its positions count.
    pub domain: Domain,
    /// From the names that rules use to columns.
    pub columns: Arc<[(String, String)]>,
    /// Exceptions of the tenant.
    pub exceptions: Exceptions,
    /// Groups of which only the first is told.
    pub suppress: Option<Suppress>,
}

/// Where and when matches were found.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Which slice.
    pub slice: SliceId,
    /// Its window.
    pub window: Window,
    /// By a repair.
    pub late: bool,
    /// When.
    pub now: Timestamp,
}

impl Template {
    /// The findings that matches are.
    pub fn findings(&self, matches: Vec<Keyed>, place: Place) -> Vec<Finding> {
        let mut scratch = Scratch::default();
        matches.into_iter().map(|one| self.finding(one, place, &mut scratch)).collect()
    }

    fn finding(&self, keyed: Keyed, place: Place, scratch: &mut Scratch) -> Finding {
        let Keyed { found, key } = keyed;
        let by_position = || self.domain.is_time().then(|| found.position.moment());
        let instant = found.event_time.or_else(by_position).unwrap_or(place.now);
        let record = Named { row: &found.row, columns: &self.columns };
        let suppressed_by = self.exceptions.of(&record, instant, scratch);
        let bucket = self.suppress.as_ref().map(|how| self.bucket(how, &record, instant));
        Finding {
            id: self.id(&key),
            tenant: self.tenant.clone(),
            dataset: self.dataset.clone(),
            rule: self.rule.clone(),
            title: self.title.clone(),
            severity: self.severity,
            attack: self.attack.clone(),
            revision_first: self.revision.clone(),
            revision_last: self.revision.clone(),
            slice: place.slice,
            window: place.window,
            domain: self.domain,
            position: found.position,
            instant,
            found_at: place.now,
            row: found.row,
            late: place.late,
            suppressed_by,
            bucket,
            notified: false,
            triage: Triage::default(),
        }
    }

    fn id(&self, key: &[u8]) -> FindingId {
        finding_id(&self.tenant, &self.dataset, &self.rule, key)
    }

    /// The bucket of a match: by the match's own instant, so that it is the same whoever reads the
    /// window, and when.
    fn bucket(&self, how: &Suppress, record: &dyn Fields, instant: Timestamp) -> Arc<str> {
        let width = i64::try_from(how.during.max(Duration::from_secs(1)).as_micros());
        let number = instant.as_micros().div_euclid(width.unwrap_or(i64::MAX));
        let value = |column: &String| record.field(column).unwrap_or_default();
        let values: Row = how.by.iter().map(|column| (column.as_str(), value(column))).collect();
        let names = [self.tenant.as_str(), self.rule.as_str()].map(str::as_bytes);
        let key = part("bucket", &[names[0], names[1], &json(&values), &number.to_be_bytes()]);
        hex::encode(&key[..16]).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::examples::{key, slice};
    use sigma::{Test, TextPattern, TextTest};

    fn found(position: i64, user: &str) -> Match {
        Match {
            row: Row::from([("user", Value::text(user))]),
            position: Position(position),
            event_time: None,
            identity: None,
        }
    }

    fn ids(matches: Vec<Match>, identity: &[&str]) -> Vec<FindingId> {
        let identity: Vec<String> = identity.iter().map(|name| (*name).to_owned()).collect();
        let keyed = keyed(matches, &identity, Kind::Row);
        keyed.iter().map(|one| template().id(&one.key)).collect()
    }

    fn template() -> Template {
        let is_svc = Predicate::Field {
            field: "User".into(),
            test: Test::Text(TextTest { pattern: TextPattern::Equals("svc".into()), cased: false }),
        };
        let until = Some(Timestamp::from_secs(50));
        Template {
            tenant: key().tenant,
            dataset: key().dataset,
            rule: key().rule,
            title: "whoami".into(),
            severity: Severity::High,
            attack: Vec::new().into(),
            revision: "r1".into(),
            domain: Domain::EventTime,
            columns: vec![("User".to_owned(), "user".to_owned())].into(),
            exceptions: Exceptions::new(&[("User = 'svc'".into(), is_svc, until)]),
            suppress: Some(Suppress { by: vec!["User".into()], during: Duration::from_secs(60) }),
        }
    }

    #[test]
    fn identical_rows_are_several_findings_and_the_same_ones_again() {
        let twice = || vec![found(1, "a"), found(1, "a"), found(2, "a"), found(1, "b")];
        let first = ids(twice(), &["user"]);
        let mut different = first.clone();
        different.sort();
        different.dedup();
        assert_eq!(different.len(), 4);
        assert_eq!(ids(twice(), &["user"]), first);
    }

    #[test]
    fn with_identity_columns_the_other_columns_do_not_matter() {
        let mut more = found(1, "a");
        more.row.set("more", 1);
        assert_eq!(ids(vec![found(1, "a")], &["user"]), ids(vec![more.clone()], &["user"]));
        assert_ne!(ids(vec![found(1, "a")], &[]), ids(vec![more], &[]));
    }

    #[test]
    fn an_engines_identity_is_the_row() {
        let with = |position| Match { identity: Some("doc 1".into()), ..found(position, "a") };
        assert_eq!(ids(vec![with(1)], &[]), ids(vec![with(2)], &["user"]));
    }

    #[test]
    fn only_what_is_completed_in_the_window_is_emitted() {
        let row = |secs: i64| Match {
            row: Row::from([
                (INSTANT_COLUMN, Value::Int(secs * 1_000_000)),
                ("n", Value::Int(secs)),
            ]),
            ..found(0, "")
        };
        let window = slice(10, 20).window;
        let kept = completed_in(vec![row(9), row(10), row(19), row(20)], window).unwrap();
        let secs: Vec<i64> = kept.iter().map(|found| found.position.0 / 1_000_000).collect();
        assert_eq!(secs, [10, 19]);
        let sentence = completed_in(vec![found(1, "a")], window).unwrap_err();
        assert!(sentence.ends_with("this row has none"), "{sentence}");
    }

    #[test]
    fn exceptions_and_buckets_follow_the_instant_of_the_match() {
        let place = Place {
            slice: slice(0, 600).id,
            window: slice(0, 600).window,
            late: false,
            now: Timestamp::from_secs(600),
        };
        let matches = [10, 40, 55, 61].map(|secs| found(secs * 1_000_000, "svc"));
        let keyed = keyed(matches.to_vec(), &[], Kind::Row);
        let findings = template().findings(keyed, place);
        let excepted: Vec<bool> = findings.iter().map(|one| one.suppressed_by.is_some()).collect();
        assert_eq!(excepted, [true, true, false, false], "it ran out at 50 s");
        assert_eq!(findings[0].bucket, findings[2].bucket);
        assert_ne!(findings[2].bucket, findings[3].bucket);
    }

    #[test]
    fn moments_are_read_as_engines_write_them() {
        let at = Some(Timestamp::from_secs(1));
        assert_eq!(moment_of(&Value::Int(1_000_000)), at);
        assert_eq!(moment_of(&Value::text("1970-01-01T00:00:01Z")), at);
        assert_eq!(moment_of(&Value::Time(Time::from_unix(1, 999))), at);
        assert_eq!(moment_of(&Value::Null), None);
    }
}
