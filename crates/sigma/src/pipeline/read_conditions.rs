//! The conditions of a transformation, read from its YAML.

use rows::Name;
use yaml_nodes::{Fields, Node, NodeKind, Reader, join, nearest};

use super::conditions::{Link, Linked, OfField, OfItem, OfRule};
use super::read::{compiled, texts};
use crate::condition;
use crate::decode::{Map, scalar, value};
use crate::modifier::Scalar;
use crate::predicate::{Predicate, Test};
use crate::rule::LogSource;

type ReadCondition<C> = fn(&mut Reader<'_>, &str, &Map<'_>, &str) -> Option<C>;

/// The conditions of one kind, and how they are linked.
pub(super) fn linked<C>(
    reader: &mut Reader<'_>,
    map: &Fields<'_>,
    path: &str,
    kind: &str,
    one: ReadCondition<C>,
) -> Option<Linked<C>> {
    let list = format!("{kind}_conditions");
    let path = join(path, &list);
    let mut each = Vec::new();
    let mut names: Vec<String> = Vec::new();
    let mut add = |reader: &mut Reader<'_>, node: &Node, path: &str| {
        let found = Map::of(reader, node, path).and_then(|map| {
            let word = reader.text(map.get("type"), &join(path, "type")).unwrap_or_default();
            one(reader, &word, &map, path)
        });
        each.push(found);
    };
    match map.get(&list) {
        Some(Node { kind: NodeKind::Map(_), .. }) => {
            let node = map.get(&list)?;
            for (name, node) in &Map::of(reader, node, &path)?.entries {
                names.push((*name).to_owned());
                add(reader, node, &join(&path, name));
            }
        }
        node => {
            for (number, (path, node)) in reader.items(node, &path).into_iter().enumerate() {
                names.push(number.to_string());
                add(reader, node, &path);
            }
        }
    }
    let each: Vec<C> = each.into_iter().collect::<Option<_>>()?;
    let field = |what: &str| format!("{kind}_cond_{what}");
    let negated = reader.flag(map.get(&field("not")), &field("not"));
    let by = match reader.text(map.get(&field("op")), &field("op")).as_deref() {
        None | Some("and") => Link::All,
        Some("or") => Link::Any,
        Some(other) => {
            let message = format!("`{other}` links nothing");
            reader.error(map.place(&field("op")), &field("op"), message, "`and` or `or`");
            return None;
        }
    };
    let by = match reader.text(map.get(&field("expr")), &field("expr")) {
        None => by,
        Some(text) => {
            let place = |at: usize| Predicate::Field {
                field: Name::from(at.to_string()),
                test: Test::Exists(true),
            };
            let searches: Vec<(String, Predicate)> =
                names.into_iter().enumerate().map(|(at, name)| (name, place(at))).collect();
            match condition::lower(&text, &searches) {
                Ok(tree) => Link::Expression(tree),
                Err((_, (message, _))) => {
                    let hint = "name the conditions of the list above it";
                    reader.error(map.place(&field("expr")), &field("expr"), message, hint);
                    return None;
                }
            }
        }
    };
    Some(Linked { each, by, negated })
}

fn no_condition<C>(
    reader: &mut Reader<'_>,
    map: &Map<'_>,
    path: &str,
    word: &str,
    known: &[&str],
) -> Option<C> {
    let hint = match nearest(word, known.iter().copied()) {
        Some(like) => format!("did you mean `{like}`?"),
        None => format!("one of {}", known.join(", ")),
    };
    let message = format!("there is no condition `{word}` here");
    reader.error(map.place("type"), &join(path, "type"), message, &hint);
    None
}

fn word(reader: &mut Reader<'_>, map: &Map<'_>, path: &str, field: &str) -> Option<String> {
    let text = reader.text(map.get(field), &join(path, field));
    if text.is_none() {
        let message = format!("`{field}` is missing");
        reader.error(map.at, &join(path, field), message, "add it");
    }
    text
}

fn single(reader: &mut Reader<'_>, map: &Map<'_>, path: &str, field: &str) -> Option<Scalar> {
    let found = map.get(field).and_then(scalar);
    if found.is_none() {
        reader.error(map.place(field), &join(path, field), "a single value is wanted", "add it");
    }
    found
}

fn state(reader: &mut Reader<'_>, map: &Map<'_>, path: &str) -> Option<(String, rows::Value)> {
    let key = word(reader, map, path, "key")?;
    Some((key, map.get("val").map(value).unwrap_or_default()))
}

