//! What reading costs: generated files, found, hashed and searched. They were written a moment before, so they
//! come from memory, not from the disk.

use std::io;
use std::path::Path;

use super::{Benchmark, Work};
use super::{event_logs, generate};

/// What is made before a benchmark runs. Amounts are those at 100 percent.
#[derive(Clone, Copy, Debug)]
pub(super) enum Evidence {
    /// So many small files in folders of 500.
    Tree { files: u64 },
    /// Files of this size, `file-N.bin`.
    Files { files: u64, kib: u64 },
    /// One log of so many MiB, `big.log`.
    Log { mib: u64 },
    /// One file of so many lines of JSON, `big.jsonl`.
    JsonLines { lines: u64 },
    /// An event log of so many MiB, `big.evtx`, and 100 detection rules, `rules.yml`.
    EventLog { mib: u64 },
}

/// What was made.
pub(super) struct Made {
    /// How many files or lines.
    pub(super) items: u64,
    /// How many bytes are read; `None` when only names are looked at.
    pub(super) bytes: Option<u64>,
}

impl Evidence {
    /// Makes it; something is made even of nothing.
    pub(super) fn make(self, folder: &Path, percent: u64) -> io::Result<Made> {
        let share = |amount: u64, least: u64| (amount * percent / 100).max(least);
        match self {
            Self::Tree { files } => {
                let files = share(files, 600);
                generate::tree(folder, files)?;
                Ok(Made { items: files, bytes: None })
            }
            Self::Files { files, kib } => {
                // A single file shrinks in size, many shrink in number.
                let (files, kib) =
                    if files == 1 { (1, share(kib, 64)) } else { (share(files, 10), kib) };
                let bytes = generate::files(folder, files, kib * 1024)?;
                Ok(Made { items: files, bytes: Some(bytes) })
            }
            Self::Log { mib } => {
                let (lines, bytes) =
                    generate::log(&folder.join("big.log"), share(mib << 20, 1 << 18))?;
                Ok(Made { items: lines, bytes: Some(bytes) })
            }
            Self::EventLog { mib } => {
                let (events, bytes) =
                    event_logs::log(&folder.join("big.evtx"), share(mib << 20, 1 << 18))?;
                event_logs::rules(&folder.join("rules.yml"), 100)?;
                Ok(Made { items: events, bytes: Some(bytes) })
            }
            Self::JsonLines { lines } => {
                let lines = share(lines, 100);
                let bytes = generate::json_lines(&folder.join("big.jsonl"), lines)?;
                Ok(Made { items: lines, bytes: Some(bytes) })
            }
        }
    }
}

const GIB: Evidence = Evidence::Log { mib: 1024 };
const SMALL: Evidence = Evidence::Files { files: 20_000, kib: 16 };
const EVENTS: Evidence = Evidence::EventLog { mib: 128 };
const LARGE: Evidence = Evidence::Files { files: 1, kib: 1024 * 1023 };

const fn reads(
    name: &'static str,
    needs: &'static [&'static str],
    evidence: Evidence,
    query: &'static str,
) -> Benchmark {
    Benchmark { name, needs, work: Work::Reads(evidence), query }
}

