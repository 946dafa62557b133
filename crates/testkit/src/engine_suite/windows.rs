//! Bounds, moments, zones, cursors, horizons, fingerprints.

use std::sync::Arc;
use std::time::{Duration, Instant};

use loghunt::engine::{Query, QueryClass, Source};
use model::log::{Completeness, Domain, Position, Window};
use rows::{Time, Value};

use super::{Bench, SECOND, START, Stand, day, event, everything, moment, scan, sql, window};

pub(super) async fn promises(stand: &dyn Stand) {
    let bench = Bench::new(stand).await;
    bounds_are_half_open(&bench).await;
    windows_add_up(&bench).await;
    moments_are_floored(&bench).await;
    zones_are_heard(&bench).await;
    rows_far_from_their_ingest_are_not_lost(&bench).await;
    windowed_questions_read_more(&bench).await;
    cursors_count_rows(&bench).await;
    a_horizon_has_a_clock(&bench).await;
    a_fingerprint_sees_changes(&bench).await;
}

async fn bounds_are_half_open(bench: &Bench<'_>) {
    let rows = [99, 100, 101, 199, 200, 201].iter().zip(1..).map(|(at, id)| event(id, *at));
    let (_, source) = bench.events("bounds", rows.collect()).await;
    assert_eq!(bench.ids(&source, window(100, 200)).await, [2, 3, 4]);
    assert_eq!(bench.ids(&source, window(200, 201)).await, [5]);
    assert_eq!(bench.ids(&source, window(102, 199)).await, [] as [i64; 0]);
    if bench.habits.sql {
        let answer = bench.ask(&source, sql("SELECT id FROM {table}"), window(100, 200)).await;
        assert_eq!(answer.ids(), [2, 3, 4]);
    }
    // Before 1970, and far ahead.
    let old = Window::new(Position(-10), Position(10)).expect("it is one");
    assert_eq!(bench.ids(&source, old).await, [] as [i64; 0]);
}

async fn windows_add_up(bench: &Bench<'_>) {
    let rows = (0..60).map(|id| event(id, id * 7 % 50));
    let (_, source) = bench.events("sums", rows.collect()).await;
    let whole = bench.ids(&source, window(0, 50)).await;
    assert_eq!(whole, (0..60).collect::<Vec<_>>());
    let mut parts = Vec::new();
    for (from, to) in [(0, 1), (1, 13), (13, 30), (30, 49), (49, 50)] {
        parts.extend(bench.ids(&source, window(from, to)).await);
    }
    parts.sort_unstable();
    assert_eq!(parts, whole);
}

async fn moments_are_floored(bench: &Bench<'_>) {
    let before = event(3, 0).with("at", Value::Time(Time::from_unix_nanos(-1_500)));
    let mut rows = vec![event(1, 10), event(2, 11)];
    if bench.habits.nanos {
        let nanos = |nanos: i64| {
            Value::Time(Time::from_unix_nanos(i128::from(START) * 1_000 + i128::from(nanos)))
        };
        rows.push(before);
        rows.push(event(4, 0).with("at", nanos(10_999)));
        rows.push(event(5, 0).with("at", nanos(9_999)));
        rows.push(event(6, 0).with("at", nanos(11_001)));
    }
    let (_, source) = bench.events("floors", rows).await;
    let answer = bench.ask(&source, everything(), window(10, 11)).await;
    if !bench.habits.nanos {
        assert_eq!(answer.ids(), [1]);
        return;
    }
    assert_eq!(answer.ids(), [1, 4]);
    assert_eq!(answer.with_id(4).position, window(10, 11).from(), "positions are floored too");
    assert_eq!(bench.ids(&source, window(9, 10)).await, [5]);
    assert_eq!(bench.ids(&source, window(11, 12)).await, [2, 6]);
    let old = Window::new(Position(-2), Position(-1)).expect("it is one");
    let answer = bench.ask(&source, everything(), old).await;
    assert_eq!(answer.ids(), [3], "floors go down, also before 1970");
    assert_eq!(answer.with_id(3).position, Position(-2));
    let next = Window::new(Position(-1), Position(0)).expect("it is one");
    assert_eq!(bench.ids(&source, next).await, [] as [i64; 0]);
}