pub(super) fn of_rule(
    reader: &mut Reader<'_>,
    kind: &str,
    map: &Map<'_>,
    path: &str,
) -> Option<OfRule> {
    const KNOWN: &[&str] = &[
        "logsource",
        "contains_detection_item",
        "contains_field",
        "processing_item_applied",
        "processing_state",
        "is_sigma_rule",
        "is_sigma_correlation_rule",
        "rule_attribute",
        "tag",
    ];
    Some(match kind {
        "logsource" => {
            let mut part = |field: &str| {
                let text = reader.text(map.get(field), &join(path, field))?;
                Some(text.trim().to_ascii_lowercase())
            };
            let (category, product, service) = (part("category"), part("product"), part("service"));
            OfRule::LogSource(LogSource { category, product, service })
        }
        "contains_detection_item" => OfRule::ContainsItem {
            field: word(reader, map, path, "field")?,
            value: single(reader, map, path, "value")?,
        },
        "contains_field" => OfRule::ContainsField(word(reader, map, path, "field")?),
        "processing_item_applied" => {
            OfRule::Applied(word(reader, map, path, "processing_item_id")?.into())
        }
        "processing_state" => {
            let (key, value) = state(reader, map, path)?;
            OfRule::State(key, value)
        }
        "is_sigma_rule" => OfRule::IsRule(true),
        "is_sigma_correlation_rule" => OfRule::IsRule(false),
        "tag" => OfRule::Tag(word(reader, map, path, "tag")?),
        "rule_attribute" => {
            let name = word(reader, map, path, "attribute")?;
            let value = word(reader, map, path, "value")?;
            let equal = match reader.text(map.get("op"), &join(path, "op")).as_deref() {
                None | Some("eq") => true,
                Some("ne") => false,
                Some(other) => {
                    let message = format!("`{other}` is not possible here");
                    reader.error(map.place("op"), &join(path, "op"), message, "`eq` or `ne`");
                    return None;
                }
            };
            OfRule::Attribute { name, value, equal }
        }
        other => return no_condition(reader, map, path, other, KNOWN),
    })
}

pub(super) fn of_item(
    reader: &mut Reader<'_>,
    kind: &str,
    map: &Map<'_>,
    path: &str,
) -> Option<OfItem> {
    const KNOWN: &[&str] = &[
        "match_string",
        "match_value",
        "contains_wildcard",
        "is_null",
        "processing_item_applied",
        "processing_state",
    ];
    let all = reader.text(map.get("cond"), &join(path, "cond")).as_deref() == Some("all");
    Some(match kind {
        "match_string" => {
            let text = word(reader, map, path, "pattern")?;
            // Python matches from the start.
            let text = format!("^(?:{text})");
            let place = map.place("pattern");
            let pattern = compiled(reader, place, &join(path, "pattern"), &text)?;
            let negated = reader.flag(map.get("negate"), &join(path, "negate"));
            OfItem::MatchString { pattern, all, negated }
        }
        "match_value" => OfItem::MatchValue { value: single(reader, map, path, "value")?, all },
        "contains_wildcard" => OfItem::ContainsWildcard { all },
        "is_null" => OfItem::IsNull { all },
        "processing_item_applied" => {
            OfItem::Applied(word(reader, map, path, "processing_item_id")?.into())
        }
        "processing_state" => {
            let (key, value) = state(reader, map, path)?;
            OfItem::State(key, value)
        }
        other => return no_condition(reader, map, path, other, KNOWN),
    })
}

pub(super) fn of_field(
    reader: &mut Reader<'_>,
    kind: &str,
    map: &Map<'_>,
    path: &str,
) -> Option<OfField> {
    const KNOWN: &[&str] =
        &["include_fields", "exclude_fields", "processing_item_applied", "processing_state"];
    Some(match kind {
        "include_fields" | "exclude_fields" => {
            let wanted = kind == "include_fields";
            let names = texts(reader, map.get("fields"), &join(path, "fields"));
            // pySigma calls it `mode`, in older versions `type`, which is taken here.
            let mode = reader.text(map.get("mode"), &join(path, "mode"));
            match mode.as_deref() {
                None | Some("plain") => OfField::Names(names, wanted),
                Some("re") => {
                    let place = map.place("fields");
                    let path = join(path, "fields");
                    let each = names
                        .iter()
                        .map(|name| compiled(reader, place, &path, &format!("^(?:{name})")));
                    OfField::Patterns(each.collect::<Option<_>>()?, wanted)
                }
                Some(other) => {
                    let message = format!("`{other}` is not possible here");
                    let hint = "`plain` or `re`";
                    reader.error(map.place("mode"), &join(path, "mode"), message, hint);
                    return None;
                }
            }
        }
        "processing_item_applied" => {
            OfField::Applied(word(reader, map, path, "processing_item_id")?.into())
        }
        "processing_state" => {
            let (key, value) = state(reader, map, path)?;
            OfField::State(key, value)
        }
        other => return no_condition(reader, map, path, other, KNOWN),
    })
}
