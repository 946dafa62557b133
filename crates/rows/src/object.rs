//! The open variant of a value: things that are computed when asked, or that know their members.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::{Dict, Name, Text, Value};

/// What sort of thing an [`Object`] is; the language treats these differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectKind {
    /// A record of a plugin: its members are its fields.
    Record,
    /// A SELECT that has not run yet.
    Query,
    /// The kept rows of a SELECT that has run; see [`Object::rows`].
    Rows,
    /// A value that is computed on first use; see [`Object::force`].
    Lazy,
    /// A scope: its members are the variables.
    Scope,
}

/// Something that is not plain data.
///
/// # Contract
///
/// - No method panics or fails; what is not there is NULL or `None`.
/// - [`materialise`](Self::materialise) returns plain data: no object anywhere inside.
pub trait Object: Send + Sync {
    /// What sort of thing this is.
    fn kind(&self) -> ObjectKind {
        ObjectKind::Record
    }

    /// The name of its type, for messages.
    fn type_name(&self) -> &str;

    /// A field, or the result of a method without arguments.
    fn member(&self, _name: &str) -> Option<Value> {
        None
    }

    /// The names that a star stands for.
    fn members(&self) -> Vec<Name> {
        Vec::new()
    }

    /// How it prints.
    fn to_text(&self) -> Text {
        self.materialise().to_text()
    }

    /// Whether it counts as true.
    fn truth(&self) -> bool {
        false
    }

    /// The plain data that stands for it in a result.
    fn materialise(&self) -> Value {
        Value::Null
    }

    /// Its rows, for [`ObjectKind::Rows`].
    fn rows(&self) -> Option<&[Dict]> {
        None
    }

    /// The value behind it, for [`ObjectKind::Lazy`].
    fn force(&self) -> Option<Value> {
        None
    }

    /// The concrete type, for whoever made it.
    fn as_any(&self) -> &dyn Any;
}

impl fmt::Debug for dyn Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.type_name())
    }
}

type Thunk = Box<dyn Fn() -> Value + Send + Sync>;

/// A value that is computed at most once, when it is first used. For expensive columns.
pub struct Lazy {
    make: Thunk,
    made: OnceLock<Value>,
}

impl Lazy {
    /// A value that `make` computes when it is first used.
    pub fn value(make: impl Fn() -> Value + Send + Sync + 'static) -> Value {
        Value::Object(Arc::new(Self { make: Box::new(make), made: OnceLock::new() }))
    }

    fn get(&self) -> &Value {
        self.made.get_or_init(|| (self.make)())
    }
}

impl Object for Lazy {
    fn kind(&self) -> ObjectKind {
        ObjectKind::Lazy
    }

    fn type_name(&self) -> &str {
        "lazy"
    }

    fn member(&self, name: &str) -> Option<Value> {
        match self.get() {
            Value::Dict(dict) => dict.get(name).cloned(),
            Value::Object(object) => object.member(name),
            _ => None,
        }
    }

    fn to_text(&self) -> Text {
        self.get().to_text()
    }

    fn truth(&self) -> bool {
        self.get().truth()
    }

    fn materialise(&self) -> Value {
        self.get().materialise()
    }

    fn force(&self) -> Option<Value> {
        Some(self.get().clone())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Rows that a query has produced and that are kept in memory.
pub struct Rows(Vec<Dict>);

impl Rows {
    /// Keeps these rows.
    pub fn value(rows: Vec<Dict>) -> Value {
        Value::Object(Arc::new(Self(rows)))
    }
}

impl Object for Rows {
    fn kind(&self) -> ObjectKind {
        ObjectKind::Rows
    }

    fn type_name(&self) -> &str {
        "rows"
    }

    fn truth(&self) -> bool {
        !self.0.is_empty()
    }

    fn materialise(&self) -> Value {
        let rows = self.0.iter().map(|row| Value::Dict(row.clone()).materialise());
        Value::array(rows.collect::<Vec<_>>())
    }

    fn rows(&self) -> Option<&[Dict]> {
        Some(&self.0)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
