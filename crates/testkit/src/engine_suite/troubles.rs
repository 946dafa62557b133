//! Limits, cancellation, wrong questions, refused credentials, servers that are dead or slow.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use loghunt::engine::{EngineError, Match, MatchSink, Query, QueryClass, Scan, Source, SqlEngine};
use model::log::{Completeness, FailureClass};

use super::{Bench, Stand, WRONG_SECRET, by_event_time, day, event, everything, scan, sql};

pub(super) async fn promises(stand: &dyn Stand) {
    let bench = Bench::new(stand).await;
    a_cap_on_rows_is_told(&bench).await;
    who_breaks_off_has_a_part(&bench).await;
    what_is_not_there_stays_away(&bench).await;
    slow_questions_end(&bench).await;
    questions_are_cancelled_by_tag(&bench).await;
    dropped_questions_leave_the_engine_usable(&bench).await;
    strangers_are_refused(&bench).await;
    dead_servers_are_transient(&bench).await;
}

async fn a_cap_on_rows_is_told(bench: &Bench<'_>) {
    let (_, source) = bench.events("capped", (1..=7).map(|id| event(id, id)).collect()).await;
    let mut questions = vec![everything()];
    if bench.habits.sql {
        questions.push(sql("SELECT id FROM {table} WHERE id > 0"));
    }
    for question in questions {
        let check = async |rows_max: u64| {
            let mut asked = scan(&source, question.clone(), day());
            asked.limits.rows_max = rows_max;
            let answer = bench.try_ask(&asked).await.expect("the engine answers");
            assert!(answer.matches.len() as u64 <= rows_max, "no more than {rows_max} travel");
            (answer.report.completeness, answer.matches.len())
        };
        assert_eq!(check(7).await, (Completeness::Complete, 7));
        assert_eq!(check(8).await, (Completeness::Complete, 7));
        assert_eq!(check(6).await.0, Completeness::Truncated(6));
        assert_eq!(check(1).await.0, Completeness::Truncated(1));
    }
    // A cap counts matches, not what is read.
    let mut asked = scan(&source, super::asking(few()), day());
    asked.limits.rows_max = 2;
    let answer = bench.try_ask(&asked).await.expect("the engine answers");
    assert_eq!((answer.ids(), answer.report.completeness), (vec![6, 7], Completeness::Complete));
}

fn few() -> sigma::Predicate {
    let than = sigma::Number::Int(5);
    super::field("id", sigma::Test::Number { is: sigma::Comparison::Greater, than })
}

async fn who_breaks_off_has_a_part(bench: &Bench<'_>) {
    struct Enough;
    impl MatchSink for Enough {
        fn take(&mut self, _: Vec<Match>) -> ControlFlow<()> {
            ControlFlow::Break(())
        }
    }
    let (_, source) = bench.events("enough", (1..=7).map(|id| event(id, id)).collect()).await;
    let report = bench.engine.run(&scan(&source, everything(), day()), &mut Enough).await;
    let completeness = report.expect("it is no error").completeness;
    assert!(matches!(completeness, Completeness::Partial(_)), "{completeness:?}");
}

async fn what_is_not_there_stays_away(bench: &Bench<'_>) {
    let (_, source) = bench.events("present", vec![event(1, 1)]).await;
    let permanent = |what: &str, error: EngineError| {
        assert_eq!(error.class, FailureClass::Permanent, "{what}: {error}");
        assert!(!error.message.is_empty());
    };
    if bench.habits.missing_table {
        let missing = by_event_time(&Arc::from(source.table.replace("present", "absent")));
        let asked = scan(&missing, everything(), day());
        permanent("a table", bench.try_ask(&asked).await.map(|_| ()).expect_err("it is not there"));
        permanent("a table", bench.engine.describe(&missing).await.expect_err("it is not there"));
    }
    if bench.habits.sql {
        for text in [
            "SELECT nosuchcolumn FROM {table}",
            "SELECT id FROM {table} WHERE nosuchcolumn = 1",
            "SELECT id FRM {table}",
            "SELECT id FROM {table} WHERE host = {nosuchvalue}",
        ] {
            let answer = bench.try_ask(&scan(&source, sql(text), day())).await.map(|_| ());
            permanent(text, answer.expect_err("the question is wrong"));
        }
    }
    assert_eq!(bench.ids(&source, day()).await, [1], "the engine is as good as before");
}

