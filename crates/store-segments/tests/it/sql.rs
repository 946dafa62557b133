//! SQL over the rows of a hunt, hot and in segments, and tables that leave as Parquet.

use std::sync::Arc;

use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use flows::results::{NamedRow, ResultStore, Scan, SqlQuery};
use model::results::{ResultScope, RowBatch};
use store_segments::{Place, Policy, SegmentedResults};
use testkit::stores::{Stores, at, batch, decision, first, rows, spec};

use crate::pressed::compactor;

const ROWS: [&str; 3] = [
    r#"{"Name":"ssh","Pid":20,"Load":1,"Up":true}"#,
    r#"{"Name":"cron","Pid":3,"Load":0.5,"Up":false}"#,
    r#"{"Name":"ssh","Pid":5,"Extra":[1]}"#,
];

/// A hunt on two clients with the same rows: the one's are in a segment, the other's are hot.
async fn mixed() -> (SegmentedResults, ResultScope) {
    let (stores, hot) = Stores::in_memory_and_hot();
    let clients = [stores.enrol(1).await, stores.enrol(2).await];
    let hunt = stores.start_hunt(1, spec(), at(0)).await.id;
    let decisions = clients.map(|client| decision(hunt, client, Ok(())));
    stores.members.decide(&decisions, at(1)).await.unwrap();
    let mut flows = stores.admit(hunt, 9, at(2)).await;
    flows.sort_by_key(|flow| flow.client != clients[0]);
    let objects = Arc::new(object_store::memory::InMemory::new());
    let results = SegmentedResults::new(hot, Place::object_store(objects));
    for flow in &flows {
        let batch = RowBatch { source: "A".into(), ..batch(first(flow.id), 0, &ROWS) };
        results.append(flow.client, &batch, at(3)).await.unwrap();
        stores.end(first(flow.id), Ok(rows(3)), false, at(4)).await;
        if flow.client == clients[0] {
            compactor(&results, Policy::eager()).round(None).await.unwrap();
        }
    }
    (results, ResultScope::Hunt { hunt, round: 1 })
}

async fn asked(text: &str) -> Result<(Vec<String>, bool), String> {
    let (results, scope) = mixed().await;
    let query = SqlQuery { scope, source: None, text: text.into(), rows_max: 4 };
    let answer = results.sql(&query).await.map_err(|error| error.to_string())?;
    Ok((answer.rows, answer.truncated))
}

async fn check(text: &str, rows: &[&str]) {
    let (found, truncated) = asked(text).await.unwrap();
    assert_eq!(found, rows, "{text}");
    assert!(!truncated, "{text}");
}

#[tokio::test]
async fn rows_in_both_places_are_one_table() {
    check("SELECT count(*) AS n FROM results", &[r#"{"n":6}"#]).await;
    check(
        "SELECT Name, count(*) AS n, max(Pid) AS most FROM results GROUP BY Name ORDER BY Name",
        &[r#"{"Name":"cron","n":2,"most":3}"#, r#"{"Name":"ssh","n":4,"most":20}"#],
    )
    .await;
    check(
        "SELECT _hostname, sum(Load) AS l FROM results WHERE Up GROUP BY 1 ORDER BY 1",
        &[r#"{"_hostname":"host-1","l":1.0}"#, r#"{"_hostname":"host-2","l":1.0}"#],
    )
    .await;
    check(
        r#"SELECT DISTINCT "Extra", _source, _stored FROM results WHERE "Extra" IS NOT NULL"#,
        &[r#"{"Extra":"[1]","_source":"A","_stored":"2025-06-15T15:06:43Z"}"#],
    )
    .await;
    let text = "SELECT _json FROM results WHERE Pid = 3";
    let json = serde_json::json!({ "_json": ROWS[1] }).to_string();
    check(text, &[&json, &json]).await;
}

#[tokio::test]
async fn it_can_only_read_and_only_so_much() {
    assert!(asked("SELECT Pid FROM results").await.unwrap().1, "six rows and four may be shown");
    for text in [
        "DROP TABLE results",
        "INSERT INTO results VALUES (1)",
        "COPY results TO '/tmp/x.csv'",
        "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'",
        "SET datafusion.execution.batch_size = 1",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM information_schema.tables",
        "SELECT 1; SELECT 2",
        "SELECT Nowhere FROM results",
        "",
    ] {
        let why = asked(text).await.unwrap_err();
        assert!(why.contains("cannot be answered"), "{text}: {why}");
    }
}

#[tokio::test]
async fn a_table_leaves_as_parquet_with_types() {
    let (results, scope) = mixed().await;
    let mut encoder = results.parquet(scope, None).await.unwrap();
    let scan = Scan { scope, source: None, after: None, rows: 100 };
    let piece = results.scan(&scan).await.unwrap();
    let named: Vec<NamedRow<'_>> =
        piece.rows.iter().map(|row| NamedRow { row, hostname: "h" }).collect();
    let mut bytes = encoder.add(&named[..4]).unwrap();
    bytes.extend(encoder.add(&named[4..]).unwrap());
    bytes.extend(encoder.finish().unwrap());
    let file = bytes::Bytes::from(bytes);
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let fields: Vec<String> = builder
        .schema()
        .fields()
        .iter()
        .map(|field| format!("{}:{}", field.name(), field.data_type()))
        .collect();
    assert_eq!(
        fields,
        [
            "_client:Utf8",
            "_hostname:Utf8",
            "_flow:Utf8",
            "_source:Utf8",
            "_round:Int64",
            "_stored:Timestamp(µs, \"UTC\")",
            "Name:Utf8",
            "Pid:Int64",
            "Load:Float64",
            "Up:Boolean",
            "Extra:Utf8",
            "_json:Utf8"
        ]
    );
    let rows: usize = builder.build().unwrap().map(|batch| batch.unwrap().num_rows()).sum();
    assert_eq!(rows, 6);
}
