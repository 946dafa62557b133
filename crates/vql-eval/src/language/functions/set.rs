//! Changes a dict in place.

use std::sync::Arc;

use parking_lot::Mutex;
use rows::{Name, Text, Value};
use vql_plugin::{Entry, Failure, Function, Scope, Stopped, plugin_args};

use crate::language::keeping::Lru;
use crate::language::scope_view::ScopeView;
use crate::language::unevaluated::Unevaluated;
use crate::scope::Env;

pub(super) fn entry() -> Entry {
    Entry::function(Set)
}

plugin_args! {
    /// Sets a member of a dict, and gives the dict.
    ///
    /// A dict in a variable (`LET D <= dict()`, then `set(item=D, …)` or `set(item=D.sub, …)`) is
    /// changed for everybody who sees the variable. Of any other dict a changed copy is given. An
    /// `lru()` is changed in place, and of a scope a variable is set.
    pub struct SetArgs for "set" {
        /// The dict; the scope when left out.
        item: Option<Unevaluated>,
        /// The key, or for a list the index.
        field: Value,
        /// Its new value.
        value: Option<Value>,
    }
}

struct Set;

impl Function for Set {
    type Args = SetArgs;

    fn call(&self, args: SetArgs, scope: &Scope) -> Result<Value, Failure> {
        let env = Env::of(scope).ok_or("works only in a running query")?;
        let value = scope.materialise(&args.value.unwrap_or_default());
        let Some(item) = args.item else {
            env.set_variable(Name::from(&args.field.to_text()), value);
            return Ok(true.into());
        };
        let mut outcome = Ok(None);
        if let Some([first, members @ ..]) = item.variable() {
            let change = |whole: &mut Value| {
                outcome = change_at(whole, members, &args.field, &value);
            };
            if env.change(first, change) {
                Ledger::of(scope).note(outcome?, &value, scope)?;
                // Looked at only when somebody wants it: a copy would be in the way of the next
                // change.
                return Ok(item.as_written());
            }
        }
        let given = item.value(scope);
        let mut changed = given.clone();
        change_at(&mut changed, &[], &args.field, &value)?;
        env.replace_everywhere(&given, &changed);
        Ok(changed)
    }
}

/// What the query is charged for what was put into variables.
#[derive(Default)]
struct Ledger(Mutex<usize>);

impl Ledger {
    fn of(scope: &Scope) -> Arc<Self> {
        scope.keep("set", Self::default)
    }

    fn note(&self, gone: Option<Value>, new: &Value, scope: &Scope) -> Result<(), Stopped> {
        const ENTRY_BYTES: usize = 64;
        let new = new.size_bytes() + ENTRY_BYTES;
        let mut charged = self.0.lock();
        let gone = gone.map_or(0, |gone| gone.size_bytes() + ENTRY_BYTES).min(*charged);
        scope.release(gone);
        *charged = *charged - gone + new;
        scope.charge(new)
    }
}

/// Sets a field of what is found behind these members. Returns what was there.
fn change_at(
    whole: &mut Value,
    members: &[Name],
    field: &Value,
    value: &Value,
) -> Result<Option<Value>, Failure> {
    if let Some((first, rest)) = members.split_first() {
        let Value::Dict(dict) = whole else {
            return Err(format!("a {} has no member {first} to change", whole.type_name()).into());
        };
        let mut inner = dict.get(first).cloned().unwrap_or_default();
        let gone = change_at(&mut inner, rest, field, value)?;
        dict.update(first, inner);
        return Ok(gone);
    }
    match whole {
        Value::Dict(dict) => {
            let key = key(field);
            let key = key.to_str_lossy();
            let gone = dict.get(&key).cloned();
            dict.update(key, value.clone());
            Ok(gone)
        }
        Value::Array(items) => {
            let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
            let place = match field {
                Value::Int(at) => usize::try_from(if *at < 0 { at + length } else { *at }).ok(),
                _ => None,
            };
            match place.and_then(|place| Arc::make_mut(items).get_mut(place)) {
                Some(place) => Ok(Some(std::mem::replace(place, value.clone()))),
                None => Err(format!("the list has no place {field}").into()),
            }
        }
        Value::Object(object) => {
            if let Some(lru) = object.as_any().downcast_ref::<Lru>() {
                lru.set(key(field), value.clone())?;
            } else if let Some(view) = object.as_any().downcast_ref::<ScopeView>() {
                let env = Env::of(&view.0).ok_or("works only in a running query")?;
                env.set_variable(Name::from(&key(field)), value.clone());
            } else {
                let found = object.type_name();
                return Err(format!("Field item is a {found}, which is fixed").into());
            }
            // Charged where it is kept.
            Ok(Some(value.clone()))
        }
        other => {
            let found = other.type_name();
            Err(format!("Field item should be a dict not {found}").into())
        }
    }
}

fn key(field: &Value) -> Text {
    field.to_text()
}
