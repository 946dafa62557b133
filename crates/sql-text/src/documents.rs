//! A predicate as a query of OpenSearch and Elasticsearch, in JSON.
//!
//! Fields must be indexed as they are (`keyword`, `wildcard`, numbers, `ip`, `boolean`): texts that
//! are cut into words cannot be asked what rules ask. Case is ignored for ASCII there, so other
//! letters are refused unless case matters.

use rows::{Dict, Value};
use sigma::predicate::{Comparison, Number};
use sigma::{Piece, Predicate, Test, TextPattern, TextTest};

use crate::columns::{Column, ColumnKind, Columns};
use crate::condition::Unsupported;

/// The query, as JSON.
pub(crate) fn query(predicate: &Predicate, columns: &dyn Columns) -> Result<String, Unsupported> {
    let query = tree(predicate, columns)?;
    let mut json = Vec::new();
    rows::write_json(&query, &mut json);
    Ok(String::from_utf8_lossy(&json).into_owned())
}

fn map(key: &str, value: impl Into<Value>) -> Value {
    Value::Dict(Dict::new().with(key, value))
}

fn all_of(each: Vec<Value>) -> Value {
    if each.is_empty() {
        return map("match_all", Value::Dict(Dict::new()));
    }
    map("bool", map("filter", Value::array(each)))
}

fn some_of(count: usize, each: Vec<Value>) -> Value {
    if count == 0 {
        return all_of(Vec::new());
    }
    if each.len() < count {
        return map("match_none", Value::Dict(Dict::new()));
    }
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let inner = Dict::new().with("should", Value::array(each)).with("minimum_should_match", count);
    map("bool", Value::Dict(inner))
}

fn none_of(one: Value) -> Value {
    map("bool", map("must_not", Value::array(vec![one])))
}

fn tree(predicate: &Predicate, columns: &dyn Columns) -> Result<Value, Unsupported> {
    let each = |of: &[Predicate]| -> Result<Vec<Value>, Unsupported> {
        of.iter().map(|one| tree(one, columns)).collect()
    };
    Ok(match predicate {
        Predicate::And(of) => all_of(each(of)?),
        Predicate::Or(of) => some_of(1, each(of)?),
        Predicate::AtLeast { count, of } => some_of(*count, each(of)?),
        Predicate::Not(inner) => none_of(tree(inner, columns)?),
        Predicate::Field { field, test } => {
            let none = || Unsupported::NoColumn { field: field.to_string() };
            leaf(&columns.column(field).ok_or_else(none)?, test)?
        }
        Predicate::Keyword(test) => {
            let searched: Vec<Column> =
                columns.all().into_iter().filter(|one| one.kind == ColumnKind::Text).collect();
            if searched.is_empty() {
                return Err(Unsupported::NoColumns);
            }
            let each: Result<Vec<Value>, Unsupported> =
                searched.iter().map(|column| leaf(column, test)).collect();
            some_of(1, each?)
        }
    })
}

fn refused(column: &Column, why: &str) -> Unsupported {
    Unsupported::Test {
        dialect: crate::Dialect::OpenSearch.name(),
        column: column.name.clone(),
        why: why.to_owned(),
    }
}

fn leaf(column: &Column, test: &Test) -> Result<Value, Unsupported> {
    let name = column.name.as_str();
    let exists = || map("exists", map("field", name));
    match test {
        Test::Exists(true) => Ok(exists()),
        Test::Exists(false) | Test::Null => Ok(none_of(exists())),
        Test::Text(wanted) => text(column, wanted),
        Test::Number { is, than } => number(column, *is, *than),
        Test::Bool(wanted) => match column.kind {
            ColumnKind::Bool => Ok(map("term", map(name, map("value", *wanted)))),
            ColumnKind::Text => {
                let value = Dict::new()
                    .with("value", if *wanted { "true" } else { "false" })
                    .with("case_insensitive", true);
                Ok(map("term", map(name, Value::Dict(value))))
            }
            _ => Ok(some_of(1, Vec::new())),
        },
        Test::Cidr(network) if column.kind == ColumnKind::Address => {
            let spelled = format!("{}/{}", network.address(), network.bits());
            Ok(map("term", map(name, map("value", spelled.as_str()))))
        }
        Test::Cidr(_) => Err(refused(column, "networks need a field of type `ip`")),
        Test::Regex { .. } => {
            Err(refused(column, "regular expressions there always mean the whole text"))
        }
        Test::OtherField { .. } => Err(refused(column, "two fields are not compared")),
        Test::TimePart { .. } => Err(refused(column, "a moment has no parts")),
    }
}

