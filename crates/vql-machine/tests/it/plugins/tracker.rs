//! The process tracker, fed by queries.

use std::time::{Duration, Instant};

use expect_test::{Expect, expect};
use vql_eval::Program;

use super::question::{Asker, Tree};

/// Installs a tracker that takes one list, and then asks in the same run until the answer is the
/// wanted one, or for a while.
pub(super) fn check(asker: &Asker, install: &str, question: &str, wanted: Expect) {
    let run = asker.run().0;
    let install = Program::compile(install, &asker.catalog).unwrap();
    assert_eq!(run.rows(&install).count(), 0);
    let question = Program::compile(question, &asker.catalog).unwrap();
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let lines: Vec<_> =
            run.rows(&question).map(|row| rows_json::row_to_json(&row.row)).collect();
        let answer = lines.join("\n");
        let lines_wanted = wanted.data().lines().map(str::trim).filter(|line| !line.is_empty());
        if lines_wanted.eq(lines.iter()) || Instant::now() > until {
            return wanted.assert_eq(&answer);
        }
        std::thread::yield_now();
    }
}

const LIST: &str = "LET list <= (dict(id=1, parent_id=0, start_time=1000, data=dict(Name='init')), \
     dict(id=5, parent_id=1, start_time=2000, data=dict(Name='sshd')), \
     dict(id=7, parent_id=5, start_time=3000, data=dict(Name='bash')))\n";

fn installed(updates: &str) -> String {
    format!(
        "{LIST}LET T <= process_tracker(sync_query={{SELECT * FROM list}}, sync_period=3600000, \
         update_query={{{updates}}})"
    )
}

