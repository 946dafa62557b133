//! Lowered conditions hold for exactly the rows that SQLite finds, whatever is NULL.

use super::*;
use crate::row_condition;
use proptest::prelude::*;
use rows::{Dict, Value as Cell};
use rusqlite::Connection;
use sigma::{RuleSet, Scratch};

const TEXTS: [Option<&str>; 7] =
    [None, Some(""), Some("a"), Some("ab"), Some("A%"), Some("a\\b"), Some("ä_x")];
const NUMBERS: [Option<i64>; 5] = [None, Some(-1), Some(0), Some(5), Some(1 << 40)];

/// Every combination of the values above, under columns `T` and `N`.
fn rows() -> Vec<(Option<&'static str>, Option<i64>)> {
    TEXTS.iter().flat_map(|text| NUMBERS.iter().map(|number| (*text, *number))).collect()
}

fn database() -> Connection {
    let database = Connection::open_in_memory().unwrap();
    // Rules look at case wherever they run.
    database
        .execute_batch("PRAGMA case_sensitive_like = ON; CREATE TABLE t (T TEXT, N INTEGER)")
        .unwrap();
    for row in rows() {
        database.execute("INSERT INTO t VALUES (?, ?)", row).unwrap();
    }
    database
}

fn found_by_sqlite(database: &Connection, condition: &str) -> Vec<usize> {
    let mut statement =
        database.prepare(&format!("SELECT rowid - 1 FROM t WHERE {condition} ORDER BY 1")).unwrap();
    let places = statement.query_map([], |row| row.get::<_, i64>(0)).unwrap();
    places.map(|place| place.unwrap() as usize).collect()
}

fn found_by_predicate(predicate: &Predicate) -> Vec<usize> {
    let set = RuleSet::new([predicate]);
    let (mut scratch, mut hits) = (Scratch::default(), Vec::new());
    let mut found = Vec::new();
    for (place, (text, number)) in rows().into_iter().enumerate() {
        let row = Dict::new().with("T", Cell::from(text)).with("N", Cell::from(number));
        set.matching(&row, &mut scratch, &mut hits);
        if !hits.is_empty() {
            found.push(place);
        }
    }
    found
}

fn held(column: &str) -> Option<Held> {
    match column {
        "T" => Some(Held::Text),
        "N" => Some(Held::Int),
        _ => None,
    }
}

fn lowered(condition: &str) -> Option<Predicate> {
    let text = format!("SELECT * FROM {{table}} WHERE {condition}");
    let template = Template::parse(&text, Class::PerEvent).unwrap();
    lower(&template, &[], &held).map(|lowered| lowered.predicate)
}

fn leaf_condition() -> impl Strategy<Value = String> {
    let text = prop::sample::select(vec!["''", "'a'", "'ab'", "'A%'", "'a\\b'", "NULL", "'ä_x'"]);
    let number = prop::sample::select(vec!["-1", "0", "5", "1099511627776", "NULL", "6"]);
    let sign = prop::sample::select(vec!["=", "<>", "<", "<=", ">", ">="]);
    let same = prop::sample::select(vec!["=", "<>"]);
    let pattern = prop::sample::select(vec![
        "'%'",
        "'a%'",
        "'%b'",
        "'_'",
        "'a_b'",
        "'%\\%'",
        "''",
        "'A\\%' ESCAPE '\\'",
        "'%!_x' ESCAPE '!'",
    ]);
    let not = prop::sample::select(vec!["", "NOT "]);
    prop_oneof![
        (same, text.clone()).prop_map(|(sign, value)| format!("T {sign} {value}")),
        (sign.clone(), number.clone()).prop_map(|(sign, value)| format!("N {sign} {value}")),
        (sign, number.clone()).prop_map(|(sign, value)| format!("{value} {sign} (N)")),
        (not.clone(), pattern).prop_map(|(not, value)| format!("T {not}LIKE {value}")),
        (not.clone(), text.clone(), text).prop_map(|(not, a, b)| format!("T {not}IN ({a}, {b})")),
        (not.clone(), number.clone(), number)
            .prop_map(|(not, a, b)| format!("N {not}BETWEEN {a} AND {b}")),
        (prop::sample::select(vec!["T", "N"]), not)
            .prop_map(|(column, not)| format!("{column} IS {not}NULL")),
        prop::sample::select(vec!["TRUE", "FALSE", "NULL"]).prop_map(str::to_owned),
    ]
}

fn condition() -> impl Strategy<Value = String> {
    leaf_condition().prop_recursive(5, 40, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} AND {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} OR {b})")),
            inner.prop_map(|a| format!("NOT ({a})")),
        ]
    })
}

thread_local! {
    static DATABASE: Connection = database();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]
    #[test]
    fn the_predicate_holds_where_the_condition_is_true(condition in condition()) {
        let predicate = lowered(&condition).expect("all of this can be lowered");
        let wanted = DATABASE.with(|database| found_by_sqlite(database, &condition));
        prop_assert_eq!(found_by_predicate(&predicate), wanted, "{}", condition);
    }

    #[test]
    fn whatever_the_condition_reading_ends(text in "([a-zT ]|AND|OR|NOT|LIKE|IN|[()'%=<>,0-9]|\\PC|User)*") {
        let _ = row_condition(&text);
    }
}

