//! The compiled form agrees with the plainest reading of the tree, whatever the tree.

use proptest::prelude::*;
use rows::{Dict, Name, Text, Value};
use sigma::{
    Comparison, Number, Piece, Predicate, RuleSet, Scratch, Test, TextPattern, TextTest, read_rules,
};

/// The meaning of a tree, without any cleverness.
fn plainly(predicate: &Predicate, record: &Dict) -> bool {
    match predicate {
        Predicate::And(of) => of.iter().all(|one| plainly(one, record)),
        Predicate::Or(of) => of.iter().any(|one| plainly(one, record)),
        Predicate::Not(inner) => !plainly(inner, record),
        Predicate::AtLeast { count, of } => {
            of.iter().filter(|one| plainly(one, record)).count() >= *count
        }
        Predicate::Field { field, test } => {
            let values: Vec<Value> = match record.get(field) {
                None | Some(Value::Null) => Vec::new(),
                Some(Value::Array(values)) => values.to_vec(),
                Some(value) => vec![value.clone()],
            };
            match test {
                Test::Null => values.is_empty(),
                Test::Exists(wanted) => values.is_empty() != *wanted,
                test => values.iter().any(|value| one(test, value)),
            }
        }
        Predicate::Keyword(test) => record.values().any(|value| match value {
            Value::Array(values) => values.iter().any(|value| one(test, value)),
            Value::Null => false,
            value => one(test, value),
        }),
    }
}

fn one(test: &Test, value: &Value) -> bool {
    match test {
        Test::Text(TextTest { pattern, cased }) => {
            let (mut text, mut wanted) = (value.to_text().to_string(), regex_of(pattern));
            if !cased {
                (text, wanted) = (text.to_lowercase(), wanted.to_lowercase());
            }
            // Lower case turns the anchors around.
            let wanted = wanted.replace(r"\a", r"\A").replace(r"\Z", r"\z");
            regex::Regex::new(&wanted).unwrap().is_match(&text)
        }
        Test::Number { is, than } => match (value, than) {
            (Value::Int(number), Number::Int(than)) => is.holds(number.cmp(than)),
            (Value::Text(text), Number::Int(than)) => {
                text.to_string().parse::<i64>().is_ok_and(|number| is.holds(number.cmp(than)))
            }
            _ => false,
        },
        _ => unreachable!("not made here"),
    }
}

fn regex_of(pattern: &TextPattern) -> String {
    let plain = |text: &Text| regex::escape(&text.to_string());
    match pattern {
        TextPattern::Equals(text) => format!(r"\A{}\z", plain(text)),
        TextPattern::StartsWith(text) => format!(r"\A{}", plain(text)),
        TextPattern::EndsWith(text) => format!(r"{}\z", plain(text)),
        TextPattern::Contains(text) => plain(text),
        TextPattern::Like(pieces) => {
            let piece = |piece: &Piece| match piece {
                Piece::Literal(text) => plain(text),
                Piece::AnyOne => "(?s:.)".to_owned(),
                Piece::AnyMany => "(?s:.*)".to_owned(),
            };
            format!(r"\A{}\z", pieces.iter().map(piece).collect::<String>())
        }
    }
}

fn text() -> impl Strategy<Value = Text> {
    "[abAB1]{0,3}".prop_map(Text::from)
}

fn test() -> impl Strategy<Value = Test> {
    let piece =
        prop_oneof![text().prop_map(Piece::Literal), Just(Piece::AnyOne), Just(Piece::AnyMany)];
    let pattern = prop_oneof![
        text().prop_map(TextPattern::Equals),
        text().prop_map(TextPattern::StartsWith),
        text().prop_map(TextPattern::EndsWith),
        text().prop_map(TextPattern::Contains),
        proptest::collection::vec(piece, 0..5).prop_map(TextPattern::of),
    ];
    let number = (
        prop_oneof![Just(Comparison::Less), Just(Comparison::Equal), Just(Comparison::AtLeast)],
        0_i64..3,
    );
    prop_oneof![
        4 => (pattern, any::<bool>())
            .prop_map(|(pattern, cased)| Test::Text(TextTest { pattern, cased })),
        1 => number.prop_map(|(is, than)| Test::Number { is, than: Number::Int(than) }),
        1 => Just(Test::Null),
        1 => any::<bool>().prop_map(Test::Exists),
    ]
}

fn predicate() -> impl Strategy<Value = Predicate> {
    let keyword = test().prop_filter("texts only", |test| matches!(test, Test::Text(_)));
    let leaf = prop_oneof![
        6 => ("[FGH]", test())
            .prop_map(|(field, test)| Predicate::Field { field: Name::from(field), test }),
        1 => keyword.prop_map(Predicate::Keyword),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        let some = proptest::collection::vec(inner.clone(), 0..4);
        prop_oneof![
            some.clone().prop_map(Predicate::And),
            some.clone().prop_map(Predicate::Or),
            inner.prop_map(|one| Predicate::Not(Box::new(one))),
            (0_usize..4, some).prop_map(|(count, of)| Predicate::AtLeast { count, of }),
        ]
    })
}

fn record() -> impl Strategy<Value = Dict> {
    let plain = prop_oneof!["[abAB1]{0,5}".prop_map(Value::text), (0_i64..3).prop_map(Value::Int),];
    let value = prop_oneof![
        4 => plain.clone(),
        1 => proptest::collection::vec(plain, 0..3).prop_map(|values| Value::Array(values.into())),
        1 => Just(Value::Null),
    ];
    proptest::collection::vec(("[FGH]", value), 0..4).prop_map(|pairs| pairs.into_iter().collect())
}

proptest! {
    #[test]
    fn the_compiled_set_means_what_the_tree_says(
        predicates in proptest::collection::vec(predicate(), 1..6),
        records in proptest::collection::vec(record(), 1..6),
    ) {
        let set = RuleSet::new(&predicates);
        let mut scratch = Scratch::default();
        let mut hits = Vec::new();
        for record in &records {
            set.matching(record, &mut scratch, &mut hits);
            let wanted: Vec<usize> =
                (0..predicates.len()).filter(|at| plainly(&predicates[*at], record)).collect();
            prop_assert_eq!(&hits, &wanted, "{:?} of {:?}", record, predicates);
        }
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "(title|detection|s|condition|logsource|filter|action|F\\|(re|contains|cidr|windash)|[ \\n:\\-\\[\\]{}'*()]|and|1 of|not|them|global){0,60}") {
        let file = read_rules("x.yml", &text);
        for rule in &file.rules {
            RuleSet::new(&rule.conditions);
        }
    }
}
