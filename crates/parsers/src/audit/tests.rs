//! Records as a kernel and a daemon write them.

use expect_test::{Expect, expect};

use super::*;

const EXECUTED: &str = r#"type=SYSCALL msg=audit(1700000000.123:42): arch=c000003e syscall=59 success=yes exit=0 a0=55 a1=56 items=2 ppid=10 pid=11 auid=1000 uid=0 gid=0 euid=0 tty=pts0 ses=3 comm="ls" exe="/usr/bin/ls" key="procmon"
type=EXECVE msg=audit(1700000000.123:42): argc=3 a0="ls" a1="-l" a2=6D7920646972
type=CWD msg=audit(1700000000.123:42): cwd="/root"
type=PATH msg=audit(1700000000.123:42): item=0 name="/usr/bin/ls" inode=5 nametype=NORMAL
type=PATH msg=audit(1700000000.123:42): item=1 name="/lib64/ld.so" nametype=NORMAL
type=PROCTITLE msg=audit(1700000000.123:42): proctitle=6C73002D6C006D7920646972
type=EOE msg=audit(1700000000.123:42): "#;

fn check(log: &str, wanted: Expect) {
    let mut assembler = Assembler::default();
    let now = Time::from_unix(0, 0);
    let mut events: Vec<Event> =
        log.lines().filter_map(line).flat_map(|record| assembler.push(record, now)).collect();
    events.extend(assembler.rest());
    let shown = |event: &Event| {
        let row = row(event);
        let names = row.keys().map(|name| {
            let text = row.get(name).unwrap().to_text().to_string();
            format!("{name}={text}")
        });
        names.filter(|text| !text.starts_with("Data=")).collect::<Vec<_>>().join("\n")
    };
    wanted.assert_eq(&events.iter().map(shown).collect::<Vec<_>>().join("\n\n"));
}

