//! Conditions of a list, put together from fixed texts; values are bound.

use model::store::{Page, Paging};
use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};

use crate::codec::{all, limit_offset, only_count};

/// Conditions that must all hold, and their values in order.
#[derive(Default)]
pub(crate) struct Filter {
    conditions: Vec<String>,
    values: Vec<Value>,
}

impl Filter {
    /// A condition with as many `?` as there are values.
    pub(crate) fn and<const N: usize>(&mut self, condition: &str, values: [Value; N]) {
        self.conditions.push(condition.to_owned());
        self.values.extend(values);
    }

    /// A condition when there is a value.
    pub(crate) fn and_some(&mut self, condition: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.and(condition, [value.into()]);
        }
    }

    /// A column has one of these words; any, when there are none.
    pub(crate) fn one_of<'w>(&mut self, column: &str, words: impl IntoIterator<Item = &'w str>) {
        let before = self.values.len();
        self.values.extend(words.into_iter().map(|word| Value::from(word.to_owned())));
        match self.values.len() - before {
            0 => {}
            // So that an index gives the order too.
            1 => self.conditions.push(format!("{column} = ?")),
            count => {
                let marks = vec!["?"; count].join(", ");
                self.conditions.push(format!("{column} IN ({marks})"));
            }
        }
    }

    /// The conditions as text.
    pub(crate) fn sql(&self) -> String {
        if self.conditions.is_empty() {
            return String::new();
        }
        format!(" WHERE {}", self.conditions.join(" AND "))
    }

    /// Their values.
    pub(crate) fn values(&self) -> &[Value] {
        &self.values
    }

    /// A page of `SELECT columns FROM tables` in this order, and how many there are over all pages.
    pub(crate) fn page<T>(
        &self,
        db: &Connection,
        [columns, tables, order]: [&str; 3],
        paging: Paging,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Page<T>> {
        let conditions = self.sql();
        let total = db
            .prepare_cached(&format!("SELECT count(*) FROM {tables}{conditions}"))?
            .query_row(params_from_iter(&self.values), only_count)?;
        let (limit, offset) = limit_offset(paging);
        let bounds = [Value::from(limit), Value::from(offset)];
        let mut statement = db.prepare_cached(&format!(
            "SELECT {columns} FROM {tables}{conditions} ORDER BY {order} LIMIT ? OFFSET ?"
        ))?;
        let values = self.values.iter().chain(&bounds);
        let items = all(statement.query_map(params_from_iter(values), read)?)?;
        Ok(Page { items, total })
    }
}
