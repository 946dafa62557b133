//! What a machine says about itself.

use std::sync::Arc;

use expect_test::expect;
use rows::{Dict, Value};

use vql_machine::made_up::MadeUpMachine;

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
    expect!["log: vad: cannot read /proc/41/maps: no such process"]
        .assert_eq(&asker.ask("SELECT * FROM vad(pid=41)"));
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
        log: read_file: `/x`: the path of a process is its number: `/1234`"#]]
    .assert_eq(
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

fn told(files: &[(&str, &[u8])]) -> Asker {
    let files = files.iter().map(|(path, content)| ((*path).to_owned(), content.to_vec()));
    let machine = MadeUpMachine { system_files: files.collect(), ..MadeUpMachine::web_server() };
    Asker::about(Arc::new(machine))
}

#[test]
fn variables_of_the_firmware_are_listed() {
    let asker = told(&[
        (
            "/sys/firmware/efi/efivars/Boot0001-8be4df61-93ca-11d2-aa0d-00e098032b8c",
            b"\x07\0\0\0disk",
        ),
        ("/sys/firmware/efi/efivars/PK-8be4df61-93ca-11d2-aa0d-00e098032b8c", b"x"),
        ("/sys/firmware/efi/efivars/odd", b""),
    ]);
    expect![[r#"
        {"Namespace":"8be4df61-93ca-11d2-aa0d-00e098032b8c","Name":"Boot0001","Attributes":null,"Value":null}
        {"Namespace":"8be4df61-93ca-11d2-aa0d-00e098032b8c","Name":"PK","Attributes":null,"Value":null}"#]].assert_eq(&asker.ask("SELECT * FROM efivariables()"));
    expect![[r#"{"Namespace":"8be4df61-93ca-11d2-aa0d-00e098032b8c","Name":"Boot0001","Attributes":7,"Value":"disk"}"#]].assert_eq(&asker.ask("SELECT * FROM efivariables(name='boot0001', value=TRUE)"));
    expect![[""]].assert_eq(&asker.ask("SELECT * FROM efivariables(namespace='x')"));
    expect!["log: efivariables: there are no EFI variables here (/sys/firmware/efi/efivars: no such folder); the machine was perhaps not started by EFI"].assert_eq(&Asker::new().ask("SELECT * FROM efivariables()"));
}

#[test]
fn disks_and_file_systems_are_listed() {
    let asker = told(&[
        (
            "/proc/self/mountinfo",
            b"30 1 8:1 / / rw - ext4 /dev/sda1 rw\n31 1 0:5 / /mnt rw - nfs4 srv:/x rw\n",
        ),
        ("/proc/partitions", b"major minor  #blocks  name\n\n 8 0 2048 sda\n 8 1 1024 sda1\n"),
    ]);
    expect![[r#"
        {"Device":"/dev/sda1","MountPoint":"/","FSType":"ext4","Total":null}
        {"Device":"srv:/x","MountPoint":"/mnt","FSType":"nfs4","Total":null}"#]]
    .assert_eq(&asker.ask("SELECT Device, MountPoint, FSType, Total FROM filesystems()"));
    expect![[r#"
        {"Device":"/dev/sda","Size":2097152,"FSType":null,"MountPoints":[]}
        {"Device":"/dev/sda1","Size":1048576,"FSType":"ext4","MountPoints":["/"]}"#]]
    .assert_eq(&asker.ask("SELECT Device, Size, FSType, MountPoints FROM partitions()"));
}

#[test]
fn the_parts_of_a_machine_are_told() {
    let asker = told(&[
        ("/proc/cpuinfo", b"processor : 0\nmodel name : Fast\nphysical id : 0\ncpu MHz : 2400.5\n\nprocessor : 1\nphysical id : 0\n"),
        ("/proc/meminfo", b"MemTotal: 1024 kB\n"),
        ("/sys/class/dmi/id/sys_vendor", b"ACME\n"),
        ("/sys/block/sda/size", b"2048\n"),
    ]);
    expect![[r#"{"H":"web1","V":"ACME","C":{"vendor":null,"model":"Fast","speed":2400,"cache":null,"cpus":1,"cores":null,"threads":2},"M":1048576,"D":[{"name":"sda","vendor":null,"model":null,"serial":null,"size":1048576,"removable":null}]}"#]].assert_eq(&asker.ask(
        "LET S <= sysinfo() SELECT S.node.hostname AS H, S.product.vendor AS V, S.cpu AS C, \
         S.memory.size AS M, S.storage AS D FROM scope()",
    ));
}

#[test]
fn this_program_tells_what_it_does() {
    let asker = Asker::about(vql_machine::this_machine());
    expect![[r#"{"N":true,"S":true}"#]].assert_eq(&asker.ask(
        "SELECT len(list=Name) > 0 AS N, State =~ '.' AS S FROM profile_goroutines() LIMIT 1",
    ));
    expect![[r#"{"B":true}"#]].assert_eq(
        &asker.ask("SELECT Bytes > 4096 AS B FROM profile_memory() WHERE Name = 'VmRSS'"),
    );
    expect![[r#"
        {"Type":"memory"}
        log: WARN:profile: this program does not tell queries; it tells goroutine (threads) and heap (memory)"#]]
        .assert_eq(&asker.ask("SELECT Type FROM profile(type='memory', queries=TRUE) LIMIT 1"));
    expect![[r#"{"T":true}"#]].assert_eq(&asker.ask("SELECT trace().Size > 100 AS T FROM scope()"));
    assert!(asker.kept.0.lock()[0].1.starts_with(b"{\"Type\":\"threads\""));
    expect![[r#"{"P":true}"#]]
        .assert_eq(&asker.ask("SELECT PATH =~ '/' AS P FROM environ(vars=['PATH'])"));
    expect![[r#"{"NOT_SET_ANYWHERE":null}"#]]
        .assert_eq(&asker.ask("SELECT * FROM environ(vars=['NOT_SET_ANYWHERE'])"));
}

#[test]
fn attributes_of_files_are_read() {
    let tree = super::question::Tree::new(&[("a", b"x")]);
    let set = std::process::Command::new("setfattr")
        .args(["-n", "user.note", "-v", "hello"])
        .arg(tree.path().join("a"))
        .status();
    let asker = Asker::about(vql_machine::this_machine());
    let answer = tree.ask_as(&asker, "SELECT xattr(filename='{}/a') AS A FROM scope()");
    // Neither the tool nor the file system is the same everywhere.
    if set.is_ok_and(|status| status.success()) {
        assert!(answer.contains(r#""user.note":"hello""#), "{answer}");
    } else {
        assert!(answer.starts_with(r#"{"A":"#), "{answer}");
    }
    expect![[r#"
        {"A":null}
        log: xattr: cannot read the attributes of `{}/none`: No such file or directory (os error 2)"#]]
        .assert_eq(&tree.ask_as(&asker, "SELECT xattr(filename='{}/none') AS A FROM scope()"));
    expect![[r#"
        {"A":null}
        log: xattr: the accessor `data` has no extended attributes; only `file` has"#]]
    .assert_eq(
        &tree.ask_as(&asker, "SELECT xattr(filename='x', accessor='data') AS A FROM scope()"),
    );
}

#[test]
fn a_server_of_names_is_asked() {
    let server = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    let answering = std::thread::spawn(move || {
        for _ in 0..2 {
            let mut buffer = [0; 512];
            let (count, asker) = server.recv_from(&mut buffer).unwrap();
            let mut answer = buffer[..count].to_vec();
            answer[2] = 0x81;
            if answer[13] == b'n' {
                answer[3] = 0x83;
            } else {
                answer[7] = 1;
                answer.extend(b"\xc0\x0c\x00\x10\x00\x01\0\0\0\x3c\x00\x03\x02hi");
            }
            server.send_to(&answer, asker).unwrap();
        }
    });
    let asker = Asker::new();
    let ask = |args: &str| {
        let query = format!("SELECT host({args}, server='{address}') AS H FROM scope()");
        asker.ask(&query).replace(&address.to_string(), "SERVER")
    };
    expect![[r#"{"H":["hi"]}"#]].assert_eq(&ask("name='example.org', type='TXT'"));
    expect![[r#"
        {"H":null}
        log: host: cannot look up `none.org` at SERVER: the server answers: there is no such name"#]].assert_eq(&ask("name='none.org', type='TXT'"));
    answering.join().unwrap();
    expect![[r#"
        {"H":null}
        log: host: `ANY` is no kind of record that can be asked for; those are A, NS, CNAME, SOA, PTR, MX, TXT, AAAA, SRV, CAA"#]].assert_eq(&ask("name='example.org', type='ANY'"));
    expect![[r#"
        {"H":null}
        log: host: `a..b` is no domain name"#]]
    .assert_eq(&ask("name='a..b'"));
    expect![[r#"{"H":null}"#]].assert_eq(&ask("name='a', tracker_only=TRUE"));
}
