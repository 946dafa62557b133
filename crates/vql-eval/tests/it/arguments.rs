//! How arguments become what their declaration says.

use std::sync::Arc;

use rows::{Dict, OsPath, Text, Time, Value};
use vql_eval::{Limits, language};
use vql_plugin::{Failure, Function, LazyArg, Query, Scope, plugin_args};

use crate::world::ask_with;

plugin_args! {
    /// Gives its arguments back.
    pub struct ProbeArgs for "probe" {
        text: Option<Text>,
        int: Option<i64>,
        uint: Option<u64>,
        float: Option<f64>,
        truth: bool = false,
        texts: Option<Vec<Text>>,
        list: Option<Vec<Value>>,
        dict: Option<Dict>,
        dicts: Option<Vec<Dict>>,
        rows: Option<Query>,
        any: Option<Value>,
        time: Option<Time>,
        path: Option<Arc<OsPath>>,
        paths: Option<Vec<Arc<OsPath>>>,
        lazy: Option<LazyArg>,
        accessor: Option<Text>,
    }
}

struct Probe;

impl Function for Probe {
    type Args = ProbeArgs;

    fn call(&self, args: ProbeArgs, scope: &Scope) -> Result<Value, Failure> {
        let texts = |list: Vec<Text>| Value::array(list);
        let found = [
            args.text.map(Value::from),
            args.int.map(Value::from),
            args.uint.map(Value::from),
            args.float.map(Value::from),
            args.texts.map(texts),
            args.list.map(Value::from),
            args.dict.map(Value::from),
            args.dicts.map(Value::array),
            args.rows.map(|rows| Value::array(rows.rows(scope))),
            args.any,
            args.time.map(Value::from),
            args.path.map(Value::from),
            args.paths.map(Value::array),
            args.lazy.map(|lazy| lazy.get()),
        ];
        Ok(found.into_iter().flatten().next().unwrap_or(args.truth.into()))
    }
}

/// What `probe` with this argument gives, or logs.
#[track_caller]
fn check(argument: &str, answer: &str) {
    let text = format!(
        "LET q = SELECT _value AS v FROM range(end=2) LET kept <= q \
         SELECT probe({argument}) AS x FROM scope()"
    );
    let found = ask_with(&text, Limits::default(), Dict::new(), language().function(Probe));
    assert_eq!(found.error, None, "{argument}");
    let shown = match found.log.first() {
        Some(line) => line.clone(),
        None => found.rows[0].trim_start_matches("{\"x\":").trim_end_matches('}').to_owned(),
    };
    assert_eq!(shown, answer.trim_end_matches('}'), "{argument}");
}

#[test]
fn texts_take_everything() {
    check("text=1.0", r#""1""#);
    check("text=(1e10, 'a')", r#""[1e+10 a]""#);
    check("text=('only',)", r#""only""#);
    check("text=dict(a=1)", r#""{\"a\":1}""#);
    check("text=TRUE", r#""true""#);
    check("texts='x'", r#"["x"]"#);
    check("texts=(1, NULL)", r#"["1","Null"]"#);
    check("texts=kept", r#"["0","1"]"#);
    check("texts=q.v", r#"["0","1"]"#);
}

#[test]
fn numbers_take_no_text() {
    check("int=1.9", "1");
    check("int=TRUE", "1");
    check("int='5'", "probe: Field int should be an int not string");
    check("uint=-1", "probe: Field uint should not be negative");
    check("float=2", "2");
    check("float='2'", "probe: Field float should be a float not string");
    check("truth=-1", "false");
    check("truth=q", "true");
}

#[test]
fn lists_dicts_and_queries() {
    check("list=1", "[1]");
    check("list=[1]", "[1]");
    check("list=kept", r#"[{"v":0},{"v":1}]"#);
    check("dict=5", "probe: Field dict should be a dict not int64");
    check("dicts=(dict(a=1), NULL)", r#"[{"a":1}]"#);
    check("rows=q", r#"[{"v":0},{"v":1}]"#);
    check("rows=(1, NULL, dict(a=2))", r#"[{"_value":1},{"a":2}]"#);
    check("any=kept", r#"[{"v":0},{"v":1}]"#);
    check("lazy=1 + 1", "2");
}

#[test]
fn times_and_paths() {
    check("time=1700000000", r#""2023-11-14T22:13:20Z""#);
    check("time='2023-11-14 22:13:20'", r#""2023-11-14T22:13:20Z""#);
    check("time='no time'", r#""0001-01-01T00:00:00Z""#);
    check("path='/etc//hosts'", r#""/etc/hosts""#);
    check("path=('etc', 'hosts')", r#""/etc/hosts""#);
    check("path=5", "probe: Expecting a path arg type, not int64");
    check("paths=('/a', '/b')", r#"["/a","/b"]"#);
    check("path='/a', accessor='zip'", "probe: no accessor is called `zip`; there are ");
}

#[test]
fn unknown_and_spread_arguments() {
    check(
        "nope=1, int=2",
        "probe: Unexpected arg nope; the args are text, int, uint, float, truth, \
           texts, list, dict, dicts, rows, any, time, path, paths, lazy, accessor",
    );
    check("`**`=dict(int=4)", "4");
}
