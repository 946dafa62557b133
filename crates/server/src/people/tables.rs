//! Questions over all rows of a hunt or a flow: values of a column, SQL, and the rows as one table.

use std::sync::Arc;

use api::{FacetView, FacetsQuery, FacetsView, SqlRequest, SqlView, TableQuery};
use axum::body::Body as Reply;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::{Extension, Json};
use flows::query::{COLUMNS_MAX, ORIGIN_COLUMNS};
use flows::results::SqlQuery;
use hyper::HeaderMap;
use hyper::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue};
use model::results::{FacetOrder, FacetQuery, ResultQuery, ResultScope};

use super::downloads::Mark;
use super::error::{ApiError, problem};
use super::extract::{Asked, Body};
use super::results::{attachment, filters, given, no_rounds, scope_of};
use super::sign_in::Principal;
use super::{People, flows as flow_pages, hunts};
use crate::export::table::{Form, Stores, Wanted, stream};

type Shared = State<Arc<People>>;
type Who = Extension<Principal>;

/// Values that are shown when nobody says how many.
const VALUES_DEFAULT: u64 = 50;
/// Rows of an answer to SQL when nobody says how many.
const SQL_ROWS_DEFAULT: u64 = 1_000;
const SQL_ROWS_MAX: u64 = 100_000;
/// Columns that are told to whoever asks for one that is not there.
const COLUMNS_TOLD: usize = 30;
/// Bytes of a question in SQL.
const SQL_BYTES_MAX: usize = 64 << 10;

fn order(said: Option<&str>) -> Result<FacetOrder, ApiError> {
    match said.unwrap_or("rows") {
        "rows" | "" => Ok(FacetOrder::MostRows),
        "rare" => Ok(FacetOrder::FewestRows),
        "clients" => Ok(FacetOrder::MostClients),
        "rare_clients" => Ok(FacetOrder::FewestClients),
        other => Err(ApiError::problems(
            "the order is not known",
            vec![problem(
                "order",
                format!("`{other}` is none of `rows`, `rare`, `clients`, `rare_clients`"),
            )],
        )),
    }
}

async fn facets(
    people: &People,
    scope: ResultScope,
    asked: FacetsQuery,
) -> Result<Json<FacetsView>, ApiError> {
    let query = FacetQuery {
        of: ResultQuery {
            scope,
            source: given(asked.source),
            search: given(asked.search),
            filters: filters(asked.filter.as_deref())?,
            sort: None,
            offset: 0,
            limit: 0,
        },
        column: asked.column,
        order: order(asked.order.as_deref())?,
        limit: asked.limit.unwrap_or(VALUES_DEFAULT),
    };
    if query.column.is_empty() {
        let missing = problem("column", "name the column whose values are wanted");
        return Err(ApiError::problems("no column is named", vec![missing]));
    }
    known_column(people, &query).await?;
    let found = people.ports.results.facet(&query).await?;
    let view = |facet: model::results::Facet| FacetView {
        value: facet.value,
        number: facet.number,
        rows: facet.rows,
        clients: facet.clients,
    };
    let values = found.values.into_iter().map(view).collect();
    Ok(Json(FacetsView { values, distinct: found.distinct, rows: found.rows }))
}

/// Refuses a column that no row has: its only value would be that there is none.
async fn known_column(people: &People, query: &FacetQuery) -> Result<(), ApiError> {
    let wanted = &query.column;
    if ORIGIN_COLUMNS.contains(&wanted.as_str()) {
        return Ok(());
    }
    let mut columns: Vec<String> = Vec::new();
    for summary in people.ports.results.sources(query.of.scope).await? {
        if query.of.source.as_ref().is_some_and(|source| *source != summary.source) {
            continue;
        }
        if summary.columns.len() >= COLUMNS_MAX {
            // Rows may have more than are remembered.
            return Ok(());
        }
        columns.extend(summary.columns);
    }
    if columns.is_empty() || columns.contains(wanted) {
        return Ok(());
    }
    columns.sort_unstable();
    columns.dedup();
    let more = if columns.len() > COLUMNS_TOLD { ", …" } else { "" };
    let told: Vec<String> =
        columns.iter().take(COLUMNS_TOLD).map(|name| format!("`{name}`")).collect();
    let there = format!("no row has `{wanted}`; there are {}{more}", told.join(", "));
    Err(ApiError::problems("the column is not known", vec![problem("column", there)]))
}

async fn sql(
    people: &People,
    scope: ResultScope,
    asked: SqlRequest,
) -> Result<Json<SqlView>, ApiError> {
    if asked.query.len() > SQL_BYTES_MAX {
        return Err(ApiError::caller(format!("a query may have {SQL_BYTES_MAX} bytes")));
    }
    let rows_max = asked.limit.unwrap_or(SQL_ROWS_DEFAULT);
    if rows_max > SQL_ROWS_MAX {
        return Err(ApiError::caller(format!(
            "`limit` is {rows_max}; at most {SQL_ROWS_MAX} are given"
        )));
    }
    let query = SqlQuery { scope, source: given(asked.source), text: asked.query, rows_max };
    let answer = people.ports.results.sql(&query).await?;
    let object = |row: &String| {
        serde_json::from_str(row)
            .map_err(|error| ApiError::new(base::Fault::Ours, format!("a row of SQL: {error}")))
    };
    let rows = answer.rows.iter().map(object).collect::<Result<_, _>>()?;
    Ok(Json(SqlView { columns: answer.columns, rows, truncated: answer.truncated }))
}

