//! Reads ids, queries and bodies out of requests, with errors in the one form.

use std::str::FromStr;

use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use hyper::header::CONTENT_TYPE;
use hyper::http::request::Parts;
use model::store::Paging;
use serde::de::DeserializeOwned;

use super::error::ApiError;

/// Most records of one page.
const PAGE_MAX: u64 = 1_000;
/// Records of a page when nobody says how many.
const PAGE_DEFAULT: u64 = 50;

/// What stands after `?`.
pub(crate) struct Asked<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Query::<T>::try_from_uri(&parts.uri)
            .map(|Query(asked)| Self(asked))
            .map_err(|error| ApiError::caller(error.body_text()))
    }
}

/// A JSON body.
pub(crate) struct Body<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if !kind.is_some_and(|kind| kind.starts_with("application/json")) {
            return Err(ApiError {
                status: hyper::StatusCode::UNSUPPORTED_MEDIA_TYPE,
                ..ApiError::caller("the body must have the content type application/json")
            });
        }
        let bytes = bytes::Bytes::from_request(request, state).await.map_err(|error| ApiError {
            status: error.status(),
            ..ApiError::caller(error.body_text())
        })?;
        serde_json::from_slice(&bytes)
            .map(Self)
            .map_err(|error| ApiError::caller(format!("the body does not fit: {error}")))
    }
}

/// Reads an id of a path.
pub(crate) fn id<T>(text: &str) -> Result<T, ApiError>
where
    T: FromStr,
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error: T::Err| ApiError::caller(error.to_string()))
}

/// The page that is asked for.
pub(crate) fn paging(offset: Option<u64>, limit: Option<u64>) -> Result<Paging, ApiError> {
    let limit = limit.unwrap_or(PAGE_DEFAULT);
    if limit > PAGE_MAX {
        return Err(ApiError::caller(format!("`limit` is {limit}; at most {PAGE_MAX} are given")));
    }
    Ok(Paging { offset: offset.unwrap_or(0), limit })
}
