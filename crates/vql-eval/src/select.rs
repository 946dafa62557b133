//! SELECT as a stream: rows are pulled through WHERE, then GROUP BY, ORDER BY and LIMIT.

use std::sync::Arc;

use vql_plugin::{Level, RowStream, stream};

use crate::cells::CellRow;
use crate::group::Grouped;
use crate::plan::{Column, Select};
use crate::scope::Env;
use crate::sort::sorted;
use crate::stack;

impl Env {
    /// The rows of a query in this scope. Nothing is computed until a row is asked for.
    pub(crate) fn rows_of_select(&self, select: &Arc<Select>) -> RowStream {
        if select.explain {
            self.explain(select);
        }
        let transformed =
            Transformed { select: select.clone(), env: self.clone(), source: None, done: false };
        let grouped: RowStream = if select.group_by.is_some() {
            Box::new(Grouped::new(transformed))
        } else {
            Box::new(transformed.map(|(cells, _)| cells.emit()))
        };
        let ordered = match &select.order_by {
            None => grouped,
            Some(_) => sorted(self.clone(), select.clone(), grouped),
        };
        match select.limit {
            None => ordered,
            Some(limit) => Box::new(ordered.take(limit)),
        }
    }

    fn explain(&self, select: &Select) {
        let mut lines = vec![select.text.to_string()];
        lines.push(format!("rows come from {}", select.source.name));
        let stars = select.columns.iter().any(|column| matches!(column, Column::Star));
        let names: Vec<_> = select.cells.iter().map(|cell| cell.name.as_str()).collect();
        let star = if stars { "the columns of the source; " } else { "" };
        lines.push(format!("columns: {star}{}", names.join(", ")));
        let stages = [
            (select.filter.is_some(), "rows are filtered"),
            (select.group_by.is_some(), "rows are grouped in memory, the last of each group stays"),
            (select.order_by.is_some(), "rows are sorted in memory"),
            (select.limit.is_some(), "rows are counted and cut off"),
        ];
        lines.extend(stages.iter().filter(|(on, _)| *on).map(|(_, line)| (*line).to_owned()));
        for line in lines {
            self.log(Level::Debug, line);
        }
    }
}

/// The rows that passed WHERE, their cells not yet all computed.
pub(crate) struct Transformed {
    pub(crate) select: Arc<Select>,
    pub(crate) env: Env,
    source: Option<RowStream>,
    done: bool,
}

impl Iterator for Transformed {
    type Item = (CellsOf, Env);

    fn next(&mut self) -> Option<(CellsOf, Env)> {
        let _entered = stack::enter();
        if self.done {
            return None;
        }
        if stack::is_low() || (self.source.is_none() && self.env.is_too_deep()) {
            self.env.is_too_deep();
            self.done = true;
            return None;
        }
        let (select, env) = (&self.select, &self.env);
        let source = self.source.get_or_insert_with(|| env.rows_of_source(&select.source));
        loop {
            if env.session().step() {
                break;
            }
            let Some(row) = source.next() else { break };
            let row_env = env.with_row(row.clone());
            let cells = Arc::new(CellRow::new(select.clone(), row, row_env.clone()));
            if select.filter.is_none() && select.group_by.is_none() {
                return Some((cells, row_env));
            }
            let filter_env = row_env.with_cells(cells.clone());
            let passes = match &select.filter {
                None => true,
                Some(filter) => filter_env.is_true(&filter_env.eval(filter)),
            };
            if passes {
                return Some((cells, filter_env));
            }
        }
        self.done = true;
        self.source = Some(stream::empty());
        None
    }
}

pub(crate) type CellsOf = Arc<CellRow>;
