//! Which rule runs over which logs: what the definitions say, per stream, ready to be run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use log_rules::{Dataset, Definitions, EngineKind, Question, Rule, RuleClass, Tenant};
use loghunt::choice::Limits;
use loghunt::correlated::any_base;
use loghunt::engine::{Query, QueryClass, Source};
use loghunt::finding::{Exceptions, Template};
use loghunt::ports::{Tell, TellHow};
use loghunt::ticks::Clockwork;
use model::log::{Domain, EngineName, Lane, StreamKey, TenantName};
use rows::Value;
use sigma::Predicate;

use crate::correlation::Leaf;

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
    pub asked: Asked,
    /// Further datasets of a correlation over several.
    pub others: Vec<Arc<Dataset>>,
    /// The dataset's columns that the rule cannot do without.
    pub needs: Vec<String>,
    /// What its findings have in common.
    pub template: Template,
    /// Whether the engine evaluates many rules in one pass.
    pub together: bool,
    /// For how long one query may run.
    pub timeout: std::time::Duration,
    buffer: std::time::Duration,
}

/// What engines are asked.
pub enum Asked {
    /// One query.
    Query(Query),
    /// Rows of several rules, and how they belong together.
    Correlation(Arc<sigma::Correlation>, Vec<Leaf>),
}

impl Assignment {
    /// What is waited for late rows.
    pub fn buffer(&self) -> std::time::Duration {
        self.buffer
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
    pub by_name: BTreeMap<Arc<str>, Arc<Assignment>>,
    /// Tenants and engines that have streams, in order.
    pub(crate) places: BTreeSet<(TenantName, EngineName)>,
    /// What could not be assigned, as whole sentences.
    pub problems: Vec<String>,
}

impl Roster {
    /// What runs, by these definitions.
    pub fn new(definitions: Arc<Definitions>) -> Self {
        let streams = definitions.streams();
        let tenants: Vec<Arc<Tenant>> = definitions.tenants.iter().cloned().map(Arc::new).collect();
        let rules: Vec<Arc<Rule>> = definitions.rules.iter().cloned().map(Arc::new).collect();
        let problem = |tenant: usize, rule: usize, why: &dyn std::fmt::Display| {
            let (tenant, rule) = (&tenants[tenant].name, &rules[rule]);
            format!("{}: `{}` does not run for {tenant}: {why}", rule.file, rule.name)
        };
        let told = streams.inapplicable.iter();
        let told = told.filter(|one| one.why != log_rules::Why::Disabled);
        let mut problems: Vec<String> =
            told.map(|one| problem(one.tenant, one.rule, &one.why)).collect();
        let mut by_name: BTreeMap<Arc<str>, Arc<Assignment>> = BTreeMap::new();
        for one in &streams.assignments {
            let (tenant, rule) = (&tenants[one.tenant], &rules[one.rule]);
            match assignment(&definitions, tenant, rule, one) {
                Ok(found) => drop(by_name.insert(name_of(&found.key), Arc::new(found))),
                Err(why) => problems.push(problem(one.tenant, one.rule, &why)),
            }
        }
        let place = |one: &Arc<Assignment>| (one.tenant.name.clone(), one.dataset.engine.clone());
        let places = by_name.values().map(place).collect();
        Self { definitions, by_name, places, problems }
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
    rule: &Arc<Rule>,
    effective: &log_rules::Assignment,
) -> Result<Assignment, String> {
    // Several datasets have only the time of events in common.
    let several = !effective.others.is_empty();
    let of = |at: &usize| {
        let mut dataset = tenant.datasets[*at].clone();
        if several {
            dataset.domain = Domain::EventTime;
        }
        Arc::new(dataset)
    };
    let dataset = of(&effective.dataset);
    let others: Vec<Arc<Dataset>> = effective.others.iter().map(of).collect();
    let all: Vec<Arc<Dataset>> = std::iter::once(&dataset).chain(&others).cloned().collect();
    if let Some(blind) = all.iter().find(|one| several && one.event_time.is_none()) {
        return Err(format!("the dataset `{}` has no column of the event's time", blind.name));
    }
    let engine = engine(definitions, &dataset.engine)?;
    let column = |field: String| {
        let mapped = dataset.columns.iter().find(|(name, _)| *name == field);
        mapped.map_or(field, |(_, column)| column.clone())
    };
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
        asked: asked(rule, effective, &all)?,
        others,
        needs: rule.needed_columns().into_iter().map(column).collect(),
        template: template(tenant, &dataset, rule, effective),
        together: matches!(engine.kind, EngineKind::DataFusion { .. } | EngineKind::Null),
        timeout: engine.timeout,
        buffer: effective.log_buffer,
        tenant: tenant.clone(),
        dataset,
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

fn asked(
    rule: &Rule,
    effective: &log_rules::Assignment,
    datasets: &[Arc<Dataset>],
) -> Result<Asked, String> {
    Ok(match &rule.question {
        Question::Sql(text) => {
            let class = match rule.class {
                RuleClass::PerEvent => QueryClass::PerEvent,
                RuleClass::Windowed { span } => QueryClass::Windowed { span },
                RuleClass::Opaque => QueryClass::Opaque,
            };
            let lists = effective.lists.iter();
            let values: Vec<(String, Value)> =
                lists.map(|(name, values)| (name.clone(), Value::array(values.clone()))).collect();
            Asked::Query(Query::Sql { text: text.clone(), values: values.into(), class })
        }
        Question::Sigma(sigma) => {
            let columns = Vec::new().into();
            Asked::Query(Query::Predicate { predicate: one_of(&sigma.conditions), columns })
        }
        // One query has the rows of all base rules, as far back as a match reaches.
        Question::Correlation(correlation) if matches!(datasets, [one] if one.domain == Domain::EventTime) =>
        {
            let predicate = Arc::new(any_base(correlation));
            Asked::Query(Query::Predicate { predicate, columns: Vec::new().into() })
        }
        Question::Correlation(correlation) => {
            let leaf = |rule: &Arc<sigma::Rule>| {
                let holds = |one: &&Arc<Dataset>| one.source().covers(&rule.source);
                let datasets = datasets.iter().filter(holds).cloned().collect();
                Leaf { predicate: one_of(&rule.conditions), datasets }
            };
            let leaves = correlation.leaves().into_iter().map(leaf).collect();
            Asked::Correlation(correlation.clone(), leaves)
        }
    })
}

/// A record that satisfies one of a rule's conditions is found.
fn one_of(conditions: &[Predicate]) -> Arc<Predicate> {
    Arc::new(match conditions {
        [one] => one.clone(),
        many => Predicate::Or(many.to_vec()),
    })
}

fn template(
    tenant: &Tenant,
    dataset: &Dataset,
    rule: &Rule,
    effective: &log_rules::Assignment,
) -> Template {
    let exceptions = effective.exceptions.iter().map(|one| {
        let text = Arc::from(one.exception.text.as_str());
        (text, one.exception.predicate.clone(), one.expires)
    });
    Template {
        tenant: tenant.name.clone(),
        dataset: dataset.name.clone(),
        rule: rule.name.clone(),
        title: rule.title.as_str().into(),
        severity: effective.severity,
        attack: rule.attack.clone().into(),
        revision: effective.revision.chars().take(16).collect::<String>().into(),
        domain: dataset.domain,
        columns: dataset.columns.clone().into(),
        exceptions: Exceptions::new(&exceptions.collect::<Vec<_>>()),
        suppress: rule.suppress.clone(),
    }
}
