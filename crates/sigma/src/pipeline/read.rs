//! A pipeline's YAML, with everything that is wrong with it.

use std::sync::Arc;

use regex::{Regex, RegexBuilder};
use yaml_nodes::{Fields, Node, NodeKind, Place, Problem, Reader, Severity, join, nearest};

use super::placeholders::Chosen;
use super::read_conditions::{linked, of_field, of_item, of_rule};
use super::transform::{Renaming, Transformation};
use super::{Pipeline, Step};
use crate::decode::{Map, scalar, value};
use crate::detection;
use crate::modifier::Scalar;
use crate::written::Search;

/// What a pipeline's file holds.
#[derive(Clone, Debug, Default)]
pub struct PipelineFile {
    /// The pipeline, if nothing is wrong with it.
    pub pipeline: Option<Pipeline>,
    /// Everything that is wrong.
    pub problems: Vec<Problem>,
}

const FIELDS: &[&str] = &[
    "name",
    "priority",
    "vars",
    "transformations",
    "allowed_backends",
    "postprocessing",
    "finalizers",
];

/// What every transformation may have.
const COMMON: &[&str] = &[
    "id",
    "type",
    "rule_conditions",
    "rule_cond_op",
    "rule_cond_expr",
    "rule_cond_not",
    "detection_item_conditions",
    "detection_item_cond_op",
    "detection_item_cond_expr",
    "detection_item_cond_not",
    "field_name_conditions",
    "field_name_cond_op",
    "field_name_cond_expr",
    "field_name_cond_not",
];

/// Each type with its own fields.
const TYPES: &[(&str, &[&str])] = &[
    ("field_name_mapping", &["mapping"]),
    ("field_name_prefix_mapping", &["mapping"]),
    ("field_name_prefix", &["prefix"]),
    ("field_name_suffix", &["suffix"]),
    ("drop_detection_item", &[]),
    ("add_condition", &["conditions", "negated", "template"]),
    ("change_logsource", &["category", "product", "service"]),
    ("replace_string", &["regex", "replacement"]),
    ("map_string", &["mapping"]),
    ("set_value", &["value"]),
    ("convert_type", &["target_type"]),
    ("case", &["method"]),
    ("value_placeholders", &["include", "exclude"]),
    ("wildcard_placeholders", &["include", "exclude"]),
    ("set_state", &["key", "val"]),
    ("set_custom_attribute", &["attribute", "value"]),
    ("rule_failure", &["message"]),
    ("detection_item_failure", &["message"]),
];

/// As large as expressions of rules may be.
const REGEX_MAX_BYTES: usize = 4 << 20;

/// Reads a pipeline.
pub fn read_pipeline(file: &str, text: &str) -> PipelineFile {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader::new(file, text);
    let pipeline = match yaml_nodes::read_one(text) {
        Ok(Some(root)) => whole(&mut reader, file, &root),
        Ok(None) => {
            let start = Place { line: 1, column: 1 };
            let hint = "a pipeline has a name and transformations";
            reader.error(start, "", "there is no pipeline here", hint);
            None
        }
        Err(bad) => {
            reader.error(bad.at, "", bad.message, bad.hint.unwrap_or(""));
            None
        }
    };
    let wrong = reader.problems.iter().any(|problem| problem.severity == Severity::Error);
    PipelineFile { pipeline: pipeline.filter(|_| !wrong), problems: reader.problems }
}

fn whole(reader: &mut Reader<'_>, file: &str, root: &Node) -> Option<Pipeline> {
    let map = reader.fields(root, "", FIELDS)?;
    let name = reader.text(map.get("name"), "name").unwrap_or_else(|| file.to_owned());
    let priority = match reader.text(map.get("priority"), "priority") {
        None => 0,
        Some(text) => text.trim().parse().unwrap_or_else(|_| {
            let hint = "for example 10";
            reader.error(map.place("priority"), "priority", "a whole number is wanted", hint);
            0
        }),
    };
    for field in ["postprocessing", "finalizers"] {
        if map.has(field) {
            let message = "this is about the text of queries, which is not made here";
            let hint = "remove it; conditions are made from the rule itself";
            reader.warning(map.place(field), field, message, hint);
        }
    }
    let mut vars = Vec::new();
    if let Some(node) = map.get("vars").filter(|node| node.kind != NodeKind::Nothing)
        && let Some(named) = Map::of(reader, node, "vars")
    {
        for (name, node) in &named.entries {
            vars.push(((*name).to_owned(), scalars(reader, node, &join("vars", name))));
        }
    }
    let mut steps = Vec::new();
    for (number, (path, node)) in
        reader.items(map.get("transformations"), "transformations").into_iter().enumerate()
    {
        steps.extend(step(reader, node, &path, number).map(Arc::new));
    }
    Some(Pipeline { name, priority, vars, steps })
}

