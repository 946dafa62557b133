//! The demo's definitions and log files on disk.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use log_rules::Definitions;
use model::log::RuleName;
use rust_embed::RustEmbed;
use serde_json::Value;

use super::events::DATASETS;
use super::{WEAK, tenant_name};
use crate::complaint::{Complaint, Outcome};

/// Rules and plants of the demo.
#[derive(RustEmbed)]
#[folder = "demo/log"]
pub(crate) struct DemoFiles;

/// The demo's rules, read once.
pub(crate) struct Rules {
    /// Path below the definitions' folder, and text.
    pub(crate) files: Vec<(String, String)>,
    /// What they say.
    pub(crate) definitions: Definitions,
}

impl Rules {
    pub(crate) fn read() -> Self {
        let files = files();
        let (definitions, _) = log_rules::read(&files);
        Self { files, definitions }
    }

    /// Rules whose SQL only the engine over files knows.
    fn only_in_process(&self) -> Vec<&RuleName> {
        let foreign = |rule: &&log_rules::Rule| match &rule.question {
            log_rules::Question::Sql(text) => text.contains("INTERVAL"),
            _ => false,
        };
        self.definitions.rules.iter().filter(foreign).map(|rule| &rule.name).collect()
    }
}

fn files() -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> = DemoFiles::iter()
        .filter(|path| path.ends_with(".yaml") || path.ends_with(".yml"))
        .filter_map(|path| {
            let text = String::from_utf8_lossy(&DemoFiles::get(&path)?.data).into_owned();
            Some((path.into_owned(), text))
        })
        .collect();
    files.sort();
    files
}

/// Writes engines, channels, tenants and rules.
pub(crate) fn write(rules: &Rules, folder: &Path, tenants: u32, logs: &Path) -> Outcome {
    for (path, text) in &rules.files {
        save(&folder.join(path), &hurried(text))?;
    }
    save(&folder.join("engines.yaml"), &engines(logs))?;
    let without = rules.only_in_process();
    for number in 1..=tenants {
        let name = tenant_name(number);
        let text = tenant(&name, (number == WEAK).then_some(without.as_slice()));
        save(&folder.join("tenants").join(format!("{name}.yaml")), &text)?;
    }
    Ok(())
}

/// In real life these rules run every ten minutes; nobody would wait for that here. The file of findings is
/// told of all of them.
const SCHEDULE: &str = "schedule: { every: 30s, log_buffer: 5s, jitter: 3s, first_from: 1h }";
/// An opaque rule reads the window of each tick by itself: an hour would be 120 of them.
const SCHEDULE_OPAQUE: &str = "schedule: { every: 30s, log_buffer: 5s, jitter: 3s }";

/// A rule file with the demo's schedule.
fn hurried(text: &str) -> String {
    let document = |text: &str| -> String {
        let opaque = text.lines().any(|line| line == "kind: opaque");
        let schedule = if opaque { SCHEDULE_OPAQUE } else { SCHEDULE };
        let line = |line: &str| match line.starts_with("schedule:") {
            true => format!("{schedule}\nnotify: [soc-file]\n"),
            false => format!("{line}\n"),
        };
        text.lines().map(line).collect()
    };
    text.split("---\n").map(document).collect::<Vec<_>>().join("---\n")
}

fn engines(logs: &Path) -> String {
    // A JSON text is a YAML text, whatever the path has in it.
    let text = |path: &Path| Value::from(path.display().to_string()).to_string();
    format!(
        "engine: lake\nkind: datafusion\nroot: {}\nconcurrency: 8\n---\nengine: old-database\nkind: sqlite\npath: {}\ntimeout: 5s\n---\nchannel: soc-file\nkind: file\npath: {}\n",
        text(logs),
        text(&logs.join("weak.db")),
        text(&logs.with_file_name("findings.jsonl"))
    )
}

/// A tenant; a weak one has a database, and is without these rules.
fn tenant(name: &str, weak_without: Option<&[&RuleName]>) -> String {
    let mut text = format!("tenant: {name}\ndatasets:\n");
    for dataset in DATASETS {
        let (engine, table) = match weak_without {
            Some(_) => ("old-database", dataset.to_owned()),
            None => ("lake", format!("{name}/{dataset}")),
        };
        let _ = write!(
            text,
            "  {dataset}:\n    engine: {engine}\n    table: {table}\n    time: {{ event: event_time, ingest: ingested_at }}\n    log_source: {dataset}\n"
        );
    }
    let without = weak_without.unwrap_or_default();
    if !without.is_empty() {
        text.push_str("overrides:\n");
        for rule in without {
            let why = "its SQL is for another engine";
            let _ = writeln!(text, "  - {{ rule: {rule}, disabled: true, reason: {why} }}");
        }
    }
    text
}

fn save(path: &Path, text: &str) -> Outcome {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|e| Complaint::io("make", folder, &e))?;
    }
    std::fs::write(path, text).map_err(|e| Complaint::io("write", path, &e))
}

/// Adds rows, which are in the order of their ingest, to the file of their stretch of time.
pub(crate) fn append_lines(table: &Path, span: Duration, rows: &[Value]) -> Outcome {
    std::fs::create_dir_all(table).map_err(|e| Complaint::io("make", table, &e))?;
    let stretch = |row: &Value| -> u64 {
        let text = row["ingested_at"].as_str().unwrap_or_default();
        let at: i64 = text.parse::<base::Timestamp>().map_or(0, |at| at.as_micros() / 1_000_000);
        u64::try_from(at).unwrap_or(0) / span.as_secs().max(1)
    };
    for rows in rows.chunk_by(|a, b| stretch(a) == stretch(b)) {
        let path = table.join(format!("{}.ndjson", stretch(&rows[0])));
        let mut text = String::new();
        rows.iter().for_each(|row| {
            text.push_str(&row.to_string());
            text.push('\n');
        });
        std::fs::File::options()
            .create(true)
            .append(true)
            .open(&path)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(|e| Complaint::io("write", &path, &e))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forty_rules_are_without_a_fault() {
        let rules = Rules::read();
        let without = rules.only_in_process();
        let mut files: Vec<(String, String)> =
            rules.files.iter().map(|(path, text)| (path.clone(), hurried(text))).collect();
        files.push(("engines.yaml".into(), engines(Path::new("/demo/logs"))));
        files.push(("tenants/a.yaml".into(), tenant("tenant-01", None)));
        files.push(("tenants/b.yaml".into(), tenant("tenant-02", Some(&without))));
        let (definitions, problems) = log_rules::read(&files);
        let told: Vec<String> = problems.iter().map(|problem| format!("{problem:?}")).collect();
        assert_eq!(told, [""; 0]);
        assert_eq!(definitions.rules.len(), 40);
        let streams = definitions.streams();
        assert!(!without.is_empty(), "some rules are not for a database");
        assert_eq!(streams.assignments.len(), 80 - without.len());
    }
}