fn number(column: &Column, is: Comparison, than: Number) -> Result<Value, Unsupported> {
    let name = column.name.as_str();
    let than = match than {
        Number::Int(number) => Value::Int(number),
        Number::Float(number) => Value::Float(number),
    };
    let word = match (column.kind, is) {
        (ColumnKind::Int | ColumnKind::Float, Comparison::Less) => "lt",
        (ColumnKind::Int | ColumnKind::Float, Comparison::AtMost) => "lte",
        (ColumnKind::Int | ColumnKind::Float, Comparison::Greater) => "gt",
        (ColumnKind::Int | ColumnKind::Float, Comparison::AtLeast) => "gte",
        (ColumnKind::Int | ColumnKind::Float, Comparison::Equal) => {
            return Ok(map("term", map(name, map("value", than))));
        }
        (ColumnKind::Text, _) => {
            let why = "it holds texts, which are not read as numbers; put the number in quotes";
            return Err(refused(column, why));
        }
        _ => return Ok(some_of(1, Vec::new())),
    };
    Ok(map("range", map(name, map(word, than))))
}

fn text(column: &Column, test: &TextTest) -> Result<Value, Unsupported> {
    match (column.kind, &test.pattern) {
        (ColumnKind::Text, _) => {}
        (ColumnKind::Address, TextPattern::Equals(text))
            if text.as_str().is_some_and(|text| text.parse::<std::net::Ipv4Addr>().is_ok()) => {}
        (ColumnKind::Other, _) => {
            let why = "it is not indexed as a whole; map the field to a `keyword`, for instance \
                       its part `.keyword`";
            return Err(refused(column, why));
        }
        _ => return Err(refused(column, "it holds no texts")),
    }
    let pieces = match &test.pattern {
        TextPattern::Equals(text) => vec![Piece::Literal(text.clone())],
        TextPattern::StartsWith(text) => vec![Piece::Literal(text.clone()), Piece::AnyMany],
        TextPattern::EndsWith(text) => vec![Piece::AnyMany, Piece::Literal(text.clone())],
        TextPattern::Contains(text) => {
            vec![Piece::AnyMany, Piece::Literal(text.clone()), Piece::AnyMany]
        }
        TextPattern::Like(pieces) => pieces.clone(),
    };
    let mut plain = String::new();
    let mut wildcards = String::new();
    for piece in &pieces {
        match piece {
            Piece::Literal(text) => {
                let Some(text) = text.as_str() else {
                    return Err(refused(column, "the value is bytes, not a text in UTF-8"));
                };
                let foreign = |one: char| one.is_alphabetic() && !one.is_ascii();
                if !test.cased && text.chars().any(foreign) {
                    let why = "case is ignored in ASCII only there; use `cased`";
                    return Err(refused(column, why));
                }
                plain.push_str(text);
                for character in text.chars() {
                    if matches!(character, '*' | '?' | '\\') {
                        wildcards.push('\\');
                    }
                    wildcards.push(character);
                }
            }
            Piece::AnyOne => wildcards.push('?'),
            Piece::AnyMany => wildcards.push('*'),
        }
    }
    let (kind, value) = match &test.pattern {
        TextPattern::Equals(_) => ("term", plain),
        TextPattern::StartsWith(_) => ("prefix", plain),
        _ => ("wildcard", wildcards),
    };
    let mut inner = Dict::new().with("value", value.as_str());
    if !test.cased && column.kind == ColumnKind::Text {
        inner = inner.with("case_insensitive", true);
    }
    Ok(map(kind, map(&column.name, Value::Dict(inner))))
}
