//! How templates are written for engines, and what is refused.

use super::*;
use crate::dialect::Dialect;
use crate::parameter::ParameterStyle;
use crate::target::{Clock, ClockForm};
use expect_test::{Expect, expect};
use std::time::Duration;

fn target(dialect: Dialect) -> Target {
    Target {
        dialect,
        style: dialect.style(),
        table: "acme.logs".to_owned(),
        position: Some(Clock::native("ingested_at")),
        event_time: Some(Clock::native("event_time")),
        identity: vec!["Host".to_owned()],
        columns: vec![("Image".to_owned(), "process_path".to_owned())],
        known: Vec::new(),
        read: (1_767_225_600_000_000, 1_767_225_660_000_000),
        emit: (1_767_225_600_000_000, 1_767_225_660_000_000),
        restriction: Restriction::Window,
        values: vec![("bad".to_owned(), Value::from(vec![Value::from("a"), Value::from("b\\c")]))],
        limit: None,
    }
}

fn check(dialect: Dialect, class: Class, text: &str, wanted: Expect) {
    let template = Template::parse(text, class).unwrap();
    let statement = template.render(&target(dialect)).unwrap();
    let mut shown = statement.text;
    for parameter in &statement.parameters {
        shown.push_str(&format!("\n{parameter:?}"));
    }
    wanted.assert_eq(&shown);
}

fn refuse(class: Class, text: &str, wanted: Expect) {
    let problems = match Template::parse(text, class) {
        Ok(template) => panic!("taken: {template:?}"),
        Err(problems) => problems,
    };
    let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
    wanted.assert_eq(&shown.join("\n"));
}

const SIMPLE: &str = "SELECT * FROM {table} WHERE Image LIKE '%\\whoami.exe' AND User = 'it''s'";

