//! Types, NULL, texts, columns by other names, identity.

use std::collections::BTreeSet;

use model::log::Completeness;
use rows::{Row, Value};
use sigma::Test;

use super::{
    Bench, Kind, SECOND, Stand, Table, asking, by_event_time, day, event, everything, field,
    moment, sql, window,
};

pub(super) async fn promises(stand: &dyn Stand) {
    let bench = Bench::new(stand).await;
    types_come_back(&bench).await;
    null_is_not_empty(&bench).await;
    columns_have_the_names_of_rules(&bench).await;
    only_what_is_asked_travels(&bench).await;
    matches_say_where_they_stand(&bench).await;
    rows_are_told_apart(&bench).await;
    a_source_is_described(&bench).await;
}

async fn types_come_back(bench: &Bench<'_>) {
    let columns = vec![
        ("id", Kind::Int),
        ("at", Kind::Time),
        ("a_text", Kind::Text),
        ("an_int", Kind::Int),
        ("a_float", Kind::Float),
        ("a_bool", Kind::Bool),
        ("a_time", Kind::Time),
    ];
    let row = |id: i64, text: &str, int: i64, float: f64, truth: bool, time: i64| {
        Row::new()
            .with("id", id)
            .with("at", moment(id))
            .with("a_text", text)
            .with("an_int", int)
            .with("a_float", float)
            .with("a_bool", truth)
            .with("a_time", moment(time))
    };
    let table = Table {
        name: "types".into(),
        columns: columns.clone(),
        rows: vec![
            row(1, "plain", 42, 1.5, true, 0),
            row(2, "Grüße, 世界 🦀", i64::MAX, -1e300, false, 123_456),
            row(3, "two\nlines\t\"quoted\" \\ 'single'", i64::MIN, 0.1, true, -1),
            row(4, " spaces ", 0, 1e-300, false, 999_999),
        ],
    };
    let source = by_event_time(&bench.stand.create(&table).await);
    let mut questions = vec![everything()];
    if bench.habits.sql {
        questions.push(sql("SELECT * FROM {table}"));
    }
    for question in questions {
        let answer = bench.ask(&source, question, day()).await;
        assert_eq!(answer.ids(), [1, 2, 3, 4]);
        for (given, id) in table.rows.iter().zip(1..) {
            let row = &answer.with_id(id).row;
            for (name, kind) in &columns {
                let wanted = bench.stand.seen(*kind, given.get(name).expect("all are given"));
                let found = row.get(name).unwrap_or_else(|| panic!("`{name}` missing: {row:?}"));
                let same = match (&wanted, found) {
                    (Value::Float(a), Value::Float(b)) => a.to_bits() == b.to_bits(),
                    (a, b) => a.type_name() == b.type_name() && a == b,
                };
                // Clocks may be moments where other columns are the texts that a file has.
                let clock = matches!(*name, "at" | "seen") && given.get(name) == Some(found);
                assert!(same || clock, "`{name}` of row {id}: wanted {wanted:?}, found {found:?}");
            }
        }
    }
}

async fn null_is_not_empty(bench: &Bench<'_>) {
    let rows = vec![
        event(1, 1).with("host", "h"),
        event(2, 2).with("host", ""),
        event(3, 3),
        event(4, 4).with("host", "h").with("size", 0),
    ];
    let (_, source) = bench.events("nulls", rows).await;
    let answer = bench.ask(&source, everything(), day()).await;
    assert_eq!(answer.with_id(2).row.get("host"), Some(&Value::text("")));
    assert!(answer.with_id(3).row.get("host").is_none_or(Value::is_null));
    let check = async |test: Test, wanted: &[i64]| {
        let answer = bench.ask(&source, asking(field("host", test.clone())), day()).await;
        assert_eq!(answer.ids(), wanted, "{test:?}");
    };
    check(Test::Null, &[3]).await;
    check(Test::Exists(false), &[3]).await;
    check(Test::Exists(true), &[1, 2, 4]).await;
    if bench.habits.sql {
        let text = "SELECT id, host FROM {table} WHERE host IS NULL";
        let answer = bench.ask(&source, sql(text), day()).await;
        assert_eq!(answer.ids(), [3]);
        let text = "SELECT id FROM {table} WHERE size = 0 AND host <> ''";
        assert_eq!(bench.ask(&source, sql(text), day()).await.ids(), [4]);
    }
}

