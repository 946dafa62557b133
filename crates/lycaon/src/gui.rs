//! The web interface: the built files of `gui/`, embedded in the program, and how they are served.
//!
//! In a debug build they are read from disk at each request, so that the interface can be worked on without
//! building Rust. When they were not built a page says how to build them.
//!
//! # Invariants
//!
//! - Only files of the interface are served; a path that names none of them and looks like a page
//!   is answered with the first page, which finds its way itself.
//! - Every answer forbids inline scripts, foreign origins and framing.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Write;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::header::{
    ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    IF_NONE_MATCH, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::response::Response;
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "../../gui/dist"]
#[allow_missing = true]
struct Files;

const FIRST_PAGE: &str = "index.html";

/// Shown when the interface was not built.
const NOT_BUILT: &str = "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<title>Lycaon</title>
<h1>Lycaon</h1>
<p>The web interface was not built into this program. Build it with <code>make gui</code> (Node 20 or newer) and
build the program again. The API below <code>/api/v1</code> and the command line work without it.</p>
</html>
";

/// Styles may stand in elements because the components place their pop-ups that way; scripts may not.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; font-src 'self' data:; connect-src 'self'; worker-src 'self'; \
    manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// Below this a file is not worth compressing.
const COMPRESSED_FROM: usize = 1_024;

/// Answers a request for a file of the web interface.
#[allow(clippy::unused_async, reason = "a handler is asynchronous")]
pub(crate) async fn serve(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    answer(&method, uri.path(), &headers)
}

/// Whether the interface was built into this program.
pub(crate) fn is_built() -> bool {
    Files::get(FIRST_PAGE).is_some()
}

struct Page {
    bytes: Cow<'static, [u8]>,
    tag: String,
    kind: &'static str,
    status: StatusCode,
    lasting: bool,
}

fn answer(method: &Method, path: &str, headers: &HeaderMap) -> Response {
    if method != Method::GET && method != Method::HEAD {
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are answered here\n");
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let Some(page) = page(path.trim_start_matches('/')) else {
        return plain(StatusCode::NOT_FOUND, "there is no such file\n");
    };
    let mut response = Response::new(Body::empty());
    *response.status_mut() = page.status;
    let tag = page.tag.clone();
    set_headers(response.headers_mut(), &page);
    let known = headers.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    if known.is_some_and(|known| known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag)) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    let accepted = headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let packable = page.bytes.len() >= COMPRESSED_FROM && !page.kind.starts_with("image/png") && !page.kind.starts_with("font/woff2");
    let body = if packable && accepted.contains("gzip") {
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        packed(&tag, &page.bytes)
    } else {
        axum::body::Bytes::from(page.bytes.into_owned())
    };
    if method == Method::GET {
        *response.body_mut() = Body::from(body);
    }
    response
}

fn set_headers(headers: &mut HeaderMap, page: &Page) {
    let lasting = if page.lasting { "public, max-age=31536000, immutable" } else { "no-cache" };
    let fixed = [
        (CACHE_CONTROL, lasting),
        (CONTENT_TYPE, page.kind),
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (VARY, "accept-encoding"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(tag) = HeaderValue::from_str(&page.tag) {
        headers.insert(ETAG, tag);
    }
}

fn page(path: &str) -> Option<Page> {
    let path = if path.is_empty() { FIRST_PAGE } else { path };
    if let Some(file) = Files::get(path) {
        let tag = format!("\"{}\"", hex::encode(&file.metadata.sha256_hash()[..12]));
        let lasting = path.starts_with("assets/");
        return Some(Page { bytes: file.data, tag, kind: kind(path), status: StatusCode::OK, lasting });
    }
    // `/hunts/H.0123…` is a page of the interface; `/assets/x.js` is a file that is not there.
    let looks_like_file = path.starts_with("assets/") || kind(path) != "application/octet-stream";
    if path != FIRST_PAGE && looks_like_file {
        return None;
    }
    match Files::get(FIRST_PAGE) {
        Some(_) => page(FIRST_PAGE),
        None => Some(Page {
            bytes: Cow::Borrowed(NOT_BUILT.as_bytes()),
            tag: "\"not-built\"".into(),
            kind: "text/html; charset=utf-8",
            status: StatusCode::OK,
            lasting: false,
        }),
    }
}

fn kind(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "woff" => "font/woff",
        "wasm" => "application/wasm",
        "webmanifest" => "application/manifest+json",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// A file compressed, once for each content.
fn packed(tag: &str, bytes: &[u8]) -> axum::body::Bytes {
    static PACKED: Mutex<Option<HashMap<String, Arc<[u8]>>>> = Mutex::new(None);
    let mut known = PACKED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let known = known.get_or_insert_default();
    if let Some(done) = known.get(tag) {
        return axum::body::Bytes::from_owner(done.clone());
    }
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    // Writing to memory cannot fail.
    let _ = encoder.write_all(bytes);
    let done: Arc<[u8]> = encoder.finish().unwrap_or_default().into();
    known.insert(tag.to_owned(), done.clone());
    axum::body::Bytes::from_owner(done)
}

fn plain(status: StatusCode, text: &'static str) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(path: &str, headers: &[(axum::http::HeaderName, &str)]) -> Response {
        let headers = headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
        answer(&Method::GET, path, &headers)
    }

    #[test]
    fn the_first_page_is_there_whether_it_was_built_or_not() {
        let response = get("/", &[]);
        assert_eq!(response.status(), StatusCode::OK);
        let policy = response.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("script-src 'self';") && policy.contains("frame-ancestors 'none'"));
    }

    #[test]
    fn a_page_of_the_interface_is_answered_and_a_missing_file_is_not() {
        assert_eq!(get("/hunts/H.0123", &[]).status(), StatusCode::OK);
        assert_eq!(get("/assets/gone.js", &[]).status(), StatusCode::NOT_FOUND);
        assert_eq!(get("/../Cargo.toml", &[]).headers()[CONTENT_TYPE], "text/html; charset=utf-8");
    }

    #[test]
    fn what_a_browser_has_is_not_sent_again() {
        let tag = get("/", &[]).headers()[ETAG].to_str().unwrap().to_owned();
        assert_eq!(get("/", &[(IF_NONE_MATCH, &tag)]).status(), StatusCode::NOT_MODIFIED);
    }

    #[test]
    fn only_reading_is_answered() {
        let response = answer(&Method::POST, "/", &HeaderMap::new());
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    }
}
