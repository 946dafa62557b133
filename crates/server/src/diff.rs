//! Compares the rows of two rounds, or of two hunts: sorts both sides in temporary files, then walks
//! them together (`flows::diff`). Memory holds one piece of a side at a time, however many rows there
//! are.

use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};

use flows::ResultStore;
use flows::diff::{Change, Columns, Entry, entry, merge};
use flows::results::Scan;
use model::results::ResultScope;
use tokio::sync::mpsc;

/// Bytes of rows that are sorted at once.
const RUN_BYTES: usize = 16 << 20;
/// Rows asked of the store at once.
const PIECE_ROWS: u64 = 5_000;
/// Differences on their way to whoever reads them.
const AHEAD: usize = 1_000;

/// What is compared.
pub(crate) struct Sides {
    pub(crate) before: ResultScope,
    pub(crate) after: ResultScope,
    pub(crate) source: Option<String>,
    pub(crate) columns: Columns,
}

/// A sorted part of one side, in a file that goes away with it.
struct SortedRun(File);

fn put(file: &mut impl Write, bytes: &[u8]) -> std::io::Result<()> {
    let length = u32::try_from(bytes.len()).map_err(std::io::Error::other)?;
    file.write_all(&length.to_le_bytes())?;
    file.write_all(bytes)
}

fn take(file: &mut impl Read) -> std::io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    match file.read_exact(&mut length) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let mut bytes = vec![0; u32::from_le_bytes(length) as usize];
    file.read_exact(&mut bytes)?;
    Ok(Some(bytes))
}

fn sort_into_file(mut entries: Vec<Entry>) -> std::io::Result<SortedRun> {
    entries.sort_by(Entry::order);
    let mut file = BufWriter::new(tempfile::tempfile()?);
    for entry in &entries {
        put(&mut file, &entry.place)?;
        put(&mut file, entry.counted.as_bytes())?;
        put(&mut file, entry.row.as_bytes())?;
    }
    let mut file = file.into_inner().map_err(|error| error.into_error())?;
    file.seek(SeekFrom::Start(0))?;
    Ok(SortedRun(file))
}

/// Reads one side and sorts it in pieces.
async fn sorted_runs(
    results: &dyn ResultStore,
    (scope, source): (ResultScope, Option<String>),
    columns: &Columns,
) -> std::io::Result<Vec<SortedRun>> {
    let mut runs = Vec::new();
    let (mut entries, mut bytes, mut after) = (Vec::new(), 0, None);
    loop {
        let scan = Scan { scope, source: source.clone(), after, rows: PIECE_ROWS };
        let piece = results.scan(&scan).await.map_err(std::io::Error::other)?;
        for row in &piece.rows {
            let origin = (row.client, row.source.as_str());
            let entry = entry(origin, &row.json, columns).map_err(std::io::Error::other)?;
            bytes += entry.place.len() + entry.counted.len() + entry.row.len();
            entries.push(entry);
        }
        let last = piece.next.is_none();
        if bytes >= RUN_BYTES || (last && !entries.is_empty()) {
            let full = std::mem::take(&mut entries);
            bytes = 0;
            let run = tokio::task::spawn_blocking(move || sort_into_file(full)).await;
            runs.push(run.map_err(std::io::Error::other)??);
        }
        if last {
            return Ok(runs);
        }
        after = piece.next;
    }
}

/// The rows of several runs in one order.
struct Merged {
    files: Vec<BufReader<File>>,
    heads: BinaryHeap<Head>,
    failed: Option<std::io::Error>,
}

/// The next row of a run; the first in order is the greatest of a heap.
struct Head {
    entry: Entry,
    run: usize,
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Head {}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        other.entry.order(&self.entry).then(other.run.cmp(&self.run))
    }
}

impl Merged {
    fn new(runs: Vec<SortedRun>) -> Self {
        let files: Vec<_> = runs.into_iter().map(|run| BufReader::new(run.0)).collect();
        let count = files.len();
        let mut merged = Self { files, heads: BinaryHeap::new(), failed: None };
        for run in 0..count {
            merged.refill(run);
        }
        merged
    }

    fn refill(&mut self, run: usize) {
        match read_entry(&mut self.files[run]) {
            Ok(None) => {}
            Ok(Some(entry)) => self.heads.push(Head { entry, run }),
            Err(error) => self.failed = Some(error),
        }
    }
}

fn read_entry(file: &mut impl Read) -> std::io::Result<Option<Entry>> {
    let Some(place) = take(file)? else { return Ok(None) };
    let mut text = || {
        let bytes = take(file)?.ok_or(std::io::ErrorKind::UnexpectedEof)?;
        String::from_utf8(bytes).map_err(std::io::Error::other)
    };
    let (counted, row) = (text()?, text()?);
    Ok(Some(Entry { place, counted, row }))
}

impl Iterator for Merged {
    type Item = std::io::Result<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(error) = self.failed.take() {
            self.heads.clear();
            return Some(Err(error));
        }
        let Head { entry, run } = self.heads.pop()?;
        self.refill(run);
        Some(Ok(entry))
    }
}

/// Compares two sides. Differences come in the order of client, source and key; a failure is the last
/// thing that comes.
pub(crate) async fn differences(
    results: &dyn ResultStore,
    sides: Sides,
) -> std::io::Result<mpsc::Receiver<std::io::Result<Change>>> {
    let Sides { before, after, source, columns } = sides;
    let before = sorted_runs(results, (before, source.clone()), &columns).await?;
    let after = sorted_runs(results, (after, source), &columns).await?;
    let (tell, told) = mpsc::channel(AHEAD);
    tokio::task::spawn_blocking(move || {
        for change in merge(Merged::new(before), Merged::new(after)) {
            let failed = change.is_err();
            // Nobody reads any more, or nothing more can be read.
            if tell.blocking_send(change).is_err() || failed {
                return;
            }
        }
    });
    Ok(told)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::ClientId;
    use flows::diff::Kind;

    fn run(rows: &[(u128, u32)]) -> SortedRun {
        let columns = Columns { key: vec!["P".into()], ignore: vec![] };
        let of = |(client, number): &(u128, u32)| {
            let row = format!(r#"{{"P":{number},"S":"{}"}}"#, number / 2);
            entry((ClientId::from_bits(*client), "A"), &row, &columns).unwrap()
        };
        sort_into_file(rows.iter().map(of).collect()).unwrap()
    }

    #[test]
    fn runs_come_together_in_one_order() {
        let merged = Merged::new(vec![run(&[(2, 5), (1, 7)]), run(&[]), run(&[(1, 9), (1, 3)])]);
        let rows: Vec<String> = merged.map(|entry| entry.unwrap().row).collect();
        let numbers: Vec<&str> =
            rows.iter().map(|row| row[5..].split(',').next().unwrap()).collect();
        assert_eq!(numbers, ["3", "7", "9", "5"]);
    }

    #[test]
    fn sides_in_several_files_are_compared_like_whole_ones() {
        let before = Merged::new(vec![run(&[(1, 1), (1, 2)]), run(&[(1, 3)])]);
        let after = Merged::new(vec![run(&[(1, 3), (1, 4)]), run(&[(1, 1)])]);
        let found: Vec<Change> = merge(before, after).map(Result::unwrap).collect();
        let kinds: Vec<&Kind> = found.iter().map(|change| &change.kind).collect();
        assert_eq!(kinds, [&Kind::Gone, &Kind::New]);
    }
}
