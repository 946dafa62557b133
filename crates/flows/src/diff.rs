//! What is new, gone or changed between two sets of rows. Pure.
//!
//! Rows meet when they are of the same client and source and have the same key. Without a key the
//! whole row is its own: then rows are new or gone, never changed. Equal rows are counted, so that a
//! row which stands twice before and once after is gone once.
//!
//! Both sides come sorted by [`Entry::order`], so that a comparison of any size needs memory for one
//! key at a time; whoever sorts them may do so outside of memory.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::iter::Peekable;

use base::ClientId;
use serde_json::{Map, Value};

/// Which columns name a row, and which do not count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    /// Columns that name a row; none for the whole row.
    pub key: Vec<String>,
    /// Columns that do not count, such as a moment of reading.
    pub ignore: Vec<String>,
}

/// A row on its way into a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Client, source and key: rows with the same place meet.
    pub place: Vec<u8>,
    /// The columns that count, in the order of their names: the order of columns is no difference.
    pub counted: String,
    /// The row as it is stored.
    pub row: String,
}

impl Entry {
    /// The order that both sides of a comparison come in.
    pub fn order(&self, other: &Self) -> Ordering {
        self.place.cmp(&other.place).then_with(|| self.counted.cmp(&other.counted))
    }

    fn origin(&self) -> (ClientId, String) {
        let (client, rest) = self.place.split_at(16.min(self.place.len()));
        let client = client.try_into().map_or(0, u128::from_be_bytes);
        let source = rest.split(|byte| *byte == 0).next().unwrap_or_default();
        (ClientId::from_bits(client), String::from_utf8_lossy(source).into_owned())
    }
}

/// The entry of a row. The error says what is wrong with its text.
pub fn entry(
    (client, source): (ClientId, &str),
    row: &str,
    columns: &Columns,
) -> Result<Entry, String> {
    let object: Map<String, Value> = serde_json::from_str(row).map_err(|e| e.to_string())?;
    let key = match columns.key.as_slice() {
        [] => None,
        names => {
            let cells = names.iter().map(|name| object.get(name).cloned().unwrap_or_default());
            Some(Value::Array(cells.collect()).to_string())
        }
    };
    let mut counted: Vec<(String, Value)> =
        object.into_iter().filter(|(name, _)| !columns.ignore.contains(name)).collect();
    counted.sort_by(|left, right| left.0.cmp(&right.0));
    let counted = Value::Object(counted.into_iter().collect()).to_string();
    let mut place = client.bits().to_be_bytes().to_vec();
    place.extend_from_slice(source.replace('\0', " ").as_bytes());
    place.push(0);
    place.extend_from_slice(key.as_ref().unwrap_or(&counted).as_bytes());
    Ok(Entry { place, counted, row: row.to_owned() })
}

/// What happened to a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It was not there.
    New,
    /// It is not there any more.
    Gone,
    /// It has other values.
    Changed {
        /// The columns that changed, as they were: a JSON object.
        was: String,
    },
}

/// A difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What happened.
    pub kind: Kind,
    /// On which client.
    pub client: ClientId,
    /// In which source.
    pub source: String,
    /// The row; as it is after a change.
    pub row: String,
}

/// Compares two sorted sides, in their order.
pub fn merge<B, A, E>(before: B, after: A) -> Merge<B::IntoIter, A::IntoIter>
where
    B: IntoIterator<Item = Result<Entry, E>>,
    A: IntoIterator<Item = Result<Entry, E>>,
{
    Merge {
        before: before.into_iter().peekable(),
        after: after.into_iter().peekable(),
        place: Vec::new(),
        gone: VecDeque::new(),
        new: VecDeque::new(),
    }
}

/// See [`merge`].
pub struct Merge<B: Iterator, A: Iterator> {
    before: Peekable<B>,
    after: Peekable<A>,
    /// The place that is compared now.
    place: Vec<u8>,
    /// Rows of this place that found no partner yet; one of both is always empty.
    gone: VecDeque<Entry>,
    new: VecDeque<Entry>,
}

/// Which side the next row is taken from.
enum Side {
    Before,
    After,
    Both,
}

