//! Documents that begin with `rule:`.

use std::sync::Arc;
use std::time::Duration;

use model::log::{DatasetName, RuleName, Severity};
use sql_text::{Class, INSTANT, Template};
use yaml_nodes::{Node, NodeKind, Place, TextStyle, join};

use crate::asked::{Asked, technique};
use crate::definitions::{OnPoison, Rule, RuleClass, RuleTest};
use crate::manner::{self, Manner};
use crate::read::{Files, hash};
use crate::take::{Section, Take};

/// Where a document comes from.
pub(crate) struct Origin<'o, 't> {
    pub(crate) files: &'o Files<'t>,
    pub(crate) file: usize,
    pub(crate) root: &'o Node,
}

impl Origin<'_, '_> {
    /// The text of the document.
    fn text(&self) -> Arc<str> {
        let lines = self.files.texts[self.file].split_inclusive('\n');
        let own = lines.skip(self.root.at.line.saturating_sub(1)).enumerate();
        let ends = |line: &str| line.starts_with("---") || line.starts_with("...");
        let own = own.take_while(|(place, line)| *place == 0 || !ends(line));
        own.map(|(_, line)| line).collect::<String>().into()
    }
}

pub(crate) fn take(
    take: &mut Take<'_, '_>,
    section: &Section<'_>,
    origin: &Origin<'_, '_>,
    sigma_used: &mut Vec<usize>,
) -> Option<Rule> {
    let name: Option<RuleName> = take.parsed(section, "rule");
    let title = take.text(section, "title");
    let description = take.text(section, "description");
    let severity = take.choice(section, "severity").and_then(Severity::parse);
    let attack = attack(take, section);
    let manner = manner::take(take, section);
    let class = class(take, section);
    let group_by = take.words(section, "group_by");
    fit_together(take, section, class, &manner);
    let asked = asked(take, section, class, &group_by, origin, sigma_used);
    let vql = take.text(section, "vql");
    let lists = take.lists(section, "lists");
    let disabled = take.flag(section, "disabled");
    let on_poison = match take.choice(section, "on_poison") {
        Some("block") => OnPoison::Block,
        _ => OnPoison::Quarantine,
    };
    let tests = tests(take, section, &manner.datasets);
    let asked = asked?;
    let class = asked.class.or(class)?;
    let mut rule = Rule {
        name: name?,
        title: title.or(asked.title).unwrap_or_default(),
        description: description.or(asked.description).unwrap_or_default(),
        severity: severity.or(asked.severity).unwrap_or(Severity::Medium),
        attack: if attack.is_empty() { asked.attack } else { attack },
        datasets: manner.datasets,
        tenants: manner.tenants,
        schedule: manner.schedule?,
        class,
        group_by: asked.group_by,
        question: asked.question,
        vql,
        lists,
        suppress: manner.suppress,
        notify: manner.notify,
        disabled,
        critical: manner.critical,
        on_poison,
        catch_up: manner.catch_up,
        on_change: manner.on_change,
        tests,
        logic_hash: asked.canonical.into(),
        meta_hash: "".into(),
        pack: None,
        file: origin.files.names[origin.file].to_owned(),
        source_text: origin.text(),
    };
    seal(&mut rule);
    Some(rule)
}

/// Fields that need others, or exclude them.
fn fit_together(
    take: &mut Take<'_, '_>,
    section: &Section<'_>,
    class: Option<RuleClass>,
    manner: &Manner,
) {
    if section.has("group_by") && !matches!(class, Some(RuleClass::Windowed { .. })) {
        let message = "only windowed rules have groups";
        take.error(section.place("group_by"), "group_by", message, "leave it out");
    }
    if manner.datasets.is_empty() && section.has("query") {
        let message = "which datasets does the query read?";
        let hint = "for example `datasets: [process_creation]`";
        take.error(section.place("datasets"), "datasets", message, hint);
    }
}

