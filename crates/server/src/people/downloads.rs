//! `…/export.zip`, of hunts and of flows; how a download that was cut goes on.

use std::sync::Arc;

use ::hunts::ports::MemberList;
use api::ZipQuery;
use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use base::Timestamp;
use hyper::HeaderMap;
use hyper::header::{CONTENT_DISPOSITION, CONTENT_TYPE, ETAG, HeaderValue, IF_MATCH};
use model::flow::Flow;
use model::hunt::Hunt;
use model::results::ResultScope;
use model::store::Paging;
use sha2::{Digest, Sha256};

use super::error::ApiError;
use super::extract::Asked;
use super::hunt_bounds::round_of;
use super::results::{attachment, no_rounds};
use super::sign_in::Principal;
use super::{People, flows, hunts};
use crate::export::{Subject, ZipWanted, names, stream};

type Shared = State<Arc<People>>;
type Who = Extension<Principal>;

/// Names the content of a download: the same mark promises the same bytes.
pub(crate) struct Mark(String);

impl Mark {
    /// Of a text that says all that the bytes depend on.
    pub(crate) fn of(state: &str) -> Self {
        Self(format!("\"{}\"", hex::encode(&Sha256::digest(state)[..16])))
    }

    /// Refuses to go on with a download of something else.
    pub(crate) fn check(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        let known = headers.get(IF_MATCH).and_then(|mark| mark.to_str().ok());
        if known.is_none_or(|known| known == self.0 || known == "*") {
            return Ok(());
        }
        Err(ApiError {
            status: hyper::StatusCode::PRECONDITION_FAILED,
            ..ApiError::caller("the content is another than when the download began")
        }
        .hint("begin the download anew, without `skip` and `If-Match`"))
    }

    /// Tells it to whoever downloads.
    pub(crate) fn put(&self, headers: &mut HeaderMap) {
        if let Ok(mark) = HeaderValue::from_str(&self.0) {
            headers.insert(ETAG, mark);
        }
    }
}

/// What names a zip's content, and when that last changed.
struct Content {
    mark: Mark,
    changed: Timestamp,
}

async fn of_hunt(people: &People, hunt: &Hunt) -> Result<Content, ApiError> {
    let scope = ResultScope::Hunt { hunt: hunt.id, round: hunt.round };
    let none = Paging::first(0);
    // Before anything is read: a change meanwhile makes another mark, never the same one.
    let newest = MemberList { paging: Paging::first(1), ..MemberList::of(hunt.id, hunt.round) };
    let members = people.ports.members.members(&newest).await?;
    let changed = members.items.first().map_or(hunt.created, |member| member.updated);
    let rows = people.ports.results.state(scope, None).await?;
    let files = people.ports.uploads.uploads(scope, none).await?.total;
    let (id, round, members) = (hunt.id, hunt.round, members.total);
    let name = &hunt.spec.name;
    let version = crate::VERSION;
    let state = format!("{version} {id} {round} {name:?} {members} {changed:?} {files} {rows}");
    Ok(Content { mark: Mark::of(&state), changed })
}

async fn of_flow(people: &People, flow: &Flow) -> Result<Content, ApiError> {
    let scope = ResultScope::Flow(flow.id);
    let none = Paging::first(0);
    let rows = people.ports.results.state(scope, None).await?;
    let files = people.ports.uploads.uploads(scope, none).await?.total;
    let lines = people.ports.results.log(flow.id, none).await?.total;
    let changed = flow.ended.or(flow.started).unwrap_or(flow.created);
    let (id, attempt, version) = (flow.id, flow.life.attempt, crate::VERSION);
    let state = format!("{version} {id} {attempt} {changed:?} {files} {lines} {rows}");
    Ok(Content { mark: Mark::of(&state), changed })
}

fn zip(people: &People, name: &str, content: &Content, wanted: ZipWanted) -> Response {
    let bytes = stream(Arc::clone(&people.core), wanted);
    let mut response = Response::new(Body::from_stream(bytes));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/zip"));
    headers.insert(CONTENT_DISPOSITION, attachment(name));
    content.mark.put(headers);
    response
}

pub(crate) async fn hunt(
    State(people): Shared,
    Extension(who): Who,
    Path(hunt): Path<String>,
    headers: HeaderMap,
    Asked(asked): Asked<ZipQuery>,
) -> Result<Response, ApiError> {
    let hunt = hunts::find(&people, &who, &hunt).await?.hunt;
    let round = round_of(&hunt, asked.round)?;
    let name = match asked.round {
        None => format!("{}_{}.zip", names::part(&hunt.spec.name), hunt.id),
        Some(round) => format!("{}_{}_{round}.zip", names::part(&hunt.spec.name), hunt.id),
    };
    let hunt = Hunt { round, ..hunt };
    let content = of_hunt(&people, &hunt).await?;
    content.mark.check(&headers)?;
    people.audit(&who, "hunt.export", hunt.id, "").await?;
    let (changed, skip) = (content.changed, asked.skip.unwrap_or(0));
    let wanted = ZipWanted { subject: Subject::Hunt(Box::new(hunt)), changed, skip };
    Ok(zip(&people, &name, &content, wanted))
}

pub(crate) async fn flow(
    State(people): Shared,
    Extension(who): Who,
    Path(flow): Path<String>,
    headers: HeaderMap,
    Asked(asked): Asked<ZipQuery>,
) -> Result<Response, ApiError> {
    let flow = flows::find(&people, &who, &flow).await?;
    no_rounds(asked.round, None)?;
    let content = of_flow(&people, &flow).await?;
    content.mark.check(&headers)?;
    people.audit(&who, "flow.export", flow.id, "").await?;
    let name = format!("{}.zip", flow.id);
    let (changed, skip) = (content.changed, asked.skip.unwrap_or(0));
    let wanted = ZipWanted { subject: Subject::Flow(Box::new(flow)), changed, skip };
    Ok(zip(&people, &name, &content, wanted))
}
