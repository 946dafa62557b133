//! What transformations do to a rule.

use regex::Regex;
use rows::{Name, Value};
use yaml_nodes::Place;

use super::conditions::spelled;
use super::placeholders::{self, Chosen};
use super::{State, Step};
use crate::NODES_MAX;
use crate::modifier::Scalar;
use crate::predicate::Number;
use crate::rule::Rule;
use crate::written::{Condition, Item, Search, Written};

/// What is done.
#[derive(Debug)]
pub(super) enum Transformation {
    /// Other names for fields.
    Rename(Renaming),
    /// Tests are left out.
    Drop,
    /// One more search that must hold, or not.
    AddCondition {
        search: Search,
        negated: bool,
        template: bool,
    },
    ChangeLogSource {
        category: Option<String>,
        product: Option<String>,
        service: Option<String>,
    },
    ReplaceString {
        pattern: Regex,
        replacement: String,
    },
    MapString(Vec<(String, Vec<Scalar>)>),
    SetValue(Scalar),
    ConvertType {
        number: bool,
    },
    Case {
        upper: bool,
    },
    ValuePlaceholders(Chosen),
    WildcardPlaceholders(Chosen),
    SetState(String, Value),
    SetAttribute(String, Value),
    RuleFailure(String),
    ItemFailure(String),
}

/// How names change.
#[derive(Clone, Debug)]
pub(super) enum Renaming {
    Mapping(Vec<(String, Vec<String>)>),
    PrefixMapping(Vec<(String, Vec<String>)>),
    Prefix(String),
    Suffix(String),
}

/// Why a pipeline stops.
#[derive(Debug)]
pub(super) enum Stopped {
    Refused(String),
    TooLarge,
}

impl Renaming {
    /// The new names of a field; `None` when it keeps its own.
    pub(super) fn of(&self, field: &str) -> Option<Vec<String>> {
        match self {
            Self::Mapping(names) => {
                names.iter().find(|(known, _)| known == field).map(|(_, new)| new.clone())
            }
            Self::PrefixMapping(prefixes) => {
                let found = prefixes.iter().find_map(|(prefix, new)| {
                    field.strip_prefix(prefix.as_str()).map(|rest| (rest, new))
                });
                found.map(|(rest, new)| new.iter().map(|one| format!("{one}{rest}")).collect())
            }
            Self::Prefix(prefix) => Some(vec![format!("{prefix}{field}")]),
            Self::Suffix(suffix) => Some(vec![format!("{field}{suffix}")]),
        }
    }
}

/// Does one step to a rule whose conditions hold.
pub(super) fn apply(step: &Step, rule: &mut Rule, state: &mut State) -> Result<(), Stopped> {
    match &step.does {
        Transformation::RuleFailure(message) => return Err(Stopped::Refused(message.clone())),
        Transformation::SetState(key, value) => state.set.update(key.as_str(), value.clone()),
        Transformation::SetAttribute(name, value) => {
            rule.custom.update(name.as_str(), value.clone());
        }
        Transformation::ChangeLogSource { category, product, service } => {
            // What is not named is any from now on, as in pySigma.
            rule.source.category = category.clone();
            rule.source.product = product.clone();
            rule.source.service = service.clone();
        }
        Transformation::AddCondition { search, negated, template } => {
            add_condition(rule, step, (search, *negated, *template));
        }
        _ => {
            if let Transformation::Rename(how) = &step.does {
                rename_fields(step, how, rule, state);
            }
            let parts = std::iter::once(&mut rule.written.own).chain(&mut rule.written.filters);
            for part in parts {
                items(step, part, state)?;
            }
        }
    }
    let parts = std::iter::once(&rule.written.own).chain(&rule.written.filters);
    let mut values = 0;
    for (_, search) in parts.flat_map(|part| &part.searches) {
        search.each(&mut |item| values += item.values.len());
    }
    if values > NODES_MAX { Err(Stopped::TooLarge) } else { Ok(()) }
}

/// The rule's list of fields to show.
fn rename_fields(step: &Step, how: &Renaming, rule: &mut Rule, state: &State) {
    let wanted = |field: &str| step.field.hold(|one| one.holds(Some(field), &[], state));
    let renamed = |field: &String| match how.of(field).filter(|_| wanted(field)) {
        Some(new) => new,
        None => vec![field.clone()],
    };
    rule.fields = rule.fields.iter().flat_map(renamed).collect();
}

fn add_condition(rule: &mut Rule, step: &Step, what: (&Search, bool, bool)) {
    let (search, negated, template) = what;
    let mut search = search.clone();
    if template {
        let source = rule.source.clone();
        let parts = [
            ("category", source.category),
            ("product", source.product),
            ("service", source.service),
        ];
        let fill = |text: &str| {
            let mut text = text.to_owned();
            for (name, value) in &parts {
                let value = value.as_deref().unwrap_or("");
                text = text.replace(&format!("${{{name}}}"), value);
                text = text.replace(&format!("${name}"), value);
            }
            text
        };
        each_item(&mut search, &mut |item| {
            for (value, _) in &mut item.values {
                if let Scalar::Text(text) = value {
                    *text = fill(text);
                }
            }
        });
    }
    each_item(&mut search, &mut |item| item.touched.push(step.id.clone()));
    let own = &mut rule.written.own;
    let name = format!("_added_{}_{}", own.searches.len(), step.id.replace(is_no_name, "_"));
    for Condition { text, on_one_line, .. } in &mut own.conditions {
        let not = if negated { "not " } else { "" };
        *text = format!("{not}{name} and ({text})");
        *on_one_line = false;
    }
    own.searches.push((name, search));
}

