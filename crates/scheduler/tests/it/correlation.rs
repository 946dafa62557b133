//! A Sigma correlation, run slice by slice.

use std::sync::Arc;
use std::time::Duration;

use log_rules::{Question, Rule, RuleClass};

use crate::stage::{Stage, at, definitions, rule};

fn correlation() -> Rule {
    let text = "title: Any\nname: any\nlogsource: {category: processes}\ndetection:\n  s: {host: h}\n  \
                condition: s\n---\ntitle: Three\ncorrelation:\n  type: event_count\n  rules: [any]\n  \
                group-by: [host]\n  timespan: 5m\n  condition: {gte: 3}\n";
    let file = sigma::read_rules("rules.yml", text);
    let correlation = file.correlations.into_iter().next().expect("a correlation");
    Rule {
        class: RuleClass::Windowed { span: correlation.reach() },
        group_by: vec!["host".into()],
        question: Question::Correlation(Arc::new(correlation)),
        ..rule()
    }
}

#[tokio::test]
async fn a_match_over_two_slices_is_found_once_by_the_slice_that_completes_it() {
    let stage = Stage::new();
    for moment in ["11:57:30", "11:58:30", "11:59:30", "12:00:30", "12:15:00", "12:16:00"] {
        stage.logs.add(&format!("2026-01-01T{moment}Z"), "h");
        stage.logs.add(&format!("2026-01-01T{moment}Z"), "another");
    }
    let scheduler = stage.scheduler(definitions(&["acme"], vec![correlation()]));
    let mut told = Vec::new();
    for moment in ["12:00", "12:10", "12:20"] {
        let ran = scheduler.tick_at(at(&format!("2026-01-01T{moment}:00Z"))).await;
        told.push(ran[0].outcome.word().to_owned());
    }
    assert_eq!(told, ["committed"; 3]);
    let reads = stage.logs.reads.lock().clone();
    let reach = Duration::from_secs(300);
    assert_eq!(reads[1].from().moment().plus(reach), at("2026-01-01T11:59:00Z"));
    let findings = stage.findings().await;
    let [found] = &findings[..] else { panic!("one finding: {findings:?}") };
    assert_eq!(found.instant, at("2026-01-01T11:59:30Z"));
    assert_eq!(
        found.row.get("host").map(|value| value.to_text().to_string()).as_deref(),
        Some("h")
    );
}

#[tokio::test]
async fn by_ingest_a_row_that_comes_late_completes_what_was_read_long_ago() {
    let stage = Stage::new();
    stage.logs.add("2026-01-01T11:56:00Z", "h");
    stage.logs.add("2026-01-01T11:57:00Z", "h");
    let mut definitions = definitions(&["acme"], vec![correlation()]);
    let dataset = &mut definitions.tenants[0].datasets[0];
    (dataset.domain, dataset.ingest_time) = (model::log::Domain::IngestTime, Some("seen".into()));
    let scheduler = stage.scheduler(definitions);
    for (moment, expected) in [("12:00", 0), ("12:10", 1), ("12:20", 1)] {
        let ran = scheduler.tick_at(at(&format!("2026-01-01T{moment}:00Z"))).await;
        assert_eq!(ran[0].outcome.word(), "committed", "{ran:?}");
        assert_eq!(stage.findings().await.len(), expected, "after {moment}");
        if moment == "12:00" {
            stage.logs.add_late("2026-01-01T11:58:00Z", "2026-01-01T12:05:00Z", "h");
            // By its ingest it is near, by its time it belongs to nothing.
            stage.logs.add_late("2026-01-01T10:00:00Z", "2026-01-01T12:05:00Z", "h");
        }
    }
    assert_eq!(stage.findings().await[0].instant, at("2026-01-01T11:58:00Z"));
}

