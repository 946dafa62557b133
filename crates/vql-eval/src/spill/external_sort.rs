//! Sorting more than fits into memory: sorted runs in files, merged at the end.
//!
//! Comparison of mixed types is no order in the mathematical sense, so this is a merge sort of our
//! own, which terminates whatever the comparison says. It is stable: equal keys keep their order.

use std::cmp::Ordering;
use std::sync::Arc;

use rows::{Row, Text, Value, sort_less};
use vql_plugin::Stopped;

use crate::session::{Charge, Session};
use crate::spill::{Reader, Stored, Writer};

/// So many runs are merged at once.
const MERGE_WIDTH: usize = 64;
/// A chunk is not written before it is this large, however short memory is.
const CHUNK_BYTES_MIN: usize = 256 * 1024;

/// How keys compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyOrder {
    /// As ORDER BY says.
    Ascending,
    /// As ORDER BY … DESC says.
    Descending,
    /// Texts, byte by byte.
    Bytes,
}

impl KeyOrder {
    fn less(self, left: &Value, right: &Value) -> bool {
        match self {
            Self::Ascending => sort_less(left, right),
            Self::Descending => sort_less(right, left),
            Self::Bytes => match (left, right) {
                (Value::Text(left), Value::Text(right)) => left < right,
                _ => false,
            },
        }
    }
}

type Keyed = (Value, Row);

/// Takes keyed rows, and gives them back in order.
pub(crate) struct Sorter {
    order: KeyOrder,
    session: Arc<Session>,
    chunk: Vec<Keyed>,
    chunk_bytes: usize,
    charge: Charge,
    /// Runs in the order of their rows, each with how often it was merged.
    runs: Vec<(u32, Arc<Stored>)>,
}

impl Sorter {
    pub(crate) fn new(order: KeyOrder, session: &Arc<Session>) -> Self {
        Self {
            order,
            session: session.clone(),
            chunk: Vec::new(),
            chunk_bytes: 0,
            charge: Charge::new(session),
            runs: Vec::new(),
        }
    }

    /// One more row. With room outside of memory, both should be plain data.
    pub(crate) fn push(&mut self, key: Value, row: Row) -> Result<(), Stopped> {
        let size = self.session.measure(&Value::Dict(row.clone()))? + key.size_bytes();
        let full = self.chunk_bytes + size > self.session.stage_bytes();
        let short = self.chunk_bytes >= CHUNK_BYTES_MIN && self.session.is_short_of_memory();
        if !self.chunk.is_empty() && (full || short) {
            self.write_run()?;
        }
        self.charge.add(size)?;
        self.chunk_bytes += size;
        self.chunk.push((key, row));
        Ok(())
    }

    /// Puts the chunk into a file, if there can be one.
    fn write_run(&mut self) -> Result<(), Stopped> {
        let Some(writer) = Writer::start(&self.session) else { return Ok(()) };
        let mut writer = writer?;
        for (key, row) in sorted(std::mem::take(&mut self.chunk), self.order) {
            writer.push(&key, &row)?;
        }
        self.charge.subtract(self.chunk_bytes);
        self.chunk_bytes = 0;
        self.runs.push((0, writer.finish()?));
        // As with a counter: when there are enough runs of one length, they become a longer one.
        while let Some((level, _)) = self.runs.last()
            && let Some(from) = self.runs.len().checked_sub(MERGE_WIDTH)
            && self.runs[from].0 == *level
        {
            let level = level + 1;
            let merged = self.runs.split_off(from);
            let mut writer = match Writer::start(&self.session) {
                Some(writer) => writer?,
                None => return Ok(()),
            };
            let readers =
                merged.iter().map(|(_, run)| Source::File(Box::new(run.read()))).collect();
            for (key, row) in Merge::new(readers, self.order) {
                writer.push(&key, &row)?;
            }
            self.session.check()?;
            self.runs.push((level, writer.finish()?));
        }
        Ok(())
    }

    /// All rows in order.
    pub(crate) fn finish(self) -> Sorted {
        let chunk = sorted(self.chunk, self.order).into_iter();
        if self.runs.is_empty() {
            return Sorted { rows: Ordered::Memory(chunk), _charge: self.charge };
        }
        let files = self.runs.iter().map(|(_, run)| Source::File(Box::new(run.read())));
        let sources = files.chain([Source::Memory(chunk)]).collect();
        Sorted { rows: Ordered::Merge(Merge::new(sources, self.order)), _charge: self.charge }
    }
}