/// One value or a list of them.
fn scalars(reader: &mut Reader<'_>, node: &Node, path: &str) -> Vec<Scalar> {
    let nodes = match &node.kind {
        NodeKind::List(items) => items.iter().collect(),
        _ => vec![node],
    };
    let mut values = Vec::new();
    for node in nodes {
        match scalar(node) {
            Some(value) => values.push(value),
            None => reader.error(node.at, path, "a single value is wanted here", "write a text"),
        }
    }
    values
}

/// One text or a list of them.
pub(super) fn texts(reader: &mut Reader<'_>, node: Option<&Node>, path: &str) -> Vec<String> {
    match node {
        Some(Node { kind: NodeKind::Text { text, .. }, .. }) => vec![text.clone()],
        node => reader.texts(node, path).into_iter().map(|(text, _)| text).collect(),
    }
}

fn needed(reader: &mut Reader<'_>, map: &Fields<'_>, path: &str, field: &str) -> Option<String> {
    let text = reader.text(map.get(field), &join(path, field));
    if text.is_none() {
        let message = format!("`{field}` is missing");
        reader.error(map.place(field), &join(path, field), message, "add it");
    }
    text
}

fn regex(reader: &mut Reader<'_>, map: &Fields<'_>, path: &str, field: &str) -> Option<Regex> {
    let text = needed(reader, map, path, field)?;
    compiled(reader, map.place(field), &join(path, field), &text)
}

pub(super) fn compiled(
    reader: &mut Reader<'_>,
    at: Place,
    path: &str,
    text: &str,
) -> Option<Regex> {
    let built = RegexBuilder::new(text).size_limit(REGEX_MAX_BYTES).build();
    if built.is_err() {
        let message = format!("`{text}` is not a regular expression that can be used");
        let hint = "look-around and back-references are not possible";
        reader.error(at, path, message, hint);
    }
    built.ok()
}

fn step(reader: &mut Reader<'_>, node: &Node, path: &str, number: usize) -> Option<Step> {
    let entries = Map::of(reader, node, path)?;
    let word = reader.text(entries.get("type"), &join(path, "type"));
    let names = || TYPES.iter().map(|(name, _)| *name);
    let Some(word) = word else {
        let hint = format!("one of {}", names().collect::<Vec<_>>().join(", "));
        reader.error(node.at, &join(path, "type"), "what is done?", &hint);
        return None;
    };
    let Some((_, own)) = TYPES.iter().find(|(name, _)| *name == word) else {
        let hint = match nearest(&word, names()) {
            Some(like) => format!("did you mean `{like}`?"),
            None => format!("one of {}", names().collect::<Vec<_>>().join(", ")),
        };
        let message = format!("there is no transformation `{word}` here");
        reader.error(entries.place("type"), &join(path, "type"), message, &hint);
        return None;
    };
    let known: Vec<&str> = COMMON.iter().chain(*own).copied().collect();
    let map = reader.fields(node, path, &known)?;
    let id = reader.text(map.get("id"), &join(path, "id"));
    let does = transformation(reader, &word, &map, path);
    let rule = linked(reader, &map, path, "rule", of_rule);
    let item = linked(reader, &map, path, "detection_item", of_item);
    let field = linked(reader, &map, path, "field_name", of_field);
    let id: Arc<str> = id.unwrap_or_else(|| format!("step{number}")).into();
    Some(Step { id, rule: rule?, item: item?, field: field?, does: does? })
}

fn transformation(
    reader: &mut Reader<'_>,
    word: &str,
    map: &Fields<'_>,
    path: &str,
) -> Option<Transformation> {
    let text = |reader: &mut Reader<'_>, field: &str| needed(reader, map, path, field);
    let chosen = |reader: &mut Reader<'_>| Chosen {
        include: texts(reader, map.get("include"), &join(path, "include")),
        exclude: texts(reader, map.get("exclude"), &join(path, "exclude")),
    };
    Some(match word {
        "field_name_mapping" => {
            Transformation::Rename(Renaming::Mapping(mapping(reader, map, path)?))
        }
        "field_name_prefix_mapping" => {
            Transformation::Rename(Renaming::PrefixMapping(mapping(reader, map, path)?))
        }
        "field_name_prefix" => Transformation::Rename(Renaming::Prefix(text(reader, "prefix")?)),
        "field_name_suffix" => Transformation::Rename(Renaming::Suffix(text(reader, "suffix")?)),
        "drop_detection_item" => Transformation::Drop,
        "add_condition" => Transformation::AddCondition {
            search: added(reader, map, path)?,
            negated: reader.flag(map.get("negated"), &join(path, "negated")),
            template: reader.flag(map.get("template"), &join(path, "template")),
        },
        "change_logsource" => log_source(reader, map, path),
        "replace_string" => {
            let pattern = regex(reader, map, path, "regex");
            let replacement = python_replacement(&text(reader, "replacement")?);
            Transformation::ReplaceString { pattern: pattern?, replacement }
        }
        "map_string" => map_string(reader, map, path)?,
        "set_value" => {
            let found = map.get("value").and_then(scalar);
            if found.is_none() {
                let message = "a single value is wanted here";
                reader.error(map.place("value"), &join(path, "value"), message, "add it");
            }
            Transformation::SetValue(found?)
        }
        "convert_type" => {
            let target = text(reader, "target_type")?;
            let number = one_of(reader, map, &join(path, "target_type"), &target, ["str", "num"])?;
            Transformation::ConvertType { number }
        }
        "case" => {
            let method = text(reader, "method")?;
            let upper = one_of(reader, map, &join(path, "method"), &method, ["lower", "upper"])?;
            Transformation::Case { upper }
        }
        "value_placeholders" => Transformation::ValuePlaceholders(chosen(reader)),
        "wildcard_placeholders" => Transformation::WildcardPlaceholders(chosen(reader)),
        "set_state" => {
            let key = text(reader, "key")?;
            Transformation::SetState(key, map.get("val").map(value).unwrap_or_default())
        }
        "set_custom_attribute" => {
            let name = text(reader, "attribute")?;
            Transformation::SetAttribute(name, map.get("value").map(value).unwrap_or_default())
        }
        "rule_failure" => Transformation::RuleFailure(text(reader, "message")?),
        _ => Transformation::ItemFailure(text(reader, "message")?),
    })
}

