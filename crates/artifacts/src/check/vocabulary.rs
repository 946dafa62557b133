//! What an engine has: the names that a text may call, as plain data.

use std::collections::BTreeMap;

use yaml_nodes::nearest;

/// The plugins, functions and accessors that an engine has, and those that it knows to be elsewhere.
#[derive(Clone, Debug, Default)]
pub struct Vocabulary {
    /// What stands after FROM.
    pub plugins: BTreeMap<String, Known>,
    /// What stands in an expression.
    pub functions: BTreeMap<String, Known>,
    /// What `accessor=` may be; their signatures are empty.
    pub accessors: BTreeMap<String, Known>,
}

/// What an engine knows of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// It may be called.
    Here(Signature),
    /// It is not here.
    Elsewhere {
        /// Why, as a word: `windows`, `server`, `later` …
        why: &'static str,
        /// Why, as a sentence.
        says: String,
    },
}

/// What a plugin or function may be given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signature {
    /// Its arguments.
    pub args: Vec<Argument>,
    /// Whether it takes arguments of any name.
    pub free_form: bool,
}

/// One argument of a plugin or function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    /// Its name.
    pub name: String,
    /// Whether it must be given.
    pub required: bool,
    /// Whether a text given for it is a lambda.
    pub is_lambda: bool,
}

/// Whether a call stands after FROM or in an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Position {
    From,
    Expression,
}

impl Vocabulary {
    pub(crate) fn callee(&self, position: Position, name: &str) -> Option<&Known> {
        self.of(position).get(name)
    }

    fn of(&self, position: Position) -> &BTreeMap<String, Known> {
        match position {
            Position::From => &self.plugins,
            Position::Expression => &self.functions,
        }
    }

    /// Advice about a name that nothing has.
    pub(crate) fn advice(&self, position: Position, name: &str) -> Option<String> {
        let other = match position {
            Position::From => (Position::Expression, "a function; it stands in an expression"),
            Position::Expression => (Position::From, "a plugin; it stands after FROM"),
        };
        if self.of(other.0).contains_key(name) {
            return Some(format!("`{name}` is {}", other.1));
        }
        let names = self.of(position).keys().map(String::as_str);
        nearest(name, names).map(|like| format!("did you mean `{like}`?"))
    }
}
