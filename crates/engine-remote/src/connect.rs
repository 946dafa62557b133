//! The engine that a file names.

use std::sync::Arc;

use log_rules::EngineKind;
use loghunt::engine::{EngineError, SqlEngine};
use model::log::TenantName;

use crate::clickhouse::ClickHouse;
use crate::flight_sql::FlightSql;
use crate::opensearch::OpenSearch;
use crate::postgres::Postgres;
use crate::remote::Remote;
use crate::site::Site;
use crate::spark::Spark;
use crate::trino::Trino;

/// The engine of this kind for one tenant, with its secret. Nothing is asked of the server yet, so
/// only what is wrong in the file itself fails here.
///
/// # Errors
///
/// A sentence that says what to mend; also for kinds that are not reached over a network.
pub fn connect(
    kind: &EngineKind,
    tenant: &TenantName,
    secret: Option<String>,
) -> Result<Arc<dyn SqlEngine>, EngineError> {
    let site = |name: &str, address| Site::new(name, address, tenant, secret);
    Ok(match kind {
        EngineKind::Postgres(address) => {
            Arc::new(Remote::new(Postgres::new(site("PostgreSQL", address)?)?))
        }
        EngineKind::ClickHouse(address) => {
            Arc::new(Remote::new(ClickHouse::new(site("ClickHouse", address)?)?))
        }
        EngineKind::SparkConnect(address) => {
            Arc::new(Remote::new(Spark::new(site("Spark", address)?)?))
        }
        EngineKind::FlightSql(address) => {
            Arc::new(Remote::new(FlightSql::new(site("Flight SQL", address)?)?))
        }
        EngineKind::OpenSearch(address) => Arc::new(OpenSearch::new(site("OpenSearch", address)?)?),
        EngineKind::Trino(address) => Arc::new(Remote::new(Trino::new(site("Trino", address)?)?)),
        _ => {
            let message = "this kind of engine is not reached over a network";
            return Err(EngineError::permanent(message));
        }
    })
}
