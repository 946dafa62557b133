//! Documents that begin with `sigma_pack:`, and the Sigma rules that they bring.

use std::collections::BTreeMap;

use model::log::{RuleName, Severity};
use yaml_nodes::{Place, Reader};

use crate::asked::Asked;
use crate::definitions::{OnPoison, Rule, RuleClass};
use crate::manner::{self, Manner};
use crate::read::{Drafts, Files, Found};
use crate::rule::seal;
use crate::schedule::Schedule;
use crate::take::{Places, Section, Take};

/// What a pack says of all its rules.
#[derive(Debug)]
pub(crate) struct Pack {
    name: String,
    path: String,
    schedule: Schedule,
    manner: Manner,
    severity_min: Severity,
    disabled: Vec<String>,
}

pub(crate) fn take(take: &mut Take<'_, '_>, section: &Section<'_>) -> Option<Pack> {
    let name = take.text(section, "sigma_pack");
    let path = take.text(section, "path");
    let manner = manner::take(take, section);
    let severity_min = take.choice(section, "severity_min").and_then(Severity::parse);
    let disabled = take.words(section, "disabled");
    Some(Pack {
        name: name?,
        path: path?,
        schedule: manner.schedule.clone()?,
        manner,
        severity_min: severity_min.unwrap_or(Severity::Informational),
        disabled,
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
    drafts.sigma_used.extend(&inside);
    let read =
        sigma::read_files(inside.iter().map(|file| (files.names[*file], files.texts[*file])));
    let problems = read.problems.clone();
    readers[found.file].problems.extend(problems);
    let (all, refused) = Asked::all_of(read, &files.pipelines);
    for (name, error) in refused {
        let file = inside.iter().copied().find(|file| files.names[*file] == name);
        let hint = "the rule is left out; mend the pipeline or the rule";
        readers[file.unwrap_or(found.file)].warning(FIRST, "", error.to_string(), hint);
    }
    let all: Vec<(String, Asked)> =
        all.into_iter().map(|asked| (asked.file().unwrap_or_default(), asked)).collect();
    let mut of_file: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, _) in &all {
        *of_file.entry(name).or_default() += 1;
    }
    let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
    for (origin, asked) in &all {
        let number = numbers.entry(origin).or_default();
        *number += 1;
        let several = of_file.get(&**origin).is_some_and(|count| *count > 1);
        let file = inside.iter().copied().find(|file| files.names[*file] == origin);
        let file = file.unwrap_or(found.file);
        if asked.severity.unwrap_or(Severity::Medium) < pack.severity_min {
            continue;
        }
        let Some(name) = rule_name(origin, asked.name.as_deref(), several.then_some(*number))
        else {
            let hint = "give it a `name:` of letters, digits, `-`, `_` and `.`";
            readers[file].error(FIRST, "name", "the rule has no name that can be used", hint);
            continue;
        };
        let known = disabled.len();
        disabled.retain(|one| *one != name.as_str());
        let off = disabled.len() < known;
        let item = of_pack(pack, name, asked.clone(), off, (origin, files.texts[file]));
        let places = Places::from([(String::new(), FIRST)]);
        drafts.rules.push(Found { item, file, places });
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
fn rule_name(file: &str, own: Option<&str>, number: Option<usize>) -> Option<RuleName> {
    if let Some(Ok(name)) = own.map(RuleName::new) {
        return Some(name);
    }
    let base = file.rsplit('/').next().unwrap_or(file);
    let stem = base.strip_suffix(".yml").or(base.strip_suffix(".yaml")).unwrap_or(base);
    let name = match number {
        None => stem.to_owned(),
        Some(number) => format!("{stem}-{number}"),
    };
    RuleName::new(&name).ok()
}

fn of_pack(
    pack: &Pack,
    name: RuleName,
    asked: Asked,
    disabled: bool,
    (file, text): (&str, &str),
) -> Rule {
    let mut rule = Rule {
        name,
        title: asked.title.unwrap_or_default(),
        description: asked.description.unwrap_or_default(),
        severity: asked.severity.unwrap_or(Severity::Medium),
        attack: asked.attack,
        datasets: pack.manner.datasets.clone(),
        tenants: pack.manner.tenants.clone(),
        schedule: pack.schedule.clone(),
        class: asked.class.unwrap_or(RuleClass::PerEvent),
        group_by: asked.group_by,
        vql: None,
        lists: Vec::new(),
        suppress: pack.manner.suppress.clone(),
        notify: pack.manner.notify.clone(),
        disabled,
        critical: pack.manner.critical,
        on_poison: OnPoison::default(),
        catch_up: pack.manner.catch_up,
        on_change: pack.manner.on_change,
        tests: Vec::new(),
        logic_hash: asked.canonical.into(),
        meta_hash: "".into(),
        pack: Some(pack.name.as_str().into()),
        file: file.to_owned(),
        source_text: text.into(),
        question: asked.question,
    };
    seal(&mut rule);
    rule
}
