//! Files that are not what their names say: errors that name them, never a panic, never silence.

use expect_test::{Expect, expect};
use loghunt::engine::SqlEngine;
use model::log::FailureClass;
use proptest::prelude::*;
use rows::Dict;

use crate::files::{Logs, everything, scan, source};

async fn check(name: &str, content: &[u8], expected: Expect) {
    let logs = Logs::new();
    logs.put(&format!("t/{name}"), content);
    let engine = logs.engine();
    let error = engine.run(&scan(source("t"), everything()), &mut Vec::new()).await.unwrap_err();
    assert_eq!(error.class, FailureClass::Permanent, "{error}");
    let folder = logs.path("t").display().to_string();
    expected.assert_eq(&error.to_string().replace(&folder, "FOLDER"));
}

#[tokio::test]
async fn broken_files_are_told_by_name() {
    check("a.ndjson", b"{\"t\":1}\n{\"t\":\n{\"t\":2}\n", expect!["`t/a.ndjson` is not what its name says: line 2: not JSON: EOF while parsing a value at line 1 column 5; mend it, or move it out of the table"]).await;
    check("a.ndjson", b"[{\"t\":1}]\n", expect!["`t/a.ndjson` is not what its name says: line 1 is a list instead of an object; write one object on each line; mend it, or move it out of the table"]).await;
    check("a.ndjson", b"7\n", expect![[r#"`t/a.ndjson` is not what its name says: line 1: a row is a JSON object such as {"Name": "x"}, this is a number; mend it, or move it out of the table"#]]).await;
    check("a.csv", b"t,u\n1,2\n3\n4,5\n", expect!["`t/a.csv` is not what its name says: CSV error: record 2 (line: 3, byte: 8): found record with 1 fields, but the previous record has 2 fields; mend it, or move it out of the table"]).await;
    check("a.csv", b"t,t\n1,2\n", expect!["`t/a.csv` is not what its name says: two columns have the same name; mend it, or move it out of the table"]).await;
    check("a.ndjson.gz", b"{\"t\":1}\n", expect!["`t/a.ndjson.gz` is not what its name says: unexpected end of file; mend it, or move it out of the table"]).await;
    check("a.parquet", b"PAR1", expect!["`t/a.parquet` is not what its name says: EOF: file size of 4 is less than footer; mend it, or move it out of the table"]).await;
    check("a.arrow", b"ARROW1\0\0xxxx", expect!["`t/a.arrow` is not what its name says: it ends before its footer; mend it, or move it out of the table"]).await;
    check("a.txt", b"x", expect!["`t/a.txt` in `FOLDER` has a name of no known format; it ends with .ndjson, .jsonl, .json, .csv, .parquet, .arrow or .ipc (texts also with .gz or .zst behind), or begins with `_` to be left out"]).await;
}

fn parquet() -> Vec<u8> {
    let rows: Vec<_> =
        (0..20_i64).map(|n| Dict::new().with("t", n).with("x", format!("v{}", n % 3))).collect();
    let batch = rows_arrow::batch_of(&rows).unwrap();
    let mut writer =
        datafusion::parquet::arrow::ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

fn arrow_file() -> Vec<u8> {
    let rows: Vec<_> =
        (0..20_i64).map(|n| Dict::new().with("t", n).with("x", format!("v{}", n % 3))).collect();
    let batch = rows_arrow::batch_of(&rows).unwrap();
    let mut writer = arrow::ipc::writer::FileWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

/// Reads a file as the only one of a table; that it ends is what is asked.
fn survive(name: &str, content: &[u8]) {
    let logs = Logs::new();
    logs.put(&format!("t/{name}"), content);
    let engine = logs.engine();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let asked = scan(source("t"), everything());
        let mut matches: Vec<loghunt::engine::Match> = Vec::new();
        if let Err(error) = engine.run(&asked, &mut matches).await {
            assert!(error.to_string().contains(name), "{error}");
            assert!(!error.to_string().contains("please report"), "{error}");
        }
        let _ = engine.describe(&source("t")).await;
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn cut_files(cut in 0.0..1.0) {
        for (name, whole) in [("a.parquet", parquet()), ("a.arrow", arrow_file())] {
            let length = (whole.len() as f64 * cut) as usize;
            survive(name, &whole[..length]);
        }
    }

    #[test]
    fn damaged_files(places in prop::collection::vec((0.0..1.0, any::<u8>()), 1..6)) {
        for (name, mut whole) in [("a.parquet", parquet()), ("a.arrow", arrow_file())] {
            for (at, byte) in &places {
                let at = (whole.len() as f64 * at) as usize;
                whole[at] = *byte;
            }
            survive(name, &whole);
        }
    }

    #[test]
    fn garbage(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "[{}\\[\\]\",:a-z0-9\n\r ]{0,100}") {
        for name in ["a.ndjson", "a.csv", "a.ndjson.gz", "a.csv.zst", "a.parquet", "a.arrow", "a.ipc"] {
            survive(name, &bytes);
            survive(name, text.as_bytes());
        }
    }
}
