//! What is SQLite's own: nothing can be written or reached, sequences never fall, writers are waited
//! for.

use std::sync::Arc;

use engine_sqlite::SqliteEngine;
use loghunt::engine::{EngineError, Match, Query, QueryClass, Scan, ScanLimits, Source, SqlEngine};
use model::log::{Domain, FailureClass, Position, Window};

use crate::stand::SqliteStand;

fn source(table: &str, domain: Domain) -> Source {
    Source {
        table: table.into(),
        domain,
        event_time: Some("at".into()),
        ingest_time: None,
        cursor: None,
        identity: Arc::new([]),
        columns: Arc::new([]),
        part: "".into(),
        lateness_max: None,
    }
}

fn asked(source: &Source, text: &str) -> Scan {
    let all = Window::new(Position(0), Position(1_000)).unwrap();
    let class = QueryClass::Opaque;
    Scan {
        source: source.clone(),
        query: Query::Sql { text: text.into(), values: Arc::new([]), class },
        read: all,
        emit: all,
        tag: "own".into(),
        limits: ScanLimits::default(),
    }
}

async fn ask(engine: &SqliteEngine, scan: &Scan) -> Result<Vec<Match>, EngineError> {
    let mut matches: Vec<Match> = Vec::new();
    engine.run(scan, &mut matches).await.map(|_| matches)
}

#[tokio::test]
async fn a_question_reads_its_own_file_and_nothing_else() {
    let (mine, other) = (SqliteStand::nanos(), SqliteStand::nanos());
    for stand in [&mine, &other] {
        let text = "CREATE TABLE t (at INTEGER); INSERT INTO t VALUES (5)";
        stand.write().execute_batch(text).unwrap();
    }
    let engine = SqliteEngine::new(mine.path());
    let source = source("t", Domain::EventTime);
    let attach = format!("ATTACH DATABASE '{}' AS other", other.path().display());
    for text in [
        "DELETE FROM t",
        "INSERT INTO t VALUES (6)",
        "DROP TABLE t",
        attach.as_str(),
        "PRAGMA journal_mode = delete",
        "SELECT 1; DELETE FROM t",
        "SELECT load_extension('x')",
        "SELECT * FROM pragma_database_list",
        "VACUUM INTO '/tmp/never'",
        "CREATE TEMP TABLE x (y)",
    ] {
        let error = ask(&engine, &asked(&source, text)).await.expect_err(text);
        assert_eq!(error.class, FailureClass::Permanent, "{text}: {error}");
    }
    let counted = ask(&engine, &asked(&source, "SELECT count(*) AS n FROM {table}")).await.unwrap();
    assert_eq!(counted[0].row.get("n"), Some(&rows::Value::Int(1)));
}

#[tokio::test]
async fn a_sequence_that_falls_is_another_source() {
    let stand = SqliteStand::nanos();
    let text = "CREATE TABLE t (n INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER); \
                INSERT INTO t (at) VALUES (1), (2), (3)";
    stand.write().execute_batch(text).unwrap();
    let engine = SqliteEngine::new(stand.path());
    let source = source("t", Domain::Cursor);
    assert_eq!(engine.horizon(&source).await.unwrap().stable, Some(Position(4)));
    stand.write().execute_batch("DELETE FROM t").unwrap();
    assert_eq!(engine.horizon(&source).await.unwrap().stable, Some(Position(4)));
    stand.write().execute_batch("DELETE FROM sqlite_sequence").unwrap();
    let error = engine.horizon(&source).await.unwrap_err();
    assert_eq!(error.class, FailureClass::SourceChanged, "{error}");
}

#[tokio::test]
async fn a_key_whose_numbers_come_again_is_no_cursor() {
    let stand = SqliteStand::nanos();
    stand.write().execute_batch("CREATE TABLE t (n INTEGER PRIMARY KEY, at INTEGER)").unwrap();
    let engine = SqliteEngine::new(stand.path());
    let error = engine.horizon(&source("t", Domain::Cursor)).await.unwrap_err();
    assert_eq!(error.class, FailureClass::Permanent);
    assert!(error.message.contains("AUTOINCREMENT"), "{error}");
    assert!(engine.horizon(&source("t", Domain::EventTime)).await.is_ok());
}

#[tokio::test]
async fn a_file_that_is_not_there_or_no_database_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nothing.db");
    let error = SqliteEngine::new(&path).describe(&source("t", Domain::EventTime)).await;
    let error = error.unwrap_err();
    assert_eq!(error.class, FailureClass::Permanent);
    assert!(error.message.contains("nothing.db"), "{error}");
    assert!(!path.exists(), "reading makes no file");
    std::fs::write(&path, "this is a text, and a long one, of more than a hundred bytes, so that it could be a header of a database").unwrap();
    let error = SqliteEngine::new(&path).describe(&source("t", Domain::EventTime)).await;
    assert_eq!(error.unwrap_err().class, FailureClass::Permanent);
}
