//! `…/export.zip`, of hunts and of flows.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use hyper::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue};

use super::error::ApiError;
use super::results::attachment;
use super::sign_in::Principal;
use super::{People, flows, hunts};
use crate::export::{Subject, names, stream};

type Shared = State<Arc<People>>;
type Who = Extension<Principal>;

fn zip(people: &People, name: &str, subject: Subject) -> Response {
    let mut response = Response::new(Body::from_stream(stream(Arc::clone(&people.core), subject)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/zip"));
    headers.insert(CONTENT_DISPOSITION, attachment(name));
    response
}

pub(crate) async fn hunt(
    State(people): Shared,
    Extension(who): Who,
    Path(hunt): Path<String>,
) -> Result<Response, ApiError> {
    let hunt = hunts::find(&people, &who, &hunt).await?.hunt;
    people.audit(&who, "hunt.export", hunt.id, "").await?;
    let name = format!("{}_{}.zip", names::part(&hunt.spec.name), hunt.id);
    Ok(zip(&people, &name, Subject::Hunt(Box::new(hunt))))
}

pub(crate) async fn flow(
    State(people): Shared,
    Extension(who): Who,
    Path(flow): Path<String>,
) -> Result<Response, ApiError> {
    let flow = flows::find(&people, &who, &flow).await?;
    people.audit(&who, "flow.export", flow.id, "").await?;
    Ok(zip(&people, &format!("{}.zip", flow.id), Subject::Flow(Box::new(flow))))
}
