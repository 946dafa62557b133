//! Questions that tests ask, and how they are asked.

use std::io::Write;
use std::sync::Arc;

use log_rules::Address;
use loghunt::engine::{EngineError, Match, Query, Report, Scan, ScanLimits, Source, SqlEngine};
use model::log::{Domain, Position, TenantName, Window};
use sigma::Predicate;
use testkit::engine_suite::{Kind, Table};

pub(crate) fn address(url: &str) -> Address {
    Address { url: url.into(), user: None, secret: None, database: None, ca_file: None }
}

pub(crate) fn tenant() -> TenantName {
    TenantName::new("acme").unwrap()
}

/// Where a real server is, if somebody started one.
pub(crate) fn real(variable: &str) -> Option<String> {
    let found = std::env::var(variable).ok().filter(|url| !url.is_empty());
    if found.is_none() {
        // Nothing is to be done about a standard error that is closed.
        let _ = writeln!(
            std::io::stderr(),
            "not tested: {variable} is not set; see `make test-engines`"
        );
    }
    found
}

/// A table by event time in `at`.
pub(crate) fn source(table: &str) -> Source {
    Source {
        table: table.into(),
        domain: Domain::EventTime,
        event_time: Some("at".into()),
        ingest_time: None,
        cursor: None,
        identity: Arc::new([]),
        columns: Arc::new([]),
        part: "".into(),
        lateness_max: None,
    }
}

/// The columns of a table, as a statement that makes it spells them: `spelled` of name and type, types
/// for texts, whole numbers, fractions, truths and moments.
pub(crate) fn columns(
    table: &Table,
    [text, int, float, bool, time]: [&str; 5],
    spelled: impl Fn(&str, &str) -> String,
) -> String {
    let column = |(name, kind): &(&str, Kind)| {
        let kind = match kind {
            Kind::Text => text,
            Kind::Int => int,
            Kind::Float => float,
            Kind::Bool => bool,
            Kind::Time => time,
        };
        spelled(name, kind)
    };
    table.columns.iter().map(column).collect::<Vec<_>>().join(", ")
}

pub(crate) fn everything(source: &Source) -> Scan {
    let all = Window::new(Position(0), Position(1_000_000)).unwrap();
    Scan {
        source: source.clone(),
        query: Query::Predicate {
            predicate: Arc::new(Predicate::And(Vec::new())),
            columns: Arc::new([]),
        },
        read: all,
        emit: all,
        tag: "test-tag".into(),
        limits: ScanLimits::default(),
    }
}

pub(crate) async fn run(
    engine: &dyn SqlEngine,
    scan: &Scan,
) -> Result<(Report, Vec<Match>), EngineError> {
    let mut matches: Vec<Match> = Vec::new();
    let report = engine.run(scan, &mut matches).await?;
    Ok((report, matches))
}

/// A client of the tests' own, to make what is read.
pub(crate) fn http() -> reqwest::Client {
    // Another test may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}
