//! Functions that make, look into and test values.

use std::any::Any as StdAny;
use std::sync::Arc;

use rows::{Name, Object, ObjectKind, Text, Value};
use vql_plugin::{Failure, Function, Lambda, Level, Scope, free_args, plugin_args};

free_args! {
    /// A dict of its arguments, in the order written.
    pub struct DictArgs for "dict";
}

pub(super) struct DictOf;

impl Function for DictOf {
    type Args = DictArgs;

    fn call(&self, args: DictArgs, scope: &Scope) -> Result<Value, Failure> {
        let pairs = args.0.0.into_iter();
        let pairs = pairs.map(|(name, value)| (name, scope.materialise(&value)));
        Ok(Value::Dict(pairs.collect()))
    }
}

free_args! {
    /// An array of its arguments; arrays and rows among them give their elements.
    pub struct ArrayArgs for "array";
}

pub(super) struct ArrayOf;

impl Function for ArrayOf {
    type Args = ArrayArgs;

    fn call(&self, args: ArrayArgs, scope: &Scope) -> Result<Value, Failure> {
        let mut items = Vec::new();
        for (_, value) in args.0.0 {
            match scope.materialise(&value) {
                Value::Array(more) => items.extend(more.iter().cloned()),
                other => items.push(other),
            }
        }
        Ok(Value::from(items))
    }
}

plugin_args! {
    /// Looks into a value, or into the scope when no value is given.
    pub struct GetArgs for "get" {
        /// What is looked into.
        item: Option<Value>,
        /// A path of members and indexes with dots between, such as `a.b.0`.
        member: Option<Text>,
        /// One key, taken literally.
        field: Option<Value>,
        /// The result when there is nothing.
        default: Option<Value>,
    }
}

pub(super) struct Get;

impl Function for Get {
    type Args = GetArgs;

    fn call(&self, args: GetArgs, scope: &Scope) -> Result<Value, Failure> {
        let parts: Vec<Value> = match (&args.field, &args.member) {
            (Some(field), _) => vec![field.clone()],
            (None, Some(member)) => member.to_str_lossy().split('.').map(Value::text).collect(),
            (None, None) => return Err("Field member is required".into()),
        };
        let mut found = args.item;
        for part in parts {
            let next = match &found {
                None => part_name(&part).and_then(|name| scope.lookup(&name)),
                Some(value) => look(value, &part),
            };
            match next {
                Some(value) => found = Some(value),
                None => return Ok(args.default.unwrap_or_default()),
            }
        }
        Ok(match found {
            None | Some(Value::Null) => args.default.unwrap_or_default(),
            Some(value) => value,
        })
    }
}

fn part_name(part: &Value) -> Option<String> {
    match part {
        Value::Text(text) => Some(text.to_string()),
        _ => None,
    }
}

fn look(value: &Value, part: &Value) -> Option<Value> {
    let index = |length: usize| {
        let number = match part {
            Value::Int(number) => *number,
            Value::Text(text) => text.as_str()?.parse().ok()?,
            _ => return None,
        };
        let length = i64::try_from(length).ok()?;
        usize::try_from(if number < 0 { number + length } else { number }).ok()
    };
    match value {
        Value::Dict(dict) => dict.get(&part.to_text().to_str_lossy()).cloned(),
        Value::Array(items) => items.get(index(items.len())?).cloned(),
        Value::Path(path) => path.member(&part_name(part)?),
        Value::Object(object) => match (object.force(), object.rows()) {
            (Some(value), _) => look(&value, part),
            (None, Some(rows)) => rows.get(index(rows.len())?).cloned().map(Value::Dict),
            (None, None) => object.member(&part_name(part)?),
        },
        _ => None,
    }
}

plugin_args! {
    /// How many elements a list, keys a dict or bytes a text has; 0 for everything else.
    pub struct LenArgs for "len" {
        /// What is counted. A query that has not run counts as nothing.
        list: LenOf,
    }
}