impl<B, A, E> Merge<B, A>
where
    B: Iterator<Item = Result<Entry, E>>,
    A: Iterator<Item = Result<Entry, E>>,
{
    /// The next side; nothing when both are through. Failures come first.
    fn side(&mut self) -> Option<Side> {
        Some(match (self.before.peek(), self.after.peek()) {
            (None, None) => return None,
            (Some(Err(_)), _) | (Some(Ok(_)), None) => Side::Before,
            (_, Some(Err(_))) | (None, Some(Ok(_))) => Side::After,
            (Some(Ok(old)), Some(Ok(new))) => match old.order(new) {
                Ordering::Less => Side::Before,
                Ordering::Greater => Side::After,
                Ordering::Equal => Side::Both,
            },
        })
    }

    /// Whether the next row of a side is still of this place.
    fn stays(&mut self) -> bool {
        let of_place = |entry: Option<&Result<Entry, E>>| matches!(entry, Some(Ok(entry)) if entry.place == self.place);
        of_place(self.before.peek()) || of_place(self.after.peek())
    }

    /// A row of this place without a partner.
    fn leftover(&mut self) -> Option<Change> {
        if let Some(old) = self.gone.pop_front() {
            return Some(change(&old, Kind::Gone));
        }
        self.new.pop_front().map(|new| change(&new, Kind::New))
    }
}

impl<B, A, E> Iterator for Merge<B, A>
where
    B: Iterator<Item = Result<Entry, E>>,
    A: Iterator<Item = Result<Entry, E>>,
{
    type Item = Result<Change, E>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if !self.stays()
                && let Some(change) = self.leftover()
            {
                return Some(Ok(change));
            }
            match self.side()? {
                Side::Both => {
                    self.before.next();
                    if let Some(Ok(entry)) = self.after.next() {
                        self.place = entry.place;
                    }
                }
                Side::Before => match self.before.next()? {
                    Err(error) => return Some(Err(error)),
                    Ok(old) => {
                        self.place.clone_from(&old.place);
                        match self.new.pop_front() {
                            Some(new) => return Some(Ok(changed(&old, &new))),
                            None => self.gone.push_back(old),
                        }
                    }
                },
                Side::After => match self.after.next()? {
                    Err(error) => return Some(Err(error)),
                    Ok(new) => {
                        self.place.clone_from(&new.place);
                        match self.gone.pop_front() {
                            Some(old) => return Some(Ok(changed(&old, &new))),
                            None => self.new.push_back(new),
                        }
                    }
                },
            }
        }
    }
}

fn change(entry: &Entry, kind: Kind) -> Change {
    let (client, source) = entry.origin();
    Change { kind, client, source, row: entry.row.clone() }
}

