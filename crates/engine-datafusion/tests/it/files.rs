//! Formats, drift, folders, clocks, positions of file sets.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use engine_datafusion::{DataFusionEngine, Settings};
use expect_test::{Expect, expect};
use loghunt::engine::{
    Match, MatchSink, Query, QueryClass, Report, Scan, ScanLimits, Source, SqlEngine,
};
use model::log::{Completeness, Domain, FailureClass, Position, Window};
use rows::{Dict, Row, Value};
use sigma::{Predicate, Test, TextPattern, TextTest};
use tempfile::TempDir;

pub(crate) struct Logs {
    dir: TempDir,
}

impl Logs {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        let path = self.dir.path().join("logs").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    pub(crate) fn put(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).unwrap();
    }

    pub(crate) fn engine(&self) -> DataFusionEngine {
        DataFusionEngine::new(Settings {
            root: self.dir.path().join("logs").display().to_string(),
            options: Vec::new(),
            memory_max: Some(64 << 20),
            state: self.dir.path().join("state"),
        })
        .unwrap()
    }
}

pub(crate) fn source(table: &str) -> Source {
    Source {
        table: table.into(),
        domain: Domain::EventTime,
        event_time: Some("t".into()),
        ingest_time: None,
        cursor: None,
        identity: Arc::new([]),
        columns: Arc::new([]),
        part: "".into(),
        lateness_max: None,
    }
}

pub(crate) fn scan(source: Source, query: Query) -> Scan {
    let all = Window::new(Position::MIN, Position::MAX).unwrap();
    Scan { source, query, read: all, emit: all, tag: "t-1".into(), limits: ScanLimits::default() }
}

pub(crate) fn everything() -> Query {
    Query::Predicate { predicate: Arc::new(Predicate::And(Vec::new())), columns: Arc::new([]) }
}

fn sql(text: &str, class: QueryClass) -> Query {
    Query::Sql { text: text.into(), values: Arc::new([]), class }
}

pub(crate) async fn ask(engine: &DataFusionEngine, scan: &Scan) -> (Vec<Match>, Report) {
    let mut matches: Vec<Match> = Vec::new();
    let report = engine.run(scan, &mut matches).await.unwrap();
    assert_eq!(report.completeness, Completeness::Complete);
    (matches, report)
}

fn shown(mut matches: Vec<Match>) -> String {
    matches.sort_by_key(|one| (one.position, rows_json::row_to_json(&one.row)));
    let line = |one: &Match| {
        let at =
            if one.position == Position::MIN { "-".into() } else { one.position.0.to_string() };
        format!("{at} {}\n", rows_json::row_to_json(&one.row))
    };
    matches.iter().map(line).collect()
}

async fn check(logs: &Logs, source: Source, query: Query, expected: Expect) {
    let (matches, _) = ask(&logs.engine(), &scan(source, query)).await;
    expected.assert_eq(&shown(matches));
}

fn event(second: i64, image: &str) -> Row {
    Dict::new().with("t", format!("2026-01-01T00:00:{second:02}Z").as_str()).with("image", image)
}

fn lines(rows: &[Row]) -> String {
    rows.iter().map(|row| rows_json::row_to_json(row) + "\n").collect()
}

fn write_parquet(path: &Path, batch: &arrow::array::RecordBatch) {
    use datafusion::parquet::arrow::ArrowWriter;
    let file = std::fs::File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
}

