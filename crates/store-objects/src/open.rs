//! Reaches an S3-like store, and says clearly when that cannot be done.

use std::sync::Arc;
use std::time::Duration;

use base::Chain;
use object_store::aws::AmazonS3Builder;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{
    BackoffConfig, Certificate, ClientOptions, ObjectStore, ObjectStoreExt, PutPayload, RetryConfig,
};

/// How long one request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// For how long a request is made again. An agent keeps what it sends until it is kept, so it is better
/// to tell it soon.
const RETRY_FOR: Duration = Duration::from_secs(20);

/// Where the objects are.
#[derive(Clone, Default)]
pub struct S3Settings {
    /// The bucket; it must exist.
    pub bucket: String,
    /// The region; `us-east-1` when it is not said.
    pub region: Option<String>,
    /// For stores that are not Amazon's: `https://minio.example.org:9000`.
    pub endpoint: Option<String>,
    /// Key id and secret. Without them those of the environment or of the machine's role are used.
    pub keys: Option<(String, String)>,
    /// Whether `http://` may be spoken.
    pub allow_http: bool,
    /// The bucket's name is part of the host's: `https://bucket.example.org`.
    pub virtual_host: bool,
    /// Certificates of the authorities that the store's own may come from, as PEM text, besides the
    /// public ones.
    pub ca_pem: Option<Vec<u8>>,
}

/// Why the objects cannot be used. Never says a secret.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The settings make no sense.
    #[error("the bucket `{bucket}` cannot be used: {why}")]
    Settings {
        /// Which bucket.
        bucket: String,
        /// What is wrong.
        why: String,
    },
    /// The store cannot be reached, or fails: it may work later.
    #[error("{place} is away, an object could not be {doing}: {why}")]
    Away {
        /// `written`, `read`, `removed`.
        doing: &'static str,
        /// Where.
        place: String,
        /// What it said, with all causes.
        why: String,
    },
    /// The store refuses.
    #[error("an object cannot be {doing} in {place}: {why}")]
    Probe {
        /// `written`, `read`, `removed`.
        doing: &'static str,
        /// Where.
        place: String,
        /// What it said, with all causes.
        why: String,
    },
}

/// The bucket. Nothing is asked of it yet.
///
/// # Errors
///
/// When the settings make no sense.
pub fn s3(settings: &S3Settings) -> Result<Arc<dyn ObjectStore>, OpenError> {
    let bad = |error: object_store::Error| OpenError::Settings {
        bucket: settings.bucket.clone(),
        why: Chain(&error).to_string(),
    };
    let mut client = ClientOptions::new()
        .with_timeout(REQUEST_TIMEOUT)
        .with_connect_timeout(Duration::from_secs(5))
        .with_allow_http(settings.allow_http);
    if let Some(pem) = &settings.ca_pem {
        for certificate in Certificate::from_pem_bundle(pem).map_err(bad)? {
            client = client.with_root_certificate(certificate);
        }
    }
    let backoff = BackoffConfig { max_backoff: Duration::from_secs(5), ..BackoffConfig::default() };
    let retry = RetryConfig { backoff, max_retries: 6, retry_timeout: RETRY_FOR };
    let mut builder = match &settings.keys {
        Some((id, secret)) => {
            AmazonS3Builder::new().with_access_key_id(id).with_secret_access_key(secret)
        }
        None => AmazonS3Builder::from_env(),
    };
    builder = builder
        .with_bucket_name(&settings.bucket)
        .with_client_options(client)
        .with_allow_http(settings.allow_http)
        .with_retry(retry)
        .with_virtual_hosted_style_request(settings.virtual_host);
    if let Some(region) = &settings.region {
        builder = builder.with_region(region);
    }
    if let Some(endpoint) = &settings.endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    Ok(Arc::new(builder.build().map_err(bad)?))
}

/// A part of a store: what lies below a prefix and a name.
pub fn below(objects: Arc<dyn ObjectStore>, prefix: &str, name: &str) -> Arc<dyn ObjectStore> {
    Arc::new(PrefixStore::new(objects, Path::from(prefix).join(name)))
}

/// Writes, reads and removes an object, so that a wrong bucket or key is known at the start.
///
/// # Errors
///
/// What the store said.
pub async fn probe(objects: &dyn ObjectStore, prefix: &str, name: &str) -> Result<(), OpenError> {
    let path: Path = Path::from(prefix).join("probe").join(name);
    let place = format!("{objects} at {path}");
    let bad = |doing, error: object_store::Error| {
        let (place, why) = (place.clone(), Chain(&error).to_string());
        match error {
            object_store::Error::Generic { .. } => OpenError::Away { doing, place, why },
            _ => OpenError::Probe { doing, place, why },
        }
    };
    let written = objects.put(&path, PutPayload::from_static(b"lycaon")).await;
    written.map_err(|error| bad("written", error))?;
    objects.head(&path).await.map_err(|error| bad("read", error))?;
    objects.delete(&path).await.map_err(|error| bad("removed", error))
}
