//! The promises of engines, on SQLite files, and what is SQLite's own.

mod own;
mod stand;

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_keeps_the_promises_of_engines() {
    testkit::engine_suite::engine_suite(&stand::SqliteStand::texts()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_it_does_when_moments_are_nanoseconds() {
    testkit::engine_suite::engine_suite(&stand::SqliteStand::nanos()).await;
}