#[test]
fn without_a_tracker_what_runs_now_is_known() {
    let asker = Asker::new();
    expect![[r#"
        {"a":"httpd","b":null,"c":"init < httpd","d":["40","50"],"e":3}
        log: DEBUG:no process tracker is installed, so only processes that run now are known"#]]
    .assert_eq(&asker.ask(
        "SELECT process_tracker_get(id=40).Data.Name AS a, process_tracker_get(id=41) AS b, \
         join(array=process_tracker_callchain(id=40).Data.Name, sep=' < ') AS c, \
         process_tracker_children(id='1').Id AS d, len(list=process_tracker_all()) AS e \
         FROM scope()",
    ));
    expect![[r#"
        {"Pid":1,"Ppid":0,"Name":"init","Username":"root","EndTime":null}
        {"Pid":40,"Ppid":1,"Name":"httpd","Username":"www","EndTime":null}
        {"Pid":50,"Ppid":1,"Name":"bash","Username":"ann","EndTime":null}
        log: DEBUG:no process tracker is installed, so only processes that run now are known"#]]
    .assert_eq(
        &asker.ask("SELECT Pid, Ppid, Name, Username, EndTime FROM process_tracker_pslist()"),
    );
    expect!["log: process_tracker_updates: no process tracker is installed; an artifact installs it with process_tracker()"]
        .assert_eq(&asker.ask("SELECT * FROM process_tracker_updates()"));
}

#[test]
fn a_parent_that_has_ended_is_still_in_the_chain() {
    check(
        &Asker::new(),
        &installed("SELECT * FROM foreach(row=[dict(update_type='exit', id='5', end_time=4000)])"),
        "SELECT join(array=process_tracker_callchain(id=7).Data.Name, sep=' < ') AS Chain, \
         process_tracker_get(id=5).EndTime AS Ended, process_tracker_get(id=5).Data.Pid AS Pid \
         FROM scope()",
        expect![[r#"{"Chain":"init < sshd < bash","Ended":"1970-01-01T01:06:40Z","Pid":5}"#]],
    );
}

#[test]
fn a_number_that_is_used_again_is_two_rows() {
    check(
        &Asker::new(),
        &installed(
            "SELECT * FROM foreach(row=[dict(update_type='exit', id=5, end_time=4000), \
             dict(update_type='start', id=5, parent_id=7, start_time=5000, data=dict(Name='ls'))])",
        ),
        "SELECT Pid, Ppid, Name, TrackerId, EndTime != NULL AS Ended FROM process_tracker_pslist()",
        expect![[r#"
            {"Pid":1,"Ppid":0,"Name":"init","TrackerId":"1","Ended":false}
            {"Pid":5,"Ppid":1,"Name":"sshd","TrackerId":"5-2000","Ended":true}
            {"Pid":7,"Ppid":5,"Name":"bash","TrackerId":"7","Ended":false}
            {"Pid":5,"Ppid":7,"Name":"ls","TrackerId":"5","Ended":false}"#]],
    );
}

#[test]
fn a_tree_has_data_of_its_own() {
    check(
        &Asker::new(),
        &installed("SELECT * FROM foreach(row=[])"),
        "SELECT process_tracker_tree(id=5, data_callback='x=>x.Data.Name + \"!\"') AS Five, \
         process_tracker_tree(max_items=2).children.children.name AS All, \
         process_tracker_tree(id=9) AS None FROM scope()",
        expect![[
            r#"{"Five":{"name":"sshd","id":"5","start_time":"1970-01-01T00:33:20Z","end_time":null,"data":"sshd!","children":[{"name":"bash","id":"7","start_time":"1970-01-01T00:50:00Z","end_time":null,"data":"bash!","children":[]}]},"All":[["sshd"]],"None":null}"#
        ]],
    );
}

#[test]
fn lambdas_add_to_the_data_of_a_new_process() {
    check(
        &Asker::new(),
        &format!(
            "{LIST}LET T <= process_tracker(sync_query={{SELECT * FROM list}}, \
             sync_period=3600000, enrichments='x=>dict(Upper=upcase(string=x.Data.Name))')"
        ),
        "SELECT process_tracker_all().Data.Upper AS Upper FROM scope()",
        expect![[r#"{"Upper":["INIT","SSHD","BASH"]}"#]],
    );
}

#[test]
fn updates_are_rows() {
    // The list is another one each time, so every period brings an update.
    let query = format!(
        "{LIST}LET T <= process_tracker(sync_period=1, sync_query={{SELECT * FROM chain(\
         a={{SELECT * FROM list}}, b={{SELECT 100 + rand(range=1000000) AS id, 1 AS parent_id, \
         now() AS start_time FROM scope()}})}})\n\
         SELECT update_type, parent_id, stats.Running AS Running FROM process_tracker_updates() \
         WHERE update_type != 'exit' LIMIT 2"
    );
    expect![[r#"
        {"update_type":"start","parent_id":"1","Running":null}
        {"update_type":"stats","parent_id":null,"Running":4}"#]]
    .assert_eq(&Asker::new().ask(&query));
}

#[test]
fn a_tracker_goes_with_its_query() {
    let asker = Asker::new();
    let query = format!(
        "{}\nSELECT process_tracker_get(id=5).Data.Name AS Name FROM scope()",
        installed("SELECT * FROM watch_syslog(filename='/no/such/file')")
    );
    expect![[r#"{"Name":"sshd"}"#]].assert_eq(&asker.ask(&query));
    expect![[r#"{"Known":false}"#]].assert_eq(
        &asker.ask("SELECT process_tracker_get(id=5) != NULL AS Known FROM scope()").replace(
            "\nlog: DEBUG:no process tracker is installed, so only processes that run now are known",
            "",
        ),
    );
}

#[test]
fn a_tracker_goes_with_its_query_when_its_updates_have_ended_before() {
    let tree = Tree::new(&[]);
    let asker = Asker::new();
    // Whether the thread of updates or the query ends first is up to the machine: both happen.
    for _ in 0..30 {
        tree.ask_as(
            &asker,
            "LET T <= process_tracker(cache='{}/cache', update_query={ \
             SELECT * FROM foreach(row=dict(update_type='start', id=5))})\n\
             SELECT T FROM scope()",
        );
        let known = asker.ask("SELECT process_tracker_get(id=5) != NULL AS Known FROM scope()");
        assert!(known.contains("no process tracker is installed"), "{known}");
        assert!(tree.path().join("cache").exists());
        std::fs::remove_file(tree.path().join("cache")).unwrap();
    }
}

#[test]
fn what_is_known_outlives_a_restart() {
    let tree = Tree::new(&[]);
    let install = |list: &str| {
        format!(
            "LET T <= process_tracker(cache='{{}}/cache', sync_period=3600000, \
             sync_query={{SELECT * FROM foreach(row={list})}})\n\
             SELECT TrackerId, Name, EndTime != NULL AS Ended FROM process_tracker_pslist()"
        )
    };
    let asker = Asker::new();
    let one = "dict(id=1, start_time=1, data=dict(Name='init'))";
    expect![[r#"
        {"TrackerId":"1","Name":"init","Ended":false}
        {"TrackerId":"5","Name":"sh","Ended":false}"#]]
    .assert_eq(&tree.ask_as(
        &asker,
        &install(&format!("[{one}, dict(id=5, parent_id=1, start_time=9, data=dict(Name='sh'))]")),
    ));
    expect![[r#"
        {"TrackerId":"1","Name":"init","Ended":false}
        {"TrackerId":"5","Name":"sh","Ended":true}"#]]
    .assert_eq(&tree.ask_as(&asker, &install(&format!("[{one}]"))));
    std::fs::write(tree.path().join("cache"), "nonsense").unwrap();
    expect![[r#"
        {"TrackerId":"1","Name":"init","Ended":false}
        log: process_tracker: cannot read the cache `{}/cache`: not JSON: expected ident at line 1 column 2; starting without it"#]]
    .assert_eq(&tree.ask_as(&asker, &install(&format!("[{one}]"))));
}

#[test]
fn wrong_rows_are_told() {
    let asker = Asker::new();
    let check = |args: &str, wanted: Expect| {
        wanted.assert_eq(&asker.ask(&format!("SELECT process_tracker({args}) AS T FROM scope()")));
    };
    check(
        "",
        expect![[r#"
        {"T":null}
        log: process_tracker: give sync_query, update_query or both"#]],
    );
    check(
        "sync_query={SELECT 1 AS Pid FROM scope()}",
        expect![[r#"
        {"T":null}
        log: process_tracker: sync_query gave a row without `id`; name the process's number `id`"#]],
    );
    check(
        "sync_query={SELECT 1 AS id, 2 AS data FROM scope()}",
        expect![[r#"
            {"T":null}
            log: process_tracker: sync_query gave `data` should be a dict not int64"#]],
    );
    check(
        "sync_query={SELECT * FROM foreach(row=[])}",
        expect![[r#"
        {"T":null}
        log: process_tracker: sync_query gave no rows, so nothing is known to have ended"#]],
    );
    check(
        "sync_query={SELECT 1 AS id FROM scope()}, enrichments='x'",
        expect![[r#"
        {"T":null}
        log: process_tracker: Field enrichments: error: the text ends too early
         --> query:1:2
          |
        1 | x
          |  ^ expected `,` and another parameter, or `=>`
    "#]],
    );
}
