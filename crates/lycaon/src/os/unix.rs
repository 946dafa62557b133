//! Unix: file modes, parent-death signals, `/proc`.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

/// Writes a file that only its owner may read; an existing one is replaced as a whole.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = private(&beside)?;
    file.write_all(content)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)
}

fn private(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    // The mode above is only for a new file.
    file.set_permissions(PermissionsExt::from_mode(0o600))?;
    Ok(file)
}

/// Makes a folder, and those above it, that only its owner may enter.
pub(crate) fn make_private_dir(path: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Whether others than the owner may read a file.
pub(crate) fn readable_by_others(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o077 != 0)
}

/// What a process has used so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// Time on processors, in user mode and in the kernel.
    pub(crate) cpu: Duration,
    /// Bytes in memory now.
    pub(crate) resident: u64,
    /// The most that it had in memory at once, since it began or [`forget_peak`].
    pub(crate) peak: u64,
    /// Bytes that it wrote to files, as far as the system tells.
    pub(crate) written: u64,
}

/// What the process with this id has used so far; nothing when it is gone.
pub(crate) fn usage(pid: u32) -> Option<Usage> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let bytes = |field: &str| -> Option<u64> {
        let kib = status.lines().find_map(|line| line.strip_prefix(field))?;
        Some(kib.trim().trim_end_matches("kB").trim().parse::<u64>().ok()? * 1024)
    };
    Some(Usage {
        cpu: processor_time(pid, OWN)?,
        resident: bytes("VmRSS:")?,
        peak: bytes("VmHWM:")?,
        written: written(pid).unwrap_or(0),
    })
}

/// Places in `/proc/PID/stat`, counted from behind the name: times of the process, and of its children that
/// have ended, in user mode and in the kernel.
const OWN: [usize; 2] = [11, 12];
const ENDED_CHILDREN: [usize; 2] = [13, 14];
const PARENT: usize = 1;

/// The number at this place of what the system says of a process.
fn said_of(pid: u32, place: usize) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold blanks.
    stat.rsplit_once(')')?.1.split_whitespace().nth(place)?.parse().ok()
}

fn processor_time(pid: u32, places: [usize; 2]) -> Option<Duration> {
    let ticks = said_of(pid, places[0])? + said_of(pid, places[1])?;
    Some(Duration::from_millis(ticks * 1_000 / rustix::param::clock_ticks_per_second().max(1)))
}

/// What this process and all below it have used so far, with the processor time of those that have ended.
pub(crate) fn usage_of_tree(root: u32) -> Usage {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let parent = |pid| u32::try_from(said_of(pid, PARENT)?).ok();
    let parents: BTreeMap<u32, u32> = pids.filter_map(|pid| Some((pid, parent(pid)?))).collect();
    let is_below = |pid: u32| {
        std::iter::successors(Some(pid), |pid| parents.get(pid).copied()).any(|pid| pid == root)
    };
    let with_ended = |pid| {
        let own = usage(pid)?;
        Some(Usage { cpu: own.cpu + processor_time(pid, ENDED_CHILDREN)?, ..own })
    };
    parents.keys().copied().filter(|pid| is_below(*pid)).filter_map(with_ended).sum()
}

impl std::iter::Sum for Usage {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            cpu: sum.cpu + one.cpu,
            resident: sum.resident + one.resident,
            peak: sum.peak + one.peak,
            written: sum.written + one.written,
        })
    }
}

fn written(pid: u32) -> Option<u64> {
    let io = std::fs::read_to_string(format!("/proc/{pid}/io")).ok()?;
    io.lines().find_map(|line| line.strip_prefix("write_bytes:"))?.trim().parse().ok()
}

/// Makes this process count its peak from now on. Where that is not allowed, it goes on counting.
pub(crate) fn forget_peak() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// Lets this process have as many open files as the system allows; a server of many agents needs
/// one each.
pub(crate) fn raise_open_files() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let now = getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: now.maximum, maximum: now.maximum };
    match setrlimit(Resource::Nofile, wanted) {
        Ok(()) => now.maximum.unwrap_or(u64::MAX),
        Err(_) => now.current.unwrap_or(u64::MAX),
    }
}

/// Lets everybody else on this machine go first.
pub(crate) fn give_way() {
    // Whoever may not be nicer goes on as it is.
    let _ = rustix::process::nice(19);
}

/// Has memory in pages of the machine's own size from now on, whatever the system would rather give.
pub(crate) fn refuse_huge_pages() {
    // A system without huge pages refuses, and needs nothing.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}

/// Lets a child be killed by the system when this program ends, however it ends. To be started from
/// the main thread: the system watches the thread that started the child.
#[cfg(target_os = "linux")]
#[allow(unsafe_code, reason = "only so can a child ask for this between fork and exec")]
pub(crate) fn tie_to_this_process(command: &mut std::process::Command) {
    use std::os::unix::process::CommandExt;
    let parent = rustix::process::getpid();
    let ask = move || {
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
        // The parent may have ended before the question was asked.
        if rustix::process::getppid() != Some(parent) {
            return Err(io::Error::other("the demo has ended"));
        }
        Ok(())
    };
    // SAFETY: `ask` runs between fork and exec, and makes two system calls only: no allocation on its
    // good path, no locks, nothing of the parent's memory but the copied process id.
    unsafe {
        command.pre_exec(ask);
    }
}

/// Elsewhere a child ends when it is told to, and stays when this program is killed.
#[cfg(not(target_os = "linux"))]
pub(crate) fn tie_to_this_process(_command: &mut std::process::Command) {}

/// Asks a process to end.
pub(crate) fn ask_to_end(pid: u32) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) {
        // It may be gone already, and that is what was wanted.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }
}

/// The machine's own name.
pub(crate) fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Returns when somebody asks this program to end: Ctrl-C, or the signal to terminate.
pub(crate) async fn asked_to_end() {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminated = match signal(SignalKind::terminate()) {
        Ok(terminated) => terminated,
        // Then Ctrl-C alone must do.
        Err(_) => {
            let _ = tokio::signal::ctrl_c().await;
            return;
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated.recv() => {}
    }
}
