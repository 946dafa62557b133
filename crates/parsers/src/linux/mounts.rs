//! Mounted file systems (`/proc/self/mountinfo`) and block devices (`/proc/partitions`).

/// One mounted file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Its number.
    pub id: i64,
    /// Numbers of the device, `8:1`.
    pub device_numbers: String,
    /// Which folder of the file system is mounted.
    pub root: String,
    /// Where.
    pub point: String,
    /// How: `rw,noatime`.
    pub options: String,
    /// Kind of the file system.
    pub kind: String,
    /// What is mounted: a device, a server's path, a word.
    pub source: String,
}

/// Reads `/proc/self/mountinfo`; lines that are none are skipped.
pub fn mounts(text: &str) -> Vec<Mount> {
    text.lines().filter_map(mount).collect()
}

fn mount(line: &str) -> Option<Mount> {
    let (left, right) = line.split_once(" - ")?;
    let left: Vec<&str> = left.split(' ').collect();
    let mut right = right.split(' ');
    Some(Mount {
        id: left.first()?.parse().ok()?,
        device_numbers: (*left.get(2)?).to_owned(),
        root: unescaped(left.get(3)?),
        point: unescaped(left.get(4)?),
        options: (*left.get(5)?).to_owned(),
        kind: right.next()?.to_owned(),
        source: unescaped(right.next()?),
    })
}

/// Blanks and the like are written as three octal digits behind a backslash.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..3).filter(|_| *first == b'\\');
        let octal = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        match octal.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[3..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// One block device or a part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// Major number.
    pub major: i64,
    /// Minor number.
    pub minor: i64,
    /// Its size.
    pub bytes: u64,
    /// Its name: `sda1`.
    pub name: String,
}

/// Reads `/proc/partitions`.
pub fn partitions(text: &str) -> Vec<Partition> {
    let partition = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        Some(Partition {
            major: words.next()?.parse().ok()?,
            minor: words.next()?.parse().ok()?,
            bytes: words.next()?.parse::<u64>().ok()?.checked_mul(1024)?,
            name: words.next()?.to_owned(),
        })
    };
    text.lines().filter_map(partition).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_are_read() {
        let text = "36 35 98:0 /mnt1 /mnt2/my\\040disk rw,noatime master:1 - ext4 /dev/sda1 rw\n\
                    bad line\n1 2 0:1 / /proc rw - proc proc rw\n";
        let found = mounts(text);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].point.as_str(), found[0].kind.as_str()), ("/mnt2/my disk", "ext4"));
        assert_eq!((found[0].source.as_str(), found[1].point.as_str()), ("/dev/sda1", "/proc"));
    }

    #[test]
    fn partitions_are_read() {
        let text = "major minor  #blocks  name\n\n   8        1   1024 sda1\n";
        let wanted = Partition { major: 8, minor: 1, bytes: 1 << 20, name: "sda1".to_owned() };
        assert_eq!(partitions(text), [wanted]);
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,80}", line in "[0-9 \\\\:/-]{0,60}") {
            for text in [&text, &line] {
                let _ = (mounts(text), partitions(text), unescaped(text));
            }
        }
    }
}
