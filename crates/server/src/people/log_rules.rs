//! Log hunts: rules and tenants as they are defined, and how they stand.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use api::{
    LogDatasetView, LogRevisionView, LogRevisionsView, LogRulePage, LogRuleSummary, LogRuleView,
    LogRulesQuery, LogSetting, LogTenantPage, LogTenantSummary, LogTenantView, LogTenantsQuery,
    LogTestOutcome, LogTestReport,
};
use axum::Json;
use axum::extract::{Path, State};
use log_rules::{Question, Rule, RuleClass, Tenant};
use loghunt::ports::{Facet, Pause, SliceQuery, StreamQuery};
use model::log::{Position, RuleName, Slice, SliceState, TenantName};
use model::store::{Page, Paging};

use super::error::ApiError;
use super::extract::{Asked, paging};
use super::log::{Shared, findings_of, name, new_findings, tenants};
use super::log_view;
use crate::log::Log;
use crate::log_survey::{Entry, Survey};

/// Windows that are read to tell which revisions evaluated what.
const REVISION_WINDOWS: u64 = 5_000;

/// Streams of a survey by rule or by tenant.
fn grouped(survey: &Survey, by: impl Fn(&Entry) -> &str) -> HashMap<String, Vec<&Entry>> {
    let mut groups: HashMap<String, Vec<&Entry>> = HashMap::new();
    for entry in &survey.entries {
        groups.entry(by(entry).to_owned()).or_default().push(entry);
    }
    groups
}

fn summary(rule: &Rule, entries: &[&Entry], findings_new: u64) -> LogRuleSummary {
    LogRuleSummary {
        name: rule.name.to_string(),
        title: rule.title.clone(),
        severity: rule.severity.word().to_owned(),
        attack: rule.attack.clone(),
        datasets: rule.datasets.iter().map(ToString::to_string).collect(),
        class: log_view::class(rule.class).to_owned(),
        question: match rule.question {
            Question::Sql(_) => "sql".to_owned(),
            Question::Sigma(_) => "sigma".to_owned(),
            Question::Correlation(_) => "correlation".to_owned(),
        },
        schedule: log_view::schedule(&rule.schedule),
        disabled: rule.disabled,
        streams: log_view::tally(entries.iter().copied()),
        findings_new,
    }
}

pub(crate) async fn list(
    State(people): Shared,
    Asked(asked): Asked<LogRulesQuery>,
) -> Result<Json<LogRulePage>, ApiError> {
    let log = people.log()?;
    let paging = paging(asked.offset, asked.limit)?;
    let search = asked.search.as_deref().unwrap_or("").trim().to_lowercase();
    let severity = asked.severity.as_deref().filter(|text| !text.is_empty());
    let known = log.ports.desk.known();
    let keep = |rule: &&Rule| {
        let has = |text: &str| text.to_lowercase().contains(&search);
        severity.is_none_or(|wanted| rule.severity.word() == wanted)
            && (has(rule.name.as_str())
                || has(&rule.title)
                || has(&rule.description)
                || rule.attack.iter().any(|technique| has(technique)))
    };
    let mut rules: Vec<&Rule> = known.definitions.rules.iter().filter(keep).collect();
    rules.sort_by(|a, b| a.name.cmp(&b.name));
    let page = Page::cut(rules, paging);
    let survey = log.survey().await?;
    let entries = grouped(&survey, |entry| entry.rule.as_str());
    let new = new_findings(log, Facet::Rule).await?;
    let none = Vec::new();
    let view = |rule: &Rule| {
        let name = rule.name.as_str();
        summary(rule, entries.get(name).unwrap_or(&none), new.get(name).copied().unwrap_or(0))
    };
    Ok(Json(LogRulePage { items: page.items.into_iter().map(view).collect(), total: page.total }))
}

/// The rule of this name.
fn find<'a>(known: &'a crate::log::KnownDefinitions, text: &str) -> Result<&'a Rule, ApiError> {
    let name: RuleName = name(text)?;
    let found = known.definitions.rules.iter().find(|rule| rule.name == name);
    found.ok_or_else(|| {
        ApiError::not_found(format!("rule {name}"))
            .hint("`lycaon log check` says whether its file could be read")
    })
}

