//! Rows with fewer columns.

use std::sync::Arc;

use rows::{Row, Text};
use vql_plugin::{Entry, Failure, Pattern, Plugin, Query, RowStream, Scope, plugin_args};

pub(super) fn entry() -> Entry {
    Entry::plugin(ColumnFilter)
}

plugin_args! {
    /// The rows of a query with only those columns whose names are wanted. For queries whose
    /// columns are not known before.
    pub struct ColumnFilterArgs for "column_filter" {
        /// The rows.
        query: Query,
        /// Patterns; a column that one of them matches is left out.
        exclude: Option<Vec<Arc<Pattern>>>,
        /// Patterns; only columns that one of them matches stay. All, when left out.
        include: Option<Vec<Arc<Pattern>>>,
    }
}

struct ColumnFilter;

impl Plugin for ColumnFilter {
    type Args = ColumnFilterArgs;

    fn rows(&self, args: ColumnFilterArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let matches = |patterns: &[Arc<Pattern>], name: &str| {
            let name = Text::from(name);
            patterns.iter().any(|pattern| pattern.is_match(&name))
        };
        let wanted = move |name: &str| {
            let excluded = args.exclude.as_ref().is_some_and(|patterns| matches(patterns, name));
            !excluded && args.include.as_ref().is_none_or(|patterns| matches(patterns, name))
        };
        Ok(Box::new(args.query.rows(scope).map(move |row| {
            let kept = row.iter().filter(|(name, _)| wanted(name));
            kept.map(|(name, value)| (name.clone(), value.clone())).collect::<Row>()
        })))
    }
}
