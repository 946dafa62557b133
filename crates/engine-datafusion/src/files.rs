//! The files of a table: which there are, what they hold, what their folders say about them.
//!
//! A name decides the format: `.ndjson`, `.jsonl`, `.json`, `.csv`, `.parquet`, `.arrow`, `.ipc`, the
//! texts also with `.gz` or `.zst` behind. Names that begin with `_` or `.`, and files that are
//! being written (`.tmp`, `.part`, `.inprogress`, `.crc`), are not part of a table. Anything else is
//! an error: a file that is silently left out is a hole in a hunt.

use base::Timestamp;
use futures_util::TryStreamExt;
use loghunt::engine::EngineError;
use object_store::{ObjectMeta, ObjectStoreExt, path::Path};

use crate::place::{Place, unreachable};

/// How a file's rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Format {
    JsonLines,
    Csv,
    Parquet,
    Arrow,
}

/// How a file is compressed as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Packing {
    Plain,
    Gzip,
    Zstd,
}

/// A file of a table.
#[derive(Clone, Debug)]
pub(crate) struct LogFile {
    pub(crate) path: Path,
    pub(crate) size: u64,
    pub(crate) modified: Timestamp,
    pub(crate) etag: Option<String>,
    pub(crate) format: Format,
    pub(crate) packing: Packing,
    /// What the folders say: `date=2026-01-01`.
    pub(crate) partitions: Vec<(String, String)>,
}

impl LogFile {
    /// What changes whenever the content may have changed.
    pub(crate) fn stamp(&self) -> String {
        let etag = self.etag.as_deref().unwrap_or("");
        format!("{}:{}:{etag}", self.size, self.modified.as_micros())
    }

    /// Whether rows are only ever added at its end, if it grows at all.
    pub(crate) fn grows(&self) -> bool {
        self.packing == Packing::Plain && matches!(self.format, Format::JsonLines | Format::Csv)
    }
}

/// The files of a table, by path.
pub(crate) async fn list(place: &Place) -> Result<Vec<LogFile>, EngineError> {
    if let Some(file) = single(place).await? {
        return Ok(vec![file]);
    }
    let metas: Vec<ObjectMeta> = place
        .store
        .list(Some(&place.path))
        .try_collect()
        .await
        .map_err(|error| unreachable(&place.shown, &error))?;
    let mut files = Vec::with_capacity(metas.len());
    for meta in metas {
        if let Some(file) = of_meta(place, meta)? {
            files.push(file);
        }
    }
    if files.is_empty() {
        exists(place)?;
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// The table itself, where it is a file.
async fn single(place: &Place) -> Result<Option<LogFile>, EngineError> {
    let Some(name) = place.path.filename() else { return Ok(None) };
    if format_of(name).is_none() {
        return Ok(None);
    }
    match place.store.head(&place.path).await {
        Ok(meta) => of_meta(place, meta),
        // A folder may be called `x.json`.
        Err(object_store::Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(unreachable(&place.shown, &error)),
    }
}

/// A folder without files is a table without rows; one that is not there is a mistake.
fn exists(place: &Place) -> Result<(), EngineError> {
    match &place.local {
        Some(path) if crate::os::is_folder(path) => Ok(()),
        Some(path) => Err(EngineError::permanent(format!(
            "there is no file or folder `{}`; see the dataset's `table` and the engine's `root`",
            path.display()
        ))),
        None => Err(EngineError::transient(format!(
            "there is nothing below `{}`; see the dataset's `table`, or wait for the first file",
            place.shown
        ))),
    }
}

fn of_meta(place: &Place, meta: ObjectMeta) -> Result<Option<LogFile>, EngineError> {
    let below: Vec<String> = match meta.location.prefix_match(&place.path) {
        Some(parts) => parts.map(|part| part.as_ref().to_owned()).collect(),
        None => Vec::new(),
    };
    if below.iter().any(|part| part.starts_with(['_', '.'])) {
        return Ok(None);
    }
    let name = meta.location.filename().unwrap_or("");
    if [".tmp", ".part", ".inprogress", ".crc"].iter().any(|end| name.ends_with(end)) {
        return Ok(None);
    }
    let Some((format, packing)) = format_of(name) else {
        return Err(EngineError::permanent(format!(
            "`{}` in `{}` has a name of no known format; it ends with .ndjson, .jsonl, .json, .csv, .parquet, .arrow or .ipc (texts also with .gz or .zst behind), or begins with `_` to be left out",
            meta.location, place.shown
        )));
    };
    let folders = below.iter().take(below.len().saturating_sub(1));
    let partitions = folders.filter_map(|part| {
        let (name, value) = part.split_once('=')?;
        (!name.is_empty()).then(|| (name.to_owned(), value.to_owned()))
    });
    Ok(Some(LogFile {
        size: meta.size,
        modified: Timestamp::from_micros(meta.last_modified.timestamp_micros()),
        etag: meta.e_tag,
        format,
        packing,
        partitions: partitions.collect(),
        path: meta.location,
    }))
}

fn format_of(name: &str) -> Option<(Format, Packing)> {
    let name = name.to_ascii_lowercase();
    let (name, packing) = match name.strip_suffix(".gz") {
        Some(rest) => (rest.to_owned(), Packing::Gzip),
        None => match name.strip_suffix(".zst") {
            Some(rest) => (rest.to_owned(), Packing::Zstd),
            None => (name, Packing::Plain),
        },
    };
    let format = match name.rsplit_once('.')?.1 {
        "ndjson" | "jsonl" | "json" => Format::JsonLines,
        "csv" => Format::Csv,
        "parquet" => Format::Parquet,
        "arrow" | "ipc" => Format::Arrow,
        _ => return None,
    };
    let packed_whole = packing != Packing::Plain && format == Format::Parquet;
    (!packed_whole).then_some((format, packing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_what_is_in_a_file() {
        assert_eq!(format_of("a.NDJSON"), Some((Format::JsonLines, Packing::Plain)));
        assert_eq!(format_of("a.b.jsonl.gz"), Some((Format::JsonLines, Packing::Gzip)));
        assert_eq!(format_of("a.csv.zst"), Some((Format::Csv, Packing::Zstd)));
        assert_eq!(format_of("a.parquet"), Some((Format::Parquet, Packing::Plain)));
        assert_eq!(format_of("a.parquet.gz"), None);
        assert_eq!(format_of("readme.txt"), None);
        assert_eq!(format_of("json"), None);
    }
}
