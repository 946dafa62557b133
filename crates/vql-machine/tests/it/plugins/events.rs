//! Logs that are read whole and logs that are followed.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use expect_test::expect;
use vql_eval::Program;

use parsers::linux::connector::{Happened, ProcessEvent};
use vql_machine::machine::{AuditMessage, Told};
use vql_machine::made_up::MadeUpMachine;

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
pub(super) fn again_and_again(mut work: impl FnMut(usize) + Send, question: impl FnOnce()) {
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

fn audit_message(kind: u16, text: &str) -> Told<AuditMessage> {
    Told::Event(AuditMessage { kind, text: text.to_owned() })
}

#[test]
fn the_audit_log_of_the_kernel_is_followed() {
    let machine = MadeUpMachine {
        audit_events: vec![
            audit_message(
                1300,
                "audit(1700000000.5:7): arch=c000003e syscall=59 success=yes ppid=1 pid=40 auid=1000 uid=0 comm=\"id\" exe=\"/usr/bin/id\" key=\"procmon\"",
            ),
            audit_message(1309, "audit(1700000000.5:7): argc=1 a0=\"id\""),
            Told::Nothing,
            Told::Lost,
            Told::Lost,
            audit_message(1320, "audit(1700000000.5:7): "),
            audit_message(9999, "nonsense"),
            audit_message(1300, "audit(1700000001.5:8): arch=c000003e syscall=2 success=no pid=41"),
        ],
        ..MadeUpMachine::web_server()
    };
    let asker = Asker::about(Arc::new(machine));
    expect![[r#"
        {"Sequence":7,"Time":"2023-11-14T22:13:20.5Z","Pid":"40","Title":"id","User":"1000","Result":"success","Mine":true}
        {"Sequence":8,"Time":"2023-11-14T22:13:21.5Z","Pid":"41","Title":null,"User":null,"Result":"fail","Mine":false}
        log: WARN:audit: more came than could be read; some events are lost"#]].assert_eq(&asker.ask(
        "SELECT Sequence, timestamp(string=Timestamp) AS Time, Process.PID AS Pid, \
         Process.Title AS Title, Summary.Actor.Primary AS User, Result, 'procmon' IN Tags AS Mine \
         FROM audit()",
    ));
}

const AUDIT_LOG: &str = "type=SYSCALL msg=audit(1.5:1): syscall=59 arch=c000003e success=yes pid=9\n\
     type=USER_LOGIN msg=audit(1.6:2): pid=8 msg='op=login res=failed'\n\
     nonsense\n\
     type=CWD msg=audit(1.5:1): cwd=\"/tmp\"\n";

#[test]
fn audit_logs_are_read_and_followed() {
    let tree = Tree::new(&[("audit.log", AUDIT_LOG.as_bytes())]);
    expect![[r#"
        {"Sequence":2,"Type":"USER_LOGIN","Result":"fail","Pid":"8","Cwd":null,"Action":"login"}
        {"Sequence":1,"Type":"SYSCALL","Result":"success","Pid":"9","Cwd":"/tmp","Action":"executed"}
        log: parse_auditd: `{}/none` does not exist"#]].assert_eq(&tree.ask(
        "SELECT Sequence, Type, Result, Process.PID AS Pid, Process.CWD AS Cwd, \
         Summary.Action AS Action FROM parse_auditd(filename=['{}/audit.log', '{}/none'])",
    ));
    let asker = Asker::new();
    let query = format!(
        "SELECT Sequence, Process.CWD AS Cwd FROM watch_auditd(filename='{}/new.log')",
        tree.path().display()
    );
    let program = Program::compile(&query, &asker.catalog).unwrap();
    let (run, _log) = asker.run();
    let mut rows = run.rows(&program);
    let end = "type=EOE msg=audit(1.5:1): \n";
    again_and_again(
        |_| {
            let draft = tree.path().join("draft");
            std::fs::write(&draft, [AUDIT_LOG, end].concat()).unwrap();
            std::fs::rename(draft, tree.path().join("new.log")).unwrap();
        },
        || {
            let two: Vec<_> =
                rows.by_ref().take(2).map(|row| rows_json::row_to_json(&row.row)).collect();
            expect![[r#"
                {"Sequence":2,"Cwd":null}
                {"Sequence":1,"Cwd":"/tmp"}"#]]
            .assert_eq(&two.join("\n"));
        },
    );
}

fn happened(process: i64, what: Happened) -> Told<ProcessEvent> {
    Told::Event(ProcessEvent { boot_nanos: 0, process, thread: process, what })
}

#[test]
fn events_of_processes_have_the_names_that_artifacts_use() {
    let exit = |status| Happened::Exit { status, signal: 17, parent: Some(1) };
    let machine = MadeUpMachine {
        process_events: vec![
            happened(1, Happened::Fork { child: 40, child_thread: 40 }),
            happened(1, Happened::Fork { child: 1, child_thread: 99 }),
            happened(40, Happened::Exec),
            happened(41, Happened::Exec),
            happened(50, Happened::Traced { tracer: 40 }),
            Told::Lost,
            happened(40, exit(0x0300)),
            happened(41, exit(9)),
        ],
        ..MadeUpMachine::web_server()
    };
    let asker = Asker::about(Arc::new(machine));
    expect![[r#"
        {"E":"sched_process_fork","Pid":1,"Ppid":0,"N":"init","D":{"parent_process_id":1,"child_process_id":40,"child_tid":40}}
        {"E":"sched_process_exec","Pid":40,"Ppid":1,"N":"httpd","D":{"cmdpath":"/usr/sbin/httpd","pathname":"/usr/sbin/httpd","argv":["/usr/sbin/httpd","-f","my site.conf"],"cwd":"/","env":["NAME=httpd"]}}
        {"E":"sched_process_exec","Pid":41,"Ppid":null,"N":null,"D":{"cmdpath":null,"pathname":null,"argv":[],"cwd":null,"env":[]}}
        {"E":"ptrace","Pid":50,"Ppid":1,"N":"bash","D":{"request":"PTRACE_ATTACH","pid":50,"tracer":40}}
        {"E":"sched_process_exit","Pid":40,"Ppid":1,"N":"httpd","D":{"exit_code":3,"signal_code":0,"core_dumped":false,"process_group_exit":true}}
        {"E":"sched_process_exit","Pid":41,"Ppid":1,"N":null,"D":{"exit_code":0,"signal_code":9,"core_dumped":false,"process_group_exit":true}}
        log: WARN:watch_ebpf: more came than could be read; some is lost"#]].assert_eq(&asker.ask(
        "SELECT System.EventName AS E, System.HostProcessID AS Pid, \
         System.HostParentProcessID AS Ppid, System.ProcessName AS N, EventData AS D \
         FROM watch_ebpf(include_env=TRUE)",
    ));
    expect![[r#"
        {"E":"sched_process_exit","Pid":40,"N":"httpd"}
        log: WARN:watch_ebpf: openat, kill not offered: this program loads no eBPF; the events here are sched_process_exec, sched_process_exit, sched_process_fork, ptrace, setsid
        log: WARN:watch_ebpf: more came than could be read; some is lost"#]].assert_eq(&asker.ask(
        "SELECT System.EventName AS E, System.HostProcessID AS Pid, System.ProcessName AS N \
         FROM watch_ebpf(events=['sched_process_exit', 'openat', 'kill'], regex_prefilter='HTTPD')",
    ));
    expect!["log: watch_ebpf: openat not offered: this program loads no eBPF; the events here are sched_process_exec, sched_process_exit, sched_process_fork, ptrace, setsid"].assert_eq(&asker.ask("SELECT * FROM watch_ebpf(events='openat')"));
    expect!["log: watch_ebpf: policies are not offered: no eBPF tracer is here that could follow one; name the events, and choose among their rows with WHERE"].assert_eq(&asker.ask("SELECT * FROM watch_ebpf(policy='x')"));
    expect![[r#"{"Name":"sched_process_exec"}"#]]
        .assert_eq(&asker.ask("SELECT Name FROM ebpf_events() LIMIT 1"));
}

#[test]
fn the_tracker_is_fed_by_events() {
    let machine = MadeUpMachine {
        process_events: vec![
            happened(40, Happened::Exec),
            happened(50, Happened::Exit { status: 0, signal: 17, parent: Some(1) }),
        ],
        ..MadeUpMachine::web_server()
    };
    let asker = Asker::about(Arc::new(machine));
    let install = "LET Updates = SELECT * FROM foreach(row={SELECT * FROM watch_ebpf(events=[\
         'sched_process_exit', 'sched_process_exec'])}, query={SELECT * FROM switch(\
         a={SELECT System.HostProcessID AS id, System.HostParentProcessID AS parent_id, \
            'start' AS update_type, dict(Name=System.ProcessName, Exe=EventData.cmdpath, \
            CommandLine=join(array=EventData.argv, sep=' ')) AS data, \
            System.Timestamp AS start_time FROM scope() WHERE System.EventName =~ 'exec'}, \
         b={SELECT System.HostProcessID AS id, 'exit' AS update_type, \
            System.Timestamp AS end_time FROM scope() WHERE System.EventName =~ 'exit'})})\n\
         LET T <= process_tracker(update_query=Updates, sync_period=3600000, sync_query={\
         SELECT Pid AS id, Ppid AS parent_id, CreateTime AS start_time, dict(Name=Name) AS data \
         FROM pslist()})";
    super::tracker::check(
        &asker,
        install,
        "SELECT Pid, Name, Exe, EndTime != NULL AS Ended FROM process_tracker_pslist()",
        expect![[r#"
            {"Pid":1,"Name":"init","Exe":null,"Ended":false}
            {"Pid":40,"Name":"httpd","Exe":"/usr/sbin/httpd","Ended":false}
            {"Pid":50,"Name":"bash","Exe":null,"Ended":true}"#]],
    );
}

#[test]
fn objects_are_followed_line_by_line() {
    let tree = Tree::new(&[("a.jsonl", b"{\"N\":0}\n")]);
    let asker = Asker::new();
    let query = format!(
        "SELECT N FROM watch_jsonl(query={{SELECT OSPath FROM glob(globs='{}/*.jsonl')}})",
        tree.path().display()
    );
    let program = Program::compile(&query, &asker.catalog).unwrap();
    let (run, log) = asker.run();
    let mut rows = run.rows(&program);
    again_and_again(
        |round| {
            let text = b"no object\n\n{\"N\":1}\n";
            std::fs::write(tree.path().join(format!("b{round}.jsonl")), text).unwrap();
        },
        || assert_eq!(rows.next().unwrap().row.get("N").unwrap().to_string(), "1"),
    );
    asker.cancel.cancel();
    assert!(log.lock().iter().any(|line| line.contains("not JSON")), "{:?}", log.lock());
}
