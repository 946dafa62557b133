//! The regions of a process's address space, as `/proc/PID/maps` lists them.

/// One region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    /// Its first address.
    pub start: u64,
    /// The address behind its last.
    pub end: u64,
    /// `rwxp`: may be read, written, run; private or shared.
    pub permissions: String,
    /// Where in the file it begins.
    pub offset: u64,
    /// The device of the file.
    pub device: String,
    /// The file's number; 0 for memory without a file.
    pub inode: u64,
    /// The file, or a name such as `[stack]`; empty for anonymous memory.
    pub name: String,
    /// The file is gone.
    pub deleted: bool,
}

impl Region {
    /// Whether it may be read.
    pub fn is_readable(&self) -> bool {
        self.permissions.starts_with('r')
    }

    /// How many bytes it has.
    pub fn size(&self) -> u64 {
        self.end - self.start
    }
}

/// Reads the list; lines that are none are skipped.
pub fn regions(text: &str) -> Vec<Region> {
    text.lines().filter_map(region).collect()
}

fn region(line: &str) -> Option<Region> {
    let mut rest = line;
    let mut word = || {
        let trimmed = rest.trim_start_matches(' ');
        let end = trimmed.find(' ').unwrap_or(trimmed.len());
        let (word, after) = trimmed.split_at(end);
        rest = after;
        (!word.is_empty()).then_some(word)
    };
    let (start, end) = word()?.split_once('-')?;
    let permissions = word()?.to_owned();
    let offset = u64::from_str_radix(word()?, 16).ok()?;
    let device = word()?.to_owned();
    let inode = word()?.parse().ok()?;
    let name = rest.trim_start_matches(' ');
    let kept = name.strip_suffix(" (deleted)");
    let start = u64::from_str_radix(start, 16).ok()?;
    let end = u64::from_str_radix(end, 16).ok().filter(|end| *end > start)?;
    Some(Region {
        start,
        end,
        permissions,
        offset,
        device,
        inode,
        deleted: kept.is_some(),
        name: kept.unwrap_or(name).to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_are_read() {
        let text = "00400000-0040b000 r-xp 00001000 fd:01 525 /usr/bin/my prog (deleted)\n\
                    7ffc0000-7ffc1000 rw-p 00000000 00:00 0                          [stack]\n\
                    7ffd0000-7ffd1000 ---s 00000000 00:00 0\n";
        let found = regions(text);
        assert_eq!((found[0].start, found[0].size(), found[0].inode), (0x40_0000, 0xb000, 525));
        assert_eq!((found[0].name.as_str(), found[0].deleted), ("/usr/bin/my prog", true));
        assert_eq!((found[1].name.as_str(), found[1].is_readable()), ("[stack]", true));
        assert_eq!((found[2].name.as_str(), found[2].is_readable()), ("", false));
    }

    #[test]
    fn torn_lines_are_skipped() {
        assert!(regions("00400000-0040b000 r-xp\n-\n2-1 r 0 0 0\nx-y r 0 0 0\n").is_empty());
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,80}", line in "[0-9a-f -]{0,60}") {
            let _ = (regions(&text), regions(&line));
        }
    }
}
