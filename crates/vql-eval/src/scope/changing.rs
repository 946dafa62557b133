//! What functions of the language may do to a scope: set and change variables, and run a query when
//! the scope is gone.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rows::{Dict, Name, Value};
use vql_plugin::{Failure, Scope};

use super::{Env, Layer, Node, Slot, States};
use crate::objects::{QueryKind, StoredQuery};
use crate::run::{Program, Rows};
use crate::session::{Cancel, Limits, Session};

/// What runs at the end.
enum Farewell {
    Text(Arc<Program>),
    Query(QueryKind),
}

impl Env {
    /// The evaluator's own form of a scope.
    pub(crate) fn of(scope: &Scope) -> Option<&Self> {
        scope.core().as_any().downcast_ref()
    }

    /// Sets a variable as LET does.
    pub(crate) fn set_variable(&self, name: Name, value: Value) {
        self.set(name, Slot::Value(value));
    }

    /// Changes the value of a variable in place. False when the newest thing of that name is no
    /// variable that holds a value.
    pub(crate) fn change(&self, name: &str, change: impl FnOnce(&mut Value)) -> bool {
        for env in self.layers() {
            match &env.0.layer {
                Layer::Variables(variables) => match variables.write().get_mut(name) {
                    Some(Slot::Value(value)) => {
                        change(value);
                        return true;
                    }
                    Some(Slot::Definition(_)) => return false,
                    None => {}
                },
                Layer::Row(row) if row.contains(name) => return false,
                Layer::Cells(cells) if cells.names().any(|known| &**known == name) => return false,
                Layer::Args(args) if args.iter().any(|(known, _)| &**known == name) => {
                    return false;
                }
                _ => {}
            }
        }
        false
    }

    /// Puts a changed dict or list where the same one is held by a variable: it was handed down
    /// as an argument, say.
    pub(crate) fn replace_everywhere(&self, old: &Value, new: &Value) {
        let same = |value: &Value| match (value, old) {
            (Value::Dict(a), Value::Dict(b)) => a.same(b),
            (Value::Array(a), Value::Array(b)) => Arc::ptr_eq(a, b),
            _ => false,
        };
        let mut replaced = Vec::new();
        for env in self.layers() {
            let Layer::Variables(variables) = &env.0.layer else { continue };
            for slot in variables.write().values_mut() {
                if let Slot::Value(value) = slot
                    && same(value)
                {
                    replaced.push(std::mem::replace(value, new.clone()));
                }
            }
        }
    }

    /// A scope with variables of its own in a part of the run. Apart from all others, or below
    /// this one.
    pub(crate) fn in_part(&self, part: Arc<Session>, below: bool) -> Self {
        Self(Arc::new(Node {
            parent: below.then(|| self.clone()),
            layer: Layer::Variables(Box::default()),
            depth: self.0.depth + 1,
            artifact_depth: self.0.artifact_depth + 1,
            quiet: false,
            states: States::Own(OnceLock::new()),
            session: part,
            closers: OnceLock::new(),
        }))
    }

    /// Everything that can be seen and is kept: variables, arguments, columns of rows.
    fn visible(&self) -> HashMap<Name, Slot> {
        let mut seen: HashMap<Name, Slot> = HashMap::new();
        let mut see = |name: &Name, slot: &Slot| {
            if !seen.contains_key(name) {
                seen.insert(name.clone(), slot.clone());
            }
        };
        for env in self.layers() {
            match &env.0.layer {
                Layer::Empty | Layer::Cells(_) => {}
                Layer::Row(row) => {
                    row.iter().for_each(|(name, value)| see(name, &Slot::Value(value.clone())));
                }
                Layer::Args(args) => args.iter().rev().for_each(|(name, slot)| see(name, slot)),
                Layer::Variables(variables) => {
                    variables.read().iter().for_each(|(name, slot)| see(name, slot));
                }
            }
        }
        seen
    }

    /// Prepares a query that runs when this run is over or was stopped: in a run of its own, which
    /// has so long.
    pub(crate) fn farewell(
        &self,
        query: Value,
        variables: Dict,
        timeout: Duration,
    ) -> Result<impl FnOnce() + Send + 'static, Failure> {
        let setup = &self.0.session.setup;
        let (what, mut slots) = match (StoredQuery::of(&query), &query) {
            (Some(stored), _) => {
                let env = stored.bound.as_ref().unwrap_or(self);
                (Farewell::Query(stored.what.clone()), env.visible())
            }
            (None, Value::Text(text)) => {
                let program = Program::compile(&text.to_str_lossy(), &setup.catalog)?;
                (Farewell::Text(program), self.visible())
            }
            _ => return Err("Field query should be a query or its text".into()),
        };
        for (name, value) in variables.iter() {
            slots.insert(name.clone(), Slot::Value(value.clone()));
        }
        let limits = Limits { time_max: timeout, ..setup.limits };
        let setup = setup.for_another(limits, Cancel::default());
        Ok(move || {
            let session = Arc::new(Session::new(setup));
            let env = Env::root(session.clone());
            for (name, slot) in slots {
                env.set(name, slot);
            }
            match what {
                Farewell::Text(program) => {
                    Rows::new(env.clone(), program, None).for_each(drop);
                }
                Farewell::Query(what) => {
                    let query = StoredQuery { what, bound: None };
                    env.rows_of_query(&query).for_each(drop);
                }
            }
            env.clear();
            session.finish();
            session.memory.clear();
        })
    }
}
