//! The transformed row: cells that are computed when somebody asks, at most once per row.
//!
//! It is a layer of scope right above the source row. A cell is computed in the layer below its
//! own, so it sees the source row and everything outside, but no alias of its SELECT.

use std::sync::{Arc, OnceLock};

use rows::{Name, Row, Value};

use crate::plan::{Column, Expr, Select};
use crate::scope::Env;

/// The columns of a SELECT over the source row in the layer below.
pub(crate) struct Cells {
    select: Arc<Select>,
    /// What somebody asked for before the row was put together.
    made: Box<[OnceLock<Value>]>,
}

impl Cells {
    pub(crate) fn of(select: Arc<Select>) -> Self {
        let made = select.cells.iter().map(|_| OnceLock::new()).collect();
        Self { select, made }
    }

    /// Nothing is computed any more: the row below is another one.
    pub(crate) fn forget(&mut self) {
        for made in &mut self.made {
            made.take();
        }
    }

    /// What was computed and may count, sum and so on is forgotten: another context is below.
    pub(crate) fn forget_aggregates(&mut self) {
        for (cell, made) in self.select.cells.iter().zip(&mut self.made) {
            if cell.may_aggregate {
                made.take();
            }
        }
    }

    /// The same columns for another scope below. Cells that are computed already are kept when
    /// that cannot matter.
    pub(crate) fn for_another_scope(&self) -> Self {
        let made = self.select.cells.iter().zip(&self.made);
        let made = made
            .map(|(cell, made)| if cell.may_aggregate { OnceLock::new() } else { made.clone() })
            .collect();
        Self { select: self.select.clone(), made }
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &Name> {
        self.select.cells.iter().map(|cell| &cell.name)
    }

    /// The value of the last column of that name.
    #[inline]
    pub(crate) fn by_name(&self, name: &str, below: &Env) -> Option<&Value> {
        let at = self.select.cells.iter().rposition(|cell| cell.name.is(name))?;
        Some(self.made[at].get_or_init(|| self.compute(at, below)))
    }

    fn compute(&self, at: usize, below: &Env) -> Value {
        let expr = &self.select.cells[at].expr;
        if let Some(value) = below.lying(expr)
            && !matches!(value, Value::Array(_) | Value::Dict(_))
        {
            return value.clone();
        }
        let value = below.eval(expr);
        match &value {
            // An aggregate's is settled already, and perhaps a long list.
            Value::Object(_) | Value::Array(_) | Value::Dict(_)
                if !matches!(expr, Expr::Aggregate(_)) =>
            {
                below.settle(value)
            }
            _ => value,
        }
    }

    /// Computes what is missing and puts the output row together. Nobody asks for a cell
    /// afterwards when this is `the_last` use.
    pub(crate) fn emit(&self, below: &Env, source: &Row, the_last: bool) -> Row {
        let select = &*self.select;
        let value = |at: usize| match self.made[at].get() {
            Some(made) => made.clone(),
            None if the_last => self.compute(at, below),
            None => self.made[at].get_or_init(|| self.compute(at, below)).clone(),
        };
        if let Some(shape) = &select.shape {
            return Row::of_shape(shape, (0..select.cells.len()).map(value));
        }
        let mut row = match select.columns.first() {
            Some(Column::Star) => settled(below, source),
            _ => Row::with_capacity(select.cells.len()),
        };
        for column in select.columns.iter().skip_while(|column| matches!(column, Column::Star)) {
            match column {
                Column::Cell(at) => row.set(&select.cells[*at].name, value(*at)),
                Column::Star => {
                    for (name, value) in settled(below, source).iter() {
                        if !row.contains(name) {
                            row.update(name, value.clone());
                        }
                    }
                }
            }
        }
        row
    }
}

fn settled(env: &Env, source: &Row) -> Row {
    let mut row = source.clone();
    if row.values().any(|value| matches!(value, Value::Object(_))) {
        row.map_values(|_, value| {
            let taken = std::mem::take(value);
            *value = env.settle(taken);
        });
    }
    row
}
