//! Which stores a server runs on: SQLite or PostgreSQL for records, plain files or objects for what was
//! uploaded. The only place that chooses.

use std::path::Path;
use std::sync::Arc;

use base::{Chain, Clock, Entropy, NodeId};
use fleet::{AccountStore, AuditLog, ClientStore, SettingStore, TokenStore};
use flows::{
    BlobStore, FlowStore, HotRows, MonitoringStore, ReportStore, ResultStore, ToolStore,
    UploadStore,
};
use hunts::{AdmissionStore, EraseStore, HuntStore, MemberStore, RosterStore};
use log_rules::Secret;
use server::Ports;
use server::config::{PostgresConfig, S3Config, SecretConfig, ServerConfig};
use server::health::Look;
use server::nodes::NodeParts;
use store_files::FileBlobs;
use store_objects::{ObjectBlobs, Objects, OpenError, S3Settings};
use store_postgres::RecordStore;
use store_segments::{Place, SegmentedResults, Turns};
use store_sqlite::SqliteStore;

use crate::complaint::{Complaint, Outcome};
use crate::log::resolve_secret;
use crate::machine::{SystemClock, SystemEntropy};
use crate::{os, segments};

/// Opens the records in a data directory; makes them when they are not there.
pub(crate) fn open_records(data: &Path) -> Outcome<SqliteStore> {
    SqliteStore::open(&data.join("records.sqlite")).map_err(|error| told(&error))
}

fn told(error: &dyn std::error::Error) -> Complaint {
    Complaint::failed(Chain(error).to_string())
}

/// Where a server keeps everything, and what makes it one node of several.
pub(crate) struct Storage {
    pub(crate) ports: Ports,
    pub(crate) nodes: NodeParts,
    /// Looks for what is wrong with segments.
    pub(crate) look: Look,
}

/// Opens everything that a configuration names.
pub(crate) async fn open(config: &ServerConfig) -> Outcome<Storage> {
    let Files { blobs, place, .. } = open_files(config).await?;
    let clock = Arc::new(SystemClock);
    Ok(match &config.store.postgres {
        None => {
            let records = Arc::new(open_records(&config.data_dir)?);
            let nodes = NodeParts::alone(Arc::new(records.leases(clock.clone())), clock);
            let results = segments::results(records.clone(), place, Turns::Alone);
            let look = look_at(&results);
            Storage { ports: ports(records, Arc::new(results), blobs), nodes, look }
        }
        Some(postgres) => {
            let records = Arc::new(open_postgres(postgres).await?);
            // The compactor has its duty under the same name as the server.
            let id = NodeId::mint(clock.now(), &mut SystemEntropy);
            let turns = Turns::Leased(records.clone(), id);
            let results = segments::results(records.clone(), place, turns);
            let nodes = NodeParts {
                leases: records.clone(),
                nodes: records.clone(),
                announcements: records.clone(),
                several: true,
                id: Some(id),
                name: config.node.name.clone().unwrap_or_else(os::host_name),
            };
            let look = look_at(&results);
            Storage { ports: ports(records, Arc::new(results), blobs), nodes, look }
        }
    })
}

fn look_at(results: &SegmentedResults) -> Look {
    let results = results.unkept();
    Box::new(move || results.trouble())
}

fn ports<S>(records: Arc<S>, results: Arc<dyn ResultStore>, blobs: Arc<dyn BlobStore>) -> Ports
where
    S: ClientStore + TokenStore + AccountStore + SettingStore + AuditLog + FlowStore,
    S: HotRows + ReportStore + UploadStore + MonitoringStore + ToolStore,
    S: HuntStore + MemberStore + AdmissionStore + RosterStore + EraseStore + 'static,
{
    Ports {
        clients: records.clone(),
        tokens: records.clone(),
        accounts: records.clone(),
        settings: records.clone(),
        audit: records.clone(),
        flows: records.clone(),
        results,
        reports: records.clone(),
        uploads: records.clone(),
        monitoring: records.clone(),
        tools: records.clone(),
        blobs,
        hunts: records.clone(),
        members: records.clone(),
        admissions: records.clone(),
        roster: records.clone(),
        erasure: records,
    }
}

