//! What does not fit into memory goes to temporary files, and nobody notices.

use proptest::prelude::*;
use rows::{Dict, OsPath, PathStyle, Row, Text, Time, Value};
use vql_eval::{Limits, StopReason};
use vql_plugin::MemorySpill;

use crate::world::{Answer, ask_with, ask_with_disk};

fn within(memory_max_bytes: usize) -> Limits {
    Limits { memory_max_bytes, ..Limits::default() }
}

fn given(rows: &[Row]) -> Dict {
    Dict::new().with("given", Value::array(rows.iter().cloned()))
}

/// The same question with much memory and no disk, and with little memory and a disk.
fn both(text: &str, rows: &[Row], memory: usize) -> (Answer, Answer) {
    let disk = MemorySpill::default();
    let large = ask_with(text, Limits::default(), given(rows), vql_eval::language());
    let small = ask_with_disk(text, within(memory), given(rows), &disk);
    assert_eq!(small.stopped, None, "{:?}", small.log);
    assert!(disk.files_made() > 0, "nothing was put into a file");
    assert_eq!(disk.files(), 0, "temporary files are left");
    (large, small)
}

fn any_key() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        (-50..50_i64).prop_map(Value::Int),
        "[a-d]{0,3}".prop_map(Value::text),
    ]
}

fn any_other() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<f64>().prop_filter("is a number", |f| f.is_finite()).prop_map(Value::Float),
        any::<bool>().prop_map(Value::Bool),
        prop::collection::vec(any::<u8>(), 0..30).prop_map(|bytes| Value::Text(Text::from(bytes))),
        (0..2_000_000_000_i64).prop_map(|s| Value::Time(Time::from_unix(s, 0))),
        Just(Value::from(OsPath::parse(PathStyle::Unix, b"/etc/passwd"))),
        Just(Value::Dict(Dict::new().with("in", Value::from(vec![Value::Null, 1.into()])))),
    ]
}

/// Rows of several shapes; ones with a key of one type, and ones with keys of several.
fn any_rows(mixed: bool) -> impl Strategy<Value = Vec<Row>> {
    let row = (any_key(), any_other(), any::<bool>());
    prop::collection::vec(row, 600..900).prop_map(move |rows| {
        let rows = rows.into_iter().enumerate().map(|(at, (key, other, has))| {
            let key = match key {
                Value::Text(_) if !mixed => Value::Null,
                key => key,
            };
            let row = Row::new().with("k", key).with("at", at);
            if has { row.with("other", other) } else { row }
        });
        rows.collect()
    })
}

/// So little that some hundred rows are several runs.
const LITTLE: usize = 100_000;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn sorted_with_files_is_sorted_without(rows in any_rows(false), descending in any::<bool>()) {
        let down = if descending { " DESC" } else { "" };
        let (large, small) = both(&format!("SELECT * FROM given ORDER BY k{down}"), &rows, LITTLE);
        prop_assert_eq!(large.rows.len(), rows.len());
        prop_assert_eq!(large.rows, small.rows);
        prop_assert_eq!(large.log, small.log);
    }

    #[test]
    fn no_row_of_mixed_keys_is_lost(rows in any_rows(true)) {
        let (mut large, mut small) = both("SELECT * FROM given ORDER BY k", &rows, LITTLE);
        large.rows.sort();
        small.rows.sort();
        prop_assert_eq!(large.rows, small.rows);
    }

    #[test]
    fn grouped_with_files_is_grouped_without(rows in any_rows(true)) {
        let text = "SELECT k, at / 2 AS half, count() AS n, sum(item=at) AS s, min(item=at) AS lo, \
                    max(item=at) AS hi, enumerate(items=at) AS all, rate(x=at, y=n) AS r, other \
                    FROM given WHERE at >= 0 GROUP BY k, half";
        let (mut large, mut small) = both(text, &rows, LITTLE);
        large.rows.sort();
        small.rows.sort();
        prop_assert_eq!(large.rows, small.rows);
        prop_assert_eq!(small.log.len(), 1 + large.log.len());
    }

    #[test]
    fn rows_that_are_stored_come_back(rows in any_rows(true)) {
        let text = "LET VQL_MATERIALIZE_ROW_LIMIT = 50 LET kept <= SELECT * FROM given \
                    SELECT * FROM chain(a={ SELECT * FROM kept }, b=kept)";
        let (large, small) = both(text, &rows, LITTLE);
        prop_assert_eq!(large.rows.len(), 2 * rows.len());
        prop_assert_eq!(large.rows, small.rows);
    }
}

