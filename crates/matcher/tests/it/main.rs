//! The matcher on batches against rules on rows: any predicate, any rows.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema};
use matcher::{Hit, Matcher, Scratch};
use proptest::prelude::*;
use rows::{Dict, Row, Text, Time, Value};
use rows_arrow::{Cells, batch_of};
use sigma::{
    Anchor, Comparison, Network, Number, Piece, Predicate, RuleSet, Test, TextPattern, TextTest,
    TimePart,
};

/// What the rules say about the rows that a batch stands for.
fn by_rows(predicates: &[Predicate], batch: &RecordBatch) -> Vec<Hit> {
    let set = RuleSet::new(predicates);
    let mut scratch = sigma::Scratch::default();
    let mut rows: Vec<Vec<u32>> = vec![Vec::new(); predicates.len()];
    let mut found = Vec::new();
    for (number, row) in (0..).zip(Cells::of(batch).unwrap().rows()) {
        set.matching(&row, &mut scratch, &mut found);
        found.iter().for_each(|rule| rows[*rule].push(number));
    }
    let hits = rows.into_iter().enumerate().map(|(rule, rows)| Hit { rule, rows });
    hits.filter(|hit| !hit.rows.is_empty()).collect()
}

fn check(predicates: &[Predicate], batch: &RecordBatch, scratch: &mut Scratch) {
    let matcher = Matcher::new(predicates).unwrap();
    let hits = matcher.matches(batch, scratch).unwrap();
    assert_eq!(hits, by_rows(predicates, batch), "{predicates:?} over {batch:?}");
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[aAbB]{0,4}",
        "[0-9]{1,2}",
        "[a-cÄäſK\u{212A}İ. ]{0,5}",
        Just("10.0.0.7".to_owned()),
        Just("true".to_owned()),
        Just("2026-01-01T05:00:00Z".to_owned()),
        Just("7.0".to_owned()),
    ]
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => text().prop_map(Value::text),
        1 => Just(Value::Null),
        1 => (-3_i64..12).prop_map(Value::Int),
        1 => Just(Value::Int(1_700_000_000)),
        1 => any::<bool>().prop_map(Value::Bool),
        1 => prop_oneof![Just(0.5), Just(7.0), Just(1e300)].prop_map(Value::Float),
        1 => Just(Value::Time(Time::from_unix(1_700_000_000, 0))),
        1 => prop::collection::vec(any::<u8>(), 0..4).prop_map(Value::text),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => scalar(),
        1 => prop::collection::vec(scalar(), 0..3).prop_map(Value::array),
        1 => prop::collection::vec(("[abn]", scalar()), 0..3).prop_map(|cells| {
            Value::Dict(cells.into_iter().fold(Dict::new(), |dict, (key, value)| dict.with(key, value)))
        }),
        1 => prop::collection::vec(text(), 1..3).prop_map(|texts| {
            Value::array(texts.into_iter().map(|text| Dict::new().with("a", text)).collect::<Vec<_>>())
        }),
    ]
}

/// Columns of one type each, and columns of mixed ones.
fn table() -> impl Strategy<Value = Vec<Row>> {
    let homogeneous = |kind: usize| -> BoxedStrategy<Value> {
        match kind {
            0 => text().prop_map(Value::text).boxed(),
            1 => (-3_i64..12).prop_map(Value::Int).boxed(),
            2 => prop::collection::vec(text(), 0..3).prop_map(Value::array).boxed(),
            3 => prop::collection::vec(("[abn]", text()), 0..3)
                .prop_map(|cells| {
                    Value::Dict(
                        cells
                            .into_iter()
                            .fold(Dict::new(), |dict, (key, value)| dict.with(key, value)),
                    )
                })
                .boxed(),
            _ => value().boxed(),
        }
    };
    (0_usize..5, 0_usize..5, 0_usize..5, 0_usize..30).prop_flat_map(move |(f, g, n, count)| {
        let row = (
            prop::option::weighted(0.8, homogeneous(f)),
            prop::option::weighted(0.8, homogeneous(g)),
            prop::option::weighted(0.8, homogeneous(n)),
            prop::option::weighted(0.1, text()),
        );
        prop::collection::vec(row, count).prop_map(|rows| {
            rows.into_iter()
                .map(|(f, g, n, dotted)| {
                    let mut row = Dict::new();
                    for (name, cell) in
                        [("f", f), ("g", g), ("n", n), ("n.a", dotted.map(Value::text))]
                    {
                        if let Some(cell) = cell {
                            row.set(name, cell);
                        }
                    }
                    row
                })
                .collect()
        })
    })
}

