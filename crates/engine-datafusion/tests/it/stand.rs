//! The suite of all engines, on folders of files of each format.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use engine_datafusion::{DataFusionEngine, Settings};
use loghunt::engine::{Source, SqlEngine};
use model::log::Domain;
use rows::{Row, Value};
use tempfile::TempDir;
use testkit::engine_suite::{Habits, Kind, Stand, Table, engine_suite};

/// Files in a folder; each addition is another file, or more lines of the same one.
struct Folder {
    dir: TempDir,
    growing: bool,
    files: AtomicU32,
}

impl Folder {
    fn new(growing: bool) -> Self {
        Self { dir: tempfile::tempdir().unwrap(), growing, files: AtomicU32::new(0) }
    }

    fn write(&self, table: &str, rows: &[Row]) {
        let number = self.files.fetch_add(u32::from(!self.growing), Ordering::Relaxed);
        let path = self.dir.path().join("logs").join(table);
        std::fs::create_dir_all(&path).unwrap();
        let path = path.join(format!("part-{number:04}.ndjson"));
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
        for row in rows {
            file.write_all(rows_json::row_to_json(row).as_bytes()).unwrap();
            file.write_all(b"\n").unwrap();
        }
    }
}

#[async_trait]
impl Stand for Folder {
    fn habits(&self) -> Habits {
        Habits {
            sql: true,
            nanos: true,
            offsets: true,
            slow: Some(SLOW.into()),
            regex: Some(|column, pattern| format!("regexp_like({column}, '{pattern}')")),
            identity: false,
            fingerprint: true,
            clock: true,
            missing_table: true,
        }
    }

    async fn create(&self, table: &Table) -> Arc<str> {
        self.write(&table.name, &table.rows);
        table.name.as_str().into()
    }

    async fn add(&self, _table: &Table, spelled: &str, rows: &[Row]) {
        self.write(spelled, rows);
    }

    async fn engine(&self) -> Arc<dyn SqlEngine> {
        Arc::new(
            DataFusionEngine::new(Settings {
                root: self.dir.path().join("logs").display().to_string(),
                options: Vec::new(),
                memory_max: None,
                state: self.dir.path().join("state"),
            })
            .unwrap(),
        )
    }

    fn by_cursor(&self, source: Source) -> Option<Source> {
        Some(Source { domain: Domain::Cursor, ..source })
    }

    fn seen(&self, kind: Kind, value: &Value) -> Value {
        match (kind, value) {
            // The files have texts; only clocks are read as moments.
            (Kind::Time, Value::Time(time)) => Value::text(time.to_string()),
            _ => value.clone(),
        }
    }
}

const SLOW: &str = "WITH RECURSIVE n(x) AS (SELECT 1 AS x UNION ALL SELECT x + 1 AS x FROM n WHERE x < 1000000000) SELECT count(*) AS id FROM n, {table}";

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_grows() {
    engine_suite(&Folder::new(true)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_with_more_and_more_files() {
    engine_suite(&Folder::new(false)).await;
}
