//! Names of files inside a zip, made of texts that clients chose. Pure.
//!
//! # Invariants
//! - A name never leaves its folder, on any operating system: no `..`, no drive, no root, no
//!   backslash.
//! - A name can be unpacked everywhere: no reserved name, no control character, no trailing dot or
//!   blank, not too long.
//! - Two different files never have the same name, letter case ignored.

use std::collections::HashSet;

/// Characters of one part of a path.
const PART_CHARS_MAX: usize = 100;
/// Folders of a path; deeper ones are left out in the middle.
const PARTS_MAX: usize = 16;

/// Makes one part of a path harmless.
pub fn part(text: &str) -> String {
    let mut name: String = text.chars().map(harmless).collect();
    name = shortened(&name);
    let kept = name.trim_end_matches(['.', ' ']).len();
    let trailing = name.len() - kept;
    name.truncate(kept);
    name.extend(std::iter::repeat_n('_', trailing.min(1)));
    let odd_start = name.starts_with([' ', '-', '=', '+', '@', '~']);
    if name.is_empty() || odd_start || is_reserved(&name) {
        name.insert(0, '_');
    }
    name
}

fn harmless(c: char) -> char {
    let direction =
        matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let invisible = matches!(c, '\u{200b}'..='\u{200d}' | '\u{feff}' | '\u{2028}' | '\u{2029}');
    match c {
        '/' | '\\' | '<' | '>' | ':' | '"' | '|' | '?' | '*' => '_',
        _ if c.is_control() || direction || invisible => '_',
        _ => c,
    }
}

/// Cuts a long name in the middle, so that its end, which says what it is, stays.
fn shortened(name: &str) -> String {
    let count = name.chars().count();
    if count <= PART_CHARS_MAX {
        return name.to_owned();
    }
    let (head, tail) = (PART_CHARS_MAX - 31, 30);
    let start: String = name.chars().take(head).collect();
    let end: String = name.chars().skip(count - tail).collect();
    format!("{start}~{end}")
}

/// Names that mean devices on Windows, whatever follows their first dot.
fn is_reserved(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or("").trim_end().to_uppercase();
    let numbered = ["COM", "LPT"].iter().any(|device| {
        stem.strip_prefix(device).is_some_and(|digit| {
            digit.chars().count() == 1
                && digit.chars().all(|c| c.is_ascii_digit() || matches!(c, '¹' | '²' | '³'))
        })
    });
    numbered || matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$")
}

/// A client's path as a path below a folder of the zip.
pub fn path(text: &str) -> String {
    let said: Vec<&str> = text
        .split(['/', '\\'])
        .filter(|part| !part.is_empty() && *part != "." && *part != "..")
        .collect();
    let kept = match said.len() {
        0 => vec!["unnamed".to_owned()],
        count if count <= PARTS_MAX => said.iter().map(|text| part(text)).collect(),
        count => {
            let head = said[..PARTS_MAX / 2].iter();
            let tail = said[count - PARTS_MAX / 2 + 1..].iter();
            let gap = std::iter::once(&"~");
            head.chain(gap).chain(tail).map(|text| part(text)).collect()
        }
    };
    kept.join("/")
}

/// The last part of a client's path: a name to save a file under.
pub(crate) fn file_name(text: &str) -> String {
    let path = path(text);
    path.rsplit('/').next().unwrap_or("unnamed").to_owned()
}

/// Names that were given out.
#[derive(Default)]
pub struct Taken {
    names: HashSet<String>,
}

impl Taken {
    /// This name, or the next free one like it: `a.txt`, `a (2).txt`.
    pub fn free(&mut self, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        let mut number = 1u64;
        while !self.take(&name) {
            number += 1;
            name = numbered(wanted, number);
        }
        name
    }

    /// A file also takes the names of the folders that it stands in, and none of them may be a file.
    fn take(&mut self, name: &str) -> bool {
        let key = name.to_lowercase();
        let folders = || key.match_indices('/').map(|(at, _)| format!("{}/", &key[..at]));
        let in_the_way = self.names.contains(&key)
            || self.names.contains(&format!("{key}/"))
            || folders().any(|folder| self.names.contains(folder.trim_end_matches('/')));
        if in_the_way {
            return false;
        }
        self.names.extend(folders());
        self.names.insert(key);
        true
    }
}

fn numbered(name: &str, number: u64) -> String {
    let (folder, file) = match name.rfind('/') {
        Some(at) => name.split_at(at + 1),
        None => ("", name),
    };
    match file.rfind('.').filter(|at| *at > 0) {
        Some(at) => format!("{folder}{} ({number}){}", &file[..at], &file[at..]),
        None => format!("{folder}{file} ({number})"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_meant_to_harm_become_harmless() {
        let check = |said: &str, name: &str| assert_eq!(path(said), name, "{said:?}");
        check("/etc/passwd", "etc/passwd");
        check("../../../etc/passwd", "etc/passwd");
        check("..\\..\\Windows\\win.ini", "Windows/win.ini");
        check("C:\\Users\\x", "C_/Users/x");
        check("\\\\?\\C:\\x", "_/C_/x");
        check("/tmp/CON", "tmp/_CON");
        check("nul.txt", "_nul.txt");
        check("com1", "_com1");
        check("COM10", "COM10");
        check("/a/. /b", "a/_/b");
        check("trailing. . ", "trailing_");
        check("=HYPERLINK(\"x\")", "_=HYPERLINK(_x_)");
        check("evil\u{202e}txt.exe", "evil_txt.exe");
        check("a\0b\nc", "a_b_c");
        check("", "unnamed");
        check("/", "unnamed");
        check("...", "_");
        check("~root", "_~root");
    }

    #[test]
    fn long_names_keep_their_end() {
        let long = format!("{}.evtx", "x".repeat(400));
        let name = part(&long);
        assert_eq!(name.chars().count(), PART_CHARS_MAX);
        assert!(name.ends_with(".evtx"));
        let deep = "d/".repeat(100) + "file.txt";
        assert!(path(&deep).ends_with("/file.txt") && path(&deep).matches('/').count() < PARTS_MAX);
    }

    #[test]
    fn the_same_name_is_numbered_whatever_its_letter_case() {
        let mut taken = Taken::default();
        let names = ["a/x.txt", "a/X.TXT", "a/x.txt", "a", "A/x (2).txt", ".rc", ".rc"];
        let free: Vec<String> = names.iter().map(|name| taken.free(name)).collect();
        assert_eq!(
            free,
            ["a/x.txt", "a/X (2).TXT", "a/x (3).txt", "a (2)", "A/x (2) (2).txt", ".rc", ".rc (2)"]
        );
    }

    proptest! {
        #[test]
        fn whatever_a_client_says_stays_in_its_folder(said in "\\PC{0,80}|[./\\\\a:~ \\x00-\\x1f-]{0,40}") {
            let name = path(&said);
            for part in name.split('/') {
                prop_assert!(!part.is_empty() && part != "." && part != "..");
                prop_assert!(!part.ends_with(['.', ' ']), "{name:?}");
                prop_assert!(!part.contains(['\\', ':']) && !part.contains(char::is_control));
                prop_assert!(!is_reserved(part));
                prop_assert!(part.chars().count() <= PART_CHARS_MAX + 2);
            }
        }
    }
}
