//! How an argument becomes what its declaration says. The table of section 7 of the language, in
//! one place.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use rows::{Dict, ObjectKind, OsPath, PathStyle, Text, Time, Value, go_float};

use crate::{CallArgs, Pattern, RowStream, Scope};

/// Around an argument that is being converted.
pub struct ArgContext<'a> {
    /// The scope of the call.
    pub scope: &'a Scope,
    /// All arguments of the call.
    pub args: &'a CallArgs,
    /// The argument in question.
    pub name: &'static str,
}

impl ArgContext<'_> {
    fn wrong(&self, wanted: &str, found: &Value) -> String {
        format!("Field {} should be {wanted} not {}", self.name, found.type_name())
    }
}

/// A type that an argument may be declared with.
pub trait ArgType: Sized {
    /// The type in words, for the reference page.
    const TYPE: &'static str;
    /// Whether the argument is handed over unevaluated.
    const LAZY: bool = false;
    /// Whether the argument must be given.
    const REQUIRED: bool = true;

    /// What the argument is when it was left out; `None` when it must be given.
    fn missing() -> Option<Self> {
        None
    }

    /// Converts.
    fn from_value(value: Value, cx: &ArgContext<'_>) -> Result<Self, String>;
}

impl<T: ArgType> ArgType for Option<T> {
    const TYPE: &'static str = T::TYPE;
    const LAZY: bool = T::LAZY;
    const REQUIRED: bool = false;

    fn missing() -> Option<Self> {
        Some(None)
    }

    fn from_value(value: Value, cx: &ArgContext<'_>) -> Result<Self, String> {
        if value.is_null() { Ok(None) } else { T::from_value(value, cx).map(Some) }
    }
}

impl ArgType for Text {
    const TYPE: &'static str = "string";

    fn from_value(value: Value, cx: &ArgContext<'_>) -> Result<Self, String> {
        if let Value::Text(text) = value {
            return Ok(text);
        }
        Ok(match cx.scope.materialise(&value) {
            Value::Null => Text::default(),
            Value::Array(values) if values.len() == 1 => values[0].to_text(),
            Value::Float(number) => Text::from(go_float(number)),
            other => other.to_text(),
        })
    }
}

impl ArgType for String {
    const TYPE: &'static str = "string";

    fn from_value(value: Value, cx: &ArgContext<'_>) -> Result<Self, String> {
        Ok(Text::from_value(value, cx)?.to_str_lossy().into_owned())
    }
}

impl ArgType for i64 {
    const TYPE: &'static str = "int";

    fn from_value(value: Value, cx: &ArgContext<'_>) -> Result<Self, String> {
        match plain(value, cx) {
            Value::Int(number) => Ok(number),
            Value::Bool(truth) => Ok(i64::from(truth)),
            Value::Float(number) => Ok(number as i64),
            other => Err(cx.wrong("an int", &other)),
        }
    }
}

impl ArgType for u64 {
    const TYPE: &'static str = "uint";

    fn from_value(value: Value, cx: &ArgContext<'_>) -> Result<Self, String> {
        let number = i64::from_value(value, cx)?;
        u64::try_from(number).map_err(|_| format!("Field {} should not be negative", cx.name))
    }
}

impl ArgType for f64 {
    const TYPE: &'static str = "float";

    fn from_value(value: Value, cx: &ArgContext<'_>) -> Result<Self, String> {
        match plain(value, cx) {
            Value::Int(number) => Ok(number as f64),
            Value::Bool(truth) => Ok(f64::from(u8::from(truth))),
            Value::Float(number) => Ok(number),
            other => Err(cx.wrong("a float", &other)),
        }
    }
}

impl ArgType for bool {
    const TYPE: &'static str = "bool";

    fn from_value(value: Value, cx: &ArgContext<'_>) -> Result<Self, String> {
        Ok(cx.scope.truth(&value))
    }
}

impl ArgType for Time {
    const TYPE: &'static str = "time";

