//! What is new, gone or changed between the rows of two hunts.
//!
//! Rows meet when they are of the same client and source and have the same key. Without a key the
//! whole row is its own: then rows are new or gone, never changed. Equal rows are counted, so that a
//! row which stands twice before and once after is gone once.

use std::collections::BTreeMap;

use api::{RowView, RowsQuery};
use api_client::Client;
use serde_json::{Map, Value};

use crate::complaint::{Complaint, Outcome};
use crate::login::note;
use crate::output::{OutputArgs, Record};
use crate::remote::{block_on, walk};
use crate::results::row_record;

#[derive(clap::Args, Debug)]
pub(super) struct DiffArgs {
    /// The earlier hunt, `H.…`
    before: String,
    /// The later hunt, `H.…`
    after: String,
    /// Columns that name a row, such as `Path`; may be given several times
    #[arg(long, value_name = "COLUMN")]
    key: Vec<String>,
    /// Columns that do not count, such as a moment of reading; may be given several times
    #[arg(long, value_name = "COLUMN")]
    ignore: Vec<String>,
    /// Only rows of this source: `Artifact` or `Artifact/Source`
    #[arg(long)]
    source: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(client: &Client, args: &DiffArgs) -> Outcome {
    if let Some(both) = args.key.iter().find(|column| args.ignore.contains(column)) {
        return Err(Complaint::usage(format!("`{both}` cannot be a key and be ignored")));
    }
    let before = rows(client, &args.before, args.source.clone())?;
    let after = rows(client, &args.after, args.source.clone())?;
    let lacks_key = |row: &RowView| args.key.iter().any(|column| !row.row.contains_key(column));
    let without = before.iter().chain(&after).filter(|row| lacks_key(row)).count();
    if without > 0 {
        note(&format!("{without} rows lack a key column; it counts as empty there"));
    }
    let mut records = args.output.records(&["_change", "_client", "_hostname"]);
    for record in compare(before, after, &args.key, &args.ignore) {
        records.push(record)?;
    }
    records.finish()
}

fn rows(client: &Client, hunt: &str, source: Option<String>) -> Outcome<Vec<RowView>> {
    let mut rows = Vec::new();
    block_on(walk(
        None,
        |offset, limit| {
            let (offset, limit, source) = (Some(offset), Some(limit), source.clone());
            let query = RowsQuery { source, offset, limit, ..RowsQuery::default() };
            async move { client.hunt_results(hunt, &query).await.map(|page| (page.items, page.total)) }
        },
        |view| {
            rows.push(view);
            Ok(())
        },
    ))?;
    Ok(rows)
}

/// Client, source, and the key columns' values as text.
type Key = (String, String, String);

/// One record for each difference, by client, source and key.
fn compare(
    before: Vec<RowView>,
    after: Vec<RowView>,
    key: &[String],
    ignore: &[String],
) -> Vec<Record> {
    let mut both: BTreeMap<Key, [Vec<RowView>; 2]> = BTreeMap::new();
    for (side, rows) in [before, after].into_iter().enumerate() {
        for row in rows {
            both.entry(key_of(&row, key, ignore)).or_default()[side].push(row);
        }
    }
    let mut found = Vec::new();
    for [mut gone, mut new] in both.into_values() {
        // Equal rows cancel each other out, one by one.
        gone.retain(|old| {
            let same = |row: &RowView| counted(row, ignore) == counted(old, ignore);
            new.iter().position(same).map(|at| new.remove(at)).is_none()
        });
        let mut new = new.into_iter();
        for old in gone {
            match new.next() {
                Some(row) => found.push(changed(&old, row, ignore)),
                None => found.push(labelled("gone", old)),
            }
        }
        found.extend(new.map(|row| labelled("new", row)));
    }
    found
}

fn key_of(row: &RowView, key: &[String], ignore: &[String]) -> Key {
    let text = match key {
        [] => Value::Object(counted(row, ignore)).to_string(),
        _ => Value::Array(
            key.iter().map(|column| row.row.get(column).cloned().unwrap_or_default()).collect(),
        )
        .to_string(),
    };
    (row.client.clone(), row.source.clone(), text)
}

/// The columns that count, in the order of their names: the order of columns is no difference.
fn counted(row: &RowView, ignore: &[String]) -> Map<String, Value> {
    let mut columns: Vec<(String, Value)> =
        row.row.clone().into_iter().filter(|(name, _)| !ignore.contains(name)).collect();
    columns.sort_by(|left, right| left.0.cmp(&right.0));
    columns.into_iter().collect()
}

fn labelled(change: &str, row: RowView) -> Record {
    let mut record = Record::new();
    record.insert("_change".into(), change.into());
    for (name, value) in row_record(row, true) {
        record.entry(name).or_insert(value);
    }
    record
}

/// A row that has changed, with what its columns held before.
fn changed(old: &RowView, row: RowView, ignore: &[String]) -> Record {
    let (then, now) = (counted(old, ignore), counted(&row, ignore));
    let names = then.keys().chain(now.keys());
    let mut before = Map::new();
    for name in names.filter(|name| then.get(*name) != now.get(*name)) {
        before.insert(name.clone(), then.get(name).cloned().unwrap_or_default());
    }
    let mut record = labelled("changed", row);
    record.insert("_before".into(), before.into());
    record
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};
    use serde_json::json;

    fn row(client: &str, row: Value) -> RowView {
        RowView {
            client: client.into(),
            hostname: "h".into(),
            flow: "F.1".into(),
            source: "A".into(),
            stored: String::new(),
            row: row.as_object().unwrap().clone(),
        }
    }

    #[track_caller]
    fn check(before: &[RowView], after: &[RowView], key: &[&str], ignore: &[&str], answer: Expect) {
        let owned =
            |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let found = compare(before.to_vec(), after.to_vec(), &owned(key), &owned(ignore));
        let lines: Vec<String> = found
            .into_iter()
            .map(|mut record| {
                for known in ["_hostname", "_flow", "_source"] {
                    record.shift_remove(known);
                }
                format!("{}\n", Value::Object(record))
            })
            .collect();
        answer.assert_eq(&lines.concat());
    }

    #[test]
    fn without_a_key_rows_are_new_or_gone() {
        let before = [row("C.1", json!({"P": "a"})), row("C.1", json!({"P": "b"}))];
        let after = [row("C.1", json!({"P": "b"})), row("C.2", json!({"P": "a"}))];
        check(
            &before,
            &after,
            &[],
            &[],
            expect![[r#"
            {"_change":"gone","_client":"C.1","P":"a"}
            {"_change":"new","_client":"C.2","P":"a"}
        "#]],
        );
    }

    #[test]
    fn with_a_key_a_row_changes_and_says_what_it_was() {
        let before = [row("C.1", json!({"P": "a", "Size": 1, "Seen": 1}))];
        let after = [row("C.1", json!({"Seen": 2, "Size": 2, "P": "a"}))];
        check(
            &before,
            &after,
            &["P"],
            &["Seen"],
            expect![[r#"
            {"_change":"changed","_client":"C.1","Seen":2,"Size":2,"P":"a","_before":{"Size":1}}
        "#]],
        );
        check(&before, &after, &["P"], &["Seen", "Size"], expect![[""]]);
    }

    #[test]
    fn rows_that_stand_twice_are_counted() {
        let one = row("C.1", json!({"P": "a"}));
        check(
            &[one.clone(), one.clone()],
            &[one],
            &["P"],
            &[],
            expect![[r#"
            {"_change":"gone","_client":"C.1","P":"a"}
        "#]],
        );
    }
}
