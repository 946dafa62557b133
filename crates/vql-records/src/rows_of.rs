//! Rows of results, a piece at a time: memory stays within one piece however many rows there are, and a
//! query that has enough reads no further.

use std::sync::Arc;

use flows::results::Scan;
use model::results::{ResultRow, ResultScope};
use rows::{Row, Value};
use vql_plugin::Failure;

use crate::Records;

pub(crate) type Rows = Box<dyn Iterator<Item = Result<Row, Failure>> + Send>;

/// Rows of the first piece; those after it are measured by what came before.
const FIRST_ROWS: u64 = 200;
const ROWS_MAX: u64 = 5_000;
/// Bytes of rows that are read at once, about.
const PIECE_BYTES: usize = 1 << 20;

/// Pieces one after the other, each read when the one before is used up.
pub(crate) fn pieces(
    mut next: impl FnMut() -> Result<Option<Vec<Row>>, Failure> + Send + 'static,
) -> Rows {
    let read = std::iter::from_fn(move || next().transpose());
    Box::new(read.flat_map(|piece| match piece {
        Ok(rows) => rows.into_iter().map(Ok).collect::<Vec<_>>(),
        Err(failure) => vec![Err(failure)],
    }))
}

/// `Artifact/Source`, from one argument or from two.
pub(crate) fn full_name(artifact: Option<&String>, source: Option<&String>) -> Option<String> {
    let artifact = artifact?;
    let source = source.filter(|source| !source.is_empty());
    Some(source.map_or_else(|| artifact.clone(), |source| format!("{artifact}/{source}")))
}

/// Which round of a hunt: the one that is named, or the current one, or all.
pub(crate) fn scope_of(
    records: &Records,
    hunt: &str,
    (round, all_rounds): (Option<u64>, bool),
) -> Result<ResultScope, Failure> {
    let found = records.wait(records.hunts.get(hunt.parse()?))?;
    let found = found.filter(|found| found.hunt.org == records.org);
    let hunt = found.ok_or_else(|| Failure::new(format!("there is no hunt {hunt}")))?.hunt;
    match round {
        Some(_) if all_rounds => Err(Failure::new("give round or all_rounds, not both")),
        None if all_rounds => Ok(ResultScope::Rounds(hunt.id)),
        None => Ok(ResultScope::Hunt { hunt: hunt.id, round: hunt.round }),
        Some(asked) => {
            let round = u32::try_from(asked).ok().filter(|round| (1..=hunt.round).contains(round));
            let round = round.ok_or_else(|| {
                let (id, last) = (hunt.id, hunt.round);
                Failure::new(format!("hunt {id} has no round {asked}; choose one from 1 to {last}"))
            })?;
            Ok(ResultScope::Hunt { hunt: hunt.id, round })
        }
    }
}

/// A stored row, with where it comes from.
pub(crate) fn result_row(found: &ResultRow) -> Result<Row, Failure> {
    let row = rows_json::row_from_json(found.json.as_bytes())?;
    Ok(row
        .with("ClientId", Value::text(found.client.to_string()))
        .with("FlowId", Value::text(found.flow.to_string()))
        .with("_Source", Value::text(found.source.as_str())))
}

/// The sources that a name means: itself, or all of an artifact.
enum Chosen {
    All,
    One(String),
    Several(Vec<String>),
}

fn chosen(records: &Records, scope: ResultScope, name: Option<&str>) -> Result<Chosen, Failure> {
    let Some(name) = name else { return Ok(Chosen::All) };
    let means = |source: &str| source == name || source.split('/').next() == Some(name);
    let sources = records.wait(records.results.sources(scope))?;
    let mut meant: Vec<String> =
        sources.into_iter().map(|one| one.source).filter(|source| means(source)).collect();
    Ok(match meant.len() {
        1 => Chosen::One(meant.remove(0)),
        _ => Chosen::Several(meant),
    })
}

/// The rows of a scope in order of arrival, as `make` has them.
pub(crate) fn results(
    records: Arc<Records>,
    scope: ResultScope,
    name: Option<String>,
    mut make: impl FnMut(&Records, &ResultRow) -> Result<Row, Failure> + Send + 'static,
) -> Result<Rows, Failure> {
    let (source, among) = match chosen(&records, scope, name.as_deref())? {
        Chosen::All => (None, None),
        Chosen::One(source) => (Some(source), None),
        Chosen::Several(none) if none.is_empty() => return Ok(Box::new(std::iter::empty())),
        Chosen::Several(sources) => (None, Some(sources)),
    };
    let mut scan = Some(Scan { scope, source, after: None, rows: FIRST_ROWS });
    Ok(pieces(move || {
        let Some(asked) = scan.take() else { return Ok(None) };
        let piece = records.wait(records.results.scan(&asked))?;
        let bytes: usize = piece.rows.iter().map(|row| row.json.len()).sum();
        let average = bytes / piece.rows.len().max(1) + 1;
        let rows = ((PIECE_BYTES / average) as u64).clamp(1, ROWS_MAX);
        scan = piece.next.map(|place| Scan { after: Some(place), rows, ..asked });
        let wanted = |row: &&ResultRow| {
            among.as_ref().is_none_or(|sources: &Vec<String>| sources.contains(&row.source))
        };
        piece
            .rows
            .iter()
            .filter(wanted)
            .map(|row| make(&records, row))
            .collect::<Result<_, _>>()
            .map(Some)
    }))
}
