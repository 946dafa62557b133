//! What every store of the monitoring table and of events must do.

use base::{ClientId, Timestamp};
use flows::monitoring::{EventPlace, EventScan, EventsAppended};
use model::flow::ArtifactCall;
use model::monitoring::{
    Day, Event, EventBatch, EventKind, EventQuery, EventRow, EventScope, MonitoringChange,
    MonitoringEntry, MonitoringLimits, MonitoringTable, RunId,
};
use model::results::{ColumnFilter, Comparison};
use model::store::StoreError;

use crate::stores::{Stores, at};

/// Runs all promises about monitoring, each on records of its own.
pub async fn monitoring_suite(fresh: impl AsyncFn() -> Stores) {
    the_table_is_kept_and_never_overwritten_unseen(fresh().await).await;
    a_batch_is_stored_once(fresh().await).await;
    a_batch_that_is_not_rows_is_refused_whole(fresh().await).await;
    rows_and_log_of_a_source_are_apart(fresh().await).await;
    rows_belong_to_the_day_of_their_arrival(fresh().await).await;
    pages_filter_sort_and_keep_to_their_time(fresh().await).await;
    a_scan_gives_every_row_once_and_goes_on_later(fresh().await).await;
    old_days_are_forgotten(fresh().await).await;
}

const DAY: i64 = 86_400;

fn batch(run: u128, seq: u64, rows: &[&str]) -> EventBatch {
    let event = |(n, row): (usize, &&str)| Event {
        observed: at(-5).plus(std::time::Duration::from_millis(n as u64)),
        json: (*row).to_owned(),
    };
    EventBatch {
        run: RunId(run),
        source: "A".into(),
        kind: EventKind::Rows,
        seq,
        events: rows.iter().enumerate().map(event).collect(),
    }
}

fn scope(client: ClientId) -> EventScope {
    let source = "A".to_owned();
    EventScope { client: Some(client), source, kind: EventKind::Rows, from: None, to: None }
}

fn query(scope: EventScope) -> EventQuery {
    EventQuery { scope, search: None, filters: vec![], sort: None, offset: 0, limit: 50 }
}

async fn take(stores: &Stores, client: ClientId, batch: EventBatch, now: Timestamp) {
    let appended = stores.monitoring.append_events(client, &batch, now).await.unwrap();
    assert_eq!(appended, EventsAppended::Stored);
}

fn texts(rows: &[EventRow]) -> Vec<&str> {
    rows.iter().map(|row| row.json.as_str()).collect()
}

async fn page(stores: &Stores, query: EventQuery) -> (Vec<String>, u64) {
    let page = stores.monitoring.event_page(&query).await.unwrap();
    (page.rows.into_iter().map(|row| row.json).collect(), page.total)
}

async fn the_table_is_kept_and_never_overwritten_unseen(stores: Stores) {
    let table = stores.monitoring.monitoring_table().await.unwrap();
    assert_eq!(table, MonitoringTable::default());
    let entry = MonitoringEntry {
        label: Some("web".into()),
        call: ArtifactCall {
            name: "Linux.Events.Processes".into(),
            parameters: vec![("pattern".into(), "ssh".into())],
        },
        limits: MonitoringLimits { cpu_percent: 5, ..MonitoringLimits::default() },
    };
    let first = table.after(MonitoringChange::Add(entry)).unwrap();
    stores.monitoring.keep_monitoring_table(&first).await.unwrap();
    assert_eq!(stores.monitoring.monitoring_table().await.unwrap(), first);
    let other = table.after(MonitoringChange::Add(first.entries[0].clone())).unwrap();
    let refused = stores.monitoring.keep_monitoring_table(&other).await;
    assert!(matches!(refused, Err(StoreError::Conflict { .. })));
    let empty = first.after(MonitoringChange::Set(vec![])).unwrap();
    stores.monitoring.keep_monitoring_table(&empty).await.unwrap();
    assert_eq!(stores.monitoring.monitoring_table().await.unwrap(), empty);
}

