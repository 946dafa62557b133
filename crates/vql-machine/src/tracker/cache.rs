//! The file that keeps what a tracker knows over a restart: one JSON object per line.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

use rows::{Dict, Time, Value};

use super::state::Recalled;

/// Lines longer than this were not written by a tracker.
const LINE_MAX: usize = 1 << 20;

/// What the file tells. A file that is not there tells nothing.
pub(super) fn read(path: &Path) -> Result<Vec<Recalled>, String> {
    let said = |error: &dyn std::fmt::Display| {
        format!("cannot read the cache `{}`: {error}; starting without it", path.display())
    };
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(said(&error)),
    };
    let mut list = Vec::new();
    for line in BufReader::new(file).lines() {
        let line = line.map_err(|error| said(&error))?;
        if line.len() > LINE_MAX {
            return Err(said(&"a line is too long"));
        }
        let row = rows_json::row_from_json(line.as_bytes()).map_err(|error| said(&error))?;
        let time = |name: &str| match row.get(name) {
            Some(Value::Text(text)) => text.as_str().and_then(Time::parse),
            _ => None,
        };
        let text = |name: &str| match row.get(name) {
            Some(Value::Text(text)) => Some(text.to_str_lossy().into_owned()),
            _ => None,
        };
        let data = match row.get("Data") {
            Some(Value::Dict(data)) => data.clone(),
            _ => Dict::new(),
        };
        list.push(Recalled {
            id: text("Id").ok_or_else(|| said(&"a line has no Id"))?,
            parent: text("ParentId"),
            start: time("StartTime"),
            end: time("EndTime"),
            data,
        });
    }
    Ok(list)
}

/// Replaces the file.
pub(super) fn write(path: &Path, list: &[Dict]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
    let mut out = io::BufWriter::new(file.as_file_mut());
    for row in list {
        writeln!(out, "{}", rows_json::row_to_json(row))?;
    }
    out.flush()?;
    drop(out);
    file.persist(path).map(drop).map_err(|error| error.error)
}
