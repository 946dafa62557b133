//! What can only be seen when all files are read: names that lead nowhere, things defined twice,
//! windows that no store keeps.

use std::collections::BTreeMap;
use std::time::Duration;

use sql_text::{Class, Template};
use yaml_nodes::{Reader, nearest};

use crate::definitions::{Dataset, Question, Rule, RuleClass, Tenant};
use crate::read::{Drafts, Found};
use crate::rule::reach;
use crate::schedule::FirstFrom;
use crate::streams::{Streams, Why, assign, fits};

/// Checks everything as a whole.
pub(crate) fn whole(drafts: &Drafts, readers: &mut [Reader<'_>]) {
    let mut check = Check { drafts, readers };
    check.duplicates();
    check.tenants();
    check.rules();
    let tenants: Vec<&Tenant> = drafts.tenants.iter().map(|found| &found.item).collect();
    let rules: Vec<&Rule> = drafts.rules.iter().map(|found| &found.item).collect();
    let streams = assign(&tenants, &rules);
    check.columns(&streams);
    check.values(&streams);
    check.windows(&streams);
    check.exceptions();
}

struct Check<'c, 't> {
    drafts: &'c Drafts,
    readers: &'c mut [Reader<'t>],
}

impl Check<'_, '_> {
    fn error<T>(&mut self, found: &Found<T>, path: &str, message: String, hint: &str) {
        self.readers[found.file].error(found.place(path), path, message, hint);
    }

    fn warning<T>(&mut self, found: &Found<T>, path: &str, message: String, hint: &str) {
        self.readers[found.file].warning(found.place(path), path, message, hint);
    }

    fn duplicates(&mut self) {
        let drafts = self.drafts;
        self.twice(&drafts.engines, "engine", |engine| engine.name.as_str());
        self.twice(&drafts.tenants, "tenant", |tenant| tenant.name.as_str());
        self.twice(&drafts.rules, "rule", |rule| rule.name.as_str());
        self.twice(&drafts.channels, "channel", |channel| &channel.name);
    }

    fn twice<T>(&mut self, all: &[Found<T>], what: &str, name: impl Fn(&T) -> &str) {
        let mut first: BTreeMap<String, usize> = BTreeMap::new();
        for (at, found) in all.iter().enumerate() {
            // Names that differ in case only are one file on some disks, and one person's mistake.
            let key = name(&found.item).to_ascii_lowercase();
            let Some(before) = first.get(&key).map(|before| &all[*before]) else {
                first.insert(key, at);
                continue;
            };
            let file = before_file(self.readers, before.file);
            let line = before.place(what).line;
            let message = format!(
                "the {what} `{}` is defined twice: also in {file}, line {line}",
                name(&found.item)
            );
            self.error(found, what, message, "rename or remove one");
        }
    }

    fn unknown<T>(&mut self, found: &Found<T>, path: &str, what: (&str, &str), known: &[&str]) {
        let (kind, name) = what;
        let hint = match nearest(name, known.iter().copied()) {
            Some(like) => format!("did you mean `{like}`?"),
            None if known.is_empty() => format!("define it: no {kind} is defined"),
            None => {
                format!("known: {}", known.iter().take(20).copied().collect::<Vec<_>>().join(", "))
            }
        };
        self.error(found, path, format!("there is no {kind} `{name}`"), &hint);
    }

    fn tenants(&mut self) {
        let drafts = self.drafts;
        let engines: Vec<&str> =
            drafts.engines.iter().map(|found| found.item.name.as_str()).collect();
        let rules: Vec<&str> = drafts.rules.iter().map(|found| found.item.name.as_str()).collect();
        for found in &drafts.tenants {
            for dataset in &found.item.datasets {
                let path = format!("datasets.{}", dataset.name);
                if !engines.contains(&dataset.engine.as_str()) {
                    let path = format!("{path}.engine");
                    self.unknown(found, &path, ("engine", dataset.engine.as_str()), &engines);
                }
                self.dataset(found, dataset, &path);
            }
            for (engine, _) in &found.item.secrets {
                if !engines.contains(&engine.as_str()) {
                    let path = format!("secrets.{engine}");
                    self.unknown(found, &path, ("engine", engine.as_str()), &engines);
                }
            }
            for (place, one) in found.item.overrides.iter().enumerate() {
                let path = format!("overrides[{place}].rule");
                if !rules.contains(&one.rule.as_str()) {
                    self.unknown(found, &path, ("rule", one.rule.as_str()), &rules);
                }
            }
        }
    }

