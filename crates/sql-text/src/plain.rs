//! Whether a query is what its class promises.

use sqlparser::ast::{Expr, GroupByExpr, Query, Select, SetExpr, Spanned, TableFactor};
use sqlparser::tokenizer::Location;

use crate::outputs::Outputs;
use crate::shape::{Shape, start};
use crate::template::{TemplateProblem, problem};

const OTHER_CLASS: &str = "declare `kind: windowed` with a span, or `kind: opaque`";
const NO_CLOCK: &str =
    "the same window must always have the same answer: use `{to}` for the end of the window";

/// What stops a query from being a plain filter and projection over `{table}`.
pub(crate) fn check(query: &Query, shape: &Shape) -> Vec<TemplateProblem> {
    let mut problems = unsteady(shape);
    let mut other = |at: Location, what: &str| {
        let message =
            format!("a per-event rule is a filter and a projection over `{{table}}`; {what}");
        problems.push(problem(at, message, OTHER_CLASS));
    };
    if let Some(with) = &query.with {
        other(start(with.span()), "this has `WITH`");
    }
    let SetExpr::Select(select) = &*query.body else {
        other(start(query.body.span()), "this joins the answers of several queries");
        return problems;
    };
    if let Some(order) = &query.order_by {
        other(start(order.span()), "this has `ORDER BY`");
    }
    if let Some(limit) = &query.limit_clause {
        other(start(limit.span()), "this has `LIMIT`");
    }
    let rest = query.fetch.is_some()
        || !query.locks.is_empty()
        || query.for_clause.is_some()
        || query.settings.is_some()
        || query.format_clause.is_some()
        || !query.pipe_operators.is_empty();
    if rest {
        other(start(query.span()), "this has more after it (`FETCH`, `FOR`, `SETTINGS`, `FORMAT`)");
    }
    check_select(select, &mut other);
    for (name, at) in &shape.aggregates {
        other(*at, &format!("`{name}` makes one value of many rows"));
    }
    for (name, at) in &shape.over {
        other(*at, &format!("`{name}` looks at other rows (`OVER`)"));
    }
    for at in &shape.nested {
        other(*at, "this has a query inside");
    }
    problems
}

fn check_select(select: &Select, other: &mut dyn FnMut(Location, &str)) {
    let at = start(select.span());
    if select.distinct.is_some() {
        other(at, "this has `DISTINCT`");
    }
    if select.top.is_some() {
        other(at, "this has `TOP`");
    }
    if let GroupByExpr::Expressions(expressions, _) = &select.group_by {
        if let Some(first) = expressions.first() {
            other(start(first.span()), "this has `GROUP BY`");
        }
    } else {
        other(at, "this has `GROUP BY`");
    }
    let clauses: [(&Option<Expr>, &str); 3] = [
        (&select.having, "this has `HAVING`"),
        (&select.qualify, "this has `QUALIFY`"),
        (&select.prewhere, "this has `PREWHERE`"),
    ];
    for (clause, what) in clauses {
        if let Some(clause) = clause {
            other(start(clause.span()), what);
        }
    }
    let rest = !select.cluster_by.is_empty()
        || !select.distribute_by.is_empty()
        || !select.sort_by.is_empty()
        || !select.connect_by.is_empty()
        || !select.lateral_views.is_empty()
        || !select.named_window.is_empty()
        || select.value_table_mode.is_some();
    if rest {
        other(at, "this has clauses that look at other rows");
    }
    match &select.from[..] {
        [one] if one.joins.is_empty() => {
            let plain = matches!(&one.relation, TableFactor::Table { name, args: None, sample: None, .. } if name.0.len() == 1);
            if !plain {
                other(start(one.relation.span()), "this reads something else");
            }
        }
        [one] => other(start(one.joins[0].relation.span()), "this has a join"),
        [] => {}
        [_, second, ..] => other(start(second.span()), "this has a join"),
    }
}

/// What stops a query from being a windowed rule's.
pub(crate) fn check_windowed(query: &Query, shape: &Shape) -> Vec<TemplateProblem> {
    let mut problems = unsteady(shape);
    if !Outputs::of(query).may_have(INSTANT) {
        let message = format!("a windowed rule must answer with a column `{INSTANT}`");
        let hint = "the moment of the row that completes the match, for example `max(event_time) AS _instant`";
        problems.push(problem(start(query.body.span()), message, hint));
    }
    if let Some(limit) = &query.limit_clause {
        let message = "a windowed rule must answer with all of its matches; this has `LIMIT`";
        problems.push(problem(
            start(limit.span()),
            message,
            "leave it out, or declare `kind: opaque`",
        ));
    }
    problems
}

/// The column with the instant that completes a windowed match.
pub const INSTANT: &str = "_instant";

fn unsteady(shape: &Shape) -> Vec<TemplateProblem> {
    let problem = |(name, at): &(String, Location)| {
        let message = format!("`{name}` answers differently each time");
        problem(*at, message, NO_CLOCK)
    };
    shape.unsteady.iter().map(problem).collect()
}
