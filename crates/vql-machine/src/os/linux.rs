//! A Linux machine, asked through `/proc`, `/sys` and `/etc`.

use std::collections::HashMap;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::OnceLock;

use parsers::accounts;
use parsers::linux::connector::ProcessEvent;
use parsers::linux::maps::{self, Region};
use parsers::linux::{network, process, system};
use rows::Time;
use rustix::process::{Pid, Signal};

use super::feeds::{self, Audit, Processes};
use super::process_memory::Memory;
use crate::machine::{
    AuditMessage, Facts, Feed, Interface, Machine, Process, ProcessMemory, Protocol, Socket,
    Unanswered,
};

/// The machine this program runs on.
#[derive(Debug)]
pub struct ThisMachine {
    root: PathBuf,
    /// Read once: it costs more than all else about a process, and a process must not seem to
    /// have started anew when the clock is adjusted.
    boot: OnceLock<Option<i64>>,
}

impl Default for ThisMachine {
    fn default() -> Self {
        Self { root: PathBuf::from("/"), boot: OnceLock::new() }
    }
}

impl ThisMachine {
    fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, Unanswered> {
        fs::read(self.path(path)).map_err(|error| Unanswered::Failed {
            what: format!("read {path}"),
            why: error.to_string(),
        })
    }

    /// A file as text, empty when it cannot be read.
    fn text(&self, path: &str) -> String {
        self.read(path)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    fn line(&self, path: &str) -> String {
        self.text(path).trim().to_owned()
    }

    fn link(&self, path: &str) -> String {
        fs::read_link(self.path(path))
            .map(|target| target.to_string_lossy().into_owned())
            .unwrap_or_default()
    }

    fn boot_seconds(&self) -> Option<i64> {
        *self.boot.get_or_init(|| system::boot_seconds(&self.text("/proc/stat")))
    }

    /// The name with a domain, from the hosts file, as a resolver would see it first.
    fn fqdn(&self, hostname: &str) -> String {
        if hostname.contains('.') {
            return hostname.to_owned();
        }
        let hosts = self.text("/etc/hosts");
        let lines = hosts.lines().map(|line| line.split('#').next().unwrap_or_default());
        lines
            .map(|line| line.split_ascii_whitespace().skip(1).collect::<Vec<_>>())
            .filter(|names| names.contains(&hostname))
            .find_map(|names| {
                names.into_iter().find(|name| name.starts_with(&format!("{hostname}.")))
            })
            .unwrap_or(hostname)
            .to_owned()
    }

    fn host_id(&self) -> String {
        let board = self.line("/sys/class/dmi/id/product_uuid");
        if !board.is_empty() {
            return board.to_ascii_lowercase();
        }
        let id = self.line("/etc/machine-id");
        if id.len() == 32 && id.is_ascii() {
            let part = |from: usize, to: usize| &id[from..to];
            return format!(
                "{}-{}-{}-{}-{}",
                part(0, 8),
                part(8, 12),
                part(12, 16),
                part(16, 20),
                part(20, 32)
            );
        }
        self.line("/proc/sys/kernel/random/boot_id")
    }

    fn guest_signs(&self) -> system::GuestSigns {
        system::GuestSigns {
            cpu_info: self.text("/proc/cpuinfo"),
            board: format!(
                "{} {}",
                self.line("/sys/class/dmi/id/sys_vendor"),
                self.line("/sys/class/dmi/id/product_name")
            ),
            init_cgroup: self.text("/proc/1/cgroup"),
            docker_marker: self.path("/.dockerenv").exists(),
            podman_marker: self.path("/run/.containerenv").exists(),
            kernel: self.text("/proc/version"),
        }
    }

    /// Which process holds a socket: inode to process and number of the open file.
    fn socket_holders(&self) -> HashMap<u64, (i64, i64)> {
        let mut holders = HashMap::new();
        for pid in self.process_ids().unwrap_or_default() {
            let Ok(files) = fs::read_dir(self.path(&format!("/proc/{pid}/fd"))) else { continue };
            for file in files.flatten() {
                let Ok(target) = fs::read_link(file.path()) else { continue };
                let Some(inode) = network::socket_inode(&target.to_string_lossy()) else {
                    continue;
                };
                let number = file.file_name().to_string_lossy().parse().unwrap_or(-1);
                holders.entry(inode).or_insert((pid, number));
            }
        }
        holders
    }
}

impl Machine for ThisMachine {
    fn facts(&self) -> Result<Facts, Unanswered> {
        let release = match self.text("/etc/os-release") {
            text if text.is_empty() => self.text("/usr/lib/os-release"),
            text => text,
        };
        let release = system::os_release(&release);
        let name = rustix::system::uname();
        let hostname = name.nodename().to_string_lossy().into_owned();
        let (virtualization, role) = system::virtualization(&self.guest_signs());
        let zone = jiff::Zoned::now();
        let uptime = system::uptime_seconds(&self.text("/proc/uptime")).unwrap_or(0.0);
        Ok(Facts {
            fqdn: self.fqdn(&hostname),
            hostname,
            boot: self.boot_seconds().map(|seconds| Time::from_unix(seconds, 0)),
            uptime_secs: uptime as u64,
            processes: self.process_ids().map_or(0, |ids| ids.len() as u64),
            os: "linux".to_owned(),
            platform_family: release.family(),
            platform: release.id,
            platform_version: release.version,
            kernel_version: name.release().to_string_lossy().into_owned(),
            virtualization: virtualization.to_owned(),
            virtualization_role: role.to_owned(),
            host_id: self.host_id(),
            architecture: architecture(std::env::consts::ARCH).to_owned(),
            is_admin: rustix::process::geteuid().is_root(),
            exe: own_path(std::env::current_exe()),
            cwd: own_path(std::env::current_dir()),
            zone: zone.strftime("%Z").to_string(),
            zone_offset_secs: i64::from(zone.offset().seconds()),
            mac_addresses: self
                .interfaces()
                .unwrap_or_default()
                .into_iter()
                .map(|interface| interface.hardware_address)
                .filter(|address| address.bytes().any(|byte| !matches!(byte, b'0' | b':')))
                .collect(),
        })
    }

