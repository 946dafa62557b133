//! Any text may be handed to the readers of rules and pipelines: nothing panics, a bad one is bad for
//! a reason that can be shown, and a good one can be asked of records, correlated and applied.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rows::Dict;
use sigma::correlate::{Emit, Event, correlate};
use sigma::{NODES_MAX, Pipeline, Problem, RuleSet, Scratch, read_files, read_pipeline};

/// A rule for whatever is read to work on.
const RULE: &str = "title: R\nname: r\nlogsource: {product: p}\ndetection:\n  s:\n    F|contains: [a, b]\n    \
                    G|expand: '%x%'\n  condition: s or not s\n";

fn shown(problems: &[Problem]) {
    for problem in problems {
        assert!(problem.line >= 1 && problem.column >= 1);
        assert!(!problem.render().is_empty());
    }
}

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    // Behind `%%%`, a pipeline.
    let (rules, pipeline) = text.split_once("%%%").unwrap_or((&text, &text));
    let read = read_pipeline("fuzz-pipeline.yml", pipeline);
    assert!(read.pipeline.is_some() || !read.problems.is_empty());
    shown(&read.problems);
    let pipeline = read.pipeline;

    let file = read_files([("fuzz.yml", rules), ("rule.yml", RULE)]);
    shown(&file.problems);
    let record = Dict::new().with("F", text.as_ref()).with("EventID", 1).with("Image", "cmd.exe");
    let (mut scratch, mut hits) = (Scratch::default(), Vec::new());
    for rule in &file.rules {
        assert!(rule.conditions.iter().all(|one| one.nodes() <= 4 * NODES_MAX));
        RuleSet::new(&rule.conditions).matching(&record, &mut scratch, &mut hits);
        if let Some(changed) = pipeline.as_ref().map(|pipeline| pipeline.apply(rule)) {
            match changed {
                Ok(changed) => {
                    RuleSet::new(&changed.conditions).matching(&record, &mut scratch, &mut hits);
                }
                Err(error) => assert!(!error.to_string().is_empty()),
            }
        }
    }
    for correlation in &file.correlations {
        let events: Vec<Event> = bytes
            .iter()
            .take(64)
            .map(|byte| Event {
                leaf: usize::from(*byte) % correlation.leaves().len().max(1),
                time: i64::from(*byte) * 1_000_000,
                position: i64::from(*byte),
                row: record.clone(),
                new: byte % 2 == 0,
            })
            .collect();
        let found =
            correlate(correlation, &events, Emit::WithNew, &|row, name| row.get(name).cloned());
        assert!(found.iter().all(|one| one.events.iter().any(|at| events[*at].new)));
        if let Some(pipeline) = &pipeline {
            let _ = Pipeline::apply_all_to_correlation([pipeline], correlation);
        }
    }
});