#[tokio::test]
async fn by_ingest_a_windowed_rule_reads_what_lies_around_its_new_rows() {
    let stage = Stage::new();
    stage.logs.add_late("2026-01-01T09:30:00Z", "2026-01-01T12:05:00Z", "h");
    stage.logs.add_late("2026-01-01T09:40:00Z", "2026-01-01T12:06:00Z", "h");
    let span = Duration::from_secs(300);
    let windowed = Rule { class: RuleClass::Windowed { span }, ..rule() };
    let mut definitions = definitions(&["acme"], vec![windowed]);
    let dataset = &mut definitions.tenants[0].datasets[0];
    (dataset.domain, dataset.ingest_time) = (model::log::Domain::IngestTime, Some("seen".into()));
    let scheduler = stage.scheduler(definitions);
    scheduler.tick_at(at("2026-01-01T12:00:00Z")).await;
    stage.logs.reads.lock().clear();
    scheduler.tick_at(at("2026-01-01T12:10:00Z")).await;
    let reads = stage.logs.reads.lock().clone();
    let [new, around] = &reads[..] else { panic!("two questions: {reads:?}") };
    assert_eq!(new.from().moment(), at("2026-01-01T11:59:00Z"), "the span of new rows first");
    assert_eq!(around.from().moment(), at("2026-01-01T09:25:00Z"));
    assert_eq!(around.to().moment(), at("2026-01-01T09:45:00.000001Z"));
}

/// A correlation over two datasets, and who runs it.
fn over_two() -> log_rules::Definitions {
    let text = "title: Ran\nname: ran\nlogsource: {category: processes}\ndetection:\n  s: {host: h}\n  \
                condition: s\n---\ntitle: Came\nname: came\nlogsource: {category: logins}\n\
                detection:\n  s: {host: h}\n  condition: s\n---\ntitle: Both\ncorrelation:\n  \
                type: temporal_ordered\n  rules: [came, ran]\n  group-by: [host]\n  timespan: 5m\n";
    let file = sigma::read_rules("rules.yml", text);
    let correlation = file.correlations.into_iter().next().expect("a correlation");
    let name = |text| model::log::DatasetName::new(text).expect("a name");
    let both = Rule {
        class: RuleClass::Windowed { span: correlation.reach() },
        group_by: vec!["host".into()],
        datasets: vec![name("processes"), name("logins")],
        question: Question::Correlation(Arc::new(correlation)),
        ..rule()
    };
    let mut definitions = definitions(&["acme"], vec![both]);
    let mut logins = definitions.tenants[0].datasets[0].clone();
    (logins.name, logins.table) = (name("logins"), "logins".into());
    definitions.tenants[0].datasets.push(logins);
    definitions
}

#[tokio::test]
async fn a_correlation_stops_whichever_of_its_sources_was_replaced() {
    for table in ["processes", "logins"] {
        let stage = Stage::new();
        let scheduler = stage.scheduler(over_two());
        let ran = scheduler.tick_at(at("2026-01-01T12:00:00Z")).await;
        assert_eq!(ran[0].outcome.word(), "committed", "{ran:?}");
        stage.logs.anew.lock().push(table);
        let ran = scheduler.tick_at(at("2026-01-01T12:10:00Z")).await;
        assert_eq!(ran[0].outcome.word(), "held", "{table}: {ran:?}");
        assert!(ran[0].outcome.detail().contains("first anew"), "{ran:?}");
    }
}

#[tokio::test]
async fn a_correlation_over_two_datasets_waits_for_both_and_finds_what_spans_them() {
    let definitions = over_two();
    let stage = Stage::new();
    stage.logs.add_to("logins", "2026-01-01T11:58:00Z", "h");
    stage.logs.add_to("processes", "2026-01-01T12:01:00Z", "h");
    stage.logs.add_to("processes", "2026-01-01T12:05:00Z", "alone");
    let scheduler = stage.scheduler(definitions);
    assert_eq!(scheduler.roster().by_name.len(), 1, "one stream for both");
    for moment in ["12:00", "12:10", "12:20"] {
        let ran = scheduler.tick_at(at(&format!("2026-01-01T{moment}:00Z"))).await;
        assert_eq!(ran[0].outcome.word(), "committed", "{ran:?}");
    }
    let findings = stage.findings().await;
    let [found] = &findings[..] else { panic!("one finding: {findings:?}") };
    assert_eq!(found.instant, at("2026-01-01T12:01:00Z"));
}