/// Replaces the canonical question under `logic_hash` by the hashes.
pub(crate) fn seal(rule: &mut Rule) {
    if rule.title.trim().is_empty() {
        rule.title = rule.name.as_str().to_owned();
    }
    let logic = [
        rule.logic_hash.to_string(),
        format!("{:?}", rule.class),
        rule.group_by.join("\n"),
        rule.vql.as_deref().map(lines).unwrap_or_default(),
        format!("{:?}", rule.lists),
    ];
    let meta = [
        rule.title.clone(),
        rule.description.clone(),
        rule.severity.word().to_owned(),
        rule.attack.join("\n"),
        format!("{:?} {:?}", rule.datasets, rule.tenants),
        format!("{:?}", rule.schedule),
        format!("{:?} {:?} {}", rule.suppress, rule.notify, rule.disabled),
        format!("{} {:?} {:?} {:?}", rule.critical, rule.on_poison, rule.catch_up, rule.on_change),
    ];
    rule.logic_hash = hash(logic.iter().map(String::as_str));
    rule.meta_hash = hash(meta.iter().map(String::as_str));
}

/// A text without spaces at the ends of lines and without empty lines.
fn lines(text: &str) -> String {
    let lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("\n")
}

fn attack(take: &mut Take<'_, '_>, section: &Section<'_>) -> Vec<String> {
    let mut ids = Vec::new();
    for (place, (text, at)) in take.texts(section, "attack").into_iter().enumerate() {
        match technique(&text) {
            Some(id) => ids.push(id),
            None => {
                let field = format!("attack[{place}]");
                let message = format!("`{text}` is not the id of a technique");
                take.error(at, &field, message, "write it as T1033 or T1059.001");
            }
        }
    }
    ids
}

fn class(take: &mut Take<'_, '_>, section: &Section<'_>) -> Option<RuleClass> {
    let word = take.choice(section, "kind");
    let span = take.duration(section, "span");
    let at = section.place("span");
    match (word.unwrap_or("per_event"), span) {
        ("windowed", Some(span)) if !span.is_zero() => Some(RuleClass::Windowed { span }),
        ("windowed", _) => {
            let hint = "say how far apart the rows of a match are at most, for example `span: 15m`";
            take.error(at, "span", "a windowed rule needs a span", hint);
            None
        }
        (other, Some(_)) => {
            let message = format!("a rule of kind `{other}` has no span");
            take.error(at, "span", message, "leave it out, or write `kind: windowed`");
            None
        }
        ("opaque", None) => Some(RuleClass::Opaque),
        _ => Some(RuleClass::PerEvent),
    }
}

fn asked(
    take: &mut Take<'_, '_>,
    section: &Section<'_>,
    class: Option<RuleClass>,
    group_by: &[String],
    origin: &Origin<'_, '_>,
    sigma_used: &mut Vec<usize>,
) -> Option<Asked> {
    match (section.has("query"), section.has("sigma")) {
        (true, false) => sql(take, section, class?, group_by),
        (false, true) => sigma_file(take, section, class, origin, sigma_used),
        (true, true) => {
            let message = "a rule has a `query` or a `sigma` file, not both";
            take.error(section.place("sigma"), "sigma", message, "remove one");
            None
        }
        (false, false) => {
            let hint = "write `query:` with SQL over `{table}`, or `sigma:` with a file";
            let at = section.place("");
            take.error(at, "query", "the rule asks nothing", hint);
            None
        }
    }
}

fn sql(
    take: &mut Take<'_, '_>,
    section: &Section<'_>,
    class: RuleClass,
    group_by: &[String],
) -> Option<Asked> {
    let node = take.node(section, "query")?;
    let text = take.text(section, "query")?;
    let wanted = match class {
        RuleClass::PerEvent => Class::PerEvent,
        RuleClass::Windowed { .. } => Class::Windowed,
        RuleClass::Opaque => Class::Opaque,
    };
    let template = match Template::parse(&text, wanted) {
        Ok(template) => template,
        Err(problems) => {
            for problem in problems {
                let at = within(node, problem.line, problem.column);
                take.error(at, "query", problem.message, &problem.hint);
            }
            return None;
        }
    };
    if let (RuleClass::Opaque, Some((line, column))) = (class, template.time_bucket()) {
        let message =
            "rows are grouped by a stretch of time, which windows of an opaque rule can cut";
        let hint = "declare `kind: windowed` with the stretch as span, and its end as `_instant`";
        take.reader.warning(within(node, line, column), "query", message, hint);
    }
    let group_by = match class {
        RuleClass::Windowed { .. } => groups(take, section, node, &template, group_by),
        RuleClass::PerEvent | RuleClass::Opaque => Vec::new(),
    };
    Some(Asked::of_sql(text, &template, group_by))
}

