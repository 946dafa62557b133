//! Which path leads where. A test compares this with the list of endpoints in `api`.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, State};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use base::Fault;
use hyper::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderValue,
    IF_NONE_MATCH, VARY,
};
use hyper::{HeaderMap, Method, StatusCode, Uri};

use super::error::ApiError;
use super::tables;
use super::{
    People, artifacts, audit, clients, cohort, copies, downloads, events, flows, guard, health,
    hunt_bounds, hunts, log, log_act, log_findings, log_rules, log_streams, log_windows, members,
    metrics, monitoring, nodes, query, results, roster, sessions, sign_in, tokens, tools,
};

/// Bytes of a request's body.
const BODY_BYTES_MAX: usize = 1 << 20;

/// Bytes of a request that may name a whole fleet.
const LIST_BYTES_MAX: usize = 16 << 20;

/// Everything that people can ask.
pub(crate) fn router(people: Arc<People>) -> Router {
    let signed_in = signed_in()
        .merge(naming_clients())
        .merge(log_hunts())
        .layer(from_fn_with_state(people.clone(), sign_in::authenticate));
    let open = Router::new()
        .route("/login", post(sessions::login))
        .route("/health", get(health::health))
        .route("/openapi.json", get(health::openapi));
    let api = open.merge(signed_in).fallback(unknown_path);
    let figures = Router::new()
        .route("/metrics", get(metrics::metrics))
        .layer(from_fn_with_state(people.clone(), sign_in::authenticate));
    Router::new()
        .nest(api::PREFIX, api)
        .merge(figures)
        .fallback(asset)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(map_response(shape_refusals))
        .layer(from_fn_with_state(people.clone(), guard::check_host_and_origin))
        .layer(from_fn_with_state(people.clone(), guard::name_and_shape))
        .with_state(people)
}

fn signed_in() -> Router<Arc<People>> {
    Router::new()
        .route("/logout", post(sessions::logout))
        .route("/whoami", get(sessions::whoami))
        .route("/overview", get(health::overview))
        .route("/nodes", get(nodes::list))
        .route("/events", get(events::events))
        .route("/tokens", get(tokens::list).post(tokens::create))
        .route("/tokens/{token}/revoke", post(tokens::revoke))
        .route("/audit", get(audit::list))
        .route("/clients", get(clients::list))
        .route("/clients/{client}", get(clients::one))
        .route("/clients/{client}/labels", post(clients::label))
        .route("/clients/{client}/revoke", post(clients::revoke))
        .route("/clients/{client}/flows", get(clients::flows_of))
        .route("/flows", get(flows::list).post(flows::create))
        .route("/flows/{flow}", get(flows::one))
        .route("/flows/{flow}/cancel", post(flows::cancel))
        .route("/flows/{flow}/sources", get(results::sources_of_flow))
        .route("/flows/{flow}/results", get(results::of_flow))
        .route("/flows/{flow}/results/facets", get(tables::facets_of_flow))
        .route("/flows/{flow}/results/sql", post(tables::sql_of_flow))
        .route("/flows/{flow}/results/export", get(tables::export_of_flow))
        .route("/flows/{flow}/log", get(flows::log))
        .route("/flows/{flow}/uploads", get(flows::uploads))
        .route("/flows/{flow}/export.zip", get(downloads::flow))
        .route("/uploads/{upload}/content", get(results::content))
        .route("/artifacts", get(artifacts::list))
        .route("/artifacts/check", post(artifacts::check))
        .route("/artifacts/{name}", get(artifacts::one))
        .route("/vql/check", post(artifacts::check_vql))
        .route("/vql/complete", post(artifacts::complete_vql))
        .route("/query", post(query::run))
        .route("/tools", get(tools::list))
        .route("/tools/{tool}", put(tools::upload).layer(DefaultBodyLimit::disable()))
        .route("/monitoring", get(monitoring::show).put(monitoring::set))
        .route("/monitoring/add", post(monitoring::add))
        .route("/monitoring/remove", post(monitoring::remove))
        .route("/monitoring/scan", get(monitoring::scan))
        .route("/monitoring/export.jsonl", get(monitoring::export))
        .route("/clients/{client}/monitoring", get(monitoring::of_client))
        .route("/clients/{client}/monitoring/rows", get(monitoring::rows))
        .route("/hunts/{hunt}/members", get(members::list))
        .route("/hunts/{hunt}/why/{client}", get(members::why))
        .route("/hunts/{hunt}/sources", get(results::sources_of_hunt))
        .route("/hunts/{hunt}/results", get(results::of_hunt))
        .route("/hunts/{hunt}/results/facets", get(tables::facets_of_hunt))
        .route("/hunts/{hunt}/results/sql", post(tables::sql_of_hunt))
        .route("/hunts/{hunt}/results/export", get(tables::export_of_hunt))
        .route("/hunts/{hunt}/recount", get(members::recount))
        .route("/hunts/{hunt}/export.zip", get(downloads::hunt))
        .route("/hunts/{hunt}/retry", post(hunt_bounds::retry))
        .route("/hunts/{hunt}/revisions", get(hunt_bounds::revisions))
        .route("/hunts/{hunt}/rounds", get(hunt_bounds::rounds))
        .route("/hunts/{hunt}/checkpoints/{client}", get(hunt_bounds::checkpoints))
        .route("/hunts/{hunt}/diff", get(hunt_bounds::diff))
        .route("/hunts/{hunt}/tags", post(copies::tag))
        .route("/hunts/{hunt}/copy", post(copies::copy))
        .route("/hunts/{hunt}/delete", post(copies::delete))
        .route("/flows/{flow}/hunt", post(copies::of_flow))
        .route("/hunts/{hunt}/{verb}", post(hunts::verb))
}

