//! An accessor that is put together from places of others.
//!
//! # Invariants
//!
//! - **RM-1** What is behind a mount is reached through the program's own accessors, so a mount can
//!   never lead back to itself.
//! - **RM-2** Paths that come out are paths of this accessor: whoever opens them comes here again.

use std::collections::BTreeMap;

use rows::{OsPath, PathStyle, Text};
use vql_plugin::{
    AccessError, Accessor, Accessors, DirStream, FileInfo, FileKind, ReadSeek, Scope,
};

/// What is below one place is seen below another.
#[derive(Clone, Debug)]
pub(crate) struct Mount {
    /// Where it is seen.
    pub(crate) on: OsPath,
    /// The accessor that reaches it.
    pub(crate) accessor: String,
    /// Where it is.
    pub(crate) from: OsPath,
}

/// An accessor that is put together from mounts. There is nothing else below it.
pub(crate) struct Mounted {
    pub(crate) name: String,
    pub(crate) style: PathStyle,
    pub(crate) mounts: Vec<Mount>,
    /// Those of the program.
    pub(crate) originals: Accessors,
}

impl Mounted {
    fn same(&self, one: &Text, other: &Text) -> bool {
        match self.style {
            PathStyle::Windows | PathStyle::Registry => one.eq_ignore_ascii_case(other),
            _ => one == other,
        }
    }

    fn begins_with(&self, path: &[Text], start: &[Text]) -> bool {
        path.len() >= start.len()
            && path.iter().zip(start).all(|(one, other)| self.same(one, other))
    }

    /// Where a path really is: the deepest mount counts, and of two on the same place the later.
    fn behind(&self, path: &OsPath) -> Option<(&Mount, OsPath)> {
        let above = |mount: &&Mount| self.begins_with(path.components(), mount.on.components());
        let mount =
            self.mounts.iter().filter(above).max_by_key(|mount| mount.on.components().len())?;
        let rest = &path.components()[mount.on.components().len()..];
        Some((mount, mount.from.join(rest.iter().cloned())))
    }

    /// Names that only exist because something is mounted below them.
    fn implied(&self, path: &OsPath) -> impl Iterator<Item = &Text> {
        let depth = path.components().len();
        let below =
            move |mount: &&Mount| self.begins_with(mount.on.components(), path.components());
        self.mounts.iter().filter(below).filter_map(move |mount| mount.on.components().get(depth))
    }

    fn missing(&self, path: &OsPath) -> AccessError {
        AccessError::NotFound { path: path.to_string() }
    }
}

fn directory(path: OsPath) -> FileInfo {
    FileInfo { path, kind: FileKind::Dir, mode: 0o040_755, ..FileInfo::default() }
}

impl Accessor for Mounted {
    fn name(&self) -> &str {
        &self.name
    }

    fn doc(&self) -> &str {
        "Places of other accessors, put together by remap()."
    }

    fn style(&self) -> PathStyle {
        self.style
    }

    fn open(&self, path: &OsPath, scope: &Scope) -> Result<Box<dyn ReadSeek>, AccessError> {
        let (mount, place) = self.behind(path).ok_or_else(|| self.missing(path))?;
        let accessor = self.originals.get(&mount.accessor)?;
        accessor.open(&place, &scope.seeing(self.originals.clone()))
    }

    fn stat(&self, path: &OsPath, scope: &Scope) -> Result<FileInfo, AccessError> {
        let found = self.behind(path).map(|(mount, place)| {
            let accessor = self.originals.get(&mount.accessor)?;
            accessor.stat(&place, &scope.seeing(self.originals.clone()))
        });
        match found {
            Some(Ok(info)) => Ok(FileInfo { path: path.clone(), ..info }),
            other => {
                let is_above = path.components().is_empty() || self.implied(path).next().is_some();
                match other {
                    _ if is_above => Ok(directory(path.clone())),
                    Some(Err(error)) => Err(error),
                    _ => Err(self.missing(path)),
                }
            }
        }
    }

    fn list(&self, path: &OsPath, scope: &Scope) -> Result<DirStream, AccessError> {
        let entries = self.behind(path).map(|(mount, place)| {
            let accessor = self.originals.get(&mount.accessor)?;
            accessor.list(&place, &scope.seeing(self.originals.clone()))
        });
        let implied: BTreeMap<Text, FileInfo> = self
            .implied(path)
            .map(|name| (name.clone(), directory(path.join([name.clone()]))))
            .collect();
        let entries = match entries {
            Some(Ok(entries)) => entries,
            Some(Err(error)) if implied.is_empty() => return Err(error),
            None if implied.is_empty() && !path.components().is_empty() => {
                return Err(self.missing(path));
            }
            _ => Box::new(std::iter::empty()),
        };
        let names: Vec<Text> = implied.keys().cloned().collect();
        let ignores_case = matches!(self.style, PathStyle::Windows | PathStyle::Registry);
        let here = path.clone();
        let entries = entries.filter_map(move |entry| match entry {
            Ok(info) => {
                let name = info.path.basename();
                let hidden = names.iter().any(|known| match ignores_case {
                    true => known.eq_ignore_ascii_case(&name),
                    false => *known == name,
                });
                (!hidden).then(|| Ok(FileInfo { path: here.join([name]), ..info }))
            }
            error => Some(error),
        });
        Ok(Box::new(implied.into_values().map(Ok).chain(entries)))
    }
}
