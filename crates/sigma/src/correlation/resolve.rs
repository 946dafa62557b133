//! The rules that a correlation names, found among the files that are read together.

use std::sync::Arc;

use rows::Name;
use yaml_nodes::{Place, Reader, nearest};

use super::{Base, BaseRule, Correlation, Draft};
use crate::rule::Rule;

/// Correlations are nested at most so deep.
const DEPTH_MAX: usize = 8;
/// A correlation rests on at most so many rules, those of others included.
const LEAVES_MAX: usize = 500;

/// Finds the base rules of correlations. `drafts` come with the number of their file.
pub(crate) fn resolve(
    readers: &mut [Reader<'_>],
    rules: &[Arc<Rule>],
    drafts: &[(usize, Draft)],
) -> Vec<Arc<Correlation>> {
    let mut resolver = Resolver { readers, rules, drafts, done: vec![State::Unseen; drafts.len()] };
    for number in 0..drafts.len() {
        resolver.resolve(number, 0);
    }
    let found = resolver.done.into_iter().filter_map(|state| match state {
        State::Done(correlation) => Some(correlation),
        State::Unseen | State::Open | State::Bad => None,
    });
    found.collect()
}

/// Leaves out what only serves correlations: whatever one rests on, unless one that rests on it says
/// `generate`.
pub(crate) fn by_themselves(
    rules: Vec<Arc<Rule>>,
    correlations: Vec<Arc<Correlation>>,
) -> (Vec<Rule>, Vec<Correlation>) {
    let bases =
        || correlations.iter().flat_map(|one| one.bases.iter().map(move |base| (one, base)));
    // Whether each correlation that rests on it wants it kept; empty when none does.
    let serves = |same: &dyn Fn(&BaseRule) -> bool| {
        let mut wanted = bases().filter(|(_, base)| same(&base.rule)).peekable();
        wanted.peek().is_some() && !wanted.any(|(one, _)| one.generate)
    };
    let own = |rule: &&Arc<Rule>| {
        !serves(&|base| matches!(base, BaseRule::Rule(other) if Arc::ptr_eq(rule, other)))
    };
    let own_correlation = |correlation: &&Arc<Correlation>| {
        !serves(
            &|base| matches!(base, BaseRule::Correlation(other) if Arc::ptr_eq(correlation, other)),
        )
    };
    (
        rules.iter().filter(own).map(|rule| Rule::clone(rule)).collect(),
        correlations.iter().filter(own_correlation).map(|one| Correlation::clone(one)).collect(),
    )
}

#[derive(Clone)]
enum State {
    Unseen,
    Open,
    Bad,
    Done(Arc<Correlation>),
}

struct Resolver<'r, 't> {
    readers: &'r mut [Reader<'t>],
    rules: &'r [Arc<Rule>],
    drafts: &'r [(usize, Draft)],
    done: Vec<State>,
}

impl Resolver<'_, '_> {
    fn resolve(&mut self, number: usize, depth: usize) -> Option<Arc<Correlation>> {
        match &self.done[number] {
            State::Done(known) => return Some(known.clone()),
            State::Bad => return None,
            State::Unseen | State::Open => {}
        }
        self.done[number] = State::Open;
        let resolved = self.with_bases(number, depth).map(Arc::new);
        self.done[number] = match &resolved {
            Some(found) => State::Done(found.clone()),
            None => State::Bad,
        };
        resolved
    }

    fn with_bases(&mut self, number: usize, depth: usize) -> Option<Correlation> {
        let drafts = self.drafts;
        let (file, draft) = &drafts[number];
        let mut correlation = draft.correlation.clone();
        for (name, at) in &draft.rules {
            let rule = self.base(*file, name, *at, depth)?;
            let of_rule = draft.aliases.iter().filter(|(_, rule, ..)| rule == name);
            let aliases = of_rule
                .map(|(alias, _, field, _)| {
                    (Name::from(alias.as_str()), Name::from(field.as_str()))
                })
                .collect();
            correlation.bases.push(Base { rule, aliases });
        }
        if correlation.leaves().len() > LEAVES_MAX {
            let message = format!("this rests on more than {LEAVES_MAX} rules");
            self.readers[*file].error(draft.at, "correlation.rules", message, "split it");
            return None;
        }
        Some(correlation)
    }

    fn base(&mut self, file: usize, name: &str, at: Place, depth: usize) -> Option<BaseRule> {
        let is = |id: &Option<String>, short: &Option<String>| {
            [id.as_deref(), short.as_deref()].contains(&Some(name))
        };
        if let Some(rule) = self.rules.iter().find(|rule| is(&rule.id, &rule.name)) {
            return Some(BaseRule::Rule(rule.clone()));
        }
        let drafts = self.drafts;
        let found =
            drafts.iter().position(|(_, one)| is(&one.correlation.id, &one.correlation.name));
        let path = "correlation.rules";
        let Some(inner) = found else {
            let rules = self.rules.iter().flat_map(|rule| [&rule.name, &rule.id]);
            let like = nearest(name, rules.flatten().map(String::as_str));
            let hint = match like {
                Some(like) => format!("did you mean `{like}`?"),
                None => "give the rule this `name` or `id`; rules with errors do not count".into(),
            };
            let message = format!("there is no rule `{name}` in the files read");
            self.readers[file].error(at, path, message, &hint);
            return None;
        };
        if matches!(self.done[inner], State::Open) || depth >= DEPTH_MAX {
            let message = format!("through `{name}` this rests on itself, or nests too deep");
            self.readers[file].error(at, path, message, "remove the circle");
            return None;
        }
        match self.resolve(inner, depth + 1) {
            Some(inner) => Some(BaseRule::Correlation(inner)),
            None => {
                let message = format!("`{name}` has errors of its own");
                self.readers[file].error(at, path, message, "mend it first");
                None
            }
        }
    }
}
