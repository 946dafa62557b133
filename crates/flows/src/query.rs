//! Filters, sorts and cuts rows, the same way over every store.
//!
//! Pure. A store hands over its rows in order of arrival, one at a time; a [`Sifter`] keeps those of
//! the page that was asked for and counts the rest.
//!
//! What a comparison means is said in [`crate::cell`]; ties are sorted by arrival.

use std::fmt;

use base::Timestamp;
use model::results::{ColumnFilter, Comparison, ResultPage, ResultQuery, ResultRow};
use model::store::StoreError;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::cell::{Cell, Condition};

/// How far into a sorted result a page may lie.
pub const SORTED_DEPTH_MAX: u64 = 1_000_000;

/// Refuses a query that would need unbounded memory.
pub fn check(query: &ResultQuery) -> Result<(), StoreError> {
    let deep = query.offset.saturating_add(query.limit) > SORTED_DEPTH_MAX;
    if query.sort.is_some() && deep {
        return Err(StoreError::refused(format!(
            "only the first {SORTED_DEPTH_MAX} rows of a sorted result can be shown; add a filter"
        )));
    }
    Ok(())
}

/// Whether a query takes every row in order of arrival, so that a store may skip by counting.
pub fn takes_all(query: &ResultQuery) -> bool {
    query.search.is_none() && query.filters.is_empty() && query.sort.is_none()
}

/// What a row is compared with, besides its own columns.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// `_client`.
    pub client: &'a str,
    /// `_hostname`.
    pub hostname: &'a str,
    /// `_flow`.
    pub flow: &'a str,
    /// `_round`: of a hunt.
    pub round: Option<u32>,
    /// `_source`.
    pub source: &'a str,
    /// `_stored`.
    pub stored: Timestamp,
    /// `_observed`: when the agent met it, for rows of event artifacts.
    pub observed: Option<Timestamp>,
}

/// Calls `visit` with each top-level column of a JSON object and the JSON of its value. The error
/// says what is wrong with the text.
pub fn walk<'j>(json: &'j str, visit: &mut dyn FnMut(&str, &'j str)) -> Result<(), String> {
    struct Walker<'a, 'j>(&'a mut dyn FnMut(&str, &'j str));
    impl<'j> Visitor<'j> for Walker<'_, 'j> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a JSON object")
        }

        fn visit_map<M: MapAccess<'j>>(self, mut map: M) -> Result<(), M::Error> {
            while let Some(name) = map.next_key::<std::borrow::Cow<'_, str>>()? {
                (self.0)(&name, map.next_value::<&'j RawValue>()?.get());
            }
            Ok(())
        }
    }
    let mut reader = serde_json::Deserializer::from_str(json);
    let walked = reader.deserialize_map(Walker(visit)).and_then(|()| reader.end());
    walked.map_err(|error| error.to_string())
}

/// Checks that a text is one JSON object, and adds its columns to `columns` in the order in which
/// they are met. The error says what is wrong.
pub fn note_columns(json: &str, columns: &mut Vec<String>) -> Result<(), String> {
    struct Names<'a>(&'a mut Vec<String>);
    impl<'j> Visitor<'j> for Names<'_> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a JSON object")
        }

        fn visit_map<M: MapAccess<'j>>(self, mut map: M) -> Result<(), M::Error> {
            let mut at = 0;
            while let Some(name) = map.next_key::<std::borrow::Cow<'_, str>>()? {
                // Rows of one source mostly have the same columns in the same order.
                let met = self.0.get(at).is_some_and(|held| *held == name)
                    || self.0.iter().any(|held| *held == name);
                if !met && self.0.len() < COLUMNS_MAX {
                    self.0.push(name.into_owned());
                }
                at += 1;
                map.next_value::<IgnoredAny>()?;
            }
            Ok(())
        }
    }
    if is_too_deep(json) {
        return Err(format!("it is nested deeper than {DEPTH_MAX} levels"));
    }
    let mut reader = serde_json::Deserializer::from_str(json);
    let walked = reader.deserialize_map(Names(columns)).and_then(|()| reader.end());
    walked.map_err(|error| error.to_string())
}

/// How deep a row may be nested: readers that build the value must not run out of stack.
const DEPTH_MAX: usize = 100;

fn is_too_deep(json: &str) -> bool {
    let (mut depth, mut in_text, mut escaped) = (0usize, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => depth += 1,
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEPTH_MAX {
            return true;
        }
    }
    false
}

/// Most columns of a source that are remembered; rows keep those beyond it.
pub const COLUMNS_MAX: usize = 1_000;

/// A row as it is kept: on one line.
pub fn on_one_line(json: &str) -> std::borrow::Cow<'_, str> {
    // Inside a JSON text a line break can only be a blank between tokens.
    if json.contains(['\n', '\r']) { json.replace(['\n', '\r'], " ").into() } else { json.into() }
}

struct Kept<T> {
    key: Cell<'static>,
    arrival: u64,
    row: T,
}

/// Keeps the rows of one page.
pub struct Sifter<'q, T = ResultRow> {
    query: &'q ResultQuery,
    conditions: Conditions,
    kept: Vec<Kept<T>>,
    arrived: u64,
}

