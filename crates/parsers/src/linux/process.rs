//! One process as `/proc/PID/stat`, `status` and `cmdline` tell it.

/// What `/proc/PID/stat` says. Times are in clock ticks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stat {
    /// Process id.
    pub pid: i64,
    /// Short name, at most 15 bytes, which may hold anything.
    pub name: String,
    /// One letter: running, sleeping, zombie, ...
    pub state: char,
    /// Id of the parent.
    pub parent: i64,
    /// Id of the process group.
    pub group: i64,
    /// Id of the session.
    pub session: i64,
    /// Time in user mode.
    pub user_ticks: u64,
    /// Time in the kernel.
    pub system_ticks: u64,
    /// Number of threads.
    pub threads: i64,
    /// When it started, since boot.
    pub start_ticks: u64,
    /// Virtual memory.
    pub virtual_bytes: u64,
    /// Pages in memory.
    pub resident_pages: i64,
}

/// Reads `/proc/PID/stat`. The name stands in parentheses and may itself hold parentheses,
/// blanks and line ends, so the last closing one counts.
pub fn stat(text: &str) -> Option<Stat> {
    let open = text.find('(')?;
    let close = text.rfind(')')?;
    let name = text.get(open + 1..close)?;
    let fields: Vec<&str> = text[close + 1..].split_ascii_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<i64>().ok();
    let count = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(Stat {
        pid: text[..open].trim().parse().ok()?,
        name: name.to_owned(),
        state: fields.first()?.chars().next()?,
        parent: number(1)?,
        group: number(2)?,
        session: number(3)?,
        user_ticks: count(11)?,
        system_ticks: count(12)?,
        threads: number(17)?,
        start_ticks: count(19)?,
        virtual_bytes: count(20)?,
        resident_pages: number(21)?,
    })
}

/// The few lines of `/proc/PID/status` that `stat` does not have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// Real, effective, saved and file-system user id.
    pub uids: Vec<u32>,
    /// Real, effective, saved and file-system group id.
    pub gids: Vec<u32>,
    /// Process that traces this one, 0 for none.
    pub tracer: i64,
}

/// Reads `/proc/PID/status`; unknown lines are skipped.
pub fn status(text: &str) -> Status {
    let mut status = Status::default();
    let ids =
        |value: &str| value.split_ascii_whitespace().filter_map(|id| id.parse().ok()).collect();
    for line in text.lines() {
        match line.split_once(':') {
            Some(("Uid", value)) => status.uids = ids(value),
            Some(("Gid", value)) => status.gids = ids(value),
            Some(("TracerPid", value)) => status.tracer = value.trim().parse().unwrap_or(0),
            _ => {}
        }
    }
    status
}

/// The arguments in `/proc/PID/cmdline` (or the variables in `environ`), which are separated by
/// zero bytes. A process may overwrite them with anything.
pub fn zero_separated(bytes: &[u8]) -> Vec<String> {
    let bytes = bytes.strip_suffix(&[0]).unwrap_or(bytes);
    if bytes.is_empty() {
        return Vec::new();
    }
    bytes.split(|byte| *byte == 0).map(|part| String::from_utf8_lossy(part).into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "4242 (a) b (c) S 1 4242 4242 0 -1 4194560 100 0 0 0 7 3 0 0 20 0 2 0 \
                        9000 1048576 250 18446744073709551615 1 1 0 0 0 0";

    #[test]
    fn a_name_with_parentheses_does_not_confuse() {
        let stat = stat(STAT).unwrap();
        assert_eq!((stat.pid, stat.name.as_str(), stat.state), (4242, "a) b (c", 'S'));
        assert_eq!((stat.parent, stat.user_ticks, stat.system_ticks), (1, 7, 3));
        assert_eq!((stat.threads, stat.start_ticks, stat.resident_pages), (2, 9000, 250));
    }

    #[test]
    fn a_torn_line_is_nothing() {
        assert_eq!(stat("4242 (sh) S 1"), None);
        assert_eq!(stat(""), None);
        assert_eq!(stat(")("), None);
    }

    #[test]
    fn ids_are_read() {
        let status = status("Name:\tx\nUid:\t1000\t0\t0\t0\nGid:\t5\t5\t5\t5\nTracerPid:\t9\n");
        assert_eq!((status.uids[1], status.gids[0], status.tracer), (0, 5, 9));
    }

    #[test]
    fn arguments_are_split_at_zero_bytes() {
        assert_eq!(zero_separated(b"ls\0-l\0\0"), ["ls", "-l", ""]);
        assert!(zero_separated(b"").is_empty());
        assert_eq!(zero_separated(b"title set by prctl"), ["title set by prctl"]);
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,80}") {
            let _ = (stat(&text), status(&text), zero_separated(text.as_bytes()));
        }
    }
}