async fn a_batch_is_stored_once(stores: Stores) {
    let client = stores.enrol(1).await;
    let again = async |batch: &EventBatch| {
        stores.monitoring.append_events(client, batch, at(9)).await.unwrap()
    };
    take(&stores, client, batch(1, 0, &["{\"n\":0}", "{\"n\":1}"]), at(1)).await;
    assert_eq!(again(&batch(1, 0, &["{\"n\":7}"])).await, EventsAppended::Duplicate);
    take(&stores, client, batch(1, 1, &["{\"n\":2}"]), at(2)).await;
    // Another run counts for itself, and so does another client.
    take(&stores, client, batch(2, 0, &["{\"n\":3}"]), at(3)).await;
    take(&stores, stores.enrol(2).await, batch(1, 0, &["{\"n\":9}"]), at(3)).await;
    // What this store lost is not sent again.
    take(&stores, client, batch(1, 5, &["{\"n\":4}"]), at(4)).await;
    assert_eq!(again(&batch(1, 3, &["{\"n\":7}"])).await, EventsAppended::Duplicate);
    let all = stores.monitoring.event_page(&query(scope(client))).await.unwrap();
    assert_eq!(texts(&all.rows), ["{\"n\":0}", "{\"n\":1}", "{\"n\":2}", "{\"n\":3}", "{\"n\":4}"]);
    assert_eq!(all.total, 5);
    let second = &all.rows[1];
    assert_eq!((second.stored, second.observed.as_micros() % 1_000_000), (at(1), 1_000));
}

async fn a_batch_that_is_not_rows_is_refused_whole(stores: Stores) {
    let client = stores.enrol(1).await;
    let bad = batch(1, 0, &["{}", "[1]"]);
    let refused = stores.monitoring.append_events(client, &bad, at(1)).await.unwrap();
    assert!(matches!(refused, EventsAppended::Refused(why) if why.contains("row 1")));
    assert_eq!(page(&stores, query(scope(client))).await, (vec![], 0));
    take(&stores, client, batch(1, 0, &["{\n}"]), at(1)).await;
    assert_eq!(page(&stores, query(scope(client))).await, (vec!["{ }".to_owned()], 1));
}

