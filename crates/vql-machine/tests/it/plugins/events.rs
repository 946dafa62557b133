//! Logs that are read whole and logs that are followed.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use expect_test::expect;
use vql_eval::Program;

use super::question::{Asker, Tree};

/// Two journals of a real machine, of 26 entries each.
fn journal(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../parsers/src/journald/samples");
    zstd::decode_all(&*std::fs::read(folder.join(name)).unwrap()).unwrap()
}

#[test]
fn journals_are_read() {
    let tree =
        Tree::new(&[("a.journal", &journal("compact.journal.zst")), ("b.journal", b"nonsense")]);
    expect![[r#"
        {"M":"hello journal","I":"tester","H":"web1","E":null,"T":"2026-11-22","Twice":null}
        {"M":"two words twice","I":"tester","H":"web1","E":null,"T":"2026-11-22","Twice":["a","b"]}
        log: parse_journald: `{}/b.journal`: this is no journal file: it does not begin with LPKSHHRH"#]]
    .assert_eq(&tree.ask(
        "SELECT EventData.MESSAGE AS M, EventData.SYSLOG_IDENTIFIER AS I, System._HOSTNAME AS H, \
         System._EXE AS E, substr(str=str(str=System.Timestamp), start=0, end=10) AS T, \
         EventData.TWICE AS Twice \
         FROM parse_journald(filename=['{}/a.journal', '{}/b.journal']) WHERE I = 'tester'",
    ));
    expect![[r#"{"Data":"MESSAGE=hello journal","Seqnum":3}"#]].assert_eq(&tree.ask(
        "SELECT filter(list=Data, regex='^MESSAGE=')[0] AS Data, Seqnum \
         FROM parse_journald(filename='{}/a.journal', raw=TRUE) WHERE Seqnum = 3",
    ));
}

#[test]
fn journals_are_read_between_two_moments() {
    let tree = Tree::new(&[("a", &journal("plain.journal.zst"))]);
    let all = "LET entries <= SELECT System.Timestamp AS T, System.Seqnum AS S \
               FROM parse_journald(filename='{}/a')\n";
    expect![[r#"{"First":"4","Last":"9","Count":6}"#]].assert_eq(&tree.ask(&format!(
        "{all}LET some <= SELECT System.Seqnum AS S FROM parse_journald(filename='{{}}/a', \
         start_time=entries[3].T, end_time=entries[9].T)\n\
         SELECT str(str=some[0].S) AS First, str(str=some[-1].S) AS Last, len(list=some) AS Count \
         FROM scope()"
    )));
}

/// Does something every now and then until the question is answered: a stream is started by asking
/// for its first row, so nobody knows when it began to look.
fn again_and_again(mut work: impl FnMut(usize) + Send, question: impl FnOnce()) {
    /// Also set when the question panics.
    struct Answered<'a>(&'a AtomicBool);
    impl Drop for Answered<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let answered = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0.. {
                std::thread::park_timeout(Duration::from_millis(200));
                if answered.load(Ordering::Relaxed) {
                    return;
                }
                work(round);
            }
        });
        let _answered = Answered(&answered);
        question();
    });
}

#[test]
fn a_journal_that_is_replaced_is_followed() {
    let tree = Tree::new(&[]);
    let asker = Asker::new();
    let path = tree.path().join("system.journal");
    let query = format!(
        "SELECT EventData.MESSAGE AS M FROM watch_journald(filename='{}') WHERE M =~ '^number'",
        path.display()
    );
    let program = Program::compile(&query, &asker.catalog).unwrap();
    let (run, log) = asker.run();
    let mut rows = run.rows(&program);
    let numbers = |rows: &mut vql_eval::Rows| -> Vec<String> {
        rows.take(20).map(|row| row.row.get("M").unwrap().to_text().to_string()).collect()
    };
    let wanted: Vec<String> = (1..=20).map(|number| format!("number {number}")).collect();
    again_and_again(
        |round| {
            let draft = path.with_extension("draft");
            let names = ["plain.journal.zst", "compact.journal.zst"];
            std::fs::write(&draft, journal(names[round % 2])).unwrap();
            std::fs::rename(draft, &path).unwrap();
        },
        || {
            assert_eq!(numbers(&mut rows), wanted);
            assert_eq!(numbers(&mut rows), wanted);
        },
    );
    asker.cancel.cancel();
    assert!(rows.next().is_none(), "a cancelled query goes on");
    assert_eq!(*log.lock(), ["ERROR:the query was ended: it was cancelled"]);
}

#[test]
fn files_are_found_while_lines_are_followed() {
    let tree = Tree::new(&[("a.log", b"old\n")]);
    let asker = Asker::new();
    let query = format!(
        "SELECT OSPath.Basename AS Name, Line FROM watch_syslog(query={{SELECT OSPath FROM \
         glob(globs='{}/*.log')}})",
        tree.path().display()
    );
    let program = Program::compile(&query, &asker.catalog).unwrap();
    let (run, _log) = asker.run();
    let mut rows = run.rows(&program);
    again_and_again(
        |round| std::fs::write(tree.path().join(format!("b{round}.log")), b"new\n").unwrap(),
        || {
            // What was there is not told, what comes later is read whole.
            let row = rows.next().unwrap().row;
            assert!(row.get("Name").unwrap().to_text().starts_with(b"b"), "{row:?}");
            assert_eq!(row.get("Line").unwrap().to_text().as_str(), Some("new"));
        },
    );
    expect![[r#"
        log: watch_syslog: Field filename is required, or a query that finds files"#]]
    .assert_eq(&asker.ask("SELECT * FROM watch_syslog()"));
}
