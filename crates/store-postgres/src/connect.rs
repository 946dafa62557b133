//! Connects, brings the schema up to date, and says clearly when that cannot be done.

use std::sync::Arc;
use std::time::Duration;

use base::{Clock, Timestamp};
use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::Config;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::failure::Done;

/// All migrations, in order. One is never changed once it has been released.
const MIGRATIONS: [&str; 1] = [include_str!("../migrations/0001_records.sql")];

/// Only one client at a time brings the schema up to date: "LYCL".
const MIGRATION_LOCK: i64 = 0x4c59_434c;

/// The records of log hunts in a PostgreSQL database. Clones share their connections.
#[derive(Clone)]
pub struct PostgresLog {
    pool: Pool,
    clock: Option<Arc<dyn Clock>>,
}

/// How to connect.
#[derive(Clone)]
pub struct Settings {
    /// How many connections are held at most.
    pub connections: usize,
    /// Certificates of the authorities that the server's own may come from, as PEM text, besides the
    /// public ones. The URL's `sslmode` says whether TLS is wanted.
    pub ca_pem: Option<Vec<u8>>,
    /// Instead of the server's clock: tests let time pass.
    pub clock: Option<Arc<dyn Clock>>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { connections: 8, ca_pem: None, clock: None }
    }
}

/// Why the database could not be opened. Never says a password.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL cannot be read.
    #[error(
        "the URL of the database cannot be read; write it as \
         `postgresql://USER:PASSWORD@HOST:5432/DATABASE?sslmode=require`"
    )]
    Url(#[source] tokio_postgres::Error),
    /// The certificates cannot be read.
    #[error("the certificates of the database's authorities cannot be read: {why}")]
    Certificates {
        /// What is wrong with them.
        why: String,
    },
    /// The server cannot be reached, or refuses.
    #[error("{server} cannot be used: {why}")]
    Connect {
        /// Where, and which database.
        server: String,
        /// What it said, with all causes.
        why: String,
    },
    /// A newer version of this program has changed its schema.
    #[error(
        "{server} has schema {found}, but this program knows only up to {known}; use the newer \
         program that wrote it"
    )]
    Newer {
        /// Where, and which database.
        server: String,
        /// Its schema.
        found: i32,
        /// The newest schema known here.
        known: i32,
    },
}

impl PostgresLog {
    /// Connects to the database of this URL and brings its schema up to date.
    ///
    /// # Errors
    ///
    /// When the URL makes no sense, the server cannot be reached or refuses, or the schema is newer
    /// than this program.
    pub async fn connect(url: &str, settings: Settings) -> Result<Self, OpenError> {
        let mut config: Config = url.parse().map_err(OpenError::Url)?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(10));
        }
        if config.get_application_name().is_none() {
            config.application_name("lycaon");
        }
        let server = describe(&config);
        let tls = MakeRustlsConnect::new(tls(settings.ca_pem.as_deref())?);
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(config, tls, recycling);
        let fail = |error: &dyn std::error::Error| OpenError::Connect {
            server: server.clone(),
            why: base::Chain(error).to_string(),
        };
        let pool = Pool::builder(manager)
            .max_size(settings.connections.max(1))
            .runtime(Runtime::Tokio1)
            .create_timeout(Some(Duration::from_secs(15)))
            .wait_timeout(Some(Duration::from_secs(60)))
            .build()
            .map_err(|error| fail(&error))?;
        let mut connection = pool.get().await.map_err(|error| fail(&error))?;
        let known = i32::try_from(MIGRATIONS.len()).unwrap_or(i32::MAX);
        let found = migrate(&mut connection).await.map_err(|error| fail(&error))?;
        if found > known {
            return Err(OpenError::Newer { server, found, known });
        }
        Ok(Self { pool, clock: settings.clock })
    }

    /// A connection of the pool.
    pub(crate) async fn connection(&self) -> Done<Object> {
        Ok(self.pool.get().await?)
    }

    /// The moment that stands for the server's clock, when it was replaced.
    pub(crate) fn replaced_clock(&self) -> Option<i64> {
        self.clock.as_ref().map(|clock| Timestamp::as_micros(clock.now()))
    }
}

/// Host, port and database, without user and password.
fn describe(config: &Config) -> String {
    use tokio_postgres::config::Host;
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(name)) => name.clone(),
        #[allow(unreachable_patterns, reason = "sockets with a path are not everywhere")]
        Some(other) => format!("{other:?}"),
        None => "localhost".to_owned(),
    };
    let port = config.get_ports().first().copied().unwrap_or(5_432);
    format!("database `{}` at {host}:{port}", config.get_dbname().unwrap_or("postgres"))
}

fn tls(ca_pem: Option<&[u8]>) -> Result<ClientConfig, OpenError> {
    let bad = |why: String| OpenError::Certificates { why };
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    for certificate in CertificateDer::pem_slice_iter(ca_pem.unwrap_or_default()) {
        let certificate = certificate.map_err(|error| bad(format!("{error:?}")))?;
        roots.add(certificate).map_err(|error| bad(error.to_string()))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| bad(error.to_string()))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// Runs the migrations that have not run, all in one transaction; the answer is the schema's number.
async fn migrate(connection: &mut Object) -> Result<i32, tokio_postgres::Error> {
    let transaction = connection.transaction().await?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&MIGRATION_LOCK]).await?;
    let exists = "SELECT to_regclass('log_schema') IS NOT NULL";
    if !transaction.query_one(exists, &[]).await?.get::<_, bool>(0) {
        let create = "CREATE TABLE log_schema (version integer NOT NULL);
                      INSERT INTO log_schema VALUES (0)";
        transaction.batch_execute(create).await?;
    }
    let done: i32 = transaction.query_one("SELECT version FROM log_schema", &[]).await?.get(0);
    let before = usize::try_from(done).unwrap_or(0);
    for migration in MIGRATIONS.iter().skip(before) {
        transaction.batch_execute(migration).await?;
    }
    let version = done.max(i32::try_from(MIGRATIONS.len()).unwrap_or(i32::MAX));
    transaction.execute("UPDATE log_schema SET version = $1", &[&version]).await?;
    transaction.commit().await?;
    Ok(version)
}