fn is_no_name(character: char) -> bool {
    !character.is_alphanumeric()
}

fn each_item(search: &mut Search, see: &mut dyn FnMut(&mut Item)) {
    match search {
        Search::All(of) | Search::Any(of) => of.iter_mut().for_each(|one| each_item(one, see)),
        Search::Item(item) => see(item),
        Search::Dropped => {}
    }
}

fn items(step: &Step, part: &mut Written, state: &State) -> Result<(), Stopped> {
    for (_, search) in &mut part.searches {
        let old = std::mem::replace(search, Search::Dropped);
        *search = changed(step, old, state)?;
    }
    Ok(())
}

fn changed(step: &Step, search: Search, state: &State) -> Result<Search, Stopped> {
    let each = |of: Vec<Search>| -> Result<Vec<Search>, Stopped> {
        let mut kept = Vec::with_capacity(of.len());
        for one in of {
            match changed(step, one, state)? {
                Search::Dropped => {}
                one => kept.push(one),
            }
        }
        Ok(kept)
    };
    Ok(match search {
        Search::All(of) => some_left(each(of)?, Search::All),
        Search::Any(of) => some_left(each(of)?, Search::Any),
        Search::Item(item) => {
            let field = item.field.as_deref();
            let wanted = step.item.hold(|one| one.holds(&item, state))
                && step.field.hold(|one| one.holds(field, &item.touched, state));
            if wanted { of_item(step, item, state)? } else { Search::Item(item) }
        }
        Search::Dropped => Search::Dropped,
    })
}

fn some_left(of: Vec<Search>, whole: impl Fn(Vec<Search>) -> Search) -> Search {
    if of.is_empty() { Search::Dropped } else { whole(of) }
}

fn of_item(step: &Step, mut item: Item, state: &State) -> Result<Search, Stopped> {
    let before = item.values.clone();
    match &step.does {
        Transformation::Drop => return Ok(Search::Dropped),
        Transformation::ItemFailure(message) => return Err(Stopped::Refused(message.clone())),
        Transformation::Rename(how) => return Ok(renamed(step, how, item)),
        Transformation::ReplaceString { pattern, replacement } => each_value(&mut item, |value| {
            let text = spelled(value)?;
            let new = pattern.replace_all(&text, replacement.as_str());
            (new != text).then(|| vec![Scalar::Text(new.into_owned())])
        }),
        Transformation::MapString(mapping) => each_value(&mut item, |value| {
            let text = spelled(value)?;
            mapping.iter().find(|(from, _)| *from == text).map(|(_, to)| to.clone())
        }),
        Transformation::SetValue(to) => each_value(&mut item, |_| Some(vec![to.clone()])),
        Transformation::ConvertType { number } => each_value(&mut item, |value| {
            let text = spelled(value)?;
            Some(vec![match Number::parse(&text) {
                Some(parsed) if *number => Scalar::Number(parsed, text),
                _ if *number => return None,
                _ => Scalar::Text(text),
            }])
        }),
        Transformation::Case { upper } => each_value(&mut item, |value| match value {
            Scalar::Text(text) if *upper => Some(vec![Scalar::Text(text.to_uppercase())]),
            Scalar::Text(text) => Some(vec![Scalar::Text(text.to_lowercase())]),
            _ => None,
        }),
        Transformation::ValuePlaceholders(chosen) => {
            placeholders::fill(&mut item, chosen, Some(&state.vars))?;
        }
        Transformation::WildcardPlaceholders(chosen) => {
            placeholders::fill(&mut item, chosen, None)?;
        }
        Transformation::AddCondition { .. }
        | Transformation::ChangeLogSource { .. }
        | Transformation::SetState(..)
        | Transformation::SetAttribute(..)
        | Transformation::RuleFailure(_) => {}
    }
    if item.values != before {
        item.touched.push(step.id.clone());
    }
    Ok(Search::Item(item))
}

/// Puts other values for those for which there are some.
fn each_value(item: &mut Item, new: impl Fn(&Scalar) -> Option<Vec<Scalar>>) {
    let values = std::mem::take(&mut item.values);
    for (value, at) in values {
        match new(&value) {
            Some(others) => item.values.extend(others.into_iter().map(|other| (other, at))),
            None => item.values.push((value, at)),
        }
    }
}

/// The test of a field under its new names. With several, one of them must satisfy it; a test that
/// wants something else than a value wants it of all of them.
fn renamed(step: &Step, how: &Renaming, mut item: Item) -> Search {
    let mut touched = false;
    if item.modifiers.is_about_another_field() {
        let values = std::mem::take(&mut item.values);
        for (value, at) in values {
            let new: Option<Vec<(Scalar, Place)>> = spelled(&value).and_then(|field| {
                Some(how.of(&field)?.into_iter().map(|one| (Scalar::Text(one), at)).collect())
            });
            touched |= new.is_some();
            item.values.extend(new.unwrap_or_else(|| vec![(value, at)]));
        }
    }
    let names = item.field.as_ref().and_then(|field| how.of(field));
    if names.is_some() || touched {
        item.touched.push(step.id.clone());
    }
    match names.as_deref() {
        None | Some([]) => Search::Item(item),
        Some([name]) => {
            item.field = Some(Name::from(name.as_str()));
            Search::Item(item)
        }
        Some(names) => {
            let under = |name: &String| {
                let field = Some(Name::from(name.as_str()));
                Search::Item(Item { field, ..item.clone() })
            };
            let each = names.iter().map(under).collect();
            if item.modifiers.not_equal { Search::All(each) } else { Search::Any(each) }
        }
    }
}
