//! Any text may be handed to the rule reader: nothing panics, a bad rule is bad for a reason that
//! can be shown, and a good one can be asked of a record.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rows::Dict;
use sigma::{NODES_MAX, RuleSet, Scratch, read_rules};

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let file = read_rules("fuzz.yml", &text);
    assert!(!file.rules.is_empty() || !file.problems.is_empty());
    for problem in &file.problems {
        assert!(problem.line >= 1 && problem.column >= 1);
        assert!(!problem.render().is_empty());
    }
    let record = Dict::new().with("F", text.as_ref()).with("EventID", 1).with("Image", "cmd.exe");
    let (mut scratch, mut hits) = (Scratch::default(), Vec::new());
    for rule in &file.rules {
        assert!(rule.conditions.iter().all(|one| one.nodes() <= 4 * NODES_MAX));
        RuleSet::new(&rule.conditions).matching(&record, &mut scratch, &mut hits);
    }
});
