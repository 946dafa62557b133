//! The folder of definitions: which files are read, and what is wrong in them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use log_rules::{Definitions, Problem, ProblemSeverity};

use crate::complaint::{Complaint, Outcome};
use crate::login::note;

/// Files of a folder that hold definitions, by their path below it, sorted.
pub(super) fn files(paths: &[PathBuf]) -> Outcome<Vec<(String, String)>> {
    let mut found = BTreeMap::new();
    for path in paths {
        if path.is_dir() {
            walk(path, path, &mut found)?;
        } else {
            let text = read(path)?;
            found.insert(path.display().to_string(), text);
        }
    }
    Ok(found.into_iter().collect())
}

fn walk(top: &Path, folder: &Path, found: &mut BTreeMap<String, String>) -> Outcome {
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
            found.insert(name.collect::<Vec<_>>().join("/"), read(&path)?);
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

/// The definitions of a folder; with an error in it nothing runs.
pub(super) fn load(folder: &Path) -> Outcome<Arc<Definitions>> {
    if !folder.is_dir() {
        let what = format!("{} is not a folder", folder.display());
        return Err(Complaint::failed(what).hint("`--config` names the folder with the YAML files"));
    }
    let (mut definitions, problems) = log_rules::read(&files(&[folder.to_owned()])?);
    let errors: Vec<String> = problems.iter().filter(|one| is_error(one)).map(line).collect();
    if !errors.is_empty() {
        let what = format!("the definitions cannot be used\n  {}", errors.join("\n  "));
        return Err(Complaint::failed(what).hint("`lycaon log check` also shows warnings"));
    }
    for problem in &problems {
        note(&line(problem));
    }
    super::engines::at_home(&mut definitions, folder);
    Ok(Arc::new(definitions))
}

/// The same for a folder that is read again and again: quietly.
pub(super) fn read_again(folder: &Path) -> Result<Arc<Definitions>, String> {
    let files = files(&[folder.to_owned()]).map_err(|bad| bad.message().to_owned())?;
    let (mut definitions, problems) = log_rules::read(&files);
    let errors: Vec<String> = problems.iter().filter(|one| is_error(one)).map(line).collect();
    if !errors.is_empty() {
        return Err(errors.join("\n  "));
    }
    super::engines::at_home(&mut definitions, folder);
    Ok(Arc::new(definitions))
}
