//! Crashes and damage: cut at every byte, changed at every byte, a missing segment.

use std::fs;
use std::path::{Path, PathBuf};

use base::FlowId;
use link::{Admission, Outbox};
use model::results::AttemptId;
use prost::Message;
use spool::{DiskOutbox, Recovery};
use wire::{FlowRequest, Report, ReportSays, SourceCount, Status, UploadPart, pack_rows};

const BYTES_MAX: u64 = 4 << 20;

fn attempt(flow: u128) -> AttemptId {
    AttemptId { flow: FlowId::from_bits(flow), attempt: 1 }
}

fn open(folder: &Path) -> (DiskOutbox, Recovery) {
    DiskOutbox::open(folder, BYTES_MAX).unwrap()
}

fn take(outbox: &DiskOutbox, flow: u128) {
    let request = FlowRequest { attempt: Some(attempt(flow).into()), ..FlowRequest::default() };
    outbox.accept(attempt(flow), &request).unwrap();
    outbox.begin(attempt(flow)).unwrap();
}

fn rows(outbox: &DiskOutbox, flow: u128, seq: u64) {
    let rows = pack_rows("A", seq, &[format!("{{\"flow\":{flow},\"seq\":{seq}}}")]);
    outbox.append(attempt(flow), ReportSays::Rows(rows)).unwrap();
}

fn finish(outbox: &DiskOutbox, flow: u128, rows: u64) {
    let sources = vec![SourceCount { source: "A".into(), rows, batches: rows }];
    outbox.finish(attempt(flow), Status { sources, ..Status::default() }).unwrap();
}

/// What waits, shortly: `flow.seq` for rows, `flow!` for an end, `flow!class` for a failure.
fn waiting(outbox: &DiskOutbox) -> Vec<String> {
    let census = outbox.census();
    let expected = census.acknowledged + 1..;
    let mut words = Vec::new();
    for (stored, expected) in outbox.read(0, usize::MAX).unwrap().into_iter().zip(expected) {
        assert_eq!(stored.number, expected, "numbers have no gap");
        let report = Report::decode(stored.bytes.as_slice()).unwrap();
        assert_eq!(report.number, stored.number);
        let flow = stored.attempt.flow.bits();
        words.push(match report.says.unwrap() {
            ReportSays::Rows(rows) => format!("{flow}.{}", rows.seq),
            ReportSays::Status(status) => format!("{flow}!{}", status.failure),
            other => format!("{other:?}"),
        });
    }
    words
}

fn only_segment(folder: &Path) -> PathBuf {
    let segments: Vec<PathBuf> = segments(folder);
    assert_eq!(segments.len(), 1);
    segments.into_iter().next().unwrap()
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|e| e == "seg")).collect();
    paths.sort();
    paths
}

/// Copies a spool into a new folder.
fn copy(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    fs::create_dir(to.path().join("flows")).unwrap();
    for folder in ["", "flows"] {
        for entry in fs::read_dir(from.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                fs::copy(&path, to.path().join(folder).join(path.file_name().unwrap())).unwrap();
            }
        }
    }
    to
}

/// Flow 1 is over, flow 2 is being evaluated.
fn two_flows() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (outbox, recovery) = open(folder.path());
    assert_eq!(recovery, Recovery::default());
    take(&outbox, 1);
    take(&outbox, 2);
    rows(&outbox, 1, 0);
    rows(&outbox, 2, 0);
    rows(&outbox, 1, 1);
    finish(&outbox, 1, 2);
    rows(&outbox, 2, 1);
    folder
}

#[test]
fn a_kill_at_every_byte_keeps_whole_reports_and_goes_on() {
    let folder = two_flows();
    let whole = fs::read(only_segment(folder.path())).unwrap();
    let all = ["1.0", "2.0", "1.1", "1!", "2.1"];
    for cut in 0..=whole.len() {
        let copy = copy(folder.path());
        fs::write(only_segment(copy.path()), &whole[..cut]).unwrap();
        // What was appended later cannot have been answered with Ok yet, so neither can the end.
        if cut < whole.len() {
            fs::remove_file(copy.path().join(format!("flows/{}-1.over", FlowId::from_bits(1))))
                .unwrap();
        }
        let (outbox, recovery) = open(copy.path());
        let kept = waiting(&outbox);
        assert_eq!(kept, all[..kept.len()], "cut at {cut}");
        assert_eq!(recovery.damaged, [], "cut at {cut}: a torn end is not damage");
        let over = kept.contains(&"1!".to_owned());
        let held: Vec<_> = outbox.held().unwrap().iter().map(|held| held.attempt).collect();
        assert!(!held.contains(&attempt(1)), "its request was removed at the end");
        assert!(held.contains(&attempt(2)), "cut at {cut}");
        rows(&outbox, 2, 9);
        drop(outbox);
        let (outbox, recovery) = open(copy.path());
        assert_eq!(recovery.torn_bytes, 0);
        assert_eq!(waiting(&outbox)[kept.len()..], ["2.9"], "cut at {cut}, over: {over}");
    }
}

