//! Which rule runs over which dataset of which tenant, and what the rule is there.
//!
//! # Invariants
//!
//! - **LR-2** Every rule that a tenant is selected for is either assigned to one of its datasets or
//!   listed with the reason why not.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;
use model::log::{DatasetName, Severity};
use rows::Value;
use sql_text::{Class, Template};

use crate::definitions::{
    Dataset, Definitions, Exception, Override, Question, Rule, RuleClass, Selection, Tenant,
};
use crate::read::hash;

/// What runs where.
#[derive(Clone, Debug, Default)]
pub struct Streams {
    /// One for each stream.
    pub assignments: Vec<Assignment>,
    /// Rules that do not run at a tenant that they select.
    pub inapplicable: Vec<Inapplicable>,
}

/// A rule at a dataset of a tenant, with everything that differs there. The numbers are places in
/// [`Definitions`].
#[derive(Clone, Debug)]
pub struct Assignment {
    /// The tenant's place among the tenants.
    pub tenant: usize,
    /// The dataset's place among the tenant's.
    pub dataset: usize,
    /// Further datasets of a correlation over several.
    pub others: Vec<usize>,
    /// The rule's place among the rules.
    pub rule: usize,
    /// How bad a match is here.
    pub severity: Severity,
    /// What is not told here.
    pub exceptions: Vec<Excepted>,
    /// Values for `{name}` in the query: of the override, else the tenant, else the rule.
    pub lists: Vec<(String, Vec<Value>)>,
    /// How long late rows are waited for.
    pub log_buffer: Duration,
    /// Changes when answers may: the rule's logic, values, exceptions, mapping.
    pub revision: Arc<str>,
}

/// An exception that holds at a tenant.
#[derive(Clone, Debug)]
pub struct Excepted {
    /// What is excepted.
    pub exception: Exception,
    /// Who answers for it.
    pub owner: Arc<str>,
    /// Matches from this moment on are told again; judged by the match's instant.
    pub expires: Option<Timestamp>,
}

impl Excepted {
    /// Whether it holds for a match of that instant.
    pub fn holds_at(&self, instant: Timestamp) -> bool {
        self.expires.is_none_or(|expires| instant < expires)
    }
}

/// A rule that does not run at a tenant that it selects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inapplicable {
    /// The tenant's place among the tenants.
    pub tenant: usize,
    /// The rule's place among the rules.
    pub rule: usize,
    /// Why.
    pub why: Why,
}

/// Why a rule does not run at a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// The rule, or the tenant's override, says so.
    Disabled,
    /// The tenant has no such dataset.
    NoDataset(DatasetName),
    /// No dataset of the tenant holds the rule's log source.
    NoLogSource(String),
    /// The dataset has no such columns.
    NoColumns(DatasetName, Vec<String>),
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disabled => f.write_str("disabled"),
            Self::NoDataset(name) => write!(f, "the tenant has no dataset `{name}`"),
            Self::NoLogSource(source) => {
                write!(f, "the tenant has no dataset of the log source `{source}`")
            }
            Self::NoColumns(name, columns) => {
                write!(f, "the dataset `{name}` has no column `{}`", columns.join("`, `"))
            }
        }
    }
}

impl Definitions {
    /// What runs where.
    pub fn streams(&self) -> Streams {
        let tenants: Vec<&Tenant> = self.tenants.iter().collect();
        let rules: Vec<&Rule> = self.rules.iter().collect();
        assign(&tenants, &rules)
    }
}

impl Selection {
    /// Whether a name is selected.
    pub fn selects(&self, name: &str) -> bool {
        let fits = |patterns: &[String]| patterns.iter().any(|pattern| fits(pattern, name));
        fits(&self.include) && !fits(&self.exclude)
    }
}