pub(crate) async fn one(
    State(people): Shared,
    Path(rule): Path<String>,
) -> Result<Json<LogRuleView>, ApiError> {
    let log = people.log()?;
    let known = log.ports.desk.known();
    let rule = find(&known, &rule)?;
    let survey = log.survey().await?;
    let entries: Vec<&Entry> =
        survey.entries.iter().filter(|entry| entry.rule == rule.name).collect();
    let findings = findings_of(log, &rule.name).await?;
    let new = findings.iter().find(|found| found.value == "new").map_or(0, |found| found.count);
    let overrides = known.definitions.tenants.iter().flat_map(|tenant| {
        let here = tenant.overrides.iter().filter(|differs| differs.rule == rule.name);
        here.map(|differs| log_view::differs(tenant.name.as_str(), differs))
    });
    Ok(Json(LogRuleView {
        summary: summary(rule, &entries, new),
        description: rule.description.clone(),
        file: rule.file.clone(),
        source_text: rule.source_text.to_string(),
        span_millis: match rule.class {
            RuleClass::Windowed { span } => Some(log_view::millis(span)),
            RuleClass::PerEvent | RuleClass::Opaque => None,
        },
        settings: log_view::settings(rule),
        tenants_include: rule.tenants.include.clone(),
        tenants_exclude: rule.tenants.exclude.clone(),
        notify: rule.notify.clone(),
        revision: rule.logic_hash.chars().take(16).collect(),
        tests: rule.tests.iter().map(|test| test.name.clone()).collect(),
        can_test: log.ports.desk.running() && !rule.tests.is_empty(),
        problems: known
            .problems
            .iter()
            .filter(|found| !rule.file.is_empty() && found.file == rule.file)
            .cloned()
            .collect(),
        overrides: overrides.collect(),
        findings,
    }))
}

pub(crate) async fn test(
    State(people): Shared,
    Path(rule): Path<String>,
) -> Result<Json<LogTestReport>, ApiError> {
    let log = people.log()?;
    let known = log.ports.desk.known();
    let rule = find(&known, &rule)?;
    let results = log.ports.desk.test(&rule.name).await.ok_or_else(|| {
        ApiError::new(base::Fault::Conflict, "this server cannot run tests of rules")
            .hint("run `lycaon log check --tests` where the definitions lie")
    })?;
    let outcomes: Vec<LogTestOutcome> = results
        .into_iter()
        .map(|result| LogTestOutcome {
            name: result.name,
            ok: result.wrong.is_none(),
            message: result.wrong.unwrap_or_default(),
        })
        .collect();
    Ok(Json(LogTestReport { ok: outcomes.iter().all(|outcome| outcome.ok), outcomes }))
}

pub(crate) async fn revisions(
    State(people): Shared,
    Path(rule): Path<String>,
) -> Result<Json<LogRevisionsView>, ApiError> {
    let log = people.log()?;
    let known = log.ports.desk.known();
    let rule = find(&known, &rule)?;
    let ask = |paging| SliceQuery {
        of: StreamQuery { rule: Some(rule.name.clone()), ..StreamQuery::default() },
        states: vec!["committed"],
        paging,
        ..SliceQuery::default()
    };
    let total = log.ports.ledger.slices(&ask(Paging::first(0))).await?.total;
    let newest = Paging { offset: total.saturating_sub(REVISION_WINDOWS), limit: REVISION_WINDOWS };
    let slices = log.ports.ledger.slices(&ask(newest)).await?.items;
    let assigned = log.assigned();
    let in_force: BTreeSet<&str> = assigned
        .iter()
        .filter(|one| one.rule == rule.name)
        .map(|one| one.revision.as_str())
        .collect();
    Ok(Json(LogRevisionsView {
        windows_read: slices.len() as u64,
        items: by_revision(&slices, &in_force),
        windows: total,
    }))
}

/// What each revision evaluated, newest commit first.
fn by_revision(slices: &[Slice], in_force: &BTreeSet<&str>) -> Vec<LogRevisionView> {
    let mut groups: BTreeMap<&str, Vec<(&Slice, &model::log::Evidence)>> = BTreeMap::new();
    for slice in slices {
        if let SliceState::Committed(evidence) = &slice.state {
            groups.entry(&evidence.revision).or_default().push((slice, evidence));
        }
    }
    let mut views: Vec<LogRevisionView> = groups
        .into_iter()
        .filter_map(|(revision, found)| {
            let domain = found.first()?.0.domain;
            let show = |position: Position| position.show(domain);
            let tenants: BTreeSet<&TenantName> =
                found.iter().map(|(slice, _)| &slice.key.tenant).collect();
            let commits = || found.iter().map(|(_, evidence)| evidence.committed_at);
            Some(LogRevisionView {
                revision: revision.to_owned(),
                in_force: in_force.contains(revision),
                windows: found.len() as u64,
                tenants: tenants.len() as u64,
                rows: found.iter().map(|(_, evidence)| evidence.rows).sum(),
                from: found.iter().map(|(slice, _)| slice.window.from()).min().map(show)?,
                to: found.iter().map(|(slice, _)| slice.window.to()).max().map(show)?,
                first_commit: commits().min()?.to_string(),
                last_commit: commits().max()?.to_string(),
            })
        })
        .collect();
    views.sort_by(|a, b| b.last_commit.cmp(&a.last_commit));
    views
}