/// Anything, left as it is.
pub(super) struct LenOf(Value);

impl vql_plugin::ArgType for LenOf {
    const TYPE: &'static str = "any";

    fn from_value(value: Value, _cx: &vql_plugin::ArgContext<'_>) -> Result<Self, String> {
        Ok(Self(value))
    }
}

pub(super) struct Len;

impl Function for Len {
    type Args = LenArgs;

    fn call(&self, args: LenArgs, _scope: &Scope) -> Result<Value, Failure> {
        Ok(len(&args.list.0).into())
    }
}

fn len(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::Array(items) => items.len(),
        Value::Dict(dict) => dict.len(),
        Value::Path(path) => path.components().len(),
        Value::Object(object) => match (object.force(), object.rows()) {
            (Some(value), _) => len(&value),
            (None, rows) => rows.map_or(0, <[_]>::len),
        },
        _ => 0,
    }
}

plugin_args! {
    /// The scope as a value: its members are the variables.
    pub struct ScopeArgs for "scope" {}
}

pub(super) struct ScopeOf;

impl Function for ScopeOf {
    type Args = ScopeArgs;

    fn call(&self, _args: ScopeArgs, scope: &Scope) -> Result<Value, Failure> {
        Ok(Value::Object(Arc::new(ScopeView(scope.clone()))))
    }
}

struct ScopeView(Scope);

impl Object for ScopeView {
    fn kind(&self) -> ObjectKind {
        ObjectKind::Scope
    }

    fn type_name(&self) -> &str {
        "scope"
    }

    fn member(&self, name: &str) -> Option<Value> {
        self.0.lookup(name)
    }

    fn members(&self) -> Vec<Name> {
        self.0.names()
    }

    fn truth(&self) -> bool {
        true
    }

    fn as_any(&self) -> &dyn StdAny {
        self
    }
}

plugin_args! {
    /// The elements of a list that a lambda or a pattern picks.
    pub struct FilterArgs for "filter" {
        /// The list.
        list: Vec<Value>,
        /// A lambda such as `x=>x > 1`.
        condition: Option<Lambda>,
        /// Patterns, of which one must match.
        regex: Option<Vec<Arc<vql_plugin::Pattern>>>,
    }
}

pub(super) struct Filter;

impl Function for Filter {
    type Args = FilterArgs;

    fn call(&self, args: FilterArgs, scope: &Scope) -> Result<Value, Failure> {
        if args.condition.is_none() && args.regex.is_none() {
            return Err("one of the fields condition and regex is required".into());
        }
        let test = Test { lambda: args.condition, patterns: args.regex };
        let kept = args.list.into_iter().filter(|item| test.picks(item, scope));
        Ok(Value::from(kept.collect::<Vec<_>>()))
    }
}

/// Picks elements by lambda, by pattern, or by their own truth.
struct Test {
    lambda: Option<Lambda>,
    patterns: Option<Vec<Arc<vql_plugin::Pattern>>>,
}

impl Test {
    fn picks(&self, item: &Value, scope: &Scope) -> bool {
        if scope.stopped() {
            return false;
        }
        match (&self.lambda, &self.patterns) {
            (Some(lambda), _) => scope.truth(&scope.call(lambda, std::slice::from_ref(item))),
            (None, Some(patterns)) => {
                let text = item.to_text();
                patterns.iter().any(|pattern| pattern.is_match(&text))
            }
            (None, None) => scope.truth(item),
        }
    }
}

plugin_args! {
    /// Whether any element of a list is true, matches, or is picked by a lambda.
    pub struct AnyArgs for "any" {
        /// The list.
        items: Vec<Value>,
        /// A lambda such as `x=>x > 1`.
        filter: Option<Lambda>,
        /// Patterns, of which one must match.
        regex: Option<Vec<Arc<vql_plugin::Pattern>>>,
    }
}

pub(super) struct Any;

impl Function for Any {
    type Args = AnyArgs;