#[tokio::test]
async fn all_formats_are_one_table() {
    let logs = Logs::new();
    logs.put("t/a.ndjson", lines(&[event(1, "plain")]));
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(lines(&[event(2, "gzip")]).as_bytes()).unwrap();
    logs.put("t/b.jsonl.gz", gz.finish().unwrap());
    logs.put("t/c.json.zst", zstd::encode_all(lines(&[event(3, "zstd")]).as_bytes(), 1).unwrap());
    logs.put("t/d.csv", "t,image,n\n2026-01-01T00:00:04Z,\"c,s,v\",007\n");
    let batch = rows_arrow::batch_of(&[event(5, "parquet")]).unwrap();
    write_parquet(&logs.path("t/date=2026-01-01/e.parquet"), &batch);
    let batch = rows_arrow::batch_of(&[event(6, "arrow")]).unwrap();
    let mut writer = arrow::ipc::writer::FileWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    logs.put("t/hour=06/f.arrow", writer.into_inner().unwrap());
    let mut writer =
        arrow::ipc::writer::StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    logs.put("t/g.ipc", writer.into_inner().unwrap());
    logs.put("t/_SUCCESS", "");
    check(
        &logs,
        source("t"),
        everything(),
        expect![[r#"
            1767225601000000 {"t":"2026-01-01T00:00:01Z","image":"plain"}
            1767225602000000 {"t":"2026-01-01T00:00:02Z","image":"gzip"}
            1767225603000000 {"t":"2026-01-01T00:00:03Z","image":"zstd"}
            1767225604000000 {"t":"2026-01-01T00:00:04Z","image":"c,s,v","n":"007"}
            1767225605000000 {"t":"2026-01-01T00:00:05Z","image":"parquet","date":"2026-01-01"}
            1767225606000000 {"t":"2026-01-01T00:00:06Z","image":"arrow","hour":"06"}
            1767225606000000 {"t":"2026-01-01T00:00:06Z","image":"arrow"}
        "#]],
    )
    .await;
    let counted = "SELECT count(*) AS n, max(date) AS d FROM {table} WHERE image LIKE '%a%'";
    check(
        &logs,
        source("t"),
        sql(counted, QueryClass::Opaque),
        expect![[r#"
        9223372036854775806 {"n":4,"d":"2026-01-01"}
    "#]],
    )
    .await;
    let estimate = logs.engine().estimate(&source("t"), scan(source("t"), everything()).read).await;
    assert!(estimate.unwrap().bytes.unwrap() > 1_000);
}

#[tokio::test]
async fn files_may_differ_in_columns_and_types() {
    let logs = Logs::new();
    logs.put("t/a.ndjson", "{\"t\":1767225601,\"n\":1,\"p\":{\"q\":\"x\"}}\n");
    logs.put(
        "t/b.ndjson",
        "{\"t\":1767225602000,\"n\":\"one\"}\n{\"t\":\"2026-01-01 00:00:03\",\"m\":[1]}\n",
    );
    check(
        &logs,
        source("t"),
        everything(),
        expect![[r#"
        1767225601000000 {"t":"2026-01-01T00:00:01Z","n":1,"p":{"q":"x"}}
        1767225602000000 {"t":"2026-01-01T00:00:02Z","n":"one"}
        1767225603000000 {"t":"2026-01-01T00:00:03Z","m":[1]}
    "#]],
    )
    .await;
    let text = "SELECT n, p.q AS q, t FROM {table} WHERE t >= '2026-01-01T00:00:01Z'";
    check(
        &logs,
        source("t"),
        sql(text, QueryClass::PerEvent),
        expect![[r#"
        1767225601000000 {"n":"1","q":"x","t":"2026-01-01T00:00:01Z"}
        1767225602000000 {"n":"one","q":null,"t":"2026-01-01T00:00:02Z"}
        1767225603000000 {"n":null,"q":null,"t":"2026-01-01T00:00:03Z"}
    "#]],
    )
    .await;
    let nested = Predicate::Field {
        field: "p.q".into(),
        test: Test::Text(TextTest { pattern: TextPattern::Equals("X".into()), cased: false }),
    };
    let nested = Query::Predicate { predicate: Arc::new(nested), columns: ["n".into()].into() };
    check(
        &logs,
        source("t"),
        nested,
        expect![[r#"
        1767225601000000 {"n":1}
    "#]],
    )
    .await;
}

#[tokio::test]
async fn a_quiet_window_still_knows_its_columns() {
    let logs = Logs::new();
    logs.put("t/a.ndjson", lines(&[event(1, "x")]));
    let engine = logs.engine();
    let query = sql("SELECT image, other FROM {table} WHERE image <> 'y'", QueryClass::PerEvent);
    let mut asked = scan(source("t"), query);
    asked.emit = Window::new(Position(0), Position(10)).unwrap();
    asked.read = asked.emit;
    let error = engine.run(&asked, &mut Vec::new()).await.unwrap_err();
    assert_eq!(error.class, FailureClass::Permanent, "{error}");
    asked.query = sql("SELECT upper(image) AS image FROM {table}", QueryClass::PerEvent);
    assert_eq!(ask(&engine, &asked).await.0.len(), 0);
    asked.query = sql("SELECT count(image) AS n FROM {table}", QueryClass::Opaque);
    assert_eq!(shown(ask(&engine, &asked).await.0), "9 {\"n\":0}\n");
    std::fs::create_dir_all(logs.path("empty/x").parent().unwrap()).unwrap();
    asked.source = source("empty");
    asked.query = everything();
    assert_eq!(ask(&engine, &asked).await.0.len(), 0);
}

#[tokio::test]
async fn a_column_that_only_late_rows_have_is_known_once_they_were_read() {
    let logs = Logs::new();
    let mut rows: Vec<Row> = (0..9_000).map(|n| event(n % 60, "x")).collect();
    rows.push(event(59, "last").with("rare", "value"));
    logs.put("t/a.ndjson", lines(&rows));
    let engine = logs.engine();
    let query = sql("SELECT image FROM {table} WHERE upper(rare) = 'VALUE'", QueryClass::PerEvent);
    let mut asked = scan(source("t"), query);
    assert_eq!(ask(&engine, &asked).await.0.len(), 1);
    ask(
        &engine,
        &Scan {
            limits: ScanLimits { rows_max: 1 << 20, ..ScanLimits::default() },
            ..scan(source("t"), everything())
        },
    )
    .await;
    asked.emit = Window::new(Position(0), Position(10)).unwrap();
    asked.read = asked.emit;
    assert_eq!(ask(&engine, &asked).await.0.len(), 0);
}

#[tokio::test]
async fn columns_that_tell_rows_apart_travel_with_every_match() {
    let logs = Logs::new();
    logs.put("t/a.ndjson", lines(&[event(1, "x").with("id", 7_i64).with("h", "host")]));
    let mut by_id = source("t");
    by_id.identity = ["id".to_owned(), "h".to_owned()].into();
    by_id.columns =
        [("Host".to_owned(), "h".to_owned()), ("Image".to_owned(), "image".to_owned())].into();
    let asked = Query::Predicate {
        predicate: Arc::new(Predicate::And(Vec::new())),
        columns: ["Image".into()].into(),
    };
    let checked = async |asked: Query| {
        let (matches, _) = ask(&logs.engine(), &scan(by_id.clone(), asked)).await;
        expect![[r#"
            1767225601000000 {"Image":"x","id":7,"h":"host"}
        "#]]
        .assert_eq(&shown(matches));
    };
    checked(asked).await;
    let text = "SELECT Image FROM {table} WHERE upper(Image) = 'X'";
    checked(sql(text, QueryClass::PerEvent)).await;
}

#[tokio::test]
async fn rows_without_a_readable_time_stand_before_all_others() {
    let logs = Logs::new();
    let broken = [
        event(1, "good"),
        Dict::new().with("image", "none"),
        event(1, "bad").with("t", "rain"),
        event(1, "zero").with("t", 0_i64),
    ];
    logs.put("t/a.ndjson", lines(&broken));
    check(
        &logs,
        source("t"),
        everything(),
        expect![[r#"
        - {"image":"bad","t":"rain"}
        - {"image":"none"}
        - {"image":"zero","t":0}
        1767225601000000 {"t":"2026-01-01T00:00:01Z","image":"good"}
    "#]],
    )
    .await;
    let engine = logs.engine();
    let mut side =
        scan(source("t"), sql("SELECT upper(image) AS i FROM {table}", QueryClass::PerEvent));
    side.emit = Window::new(Position::MIN, Position(Position::MIN.0 + 1)).unwrap();
    side.read = side.emit;
    for _ in 0..2 {
        let (matches, _) = ask(&engine, &side).await;
        assert_eq!(shown(matches), "- {\"i\":\"BAD\"}\n- {\"i\":\"NONE\"}\n- {\"i\":\"ZERO\"}\n");
    }
    side.emit = Window::new(Position(0), Position::MAX).unwrap();
    side.read = side.emit;
    assert_eq!(ask(&engine, &side).await.0.len(), 1);
}

#[tokio::test]
async fn what_cannot_meet_a_window_is_not_read_again() {
    let logs = Logs::new();
    let rows: Vec<Row> = (0..50).map(|second| event(second, "x")).collect();
    logs.put("t/old.ndjson", lines(&rows[..25]));
    logs.put("t/new.ndjson", lines(&rows[25..]));
    let timed = |rows: &[Row]| {
        let rows: Vec<Row> = rows
            .iter()
            .map(|row| {
                let Some(Value::Text(text)) = row.get("t") else { panic!("it has a time") };
                row.clone().with("t", rows::Time::parse(text.as_str().unwrap()).unwrap())
            })
            .collect();
        rows_arrow::batch_of(&rows).unwrap()
    };
    write_parquet(&logs.path("t/old.parquet"), &timed(&rows[..25]));
    let engine = logs.engine();
    let mut late = scan(source("t"), everything());
    late.emit = Window::new(Position(1_767_225_640_000_000), Position::MAX).unwrap();
    late.read = late.emit;
    let (matches, first) = ask(&engine, &late).await;
    assert_eq!(
        (matches.len(), first.rows_read),
        (10, 50),
        "Parquet's statistics leave its file out"
    );
    let (matches, second) = ask(&engine, &late).await;
    assert_eq!((matches.len(), second.rows_read), (10, 25), "the old file is known by now");
    logs.put("t/old.ndjson", lines(&[event(45, "changed")]));
    let (matches, third) = ask(&engine, &late).await;
    assert_eq!((matches.len(), third.rows_read), (11, 26), "a file that has changed is read");
}

#[tokio::test]
async fn positions_of_files_survive_a_restart_and_notice_a_rewrite() {
    let logs = Logs::new();
    logs.put("t/a.ndjson", lines(&[event(1, "one")]));
    let by_files = Source { domain: Domain::Cursor, ..source("t") };
    let horizon = async || logs.engine().horizon(&by_files).await;
    assert_eq!(horizon().await.unwrap().stable, Some(Position(2)));
    let mut file = std::fs::OpenOptions::new().append(true).open(logs.path("t/a.ndjson")).unwrap();
    file.write_all(lines(&[event(2, "two"), event(3, "three")]).as_bytes()).unwrap();
    file.write_all(b"{\"t\":").unwrap();
    logs.put("t/b.csv", "t,image\n2026-01-01T00:00:04Z,four\n");
    let stable = horizon().await.unwrap().stable;
    assert_eq!(stable, Some(Position(4)));
    let mut csv = std::fs::OpenOptions::new().append(true).open(logs.path("t/b.csv")).unwrap();
    csv.write_all(b"2026-01-01T00:00:05Z,five\n").unwrap();
    assert_eq!(horizon().await.unwrap().stable, Some(Position(5)));
    let read = async |from: i64, to: i64| {
        let mut asked = scan(by_files.clone(), everything());
        asked.emit = Window::new(Position(from), Position(to)).unwrap();
        asked.read = asked.emit;
        shown(ask(&logs.engine(), &asked).await.0)
    };
    expect![[r#"
        1 {"t":"2026-01-01T00:00:01Z","image":"one"}
    "#]]
    .assert_eq(&read(1, 2).await);
    expect![[r#"
        2 {"t":"2026-01-01T00:00:02Z","image":"two"}
        2 {"t":"2026-01-01T00:00:03Z","image":"three"}
        3 {"t":"2026-01-01T00:00:04Z","image":"four"}
        4 {"t":"2026-01-01T00:00:05Z","image":"five"}
    "#]]
    .assert_eq(&read(2, 5).await);
    logs.put("t/a.ndjson", lines(&[event(9, "other")]));
    let changed = horizon().await.unwrap_err();
    assert_eq!(changed.class, FailureClass::SourceChanged, "{changed}");
}

#[tokio::test]
async fn many_rules_are_one_pass() {
    let logs = Logs::new();
    let rows: Vec<Row> = (0..60).map(|n| event(n, &format!("C:\\p{n}.exe")).with("n", n)).collect();
    logs.put("t/a.ndjson", lines(&rows));
    let engine = logs.engine();
    let mut scans: Vec<Scan> = (0..40)
        .map(|n| {
            let pattern = TextPattern::EndsWith(format!("\\P{n}.EXE").as_str().into());
            let test = Test::Text(TextTest { pattern, cased: false });
            let predicate = Arc::new(Predicate::Field { field: "image".into(), test });
            scan(source("t"), Query::Predicate { predicate, columns: Arc::new([]) })
        })
        .collect();
    scans.push(scan(source("t"), sql("SELECT n FROM {table} WHERE n = 7", QueryClass::PerEvent)));
    scans.push(scan(
        source("t"),
        sql("SELECT n FROM {table} WHERE n % 30 = 7", QueryClass::PerEvent),
    ));
    let mut sinks: Vec<Box<dyn MatchSink>> =
        scans.iter().map(|_| Box::new(Vec::<Match>::new()) as Box<dyn MatchSink>).collect();
    let reports = engine.run_together(&scans, &mut sinks).await;
    for report in &reports {
        let report = report.as_ref().unwrap();
        assert_eq!(report.completeness, Completeness::Complete);
        assert!(report.rows_read <= 120, "one pass for all that are predicates, one for the rest");
    }
}

#[tokio::test]
async fn tables_in_memory_are_for_tests_of_rules() {
    let tables = vec![("t".to_owned(), vec![event(1, "a"), event(2, "b")])];
    let engine = DataFusionEngine::in_memory(tables).unwrap();
    let query = sql("SELECT image FROM {table} WHERE image LIKE 'b%'", QueryClass::PerEvent);
    let (matches, _) = ask(&engine, &scan(source("t"), query)).await;
    assert_eq!(shown(matches), "1767225602000000 {\"image\":\"b\"}\n");
    let missing = engine.run(&scan(source("x"), everything()), &mut Vec::new()).await.unwrap_err();
    assert_eq!(missing.to_string(), "there is no table `x`");
}

#[tokio::test]
async fn a_table_stays_below_its_root() {
    let logs = Logs::new();
    logs.put("t/a.ndjson", lines(&[event(1, "x")]));
    for table in ["../t", "t/../../x", "file:///etc"] {
        let error = logs
            .engine()
            .run(&scan(source(table), everything()), &mut Vec::new())
            .await
            .unwrap_err();
        assert_eq!(error.class, FailureClass::Permanent, "{error}");
    }
}
