//! Content that is not in a file: the path itself (`data`), or a variable of the query (`scope`).

use std::io::Cursor;

use rows::{OsPath, PathStyle, Text};
use vql_plugin::{AccessError, Accessor, DirStream, FileInfo, ReadSeek, Scope};

use crate::container;

/// The path argument itself is the content.
#[derive(Debug, Clone, Copy)]
pub struct DataAccessor;

/// The content is the text of the variable that the path names.
#[derive(Debug, Clone, Copy)]
pub struct ScopeAccessor;

impl Accessor for DataAccessor {
    fn name(&self) -> &str {
        "data"
    }

    fn doc(&self) -> &str {
        "The path argument itself is the content."
    }

    fn style(&self) -> PathStyle {
        PathStyle::Opaque
    }

    fn open(&self, path: &OsPath, _scope: &Scope) -> Result<Box<dyn ReadSeek>, AccessError> {
        Ok(Box::new(Cursor::new(content(path).to_vec())))
    }

    fn stat(&self, path: &OsPath, _scope: &Scope) -> Result<FileInfo, AccessError> {
        Ok(info(path, content(path).len()))
    }

    fn list(&self, path: &OsPath, _scope: &Scope) -> Result<DirStream, AccessError> {
        Err(container::no_directories(path))
    }
}

/// A path that was made for another accessor stands for its text.
fn content(path: &OsPath) -> Text {
    if path.style() == PathStyle::Opaque { path.basename() } else { path.to_text() }
}

impl ScopeAccessor {
    fn variable(path: &OsPath, scope: &Scope) -> Result<Text, AccessError> {
        let name = content(path);
        let name = name.to_str_lossy();
        match scope.lookup(name.trim_start_matches('/')) {
            Some(value) => Ok(scope.materialise(&value).to_text()),
            None => Err(AccessError::NotFound { path: format!("variable {name}") }),
        }
    }
}

impl Accessor for ScopeAccessor {
    fn name(&self) -> &str {
        "scope"
    }

    fn doc(&self) -> &str {
        "The content is the text of the variable that the path names."
    }

    fn style(&self) -> PathStyle {
        PathStyle::Opaque
    }

    fn open(&self, path: &OsPath, scope: &Scope) -> Result<Box<dyn ReadSeek>, AccessError> {
        Ok(Box::new(Cursor::new(Self::variable(path, scope)?.to_vec())))
    }

    fn stat(&self, path: &OsPath, scope: &Scope) -> Result<FileInfo, AccessError> {
        Ok(info(path, Self::variable(path, scope)?.len()))
    }

    fn list(&self, path: &OsPath, _scope: &Scope) -> Result<DirStream, AccessError> {
        Err(container::no_directories(path))
    }
}

fn info(path: &OsPath, size: usize) -> FileInfo {
    FileInfo { path: path.clone(), size: size as u64, mode: 0o100_644, ..FileInfo::default() }
}
