//! Asks the candidates: which rule matches which rows of a batch.
//!
//! Sets of rows are ascending lists of numbers: candidates are few, so lists are shorter than
//! bitmaps. A predicate takes away from the set that it is given the rows that do not satisfy it;
//! what follows is only asked about the rest.

use arrow::array::RecordBatch;
use rows::{Name, Text, Value};
use rows_arrow::TooDeep;
use sigma::{Predicate, parts};

use crate::index::Index;
use crate::plan::{Body, Plan, Plans, TooNested, compile};
use crate::view::{NONE, View};

/// Outcomes of one batch that are remembered take no more than this.
pub const REMEMBERED_MAX_BYTES: usize = 8 << 20;

/// Many predicates, compiled together.
pub struct Matcher {
    plans: Plans,
    index: Index,
}

/// Which rows of a batch satisfy a predicate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The predicate's place.
    pub rule: usize,
    /// The rows, ascending; at least one.
    pub rows: Vec<u32>,
}

/// What was done so far; kept to be used again.
#[derive(Default)]
pub struct Scratch {
    /// Candidate rows by rule.
    candidates: Vec<Vec<u32>>,
    /// Pairs of row and rule that were asked.
    pub asked: u64,
    /// Pairs that matched.
    pub matched: u64,
    /// Rows looked at.
    pub rows: u64,
}

impl Matcher {
    /// Compiles predicates; they are known by their place from now on.
    pub fn new<'p>(
        predicates: impl IntoIterator<Item = &'p Predicate> + Clone,
    ) -> Result<Self, TooNested> {
        let plans = compile(predicates.clone())?;
        Ok(Self { plans, index: Index::new(predicates) })
    }

    /// How many predicates there are.
    pub fn len(&self) -> usize {
        self.plans.plans.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.plans.plans.is_empty()
    }

    /// The fields that are asked about; `None` when a predicate asks about all texts of a record.
    pub fn fields(&self) -> Option<Vec<&Name>> {
        self.plans.subjects.iter().map(Option::as_ref).collect()
    }

    /// How many predicates have no clue and are asked of every row.
    pub fn without_clue(&self) -> usize {
        self.index.always.len()
    }

    /// Which predicates the rows of a batch satisfy, by place.
    pub fn matches(&self, batch: &RecordBatch, scratch: &mut Scratch) -> Result<Vec<Hit>, TooDeep> {
        rows_arrow::read::check_depth(&batch.schema())?;
        scratch.rows += batch.num_rows() as u64;
        let mut asking = Asking::new(&self.plans, batch);
        let mut candidates = std::mem::take(&mut scratch.candidates);
        candidates.resize_with(self.len(), Vec::new);
        self.gather(&asking, batch.num_rows(), &mut candidates);
        let mut hits = Vec::new();
        for (rule, rows) in candidates.iter_mut().enumerate() {
            if rows.is_empty() {
                continue;
            }
            scratch.asked += rows.len() as u64;
            asking.retain(&self.plans.plans[rule], rows);
            scratch.matched += rows.len() as u64;
            if !rows.is_empty() {
                hits.push(Hit { rule, rows: rows.clone() });
                rows.clear();
            }
        }
        scratch.candidates = candidates;
        Ok(hits)
    }

    /// The rows about which each rule is worth asking.
    fn gather(&self, asking: &Asking<'_>, rows: usize, candidates: &mut [Vec<u32>]) {
        let rows = u32::try_from(rows).unwrap_or(u32::MAX);
        for rule in &self.index.always {
            candidates[*rule as usize].extend(0..rows);
        }
        let mut seen = Vec::new();
        for (field, clues) in &self.index.fields {
            for view in asking.views_of(field.as_ref()) {
                seen.push((view, clues.candidates(view, self.len())));
            }
        }
        // Row by row, so that the lists ascend.
        for row in 0..rows {
            for (view, found) in &seen {
                let slot = view.slot(row);
                if slot == NONE {
                    continue;
                }
                for rule in found.of(slot) {
                    let rows = &mut candidates[*rule as usize];
                    if rows.last() != Some(&row) {
                        rows.push(row);
                    }
                }
            }
        }
    }
}

/// One batch and what has been found out about it.
struct Asking<'p> {
    plans: &'p Plans,
    /// By subject; several for all texts, none where the batch has no such column.
    views: Vec<Vec<View>>,
    /// By test and slot: 0 unknown, 1 no, 2 yes. Empty where nothing is remembered.
    outcomes: Vec<Vec<u8>>,
    remembered: usize,
}

impl<'p> Asking<'p> {
    fn new(plans: &'p Plans, batch: &RecordBatch) -> Self {
        let views = plans.subjects.iter().map(|subject| match subject {
            Some(name) => View::of_field(batch, name).into_iter().collect(),
            None => {
                let schema = batch.schema();
                let first = |place: &usize| {
                    schema.index_of(schema.field(*place).name()).is_ok_and(|first| first == *place)
                };
                let places = (0..batch.num_columns()).filter(first);
                places.map(|place| View::deep(batch.column(place).clone())).collect()
            }
        });
        let outcomes = plans.tests.iter().map(|_| Vec::new()).collect();
        Self { plans, views: views.collect(), outcomes, remembered: 0 }
    }