    fn call(&self, args: AnyArgs, scope: &Scope) -> Result<Value, Failure> {
        let test = Test { lambda: args.filter, patterns: args.regex };
        Ok(args.items.iter().any(|item| test.picks(item, scope)).into())
    }
}

plugin_args! {
    /// Whether every element of a list is true, matches, or is picked by a lambda.
    pub struct AllArgs for "all" {
        /// The list.
        items: Vec<Value>,
        /// A lambda such as `x=>x > 1`.
        filter: Option<Lambda>,
        /// Patterns, of which one must match.
        regex: Option<Vec<Arc<vql_plugin::Pattern>>>,
    }
}

pub(super) struct All;

impl Function for All {
    type Args = AllArgs;

    fn call(&self, args: AllArgs, scope: &Scope) -> Result<Value, Failure> {
        let test = Test { lambda: args.filter, patterns: args.regex };
        Ok(args.items.iter().all(|item| test.picks(item, scope)).into())
    }
}

plugin_args! {
    /// Calls a lambda.
    pub struct EvalArgs for "eval" {
        /// The lambda, such as `x=>x + 1`.
        func: Lambda,
        /// Its arguments.
        args: Option<Vec<Value>>,
    }
}

pub(super) struct Eval;

impl Function for Eval {
    type Args = EvalArgs;

    fn call(&self, args: EvalArgs, scope: &Scope) -> Result<Value, Failure> {
        // A lambda that takes one argument and is given none looks at the scope.
        let given =
            args.args.unwrap_or_else(|| vec![Value::Object(Arc::new(ScopeView(scope.clone())))]);
        Ok(scope.call(&args.func, &given))
    }
}

plugin_args! {
    /// Writes a line to the log of the collection. Always true.
    pub struct LogArgs for "log" {
        /// What to say; with `args`, a format.
        message: Text,
        /// What the format refers to.
        args: Option<Value>,
        /// DEFAULT, ERROR, WARN, INFO, DEBUG or ALERT.
        level: Option<Text>,
        /// Seconds in which the same message is said only once; 0 or less says it always.
        dedup: i64 = 60,
    }
}

pub(super) struct Log;

impl Function for Log {
    type Args = LogArgs;

    fn call(&self, args: LogArgs, scope: &Scope) -> Result<Value, Failure> {
        let level =
            match &args.level {
                None => Level::Default,
                Some(word) => match word.to_str_lossy().to_ascii_uppercase().as_str() {
                    "" | "DEFAULT" => Level::Default,
                    "ERROR" => Level::Error,
                    "WARN" | "WARNING" => Level::Warn,
                    "INFO" => Level::Info,
                    "DEBUG" => Level::Debug,
                    "ALERT" => Level::Alert,
                    other => return Err(format!(
                        "`{other}` is not a level; use DEFAULT, ERROR, WARN, INFO, DEBUG or ALERT"
                    )
                    .into()),
                },
            };
        let text = match &args.args {
            None => args.message.to_string(),
            Some(values) => super::format::format(&args.message, values).to_string(),
        };
        if args.dedup > 0 && !is_news(&args.message, args.dedup, scope) {
            return Ok(true.into());
        }
        scope.log(level, &text);
        Ok(true.into())
    }
}

/// Whether a message was not said in the last so many seconds.
fn is_news(message: &Text, seconds: i64, scope: &Scope) -> bool {
    type Said = parking_lot::Mutex<std::collections::HashMap<Text, base::Timestamp>>;
    const SAID_MAX: usize = 10_000;
    let said = scope.keep("log", Said::default);
    let now = scope.host().clock().now();
    let pause = std::time::Duration::from_secs(seconds.unsigned_abs());
    let mut said = said.lock();
    if let Some(last) = said.get(message)
        && now.since(*last) < pause
    {
        return false;
    }
    if said.len() >= SAID_MAX {
        said.clear();
    }
    said.insert(message.clone(), now);
    true
}