async fn zones_are_heard(bench: &Bench<'_>) {
    if !bench.habits.offsets {
        return;
    }
    let at = |id: i64, text: &str| event(id, 0).with("at", text);
    let rows = vec![
        at(1, "2026-01-01T01:00:00.000005+01:00"),
        at(2, "2025-12-31T18:30:00.000005-05:30"),
        at(3, "2026-01-01T00:00:00.000005Z"),
        at(4, "2026-01-01T00:00:00.000005+14:00"),
        at(5, "2026-01-01T00:00:00+00:00"),
    ];
    let (_, source) = bench.events("zones", rows).await;
    let answer = bench.ask(&source, everything(), window(5, 6)).await;
    assert_eq!(answer.ids(), [1, 2, 3]);
    for one in &answer.matches {
        assert_eq!(one.event_time, Some(window(5, 6).from().moment()));
    }
    assert_eq!(bench.ids(&source, window(0, 5)).await, [5]);
    assert_eq!(bench.ids(&source, window(-14 * 3_600 * SECOND, 0)).await, [4]);
}

async fn rows_far_from_their_ingest_are_not_lost(bench: &Bench<'_>) {
    let rows = vec![
        event(1, 0).with("seen", moment(10 * SECOND)),
        event(2, 900 * 86_400 * SECOND).with("seen", moment(11 * SECOND)),
        event(3, -900 * 86_400 * SECOND).with("seen", moment(12 * SECOND)),
        event(4, 0).with("seen", moment(13 * SECOND)).with("at", Value::Null),
        event(5, 0).with("seen", moment(30 * SECOND)),
    ];
    let (_, mut source) = bench.events("far", rows).await;
    source.domain = Domain::IngestTime;
    source.ingest_time = Some("seen".into());
    source.lateness_max = Some(Duration::from_secs(3_600));
    let answer = bench.ask(&source, everything(), window(10 * SECOND, 20 * SECOND)).await;
    assert_eq!(answer.report.completeness, Completeness::Complete);
    assert_eq!(answer.ids(), [1, 2, 3, 4], "each of them once");
    assert_eq!(answer.with_id(4).event_time, None);
    if bench.habits.sql {
        let answer = bench
            .ask(&source, sql("SELECT id FROM {table}"), window(10 * SECOND, 20 * SECOND))
            .await;
        assert_eq!(answer.ids(), [1, 2, 3, 4], "each of them once");
    }
}

async fn windowed_questions_read_more(bench: &Bench<'_>) {
    if !bench.habits.sql {
        return;
    }
    let rows = (1..=5).map(|id| event(id, id * SECOND).with("host", "h"));
    let (_, source) = bench.events("wide", rows.collect()).await;
    let query = |class| Query::Sql {
        text: "SELECT host, count(*) AS n, max(at) AS _instant FROM {table} GROUP BY host".into(),
        values: Arc::new([]),
        class,
    };
    let class = QueryClass::Windowed { span: Duration::from_secs(3) };
    let mut asked = scan(&source, query(class), window(4 * SECOND, 6 * SECOND));
    asked.read = window(2 * SECOND, 6 * SECOND);
    let answer = bench.try_ask(&asked).await.expect("the engine answers");
    let counts: Vec<_> = answer.matches.iter().map(|one| one.row.get("n").cloned()).collect();
    assert_eq!(counts, [Some(Value::Int(4))], "rows 2 to 5 are read");
    // Where it completes, which the caller looks for in the window that is emitted.
    assert_eq!(answer.matches[0].position, window(5 * SECOND, 6 * SECOND).from());

    let mut asked = scan(&source, query(QueryClass::Opaque), window(3 * SECOND, 5 * SECOND));
    if let Query::Sql { text, .. } = &mut asked.query {
        *text = "SELECT host, count(*) AS n FROM {table} WHERE id > 0 GROUP BY host".into();
    }
    let answer = bench.try_ask(&asked).await.expect("the engine answers");
    let counts: Vec<_> = answer.matches.iter().map(|one| one.row.get("n").cloned()).collect();
    assert_eq!(counts, [Some(Value::Int(2))], "rows 3 and 4 are read");
    assert_eq!(answer.matches[0].position, Position(asked.emit.to().0 - 1));
}