async fn columns_have_the_names_of_rules(bench: &Bench<'_>) {
    let rows = vec![
        event(1, 1).with("image", "/bin/sh").with("host", "a"),
        event(2, 2).with("image", "/bin/ls").with("host", "b"),
    ];
    let (_, mut source) = bench.events("mapped", rows).await;
    source.columns = [("Image".to_owned(), "image".to_owned())].into();
    let asked = super::text_is("Image", sigma::Anchor::End, "/sh");
    let answer = bench.ask(&source, asking(asked), day()).await;
    assert_eq!(answer.ids(), [1]);
    assert_eq!(answer.with_id(1).row.get("Image"), Some(&Value::text("/bin/sh")));
    if bench.habits.sql {
        let text = "SELECT id, Image, host FROM {table} WHERE Image = '/bin/ls'";
        let answer = bench.ask(&source, sql(text), day()).await;
        assert_eq!(answer.ids(), [2]);
        assert_eq!(answer.with_id(2).row.get("Image"), Some(&Value::text("/bin/ls")));
        let answer = bench.ask(&source, sql("SELECT * FROM {table}"), day()).await;
        assert_eq!(answer.with_id(2).row.get("Image"), Some(&Value::text("/bin/ls")));
        assert_eq!(answer.with_id(2).row.get("host"), Some(&Value::text("b")));
    }
}

async fn only_what_is_asked_travels(bench: &Bench<'_>) {
    let (_, source) = bench.events("projected", vec![event(1, 7).with("host", "h")]).await;
    let mut questions = vec![loghunt::engine::Query::Predicate {
        predicate: std::sync::Arc::new(super::text_is("host", sigma::Anchor::Whole, "h")),
        columns: ["id".into()].into(),
    }];
    if bench.habits.sql {
        questions.push(sql("SELECT id FROM {table} WHERE host = 'h'"));
    }
    for question in questions {
        let answer = bench.ask(&source, question, day()).await;
        let one = answer.with_id(1);
        let names: Vec<&str> = one.row.keys().map(|name| name.as_str()).collect();
        assert_eq!(names, ["id"], "position, time and identity stand beside the row");
        assert_eq!(one.position, window(7, 8).from());
    }
}

async fn matches_say_where_they_stand(bench: &Bench<'_>) {
    let rows = vec![event(1, 5).with("seen", moment(60 * SECOND)), event(2, SECOND)];
    let (_, source) = bench.events("places", rows).await;
    let answer = bench.ask(&source, everything(), day()).await;
    let one = answer.with_id(1);
    assert_eq!(one.position, window(5, 6).from());
    assert_eq!(one.event_time, Some(one.position.moment()));
    let mut by_ingest = source.clone();
    by_ingest.domain = model::log::Domain::IngestTime;
    by_ingest.ingest_time = Some("seen".into());
    let answer = bench.ask(&by_ingest, everything(), window(2 * SECOND, 120 * SECOND)).await;
    assert_eq!(answer.ids(), [1]);
    let one = answer.with_id(1);
    assert_eq!(one.position, window(60 * SECOND, 61 * SECOND).from());
    assert_eq!(one.event_time, Some(window(5, 6).from().moment()));
}

async fn rows_are_told_apart(bench: &Bench<'_>) {
    // Twice the same row: engines with identities tell them apart, all others give both.
    let rows = vec![event(1, 1).with("host", "h"), event(1, 1).with("host", "h"), event(2, 1)];
    let (_, source) = bench.events("twins", rows).await;
    let mut questions = vec![everything()];
    if bench.habits.sql {
        questions.push(sql("SELECT id FROM {table}"));
        questions.push(sql("SELECT id, host AS other FROM {table} WHERE id < 10"));
    }
    let mut before: Option<BTreeSet<_>> = None;
    for question in questions {
        let answer = bench.ask(&source, question, day()).await;
        assert_eq!(answer.report.completeness, Completeness::Complete);
        assert_eq!(answer.ids(), [1, 1, 2]);
        if !bench.habits.identity {
            continue;
        }
        let found: BTreeSet<_> =
            answer.matches.iter().map(|one| one.identity.clone().expect("it has one")).collect();
        assert_eq!(found.len(), 3, "each row has its own");
        if let Some(before) = &before {
            assert_eq!(&found, before, "identity does not depend on the question");
        }
        before = Some(found);
    }
}

async fn a_source_is_described(bench: &Bench<'_>) {
    let (table, source) = bench.events("described", vec![event(1, 1).with("host", "h")]).await;
    let description = bench.engine.describe(&source).await.expect("the table is there");
    let names: Vec<&str> = description.columns.iter().map(|(name, _)| name.as_str()).collect();
    for (name, _) in &table.columns {
        // Columns without any value may be unknown where files have no schema.
        let given = table.rows.iter().any(|row| row.contains(name));
        assert!(!given || names.contains(name), "`{name}` is missing in {names:?}");
    }
    let again = bench.engine.describe(&source).await.expect("the table is still there");
    assert_eq!(description.identity, again.identity);
    let (_, other) = bench.events("describedtoo", vec![event(1, 1)]).await;
    let other = bench.engine.describe(&other).await.expect("the table is there");
    assert_ne!(description.identity, other.identity);
}
