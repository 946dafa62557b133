//! Evidence for benchmarks. The same every time: what looks random comes from a counter.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Files of this many bytes hold [`MARKER`] once.
const MARKER: &[u8] = b"lycaon-marker";

/// A number that looks random, from its place in a sequence (splitmix64).
pub(super) fn scrambled(place: u64) -> u64 {
    let mut number = place.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// So many small text files, 500 in each folder.
pub(super) fn tree(folder: &Path, files: u64) -> io::Result<()> {
    for first in (0..files).step_by(500) {
        let below = folder.join(format!("{:02}/{first:07}", first / 25_000));
        fs::create_dir_all(&below)?;
        for number in first..files.min(first + 500) {
            fs::write(below.join(format!("{number}.txt")), b"one line\n")?;
        }
    }
    Ok(())
}

/// Files of random bytes. Returns how many bytes there are in all.
pub(super) fn files(folder: &Path, files: u64, bytes: u64) -> io::Result<u64> {
    for file in 0..files {
        let mut out = BufWriter::new(fs::File::create(folder.join(format!("file-{file}.bin")))?);
        out.write_all(MARKER)?;
        let mut block = [0_u8; 8192];
        let mut left = bytes.saturating_sub(MARKER.len() as u64);
        let mut place = file << 40;
        while left > 0 {
            for chunk in block.chunks_exact_mut(8) {
                chunk.copy_from_slice(&scrambled(place).to_le_bytes());
                place += 1;
            }
            let now = usize::try_from(left).unwrap_or(block.len()).min(block.len());
            out.write_all(&block[..now])?;
            left -= now as u64;
        }
        out.flush()?;
    }
    Ok(files * bytes)
}

/// A log of at least this many bytes. Returns how many lines and bytes it has.
pub(super) fn log(path: &Path, bytes_min: u64) -> io::Result<(u64, u64)> {
    const USERS: [&str; 8] = ["alice", "bob", "carol", "dave", "eve", "root", "mallory", "trent"];
    const TEXTS: [&str; 6] = [
        "Accepted publickey for",
        "Connection closed by authenticating user",
        "pam_unix(sshd:session): session closed for user",
        "Received disconnect from 192.0.2.7 port 22:11: disconnected by user",
        "Failed password for invalid user",
        "pam_unix(cron:session): session opened for user",
    ];
    let mut out = BufWriter::with_capacity(1 << 20, fs::File::create(path)?);
    let (mut lines, mut bytes) = (0, 0);
    let mut line = Vec::new();
    while bytes < bytes_min {
        let chance = scrambled(lines);
        let user = USERS[(chance % 8) as usize];
        // One text in 64 is about an opened session, and an eighth of those are root's.
        let text =
            TEXTS[if (chance >> 8).is_multiple_of(64) { 5 } else { ((chance >> 16) % 5) as usize }];
        line.clear();
        writeln!(
            line,
            "Nov 22 {:02}:{:02}:{:02} host-{} sshd[{}]: {text} {user} from port {}",
            (lines / 3600) % 24,
            (lines / 60) % 60,
            lines % 60,
            (chance >> 24) % 100,
            (chance >> 32) % 32768,
            1024 + (chance >> 48) % 60_000,
        )?;
        out.write_all(&line)?;
        lines += 1;
        bytes += line.len() as u64;
    }
    out.flush()?;
    Ok((lines, bytes))
}

/// So many events, one JSON object on each line. Returns how many bytes there are.
pub(super) fn json_lines(path: &Path, lines: u64) -> io::Result<u64> {
    let mut out = BufWriter::with_capacity(1 << 20, fs::File::create(path)?);
    let mut bytes = 0;
    let mut line = Vec::new();
    for number in 0..lines {
        let chance = scrambled(number);
        line.clear();
        writeln!(
            line,
            r#"{{"EventID":{},"Computer":"host-{}.example.org","Time":"2026-11-22T04:{:02}:{:02}Z","Data":{{"User":"user-{}","LogonType":{},"Elevated":{},"Address":"192.0.2.{}"}},"Tags":["logon","n{}"]}}"#,
            4600 + chance % 40,
            (chance >> 8) % 500,
            (number / 60) % 60,
            number % 60,
            (chance >> 16) % 1000,
            2 + (chance >> 32) % 10,
            chance.is_multiple_of(2),
            (chance >> 40) % 256,
            (chance >> 48) % 10,
        )?;
        out.write_all(&line)?;
        bytes += line.len() as u64;
    }
    out.flush()?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_evidence_is_made_every_time() {
        let folder = tempfile::tempdir().unwrap();
        let [one, two] = ["one", "two"].map(|name| folder.path().join(name));
        let made = [&one, &two].map(|path| log(path, 10_000).unwrap());
        assert_eq!(made[0], made[1]);
        assert!(made[0].1 >= 10_000);
        assert_eq!(fs::read(&one).unwrap(), fs::read(&two).unwrap());
        let opened = String::from_utf8(fs::read(&one).unwrap()).unwrap();
        assert_eq!(opened.lines().count() as u64, made[0].0);
    }

    #[test]
    fn files_have_the_size_that_was_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(files(folder.path(), 2, 10_001).unwrap(), 20_002);
        let first = fs::read(folder.path().join("file-0.bin")).unwrap();
        assert_eq!(first.len(), 10_001);
        assert_ne!(first, fs::read(folder.path().join("file-1.bin")).unwrap());
    }
}