#[test]
fn groups_that_wait_come_in_the_order_of_their_keys() {
    let disk = MemorySpill::default();
    let text = "SELECT 40000 - _value AS k, count() AS n FROM range(end=40000) GROUP BY k LIMIT 5";
    let answer = ask_with_disk(text, Limits::default(), Dict::new(), &disk);
    assert_eq!(answer.stopped, None);
    let keys = [1, 10, 100, 1000, 10000].map(|key| format!("{{\"k\":{key},\"n\":1}}"));
    assert_eq!(answer.rows, keys);
    let switched = "INFO:GROUP BY: 30000 groups are enough for memory";
    assert!(answer.log.iter().any(|line| line.starts_with(switched)), "{:?}", answer.log);
    assert_eq!(disk.files_made(), 0, "so few short rows fit into memory");
}

#[test]
fn without_a_disk_memory_is_the_limit_and_says_so() {
    let text = "SELECT _value AS v FROM range(end=100000) ORDER BY v";
    let answer = ask_with(text, within(100_000), Dict::new(), vql_eval::language());
    assert_eq!(answer.stopped, Some(StopReason::Memory));
    let limit =
        "ERROR:the query was ended: it needed more than its limit of 100000 bytes of memory";
    assert_eq!(answer.log, [limit]);
}

#[test]
fn disk_space_has_a_limit_and_may_run_out() {
    let text = "SELECT _value AS v FROM range(end=100000) ORDER BY v";
    let limits = Limits { disk_max_bytes: 100_000, ..within(1 << 20) };
    let answer = ask_with_disk(text, limits, Dict::new(), &MemorySpill::default());
    assert_eq!(answer.stopped, Some(StopReason::Disk));
    let small = MemorySpill::with_room(100_000);
    let answer = ask_with_disk(text, within(1 << 20), Dict::new(), &small);
    assert_eq!(
        answer.log,
        ["ERROR:the query was ended: rows that do not fit into its memory could not be kept in a \
          temporary file: no space left on the device; free some space or raise its limit of memory"]
    );
    assert_eq!(small.files(), 0);
}

#[test]
fn stored_rows_in_a_file_are_read_but_not_looked_into() {
    let disk = MemorySpill::default();
    let text = "LET kept <= SELECT _value AS v FROM range(end=2000) \
                LET few <= SELECT _value AS v FROM range(end=1000) \
                SELECT kept.v AS column, kept[0] AS first, kept[0:2] AS slice, kept AS cell, \
                len(list=kept) AS n, NOT kept AS empty, { SELECT count() AS c FROM kept WHERE v < 10 \
                GROUP BY 1 } AS c, few[-1].v AS last, len(list=few.v) AS m, \
                { SELECT count() AS c FROM foreach(row=kept + few) GROUP BY 1 } AS both FROM scope()";
    let answer = ask_with_disk(text, Limits::default(), Dict::new(), &disk);
    assert_eq!(
        answer.rows,
        [
            "{\"column\":null,\"first\":null,\"slice\":null,\"cell\":null,\"n\":2000,\"empty\":false,\
          \"c\":10,\"last\":999,\"m\":1000,\"both\":3000}"
        ]
    );
    assert_eq!(
        answer.log,
        [
            "WARN:2000 stored rows are in a temporary file, where they have no members and no indexes; \
          read them with FROM, or set VQL_MATERIALIZE_ROW_LIMIT higher before they are stored"
        ]
    );
    let more = format!("LET VQL_MATERIALIZE_ROW_LIMIT <= 5000 {text}");
    let answer = ask_with_disk(&more, Limits::default(), Dict::new(), &disk);
    assert!(answer.rows[0].contains("\"first\":{\"v\":0}"), "{:?}", answer.rows);
    assert_eq!(disk.files(), 0);
}

#[test]
fn a_cancelled_query_leaves_no_files() {
    let disk = MemorySpill::default();
    let limits = Limits { steps_max: 60_000, ..within(1 << 20) };
    let text = "LET kept <= SELECT _value AS v FROM range(end=2000) \
                SELECT _value AS v FROM range(end=100000) ORDER BY v";
    let answer = ask_with_disk(text, limits, Dict::new(), &disk);
    assert_eq!(answer.stopped, Some(StopReason::Steps));
    assert!(disk.files_made() > 1);
    assert_eq!(disk.files(), 0);
}
