//! Runs a query for every element, under a name.

use rows::{Row, Value};
use vql_plugin::{Entry, Failure, Plugin, Query, RowStream, Scope, plugin_args};

pub(super) fn entry() -> Entry {
    Entry::plugin(For)
}

plugin_args! {
    /// Runs a query for every row of another one, which is a variable in it. `foreach` does the same
    /// and makes the row's columns variables.
    pub struct ForArgs for "for" {
        /// The name of the variable.
        var: String,
        /// What is gone through: rows are rows, other elements themselves.
        foreach: Query,
        /// What runs for each of them; without it the rows are handed on under that name.
        query: Option<Query>,
    }
}

struct For;

impl Plugin for For {
    type Args = ForArgs;

    fn rows(&self, args: ForArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let name = args.var;
        let named = args.foreach.rows(scope).map(move |row| {
            let only = row.at(0).filter(|(name, _)| row.len() == 1 && &***name == "_value");
            let element = only.map_or_else(|| Value::Dict(row.clone()), |(_, value)| value.clone());
            Row::new().with(name.as_str(), element)
        });
        let Some(query) = args.query else { return Ok(Box::new(named)) };
        let scope = scope.clone();
        Ok(Box::new(named.flat_map(move |row| query.rows(&scope.child(row)))))
    }
}
