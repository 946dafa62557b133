//! What changes in the rows of a query.

use std::collections::VecDeque;
use std::collections::hash_map::{Entry as Place, HashMap};

use rows::{Row, Text};
use vql_plugin::{Entry, Failure, Plugin, Query, RowStream, Scope, plugin_args};

use crate::language::background::{seconds, wait};

pub(super) fn entry() -> Entry {
    Entry::plugin(Diff)
}

plugin_args! {
    /// Runs a query again and again and yields the rows that are new, with `added` in the column
    /// `Diff`, and those that are gone, with `removed`. The rows of the first run are no news.
    pub struct DiffArgs for "diff" {
        /// The rows.
        query: Query,
        /// The column that makes rows the same.
        key: String,
        /// Seconds from one run to the next.
        period: i64 = 60,
    }
}

struct Diff;

impl Plugin for Diff {
    type Args = DiffArgs;

    fn rows(&self, args: DiffArgs, scope: &Scope) -> Result<RowStream, Failure> {
        if args.period < 0 {
            return Err("Field period should not be negative".into());
        }
        let scope = scope.clone();
        let mut known: Option<Known> = None;
        let mut news: VecDeque<Row> = VecDeque::new();
        Ok(Box::new(std::iter::from_fn(move || {
            loop {
                if let Some(row) = news.pop_front() {
                    return Some(row);
                }
                if known.is_some() && !wait(seconds(args.period), &scope) {
                    return None;
                }
                let found = Known::read(&args, &scope)?;
                if let Some(before) = known.replace(found)
                    && let Some(now) = &known
                {
                    news = changes(&before, now);
                }
            }
        })))
    }
}

/// The rows of one run, by key and in order.
struct Known {
    places: HashMap<Text, usize>,
    rows: Vec<(Text, Row)>,
    charged: usize,
    scope: Scope,
}

impl Known {
    /// `None` when the run has to end.
    fn read(args: &DiffArgs, scope: &Scope) -> Option<Self> {
        let (places, rows) = (HashMap::new(), Vec::new());
        let mut known = Self { places, rows, charged: 0, scope: scope.clone() };
        for row in args.query.rows(scope) {
            let key = row.get(&args.key).cloned().unwrap_or_default();
            let key = scope.materialise(&key).to_text();
            let size = rows::Value::Dict(row.clone()).size_bytes() + key.len();
            scope.charge(size).ok()?;
            known.charged += size;
            match known.places.entry(key.clone()) {
                Place::Occupied(place) => known.rows[*place.get()].1 = row,
                Place::Vacant(place) => {
                    place.insert(known.rows.len());
                    known.rows.push((key, row));
                }
            }
        }
        (!scope.stopped()).then_some(known)
    }
}

impl Drop for Known {
    fn drop(&mut self) {
        self.scope.release(self.charged);
    }
}

fn changes(before: &Known, now: &Known) -> VecDeque<Row> {
    let missing_in = |other: &Known, what: &'static str, rows: &Known| -> Vec<Row> {
        let news = rows.rows.iter().filter(|(key, _)| !other.places.contains_key(key));
        news.map(|(_, row)| row.clone().with("Diff", what)).collect()
    };
    let mut news = VecDeque::from(missing_in(before, "added", now));
    news.extend(missing_in(now, "removed", before));
    news
}
