//! Files in an S3-like store: a small server that lists and hands out parts of files.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query as Params, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use engine_datafusion::{DataFusionEngine, Settings};
use loghunt::engine::SqlEngine;
use model::log::{Domain, FailureClass, Position};
use rows::Dict;

use crate::files::{ask, everything, scan, source};

/// Files by key. Like S3, but nobody is refused.
type Bucket = Arc<parking_lot::Mutex<BTreeMap<String, Vec<u8>>>>;

async fn list(
    State(bucket): State<Bucket>,
    Params(asked): Params<BTreeMap<String, String>>,
) -> Response {
    let prefix = asked.get("prefix").cloned().unwrap_or_default();
    let contents: String = bucket
        .lock()
        .iter()
        .filter(|(key, _)| key.starts_with(&prefix))
        .map(|(key, bytes)| {
            format!(
                "<Contents><Key>{key}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>\"{}\"</ETag><Size>{}</Size></Contents>",
                etag(bytes),
                bytes.len()
            )
        })
        .collect();
    let body = format!(
        "<?xml version=\"1.0\"?><ListBucketResult><IsTruncated>false</IsTruncated>{contents}</ListBucketResult>"
    );
    ([(header::CONTENT_TYPE, "application/xml")], body).into_response()
}

fn etag(bytes: &[u8]) -> String {
    bytes.iter().fold(7_u64, |hash, byte| hash.wrapping_mul(31) + u64::from(*byte)).to_string()
}

async fn object(
    State(bucket): State<Bucket>,
    Path((_, key)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let Some(bytes) = bucket.lock().get(&key).cloned() else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let head = [
        (header::ETAG, format!("\"{}\"", etag(&bytes))),
        (header::LAST_MODIFIED, "Thu, 01 Jan 2026 00:00:00 GMT".to_owned()),
    ];
    let range = headers.get(header::RANGE).and_then(|range| range.to_str().ok());
    let Some((from, to)) = range.and_then(|range| range.strip_prefix("bytes=")?.split_once('-'))
    else {
        return (head, bytes).into_response();
    };
    let from: usize = from.parse().unwrap();
    let to = to.parse::<usize>().map_or(bytes.len(), |to| (to + 1).min(bytes.len()));
    let range = format!("bytes {from}-{}/{}", to - 1, bytes.len());
    let part = bytes[from..to].to_vec();
    (StatusCode::PARTIAL_CONTENT, [(header::CONTENT_RANGE, range)], head, part).into_response()
}

async fn serve(bucket: Bucket) -> String {
    let app = Router::new()
        .route("/{bucket}", get(list))
        .route("/{bucket}/{*key}", get(object))
        .with_state(bucket);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("http://{address}")
}

fn engine(endpoint: &str, state: &tempfile::TempDir) -> DataFusionEngine {
    let options = [
        ("endpoint", endpoint),
        ("allow_http", "true"),
        ("region", "us-east-1"),
        ("access_key_id", "key"),
        ("secret_access_key", "secret"),
    ];
    let options = options.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let root = "s3://logs/acme".to_owned();
    let state = state.path().to_owned();
    DataFusionEngine::new(Settings { root, options, memory_max: None, state }).unwrap()
}

fn lines(seconds: std::ops::Range<i64>) -> Vec<u8> {
    seconds
        .map(|second| format!("{{\"t\":{},\"x\":\"v{second}\"}}\n", 1_767_225_600 + second))
        .collect::<String>()
        .into()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_is_read_like_a_folder() {
    let bucket = Bucket::default();
    bucket.lock().insert("acme/t/a.ndjson".into(), lines(0..20));
    let rows: Vec<_> = (20..50_i64)
        .map(|n| Dict::new().with("t", 1_767_225_600 + n).with("x", format!("v{n}")))
        .collect();
    let local = tempfile::tempdir().unwrap();
    let path = local.path().join("b.parquet");
    let mut parquet = engine_datafusion::ParquetWriter::create(&path).unwrap();
    parquet.add(&rows).unwrap();
    parquet.finish().unwrap();
    bucket.lock().insert("acme/t/day=1/b.parquet".into(), std::fs::read(path).unwrap());
    let gz = zstd::encode_all(&lines(50..60)[..], 1).unwrap();
    bucket.lock().insert("acme/t/c.ndjson.zst".into(), gz);
    bucket.lock().insert("other/t/z.ndjson".into(), lines(0..5));
    let endpoint = serve(bucket.clone()).await;
    let engine = engine(&endpoint, &local);
    let (matches, report) = ask(&engine, &scan(source("t"), everything())).await;
    assert_eq!((matches.len(), report.rows_read), (60, 60));
    assert!(report.bytes > 0);
    let elsewhere = scan(source("s3://logs/other/t"), everything());
    assert_eq!(ask(&engine, &elsewhere).await.0.len(), 5);

    let by_files = loghunt::engine::Source { domain: Domain::Cursor, ..source("t") };
    assert_eq!(engine.horizon(&by_files).await.unwrap().stable, Some(Position(4)));
    bucket.lock().insert("acme/t/a.ndjson".into(), lines(0..25));
    assert_eq!(engine.horizon(&by_files).await.unwrap().stable, Some(Position(5)));
    let mut grown = scan(by_files, everything());
    grown.emit = model::log::Window::new(Position(4), Position(5)).unwrap();
    grown.read = grown.emit;
    assert_eq!(ask(&engine, &grown).await.0.len(), 5);

    let missing =
        engine.run(&scan(source("nothing"), everything()), &mut Vec::new()).await.unwrap_err();
    assert_eq!(missing.class, FailureClass::Transient, "{missing}");
    assert!(!missing.message.contains("secret"), "{missing}");
}
