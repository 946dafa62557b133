//! What every [`Outbox`] and every [`Bookmarks`] must do.
//!
//! `reopen` is what a restart of the agent's process does: a disk outbox is opened again, one in
//! memory is handed back as it is.

use base::FlowId;
use base::HuntId;
use link::{Admission, Bookmark, Bookmarks, Outbox, OutboxError};
use model::monitoring::{Event, EventKind, RunId};
use model::results::AttemptId;
use wire::{
    FlowRequest, Monitoring, OfferId, ReportSays, SourceCount, Status, UploadPart, pack_events,
    pack_rows,
};

/// The bound of the outboxes that the suite asks for.
pub const BYTES_MAX: u64 = 4 << 20;

/// Runs all promises on outboxes with a bound of [`BYTES_MAX`].
pub fn suite<S: Outbox>(fresh: impl Fn() -> S, reopen: impl Fn(S) -> S) {
    a_request_is_kept_once(fresh(), &reopen);
    reports_are_numbered_without_gaps(fresh(), &reopen);
    reading_gives_at_least_one_and_not_much_more(&fresh());
    acknowledged_reports_are_gone(fresh(), &reopen);
    an_attempt_that_is_over_stays_over(fresh(), &reopen);
    what_is_not_held_takes_no_reports(&fresh());
    a_full_outbox_refuses_rows_but_not_the_end(&fresh());
    runs_need_no_request_and_leave_room_for_flows(fresh(), &reopen);
    what_had_begun_is_known_after_a_restart(fresh(), &reopen);
    requests_come_back_in_order_of_age(fresh(), &reopen);
}

fn attempt(flow: u128) -> AttemptId {
    AttemptId { flow: FlowId::from_bits(flow), attempt: 1 }
}

fn request(attempt: AttemptId) -> FlowRequest {
    FlowRequest { attempt: Some(attempt.into()), ..FlowRequest::default() }
}

fn rows(seq: u64) -> ReportSays {
    ReportSays::Rows(pack_rows("A", seq, &["{\"a\":1}".to_owned()]))
}

fn status(rows: u64) -> Status {
    let sources = vec![SourceCount { source: "A".to_owned(), rows, batches: rows }];
    Status { sources, ..Status::default() }
}

fn with_flow<S: Outbox>(outbox: S, flow: u128) -> S {
    outbox.accept(attempt(flow), &request(attempt(flow))).expect("there is room");
    outbox
}

fn numbers(outbox: &impl Outbox, after: u64) -> Vec<u64> {
    let reports = outbox.read(after, usize::MAX).expect("readable");
    reports.iter().map(|report| report.number).collect()
}

fn a_request_is_kept_once<S: Outbox>(outbox: S, reopen: &impl Fn(S) -> S) {
    let accept = |outbox: &S| outbox.accept(attempt(1), &request(attempt(1))).expect("room");
    assert_eq!(accept(&outbox), Admission::New);
    assert_eq!(accept(&outbox), Admission::Held);
    let outbox = reopen(outbox);
    assert_eq!(accept(&outbox), Admission::Held);
    let held = outbox.held().expect("readable");
    assert_eq!(held.len(), 1);
    assert_eq!((held[0].request.clone(), held[0].begun), (request(attempt(1)), false));
    assert_eq!(outbox.census().live, [attempt(1)]);
}

fn reports_are_numbered_without_gaps<S: Outbox>(outbox: S, reopen: &impl Fn(S) -> S) {
    let outbox = with_flow(with_flow(outbox, 1), 2);
    for seq in 0..3 {
        outbox.append(attempt(1), rows(seq)).expect("room");
    }
    let outbox = reopen(outbox);
    assert_eq!(outbox.append(attempt(2), rows(0)).expect("room"), 4);
    assert_eq!(outbox.finish(attempt(1), status(3)).expect("always"), 5);
    assert_eq!(numbers(&outbox, 0), [1, 2, 3, 4, 5]);
    assert_eq!(numbers(&outbox, 3), [4, 5]);
    assert_eq!(numbers(&outbox, 5), [0; 0]);
    assert_eq!(numbers(&outbox, u64::MAX), [0; 0]);
    let owners: Vec<_> = outbox.read(0, usize::MAX).expect("readable");
    assert_eq!(owners[3].attempt, attempt(2));
}