    fn process_ids(&self) -> Result<Vec<i64>, Unanswered> {
        let entries = fs::read_dir(self.path("/proc")).map_err(|error| Unanswered::Failed {
            what: "read /proc".to_owned(),
            why: error.to_string(),
        })?;
        let mut ids: Vec<i64> = entries
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .collect();
        ids.sort_unstable();
        Ok(ids)
    }

    fn process(&self, pid: i64) -> Option<Process> {
        let place = |file: &str| format!("/proc/{pid}/{file}");
        let stat = process::stat(&self.text(&place("stat")))?;
        let status = process::status(&self.text(&place("status")));
        let arguments = self.read(&place("cmdline")).unwrap_or_default();
        let ticks = rustix::param::clock_ticks_per_second().max(1);
        let seconds = |count: u64| count as f64 / ticks as f64;
        let page = rustix::param::page_size() as u64;
        let exe = self.link(&place("exe"));
        let created = self.boot_seconds().map(|boot| {
            let nanos = i128::from(stat.start_ticks) * 1_000_000_000 / i128::from(ticks);
            Time::from_unix_nanos(i128::from(boot) * 1_000_000_000 + nanos)
        });
        Some(Process {
            pid: stat.pid,
            parent: stat.parent,
            name: stat.name,
            arguments: process::zero_separated(&arguments),
            exe_deleted: exe.ends_with(" (deleted)"),
            exe: exe.trim_end_matches(" (deleted)").to_owned(),
            cwd: self.link(&place("cwd")),
            uid: status.uids.get(1).copied(),
            gid: status.gids.get(1).copied(),
            state: stat.state.to_string(),
            created,
            threads: stat.threads,
            user_secs: seconds(stat.user_ticks),
            system_secs: seconds(stat.system_ticks),
            resident_bytes: u64::try_from(stat.resident_pages).unwrap_or(0) * page,
            virtual_bytes: stat.virtual_bytes,
            tracer: status.tracer,
        })
    }

