//! What may be asked about a machine, and a made-up machine that answers in tests.
//!
//! The port of this crate: plugins ask a [`Machine`] they are given and nothing else, so every
//! plugin can be tested without being on the machine it describes. `os` implements it for the
//! machine the program runs on.

use std::net::IpAddr;
use std::time::Duration;

use parsers::linux::connector::ProcessEvent;
use parsers::linux::maps::Region;
use rows::Time;

/// Why a question about the machine has no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Unanswered {
    /// The operating system said no.
    #[error("cannot {what}: {why}")]
    Failed {
        /// What was to be done: `read /proc`.
        what: String,
        /// What the system said.
        why: String,
    },
    /// Nobody has taught the program to ask this operating system.
    #[error("{what} is not available on this operating system yet")]
    NotHere {
        /// What was asked for.
        what: &'static str,
    },
}

/// A machine that can be asked about itself.
///
/// # Contract
///
/// - A thing that vanishes while it is being listed is left out, and is no error.
/// - What this program may not see of a thing is empty or `None`, and is no error either.
/// - No method waits for anything but the operating system.
pub trait Machine: Send + Sync {
    /// The machine as a whole.
    fn facts(&self) -> Result<Facts, Unanswered>;

    /// Ids of the processes that exist now, in order.
    fn process_ids(&self) -> Result<Vec<i64>, Unanswered>;

    /// One process; `None` when it does not exist (any more).
    fn process(&self, pid: i64) -> Option<Process>;

    /// The sockets that exist now, with the processes that hold them where that can be seen.
    fn sockets(&self) -> Result<Vec<Socket>, Unanswered>;

    /// The network interfaces.
    fn interfaces(&self) -> Result<Vec<Interface>, Unanswered>;

    /// Name of an account.
    fn user_name(&self, uid: u32) -> Option<String>;

    /// The accounts that the machine itself knows.
    fn users(&self) -> Result<Vec<parsers::accounts::User>, Unanswered>;

    /// Ends a process.
    fn kill(&self, pid: i64) -> Result<(), Unanswered>;

    /// The memory of a process.
    fn memory(&self, _pid: i64) -> Result<Box<dyn ProcessMemory>, Unanswered> {
        Err(Unanswered::NotHere { what: "the memory of processes" })
    }

    /// The environment of a process, as `NAME=value`; empty where it may not be seen.
    fn environment(&self, _pid: i64) -> Vec<String> {
        Vec::new()
    }

    /// The regions of a process's address space.
    fn memory_map(&self, _pid: i64) -> Result<Vec<Region>, Unanswered> {
        Err(Unanswered::NotHere { what: "the memory of processes" })
    }

    /// A small file in which the system tells about itself, by its place on such a system.
    fn system_file(&self, _path: &str) -> Result<Vec<u8>, Unanswered> {
        Err(Unanswered::NotHere { what: "what the system tells about itself" })
    }

    /// Names in a folder in which the system tells about itself, in order.
    fn system_folder(&self, _path: &str) -> Result<Vec<String>, Unanswered> {
        Err(Unanswered::NotHere { what: "what the system tells about itself" })
    }

    /// Total, free and available bytes of the file system at a path.
    fn space(&self, _path: &str) -> Option<[u64; 3]> {
        None
    }

    /// The extended attributes of a file, a last link not followed.
    fn extended_attributes(&self, _path: &[u8]) -> Result<Vec<(String, Vec<u8>)>, Unanswered> {
        Err(Unanswered::NotHere { what: "extended attributes of files" })
    }

    /// What happens to processes, from now on.
    fn process_events(&self) -> Result<Box<dyn Feed<ProcessEvent>>, Unanswered> {
        Err(Unanswered::NotHere { what: "the events of processes" })
    }

    /// What the kernel writes in its audit log, from now on.
    fn audit_events(&self) -> Result<Box<dyn Feed<AuditMessage>>, Unanswered> {
        Err(Unanswered::NotHere { what: "the kernel's audit log" })
    }
}

/// Events as they come.
pub trait Feed<T>: Send {
    /// The next event; waits for it so long at most.
    fn next(&mut self, wait: Duration) -> Result<Told<T>, Unanswered>;
}

