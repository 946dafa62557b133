//! The twins in memory keep the contracts of their ports.

use std::sync::Arc;

use fleet::Announcements;
use fleet::nodes::{MemAnnouncements, MemNodes};
use flows::ReportStore;
use flows::memory::MemBlobs;
use flows::steer::OneByOne;
use sha2::{Digest, Sha256};
use testkit::blob_suite::blob_suite;
use testkit::control_suite::control_suite;
use testkit::erasure_suite::erasure_suite;
use testkit::finding_suite::finding_suite;
use testkit::fleet_suite::{account_suite, fleet_suite};
use testkit::flow_suite::{flow_suite, result_suite, upload_suite};
use testkit::hot_suite::hot_suite;
use testkit::hunt_suite::hunt_suite;
use testkit::ledger_suite::ledger_suite;
use testkit::log_stores::LogStores;
use testkit::monitoring_suite::monitoring_suite;
use testkit::node_suite::{announcement_suite, fence_suite, lease_suite, node_suite};
use testkit::outbox_suite::outbox_suite;
use testkit::report_suite::report_suite;
use testkit::roster_suite::roster_suite;
use testkit::stores::Stores;
use testkit::tool_suite::tool_suite;

#[tokio::test]
async fn the_twins_keep_the_fleet() {
    fleet_suite(async || Stores::in_memory()).await;
    account_suite(async || Stores::in_memory()).await;
}

#[tokio::test]
async fn the_twins_keep_flows_and_results() {
    flow_suite(async || Stores::in_memory()).await;
    result_suite(async || Stores::in_memory()).await;
    hot_suite(async || Stores::in_memory_and_hot()).await;
    upload_suite(async || Stores::in_memory()).await;
}

#[tokio::test]
async fn taking_reports_one_by_one_keeps_the_contract() {
    report_suite(async || {
        let stores = Stores::in_memory();
        let (flows, results) = (stores.flows.clone(), stores.results.clone());
        let reports: Arc<dyn ReportStore> = Arc::new(OneByOne { flows, results });
        (stores, reports)
    })
    .await;
}

#[tokio::test]
async fn the_twins_keep_monitoring() {
    monitoring_suite(async || Stores::in_memory()).await;
    tool_suite(async || Stores::in_memory()).await;
}

#[tokio::test]
async fn the_twins_keep_hunts() {
    hunt_suite(async || Stores::in_memory()).await;
    roster_suite(async || Stores::in_memory()).await;
    erasure_suite(async || Stores::in_memory()).await;
}

#[tokio::test]
async fn the_twin_keeps_bytes() {
    let hash = |bytes: &[u8]| Sha256::digest(bytes).into();
    blob_suite(async || MemBlobs::new(hash), hash).await;
}

#[tokio::test]
async fn the_twins_keep_nodes_apart() {
    lease_suite(async |clock| MemNodes::new(clock)).await;
    node_suite(async |clock| MemNodes::new(clock)).await;
    let announcements = async || {
        let carrier = Arc::new(MemAnnouncements::new());
        (carrier.clone() as Arc<dyn Announcements>, carrier as Arc<dyn Announcements>)
    };
    announcement_suite(announcements).await;
    let leases = MemNodes::new(Arc::new(base::FixedClock::at(testkit::stores::at(0))));
    fence_suite(Stores::in_memory(), &leases).await;
}

#[tokio::test]
async fn the_twin_keeps_log_hunts() {
    ledger_suite(async || LogStores::in_memory()).await;
    finding_suite(async || LogStores::in_memory()).await;
    outbox_suite(async || LogStores::in_memory()).await;
    control_suite(async || LogStores::in_memory()).await;
}