    /// Columns that a dataset names must be those that it declares.
    fn dataset(&mut self, found: &Found<Tenant>, dataset: &Dataset, path: &str) {
        if dataset.schema.is_empty() {
            return;
        }
        let known: Vec<&str> = dataset.schema.iter().map(String::as_str).collect();
        let clocks = [
            ("event", &dataset.event_time),
            ("ingest", &dataset.ingest_time),
            ("cursor", &dataset.cursor),
        ];
        for (name, column) in clocks {
            if let Some(column) = column.as_deref().filter(|column| !known.contains(column)) {
                self.unknown(found, &format!("{path}.time.{name}"), ("column", column), &known);
            }
        }
        for (place, column) in dataset.identity.iter().enumerate() {
            if !known.contains(&column.as_str()) {
                self.unknown(
                    found,
                    &format!("{path}.identity[{place}]"),
                    ("column", column),
                    &known,
                );
            }
        }
        for (field, column) in &dataset.columns {
            if !known.contains(&column.as_str()) {
                self.unknown(found, &format!("{path}.columns.{field}"), ("column", column), &known);
            }
        }
    }

    fn rules(&mut self) {
        let drafts = self.drafts;
        let mut datasets: Vec<&str> = Vec::new();
        for dataset in drafts.tenants.iter().flat_map(|found| &found.item.datasets) {
            if !datasets.contains(&dataset.name.as_str()) {
                datasets.push(dataset.name.as_str());
            }
        }
        let channels: Vec<&str> =
            drafts.channels.iter().map(|found| found.item.name.as_str()).collect();
        let tenants: Vec<&str> =
            drafts.tenants.iter().map(|found| found.item.name.as_str()).collect();
        for found in &drafts.rules {
            let rule = &found.item;
            for (place, name) in rule.datasets.iter().enumerate() {
                if !datasets.is_empty() && !datasets.contains(&name.as_str()) {
                    let path = format!("datasets[{place}]");
                    self.unknown(found, &path, ("dataset", name.as_str()), &datasets);
                }
            }
            for (place, name) in rule.notify.iter().enumerate() {
                if !channels.contains(&name.as_str()) {
                    self.unknown(found, &format!("notify[{place}]"), ("channel", name), &channels);
                }
            }
            let selected = [("include", &rule.tenants.include), ("exclude", &rule.tenants.exclude)];
            for (field, patterns) in selected {
                for (place, pattern) in patterns.iter().enumerate() {
                    let nobody = !tenants.iter().any(|name| fits(pattern, name));
                    if nobody && !tenants.is_empty() {
                        let path = format!("tenants.{field}[{place}]");
                        let message = format!("`{pattern}` fits no tenant");
                        let hint = match nearest(pattern, tenants.iter().copied()) {
                            Some(like) => format!("did you mean `{like}`?"),
                            None => "check the spelling".to_owned(),
                        };
                        self.warning(found, &path, message, &hint);
                    }
                }
            }
            self.suppressed_by(found);
        }
    }

    fn suppressed_by(&mut self, found: &Found<Rule>) {
        let Some(template) = template(&found.item) else { return };
        let by = found.item.suppress.iter().flat_map(|suppress| &suppress.by).enumerate();
        for (place, column) in by {
            if !template.outputs().may_have(column) {
                let message = format!("the answer has no column `{column}`");
                let hint = "select it in the query, or suppress by another";
                self.error(found, &format!("suppress.by[{place}]"), message, hint);
            }
        }
    }

