//! GROUP BY: one row per group, in order of first appearance; the last row of a group stands for it.
//!
//! When there are too many groups for memory, and there is room outside of it, the groups so far stay
//! where they are. Rows of further groups are sorted by key in files, and each such group is
//! computed when its turn comes. All groups then come in the order of their keys.

use std::collections::HashMap;
use std::sync::Arc;

use rows::{Row, Text, Value};
use vql_plugin::{Level, Stopped};

use crate::aggregate::Context;
use crate::plan::Select;
use crate::scope::Env;
use crate::select::{CellRow, Transformed};
use crate::session::Charge;
use crate::spill::external_sort::{KeyOrder, Sorted, Sorter};
use crate::stack;

/// More groups than these are not computed in memory, if they need not be.
const GROUPS_IN_MEMORY: usize = 30_000;

struct Group {
    context: Arc<Context>,
    last: Option<Row>,
    seen: u64,
    size: usize,
}

/// Reads everything when its first row is asked for.
pub(crate) struct Grouped {
    rows: Option<Transformed>,
    groups: std::iter::Peekable<std::vec::IntoIter<(Text, Row)>>,
    further: Option<FurtherGroups>,
    charge: Charge,
}

impl Grouped {
    pub(crate) fn new(rows: Transformed) -> Self {
        let charge = Charge::new(rows.env.session());
        Self { rows: Some(rows), groups: Vec::new().into_iter().peekable(), further: None, charge }
    }

    fn collect(&mut self, rows: Transformed) {
        let (select, env) = (rows.select.clone(), rows.env.clone());
        let mut groups = Groups::default();
        let mut further: Option<Sorter> = None;
        // A failure has ended the run already; what there is so far is still given.
        let _ = self.read(rows, &mut groups, &mut further);
        let Groups { places, groups } = groups;
        let mut keyed: Vec<(Text, usize)> = places.into_iter().collect();
        match further {
            None => keyed.sort_unstable_by_key(|(_, place)| *place),
            Some(further) => {
                keyed.sort_unstable();
                let rows = further.finish();
                self.further = Some(FurtherGroups { rows, next: None, select, env });
            }
        }
        let mut groups: Vec<Option<Row>> = groups.into_iter().map(|group| group.last).collect();
        let rows = keyed.into_iter().filter_map(|(key, place)| Some((key, groups[place].take()?)));
        self.groups = rows.collect::<Vec<_>>().into_iter().peekable();
    }

    fn read(
        &mut self,
        mut rows: Transformed,
        groups: &mut Groups,
        further: &mut Option<Sorter>,
    ) -> Result<(), Stopped> {
        let select = rows.select.clone();
        let Some(by) = &select.group_by else { return Ok(()) };
        while let Some(cells) = rows.advance() {
            let _entered = stack::enter();
            let env = cells.looked_at();
            // Looks the same, is the same: the key is the text form.
            let key = match env.lying(by) {
                Some(value) if !value.holds_object() => value.to_text(),
                _ => env.plain(&env.eval(by)).to_text(),
            };
            let place = match groups.places.get(&key) {
                Some(place) => *place,
                None if further.is_some() || self.is_enough(groups, env) => {
                    let further =
                        further.get_or_insert_with(|| Sorter::new(KeyOrder::Bytes, env.session()));
                    let row = env.plain_row(cells.source())?;
                    further.push(Value::Text(key), row)?;
                    continue;
                }
                None => {
                    let size = key.len() + size_of::<Group>() + size_of::<Value>();
                    self.charge.add(size)?;
                    groups.add(key)
                }
            };
            self.advance(&mut groups.groups[place], cells)?;
        }
        Ok(())
    }

    /// Whether a further group has to wait outside of memory.
    fn is_enough(&self, groups: &Groups, env: &Env) -> bool {
        let count = groups.groups.len();
        let session = env.session();
        let full = count >= GROUPS_IN_MEMORY || self.charge.bytes() >= session.stage_bytes();
        if !full || session.setup.host.spill().is_none() {
            return false;
        }
        let text = format!(
            "GROUP BY: {count} groups are enough for memory; further ones are sorted in a temporary \
             file, and all come in the order of their keys"
        );
        session.log_once(Level::Info, text);
        true
    }

    fn advance(&mut self, group: &mut Group, cells: &mut CellRow) -> Result<(), Stopped> {
        // Dropped first, so that a list that it shows can grow in place.
        group.last = None;
        let row = cells.emit_in(&group.context);
        group.seen += 1;
        // A row that shows a growing list is not walked every time.
        if group.seen.is_power_of_two() {
            self.charge.subtract(group.size);
            group.size = self.charge.add_row(&row)?;
        }
        group.last = Some(row);
        Ok(())
    }
}

/// Groups in memory, and where each key's is.
#[derive(Default)]
struct Groups {
    places: HashMap<Text, usize>,
    groups: Vec<Group>,
}

impl Groups {
    fn add(&mut self, key: Text) -> usize {
        let place = self.groups.len();
        self.places.insert(key, place);
        self.groups.push(Group { context: Arc::default(), last: None, seen: 0, size: 0 });
        place
    }
}

impl Iterator for Grouped {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        if let Some(rows) = self.rows.take() {
            self.collect(rows);
        }
        let further = self.further.as_mut();
        let other = further.and_then(|further| further.key().cloned());
        match (self.groups.peek(), other) {
            (Some((key, _)), Some(other)) if other < *key => self.further.as_mut()?.group(),
            (None, Some(_)) => self.further.as_mut()?.group(),
            _ => self.groups.next().map(|(_, row)| row),
        }
    }
}

/// Groups whose rows come one after the other, by key.
struct FurtherGroups {
    rows: Sorted,
    next: Option<(Text, Row)>,
    select: Arc<Select>,
    env: Env,
}

impl FurtherGroups {
    /// The key of the next group.
    fn key(&mut self) -> Option<&Text> {
        if self.next.is_none() {
            self.next = self.read();
        }
        self.next.as_ref().map(|(key, _)| key)
    }

    fn read(&mut self) -> Option<(Text, Row)> {
        let (key, row) = self.rows.next()?;
        Some((key.to_text(), row))
    }

    /// Computes the next group.
    fn group(&mut self) -> Option<Row> {
        let _entered = stack::enter();
        let context = Arc::<Context>::default();
        let (key, mut row) = self.next.take()?;
        loop {
            if self.env.session().step() {
                return None;
            }
            let env = self.env.with_row(row).with_context(context.clone());
            let last = CellRow::of(&self.select, &env).emit();
            match self.read() {
                Some((same, next)) if same == key => row = next,
                other => {
                    self.next = other;
                    return Some(last);
                }
            }
        }
    }
}