#[test]
fn the_records_of_an_event_are_one_row() {
    check(
        EXECUTED,
        expect![[r#"
        Timestamp=2023-11-14T22:13:20.123Z
        Sequence=42
        Node=Null
        Type=SYSCALL
        Result=success
        Session=3
        Summary={"Actor":{"Primary":"1000","Secondary":"0"},"Action":"executed","Object":{"Type":"file","Primary":"/usr/bin/ls"},"How":"/usr/bin/ls"}
        User={"IDs":{"auid":"1000","uid":"0","euid":"0","gid":"0"},"Names":{}}
        Process={"PID":"11","PPID":"10","Name":"ls","Exe":"/usr/bin/ls","CWD":"/root","Title":"ls -l my dir","Args":["ls","-l","my dir"]}
        Paths=[{"item":"0","name":"/usr/bin/ls","inode":"5","nametype":"NORMAL"} {"item":"1","name":"/lib64/ld.so","nametype":"NORMAL"}]
        Network={}
        Tags=[procmon]"#]],
    );
}

#[test]
fn messages_of_programs_come_alone() {
    check(
        r#"node=web1 type=USER_LOGIN msg=audit(1700000001.5:43): pid=9 uid=0 auid=4294967295 ses=4294967295 msg='op=login acct="ann" exe="/usr/sbin/sshd" hostname=? addr=10.0.0.9 terminal=ssh res=failed'
type=USER_LOGIN msg=audit(1700000001.5:44): pid=9 uid=0 msg='op=login acct=616E6E20 res=success'UID="root" AUID="unset""#,
        expect![[r#"
            Timestamp=2023-11-14T22:13:21.5Z
            Sequence=43
            Node=web1
            Type=USER_LOGIN
            Result=fail
            Session=Null
            Summary={"Actor":{"Primary":"0","Secondary":"0"},"Action":"login","Object":{"Type":"process","Primary":"/usr/sbin/sshd"},"How":"/usr/sbin/sshd"}
            User={"IDs":{"uid":"0"},"Names":{"acct":"ann"}}
            Process={"PID":"9","PPID":null,"Name":null,"Exe":"/usr/sbin/sshd","CWD":null,"Title":null,"Args":[]}
            Paths=[]
            Network={}
            Tags=[]

            Timestamp=2023-11-14T22:13:21.5Z
            Sequence=44
            Node=Null
            Type=USER_LOGIN
            Result=success
            Session=Null
            Summary={"Actor":{"Primary":"0","Secondary":"0"},"Action":"login","Object":{"Type":"process","Primary":null},"How":null}
            User={"IDs":{"uid":"0"},"Names":{"uid":"root","acct":"ann"}}
            Process={"PID":"9","PPID":null,"Name":null,"Exe":null,"CWD":null,"Title":null,"Args":[]}
            Paths=[]
            Network={}
            Tags=[]"#]],
    );
}

#[test]
fn addresses_of_sockets_are_read() {
    let address = |address: &str| {
        let text = format!("type=SOCKADDR msg=audit(1.0:1): saddr={address}");
        let row = row(&vec![line(&text).unwrap()]);
        row.get("Network").unwrap().to_text().to_string()
    };
    expect![[r#"{"Family":"ipv4","Address":"8.8.8.8","Port":53}"#]]
        .assert_eq(&address("02000035080808080000000000000000"));
    expect![[r#"{"Family":"ipv6","Address":"::1","Port":80}"#]]
        .assert_eq(&address("0A0000500000000000000000000000000000000000000001"));
    expect![[r#"{"Family":"unix","Address":"/run/x"}"#]].assert_eq(&address("01002F72756E2F7800"));
    expect![[r#"{"Family":"ipv4","Address":null,"Port":null}"#]].assert_eq(&address("0200"));
    expect!["{}"].assert_eq(&address("zz"));
}

#[test]
fn long_arguments_come_in_pieces() {
    let text = "type=EXECVE msg=audit(1.0:1): argc=2 a0=\"x\" a1_len=4 a1[0]=\"ab\" a1[1]=6364";
    let row = row(&vec![line(text).unwrap()]);
    expect![[r#"{"PID":null,"PPID":null,"Name":null,"Exe":null,"CWD":null,"Title":"x abcd","Args":["x","abcd"]}"#]].assert_eq(&row.get("Process").unwrap().to_text().to_string());
}

#[test]
fn what_the_daemon_adds_is_read() {
    let text = "type=SYSCALL msg=audit(1.0:1): arch=40000003 syscall=5 success=no\u{1d}ARCH=i386 \
                SYSCALL=open AUID=\"ann\"";
    let row = row(&vec![line(text).unwrap()]);
    expect![[r#"{"Actor":{"Primary":null,"Secondary":null},"Action":"open","Object":{"Type":"process","Primary":null},"How":null}"#]].assert_eq(&row.get("Summary").unwrap().to_text().to_string());
    expect![[r#"{"IDs":{},"Names":{"auid":"ann"}}"#]]
        .assert_eq(&row.get("User").unwrap().to_text().to_string());
}

#[test]
fn messages_of_the_kernel_have_numbers() {
    let record = message(1327, "audit(1.25:7): proctitle=\"sh\"\0").unwrap();
    assert_eq!(
        (record.kind.as_str(), record.sequence, record.nanos),
        ("PROCTITLE", 7, 1_250_000_000)
    );
    assert_eq!(record.get("proctitle"), Some("sh"));
}

#[test]
fn an_event_without_an_end_does_not_wait_for_ever() {
    let mut assembler = Assembler::default();
    let at = |seconds| Time::from_unix(seconds, 0);
    let record = |sequence: u64| message(1300, &format!("audit(1.0:{sequence}): pid=1")).unwrap();
    assert!(assembler.push(record(1), at(10)).is_empty());
    assert!(assembler.push(record(2), at(12)).is_empty());
    assert_eq!(assembler.overdue(at(11)).len(), 1);
    for sequence in 3..100 {
        let complete = assembler.push(record(sequence), at(13));
        assert_eq!(complete.len(), usize::from(sequence > WAITING_MAX as u64 + 1));
    }
    assert_eq!(assembler.rest().len(), WAITING_MAX);
}

#[test]
fn other_lines_are_no_records() {
    for text in [
        "",
        "type=",
        "type=X msg=",
        "type=X msg=audit(1.0:1)",
        "type=X msg=audit(x:1): a=b",
        "type=X msg=audit(1.9999999999:1): a=b",
        "Jan 1 host audit: x",
    ] {
        assert_eq!(line(text), None, "{text}");
    }
}

proptest::proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,80}", fields in "[a-z0-9=\"' ,\\[\\]x]{0,200}") {
        let _ = line(&text);
        for kind in ["SYSCALL", "EXECVE", "SOCKADDR", "PATH", "PROCTITLE"] {
            let whole = format!("type={kind} msg=audit(1.0:1): saddr={fields}");
            let _ = line(&whole).map(|record| row(&vec![record]));
        }
    }
}
