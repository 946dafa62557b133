//! On SQLite a condition is true exactly when the rule is satisfied, whatever is in texts and rows.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rows::{Dict, Name, Text, Value};
use rusqlite::functions::FunctionFlags;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, params_from_iter};
use sigma::predicate::{Anchor, Comparison, Network, Number, TimePart};
use sigma::{Piece, Predicate, RuleSet, Scratch, Test, TextPattern, TextTest};
use sql_text::{Dialect, SqliteFunctions, TableColumns, condition};

/// The columns of the table; names are as hostile as values.
const COLUMNS: [&str; 3] = ["a", "b\"c'd", "--`x"];

fn open() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    let functions = SqliteFunctions::default();
    for (name, arity) in SqliteFunctions::ALL {
        let functions = functions.clone();
        let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
        let call = move |context: &rusqlite::functions::Context<'_>| {
            let arguments: Vec<Value> =
                (0..context.len()).map(|at| value(context.get_raw(at))).collect();
            Ok(owned(functions.call(name, &arguments)))
        };
        connection.create_scalar_function(name, arity, flags, call).unwrap();
    }
    // A column that ignores case must make no difference.
    connection
        .execute_batch("CREATE TABLE t (a TEXT COLLATE NOCASE, \"b\"\"c'd\" ANY, \"--`x\")")
        .unwrap();
    connection
}

fn value(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Int(number),
        ValueRef::Real(number) => Value::Float(number),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Value::Text(Text::from(bytes)),
    }
}

fn owned(value: Value) -> ToSqlOutput<'static> {
    use rusqlite::types::Value as Stored;
    ToSqlOutput::Owned(match value {
        Value::Int(number) => Stored::Integer(number),
        Value::Float(number) => Stored::Real(number),
        Value::Text(text) => Stored::Text(text.to_str_lossy().into_owned()),
        _ => Stored::Null,
    })
}

const HOSTILE: &str =
    r#"(a|b|A|B|'|"|\\|%|_|;|--|/\*|\*|\?|`|\$\{|\n|\t|ä|Ä|İ|K|ς|Σ|😀|\.|\(|x){0,5}"#;

fn text() -> impl Strategy<Value = Text> {
    prop_oneof![4 => HOSTILE.prop_map(Text::from), 1 => "[ab]{1,2}".prop_map(Text::from)]
}

fn pattern() -> impl Strategy<Value = TextPattern> {
    let piece =
        prop_oneof![text().prop_map(Piece::Literal), Just(Piece::AnyOne), Just(Piece::AnyMany)];
    prop_oneof![
        text().prop_map(TextPattern::Equals),
        text().prop_map(TextPattern::StartsWith),
        text().prop_map(TextPattern::EndsWith),
        text().prop_map(TextPattern::Contains),
        proptest::collection::vec(piece, 1..5).prop_map(TextPattern::Like),
    ]
}

fn test() -> impl Strategy<Value = Test> {
    let is = prop_oneof![
        Just(Comparison::Less),
        Just(Comparison::AtMost),
        Just(Comparison::Equal),
        Just(Comparison::AtLeast),
        Just(Comparison::Greater),
    ];
    let than = prop_oneof![
        (-3_i64..4).prop_map(Number::Int),
        any::<i32>().prop_map(|number| Number::Int(number.into())),
        (-2_i8..3).prop_map(|number| Number::Float(f64::from(number) / 2.0)),
    ];
    let regex = prop_oneof![
        HOSTILE.prop_map(|text| regex::escape(&text)),
        "[ab](\\.|\\?|[ab]|\\[\\^a\\])[$ab]",
    ];
    let network = prop_oneof![Just("10.0.0.0/9"), Just("fe80::/10"), Just("0.0.0.0/0")];
    let anchor = prop_oneof![
        Just(Anchor::Whole),
        Just(Anchor::Start),
        Just(Anchor::End),
        Just(Anchor::Anywhere),
    ];
    prop_oneof![
        6 => (pattern(), any::<bool>())
            .prop_map(|(pattern, cased)| Test::Text(TextTest { pattern, cased })),
        2 => (is, than).prop_map(|(is, than)| Test::Number { is, than }),
        1 => (regex, any::<[bool; 3]>()).prop_map(|(pattern, [i, m, s])| Test::Regex {
            pattern: Text::from(pattern.as_str()), ignore_case: i, multi_line: m, dot_all: s,
        }),
        1 => network.prop_map(|network| Test::Cidr(Network::parse(network).unwrap())),
        1 => (0..COLUMNS.len(), anchor, any::<bool>()).prop_map(|(field, anchor, cased)| {
            Test::OtherField { field: Name::from(COLUMNS[field]), anchor, cased }
        }),
        1 => Just(Test::Null),
        1 => any::<bool>().prop_map(Test::Exists),
        1 => any::<bool>().prop_map(Test::Bool),
        1 => Just(Test::TimePart { part: TimePart::Month, is: 1 }),
    ]
}

