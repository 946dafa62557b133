//! Where records and files are kept, and which of several nodes this one is.
//!
//! Secrets are named, never written here: they come from the environment, a file or a program.

use std::path::PathBuf;

use serde::Deserialize;

/// `store:` in the server's configuration: where the records are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreConfig {
    /// In a PostgreSQL database, for several nodes; in a file of the data directory when left out.
    pub postgres: Option<PostgresConfig>,
}

/// `store.postgres:`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostgresConfig {
    /// Which database: `postgresql://USER@HOST:5432/DATABASE?sslmode=require`, without the password.
    pub url: String,
    /// The password, when the database wants one.
    pub password: Option<SecretConfig>,
    /// Certificates of the authorities that the database's own may come from, in PEM form, besides the
    /// public ones.
    pub ca_file: Option<PathBuf>,
    /// How many connections this node holds at most, besides one for news.
    #[serde(default = "connections")]
    pub connections: usize,
}

fn connections() -> usize {
    16
}

/// `objects:` in the server's configuration: where uploaded files are. In the data directory when left
/// out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ObjectsConfig {
    /// In a bucket of an S3-like store.
    pub s3: Option<S3Config>,
    /// In a folder that all nodes share.
    pub folder: Option<PathBuf>,
}

/// `objects.s3:`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct S3Config {
    /// The bucket; it must exist.
    pub bucket: String,
    /// What the names of all objects begin with.
    #[serde(default)]
    pub prefix: String,
    /// The region.
    pub region: Option<String>,
    /// For stores that are not Amazon's: `https://minio.example.org:9000`.
    pub endpoint: Option<String>,
    /// The key's id. Without keys those of the environment or of the machine's role are used.
    pub access_key_id: Option<String>,
    /// The key's secret.
    pub secret_access_key: Option<SecretConfig>,
    /// Certificates of the authorities that the store's own may come from, in PEM form, besides the
    /// public ones.
    pub ca_file: Option<PathBuf>,
    /// Whether `http://` may be spoken.
    #[serde(default)]
    pub allow_http: bool,
    /// The bucket's name is part of the host's.
    #[serde(default)]
    pub virtual_host: bool,
}

/// Where a secret comes from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretConfig {
    /// From this variable of the environment.
    Env(String),
    /// From this file.
    File(PathBuf),
    /// From what this program prints, with its arguments.
    Command(Vec<String>),
}

/// `node:` in the server's configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NodeConfig {
    /// Its name for people; the machine's when left out.
    pub name: Option<String>,
}

/// `authority:` in the server's configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuthorityConfig {
    /// The folder with `ca.pem` and `ca.key`, the same for all nodes; the data directory when left out.
    pub folder: Option<PathBuf>,
}

/// What is wrong with these parts: field and message.
pub(super) fn problems(
    (store, objects): (&StoreConfig, &ObjectsConfig),
    authority: &AuthorityConfig,
) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    let mut wrong = |field, message: &str| found.push((field, message.to_owned()));
    if let Some(postgres) = &store.postgres {
        let scheme = ["postgresql://", "postgres://"];
        if !scheme.iter().any(|scheme| postgres.url.starts_with(scheme)) {
            wrong(
                "store.postgres.url",
                "is no URL of a database; write `postgresql://USER@HOST:5432/DATABASE?sslmode=require`",
            );
        }
        if postgres.connections == 0 {
            wrong("store.postgres.connections", "is 0; it must be at least 1");
        }
        if objects.s3.is_none() && objects.folder.is_none() {
            wrong(
                "store.postgres",
                "is for several nodes, which must share files too: give objects.s3, or \
                 objects.folder for a folder that all of them reach",
            );
        }
        if authority.folder.is_none() {
            wrong(
                "store.postgres",
                "is for several nodes, which must sign alike: give authority.folder, with the same \
                 `ca.pem` and `ca.key` on each of them",
            );
        }
    }
    if objects.s3.is_some() && objects.folder.is_some() {
        wrong("objects.folder", "is one place and objects.s3 another; leave one out");
    }
    if let Some(s3) = &objects.s3 {
        if s3.bucket.is_empty() {
            wrong("objects.s3.bucket", "is empty; name a bucket that exists");
        }
        if s3.access_key_id.is_some() != s3.secret_access_key.is_some() {
            wrong(
                "objects.s3.access_key_id",
                "needs objects.s3.secret_access_key beside it, and the other way round",
            );
        }
        let plain = s3.endpoint.as_ref().is_some_and(|url| url.starts_with("http://"));
        if plain && !s3.allow_http {
            wrong(
                "objects.s3.endpoint",
                "is not encrypted; use https://, or set objects.s3.allow_http: true",
            );
        }
    }
    found
}
