//! The words of what the evaluator does itself: choice, aggregates and queries inside of queries.

use rows::{Dict, Value};
use vql_plugin::{LazyArg, plugin_args};

plugin_args! {
    /// Picks one of two values; the other one is not computed.
    pub struct IfArgs for "if" {
        /// What decides.
        condition: Value,
        /// The value when the condition is true.
        then: Option<LazyArg>,
        /// The value when it is not; NULL when left out.
        r#else: Option<LazyArg> as "else",
    }
}

plugin_args! {
    /// Runs a query that is given as text, below the scope of the caller.
    pub struct QueryArgs for "query" {
        /// The text, or a query.
        query: Value,
        /// Variables that the query sees.
        env: Option<Dict>,
    }
}

plugin_args! {
    /// Counts rows: of the group with GROUP BY, up to this row without.
    pub struct CountArgs for "count" {}
}

plugin_args! {
    /// Adds up: over the group with GROUP BY, up to this row without.
    pub struct SumArgs for "sum" {
        /// What is added; fractions are cut off.
        item: Value,
    }
}

plugin_args! {
    /// The smallest value of the group, or so far.
    pub struct MinArgs for "min" {
        /// The values.
        item: Value,
    }
}

plugin_args! {
    /// The largest value of the group, or so far.
    pub struct MaxArgs for "max" {
        /// The values.
        item: Value,
    }
}

plugin_args! {
    /// Collects the values of the group, or those so far.
    pub struct EnumerateArgs for "enumerate" {
        /// The values.
        items: Value,
    }
}

plugin_args! {
    /// How much x changes per y from row to row; NULL for the first row.
    pub struct RateArgs for "rate" {
        /// What changes.
        x: Value,
        /// What it changes with, usually a time.
        y: Value,
    }
}
