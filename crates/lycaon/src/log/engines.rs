//! Which engines there are, and how they are reached: the only place that chooses.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use engine_sqlite::SqliteEngine;
use log_rules::{Definitions, EngineKind, Secret, Setting};
use loghunt::engine::{EngineError, SqlEngine};
use model::log::{EngineName, TenantName};
use parking_lot::Mutex;
use scheduler::null::{NullEngine, RefusingEngine};

use crate::machine::SystemClock;

/// Engines, made when they are first needed and kept for each tenant.
pub(super) struct OpenEngines {
    /// Where engines keep what they remember of sources.
    state: PathBuf,
    /// Engines that refuse every query, on purpose.
    refusing: Vec<String>,
    clock: Arc<dyn base::Clock>,
    open: Mutex<HashMap<(TenantName, EngineName), Open>>,
}

struct Open {
    kind: EngineKind,
    engine: Arc<dyn SqlEngine>,
}

impl OpenEngines {
    pub(super) fn new(state: &Path) -> Self {
        let state = state.join("engines");
        let clock = Arc::new(SystemClock);
        Self { state, refusing: Vec::new(), clock, open: Mutex::default() }
    }

    /// These refuse every query; sources' clocks are this one where engines have none of their own.
    pub(super) fn for_replay(self, refusing: Vec<String>, clock: Arc<dyn base::Clock>) -> Self {
        Self { refusing, clock, ..self }
    }
}

#[async_trait]
impl scheduler::Engines for OpenEngines {
    async fn engine(
        &self,
        definitions: &Arc<Definitions>,
        tenant: &TenantName,
        engine: &EngineName,
    ) -> Result<Arc<dyn SqlEngine>, EngineError> {
        let defined =
            definitions.engines.iter().find(|one| one.name == *engine).ok_or_else(|| {
                EngineError::permanent(format!(
                    "there is no engine `{engine}`; add it to the engines"
                ))
            })?;
        let key = (tenant.clone(), engine.clone());
        if let Some(open) = self.open.lock().get(&key)
            && open.kind == defined.kind
        {
            return Ok(open.engine.clone());
        }
        // Programs that print secrets may take their time.
        let (kind, name, owner) = (defined.kind.clone(), engine.clone(), tenant.clone());
        let own = definitions
            .tenants
            .iter()
            .find(|one| one.name == *tenant)
            .and_then(|one| one.secrets.iter().find(|(of, _)| of == engine))
            .map(|(_, secret)| secret.clone());
        let (state, clock) = (self.state.clone(), self.clock.clone());
        let made = tokio::task::spawn_blocking(move || make(&kind, &owner, own, &state, clock));
        let made = made.await.unwrap_or_else(|error| {
            Err(EngineError::transient(format!("the engine `{name}` could not be made: {error}")))
        })?;
        let refuses = self.refusing.iter().any(|name| name == engine.as_str());
        let made =
            if refuses { Arc::new(RefusingEngine(made)) as Arc<dyn SqlEngine> } else { made };
        let open = Open { kind: defined.kind.clone(), engine: made.clone() };
        self.open.lock().insert(key, open);
        Ok(made)
    }
}

fn make(
    kind: &EngineKind,
    tenant: &TenantName,
    own: Option<Secret>,
    state: &Path,
    clock: Arc<dyn base::Clock>,
) -> Result<Arc<dyn SqlEngine>, EngineError> {
    let secret = own.as_ref().or(secret_of(kind)).map(super::secrets::resolve).transpose();
    let secret = secret.map_err(EngineError::permanent)?;
    match kind {
        EngineKind::Null => Ok(Arc::new(NullEngine::new(clock))),
        EngineKind::Sqlite { path } => {
            Ok(Arc::new(SqliteEngine::new(path.replace("{tenant}", tenant.as_str()))))
        }
        EngineKind::DataFusion { .. } => datafusion(kind, tenant, state),
        other => engine_remote::connect(other, tenant, secret),
    }
}

/// Files and folders, in this process.
fn datafusion(
    kind: &EngineKind,
    tenant: &TenantName,
    state: &Path,
) -> Result<Arc<dyn SqlEngine>, EngineError> {
    let EngineKind::DataFusion { root, options, memory } = kind else {
        return Err(EngineError::permanent("this is no engine over files"));
    };
    let value = |setting: &Setting| match setting {
        Setting::Plain(text) => Ok(text.clone()),
        Setting::Secret(secret) => super::secrets::resolve(secret),
    };
    let options = options.iter().map(|(name, setting)| Ok((name.clone(), value(setting)?)));
    let options = options.collect::<Result<_, String>>().map_err(EngineError::permanent)?;
    let settings = engine_datafusion::Settings {
        root: root.replace("{tenant}", tenant.as_str()),
        options,
        memory_max: memory.map(|size| size.0),
        state: state.to_owned(),
    };
    Ok(Arc::new(engine_datafusion::DataFusionEngine::new(settings)?))
}

/// Rows in memory, for the tests of rules.
pub(super) fn in_memory(
    tables: Vec<(String, Vec<rows::Row>)>,
) -> Result<Arc<dyn SqlEngine>, EngineError> {
    Ok(Arc::new(engine_datafusion::DataFusionEngine::in_memory(tables)?))
}

fn secret_of(kind: &EngineKind) -> Option<&Secret> {
    match kind {
        EngineKind::Postgres(address)
        | EngineKind::ClickHouse(address)
        | EngineKind::SparkConnect(address)
        | EngineKind::FlightSql(address)
        | EngineKind::Trino(address)
        | EngineKind::OpenSearch(address) => address.secret.as_ref(),
        _ => None,
    }
}

/// Paths in definitions are meant from the folder that they lie in.
pub(super) fn at_home(definitions: &mut Definitions, folder: &Path) {
    let home = |path: &mut String| {
        if !path.contains("://") && Path::new(path.as_str()).is_relative() {
            *path = folder.join(path.as_str()).to_string_lossy().into_owned();
        }
    };
    for engine in &mut definitions.engines {
        match &mut engine.kind {
            EngineKind::DataFusion { root, .. } => home(root),
            EngineKind::Sqlite { path } => home(path),
            _ => {}
        }
    }
    for channel in &mut definitions.channels {
        if let log_rules::ChannelKind::File { path } = &mut channel.kind {
            *path = folder.join(&*path);
        }
    }
}
