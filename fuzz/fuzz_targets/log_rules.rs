//! Files of log hunts: reading ends with definitions or with placed problems, and what was read can
//! be assigned and written for every engine.
#![no_main]

use libfuzzer_sys::fuzz_target;
use log_rules::{Question, RuleClass};
use sql_text::{Class, Dialect, Target, Template};

const BASE: &str = "engine: e\nkind: none\n---\ntenant: t\ndatasets:\n  d: { engine: e, table: x, time: { event: at } }\n";

fuzz_target!(|text: &str| {
    let files = [("base.yaml", BASE), ("fuzz.yaml", text), ("sigma/fuzz.yml", text)];
    let files: Vec<_> =
        files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    let (definitions, problems) = log_rules::read(&files);
    for problem in &problems {
        assert!(problem.line >= 1 && problem.column >= 1 && !problem.message.is_empty());
    }
    let _ = definitions.streams();
    for rule in &definitions.rules {
        let Question::Sql(text) = &rule.question else { continue };
        let class = match rule.class {
            RuleClass::PerEvent => Class::PerEvent,
            RuleClass::Windowed { .. } => Class::Windowed,
            RuleClass::Opaque => Class::Opaque,
        };
        let template = Template::parse(text, class).expect("the reader has parsed it");
        let _ = sql_text::lower(&template, &[], &|_| Some(sql_text::Held::Text));
        for dialect in Dialect::ALL {
            let values = rule
                .lists
                .iter()
                .map(|(name, values)| (name.clone(), rows::Value::from(values.clone())))
                .collect();
            let target = Target {
                dialect,
                style: dialect.style(),
                table: "x".to_owned(),
                position: Some(sql_text::Clock::native("at")),
                event_time: None,
                identity: Vec::new(),
                columns: Vec::new(),
                known: Vec::new(),
                read: (0, 1),
                emit: (0, 1),
                restriction: sql_text::Restriction::Window,
                values,
                limit: Some(1),
            };
            let _ = template.render(&target);
        }
    }
});
