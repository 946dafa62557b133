//! `lycaon artifact`: definitions on this machine, without a server.

mod archive;
mod check;
mod collect;
mod tools;

use std::path::{Path, PathBuf};

use artifacts::{ArtifactSet, Severity};
use clap::Subcommand;
use model::artifact::Artifact;

use crate::complaint::{Complaint, Outcome};
use crate::output::{OutputArgs, Record};

/// Work with artifact definitions on this machine
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example:\n  lycaon artifact list cron\n  lycaon artifact check my-artifacts/"
)]
pub(crate) struct ArtifactArgs {
    #[command(subcommand)]
    command: ArtifactCommand,
}

/// Where definitions come from besides the built-in ones.
#[derive(clap::Args, Clone, Debug, Default)]
pub(crate) struct DefinitionArgs {
    /// Also load the artifacts in this folder; may be given several times
    #[arg(long = "artifacts", value_name = "DIR")]
    pub(crate) folders: Vec<PathBuf>,
}

#[derive(Subcommand, Debug)]
enum ArtifactCommand {
    /// List artifacts
    #[command(after_help = "Example:\n  lycaon artifact list user --format jsonl")]
    List {
        /// Part of a name or a description
        search: Option<String>,
        #[command(flatten)]
        definitions: DefinitionArgs,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Print an artifact's file
    #[command(after_help = "Example:\n  lycaon artifact show Linux.Sys.Users")]
    Show {
        /// Its name
        name: String,
        #[command(flatten)]
        definitions: DefinitionArgs,
    },
    /// Say which artifacts of files and folders run here, and what the others lack
    #[command(
        after_help = "Example:\n  lycaon artifact check my-artifacts/ one-more.yaml\n  lycaon artifact check my-artifacts/ --format jsonl"
    )]
    Check(check::CheckArgs),
    /// Collect an artifact on this machine, without a server
    #[command(
        after_help = "Example:\n  lycaon artifact collect Linux.Sys.Users --format json\n  lycaon artifact collect Generic.FileFinder --arg WithUpload=Y --output found.zip"
    )]
    Collect(collect::CollectArgs),
}

pub(crate) fn run(args: ArtifactArgs) -> Outcome {
    match args.command {
        ArtifactCommand::List { search, definitions, output } => {
            list(&load(&definitions)?, search.as_deref(), &output)
        }
        ArtifactCommand::Show { name, definitions } => show(&load(&definitions)?, &name),
        ArtifactCommand::Check(args) => check::run(&args),
        ArtifactCommand::Collect(args) => collect::run(args),
    }
}

/// The artifacts of the folders, and the built-in ones whose names they leave free. A file that is
/// wrong is a failure.
pub(crate) fn load(definitions: &DefinitionArgs) -> Outcome<ArtifactSet> {
    let mut set = ArtifactSet::new();
    let problems = add_all(&mut set, &definitions.folders)?;
    if !problems.is_empty() {
        return Err(wrong_files(&problems));
    }
    set.fill_from(&ArtifactSet::built_in());
    Ok(set)
}

/// The artifact with that name, or a complaint with the nearest one.
pub(crate) fn find<'s>(set: &'s ArtifactSet, name: &str) -> Outcome<&'s Artifact> {
    set.get(name).ok_or_else(|| {
        let complaint = Complaint::failed(format!("there is no artifact `{name}`"));
        match set.nearest(name) {
            Some(near) => complaint.hint(format!("did you mean `{near}`?")),
            None => complaint.hint("`lycaon artifact list` shows all; --artifacts DIR loads more"),
        }
    })
}

fn list(set: &ArtifactSet, search: Option<&str>, output: &OutputArgs) -> Outcome {
    let wanted = search.unwrap_or_default().to_lowercase();
    let mut records = output.records(&["name", "kind", "summary"]);
    let found = set.iter().filter(|artifact| {
        artifact.name.to_lowercase().contains(&wanted)
            || artifact.description.to_lowercase().contains(&wanted)
    });
    for artifact in found {
        let mut record = Record::new();
        record.insert("name".into(), artifact.name.clone().into());
        record.insert("kind".into(), artifact.kind.word().to_lowercase().into());
        record.insert("summary".into(), summary(artifact).into());
        records.push(record)?;
    }
    records.finish()
}

fn summary(artifact: &Artifact) -> String {
    let line = artifact.description.trim().lines().next().unwrap_or_default();
    line.split_once(". ").map_or(line, |(first, _)| first).trim_end_matches('.').to_owned()
}

fn show(set: &ArtifactSet, name: &str) -> Outcome {
    find(set, name)?;
    let text = set.yaml(name).unwrap_or_default();
    Ok(std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes())?)
}

fn wrong_files(problems: &[artifacts::Problem]) -> Complaint {
    let shown: Vec<String> = problems.iter().map(artifacts::Problem::render).collect();
    let errors = problems.iter().filter(|problem| problem.severity == Severity::Error).count();
    let noun = if errors == 1 { "mistake" } else { "mistakes" };
    Complaint::failed(format!("{errors} {noun} in artifact files\n\n{}", shown.join("\n")))
}

/// Adds the files and folders to the set; gives what is wrong with them.
fn add_all(set: &mut ArtifactSet, paths: &[PathBuf]) -> Outcome<Vec<artifacts::Problem>> {
    let mut problems = Vec::new();
    for path in paths {
        for file in files_below(path)? {
            let text =
                std::fs::read_to_string(&file).map_err(|e| Complaint::io("read", &file, &e))?;
            if let Err(wrong) = set.add(&file.display().to_string(), &text) {
                problems.extend(wrong);
            }
        }
    }
    Ok(problems)
}

fn files_below(path: &Path) -> Outcome<Vec<PathBuf>> {
    let is_file = std::fs::metadata(path).map_err(|e| Complaint::io("read", path, &e))?.is_file();
    let mut found = files_of(path)?;
    found.retain(|file| {
        is_file || file.extension().is_some_and(|end| end == "yaml" || end == "yml")
    });
    Ok(found)
}

/// The file, or every file below the folder, in order.
fn files_of(path: &Path) -> Outcome<Vec<PathBuf>> {
    let meta = std::fs::metadata(path).map_err(|e| Complaint::io("read", path, &e))?;
    if !meta.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = std::fs::read_dir(path).map_err(|e| Complaint::io("read", path, &e))?;
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|e| Complaint::io("read", path, &e))?;
        let kind = entry.file_type().map_err(|e| Complaint::io("read", path, &e))?;
        let path = entry.path();
        // A link to a folder is not followed: it may lead back here.
        if kind.is_dir() {
            found.extend(files_of(&path)?);
        } else if path.is_file() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
