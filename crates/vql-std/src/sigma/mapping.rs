//! Which value of an event a rule's field stands for.

use std::collections::HashMap;

use rows::{Dict, Name, Row, Value};
use vql_plugin::{Failure, Lambda, Scope};

/// Fields by the name that rules use. A field that is not listed is the event's own of that name;
/// dots lead into it.
#[derive(Clone, Default)]
pub(crate) struct Mapping(HashMap<Name, Getter>);

#[derive(Clone)]
struct Getter {
    lambda: Lambda,
    /// The members of `x=>x.a.b`, which are walked without evaluating anything.
    path: Option<Vec<String>>,
}

impl Mapping {
    /// From a dict of lambdas.
    pub(crate) fn read(fields: &Dict, scope: &Scope) -> Result<Self, Failure> {
        let mut getters = HashMap::with_capacity(fields.len());
        for (name, value) in fields.iter() {
            let text = match value {
                Value::Text(text) => text.to_str_lossy().into_owned(),
                other => {
                    return Err(Failure::new(format!(
                        "Field field_mapping: `{name}` should be a lambda such as \
                         x=>x.EventData.{name}, not {}",
                        other.type_name()
                    )));
                }
            };
            let lambda = scope
                .lambda(&text)
                .map_err(|error| Failure::new(format!("Field field_mapping: `{name}`: {error}")))?;
            getters.insert(name.clone(), Getter { path: members(&text), lambda });
        }
        Ok(Self(getters))
    }

    /// The value of a field; `None` when there is none.
    pub(crate) fn get(&self, field: &str, event: &Row, scope: &Scope) -> Option<Value> {
        let value = match self.0.get(field) {
            None => sigma::Fields::field(event, field)?,
            Some(getter) => match getter.path.as_ref().map(|path| walk(event, path)) {
                Some(Walked::There(value)) => value,
                Some(Walked::Nothing) => return None,
                Some(Walked::NotPlain) | None => {
                    scope.call(&getter.lambda, &[Value::Dict(event.clone())])
                }
            },
        };
        let value = if value.holds_object() { scope.materialise(&value) } else { value };
        (!value.is_null()).then_some(value)
    }
}

enum Walked {
    There(Value),
    Nothing,
    /// Something on the way is not a dict; the language knows what its members are.
    NotPlain,
}

fn walk(event: &Row, path: &[String]) -> Walked {
    let mut dict = event;
    let Some((last, way)) = path.split_last() else { return Walked::NotPlain };
    for name in way {
        match dict.get(name) {
            Some(Value::Dict(inner)) => dict = inner,
            Some(Value::Null) | None => return Walked::Nothing,
            Some(_) => return Walked::NotPlain,
        }
    }
    dict.get(last).map_or(Walked::Nothing, |value| Walked::There(value.clone()))
}

/// The members that `x=>x.a.b` walks through; `None` for every other lambda.
fn members(lambda: &str) -> Option<Vec<String>> {
    let (parameter, body) = lambda.split_once("=>")?;
    let mut parts = body.trim().split('.');
    let plain = |name: &str| {
        let mut letters = name.bytes();
        letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
            && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == b'_')
    };
    if !plain(parameter.trim()) || parts.next() != Some(parameter.trim()) {
        return None;
    }
    let members: Vec<String> = parts.map(str::to_owned).collect();
    (!members.is_empty() && members.iter().all(|name| plain(name))).then_some(members)
}

#[cfg(test)]
mod tests {
    use super::members;

    #[test]
    fn only_plain_paths_are_walked_without_evaluating() {
        let check = |lambda: &str, wanted: Option<&[&str]>| {
            let found = members(lambda);
            let found = found.as_ref().map(|names| names.iter().map(String::as_str).collect());
            assert_eq!(found, wanted.map(<[&str]>::to_vec), "{lambda}");
        };
        check("x=>x.EventData.Image", Some(&["EventData", "Image"]));
        check(" e => e.a", Some(&["a"]));
        check("x=>x", None);
        check("x=>y.a", None);
        check("x=>x.a[0]", None);
        check("x=>x.a + 1", None);
        check("x=>x.`a b`", None);
        check("x,y=>x.a", None);
    }
}