    fn from_value(value: Value, cx: &ArgContext<'_>) -> Result<Self, String> {
        Ok(match plain(value, cx) {
            Value::Time(time) => time,
            Value::Int(epoch) => Time::from_epoch(epoch),
            Value::Float(epoch) => Time::from_epoch_float(epoch),
            Value::Text(text) => text.as_str().and_then(Time::parse).unwrap_or_else(Time::zero),
            _ => Time::zero(),
        })
    }
}

impl ArgType for Value {
    const TYPE: &'static str = "any";

    fn from_value(value: Value, cx: &ArgContext<'_>) -> Result<Self, String> {
        Ok(plain(value, cx))
    }
}

impl ArgType for Dict {
    const TYPE: &'static str = "dict";

    fn from_value(value: Value, cx: &ArgContext<'_>) -> Result<Self, String> {
        match plain(value, cx) {
            Value::Null => Ok(Dict::new()),
            Value::Dict(dict) => Ok(dict),
            Value::Object(object) if object.kind() == ObjectKind::Record => Ok(object
                .members()
                .into_iter()
                .map(|name| (name.clone(), object.member(&name).unwrap_or_default()))
                .collect()),
            other => Err(cx.wrong("a dict", &other)),
        }
    }
}

impl ArgType for Vec<Value> {
    const TYPE: &'static str = "list";

    fn missing() -> Option<Self> {
        None
    }

    fn from_value(value: Value, cx: &ArgContext<'_>) -> Result<Self, String> {
        Ok(match plain(value, cx) {
            Value::Array(values) => Arc::unwrap_or_clone(values),
            other => vec![other],
        })
    }
}

impl ArgType for Vec<Text> {
    const TYPE: &'static str = "list of strings";

    fn from_value(value: Value, cx: &ArgContext<'_>) -> Result<Self, String> {
        let values = Vec::<Value>::from_value(value, cx)?;
        let element = |value: &Value| match value {
            // A row of one column stands for that column.
            Value::Dict(row) if row.len() == 1 => {
                row.at(0).map_or_else(Text::default, |(_, value)| value.to_text())
            }
            other => cx.scope.materialise(other).to_text(),
        };
        Ok(values.iter().map(element).collect())
    }
}

impl ArgType for Vec<String> {
    const TYPE: &'static str = "list of strings";

    fn from_value(value: Value, cx: &ArgContext<'_>) -> Result<Self, String> {
        let texts = Vec::<Text>::from_value(value, cx)?;
        Ok(texts.iter().map(|text| text.to_str_lossy().into_owned()).collect())
    }
}

impl ArgType for Vec<Dict> {
    const TYPE: &'static str = "list of dicts";

    fn from_value(value: Value, cx: &ArgContext<'_>) -> Result<Self, String> {
        let values = Vec::<Value>::from_value(value, cx)?;
        let given = values.into_iter().filter(|value| !value.is_null());
        given.map(|value| Dict::from_value(value, cx)).collect()
    }
}

impl ArgType for Arc<OsPath> {
    const TYPE: &'static str = "path";

    fn from_value(value: Value, cx: &ArgContext<'_>) -> Result<Self, String> {
        path(plain(value, cx), cx)
    }
}

impl ArgType for Vec<Arc<OsPath>> {
    const TYPE: &'static str = "list of paths";

    fn from_value(value: Value, cx: &ArgContext<'_>) -> Result<Self, String> {
        match plain(value, cx) {
            Value::Array(values) => values
                .iter()
                .map(|value| match value {
                    Value::Dict(row) if row.len() == 1 => {
                        path(row.at(0).map(|(_, value)| value.clone()).unwrap_or_default(), cx)
                    }
                    other => path(other.clone(), cx),
                })
                .collect(),
            other => Ok(vec![path(other, cx)?]),
        }
    }
}

fn path(value: Value, cx: &ArgContext<'_>) -> Result<Arc<OsPath>, String> {
    let accessor = match cx.args.get("accessor") {
        Some(name) => name.to_text().to_str_lossy().into_owned(),
        None => String::new(),
    };
    let parse = |text: &[u8]| match cx.scope.accessor(&accessor) {
        Ok(accessor) => accessor.parse(text).map_err(|error| error.to_string()),
        Err(_) if accessor.is_empty() => Ok(OsPath::parse(PathStyle::Unix, text)),
        Err(error) => Err(error.to_string()),
    };
    match value {
        Value::Path(path) => Ok(path),
        Value::Text(text) => parse(&text).map(Arc::new),
        Value::Array(values) => {
            let parts = values.iter().map(Value::to_text);
            Ok(Arc::new(parse(b"")?.join(parts)))
        }
        // A path spec that was built as a dict: its JSON is its text form.
        Value::Dict(spec) if spec.contains("Path") || spec.contains("DelegatePath") => {
            parse(&Value::Dict(spec).to_text()).map(Arc::new)
        }
        other => Err(format!("Expecting a path arg type, not {}", other.type_name())),
    }
}

/// A pattern that ignores case, compiled once per query.
impl ArgType for Arc<Pattern> {
    const TYPE: &'static str = "regex";

