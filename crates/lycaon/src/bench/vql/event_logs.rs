//! Event logs and detection rules for benchmarks, the same every time.

use std::fs;
use std::io;
use std::path::Path;

use parsers::evtx::writer::{Datum, LogWriter, NewEvent, filetime};

use super::generate::scrambled;

/// An event log of at least this many bytes: logons, and processes that are started. Returns how
/// many events and bytes it has.
pub(super) fn log(path: &Path, bytes_min: u64) -> io::Result<(u64, u64)> {
    let mut log = LogWriter::default();
    let mut events = 0;
    while log.size() < bytes_min {
        push(&mut log, events)?;
        events += 1;
    }
    let written = log.bytes();
    fs::write(path, &written)?;
    Ok((events, written.len() as u64))
}

fn push(log: &mut LogWriter, place: u64) -> io::Result<()> {
    let chance = scrambled(place);
    let number = |shift: u32, below: u64| (chance >> shift) % below;
    let user = format!("user-{}", number(8, 500));
    let program =
        format!("C:\\Program Files\\Vendor{}\\tool-{}.exe", number(16, 50), number(24, 2_000));
    let parent = format!("C:\\Windows\\System32\\parent-{}.exe", number(32, 20));
    let line = format!(
        "\"{program}\" -flag{} --input C:\\Users\\{user}\\Documents\\target{}.docx --level {}",
        number(40, 200),
        number(48, 300),
        number(56, 10),
    );
    let address = format!("192.0.2.{}", number(40, 256));
    let started = [
        ("SubjectUserName", Datum::Text(&user)),
        ("SubjectLogonId", Datum::Hex(chance >> 20)),
        ("NewProcessName", Datum::Text(&program)),
        ("ParentProcessName", Datum::Text(&parent)),
        ("CommandLine", Datum::Text(&line)),
    ];
    let logon = [
        ("TargetUserName", Datum::Text(&user)),
        ("TargetLogonId", Datum::Hex(chance >> 20)),
        ("LogonType", Datum::Number(2 + (chance >> 32) as u32 % 10)),
        ("IpAddress", Datum::Text(&address)),
        ("ProcessName", Datum::Text(&parent)),
    ];
    let (event_id, data) = if chance.is_multiple_of(3) { (4624, &logon) } else { (4688, &started) };
    let event = NewEvent {
        provider: "Microsoft-Windows-Security-Auditing",
        channel: "Security",
        computer: "host-1.example.org",
        event_id,
        level: 0,
        filetime: filetime(1_700_000_000 + place),
        process_id: 4,
        data,
    };
    log.push(&event).map_err(io::Error::other)
}

/// Rules of the usual forms. One in some thousand events satisfies one.
pub(super) fn rules(path: &Path, rules: u64) -> io::Result<()> {
    let mut text = String::new();
    for rule in 0..rules {
        let next = rule + 1;
        let third = if rule % 10 == 0 {
            format!("CommandLine|re: 'target{rule}\\.docx.*level [89]$'")
        } else {
            format!("CommandLine|contains|all: ['-flag{rule} ', 'target{next}.docx']")
        };
        text.push_str(&format!(
            "title: Rule {rule}\nid: rule-{rule}\nlevel: medium\nlogsource: {{product: windows, service: security}}\n\
             detection:\n  started:\n    EventID: 4688\n    NewProcessName|endswith: ['\\tool-{rule}.exe', '\\tool-{next}.exe']\n    \
             ParentProcessName|contains: 'parent-{}.'\n  line:\n    EventID: 4688\n    {third}\n  \
             ours:\n    NewProcessName|startswith: 'C:\\Program Files\\Vendor{}\\'\n  \
             logon:\n    EventID: 4624\n    TargetUserName: ['user-{rule}', 'user-{next}']\n    LogonType: 3\n    IpAddress|cidr: 192.0.2.{}/29\n  \
             condition: (started or line) and not ours or logon\n---\n",
            rule % 20,
            rule % 50,
            rule % 32 * 8,
        ));
    }
    fs::write(path, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_are_rules_and_the_log_is_a_log() {
        let folder = tempfile::tempdir().unwrap();
        let (log_path, rules_path) = (folder.path().join("a.evtx"), folder.path().join("r.yml"));
        let (events, bytes) = log(&log_path, 300_000).unwrap();
        assert!(events >= 500 && bytes >= 200_000, "{events} events, {bytes} bytes");
        rules(&rules_path, 30).unwrap();
        let read = sigma::read_rules("r.yml", &fs::read_to_string(&rules_path).unwrap());
        assert_eq!((read.rules.len(), read.problems.len()), (30, 0), "{:?}", read.problems);
    }
}