impl Sifter<'_> {
    /// The page.
    pub fn finish(self) -> ResultPage {
        let (rows, total) = self.rows();
        ResultPage { rows, total }
    }
}

impl<'q, T> Sifter<'q, T> {
    /// For this query. Its scope and source are the store's to keep to.
    pub fn new(query: &'q ResultQuery) -> Self {
        Self { query, conditions: Conditions::of(query), kept: Vec::new(), arrived: 0 }
    }

    /// Whether the row passes; if so `make` is called when the page may need it.
    pub fn offer(&mut self, origin: Origin<'_>, json: &str, make: impl FnOnce() -> T) {
        let Some(key) = self.conditions.judge(origin, json) else { return };
        let key = key.into_owned();
        let arrival = self.arrived;
        self.arrived += 1;
        let end = self.query.offset.saturating_add(self.query.limit);
        let Some((_, descending)) = &self.query.sort else {
            if (self.query.offset..end).contains(&arrival) {
                self.kept.push(Kept { key, arrival, row: make() });
            }
            return;
        };
        self.kept.push(Kept { key, arrival, row: make() });
        let depth = usize::try_from(end).unwrap_or(usize::MAX);
        if self.kept.len() >= depth.saturating_mul(2).max(1_024) {
            sort(&mut self.kept, *descending);
            self.kept.truncate(depth);
        }
    }

    /// The rows of the page, and how many pass in all.
    pub fn rows(mut self) -> (Vec<T>, u64) {
        if let Some((_, descending)) = &self.query.sort {
            sort(&mut self.kept, *descending);
            let offset = usize::try_from(self.query.offset).unwrap_or(usize::MAX);
            self.kept.drain(..offset.min(self.kept.len()));
            self.kept.truncate(usize::try_from(self.query.limit).unwrap_or(usize::MAX));
        }
        (self.kept.into_iter().map(|kept| kept.row).collect(), self.arrived)
    }
}

/// The conditions of a query, made ready for many rows.
pub struct Conditions {
    takes_all: bool,
    filters: Vec<(String, Condition)>,
    search: Option<Condition>,
    sort_column: Option<String>,
}

impl Conditions {
    /// Those of this query.
    pub fn of(query: &ResultQuery) -> Self {
        let ready = |filter: &ColumnFilter| {
            (filter.column.clone(), Condition::new(filter.comparison, &filter.text))
        };
        let search = query.search.as_ref();
        Self {
            takes_all: takes_all(query),
            filters: query.filters.iter().map(ready).collect(),
            search: search.map(|wanted| Condition::new(Comparison::Contains, wanted)),
            sort_column: query.sort.as_ref().map(|(column, _)| column.clone()),
        }
    }

    /// Each column that is compared, and with what.
    pub fn filters(&self) -> &[(String, Condition)] {
        &self.filters
    }

    /// What any column must contain.
    pub fn search(&self) -> Option<&Condition> {
        self.search.as_ref()
    }

    /// The sort key of a row that passes all conditions.
    pub fn judge<'a>(&self, origin: Origin<'a>, json: &'a str) -> Option<Cell<'a>> {
        if self.takes_all {
            return Some(Cell::Nothing);
        }
        let sort_column = self.sort_column.as_deref();
        let mut cells: Vec<Cell<'a>> =
            self.filters.iter().map(|(column, _)| of_origin(origin, column)).collect();
        let mut key = sort_column.map_or(Cell::Nothing, |column| of_origin(origin, column));
        let mut found = self.search.is_none();
        walk(json, &mut |name, raw| {
            for ((column, _), cell) in self.filters.iter().zip(&mut cells) {
                if column == name {
                    *cell = Cell::from_json(raw);
                }
            }
            if sort_column == Some(name) {
                key = Cell::from_json(raw);
            }
            if let Some(wanted) = self.search.as_ref().filter(|_| !found) {
                found = wanted.passes(&Cell::from_json(raw));
            }
        })
        .ok()?;
        let mut judged = self.filters.iter().zip(&cells);
        (found && judged.all(|((_, condition), cell)| condition.passes(cell))).then_some(key)
    }
}

/// The columns that every row has besides its own, which hide them.
pub const ORIGIN_COLUMNS: [&str; 7] =
    ["_client", "_hostname", "_flow", "_round", "_source", "_stored", "_observed"];

/// The cell of a column that every row has; nothing for any other column.
pub fn of_origin<'a>(origin: Origin<'a>, column: &str) -> Cell<'a> {
    match column {
        "_client" => Cell::Text(origin.client.into()),
        "_hostname" => Cell::Text(origin.hostname.into()),
        "_flow" => Cell::Text(origin.flow.into()),
        "_round" => origin.round.map_or(Cell::Nothing, |round| Cell::Number {
            value: f64::from(round),
            text: round.to_string().into(),
        }),
        "_source" => Cell::Text(origin.source.into()),
        "_stored" => Cell::Text(origin.stored.to_string().into()),
        "_observed" => origin
            .observed
            .map_or(Cell::Nothing, |observed| Cell::Text(observed.to_string().into())),
        _ => Cell::Nothing,
    }
}