    fn from_value(value: Value, cx: &ArgContext<'_>) -> Result<Self, String> {
        let text = Text::from_value(value, cx)?;
        cx.scope.pattern(&text, true).map_err(|bad| format!("Field {}: {bad}", cx.name))
    }
}

impl ArgType for Vec<Arc<Pattern>> {
    const TYPE: &'static str = "list of regexes";

    fn from_value(value: Value, cx: &ArgContext<'_>) -> Result<Self, String> {
        let texts = Vec::<Text>::from_value(value, cx)?;
        let compile = |text: &Text| {
            cx.scope.pattern(text, true).map_err(|bad| format!("Field {}: {bad}", cx.name))
        };
        texts.iter().map(compile).collect()
    }
}

/// Something that yields rows: a query, an array, a dict. NULL yields none.
#[derive(Clone, Debug)]
pub struct Query(pub Value);

impl Query {
    /// Runs it in `scope`.
    pub fn rows(&self, scope: &Scope) -> RowStream {
        scope.rows(&self.0)
    }
}

impl ArgType for Query {
    const TYPE: &'static str = "query";

    fn from_value(value: Value, cx: &ArgContext<'_>) -> Result<Self, String> {
        match value {
            Value::Object(object) if object.kind() == ObjectKind::Lazy => {
                Ok(Self(plain(Value::Object(object), cx)))
            }
            other => Ok(Self(other)),
        }
    }
}

/// An argument that is evaluated when the function asks, and not at all if it does not.
#[derive(Clone, Debug)]
pub struct LazyArg(Value);

impl LazyArg {
    /// The value, computed on first use.
    pub fn get(&self) -> Value {
        match &self.0 {
            Value::Object(object) => object.force().unwrap_or_else(|| self.0.clone()),
            other => other.clone(),
        }
    }
}

impl ArgType for LazyArg {
    const TYPE: &'static str = "any, evaluated when needed";
    const LAZY: bool = true;

    fn from_value(value: Value, _cx: &ArgContext<'_>) -> Result<Self, String> {
        Ok(Self(value))
    }
}

/// A small function written in VQL: `x=>x + 1`. Call it with [`Scope::call`].
#[derive(Clone)]
pub struct Lambda {
    /// The text it was read from.
    pub text: Arc<str>,
    /// The evaluator's own form.
    pub body: Arc<dyn Any + Send + Sync>,
}

impl fmt::Debug for Lambda {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl ArgType for Lambda {
    const TYPE: &'static str = "lambda";

    fn from_value(value: Value, cx: &ArgContext<'_>) -> Result<Self, String> {
        match plain(value, cx) {
            Value::Text(text) => cx
                .scope
                .lambda(&text.to_str_lossy())
                .map_err(|error| format!("Field {}: {error}", cx.name)),
            other => Err(cx.wrong("a lambda such as x=>x", &other)),
        }
    }
}

/// Lazy values are computed and kept rows become arrays; queries stay queries.
fn plain(value: Value, cx: &ArgContext<'_>) -> Value {
    match value.object_kind() {
        Some(ObjectKind::Lazy | ObjectKind::Rows) => match &value {
            Value::Object(object) if object.kind() == ObjectKind::Lazy => {
                plain(object.force().unwrap_or_default(), cx)
            }
            other => cx.scope.materialise(other),
        },
        _ => value,
    }
}