/// Rows in order, charged for what is in memory.
pub(crate) struct Sorted {
    rows: Ordered,
    _charge: Charge,
}

enum Ordered {
    Memory(std::vec::IntoIter<Keyed>),
    Merge(Merge),
}

impl Iterator for Sorted {
    type Item = Keyed;

    fn next(&mut self) -> Option<Keyed> {
        match &mut self.rows {
            Ordered::Memory(rows) => rows.next(),
            Ordered::Merge(rows) => rows.next(),
        }
    }
}

enum Source {
    File(Box<Reader>),
    Memory(std::vec::IntoIter<Keyed>),
}

impl Source {
    fn next(&mut self) -> Option<Keyed> {
        match self {
            Self::File(reader) => reader.next(),
            Self::Memory(rows) => rows.next(),
        }
    }
}

/// Merges sorted sources; of equal keys the one of the earlier source comes first.
struct Merge {
    order: KeyOrder,
    sources: Vec<Source>,
    /// The next row of each source that has one: a heap, the next row of all at the top.
    heads: Vec<(Keyed, usize)>,
}

impl Merge {
    fn new(mut sources: Vec<Source>, order: KeyOrder) -> Self {
        let heads = sources.iter_mut().enumerate();
        let heads = heads.filter_map(|(at, source)| Some((source.next()?, at))).collect();
        let mut merge = Self { order, sources, heads };
        for at in (0..merge.heads.len() / 2).rev() {
            merge.sink(at);
        }
        merge
    }

    fn before(&self, left: usize, right: usize) -> bool {
        let ((a, left), (b, right)) = (&self.heads[left], &self.heads[right]);
        self.order.less(&a.0, &b.0) || (left < right && !self.order.less(&b.0, &a.0))
    }

    /// Restores the heap below a place.
    fn sink(&mut self, mut at: usize) {
        loop {
            let mut first = at;
            for child in [2 * at + 1, 2 * at + 2] {
                if child < self.heads.len() && self.before(child, first) {
                    first = child;
                }
            }
            if first == at {
                return;
            }
            self.heads.swap(at, first);
            at = first;
        }
    }
}

impl Iterator for Merge {
    type Item = Keyed;

    fn next(&mut self) -> Option<Keyed> {
        let (_, source) = self.heads.first()?;
        let source = *source;
        let row = match self.sources[source].next() {
            Some(next) => std::mem::replace(&mut self.heads[0].0, next),
            None => self.heads.swap_remove(0).0,
        };
        self.sink(0);
        Some(row)
    }
}

/// Sorted in memory.
fn sorted(mut chunk: Vec<Keyed>, order: KeyOrder) -> Vec<Keyed> {
    if order == KeyOrder::Bytes {
        chunk.sort_by(|(a, _), (b, _)| texts(a, b));
        return chunk;
    }
    let Some(compare) = one_type(&chunk) else {
        return merge_sort(chunk, &|a, b| order.less(a, b));
    };
    match order {
        KeyOrder::Descending => chunk.sort_by(|(a, _), (b, _)| compare(b, a)),
        _ => chunk.sort_by(|(a, _), (b, _)| compare(a, b)),
    }
    chunk
}

type Compare = fn(&Value, &Value) -> Ordering;

/// How keys of one type compare, which is an order; NULL comes first. `None` for mixed types.
fn one_type(chunk: &[Keyed]) -> Option<Compare> {
    let first = chunk.iter().map(|(key, _)| key).find(|key| !key.is_null())?;
    let all = |is: fn(&Value) -> bool| chunk.iter().all(|(key, _)| key.is_null() || is(key));
    match first {
        Value::Int(_) => all(|key| matches!(key, Value::Int(_))).then_some(ints as Compare),
        Value::Text(_) => all(|key| matches!(key, Value::Text(_))).then_some(texts as Compare),
        Value::Float(_) => {
            all(|key| matches!(key, Value::Float(float) if !float.is_nan())).then_some(floats)
        }
        Value::Time(_) => all(|key| matches!(key, Value::Time(_))).then_some(times as Compare),
        _ => None,
    }
}