/// The benchmarks that read. To add one, add an entry; what it needs may come to the catalog later.
pub(super) const TABLE: &[Benchmark] = &[
    reads(
        "glob_200000",
        &["glob"],
        Evidence::Tree { files: 200_000 },
        r#"SELECT OSPath, Size FROM glob(globs="{folder}/**/*.txt")"#,
    ),
    reads(
        "glob_200000_filter",
        &["glob"],
        Evidence::Tree { files: 200_000 },
        r#"SELECT OSPath, Size, Mtime FROM glob(globs="{folder}/**") WHERE NOT IsDir AND Name =~ "7\\.txt$""#,
    ),
    reads(
        "hash_large",
        &["hash"],
        LARGE,
        r#"SELECT hash(path="{folder}/file-0.bin", hashselect="SHA256", max_size=4294967296) AS Hash FROM scope()"#,
    ),
    reads(
        "hash_large_all",
        &["hash"],
        LARGE,
        r#"SELECT hash(path="{folder}/file-0.bin", max_size=4294967296) AS Hash FROM scope()"#,
    ),
    reads(
        "hash_small",
        &["hash", "glob"],
        SMALL,
        r#"SELECT OSPath, hash(path=OSPath, hashselect="SHA256") AS Hash FROM glob(globs="{folder}/*.bin")"#,
    ),
    reads(
        "hash_small_workers_2",
        &["hash", "glob"],
        SMALL,
        r#"SELECT * FROM foreach(row={ SELECT OSPath FROM glob(globs="{folder}/*.bin") },
            query={ SELECT OSPath, hash(path=OSPath, hashselect="SHA256") AS Hash FROM scope() }, workers=2)"#,
    ),
    reads(
        "grep_lines",
        &["parse_lines"],
        GIB,
        r#"SELECT Line FROM parse_lines(filename="{folder}/big.log") WHERE Line =~ "session opened for user (root|admin)""#,
    ),
    reads(
        "grep_records",
        &["parse_records_with_regex"],
        GIB,
        r#"SELECT User, Port FROM parse_records_with_regex(file="{folder}/big.log",
            regex="session opened for user (?P<User>root|admin) from port (?P<Port>[0-9]+)")"#,
    ),
    reads(
        "parse_jsonl",
        &["parse_jsonl"],
        Evidence::JsonLines { lines: 1_000_000 },
        r#"SELECT EventID, Data.User AS User FROM parse_jsonl(filename="{folder}/big.jsonl") WHERE Data.LogonType = 3"#,
    ),
    reads(
        "parse_evtx",
        &["parse_evtx"],
        EVENTS,
        r#"SELECT EventData.TargetUserName AS User FROM parse_evtx(filename="{folder}/big.evtx", workers=1)
            WHERE System.EventID.Value = 4624 AND EventData.LogonType = 3"#,
    ),
    reads(
        "parse_evtx_workers",
        &["parse_evtx"],
        EVENTS,
        r#"SELECT EventData.TargetUserName AS User FROM parse_evtx(filename="{folder}/big.evtx")
            WHERE System.EventID.Value = 4624 AND EventData.LogonType = 3"#,
    ),
    reads(
        "sigma_100_rules",
        &["sigma", "parse_evtx", "read_file"],
        EVENTS,
        r#"SELECT _Rule.Title AS Title FROM sigma(rules=read_file(filename="{folder}/rules.yml"),
            log_sources=sigma_log_sources(`*/windows/security`={ SELECT * FROM parse_evtx(filename="{folder}/big.evtx") }),
            field_mapping=dict(EventID="x=>x.System.EventID.Value", NewProcessName="x=>x.EventData.NewProcessName",
                ParentProcessName="x=>x.EventData.ParentProcessName", CommandLine="x=>x.EventData.CommandLine",
                TargetUserName="x=>x.EventData.TargetUserName", LogonType="x=>x.EventData.LogonType",
                IpAddress="x=>x.EventData.IpAddress"))"#,
    ),
    // Without reading a log: the rows are made up, and every rule has to look at them.
    reads(
        "sigma_100_rules_made_up_rows",
        &["sigma", "read_file"],
        EVENTS,
        r#"SELECT _Rule.Title AS Title FROM sigma(rules=read_file(filename="{folder}/rules.yml"),
            log_sources=sigma_log_sources(`*/windows/security`={
                SELECT 4688 AS EventID, "C:\Program Files\Vendor1\tool-5.exe" AS NewProcessName,
                    "C:\Windows\System32\parent-4.exe" AS ParentProcessName,
                    "tool-5.exe -flag3 --input target4.docx --level 8" AS CommandLine
                FROM range(end={rows}) }))"#,
    ),
    reads(
        "yara",
        &["yara", "glob"],
        SMALL,
        r##"SELECT * FROM foreach(row={ SELECT OSPath FROM glob(globs="{folder}/*.bin") },
            query={ SELECT Rule, OSPath FROM yara(files=OSPath, key="rules", rules='''
                rule Marker { strings: $a = "lycaon-marker" condition: $a at 0 or #a > 9 }
                rule Words { strings: $a = "invoke-command" nocase wide ascii $b = "frombase64" nocase condition: all of them }
                rule Bytes { strings: $a = { 4D 5A 90 00 [2-8] 50 45 ( 00 | 01 ) } condition: $a and filesize < 1MB }
                rule Shell { strings: $a = /(curl|wget) https?:\/\/[a-z0-9.]{4,40}\/[a-z]+\.sh/ condition: $a }
                rule Header { condition: uint32(0) == 0x464c457f or uint16(0) == 0x5a4d }
            ''') }, workers=2)"##,
    ),
];