    fn views_of(&self, field: Option<&Name>) -> &[View] {
        let subject = self.plans.subjects.iter().position(|known| known.as_ref() == field);
        subject.map_or(&[], |subject| &self.views[subject])
    }

    /// Takes away the rows that do not satisfy the plan.
    fn retain(&mut self, plan: &Plan, rows: &mut Vec<u32>) {
        match plan {
            Plan::And(of) => {
                for one in of {
                    if rows.is_empty() {
                        return;
                    }
                    self.retain(one, rows);
                }
            }
            Plan::Or(of) => {
                let mut without = rows.clone();
                for one in of {
                    if without.is_empty() {
                        return;
                    }
                    let mut with = without.clone();
                    self.retain(one, &mut with);
                    subtract(&mut without, &with);
                }
                subtract(rows, &without);
            }
            Plan::Not(inner) => {
                let mut with = rows.clone();
                self.retain(inner, &mut with);
                subtract(rows, &with);
            }
            Plan::AtLeast(count, of) => {
                let mut satisfied = vec![0_usize; rows.len()];
                for one in of {
                    let mut with = rows.clone();
                    self.retain(one, &mut with);
                    let mut with = with.into_iter().peekable();
                    for (row, satisfied) in rows.iter().zip(&mut satisfied) {
                        *satisfied += usize::from(with.next_if_eq(row).is_some());
                    }
                }
                let mut satisfied = satisfied.into_iter();
                rows.retain(|_| satisfied.next().is_some_and(|so_many| so_many >= *count));
            }
            Plan::Test(test) => self.retain_test(*test, rows),
        }
    }

    fn retain_test(&mut self, test: usize, rows: &mut Vec<u32>) {
        let compiled = &self.plans.tests[test];
        if self.plans.subjects[compiled.subject].is_none() {
            rows.retain(|row| self.anywhere(test, *row));
            return;
        }
        if let Body::Other { test, subject } = &compiled.body {
            rows.retain(|row| {
                let own = self.texts(compiled.subject, *row);
                !own.is_empty() && parts::texts_compare(test, &own, &self.texts(*subject, *row))
            });
            return;
        }
        let without_value = satisfied_by_nothing(&compiled.body);
        let Some(view) = self.views[compiled.subject].first() else {
            if !without_value {
                rows.clear();
            }
            return;
        };
        if view.repeats() && self.outcomes[test].is_empty() {
            let bytes = view.len();
            if self.remembered + bytes <= REMEMBERED_MAX_BYTES {
                self.remembered += bytes;
                self.outcomes[test] = vec![0; bytes];
            }
        }
        let outcomes = &mut self.outcomes[test];
        rows.retain(|row| {
            let slot = view.slot(*row);
            if slot == NONE {
                return without_value;
            }
            match outcomes.get_mut(slot as usize) {
                None => satisfies(&compiled.body, view, slot),
                Some(2) => true,
                Some(1) => false,
                Some(unknown) => {
                    let outcome = satisfies(&compiled.body, view, slot);
                    *unknown = 1 + u8::from(outcome);
                    outcome
                }
            }
        });
    }

    /// Whether a test of all texts holds for a row.
    fn anywhere(&self, test: usize, row: u32) -> bool {
        let compiled = &self.plans.tests[test];
        match &compiled.body {
            // A record has texts, but as a whole no value.
            Body::Value(test) => parts::values_satisfy(&[], test),
            Body::Other { test, subject } => {
                let own = self.texts(compiled.subject, row);
                parts::texts_compare(test, &own, &self.texts(*subject, row))
            }
            body => self.views[compiled.subject].iter().any(|view| {
                let slot = view.slot(row);
                slot != NONE && satisfies(body, view, slot)
            }),
        }
    }

    fn texts(&self, subject: usize, row: u32) -> Vec<Text> {
        let slots = self.views[subject].iter().map(|view| (view, view.slot(row)));
        slots
            .filter(|(_, slot)| *slot != NONE)
            .flat_map(|(view, slot)| view.texts_of(slot))
            .collect()
    }
}

fn satisfies(body: &Body, view: &View, slot: u32) -> bool {
    match body {
        Body::Needle(needle) if needle.cased => view.any_text(slot, |text| needle.found_in(text)),
        Body::Needle(needle) => view.any_folded(slot, |text| needle.found_in(text)),
        Body::Regex(regex) => view.any_text(slot, |text| regex.is_match(text)),
        Body::Value(test) => view.with_values(slot, |values| parts::values_satisfy(values, test)),
        Body::Other { .. } | Body::Never => false,
    }
}

fn satisfied_by_nothing(body: &Body) -> bool {
    const NOTHING: &[Value] = &[];
    match body {
        Body::Value(test) => parts::values_satisfy(NOTHING, test),
        Body::Needle(_) | Body::Regex(_) | Body::Other { .. } | Body::Never => false,
    }
}

/// Takes away from an ascending list what is in another.
fn subtract(rows: &mut Vec<u32>, other: &[u32]) {
    let mut other = other.iter().peekable();
    rows.retain(|row| other.next_if_eq(&row).is_none());
}