fn reading_gives_at_least_one_and_not_much_more(outbox: &impl Outbox) {
    outbox.accept(attempt(1), &request(attempt(1))).expect("room");
    for seq in 0..10 {
        outbox.append(attempt(1), rows(seq)).expect("room");
    }
    assert_eq!(outbox.read(0, 1).expect("readable").len(), 1);
    let some = outbox.read(0, 200).expect("readable").len();
    assert!((2..10).contains(&some), "{some} reports of about 50 bytes each");
}

fn acknowledged_reports_are_gone<S: Outbox>(outbox: S, reopen: &impl Fn(S) -> S) {
    let outbox = with_flow(outbox, 1);
    for seq in 0..4 {
        outbox.append(attempt(1), rows(seq)).expect("room");
    }
    outbox.acknowledge(2).expect("possible");
    outbox.acknowledge(1).expect("an older word changes nothing");
    let outbox = reopen(outbox);
    assert_eq!(numbers(&outbox, 0), [3, 4]);
    assert_eq!(outbox.census().acknowledged, 2);
    outbox.acknowledge(u64::MAX).expect("means all");
    let outbox = reopen(outbox);
    let census = outbox.census();
    assert_eq!((census.bytes, census.acknowledged, census.last), (0, 4, 4));
    assert_eq!(outbox.append(attempt(1), rows(4)).expect("room"), 5, "numbers go on");
}

fn an_attempt_that_is_over_stays_over<S: Outbox>(outbox: S, reopen: &impl Fn(S) -> S) {
    let outbox = with_flow(outbox, 1);
    outbox.begin(attempt(1)).expect("held");
    outbox.append(attempt(1), rows(0)).expect("room");
    outbox.finish(attempt(1), status(1)).expect("always");
    let again = |outbox: &S| outbox.accept(attempt(1), &request(attempt(1))).expect("known");
    assert_eq!(again(&outbox), Admission::Over);
    assert_eq!(numbers(&outbox, 0), [1, 2], "its status still waits, it is not added again");
    let outbox = reopen(outbox);
    assert_eq!(outbox.held().expect("readable").len(), 0);
    assert_eq!(outbox.census().live, [attempt(1)], "its reports wait");
    outbox.acknowledge(2).expect("possible");
    assert_eq!(outbox.census().live, []);
    let outbox = reopen(outbox);
    assert_eq!(again(&outbox), Admission::Over);
    assert_eq!(numbers(&outbox, 0), [3], "the server has lost it and hears the end again");
    assert!(matches!(outbox.finish(attempt(1), status(1)), Err(OutboxError::NotHeld(_))));
}

fn what_is_not_held_takes_no_reports(outbox: &impl Outbox) {
    let refused = |result: Result<u64, OutboxError>| {
        assert!(matches!(result, Err(OutboxError::NotHeld(_))), "{result:?}");
    };
    refused(outbox.append(attempt(9), rows(0)));
    refused(outbox.finish(attempt(9), status(0)));
    assert!(outbox.begin(attempt(9)).is_err());
    assert_eq!(numbers(outbox, 0), [0; 0]);
}

fn a_full_outbox_refuses_rows_but_not_the_end(outbox: &impl Outbox) {
    outbox.accept(attempt(1), &request(attempt(1))).expect("room");
    let part = |offset: u64| {
        let data = vec![7; 200_000];
        ReportSays::Upload(UploadPart { path: "/x".into(), offset, data, ..UploadPart::default() })
    };
    let taken =
        (0..100).take_while(|n| outbox.append(attempt(1), part(n * 200_000)).is_ok()).count();
    assert!((10..=21).contains(&taken), "{taken} parts of 200,000 bytes in 4 MiB");
    let full = outbox.append(attempt(1), part(0));
    assert!(matches!(full, Err(OutboxError::Full { .. })), "{full:?}");
    outbox.finish(attempt(1), status(0)).expect("the end always fits");
    outbox.acknowledge(u64::MAX).expect("possible");
    outbox.accept(attempt(2), &request(attempt(2))).expect("room");
    outbox.append(attempt(2), part(0)).expect("there is room again");
}

