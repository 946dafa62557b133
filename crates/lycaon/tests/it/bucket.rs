//! A small store of objects that speaks as much of S3 as the server asks for, and goes wrong on demand: it
//! answers with errors, late, or not at all.
//!
//! Objects lie in memory and outlive every manner of going wrong. Signatures are not looked at, and there are no
//! multipart uploads; the workspace `s3/` tests against a real server.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderName, Method, Response, StatusCode, Uri, header};
use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How the store behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    Well,
    /// `500 InternalError` and `503 SlowDown`, in turn.
    Failing,
    /// Every answer takes so long.
    Slow(Duration),
    /// Connections are closed as soon as they are there, and those that were.
    Gone,
}

struct Stored {
    objects: Mutex<BTreeMap<String, Bytes>>,
    requests: Mutex<u64>,
    manner: watch::Receiver<Manner>,
}

/// A running store with the bucket `files`.
pub(crate) struct Bucket {
    address: SocketAddr,
    stored: Arc<Stored>,
    manner: watch::Sender<Manner>,
    /// The key's secret, which configurations only name.
    secret: tempfile::NamedTempFile,
}

const WHEN: &str = "2026-01-01T00:00:00.000Z";
const WHEN_IN_HEADERS: &str = "Thu, 01 Jan 2026 00:00:00 GMT";

impl Bucket {
    pub(crate) async fn start() -> Self {
        let (manner, seen) = watch::channel(Manner::Well);
        let stored = Arc::new(Stored {
            objects: Mutex::default(),
            requests: Mutex::default(),
            manner: seen.clone(),
        });
        let local = || TcpListener::bind("127.0.0.1:0");
        let (front, back) = (local().await.expect("a port"), local().await.expect("a port"));
        let address = front.local_addr().expect("it is bound");
        let behind = back.local_addr().expect("it is bound");
        let routes = Router::new()
            .fallback(answer)
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::clone(&stored));
        tokio::spawn(async move { axum::serve(back, routes).await });
        tokio::spawn(async move {
            while let Ok((client, _)) = front.accept().await {
                tokio::spawn(pass(client, behind, seen.clone()));
            }
        });
        let secret = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(secret.path(), "secret").expect("it is ours");
        Self { address, stored, manner, secret }
    }

    /// From now on.
    pub(crate) fn is(&self, manner: Manner) {
        self.manner.send_replace(manner);
    }

    /// The configuration `objects:` of a server.
    pub(crate) fn config(&self) -> String {
        format!(
            "{{ s3: {{ bucket: files, endpoint: \"http://{}\", allow_http: true, \
             access_key_id: lycaon, secret_access_key: {{ file: {:?} }} }} }}",
            self.address,
            self.secret.path(),
        )
    }

    /// How many requests there were.
    pub(crate) fn requests(&self) -> u64 {
        *self.stored.requests.lock()
    }

    /// The names of the objects that begin like this.
    pub(crate) fn names(&self, prefix: &str) -> Vec<String> {
        let objects = self.stored.objects.lock();
        objects.keys().filter(|name| name.starts_with(prefix)).cloned().collect()
    }
}

async fn pass(mut client: TcpStream, behind: SocketAddr, mut manner: watch::Receiver<Manner>) {
    let passed = async {
        let mut server = TcpStream::connect(behind).await?;
        tokio::io::copy_bidirectional(&mut client, &mut server).await
    };
    tokio::select! {
        // However it ends, both sides see their connection end.
        _ = passed => {}
        _ = manner.wait_for(|manner| *manner == Manner::Gone) => {}
    }
}

type Answer = Response<Body>;

fn plain(status: StatusCode, body: impl Into<Body>) -> Answer {
    with_headers(status, &[], body)
}

fn with_headers(
    status: StatusCode,
    headers: &[(HeaderName, String)],
    body: impl Into<Body>,
) -> Answer {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    response.body(body.into()).expect("the headers are plain")
}

