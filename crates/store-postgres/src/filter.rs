//! Conditions of a list, put together from fixed texts; values are bound.

use deadpool_postgres::Object;
use model::store::{Page, Paging};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::columns::clean;
use crate::failure::Done;

/// A value that is bound.
pub(crate) type Bound = Box<dyn ToSql + Sync + Send>;

/// Conditions that must all hold, and their values in order.
#[derive(Default)]
pub(crate) struct Filter {
    conditions: Vec<String>,
    values: Vec<Bound>,
}

impl Filter {
    /// A condition with as many `?` as there are values.
    pub(crate) fn and<const N: usize>(&mut self, condition: &str, values: [Bound; N]) {
        let mut numbered = String::new();
        let mut next = self.values.len();
        for c in condition.chars() {
            if c == '?' {
                next += 1;
                numbered.push_str(&format!("${next}"));
            } else {
                numbered.push(c);
            }
        }
        self.conditions.push(numbered);
        self.values.extend(values);
    }

    /// A condition when there is a number.
    pub(crate) fn and_number(&mut self, condition: &str, value: Option<i64>) {
        if let Some(value) = value {
            self.and(condition, [Box::new(value)]);
        }
    }

    /// A condition when there is a text.
    pub(crate) fn and_text(&mut self, condition: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.and(condition, [Box::new(clean(value))]);
        }
    }

    /// A column has one of these words; any, when there are none.
    pub(crate) fn one_of<'w>(&mut self, column: &str, words: impl IntoIterator<Item = &'w str>) {
        let mut words: Vec<String> = words.into_iter().map(clean).collect();
        match (words.pop(), words.is_empty()) {
            (None, _) => {}
            // So that an index gives the order too.
            (Some(only), true) => self.and(&format!("{column} = ?"), [Box::new(only)]),
            (Some(last), false) => {
                words.push(last);
                self.and(&format!("{column} = ANY(?)"), [Box::new(words)]);
            }
        }
    }

    /// Adds a value; the answer is how a statement names it.
    pub(crate) fn bind(&mut self, value: Bound) -> String {
        self.values.push(value);
        format!("${}", self.values.len())
    }

    /// The conditions as text.
    pub(crate) fn sql(&self) -> String {
        if self.conditions.is_empty() {
            return String::new();
        }
        format!(" WHERE {}", self.conditions.join(" AND "))
    }

    /// Their values.
    pub(crate) fn values(&self) -> Vec<&(dyn ToSql + Sync)> {
        self.values.iter().map(|value| &**value as &(dyn ToSql + Sync)).collect()
    }

    /// A page of `SELECT columns FROM tables` in this order, and how many there are over all pages.
    pub(crate) async fn page<T>(
        mut self,
        db: &Object,
        [columns, tables, order]: [&str; 3],
        paging: Paging,
        read: impl Fn(&Row) -> Done<T>,
    ) -> Done<Page<T>> {
        let conditions = self.sql();
        let counted = format!("SELECT count(*) FROM {tables}{conditions}");
        let count = db.prepare_cached(&counted).await?;
        let total: i64 = db.query_one(&count, &self.values()).await?.get(0);
        let [limit, offset] = [paging.limit, paging.offset].map(loghunt::flat::int);
        let (limit, offset) = (self.bind(Box::new(limit)), self.bind(Box::new(offset)));
        let listed = format!(
            "SELECT {columns} FROM {tables}{conditions} ORDER BY {order} \
             LIMIT {limit} OFFSET {offset}"
        );
        let list = db.prepare_cached(&listed).await?;
        let rows = db.query(&list, &self.values()).await?;
        let items = rows.iter().map(read).collect::<Done<Vec<T>>>()?;
        Ok(Page { items, total: loghunt::flat::count(total) })
    }
}