fn ints(left: &Value, right: &Value) -> Ordering {
    let int = |value: &Value| if let Value::Int(int) = value { Some(*int) } else { None };
    int(left).cmp(&int(right))
}

fn floats(left: &Value, right: &Value) -> Ordering {
    let float = |value: &Value| if let Value::Float(float) = value { Some(*float) } else { None };
    float(left).partial_cmp(&float(right)).unwrap_or(Ordering::Equal)
}

fn times(left: &Value, right: &Value) -> Ordering {
    let time = |value: &Value| if let Value::Time(time) = value { Some(*time) } else { None };
    time(left).cmp(&time(right))
}

/// NULL is the same as an empty text.
fn texts(left: &Value, right: &Value) -> Ordering {
    fn text(value: &Value) -> &[u8] {
        if let Value::Text(text) = value { Text::as_bytes(text) } else { &[] }
    }
    text(left).cmp(text(right))
}

/// Stable, and indifferent to comparisons that contradict each other.
fn merge_sort<T>(
    mut items: Vec<(Value, T)>,
    less: &impl Fn(&Value, &Value) -> bool,
) -> Vec<(Value, T)> {
    if items.len() < 2 {
        return items;
    }
    let right = items.split_off(items.len() / 2);
    let mut merged = Vec::with_capacity(items.len() + right.len());
    let mut left = merge_sort(items, less).into_iter().peekable();
    let mut right = merge_sort(right, less).into_iter().peekable();
    while let (Some((a, _)), Some((b, _))) = (left.peek(), right.peek()) {
        let next = if less(b, a) { right.next() } else { left.next() };
        merged.extend(next);
    }
    merged.extend(left);
    merged.extend(right);
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn equal_keys_keep_their_order_and_null_comes_first() {
        let keys = [Value::from(2), Value::Null, Value::from(1), Value::from(2)];
        let items = keys.into_iter().enumerate().map(|(at, key)| (key, at)).collect();
        let places: Vec<_> = merge_sort(items, &sort_less).into_iter().map(|(_, at)| at).collect();
        assert_eq!(places, [1, 2, 0, 3]);
    }

    fn keys_of_one_type() -> impl Strategy<Value = Vec<Value>> {
        let of = |value: BoxedStrategy<Value>| {
            prop::collection::vec(prop_oneof![4 => value, 1 => Just(Value::Null)], 0..40)
        };
        prop_oneof![
            of((-3..4_i64).prop_map(Value::Int).boxed()),
            of((-3..4_i32).prop_map(|n| Value::Float(f64::from(n) / 2.0)).boxed()),
            of("[ab]{0,2}".prop_map(Value::text).boxed()),
            of((0..4_i64).prop_map(|n| Value::Time(rows::Time::from_unix(n, 0))).boxed()),
        ]
    }

    proptest! {
        #[test]
        fn every_row_survives_a_comparison_that_contradicts_itself(bits in any::<Vec<bool>>()) {
            let items: Vec<_> = bits.iter().enumerate().map(|(at, _)| (Value::Null, at)).collect();
            let turn = std::cell::Cell::new(0);
            let less = |_: &Value, _: &Value| {
                turn.set(turn.get() + 1);
                bits[turn.get() % bits.len()]
            };
            let mut places: Vec<_> = merge_sort(items, &less).into_iter().map(|(_, at)| at).collect();
            places.sort_unstable();
            prop_assert_eq!(places, (0..bits.len()).collect::<Vec<_>>());
        }

        #[test]
        fn the_short_way_for_one_type_sorts_as_the_long_one(keys in keys_of_one_type()) {
            for order in [KeyOrder::Ascending, KeyOrder::Descending] {
                let numbered = |at: usize| Row::new().with("at", at);
                let chunk = || keys.iter().enumerate().map(|(at, key)| (key.clone(), numbered(at)));
                let places = |rows: Vec<Keyed>| {
                    rows.iter().map(|(_, row)| row.get("at").unwrap().to_text()).collect::<Vec<_>>()
                };
                let short = places(sorted(chunk().collect(), order));
                let long = places(merge_sort(chunk().collect(), &|a, b| order.less(a, b)));
                prop_assert_eq!(short, long);
            }
        }
    }
}
