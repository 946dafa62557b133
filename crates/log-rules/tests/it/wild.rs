//! Whatever the text, reading ends, and what is wrong has a place.

use log_rules::{Question, RuleClass};
use proptest::prelude::*;
use sql_text::{Class, Clock, Dialect, Held, Restriction, Target, Template};

use crate::{BASE, RULE, read};

/// What was read can be written for every engine, or it is said why not.
fn write_for_all(text: &str, class: RuleClass) {
    let class = match class {
        RuleClass::PerEvent => Class::PerEvent,
        RuleClass::Windowed { .. } => Class::Windowed,
        RuleClass::Opaque => Class::Opaque,
    };
    let template = Template::parse(text, class).expect("the reader has parsed it");
    let _ = sql_text::lower(&template, &[], &|_| Some(Held::Text));
    for dialect in Dialect::ALL {
        let target = Target {
            dialect,
            style: dialect.style(),
            table: "x".to_owned(),
            position: Some(Clock::native("at")),
            event_time: None,
            identity: Vec::new(),
            columns: Vec::new(),
            known: Vec::new(),
            read: (0, 1),
            emit: (0, 1),
            restriction: Restriction::Window,
            values: Vec::new(),
            limit: Some(1),
        };
        let _ = template.render(&target);
    }
}

fn check(text: &str) {
    let (definitions, problems) = read(&[("a.yaml", BASE), ("b.yaml", text), ("c.yml", RULE)]);
    for problem in &problems {
        assert!(problem.line >= 1 && problem.column >= 1, "{problem}");
        assert!(!problem.message.is_empty() && !problem.file.is_empty());
    }
    for rule in &definitions.rules {
        if let Question::Sql(text) = &rule.question {
            write_for_all(text, rule.class);
        }
    }
    let streams = definitions.streams();
    let known = definitions.tenants.len() * definitions.rules.len();
    assert!(known == 0 || streams.assignments.len() + streams.inapplicable.len() >= 1);
}

proptest! {
    #[test]
    fn any_text(text in "\\PC*") {
        check(&text);
    }

    #[test]
    fn pieces_of_good_files(pieces in prop::collection::vec((0..BASE.len(), 0..60_usize), 0..8)) {
        let whole = format!("{BASE}---\n{RULE}");
        let text: String = pieces
            .into_iter()
            .map(|(from, length)| whole.get(from..(from + length).min(whole.len())).unwrap_or(""))
            .collect();
        check(&text);
    }

    #[test]
    fn a_good_file_with_a_hole(from in 0..400_usize, length in 0..40_usize, put in "[\\PC\n]{0,8}") {
        let mut text = RULE.to_owned();
        let (from, to) = (from.min(text.len()), (from + length).min(text.len()));
        text.replace_range(from..to, &put);
        check(&text);
    }
}

/// Work grows with the text, not with its square.
#[test]
fn a_large_file_is_read() {
    let lists: String = (0..20_000).map(|n| format!("  l{n}: [{n}]\n")).collect();
    let tenant = format!(
        "tenant: b\nlists:\n{lists}datasets:\n  x: {{ engine: lake, table: t, time: {{ event: t }} }}\n"
    );
    let (definitions, _) = read(&[("a.yaml", BASE), ("b.yaml", &tenant)]);
    assert_eq!(definitions.tenants[1].lists.len(), 20_000);
}
