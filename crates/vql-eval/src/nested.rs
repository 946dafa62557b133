//! `query(query=…)`: a query that is given as text, or as a query, run below the caller's scope.

use rows::{Name, Row, Value};
use vql_plugin::{CallArgs, Failure, RowStream};

use crate::objects::StoredQuery;
use crate::run::{Program, Rows};
use crate::scope::{Env, Slot};

/// How deep queries may be nested in texts of queries, artifacts counted as well.
const NESTING_MAX: u8 = 10;

impl Env {
    pub(crate) fn run_nested(&self, args: CallArgs) -> Result<RowStream, Failure> {
        if self.artifact_depth() >= NESTING_MAX {
            return Err(format!("queries are nested deeper than {NESTING_MAX}").into());
        }
        let mut query = Value::Null;
        let env = self.with_variables();
        for (name, value) in args.spread().into_pairs() {
            match (&*name, self.forced(value)) {
                ("query", value) => query = value,
                ("env", Value::Dict(variables)) => {
                    for (name, value) in variables.iter() {
                        env.set(Name::clone(name), Slot::Value(value.clone()));
                    }
                }
                ("env", Value::Null) => {}
                ("env", other) => {
                    let found = other.type_name();
                    return Err(format!("Field env should be a dict not {found}").into());
                }
                (other, _) => {
                    return Err(format!("Unexpected arg {other}; the args are query, env").into());
                }
            }
        }
        if let Some(stored) = StoredQuery::of(&query) {
            return Ok(env.rows_of_query(stored));
        }
        let Value::Text(text) = &query else { return Err("Field query is required".into()) };
        let program = Program::compile(&text.to_str_lossy(), &self.session().setup.catalog)?;
        Ok(Box::new(Nested { rows: Rows::new(env.clone(), program, None), env }))
    }
}

/// Forgets the text's definitions when its rows are not wanted any more.
struct Nested {
    rows: Rows,
    env: Env,
}

impl Iterator for Nested {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        self.rows.next().map(|found| found.row)
    }
}

impl Drop for Nested {
    fn drop(&mut self) {
        self.env.clear();
    }
}
