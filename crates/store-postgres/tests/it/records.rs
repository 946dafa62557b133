//! The suites of an installation's records.

use std::sync::Arc;

use base::FixedClock;
use flows::{HotRows, ReportStore};
use store_postgres::{RecordStore, Settings};
use testkit::erasure_suite::erasure_suite;
use testkit::fleet_suite::{account_suite, fleet_suite};
use testkit::flow_suite::{flow_suite, result_suite, upload_suite};
use testkit::hot_suite::hot_suite;
use testkit::hunt_suite::hunt_suite;
use testkit::monitoring_suite::monitoring_suite;
use testkit::node_suite::{announcement_suite, fence_suite, lease_suite, node_suite};
use testkit::postgres::Cluster;
use testkit::report_suite::report_suite;
use testkit::roster_suite::roster_suite;
use testkit::stores::{Stores, at};
use testkit::tool_suite::tool_suite;

/// A store of this database with a few connections.
pub(crate) async fn store(url: &str) -> Arc<RecordStore> {
    let settings = Settings { connections: 4, ..Settings::default() };
    Arc::new(RecordStore::open(url, settings).await.unwrap())
}

async fn fresh(cluster: &Cluster) -> Stores {
    Stores::of(store(&cluster.fresh_database()).await)
}

async fn by_clock(cluster: &Cluster, clock: Arc<FixedClock>) -> RecordStore {
    let settings = Settings { connections: 2, clock: Some(clock), ..Settings::default() };
    RecordStore::open(&cluster.fresh_database(), settings).await.unwrap()
}

#[tokio::test]
async fn postgres_keeps_clients_and_people() {
    let Some(cluster) = Cluster::or_say() else { return };
    fleet_suite(async || fresh(cluster).await).await;
    account_suite(async || fresh(cluster).await).await;
}

#[tokio::test]
async fn postgres_keeps_hunts_and_members() {
    let Some(cluster) = Cluster::or_say() else { return };
    hunt_suite(async || fresh(cluster).await).await;
    roster_suite(async || fresh(cluster).await).await;
    erasure_suite(async || fresh(cluster).await).await;
}

#[tokio::test]
async fn postgres_keeps_flows_and_what_they_bring() {
    let Some(cluster) = Cluster::or_say() else { return };
    flow_suite(async || fresh(cluster).await).await;
    result_suite(async || fresh(cluster).await).await;
    upload_suite(async || fresh(cluster).await).await;
}

#[tokio::test]
async fn postgres_takes_reports_together() {
    let Some(cluster) = Cluster::or_say() else { return };
    let taking = async || {
        let store = store(&cluster.fresh_database()).await;
        let reports: Arc<dyn ReportStore> = store.clone();
        (Stores::of(store), reports)
    };
    report_suite(taking).await;
}

#[tokio::test]
async fn postgres_lets_rows_leave_for_segments() {
    let Some(cluster) = Cluster::or_say() else { return };
    let fresh = async || {
        let store = store(&cluster.fresh_database()).await;
        (Stores::of(store.clone()), store as Arc<dyn HotRows>)
    };
    hot_suite(fresh).await;
}

#[tokio::test]
async fn postgres_gives_each_duty_to_one_node() {
    let Some(cluster) = Cluster::or_say() else { return };
    lease_suite(async |clock| by_clock(cluster, clock).await).await;
    let store = by_clock(cluster, Arc::new(FixedClock::at(at(0)))).await;
    fence_suite(Stores::of(Arc::new(store.clone())), &store).await;
}

#[tokio::test]
async fn postgres_knows_which_nodes_live_and_carries_their_news() {
    let Some(cluster) = Cluster::or_say() else { return };
    node_suite(async |clock| by_clock(cluster, clock).await).await;
    let two_nodes = async || {
        let url = cluster.fresh_database();
        let [one, two] = [store(&url).await, store(&url).await];
        (one as Arc<dyn fleet::Announcements>, two as Arc<dyn fleet::Announcements>)
    };
    announcement_suite(two_nodes).await;
}

#[tokio::test]
async fn postgres_keeps_events_and_tools() {
    let Some(cluster) = Cluster::or_say() else { return };
    monitoring_suite(async || fresh(cluster).await).await;
    tool_suite(async || fresh(cluster).await).await;
}
