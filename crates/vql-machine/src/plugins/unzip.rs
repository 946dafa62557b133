//! The plugin `unzip`: unpacks an archive into a folder.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::read::MultiGzDecoder;
use rows::{OsPath, Row};
use vql_plugin::{
    Entry, Failure, Pattern, Permission, Plugin, ReadSeek, RowStream, Scope, plugin_args, stream,
};
use zip::ZipArchive;

use crate::Machine;

pub(super) fn entry(_machine: &Arc<dyn Machine>) -> Entry {
    Entry::plugin(Unzip)
}

plugin_args! {
    /// Unpacks an archive into a folder: one row for each file, with `OriginalPath`, `NewPath` and
    /// `Size`.
    ///
    /// Folders are made. Members whose names lead out of the folder are left out and logged, and
    /// so are links and devices.
    pub struct UnzipArgs for "unzip" {
        /// The archive.
        filename: Arc<OsPath>,
        /// What the archive is read through.
        accessor: String = "",
        /// Only members whose names match.
        filename_filter: Option<Arc<Pattern>>,
        /// Where the files go.
        output_directory: String,
        /// What the archive is: `zip` or `tar` (packed by gzip or not); told by its first bytes
        /// when it is not given.
        kind: String as "type" = "",
    }
}

struct Unzip;

/// How many bytes all files of an archive may have together.
const UNPACKED_MAX_BYTES: u64 = 64 << 30;

impl Plugin for Unzip {
    type Args = UnzipArgs;
    const NEEDS: &'static [Permission] = &[Permission::FilesystemRead, Permission::FilesystemWrite];

    fn rows(&self, args: UnzipArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let open = || -> Result<Box<dyn ReadSeek>, Failure> {
            Ok(scope.accessor(&args.accessor)?.open(&args.filename, scope)?)
        };
        let mut start = Vec::new();
        open()?
            .take(512)
            .read_to_end(&mut start)
            .map_err(|error| Failure::new(format!("cannot read `{}`: {error}", args.filename)))?;
        let kind = match args.kind.to_ascii_lowercase().as_str() {
            "" if start.starts_with(b"PK") => Kind::Zip,
            "" if start.starts_with(&[0x1f, 0x8b]) => Kind::PackedTar,
            "" if start.get(257..262) == Some(b"ustar") => Kind::Tar,
            "" => {
                let name = &args.filename;
                return Err(Failure::new(format!("`{name}` is neither a zip nor a tar archive")));
            }
            "zip" => Kind::Zip,
            "tar" | "tgz" | "tar.gz" if start.starts_with(&[0x1f, 0x8b]) => Kind::PackedTar,
            "tar" | "tgz" | "tar.gz" => Kind::Tar,
            other => {
                let text =
                    format!("archives of the type `{other}` are not known; there are zip, tar");
                return Err(Failure::new(text));
            }
        };
        let file = open()?;
        let target = Target {
            folder: PathBuf::from(&args.output_directory),
            filter: args.filename_filter.clone(),
            scope: scope.clone(),
            left: UNPACKED_MAX_BYTES,
        };
        Ok(stream::produce("unzip", scope, move |out| {
            let mut emit = |row| out.emit(row).is_ok();
            match kind {
                Kind::Zip => from_zip(file, target, &mut emit),
                Kind::Tar => from_tar(file, target, &mut emit),
                Kind::PackedTar => from_tar(MultiGzDecoder::new(file), target, &mut emit),
            }
        }))
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Zip,
    Tar,
    PackedTar,
}

/// Where files go, and which.
struct Target {
    folder: PathBuf,
    filter: Option<Arc<Pattern>>,
    scope: Scope,
    /// How many bytes may still be written.
    left: u64,
}

impl Target {
    /// Writes one member; `None` when it is left out.
    fn write(&mut self, name: &str, content: &mut dyn Read) -> Result<Option<Row>, Failure> {
        self.scope.check()?;
        if self.filter.as_ref().is_some_and(|filter| !filter.is_match(name.as_bytes())) {
            return Ok(None);
        }
        let Some(path) = inside(&self.folder, name) else {
            let text = format!("unzip: `{name}` leads out of the folder and is left out");
            self.scope.warn(&text);
            return Ok(None);
        };
        let failed = |error: std::io::Error| {
            Failure::new(format!("cannot write `{}`: {error}", path.display()))
        };
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(failed)?;
        }
        let mut file = File::create(&path).map_err(failed)?;
        let mut chunk = vec![0; 1 << 16];
        let mut size = 0_u64;
        loop {
            self.scope.check()?;
            let count = content
                .read(&mut chunk)
                .map_err(|error| Failure::new(format!("cannot unpack `{name}`: {error}")))?;
            if count == 0 {
                break;
            }
            size += count as u64;
            self.left = self.left.checked_sub(count as u64).ok_or_else(|| {
                let most = UNPACKED_MAX_BYTES >> 30;
                Failure::new(format!("the files have more than {most} GiB; the rest is left out"))
            })?;
            file.write_all(&chunk[..count]).map_err(failed)?;
        }
        Ok(Some(
            Row::new()
                .with("OriginalPath", name)
                .with("NewPath", path.to_string_lossy().into_owned())
                .with("Size", i64::try_from(size).unwrap_or(i64::MAX)),
        ))
    }
}

