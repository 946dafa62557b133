//! Which rule runs over which logs: what the definitions say, per stream, ready to be run.

use std::collections::HashMap;
use std::sync::Arc;

use log_rules::{Dataset, Definitions, EngineKind, Question, Rule, RuleClass, Selection, Tenant};
use loghunt::choice::Limits;
use loghunt::engine::{Query, QueryClass, Source};
use loghunt::finding::{Exceptions, Template};
use loghunt::ports::{Tell, TellHow};
use loghunt::ticks::Clockwork;
use model::log::{Domain, EngineName, Lane, StreamKey, TenantName};
use rows::Value;
use sigma::Predicate;

/// One rule over one dataset of one tenant.
pub struct Assignment {
    /// Its stream: epoch 0, no part, live.
    pub key: StreamKey,
    /// Whose logs.
    pub tenant: Arc<Tenant>,
    /// Which of them.
    pub dataset: Arc<Dataset>,
    /// What is asked.
    pub rule: Arc<Rule>,
    /// When.
    pub clockwork: Clockwork,
    /// What engines are asked.
    pub query: Query,
    /// The dataset's columns that the rule cannot do without.
    pub needs: Vec<String>,
    /// What its findings have in common.
    pub template: Template,
    /// Whether the engine evaluates many rules in one pass.
    pub together: bool,
    /// For how long one query may run.
    pub timeout: std::time::Duration,
}

impl Assignment {
    /// What is waited for late rows.
    pub fn buffer(&self) -> std::time::Duration {
        loghunt::frontier::buffer(&self.rule.schedule, self.dataset.log_buffer)
    }

    /// Which revision of the rule's logic this is.
    pub fn revision(&self) -> Arc<str> {
        self.template.revision.clone()
    }

    /// Who is told of live findings.
    pub fn tell(&self, how: TellHow) -> Tell {
        if self.rule.notify.is_empty() {
            return Tell::nobody();
        }
        Tell { channels: self.rule.notify.clone(), how }
    }

    /// The table of a part, as engines are asked for it.
    pub fn source(&self, domain: Domain, part: &Arc<str>) -> Source {
        source(&self.dataset, domain, part)
    }
}

/// A dataset as engines are asked for it.
pub(crate) fn source(dataset: &Dataset, domain: Domain, part: &Arc<str>) -> Source {
    let column = |name: &Option<String>| name.as_deref().map(Arc::from);
    Source {
        table: dataset.table.as_str().into(),
        domain,
        event_time: column(&dataset.event_time),
        ingest_time: column(&dataset.ingest_time),
        cursor: column(&dataset.cursor),
        identity: dataset.identity.clone().into(),
        columns: dataset.columns.clone().into(),
        part: part.clone(),
        lateness_max: dataset.lateness_max,
    }
}

/// All assignments of some definitions.
pub struct Roster {
    /// The definitions.
    pub definitions: Arc<Definitions>,
    /// Those that run, by the name of their stream: the key as it is printed.
    pub by_name: HashMap<Arc<str>, Arc<Assignment>>,
    /// What could not be assigned, as whole sentences.
    pub problems: Vec<String>,
}

impl Roster {
    /// What runs, by these definitions.
    pub fn new(definitions: Arc<Definitions>) -> Self {
        let mut roster = Self {
            definitions: definitions.clone(),
            by_name: HashMap::new(),
            problems: Vec::new(),
        };
        let rules: Vec<Arc<Rule>> = definitions.rules.iter().cloned().map(Arc::new).collect();
        for tenant in &definitions.tenants {
            let tenant = Arc::new(tenant.clone());
            for dataset in &tenant.datasets {
                let dataset = Arc::new(dataset.clone());
                for rule in &rules {
                    roster.assign(&tenant, &dataset, rule);
                }
            }
        }
        roster
    }

    fn assign(&mut self, tenant: &Arc<Tenant>, dataset: &Arc<Dataset>, rule: &Arc<Rule>) {
        let wanted = rule.datasets.contains(&dataset.name)
            && !rule.disabled
            && selects(&rule.tenants, tenant.name.as_str())
            && !tenant.overrides.iter().any(|other| other.rule == rule.name && other.disabled);
        if !wanted {
            return;
        }
        match assignment(&self.definitions, tenant, dataset, rule) {
            Ok(assignment) => {
                self.by_name.insert(name_of(&assignment.key), Arc::new(assignment));
            }
            Err(why) => self.problems.push(format!(
                "{}: `{}` cannot run over {}/{}: {why}",
                rule.file, rule.name, tenant.name, dataset.name
            )),
        }
    }

    /// How much may run at once.
    pub fn limits(&self, slots: u32) -> Limits {
        let definitions = &self.definitions;
        let engines = definitions.engines.iter();
        let tenants = definitions.tenants.iter();
        Limits {
            all: slots,
            engines: engines.map(|one| (one.name.clone(), one.concurrency)).collect(),
            tenants: tenants.map(|one| (one.name.clone(), (one.concurrency, one.weight))).collect(),
        }
    }

    /// What may be read for a tenant in a day.
    pub fn bytes_per_day(&self, tenant: &TenantName) -> Option<u64> {
        let tenant = self.definitions.tenants.iter().find(|one| one.name == *tenant)?;
        tenant.bytes_per_day.map(|size| size.0)
    }
}

/// The name of a stream, whatever its epoch.
pub(crate) fn name_of(key: &StreamKey) -> Arc<str> {
    StreamKey { epoch: 0, ..key.clone() }.to_string().into()
}

