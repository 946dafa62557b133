//! The suite of result stores, with every row put into a segment before it is asked for.

use std::cell::Cell;
use std::sync::Arc;

use flows::HotRows;
use store_segments::Place;
use store_sqlite::SqliteStore;
use tempfile::TempDir;
use testkit::flow_suite::result_suite;
use testkit::hunt_suite::hunt_suite;
use testkit::stores::Stores;

use crate::pressed::Pressed;

fn pressed((stores, hot): (Stores, Arc<dyn HotRows>), place: Place) -> Stores {
    Stores { results: Arc::new(Pressed::new(hot, place)), ..stores }
}

#[tokio::test]
async fn sqlite_and_a_folder_keep_results() {
    let folder = TempDir::new().unwrap();
    let number = Cell::new(0);
    let fresh = async || {
        number.set(number.get() + 1);
        let own = folder.path().join(number.get().to_string());
        std::fs::create_dir(&own).unwrap();
        let store = Arc::new(SqliteStore::open(&own.join("records.sqlite")).unwrap());
        let place = Place::folder(&own.join("segments")).unwrap();
        pressed((Stores::of(store.clone()), store), place)
    };
    result_suite(fresh).await;
    hunt_suite(fresh).await;
}

#[tokio::test]
async fn memory_and_an_object_store_keep_results() {
    let fresh = async || {
        let objects = Arc::new(object_store::memory::InMemory::new());
        pressed(Stores::in_memory_and_hot(), Place::object_store(objects))
    };
    result_suite(fresh).await;
    hunt_suite(fresh).await;
}