fn pieces() -> impl Strategy<Value = TextPattern> {
    let piece = prop_oneof![
        text().prop_map(|text| Piece::Literal(Text::from(text))),
        prop::collection::vec(any::<u8>(), 1..3)
            .prop_map(|bytes| Piece::Literal(Text::from(bytes))),
        Just(Piece::AnyOne),
        Just(Piece::AnyMany),
        Just(Piece::AnyMany),
    ];
    prop::collection::vec(piece, 0..4).prop_map(TextPattern::of)
}

fn test() -> impl Strategy<Value = Test> {
    let anchor = prop_oneof![
        Just(Anchor::Whole),
        Just(Anchor::Start),
        Just(Anchor::End),
        Just(Anchor::Anywhere)
    ];
    let comparison = prop_oneof![
        Just(Comparison::Less),
        Just(Comparison::AtMost),
        Just(Comparison::Equal),
        Just(Comparison::AtLeast),
        Just(Comparison::Greater)
    ];
    let number = prop_oneof![
        (-2_i64..10).prop_map(Number::Int),
        Just(Number::Int(i64::MAX)),
        Just(Number::Float(7.0)),
        Just(Number::Float(0.5)),
    ];
    let expression = prop_oneof![
        Just("a+"),
        Just("^b"),
        Just("(aa|bb)"),
        Just("[0-9]+$"),
        Just("k"),
        Just("a.?b"),
        Just(""),
        Just("("),
        Just("ÄB"),
        Just("ss*"),
    ];
    prop_oneof![
        8 => (pieces(), any::<bool>()).prop_map(|(pattern, cased)| Test::Text(TextTest { pattern, cased })),
        2 => (expression, any::<bool>()).prop_map(|(pattern, ignore_case)| Test::Regex {
            pattern: pattern.into(), ignore_case, multi_line: false, dot_all: true,
        }),
        2 => (comparison, number).prop_map(|(is, than)| Test::Number { is, than }),
        1 => any::<bool>().prop_map(Test::Bool),
        1 => Just(Test::Cidr(Network::parse("10.0.0.0/8").unwrap())),
        1 => any::<bool>().prop_map(Test::Exists),
        1 => Just(Test::Null),
        1 => ("[fgn]", anchor, any::<bool>()).prop_map(|(field, anchor, cased)| Test::OtherField {
            field: field.into(), anchor, cased,
        }),
        1 => prop_oneof![Just((TimePart::Hour, 5)), Just((TimePart::Year, 2023)), Just((TimePart::Day, 1))]
            .prop_map(|(part, is)| Test::TimePart { part, is }),
    ]
}

fn predicate() -> impl Strategy<Value = Predicate> {
    let names = prop_oneof![
        4 => "[fgn]", 1 => Just("n.a".to_owned()), 1 => Just("f.a".to_owned()), 1 => Just("n.a.b".to_owned()),
        1 => Just("missing".to_owned()),
    ];
    let leaf = prop_oneof![
        5 => (names, test()).prop_map(|(field, test)| Predicate::Field { field: field.into(), test }),
        1 => test().prop_map(Predicate::Keyword),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Predicate::And),
            prop::collection::vec(inner.clone(), 0..4).prop_map(Predicate::Or),
            inner.clone().prop_map(|one| Predicate::Not(Box::new(one))),
            (0_usize..4, prop::collection::vec(inner, 0..4))
                .prop_map(|(count, of)| Predicate::AtLeast { count, of }),
        ]
    })
}

