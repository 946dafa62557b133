//! From hits to matches.

use std::sync::Arc;

use base::Timestamp;
use loghunt::engine::{Match, MatchSink, Scan};
use model::log::{Completeness, Domain, Position};
use rows::{Name, Row, Shape, Time, Value};
use serde_json::Value as Json;
use sigma::{Fields, Predicate, RuleSet, Scratch};

use super::mapping::Mapping;

/// Judges hits and hands matches on.
pub(super) struct Reader<'r> {
    scan: &'r Scan,
    mapping: &'r Mapping,
    rules: RuleSet,
    columns: &'r Arc<[Name]>,
    sink: &'r mut dyn MatchSink,
    scratch: Scratch,
    hits: Vec<usize>,
    count: u64,
    waiting: Vec<Match>,
    pub(super) cut: Option<Completeness>,
    pub(super) bytes: u64,
}

/// A document with the names that rules use beside its own.
struct Named<'n> {
    row: &'n Row,
    scan: &'n Scan,
}

impl Fields for Named<'_> {
    fn field(&self, name: &str) -> Option<Value> {
        self.row.field(self.scan.source.column(name))
    }

    fn each_text(&self, see: &mut dyn FnMut(&[u8])) {
        self.row.each_text(see);
    }
}

impl<'r> Reader<'r> {
    pub(super) fn new(
        scan: &'r Scan,
        mapping: &'r Mapping,
        predicate: &Predicate,
        columns: &'r Arc<[Name]>,
        sink: &'r mut dyn MatchSink,
    ) -> Self {
        Self {
            scan,
            mapping,
            rules: RuleSet::new([predicate]),
            columns,
            sink,
            scratch: Scratch::default(),
            hits: Vec::new(),
            count: 0,
            waiting: Vec::new(),
            cut: None,
            bytes: 0,
        }
    }

    /// Takes a page; whether another is wanted.
    pub(super) fn take(&mut self, hits: &[Json]) -> bool {
        for hit in hits {
            self.hit(hit);
            if self.cut.is_some() {
                return false;
            }
        }
        self.finish();
        self.cut.is_none()
    }

    pub(super) fn finish(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let truncated = self.cut.take();
        if self.sink.take(std::mem::take(&mut self.waiting)).is_break() {
            self.cut = Some(Completeness::Partial("the caller had enough".into()));
        }
        self.cut = self.cut.take().or(truncated);
    }

    fn hit(&mut self, hit: &Json) {
        let Value::Dict(row) = rows_json::from_serde(&hit["_source"]) else { return };
        self.bytes += Value::Dict(row.clone()).size_bytes() as u64;
        let source = &self.scan.source;
        let moment = |name: Option<&str>| micros(&row.field(name?)?);
        let position = match source.domain {
            Domain::Cursor => hit["_seq_no"].as_i64(),
            _ => moment(source.position_column()),
        };
        let Some(position) = position.map(Position) else { return };
        if !self.scan.read.contains(position) {
            return;
        }
        let named = Named { row: &row, scan: self.scan };
        self.rules.matching(&named, &mut self.scratch, &mut self.hits);
        if self.hits.is_empty() {
            return;
        }
        if self.count >= self.scan.limits.rows_max {
            self.cut = Some(Completeness::Truncated(self.scan.limits.rows_max));
            return;
        }
        self.count += 1;
        let event_time = moment(source.event_time.as_deref()).map(Timestamp::from_micros);
        let text = |name: &str| hit[name].as_str().unwrap_or("");
        let identity = format!("{}/{}", text("_index"), text("_id"));
        let row = self.shown(row);
        self.waiting.push(Match { row, position, event_time, identity: Some(identity.into()) });
    }

    fn shown(&self, mut row: Row) -> Row {
        row.map_values(|name, value| {
            if let (Value::Int(number), true) = (&*value, self.mapping.is_float(name.as_str())) {
                *value = Value::Float(*number as f64);
            }
        });
        if self.columns.is_empty() {
            for (field, column) in &*self.scan.source.columns {
                if let (false, Some(value)) = (row.contains(field), row.field(column)) {
                    row.set(field.as_str(), value);
                }
            }
            return row;
        }
        let named = Named { row: &row, scan: self.scan };
        let cells: Vec<Value> = self
            .columns
            .iter()
            .map(|name| named.field(name.as_str()).unwrap_or_default())
            .collect();
        Row::of_shape(&Shape::of(self.columns.iter().cloned()), cells)
    }
}

/// A moment as documents have it: RFC 3339, or milliseconds since 1970.
fn micros(value: &Value) -> Option<i64> {
    match value {
        Value::Int(millis) => millis.checked_mul(1_000),
        Value::Text(text) => {
            let text = text.as_str()?;
            // Nothing else is a moment here, least of all what could be guessed to be one.
            let date = text.len() >= 10 && text.as_bytes().get(4) == Some(&b'-');
            let time = date.then(|| Time::parse(text)).flatten()?;
            i64::try_from(time.unix_nanos().div_euclid(1_000)).ok()
        }
        _ => None,
    }
}
