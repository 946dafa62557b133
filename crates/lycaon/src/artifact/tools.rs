//! The tools of a local collection: files of a folder, checked by their hash.

use std::path::{Path, PathBuf};

use artifacts::{ArtifactSet, Provided, fits_tool, has_expected_hash, tool_variables};
use model::artifact::Tool;
use rows::{Dict, Value};

use super::files_of;
use crate::complaint::{Complaint, Outcome};
use crate::login::note;
use crate::uploads::sha256_of;

/// Where tools come from.
#[derive(clap::Args, Clone, Debug, Default)]
pub(crate) struct ToolArgs {
    /// Take the tools that artifacts declare from this folder; may be given several times
    #[arg(long = "tools", value_name = "DIR")]
    tool_folders: Vec<PathBuf>,
    /// Collect although tools are missing
    #[arg(long)]
    without_tools: bool,
}

impl ToolArgs {
    /// These variables and those of every tool that the artifact and what it calls declare.
    pub(super) fn add(&self, set: &ArtifactSet, artifact: &str, variables: Dict) -> Outcome<Dict> {
        let mut variables = variables;
        let mut missing = Vec::new();
        let files = self.files()?;
        for tool in set.tools(artifact) {
            match find(tool, &files)? {
                Ok(provided) => {
                    for (name, text) in tool_variables(tool, &provided) {
                        variables.set(name, Value::text(text));
                    }
                }
                Err(reason) => missing.push(reason),
            }
        }
        if missing.is_empty() {
            return Ok(variables);
        }
        if self.without_tools {
            for reason in &missing {
                note(&format!("warning: {reason}"));
            }
            return Ok(variables);
        }
        Err(Complaint::failed(missing.join("\n")).hint(
            "put the file into a folder and give it with `--tools DIR`; `--without-tools` collects \
             without it",
        ))
    }

    fn files(&self) -> Outcome<Vec<PathBuf>> {
        let mut files = Vec::new();
        for folder in &self.tool_folders {
            files.extend(files_of(folder)?);
        }
        Ok(files)
    }
}

/// The file of a tool, or why there is none.
fn find(tool: &Tool, files: &[PathBuf]) -> Outcome<Result<Provided, String>> {
    let name_of = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    let mut fitting: Vec<(u8, &PathBuf, String)> = files
        .iter()
        .filter_map(|path| {
            let name = name_of(path)?;
            Some((fits_tool(tool, &name)?, path, name))
        })
        .collect();
    fitting.sort_by_key(|(rank, ..)| *rank);
    let mut wrong = Vec::new();
    for (_, path, file_name) in fitting {
        let (sha256, _) = sha256_of(path).map_err(|e| Complaint::io("read", path, &e))?;
        if has_expected_hash(tool, &sha256) {
            let path = std::fs::canonicalize(path).map_err(|e| Complaint::io("read", path, &e))?;
            let path = Some(path.display().to_string());
            return Ok(Ok(Provided { file_name, sha256, path, url: None }));
        }
        wrong.push(format!("{} has the SHA-256 {sha256}", path.display()));
    }
    let from = match (&tool.url, &tool.github_project) {
        (Some(url), _) => format!(", from {url}"),
        (None, Some(project)) => format!(", from a release of https://github.com/{project}"),
        (None, None) => String::new(),
    };
    Ok(Err(match wrong.as_slice() {
        [] => format!("the tool `{}` is missing{from}", tool.name),
        _ => format!(
            "the tool `{}` must have the SHA-256 {}, but {}{from}",
            tool.name,
            tool.expected_hash.as_deref().unwrap_or_default(),
            wrong.join(" and ")
        ),
    }))
}
