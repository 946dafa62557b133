//! Members of zip archives: the delegate is the archive, the path a member.
//!
//! The archive's index is read once per query. A member is unpacked as a stream; one that is
//! stored or deflated can be read, others are refused by name.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use flate2::read::DeflateDecoder;
use rows::{Dict, Name, OsPath, PathStyle, Text, Time};
use vql_plugin::{AccessError, Accessor, DirStream, FileInfo, FileKind, ReadSeek, Scope};
use zip::{CompressionMethod, ZipArchive};

use crate::gzip::open_container;
use crate::rewind::Rewind;

/// More members than this are refused.
const MEMBERS_MAX: usize = 1_000_000;

/// Members of zip archives.
#[derive(Debug, Clone, Copy)]
pub struct ZipAccessor;

/// Reads a path spec: JSON with `DelegateAccessor`, `DelegatePath` and `Path`, as paths inside
/// of something print.
pub(crate) fn path_spec(text: &[u8], style: PathStyle) -> Option<OsPath> {
    let text = text.trim_ascii();
    if !text.starts_with(b"{") {
        return None;
    }
    let spec = spec_fields(std::str::from_utf8(text).ok()?)?;
    let field = |name: &str| spec.get(name).cloned().unwrap_or_default();
    let accessor = field("DelegateAccessor");
    let accessor = if accessor.is_empty() { "auto".to_owned() } else { accessor };
    let path = OsPath::parse(style, field("Path").as_bytes());
    Some(path.inside(Name::from(accessor), Text::from(field("DelegatePath"))))
}

/// The text members of a flat JSON object.
fn spec_fields(text: &str) -> Option<BTreeMap<String, String>> {
    let tree: serde_json::Value = serde_json::from_str(text).ok()?;
    let members = tree.as_object()?.iter();
    Some(
        members
            .map(|(key, value)| match value {
                serde_json::Value::String(text) => (key.clone(), text.clone()),
                other => (key.clone(), other.to_string()),
            })
            .collect(),
    )
}

/// One member.
#[derive(Debug, Clone)]
struct Member {
    components: Vec<Text>,
    directory: bool,
    header_start: u64,
    packed: u64,
    size: u64,
    method: CompressionMethod,
    encrypted: bool,
    modified: Option<Time>,
    crc32: u32,
}

/// The members of an archive, by their components.
type Index = Result<BTreeMap<Vec<Text>, Member>, AccessError>;

fn index(path: &OsPath, scope: &Scope) -> Result<Arc<Index>, AccessError> {
    let delegate = delegate(path)?;
    // The accessors are part of the key: the same name may be another file after a remapping.
    let accessors = scope.accessors();
    let key = format!("zip\0{}\0{}\0{}", accessors.id(), delegate.0, delegate.1);
    let made = scope.keep(&key, || read_index(&delegate.0, &delegate.1, scope));
    match &*made {
        Ok(_) => Ok(made),
        Err(error) => Err(error.clone()),
    }
}

fn delegate(path: &OsPath) -> Result<(Name, Text), AccessError> {
    let delegate = path.delegate().ok_or_else(|| AccessError::Unsupported {
        path: path.to_string(),
        reason: "the archive is missing; name it with pathspec(DelegatePath=...)".to_owned(),
    })?;
    Ok((delegate.accessor.clone(), delegate.path.clone()))
}

fn read_index(accessor: &Name, container: &Text, scope: &Scope) -> Index {
    let failed = |reason: String| AccessError::Io { path: container.to_string(), reason };
    let file = open_container(accessor, container, scope)?;
    let archive = ZipArchive::new(io::BufReader::new(file))
        .map_err(|error| failed(format!("is no zip archive that can be read: {error}")))?;
    if archive.len() > MEMBERS_MAX {
        return Err(failed(format!("the archive has more than {MEMBERS_MAX} members")));
    }
    let mut members = BTreeMap::new();
    for number in 0..archive.len() {
        let entry = archive.by_index_data(number).map_err(|error| failed(error.to_string()))?;
        let name = Text::from(entry.name_raw());
        let components: Vec<Text> = name
            .split(|byte| matches!(byte, b'/' | b'\\'))
            .filter(|part| !part.is_empty() && *part != b".")
            .map(Text::from)
            .collect();
        let modified = entry.last_modified().and_then(|moment| {
            Time::parse(&format!(
                "{:04}-{:02}-{:02} {:02}:{:02}:{:02}",
                moment.year(),
                moment.month(),
                moment.day(),
                moment.hour(),
                moment.minute(),
                moment.second().min(59)
            ))
        });
        let member = Member {
            components: components.clone(),
            directory: entry.is_dir(),
            header_start: entry.header_start(),
            packed: entry.compressed_size(),
            size: entry.size(),
            method: entry.compression(),
            encrypted: entry.encrypted(),
            modified,
            crc32: entry.crc32(),
        };
        members.entry(components).or_insert(member);
    }
    Ok(members)
}

