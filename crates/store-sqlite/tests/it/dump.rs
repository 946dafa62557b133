//! Records on their way to another store.

use std::sync::Arc;

use base::Chain;
use store_sqlite::{Dump, SqliteStore};
use tempfile::TempDir;
use testkit::stores::{Stores, at, batch, decision, first, rows, spec};

/// A hunt with two members, one of which brought rows.
async fn filled(folder: &TempDir) -> std::path::PathBuf {
    let path = folder.path().join("records.sqlite");
    let stores = Stores::of(Arc::new(SqliteStore::open(&path).unwrap()));
    let hunt = stores.start_hunt(1, spec(), at(0)).await.id;
    for number in 1..=2 {
        let client = stores.enrol(number).await;
        stores.members.decide(&[decision(hunt, client, Ok(()))], at(1)).await.unwrap();
    }
    let flows = stores.admit(hunt, 2, at(2)).await;
    let attempt = first(flows[0].id);
    let batch = batch(attempt, 0, &[r#"{"A":1}"#, r#"{"A":2}"#]);
    stores.results.append(flows[0].client, &batch, at(3)).await.unwrap();
    stores.end(attempt, Ok(rows(2)), false, at(4)).await;
    path
}

fn names(text: &[&str]) -> Vec<String> {
    text.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test]
async fn every_table_is_given_whole_and_page_by_page() {
    let folder = TempDir::new().unwrap();
    let dump = Dump::open(&filled(&folder).await).unwrap();
    let tables = dump.tables().unwrap();
    for known in ["clients", "hunts", "members", "flows", "batches", "attempt_sources"] {
        assert!(tables.iter().any(|table| table == known), "{known}");
    }
    for table in &tables {
        assert!(!dump.columns(table).unwrap().is_empty(), "{table}");
    }
    let (columns, key) = (names(&["id", "hostname", "labels", "revoked_at"]), names(&["id"]));
    let page = dump.page("clients", (&columns, &key), None, 1).unwrap();
    let [record] = &page.records[..] else { panic!("{page:?}") };
    assert!(record[0].as_ref().unwrap().starts_with("\\x"), "{record:?}");
    assert_eq!(record[2].as_deref(), Some(r#"["new"]"#));
    assert_eq!(record[3], None);
    let next = dump.page("clients", (&columns, &key), page.last.as_deref(), 9).unwrap();
    assert_eq!(next.records.len(), 1);
    let end = dump.page("clients", (&columns, &key), next.last.as_deref(), 9).unwrap();
    assert_eq!((end.records.len(), end.last), (0, None));
}

#[tokio::test]
async fn what_has_another_shape_elsewhere_is_given_in_that_one() {
    let folder = TempDir::new().unwrap();
    let dump = Dump::open(&filled(&folder).await).unwrap();
    let key = names(&["hunt", "round", "share"]);
    let queues = names(&["q0", "q1", "q2", "q3", "q4", "q5", "q6", "q7"]);
    let page = dump.page("member_counts", (&queues, &key), None, 9).unwrap();
    // Round 0 is what the hunt has used: nobody stands in its queues.
    let all = page.records.iter().flatten();
    let counted: u64 = all.map(|q| q.as_ref().unwrap().parse::<u64>().unwrap()).sum();
    assert_eq!((page.records.len(), counted), (2, 2));
    let columns = names(&["source", "seq", "round", "count", "packed"]);
    let page = dump.page("batches", (&columns, &names(&["id"])), None, 9).unwrap();
    let told: Vec<_> = page.records[0].iter().map(|value| value.as_deref().unwrap()).collect();
    assert_eq!(told, ["A", "0", "1", "2", "0"]);
    let columns = names(&["kind", "source", "batches", "rows"]);
    let key = names(&["flow", "attempt", "kind", "source"]);
    let page = dump.page("attempt_sources", (&columns, &key), None, 9).unwrap();
    assert_eq!(page.records[0].concat_all(), "0A12");
}

/// The values of a record, one after the other.
trait ConcatAll {
    fn concat_all(&self) -> String;
}

impl ConcatAll for Vec<Option<String>> {
    fn concat_all(&self) -> String {
        self.iter().flatten().map(String::as_str).collect()
    }
}

#[tokio::test]
async fn a_store_that_is_in_use_is_refused_and_so_are_odd_names() {
    let folder = TempDir::new().unwrap();
    let path = filled(&folder).await;
    let open = SqliteStore::open(&path).unwrap();
    let error = Dump::open(&path).err().expect("a server has it");
    assert!(Chain(&error).to_string().contains("in use by another process"));
    drop(open);
    let dump = Dump::open(&path).unwrap();
    assert!(dump.count("clients; DROP TABLE clients").is_err());
    let page = dump.page("clients", (&names(&["id\" FROM x"]), &names(&["id"])), None, 1);
    assert!(page.is_err());
    assert_eq!(dump.columns("no_such_table").unwrap(), Vec::<String>::new());
}