#[test]
fn what_is_not_exactly_the_same_is_not_lowered() {
    for condition in [
        "lower(T) = 'a'",
        "T < 'a'",
        "T = 5",
        "N = '5'",
        "N = 5.5",
        "X = 'a'",
        "T ILIKE 'a'",
        "T LIKE 'a!b' ESCAPE '!'",
        "T = T",
        "N + 1 = 5",
        "N = 9007199254740993",
        "CASE WHEN N = 1 THEN TRUE END",
        "N IS TRUE",
    ] {
        assert_eq!(lowered(condition), None, "{condition}");
    }
    let template = |text: &str| Template::parse(text, Class::PerEvent).unwrap();
    assert_eq!(lower(&template("SELECT T AS x FROM {table}"), &[], &held), None);
    assert_eq!(lower(&template("SELECT T FROM {table} WHERE T IN {list}"), &[], &held), None);
    let lowered = lower(&template("SELECT T, N FROM {table}"), &[], &held).unwrap();
    assert_eq!(lowered.columns, [Name::from("T"), Name::from("N")]);
    assert_eq!(lowered.predicate, Predicate::And(Vec::new()));
}

#[test]
fn a_condition_over_a_row_says_what_is_wrong() {
    let read = row_condition("User = 'svc' AND (Port IN (22, 2222) OR User ILIKE 'x%')").unwrap();
    assert_eq!(read.columns, ["User", "Port"]);
    let wrong = |text: &str| row_condition(text).unwrap_err().to_string();
    assert_eq!(
        wrong("User = 'a' User"),
        "line 1, column 12: `\"User\"` does not belong to the condition; join conditions with `AND` or `OR`"
    );
    assert_eq!(
        wrong("lower(Host) = 'a'"),
        "line 1, column 1: `lower(Host) = 'a'` cannot be asked of a row here; comparisons with values, LIKE, IN, IS NULL, AND, OR, NOT are possible"
    );
    assert!(wrong("").starts_with("line 1, column 1: not a condition: Expected"));
    assert!(wrong("User = 'a").contains("Unterminated"));
}

#[test]
fn values_stand_for_what_they_are() {
    let lowered = |condition: &str, value: Cell| {
        let text = format!("SELECT * FROM {{table}} WHERE {condition}");
        let template = Template::parse(&text, Class::PerEvent).unwrap();
        let values = [("v".to_owned(), value)];
        lower(&template, &values, &held).map(|lowered| found_by_predicate(&lowered.predicate))
    };
    let list = |of: &[&str]| Cell::from(of.iter().map(|one| Cell::from(*one)).collect::<Vec<_>>());
    let by_sqlite = |condition: &str| DATABASE.with(|base| Some(found_by_sqlite(base, condition)));
    assert_eq!(lowered("T IN {v}", list(&["a", "ab"])), by_sqlite("T IN ('a', 'ab')"));
    assert_eq!(
        lowered("T NOT IN ({v}, '')", list(&["a", "ab"])),
        by_sqlite("T NOT IN ('a', 'ab', '')")
    );
    assert_eq!(lowered("T LIKE {v}", Cell::from("a%")), by_sqlite("T LIKE 'a%'"));
    assert_eq!(lowered("N >= {v}", Cell::from(5_i64)), by_sqlite("N >= 5"));
    assert_eq!(lowered("T = {v}", list(&["a", "ab"])), None);
    assert_eq!(lowered("T IN {v}", list(&[])), None);
    assert_eq!(lowered("N IN {v}", list(&["a"])), None);
    assert_eq!(lowered("{v} = {v}", Cell::from("a")), None);
    assert_eq!(lowered("T = {other}", Cell::from("a")), None);
    assert_eq!(lowered("T = {from}", Cell::from("a")), None);
}

#[test]
fn a_chain_that_is_read_does_not_exhaust_the_stack() {
    let chain = |count: usize, joined: &str| vec!["T = 'a'"; count].join(joined);
    for joined in [" OR ", " AND "] {
        assert!(lowered(&chain(190, joined)).is_some());
        assert!(row_condition(&chain(190, joined)).is_ok());
        // So many are refused, before anything looks at them one within the other.
        let text = format!("SELECT * FROM {{table}} WHERE {}", chain(900, joined));
        let refused = Template::parse(&text, Class::PerEvent).unwrap_err().remove(0).message;
        assert_eq!(refused, "the query joins more than 200 conditions in a row");
        assert!(row_condition(&chain(600, joined)).is_err());
    }
    assert!(lowered(&format!("N = 1{}", "+1".repeat(190))).is_none());
    let text = format!("SELECT * FROM {{table}} WHERE N = 1{}", "+1".repeat(1_900));
    assert!(Template::parse(&text, Class::PerEvent).is_err());
    for deep in [
        format!("T LIKE ('a'{})", "||'a'".repeat(190)),
        format!("N IN (1{}, 2)", "+1".repeat(190)),
        format!("'a'{} = T", "||'a'".repeat(190)),
    ] {
        assert!(lowered(&deep).is_none());
        assert!(row_condition(&deep).is_err());
    }
    let nested = format!("{}T = 'a'{}", "NOT (".repeat(20), ")".repeat(20));
    assert!(lowered(&nested).is_some());
}
