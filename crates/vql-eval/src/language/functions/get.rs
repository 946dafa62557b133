//! Looks into a value, or into the scope.

use rows::{Text, Value};
use vql_plugin::{Entry, Failure, Function, Scope, plugin_args};

use crate::scope::Env;

pub(super) fn entry() -> Entry {
    Entry::function(Get)
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

struct Get;

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
                Some(value) => look(value, &part)
                    .or_else(|| Env::of(scope)?.member(value, &part.to_text().to_str_lossy())),
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
        Value::Object(object) => match (object.force(), object.rows()) {
            (Some(value), _) => look(&value, part),
            (None, Some(rows)) => rows.get(index(rows.len())?).cloned().map(Value::Dict),
            (None, None) => None,
        },
        _ => None,
    }
}
