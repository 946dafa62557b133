//! All rows of a hunt or a flow as one table: NDJSON, CSV or Parquet, written while it is read.
//!
//! The same rows make the same bytes, so a download that was cut goes on behind what is there: the
//! bytes before are made again and left out. A table is whole or a broken download: rows that were
//! there when it began and are gone before they were read, because somebody deleted the hunt, break it.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use base::{Chain, ClientId};
use bytes::Bytes;
use fleet::ClientStore;
use flows::ResultStore;
use flows::results::{NamedRow, Scan, ScanPiece, TableEncoder};
use model::results::{ResultRow, ResultScope};
use model::store::StoreError;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::task::AbortOnDropHandle;

use super::csv_rows;
use super::pack::Chunk;

/// What a table is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One JSON object a line: the row's own columns, then those that every row has.
    Ndjson,
    /// Those that every row has, then all columns that any row has.
    Csv,
    /// The same, with types.
    Parquet,
}

impl Form {
    /// All names, for messages.
    pub const NAMES: &str = "`ndjson`, `csv` or `parquet`";

    /// The form of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "ndjson" => Some(Self::Ndjson),
            "csv" => Some(Self::Csv),
            "parquet" => Some(Self::Parquet),
            _ => None,
        }
    }

    /// Its name, which is also what file names end with.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
            Self::Parquet => "parquet",
        }
    }

    /// Its media type.
    pub fn media(self) -> &'static str {
        match self {
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8",
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }
}

/// Which table.
pub struct Wanted {
    /// Whose rows.
    pub scope: ResultScope,
    /// Of this source only.
    pub source: Option<String>,
    /// As what.
    pub form: Form,
    /// Bytes that are left out.
    pub skip: u64,
}

/// Where rows and the names of their clients are.
#[derive(Clone)]
pub struct Stores {
    /// The rows.
    pub results: Arc<dyn ResultStore>,
    /// The clients.
    pub clients: Arc<dyn ClientStore>,
}

/// Bytes of rows that are read at once, about.
const PIECE_BYTES: usize = 2 << 20;
/// Rows of the first piece; those after it are measured by what came before.
const FIRST_ROWS: u64 = 500;
const ROWS_MAX: u64 = 20_000;
/// Bytes that are passed on at once.
const CHUNK_BYTES: usize = 128 << 10;
/// Columns that every row has.
const ORIGIN: [&str; 6] = ["_client", "_hostname", "_flow", "_round", "_source", "_stored"];

enum Writer {
    Ndjson,
    Csv(Vec<String>),
    Parquet(Box<dyn TableEncoder>),
}

/// The table's bytes.
///
/// # Errors
///
/// When it cannot be begun.
pub async fn stream(
    stores: Stores,
    wanted: Wanted,
) -> Result<ReceiverStream<Result<Bytes, io::Error>>, StoreError> {
    let (scope, source) = (wanted.scope, wanted.source.as_deref());
    let promised = kept(&stores, scope, source).await?;
    let writer = match wanted.form {
        Form::Ndjson => Writer::Ndjson,
        Form::Csv => Writer::Csv(columns(&stores, scope, source).await?),
        Form::Parquet => Writer::Parquet(stores.results.parquet(scope, source).await?),
    };
    let (chunks, receiver) = mpsc::channel(8);
    let out = Out { chunks: chunks.clone(), gathered: Vec::new(), skip: wanted.skip };
    let mut table = Table { stores, wanted, out, promised, hostnames: HashMap::new() };
    tokio::spawn(async move {
        if let Err(Stop::Failed(error)) = table.write(writer).await {
            let text = Chain(&error).to_string();
            tracing::error!(name: "export_failed", error = text, "export failed");
            // The connection breaks, so that nobody takes the table for a whole one.
            let _ = chunks.send(Err(io::Error::other(text))).await;
        }
    });
    Ok(ReceiverStream::new(receiver))
}

/// How many rows a scope has, by the counters.
async fn kept(
    stores: &Stores,
    scope: ResultScope,
    source: Option<&str>,
) -> Result<u64, StoreError> {
    let sources = stores.results.sources(scope).await?;
    let wanted = sources.iter().filter(|one| source.is_none_or(|source| source == one.source));
    Ok(wanted.map(|one| one.rows).sum())
}

/// All columns of a scope, in the order in which they were first met.
async fn columns(
    stores: &Stores,
    scope: ResultScope,
    source: Option<&str>,
) -> Result<Vec<String>, StoreError> {
    let mut columns = Vec::new();
    for summary in stores.results.sources(scope).await? {
        if source.is_none_or(|source| source == summary.source) {
            for column in summary.columns {
                if !columns.contains(&column) {
                    columns.push(column);
                }
            }
        }
    }
    Ok(columns)
}