/// What a feed told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told<T> {
    /// This happened.
    Event(T),
    /// Nothing happened for a while.
    Nothing,
    /// More happened than could be told; some of it is lost.
    Lost,
    /// Nothing will happen any more.
    Ended,
}

/// A message of the kernel's audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditMessage {
    /// What kind of record it is.
    pub kind: u16,
    /// The record.
    pub text: String,
}

/// The memory of a process.
pub trait ProcessMemory: Send {
    /// Fills as much of the buffer as can be read from an address on; says how much that is.
    fn read_at(&mut self, address: u64, buffer: &mut [u8]) -> usize;
}

/// The machine as a whole.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Its own name.
    pub hostname: String,
    /// Its full name, where one is known.
    pub fqdn: String,
    /// When it started.
    pub boot: Option<Time>,
    /// For how many seconds it has been up.
    pub uptime_secs: u64,
    /// How many processes it runs.
    pub processes: u64,
    /// `linux`, `windows`, `darwin`.
    pub os: String,
    /// The distribution or edition.
    pub platform: String,
    /// The family it belongs to.
    pub platform_family: String,
    /// Its version.
    pub platform_version: String,
    /// Version of the kernel.
    pub kernel_version: String,
    /// What it is virtualized by, or empty.
    pub virtualization: String,
    /// `guest`, `host`, or empty.
    pub virtualization_role: String,
    /// An identifier that survives a restart.
    pub host_id: String,
    /// `amd64`, `arm64`, ...
    pub architecture: String,
    /// This program runs with all rights.
    pub is_admin: bool,
    /// Path of this program.
    pub exe: String,
    /// Its working directory.
    pub cwd: String,
    /// Abbreviation of the time zone.
    pub zone: String,
    /// Its distance from UTC, in seconds.
    pub zone_offset_secs: i64,
    /// Hardware addresses of the interfaces.
    pub mac_addresses: Vec<String>,
}

/// One process.
#[derive(Debug, Clone, Default)]
pub struct Process {
    /// Its id.
    pub pid: i64,
    /// Its parent's.
    pub parent: i64,
    /// Its short name.
    pub name: String,
    /// Its arguments, the program first. Empty for threads of the kernel.
    pub arguments: Vec<String>,
    /// Path of the program.
    pub exe: String,
    /// The program's file is gone.
    pub exe_deleted: bool,
    /// Working directory.
    pub cwd: String,
    /// Owner (the effective user).
    pub uid: Option<u32>,
    /// Group.
    pub gid: Option<u32>,
    /// State, one letter.
    pub state: String,
    /// When it started.
    pub created: Option<Time>,
    /// Number of threads.
    pub threads: i64,
    /// Seconds in user mode.
    pub user_secs: f64,
    /// Seconds in the kernel.
    pub system_secs: f64,
    /// Memory it uses.
    pub resident_bytes: u64,
    /// Address space it has.
    pub virtual_bytes: u64,
    /// Process that traces it, 0 for none.
    pub tracer: i64,
}

/// What a socket speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// Raw internet.
    Raw,
    /// A path on this machine.
    Unix,
}

/// One socket.
#[derive(Debug, Clone)]
pub struct Socket {
    /// What it speaks.
    pub protocol: Protocol,
    /// Address and port here, for internet sockets.
    pub local: Option<(IpAddr, u16)>,
    /// Address and port there.
    pub remote: Option<(IpAddr, u16)>,
    /// Name of the state.
    pub state: String,
    /// Path of a Unix socket.
    pub path: String,
    /// Owner.
    pub uid: Option<u32>,
    /// Process that holds it, and the number of the open file there.
    pub holder: Option<(i64, i64)>,
}

/// One network interface.
#[derive(Debug, Clone)]
pub struct Interface {
    /// Its number.
    pub index: i64,
    /// Its name.
    pub name: String,
    /// Largest packet.
    pub mtu: i64,
    /// Hardware address.
    pub hardware_address: String,
    /// It is up.
    pub up: bool,
    /// Its addresses with the length of the network's prefix.
    pub addresses: Vec<String>,
}
