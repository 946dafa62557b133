//! What a machine says about itself.

use std::sync::Arc;

use expect_test::expect;
use rows::{Dict, Value};

use super::question::Asker;

#[test]
fn the_default_client_query_of_a_hunt_is_answered() {
    let config = Dict::new().with("Client_labels", Value::array(["prod", "web"]));
    let asker = Asker::new().with("config", config);
    expect![[r#"{"OS":"linux","Architecture":"amd64","Fqdn":"web1.example.org","Platform":"debian","Labels":["prod","web"]}"#]].assert_eq(&asker.ask(
        "SELECT OS, Architecture, Fqdn, Platform, config.Client_labels AS Labels FROM info()",
    ));
}

#[test]
fn info_has_the_columns_that_artifacts_use() {
    expect![[r#"{"Hostname":"web1","Uptime":3600,"BootTime":"2023-11-14T22:13:20Z","Procs":4,"OS":"linux","Platform":"debian","PlatformFamily":"debian","PlatformVersion":"12","KernelVersion":"6.1.0","VirtualizationSystem":"kvm","VirtualizationRole":"guest","CompilerVersion":"rustc 1.95","HostID":"0f8fad5b-d9cb-469f-a165-70867728950e","Exe":"/usr/bin/agent","CWD":"/","IsAdmin":true,"ClientStart":null,"LocalTZ":"UTC","LocalTZOffset":0,"Fqdn":"web1.example.org","Architecture":"amd64","MACAddresses":["02:00:00:00:00:01"]}"#]].assert_eq(&Asker::new().ask("SELECT * FROM info()"));
}

#[test]
fn processes_are_listed_without_those_that_vanish() {
    let asker = Asker::new();
    expect![[r#"
        {"Pid":1,"Ppid":0,"Name":"init","CommandLine":"/sbin/init","Exe":"/sbin/init","Username":"root","CreateTime":"2023-11-14T22:13:20Z"}
        {"Pid":40,"Ppid":1,"Name":"httpd","CommandLine":"/usr/sbin/httpd -f my site.conf","Exe":"/usr/sbin/httpd","Username":"www","CreateTime":"2023-11-14T22:13:20Z"}
        {"Pid":50,"Ppid":1,"Name":"bash","CommandLine":"/bin/bash","Exe":"/bin/bash","Username":"ann","CreateTime":"2023-11-14T22:13:20Z"}"#]].assert_eq(
        &asker.ask("SELECT Pid, Ppid, Name, CommandLine, Exe, Username, CreateTime FROM pslist()"),
    );
    expect![[r#"{"Argv":["/usr/sbin/httpd","-f","my site.conf"],"R":4096}"#]]
        .assert_eq(&asker.ask("SELECT Argv, Memory.RSS AS R FROM pslist(pid=40)"));
    expect![[""]].assert_eq(&asker.ask("SELECT * FROM pslist(pid=41)"));
    expect!["log: pslist: Field pid should be an int not string"]
        .assert_eq(&asker.ask("SELECT * FROM pslist(pid='x')"));
}

#[test]
fn sockets_are_listed_with_their_processes() {
    let asker = Asker::new();
    expect![[r#"
        {"Pid":40,"FamilyString":"IPv4","TypeString":"TCP","Status":"LISTEN","Laddr.Port":80,"Raddr.IP":"0.0.0.0"}
        {"Pid":40,"FamilyString":"IPv4","TypeString":"TCP","Status":"ESTABLISHED","Laddr.Port":80,"Raddr.IP":"10.9.9.9"}
        {"Pid":null,"FamilyString":"IPv4","TypeString":"TCP","Status":"TIME_WAIT","Laddr.Port":22,"Raddr.IP":"10.9.9.9"}"#]].assert_eq(
        &asker.ask(
            "SELECT Pid, FamilyString, TypeString, Status, Laddr.Port, Raddr.IP FROM netstat()",
        ),
    );
    expect![[r#"
        {"Name":"httpd","Username":"www","Fd":3,"Path":"","IP":"0.0.0.0"}
        {"Name":"httpd","Username":"www","Fd":4,"Path":"","IP":"10.0.0.1"}
        {"Name":null,"Username":"www","Fd":null,"Path":"","IP":"10.0.0.1"}
        {"Name":"init","Username":"root","Fd":7,"Path":"/run/x.sock","IP":null}"#]]
    .assert_eq(&asker.ask("SELECT Name, Username, Fd, Path, Laddr.IP AS IP FROM connections()"));
}

#[test]
fn accounts_and_interfaces_are_listed() {
    let asker = Asker::new();
    expect![[r#"{"Uid":1000,"Gid":1000,"Name":"ann","Description":"Ann","Directory":"/home/ann","Shell":"/bin/bash"}"#]].assert_eq(&asker.ask("SELECT * FROM users() WHERE Uid > 100"));
    expect![[r#"{"Index":1,"MTU":65536,"Name":"lo","HardwareAddr":"00:00:00:00:00:00","Up":true,"Addrs":["127.0.0.1/8","::1/128"]}"#]].assert_eq(&asker.ask("SELECT * FROM interfaces()"));
}

#[test]
fn the_machine_of_the_test_answers_too() {
    let asker = Asker::about(vql_machine::this_machine());
    expect![[r#"{"OS":"linux","H":true,"A":true,"U":true,"P":true,"C":true}"#]]
        .assert_eq(&asker.ask(
        "SELECT OS, len(list=Hostname) > 0 AS H, len(list=Architecture) > 0 AS A, Uptime > 0 AS U, \
         Procs > 0 AS P, ClientStart > 0 AS C FROM info()",
    ));
    expect![[r#"{"Own":true,"C":true}"#]]
        .assert_eq(&asker.ask(
            "SELECT Pid = getpid() AS Own, CommandLine =~ '.' AS C FROM pslist(pid=getpid())",
        ));
    expect![[r#"{"Name":"lo"}"#]]
        .assert_eq(&asker.ask("SELECT Name FROM interfaces() WHERE Name = 'lo'"));
}

#[test]
fn a_machine_that_cannot_be_asked_says_so() {
    struct Mute;
    use vql_machine::machine::*;
    impl Machine for Mute {
        fn facts(&self) -> Result<Facts, Unanswered> {
            Err(Unanswered::NotHere { what: "the description of the machine" })
        }
        fn process_ids(&self) -> Result<Vec<i64>, Unanswered> {
            Err(Unanswered::NotHere { what: "the list of processes" })
        }
        fn process(&self, _pid: i64) -> Option<Process> {
            None
        }
        fn sockets(&self) -> Result<Vec<Socket>, Unanswered> {
            Err(Unanswered::Failed { what: "read /proc/net".into(), why: "denied".into() })
        }
        fn interfaces(&self) -> Result<Vec<Interface>, Unanswered> {
            Ok(Vec::new())
        }
        fn user_name(&self, _uid: u32) -> Option<String> {
            None
        }
        fn users(&self) -> Result<Vec<parsers::accounts::User>, Unanswered> {
            Ok(Vec::new())
        }
        fn kill(&self, _pid: i64) -> Result<(), Unanswered> {
            Ok(())
        }
    }
    let asker = Asker::about(Arc::new(Mute));
    expect![
        "log: info: the description of the machine is not available on this operating system yet"
    ]
    .assert_eq(&asker.ask("SELECT * FROM info()"));
    expect!["log: pslist: the list of processes is not available on this operating system yet"]
        .assert_eq(&asker.ask("SELECT * FROM pslist()"));
    expect!["log: netstat: cannot read /proc/net: denied"]
        .assert_eq(&asker.ask("SELECT * FROM netstat()"));
}

#[test]
fn processes_are_ended_by_id() {
    let asker = Asker::new();
    expect![[r#"
        {"a":50,"b":null}
        log: pskill: cannot end process 99: no such process"#]]
    .assert_eq(&asker.ask("SELECT pskill(pid=50) AS a, pskill(pid=99) AS b FROM scope()"));
}

#[test]
fn the_memory_of_a_process_is_mapped() {
    let asker = Asker::new();
    expect![[r#"
        {"Address":4194304,"Size":4096,"MappingName":"/usr/sbin/httpd","Type":"mapped","Protection":"r--"}
        {"Address":4198400,"Size":8192,"MappingName":"/usr/sbin/httpd","Type":"image","Protection":"r-x"}
        {"Address":5242880,"Size":4096,"MappingName":"","Type":"private","Protection":"rwx"}
        {"Address":8384512,"Size":4096,"MappingName":"[stack]","Type":"private","Protection":"rw-"}"#]].assert_eq(
        &asker.ask("SELECT Address, Size, MappingName, Type, Protection FROM vad(pid=40)"),
    );
    expect![[r#"{"ModuleName":"httpd","ExePath":"/usr/sbin/httpd","ModuleBaseAddress":4194304,"ModuleBaseSize":12288,"Inode":7,"Deleted":false}"#]].assert_eq(&asker.ask("SELECT * FROM modules(pid=40)"));
    expect!["log: vad: cannot read /proc/41/maps: no such process"].assert_eq(&asker.ask("SELECT * FROM vad(pid=41)"));
}

#[test]
fn the_memory_of_this_process_is_read() {
    let asker = Asker::about(vql_machine::this_machine());
    let marker = std::hint::black_box("a text that is only here, in the memory of this test");
    let address = marker.as_ptr() as usize;
    let length = marker.len();
    // A machine may forbid that a process is looked at, even by itself.
    if std::fs::File::open("/proc/self/mem").is_err() {
        return;
    }
    expect![[r#"{"Text":"a text that is only here, in the memory of this test"}"#]].assert_eq(
        &asker.ask(&format!(
            "SELECT read_file(accessor='process', filename='/' + str(str=getpid()), \
             offset={address}, length={length}) AS Text FROM scope()"
        )),
    );
    expect![[r#"{"Kind":true,"Big":true}"#]].assert_eq(&asker.ask(
        "SELECT IsDir = FALSE AS Kind, Size > 100000 AS Big \
         FROM stat(accessor='process', filename='/' + str(str=getpid()))",
    ));
    expect![[r#"
        {"Text":null}
        log: read_file: `/x`: the path of a process is its number: `/1234`"#]].assert_eq(
        &asker.ask("SELECT read_file(accessor='process', filename='/x') AS Text FROM scope()"),
    );
}

#[test]
fn the_memory_of_a_process_is_kept() {
    let mut child = std::process::Command::new("sleep")
        .arg("1000")
        .stdin(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let asker = Asker::about(vql_machine::this_machine());
    let answer = asker.ask(&format!(
        "SELECT FullPath = '{0}.dmp' AS Named, Size > 100000 AS Big FROM proc_dump(pid={0})",
        child.id()
    ));
    child.kill().unwrap();
    child.wait().unwrap();
    if std::fs::File::open("/proc/self/mem").is_ok() {
        expect![[r#"{"Named":true,"Big":true}"#]].assert_eq(&answer);
        let kept = asker.kept.0.lock();
        assert_eq!(kept.len(), 2);
        assert!(kept[1].1.starts_with(b"{\"Start\":\"0x"));
    }
}
