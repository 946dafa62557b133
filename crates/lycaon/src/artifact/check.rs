//! `lycaon artifact check`: which artifacts of files and folders run here, and what the others lack.

use std::collections::BTreeSet;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use artifacts::ArtifactSet;
use artifacts::check::{Checked, Finding, Survey, Verdict, Vocabulary, Wanted, survey};
use clap::Args;
use serde_json::{Value, json};
use vql_plugin::Catalog;

use super::files_below;
use crate::complaint::{Complaint, Outcome};
use crate::local;
use crate::login::note;
use crate::output::{OutputArgs, Record, clean};

#[derive(Args, Debug)]
pub(crate) struct CheckArgs {
    /// Files, or folders with files that end in .yaml or .yml
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
}

pub(crate) fn run(args: &CheckArgs) -> Outcome {
    let mut files = Vec::new();
    let mut unreadable = 0;
    for file in
        args.paths.iter().map(|path| files_below(path)).collect::<Outcome<Vec<_>>>()?.concat()
    {
        match std::fs::read_to_string(&file) {
            Ok(text) => files.push((file.display().to_string(), text)),
            Err(error) => {
                unreadable += 1;
                note(&format!("cannot read {}: {error}", file.display()));
            }
        }
    }
    let found = survey(&files, &ArtifactSet::built_in(), &vocabulary(&local::catalog()));
    if args.output.is_table() {
        print(&found)?
    } else {
        records(&found, &args.output)?
    }
    let broken = found.count(Verdict::Broken) + unreadable;
    match broken {
        0 => Ok(()),
        _ => Err(Complaint::failed(format!(
            "{broken} of {} cannot run",
            counted(found.artifacts.len() + unreadable, "artifact")
        ))),
    }
}

/// What this program offers to artifacts, and what it knows to be elsewhere.
pub(crate) fn vocabulary(catalog: &Catalog) -> Vocabulary {
    vql_help::vocabulary(catalog, accessors::all().iter().map(|(name, _)| name.to_string()))
}

/// For a person: a line for each artifact, its findings below it, then the totals.
fn print(found: &Survey) -> Outcome {
    let mut out = BufWriter::new(std::io::stdout());
    for checked in &found.artifacts {
        writeln!(out, "{:<7} {}", checked.verdict.word(), clean(&checked.name))?;
        for finding in &checked.findings {
            writeln!(out, "        {}", clean(&finding.problem.to_string()))?;
        }
    }
    let wanted = found.wanted();
    if !wanted.is_empty() {
        writeln!(out, "\nMost wanted:\n{:>9}  {:>6}  what", "artifacts", "places")?;
        for one in &wanted {
            let why = one.why.map(|why| format!(" ({})", reason(why))).unwrap_or_default();
            let what = format!("{} {}{why}", one.kind.word(), clean(&one.name));
            writeln!(out, "{:>9}  {:>6}  {what}", one.artifacts, one.places)?;
        }
        writeln!(out)?;
    }
    let count = |verdict| found.count(verdict);
    writeln!(
        out,
        "{}: {} ok, {} partly (all but the paths that use what is known not to be here), {} broken",
        counted(found.artifacts.len(), "artifact"),
        count(Verdict::Runs),
        count(Verdict::RunsPartly),
        count(Verdict::Broken)
    )?;
    Ok(out.flush()?)
}

fn counted(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// What a word of [`Finding::why`] means.
fn reason(why: &str) -> &str {
    match why {
        "windows" => "only on live Windows",
        "macos" => "only on live macOS",
        "server" => "on the server, not offered yet",
        "later" => "not offered yet",
        "left_out" => "not offered",
        "asked_for" => "the artifact allows for its absence",
        other => other,
    }
}

/// For a program: one record for each artifact, for each wanted name, and one with the totals.
fn records(found: &Survey, output: &OutputArgs) -> Outcome {
    let mut records = output.records(&["record", "name", "verdict", "file", "findings"]);
    for checked in &found.artifacts {
        records.push(artifact_record(checked))?;
    }
    for one in found.wanted() {
        records.push(wanted_record(&one))?;
    }
    let names: BTreeSet<&str> =
        found.artifacts.iter().map(|checked| checked.name.as_str()).collect();
    records.push(record(json!({
        "record": "summary",
        "artifacts": found.artifacts.len(),
        "names": names.len(),
        "ok": found.count(Verdict::Runs),
        "partly": found.count(Verdict::RunsPartly),
        "broken": found.count(Verdict::Broken),
    })))?;
    records.finish()
}

fn artifact_record(checked: &Checked) -> Record {
    let finding = |finding: &Finding| {
        json!({
            "kind": finding.kind.word(),
            "name": finding.name,
            "verdict": finding.verdict.word(),
            "why": finding.why,
            "file": finding.problem.file,
            "line": finding.problem.line,
            "column": finding.problem.column,
            "field": finding.problem.field,
            "message": finding.problem.message,
            "hint": finding.problem.hint,
        })
    };
    record(json!({
        "record": "artifact",
        "name": checked.name,
        "verdict": checked.verdict.word(),
        "file": checked.file,
        "findings": checked.findings.iter().map(finding).collect::<Vec<_>>(),
    }))
}

fn wanted_record(wanted: &Wanted) -> Record {
    record(json!({
        "record": "wanted",
        "kind": wanted.kind.word(),
        "name": wanted.name,
        "why": wanted.why,
        "artifacts": wanted.artifacts,
        "places": wanted.places,
    }))
}

fn record(value: Value) -> Record {
    match value {
        Value::Object(record) => record,
        // The callers write objects.
        _ => Record::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_library_runs_here() {
        let built_in = ArtifactSet::built_in();
        let files: Vec<(String, String)> = built_in
            .iter()
            .map(|artifact| {
                let text = built_in.yaml(&artifact.name).unwrap_or_default();
                (format!("{}.yaml", artifact.name), text.to_owned())
            })
            .collect();
        let found = survey(&files, &ArtifactSet::new(), &vocabulary(&local::catalog()));
        let wrong: Vec<String> = found
            .artifacts
            .iter()
            .flat_map(|checked| &checked.findings)
            .map(|finding| finding.problem.to_string())
            .collect();
        assert_eq!(wrong, Vec::<String>::new());
        assert_eq!(found.count(Verdict::Runs), files.len());
    }
}
