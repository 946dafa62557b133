//! The suites of the ports.

use std::sync::Arc;

use flows::HotRows;
use store_sqlite::SqliteStore;
use tempfile::TempDir;
use testkit::erasure_suite::erasure_suite;
use testkit::fleet_suite::{account_suite, fleet_suite};
use testkit::flow_suite::{flow_suite, result_suite, upload_suite};
use testkit::hot_suite::hot_suite;
use testkit::hunt_suite::hunt_suite;
use testkit::monitoring_suite::monitoring_suite;
use testkit::node_suite::{fence_suite, lease_suite};
use testkit::report_suite::{Taking, report_suite};
use testkit::roster_suite::roster_suite;
use testkit::stores::Stores;
use testkit::tool_suite::tool_suite;

/// Makes stores in one folder that lives as long as this.
struct Files(TempDir, std::cell::Cell<u32>);

impl Files {
    fn new() -> Self {
        Self(TempDir::new().unwrap(), std::cell::Cell::new(0))
    }

    fn store(&self) -> SqliteStore {
        self.1.set(self.1.get() + 1);
        let path = self.0.path().join(format!("{}.db", self.1.get()));
        SqliteStore::open(&path).unwrap()
    }

    fn fresh(&self) -> Stores {
        Stores::of(Arc::new(self.store()))
    }

    fn taking(&self) -> Taking {
        let store = Arc::new(self.store());
        (Stores::of(store.clone()), store)
    }

    fn fresh_and_hot(&self) -> (Stores, Arc<dyn HotRows>) {
        let store = Arc::new(self.store());
        (Stores::of(store.clone()), store)
    }
}

#[tokio::test]
async fn sqlite_keeps_the_fleet() {
    let files = Files::new();
    fleet_suite(async || files.fresh()).await;
    account_suite(async || files.fresh()).await;
}

#[tokio::test]
async fn sqlite_keeps_flows() {
    let files = Files::new();
    flow_suite(async || files.fresh()).await;
    upload_suite(async || files.fresh()).await;
}

#[tokio::test]
async fn sqlite_keeps_results() {
    let files = Files::new();
    result_suite(async || files.fresh()).await;
    hot_suite(async || files.fresh_and_hot()).await;
}

#[tokio::test]
async fn sqlite_takes_reports_together() {
    let files = Files::new();
    report_suite(async || files.taking()).await;
}

#[tokio::test]
async fn sqlite_keeps_monitoring() {
    let files = Files::new();
    monitoring_suite(async || files.fresh()).await;
    tool_suite(async || files.fresh()).await;
}

#[tokio::test]
async fn sqlite_keeps_duties() {
    let files = Files::new();
    lease_suite(async |clock| files.store().leases(clock)).await;
    let store = files.store();
    let leases = store.leases(Arc::new(base::FixedClock::at(testkit::stores::at(0))));
    fence_suite(Stores::of(Arc::new(store)), &leases).await;
}

#[tokio::test]
async fn sqlite_keeps_hunts() {
    let files = Files::new();
    hunt_suite(async || files.fresh()).await;
    roster_suite(async || files.fresh()).await;
    erasure_suite(async || files.fresh()).await;
}
