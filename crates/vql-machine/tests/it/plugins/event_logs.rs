//! Windows event logs, of our own making: read whole, and followed.

use std::io::Write;

use expect_test::expect;
use parsers::evtx::writer::{Datum, LogWriter, NewEvent, filetime};
use vql_eval::Program;

use super::events::again_and_again;
use super::question::{Asker, Tree};

/// A log of logons, numbered from `first`.
fn log(first: u64, count: u32) -> Vec<u8> {
    let mut log = LogWriter::starting_at(first);
    for number in 0..count {
        let user = format!("user-{number}");
        let data = [("TargetUserName", Datum::Text(&user)), ("LogonType", Datum::Number(3))];
        let event = NewEvent {
            provider: "Microsoft-Windows-Security-Auditing",
            channel: "Security",
            computer: "dc1",
            event_id: 4624,
            level: 0,
            filetime: filetime(1_700_000_000 + u64::from(number)),
            process_id: 600,
            data: &data,
        };
        log.push(&event).unwrap();
    }
    log.bytes()
}

#[test]
fn logs_are_read() {
    let tree = Tree::new(&[("a.evtx", &log(1, 3)), ("b.evtx", b"nonsense")]);
    expect![[r#"
        {"ID":4624,"N":1,"C":"dc1","T":"2023-11-14T22:13:20Z","User":"user-0","Type":3,"UserData":null}
        {"ID":4624,"N":2,"C":"dc1","T":"2023-11-14T22:13:21Z","User":"user-1","Type":3,"UserData":null}
        {"ID":4624,"N":3,"C":"dc1","T":"2023-11-14T22:13:22Z","User":"user-2","Type":3,"UserData":null}
        log: parse_evtx: `{}/b.evtx`: it does not begin with `ElfFile`, so it is no event log of Windows Vista or later
        log: parse_evtx: `{}/c.evtx` does not exist"#]].assert_eq(&tree.ask(
        "SELECT System.EventID.Value AS ID, System.EventRecordID AS N, System.Computer AS C, \
         timestamp(epoch=System.TimeCreated.SystemTime) AS T, EventData.TargetUserName AS User, \
         EventData.LogonType AS Type, UserData \
         FROM parse_evtx(filename=['{}/a.evtx', '{}/b.evtx', '{}/c.evtx'])",
    ));
}

#[test]
fn any_number_of_workers_gives_the_same_rows_in_order() {
    let tree = Tree::new(&[("a.evtx", &log(1, 2_000))]);
    let ask = |workers: usize| {
        tree.ask(&format!(
            "LET rows <= SELECT System.EventRecordID AS N FROM parse_evtx(filename='{{}}/a.evtx', \
             workers={workers})\nSELECT len(list=rows) AS Count, rows[0].N AS First, \
             rows[1999].N AS Last FROM scope()"
        ))
    };
    expect![[r#"{"Count":2000,"First":1,"Last":2000}"#]].assert_eq(&ask(1));
    assert_eq!(ask(1), ask(3));
}

#[test]
fn a_damaged_log_gives_the_rest() {
    let mut bytes = log(1, 2_000);
    bytes[4096 + 65_536..4096 + 65_536 + 8].copy_from_slice(b"garbage!");
    bytes.truncate(bytes.len() - 100);
    let tree = Tree::new(&[("a.evtx", &bytes)]);
    let answer = tree.ask("SELECT count() AS N FROM parse_evtx(filename='{}/a.evtx') GROUP BY 1");
    let lines: Vec<&str> = answer.lines().collect();
    assert!(lines[0].starts_with("{\"N\":"), "{answer}");
    assert!(lines[1].contains("chunk 1: "), "{answer}");
    assert!(lines[2].contains("the chunk is torn"), "{answer}");
}

#[test]
fn messages_come_from_a_database() {
    let tree = Tree::new(&[("a.evtx", &log(1, 1)), ("bad.db", b"nonsense")]);
    let database = rusqlite::Connection::open(tree.path().join("m.db")).unwrap();
    database
        .execute_batch(
            "CREATE TABLE providers(id INTEGER, name TEXT);
             CREATE TABLE messages(provider_id INTEGER, event_id INTEGER, message TEXT);
             INSERT INTO providers VALUES (7, 'Microsoft-Windows-Security-Auditing');
             INSERT INTO messages VALUES (7, 4624, 'Logon of %1, type %2!s!.%n');",
        )
        .unwrap();
    expect![[r#"{"Message":"Logon of user-0, type 3.\n"}"#]].assert_eq(
        &tree.ask("SELECT Message FROM parse_evtx(filename='{}/a.evtx', messagedb='{}/m.db')"),
    );
    let answer = tree.ask(
        "SELECT EventData.LogonType AS Type FROM parse_evtx(filename='{}/a.evtx', messagedb='{}/bad.db')",
    );
    assert!(
        answer.starts_with("{\"Type\":3}\nlog: parse_evtx: messages are not rendered: "),
        "{answer}"
    );
}

/// The numbers of the first records that a followed log gives, while `write` changes it.
fn followed(tree: &Tree, limit: usize, write: impl FnMut(usize) + Send) -> Vec<i64> {
    let asker = Asker::new();
    let query = format!(
        "SELECT System.EventRecordID AS N FROM watch_evtx(filename='{}') LIMIT {limit}",
        tree.path().join("a.evtx").display()
    );
    let program = Program::compile(&query, &asker.catalog).unwrap();
    let (run, _) = asker.run();
    let mut numbers = Vec::new();
    again_and_again(write, || {
        numbers = run.rows(&program).map(|row| number(&row.row)).collect();
    });
    numbers
}

fn number(row: &rows::Row) -> i64 {
    match row.get("N") {
        Some(rows::Value::Int(number)) => *number,
        other => panic!("a number is wanted: {other:?}"),
    }
}

#[test]
fn a_log_that_grows_is_followed() {
    let tree = Tree::new(&[]);
    let path = tree.path().join("a.evtx");
    let numbers = followed(&tree, 900, |round| {
        // In place, as Windows does it.
        let bytes = log(1, 300 * (u32::try_from(round).unwrap() + 1));
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .unwrap();
        file.write_all(&bytes).unwrap();
    });
    assert_eq!(numbers, (1..=900).collect::<Vec<_>>());
}

#[test]
fn a_log_that_is_replaced_is_read_from_its_start() {
    let tree = Tree::new(&[("a.evtx", &log(1, 50))]);
    // Again and again, because the question may begin when the new log is already there.
    let numbers = followed(&tree, 6, |_| {
        let new = tree.path().join("new.evtx");
        std::fs::write(&new, log(1, 6)).unwrap();
        std::fs::rename(&new, tree.path().join("a.evtx")).unwrap();
    });
    assert_eq!(numbers, (1..=6).collect::<Vec<_>>());
}
