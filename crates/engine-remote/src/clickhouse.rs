//! ClickHouse over HTTP.
//!
//! - Rows come as lines of JSON with names and types before them; the server is asked to wait for
//!   the end of the query, so that an error comes instead of rows wherever it can. One that comes
//!   behind rows all the same, as text or between exception marks, makes the answer partial.
//! - The tag is the query id. A question that is dropped closes its connection, which ends it.
//! - The role needs `readonly = 2` (or none): settings travel with each question.
//!
//! Positions by block number are not offered: they count for each partition by itself.

mod cell;

use std::ops::ControlFlow;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use loghunt::engine::{EngineError, Estimate, Horizon, Source};
use model::log::FailureClass;
use reqwest::{Response, StatusCode, Url};
use rows::Value;
use sql_text::{Dialect, Parameter, Statement};

use crate::answer::{Kept, RowSink};
use crate::facts::TableFacts;
use crate::names::parts;
use crate::remote::{Backend, Estimator, Figures, Nature, Task, moment, plain_tag};
use crate::site::{ASIDE, Site};
use cell::Column;

/// One ClickHouse server as one user.
pub(crate) struct ClickHouse {
    site: Site,
    http: reqwest::Client,
    nature: Nature,
}

/// What travels with each question.
const SETTINGS: &[(&str, &str)] = &[
    ("default_format", "JSONCompactEachRowWithNamesAndTypes"),
    ("wait_end_of_query", "1"),
    ("cancel_http_readonly_queries_on_client_close", "1"),
    ("timeout_overflow_mode", "throw"),
    ("result_overflow_mode", "throw"),
    ("read_overflow_mode", "throw"),
    ("date_time_output_format", "iso"),
    ("output_format_json_quote_64bit_integers", "0"),
    ("output_format_json_quote_denormals", "1"),
    ("output_format_json_named_tuples_as_objects", "1"),
    // Without these an answer may lack what a shard would have said.
    ("skip_unavailable_shards", "0"),
    ("max_result_rows", "0"),
];

impl ClickHouse {
    pub(crate) fn new(site: Site) -> Result<Self, EngineError> {
        Ok(Self {
            nature: Nature::new(&site, Dialect::ClickHouse, "clickhouse", Some("re2")),
            http: site.http()?,
            site,
        })
    }

    fn url(&self, statement: &Statement, task: &Task, tag: Option<&str>) -> Url {
        let mut url = self.site.url.clone();
        {
            let mut pairs = url.query_pairs_mut();
            pairs.extend_pairs(SETTINGS);
            if let Some(database) = &self.site.database {
                pairs.append_pair("database", database);
            }
            if let Some(tag) = tag {
                pairs.append_pair("query_id", &plain_tag(tag));
            }
            let seconds = task.timeout.as_secs_f64().max(0.001);
            pairs.append_pair("max_execution_time", &format!("{seconds:.3}"));
            for (value, number) in statement.parameters.iter().zip(1..) {
                pairs.append_pair(&format!("param_p{number}"), &cell::bound(value));
            }
        }
        url
    }

    async fn send(
        &self,
        statement: &Statement,
        task: &Task,
        tag: Option<&str>,
    ) -> Result<Response, EngineError> {
        let mut request = self.http.post(self.url(statement, task, tag));
        if let Some(user) = &self.site.user {
            request = request.header("X-ClickHouse-User", user);
        }
        if let Some(secret) = &self.site.secret {
            request = request.header("X-ClickHouse-Key", secret);
        }
        let response = request
            .body(statement.text.clone())
            .send()
            .await
            .map_err(|error| self.site.unheard(&error))?;
        if response.status() == StatusCode::OK {
            return Ok(response);
        }
        let status = response.status();
        let code = response.headers().get("X-ClickHouse-Exception-Code");
        let code = code.and_then(|code| code.to_str().ok()?.parse().ok());
        // Without a text the status has to do.
        let text = response.text().await.unwrap_or_default();
        Err(self.refused(status, code, &text))
    }

    fn refused(&self, status: StatusCode, code: Option<u32>, text: &str) -> EngineError {
        let text: String = text.trim().chars().take(1_000).collect();
        match code.or_else(|| code_in(&text)) {
            Some(code) => self.exception(code, &text),
            None if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT => {
                EngineError::transient(self.site.says(format!("{status}: {text}")))
            }
            None if status == StatusCode::TOO_MANY_REQUESTS => EngineError {
                class: FailureClass::Throttled { wait: std::time::Duration::from_secs(30) },
                message: self.site.says(format!("{status}: {text}")),
            },
            None => EngineError::permanent(self.site.says(format!(
                "{status}: {text}; is the `url` that of ClickHouse's HTTP interface?"
            ))),
        }
    }

