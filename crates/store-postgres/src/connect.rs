//! Connects, brings the schema up to date, and says clearly when that cannot be done.
//!
//! # A database that is away
//!
//! A call on a connection that is gone fails at once, one on a machine that does not answer within
//! [`SILENCE_MAX`]; a statement that waits for a lock or works for too long is ended by the server. The
//! pool makes new connections by itself as soon as the database answers again.

use std::sync::Arc;
use std::time::Duration;

use base::{Clock, Timestamp};
use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime,
};
use flows::reports::{Burst, Taken};
use hunts::ports::Decided;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::Config;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::announcements::Dial;
use crate::failure::Done;
use crate::gather::Gather;
use crate::members::Decisions;

/// One of the two sets of tables that may lie in a database, and how it came to them.
struct Schema {
    /// The table that holds how many migrations have run.
    version: &'static str,
    /// Only one client at a time brings the tables up to date.
    lock: i64,
    /// All migrations, in order. One is never changed once it has been released.
    migrations: &'static [&'static str],
}

/// The records of log hunts: "LYCL".
const LOG_HUNTS: Schema = Schema {
    version: "log_schema",
    lock: 0x4c59_434c,
    migrations: &[include_str!("../migrations/0001_records.sql")],
};

/// The records of an installation: "LYCA".
const RECORDS: Schema = Schema {
    version: "record_schema",
    lock: 0x4c59_4341,
    migrations: &[
        include_str!("../migrations/records_0001.sql"),
        include_str!("../migrations/records_0002_nodes.sql"),
    ],
};

/// How long a machine may leave what was sent to it without an answer.
const SILENCE_MAX: Duration = Duration::from_secs(15);

/// What the server ends by itself, in milliseconds: statements, waits for locks, transactions that
/// nobody goes on with.
const SERVER_LIMITS: &str = "-c statement_timeout=120000 -c lock_timeout=20000 \
    -c idle_in_transaction_session_timeout=60000";

/// The records of log hunts in a PostgreSQL database. Clones share their connections.
#[derive(Clone)]
pub struct PostgresLog {
    pool: Pool,
    clock: Option<Arc<dyn Clock>>,
}

/// All records of an installation in a PostgreSQL database, for several servers. Clones share their
/// connections.
#[derive(Clone)]
pub struct RecordStore {
    pub(crate) pool: Pool,
    pub(crate) asks: Arc<crate::asks::KnownAsks>,
    /// What agents report at the same moment.
    pub(crate) bursts: Arc<Gather<Burst, Vec<Taken>>>,
    /// What is decided about clients at the same moment.
    pub(crate) decisions: Arc<Gather<Decisions, Vec<Decided>>>,
    /// For the connection of a listener.
    pub(crate) dial: Arc<Dial>,
    /// Stands for the server's clock, when it was replaced.
    pub(crate) clock: Option<Arc<dyn Clock>>,
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
        let (pool, _) = open(url, &settings, &LOG_HUNTS).await?;
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

impl RecordStore {
    /// Connects to the database of this URL and brings its schema up to date.
    ///
    /// # Errors
    ///
    /// When the URL makes no sense, the server cannot be reached or refuses, or the schema is newer
    /// than this program.
    pub async fn open(url: &str, settings: Settings) -> Result<Self, OpenError> {
        let (pool, dial) = open(url, &settings, &RECORDS).await?;
        let dial = Arc::new(dial);
        let (asks, bursts, decisions) = (Arc::default(), Arc::default(), Arc::default());
        Ok(Self { pool, dial, asks, bursts, decisions, clock: settings.clock })
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

/// A connection that was lent so recently is not asked whether it lives.
const FRESH_FOR: Duration = Duration::from_millis(500);

/// Asks a connection that lay in the pool whether it lives. One whose server went away meanwhile is
/// thrown away by the pool.
fn asks_whether_it_lives() -> Hook {
    Hook::async_fn(|connection, metrics| {
        Box::pin(async move {
            if metrics.last_used() > FRESH_FOR {
                connection.batch_execute("").await.map_err(HookError::Backend)?;
            }
            Ok(())
        })
    })
}

/// A pool of connections to a database whose tables are up to date.
async fn open(url: &str, settings: &Settings, schema: &Schema) -> Result<(Pool, Dial), OpenError> {
    let mut config: Config = url.parse().map_err(OpenError::Url)?;
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(Duration::from_secs(10));
    }
    if config.get_application_name().is_none() {
        config.application_name("lycaon");
    }
    if config.get_options().is_none() {
        config.options(SERVER_LIMITS);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(SILENCE_MAX);
    }
    config.keepalives_idle(SILENCE_MAX);
    let server = describe(&config);
    let tls = MakeRustlsConnect::new(tls(settings.ca_pem.as_deref())?);
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let dial = Dial { config: config.clone(), tls: tls.clone() };
    let manager = Manager::from_config(config, tls, recycling);
    let fail = |error: &dyn std::error::Error| OpenError::Connect {
        server: server.clone(),
        why: base::Chain(error).to_string(),
    };
    let pool = Pool::builder(manager)
        .max_size(settings.connections.max(1))
        .runtime(Runtime::Tokio1)
        .pre_recycle(asks_whether_it_lives())
        .create_timeout(Some(Duration::from_secs(15)))
        .recycle_timeout(Some(Duration::from_secs(5)))
        .wait_timeout(Some(Duration::from_secs(30)))
        .build()
        .map_err(|error| fail(&error))?;
    let mut connection = pool.get().await.map_err(|error| fail(&error))?;
    let known = i32::try_from(schema.migrations.len()).unwrap_or(i32::MAX);
    let found = migrate(&mut connection, schema).await.map_err(|error| fail(&error))?;
    if found > known {
        return Err(OpenError::Newer { server, found, known });
    }
    drop(connection);
    Ok((pool, dial))
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
async fn migrate(connection: &mut Object, schema: &Schema) -> Result<i32, tokio_postgres::Error> {
    let Schema { version: table, lock, migrations } = schema;
    let transaction = connection.transaction().await?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[lock]).await?;
    let exists = format!("SELECT to_regclass('{table}') IS NOT NULL");
    if !transaction.query_one(&exists, &[]).await?.get::<_, bool>(0) {
        let create = format!(
            "CREATE TABLE {table} (version integer NOT NULL); INSERT INTO {table} VALUES (0)"
        );
        transaction.batch_execute(&create).await?;
    }
    let done = format!("SELECT version FROM {table}");
    let done: i32 = transaction.query_one(&done, &[]).await?.get(0);
    let before = usize::try_from(done).unwrap_or(0);
    for migration in migrations.iter().skip(before) {
        transaction.batch_execute(migration).await?;
    }
    let version = done.max(i32::try_from(migrations.len()).unwrap_or(i32::MAX));
    let note = format!("UPDATE {table} SET version = $1");
    transaction.execute(&note, &[&version]).await?;
    transaction.commit().await?;
    Ok(version)
}