impl Member {
    fn info(&self, archive: &OsPath) -> FileInfo {
        let data = Dict::new()
            .with("CompressedSize", self.packed)
            .with("Method", format!("{:?}", self.method))
            .with("Encrypted", self.encrypted)
            .with("Crc32", i64::from(self.crc32));
        FileInfo {
            path: archive.with_components(self.components.clone()),
            kind: if self.directory { FileKind::Dir } else { FileKind::File },
            size: self.size,
            mode: if self.directory { 0o040_755 } else { 0o100_644 },
            mtime: self.modified,
            data,
            ..FileInfo::default()
        }
    }
}

/// A directory that the archive only implies.
fn implied(path: OsPath) -> FileInfo {
    FileInfo { path, kind: FileKind::Dir, mode: 0o040_755, ..FileInfo::default() }
}

impl Accessor for ZipAccessor {
    fn name(&self) -> &'static str {
        "zip"
    }

    fn doc(&self) -> &'static str {
        "Members of a zip archive. The delegate is the archive, the path is the member."
    }

    fn style(&self) -> PathStyle {
        PathStyle::Relative
    }

    fn parse(&self, text: &[u8]) -> Result<OsPath, AccessError> {
        Ok(path_spec(text, self.style()).unwrap_or_else(|| OsPath::parse(self.style(), text)))
    }

    fn open(&self, path: &OsPath, scope: &Scope) -> Result<Box<dyn ReadSeek>, AccessError> {
        let index = index(path, scope)?;
        let member = index.as_ref().as_ref().map_err(Clone::clone)?.get(path.components());
        let member =
            member.ok_or_else(|| AccessError::NotFound { path: path.to_string() })?.clone();
        let refuse = |reason: String| AccessError::Unsupported { path: path.to_string(), reason };
        if member.directory {
            return Err(refuse("is a directory".to_owned()));
        }
        if member.encrypted {
            return Err(refuse("is encrypted".to_owned()));
        }
        if !matches!(member.method, CompressionMethod::Stored | CompressionMethod::Deflated) {
            return Err(refuse(format!("is packed with {:?}, which is not read", member.method)));
        }
        let (accessor, container) = delegate(path)?;
        let scope = scope.clone();
        let size = member.size;
        let open = move || unpack(&member, &accessor, &container, &scope);
        let stream =
            Rewind::new(open, Some(size)).map_err(|error| AccessError::from_io(path, &error))?;
        Ok(Box::new(stream))
    }

    fn stat(&self, path: &OsPath, scope: &Scope) -> Result<FileInfo, AccessError> {
        let index = index(path, scope)?;
        let members = index.as_ref().as_ref().map_err(Clone::clone)?;
        if let Some(member) = members.get(path.components()) {
            return Ok(member.info(path));
        }
        let below = members.range(path.components().to_vec()..).next();
        match below {
            Some((name, _)) if name.starts_with(path.components()) => Ok(implied(path.clone())),
            _ if path.components().is_empty() => Ok(implied(path.clone())),
            _ => Err(AccessError::NotFound { path: path.to_string() }),
        }
    }

    fn list(&self, path: &OsPath, scope: &Scope) -> Result<DirStream, AccessError> {
        let index = index(path, scope)?;
        let members = index.as_ref().as_ref().map_err(Clone::clone)?;
        let here = path.components();
        let mut entries: BTreeMap<Text, FileInfo> = BTreeMap::new();
        let below = members
            .range(here.to_vec()..)
            .take_while(|(name, _)| name.starts_with(here))
            .filter(|(name, _)| name.len() > here.len());
        for (name, member) in below {
            let child = name[here.len()].clone();
            let info = if name.len() == here.len() + 1 {
                member.info(path)
            } else {
                implied(path.join([child.clone()]))
            };
            entries.entry(child).or_insert(info);
        }
        Ok(Box::new(entries.into_values().map(Ok)))
    }
}

/// A stream of a member's content, from its start.
fn unpack(
    member: &Member,
    accessor: &Name,
    container: &Text,
    scope: &Scope,
) -> io::Result<Box<dyn Read + Send>> {
    const HEADER_BYTES: usize = 30;
    let mut file = open_container(accessor, container, scope)
        .map_err(|error| io::Error::other(error.to_string()))?;
    file.seek(SeekFrom::Start(member.header_start))?;
    let mut header = [0; HEADER_BYTES];
    file.read_exact(&mut header)?;
    if !header.starts_with(b"PK\x03\x04") {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the member's header is missing"));
    }
    let length = |at: usize| i64::from(u16::from_le_bytes([header[at], header[at + 1]]));
    file.seek(SeekFrom::Current(length(26) + length(28)))?;
    let packed = io::BufReader::new(file).take(member.packed);
    // A member never yields more than the index says it has.
    Ok(match member.method {
        CompressionMethod::Stored => Box::new(packed.take(member.size)),
        _ => Box::new(DeflateDecoder::new(packed).take(member.size)),
    })
}
