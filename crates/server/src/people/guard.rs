//! Layers around every request of people: its name, the errors' form, security headers, and the
//! checks of Host and Origin that keep other web sites out.

use std::net::IpAddr;
use std::sync::Arc;

use api::REQUEST_ID_HEADER;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base::Fault;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, StatusCode};

use super::People;
use super::error::ApiError;
use crate::event::RequestFailed;
use crate::health::trouble::Place;

/// What pages may do. Scripts and styles come from this server only and never stand inside a page.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; \
     worker-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// The outermost layer.
pub(crate) async fn name_and_shape(
    State(people): State<Arc<People>>,
    request: Request,
    next: Next,
) -> Response {
    let id = format!("{:016x}", people.entropy.lock().next_u64());
    let is_api = request.uri().path().starts_with(api::PREFIX);
    let mut response = next.run(request).await;
    if let Some(mut error) = response.extensions_mut().remove::<ApiError>() {
        if error.status.is_server_error() {
            RequestFailed { request_id: &id, message: &error.message }.emit();
            // Whoever cannot sign in now cannot read it elsewhere.
            let troubles = [Place::Records, Place::Files].map(|place| people.troubles.told(place));
            let told = troubles.into_iter().flatten().collect::<Vec<_>>().join("; ");
            if error.hint.is_empty() {
                error.hint = told;
            }
        }
        response = with_body(&response, &error, &id);
    }
    let headers = response.headers_mut();
    let set = |headers: &mut HeaderMap, name: HeaderName, value: &'static str| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    set(headers, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(headers, header::X_FRAME_OPTIONS, "DENY");
    set(headers, header::REFERRER_POLICY, "no-referrer");
    set(headers, header::CONTENT_SECURITY_POLICY, CONTENT_POLICY);
    set(headers, HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    set(headers, HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    if is_api && !headers.contains_key(header::CACHE_CONTROL) {
        set(headers, header::CACHE_CONTROL, "no-store");
    }
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(HeaderName::from_static(REQUEST_ID_HEADER), id);
    }
    response
}

fn with_body(bare: &Response, error: &ApiError, id: &str) -> Response {
    let mut response = (error.status, axum::Json(error.body(id))).into_response();
    for kept in [header::SET_COOKIE, header::RETRY_AFTER, header::ALLOW] {
        if let Some(value) = bare.headers().get(&kept) {
            response.headers_mut().insert(kept, value.clone());
        }
    }
    response
}

/// Refuses requests that were sent to another name than ours (a DNS name that was bent to the
/// loopback) and changes that another site's page sends.
pub(crate) async fn check_host_and_origin(
    State(people): State<Arc<People>>,
    request: Request,
    next: Next,
) -> Response {
    match host_and_origin(&people.hosts, request.method(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

fn host_and_origin(hosts: &[String], method: &Method, headers: &HeaderMap) -> Result<(), ApiError> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(header::HOST).unwrap_or("");
    if !is_ours(hosts, host) {
        return Err(ApiError {
            status: StatusCode::MISDIRECTED_REQUEST,
            ..ApiError::new(Fault::Denied, format!("this server is not called `{host}`"))
        }
        .hint("add the name to http.hosts in the server's configuration"));
    }
    if method == Method::GET || method == Method::HEAD {
        return Ok(());
    }
    let from = text(header::ORIGIN).map(|origin| {
        origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://")).unwrap_or("null")
    });
    match from {
        Some(origin) if !origin.eq_ignore_ascii_case(host) => Err(ApiError::new(
            Fault::Denied,
            format!("a page of `{origin}` may not change anything"),
        )),
        Some(_) | None => Ok(()),
    }
}

/// Whether a `Host` header names this server, whatever the port.
fn is_ours(hosts: &[String], host: &str) -> bool {
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    let loopback = name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    loopback
        || name.eq_ignore_ascii_case("localhost")
        || hosts.iter().any(|ours| ours.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(method: Method, host: &str, origin: Option<&str>, status: Option<u16>) {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        let hosts = ["hunt.example".to_owned()];
        let answer = host_and_origin(&hosts, &method, &headers);
        assert_eq!(answer.err().map(|error| error.status.as_u16()), status, "{host} {origin:?}");
    }

    #[test]
    fn a_name_that_was_bent_to_the_loopback_is_refused() {
        for host in ["localhost:8889", "127.0.0.1", "[::1]:8889", "HUNT.example:443"] {
            check(Method::GET, host, None, None);
        }
        for host in ["evil.example:8889", "localhost.evil.example", "", "10.0.0.1:8889"] {
            check(Method::GET, host, None, Some(421));
        }
    }

    #[test]
    fn another_sites_page_changes_nothing() {
        let host = "localhost:8889";
        check(Method::POST, host, Some("http://localhost:8889"), None);
        check(Method::POST, host, None, None);
        check(Method::POST, host, Some("http://localhost:3000"), Some(403));
        check(Method::POST, host, Some("https://evil.example"), Some(403));
        check(Method::POST, host, Some("null"), Some(403));
        check(Method::GET, host, Some("https://evil.example"), None);
    }
}
