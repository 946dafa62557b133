//! ORDER BY. Comparison of mixed types is no order in the mathematical sense, so this is a merge
//! sort of our own, which terminates whatever the comparison says.

use std::sync::Arc;

use rows::{Row, Value, sort_less};
use vql_plugin::{Level, RowStream};

use crate::plan::Select;
use crate::scope::Env;
use crate::session::Charge;

/// The rows, sorted by the query's column. Reads everything when the first row is asked for.
pub(crate) fn sorted(env: Env, select: Arc<Select>, rows: RowStream) -> RowStream {
    let mut rows = Some(rows);
    let mut ready = Vec::new().into_iter();
    let mut charge = Charge::new(env.session());
    Box::new(std::iter::from_fn(move || {
        if let Some(rows) = rows.take() {
            ready = collect(&env, &select, rows, &mut charge).into_iter();
        }
        ready.next()
    }))
}

fn collect(env: &Env, select: &Select, rows: RowStream, charge: &mut Charge) -> Vec<Row> {
    let Some(order) = &select.order_by else { return rows.collect() };
    let mut keyed: Vec<(Value, Row)> = Vec::new();
    for row in rows {
        if charge.add_row(&row).is_err() {
            break;
        }
        let key = match row.get(&order.name) {
            Some(key) => key.clone(),
            None => {
                let text = format!("Order by column {} not present in row", order.name);
                env.session().log_once(Level::Default, text);
                Value::Null
            }
        };
        keyed.push((key, row));
    }
    let less = |a: &Value, b: &Value| {
        if order.descending { sort_less(b, a) } else { sort_less(a, b) }
    };
    merge_sort(keyed, &less).into_iter().map(|(_, row)| row).collect()
}

/// Stable, and indifferent to comparisons that contradict each other.
fn merge_sort<T>(
    mut items: Vec<(Value, T)>,
    less: &impl Fn(&Value, &Value) -> bool,
) -> Vec<(Value, T)> {
    if items.len() < 2 {
        return items;
    }
    let right = items.split_off(items.len() / 2);
    let mut merged = Vec::with_capacity(items.len() + right.len());
    let mut left = merge_sort(items, less).into_iter().peekable();
    let mut right = merge_sort(right, less).into_iter().peekable();
    while let (Some((a, _)), Some((b, _))) = (left.peek(), right.peek()) {
        let next = if less(b, a) { right.next() } else { left.next() };
        merged.extend(next);
    }
    merged.extend(left);
    merged.extend(right);
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn equal_keys_keep_their_order_and_null_comes_first() {
        let keys = [Value::from(2), Value::Null, Value::from(1), Value::from(2)];
        let items = keys.into_iter().enumerate().map(|(at, key)| (key, at)).collect();
        let places: Vec<_> = merge_sort(items, &sort_less).into_iter().map(|(_, at)| at).collect();
        assert_eq!(places, [1, 2, 0, 3]);
    }

    proptest! {
        #[test]
        fn every_row_survives_a_comparison_that_contradicts_itself(bits in any::<Vec<bool>>()) {
            let items: Vec<_> = bits.iter().enumerate().map(|(at, _)| (Value::Null, at)).collect();
            let turn = std::cell::Cell::new(0);
            let less = |_: &Value, _: &Value| {
                turn.set(turn.get() + 1);
                bits[turn.get() % bits.len()]
            };
            let mut places: Vec<_> = merge_sort(items, &less).into_iter().map(|(_, at)| at).collect();
            places.sort_unstable();
            prop_assert_eq!(places, (0..bits.len()).collect::<Vec<_>>());
        }
    }
}
