//! Counts values by rows and clients, a row group at a time. Pure.

use std::collections::HashMap;

use base::ClientId;
use flows::cell::Cell;
use flows::facets::{VALUES_MAX, compare, too_many_values};
use model::results::{Facet, FacetQuery, Facets};
use model::store::StoreError;

use crate::cells::{decode, encode};
use crate::columns::Piece;

/// So many clients of a value are listed; more are bits.
const LISTED_MAX: usize = 64;

/// Clients by short numbers.
#[derive(Debug)]
enum Clients {
    /// Ascending.
    Listed(Vec<u32>),
    Bits(Vec<u64>),
}

impl Clients {
    fn insert(&mut self, client: u32) {
        match self {
            Self::Listed(list) => {
                if let Err(at) = list.binary_search(&client) {
                    list.insert(at, client);
                    if list.len() > LISTED_MAX {
                        let mut bits = Self::Bits(Vec::new());
                        std::mem::take(list).into_iter().for_each(|client| bits.insert(client));
                        *self = bits;
                    }
                }
            }
            Self::Bits(bits) => {
                let word = client as usize / 64;
                if bits.len() <= word {
                    bits.resize(word + 1, 0);
                }
                bits[word] |= 1 << (client % 64);
            }
        }
    }

    fn count(&self) -> u64 {
        match self {
            Self::Listed(list) => list.len() as u64,
            Self::Bits(bits) => bits.iter().map(|word| u64::from(word.count_ones())).sum(),
        }
    }

    fn merge(&mut self, other: &Self) {
        match other {
            Self::Listed(list) => list.iter().for_each(|client| self.insert(*client)),
            Self::Bits(bits) => {
                for (word, held) in (0u32..).zip(bits) {
                    let set = (0..64).filter(|bit| held >> bit & 1 == 1);
                    set.for_each(|bit| self.insert(word * 64 + bit));
                }
            }
        }
    }
}

struct Count {
    rows: u64,
    clients: Clients,
}

impl Count {
    fn new() -> Self {
        Self { rows: 0, clients: Clients::Listed(Vec::new()) }
    }
}

/// The values of a column.
#[derive(Default)]
pub(crate) struct Tally {
    nothing: Option<Count>,
    values: HashMap<Box<[u8]>, Count>,
    rows: u64,
}

/// Gives each client a short number.
#[derive(Default)]
pub(crate) struct Numbers(HashMap<ClientId, u32>);

impl Numbers {
    pub(crate) fn of(&mut self, client: ClientId) -> u32 {
        let next = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        *self.0.entry(client).or_insert(next)
    }
}

impl Tally {
    /// Counts the rows of a piece that pass. `numbers` are those of the clients of its segment.
    pub(crate) fn add(
        &mut self,
        piece: &Piece<'_>,
        numbers: &[u32],
        query: &FacetQuery,
    ) -> Result<(), StoreError> {
        let Some(column) = piece.columns.first() else { return Ok(()) };
        // By number of the value; the last is for rows that have none.
        let none = column.values();
        let mut rows = vec![0u64; none + 1];
        let mut last = vec![u32::MAX; none + 1];
        let mut met: Vec<(u32, u32)> = Vec::new();
        for run in piece.runs() {
            let client = numbers.get(run.client as usize).copied().unwrap_or(u32::MAX);
            for row in piece.rows_of(run).filter(|row| piece.kept[*row]) {
                let code = column.code(row).unwrap_or(none);
                rows[code] += 1;
                if last[code] != client {
                    last[code] = client;
                    met.push((u32::try_from(code).unwrap_or(u32::MAX), client));
                }
            }
        }
        met.sort_unstable();
        for of_value in met.chunk_by(|a, b| a.0 == b.0) {
            let code = of_value[0].0 as usize;
            let value = (code < none).then(|| column.value(code));
            let count = self.entry(value, query)?;
            count.rows += rows[code];
            of_value.iter().for_each(|(_, client)| count.clients.insert(*client));
            self.rows += rows[code];
        }
        Ok(())
    }

    /// Counts one row.
    pub(crate) fn add_cell(
        &mut self,
        cell: &Cell<'_>,
        client: u32,
        query: &FacetQuery,
    ) -> Result<(), StoreError> {
        let mut bytes = Vec::new();
        let value = encode(cell, &mut bytes).then_some(&bytes[..]);
        let count = self.entry(value, query)?;
        count.rows += 1;
        count.clients.insert(client);
        self.rows += 1;
        Ok(())
    }

    fn entry(
        &mut self,
        value: Option<&[u8]>,
        query: &FacetQuery,
    ) -> Result<&mut Count, StoreError> {
        let Some(value) = value else { return Ok(self.nothing.get_or_insert_with(Count::new)) };
        if !self.values.contains_key(value) {
            if self.values.len() >= VALUES_MAX {
                return Err(too_many_values(&query.column));
            }
            self.values.insert(value.into(), Count::new());
        }
        Ok(self.values.get_mut(value).expect("it is there or was put there"))
    }

    pub(crate) fn merge(&mut self, other: Self, query: &FacetQuery) -> Result<(), StoreError> {
        self.rows += other.rows;
        let values = other.values.into_iter().map(|(value, count)| (Some(value), count));
        for (value, count) in values.chain(other.nothing.map(|count| (None, count))) {
            let held = self.entry(value.as_deref(), query)?;
            held.rows += count.rows;
            held.clients.merge(&count.clients);
        }
        Ok(())
    }

    /// The values that were asked for.
    pub(crate) fn finish(self, query: &FacetQuery) -> Facets {
        let facet = |cell: Cell<'_>, count: &Count| Facet {
            value: cell.text().map(str::to_owned),
            number: matches!(cell, Cell::Number { .. }),
            rows: count.rows,
            clients: count.clients.count(),
        };
        let mut values: Vec<Facet> =
            self.values.iter().map(|(value, count)| facet(decode(value), count)).collect();
        values.extend(self.nothing.as_ref().map(|count| facet(Cell::Nothing, count)));
        let distinct = values.len() as u64;
        let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
        let order = |a: &Facet, b: &Facet| compare(query.order, a, b);
        if limit < values.len() {
            values.select_nth_unstable_by(limit, order);
            values.truncate(limit);
        }
        values.sort_by(order);
        Facets { values, distinct, rows: self.rows }
    }
}