fn runs_need_no_request_and_leave_room_for_flows<S: Outbox>(outbox: S, reopen: &impl Fn(S) -> S) {
    let run = AttemptId::of_run(RunId(5));
    let large = |n: u64| {
        let text = format!("{{\"n\":\"{}\"}}", "x".repeat(200_000 + n as usize));
        let rows = vec![Event { observed: base::Timestamp::from_secs(1), json: text }];
        let mut events = pack_events("A", EventKind::Rows, n, rows);
        // As if it could not be packed.
        if let Some(rows) = &mut events.rows {
            rows.jsonl = vec![n as u8; 200_000];
        }
        ReportSays::Events(events)
    };
    let mut kept = 0;
    while outbox.append(run, large(kept)).is_ok() {
        kept += 1;
        assert!(kept < 1_000, "the outbox is bounded");
    }
    assert!(matches!(outbox.append(run, large(kept)), Err(OutboxError::Full { .. })));
    let outbox = reopen(outbox);
    let census = outbox.census();
    assert_eq!((census.last, census.live), (kept, vec![]));
    let outbox = with_flow(outbox, 1);
    outbox.append(attempt(1), rows(0)).expect("a flow finds room");
    assert_eq!(outbox.read(0, 1).expect("readable")[0].attempt, run);
    outbox.acknowledge(kept).expect("possible");
    outbox.append(run, large(kept)).expect("there is room again");
}

fn what_had_begun_is_known_after_a_restart<S: Outbox>(outbox: S, reopen: &impl Fn(S) -> S) {
    let outbox = with_flow(with_flow(outbox, 1), 2);
    outbox.begin(attempt(2)).expect("held");
    outbox.begin(attempt(2)).expect("twice is once");
    let outbox = reopen(outbox);
    let begun: Vec<bool> = outbox.held().expect("readable").iter().map(|held| held.begun).collect();
    assert_eq!(begun, [false, true]);
}

fn requests_come_back_in_order_of_age<S: Outbox>(outbox: S, reopen: &impl Fn(S) -> S) {
    let outbox = with_flow(with_flow(with_flow(outbox, 1), 2), 3);
    let outbox = reopen(outbox);
    let order: Vec<AttemptId> =
        outbox.held().expect("readable").iter().map(|held| held.attempt).collect();
    assert_eq!(order, [attempt(1), attempt(2), attempt(3)]);
}

/// Runs all promises of bookmarks. `reopen` is a restart in the middle of whatever was under way.
pub fn bookmark_suite<S: Bookmarks>(fresh: impl Fn() -> S, reopen: impl Fn(S) -> S) {
    let offer = |hunt| OfferId { hunt: HuntId::from_bits(hunt), round: 1, revision: 2 };

    let marks = fresh();
    assert_eq!((marks.bookmark(), marks.crashed()), (Bookmark::default(), vec![]));
    let bookmark = Bookmark { cursor: 1_700_000_000_000_000, recheck: 3 };
    marks.save(bookmark).expect("possible");
    let marks = reopen(marks);
    assert_eq!(marks.bookmark(), bookmark);

    marks.begin_query(&[offer(1)]).expect("possible");
    marks.end_query().expect("possible");
    let marks = reopen(marks);
    assert_eq!(marks.crashed(), [], "a query that came back did not crash");

    marks.begin_query(&[offer(1), offer(2)]).expect("possible");
    let marks = reopen(marks);
    assert_eq!(marks.crashed(), [offer(1), offer(2)]);
    marks.begin_query(&[offer(3)]).expect("possible");
    let marks = reopen(marks);
    assert_eq!(marks.crashed(), [offer(1), offer(2), offer(3)], "crashes add up");
    marks.begin_query(&[offer(4)]).expect("possible");
    marks.end_query().expect("possible");
    let marks = reopen(marks);
    assert_eq!(marks.crashed(), [offer(1), offer(2), offer(3)]);
    assert_eq!(marks.bookmark(), bookmark, "the cursor did not move by itself");
    marks.save(bookmark).expect("possible");
    let marks = reopen(marks);
    assert_eq!(marks.crashed(), [], "the server knows");

    assert_eq!(marks.monitoring(), Monitoring::default());
    let wanted = Monitoring { id: u64::MAX, wanted: vec![wire::Monitored::default()] };
    marks.save_monitoring(&wanted).expect("possible");
    let marks = reopen(marks);
    assert_eq!((marks.monitoring(), marks.bookmark()), (wanted, bookmark));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outbox_in_memory_keeps_its_promises() {
        suite(|| link::MemOutbox::new(BYTES_MAX), |outbox| outbox);
    }

    #[test]
    fn the_bookmarks_in_memory_keep_their_promises() {
        bookmark_suite(link::MemBookmarks::default, |marks| marks.reborn());
    }
}