    /// What follows from one of ClickHouse's own errors.
    fn exception(&self, code: u32, text: &str) -> EngineError {
        let message = self.site.says(text);
        match code {
            // Time, rows, bytes, memory.
            158..=160 | 241 | 307 | 396 => EngineError::too_large(message),
            // A quota, or too many questions at once.
            201 | 202 => EngineError {
                class: FailureClass::Throttled { wait: std::time::Duration::from_secs(60) },
                message,
            },
            // The network between its servers, its coordination, a question ended from outside.
            3 | 32 | 198 | 209 | 210 | 216 | 225 | 236 | 242 | 279 | 319 | 335 | 394 | 519
            | 999 | 1000 | 1002 => EngineError::transient(message),
            516 | 193 | 194 | 192 => {
                EngineError::permanent(format!("{message}; mend `user` and `secret` of the engine"))
            }
            _ => EngineError::permanent(message),
        }
    }

    async fn read(
        &self,
        response: Response,
        rows: &mut dyn RowSink,
    ) -> Result<Figures, EngineError> {
        let headers = response.headers();
        let mut figures = summary(headers.get("X-ClickHouse-Summary"));
        // Only then does an end say that nothing is missing.
        let framed = headers.contains_key("content-length")
            || headers.contains_key("transfer-encoding")
            || response.version() == reqwest::Version::HTTP_2;
        let mut lines = Lines::default();
        let mut body = response.bytes_stream();
        while let Some(part) = body.next().await {
            let part = match part {
                Ok(part) => part,
                Err(error) => return Err(self.site.unheard(&error)),
            };
            match lines.take(&part, rows) {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(())) => return Ok(figures),
                Err(_) => break,
            }
        }
        // What is left of a body whose reading stopped is the rest of the message.
        while lines.broken && lines.rest.len() < 4_096 {
            match body.next().await {
                Some(Ok(part)) => lines.rest.extend_from_slice(&part),
                _ => break,
            }
        }
        let ended = lines.end(rows);
        if let Err(text) = ended {
            figures.partial = Some(self.behind_rows(&text)?);
        } else if !framed {
            let why = "the answer has no end by which one could see that it is whole";
            figures.partial = Some(self.site.says(why));
        }
        Ok(figures)
    }

    /// An error behind rows: what was too large says so, everything else makes a part.
    fn behind_rows(&self, text: &str) -> Result<String, EngineError> {
        let shown: String = text.trim().chars().take(1_000).collect();
        if let Some(code) = code_in(&shown) {
            let error = self.exception(code, &shown);
            if error.class == FailureClass::TooLarge {
                return Err(error);
            }
        }
        Ok(self.site.says(format!("an error behind rows: {shown}")))
    }

    async fn ours(&self, text: &str, parameters: &[&str]) -> Result<Kept, EngineError> {
        let parameters = parameters.iter().map(|&text| Parameter::Text(text.into())).collect();
        let statement = Statement { text: text.to_owned(), parameters };
        let task = Task { tag: "".into(), timeout: ASIDE };
        let response = self.send(&statement, &task, None).await?;
        let mut kept = Kept::default();
        let figures = self.read(response, &mut kept).await?;
        match figures.partial {
            None => Ok(kept),
            Some(why) => Err(EngineError::transient(why)),
        }
    }
}

/// The number in `Code: 159. DB::Exception: …`.
fn code_in(text: &str) -> Option<u32> {
    let after = text.split_once("Code: ")?.1;
    after.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
}

/// What was read, as far as the server knew when it began to answer.
fn summary(header: Option<&reqwest::header::HeaderValue>) -> Figures {
    let number = |name: &str| -> Option<u64> {
        let parsed: serde_json::Value = serde_json::from_slice(header?.as_bytes()).ok()?;
        parsed.get(name)?.as_str()?.parse().ok()
    };
    Figures { bytes: number("read_bytes"), rows_read: number("read_rows"), partial: None }
}

/// Lines of an answer: names, types, rows.
#[derive(Default)]
struct Lines {
    rest: Vec<u8>,
    names: Option<Vec<String>>,
    columns: Option<Vec<Column>>,
    /// A line was none; `rest` begins with it.
    broken: bool,
}

impl Lines {
    /// Takes some more bytes. An error when a line is none.
    fn take(&mut self, part: &Bytes, rows: &mut dyn RowSink) -> Result<ControlFlow<()>, ()> {
        self.rest.extend_from_slice(part);
        let mut from = 0;
        let mut flow = Ok(ControlFlow::Continue(()));
        while let Some(length) = self.rest[from..].iter().position(|byte| *byte == b'\n') {
            let line = self.rest[from..from + length].to_vec();
            match self.line(&line, rows) {
                Some(ControlFlow::Continue(())) => from += length + 1,
                Some(ControlFlow::Break(())) => {
                    flow = Ok(ControlFlow::Break(()));
                    break;
                }
                None => {
                    self.broken = true;
                    flow = Err(());
                    break;
                }
            }
        }
        self.rest.drain(..from);
        flow
    }

