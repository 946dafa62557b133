//! A machine that exists only in memory: the twin of the port, for tests of plugins here and
//! of queries elsewhere.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use parsers::linux::connector::ProcessEvent;
use parsers::linux::maps::{self, Region};
use rows::Time;

use crate::machine::{
    AuditMessage, Facts, Feed, Interface, Machine, Process, ProcessMemory, Protocol, Socket, Told,
    Unanswered,
};

/// A [`Machine`] whose answers are its fields.
#[derive(Debug, Clone)]
pub struct MadeUpMachine {
    /// The machine as a whole.
    pub facts: Facts,
    /// Its processes by id. An id with `None` vanishes between listing and asking.
    pub processes: BTreeMap<i64, Option<Process>>,
    /// Its sockets.
    pub sockets: Vec<Socket>,
    /// Its interfaces.
    pub interfaces: Vec<Interface>,
    /// Its accounts.
    pub users: Vec<parsers::accounts::User>,
    /// Memory of its processes: addresses and what is there.
    pub memory: BTreeMap<i64, Vec<(u64, Vec<u8>)>>,
    /// Files in which the system tells about itself.
    pub system_files: BTreeMap<String, Vec<u8>>,
    /// What every watcher of processes is told before the feed ends.
    pub process_events: Vec<Told<ProcessEvent>>,
    /// What every watcher of the audit log is told before the feed ends.
    pub audit_events: Vec<Told<AuditMessage>>,
}

/// Tells what it was given, and ends.
struct Given<T>(std::vec::IntoIter<Told<T>>);

impl<T: Send> Feed<T> for Given<T> {
    fn next(&mut self, _wait: Duration) -> Result<Told<T>, Unanswered> {
        Ok(self.0.next().unwrap_or(Told::Ended))
    }
}

impl MadeUpMachine {
    /// A small web server: init, a shell, a server that listens, and one process that vanishes.
    pub fn web_server() -> Self {
        let started = Time::from_unix(1_700_000_000, 0);
        let process = |pid: i64, parent: i64, uid: u32, arguments: &[&str]| Process {
            pid,
            parent,
            name: arguments[0].rsplit('/').next().unwrap_or_default().to_owned(),
            arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
            exe: arguments[0].to_owned(),
            cwd: "/".to_owned(),
            uid: Some(uid),
            gid: Some(uid),
            state: "S".to_owned(),
            created: Some(started),
            threads: 1,
            user_secs: 0.5,
            system_secs: 0.25,
            resident_bytes: 4096,
            virtual_bytes: 8192,
            ..Process::default()
        };
        let processes = BTreeMap::from([
            (1, Some(process(1, 0, 0, &["/sbin/init"]))),
            (40, Some(process(40, 1, 33, &["/usr/sbin/httpd", "-f", "my site.conf"]))),
            (41, None),
            (50, Some(process(50, 1, 1000, &["/bin/bash"]))),
        ]);
        Self {
            facts: facts(started),
            processes,
            memory: BTreeMap::from([(
                40,
                vec![
                    (0x40_1000, b"\x7fELF code".to_vec()),
                    (0x50_0000, b"secret: hunter2".to_vec()),
                ],
            )]),
            sockets: sockets(),
            interfaces: vec![Interface {
                index: 1,
                name: "lo".to_owned(),
                mtu: 65536,
                hardware_address: "00:00:00:00:00:00".to_owned(),
                up: true,
                addresses: vec!["127.0.0.1/8".to_owned(), "::1/128".to_owned()],
            }],
            users: parsers::accounts::users(
                "root:x:0:0:root:/root:/bin/bash\nwww:x:33:33::/var/www:/bin/false\nann:x:1000:1000:Ann:/home/ann:/bin/bash\n",
            ),
            system_files: BTreeMap::new(),
            process_events: Vec::new(),
            audit_events: Vec::new(),
        }
    }
}

fn facts(started: Time) -> Facts {
    Facts {
        hostname: "web1".to_owned(),
        fqdn: "web1.example.org".to_owned(),
        boot: Some(started),
        uptime_secs: 3600,
        processes: 4,
        os: "linux".to_owned(),
        platform: "debian".to_owned(),
        platform_family: "debian".to_owned(),
        platform_version: "12".to_owned(),
        kernel_version: "6.1.0".to_owned(),
        virtualization: "kvm".to_owned(),
        virtualization_role: "guest".to_owned(),
        host_id: "0f8fad5b-d9cb-469f-a165-70867728950e".to_owned(),
        architecture: "amd64".to_owned(),
        is_admin: true,
        exe: "/usr/bin/agent".to_owned(),
        cwd: "/".to_owned(),
        zone: "UTC".to_owned(),
        zone_offset_secs: 0,
        mac_addresses: vec!["02:00:00:00:00:01".to_owned()],
    }
}

