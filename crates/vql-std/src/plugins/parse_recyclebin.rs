//! The plugin `parse_recyclebin`: what the recycle bin of Windows knows about deleted files.

use std::sync::Arc;

use rows::{OsPath, Row, Text};
use vql_plugin::{
    Entry, Failure, Level, Permission, Plugin, RowStream, Scope, plugin_args, stream,
};

use crate::reading;

pub(super) fn entry() -> Entry {
    Entry::plugin(ParseRecycleBin)
}

plugin_args! {
    /// Reads the notes that the recycle bin of Windows keeps of deleted files (`$I…`): a row with
    /// `Version`, `FileSize`, `DeletedTimestamp`, `OriginalFilePath`, `Name`, `RecyclePath` (where
    /// the content is: `$R…`) and `OSPath`.
    ///
    /// A file that is no such note is logged.
    pub struct ParseRecycleBinArgs for "parse_recyclebin" {
        /// The files.
        filename: Vec<Arc<OsPath>>,
        /// What the files are read through.
        accessor: String = "",
    }
}

struct ParseRecycleBin;

impl Plugin for ParseRecycleBin {
    type Args = ParseRecycleBinArgs;
    const NEEDS: &'static [Permission] = &[Permission::FilesystemRead];

    fn rows(&self, args: ParseRecycleBinArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let scope = scope.clone();
        let files = args.filename.into_iter().flat_map(move |path| -> RowStream {
            let read = reading::whole(&scope, &args.accessor, &path)
                .and_then(|bytes| Ok(parsers::recycle_bin::parse(&bytes)?));
            match read {
                Ok(note) => stream::rows([row(&note, &path)]),
                Err(failure) => {
                    scope.log(Level::Default, &format!("parse_recyclebin: `{path}`: {failure}"));
                    stream::empty()
                }
            }
        });
        Ok(Box::new(files))
    }
}

fn row(note: &parsers::recycle_bin::Note, path: &Arc<OsPath>) -> Row {
    let name = note.path.rsplit('\\').next().unwrap_or_default();
    Row::new()
        .with("Version", note.version)
        .with("FileSize", note.size)
        .with("DeletedTimestamp", note.deleted)
        .with("OriginalFilePath", note.path.as_str())
        .with("Name", name)
        .with("RecyclePath", content(path).map(Arc::new))
        .with("OSPath", path.clone())
}

/// Where the content is kept: `$I…` is the note of `$R…`.
fn content(path: &OsPath) -> Option<OsPath> {
    let mut components = path.components().to_vec();
    let name = components.pop()?;
    let rest = name.strip_prefix(b"$I")?;
    components.push(Text::from([b"$R", rest].concat()));
    Some(path.with_components(components))
}