fn sort<T>(kept: &mut [Kept<T>], descending: bool) {
    kept.sort_by(|a, b| {
        let order = a.key.compare(&b.key);
        let order = if descending { order.reverse() } else { order };
        order.then(a.arrival.cmp(&b.arrival))
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{ClientId, FlowId};
    use model::results::ResultScope;

    const ROWS: [&str; 6] = [
        r#"{"Name":"ssh","Pid":20,"Ok":true}"#,
        r#"{"Name":"Bash","Pid":3,"Tags":["a","b"]}"#,
        r#"{"Name":"cron","Pid":"100"}"#,
        r#"{"Name":null,"Pid":7.5}"#,
        r#"{"Pid":100}"#,
        r#"{"Name":"a\"b","Pid":-1}"#,
    ];

    fn query() -> ResultQuery {
        ResultQuery {
            scope: ResultScope::Flow(FlowId::from_bits(1)),
            source: None,
            search: None,
            filters: vec![],
            sort: None,
            offset: 0,
            limit: 10,
        }
    }

    #[track_caller]
    fn check_rows(query: &ResultQuery, answer: &[usize]) {
        let mut sifter = Sifter::new(query);
        let origin = Origin {
            client: "C.1",
            hostname: "web-1",
            flow: "F.1",
            round: Some(2),
            source: "A",
            stored: Timestamp::EPOCH,
            observed: None,
        };
        for json in ROWS {
            sifter.offer(origin, json, || ResultRow {
                client: ClientId::from_bits(1),
                flow: FlowId::from_bits(1),
                round: Some(2),
                source: "A".into(),
                stored: Timestamp::EPOCH,
                json: json.into(),
            });
        }
        let page = sifter.finish();
        let at = |row: &ResultRow| ROWS.iter().position(|json| *json == row.json).unwrap();
        assert_eq!(page.rows.iter().map(at).collect::<Vec<_>>(), answer);
    }

    fn filter(column: &str, comparison: Comparison, text: &str) -> ResultQuery {
        let filter = ColumnFilter { column: column.into(), comparison, text: text.into() };
        ResultQuery { filters: vec![filter], ..query() }
    }

    #[test]
    fn numbers_compare_as_numbers_and_texts_as_texts() {
        check_rows(&filter("Pid", Comparison::Greater, "7"), &[0, 3, 4]);
        check_rows(&filter("Pid", Comparison::Equals, "100.0"), &[4]);
        check_rows(&filter("Pid", Comparison::Equals, "100"), &[2, 4]);
        check_rows(&filter("Name", Comparison::Less, "b"), &[1, 5]);
    }

    #[test]
    fn a_missing_cell_differs_from_everything_and_equals_nothing() {
        check_rows(&filter("Name", Comparison::Differs, "ssh"), &[1, 2, 3, 4, 5]);
        check_rows(&filter("Name", Comparison::Equals, ""), &[]);
        check_rows(&filter("Ok", Comparison::Equals, "true"), &[0]);
    }

    #[test]
    fn contains_ignores_letter_case_and_reads_nested_values() {
        check_rows(&filter("Name", Comparison::Contains, "bAS"), &[1]);
        check_rows(&filter("Tags", Comparison::Contains, "\"b\""), &[1]);
        check_rows(&filter("_hostname", Comparison::Contains, "WEB"), &[0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn a_search_looks_at_values_and_not_at_names() {
        check_rows(&ResultQuery { search: Some("pid".into()), ..query() }, &[]);
        check_rows(&ResultQuery { search: Some("a\"B".into()), ..query() }, &[5]);
    }

    #[test]
    fn nothing_sorts_before_numbers_and_numbers_before_texts() {
        let by = |column: &str, desc| ResultQuery { sort: Some((column.into(), desc)), ..query() };
        check_rows(&by("Pid", false), &[5, 1, 3, 0, 4, 2]);
        check_rows(&by("Pid", true), &[2, 4, 0, 3, 1, 5]);
        check_rows(&by("Name", false), &[3, 4, 1, 5, 2, 0]);
        check_rows(&ResultQuery { offset: 2, limit: 2, ..by("Pid", false) }, &[3, 0]);
    }

    #[test]
    fn a_column_named_like_an_expression_is_only_a_name() {
        check_rows(&filter("Pid') OR 1=1 --", Comparison::Differs, "x"), &[0, 1, 2, 3, 4, 5]);
        check_rows(&filter("$.Pid", Comparison::Equals, "3"), &[]);
    }

    #[test]
    fn only_objects_are_rows() {
        let mut columns = Vec::new();
        assert!(note_columns(r#"{"b":1,"a":[{"c":2}]}"#, &mut columns).is_ok());
        assert_eq!(columns, ["b", "a"]);
        for text in ["", "[]", "1", "{\"a\":1} x", "{\"a\":", "{a:1}", &"[".repeat(100_000)] {
            assert!(note_columns(text, &mut columns).is_err(), "{text:.20}");
        }
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(5_000), "]".repeat(5_000));
        assert!(note_columns(&deep, &mut columns).is_err());
    }
}