    fn sockets(&self) -> Result<Vec<Socket>, Unanswered> {
        const TABLES: [(&str, Protocol); 6] = [
            ("tcp", Protocol::Tcp),
            ("tcp6", Protocol::Tcp),
            ("udp", Protocol::Udp),
            ("udp6", Protocol::Udp),
            ("raw", Protocol::Raw),
            ("raw6", Protocol::Raw),
        ];
        let holders = self.socket_holders();
        let mut sockets = Vec::new();
        for (table, protocol) in TABLES {
            // A table is missing where the protocol is switched off.
            let text = self.text(&format!("/proc/net/{table}"));
            for socket in network::sockets(&text, protocol == Protocol::Tcp) {
                sockets.push(Socket {
                    protocol,
                    local: Some(socket.local),
                    remote: Some(socket.remote),
                    state: socket.state.to_owned(),
                    path: String::new(),
                    uid: Some(socket.uid),
                    holder: holders.get(&socket.inode).copied(),
                });
            }
        }
        for socket in network::unix_sockets(&self.text("/proc/net/unix")) {
            sockets.push(Socket {
                protocol: Protocol::Unix,
                local: None,
                remote: None,
                state: socket.state.to_owned(),
                path: socket.path,
                uid: None,
                holder: holders.get(&socket.inode).copied(),
            });
        }
        Ok(sockets)
    }

    fn interfaces(&self) -> Result<Vec<Interface>, Unanswered> {
        let mut addresses = super::addresses::by_interface();
        let entries = fs::read_dir(self.path("/sys/class/net")).map_err(|error| {
            Unanswered::Failed { what: "read /sys/class/net".to_owned(), why: error.to_string() }
        })?;
        let mut interfaces: Vec<Interface> = entries
            .flatten()
            .map(|entry| {
                let name = entry.file_name().to_string_lossy().into_owned();
                let field = |field: &str| self.line(&format!("/sys/class/net/{name}/{field}"));
                const UP: u32 = 1;
                let flags = field("flags");
                let flags = u32::from_str_radix(flags.trim_start_matches("0x"), 16).unwrap_or(0);
                let index = field("ifindex").parse().unwrap_or(0);
                Interface {
                    index,
                    mtu: field("mtu").parse().unwrap_or(0),
                    hardware_address: field("address"),
                    up: flags & UP != 0,
                    addresses: addresses.remove(&index).unwrap_or_default(),
                    name,
                }
            })
            .collect();
        interfaces.sort_by_key(|interface| interface.index);
        Ok(interfaces)
    }

    fn user_name(&self, uid: u32) -> Option<String> {
        self.users().ok()?.into_iter().find(|user| user.uid == uid).map(|user| user.name)
    }

    fn users(&self) -> Result<Vec<accounts::User>, Unanswered> {
        let text = self.read("/etc/passwd")?;
        Ok(accounts::users(&String::from_utf8_lossy(&text)))
    }

    fn kill(&self, pid: i64) -> Result<(), Unanswered> {
        let failed = |why: String| Unanswered::Failed { what: format!("end process {pid}"), why };
        let id = i32::try_from(pid)
            .ok()
            .filter(|pid| *pid > 1)
            .and_then(Pid::from_raw)
            .ok_or_else(|| failed("this is no process that may be ended".to_owned()))?;
        rustix::process::kill_process(id, Signal::KILL).map_err(|error| failed(error.to_string()))
    }

    fn memory(&self, pid: i64) -> Result<Box<dyn ProcessMemory>, Unanswered> {
        match Memory::open(&self.path(&format!("/proc/{pid}"))) {
            Ok(memory) => Ok(Box::new(memory)),
            Err(error) => Err(Unanswered::Failed {
                what: format!("read the memory of process {pid}"),
                why: error.to_string(),
            }),
        }
    }

    fn environment(&self, pid: i64) -> Vec<String> {
        let bytes = self.read(&format!("/proc/{pid}/environ")).unwrap_or_default();
        process::zero_separated(&bytes)
    }

    fn memory_map(&self, pid: i64) -> Result<Vec<Region>, Unanswered> {
        let text = self.read(&format!("/proc/{pid}/maps"))?;
        Ok(maps::regions(&String::from_utf8_lossy(&text)))
    }

    fn system_file(&self, path: &str) -> Result<Vec<u8>, Unanswered> {
        use std::io::Read;
        /// Files of the system are small; one that is not is something else.
        const BYTES_MAX: u64 = 16 << 20;
        let failed = |error: std::io::Error| Unanswered::Failed {
            what: format!("read {path}"),
            why: error.to_string(),
        };
        let mut bytes = Vec::new();
        let file = fs::File::open(self.path(path)).map_err(failed)?;
        file.take(BYTES_MAX).read_to_end(&mut bytes).map_err(failed)?;
        Ok(bytes)
    }

    fn system_folder(&self, path: &str) -> Result<Vec<String>, Unanswered> {
        let entries = fs::read_dir(self.path(path)).map_err(|error| Unanswered::Failed {
            what: format!("list {path}"),
            why: error.to_string(),
        })?;
        let mut names: Vec<String> = entries
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        Ok(names)
    }

