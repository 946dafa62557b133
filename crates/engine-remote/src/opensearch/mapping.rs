//! What an index says of its fields, and what of a predicate it can be asked.

use loghunt::engine::Source;
use serde_json::{Value as Json, json};
use sigma::Predicate;
use sql_text::{Column, ColumnKind, Columns, Dialect, condition};

use crate::asking::settle;

/// The fields of all indices behind a name.
#[derive(Default)]
pub(super) struct Mapping {
    /// The indices, by their own names.
    pub(super) indices: Vec<String>,
    fields: Vec<Field>,
}

struct Field {
    name: String,
    kind: String,
    /// The part that is indexed as it is, where the field itself is cut into words.
    whole: Option<String>,
    /// Long values are not indexed.
    ignores_long: bool,
    /// The index changes texts before it compares them.
    changed: bool,
}

impl Mapping {
    pub(super) fn read(answer: &Json) -> Self {
        let mut mapping = Self::default();
        for (index, described) in answer.as_object().into_iter().flatten() {
            mapping.indices.push(index.clone());
            mapping.add("", &described["mappings"]["properties"]);
        }
        mapping
    }

    fn add(&mut self, before: &str, properties: &Json) {
        for (name, property) in properties.as_object().into_iter().flatten() {
            let name = format!("{before}{name}");
            if property["properties"].is_object() {
                self.add(&format!("{name}."), &property["properties"]);
                continue;
            }
            let kind = property["type"].as_str().unwrap_or("object").to_owned();
            let parts = property["fields"].as_object().into_iter().flatten();
            let whole = |(_, part): &(&String, &Json)| {
                matches!(part["type"].as_str(), Some("keyword" | "wildcard"))
            };
            let part = parts.into_iter().find(whole);
            let exact = part.filter(|_| kind == "text");
            let asked = exact.map_or(property, |(_, part)| part);
            let field = Field {
                whole: exact.map(|(part, _)| format!("{name}.{part}")),
                ignores_long: asked.get("ignore_above").is_some(),
                changed: asked.get("normalizer").is_some(),
                name,
                kind,
            };
            match self.fields.iter_mut().find(|known| known.name == field.name) {
                None => self.fields.push(field),
                // Of another type in another index: no index is asked, each document is judged.
                Some(known) if known.kind != field.kind || known.whole != field.whole => {
                    known.kind = "object".to_owned();
                    known.whole = None;
                }
                Some(known) => {
                    known.ignores_long |= field.ignores_long;
                    known.changed |= field.changed;
                }
            }
        }
    }

    /// Fields and their types.
    pub(super) fn described(&self) -> Vec<(String, String)> {
        self.fields.iter().map(|field| (field.name.clone(), field.kind.clone())).collect()
    }

    /// Whether numbers of the field have fractions.
    pub(super) fn is_float(&self, name: &str) -> bool {
        let floats = ["double", "float", "half_float", "scaled_float"];
        let known = self.fields.iter().find(|field| field.name == name);
        known.is_some_and(|field| floats.contains(&field.kind.as_str()))
    }

    /// A query that is satisfied by all documents that satisfy the predicate, and by few others:
    /// every hit is judged again.
    pub(super) fn query(&self, source: &Source, predicate: &Predicate) -> Json {
        let columns = Asked { mapping: self, source };
        let settled = settle(predicate, &columns);
        let asked = superset(&settled, &columns);
        if !self.fields.iter().any(|field| field.ignores_long) {
            return asked;
        }
        // Values that were too long for the index are not found by it.
        let ignored = json!({ "exists": { "field": "_ignored" } });
        json!({ "bool": { "should": [asked, ignored], "minimum_should_match": 1 } })
    }
}

fn superset(predicate: &Predicate, columns: &Asked<'_>) -> Json {
    let each = |of: &[Predicate]| of.iter().map(|one| superset(one, columns)).collect::<Vec<_>>();
    let exact = condition(predicate, Dialect::OpenSearch, columns)
        .ok()
        .and_then(|text| serde_json::from_str(&text).ok());
    match (exact, predicate) {
        (Some(query), _) => query,
        (None, Predicate::And(of)) => json!({ "bool": { "filter": each(of) } }),
        (None, Predicate::Or(of)) => {
            json!({ "bool": { "should": each(of), "minimum_should_match": 1 } })
        }
        _ => json!({ "match_all": {} }),
    }
}

/// Fields by the names that rules use.
struct Asked<'m> {
    mapping: &'m Mapping,
    source: &'m Source,
}

impl Field {
    fn column(&self) -> Column {
        let kind = match &self.whole {
            _ if self.changed => ColumnKind::Other,
            Some(_) => ColumnKind::Text,
            None => ColumnKind::of(Dialect::OpenSearch, &self.kind),
        };
        Column { name: self.whole.clone().unwrap_or_else(|| self.name.clone()), kind }
    }
}

impl Columns for Asked<'_> {
    fn column(&self, field: &str) -> Option<Column> {
        let wanted = self.source.column(field);
        let inside = format!("{wanted}.");
        let exact = self.mapping.fields.iter().find(|known| known.name == wanted);
        exact.map(Field::column).or_else(|| {
            // An object: it has a value when one of its fields has.
            let object = self.mapping.fields.iter().any(|known| known.name.starts_with(&inside));
            object.then(|| Column { name: wanted.to_owned(), kind: ColumnKind::Other })
        })
    }

    /// None, so that texts looked for anywhere are looked for here.
    fn all(&self) -> Vec<Column> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_known_by_path_and_by_their_whole_part() {
        let mapping = Mapping::read(&json!({ "logs": { "mappings": { "properties": {
            "host": { "properties": { "name": { "type": "keyword" } } },
            "message": { "type": "text",
                "fields": { "keyword": { "type": "keyword", "ignore_above": 256 } } },
            "at": { "type": "date" },
        } } } }));
        let described: Vec<String> =
            mapping.described().into_iter().map(|(name, kind)| format!("{name} {kind}")).collect();
        assert_eq!(described, ["host.name keyword", "message text", "at date"]);
        let whole = mapping.fields.iter().find(|field| field.name == "message").unwrap().column();
        assert_eq!((whole.name.as_str(), whole.kind), ("message.keyword", ColumnKind::Text));
        assert!(mapping.fields.iter().any(|field| field.ignores_long));
    }
}