fn log_source(reader: &mut Reader<'_>, map: &Fields<'_>, path: &str) -> Transformation {
    let mut part = |field: &str| {
        let text = reader.text(map.get(field), &join(path, field))?;
        Some(text.trim().to_ascii_lowercase()).filter(|text| !text.is_empty())
    };
    let (category, product, service) = (part("category"), part("product"), part("service"));
    Transformation::ChangeLogSource { category, product, service }
}

fn map_string(reader: &mut Reader<'_>, map: &Fields<'_>, path: &str) -> Option<Transformation> {
    let path = join(path, "mapping");
    let node = map.get("mapping")?;
    let entries = Map::of(reader, node, &path)?;
    let each = entries.entries.iter();
    let each =
        each.map(|(from, node)| ((*from).to_owned(), scalars(reader, node, &join(&path, from))));
    Some(Transformation::MapString(each.collect()))
}

/// Whether it is the second of two words.
fn one_of(
    reader: &mut Reader<'_>,
    map: &Fields<'_>,
    path: &str,
    word: &str,
    words: [&str; 2],
) -> Option<bool> {
    let found = words.iter().position(|known| *known == word);
    if found.is_none() {
        let field = path.rsplit('.').next().unwrap_or(path);
        let hint = format!("{} or {}", words[0], words[1]);
        reader.error(map.place(field), path, format!("`{word}` is not possible here"), &hint);
    }
    found.map(|at| at == 1)
}

fn mapping(
    reader: &mut Reader<'_>,
    map: &Fields<'_>,
    path: &str,
) -> Option<Vec<(String, Vec<String>)>> {
    let path = join(path, "mapping");
    let Some(node) = map.get("mapping") else {
        reader.error(map.at, &path, "`mapping` is missing", "write `old: new` lines");
        return None;
    };
    let entries = Map::of(reader, node, &path)?;
    let mut names = Vec::new();
    for (from, node) in &entries.entries {
        let path = join(&path, from);
        let to = texts(reader, Some(node), &path);
        if to.is_empty() || to.iter().any(|name| name.trim().is_empty()) {
            reader.error(node.at, &path, "a new name is wanted here", "write it");
        }
        names.push(((*from).to_owned(), to));
    }
    Some(names)
}

/// The search of an `add_condition`.
fn added(reader: &mut Reader<'_>, map: &Fields<'_>, path: &str) -> Option<Search> {
    let path = join(path, "conditions");
    let Some(node) = map.get("conditions") else {
        reader.error(map.at, &path, "`conditions` is missing", "write `field: value` lines");
        return None;
    };
    let entries = Map::of(reader, node, &path)?;
    let mut all = Vec::new();
    for (key, node) in &entries.entries {
        all.push(detection::field(reader, key, node, &join(&path, key)));
    }
    all.into_iter().collect::<Option<Vec<_>>>().map(Search::All)
}

/// Python's `\1` and `\g<name>` to ours.
fn python_replacement(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        match (character, rest.peek().copied()) {
            ('$', _) => out.push_str("$$"),
            ('\\', Some(digit)) if digit.is_ascii_digit() => {
                out.push_str("${");
                while let Some(digit) = rest.next_if(char::is_ascii_digit) {
                    out.push(digit);
                }
                out.push('}');
            }
            ('\\', Some('g')) => {
                rest.next();
                if rest.next_if_eq(&'<').is_some() {
                    out.push_str("${");
                    out.extend(rest.by_ref().take_while(|one| *one != '>'));
                    out.push('}');
                } else {
                    out.push_str("\\g");
                }
            }
            ('\\', Some('\\')) => {
                rest.next();
                out.push('\\');
            }
            (other, _) => out.push(other),
        }
    }
    out
}
