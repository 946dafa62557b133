//! From a scan to statements, and what is left to be judged here.
//!
//! # Invariants
//!
//! - **ER-1** A predicate's answer is the same on every engine. What an engine cannot express, or
//!   expresses differently, is judged in this process, over a superset that the engine selects.
//! - **ER-2** A field without a column has no value; no condition names it.

use std::sync::Arc;

use loghunt::engine::{EngineError, Query, QueryClass, Scan};
use rows::Name;
use sigma::{Predicate, Test};
use sql_text::{
    Class, Columns, Prune, Restriction, Statement, TableColumns, Target, Template, Unsupported,
    condition, select,
};

use crate::facts::{How, TableFacts};

/// What is asked of an engine, and what of its answer.
pub(crate) struct Asked {
    /// Their answers together are the answer.
    pub(crate) statements: Vec<Statement>,
    pub(crate) target: Target,
    /// What rows must still satisfy.
    pub(crate) residual: Option<Arc<Predicate>>,
    /// Which columns travel on, in this order; all, when empty.
    pub(crate) columns: Arc<[Name]>,
    /// Rows without a position are matches of the window's end.
    pub(crate) whole: bool,
}

/// Writes the statements of a scan.
pub(crate) fn asked(scan: &Scan, facts: &TableFacts, how: &How<'_>) -> Result<Asked, EngineError> {
    match &scan.query {
        Query::Sql { text, values, class } => {
            let target = facts.target(how, (scan.read, scan.emit), values)?;
            sql(text, *class, scan, target)
        }
        Query::Predicate { predicate, columns } => {
            let target = facts.target(how, (scan.read, scan.emit), &[])?;
            by_predicate(predicate, columns, scan, (facts, target))
        }
    }
}

fn sql(
    text: &str,
    class: QueryClass,
    scan: &Scan,
    mut target: Target,
) -> Result<Asked, EngineError> {
    let class = match class {
        QueryClass::PerEvent => Class::PerEvent,
        QueryClass::Windowed { .. } => Class::Windowed,
        QueryClass::Opaque => Class::Opaque,
    };
    let wrong = |why: String| EngineError::permanent(format!("the question is wrong: {why}"));
    let template = Template::parse(text, class).map_err(|problems| {
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        wrong(problems.join("; "))
    })?;
    target.limit = Some(scan.limits.rows_max.saturating_add(1));
    let statements =
        template.render_pruned(&target, prune(scan)).map_err(|error| wrong(error.to_string()))?;
    let whole = class != Class::PerEvent;
    Ok(Asked { statements, target, residual: None, columns: Arc::from([]), whole })
}

/// How far an event's time may lie from its ingest time, for stores sorted by event time.
fn prune(scan: &Scan) -> Option<Prune> {
    let by = scan.source.lateness_max?;
    (scan.source.domain == model::log::Domain::IngestTime)
        .then_some(Prune { behind: by, ahead: by })
}

fn by_predicate(
    predicate: &Arc<Predicate>,
    columns: &Arc<[Name]>,
    scan: &Scan,
    (facts, mut target): (&TableFacts, Target),
) -> Result<Asked, EngineError> {
    let known = TableColumns::new(target.dialect, &shown(facts, &target), &[]);
    let settled = settle(predicate, &known);
    let exact = condition(&settled, target.dialect, &known);
    let (text, residual) = match exact {
        Ok(text) => (text, None),
        Err(_) => (superset(&settled, &target, &known), Some(predicate.clone())),
    };
    if residual.is_none() {
        target.limit = Some(scan.limits.rows_max.saturating_add(1));
    }
    // What is judged here needs all columns.
    let travel: &[Name] = if residual.is_some() { &[] } else { columns };
    let both = prune(scan).filter(|_| target.event_time.is_some());
    let restrictions = both.map_or(vec![Restriction::Window], |by| by.both().to_vec());
    let statements = restrictions
        .into_iter()
        .map(|restriction| select(travel, &text, &Target { restriction, ..target.clone() }))
        .collect::<Result<_, _>>()
        .map_err(|error| EngineError::permanent(error.to_string()))?;
    Ok(Asked { statements, target, residual, columns: columns.clone(), whole: false })
}

/// The columns of the subquery in which conditions look: those of the table, and mapped names with
/// the types of their columns, which hide columns of the same name.
fn shown(facts: &TableFacts, target: &Target) -> Vec<(String, String)> {
    let cased = target.dialect.names_are_cased();
    let same = |a: &str, b: &str| a == b || (!cased && a.eq_ignore_ascii_case(b));
    let mapped = target.columns.iter().filter_map(|(field, column)| {
        let (_, kind) = facts.column(target.dialect, column)?;
        Some((field.clone(), kind.clone()))
    });
    let own = facts
        .columns
        .iter()
        .filter(|(name, _)| !target.columns.iter().any(|(field, _)| same(field, name)));
    own.cloned().chain(mapped).collect()
}

/// The predicate without tests of fields that have no column: such a field has no value.
pub(crate) fn settle(predicate: &Predicate, columns: &dyn Columns) -> Predicate {
    let each = |of: &[Predicate]| of.iter().map(|one| settle(one, columns)).collect();
    let truth = |truth: bool| match truth {
        true => Predicate::And(Vec::new()),
        false => Predicate::Or(Vec::new()),
    };
    match predicate {
        Predicate::And(of) => Predicate::And(each(of)),
        Predicate::Or(of) => Predicate::Or(each(of)),
        Predicate::Not(inner) => Predicate::Not(Box::new(settle(inner, columns))),
        Predicate::AtLeast { count, of } => Predicate::AtLeast { count: *count, of: each(of) },
        Predicate::Field { field, test } if columns.column(field).is_none() => {
            truth(matches!(test, Test::Null | Test::Exists(false)))
        }
        Predicate::Field { test: Test::OtherField { field: other, .. }, .. }
            if columns.column(other).is_none() =>
        {
            truth(false)
        }
        other => other.clone(),
    }
}

/// A condition that holds for every row that the predicate holds for, as narrow as the engine can.
fn superset(predicate: &Predicate, target: &Target, columns: &dyn Columns) -> String {
    let every = target.dialect.truth(true).to_owned();
    let exact = |one: &Predicate| -> Result<String, Unsupported> {
        condition(one, target.dialect, columns)
    };
    match predicate {
        one if exact(one).is_ok() => exact(one).unwrap_or(every),
        Predicate::And(of) => {
            let parts: Vec<String> = of.iter().map(|one| superset(one, target, columns)).collect();
            format!("({})", parts.join(" AND "))
        }
        Predicate::Or(of) => {
            let parts: Vec<String> = of.iter().map(|one| superset(one, target, columns)).collect();
            format!("({})", parts.join(" OR "))
        }
        _ => every,
    }
}
