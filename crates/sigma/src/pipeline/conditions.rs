//! When a transformation is done: conditions on the rule, the test and the field.

use std::sync::Arc;

use regex::Regex;
use rows::Value;

use super::State;
use crate::modifier::Scalar;
use crate::predicate::Predicate;
use crate::rule::{LogSource, Rule};
use crate::written::Item;

/// Conditions that are asked together.
#[derive(Debug)]
pub(super) struct Linked<C> {
    pub(super) each: Vec<C>,
    pub(super) by: Link,
    pub(super) negated: bool,
}

/// How conditions are linked.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Link {
    All,
    Any,
    /// A tree over the places of conditions, as names of fields.
    Expression(Predicate),
}

impl<C> Linked<C> {
    /// Whether they hold together; without any, they do.
    pub(super) fn hold(&self, one: impl Fn(&C) -> bool) -> bool {
        if self.each.is_empty() {
            return true;
        }
        let holds = match &self.by {
            Link::All => self.each.iter().all(one),
            Link::Any => self.each.iter().any(one),
            Link::Expression(tree) => holds(tree, &|at| self.each.get(at).is_some_and(&one)),
        };
        holds != self.negated
    }
}

fn holds(tree: &Predicate, one: &dyn Fn(usize) -> bool) -> bool {
    match tree {
        Predicate::And(of) => of.iter().all(|inner| holds(inner, one)),
        Predicate::Or(of) => of.iter().any(|inner| holds(inner, one)),
        Predicate::Not(inner) => !holds(inner, one),
        Predicate::AtLeast { count, of } => {
            of.iter().filter(|inner| holds(inner, one)).count() >= *count
        }
        Predicate::Field { field, .. } => field.parse().is_ok_and(one),
        Predicate::Keyword(_) => false,
    }
}

/// A condition on the rule.
#[derive(Debug)]
pub(super) enum OfRule {
    LogSource(LogSource),
    ContainsItem { field: String, value: Scalar },
    ContainsField(String),
    Applied(Arc<str>),
    State(String, Value),
    IsRule(bool),
    Tag(String),
    Attribute { name: String, value: String, equal: bool },
}

impl OfRule {
    pub(super) fn holds(&self, rule: &Rule, state: &State) -> bool {
        match self {
            Self::LogSource(wanted) => wanted.covers(&rule.source),
            Self::ContainsItem { field, value } => has(rule, &|item| {
                named(item, field) && item.values.iter().any(|(one, _)| same(one, value))
            }),
            Self::ContainsField(field) => has(rule, &|item| named(item, field)),
            Self::Applied(id) => state.applied.contains(id),
            Self::State(key, value) => state.holds(key, value),
            Self::IsRule(wanted) => *wanted,
            Self::Tag(tag) => rule.tags.iter().any(|one| one.eq_ignore_ascii_case(tag)),
            Self::Attribute { name, value, equal } => {
                let has = attribute(rule, name);
                has.is_some_and(|has| has.eq_ignore_ascii_case(value)) == *equal
            }
        }
    }
}

/// How searches are called that were only added to see what becomes of a field.
pub(super) const PROBE: &str = "_\0probe";

fn has(rule: &Rule, wanted: &dyn Fn(&Item) -> bool) -> bool {
    let mut found = false;
    let parts = std::iter::once(&rule.written.own).chain(&rule.written.filters);
    let searches = parts.flat_map(|part| &part.searches);
    for (_, search) in searches.filter(|(name, _)| !name.starts_with(PROBE)) {
        search.each(&mut |item| found = found || wanted(item));
    }
    found
}

fn named(item: &Item, field: &str) -> bool {
    item.field.as_ref().is_some_and(|name| &**name == field)
}

fn attribute(rule: &Rule, name: &str) -> Option<String> {
    match name {
        "title" => Some(rule.title.clone()),
        "id" => rule.id.clone(),
        "name" => rule.name.clone(),
        "status" => rule.status.clone(),
        "level" => rule.level.map(|level| level.word().to_owned()),
        "author" => Some(rule.author.clone()),
        "description" => Some(rule.description.clone()),
        other => rule.custom.get(other).map(|value| value.to_text().to_string()),
    }
}

/// The same value, as it is written.
fn same(a: &Scalar, b: &Scalar) -> bool {
    spelled(a) == spelled(b)
}

/// A value as it is written; nothing for NULL.
pub(super) fn spelled(value: &Scalar) -> Option<String> {
    match value {
        Scalar::Text(text) | Scalar::Number(_, text) => Some(text.clone()),
        Scalar::Bool(truth) => Some(truth.to_string()),
        Scalar::Null => None,
    }
}

/// A condition on a field with its values.
#[derive(Debug)]
pub(super) enum OfItem {
    MatchString { pattern: Regex, all: bool, negated: bool },
    MatchValue { value: Scalar, all: bool },
    ContainsWildcard { all: bool },
    IsNull { all: bool },
    Applied(Arc<str>),
    State(String, Value),
}

impl OfItem {
    pub(super) fn holds(&self, item: &Item, state: &State) -> bool {
        let each = |all: bool, one: &dyn Fn(&Scalar) -> bool| {
            let mut values = item.values.iter().map(|(value, _)| value);
            if all { values.all(one) } else { values.any(one) }
        };
        match self {
            Self::MatchString { pattern, all, negated } => {
                let found =
                    |value: &Scalar| spelled(value).is_some_and(|text| pattern.is_match(&text));
                each(*all, &found) != *negated
            }
            Self::MatchValue { value, all } => each(*all, &|one| same(one, value)),
            Self::ContainsWildcard { all } => each(*all, &|one| match one {
                Scalar::Text(text) => crate::text::plain(&crate::text::pieces(text)).is_none(),
                _ => false,
            }),
            Self::IsNull { all } => each(*all, &|one| *one == Scalar::Null),
            Self::Applied(id) => item.touched.contains(id),
            Self::State(key, value) => state.holds(key, value),
        }
    }
}

/// A condition on the name of a field.
#[derive(Debug)]
pub(super) enum OfField {
    /// One of these names, or none of them.
    Names(Vec<String>, bool),
    /// One of these expressions matches from the name's start, or none of them.
    Patterns(Vec<Regex>, bool),
    Applied(Arc<str>),
    State(String, Value),
}

impl OfField {
    /// `touched` are the ids of the transformations that have touched the item.
    pub(super) fn holds(&self, field: Option<&str>, touched: &[Arc<str>], state: &State) -> bool {
        match self {
            Self::Names(names, wanted) => {
                names.iter().any(|name| Some(name.as_str()) == field) == *wanted
            }
            Self::Patterns(patterns, wanted) => {
                let found = |field: &str| patterns.iter().any(|one| one.is_match(field));
                field.is_some_and(found) == *wanted
            }
            Self::Applied(id) => touched.contains(id),
            Self::State(key, value) => state.holds(key, value),
        }
    }
}