    fn space(&self, path: &str) -> Option<[u64; 3]> {
        let told = rustix::fs::statvfs(self.path(path)).ok()?;
        Some([told.f_blocks, told.f_bfree, told.f_bavail].map(|blocks| blocks * told.f_frsize))
    }

    fn extended_attributes(&self, path: &[u8]) -> Result<Vec<(String, Vec<u8>)>, Unanswered> {
        super::attributes::of(path)
    }

    fn process_events(&self) -> Result<Box<dyn Feed<ProcessEvent>>, Unanswered> {
        let what = "follow the events of processes (this needs the capability NET_ADMIN)";
        Ok(Box::new(Processes::listen().map_err(|error| feeds::failed(what, error))?))
    }

    fn audit_events(&self) -> Result<Box<dyn Feed<AuditMessage>>, Unanswered> {
        let what = "follow the kernel's audit log (this needs the capability AUDIT_READ)";
        Ok(Box::new(Audit::listen().map_err(|error| feeds::failed(what, error))?))
    }
}

fn own_path(path: std::io::Result<PathBuf>) -> String {
    path.as_deref().unwrap_or(Path::new("")).to_string_lossy().into_owned()
}

/// The names that artifacts compare with.
fn architecture(name: &str) -> &str {
    match name {
        "x86_64" => "amd64",
        "x86" => "386",
        "aarch64" => "arm64",
        other => other,
    }
}

/// Makes a command the head of its own group, so that it can be ended with its children.
pub fn own_group(command: &mut Command) {
    command.process_group(0);
}

/// Ends a command and what it has started.
pub fn kill_group(child: &mut Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = rustix::process::kill_process_group(group, Signal::KILL);
    }
    let _ = child.kill();
}

/// Lets the owner run a file.
pub fn make_executable(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o700))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_found_on_this_machine() {
        let machine = ThisMachine::default();
        let own = i64::from(std::process::id());
        assert!(machine.process_ids().unwrap().contains(&own));
        let process = machine.process(own).unwrap();
        assert_eq!(process.pid, own);
        assert!(process.threads >= 1);
        assert!(!process.arguments.is_empty());
        assert!(machine.process(i64::MAX).is_none());
    }

    #[test]
    fn a_listening_socket_is_found_with_its_process() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let sockets = ThisMachine::default().sockets().unwrap();
        let found = sockets
            .iter()
            .find(|socket| socket.local == Some((address.ip(), address.port())))
            .unwrap();
        assert_eq!(found.state, "LISTEN");
        assert_eq!(found.holder.unwrap().0, i64::from(std::process::id()));
    }

    #[test]
    fn a_made_up_root_is_described() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("etc/hosts", "10.0.0.1 web1.example.org web1 # here\n");
        write("etc/machine-id", "0f8fad5bd9cb469fa16570867728950e\n");
        write("etc/os-release", "ID=debian\nVERSION_ID=12\n");
        write("etc/passwd", "ann:x:1000:1000::/home/ann:/bin/sh\n");
        write("proc/stat", "btime 1700000000\n");
        write("proc/42/stat", "42 (sh) S 1 42 42 0 -1 0 0 0 0 0 100 50 0 0 20 0 1 0 200 4096 1");
        write("proc/42/cmdline", "sh\0-c\0true\0");
        write("proc/42/status", "Uid:\t1000\t1000\t1000\t1000\n");
        write("proc/43/comm", "gone");
        let machine = ThisMachine { root: root.path().to_owned(), boot: OnceLock::new() };
        assert_eq!(machine.fqdn("web1"), "web1.example.org");
        assert_eq!(machine.host_id(), "0f8fad5b-d9cb-469f-a165-70867728950e");
        assert_eq!(machine.process_ids().unwrap(), [42, 43]);
        assert_eq!(machine.process(42).unwrap().arguments, ["sh", "-c", "true"]);
        assert!(machine.process(43).is_none());
        assert_eq!(machine.user_name(1000).as_deref(), Some("ann"));
        assert_eq!(machine.facts().unwrap().platform_family, "debian");
    }

    #[test]
    fn init_is_never_ended() {
        for pid in [0, 1, -5, i64::MAX] {
            assert!(ThisMachine::default().kill(pid).is_err());
        }
    }
}