/// Opens the records in a database.
pub(crate) async fn open_postgres(config: &PostgresConfig) -> Outcome<RecordStore> {
    let mut url = config.url.clone();
    if let Some(password) = &config.password {
        let password = resolve(password)?;
        url.push(if url.contains('?') { '&' } else { '?' });
        url.push_str("password=");
        // Every byte that is not a plain letter, so that no password is taken for something else.
        for byte in password.bytes() {
            match byte.is_ascii_alphanumeric() {
                true => url.push(char::from(byte)),
                false => url.push_str(&format!("%{byte:02X}")),
            }
        }
    }
    let settings = store_postgres::Settings {
        connections: config.connections,
        ca_pem: certificates(config.ca_file.as_deref())?,
        ..store_postgres::Settings::default()
    };
    let opened = RecordStore::open(&url, settings).await;
    opened.map_err(|error| told(&error).hint("see `store.postgres` in the server's configuration"))
}

/// Where files are: what was uploaded, and segments.
pub(crate) struct Files {
    pub(crate) blobs: Arc<dyn BlobStore>,
    pub(crate) place: Place,
    /// The same place, as objects.
    pub(crate) segments: Objects,
}

/// Opens what was uploaded and segments: objects when they are named, a folder otherwise.
pub(crate) async fn open_files(config: &ServerConfig) -> Outcome<Files> {
    if let Some(s3) = &config.objects.s3 {
        return open_bucket(s3).await;
    }
    let shared = config.objects.folder.as_ref();
    let home = shared.unwrap_or(&config.data_dir);
    let blobs = FileBlobs::open(&home.join("uploads")).map_err(|error| told(&error))?;
    let place = segments::folder(home)?;
    let objects = store_objects::folder(&home.join("segments")).map_err(|error| told(&error))?;
    Ok(Files { blobs: Arc::new(blobs), place, segments: objects })
}

async fn open_bucket(config: &S3Config) -> Outcome<Files> {
    let keys = match (&config.access_key_id, &config.secret_access_key) {
        (Some(id), Some(secret)) => Some((id.clone(), resolve(secret)?)),
        (Some(_) | None, Some(_) | None) => None,
    };
    let settings = S3Settings {
        bucket: config.bucket.clone(),
        region: config.region.clone(),
        endpoint: config.endpoint.clone(),
        keys,
        allow_http: config.allow_http,
        virtual_host: config.virtual_host,
        ca_pem: certificates(config.ca_file.as_deref())?,
    };
    let bad =
        |error: OpenError| told(&error).hint("see `objects.s3` in the server's configuration");
    let bucket = store_objects::s3(&settings).map_err(bad)?;
    let name = format!("{:016x}", SystemEntropy.next_u64());
    match store_objects::probe(&*bucket, &config.prefix, &name).await {
        Ok(()) => {}
        // What is wrong with the settings needs a person; a store that is away comes back by itself, and a
        // server that was started again meanwhile must not be away as well.
        Err(error @ OpenError::Away { .. }) => {
            tracing::warn!(%error, "the store of files is away; the server starts without it");
        }
        Err(error) => return Err(bad(error)),
    }
    let segments = store_objects::below(Arc::clone(&bucket), &config.prefix, "segments");
    let blobs = Arc::new(ObjectBlobs::new(bucket, &config.prefix));
    let place = Place::object_store(Arc::clone(&segments));
    Ok(Files { blobs, place, segments })
}

fn certificates(file: Option<&Path>) -> Outcome<Option<Vec<u8>>> {
    let read = |file: &Path| std::fs::read(file).map_err(|e| Complaint::io("read", file, &e));
    file.map(read).transpose()
}

fn resolve(secret: &SecretConfig) -> Outcome<String> {
    let secret = match secret {
        SecretConfig::Env(name) => Secret::Env(name.clone()),
        SecretConfig::File(path) => Secret::File(path.clone()),
        SecretConfig::Command(words) => Secret::Command(words.clone()),
    };
    resolve_secret(&secret).map_err(Complaint::failed)
}