fn sockets() -> Vec<Socket> {
    let any = IpAddr::from(Ipv4Addr::UNSPECIFIED);
    let internet = |local: (IpAddr, u16), remote: (IpAddr, u16), state: &str, holder| Socket {
        protocol: Protocol::Tcp,
        local: Some(local),
        remote: Some(remote),
        state: state.to_owned(),
        path: String::new(),
        uid: Some(33),
        holder,
    };
    let here = IpAddr::from(Ipv4Addr::new(10, 0, 0, 1));
    let there = IpAddr::from(Ipv4Addr::new(10, 9, 9, 9));
    vec![
        internet((any, 80), (any, 0), "LISTEN", Some((40, 3))),
        internet((here, 80), (there, 50_000), "ESTABLISHED", Some((40, 4))),
        internet((here, 22), (there, 50_001), "TIME_WAIT", None),
        Socket {
            protocol: Protocol::Unix,
            local: None,
            remote: None,
            state: "LISTEN".to_owned(),
            path: "/run/x.sock".to_owned(),
            uid: None,
            holder: Some((1, 7)),
        },
    ]
}

struct MadeUpMemory(Vec<(u64, Vec<u8>)>);

impl ProcessMemory for MadeUpMemory {
    fn read_at(&mut self, address: u64, buffer: &mut [u8]) -> usize {
        let here = self.0.iter().find_map(|(start, bytes)| {
            let skip = usize::try_from(address.checked_sub(*start)?).ok()?;
            bytes.get(skip..).filter(|rest| !rest.is_empty())
        });
        let bytes = here.unwrap_or_default();
        let count = bytes.len().min(buffer.len());
        buffer[..count].copy_from_slice(&bytes[..count]);
        count
    }
}

impl Machine for MadeUpMachine {
    fn facts(&self) -> Result<Facts, Unanswered> {
        Ok(self.facts.clone())
    }

    fn process_ids(&self) -> Result<Vec<i64>, Unanswered> {
        Ok(self.processes.keys().copied().collect())
    }

    fn process(&self, pid: i64) -> Option<Process> {
        self.processes.get(&pid).cloned().flatten()
    }

    fn sockets(&self) -> Result<Vec<Socket>, Unanswered> {
        Ok(self.sockets.clone())
    }

    fn interfaces(&self) -> Result<Vec<Interface>, Unanswered> {
        Ok(self.interfaces.clone())
    }

    fn user_name(&self, uid: u32) -> Option<String> {
        self.users.iter().find(|user| user.uid == uid).map(|user| user.name.clone())
    }

    fn users(&self) -> Result<Vec<parsers::accounts::User>, Unanswered> {
        Ok(self.users.clone())
    }

    fn kill(&self, pid: i64) -> Result<(), Unanswered> {
        match self.process(pid) {
            Some(_) => Ok(()),
            None => Err(Unanswered::Failed {
                what: format!("end process {pid}"),
                why: "no such process".to_owned(),
            }),
        }
    }

    fn memory(&self, pid: i64) -> Result<Box<dyn ProcessMemory>, Unanswered> {
        match self.memory.get(&pid) {
            Some(memory) => Ok(Box::new(MadeUpMemory(memory.clone()))),
            None => Err(Unanswered::Failed {
                what: format!("read the memory of process {pid}"),
                why: "permission denied".to_owned(),
            }),
        }
    }

    fn environment(&self, pid: i64) -> Vec<String> {
        self.process(pid).map(|process| vec![format!("NAME={}", process.name)]).unwrap_or_default()
    }

    fn memory_map(&self, pid: i64) -> Result<Vec<Region>, Unanswered> {
        let process = self.process(pid).ok_or_else(|| Unanswered::Failed {
            what: format!("read /proc/{pid}/maps"),
            why: "no such process".to_owned(),
        })?;
        let exe = &process.exe;
        Ok(maps::regions(&format!(
            "400000-401000 r--p 0 fd:01 7 {exe}\n401000-403000 r-xp 1000 fd:01 7 {exe}\n\
             500000-501000 rwxp 0 00:00 0\n7ff000-800000 rw-p 0 00:00 0 [stack]\n"
        )))
    }

    fn system_file(&self, path: &str) -> Result<Vec<u8>, Unanswered> {
        self.system_files.get(path).cloned().ok_or_else(|| Unanswered::Failed {
            what: format!("read {path}"),
            why: "no such file".to_owned(),
        })
    }

    fn system_folder(&self, path: &str) -> Result<Vec<String>, Unanswered> {
        let inside = self.system_files.keys().filter_map(|known| {
            let rest = known.strip_prefix(path)?.strip_prefix('/')?;
            Some(rest.split('/').next().unwrap_or_default().to_owned())
        });
        let mut names: Vec<String> = inside.collect();
        names.dedup();
        if names.is_empty() {
            let (what, why) = (format!("list {path}"), "no such folder".to_owned());
            return Err(Unanswered::Failed { what, why });
        }
        Ok(names)
    }

    fn process_events(&self) -> Result<Box<dyn Feed<ProcessEvent>>, Unanswered> {
        Ok(Box::new(Given(self.process_events.clone().into_iter())))
    }

    fn audit_events(&self) -> Result<Box<dyn Feed<AuditMessage>>, Unanswered> {
        Ok(Box::new(Given(self.audit_events.clone().into_iter())))
    }
}
