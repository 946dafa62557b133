//! Artifacts that follow what happens: each runs while the world around it changes, until what is
//! wanted was seen.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use vql_machine::machine::{Facts, Interface, Machine, Process, Protocol, Socket, Unanswered};
use vql_machine::made_up::MadeUpMachine;

use crate::world::World;

/// A web server on which one more process and its port come and go, from one look to the next.
struct Restless {
    base: MadeUpMachine,
    there: AtomicBool,
}

impl Restless {
    fn new() -> Self {
        Self { base: MadeUpMachine::web_server(), there: AtomicBool::new(false) }
    }

    fn intruder() -> Process {
        Process {
            pid: 666,
            parent: 40,
            name: "nc".into(),
            arguments: vec!["nc".into(), "-l".into(), "4444".into()],
            exe: "/usr/bin/nc".into(),
            uid: Some(33),
            ..Process::default()
        }
    }
}

impl Machine for Restless {
    fn facts(&self) -> Result<Facts, Unanswered> {
        self.base.facts()
    }

    fn process_ids(&self) -> Result<Vec<i64>, Unanswered> {
        let mut ids = self.base.process_ids()?;
        if self.there.fetch_xor(true, Ordering::Relaxed) {
            ids.push(666);
        }
        Ok(ids)
    }

    fn process(&self, pid: i64) -> Option<Process> {
        if pid == 666 { Some(Self::intruder()) } else { self.base.process(pid) }
    }

    fn sockets(&self) -> Result<Vec<Socket>, Unanswered> {
        let mut sockets = self.base.sockets()?;
        if self.there.fetch_xor(true, Ordering::Relaxed) {
            let any = "0.0.0.0".parse().ok();
            sockets.push(Socket {
                protocol: Protocol::Tcp,
                local: any.map(|any| (any, 4444)),
                remote: any.map(|any| (any, 0)),
                state: "LISTEN".into(),
                path: String::new(),
                uid: Some(33),
                holder: Some((666, 3)),
            });
        }
        Ok(sockets)
    }

    fn interfaces(&self) -> Result<Vec<Interface>, Unanswered> {
        self.base.interfaces()
    }

    fn user_name(&self, uid: u32) -> Option<String> {
        self.base.user_name(uid)
    }

    fn users(&self) -> Result<Vec<parsers::accounts::User>, Unanswered> {
        self.base.users()
    }

    fn kill(&self, pid: i64) -> Result<(), Unanswered> {
        self.base.kill(pid)
    }
}

#[test]
fn logins_over_ssh_are_told_as_they_happen() {
    let world = World::new().file(
        "var/log/auth.log",
        "Jan  2 00:00:00 web1 sshd[1]: Accepted publickey for old from 10.0.0.7 port 1 ssh2\n",
    );
    let line = "Jan  2 03:04:05 web1 sshd[100]: Accepted publickey for ann from 10.0.0.7 port 50000 ssh2\nJan  2 03:04:06 web1 CRON[1]: nothing\n";
    let seen = world.watch(
        "Linux.Events.SshLogins",
        &[("LogFiles", r#"["ROOT/var/log/auth.log"]"#)],
        |_| world.append("var/log/auth.log", line),
        |rows| !rows.is_empty(),
    );
    assert_eq!(
        seen[0],
        r#"{"Time":"Jan  2 03:04:05","Event":"Accepted","Method":"publickey","User":"ann","Address":"10.0.0.7","Pid":"100","Filename":"ROOT/var/log/auth.log"}"#
    );
}

#[test]
fn processes_are_told_when_they_start_and_end() {
    let world = World::new().of(Arc::new(Restless::new()));
    let seen = world.watch(
        "Linux.Events.ProcessExecutions",
        &[("PeriodMillis", "100"), ("WithExits", "Y"), ("CommandRegex", "^nc ")],
        |_| {},
        |rows| ["start", "exit"].iter().all(|event| rows.iter().any(|row| row.contains(event))),
    );
    let started = seen.iter().find(|row| row.contains("\"start\"")).unwrap();
    let wanted = r#"{"Event":"start","Pid":666,"Ppid":40,"Name":"nc","CommandLine":"nc -l 4444","Exe":"/usr/bin/nc","Username":"www","Chain":"init -> httpd -> nc""#;
    assert!(started.starts_with(wanted), "{started}");
}

#[test]
fn ports_are_told_when_they_open_and_close() {
    let world = World::new().of(Arc::new(Restless::new()));
    let seen = world.watch(
        "Linux.Events.ListeningPorts",
        &[("PeriodSecs", "1")],
        |_| {},
        |rows| ["added", "removed"].iter().all(|event| rows.iter().any(|row| row.contains(event))),
    );
    assert!(seen.iter().all(|row| row.contains(r#""Port":4444,"Pid":666"#)), "{seen:?}");
}

#[test]
fn files_are_told_when_they_change() {
    let world = World::new().file("etc/passwd", "root\n");
    let seen = world.watch(
        "Generic.Events.FileChanges",
        &[("Globs", r#"["ROOT/etc/*"]"#), ("PeriodSecs", "1"), ("WithHash", "Y")],
        |round| world.append("etc/passwd", &format!("intruder{round}\n")),
        |rows| ["added", "removed"].iter().all(|event| rows.iter().any(|row| row.contains(event))),
    );
    assert!(seen.iter().all(|row| row.contains(r#""OSPath":"ROOT/etc/passwd""#)), "{seen:?}");
    assert!(seen.iter().any(|row| row.contains("SHA256")), "{seen:?}");
}