fn slow(bench: &Bench<'_>, source: &Source) -> Option<Scan> {
    let text = bench.habits.slow.as_deref()?;
    let class = QueryClass::Opaque;
    let query = Query::Sql { text: text.into(), values: Arc::new([]), class };
    Some(scan(source, query, day()))
}

async fn slow_questions_end(bench: &Bench<'_>) {
    let (_, source) = bench.events("slow", vec![event(1, 1)]).await;
    let Some(mut asked) = slow(bench, &source) else { return };
    asked.limits.timeout = Duration::from_millis(200);
    let error = bench.try_ask(&asked).await.map(|_| ()).expect_err("it takes much longer");
    assert_eq!(error.class, FailureClass::TooLarge, "{error}");
    assert_eq!(bench.ids(&source, day()).await, [1], "the engine is as good as before");
}

async fn questions_are_cancelled_by_tag(bench: &Bench<'_>) {
    bench.engine.cancel("nobody-knows-this-tag").await.expect("it is no error");
    let (_, source) = bench.events("cancelled", vec![event(1, 1)]).await;
    let Some(asked) = slow(bench, &source) else { return };
    let running = {
        let (engine, asked) = (bench.engine.clone(), asked.clone());
        tokio::spawn(async move {
            let mut matches: Vec<Match> = Vec::new();
            engine.run(&asked, &mut matches).await
        })
    };
    while !running.is_finished() {
        bench.engine.cancel(&asked.tag).await.expect("cancelling never fails here");
        tokio::task::yield_now().await;
    }
    match running.await.expect("it does not panic") {
        Ok(report) => assert_ne!(report.completeness, Completeness::Complete),
        // Long before its timeout.
        Err(error) => assert_eq!(error.class, FailureClass::Transient, "{error}"),
    }
}

async fn dropped_questions_leave_the_engine_usable(bench: &Bench<'_>) {
    let (_, source) = bench.events("dropped", vec![event(1, 1)]).await;
    for _ in 0..20 {
        let Some(asked) = slow(bench, &source) else { return };
        let given_up = Duration::from_millis(20);
        let answer = tokio::time::timeout(given_up, bench.try_ask(&asked)).await;
        assert!(answer.is_err(), "it was still running");
    }
    // Connections and threads are limited: were they still busy, this would wait for them.
    assert_eq!(bench.ids(&source, day()).await, [1]);
}

async fn strangers_are_refused(bench: &Bench<'_>) {
    let (_, source) = bench.events("refused", vec![event(1, 1)]).await;
    let Some(engine) = bench.stand.refused().await else { return };
    for error in every_call(&*engine, &source).await {
        assert_eq!(error.class, FailureClass::Permanent, "{error}");
        assert!(!error.message.contains(WRONG_SECRET), "no message has a password");
    }
}

async fn dead_servers_are_transient(bench: &Bench<'_>) {
    let (_, source) = bench.events("dead", vec![event(1, 1)]).await;
    if let Some(engine) = bench.stand.dead().await {
        for error in every_call(&*engine, &source).await {
            assert_eq!(error.class, FailureClass::Transient, "{error}");
        }
    }
    if let Some(engine) = bench.stand.silent().await {
        let mut asked = scan(&source, everything(), day());
        asked.limits.timeout = Duration::from_millis(300);
        let error = engine.run(&asked, &mut Vec::new()).await.expect_err("nobody answers");
        let class = error.class;
        let passes = matches!(class, FailureClass::Transient | FailureClass::TooLarge);
        assert!(passes, "{error}");
    }
}

async fn every_call(engine: &dyn SqlEngine, source: &Source) -> Vec<EngineError> {
    let mut rows: Vec<Match> = Vec::new();
    let errors = vec![
        engine.run(&scan(source, everything(), day()), &mut rows).await.map(|_| ()).err(),
        engine.describe(source).await.map(|_| ()).err(),
        engine.horizon(source).await.map(|_| ()).err(),
    ];
    assert!(rows.is_empty());
    errors.into_iter().map(|error| error.expect("nobody answers")).collect()
}