enum Stop {
    /// The reader is gone.
    Gone,
    Failed(StoreError),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

/// Where bytes go.
struct Out {
    chunks: mpsc::Sender<Chunk>,
    gathered: Vec<u8>,
    skip: u64,
}

impl Out {
    async fn data(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        let left_out = usize::try_from(self.skip).unwrap_or(usize::MAX).min(bytes.len());
        self.skip -= left_out as u64;
        // In small pieces, so that a slow reader has little waiting for it.
        let mut bytes = &bytes[left_out..];
        while !bytes.is_empty() {
            let room = CHUNK_BYTES.saturating_sub(self.gathered.len());
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.gathered.extend_from_slice(now);
            bytes = later;
            if self.gathered.len() >= CHUNK_BYTES {
                self.flush().await?;
            }
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Stop> {
        let gathered = std::mem::take(&mut self.gathered);
        if gathered.is_empty() {
            return Ok(());
        }
        self.chunks.send(Ok(Bytes::from(gathered))).await.map_err(|_| Stop::Gone)
    }
}

struct Table {
    stores: Stores,
    wanted: Wanted,
    out: Out,
    /// Rows that were there when it began; others may have come since.
    promised: u64,
    hostnames: HashMap<ClientId, String>,
}

impl Table {
    async fn write(&mut self, mut writer: Writer) -> Result<(), Stop> {
        if let Writer::Csv(columns) = &writer {
            let all: Vec<String> = ORIGIN
                .iter()
                .map(|name| (*name).to_owned())
                .chain(columns.iter().cloned())
                .collect();
            self.out.data(&csv_rows::header(&all)).await?;
        }
        let mut scan = Scan {
            scope: self.wanted.scope,
            source: self.wanted.source.clone(),
            after: None,
            rows: FIRST_ROWS,
        };
        let mut written = 0;
        let mut ahead = Some(self.reading(scan.clone()));
        while let Some(reading) = ahead {
            let unread = |error| StoreError::broken("read rows", error);
            let piece = reading.await.map_err(unread)??;
            written += piece.rows.len() as u64;
            let size: usize = piece.rows.iter().map(|row| row.json.len()).sum();
            let average = size / piece.rows.len().max(1) + 1;
            scan.rows = ((PIECE_BYTES / average) as u64).clamp(1, ROWS_MAX);
            scan.after = piece.next;
            ahead = scan.after.map(|_| self.reading(scan.clone()));
            self.name_clients(&piece.rows).await?;
            let bytes = self.encoded(&mut writer, &piece.rows)?;
            self.out.data(&bytes).await?;
        }
        let known = match &writer {
            Writer::Csv(columns) => Some(columns.clone()),
            Writer::Ndjson | Writer::Parquet(_) => None,
        };
        self.check(known, written).await?;
        if let Writer::Parquet(encoder) = writer {
            let bytes = encoder.finish()?;
            self.out.data(&bytes).await?;
        }
        self.out.flush().await
    }

    /// The next piece, read while the one before is written.
    fn reading(&self, scan: Scan) -> AbortOnDropHandle<Result<ScanPiece, StoreError>> {
        let results = self.stores.results.clone();
        AbortOnDropHandle::new(tokio::spawn(async move { results.scan(&scan).await }))
    }

    /// Refuses to end a table that is not whole.
    async fn check(&self, known: Option<Vec<String>>, written: u64) -> Result<(), StoreError> {
        let promised = self.promised;
        if written < promised {
            return Err(StoreError::conflict(format!(
                "{written} of {promised} rows were there to export; the others were deleted meanwhile"
            )));
        }
        let (scope, source) = (self.wanted.scope, self.wanted.source.as_deref());
        if let Some(known) = known
            && written > promised
            && columns(&self.stores, scope, source).await? != known
        {
            return Err(StoreError::conflict(
                "rows with other columns arrived while the table was written; export it anew",
            ));
        }
        Ok(())
    }

    async fn name_clients(&mut self, rows: &[ResultRow]) -> Result<(), StoreError> {
        for row in rows {
            if !self.hostnames.contains_key(&row.client) {
                let record = self.stores.clients.get(row.client).await?;
                let hostname = record.map(|record| record.facts.hostname).unwrap_or_default();
                self.hostnames.insert(row.client, hostname);
            }
        }
        Ok(())
    }

    fn encoded(&self, writer: &mut Writer, rows: &[ResultRow]) -> Result<Vec<u8>, StoreError> {
        let hostname = |row: &ResultRow| self.hostnames.get(&row.client).map_or("", String::as_str);
        // Rows that arrived together come from the same place, which is written out once.
        let together = rows.chunk_by(ResultRow::arrived_with);
        let mut bytes = Vec::new();
        match writer {
            Writer::Ndjson => {
                for rows in together {
                    let origin = ndjson_origin(&rows[0], hostname(&rows[0]));
                    rows.iter().for_each(|row| ndjson_row(&row.json, &origin, &mut bytes));
                }
            }
            Writer::Csv(columns) => {
                let mut lines = csv_rows::Lines::new();
                for rows in together {
                    let origin = csv_origin(&rows[0], hostname(&rows[0]));
                    for row in rows {
                        origin.iter().for_each(|text| lines.text(text));
                        lines.cells(columns, &row.json);
                        lines.end();
                    }
                }
                bytes = lines.finish();
            }
            Writer::Parquet(encoder) => {
                let named: Vec<NamedRow<'_>> =
                    rows.iter().map(|row| NamedRow { row, hostname: hostname(row) }).collect();
                bytes = encoder.add(&named)?;
            }
        }
        Ok(bytes)
    }
}

/// What every row has, as texts; in the order of [`ORIGIN`].
fn csv_origin(row: &ResultRow, hostname: &str) -> [String; 6] {
    [
        row.client.to_string(),
        hostname.to_owned(),
        row.flow.to_string(),
        row.round.map(|round| round.to_string()).unwrap_or_default(),
        row.source.clone(),
        row.stored.to_string(),
    ]
}

/// What every row has, as the end of its line.
fn ndjson_origin(row: &ResultRow, hostname: &str) -> Vec<u8> {
    let mut into = format!("\"_client\":\"{}\",\"_hostname\":", row.client).into_bytes();
    text(hostname, &mut into);
    into.extend_from_slice(format!(",\"_flow\":\"{}\"", row.flow).as_bytes());
    if let Some(round) = row.round {
        into.extend_from_slice(format!(",\"_round\":{round}").as_bytes());
    }
    into.extend_from_slice(b",\"_source\":");
    text(&row.source, &mut into);
    into.extend_from_slice(format!(",\"_stored\":\"{}\"}}\n", row.stored).as_bytes());
    into
}

/// A row as a line. A row's own column that is named like one that every row has is kept under that
/// name and a prime: no row forges where it comes from.
fn ndjson_row(json: &str, origin: &[u8], into: &mut Vec<u8>) {
    let json = json.trim();
    let body = json.strip_prefix('{').and_then(|json| json.strip_suffix('}')).unwrap_or("");
    let start = into.len();
    into.push(b'{');
    // Only a row that has such a name in it can have such a column; one in escapes is looked at too.
    if body.contains("\"_") || body.contains("\\u") {
        let mut first = true;
        // A row that cannot be read was refused when it arrived.
        let _ = flows::query::walk(json, &mut |name, raw| {
            let mut name = name.to_owned();
            while ORIGIN.contains(&name.as_str()) {
                name.push('\'');
            }
            if !first {
                into.push(b',');
            }
            first = false;
            text(&name, into);
            into.push(b':');
            into.extend_from_slice(raw.as_bytes());
        });
    } else {
        into.extend_from_slice(body.trim().as_bytes());
    }
    if into.len() > start + 1 {
        into.push(b',');
    }
    into.extend_from_slice(origin);
}

fn text(text: &str, into: &mut Vec<u8>) {
    serde_json::to_writer(into, text).expect("a text has a JSON form");
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{FlowId, Timestamp};
    use serde_json::value::RawValue;

    fn shown(json: &str) -> String {
        let row = ResultRow {
            client: ClientId::from_bits(1),
            flow: FlowId::from_bits(2),
            round: Some(3),
            source: "A".into(),
            stored: Timestamp::EPOCH,
            json: json.to_owned(),
        };
        let mut bytes = Vec::new();
        ndjson_row(&row.json, &ndjson_origin(&row, "web\"1"), &mut bytes);
        let line = String::from_utf8(bytes).unwrap();
        let parsed: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(&line).unwrap();
        assert_eq!(parsed["_client"], "C.00000000000000000000000000000001");
        assert_eq!((&parsed["_hostname"], line.matches('\n').count()), (&"web\"1".into(), 1));
        line.split(",\"_client\":\"C.0").next().unwrap().to_owned()
    }

    #[test]
    fn a_line_has_the_row_and_where_it_comes_from() {
        assert_eq!(shown(r#"{"a":1,"b":{"c":[]}}"#), r#"{"a":1,"b":{"c":[]}"#);
        assert!(shown("{}").starts_with("{\"_client\""));
        assert!(shown(" { } ").starts_with("{\"_client\""));
    }

    #[test]
    fn no_row_forges_where_it_comes_from() {
        assert_eq!(shown(r#"{"_client":"C.x","a":1}"#), r#"{"_client'":"C.x","a":1"#);
        assert_eq!(shown(r#"{"\u005fclient":"C.x"}"#), r#"{"_client'":"C.x""#);
        assert_eq!(shown(r#"{"_other":"x\u0041"}"#), r#"{"_other":"x\u0041""#);
    }

    #[test]
    fn raw_values_stay_as_they_were() {
        let raw: &RawValue = serde_json::from_str("1e3").unwrap();
        assert_eq!(shown(&format!("{{\"_n\":{raw}}}")), r#"{"_n":1e3"#);
    }
}
