//! ORDER BY: the rows by one column of theirs.

use std::sync::Arc;

use rows::{Row, Value};
use vql_plugin::{Level, RowStream};

use crate::plan::{OrderBy, Select};
use crate::scope::Env;
use crate::spill::external_sort::{KeyOrder, Sorted, Sorter};

/// The rows, sorted by the query's column. Reads everything when the first row is asked for.
pub(crate) fn sorted(env: Env, select: Arc<Select>, rows: RowStream) -> RowStream {
    let Some(order) = &select.order_by else { return rows };
    let direction = if order.descending { KeyOrder::Descending } else { KeyOrder::Ascending };
    let sorter = Sorter::new(direction, env.session());
    let mut source = Some((rows, sorter));
    let mut ready: Option<Sorted> = None;
    Box::new(std::iter::from_fn(move || {
        if let (Some((rows, sorter)), Some(order)) = (source.take(), &select.order_by) {
            ready = Some(collect(&env, order, rows, sorter));
        }
        ready.as_mut()?.next().map(|(_, row)| row)
    }))
}

fn collect(env: &Env, order: &OrderBy, rows: RowStream, mut sorter: Sorter) -> Sorted {
    let is_plain = env.session().setup.host.spill().is_none();
    for row in rows {
        // What may go to a file has to be plain data.
        let row = if is_plain || !row.values().any(Value::holds_object) {
            row
        } else {
            match env.plain_row(row) {
                Ok(row) => row,
                Err(_) => break,
            }
        };
        let key = key_of(env, order, &row);
        if sorter.push(key, row).is_err() {
            break;
        }
    }
    sorter.finish()
}

fn key_of(env: &Env, order: &OrderBy, row: &Row) -> Value {
    match row.get(&order.name) {
        Some(key) => key.clone(),
        None => {
            let text = format!("Order by column {} not present in row", order.name);
            env.session().log_once(Level::Default, text);
            Value::Null
        }
    }
}
