//! The transformed row: cells that are computed when somebody asks, at most once per row.

use std::sync::{Arc, OnceLock};

use rows::{Name, Row, Value};

use crate::plan::{Column, Expr, Select};
use crate::scope::Env;

/// The columns of a SELECT over one source row.
pub(crate) struct CellRow {
    select: Arc<Select>,
    source: Row,
    /// Where cells are computed: the source row above everything outside. Aliases of this SELECT
    /// are not in it, so a cell never asks for itself.
    env: Env,
    made: Box<[OnceLock<Value>]>,
}

impl CellRow {
    pub(crate) fn new(select: Arc<Select>, source: Row, env: Env) -> Self {
        let made = select.cells.iter().map(|_| OnceLock::new()).collect();
        Self { select, source, env, made }
    }

    /// The same row over another scope. Cells that are computed already are kept when that
    /// cannot matter.
    pub(crate) fn over(&self, env: Env) -> Self {
        let made = self.select.cells.iter().zip(&self.made);
        let made = made
            .map(|(cell, made)| if cell.may_aggregate { OnceLock::new() } else { made.clone() })
            .collect();
        Self { select: self.select.clone(), source: self.source.clone(), env, made }
    }

    pub(crate) fn env(&self) -> &Env {
        &self.env
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &Name> {
        self.select.cells.iter().map(|cell| &cell.name)
    }

    /// The value of the last column of that name.
    pub(crate) fn by_name(&self, name: &str) -> Option<Value> {
        let at = self.select.cells.iter().rposition(|cell| &*cell.name == name)?;
        Some(self.cell(at).clone())
    }

    fn cell(&self, at: usize) -> &Value {
        let expr = &self.select.cells[at].expr;
        self.made[at].get_or_init(|| match self.env.eval(expr) {
            // Settled already, and perhaps a long list.
            value if matches!(expr, Expr::Aggregate(_)) => value,
            value => self.env.settle(value),
        })
    }

    /// Computes what is missing and puts the output row together.
    pub(crate) fn emit(&self) -> Row {
        let select = &*self.select;
        let mut row = match select.columns.first() {
            Some(Column::Star) => self.settled_source(),
            _ => Row::with_capacity(select.cells.len()),
        };
        for column in select.columns.iter().skip_while(|column| matches!(column, Column::Star)) {
            match column {
                Column::Cell(at) if select.names_are_distinct => {
                    row.update(&select.cells[*at].name, self.cell(*at).clone());
                }
                Column::Cell(at) => row.set(&select.cells[*at].name, self.cell(*at).clone()),
                Column::Star => {
                    for (name, value) in self.settled_source().iter() {
                        if !row.contains(name) {
                            row.update(name, value.clone());
                        }
                    }
                }
            }
        }
        row
    }

    fn settled_source(&self) -> Row {
        let mut row = self.source.clone();
        if row.values().any(|value| matches!(value, Value::Object(_))) {
            row.map_values(|_, value| {
                let taken = std::mem::take(value);
                *value = self.env.settle(taken);
            });
        }
        row
    }
}
