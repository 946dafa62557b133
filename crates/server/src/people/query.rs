//! VQL over the server's records: rows and log lines as they come, one JSON object a line.
//!
//! Each line has one of `row`, `log` (with `level` and `text`) or, last, `end` (why it ended, empty when
//! it was through). A query ends when its reader goes. For administrators only.

use std::sync::Arc;

use api::VqlQuery;
use axum::Extension;
use axum::body::Body as Reply;
use axum::extract::State;
use axum::response::Response;
use base::Fault;
use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use vql_eval::Cancel;

use super::error::{ApiError, problem};
use super::extract::Body;
use super::permission::ADMIN;
use super::sign_in::Principal;
use super::{People, ask};
use crate::vql::RecordsQuery;

type Shared = State<Arc<People>>;
type Who = Extension<Principal>;

/// Rows of a query that says nothing of them.
const ROWS_MAX: u64 = 100_000;
/// How long a query may take at most.
const TIME_MAX: std::time::Duration = std::time::Duration::from_secs(3_600);
/// Lines that wait for a slow reader.
const WAITING: usize = 64;

pub(crate) async fn run(
    State(people): Shared,
    Extension(who): Who,
    Body(said): Body<VqlQuery>,
) -> Result<Response, ApiError> {
    if !who.roles.iter().any(|role| role == ADMIN) {
        let message = "only administrators may query the server's records";
        return Err(ApiError::new(Fault::Denied, message));
    }
    let mut wrong = Vec::new();
    let timeout =
        ask::duration(said.timeout.as_deref().unwrap_or("10m"), || "timeout".into(), &mut wrong);
    if timeout.is_zero() || timeout > TIME_MAX {
        wrong.push(problem("timeout", "must be more than nothing and at most 1h"));
    }
    let program = people.vql.compile_records_query(&said.vql);
    let program = match program {
        Ok(program) if wrong.is_empty() => program,
        Ok(_) => return Err(ApiError::problems("the query cannot be run", wrong)),
        Err(problems) => {
            wrong.extend(problems);
            return Err(ApiError::problems("the query does not compile", wrong));
        }
    };
    let detail: String = said.vql.chars().take(500).collect();
    people.audit(&who, "vql.query", "records", detail).await?;
    let (lines, reader) = mpsc::channel::<String>(WAITING);
    let cancel = Cancel::default();
    let query = RecordsQuery {
        program,
        env: said.env.into_iter().collect(),
        rows_max: said.rows_max.unwrap_or(ROWS_MAX).max(1),
        time_max: timeout,
        lines: lines.clone(),
        cancel: cancel.clone(),
    };
    let vql = Arc::clone(&people.vql);
    tokio::spawn(async move {
        let work = tokio::task::spawn_blocking(move || vql.run_records_query(query));
        tokio::select! {
            _ = work => {}
            () = lines.closed() => cancel.cancel(),
        }
    });
    let body = ReceiverStream::new(reader).map(|line| Ok::<_, std::io::Error>(Bytes::from(line)));
    let mut response = Response::new(Reply::from_stream(body));
    let kind = HeaderValue::from_static("application/x-ndjson");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    Ok(response)
}
