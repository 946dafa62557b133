//! A run ends within its limits, and says why.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base::{Clock, FixedClock, SeededEntropy, Timestamp};
use rows::{Dict, Row, Value};
use vql_eval::{Cancel, Limits, Program, Run, Setup, StopReason, language};
use vql_plugin::{Failure, Function, Host, LogLine, Plugin, RowStream, Scope, plugin_args};

use crate::world::{Answer, ask, ask_with, host, host_at};

const FOREVER: i64 = i64::MAX;

fn ask_within(text: &str, limits: Limits) -> Answer {
    ask_with(text, limits, Dict::new(), language())
}

#[test]
fn rows_are_counted_across_statements() {
    let limits = Limits { rows_max: 5, ..Limits::default() };
    let text = "SELECT * FROM range(end=3) SELECT * FROM range(end=1000000)";
    let answer = ask_within(text, limits);
    assert_eq!(answer.rows.len(), 2);
    assert_eq!(answer.stopped, Some(StopReason::Rows));
    assert_eq!(answer.log, ["ERROR:the query was ended after 5 rows"]);
}

/// A clock that moves by a second whenever it is looked at.
struct Hurrying(AtomicI64);

impl Clock for Hurrying {
    fn now(&self) -> Timestamp {
        Timestamp::from_secs(self.0.fetch_add(1, Ordering::Relaxed))
    }
}

#[test]
fn time_ends_a_query_that_yields_nothing() {
    let catalog = Arc::new(language());
    let text = format!("SELECT * FROM range(end={FOREVER}) WHERE _value < 0");
    let program = Program::compile(&text, &catalog).unwrap();
    let mut setup = Setup::new(host_at(Arc::new(Hurrying(AtomicI64::new(0)))), catalog);
    setup.limits.time_max = Duration::from_secs(10);
    let run = Run::new(setup, Dict::new());
    assert_eq!(run.rows(&program).count(), 0);
    assert_eq!(run.stop_reason(), Some(StopReason::Time));
}

#[test]
fn what_is_kept_is_charged() {
    let limits = Limits { memory_max_bytes: 1 << 20, ..Limits::default() };
    let grow = |step: &str, times: u32| {
        format!(
            "LET grow(s, n) = if(condition=n > 0, then=grow(s={step}, n=n - 1), else=s) \
             SELECT grow(s='0123456789', n={times}) FROM scope()"
        )
    };
    for text in [
        "LET x <= SELECT _value, 'a' AS t FROM range(end=1000000) SELECT x[0] FROM scope()".into(),
        "SELECT _value FROM range(end=1000000) ORDER BY _value DESC".into(),
        "SELECT _value FROM range(end=1000000) GROUP BY _value".into(),
        "SELECT enumerate(items=_value) AS l FROM range(end=1000000) GROUP BY 1".into(),
        "SELECT { SELECT _value FROM range(end=1000000) } AS l FROM scope()".into(),
        "LET q = SELECT _value FROM range(end=1000000) SELECT q FROM scope()".into(),
        grow("s + s", 40),
        grow("(s, s)", 60),
        grow("dict(a=s, b=s)", 60),
        grow("(s,)", 400),
    ] {
        let answer = ask_within(&text, limits);
        assert_eq!(answer.stopped, Some(StopReason::Memory), "{text}: {:?}", answer.log);
    }
}

#[test]
fn memory_is_given_back() {
    let limits = Limits { memory_max_bytes: 1 << 20, ..Limits::default() };
    let answer = ask_within(
        "SELECT len(list=l) AS n FROM foreach(row={ SELECT * FROM range(end=100) }, query={
           SELECT { SELECT _value FROM range(end=1000) ORDER BY _value } AS l FROM scope() })",
        limits,
    );
    assert_eq!((answer.rows.len(), answer.stopped), (100, None));
}

#[test]
fn work_is_counted() {
    let limits = Limits { steps_max: 10_000, ..Limits::default() };
    let text = "LET fib(n) = if(condition=n < 2, then=n, else=fib(n=n - 1) + fib(n=n - 2)) \
                SELECT fib(n=60) AS f FROM scope()";
    assert_eq!(ask_within(text, limits).stopped, Some(StopReason::Steps));
}

