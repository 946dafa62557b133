//! Running programs.

use expect_test::expect;
use vql_eval::Program;

use super::question::{Asker, Tree};

#[test]
fn output_and_exit_status_are_one_row() {
    expect![[r#"{"Stdout":"out\n","Stderr":"err\n","ReturnCode":3,"Complete":true}"#]].assert_eq(
        &Asker::new()
            .ask("SELECT * FROM execve(argv=['sh', '-c', 'echo out; echo err >&2; exit 3'])"),
    );
}

#[test]
fn a_separator_cuts_the_output_into_rows() {
    expect![[r#"
        {"Stdout":"a","ReturnCode":null,"Complete":false}
        {"Stdout":"b","ReturnCode":null,"Complete":false}
        {"Stdout":"c","ReturnCode":0,"Complete":true}"#]]
    .assert_eq(&Asker::new().ask(
        "SELECT Stdout, ReturnCode, Complete FROM execve(argv=['printf', 'a\\nb\\nc'], sep='\\n')",
    ));
}

#[test]
fn a_length_cuts_the_output_into_rows() {
    expect![[r#"
        {"Stdout":"abc"}
        {"Stdout":"def"}
        {"Stdout":"g"}"#]]
    .assert_eq(
        &Asker::new().ask("SELECT Stdout FROM execve(argv=['printf', 'abcdefg'], length=3)"),
    );
}

#[test]
fn arguments_are_not_for_a_shell() {
    expect![[r#"{"Stdout":"$HOME; ls `x`"}"#]].assert_eq(
        &Asker::new().ask("SELECT Stdout FROM execve(argv=['printf', '%s', '$HOME; ls `x`'])"),
    );
}

#[test]
fn environment_and_directory_are_given() {
    let tree = Tree::new(&[("x", b"")]);
    expect![[r#"{"Stdout":"hi\nx\n"}"#]].assert_eq(&tree.ask(
        "SELECT Stdout FROM execve(argv=['sh', '-c', 'echo $GREETING; ls'], \
         env=dict(GREETING='hi'), cwd='{}')",
    ));
}

#[test]
fn what_cannot_be_run_is_logged() {
    let asker = Asker::new();
    expect!["log: execve: cannot run `/no/such/program`: No such file or directory (os error 2)"]
        .assert_eq(&asker.ask("SELECT * FROM execve(argv='/no/such/program')"));
    expect!["log: execve: secrets are not offered here; give the program what it needs with `env`"]
        .assert_eq(&asker.ask("SELECT * FROM execve(argv='true', secret='x')"));
    expect!["log: execve: argv must name a program"]
        .assert_eq(&asker.ask("SELECT * FROM execve(argv=[])"));
    expect![[r#"{"ReturnCode":-1}"#]]
        .assert_eq(&asker.ask("SELECT ReturnCode FROM execve(argv=['sh', '-c', 'kill -9 $$'])"));
}

/// The program writes its own id and then waits for ever; when its rows are dropped or the
/// query is cancelled it must be gone.
fn ends_when(stop: impl FnOnce(&Asker, &mut vql_eval::Rows)) {
    let asker = Asker::new();
    let query =
        "SELECT Stdout FROM execve(argv=['sh', '-c', 'echo $$; sleep 1000 & wait'], sep='\\n')";
    let program = Program::compile(query, &asker.catalog).unwrap();
    let (run, _log) = asker.run();
    let mut rows = run.rows(&program);
    let row = rows.next().unwrap().row;
    let pid: i64 = row.get("Stdout").unwrap().to_text().to_string().parse().unwrap();
    let machine = vql_machine::this_machine();
    let alive = |pid: i64| machine.process(pid).is_some_and(|process| process.state != "Z");
    assert!(alive(pid));
    stop(&asker, &mut rows);
    drop(rows);
    assert!(!alive(pid));
    let left = machine.process_ids().unwrap().into_iter().filter_map(|id| machine.process(id));
    let left: Vec<_> = left.filter(|p| p.parent == pid && p.state != "Z").collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_program_ends_with_its_rows() {
    ends_when(|_, _| {});
}

#[test]
fn a_program_ends_when_the_query_is_cancelled() {
    ends_when(|asker, rows| {
        asker.cancel.cancel();
        assert!(rows.next().is_none());
    });
}

#[test]
fn a_program_is_talked_to() {
    let asker = Asker::new();
    let talk = "LET S <= shell_session(argv=['sh', '-c', 'read a; read b; printf \"%s %s\" $a $b'])\n\
         LET _ <= shell_session_control(stdin='hello\\n')\n\
         LET _ <= shell_session_control(stdin='there\\n', close_stdin=TRUE)\n\
         SELECT Stdout, Stderr, ReturnCode FROM ";
    for rows in ["foreach(row=S.Query)", "shell_session_output()"] {
        let answer = asker.ask(&format!("{talk}{rows}"));
        let wanted = "{\"Stdout\":\"hello there\",\"Stderr\":\"\",\"ReturnCode\":null}\n\
                      {\"Stdout\":\"\",\"Stderr\":\"\",\"ReturnCode\":0}";
        assert_eq!(answer, wanted);
    }
}

#[test]
fn a_session_is_found_by_its_name_and_ended() {
    let asker = Asker::new();
    expect![[r#"{"Same":true,"Other":false,"before":true,"killed":{"Name":"a","IsRunning":false},"A":false,"B":true}"#]]
    .assert_eq(&asker.ask(
        "LET S <= shell_session(argv='cat', name='a')\n\
         LET T <= shell_session(argv='cat', name='a')\n\
         LET U <= shell_session(argv='cat', name='b')\n\
         LET before <= S.IsRunning\n\
         LET killed <= shell_session_control(name='a', kill=TRUE)\n\
         SELECT S.Pid = T.Pid AS Same, S.Pid = U.Pid AS Other, before, killed, \
         S.IsRunning AS A, U.IsRunning AS B FROM scope()",
    ));
    expect![[r#"
        {"S":null}
        log: shell_session_control: no session is called `a`; shell_session() opens one"#]]
    .assert_eq(&asker.ask("SELECT shell_session_control(name='a') AS S FROM scope()"));
    expect![[r#"
        {"S":null}
        log: shell_session: `a b` is no name; use letters, digits, _, - and ."#]]
    .assert_eq(&asker.ask("SELECT shell_session(argv='x', name='a b') AS S FROM scope()"));
    expect![[r#"
        {"S":null}
        log: shell_session: cannot run `/no/such`: No such file or directory (os error 2)"#]]
    .assert_eq(&asker.ask("SELECT shell_session(argv='/no/such') AS S FROM scope()"));
    expect![[r#"
        {"S":null}
        log: shell_session: secrets are not offered here; give the program what it needs with `env`"#]]
        .assert_eq(&asker.ask("SELECT shell_session(argv='x', secret='y') AS S FROM scope()"));
}
