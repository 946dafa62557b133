//! Documents that begin with `engine:`.

use std::path::PathBuf;
use std::time::Duration;

use crate::definitions::{Address, Engine, EngineKind};
use crate::take::{Section, Take};

const TIMEOUT: Duration = Duration::from_secs(300);
const CONCURRENCY: u32 = 4;

/// Which fields belong to which kinds of engines, beyond those that all have.
const OWN: [(&str, &[&str]); 3] = [
    ("datafusion", &["root", "options", "memory"]),
    ("sqlite", &["path"]),
    ("", &["url", "user", "secret", "database", "ca_file"]),
];

pub(crate) fn take(take: &mut Take<'_, '_>, section: &Section<'_>) -> Option<Engine> {
    let name = take.parsed(section, "engine");
    let word = take.choice(section, "kind");
    let concurrency = count(take, section, "concurrency", CONCURRENCY);
    let timeout = take.duration(section, "timeout").unwrap_or(TIMEOUT);
    if timeout.is_zero() {
        take.error(section.place("timeout"), "timeout", "no query ends within no time", "");
    }
    let word = word?;
    let kind = kind(take, section, word);
    let group = if matches!(word, "datafusion" | "sqlite" | "none") { word } else { "" };
    for (owner, fields) in OWN.iter().filter(|(owner, _)| *owner != group) {
        for field in fields.iter().filter(|field| section.has(field)) {
            let owners = if owner.is_empty() { "engines that are servers" } else { owner };
            let message = format!("an engine of kind `{word}` has no `{field}`");
            let hint = format!("it belongs to {owners}");
            take.error(section.place(field), field, message, &hint);
        }
    }
    Some(Engine { name: name?, kind: kind?, concurrency, timeout })
}

fn kind(take: &mut Take<'_, '_>, section: &Section<'_>, word: &str) -> Option<EngineKind> {
    Some(match word {
        "none" => EngineKind::Null,
        "datafusion" => {
            let root = take.text(section, "root");
            if root.is_none() {
                missing(take, section, "root", "the folder below which tables are");
            }
            let mut options = Vec::new();
            for (key, _, node) in take.map(section, "options") {
                let path = format!("options.{key}");
                options.extend(take.setting(node, &path).map(|setting| (key, setting)));
            }
            EngineKind::DataFusion { root: root?, options, memory: take.size(section, "memory") }
        }
        "sqlite" => {
            let path = take.text(section, "path");
            if path.is_none() {
                missing(take, section, "path", "the database file");
            }
            EngineKind::Sqlite { path: path? }
        }
        server => {
            let address = address(take, section)?;
            match server {
                "postgres" => EngineKind::Postgres(address),
                "clickhouse" => EngineKind::ClickHouse(address),
                "spark_connect" => EngineKind::SparkConnect(address),
                "flight_sql" => EngineKind::FlightSql(address),
                "trino" => EngineKind::Trino(address),
                "opensearch" => EngineKind::OpenSearch(address),
                _ => return None,
            }
        }
    })
}

fn address(take: &mut Take<'_, '_>, section: &Section<'_>) -> Option<Address> {
    let url = take.text(section, "url");
    if url.is_none() {
        missing(take, section, "url", "for example `postgresql://db.example:5432`");
    }
    let user = take.text(section, "user");
    let secret = take.secret(section, "secret");
    let database = take.text(section, "database");
    let ca_file = take.text(section, "ca_file").map(PathBuf::from);
    Some(Address { url: url?, user, secret, database, ca_file })
}

fn missing(take: &mut Take<'_, '_>, section: &Section<'_>, field: &str, hint: &str) {
    take.error(section.place(field), field, format!("`{field}` is missing"), hint);
}

/// A number of queries.
pub(crate) fn count(
    take: &mut Take<'_, '_>,
    section: &Section<'_>,
    name: &str,
    otherwise: u32,
) -> u32 {
    let number = take.number(section, name).and_then(|number| u32::try_from(number).ok());
    number.unwrap_or(otherwise)
}