/// The member's place in the folder; `None` when its name leads elsewhere.
fn inside(folder: &Path, name: &str) -> Option<PathBuf> {
    let mut path = folder.to_path_buf();
    let mut any = false;
    for part in name.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." => return None,
            part if part.contains([':', '\0']) => return None,
            part => {
                path.push(part);
                any = true;
            }
        }
    }
    any.then_some(path)
}

type Emit<'e> = &'e mut dyn FnMut(Row) -> bool;

fn from_zip(file: Box<dyn ReadSeek>, mut target: Target, emit: Emit<'_>) -> Result<(), Failure> {
    let bad = |error| Failure::new(format!("the archive is damaged: {error}"));
    let mut archive = ZipArchive::new(file).map_err(bad)?;
    for number in 0..archive.len() {
        let mut member = match archive.by_index(number) {
            Ok(member) => member,
            Err(error) => {
                target.scope.warn(&format!("unzip: member {number} is left out: {error}"));
                continue;
            }
        };
        if !member.is_file() {
            continue;
        }
        let name = match member.name() {
            Ok(name) => name.into_owned(),
            Err(error) => {
                target.scope.warn(&format!("unzip: member {number} is left out: {error}"));
                continue;
            }
        };
        if let Some(row) = target.write(&name, &mut member)?
            && !emit(row)
        {
            break;
        }
    }
    Ok(())
}

const TAR_BLOCK_BYTES: usize = 512;
/// The longest name of a member.
const NAME_MAX_BYTES: u64 = 1 << 16;

fn from_tar(mut file: impl Read, mut target: Target, emit: Emit<'_>) -> Result<(), Failure> {
    let bad = |error: std::io::Error| Failure::new(format!("the archive is damaged: {error}"));
    let mut long_name: Option<String> = None;
    loop {
        let mut header = [0; TAR_BLOCK_BYTES];
        match file.read_exact(&mut header) {
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(()),
            other => other.map_err(bad)?,
        }
        if header.iter().all(|byte| *byte == 0) {
            return Ok(());
        }
        let size = octal(&header[124..136])
            .ok_or_else(|| Failure::new("the archive is damaged: a size is no number"))?;
        let mut content = (&mut file).take(size);
        match header[156] {
            // A name that was too long for the header: by itself, or among other properties.
            kind @ (b'L' | b'x') => {
                let mut bytes = Vec::new();
                (&mut content).take(NAME_MAX_BYTES).read_to_end(&mut bytes).map_err(bad)?;
                long_name = if kind == b'L' { Some(text(&bytes)) } else { pax_path(&bytes) };
            }
            b'0' | 0 | b'7' => {
                let name = long_name.take().unwrap_or_else(|| short_name(&header));
                if let Some(row) = target.write(&name, &mut content)?
                    && !emit(row)
                {
                    return Ok(());
                }
            }
            _ => long_name = None,
        }
        std::io::copy(&mut content, &mut std::io::sink()).map_err(bad)?;
        let padding = size.next_multiple_of(TAR_BLOCK_BYTES as u64) - size;
        std::io::copy(&mut (&mut file).take(padding), &mut std::io::sink()).map_err(bad)?;
    }
}

fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

fn short_name(header: &[u8; TAR_BLOCK_BYTES]) -> String {
    let (name, prefix) = (text(&header[..100]), text(&header[345..500]));
    let has_prefix = &header[257..263] == b"ustar\0" && !prefix.is_empty();
    if has_prefix { format!("{prefix}/{name}") } else { name }
}

/// A number in octal digits; large ones are bytes behind a mark.
fn octal(field: &[u8]) -> Option<u64> {
    if field[0] & 0x80 != 0 {
        let bytes: [u8; 8] = field[field.len() - 8..].try_into().ok()?;
        return Some(u64::from_be_bytes(bytes)).filter(|size| *size < 1 << 60);
    }
    let digits = text(field);
    let digits = digits.trim();
    if digits.is_empty() { Some(0) } else { u64::from_str_radix(digits, 8).ok() }
}

/// The path among the properties of a member: lines `length key=value`.
fn pax_path(bytes: &[u8]) -> Option<String> {
    let mut rest = bytes;
    while let Some(space) = rest.iter().position(|byte| *byte == b' ') {
        let length: usize = std::str::from_utf8(&rest[..space]).ok()?.parse().ok()?;
        let line = rest.get(space + 1..length)?;
        if let Some(path) = line.strip_prefix(b"path=") {
            return Some(text(path.strip_suffix(b"\n").unwrap_or(path)));
        }
        rest = rest.get(length.max(1)..)?;
    }
    None
}
