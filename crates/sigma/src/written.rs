//! What a rule asks as its author wrote it, before it is lowered: what pipelines change.
//!
//! # Not here
//!
//! What modifiers and values mean: `modifier`. Reading it: `detection`.

use std::sync::Arc;

use rows::Name;
use yaml_nodes::Place;

use crate::NODES_MAX;
use crate::condition;
use crate::modifier::{Modifiers, Refused, Scalar};
use crate::predicate::{Predicate, Test};

/// The searches and conditions of a `detection` or a `filter`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Written {
    pub(crate) searches: Vec<(String, Search)>,
    pub(crate) conditions: Vec<Condition>,
    /// The field of the file, for messages.
    pub(crate) path: String,
}

/// The text of a condition.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Condition {
    pub(crate) text: String,
    pub(crate) at: Place,
    /// Columns of the text are columns of the file.
    pub(crate) on_one_line: bool,
}

/// A search.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Search {
    All(Vec<Search>),
    Any(Vec<Search>),
    Item(Item),
    /// A pipeline has left it out: conditions are read as if it were not named.
    Dropped,
}

/// A field with its modifiers and values, or values that are looked for everywhere.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Item {
    pub(crate) field: Option<Name>,
    pub(crate) modifiers: Modifiers,
    pub(crate) values: Vec<(Scalar, Place)>,
    pub(crate) path: String,
    pub(crate) at: Place,
    /// Ids of the transformations that have touched it.
    pub(crate) touched: Vec<Arc<str>>,
}

/// What is wrong with something that was written, and where.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Wrong {
    pub(crate) at: Place,
    pub(crate) path: String,
    pub(crate) says: Refused,
}

/// A rule as it was written, with the filters that narrow it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct WrittenRule {
    pub(crate) own: Written,
    pub(crate) filters: Vec<Written>,
}

impl WrittenRule {
    /// The predicates of the conditions, each narrowed by all filters.
    pub(crate) fn lower(&self) -> Result<Vec<Predicate>, Vec<Wrong>> {
        let mut lowered = self.own.lower()?;
        for filter in &self.filters {
            let holds = Predicate::all(filter.lower()?);
            for condition in &mut lowered {
                let own = std::mem::replace(condition, Predicate::And(Vec::new()));
                *condition = Predicate::And(vec![own, holds.clone()]);
            }
        }
        let nodes: usize = lowered.iter().map(Predicate::nodes).sum();
        if nodes > 4 * NODES_MAX {
            let at = self.own.conditions.first().map_or(Place::default(), |one| one.at);
            let says = (format!("the rule has more than {NODES_MAX} tests"), "split the rule");
            return Err(vec![Wrong { at, path: self.own.path.clone(), says }]);
        }
        Ok(lowered)
    }

    /// The names of placeholders whose values are not known, each once.
    pub(crate) fn placeholders(&self) -> Vec<String> {
        let mut names = Vec::new();
        for part in std::iter::once(&self.own).chain(&self.filters) {
            for (_, search) in &part.searches {
                search.each(&mut |item| {
                    if item.modifiers.expand {
                        item.values.iter().for_each(|(value, _)| placeholders(value, &mut names));
                    }
                });
            }
        }
        names.sort();
        names.dedup();
        names
    }
}

/// The names between percent signs.
fn placeholders(value: &Scalar, names: &mut Vec<String>) {
    let Scalar::Text(text) = value else { return };
    names.extend(spans(text).into_iter().map(|(start, end)| text[start + 1..end - 1].to_owned()));
}

/// Where placeholders stand in a text, with their percent signs.
pub(crate) fn spans(text: &str) -> Vec<(usize, usize)> {
    let mut spans = Vec::new();
    let mut from = 0;
    while let Some(start) = text[from..].find('%').map(|at| from + at) {
        let Some(end) = text[start + 1..].find('%').map(|at| start + 1 + at) else { break };
        let name = &text[start + 1..end];
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
        if !name.is_empty() && name.chars().all(is_name) {
            spans.push((start, end + 1));
            from = end + 1;
        } else {
            from = end;
        }
    }
    spans
}

impl Search {
    /// Calls `see` for every item.
    pub(crate) fn each<'s>(&'s self, see: &mut dyn FnMut(&'s Item)) {
        match self {
            Self::All(of) | Self::Any(of) => of.iter().for_each(|one| one.each(see)),
            Self::Item(item) => see(item),
            Self::Dropped => {}
        }
    }
}

