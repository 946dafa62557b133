//! Counts how often each value of a column occurs, and on how many clients. Pure.
//!
//! Values are the same when they are written the same: the number 1, the number 1.0 and the text "1"
//! are three. Absent and null are one.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use base::ClientId;
use model::results::{Facet, FacetOrder, FacetQuery, Facets, ResultQuery};
use model::store::StoreError;

use crate::cell::Cell;
use crate::query::{Conditions, Origin};

/// Most different values that are counted.
pub const VALUES_MAX: usize = 1_000_000;

/// Most values that are shown.
pub const SHOWN_MAX: u64 = 10_000;

/// The refusal of a column with too many values.
pub fn too_many_values(column: &str) -> StoreError {
    StoreError::refused(format!(
        "column `{column}` has more different values than can be counted at once ({VALUES_MAX}); \
         add a filter"
    ))
}

/// Refuses a query that would need an unbounded answer.
pub fn check(query: &FacetQuery) -> Result<(), StoreError> {
    if query.limit > SHOWN_MAX {
        return Err(StoreError::refused(format!("at most {SHOWN_MAX} values can be shown")));
    }
    Ok(())
}

/// Orders values as a query asks; equal counts by value, as a sort has them.
pub fn compare(order: FacetOrder, a: &Facet, b: &Facet) -> Ordering {
    let by_count = match order {
        FacetOrder::MostRows => b.rows.cmp(&a.rows),
        FacetOrder::FewestRows => a.rows.cmp(&b.rows),
        FacetOrder::MostClients => b.clients.cmp(&a.clients),
        FacetOrder::FewestClients => a.clients.cmp(&b.clients),
    };
    let (a, b) = (cell_of(a), cell_of(b));
    by_count.then_with(|| a.compare(&b)).then_with(|| a.text().cmp(&b.text()))
}

fn cell_of(facet: &Facet) -> Cell<'_> {
    match &facet.value {
        None => Cell::Nothing,
        Some(text) if facet.number => Cell::from_json(text),
        Some(text) => Cell::Text(text.into()),
    }
}

#[derive(Default)]
struct Count {
    rows: u64,
    clients: BTreeSet<ClientId>,
}

/// Counts the values of a column.
pub struct FacetCounter<'q> {
    query: &'q FacetQuery,
    conditions: Conditions,
    counts: BTreeMap<(Option<String>, bool), Count>,
    rows: u64,
}

impl<'q> FacetCounter<'q> {
    /// For this query. Its scope and source are the store's to keep to.
    ///
    /// # Errors
    ///
    /// When it asks for more than can be shown.
    pub fn new(query: &'q FacetQuery) -> Result<Self, StoreError> {
        check(query)?;
        // The sort key of a row is then the column's cell.
        let sort = Some((query.column.clone(), false));
        let conditions = Conditions::of(&ResultQuery { sort, ..query.of.clone() });
        Ok(Self { query, conditions, counts: BTreeMap::new(), rows: 0 })
    }

    /// Counts a row if it passes.
    ///
    /// # Errors
    ///
    /// When there are too many different values.
    pub fn offer(
        &mut self,
        client: ClientId,
        origin: Origin<'_>,
        json: &str,
    ) -> Result<(), StoreError> {
        let Some(cell) = self.conditions.judge(origin, json) else { return Ok(()) };
        self.rows += 1;
        let number = matches!(cell, Cell::Number { .. });
        let count = self.counts.entry((cell.text().map(str::to_owned), number)).or_default();
        count.rows += 1;
        count.clients.insert(client);
        if self.counts.len() > VALUES_MAX {
            return Err(too_many_values(&self.query.column));
        }
        Ok(())
    }

    /// The values that were asked for.
    pub fn finish(self) -> Facets {
        let distinct = self.counts.len() as u64;
        let mut values: Vec<Facet> = self
            .counts
            .into_iter()
            .map(|((value, number), count)| Facet {
                value,
                number,
                rows: count.rows,
                clients: count.clients.len() as u64,
            })
            .collect();
        values.sort_by(|a, b| compare(self.query.order, a, b));
        values.truncate(usize::try_from(self.query.limit).unwrap_or(usize::MAX));
        Facets { values, distinct, rows: self.rows }
    }
}
