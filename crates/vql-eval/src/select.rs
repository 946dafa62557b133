//! SELECT as a stream: rows are pulled through WHERE, then GROUP BY, ORDER BY and LIMIT.

use std::sync::Arc;

use rows::Row;
use vql_plugin::{Level, RowStream, stream};

use crate::aggregate::Context;
use crate::cells::Cells;
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
        let transformed = Transformed::new(select.clone(), self.clone());
        let grouped: RowStream = if select.group_by.is_some() {
            Box::new(Grouped::new(transformed))
        } else {
            Box::new(Emitted(transformed))
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
    /// The layers of the row before: most rows leave nothing behind, and their layers are used
    /// again.
    layers: Option<CellRow>,
    done: bool,
}

impl Transformed {
    fn new(select: Arc<Select>, env: Env) -> Self {
        Self { select, env, source: None, layers: None, done: false }
    }

    /// Goes to the next row that passes WHERE.
    pub(crate) fn advance(&mut self) -> Option<&mut CellRow> {
        if self.done {
            return None;
        }
        let _entered = stack::enter();
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
            let row = match &mut self.layers {
                Some(CellRow(layers)) => layers.replace_row(row),
                None => Some(row),
            };
            if let Some(row) = row {
                self.layers =
                    Some(CellRow(env.with_row(row).with_cells(Cells::of(select.clone()))));
            }
            let passes = match (&select.filter, &self.layers) {
                (Some(filter), Some(CellRow(env))) => env.test(filter),
                _ => true,
            };
            if passes {
                return self.layers.as_mut();
            }
        }
        self.done = true;
        self.source = Some(stream::empty());
        self.layers = None;
        None
    }
}

/// The rows that passed WHERE, as they come out.
struct Emitted(Transformed);

impl Iterator for Emitted {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        self.0.advance().map(|row| row.emit())
    }
}

/// A transformed row: the layer of its cells, above that of its source row.
pub(crate) struct CellRow(Env);

impl CellRow {
    /// The row that a SELECT makes of the source row of this scope.
    pub(crate) fn of(select: &Arc<Select>, env: &Env) -> Self {
        Self(env.with_cells(Cells::of(select.clone())))
    }

    /// The row that it is made of.
    pub(crate) fn source(&self) -> Row {
        self.env().nearest_row().cloned().unwrap_or_default()
    }

    /// The scope in which WHERE and GROUP BY look at it.
    pub(crate) fn looked_at(&self) -> &Env {
        &self.0
    }

    /// Puts the output row together with aggregates that keep their state in this context.
    pub(crate) fn emit_in(&mut self, context: &Arc<Context>) -> Row {
        if self.0.set_states_below_cells(Some(context)) {
            let row = self.emit();
            self.0.set_states_below_cells(None);
            return row;
        }
        // Somebody has kept the scope as it is.
        match self.0.cells() {
            Some((cells, below)) => {
                let env = below.with_context(context.clone());
                Self(env.with_cells(cells.for_another_scope())).emit()
            }
            None => self.emit(),
        }
    }

    /// The scope of the source row, in which cells are computed.
    pub(crate) fn env(&self) -> &Env {
        self.0.cells().map_or(&self.0, |(_, below)| below)
    }

    /// Computes what is missing and puts the output row together.
    pub(crate) fn emit(&self) -> Row {
        let Some((cells, below)) = self.0.cells() else { return Row::new() };
        let none = Row::new();
        cells.emit(below, below.nearest_row().unwrap_or(&none), self.0.is_alone())
    }
}