/// Paths whose bodies may hold a list of clients.
fn naming_clients() -> Router<Arc<People>> {
    Router::new()
        .route("/hunts", get(hunts::list).post(hunts::create))
        .route("/hunts/preview", post(cohort::preview))
        .route("/hunts/{hunt}", get(hunts::one).put(hunts::edit))
        .route("/hunts/{hunt}/members/add", post(roster::add))
        .route("/hunts/{hunt}/members/remove", post(roster::remove))
        .route("/clients/resolve", post(cohort::resolve_list))
        .layer(DefaultBodyLimit::max(LIST_BYTES_MAX))
}

fn log_hunts() -> Router<Arc<People>> {
    const STREAM: &str = "/log/streams/{tenant}/{dataset}/{rule}";
    let of_stream = |what: &str| format!("{STREAM}/{what}");
    Router::new()
        .route("/log/overview", get(log::overview))
        .route("/log/grid", get(log::grid))
        .route("/log/definitions", get(log::definitions))
        .route("/log/engines", get(log::engines))
        .route("/log/outbox", get(log::outbox))
        .route("/log/notes", get(log::notes))
        .route("/log/backfills", get(log_act::backfills).post(log_act::backfill))
        .route("/log/backfills/{job}/cancel", post(log_act::cancel_backfill))
        .route("/log/streams", get(log_streams::list))
        .route(STREAM, get(log_streams::one))
        .route(&of_stream("timeline"), get(log_streams::timeline))
        .route(&of_stream("windows"), get(log_streams::windows))
        .route(&of_stream("runs"), get(log_streams::runs))
        .route(&of_stream("waive"), post(log_windows::waive_range))
        .route(&of_stream("continue"), post(log_windows::go_on))
        .route("/log/windows/{window}", get(log_windows::explain))
        .route("/log/windows/{window}/waive", post(log_windows::waive_window))
        .route("/log/windows/{window}/reopen", post(log_windows::reopen_window))
        .route("/log/rules", get(log_rules::list))
        .route("/log/rules/{rule}", get(log_rules::one))
        .route("/log/rules/{rule}/revisions", get(log_rules::revisions))
        .route("/log/rules/{rule}/test", post(log_rules::test))
        .route("/log/tenants", get(log_rules::tenant_list))
        .route("/log/tenants/{tenant}", get(log_rules::tenant))
        .route("/log/tenants/{tenant}/pause", post(log_act::pause))
        .route("/log/tenants/{tenant}/resume", post(log_act::resume))
        .route("/log/findings", get(log_findings::list))
        .route("/log/findings/facets", get(log_findings::facets))
        .route("/log/findings/export.csv", get(log_findings::csv))
        .route("/log/findings/export.ndjson", get(log_findings::ndjson))
        .route("/log/findings/{finding}", get(log_findings::one))
        .route("/log/triage", post(log_findings::triage))
}

async fn unknown_path(uri: Uri) -> ApiError {
    ApiError::new(Fault::NotFound, format!("the API has no path `{}`", uri.path()))
        .hint(format!("its paths are listed in {}/openapi.json", api::PREFIX))
}

/// Gives refusals of the router itself (a method that a path does not have) the one form of errors.
async fn shape_refusals(response: Response) -> Response {
    if response.status() != StatusCode::METHOD_NOT_ALLOWED {
        return response;
    }
    let error = ApiError {
        status: StatusCode::METHOD_NOT_ALLOWED,
        ..ApiError::caller("this path does not know this method")
    };
    let mut shaped = error.into_response();
    if let Some(allow) = response.headers().get(hyper::header::ALLOW) {
        shaped.headers_mut().insert(hyper::header::ALLOW, allow.clone());
    }
    shaped
}

/// A file of the web interface; its first page for every path that is none, because the interface
/// has paths of its own.
async fn asset(
    State(people): State<Arc<People>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    if method != Method::GET && method != Method::HEAD {
        return Err(ApiError::new(Fault::NotFound, "nothing is here"));
    }
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let accepts = text(ACCEPT_ENCODING).unwrap_or("");
    let path = uri.path().trim_start_matches('/');
    // Pages end in ids and artifact names, which have dots as files do: only what the interface's
    // builder names is a file, and a path of the API is never a page.
    let no_page = path.starts_with("assets/") || path.starts_with("api/");
    let found = people.assets.get(if path.is_empty() { "index.html" } else { path }, accepts);
    let fallback = || people.assets.get("index.html", accepts).filter(|_| !no_page);
    let Some(asset) = found.or_else(fallback) else {
        return Err(ApiError::new(Fault::NotFound, format!("there is no page `/{path}`")));
    };
    let etag = format!("\"{}\"", asset.etag);
    let known = text(IF_NONE_MATCH)
        .is_some_and(|tags| tags.split(',').any(|tag| tag.trim().trim_start_matches("W/") == etag));
    let mut response = match known {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => Response::new(Body::from(asset.bytes)),
    };
    let keep = if asset.immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(keep));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if let Ok(media) = HeaderValue::from_str(&asset.media) {
        headers.insert(CONTENT_TYPE, media);
    }
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        headers.insert(ETAG, etag);
    }
    if let Some(encoding) = asset.encoding {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    Ok(response)
}
