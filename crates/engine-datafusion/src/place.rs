//! Where tables are: below a folder or a bucket, and how their stores are reached.

use std::collections::HashMap;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use loghunt::engine::EngineError;
use model::log::FailureClass;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use parking_lot::Mutex;
use url::Url;

/// The root of an engine.
pub(crate) struct Root {
    /// As messages name it; without secrets.
    shown: String,
    kind: Kind,
    options: Vec<(String, String)>,
    /// Stores of tables that are full URLs, by everything before their path.
    others: Mutex<HashMap<String, Arc<dyn ObjectStore>>>,
}

enum Kind {
    Folder(PathBuf),
    Remote(Arc<dyn ObjectStore>, Path),
}

/// A table: a file or everything below a folder.
#[derive(Clone)]
pub(crate) struct Place {
    /// Where its files are.
    pub(crate) store: Arc<dyn ObjectStore>,
    /// The file or folder there.
    pub(crate) path: Path,
    /// As messages name it.
    pub(crate) shown: String,
    /// On this machine.
    pub(crate) local: Option<PathBuf>,
}

impl Root {
    /// A folder, or the URL of an object store.
    pub(crate) fn open(root: &str, options: Vec<(String, String)>) -> Result<Self, EngineError> {
        let kind = match url_of(root) {
            None => Kind::Folder(PathBuf::from(root)),
            Some(url) if url.scheme() == "file" => {
                let path = url.to_file_path().map_err(|()| {
                    EngineError::permanent(format!("`{root}` is not the URL of a folder"))
                })?;
                Kind::Folder(path)
            }
            Some(url) => {
                let (store, path) = remote(&url, &options)?;
                Kind::Remote(store, path)
            }
        };
        Ok(Self { shown: root.to_owned(), kind, options, others: Mutex::default() })
    }

    /// Where a table is.
    pub(crate) fn table(&self, table: &str) -> Result<Place, EngineError> {
        if let Some(url) = url_of(table) {
            return self.elsewhere(table, &url);
        }
        let bad = |why: String| {
            let root = &self.shown;
            let hint = "name a file or folder below the engine's `root`, without `..`";
            EngineError::permanent(format!("the table `{table}` of `{root}`: {why}; {hint}"))
        };
        let relative = table.trim_matches('/');
        let below = Path::parse(relative).map_err(|error| bad(error.to_string()))?;
        match &self.kind {
            Kind::Folder(root) => {
                let path = root.join(relative);
                let (store, path) = local(root, &below)
                    .map_err(|error| unreachable(&path.display().to_string(), &error))?;
                let shown = root.join(relative);
                let shown_text = shown.display().to_string();
                Ok(Place { store, path, shown: shown_text, local: Some(shown) })
            }
            Kind::Remote(store, root) => {
                let path = root.parts().chain(below.parts()).collect();
                let shown = format!("{}/{relative}", self.shown.trim_end_matches('/'));
                Ok(Place { store: store.clone(), path, shown, local: None })
            }
        }
    }

    fn elsewhere(&self, table: &str, url: &Url) -> Result<Place, EngineError> {
        if url.scheme() == "file" {
            return Err(EngineError::permanent(format!(
                "the table `{table}` is a URL of this machine's files; name it relative to the engine's `root`"
            )));
        }
        let origin = url[..url::Position::BeforePath].to_owned();
        let (store, path) = remote(url, &self.options)?;
        let mut others = self.others.lock();
        let store = others.entry(origin).or_insert(store).clone();
        Ok(Place { store, path, shown: table.to_owned(), local: None })
    }
}

/// A local store that sees nothing outside of its root.
fn local(
    root: &FilePath,
    below: &Path,
) -> Result<(Arc<dyn ObjectStore>, Path), object_store::Error> {
    Ok((Arc::new(LocalFileSystem::new_with_prefix(root)?), below.clone()))
}

/// Nothing for what is no URL, such as a path of Windows.
fn url_of(text: &str) -> Option<Url> {
    text.contains("://").then(|| Url::parse(text).ok()).flatten()
}

fn remote(
    url: &Url,
    options: &[(String, String)],
) -> Result<(Arc<dyn ObjectStore>, Path), EngineError> {
    let options = options.iter().map(|(name, value)| (name.as_str(), value.clone()));
    match object_store::parse_url_opts(url, options) {
        Ok((store, path)) => Ok((store.into(), path)),
        Err(error) => Err(EngineError::permanent(format!(
            "`{url}` cannot be reached as an object store: {error}; see the engine's `root` and `options`"
        ))),
    }
}

/// What follows from an error of a store.
pub(crate) fn unreachable(what: &str, error: &object_store::Error) -> EngineError {
    use object_store::Error as E;
    let class = match error {
        E::NotFound { .. }
        | E::InvalidPath { .. }
        | E::NotSupported { .. }
        | E::NotImplemented { .. }
        | E::PermissionDenied { .. }
        | E::Unauthenticated { .. }
        | E::UnknownConfigurationKey { .. } => FailureClass::Permanent,
        // A folder that is not there is told by the operating system in many words.
        other if is_missing(other) => FailureClass::Permanent,
        _ => FailureClass::Transient,
    };
    EngineError { class, message: format!("`{what}` cannot be read: {}", causes(error)) }
}

fn is_missing(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            let kind = io.kind();
            return matches!(
                kind,
                std::io::ErrorKind::NotFound | std::io::ErrorKind::PermissionDenied
            );
        }
        cause = error.source();
    }
    false
}

/// An error and what caused it, each once.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}