fn assignment(
    definitions: &Arc<Definitions>,
    tenant: &Arc<Tenant>,
    dataset: &Arc<Dataset>,
    rule: &Arc<Rule>,
) -> Result<Assignment, String> {
    let engine = engine(definitions, &dataset.engine)?;
    let (query, needs) = query(tenant, dataset, rule)?;
    let key = StreamKey {
        tenant: tenant.name.clone(),
        dataset: dataset.name.clone(),
        part: "".into(),
        rule: rule.name.clone(),
        epoch: 0,
        lane: Lane::Live,
    };
    Ok(Assignment {
        key,
        clockwork: Clockwork::new(&rule.schedule.ticks).map_err(|bad| bad.to_string())?,
        query,
        needs,
        template: template(tenant, dataset, rule),
        together: matches!(engine.kind, EngineKind::DataFusion { .. } | EngineKind::Null),
        timeout: engine.timeout,
        tenant: tenant.clone(),
        dataset: dataset.clone(),
        rule: rule.clone(),
    })
}

fn engine<'a>(
    definitions: &'a Definitions,
    name: &EngineName,
) -> Result<&'a log_rules::Engine, String> {
    let found = definitions.engines.iter().find(|engine| engine.name == *name);
    found.ok_or_else(|| format!("there is no engine `{name}`; add it to the engines"))
}

fn query(tenant: &Tenant, dataset: &Dataset, rule: &Rule) -> Result<(Query, Vec<String>), String> {
    match &rule.question {
        Question::Sql(text) => {
            let class = match rule.class {
                RuleClass::PerEvent => QueryClass::PerEvent,
                RuleClass::Windowed { span } => QueryClass::Windowed { span },
                RuleClass::Opaque => QueryClass::Opaque,
            };
            let values = lists(tenant, rule).into();
            Ok((Query::Sql { text: text.clone(), values, class }, Vec::new()))
        }
        Question::Sigma(sigma) => {
            let predicate = match sigma.conditions.as_slice() {
                [one] => one.clone(),
                many => Predicate::Or(many.to_vec()),
            };
            let mut needs = Vec::new();
            fields(&predicate, &mut needs);
            for field in &mut needs {
                if let Some((_, column)) = dataset.columns.iter().find(|(name, _)| name == field) {
                    field.clone_from(column);
                }
            }
            let columns = Vec::new().into();
            Ok((Query::Predicate { predicate: Arc::new(predicate), columns }, needs))
        }
        Question::Correlation(_) => Err("correlations are not assigned to one dataset".into()),
    }
}

/// Values by name: a rule's own, or instead of them the tenant's, or those of the override.
fn lists(tenant: &Tenant, rule: &Rule) -> Vec<(String, Value)> {
    let over = tenant.overrides.iter().filter(|one| one.rule == rule.name);
    let over: Vec<_> = over.flat_map(|one| &one.lists).collect();
    let chosen = |name: &String, own: &Vec<Value>| {
        let mut instead = over.iter().copied().chain(&tenant.lists);
        let found = instead.find(|(other, _)| other == name);
        found.map_or_else(|| own.clone(), |(_, values)| values.clone())
    };
    rule.lists.iter().map(|(name, own)| (name.clone(), Value::array(chosen(name, own)))).collect()
}

/// The fields that a predicate looks at.
fn fields(predicate: &Predicate, into: &mut Vec<String>) {
    match predicate {
        Predicate::And(all) | Predicate::Or(all) | Predicate::AtLeast { of: all, .. } => {
            all.iter().for_each(|one| fields(one, into));
        }
        Predicate::Not(one) => fields(one, into),
        Predicate::Field { field, test } => {
            let other = match test {
                sigma::Test::OtherField { field, .. } => Some(field),
                _ => None,
            };
            for name in std::iter::once(field).chain(other) {
                if !into.iter().any(|known| known == name.as_str()) {
                    into.push(name.as_str().to_owned());
                }
            }
        }
        Predicate::Keyword(_) => {}
    }
}

fn template(tenant: &Tenant, dataset: &Dataset, rule: &Rule) -> Template {
    let over: Vec<_> = tenant.overrides.iter().filter(|one| one.rule == rule.name).collect();
    let exceptions: Vec<_> = over
        .iter()
        .flat_map(|one| one.exceptions.iter().map(|exception| (exception, one.expires)))
        .map(|(one, until)| (Arc::from(one.text.as_str()), one.predicate.clone(), until))
        .collect();
    Template {
        tenant: tenant.name.clone(),
        dataset: dataset.name.clone(),
        rule: rule.name.clone(),
        title: rule.title.as_str().into(),
        severity: over.iter().find_map(|one| one.severity).unwrap_or(rule.severity),
        attack: rule.attack.clone().into(),
        revision: rule.logic_hash.chars().take(16).collect::<String>().into(),
        domain: dataset.domain,
        columns: dataset.columns.clone().into(),
        exceptions: Exceptions::new(&exceptions),
        suppress: rule.suppress.clone(),
    }
}

/// Whether a selection picks a name.
pub(crate) fn selects(selection: &Selection, name: &str) -> bool {
    let fits = |patterns: &[String]| patterns.iter().any(|pattern| fits(pattern, name));
    fits(&selection.include) && !fits(&selection.exclude)
}

/// `*` stands for any characters.
fn fits(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = name.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters() {
        for (pattern, name, wanted) in [
            ("*", "acme", true),
            ("acme", "acme", true),
            ("acme", "acme2", false),
            ("ac*", "acme", true),
            ("*me", "acme", true),
            ("a*m*", "acme", true),
            ("a*x*", "acme", false),
            ("acme*acme", "acme", false),
        ] {
            assert_eq!(fits(pattern, name), wanted, "{pattern} {name}");
        }
    }
}
