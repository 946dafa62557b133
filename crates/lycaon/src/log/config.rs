//! The folder of definitions: which files are read, and what is wrong in them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use log_rules::{Definitions, Problem, ProblemSeverity};

use crate::complaint::{Complaint, Outcome};
use crate::login::note;

/// Files of a folder that hold definitions, by their path below it, sorted.
pub(super) fn files(paths: &[PathBuf]) -> Outcome<Vec<(String, String)>> {
    let text = |(name, path): (String, PathBuf)| Ok((name, read(&path)?));
    places(paths)?.into_iter().map(text).collect()
}

/// Where these files are.
pub(super) fn places(paths: &[PathBuf]) -> Outcome<BTreeMap<String, PathBuf>> {
    let mut found = BTreeMap::new();
    for path in paths {
        if path.is_dir() {
            walk(path, path, &mut found)?;
        } else {
            found.insert(path.display().to_string(), path.clone());
        }
    }
    Ok(found)
}

fn walk(top: &Path, folder: &Path, found: &mut BTreeMap<String, PathBuf>) -> Outcome {
    let bad = |error: std::io::Error| Complaint::io("read", folder, &error);
    for entry in std::fs::read_dir(folder).map_err(bad)? {
        let path = entry.map_err(bad)?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        // Hidden files are not definitions: version control, our own state.
        if name.is_none_or(|name| name.starts_with('.')) {
            continue;
        }
        if path.is_dir() {
            walk(top, &path, found)?;
        } else if path.extension().is_some_and(|kind| kind == "yaml" || kind == "yml") {
            let below = path.strip_prefix(top).unwrap_or(&path);
            let name = below.components().map(|part| part.as_os_str().to_string_lossy());
            found.insert(name.collect::<Vec<_>>().join("/"), path);
        }
    }
    Ok(())
}

fn read(path: &Path) -> Outcome<String> {
    std::fs::read_to_string(path).map_err(|error| Complaint::io("read", path, &error))
}

/// One problem on one line: file, line, column, field, what, and how to mend it.
pub(super) fn line(problem: &Problem) -> String {
    let mut line = format!("{}:{}:{}: ", problem.file, problem.line, problem.column);
    line.push_str(match problem.severity {
        ProblemSeverity::Error => "error",
        ProblemSeverity::Warning => "warning",
    });
    if !problem.field.is_empty() {
        line.push_str(&format!(" in {}", problem.field));
    }
    line.push_str(&format!(": {}", problem.message));
    if let Some(hint) = &problem.hint {
        line.push_str(&format!(" (hint: {hint})"));
    }
    line
}

pub(super) fn is_error(problem: &Problem) -> bool {
    matches!(problem.severity, ProblemSeverity::Error)
}

/// A folder of definitions as it was read.
pub(super) struct Read {
    /// What its files say; only to be used when nothing is wrong with them.
    pub(super) definitions: Arc<Definitions>,
    /// Everything that is wrong, warnings among it.
    pub(super) problems: Vec<Problem>,
}

impl Read {
    /// Whether the definitions cannot be used.
    pub(super) fn has_errors(&self) -> bool {
        self.problems.iter().any(is_error)
    }

    /// What makes them unusable, a line for each.
    pub(super) fn errors(&self) -> String {
        let errors = self.problems.iter().filter(|one| is_error(one)).map(line);
        errors.collect::<Vec<_>>().join("\n  ")
    }
}

/// Reads a folder. One that cannot be read is a problem like others.
pub(super) fn read_folder(folder: &Path) -> Read {
    let files = match files(&[folder.to_owned()]) {
        Ok(files) => files,
        Err(bad) => {
            let problem = Problem {
                severity: ProblemSeverity::Error,
                file: folder.display().to_string(),
                line: 1,
                column: 1,
                field: String::new(),
                message: bad.message().to_owned(),
                hint: Some("`--config`, or `log_hunts: folder:` of the server, names it".into()),
                excerpt: String::new(),
            };
            return Read { definitions: Arc::default(), problems: vec![problem] };
        }
    };
    let (mut definitions, problems) = log_rules::read(&files);
    super::engines::at_home(&mut definitions, folder);
    Read { definitions: Arc::new(definitions), problems }
}

/// The definitions of a folder; with an error in it nothing runs.
pub(super) fn load(folder: &Path) -> Outcome<Arc<Definitions>> {
    usable(folder, read_folder(folder))
}

/// Definitions without errors; what is wrong besides is told.
pub(super) fn usable(folder: &Path, read: Read) -> Outcome<Arc<Definitions>> {
    if !folder.is_dir() {
        let what = format!("{} is not a folder", folder.display());
        return Err(Complaint::failed(what).hint("`--config` names the folder with the YAML files"));
    }
    if read.has_errors() {
        let what = format!("the definitions cannot be used\n  {}", read.errors());
        return Err(Complaint::failed(what).hint("`lycaon log check` also shows warnings"));
    }
    for problem in &read.problems {
        note(&line(problem));
    }
    Ok(read.definitions)
}