#[test]
fn a_per_event_rule_reads_its_window() {
    check(
        Dialect::Postgres,
        Class::PerEvent,
        SIMPLE,
        expect![[r#"
                SELECT * FROM (SELECT "_lycaon_source".*, "_lycaon_source"."process_path" AS "Image", "_lycaon_source"."ingested_at" AS "_lycaon_position", "_lycaon_source"."event_time" AS "_lycaon_event", "_lycaon_source"."Host" AS "_lycaon_id_0" FROM "acme"."logs" AS "_lycaon_source" WHERE "_lycaon_source"."ingested_at" >= CAST($1 AS timestamptz) AND "_lycaon_source"."ingested_at" < CAST($2 AS timestamptz)) AS "_lycaon_table" WHERE "Image" LIKE E'%\\\\whoami.exe' AND "User" = 'it''s'
                Time(2026-01-01T00:00:00Z)
                Time(2026-01-01T00:01:00Z)"#]],
    );
    check(
        Dialect::ClickHouse,
        Class::PerEvent,
        SIMPLE,
        expect![[r#"
            SELECT * FROM (SELECT `_lycaon_source`.*, `_lycaon_source`.`process_path` AS `Image`, `_lycaon_source`.`ingested_at` AS `_lycaon_position`, `_lycaon_source`.`event_time` AS `_lycaon_event`, `_lycaon_source`.`Host` AS `_lycaon_id_0` FROM `acme`.`logs` AS `_lycaon_source` WHERE `_lycaon_source`.`ingested_at` >= {p1:DateTime64(6, 'UTC')} AND `_lycaon_source`.`ingested_at` < {p2:DateTime64(6, 'UTC')}) AS `_lycaon_table` WHERE `Image` LIKE '%\\\\whoami.exe' AND `User` = 'it\'s'
            Time(2026-01-01T00:00:00Z)
            Time(2026-01-01T00:01:00Z)"#]],
    );
    check(
        Dialect::Sqlite,
        Class::PerEvent,
        SIMPLE,
        expect![[r#"
            SELECT * FROM (SELECT `_lycaon_source`.*, `_lycaon_source`.`process_path` AS `Image`, `_lycaon_source`.`ingested_at` AS `_lycaon_position`, `_lycaon_source`.`event_time` AS `_lycaon_event`, `_lycaon_source`.`Host` AS `_lycaon_id_0` FROM `acme`.`logs` AS `_lycaon_source` WHERE `_lycaon_source`.`ingested_at` >= ? AND `_lycaon_source`.`ingested_at` < ?) AS `_lycaon_table` WHERE `Image` LIKE '%\whoami.exe' AND `User` = 'it''s'
            Text("2026-01-01T00:00:00.000000Z")
            Text("2026-01-01T00:01:00.000000Z")"#]],
    );
    check(
        Dialect::Spark,
        Class::PerEvent,
        SIMPLE,
        expect![[
            r#"SELECT * FROM (SELECT `_lycaon_source`.*, `_lycaon_source`.`process_path` AS `Image`, `_lycaon_source`.`ingested_at` AS `_lycaon_position`, `_lycaon_source`.`event_time` AS `_lycaon_event`, `_lycaon_source`.`Host` AS `_lycaon_id_0` FROM `acme`.`logs` AS `_lycaon_source` WHERE `_lycaon_source`.`ingested_at` >= timestamp_micros(1767225600000000) AND `_lycaon_source`.`ingested_at` < timestamp_micros(1767225660000000)) AS `_lycaon_table` WHERE `Image` LIKE '%\\\\whoami.exe' AND `User` = 'it\'s'"#
        ]],
    );
    check(
        Dialect::DataFusion,
        Class::PerEvent,
        SIMPLE,
        expect![[r#"
            SELECT * FROM (SELECT "_lycaon_source".*, "_lycaon_source"."process_path" AS "Image", "_lycaon_source"."ingested_at" AS "_lycaon_position", "_lycaon_source"."event_time" AS "_lycaon_event", "_lycaon_source"."Host" AS "_lycaon_id_0" FROM "acme"."logs" AS "_lycaon_source" WHERE "_lycaon_source"."ingested_at" >= $1 AND "_lycaon_source"."ingested_at" < $2) AS "_lycaon_table" WHERE "Image" LIKE '%\\whoami.exe' AND "User" = 'it''s'
            Time(2026-01-01T00:00:00Z)
            Time(2026-01-01T00:01:00Z)"#]],
    );
}

#[test]
fn a_shorter_projection_keeps_the_identity() {
    check(
        Dialect::DataFusion,
        Class::PerEvent,
        "SELECT Host, Path AS p FROM {table} t WHERE t.Query IN {bad} OR Host IN ({bad}, 'x') -- why\n;",
        expect![[r#"
                SELECT "_lycaon_position", "_lycaon_event", "_lycaon_id_0", "Host", "Path" AS "p" FROM (SELECT "_lycaon_source".*, "_lycaon_source"."process_path" AS "Image", "_lycaon_source"."ingested_at" AS "_lycaon_position", "_lycaon_source"."event_time" AS "_lycaon_event", "_lycaon_source"."Host" AS "_lycaon_id_0" FROM "acme"."logs" AS "_lycaon_source" WHERE "_lycaon_source"."ingested_at" >= $1 AND "_lycaon_source"."ingested_at" < $2) "t" WHERE "t"."Query" IN ($3, $4) OR "Host" IN ($5, $6, 'x')
                Time(2026-01-01T00:00:00Z)
                Time(2026-01-01T00:01:00Z)
                Text("a")
                Text("b\\c")
                Text("a")
                Text("b\\c")"#]],
    );
}

#[test]
fn a_windowed_rule_names_its_bounds() {
    check(
        Dialect::Trino,
        Class::Windowed,
        "WITH tries AS (SELECT User, event_time FROM {table} WHERE Outcome = 'failure')\n\
             SELECT User, count(*) AS n, max(event_time) AS _instant FROM tries\n\
             WHERE event_time >= {read_from} GROUP BY User HAVING count(*) >= 5 AND max(event_time) < {to}",
        expect![[r#"
                WITH "tries" AS (SELECT "User", "event_time" FROM (SELECT "_lycaon_source".*, "_lycaon_source"."process_path" AS "Image" FROM "acme"."logs" AS "_lycaon_source" WHERE "_lycaon_source"."ingested_at" >= TIMESTAMP '2026-01-01 00:00:00.000000 UTC' AND "_lycaon_source"."ingested_at" < TIMESTAMP '2026-01-01 00:01:00.000000 UTC') AS "_lycaon_table" WHERE "Outcome" = 'failure')
                SELECT "User", count(*) AS "n", max("event_time") AS "_instant" FROM "tries"
                WHERE "event_time" >= TIMESTAMP '2026-01-01 00:00:00.000000 UTC' GROUP BY "User" HAVING count(*) >= 5 AND max("event_time") < TIMESTAMP '2026-01-01 00:01:00.000000 UTC'"#]],
    );
}

#[test]
fn rows_outside_the_usual_are_another_query() {
    let template = Template::parse("SELECT Host FROM {table}", Class::PerEvent).unwrap();
    let mut target = target(Dialect::DataFusion);
    target.identity = Vec::new();
    target.columns = Vec::new();
    let prune = Prune { behind: Duration::from_secs(60), ahead: Duration::from_secs(1) };
    let texts: Vec<String> = template
        .render_pruned(&target, Some(prune))
        .unwrap()
        .into_iter()
        .map(|statement| statement.text)
        .collect();
    expect![[r#"
            SELECT "_lycaon_position", "_lycaon_event", "Host" FROM (SELECT "_lycaon_source".*, "_lycaon_source"."ingested_at" AS "_lycaon_position", "_lycaon_source"."event_time" AS "_lycaon_event" FROM "acme"."logs" AS "_lycaon_source" WHERE "_lycaon_source"."ingested_at" >= $1 AND "_lycaon_source"."ingested_at" < $2 AND "_lycaon_source"."event_time" >= $3 AND "_lycaon_source"."event_time" < $4) AS "_lycaon_table"
            SELECT "_lycaon_position", "_lycaon_event", "Host" FROM (SELECT "_lycaon_source".*, "_lycaon_source"."ingested_at" AS "_lycaon_position", "_lycaon_source"."event_time" AS "_lycaon_event" FROM "acme"."logs" AS "_lycaon_source" WHERE "_lycaon_source"."ingested_at" >= $1 AND "_lycaon_source"."ingested_at" < $2 AND ("_lycaon_source"."event_time" IS NULL OR "_lycaon_source"."event_time" < $3 OR "_lycaon_source"."event_time" >= $4)) AS "_lycaon_table""#]].assert_eq(&texts.join("\n"));
    target.position = target.event_time.clone();
    assert_eq!(template.render_pruned(&target, Some(prune)).unwrap().len(), 1);
    let side =
        |restriction| template.render(&Target { restriction, ..target.clone() }).unwrap().text;
    expect![[r#"SELECT "_lycaon_position", "_lycaon_event", "Host" FROM (SELECT "_lycaon_source".*, "_lycaon_source"."event_time" AS "_lycaon_position", "_lycaon_source"."event_time" AS "_lycaon_event" FROM "acme"."logs" AS "_lycaon_source" WHERE "_lycaon_source"."event_time" >= $1) AS "_lycaon_table""#]].assert_eq(&side(Restriction::Future { after: base::Timestamp::EPOCH }));
    expect![[r#"SELECT "_lycaon_position", "_lycaon_event", "Host" FROM (SELECT "_lycaon_source".*, "_lycaon_source"."event_time" AS "_lycaon_position", "_lycaon_source"."event_time" AS "_lycaon_event" FROM "acme"."logs" AS "_lycaon_source" WHERE "_lycaon_source"."event_time" IS NULL) AS "_lycaon_table""#]].assert_eq(&side(Restriction::NullTime));
}

#[test]
fn bounds_suit_the_column() {
    let check = |form: ClockForm, bound: i64, wanted: Expect| {
        let template = Template::parse("SELECT * FROM {table}", Class::Opaque).unwrap();
        let target = Target {
            position: Some(Clock { column: "t".to_owned(), form }),
            style: ParameterStyle::Literal,
            read: (bound, i64::MAX),
            columns: Vec::new(),
            ..target(Dialect::Postgres)
        };
        let text = template.render(&target).unwrap().text;
        let (_, condition) = text.split_once(" WHERE ").unwrap();
        wanted.assert_eq(condition);
    };
    check(
        ClockForm::Number,
        1_500_001,
        expect![[r#""_lycaon_source"."t" >= 1500001) AS "_lycaon_table""#]],
    );
    check(
        ClockForm::Seconds,
        1_500_001,
        expect![[r#""_lycaon_source"."t" >= 2) AS "_lycaon_table""#]],
    );
    check(
        ClockForm::Seconds,
        -1_500_001,
        expect![[r#""_lycaon_source"."t" >= (-1)) AS "_lycaon_table""#]],
    );
    check(ClockForm::Millis, 2_000, expect![[r#""_lycaon_source"."t" >= 2) AS "_lycaon_table""#]]);
    check(ClockForm::Nanos, 7, expect![[r#""_lycaon_source"."t" >= 7000) AS "_lycaon_table""#]]);
    check(
        ClockForm::Wrapped("f(".to_owned(), ")".to_owned()),
        7,
        expect![[r#"f("_lycaon_source"."t") >= 7) AS "_lycaon_table""#]],
    );
    check(
        ClockForm::Text,
        7,
        expect![[
            r#"CASE WHEN "_lycaon_source"."t" ~ '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])[T ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]+)?(Z|[+-][01][0-9]:?[0-5][0-9])?$' THEN CAST("_lycaon_source"."t" AS timestamptz) END >= TIMESTAMPTZ '1970-01-01 00:00:00.000007+00') AS "_lycaon_table""#
        ]],
    );
}

#[test]
fn known_columns_are_written_out() {
    let template = Template::parse("SELECT * FROM {table}", Class::PerEvent).unwrap();
    let known = ["event_time", "process_path", "Image"].map(str::to_owned).to_vec();
    let target = Target { known, position: None, ..target(Dialect::DataFusion) };
    expect![[r#"SELECT * FROM (SELECT "_lycaon_source"."event_time", "_lycaon_source"."process_path", "_lycaon_source"."process_path" AS "Image", "_lycaon_source"."event_time" AS "_lycaon_event", "_lycaon_source"."Host" AS "_lycaon_id_0" FROM "acme"."logs" AS "_lycaon_source") AS "_lycaon_table""#]].assert_eq(&template.render(&target).unwrap().text);
}

#[test]
fn what_is_more_than_a_filter_is_refused() {
    let class = Class::PerEvent;
    refuse(
        class,
        "SELECT Host, count(*) FROM {table}\nGROUP BY Host",
        expect![[r#"
            line 1, column 14: a per-event rule is a filter and a projection over `{table}`; `count` makes one value of many rows; declare `kind: windowed` with a span, or `kind: opaque`
            line 2, column 10: a per-event rule is a filter and a projection over `{table}`; this has `GROUP BY`; declare `kind: windowed` with a span, or `kind: opaque`"#]],
    );
    refuse(
        class,
        "SELECT DISTINCT Host FROM {table} ORDER BY Host LIMIT 5",
        expect![[r#"
            line 1, column 1: a per-event rule is a filter and a projection over `{table}`; this has `DISTINCT`; declare `kind: windowed` with a span, or `kind: opaque`
            line 1, column 44: a per-event rule is a filter and a projection over `{table}`; this has `ORDER BY`; declare `kind: windowed` with a span, or `kind: opaque`
            line 1, column 55: a per-event rule is a filter and a projection over `{table}`; this has `LIMIT`; declare `kind: windowed` with a span, or `kind: opaque`"#]],
    );
    refuse(
        class,
        "SELECT * FROM {table} a JOIN {table} b ON a.x = b.x",
        expect![
            "line 1, column 30: a per-event rule is a filter and a projection over `{table}`; this has a join; declare `kind: windowed` with a span, or `kind: opaque`"
        ],
    );
    refuse(
        class,
        "SELECT * FROM {table}, other",
        expect![
            "line 1, column 24: a per-event rule is a filter and a projection over `{table}`; this has a join; declare `kind: windowed` with a span, or `kind: opaque`"
        ],
    );
    refuse(
        class,
        "SELECT * FROM {table} WHERE x IN (SELECT y FROM z)",
        expect![
            "line 1, column 35: a per-event rule is a filter and a projection over `{table}`; this has a query inside; declare `kind: windowed` with a span, or `kind: opaque`"
        ],
    );
    refuse(
        class,
        "SELECT row_number() OVER (ORDER BY x) FROM {table}",
        expect![
            "line 1, column 8: a per-event rule is a filter and a projection over `{table}`; `row_number` looks at other rows (`OVER`); declare `kind: windowed` with a span, or `kind: opaque`"
        ],
    );
    refuse(
        class,
        "SELECT * FROM {table} UNION ALL SELECT * FROM {table}",
        expect![
            "line 1, column 1: a per-event rule is a filter and a projection over `{table}`; this joins the answers of several queries; declare `kind: windowed` with a span, or `kind: opaque`"
        ],
    );
    refuse(
        class,
        "SELECT * FROM (SELECT * FROM {table}) x",
        expect![[r#"
            line 1, column 16: a per-event rule is a filter and a projection over `{table}`; this reads something else; declare `kind: windowed` with a span, or `kind: opaque`
            line 1, column 16: a per-event rule is a filter and a projection over `{table}`; this has a query inside; declare `kind: windowed` with a span, or `kind: opaque`"#]],
    );
    refuse(
        class,
        "SELECT * FROM {table} WHERE t > now()",
        expect![
            "line 1, column 33: `now` answers differently each time; the same window must always have the same answer: use `{to}` for the end of the window"
        ],
    );
    refuse(
        class,
        "SELECT * FROM {table} WHERE t > datetime('now')",
        expect![
            "line 1, column 33: `datetime` answers differently each time; the same window must always have the same answer: use `{to}` for the end of the window"
        ],
    );
    refuse(
        class,
        "SELECT max(a, b) FROM {table} WHERE countIf(x) > 1",
        expect![
            "line 1, column 37: a per-event rule is a filter and a projection over `{table}`; `countif` makes one value of many rows; declare `kind: windowed` with a span, or `kind: opaque`"
        ],
    );
}

#[test]
fn what_is_no_query_is_refused() {
    let class = Class::Opaque;
    refuse(class, "", expect!["line 1, column 1: there is no query; begin with `SELECT`"]);
    refuse(
        class,
        "SELECT 1",
        expect![
            "line 1, column 1: the query does not read `{table}`; write `FROM {table}`: it stands for each tenant's table within the window"
        ],
    );
    refuse(
        class,
        "DELETE FROM {table}",
        expect!["line 1, column 1: this is not a `SELECT`; a rule only reads: begin with `SELECT`"],
    );
    refuse(
        class,
        "SELECT * FROM {table}; DROP TABLE x",
        expect!["line 1, column 24: there is more than one statement; keep one `SELECT`"],
    );
    refuse(
        class,
        "SELECT * INTO y FROM {table}",
        expect!["line 1, column 1: this is not a `SELECT`; a rule only reads: begin with `SELECT`"],
    );
    refuse(
        class,
        "SELECT * FROM {table} WHERE",
        expect![
            "line 1, column 28: not SQL: expected: an expression, found: EOF; check the words around here"
        ],
    );
    refuse(
        class,
        "SELECT * FROM {table} WHERE x = 'abc",
        expect!["line 1, column 33: Unterminated string literal; close what is open here"],
    );
    refuse(
        class,
        "SELECT * FROM {tabel}",
        expect!["line 1, column 15: `{tabel}` is not a table; write `FROM {table}`"],
    );
    refuse(
        class,
        "SELECT {table} FROM {table}",
        expect!["line 1, column 8: `{table}` is not a table here; write `FROM {table}`"],
    );
    refuse(
        class,
        "SELECT * FROM {table} WHERE x = {a b}",
        expect![
            "line 1, column 33: a placeholder is a word between braces; for example `{table}` or `{from}`"
        ],
    );
    refuse(
        class,
        "SELECT * FROM {table} WHERE x = $1",
        expect![
            "line 1, column 33: `$1` is not how a rule takes values; write `{name}`, and its value under `lists`"
        ],
    );
    refuse(
        class,
        "SELECT _lycaon_x FROM {table}",
        expect![
            "line 1, column 8: the name `_lycaon_x` is reserved; choose a name that does not begin like that"
        ],
    );
    refuse(
        class,
        "SELECT * FROM {table} WHERE {to} >",
        expect![
            "line 1, column 35: not SQL: expected: an expression, found: EOF; check the words around here"
        ],
    );
    refuse(
        Class::Windowed,
        "SELECT Host FROM {table} LIMIT 1",
        expect![[r#"
            line 1, column 1: a windowed rule must answer with a column `_instant`; the moment of the row that completes the match, for example `max(event_time) AS _instant`
            line 1, column 32: a windowed rule must answer with all of its matches; this has `LIMIT`; leave it out, or declare `kind: opaque`"#]],
    );
    refuse(
        class,
        &format!("SELECT * FROM {{table}} WHERE {}x", "(".repeat(500)),
        expect!["line 1, column 1: the query is nested too deeply; make it flatter"],
    );
    refuse(
        class,
        &format!("SELECT * FROM {{table}} WHERE 1{}", "+1".repeat(3_000)),
        expect![
            "line 1, column 1: the query has more than 2000 operators; put long lists under `lists` and write `IN {name}`"
        ],
    );
}

#[test]
fn a_template_tells_what_it_uses() {
    let text = "SELECT User, max(t.event_time) AS _instant FROM {table} AS t\n WHERE Status > {low} GROUP BY User, date_trunc('hour', event_time)";
    let template = Template::parse(text, Class::Windowed).unwrap();
    let columns: Vec<_> = template.columns().collect();
    assert_eq!(columns, [("User", 1, 8), ("event_time", 1, 20), ("Status", 2, 8)]);
    assert_eq!(template.values(), ["low"]);
    assert_eq!(template.time_bucket(), Some((2, 38)));
    let outputs = template.outputs();
    assert_eq!(outputs.columns, [("User".to_owned(), true), ("_instant".to_owned(), false)]);
    assert!(!outputs.more && outputs.may_have("User") && !outputs.may_have("Status"));
}

#[test]
fn layout_and_comments_do_not_matter() {
    let canonical =
        |text: &str| Template::parse(text, Class::PerEvent).unwrap().canonical().to_owned();
    let plain = canonical("SELECT User FROM {table} WHERE x='A'");
    assert_eq!(plain, canonical("select  \"User\" -- who\nfrom {table}\n where x = 'A';"));
    assert_ne!(plain, canonical("SELECT User FROM {table} WHERE x='a'"));
    assert_ne!(plain, canonical("SELECT User FROM {table} WHERE X='A'"));
}

#[test]
fn values_must_suit_their_place() {
    let render = |text: &str, value: Value| {
        let template = Template::parse(text, Class::PerEvent).unwrap();
        let values = vec![("v".to_owned(), value)];
        template.render(&Target { values, ..target(Dialect::Sqlite) }).map_err(|e| e.to_string())
    };
    let one = "SELECT * FROM {table} WHERE x = {v}";
    let many = "SELECT * FROM {table} WHERE x IN {v}";
    let list = |n: i64| Value::from((0..n).map(Value::from).collect::<Vec<_>>());
    assert!(render(one, Value::from(1_i64)).is_ok() && render(many, Value::from(1_i64)).is_ok());
    assert_eq!(render(many, list(3)).unwrap().parameters.len(), 5);
    assert_eq!(
        render(one, list(2)).unwrap_err(),
        "`{v}` is a list of 2 values where one value is wanted; write `IN {v}`"
    );
    assert_eq!(
        render(many, list(0)).unwrap_err(),
        "the list `{v}` is empty; give it at least one value"
    );
    assert!(render(many, Value::from(vec![list(1)])).is_err());
    let template = Template::parse(one, Class::PerEvent).unwrap();
    assert!(template.render(&target(Dialect::Sqlite)).is_err());
}

proptest::proptest! {
    #[test]
    fn whatever_the_text_reading_ends(text in "(SELECT|[a-z*,(){}'\";%=<> ]|\\PC|FROM|\\{table\\}|WHERE|LIKE|IN|\\{x\\}| )*") {
        for class in [Class::PerEvent, Class::Windowed, Class::Opaque] {
            let _ = Template::parse(&text, class);
        }
    }

    #[test]
    fn texts_stay_between_their_quotes(text in "\\PC*") {
        let quoted = format!("SELECT * FROM {{table}} WHERE x = '{}'", text.replace('\'', "''"));
        let template = Template::parse(&quoted, Class::PerEvent).unwrap();
        for dialect in Dialect::ALL {
            let statement = template.render(&target(dialect)).unwrap();
            proptest::prop_assert!(statement.text.ends_with(&dialect.text(&text).unwrap()));
        }
    }
}

#[test]
fn an_escape_is_written_as_the_engine_knows_it() {
    let text = r"SELECT * FROM {table} WHERE Path LIKE '%!%2e!!\_' ESCAPE '!' AND Host = 'ESCAPE'";
    let condition = |dialect: Dialect| {
        let template = Template::parse(text, Class::PerEvent).unwrap();
        let text = template.render(&target(dialect)).unwrap().text;
        text.rsplit_once(" WHERE ").unwrap().1.to_owned()
    };
    expect![[r#""Path" LIKE '%\%2e!\\_'  AND "Host" = 'ESCAPE'"#]]
        .assert_eq(&condition(Dialect::DataFusion));
    expect![[r#"`Path` LIKE '%!%2e!!\_' ESCAPE '!' AND `Host` = 'ESCAPE'"#]]
        .assert_eq(&condition(Dialect::Sqlite));
    expect![[r#"`Path` LIKE '%\\%2e!\\\\_'  AND `Host` = 'ESCAPE'"#]]
        .assert_eq(&condition(Dialect::ClickHouse));
    expect![[r#""Path" LIKE '%!%2e!!\_' ESCAPE '!' AND "Host" = 'ESCAPE'"#]]
        .assert_eq(&condition(Dialect::Trino));
}