/// What summaries of tenants are made of.
struct Standing<'a> {
    entries: HashMap<String, Vec<&'a Entry>>,
    pauses: Vec<Pause>,
    new: HashMap<String, u64>,
}

impl<'a> Standing<'a> {
    async fn of(log: &Log, survey: &'a Survey) -> Result<Self, ApiError> {
        Ok(Self {
            entries: grouped(survey, |entry| entry.tenant.as_str()),
            pauses: log.ports.control.pauses().await?,
            new: new_findings(log, Facet::Tenant).await?,
        })
    }

    fn summary(&self, name: &TenantName, defined: Option<&Tenant>) -> LogTenantSummary {
        let none = Vec::new();
        let entries = self.entries.get(name.as_str()).unwrap_or(&none);
        let datasets: BTreeSet<String> = match defined {
            Some(tenant) => tenant.datasets.iter().map(|own| own.name.to_string()).collect(),
            None => entries.iter().map(|entry| entry.dataset.to_string()).collect(),
        };
        LogTenantSummary {
            name: name.to_string(),
            datasets: datasets.into_iter().collect(),
            streams: log_view::tally(entries.iter().copied()),
            lag_millis_max: log_view::lag_max(entries.iter().copied()),
            pause: self.pauses.iter().find(|pause| pause.tenant == *name).map(log_view::pause),
            findings_new: self.new.get(name.as_str()).copied().unwrap_or(0),
        }
    }
}

pub(crate) async fn tenant_list(
    State(people): Shared,
    Asked(asked): Asked<LogTenantsQuery>,
) -> Result<Json<LogTenantPage>, ApiError> {
    let log = people.log()?;
    let paging = paging(asked.offset, asked.limit)?;
    let search = asked.search.as_deref().unwrap_or("").trim().to_lowercase();
    let survey = log.survey().await?;
    let known = log.ports.desk.known();
    let all = tenants(log, &survey.entries).into_iter();
    let found = all.filter(|name| name.as_str().to_lowercase().contains(&search)).collect();
    let page = Page::cut(found, paging);
    let standing = Standing::of(log, &survey).await?;
    let view = |name: &TenantName| {
        let defined = known.definitions.tenants.iter().find(|tenant| tenant.name == *name);
        standing.summary(name, defined)
    };
    Ok(Json(LogTenantPage { items: page.items.iter().map(view).collect(), total: page.total }))
}

pub(crate) async fn tenant(
    State(people): Shared,
    Path(text): Path<String>,
) -> Result<Json<LogTenantView>, ApiError> {
    let log = people.log()?;
    let name: TenantName = name(&text)?;
    let survey = log.survey().await?;
    if !tenants(log, &survey.entries).contains(&name) {
        return Err(ApiError::not_found(format!("tenant {name}"))
            .hint("`lycaon log check` says whether its file could be read"));
    }
    let known = log.ports.desk.known();
    let defined = known.definitions.tenants.iter().find(|tenant| tenant.name == name);
    let standing = Standing::of(log, &survey).await?;
    let assigned = log.assigned();
    let reading = |dataset: &log_rules::Dataset| {
        let reads_it =
            assigned.iter().filter(|one| one.tenant == name && one.dataset == dataset.name);
        reads_it.count() as u64
    };
    let datasets = defined.map(|tenant| {
        tenant.datasets.iter().map(|dataset| dataset_view(dataset, reading(dataset))).collect()
    });
    let queues = log.ports.desk.queues();
    Ok(Json(LogTenantView {
        summary: standing.summary(&name, defined),
        datasets: datasets.unwrap_or_default(),
        weight: defined.map_or(1, |tenant| tenant.weight),
        concurrency: defined.map_or(0, |tenant| tenant.concurrency),
        bytes_per_day: defined.and_then(|tenant| tenant.bytes_per_day).map(|size| size.0),
        overrides: defined
            .map(|tenant| {
                let view = |differs| log_view::differs(tenant.name.as_str(), differs);
                tenant.overrides.iter().map(view).collect()
            })
            .unwrap_or_default(),
        queues: queues.iter().filter(|queue| queue.tenant == name).map(log_view::queue).collect(),
    }))
}

fn dataset_view(dataset: &log_rules::Dataset, rules: u64) -> LogDatasetView {
    LogDatasetView {
        name: dataset.name.to_string(),
        engine: dataset.engine.to_string(),
        table: dataset.table.clone(),
        domain: dataset.domain.word().to_owned(),
        event_time: dataset.event_time.clone(),
        ingest_time: dataset.ingest_time.clone(),
        retention_millis: dataset.retention.map(log_view::millis),
        columns: dataset
            .columns
            .iter()
            .map(|(name, column)| LogSetting { name: name.clone(), value: column.clone() })
            .collect(),
        rules,
    }
}