    /// The end of the body. An error with what stands there instead of a row.
    fn end(&mut self, rows: &mut dyn RowSink) -> Result<(), String> {
        let rest = std::mem::take(&mut self.rest);
        let text = String::from_utf8_lossy(&rest);
        if self.broken || (!text.trim().is_empty() && self.line(&rest, rows).is_none()) {
            return Err(text.into_owned());
        }
        if self.columns.is_none() && self.names.is_some() {
            return Err("the answer ends before its types".to_owned());
        }
        Ok(())
    }

    fn line(&mut self, line: &[u8], rows: &mut dyn RowSink) -> Option<ControlFlow<()>> {
        if line.trim_ascii().is_empty() {
            return Some(ControlFlow::Continue(()));
        }
        let cells: Vec<serde_json::Value> = serde_json::from_slice(line).ok()?;
        let text = |cell: &serde_json::Value| cell.as_str().unwrap_or("").to_owned();
        let Some(names) = &self.names else {
            let names: Vec<String> = cells.iter().map(text).collect();
            rows.columns(&names);
            self.names = Some(names);
            return Some(ControlFlow::Continue(()));
        };
        let Some(columns) = &self.columns else {
            self.columns = Some(cells.iter().map(|kind| Column::of(&text(kind))).collect());
            return Some(ControlFlow::Continue(()));
        };
        if cells.len() != names.len() {
            return None;
        }
        let values = columns.iter().zip(cells).map(|(column, cell)| column.value(cell));
        Some(rows.row(values.collect()))
    }
}

#[async_trait]
impl Backend for ClickHouse {
    fn nature(&self) -> &Nature {
        &self.nature
    }

    async fn facts(&self, source: &Source) -> Result<TableFacts, EngineError> {
        let parts = parts(&source.table);
        let (database, table) = match parts.as_slice() {
            [table] => ("", table.as_str()),
            [database, table] => (database.as_str(), table.as_str()),
            _ => ("", ""),
        };
        let kept = self
            .ours(
                "SELECT c.name, c.type, toString(t.uuid), t.database FROM system.columns AS c \
                 INNER JOIN system.tables AS t ON t.database = c.database AND t.name = c.table \
                 WHERE c.table = {p2:String} AND c.database = \
                 if({p1:String} = '', currentDatabase(), {p1:String}) ORDER BY c.position",
                &[database, table],
            )
            .await?;
        let Some([_, _, uuid, found, ..]) = kept.rows.first().map(Vec::as_slice) else {
            return Err(EngineError::permanent(self.site.says(format!(
                "there is no table `{}` that this user may see; mend the dataset's `table`",
                source.table
            ))));
        };
        let column = |row: &Vec<Value>| {
            let text = |at: usize| row.get(at).map(ToString::to_string).unwrap_or_default();
            (text(0), text(1))
        };
        Ok(TableFacts {
            identity: format!("clickhouse:{found}.{table}:{uuid}").into(),
            columns: kept.rows.iter().map(column).collect(),
            key: Vec::new(),
        })
    }

    async fn ask(
        &self,
        statement: &Statement,
        task: &Task,
        rows: &mut dyn RowSink,
    ) -> Result<Figures, EngineError> {
        let response = self.send(statement, task, Some(&task.tag)).await?;
        self.read(response, rows).await
    }

    async fn cancel(&self, tag: &str) -> Result<(), EngineError> {
        let text = "KILL QUERY WHERE query_id = {p1:String} ASYNC";
        self.ours(text, &[&plain_tag(tag)]).await.map(|_| ())
    }

    async fn horizon(&self, _: &Source, _: &TableFacts) -> Result<Horizon, EngineError> {
        let kept = self.ours("SELECT now64(6, 'UTC')", &[]).await?;
        let clock = kept.rows.first().and_then(|row| moment(row.first()));
        Ok(Horizon { clock, stable: None })
    }

    fn checksum(&self, _: &TableFacts) -> Option<String> {
        Some("sum(cityHash64(toString(tuple(*))))".to_owned())
    }

    fn estimate(&self) -> Option<Estimator> {
        Some(Estimator { before: "EXPLAIN ESTIMATE", read: marked })
    }
}

/// Rows of the marks that would be read: database, table, parts, rows, marks.
fn marked(kept: &Kept) -> Estimate {
    let rows = kept.rows.iter().map(|row| match row.get(3) {
        Some(Value::Int(rows)) => u64::try_from(*rows).ok(),
        _ => None,
    });
    let rows: Option<u64> = rows.sum();
    Estimate { bytes: None, rows: rows.filter(|_| !kept.rows.is_empty()) }
}