/// The columns that tell matches apart: those given, or those of the answer that are no aggregates.
fn groups(
    take: &mut Take<'_, '_>,
    section: &Section<'_>,
    query: &Node,
    template: &Template,
    given: &[String],
) -> Vec<String> {
    let outputs = template.outputs();
    if given.is_empty() {
        if outputs.more {
            let message = "with `*` it is not known which columns tell matches apart";
            take.error(query.at, "query", message, "name them under `group_by`");
        }
        let plain = outputs.columns.iter().filter(|(name, plain)| *plain && name != INSTANT);
        return plain.map(|(name, _)| name.clone()).collect();
    }
    for (place, name) in given.iter().enumerate().filter(|(_, name)| !outputs.may_have(name)) {
        let path = format!("group_by[{place}]");
        let at = take.places.get(&path).copied().unwrap_or(section.place("group_by"));
        let message = format!("the answer has no column `{name}`");
        take.error(at, &path, message, "select it, or leave it out");
    }
    given.to_vec()
}

/// The place in the file of a place in a text of it.
pub(crate) fn within(node: &Node, line: usize, column: usize) -> Place {
    let NodeKind::Text { style, .. } = &node.kind else { return node.at };
    match style {
        TextStyle::Literal => {
            Place { line: node.at.line + line - 1, column: node.at.column + column - 1 }
        }
        TextStyle::Plain if line == 1 => Place { column: node.at.column + column - 1, ..node.at },
        TextStyle::Quoted if line == 1 => Place { column: node.at.column + column, ..node.at },
        TextStyle::Plain | TextStyle::Quoted | TextStyle::Folded => node.at,
    }
}

fn sigma_file(
    take: &mut Take<'_, '_>,
    section: &Section<'_>,
    class: Option<RuleClass>,
    origin: &Origin<'_, '_>,
    sigma_used: &mut Vec<usize>,
) -> Option<Asked> {
    let path = take.text(section, "sigma")?;
    let at = section.place("sigma");
    let found = origin.files.resolve(origin.file, &path);
    let [file] = found[..] else {
        let message = match found.len() {
            0 => format!("there is no file `{path}`"),
            _ => format!("`{path}` is a folder"),
        };
        let hint = "name a file beside this one, or from the top of the folder; for a whole folder use `sigma_pack:`";
        take.error(at, "sigma", message, hint);
        return None;
    };
    sigma_used.push(file);
    if class.is_some_and(|class| class != RuleClass::PerEvent) {
        let message = "how the answer of a Sigma rule depends on the window follows from the rule";
        take.error(section.place("kind"), "kind", message, "leave `kind` and `span` out");
    }
    let read = sigma::read_rules(origin.files.names[file], origin.files.texts[file]);
    let wrong = read.problems.iter().any(|problem| problem.severity == sigma::Severity::Error);
    let problems = read.problems.clone();
    take.reader.problems.extend(problems);
    let (mut all, refused) = Asked::all_of(read, &origin.files.pipelines);
    if let Some((_, error)) = refused.first() {
        take.error(at, "sigma", error.to_string(), "mend the pipeline or leave the rule out");
        return None;
    }
    if all.len() != 1 {
        if !wrong {
            let message = format!("`{path}` has {} rules", all.len());
            take.error(at, "sigma", message, "for several rules use `sigma_pack:`");
        }
        return None;
    }
    all.pop()
}

fn tests(
    take: &mut Take<'_, '_>,
    section: &Section<'_>,
    datasets: &[DatasetName],
) -> Vec<RuleTest> {
    let mut tests = Vec::new();
    for sub in take.subs(section, "tests") {
        let name = take.text(&sub, "name").unwrap_or_default();
        let path = sub.at("given");
        let mut given = Vec::new();
        for (key, at, node) in take.map(&sub, "given") {
            let path = join(&path, &key);
            let Some(dataset) = take.parse::<DatasetName>(&key, at, &path) else { continue };
            if !datasets.is_empty() && !datasets.contains(&dataset) {
                let message = format!("the rule does not read `{key}`");
                take.error(at, &path, message, "name it under `datasets` of the rule");
            }
            given.push((dataset, take.rows(Some(node), &path)));
        }
        let node = take.node(&sub, "expect");
        let expect = take.rows(node, &sub.at("expect"));
        tests.push(RuleTest { name, given, expect });
    }
    tests
}

/// The longest time by which an answer reaches back from the start of its window.
pub(crate) fn reach(class: RuleClass) -> Duration {
    match class {
        RuleClass::Windowed { span } => span,
        RuleClass::PerEvent | RuleClass::Opaque => Duration::ZERO,
    }
}