    /// Columns that nobody has are a mistake; columns that some tenants lack are worth knowing.
    fn columns(&mut self, streams: &Streams) {
        let drafts = self.drafts;
        for (rule_at, found) in drafts.rules.iter().enumerate() {
            let runs = streams.assignments.iter().any(|one| one.rule == rule_at);
            let Some(template) = template(&found.item) else { continue };
            for one in streams.inapplicable.iter().filter(|one| one.rule == rule_at) {
                let Why::NoColumns(dataset, columns) = &one.why else { continue };
                let tenant = &drafts.tenants[one.tenant].item;
                let schema = tenant.datasets.iter().find(|known| known.name == *dataset);
                let known: Vec<&str> = schema.map_or_else(Vec::new, |dataset| {
                    let mapped = dataset.columns.iter().map(|(field, _)| field);
                    mapped.chain(&dataset.schema).map(String::as_str).collect()
                });
                for column in columns {
                    let message = format!(
                        "the dataset `{dataset}` of the tenant `{}` has no column `{column}`",
                        tenant.name
                    );
                    let hint = match nearest(column, known.iter().copied()) {
                        Some(like) => format!(
                            "did you mean `{like}`? Or map it under `columns` of the dataset"
                        ),
                        None => "map it under `columns` of the dataset".to_owned(),
                    };
                    let at = self.query_place(found, &template, column);
                    let reader = &mut self.readers[found.file];
                    if runs {
                        let message = format!("{message}; the rule does not run there");
                        reader.warning(at, "query", message, &hint);
                    } else {
                        reader.error(at, "query", message, &hint);
                    }
                }
                // One tenant shows the mistake; hundreds with the same schema would hide others.
                break;
            }
        }
    }

    fn query_place(
        &self,
        found: &Found<Rule>,
        template: &Template,
        column: &str,
    ) -> yaml_nodes::Place {
        let start = found.place("query");
        let place = template.columns().find(|(name, ..)| *name == column);
        match place {
            Some((_, line, character))
                if line > 1 || found.item.source_text.contains("query: |") =>
            {
                yaml_nodes::Place {
                    line: start.line + line - 1,
                    column: start.column + character - 1,
                }
            }
            _ => start,
        }
    }

    /// Every `{name}` of a query has a value wherever the rule runs.
    fn values(&mut self, streams: &Streams) {
        let drafts = self.drafts;
        for (rule_at, found) in drafts.rules.iter().enumerate() {
            let Some(template) = template(&found.item) else { continue };
            for name in template.values() {
                let own = found.item.lists.iter().any(|(known, _)| known == name);
                let lacking = streams.assignments.iter().find(|one| {
                    one.rule == rule_at && !one.lists.iter().any(|(known, _)| known == name)
                });
                let anywhere = streams.assignments.iter().any(|one| one.rule == rule_at);
                let message = match lacking {
                    Some(one) => {
                        let tenant = &drafts.tenants[one.tenant].item.name;
                        format!("`{{{name}}}` has no value at the tenant `{tenant}`")
                    }
                    None if !own && !anywhere => format!("`{{{name}}}` has no value"),
                    None => continue,
                };
                self.error(
                    found,
                    "query",
                    message,
                    "give it one under `lists` of the rule or of the tenant",
                );
            }
            for (name, _) in &found.item.lists {
                if !template.values().contains(name) {
                    let message = format!("the query does not use `{{{name}}}`");
                    self.warning(found, &format!("lists.{name}"), message, "use it or remove it");
                }
            }
        }
    }