impl Written {
    /// The predicates of the conditions.
    pub(crate) fn lower(&self) -> Result<Vec<Predicate>, Vec<Wrong>> {
        let mut lowering = Lowering { wrong: Vec::new(), nodes: 0, full: false };
        let mut searches = Vec::new();
        for (name, search) in &self.searches {
            if let Some(predicate) = lowering.search(search) {
                searches.push((name.clone(), predicate));
            }
        }
        // A search that could not be read must not be missed a second time.
        if !lowering.wrong.is_empty() {
            return Err(lowering.wrong);
        }
        let gone = self.searches.iter().any(|(_, search)| *search == Search::Dropped);
        let path = || yaml_nodes::join(&self.path, "condition");
        let one = |condition: &Condition| {
            let lowered = condition::lower(&condition.text, &searches);
            let lowered = lowered.map_err(|(column, says)| {
                let mut at = condition.at;
                if condition.on_one_line {
                    at.column += column;
                }
                vec![Wrong { at, path: path(), says }]
            })?;
            if !gone {
                return Ok(lowered);
            }
            without_dropped(lowered).ok_or_else(|| {
                let message = "pipelines have left out everything that this condition names";
                let says = (message.to_owned(), "leave out less, or the rule as a whole");
                vec![Wrong { at: condition.at, path: path(), says }]
            })
        };
        self.conditions.iter().map(one).collect()
    }
}

/// Stands for a search that was left out; no rule can say it.
fn dropped() -> Predicate {
    Predicate::Keyword(Test::Exists(false))
}

/// The tree without searches that were left out; `None` when nothing else is in it.
fn without_dropped(tree: Predicate) -> Option<Predicate> {
    let each = |of: Vec<Predicate>| -> Vec<Predicate> {
        of.into_iter().filter_map(without_dropped).collect()
    };
    match tree {
        tree if tree == dropped() => None,
        Predicate::And(of) if !of.is_empty() => {
            Some(each(of)).filter(|of| !of.is_empty()).map(Predicate::all)
        }
        Predicate::Or(of) if !of.is_empty() => {
            Some(each(of)).filter(|of| !of.is_empty()).map(Predicate::any)
        }
        Predicate::AtLeast { count, of } => {
            let of = each(of);
            (!of.is_empty()).then(|| Predicate::AtLeast { count: count.min(of.len()), of })
        }
        Predicate::Not(inner) => {
            without_dropped(*inner).map(|inner| Predicate::Not(Box::new(inner)))
        }
        whole => Some(whole),
    }
}

/// Lowers searches, counting their tests.
struct Lowering {
    wrong: Vec<Wrong>,
    nodes: usize,
    /// There were too many; the rest is not looked at.
    full: bool,
}

impl Lowering {
    fn search(&mut self, search: &Search) -> Option<Predicate> {
        // Everything is looked at, so that everything that is wrong is said.
        let mut each = |of: &[Search]| -> Option<Vec<Predicate>> {
            of.iter().map(|one| self.search(one)).collect::<Vec<_>>().into_iter().collect()
        };
        match search {
            Search::All(of) => each(of).map(Predicate::all),
            Search::Any(of) => each(of).map(Predicate::any),
            Search::Item(item) => self.item(item),
            Search::Dropped => Some(dropped()),
        }
    }

    fn item(&mut self, item: &Item) -> Option<Predicate> {
        let modifiers = &item.modifiers;
        let each: Vec<Option<Predicate>> =
            item.values.iter().map(|(value, at)| self.value(item, value, *at)).collect();
        let each = each.into_iter().collect::<Option<Vec<_>>>()?;
        Some(match (modifiers.all, modifiers.not_equal) {
            (true, false) => Predicate::all(each),
            (false, false) => Predicate::any(each),
            // Different from every value; or, with `all`, different from one of them.
            (false, true) => Predicate::Not(Box::new(Predicate::any(each))),
            (true, true) => Predicate::Not(Box::new(Predicate::all(each))),
        })
    }

    /// The predicate for one value: any of the tests that stand for it.
    fn value(&mut self, item: &Item, value: &Scalar, at: Place) -> Option<Predicate> {
        if self.full {
            return None;
        }
        let tests = match &item.field {
            Some(_) => item.modifiers.tests(value),
            None => item.modifiers.keyword_tests(value),
        };
        self.nodes += tests.as_ref().map_or(0, Vec::len);
        self.full = self.nodes > NODES_MAX;
        let says = match tests {
            Ok(_) if self.full => {
                (format!("the rule has more than {NODES_MAX} tests"), "split the rule")
            }
            Ok(tests) => {
                let predicate = |test: Test| match &item.field {
                    Some(field) => Predicate::Field { field: field.clone(), test },
                    None => Predicate::Keyword(test),
                };
                return Some(Predicate::any(tests.into_iter().map(predicate).collect()));
            }
            Err(says) => says,
        };
        self.wrong.push(Wrong { at, path: item.path.clone(), says });
        None
    }
}