#[test]
fn a_cancelled_run_ends_at_the_next_row() {
    let catalog = Arc::new(language());
    let text = format!("SELECT * FROM range(end={FOREVER})");
    let program = Program::compile(&text, &catalog).unwrap();
    let mut setup = Setup::new(host(), catalog);
    let cancel = Cancel::default();
    setup.cancel = cancel.clone();
    let run = Run::new(setup, Dict::new());
    let mut rows = run.rows(&program);
    assert!(rows.next().is_some());
    cancel.cancel();
    assert!(rows.next().is_none());
    assert_eq!(run.stop_reason(), Some(StopReason::Cancelled));
}

fn down(n: u32) -> String {
    format!(
        "LET down(n) = if(condition=n > 0, then=1 + down(n=n - 1), else=0) \
         SELECT down(n={n}) AS x FROM scope()"
    )
}

#[test]
fn recursion_reaches_deep_and_not_too_deep() {
    assert_eq!(ask(&down(900)).rows, [r#"{"x":900}"#]);
    let answer = ask(&down(2_000));
    assert_eq!(answer.rows, [r#"{"x":null}"#]);
    assert_eq!(answer.log, ["Stack Overflow: SELECT down(n=2000) AS x FROM scope()"]);
}

#[test]
fn deep_recursion_is_cut_off_on_a_small_stack_too() {
    let catalog = Arc::new(language());
    let program = Program::compile(&down(100_000), &catalog).unwrap();
    // The thread of a test has two megabytes.
    let run = Run::new(Setup::new(host(), catalog), Dict::new());
    assert_eq!(run.rows(&program).count(), 1);
}

#[test]
fn recursive_queries_end() {
    for text in [
        "LET q = SELECT * FROM q SELECT * FROM q",
        "LET q = SELECT * FROM chain(a={ SELECT * FROM q }, b={ SELECT * FROM q }) SELECT * FROM q",
        "LET q = SELECT * FROM foreach(row=q, query=q) SELECT * FROM q",
        "LET x = x SELECT x FROM scope()",
        "LET a = SELECT b FROM scope() LET b = SELECT a FROM scope() SELECT a FROM scope()",
        "LET l = 'x=>eval(func=l, args=x)' SELECT eval(func=l, args=1) FROM scope()",
    ] {
        let limits = Limits { steps_max: 100_000, ..Limits::default() };
        assert!(ask_within(text, limits).rows.len() <= 1, "{text}");
    }
}

#[test]
fn a_query_inside_has_a_time_of_its_own() {
    let answer = |text: &str| {
        let catalog = Arc::new(language());
        let program = Program::compile(text, &catalog).unwrap();
        let log: Arc<Mutex<Vec<String>>> = Arc::default();
        let mut setup = Setup::new(host_at(Arc::new(Hurrying(AtomicI64::new(0)))), catalog);
        let sink = log.clone();
        setup.log = Arc::new(move |line: LogLine| sink.lock().unwrap().push(line.to_string()));
        setup.limits.time_max = Duration::from_secs(100_000);
        let run = Run::new(setup, Dict::new());
        let rows = run.rows(&program).count();
        assert_eq!(run.stop_reason(), None);
        (rows, log.lock().unwrap().clone())
    };
    let endless = format!("SELECT * FROM range(end={FOREVER}) WHERE _value < 5");
    let (rows, log) = answer(&format!(
        "SELECT * FROM chain(a={{ SELECT * FROM query(query={{ {endless} }}, timeout=30) }}, \
         b=(1, 2))"
    ));
    assert_eq!((rows, log), (7, vec!["ERROR:query: the query was ended after 30s".to_owned()]));
    let (rows, log) = answer(&format!(
        "SELECT * FROM chain(a={{ SELECT * FROM query(query={{ {endless} }}, progress_timeout=20) }}, \
         b=(1, 2))"
    ));
    let silent = "ERROR:query: the query was ended: it gave no row in 20s".to_owned();
    assert_eq!((rows, log), (7, vec![silent]));
}

#[test]
fn a_query_may_be_given_as_text() {
    let text = "LET text = 'LET y = x + n SELECT y FROM range(end=2)' LET n = 1 \
                SELECT * FROM query(query=text, env=dict(x=4), copy_env='n')";
    assert_eq!(ask(text).rows, [r#"{"y":5}"#, r#"{"y":5}"#]);
    let bad = ask("SELECT * FROM query(query='SELECT')");
    assert!(bad.log[0].starts_with("query: error: "), "{:?}", bad.log);
    let endless = "LET text = 'SELECT * FROM query(query=text, inherit=TRUE)' \
                   SELECT * FROM query(query=text, inherit=TRUE)";
    assert_eq!(ask(endless).log, ["query: queries are nested deeper than 10"]);
}

plugin_args! {
    /// Yields one row and panics.
    pub struct FaultyArgs for "faulty" {}
}

struct Faulty;

impl Plugin for Faulty {
    type Args = FaultyArgs;

    fn rows(&self, _args: FaultyArgs, _scope: &Scope) -> Result<RowStream, Failure> {
        let mut first = true;
        Ok(Box::new(std::iter::from_fn(move || {
            assert!(std::mem::take(&mut first), "a mistake");
            Some(Row::new().with("n", 1))
        })))
    }
}

#[test]
fn a_panic_of_a_plugin_ends_only_its_rows() {
    let text = "SELECT * FROM chain(a={ SELECT n FROM faulty() }, b=dict(n=2))";
    let answer = ask_with(text, Limits::default(), Dict::new(), language().plugin(Faulty));
    assert_eq!(answer.rows, [r#"{"n":1}"#, r#"{"n":2}"#]);
    assert_eq!(answer.log, ["ERROR:faulty: gave up because of a mistake of its own"]);
}

#[test]
fn workers_of_foreach_find_every_row() {
    let text = "SELECT sum(item=v) AS s, count() AS n FROM foreach(workers=8, \
                row={ SELECT _value FROM range(end=200) }, \
                query={ SELECT _value AS v FROM scope() }) GROUP BY 1";
    assert_eq!(ask(text).rows, [r#"{"s":19900,"n":200}"#]);
    let text = "SELECT * FROM foreach(workers=8, row={ SELECT * FROM range(end=100000000) }, \
                query={ SELECT _value FROM scope() }) LIMIT 3";
    assert_eq!(ask(text).rows.len(), 3);
}

#[test]
fn workers_of_nested_loops_are_bounded_and_find_every_row() {
    // 30 times 30 would be more threads than a query may have.
    let text = "SELECT count() AS n FROM foreach(workers=30, row={ SELECT _value FROM range(end=30) }, \
                query={ SELECT * FROM foreach(workers=30, row={ SELECT _value AS i FROM range(end=30) }, \
                query={ SELECT i FROM range(end=3) }) }) GROUP BY 1";
    assert_eq!(ask(text).rows, [r#"{"n":2700}"#]);
}

#[test]
fn workers_end_with_the_run() {
    let text = format!(
        "SELECT * FROM foreach(workers=4, row={{ SELECT _value FROM range(end={FOREVER}) }}, \
         query={{ SELECT _value FROM scope() WHERE _value < 0 }})"
    );
    let answer = ask_within(&text, Limits { steps_max: 10_000, ..Limits::default() });
    assert_eq!(answer.stopped, Some(StopReason::Steps));
}

plugin_args! {
    /// Says when the scope closes.
    pub struct ClosingArgs for "closing" {
        /// What to say.
        name: String,
    }
}

struct Closing;

impl Function for Closing {
    type Args = ClosingArgs;

    fn call(&self, args: ClosingArgs, scope: &Scope) -> Result<Value, Failure> {
        let (name, log) = (args.name.clone(), scope.host().port::<Lines>());
        scope.on_close(move || {
            if let Some(lines) = log {
                lines.0.lock().unwrap().push(name);
            }
        });
        Ok(args.name.into())
    }
}

#[derive(Default)]
struct Lines(Mutex<Vec<String>>);

#[test]
fn what_is_registered_goes_when_the_run_is_over_the_last_first() {
    let catalog = Arc::new(language().function(Closing));
    let text = "LET make(n) = closing(name=n) LET kept <= make(n='first') \
                SELECT kept, closing(name=format(format='%d', args=_value)) AS x FROM range(end=2)";
    let program = Program::compile(text, &catalog).unwrap();
    let closed = Arc::new(Lines::default());
    let clock = Arc::new(FixedClock::at(Timestamp::EPOCH));
    let host = Host::builder(clock, Box::new(SeededEntropy::new(1))).port(closed.clone()).build();
    let run = Run::new(Setup::new(host, catalog), Dict::new());
    let seen = run.rows(&program).map(|_| closed.0.lock().unwrap().len()).max();
    drop(run);
    assert_eq!(seen, Some(0));
    assert_eq!(*closed.0.lock().unwrap(), ["1", "0", "first"]);
}
