//! Rules about several records: how often, how many different, which together, in which order.
//!
//! # Invariants
//!
//! - **SI-6** A correlation rests on rules that exist: what it names is found by name or id among the
//!   files that are read together, and no correlation rests on itself.
//!
//! # Not here
//!
//! Whether events satisfy it: [`crate::correlate`].

use std::sync::Arc;
use std::time::Duration;

use rows::{Dict, Name};

use crate::predicate::Predicate;
use crate::rule::{Level, Rule};

mod read;
mod resolve;

pub(crate) use read::{Draft, read};
pub(crate) use resolve::{by_themselves, resolve};

/// A correlation rule and the rules that it is about.
#[derive(Clone, Debug)]
pub struct Correlation {
    /// What it is called.
    pub title: String,
    /// Its identifier, as written.
    pub id: Option<String>,
    /// A short name, for other rules to refer to.
    pub name: Option<String>,
    /// How ripe it is.
    pub status: Option<String>,
    /// How bad it is when it matches.
    pub level: Option<Level>,
    /// What it finds.
    pub description: String,
    /// Who wrote it.
    pub author: String,
    /// Where to read more.
    pub references: Vec<String>,
    /// Among others, ATT&CK techniques.
    pub tags: Vec<String>,
    /// What else looks like it.
    pub false_positives: Vec<String>,
    /// What is counted or compared.
    pub kind: CorrelationKind,
    /// The rules whose matches are correlated, in the order written.
    pub bases: Vec<Base>,
    /// Events belong together when they agree in these fields; names are aliases or fields.
    pub group_by: Vec<Name>,
    /// How far apart the first and the last event of a match may be; both ends count.
    pub timespan: Duration,
    /// Whether its base rules are also rules by themselves.
    pub generate: bool,
    /// Fields that the format does not know, as written.
    pub custom: Dict,
}

/// What is counted or compared.
#[derive(Clone, Debug, PartialEq)]
pub enum CorrelationKind {
    /// How many events there are.
    EventCount(Threshold),
    /// How many different values of these fields together there are.
    ValueCount {
        /// The fields.
        fields: Vec<Name>,
        /// How many.
        than: Threshold,
    },
    /// What the numbers in a field amount to.
    Value {
        /// The field.
        field: Name,
        /// How they are taken together.
        by: Aggregate,
        /// To how much.
        than: Threshold,
    },
    /// Which of the base rules have an event, in any order. The predicate is about fields named `0`,
    /// `1` and so on: the base rule with that number has an event.
    Temporal(Predicate),
    /// All base rules have an event, in the order written.
    TemporalOrdered,
}

/// How numbers are taken together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Aggregate {
    /// Their sum.
    Sum,
    /// Their mean.
    Average,
    /// The number below which so many in a hundred lie, interpolated between neighbours.
    Percentile(f64),
}

/// What a count or amount is compared with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Threshold {
    /// How.
    pub is: Bound,
    /// With what.
    pub than: f64,
}

/// How a count or amount compares with a threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// `lt`
    Less,
    /// `lte`
    AtMost,
    /// `eq`
    Equal,
    /// `neq`
    Different,
    /// `gte`
    AtLeast,
    /// `gt`
    Greater,
}

impl Threshold {
    /// Whether an amount satisfies it.
    pub fn holds(&self, amount: f64) -> bool {
        match self.is {
            Bound::Less => amount < self.than,
            Bound::AtMost => amount <= self.than,
            Bound::Equal => amount == self.than,
            Bound::Different => amount != self.than,
            Bound::AtLeast => amount >= self.than,
            Bound::Greater => amount > self.than,
        }
    }
}

/// A rule whose matches are correlated.
#[derive(Clone, Debug)]
pub struct Base {
    /// The rule.
    pub rule: BaseRule,
    /// From names in `group-by` (and in the condition) to fields of this rule's events.
    pub aliases: Vec<(Name, Name)>,
}

/// What is correlated.
#[derive(Clone, Debug)]
pub enum BaseRule {
    /// Events that satisfy a rule.
    Rule(Arc<Rule>),
    /// Matches of another correlation.
    Correlation(Arc<Correlation>),
}

impl Base {
    /// The field of this rule's events behind a name.
    pub fn field<'n>(&'n self, name: &'n Name) -> &'n Name {
        self.aliases.iter().find(|(alias, _)| alias == name).map_or(name, |(_, field)| field)
    }
}

impl Correlation {
    /// The rules about single events that this rests on, also through other correlations, in order.
    /// Events are numbered by their place here.
    pub fn leaves(&self) -> Vec<&Arc<Rule>> {
        let each = self.bases.iter().flat_map(|base| match &base.rule {
            BaseRule::Rule(rule) => vec![rule],
            BaseRule::Correlation(inner) => inner.leaves(),
        });
        each.collect()
    }

    /// How far before the completing event of a match its events may lie: the time span, and those
    /// of the correlations that it rests on.
    pub fn reach(&self) -> Duration {
        let inner = self.bases.iter().map(|base| match &base.rule {
            BaseRule::Rule(_) => Duration::ZERO,
            BaseRule::Correlation(inner) => inner.reach(),
        });
        self.timespan.saturating_add(inner.max().unwrap_or_default())
    }
}