/// What is exported, and what it is called.
struct Named {
    scope: ResultScope,
    name: String,
    /// Tells runs of the same flow apart.
    attempt: u32,
}

async fn export(
    people: &People,
    named: Named,
    asked: TableQuery,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let said = asked.format.as_deref().unwrap_or("ndjson");
    let form = Form::from_name(said).ok_or_else(|| {
        let wrong = problem("format", format!("`{said}` is none of {}", Form::NAMES));
        ApiError::problems("the format is not known", vec![wrong])
    })?;
    let source = given(asked.source);
    let state = people.ports.results.state(named.scope, source.as_deref()).await?;
    let whole = format!("{:?} {} {source:?} {state} {}", named.scope, named.attempt, form.name());
    let mark = Mark::of(&whole);
    mark.check(headers)?;
    let name = format!("{}.{}", named.name, form.name());
    let skip = asked.skip.unwrap_or(0);
    let wanted = Wanted { scope: named.scope, source, form, skip };
    let stores = Stores {
        results: Arc::clone(&people.ports.results),
        clients: Arc::clone(&people.ports.clients),
    };
    let bytes = stream(stores, wanted).await?;
    let mut response = Response::new(Reply::from_stream(bytes));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(form.media()));
    headers.insert(CONTENT_DISPOSITION, attachment(&name));
    mark.put(headers);
    Ok(response)
}

pub(crate) async fn facets_of_flow(
    State(people): Shared,
    Extension(who): Who,
    Path(flow): Path<String>,
    Asked(asked): Asked<FacetsQuery>,
) -> Result<Json<FacetsView>, ApiError> {
    let flow = flow_pages::find(&people, &who, &flow).await?;
    no_rounds(asked.round, asked.all_rounds)?;
    facets(&people, ResultScope::Flow(flow.id), asked).await
}

pub(crate) async fn facets_of_hunt(
    State(people): Shared,
    Extension(who): Who,
    Path(hunt): Path<String>,
    Asked(asked): Asked<FacetsQuery>,
) -> Result<Json<FacetsView>, ApiError> {
    let found = hunts::find(&people, &who, &hunt).await?;
    let scope = scope_of(&found.hunt, asked.round, asked.all_rounds)?;
    facets(&people, scope, asked).await
}

pub(crate) async fn sql_of_flow(
    State(people): Shared,
    Extension(who): Who,
    Path(flow): Path<String>,
    Body(asked): Body<SqlRequest>,
) -> Result<Json<SqlView>, ApiError> {
    let flow = flow_pages::find(&people, &who, &flow).await?;
    no_rounds(asked.round, asked.all_rounds)?;
    sql(&people, ResultScope::Flow(flow.id), asked).await
}

pub(crate) async fn sql_of_hunt(
    State(people): Shared,
    Extension(who): Who,
    Path(hunt): Path<String>,
    Body(asked): Body<SqlRequest>,
) -> Result<Json<SqlView>, ApiError> {
    let found = hunts::find(&people, &who, &hunt).await?;
    let scope = scope_of(&found.hunt, asked.round, asked.all_rounds)?;
    sql(&people, scope, asked).await
}

pub(crate) async fn export_of_flow(
    State(people): Shared,
    Extension(who): Who,
    Path(flow): Path<String>,
    headers: HeaderMap,
    Asked(asked): Asked<TableQuery>,
) -> Result<Response, ApiError> {
    let flow = flow_pages::find(&people, &who, &flow).await?;
    no_rounds(asked.round, asked.all_rounds)?;
    people.audit(&who, "flow.export", flow.id, "").await?;
    let (scope, attempt) = (ResultScope::Flow(flow.id), flow.life.attempt);
    export(&people, Named { scope, name: flow.id.to_string(), attempt }, asked, &headers).await
}

pub(crate) async fn export_of_hunt(
    State(people): Shared,
    Extension(who): Who,
    Path(hunt): Path<String>,
    headers: HeaderMap,
    Asked(asked): Asked<TableQuery>,
) -> Result<Response, ApiError> {
    let hunt = hunts::find(&people, &who, &hunt).await?.hunt;
    let scope = scope_of(&hunt, asked.round, asked.all_rounds)?;
    people.audit(&who, "hunt.export", hunt.id, "").await?;
    let name = format!("{}_{}", crate::export::names::part(&hunt.spec.name), hunt.id);
    export(&people, Named { scope, name, attempt: 0 }, asked, &headers).await
}