async fn rows_and_log_of_a_source_are_apart(stores: Stores) {
    let client = stores.enrol(1).await;
    let line = wire::log_event("WARN", "no \"such\" file");
    let log = EventBatch { kind: EventKind::Log, ..batch(1, 0, &[&line]) };
    take(&stores, client, log, at(1)).await;
    take(&stores, client, batch(1, 0, &["{}"]), at(1)).await;
    assert_eq!(page(&stores, query(scope(client))).await.0, ["{}"]);
    let of_log = EventScope { kind: EventKind::Log, ..scope(client) };
    let (lines, total) = page(&stores, query(of_log)).await;
    assert_eq!((lines[0].as_str(), total), (r#"{"level":"WARN","text":"no \"such\" file"}"#, 1));
}

async fn rows_belong_to_the_day_of_their_arrival(stores: Stores) {
    let client = stores.enrol(1).await;
    take(&stores, client, batch(1, 0, &[r#"{"a":1}"#]), at(0)).await;
    take(&stores, client, batch(1, 1, &[r#"{"b":1,"a":2}"#, "{}"]), at(0)).await;
    take(&stores, client, batch(1, 2, &["{}"]), at(DAY)).await;
    take(&stores, stores.enrol(2).await, batch(1, 0, &["{}"]), at(DAY)).await;
    let days = stores.monitoring.event_days(Some(client)).await.unwrap();
    let shown: Vec<_> = days.iter().map(|day| (day.day, day.rows, day.bytes)).collect();
    let first = Day::of(at(0));
    assert_eq!(shown, [(first, 3, 7 + 13 + 2), (Day(first.0 + 1), 1, 2)]);
    assert_eq!(days[0].columns, ["a", "b"]);
    assert_eq!(stores.monitoring.event_days(None).await.unwrap().len(), 3);
}

async fn pages_filter_sort_and_keep_to_their_time(stores: Stores) {
    let client = stores.enrol(1).await;
    for n in 0..6u64 {
        let rows = [format!("{{\"n\":{n},\"half\":0}}"), format!("{{\"n\":{n},\"half\":1}}")];
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        take(&stores, client, batch(1, n, &rows), at(n as i64 * DAY / 2)).await;
    }
    let filter = |column: &str, text: &str| ColumnFilter {
        column: column.into(),
        comparison: Comparison::Equals,
        text: text.into(),
    };
    let half = EventQuery {
        filters: vec![filter("half", "1"), filter("_hostname", "host-1")],
        sort: Some(("n".into(), true)),
        limit: 2,
        ..query(scope(client))
    };
    let wanted = [r#"{"n":5,"half":1}"#, r#"{"n":4,"half":1}"#].map(str::to_owned).to_vec();
    assert_eq!(page(&stores, half).await, (wanted, 6));
    let (from, to) = (Some(at(DAY / 2)), Some(at(DAY)));
    let between = EventScope { from, to, ..scope(client) };
    let plain = EventQuery { offset: 1, ..query(between.clone()) };
    assert_eq!(page(&stores, plain).await, (vec![r#"{"n":1,"half":1}"#.to_owned()], 2));
    let searched = EventQuery { search: Some("1".into()), ..query(between) };
    assert_eq!(page(&stores, searched).await.1, 2);
    let everybody = EventScope { client: None, ..scope(client) };
    assert_eq!(page(&stores, query(everybody)).await.1, 12);
    let unknown = EventScope { source: "B".into(), ..scope(client) };
    assert_eq!(page(&stores, query(unknown)).await, (vec![], 0));
}

async fn a_scan_gives_every_row_once_and_goes_on_later(stores: Stores) {
    let client = stores.enrol(1).await;
    for n in 0..5u64 {
        let row = format!("{{\"n\":{n}}}");
        take(&stores, client, batch(1, n, &[&row, &row]), at(n as i64 * DAY / 2)).await;
    }
    let mut scan = EventScan { scope: scope(client), after: EventPlace::default(), rows: 3 };
    let mut met = Vec::new();
    loop {
        let piece = stores.monitoring.scan_events(&scan).await.unwrap();
        met.extend(piece.rows.into_iter().map(|row| row.json));
        scan.after = piece.place;
        if piece.end {
            break;
        }
    }
    let wanted: Vec<String> =
        (0..5).flat_map(|n| [format!("{{\"n\":{n}}}"), format!("{{\"n\":{n}}}")]).collect();
    assert_eq!(met, wanted);
    assert_eq!(stores.monitoring.newest_event().await.unwrap(), scan.after);
    take(&stores, client, batch(1, 9, &["{\"later\":1}"]), at(9 * DAY)).await;
    let later = stores.monitoring.scan_events(&scan).await.unwrap();
    assert_eq!(texts(&later.rows), ["{\"later\":1}"]);
    let everybody = EventScope { client: None, ..scope(client) };
    let all = EventScan { scope: everybody, after: EventPlace::default(), rows: 1_000 };
    assert_eq!(stores.monitoring.scan_events(&all).await.unwrap().rows.len(), 11);
}

async fn old_days_are_forgotten(stores: Stores) {
    let client = stores.enrol(1).await;
    for n in 0..4u64 {
        take(&stores, client, batch(1, n, &["{}"]), at(n as i64 * DAY)).await;
    }
    let first = Day(Day::of(at(0)).0 + 2);
    while stores.monitoring.forget_events(first).await.unwrap() {}
    assert_eq!(page(&stores, query(scope(client))).await.1, 2);
    let days = stores.monitoring.event_days(Some(client)).await.unwrap();
    assert_eq!(days.iter().map(|day| day.day).collect::<Vec<_>>(), [first, Day(first.0 + 1)]);
    let late = stores.monitoring.append_events(client, &batch(1, 1, &["{}"]), at(9 * DAY)).await;
    assert_eq!(late.unwrap(), EventsAppended::Duplicate, "what was forgotten does not come back");
}