fn changed(old: &Entry, new: &Entry) -> Change {
    let read = |entry: &Entry| {
        serde_json::from_str::<Map<String, Value>>(&entry.counted).unwrap_or_default()
    };
    let (then, now) = (read(old), read(new));
    let mut was = Map::new();
    for name in then.keys().chain(now.keys()) {
        if then.get(name) != now.get(name) {
            was.insert(name.clone(), then.get(name).cloned().unwrap_or_default());
        }
    }
    change(new, Kind::Changed { was: Value::Object(was).to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    type Row<'a> = (u128, &'a str);

    fn differences(before: &[Row<'_>], after: &[Row<'_>], columns: &Columns) -> Vec<Change> {
        let sorted = |rows: &[Row<'_>]| {
            let of = |row: &Row<'_>| entry((ClientId::from_bits(row.0), "A"), row.1, columns);
            let mut entries: Vec<Entry> = rows.iter().map(|row| of(row).unwrap()).collect();
            entries.sort_by(Entry::order);
            entries.into_iter().map(Ok::<Entry, String>)
        };
        merge(sorted(before), sorted(after)).collect::<Result<_, _>>().unwrap()
    }

    fn columns(key: &[&str], ignore: &[&str]) -> Columns {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Columns { key: owned(key), ignore: owned(ignore) }
    }

    fn check(before: &[Row<'_>], after: &[Row<'_>], columns: &Columns, want: Expect) {
        let line = |change: Change| {
            let client = change.client.bits();
            match change.kind {
                Kind::New => format!("{client} new {}\n", change.row),
                Kind::Gone => format!("{client} gone {}\n", change.row),
                Kind::Changed { was } => format!("{client} changed {} was {was}\n", change.row),
            }
        };
        let found: String = differences(before, after, columns).into_iter().map(line).collect();
        want.assert_eq(&found);
    }

    #[test]
    fn without_a_key_rows_are_new_or_gone() {
        let before = [(1, r#"{"P":"a"}"#), (1, r#"{"P":"b"}"#)];
        let after = [(1, r#"{"P":"b"}"#), (2, r#"{"P":"a"}"#)];
        check(
            &before,
            &after,
            &columns(&[], &[]),
            expect![[r#"
                1 gone {"P":"a"}
                2 new {"P":"a"}
            "#]],
        );
    }

    #[test]
    fn with_a_key_a_row_changes_and_says_what_it_was() {
        let before = [(1, r#"{"P":"a","Size":1,"Seen":1}"#), (1, r#"{"P":"z","Size":9}"#)];
        let after = [(1, r#"{"Seen":2,"Size":2,"P":"a"}"#), (1, r#"{"P":"y","Size":9}"#)];
        check(
            &before,
            &after,
            &columns(&["P"], &["Seen"]),
            expect![[r#"
                1 changed {"Seen":2,"Size":2,"P":"a"} was {"Size":1}
                1 new {"P":"y","Size":9}
                1 gone {"P":"z","Size":9}
            "#]],
        );
        check(&before[..1], &after[..1], &columns(&["P"], &["Seen", "Size"]), expect![[""]]);
    }

    #[test]
    fn rows_that_stand_twice_are_counted() {
        let one = (1, r#"{"P":"a","S":1}"#);
        let gone = expect![[r#"
            1 gone {"P":"a","S":1}
        "#]];
        check(&[one, one], &[one], &columns(&["P"], &[]), gone);
        let both = expect![[r#"
            1 changed {"P":"a","S":2} was {"S":1}
            1 new {"P":"a","S":3}
        "#]];
        let after = [one, (1, r#"{"P":"a","S":3}"#), (1, r#"{"P":"a","S":2}"#)];
        check(&[one, one], &after, &columns(&["P"], &[]), both);
    }

    #[test]
    fn a_failure_of_a_side_is_told_and_ends_nothing_silently() {
        let good = entry((ClientId::from_bits(1), "A"), "{}", &Columns::default()).unwrap();
        let before = vec![Ok(good), Err("disk".to_owned())];
        let found: Vec<_> = merge(before, Vec::new()).collect();
        assert!(found.contains(&Err("disk".to_owned())), "{found:?}");
        assert!(entry((ClientId::from_bits(1), "A"), "[]", &Columns::default()).is_err());
    }

    proptest! {
        #[test]
        fn nothing_differs_from_itself_and_both_ways_count_the_same(
            before in prop::collection::vec((0u8..3, 0u8..3), 0..20),
            after in prop::collection::vec((0u8..3, 0u8..3), 0..20),
        ) {
            let texts = |cells: &[(u8, u8)]| -> Vec<String> {
                cells.iter().map(|(p, s)| format!(r#"{{"P":{p},"S":{s}}}"#)).collect()
            };
            let (before, after) = (texts(&before), texts(&after));
            fn rows(texts: &[String]) -> Vec<Row<'_>> {
                texts.iter().map(|text| (1, text.as_str())).collect()
            }
            let run = |before: &[String], after: &[String]| {
                differences(&rows(before), &rows(after), &columns(&["P"], &[]))
            };
            prop_assert!(run(&before, &before).is_empty());
            let count = |changes: &[Change]| {
                let of = |kind: fn(&Kind) -> bool| changes.iter().filter(|c| kind(&c.kind)).count();
                (
                    of(|kind| matches!(kind, Kind::New)),
                    of(|kind| matches!(kind, Kind::Gone)),
                    of(|kind| matches!(kind, Kind::Changed { .. })),
                )
            };
            let (new, gone, changed) = count(&run(&before, &after));
            prop_assert_eq!((gone, new, changed), count(&run(&after, &before)));
            prop_assert_eq!(before.len() + new, after.len() + gone);
        }
    }
}