async fn cursors_count_rows(bench: &Bench<'_>) {
    let rows: Vec<_> = (1..=4).map(|id| event(id, 10 - id)).collect();
    let (table, source) = bench.events("counted", rows).await;
    let Some(source) = bench.stand.by_cursor(source) else { return };
    let all = Window::new(Position(0), Position::MAX).expect("it is one");
    let answer = bench.ask(&source, everything(), all).await;
    assert_eq!(answer.ids(), [1, 2, 3, 4]);
    let places: Vec<_> = (1..=4).map(|id| answer.with_id(id).position).collect();
    assert!(places.windows(2).all(|two| two[0] <= two[1]), "in order of arrival: {places:?}");
    let stable = horizon_beyond(bench, &source, places[3]).await;
    let read = Window::new(places[0], stable).expect("it is one");
    assert_eq!(bench.ids(&source, read).await, [1, 2, 3, 4]);

    bench.stand.add(&table, &source.table, &[event(5, 1), event(6, 1)]).await;
    let later = horizon_beyond(bench, &source, stable).await;
    let rest = Window::new(stable, later).expect("rows were added");
    let answer = bench.ask(&source, everything(), rest).await;
    assert_eq!(answer.ids(), [5, 6], "nothing appears behind the horizon");
    assert_eq!(answer.with_id(5).event_time, Some(window(1, 2).from().moment()));
}

/// The horizon once it is beyond a position: what else the server does may hold it back for a while.
async fn horizon_beyond(bench: &Bench<'_>, source: &Source, position: Position) -> Position {
    let begun = Instant::now();
    loop {
        let stable = bench.engine.horizon(source).await.expect("there is one").stable;
        let stable = stable.expect("a cursor has a horizon");
        if stable > position {
            return stable;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "stuck at {stable:?}: {position:?}");
        tokio::task::yield_now().await;
    }
}

async fn a_horizon_has_a_clock(bench: &Bench<'_>) {
    let (_, source) = bench.events("horizon", vec![event(1, 1)]).await;
    let first = bench.engine.horizon(&source).await.expect("there is one");
    let second = bench.engine.horizon(&source).await.expect("there is one");
    assert_eq!(first.clock.is_some(), bench.habits.clock);
    assert!(first.clock <= second.clock, "{first:?} before {second:?}");
    if let Some(clock) = first.clock {
        assert!(clock.as_micros() > START, "a clock of these days: {clock}");
    }
    bench.engine.estimate(&source, day()).await.expect("an estimate may be empty but never fails");
}

async fn a_fingerprint_sees_changes(bench: &Bench<'_>) {
    let rows = vec![event(1, SECOND).with("host", "a"), event(2, 90_000 * SECOND)];
    let (table, source) = bench.events("prints", rows).await;
    let print = async || {
        bench.engine.fingerprint(&source, day()).await.expect("a fingerprint never fails here")
    };
    let before = print().await;
    assert_eq!(before.is_some(), bench.habits.fingerprint);
    assert_eq!(print().await, before, "nothing has changed");
    if before.is_some() {
        bench.stand.add(&table, &source.table, &[event(3, 2 * SECOND)]).await;
        let after = print().await;
        assert_ne!(after, before, "a row was added to the window");
        assert_eq!(print().await, after);
    }
}