async fn answer(
    State(stored): State<Arc<Stored>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let number = {
        let mut requests = stored.requests.lock();
        *requests += 1;
        *requests
    };
    let manner = *stored.manner.borrow();
    match manner {
        Manner::Failing => {
            let (status, code) = match number % 2 {
                0 => (StatusCode::INTERNAL_SERVER_ERROR, "InternalError"),
                _ => (StatusCode::SERVICE_UNAVAILABLE, "SlowDown"),
            };
            return plain(status, format!("<Error><Code>{code}</Code></Error>"));
        }
        Manner::Slow(late) => {
            let never = std::future::pending::<()>();
            tokio::time::timeout(late, never).await.ok();
        }
        Manner::Well | Manner::Gone => {}
    }
    let name = uri.path().strip_prefix("/files").unwrap_or_default().trim_start_matches('/');
    let query = uri.query().unwrap_or_default();
    let mut objects = stored.objects.lock();
    match (method, name) {
        (Method::GET, "") => listing(&objects, query),
        (Method::POST, "") => {
            let text = String::from_utf8_lossy(&body);
            let mut told = "<DeleteResult>".to_owned();
            for part in text.split("<Key>").skip(1) {
                let name = part.split("</Key>").next().unwrap_or_default();
                objects.remove(name);
                told.push_str(&format!("<Deleted><Key>{name}</Key></Deleted>"));
            }
            plain(StatusCode::OK, told + "</DeleteResult>")
        }
        (Method::PUT, name) if query.is_empty() => {
            objects.insert(name.to_owned(), body);
            with_headers(StatusCode::OK, &[(header::ETAG, "\"1\"".to_owned())], "")
        }
        (Method::GET | Method::HEAD, name) => one(objects.get(name), &headers),
        (Method::DELETE, name) => {
            objects.remove(name);
            plain(StatusCode::NO_CONTENT, "")
        }
        (method, name) => plain(StatusCode::NOT_IMPLEMENTED, format!("{method} {name}?{query}")),
    }
}

/// An object, or the bytes of it that are asked for.
fn one(object: Option<&Bytes>, headers: &HeaderMap) -> Answer {
    let Some(bytes) = object else {
        return plain(StatusCode::NOT_FOUND, "<Error><Code>NoSuchKey</Code></Error>");
    };
    let all = bytes.len();
    let mut told = vec![
        (header::ETAG, "\"1\"".to_owned()),
        (header::LAST_MODIFIED, WHEN_IN_HEADERS.to_owned()),
    ];
    let range = headers.get(header::RANGE).and_then(|range| range.to_str().ok());
    let range = range.and_then(|range| range.strip_prefix("bytes=")?.split_once('-'));
    let Some((from, to)) = range else {
        return with_headers(StatusCode::OK, &told, bytes.clone());
    };
    let from = from.parse::<usize>().unwrap_or(0).min(all);
    let to = to.parse::<usize>().map_or(all, |to| to + 1).clamp(from, all);
    told.push((header::CONTENT_RANGE, format!("bytes {from}-{}/{all}", to.max(1) - 1)));
    with_headers(StatusCode::PARTIAL_CONTENT, &told, bytes.slice(from..to))
}

/// All names that begin as asked, on one page.
fn listing(objects: &BTreeMap<String, Bytes>, query: &str) -> Answer {
    let prefix = query.split('&').find_map(|part| part.strip_prefix("prefix="));
    let prefix = prefix.unwrap_or_default().replace("%2F", "/");
    let mut text = "<ListBucketResult><IsTruncated>false</IsTruncated>".to_owned();
    for (name, bytes) in objects.iter().filter(|(name, _)| name.starts_with(&prefix)) {
        text.push_str(&format!(
            "<Contents><Key>{name}</Key><Size>{}</Size><LastModified>{WHEN}</LastModified>\
             <ETag>\"1\"</ETag></Contents>",
            bytes.len()
        ));
    }
    plain(StatusCode::OK, text + "</ListBucketResult>")
}
