//! Documents that begin with `sigma_pack:`, and the Sigma rules that they bring.

use std::sync::Arc;

use model::log::{DatasetName, RuleName, Severity};
use yaml_nodes::{Place, Reader};

use crate::definitions::{
    CatchUp, OnChange, OnPoison, Question, Rule, RuleClass, Selection, Suppress,
};
use crate::read::{Drafts, Files, Found};
use crate::rule::{catch_up, names, on_change, seal, selection, sigma_logic, suppress, technique};
use crate::schedule::Schedule;
use crate::take::{Places, Section, Take};
use crate::timetable;

/// What a pack says of all its rules.
#[derive(Debug)]
pub(crate) struct Pack {
    name: String,
    path: String,
    schedule: Schedule,
    tenants: Selection,
    datasets: Vec<DatasetName>,
    severity_min: Severity,
    suppress: Option<Suppress>,
    notify: Vec<String>,
    disabled: Vec<String>,
    critical: bool,
    catch_up: CatchUp,
    on_change: OnChange,
}

pub(crate) fn take(take: &mut Take<'_, '_>, section: &Section<'_>) -> Option<Pack> {
    let name = take.text(section, "sigma_pack");
    let path = take.text(section, "path");
    let schedule = match take.sub(section, "schedule") {
        Some(schedule) => timetable::take(take, &schedule),
        None => None,
    };
    let tenants = selection(take, section);
    let datasets = names(take, section, "datasets");
    let severity_min = take.choice(section, "severity_min").and_then(Severity::parse);
    let suppress = suppress(take, section);
    let notify = take.words(section, "notify");
    let disabled = take.words(section, "disabled");
    let critical = take.flag(section, "critical");
    let (catch_up, on_change) = (catch_up(take, section), on_change(take, section));
    Some(Pack {
        name: name?,
        path: path?,
        schedule: schedule?,
        tenants,
        datasets,
        severity_min: severity_min.unwrap_or(Severity::Informational),
        suppress,
        notify,
        disabled,
        critical,
        catch_up,
        on_change,
    })
}

/// Reads the Sigma rules of a pack.
pub(crate) fn open(
    files: &Files<'_>,
    readers: &mut [Reader<'_>],
    found: Found<Pack>,
    drafts: &mut Drafts,
) {
    let pack = &found.item;
    let inside: Vec<usize> = files
        .resolve(found.file, &pack.path)
        .into_iter()
        .filter(|file| is_sigma(files.texts[*file]))
        .collect();
    if inside.is_empty() {
        let message = format!("there are no Sigma rules under `{}`", pack.path);
        let hint = "name a folder beside this file, or from the top";
        readers[found.file].error(found.place("path"), "path", message, hint);
    }
    let mut disabled: Vec<&str> = pack.disabled.iter().map(String::as_str).collect();
    for file in inside {
        drafts.sigma_used.push(file);
        let read = sigma::read_rules(files.names[file], files.texts[file]);
        readers[file].problems.extend(read.problems);
        let several = read.rules.len() > 1;
        for (place, rule) in read.rules.into_iter().enumerate() {
            let level = rule.level.and_then(|level| Severity::parse(level.word()));
            if level.unwrap_or(Severity::Medium) < pack.severity_min {
                continue;
            }
            let Some(name) = rule_name(files.names[file], &rule, several.then_some(place)) else {
                let hint = "give it a `name:` of letters, digits, `-`, `_` and `.`";
                readers[file].error(FIRST, "name", "the rule has no name that can be used", hint);
                continue;
            };
            let known = disabled.len();
            disabled.retain(|one| *one != name.as_str());
            let off = disabled.len() < known;
            let item = of_pack(pack, name, rule, off, files.names[file], files.texts[file]);
            let places = Places::from([(String::new(), FIRST)]);
            drafts.rules.push(Found { item, file, places });
        }
    }
    for name in disabled {
        let message = format!("the pack has no rule `{name}`");
        let at = found.place("disabled");
        readers[found.file].warning(at, "disabled", message, "rules are named like their files");
    }
}

const FIRST: Place = Place { line: 1, column: 1 };

fn is_sigma(text: &str) -> bool {
    text.contains("detection") || text.contains("correlation")
}

/// The rule's own short name, or that of its file, with a number where a file has several.
fn rule_name(file: &str, rule: &sigma::Rule, number: Option<usize>) -> Option<RuleName> {
    if let Some(Ok(name)) = rule.name.as_deref().map(RuleName::new) {
        return Some(name);
    }
    let base = file.rsplit('/').next().unwrap_or(file);
    let stem = base.strip_suffix(".yml").or(base.strip_suffix(".yaml")).unwrap_or(base);
    let name = match number {
        None => stem.to_owned(),
        Some(number) => format!("{stem}-{}", number + 1),
    };
    RuleName::new(&name).ok()
}

fn of_pack(
    pack: &Pack,
    name: RuleName,
    sigma: sigma::Rule,
    disabled: bool,
    file: &str,
    text: &str,
) -> Rule {
    let level = sigma.level.and_then(|level| Severity::parse(level.word()));
    let mut rule = Rule {
        name,
        title: sigma.title.clone(),
        description: sigma.description.clone(),
        severity: level.unwrap_or(Severity::Medium),
        attack: sigma.tags.iter().filter_map(|tag| technique(tag)).collect(),
        datasets: pack.datasets.clone(),
        tenants: pack.tenants.clone(),
        schedule: pack.schedule.clone(),
        class: RuleClass::PerEvent,
        group_by: Vec::new(),
        vql: None,
        lists: Vec::new(),
        suppress: pack.suppress.clone(),
        notify: pack.notify.clone(),
        disabled,
        critical: pack.critical,
        on_poison: OnPoison::default(),
        catch_up: pack.catch_up,
        on_change: pack.on_change,
        tests: Vec::new(),
        logic_hash: sigma_logic(&sigma).into(),
        meta_hash: "".into(),
        pack: Some(pack.name.as_str().into()),
        file: file.to_owned(),
        source_text: text.into(),
        question: Question::Sigma(Arc::new(sigma)),
    };
    seal(&mut rule);
    rule
}

/// Reads the pipelines among the files.
pub(crate) fn pipelines(
    files: &Files<'_>,
    readers: &mut [Reader<'_>],
    numbers: &[usize],
) -> Vec<Arc<sigma::Pipeline>> {
    let _ = (files, readers, numbers);
    Vec::new()
}
