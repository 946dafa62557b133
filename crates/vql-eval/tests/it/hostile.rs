//! Whatever the text, nothing panics and everything ends.

use proptest::prelude::*;
use rows::{Dict, Value};
use vql_eval::{Condition, Limits, language};

use crate::world::{ask_with, host};

fn small() -> Limits {
    Limits {
        rows_max: 200,
        memory_max_bytes: 1 << 20,
        growth_max_bytes: 4 << 20,
        steps_max: 4_000,
        ..Limits::default()
    }
}

/// Few enough for every run of the tests; `PROPTEST_CASES` asks for more.
fn config() -> ProptestConfig {
    let asked = std::env::var_os("PROPTEST_CASES").is_some();
    let config = ProptestConfig::default();
    if asked { config } else { ProptestConfig { cases: 96, ..config } }
}

const WORDS: &[&str] = &[
    "SELECT",
    "FROM",
    "WHERE",
    "LET",
    "AND",
    "OR",
    "NOT",
    "IN",
    "LIMIT",
    "GROUP BY",
    "ORDER BY",
    "DESC",
    "EXPLAIN",
    "NULL",
    "TRUE",
    "AS",
    "*",
    ",",
    ".",
    "=",
    "<=",
    "=~",
    "!=",
    "<",
    ">",
    "+",
    "- ",
    "/",
    "(",
    ")",
    "{",
    "}",
    "[",
    "]",
    ":",
    "||",
    "&&",
    "=>",
    "0",
    "1",
    "-1",
    "2.5",
    "0x7f",
    "9223372036854775807",
    "'a'",
    "\"[\"",
    "'''x'''",
    "a",
    "b",
    "f",
    "x",
    "_value",
    "`c d`",
    "scope()",
    "range(end=3)",
    "foreach(row=",
    "query=",
    "if(condition=",
    "then=",
    "else=",
    "dict(a=1)",
    "count()",
    "enumerate(items=x)",
    "sum(item=a)",
    "f(x=1)",
    "a(n=1)",
    "len(list=",
    "format(format='%d %v %-5s', args=",
    "get(item=",
    "member='a.0'",
    "chain(a=",
    "flatten(query=",
    "items(item=",
    "switch(a=",
    "filter(list=",
    "condition='x=>x'",
    "eval(func='x=>x + 1', args=",
    "LET x =",
    "LET f(x) =",
    "LET x <=",
    "SELECT a FROM scope()",
    "`**`=",
];

/// Texts that are wrong most of the time.
fn word_salad() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(WORDS), 1..30).prop_map(|words| words.join(" "))
}

const LEAVES: &[&str] = &[
    "NULL",
    "TRUE",
    "0",
    "-1",
    "7",
    "2.5",
    "9223372036854775807",
    "'text'",
    "'10'",
    "''",
    "a",
    "x",
    "x.a",
    "q",
    "kept",
    "d",
    "f(x=1)",
    "f(x=q)",
    "count()",
    "scope()",
    "nosuch",
    "q.v",
    "kept.v",
];

const OPERATORS: &[&str] =
    &["+", "- ", "*", "/", "=", "!=", "<", ">", "<=", ">=", "=~", "IN", "AND", "OR", "||", "&&"];

const AROUND: &[&str] = &[
    "(NOT @)",
    "(@, @)",
    "(@)[(@)]",
    "(@)[(@):]",
    "(@).a",
    "dict(a=@, b=@)",
    "len(list=@)",
    "sum(item=@)",
    "enumerate(items=@)",
    "f(x=@)",
    "format(format='%v %d %s %T %x', args=[@, 1])",
    "get(item=@, member='a.0.b')",
    "filter(list=@, condition='x=>x')",
    "max(item=@)",
    "if(condition=@, then=@, else=@)",
    "rate(x=@, y=@)",
    "array(a=@, b=@)",
    "-f(x=@)",
];

/// Expressions that are right all of the time.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(LEAVES).prop_map(str::to_owned);
    leaf.prop_recursive(5, 40, 3, |inner| {
        let operator = prop::sample::select(OPERATORS);
        prop_oneof![
            (inner.clone(), operator, inner.clone())
                .prop_map(|(a, op, b)| format!("(({a}) {op} ({b}))")),
            (prop::sample::select(AROUND), inner).prop_map(|(form, a)| form.replace('@', &a)),
        ]
    })
}

const TAILS: &[&str] = &["", "GROUP BY a", "ORDER BY a", "ORDER BY a DESC", "LIMIT 2"];

proptest! {
    #![proptest_config(config())]

    #[test]
    fn no_text_panics(text in word_salad()) {
        ask_with(&text, small(), Dict::new(), language());
    }

    #[test]
    fn no_program_panics(
        column in expression(),
        filter in expression(),
        row in expression(),
        tail in prop::sample::select(TAILS),
    ) {
        let text = format!(
            "LET d = dict(a=1, b=(1, 2)) \
             LET q = SELECT _value AS v, d FROM range(end=3) \
             LET kept <= q \
             LET f(x) = (x, {column}) \
             SELECT {column} AS a, *, {{ SELECT {column} FROM q }} AS c \
             FROM foreach(row={row}, query={{ SELECT *, _value AS x FROM range(end=2) }}) \
             WHERE {filter} {tail}"
        );
        let answer = ask_with(&text, small(), Dict::new(), language());
        prop_assert_eq!(answer.error, None);
    }

    #[test]
    fn conditions_survive_lying_rows(
        condition in expression(),
        names in prop::collection::vec("(rows|client|a|x|q|f)", 0..4),
    ) {
        let text = format!("LET q = SELECT * FROM rows LET f(x) = x LET d = 1 LET kept = 1 \
                            SELECT * FROM rows WHERE {condition}");
        let condition = Condition::compile(&text, &language()).unwrap();
        let row: Dict = names.iter().map(|name| (name.as_str(), Value::text("lie"))).collect();
        let _ = condition.matches(vec![row], Dict::new(), &host(), small());
    }
}

#[test]
fn brackets_without_end_are_an_error() {
    for open in ["(", "{ SELECT * FROM ", "f(a=", "NOT ", "a[", "["] {
        let text = format!("SELECT {} FROM scope()", open.repeat(100_000));
        assert!(ask_with(&text, small(), Dict::new(), language()).error.is_some(), "{open}");
    }
}

#[test]
fn long_chains_are_no_deep_trees() {
    let text = format!("SELECT 1{} AS n FROM scope()", " + 1".repeat(50_000));
    let answer = ask_with(&text, Limits::default(), Dict::new(), language());
    assert_eq!(answer.rows, [r#"{"n":50001}"#]);
    let text = format!("LET d = 1 SELECT d{} AS n FROM scope()", ".a".repeat(50_000));
    let answer = ask_with(&text, Limits::default(), Dict::new(), language());
    assert_eq!(answer.rows, [r#"{"n":null}"#]);
}

#[test]
fn a_lambda_that_does_not_fit_is_said() {
    let text = "SELECT eval(func='x,y=>x + y', args=(1, 2)) AS ok, \
                eval(func='x=>x', args=(1, 2)) AS no, eval(func='x=', args=1) AS bad FROM scope()";
    let answer = ask_with(text, small(), Dict::new(), language());
    assert_eq!(answer.rows, [r#"{"ok":3,"no":null,"bad":null}"#]);
    assert_eq!(answer.log.len(), 2, "{:?}", answer.log);
}