#[test]
fn a_status_on_disk_means_over_whatever_the_flow_file_says() {
    let folder = two_flows();
    let file = |ending| folder.path().join(format!("flows/{}-1.{ending}", FlowId::from_bits(1)));
    fs::rename(file("over"), file("begun")).unwrap();
    let (outbox, _) = open(folder.path());
    let held: Vec<_> = outbox.held().unwrap().iter().map(|held| held.attempt).collect();
    assert_eq!(held, [attempt(2)]);
    let request = FlowRequest { attempt: Some(attempt(1).into()), ..FlowRequest::default() };
    assert_eq!(outbox.accept(attempt(1), &request).unwrap(), Admission::Over);
}

#[test]
fn damage_at_any_byte_ends_the_attempts_that_it_hit_and_no_others() {
    let folder = two_flows();
    {
        let (outbox, _) = open(folder.path());
        take(&outbox, 3);
        rows(&outbox, 3, 0);
        finish(&outbox, 3, 1);
    }
    let first = segments(folder.path())[0].clone();
    let whole = fs::read(&first).unwrap();
    for at in 0..whole.len() {
        let copy = copy(folder.path());
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        fs::write(copy.path().join(first.file_name().unwrap()), bytes).unwrap();
        let (outbox, recovery) = open(copy.path());
        assert!(recovery.unreadable_bytes > 0, "byte {at}");
        let left = waiting(&outbox);
        // Flow 3 began after the damage and lost nothing.
        assert!(
            left.contains(&"3.0".to_owned()) && left.contains(&"3!".to_owned()),
            "{at}: {left:?}"
        );
        for flow in ["1", "2"] {
            let rows = left.iter().filter(|word| word.starts_with(&format!("{flow}."))).count();
            let whole = rows == 2;
            let failed = left.contains(&format!("{flow}!incomplete"));
            let evaluating = flow == "2";
            assert!(whole != failed || evaluating, "byte {at}: {left:?}");
            assert!(!evaluating || rows == 2 || rows == 0, "byte {at}: {left:?}");
        }
        drop(outbox);
        let (outbox, recovery) = open(copy.path());
        assert_eq!((recovery.unreadable_bytes, waiting(&outbox)), (0, left), "mended once");
    }
}

#[test]
fn a_missing_segment_is_damage() {
    let folder = tempfile::tempdir().unwrap();
    {
        let (outbox, _) = open(folder.path());
        take(&outbox, 1);
        for number in 0..12 {
            let data = vec![3; 250_000];
            let offset = number * 250_000;
            let part = UploadPart { path: "/x".into(), offset, data, ..UploadPart::default() };
            outbox.append(attempt(1), ReportSays::Upload(part)).unwrap();
        }
        finish(&outbox, 1, 0);
    }
    let all = segments(folder.path());
    assert!(all.len() > 2, "{all:?}");
    fs::remove_file(&all[1]).unwrap();
    let (outbox, recovery) = open(folder.path());
    assert_eq!(recovery.damaged, [attempt(1)]);
    assert_eq!(waiting(&outbox), ["1!incomplete"]);
}

#[test]
fn damage_found_while_reading_becomes_the_end_of_the_attempt() {
    let folder = two_flows();
    let (outbox, _) = open(folder.path());
    let path = only_segment(folder.path());
    let mut bytes = fs::read(&path).unwrap();
    bytes[30] ^= 1;
    fs::write(&path, bytes).unwrap();
    assert_eq!(waiting(&outbox), ["1!incomplete", "2.0", "1.1", "1!", "2.1"]);
}

#[test]
fn the_disk_is_never_used_beyond_the_bound() {
    let folder = tempfile::tempdir().unwrap();
    let (outbox, _) = open(folder.path());
    take(&outbox, 1);
    let mut sent = 0u64;
    for round in 0..200u64 {
        let data = vec![round as u8; 100_000];
        let part = UploadPart { path: "/x".into(), offset: round, data, ..UploadPart::default() };
        if outbox.append(attempt(1), ReportSays::Upload(part)).is_err() {
            sent += 1;
            outbox.acknowledge(sent).unwrap();
        }
        let used: u64 =
            segments(folder.path()).iter().map(|p| fs::metadata(p).unwrap().len()).sum();
        assert!(used <= BYTES_MAX + 200_000, "{used} bytes in round {round}");
    }
    assert!(sent > 50, "the bound was reached");
}

#[test]
fn two_agents_cannot_share_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (_first, _) = open(folder.path());
    let refused = DiskOutbox::open(folder.path(), BYTES_MAX).unwrap_err();
    let text = base::Chain(&refused).to_string();
    assert!(text.contains("another agent is running with this state folder"), "{text}");
}

#[test]
fn a_lost_acknowledged_number_only_sends_again() {
    let folder = two_flows();
    let (outbox, _) = open(folder.path());
    outbox.acknowledge(2).unwrap();
    drop(outbox);
    fs::write(folder.path().join("acknowledged"), "").unwrap();
    let (outbox, recovery) = open(folder.path());
    assert_eq!(recovery.damaged, []);
    assert_eq!(waiting(&outbox), ["1.0", "2.0", "1.1", "1!", "2.1"]);
}

#[test]
fn an_unreadable_request_ends_its_attempt() {
    let folder = two_flows();
    let request = folder.path().join("flows").join(format!("{}-1.begun", FlowId::from_bits(2)));
    fs::write(request, "garbage").unwrap();
    let (outbox, recovery) = open(folder.path());
    assert_eq!(recovery.damaged, [attempt(2)]);
    assert_eq!(waiting(&outbox).last().unwrap(), "2!incomplete");
    assert_eq!(outbox.held().unwrap(), []);
}
