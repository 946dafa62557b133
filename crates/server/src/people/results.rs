//! Rows and sources, of flows and of hunts; the bytes of one file.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::{RoundsQuery, RowPage, RowView, RowsQuery, SourceView};
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::{Extension, Json};
use base::{ClientId, UploadId};
use bytes::Bytes;
use futures_util::stream;
use hyper::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use model::hunt::Hunt;
use model::results::{ColumnFilter, ResultQuery, ResultRow, ResultScope};

use super::error::{ApiError, problem};
use super::extract::{Asked, id, paging};
use super::hunt_bounds::round_of;
use super::sign_in::Principal;
use super::{People, ask, flows, hunts, view};

type Shared = State<Arc<People>>;
type Who = Extension<Principal>;

/// Bytes of a file that are read at once.
const PIECE: usize = 256 << 10;

/// What was said, unless it is empty.
pub(crate) fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// The rows of a hunt that are asked for: of one round, the current one when none is named, or of all.
pub(crate) fn scope_of(
    hunt: &Hunt,
    round: Option<u32>,
    all_rounds: Option<bool>,
) -> Result<ResultScope, ApiError> {
    if !all_rounds.unwrap_or(false) {
        return Ok(ResultScope::Hunt { hunt: hunt.id, round: round_of(hunt, round)? });
    }
    match round {
        None => Ok(ResultScope::Rounds(hunt.id)),
        Some(round) => Err(ApiError::caller("one round and all rounds are asked for at once")
            .hint(format!("leave out `round={round}` or `all_rounds`"))),
    }
}

/// Refuses rounds of what has none.
pub(crate) fn no_rounds(round: Option<u32>, all_rounds: Option<bool>) -> Result<(), ApiError> {
    if round.is_none() && all_rounds.is_none() {
        return Ok(());
    }
    Err(ApiError::caller("a flow has no rounds").hint("leave out `round` and `all_rounds`"))
}

/// Reads conditions on columns.
pub(crate) fn filters(said: Option<&str>) -> Result<Vec<ColumnFilter>, ApiError> {
    ask::column_filters(said.unwrap_or("")).map_err(|why| {
        ApiError::problems("the filter cannot be read", vec![problem("filter", why)])
    })
}

async fn page(
    people: &People,
    scope: ResultScope,
    asked: RowsQuery,
) -> Result<Json<RowPage>, ApiError> {
    let filters = filters(asked.filter.as_deref())?;
    let paging = paging(asked.offset, asked.limit)?;
    let query = ResultQuery {
        scope,
        source: given(asked.source),
        search: given(asked.search),
        filters,
        sort: given(asked.sort).map(|column| (column, asked.desc.unwrap_or(false))),
        offset: paging.offset,
        limit: paging.limit,
    };
    let page = people.ports.results.page(&query).await?;
    let mut names: BTreeMap<ClientId, String> = BTreeMap::new();
    let mut items = Vec::with_capacity(page.rows.len());
    for row in page.rows {
        let hostname = match names.get(&row.client) {
            Some(name) => name.clone(),
            None => {
                let name = people.hostname(row.client).await?;
                names.insert(row.client, name.clone());
                name
            }
        };
        items.push(row_view(row, hostname)?);
    }
    Ok(Json(RowPage { items, total: page.total }))
}

fn row_view(row: ResultRow, hostname: String) -> Result<RowView, ApiError> {
    let object = serde_json::from_str(&row.json).map_err(|error| {
        ApiError::new(base::Fault::Ours, format!("a stored row of flow {}: {error}", row.flow))
    })?;
    Ok(RowView {
        client: row.client.to_string(),
        hostname,
        flow: row.flow.to_string(),
        round: row.round,
        source: row.source,
        stored: row.stored.to_string(),
        row: object,
    })
}

async fn sources(people: &People, scope: ResultScope) -> Result<Json<Vec<SourceView>>, ApiError> {
    let summaries = people.ports.results.sources(scope).await?;
    Ok(Json(summaries.iter().map(view::source).collect()))
}

pub(crate) async fn of_flow(
    State(people): Shared,
    Extension(who): Who,
    Path(flow): Path<String>,
    Asked(asked): Asked<RowsQuery>,
) -> Result<Json<RowPage>, ApiError> {
    let flow = flows::find(&people, &who, &flow).await?;
    no_rounds(asked.round, asked.all_rounds)?;
    page(&people, ResultScope::Flow(flow.id), asked).await
}

pub(crate) async fn sources_of_flow(
    State(people): Shared,
    Extension(who): Who,
    Path(flow): Path<String>,
) -> Result<Json<Vec<SourceView>>, ApiError> {
    let flow = flows::find(&people, &who, &flow).await?;
    sources(&people, ResultScope::Flow(flow.id)).await
}

pub(crate) async fn of_hunt(
    State(people): Shared,
    Extension(who): Who,
    Path(hunt): Path<String>,
    Asked(asked): Asked<RowsQuery>,
) -> Result<Json<RowPage>, ApiError> {
    let found = hunts::find(&people, &who, &hunt).await?;
    let scope = scope_of(&found.hunt, asked.round, asked.all_rounds)?;
    page(&people, scope, asked).await
}

pub(crate) async fn sources_of_hunt(
    State(people): Shared,
    Extension(who): Who,
    Path(hunt): Path<String>,
    Asked(asked): Asked<RoundsQuery>,
) -> Result<Json<Vec<SourceView>>, ApiError> {
    let found = hunts::find(&people, &who, &hunt).await?;
    sources(&people, scope_of(&found.hunt, asked.round, asked.all_rounds)?).await
}

/// The bytes of a file, as an attachment that no browser runs.
pub(crate) async fn content(
    State(people): Shared,
    Extension(who): Who,
    Path(upload): Path<String>,
) -> Result<Response, ApiError> {
    let upload_id: UploadId = id(&upload)?;
    let missing = || ApiError::not_found(format!("upload {upload_id}"));
    let upload = people.ports.uploads.upload(upload_id).await?.ok_or_else(missing)?;
    flows::find(&people, &who, &upload.attempt.flow.to_string()).await.map_err(|_| missing())?;
    let Some(sha256) = upload.sha256 else {
        let problem = problem("upload", "the file is still arriving");
        return Err(ApiError {
            status: hyper::StatusCode::CONFLICT,
            ..ApiError::problems("the file is not complete", vec![problem])
        });
    };
    let size = upload.size;
    let blobs = Arc::clone(&people.ports.blobs);
    let pieces = stream::try_unfold(0u64, move |offset| {
        let blobs = Arc::clone(&blobs);
        async move {
            if offset >= size {
                return Ok(None);
            }
            let piece = blobs.read(&sha256, offset, PIECE).await.map_err(std::io::Error::other)?;
            if piece.is_empty() {
                return Err(std::io::Error::other("the file ends before its size"));
            }
            let next = offset + piece.len() as u64;
            Ok(Some((Bytes::from(piece), next)))
        }
    });
    let mut response = Response::new(Body::from_stream(pieces));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(size));
    headers.insert(CONTENT_DISPOSITION, attachment(&crate::export::names::file_name(&upload.path)));
    Ok(response)
}

/// A `Content-Disposition` that saves under a name of harmless characters.
pub(crate) fn attachment(name: &str) -> HeaderValue {
    let plain: String = name
        .chars()
        .map(|c| if c.is_ascii_graphic() && !matches!(c, '"' | '\\') || c == ' ' { c } else { '_' })
        .collect();
    HeaderValue::from_str(&format!("attachment; filename=\"{plain}\""))
        .unwrap_or_else(|_| HeaderValue::from_static("attachment"))
}