/// The same batch with texts as dictionaries, views or large texts.
fn as_other_types(batch: &RecordBatch, texts: &DataType) -> RecordBatch {
    let change = |(field, column): (&Arc<Field>, &ArrayRef)| {
        let other = match column.data_type() {
            DataType::Utf8 => cast(column, texts).unwrap(),
            DataType::List(_) => {
                let inner = column.as_list::<i32>().value_type();
                cast(column, &DataType::LargeList(Arc::new(Field::new("item", inner, true))))
                    .unwrap()
            }
            _ => column.clone(),
        };
        (Arc::new(Field::new(field.name(), other.data_type().clone(), true)), other)
    };
    let schema = batch.schema();
    let (fields, columns): (Vec<_>, Vec<_>) =
        schema.fields().iter().zip(batch.columns()).map(change).unzip();
    if columns.is_empty() {
        return batch.clone();
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]
    #[test]
    fn batches_are_matched_as_their_rows_are(
        table in table(), predicates in prop::collection::vec(predicate(), 1..8), offset in 0_usize..4,
    ) {
        let batch = batch_of(&table).unwrap();
        let mut scratch = Scratch::default();
        check(&predicates, &batch, &mut scratch);
        let dictionary = DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8));
        for texts in [dictionary, DataType::Utf8View, DataType::LargeUtf8] {
            let other = as_other_types(&batch, &texts);
            check(&predicates, &other, &mut scratch);
            let offset = offset.min(other.num_rows());
            check(&predicates, &other.slice(offset, other.num_rows() - offset), &mut scratch);
        }
    }
}

#[test]
fn values_that_repeat_are_remembered_and_others_are_not() {
    let rows: Vec<Row> = (0..4_000_i64)
        .map(|n| {
            Dict::new()
                .with("image", format!("C:\\Windows\\p{}.exe", n % 7))
                .with("line", format!("run -n {n} --key {}", n * 37 % 101))
                .with("event", n % 5)
        })
        .collect();
    let batch = batch_of(&rows).unwrap();
    let test = |field: &str, pattern: TextPattern| Predicate::Field {
        field: field.into(),
        test: Test::Text(TextTest { pattern, cased: false }),
    };
    let event = |than: i64| Predicate::Field {
        field: "event".into(),
        test: Test::Number { is: Comparison::Equal, than: Number::Int(than) },
    };
    let mut predicates = vec![Predicate::Not(Box::new(event(2))), event(3)];
    for n in 0..101 {
        let of = vec![
            test("line", TextPattern::EndsWith(format!("--KEY {n}").as_str().into())),
            test("image", TextPattern::EndsWith("\\P3.exe".into())),
            Predicate::Not(Box::new(event(1))),
        ];
        predicates.push(Predicate::And(of));
    }
    let mut scratch = Scratch::default();
    check(&predicates, &batch, &mut scratch);
    check(&predicates, &batch, &mut scratch);
    assert!(scratch.asked < 2 * 4_000 * 4, "{} pairs were asked", scratch.asked);
    assert_eq!(Matcher::new(&predicates).unwrap().without_clue(), 1);
}

#[test]
fn a_predicate_nested_too_deep_is_refused() {
    let mut deep = Predicate::And(Vec::new());
    for _ in 0..=matcher::plan::DEPTH_MAX {
        deep = Predicate::Not(Box::new(deep));
    }
    let refused = Matcher::new(&[Predicate::Or(Vec::new()), deep]).err().unwrap();
    assert_eq!(refused.to_string(), "rule 1 is nested deeper than 512; split it");
}
