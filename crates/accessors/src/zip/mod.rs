//! Members of zip archives: the delegate is the archive, the path a member.
//!
//! The archive's index is read once per query. A member is unpacked as a stream; seeking back
//! unpacks it again from the start. An archive within an archive is a delegate of its own.

mod decrypt;
mod index;
mod member;

use std::collections::BTreeMap;
use std::sync::Arc;

use rows::{Dict, OsPath, PathStyle, Text};
use vql_plugin::{
    AccessError, Accessor, Accessors, DirStream, FileInfo, FileKind, ReadSeek, Scope,
};

use crate::container;
use crate::rewind::Rewind;
use index::{Index, Member};

/// Members of zip archives.
#[derive(Debug, Clone, Copy)]
pub struct ZipAccessor {
    ignores_case: bool,
}

impl ZipAccessor {
    /// Names are as the archive spells them.
    pub fn exact() -> Self {
        Self { ignores_case: false }
    }

    /// Names may differ in case.
    pub fn ignoring_case() -> Self {
        Self { ignores_case: true }
    }

    fn key(self, components: &[Text]) -> Vec<Text> {
        if !self.ignores_case {
            return components.to_vec();
        }
        components.iter().map(|part| Text::from(part.to_str_lossy().to_lowercase())).collect()
    }

    /// The archive's index, read once per query.
    fn index(self, path: &OsPath, scope: &Scope) -> Result<Arc<Kept>, AccessError> {
        let (accessor, text) = container::required(path, "archive")?;
        let accessors = scope.accessors();
        // The same name may be another file after a remapping.
        let key = format!("{}\0{}\0{accessor}\0{text}", self.name(), accessors.id());
        let kept = scope.keep(&key, || {
            let index = container::open(&accessor, &text, scope).and_then(|mut file| {
                let index = index::read(&mut file, |components| self.key(components));
                index.map_err(|reason| AccessError::Io { path: text.to_string(), reason })
            });
            if let Ok(Index { trouble: Some(trouble), .. }) = &index {
                scope.warn(&format!("zip: `{text}`: {trouble}"));
            }
            Kept { index, _accessors: accessors }
        });
        match &kept.index {
            Ok(_) => Ok(kept),
            Err(error) => Err(error.clone()),
        }
    }
}

/// An index as it is kept for a query.
struct Kept {
    index: Result<Index, AccessError>,
    /// Held so that their id stays theirs.
    _accessors: Accessors,
}

impl Kept {
    fn members(&self) -> Result<&BTreeMap<Vec<Text>, Member>, AccessError> {
        self.index.as_ref().map(|index| &index.members).map_err(Clone::clone)
    }
}

fn info(member: &Member, archive: &OsPath) -> FileInfo {
    let data = Dict::new()
        .with("CompressedSize", member.packed)
        .with("Method", member::method_name(member.method))
        .with("Encrypted", member.encrypted())
        .with("Crc32", i64::from(member.crc32));
    let (kind, usual_mode) = match member {
        Member { directory: true, .. } => (FileKind::Dir, 0o040_755),
        Member { symlink: true, .. } => (FileKind::Symlink, 0o120_777),
        _ => (FileKind::File, 0o100_644),
    };
    FileInfo {
        path: archive.with_components(member.components.clone()),
        kind,
        size: member.size,
        mode: if member.mode == 0 { usual_mode } else { member.mode },
        mtime: member.modified,
        data,
        ..FileInfo::default()
    }
}

/// A directory that the archive only implies.
fn implied(path: OsPath) -> FileInfo {
    FileInfo { path, kind: FileKind::Dir, mode: 0o040_755, ..FileInfo::default() }
}

impl Accessor for ZipAccessor {
    fn name(&self) -> &str {
        if self.ignores_case { "zip_nocase" } else { "zip" }
    }

    fn doc(&self) -> &str {
        if self.ignores_case {
            "Members of a zip archive; names may differ in case."
        } else {
            "Members of a zip archive. The delegate is the archive, the path is the member. \
             Passwords are in the variable ZIP_PASSWORDS."
        }
    }

    fn style(&self) -> PathStyle {
        PathStyle::Relative
    }

    fn parse(&self, text: &[u8]) -> Result<OsPath, AccessError> {
        Ok(container::parse(text, self.style()))
    }

    fn open(&self, path: &OsPath, scope: &Scope) -> Result<Box<dyn ReadSeek>, AccessError> {
        let kept = self.index(path, scope)?;
        let member = kept.members()?.get(&self.key(path.components()));
        let member =
            member.ok_or_else(|| AccessError::NotFound { path: path.to_string() })?.clone();
        if member.directory {
            let reason = "is a directory".to_owned();
            return Err(AccessError::Unsupported { path: path.to_string(), reason });
        }
        let archive = container::required(path, "archive")?;
        let scope = scope.clone();
        let size = member.size;
        let open = move || member::unpack(&member, &archive, &scope);
        let stream = Rewind::new(open, Some(size)).map_err(|error| match error.kind() {
            // The error names the member already.
            std::io::ErrorKind::InvalidData => {
                AccessError::Unsupported { path: path.to_string(), reason: error.to_string() }
            }
            _ => AccessError::from_io(path, &error),
        })?;
        Ok(Box::new(stream))
    }

    fn stat(&self, path: &OsPath, scope: &Scope) -> Result<FileInfo, AccessError> {
        let kept = self.index(path, scope)?;
        let members = kept.members()?;
        let key = self.key(path.components());
        if let Some(member) = members.get(&key) {
            return Ok(info(member, path));
        }
        match members.range(key.clone()..).next() {
            Some((name, _)) if name.starts_with(&key) => Ok(implied(path.clone())),
            _ if key.is_empty() => Ok(implied(path.clone())),
            _ => Err(AccessError::NotFound { path: path.to_string() }),
        }
    }

    fn list(&self, path: &OsPath, scope: &Scope) -> Result<DirStream, AccessError> {
        let kept = self.index(path, scope)?;
        let here = self.key(path.components());
        let mut entries: BTreeMap<Text, FileInfo> = BTreeMap::new();
        let below = kept
            .members()?
            .range(here.clone()..)
            .take_while(|(name, _)| name.starts_with(&here))
            .filter(|(name, _)| name.len() > here.len());
        for (name, member) in below {
            let is_here = name.len() == here.len() + 1;
            entries.entry(name[here.len()].clone()).or_insert_with(|| {
                if is_here {
                    info(member, path)
                } else {
                    implied(path.join([member.components[here.len()].clone()]))
                }
            });
        }
        Ok(Box::new(entries.into_values().map(Ok)))
    }
}
