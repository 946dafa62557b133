//! Text files by lines.

use std::sync::Arc;

use rows::{OsPath, Text};
use vql_plugin::{Failure, Level, Scope};

use crate::reading;

/// The lines of several files, one after the other. A file that cannot be read is logged and
/// does not keep the others from being read.
pub(crate) fn of_files(
    name: &'static str,
    scope: &Scope,
    files: Vec<Arc<OsPath>>,
    accessor: String,
    line_max: i64,
) -> impl Iterator<Item = Text> + Send + 'static + use<> {
    let scope = scope.clone();
    let line_max = usize::try_from(line_max.clamp(64, 64 << 20)).unwrap_or(1 << 20);
    files.into_iter().flat_map(move |path| {
        let opened = reading::open(&scope, &accessor, &path);
        let lines: Box<dyn Iterator<Item = Result<Text, Failure>> + Send> = match opened {
            Ok(file) => Box::new(reading::Lines::of(file, &path, line_max)),
            Err(failure) => Box::new(std::iter::once(Err(failure))),
        };
        readable(name, &scope, lines)
    })
}

/// What can be read; a failure is logged and ends the file.
pub(crate) fn readable(
    name: &'static str,
    scope: &Scope,
    mut lines: Box<dyn Iterator<Item = Result<Text, Failure>> + Send>,
) -> impl Iterator<Item = Text> + Send + 'static + use<> {
    let scope = scope.clone();
    let mut failed = false;
    std::iter::from_fn(move || {
        if failed || scope.stopped() {
            return None;
        }
        match lines.next()? {
            Ok(line) => Some(line),
            Err(failure) => {
                scope.log(Level::Default, &format!("{name}: {failure}"));
                failed = true;
                None
            }
        }
    })
}
