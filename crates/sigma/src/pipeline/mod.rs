//! How the names and values of a rule become those of a store, in pySigma's sense: a list of
//! transformations, each with conditions on the rule, the test and the field.
//!
//! Transformations change the rule as it was written, so that modifiers and wildcards keep their
//! meaning, and it is lowered again afterwards.
//!
//! # Invariants
//!
//! - **SI-9** A pipeline changes a copy: the rule stays what it was. What comes out is lowered as a
//!   whole or not at all.
//!
//! # Not here
//!
//! Which pipelines are used for which store: the definitions of log hunts.

mod conditions;
mod correlated;
mod placeholders;
mod read;
mod read_conditions;
mod transform;

use std::sync::Arc;

use rows::{Dict, Value};
use thiserror::Error;

use crate::modifier::Scalar;
use crate::rule::Rule;
use crate::written::Wrong;

pub use read::{PipelineFile, read_pipeline};

/// A processing pipeline.
#[derive(Clone, Debug, Default)]
pub struct Pipeline {
    /// Its name.
    pub name: String,
    /// Smaller ones go first.
    pub priority: i64,
    /// Values by name, for placeholders.
    vars: Vec<(String, Vec<Scalar>)>,
    steps: Vec<Arc<Step>>,
}

/// A transformation and when it is done.
#[derive(Debug)]
struct Step {
    /// By which later steps ask whether this one was done.
    id: Arc<str>,
    rule: conditions::Linked<conditions::OfRule>,
    item: conditions::Linked<conditions::OfItem>,
    field: conditions::Linked<conditions::OfField>,
    does: transform::Transformation,
}

/// Why a pipeline cannot be applied to a rule.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PipelineError {
    /// A `rule_failure` or `detection_item_failure`.
    #[error("the pipeline `{pipeline}` refuses the rule `{rule}`: {message}")]
    Refused {
        /// Which pipeline.
        pipeline: String,
        /// Which rule.
        rule: String,
        /// What it says.
        message: String,
    },
    /// The changed rule has no meaning.
    #[error("after the pipelines, the rule `{rule}` cannot be read at {place}: {message}; {hint}")]
    Broken {
        /// Which rule.
        rule: String,
        /// The field of the rule's file.
        place: String,
        /// What is wrong.
        message: String,
        /// How to mend it.
        hint: String,
    },
    /// Placeholders are left.
    #[error(
        "no pipeline gives the rule `{rule}` a value for {names}; add it to the `vars` of one and \
         use `value_placeholders`"
    )]
    Unresolved {
        /// Which rule.
        rule: String,
        /// Their names.
        names: String,
    },
    /// The rule became too large.
    #[error("the pipeline `{pipeline}` makes the rule `{rule}` too large; split the rule")]
    TooLarge {
        /// Which pipeline.
        pipeline: String,
        /// Which rule.
        rule: String,
    },
    /// A name that a correlation groups or computes by.
    #[error(
        "the correlation `{rule}` needs one field for `{field}`, and the pipelines make several of \
         it; name the one with `aliases`"
    )]
    Several {
        /// Which correlation.
        rule: String,
        /// The name.
        field: String,
    },
}

impl Pipeline {
    /// The rule with the names and values of the store. Placeholders may be left.
    pub fn apply(&self, rule: &Rule) -> Result<Rule, PipelineError> {
        transformed(&[self], rule)
    }

    /// The rule after several pipelines, by priority; placeholders may not be left.
    pub fn apply_all<'p>(
        pipelines: impl IntoIterator<Item = &'p Pipeline>,
        rule: &Rule,
    ) -> Result<Rule, PipelineError> {
        let rule = transformed(&by_priority(pipelines), rule)?;
        if rule.placeholders.is_empty() {
            return Ok(rule);
        }
        let names = rule.placeholders.join(", ");
        Err(PipelineError::Unresolved { rule: rule.title, names })
    }
}

fn by_priority<'p>(pipelines: impl IntoIterator<Item = &'p Pipeline>) -> Vec<&'p Pipeline> {
    let mut pipelines: Vec<&Pipeline> = pipelines.into_iter().collect();
    pipelines.sort_by_key(|pipeline| pipeline.priority);
    pipelines
}

/// What has happened to a rule so far.
#[derive(Default)]
struct State {
    applied: Vec<Arc<str>>,
    set: Dict,
    vars: Vec<(String, Vec<Scalar>)>,
}

impl State {
    fn holds(&self, key: &str, value: &Value) -> bool {
        self.set.get(key).is_some_and(|known| known.to_text() == value.to_text())
    }
}

fn transformed(pipelines: &[&Pipeline], rule: &Rule) -> Result<Rule, PipelineError> {
    let mut rule = rule.clone();
    let mut state = State::default();
    for pipeline in pipelines {
        for (name, values) in &pipeline.vars {
            state.vars.retain(|(known, _)| known != name);
            state.vars.push((name.clone(), values.clone()));
        }
    }
    for pipeline in pipelines {
        for step in &pipeline.steps {
            if !step.rule.hold(|one| one.holds(&rule, &state)) {
                continue;
            }
            transform::apply(step, &mut rule, &mut state).map_err(|stopped| match stopped {
                transform::Stopped::Refused(message) => PipelineError::Refused {
                    pipeline: pipeline.name.clone(),
                    rule: rule.title.clone(),
                    message,
                },
                transform::Stopped::TooLarge => PipelineError::TooLarge {
                    pipeline: pipeline.name.clone(),
                    rule: rule.title.clone(),
                },
            })?;
            state.applied.push(step.id.clone());
        }
    }
    match rule.lower() {
        Ok(()) => Ok(rule),
        Err(wrong) => Err(broken(&rule, wrong)),
    }
}

fn broken(rule: &Rule, wrong: Vec<Wrong>) -> PipelineError {
    let (place, message, hint) = match wrong.into_iter().next() {
        Some(Wrong { at, path, says: (message, hint) }) => {
            let place = format!("{}:{}:{}: {path}", rule.file, at.line, at.column);
            (place, message, hint.to_owned())
        }
        None => Default::default(),
    };
    PipelineError::Broken { rule: rule.title.clone(), place, message, hint }
}
