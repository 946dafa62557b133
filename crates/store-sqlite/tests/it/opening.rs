//! What is said when the file cannot be opened.

use base::Chain;
use rusqlite::Connection;
use store_sqlite::SqliteStore;
use tempfile::TempDir;

#[track_caller]
fn check_refused(path: &std::path::Path, text: &str) {
    let error = SqliteStore::open(path).err().expect("it is refused");
    let said = Chain(&error).to_string();
    assert!(said.contains(text), "`{said}` does not say `{text}`");
}

#[tokio::test]
async fn a_store_in_use_is_refused_and_free_again_afterwards() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.db");
    let store = SqliteStore::open(&path).unwrap();
    check_refused(&path, "is in use by another process");
    drop(store);
    SqliteStore::open(&path).unwrap();
}

#[test]
fn a_newer_schema_is_refused() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.db");
    drop(SqliteStore::open(&path).unwrap());
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 999).unwrap();
    check_refused(&path, "has schema 999, but this program knows only up to");
}

#[test]
fn files_of_others_are_refused_and_left_alone() {
    let folder = TempDir::new().unwrap();
    let text = folder.path().join("notes.txt");
    std::fs::write(&text, "dear diary, this is not a database at all".repeat(100)).unwrap();
    check_refused(&text, "is not a store of this program");
    assert!(std::fs::read_to_string(&text).unwrap().starts_with("dear diary"));
    let other = folder.path().join("other.db");
    Connection::open(&other).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    check_refused(&other, "is not a store of this program");
}

#[test]
fn a_folder_that_is_missing_or_a_file_that_is_a_folder_is_refused() {
    let folder = TempDir::new().unwrap();
    check_refused(&folder.path().join("none/a.db"), "cannot write");
    let inner = folder.path().join("inner.db");
    std::fs::create_dir(&inner).unwrap();
    check_refused(&inner, "cannot write");
}