/// Whether a name looks like a pattern in which `*` stands for any characters.
pub(crate) fn fits(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or("");
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// What a rule needs of a table, found once for all tenants.
struct Needs {
    columns: Vec<String>,
}

impl Rule {
    /// The columns without which it cannot be asked. Sigma rules need none: a field that is not
    /// there has no value.
    pub fn needed_columns(&self) -> Vec<String> {
        let Question::Sql(text) = &self.question else { return Vec::new() };
        let class = match self.class {
            RuleClass::PerEvent => Class::PerEvent,
            RuleClass::Windowed { .. } => Class::Windowed,
            RuleClass::Opaque => Class::Opaque,
        };
        match Template::parse(text, class) {
            Ok(template) => template.columns().map(|(name, ..)| name.to_owned()).collect(),
            Err(_) => Vec::new(),
        }
    }
}

pub(crate) fn assign(tenants: &[&Tenant], rules: &[&Rule]) -> Streams {
    let mut streams = Streams::default();
    let needs: Vec<Needs> =
        rules.iter().map(|rule| Needs { columns: rule.needed_columns() }).collect();
    for (tenant_at, tenant) in tenants.iter().enumerate() {
        for (rule_at, rule) in rules.iter().enumerate() {
            if !rule.tenants.selects(tenant.name.as_str()) {
                continue;
            }
            let mut not = |why| {
                streams.inapplicable.push(Inapplicable { tenant: tenant_at, rule: rule_at, why });
            };
            let overrides: Vec<&Override> =
                tenant.overrides.iter().filter(|one| one.rule == rule.name).collect();
            if rule.disabled || overrides.iter().any(|one| one.disabled) {
                not(Why::Disabled);
                continue;
            }
            for found in datasets(tenant, rule) {
                let (dataset_at, others) = match found.as_deref() {
                    Ok([first, others @ ..]) => (*first, others.to_vec()),
                    Ok([]) => continue,
                    Err(why) => {
                        not(why.clone());
                        continue;
                    }
                };
                let dataset = &tenant.datasets[dataset_at];
                let missing: Vec<String> = needs[rule_at]
                    .columns
                    .iter()
                    .filter(|column| !dataset.may_have(column))
                    .cloned()
                    .collect();
                if !missing.is_empty() {
                    not(Why::NoColumns(dataset.name.clone(), missing));
                    continue;
                }
                let mut assignment = effective(tenant, dataset, rule, &overrides);
                (assignment.tenant, assignment.dataset) = (tenant_at, dataset_at);
                (assignment.rule, assignment.others) = (rule_at, others);
                streams.assignments.push(assignment);
            }
        }
    }
    streams
}

/// The datasets of a tenant that a rule reads, by their places: one list for each stream.
fn datasets(tenant: &Tenant, rule: &Rule) -> Vec<Result<Vec<usize>, Why>> {
    let place = |name: &DatasetName| tenant.datasets.iter().position(|one| one.name == *name);
    let found: Vec<usize> = rule.datasets.iter().filter_map(place).collect();
    let sources = rule.question.sources();
    if sources.is_empty() {
        let each = |name: &DatasetName| {
            place(name).map(|at| vec![at]).ok_or_else(|| Why::NoDataset(name.clone()))
        };
        return rule.datasets.iter().map(each).collect();
    }
    if found.is_empty() {
        let keys: Vec<String> = sources.iter().map(|source| source.key()).collect();
        return vec![Err(Why::NoLogSource(keys.join("`, `")))];
    }
    match &rule.question {
        Question::Correlation(_) => vec![Ok(found)],
        Question::Sql(_) | Question::Sigma(_) => found.into_iter().map(|at| Ok(vec![at])).collect(),
    }
}

fn effective(
    tenant: &Tenant,
    dataset: &Dataset,
    rule: &Rule,
    overrides: &[&Override],
) -> Assignment {
    let mut lists: BTreeMap<&str, &Vec<Value>> = BTreeMap::new();
    let own = rule.lists.iter().map(|(name, values)| (name, values));
    for (name, values) in own {
        lists.insert(name, values);
    }
    // A tenant's lists count where the rule has one of that name, or asks for one.
    for (name, values) in &tenant.lists {
        lists.insert(name, values);
    }
    for (name, values) in overrides.iter().flat_map(|one| &one.lists) {
        lists.insert(name, values);
    }
    let lists: Vec<(String, Vec<Value>)> =
        lists.into_iter().map(|(name, values)| (name.to_owned(), values.clone())).collect();
    let exceptions: Vec<Excepted> = overrides
        .iter()
        .flat_map(|one| one.exceptions.iter().map(move |exception| (one, exception)))
        .map(|(one, exception)| Excepted {
            exception: exception.clone(),
            owner: one.owner.as_deref().unwrap_or("").into(),
            expires: one.expires,
        })
        .collect();
    let used = |name: &str| match &rule.question {
        Question::Sql(text) => text.contains(&format!("{{{name}}}")),
        Question::Sigma(_) | Question::Correlation(_) => false,
    };
    let mut parts = vec![rule.logic_hash.to_string()];
    parts.extend(
        lists
            .iter()
            .filter(|(name, _)| used(name))
            .map(|(name, values)| format!("{name} {values:?}")),
    );
    parts.push(format!("{:?}", dataset.columns));
    parts.extend(exceptions.iter().map(|one| format!("{} {:?}", one.exception.text, one.expires)));
    Assignment {
        tenant: 0,
        dataset: 0,
        others: Vec::new(),
        rule: 0,
        severity: overrides.iter().find_map(|one| one.severity).unwrap_or(rule.severity),
        log_buffer: dataset.log_buffer.unwrap_or(rule.schedule.log_buffer),
        revision: hash(parts.iter().map(String::as_str)),
        exceptions,
        lists: lists.into_iter().filter(|(name, _)| used(name)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters() {
        let check = |pattern: &str, name: &str, wanted| {
            assert_eq!(fits(pattern, name), wanted, "{pattern} {name}");
        };
        check("*", "acme", true);
        check("acme", "acme", true);
        check("acme", "acme-2", false);
        check("eu-*", "eu-acme", true);
        check("*-prod", "acme-prod", true);
        check("a*c*e", "abcde", true);
        check("a*c*e", "abde", false);
        check("ab*ba", "aba", false);
        check("", "acme", false);
    }
}
