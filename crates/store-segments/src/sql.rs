//! SQL over the rows of a scope, by DataFusion: it can only read, only these rows, and within limits.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::json::writer::{JsonArray, WriterBuilder};
use base::Chain;
use datafusion::error::DataFusionError;
use datafusion::execution::context::SQLOptions;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::prelude::{SessionConfig, SessionContext};
use flows::results::{SqlAnswer, SqlQuery};
use futures_util::StreamExt;
use model::store::StoreError;
use serde_json::value::RawValue;

use crate::opened::Lost;
use crate::results::SegmentedResults;
use crate::work::cores;

/// Memory that all questions in SQL share.
const MEMORY_MAX: usize = 384 << 20;
/// Room on disk for what does not fit.
const SPILL_MAX: u64 = 4 << 30;
/// How long a question may take.
const TIME_MAX: Duration = Duration::from_secs(60);
/// Most rows of an answer.
pub(crate) const ROWS_MAX: u64 = 100_000;
/// Most bytes of an answer.
const BYTES_MAX: usize = 32 << 20;
/// The name of the table.
const TABLE: &str = "results";

fn runtime_env() -> Result<Arc<RuntimeEnv>, DataFusionError> {
    static ENV: OnceLock<Arc<RuntimeEnv>> = OnceLock::new();
    if let Some(env) = ENV.get() {
        return Ok(env.clone());
    }
    let env = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(FairSpillPool::new(MEMORY_MAX)))
        .with_max_temp_directory_size(SPILL_MAX)
        .build_arc()?;
    Ok(ENV.get_or_init(|| env).clone())
}

impl SegmentedResults {
    pub(crate) async fn answer(&self, query: &SqlQuery) -> Result<SqlAnswer, Lost> {
        let opened = Arc::new(self.open(query.scope, query.source.as_deref()).await?);
        let table = self.table(opened).await?;
        let asked = ask(table, &query.text, query.rows_max.min(ROWS_MAX));
        match tokio::time::timeout(TIME_MAX, asked).await {
            Ok(answer) => answer.map_err(lost),
            Err(_) => Err(Lost::Failed(StoreError::refused(format!(
                "the query took longer than {} seconds; ask for less",
                TIME_MAX.as_secs()
            )))),
        }
    }
}

async fn ask(
    table: crate::table::ResultTable,
    text: &str,
    rows_max: u64,
) -> Result<SqlAnswer, DataFusionError> {
    let mut config = SessionConfig::new()
        .with_target_partitions(cores())
        .with_information_schema(false)
        .with_collect_statistics(false);
    // Names of columns have capital letters.
    config.options_mut().sql_parser.enable_ident_normalization = false;
    let context = SessionContext::new_with_config_rt(config, runtime_env()?);
    context.register_table(TABLE, Arc::new(table))?;
    let options =
        SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    let frame = context.sql_with_options(text, options).await?;
    let columns = frame.schema().fields().iter().map(|field| field.name().clone()).collect();
    let mut answer = SqlAnswer { columns, rows: Vec::new(), truncated: false };
    let mut bytes = 0;
    let mut stream = frame.execute_stream().await?;
    while let Some(batch) = stream.next().await {
        for row in rows_of(&batch?)? {
            if answer.rows.len() as u64 >= rows_max || bytes + row.len() > BYTES_MAX {
                answer.truncated = true;
                return Ok(answer);
            }
            bytes += row.len();
            answer.rows.push(row);
        }
    }
    Ok(answer)
}

/// Each row as a JSON object.
fn rows_of(batch: &RecordBatch) -> Result<Vec<String>, DataFusionError> {
    let mut writer =
        WriterBuilder::new().with_explicit_nulls(true).build::<_, JsonArray>(Vec::new());
    writer.write(batch)?;
    writer.finish()?;
    let text = writer.into_inner();
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let bad = |error: serde_json::Error| DataFusionError::External(Box::new(error));
    let rows: Vec<&RawValue> = serde_json::from_slice(&text).map_err(bad)?;
    Ok(rows.into_iter().map(|row| row.get().to_owned()).collect())
}

/// The same error once more: DataFusion keeps the first.
fn again(error: &StoreError) -> StoreError {
    let why = Chain(error).to_string();
    match error {
        StoreError::Away { .. } => StoreError::away("read rows", why),
        StoreError::NotFound { .. }
        | StoreError::Conflict { .. }
        | StoreError::Refused { .. }
        | StoreError::Broken { .. } => StoreError::broken("read rows", why),
    }
}

fn lost(error: DataFusionError) -> Lost {
    if let DataFusionError::External(inner) = error.find_root()
        && let Some(own) = inner.downcast_ref::<StoreError>()
    {
        // Rows that moved, or an object that is gone.
        return match own {
            StoreError::Conflict { .. } => Lost::Moved(None),
            own if crate::file::is_gone(own) => Lost::Moved(Some(again(own))),
            own => Lost::Failed(again(own)),
        };
    }
    let text = match error.find_root() {
        DataFusionError::ResourcesExhausted(_) => {
            "the query needs more memory than it may have; ask for less at once".to_owned()
        }
        other => format!("the query cannot be answered: {}", other.strip_backtrace()),
    };
    Lost::Failed(StoreError::refused(text))
}
