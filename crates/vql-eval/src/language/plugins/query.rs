//! A query inside of a query.

use std::time::Duration;

use rows::{Dict, Value};
use vql_plugin::{Entry, Failure, Lambda, Permission, Plugin, RowStream, Scope, plugin_args};

use crate::nested::NestedQuery;
use crate::scope::Env;

pub(super) fn entry() -> Entry {
    Entry::plugin(QueryPlugin)
}

plugin_args! {
    /// Runs a query, or the text of one, in a scope of its own: it sees the variables of `env`, those
    /// named in `copy_env`, and no others.
    ///
    /// What plugins were told in it (with `remap()`, say) is forgotten at its end.
    pub struct QueryArgs for "query" {
        /// The query, or its text.
        query: Value,
        /// Variables that the query sees.
        env: Option<Dict>,
        /// Names of variables around that the query sees as well.
        copy_env: Option<Vec<String>>,
        /// A share of the processor. It is set for a whole collection; a warning says that it does
        /// nothing here.
        cpu_limit: Option<f64>,
        /// Operations in a second. It is set for a whole collection; a warning says that it does
        /// nothing here.
        iops_limit: Option<f64>,
        /// Seconds after which the query is ended.
        timeout: f64 = 0.0,
        /// Ends the query when it goes so many seconds without a row.
        progress_timeout: f64 = 0.0,
        /// Another organisation: there are none.
        org_id: Option<String>,
        /// Another user: works on a server only.
        runas: Option<String>,
        /// Sees every variable around.
        inherit: bool = false,
        /// A lambda that is given every row; the first for which it is true is the last.
        exit: Option<Lambda>,
    }
}

struct QueryPlugin;

impl Plugin for QueryPlugin {
    type Args = QueryArgs;
    const NEEDS: &'static [Permission] = &[Permission::NestedQuery];

    fn rows(&self, args: QueryArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let env = Env::of(scope).ok_or("works only in a running query")?;
        if args.org_id.is_some_and(|org| !org.is_empty() && org != "root") {
            return Err("Field org_id works only where there are organisations".into());
        }
        if args.runas.is_some_and(|user| !user.is_empty()) {
            return Err("Field runas works only on a server".into());
        }
        for (name, limit) in [("cpu_limit", args.cpu_limit), ("iops_limit", args.iops_limit)] {
            if limit.is_some_and(|limit| limit > 0.0) {
                scope.warn(&format!("query: {name} is set for a whole collection, not here"));
            }
        }
        let variables = args.env.unwrap_or_default();
        env.run_nested(NestedQuery {
            query: args.query,
            variables: variables
                .iter()
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
            copied: args.copy_env.unwrap_or_default(),
            inherits: args.inherit,
            time_max: seconds(args.timeout),
            idle_max: seconds(args.progress_timeout),
            exit: args.exit,
        })
    }
}

/// So many seconds, when that is a limit at all.
fn seconds(seconds: f64) -> Option<Duration> {
    (seconds > 0.0).then(|| Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}
