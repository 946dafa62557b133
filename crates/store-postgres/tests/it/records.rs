//! The suites of an installation's records.

use std::sync::Arc;

use store_postgres::{RecordStore, Settings};
use testkit::fleet_suite::{account_suite, fleet_suite};
use testkit::flow_suite::{flow_suite, result_suite, upload_suite};
use testkit::hunt_suite::hunt_suite;
use testkit::monitoring_suite::monitoring_suite;
use testkit::postgres::Cluster;
use testkit::stores::Stores;
use testkit::tool_suite::tool_suite;

/// A store of this database with a few connections.
pub(crate) async fn open(url: &str) -> Stores {
    let settings = Settings { connections: 4, ..Settings::default() };
    Stores::of(Arc::new(RecordStore::open(url, settings).await.unwrap()))
}

async fn fresh(cluster: &Cluster) -> Stores {
    open(&cluster.fresh_database()).await
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
}

#[tokio::test]
async fn postgres_keeps_flows_and_what_they_bring() {
    let Some(cluster) = Cluster::or_say() else { return };
    flow_suite(async || fresh(cluster).await).await;
    result_suite(async || fresh(cluster).await).await;
    upload_suite(async || fresh(cluster).await).await;
}

#[tokio::test]
async fn postgres_keeps_events_and_tools() {
    let Some(cluster) = Cluster::or_say() else { return };
    monitoring_suite(async || fresh(cluster).await).await;
    tool_suite(async || fresh(cluster).await).await;
}
