//! GROUP BY: one row per group, in order of first appearance; the last row of a group stands for it.

use std::collections::HashMap;
use std::sync::Arc;

use rows::{Row, Text, Value};

use crate::aggregate::Context;
use crate::select::Transformed;
use crate::session::Charge;
use crate::stack;

struct Group {
    context: Arc<Context>,
    last: Option<Row>,
    seen: u64,
    size: usize,
}

/// Reads everything when its first row is asked for.
pub(crate) struct Grouped {
    rows: Option<Transformed>,
    groups: std::vec::IntoIter<Group>,
    charge: Charge,
}

impl Grouped {
    pub(crate) fn new(rows: Transformed) -> Self {
        let charge = Charge::new(rows.env.session());
        Self { rows: Some(rows), groups: Vec::new().into_iter(), charge }
    }

    fn collect(&mut self, rows: Transformed) -> Vec<Group> {
        let select = rows.select.clone();
        let Some(by) = &select.group_by else { return Vec::new() };
        let mut places: HashMap<Text, usize> = HashMap::new();
        let mut groups: Vec<Group> = Vec::new();
        for (cells, env) in rows {
            let _entered = stack::enter();
            // Looks the same, is the same: the key is the text form.
            let key = env.plain(&env.eval(by)).to_text();
            let at = match places.get(&key) {
                Some(at) => *at,
                None => {
                    let size = key.len() + size_of::<Group>() + size_of::<Value>();
                    if self.charge.add(size).is_err() {
                        break;
                    }
                    places.insert(key, groups.len());
                    groups.push(Group { context: Arc::default(), last: None, seen: 0, size: 0 });
                    groups.len() - 1
                }
            };
            let group = &mut groups[at];
            // Dropped first, so that a list that it shows can grow in place.
            group.last = None;
            let row = cells.over(cells.env().with_context(group.context.clone())).emit();
            group.seen += 1;
            // A row that shows a growing list is not walked every time.
            if group.seen.is_power_of_two() {
                self.charge.subtract(group.size);
                match self.charge.add_row(&row) {
                    Ok(size) => group.size = size,
                    Err(_) => break,
                }
            }
            group.last = Some(row);
        }
        groups
    }
}

impl Iterator for Grouped {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        if let Some(rows) = self.rows.take() {
            self.groups = self.collect(rows).into_iter();
        }
        self.groups.find_map(|group| group.last)
    }
}