fn predicate() -> impl Strategy<Value = Predicate> {
    let keyword = (pattern(), any::<bool>())
        .prop_map(|(pattern, cased)| Predicate::Keyword(Test::Text(TextTest { pattern, cased })));
    let field = (0..COLUMNS.len(), test())
        .prop_map(|(field, test)| Predicate::Field { field: Name::from(COLUMNS[field]), test });
    let leaf = prop_oneof![8 => field, 1 => keyword];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let some = proptest::collection::vec(inner.clone(), 0..4);
        prop_oneof![
            some.clone().prop_map(Predicate::And),
            some.clone().prop_map(Predicate::Or),
            inner.prop_map(|one| Predicate::Not(Box::new(one))),
            (0_usize..4, some).prop_map(|(count, of)| Predicate::AtLeast { count, of }),
        ]
    })
}

fn stored() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => text().prop_map(Value::Text),
        1 => "[a\\x00b]{0,4}".prop_map(Value::text),
        1 => (-3_i64..4).prop_map(Value::Int),
        1 => (-3_i64..4).prop_map(|number| Value::text(format!(" {number}.0"))),
        1 => (-4_i8..5).prop_map(|number| Value::Float(f64::from(number) / 4.0)),
        1 => prop_oneof![Just("10.1.2.3"), Just("::ffff:10.0.0.1"), Just("fe80::1"), Just("11.0.0.1"),
            Just("true"), Just("2026-01-02T03:04:05Z")].prop_map(Value::text),
        1 => Just(Value::Null),
    ]
}

#[test]
fn a_condition_is_true_when_the_rule_is_satisfied() {
    let connection = open();
    let described: Vec<(String, String)> =
        COLUMNS.iter().map(|name| ((*name).to_owned(), "ANY".to_owned())).collect();
    let columns = TableColumns::new(Dialect::Sqlite, &described, &[]);
    let rows = proptest::collection::vec([stored(), stored(), stored()], 1..5);
    let mut runner = TestRunner::new(Config { cases: 1_000, ..Config::default() });
    let outcome = runner.run(&(predicate(), rows), |(predicate, rows)| {
        let wanted = |row: &[Value; 3]| {
            let record: Dict = COLUMNS.iter().copied().zip(row.iter().cloned()).collect();
            let mut hits = Vec::new();
            RuleSet::new([&predicate]).matching(&record, &mut Scratch::default(), &mut hits);
            !hits.is_empty()
        };
        let text = condition(&predicate, Dialect::Sqlite, &columns);
        let text = text.map_err(|why| TestCaseError::fail(why.to_string()))?;
        for row in &rows {
            connection.execute("DELETE FROM t", []).unwrap();
            connection
                .execute(
                    "INSERT INTO t VALUES (?, ?, ?)",
                    params_from_iter(row.iter().map(|one| owned(one.clone()))),
                )
                .unwrap();
            // What was stored is what counts: a column may have made a number a text.
            let kept = connection
                .query_row("SELECT * FROM t", [], |kept| {
                    Ok([0, 1, 2].map(|at| value(kept.get_ref(at).unwrap())))
                })
                .unwrap();
            let found: i64 = connection
                .query_row(&format!("SELECT count(*) FROM t WHERE {text}"), [], |row| row.get(0))
                .map_err(|error| TestCaseError::fail(format!("{error}: {text}")))?;
            prop_assert_eq!(found == 1, wanted(&kept), "{:?}: {}", kept, text);
        }
        Ok(())
    });
    outcome.unwrap();
}

#[test]
fn a_rule_with_thousands_of_values_is_still_a_condition() {
    let one = |number: usize| Predicate::Field {
        field: Name::from("a"),
        test: Test::Text(TextTest {
            pattern: TextPattern::Equals(Text::from(format!("v{number}").as_str())),
            cased: false,
        }),
    };
    let predicate = Predicate::Or((0..5_000).map(one).collect());
    let columns = TableColumns::new(Dialect::Sqlite, &[("a".to_owned(), "TEXT".to_owned())], &[]);
    let text = condition(&predicate, Dialect::Sqlite, &columns).unwrap();
    let connection = open();
    connection.execute("INSERT INTO t (a) VALUES ('V4999'), ('v5000')", []).unwrap();
    let count = format!("SELECT count(*) FROM t WHERE {text}");
    let found: i64 = connection.query_row(&count, [], |row| row.get(0)).unwrap();
    assert_eq!(found, 1);
}