    /// What is read at once must still be there.
    fn windows(&mut self, streams: &Streams) {
        let drafts = self.drafts;
        let mut shortest: BTreeMap<usize, (Duration, usize, usize)> = BTreeMap::new();
        for one in &streams.assignments {
            let dataset = &drafts.tenants[one.tenant].item.datasets[one.dataset];
            if let Some(kept) = dataset.retention {
                let entry = shortest.entry(one.rule).or_insert((kept, one.tenant, one.dataset));
                if kept < entry.0 {
                    *entry = (kept, one.tenant, one.dataset);
                }
            }
        }
        for (rule_at, (kept, tenant, dataset)) in shortest {
            let found = &drafts.rules[rule_at];
            let rule = &found.item;
            let tenant = &drafts.tenants[tenant].item;
            let shown = base::format_duration;
            let keeps = format!(
                "the dataset `{}` of the tenant `{}` keeps rows for {}",
                tenant.datasets[dataset].name,
                tenant.name,
                shown(kept)
            );
            let span = reach(rule.class);
            if span > kept {
                let message =
                    format!("the span of {} is longer than the retention: {keeps}", shown(span));
                self.error(found, "span", message, "make the span shorter or keep rows longer");
            }
            let window = rule.schedule.max_window;
            if window > kept {
                let message = format!(
                    "`max_window` of {} is longer than the retention: {keeps}",
                    shown(window)
                );
                let hint = "make `max_window` shorter or keep rows longer";
                self.error(found, "schedule.max_window", message, hint);
            }
            if let FirstFrom::Ago(ago) = rule.schedule.first_from
                && ago > kept
            {
                let message = format!("the first window starts {} ago: {keeps}", shown(ago));
                let hint = "write `first_from: earliest` for all that is there";
                self.warning(found, "schedule.first_from", message, hint);
            }
        }
    }

    /// An exception on a column that the match has not would never hold, or always.
    fn exceptions(&mut self) {
        let drafts = self.drafts;
        for found in &drafts.tenants {
            for (place, one) in found.item.overrides.iter().enumerate() {
                let rule =
                    drafts.rules.iter().map(|found| &found.item).find(|rule| rule.name == one.rule);
                let Some(rule) = rule else { continue };
                for (number, exception) in one.exceptions.iter().enumerate() {
                    let path = format!("overrides[{place}].exceptions[{number}]");
                    for column in &exception.columns {
                        self.excepted(found, rule, &path, column);
                    }
                }
            }
        }
    }

    fn excepted(&mut self, found: &Found<Tenant>, rule: &Rule, path: &str, column: &str) {
        let template = template(rule);
        let outputs = template.as_ref().map(Template::outputs);
        let named =
            outputs.is_none_or(|outputs| outputs.columns.iter().any(|(name, _)| name == column));
        let open = outputs.is_none_or(|outputs| outputs.more);
        let read: Vec<&Dataset> =
            found.item.datasets.iter().filter(|dataset| reads(rule, dataset)).collect();
        let has = |dataset: &&Dataset| {
            dataset.identity.iter().any(|known| known == column)
                || (open && dataset.may_have(column))
        };
        if (named && outputs.is_some()) || read.is_empty() || read.iter().any(has) {
            return;
        }
        let known: Vec<&str> = match outputs {
            Some(outputs) if !outputs.more => {
                outputs.columns.iter().map(|(name, _)| name.as_str()).collect()
            }
            _ => read.iter().flat_map(|dataset| &dataset.schema).map(String::as_str).collect(),
        };
        let message = format!("a match of `{}` has no column `{column}`", rule.name);
        let hint = match nearest(column, known.iter().copied()) {
            Some(like) => format!("did you mean `{like}`?"),
            None => format!("it has: {}", known.join(", ")),
        };
        self.error(found, path, message, &hint);
    }
}

fn before_file(readers: &[Reader<'_>], file: usize) -> String {
    readers[file].file().to_owned()
}

fn reads(rule: &Rule, dataset: &Dataset) -> bool {
    rule.datasets.contains(&dataset.name)
}

fn template(rule: &Rule) -> Option<Template> {
    let Question::Sql(text) = &rule.question else { return None };
    let class = match rule.class {
        RuleClass::PerEvent => Class::PerEvent,
        RuleClass::Windowed { .. } => Class::Windowed,
        RuleClass::Opaque => Class::Opaque,
    };
    Template::parse(text, class).ok()
}
