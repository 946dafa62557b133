//! Pipelines on correlations: on each rule that one rests on, and on the names that it groups by.

use std::sync::Arc;

use rows::Name;
use yaml_nodes::Place;

use super::conditions::PROBE;
use super::{Pipeline, PipelineError, by_priority, transformed};
use crate::correlation::{BaseRule, Correlation, CorrelationKind};
use crate::modifier::{Modifiers, Scalar};
use crate::rule::Rule;
use crate::written::{Item, Search};

impl Pipeline {
    /// The correlation with the names and values of the store, by priority. Its groups keep their
    /// names; for each rule an alias says which field stands for each.
    pub fn apply_all_to_correlation<'p>(
        pipelines: impl IntoIterator<Item = &'p Pipeline>,
        correlation: &Correlation,
    ) -> Result<Correlation, PipelineError> {
        whole(&by_priority(pipelines), correlation)
    }
}

fn whole(pipelines: &[&Pipeline], correlation: &Correlation) -> Result<Correlation, PipelineError> {
    let mut changed = correlation.clone();
    let mut names = correlation.group_by.clone();
    match &correlation.kind {
        CorrelationKind::ValueCount { fields, .. } => names.extend(fields.iter().cloned()),
        CorrelationKind::Value { field, .. } => names.push(field.clone()),
        CorrelationKind::EventCount(_)
        | CorrelationKind::Temporal(_)
        | CorrelationKind::TemporalOrdered => {}
    }
    for base in &mut changed.bases {
        let rule = match &base.rule {
            BaseRule::Correlation(inner) => {
                base.rule = BaseRule::Correlation(Arc::new(whole(pipelines, inner)?));
                continue;
            }
            BaseRule::Rule(rule) => rule.clone(),
        };
        for name in &names {
            let field = base.field(name).clone();
            let new = renamed(pipelines, &rule, &field)?;
            let [new] = &new[..] else {
                let field = field.to_string();
                return Err(PipelineError::Several { rule: correlation.title.clone(), field });
            };
            base.aliases.retain(|(alias, _)| alias != name);
            if new != name {
                base.aliases.push((name.clone(), new.clone()));
            }
        }
        base.rule =
            BaseRule::Rule(Arc::new(Pipeline::apply_all(pipelines.iter().copied(), &rule)?));
    }
    Ok(changed)
}

/// What becomes of a field in a rule.
fn renamed(pipelines: &[&Pipeline], rule: &Rule, field: &Name) -> Result<Vec<Name>, PipelineError> {
    let mut probed = rule.clone();
    let probe = Search::Item(Item {
        field: Some(field.clone()),
        modifiers: Modifiers::default(),
        values: vec![(Scalar::Null, Place::default())],
        path: String::new(),
        at: Place::default(),
        touched: Vec::new(),
    });
    probed.written.own.searches.push((PROBE.to_owned(), probe));
    let probed = transformed(pipelines, &probed)?;
    let mut names = Vec::new();
    let own = &probed.written.own;
    for (_, search) in own.searches.iter().filter(|(name, _)| name == PROBE) {
        search.each(&mut |item| names.extend(item.field.clone()));
    }
    // Left out as a test, it is still the field that it was.
    Ok(if names.is_empty() { vec![field.clone()] } else { names })
}
