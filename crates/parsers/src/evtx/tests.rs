//! Logs of our own making, read back; and logs that are damaged.

use expect_test::{Expect, expect};
use proptest::prelude::*;
use rows::Value;

use super::writer::{Datum, LogWriter, NewEvent, TooLarge, filetime};
use super::*;

fn event<'e>(event_id: u16, data: &'e [(&'e str, Datum<'e>)]) -> NewEvent<'e> {
    NewEvent {
        provider: "Lycaon-Test",
        channel: "Security",
        computer: "host-1",
        event_id,
        level: 4,
        filetime: filetime(1_700_000_000) + 5_000_000,
        process_id: 77,
        data,
    }
}

/// All records of a log.
fn records(log: &[u8]) -> (Vec<Event>, Vec<String>) {
    check_header(log).unwrap();
    let chunks = log[HEADER_BYTES..].chunks(CHUNK_BYTES).map(|chunk| read_chunk(chunk.to_vec()));
    let mut all = (Vec::new(), Vec::new());
    for chunk in chunks {
        all.0.extend(chunk.events);
        all.1.extend(chunk.problems);
    }
    all
}

fn check(data: &[(&str, Datum<'_>)], wanted: Expect) {
    let mut log = LogWriter::default();
    log.push(&event(4688, data)).unwrap();
    let (events, problems) = records(&log.bytes());
    let rows: Vec<String> =
        events.iter().map(|event| Value::Dict(event.row.clone()).to_text().to_string()).collect();
    wanted.assert_eq(&rows.into_iter().chain(problems).collect::<Vec<_>>().join("\n"));
}

#[test]
fn a_record_has_the_columns_that_queries_expect() {
    check(
        &[
            ("NewProcessName", Datum::Text(r"C:\Windows\cmd.exe")),
            ("CommandLine", Datum::Text("say \"hi\"\tü \u{1F600}")),
            ("ExitCode", Datum::Number(5)),
            ("SubjectLogonId", Datum::Hex(0x3e7)),
        ],
        expect![[
            r#"{"System":{"Provider":{"Name":"Lycaon-Test"},"EventID":{"Value":4688},"Level":4,"TimeCreated":{"SystemTime":1700000000.5},"EventRecordID":1,"Execution":{"ProcessID":77},"Channel":"Security","Computer":"host-1"},"EventData":{"NewProcessName":"C:\\Windows\\cmd.exe","CommandLine":"say \"hi\"\tü 😀","ExitCode":5,"SubjectLogonId":"0x3e7"},"UserData":null}"#
        ]],
    );
    check(
        &[("", Datum::Text("one")), ("", Datum::Text("two"))],
        expect![[
            r#"{"System":{"Provider":{"Name":"Lycaon-Test"},"EventID":{"Value":4688},"Level":4,"TimeCreated":{"SystemTime":1700000000.5},"EventRecordID":1,"Execution":{"ProcessID":77},"Channel":"Security","Computer":"host-1"},"EventData":{"Data":["one","two"]},"UserData":null}"#
        ]],
    );
    check(
        &[("", Datum::Text("only"))],
        expect![[
            r#"{"System":{"Provider":{"Name":"Lycaon-Test"},"EventID":{"Value":4688},"Level":4,"TimeCreated":{"SystemTime":1700000000.5},"EventRecordID":1,"Execution":{"ProcessID":77},"Channel":"Security","Computer":"host-1"},"EventData":{"Data":["only"]},"UserData":null}"#
        ]],
    );
    check(
        &[],
        expect![[
            r#"{"System":{"Provider":{"Name":"Lycaon-Test"},"EventID":{"Value":4688},"Level":4,"TimeCreated":{"SystemTime":1700000000.5},"EventRecordID":1,"Execution":{"ProcessID":77},"Channel":"Security","Computer":"host-1"},"EventData":{},"UserData":null}"#
        ]],
    );
}

#[test]
fn many_records_fill_many_chunks_in_order() {
    let mut log = LogWriter::starting_at(10);
    let long = "x".repeat(200);
    for number in 0..1_000_u32 {
        let data = [("N", Datum::Number(number)), ("Text", Datum::Text(&long))];
        log.push(&event(1, if number % 3 == 0 { &data[..1] } else { &data })).unwrap();
    }
    let bytes = log.bytes();
    assert!(bytes.len() > HEADER_BYTES + 5 * CHUNK_BYTES);
    let (events, problems) = records(&bytes);
    assert_eq!(problems, [""; 0]);
    let ids: Vec<u64> = events.iter().map(|event| event.record_id).collect();
    assert_eq!(ids, (10..1_010).collect::<Vec<_>>());
    for (number, event) in (0..).zip(&events) {
        let Some(Value::Dict(data)) = event.row.get("EventData") else { panic!("no data") };
        assert!(matches!(data.get("N"), Some(Value::Int(found)) if *found == number));
    }
    let ranges: Vec<_> = bytes[HEADER_BYTES..].chunks(CHUNK_BYTES).filter_map(record_ids).collect();
    assert_eq!((*ranges[0].start(), *ranges[ranges.len() - 1].end()), (10, 1_009));
}

#[test]
fn an_event_larger_than_a_chunk_is_refused() {
    let long = "x".repeat(20_000);
    let data = [("A", Datum::Text(&long)), ("B", Datum::Text(&long))];
    assert_eq!(LogWriter::default().push(&event(1, &data)), Err(TooLarge));
}

#[test]
fn what_is_no_log_says_so() {
    assert_eq!(check_header(b""), Err(NotALog::Short));
    assert_eq!(check_header(b"ElfFile\0"), Err(NotALog::Short));
    assert_eq!(check_header(&[0; 5000]), Err(NotALog::OtherMagic));
    assert_eq!(read_chunk(vec![1; 7]).problems, ["the chunk is torn: 7 of 65536 bytes"]);
    assert_eq!(read_chunk(vec![0; CHUNK_BYTES]).problems, [""; 0]);
    assert_eq!(read_chunk(vec![7; CHUNK_BYTES]).problems.len(), 1);
}

#[test]
fn a_damaged_record_does_not_hide_the_others() {
    let mut log = LogWriter::default();
    for number in 0..20 {
        log.push(&event(1, &[("N", Datum::Number(number))])).unwrap();
    }
    let mut bytes = log.bytes();
    let mut starts = bytes.windows(4).enumerate().filter(|(_, four)| four == b"**\0\0");
    let (tenth, _) = starts.nth(9).unwrap();
    bytes[tenth + 24..tenth + 40].fill(0xEE);
    let (events, problems) = records(&bytes);
    assert_eq!((events.len(), problems.len()), (19, 1), "{problems:?}");
}

#[test]
fn messages_take_the_values_of_an_event() {
    let values = [Value::text("one"), Value::Int(2)];
    let check = |template: &str, wanted: &str| assert_eq!(fill(template, &values), wanted);
    check("a %1 b %2!s!%n%t100%%", "a one b 2\n\t100%");
    check("%3 %1%0", "%3 one");
    check("50% done %", "50% done %");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_in_a_chunk_panics(
        flips in proptest::collection::vec((0_usize..4_000, any::<u8>()), 1..40),
    ) {
        let mut log = LogWriter::default();
        for number in 0..12 {
            log.push(&event(1, &[("N", Datum::Number(number)), ("T", Datum::Text("some text"))])).unwrap();
        }
        let mut bytes = log.bytes().split_off(HEADER_BYTES);
        for (at, byte) in flips {
            bytes[at] = byte;
        }
        let chunk = read_chunk(bytes);
        prop_assert!(chunk.events.len() < 1_000);
    }
}
