//! The promises of engines, on real servers and on fakes, and what is each one's own.
//!
//! Real servers that the default run does not have are named by environment variables, which
//! `make test-engines` sets: `LYCAON_TEST_CLICKHOUSE`, `LYCAON_TEST_SPARK`, `LYCAON_TEST_OPENSEARCH`.

mod clickhouse;
mod fake;
mod flight_sql;
mod opensearch;
mod postgres;
mod scans;
mod spark;
mod trino;
