//! SQL over the rows of a window, by DataFusion.
//!
//! The rows of the window are one table in memory; only columns that the query names are read. A
//! window that does not fit is too large, and the caller cuts it.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::types::Int64Type;
use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use base::Timestamp;
use datafusion::common::ScalarValue;
use datafusion::datasource::MemTable;
use datafusion::error::DataFusionError;
use datafusion::execution::context::SQLOptions;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use futures_util::StreamExt;
use loghunt::engine::{EngineError, Match, Query, QueryClass, Scan, Source};
use model::log::{Completeness, Position};
use parking_lot::Mutex;
use rows::{Row, Value};
use rows_arrow::Cells;
use sql_text::{Class, Clock, Dialect, Held, Target, Template};
use tokio::sync::mpsc;

use crate::dress::with_clocks;
use crate::pass::Pass;
use crate::predicates::{AskState, Matches};
use crate::table::{conformed, merged};
use crate::work;

/// The column of positions, beside those of the files.
const AT: &str = "_lycaon_at";
/// The column of the event's moment.
const WHEN: &str = "_lycaon_when";

/// DataFusion, with a budget.
pub(crate) struct Sql {
    context: SessionContext,
    tables: AtomicU64,
}

/// The rows of a window.
pub(crate) struct Table {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
}

#[derive(Default)]
struct Collected {
    schema: Option<Schema>,
    batches: Vec<RecordBatch>,
    bytes: u64,
}

impl Sql {
    pub(crate) fn new(memory_max: u64) -> Result<Self, EngineError> {
        let memory = usize::try_from(memory_max).unwrap_or(usize::MAX);
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(FairSpillPool::new(memory)))
            .build_arc()
            .map_err(|error| of_datafusion(&error))?;
        let mut config = SessionConfig::new()
            .with_target_partitions(work::cores())
            .with_collect_statistics(false);
        // Names of logs have capital letters.
        config.options_mut().sql_parser.enable_ident_normalization = false;
        let context = SessionContext::new_with_config_rt(config, runtime);
        Ok(Self { context, tables: AtomicU64::new(0) })
    }

    /// Answers a query over a table.
    pub(crate) async fn answer(
        &self,
        scan: &Scan,
        asked: &Asked,
        table: &Table,
        to: (usize, &mpsc::Sender<Matches>, &AskState),
    ) -> Result<Completeness, EngineError> {
        let number = self.tables.fetch_add(1, Ordering::Relaxed);
        let name = format!("lycaon_window_{number}");
        let statement = asked
            .template
            .render(&target(scan, asked, table, &name))
            .map_err(|error| EngineError::permanent(error.to_string()))?;
        let provider = table.provider().map_err(|error| of_datafusion(&error))?;
        let registered = Registered::new(&self.context, &name, provider)?;
        let options = SQLOptions::new()
            .with_allow_ddl(false)
            .with_allow_dml(false)
            .with_allow_statements(false);
        let frame = self.context.sql_with_options(&statement.text, options).await;
        let values: Vec<ScalarValue> = statement.parameters.iter().map(scalar).collect();
        let frame = frame
            .and_then(
                |frame| if values.is_empty() { Ok(frame) } else { frame.with_param_values(values) },
            )
            .map_err(|error| of_datafusion(&error))?;
        let mut stream = frame.execute_stream().await.map_err(|error| of_datafusion(&error))?;
        drop(registered);
        let (place, sender, state) = to;
        while let Some(batch) = stream.next().await {
            let batch = batch.map_err(|error| of_datafusion(&error))?;
            let mut found = matches(&batch, scan)?;
            let admitted = state.admit(found.len(), scan.limits.rows_max);
            let truncated = admitted < found.len();
            found.truncate(admitted);
            let gone = !found.is_empty() && sender.send((place, found)).await.is_err();
            if truncated || gone || state.broken_off.load(Ordering::Relaxed) {
                break;
            }
        }
        Ok(state.completeness(scan.limits.rows_max))
    }
}

/// A table that is known for as long as its query is planned.
struct Registered<'c> {
    context: &'c SessionContext,
    name: &'c str,
}

impl<'c> Registered<'c> {
    fn new(
        context: &'c SessionContext,
        name: &'c str,
        provider: MemTable,
    ) -> Result<Self, EngineError> {
        let registered = context.register_table(name, Arc::new(provider));
        registered.map_err(|error| of_datafusion(&error))?;
        Ok(Self { context, name })
    }
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        // It was registered, and nobody else takes it away.
        let _ = self.context.deregister_table(self.name);
    }
}

/// A query, read.
pub(crate) struct Asked {
    pub(crate) template: Template,
    text: Arc<str>,
    pub(crate) values: Vec<(String, Value)>,
}

impl Asked {
    pub(crate) fn new(
        text: &str,
        values: &[(String, Value)],
        class: QueryClass,
    ) -> Result<Self, EngineError> {
        let class = match class {
            QueryClass::PerEvent => Class::PerEvent,
            QueryClass::Windowed { .. } => Class::Windowed,
            QueryClass::Opaque => Class::Opaque,
        };
        let template = Template::parse(text, class).map_err(|problems| {
            let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
            EngineError::permanent(format!("the query: {}", problems.join("; ")))
        })?;
        Ok(Self { template, text: text.into(), values: values.to_vec() })
    }

    /// The columns of the source that it may name: all whose names stand in its text.
    pub(crate) fn wanted(&self, source: &Source) -> Option<(Arc<str>, Vec<String>)> {
        let text = self.text.to_ascii_lowercase().replace("count(*)", "");
        if text.contains('*') {
            return None;
        }
        let clocks = [&source.event_time, &source.ingest_time, &source.cursor];
        let clocks = clocks.into_iter().flatten().map(|name| name.to_string());
        let mapped = source.columns.iter().map(|(_, column)| column.clone());
        let mut columns: Vec<String> =
            clocks.chain(source.identity.iter().cloned()).chain(mapped).collect();
        let firsts = columns.iter().filter_map(|column| Some(column.split_once('.')?.0.to_owned()));
        columns.extend(firsts.collect::<Vec<_>>());
        Some((self.text.clone(), columns))
    }
}

/// What a column holds, for lowering.
pub(crate) fn held(schema: &Schema, column: &str) -> Option<Held> {
    match schema.field_with_name(column).ok()?.data_type() {
        DataType::Utf8 => Some(Held::Text),
        DataType::Boolean => Some(Held::Bool),
        kind if kind.is_integer() && *kind != DataType::UInt64 => Some(Held::Int),
        _ => None,
    }
}

fn target(scan: &Scan, asked: &Asked, table: &Table, name: &str) -> Target {
    let source = &scan.source;
    let own = table.schema.fields().iter().map(|field| field.name().clone());
    let known = own.filter(|name| name != AT && name != WHEN).collect();
    let position = if source.domain.is_time() { Clock::native(AT) } else { Clock::number(AT) };
    let there = |column: &str| table.schema.field_with_name(column).is_ok();
    Target {
        dialect: Dialect::DataFusion,
        style: Dialect::DataFusion.style(),
        table: name.to_owned(),
        position: Some(position),
        event_time: source.event_time.as_ref().map(|_| Clock::native(WHEN)),
        identity: source.identity.iter().filter(|column| there(column)).cloned().collect(),
        columns: source.columns.iter().filter(|(_, column)| there(column)).cloned().collect(),
        known,
        // The table has nothing else.
        read: (i64::MIN, i64::MAX),
        emit: (scan.emit.from().0, scan.emit.to().0),
        restriction: sql_text::Restriction::Window,
        values: asked.values.clone(),
        limit: None,
    }
}

impl Table {
    /// Reads the rows of a window.
    pub(crate) async fn read(
        pass: Pass,
        known: &Schema,
        memory_max: u64,
    ) -> Result<Self, EngineError> {
        let collected = Arc::new(Mutex::new(Collected::default()));
        let source = pass.source.clone();
        let into = collected.clone();
        pass.run(Arc::new(move |piece| {
            let bad = |error: arrow::error::ArrowError| EngineError::permanent(error.to_string());
            let batch = with_clocks(&piece.batch, &source).map_err(bad)?;
            let batch = with_places(&batch, &source, &piece.positions, piece.events.as_ref());
            let batch = batch.map_err(bad)?;
            let mut collected = into.lock();
            collected.bytes += batch.get_array_memory_size() as u64;
            if collected.bytes > memory_max {
                return Err(EngineError::too_large(format!(
                    "the window of `{}` has more than {memory_max} bytes of rows; a smaller window, or fewer columns, may fit",
                    source.table
                )));
            }
            let before = collected.schema.take().unwrap_or_else(Schema::empty);
            collected.schema = Some(merged(&before, &batch.schema()));
            collected.batches.push(batch);
            Ok(ControlFlow::Continue(()))
        }))
        .await?;
        let collected = std::mem::take(&mut *collected.lock());
        let schema = merged(&collected.schema.unwrap_or_else(Schema::empty), known);
        let schema = Arc::new(schema);
        let batches = collected.batches.iter().map(|batch| conformed(batch, &schema));
        let batches = batches
            .collect::<Result<_, _>>()
            .map_err(|error| EngineError::permanent(error.to_string()))?;
        Ok(Self { schema, batches })
    }

    fn provider(&self) -> Result<MemTable, DataFusionError> {
        let mut parts: Vec<Vec<RecordBatch>> = vec![Vec::new(); work::cores()];
        let count = parts.len();
        for (place, batch) in self.batches.iter().enumerate() {
            parts[place % count].push(batch.clone());
        }
        MemTable::try_new(self.schema.clone(), parts)
    }
}

/// The columns that every table has besides those of its files.
pub(crate) fn places_schema(source: &Source) -> Schema {
    let moment = DataType::Timestamp(arrow::datatypes::TimeUnit::Microsecond, Some("UTC".into()));
    let at = if source.domain.is_time() { moment.clone() } else { DataType::Int64 };
    let mut fields = vec![Field::new(AT, at, true)];
    if source.event_time.is_some() {
        fields.push(Field::new(WHEN, moment.clone(), true));
    }
    for clock in [&source.event_time, &source.ingest_time].into_iter().flatten() {
        fields.push(Field::new(&**clock, moment.clone(), true));
    }
    Schema::new(fields)
}

fn with_places(
    batch: &RecordBatch,
    source: &Source,
    positions: &[i64],
    events: Option<&Int64Array>,
) -> Result<RecordBatch, arrow::error::ArrowError> {
    let moments = |numbers: &Int64Array| -> ArrayRef {
        let moments: TimestampMicrosecondArray = numbers.reinterpret_cast();
        Arc::new(moments.with_timezone("UTC"))
    };
    let readable = |at: &i64| (*at != i64::MIN).then_some(*at);
    let numbers: Int64Array = positions.iter().map(readable).collect();
    let at = if source.domain.is_time() { moments(&numbers) } else { Arc::new(numbers) };
    let mut added = vec![(AT, at)];
    if let Some(events) = events {
        added.push((WHEN, moments(events)));
    }
    let mut fields = batch.schema().fields().to_vec();
    let mut columns = batch.columns().to_vec();
    for (name, column) in added {
        fields.push(Arc::new(Field::new(name, column.data_type().clone(), true)));
        columns.push(column);
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

fn matches(batch: &RecordBatch, scan: &Scan) -> Result<Vec<Match>, EngineError> {
    let numbers = |name: &str| -> Option<Int64Array> {
        let column = batch.column_by_name(name)?;
        match column.data_type() {
            DataType::Int64 => Some(column.as_primitive::<Int64Type>().clone()),
            _ => Some(rows_arrow::moments(column)),
        }
    };
    // Where a match of several rows completes, its query says.
    let instants = batch
        .column_by_name(sql_text::INSTANT)
        .filter(|_| !matches!(scan.query, Query::Sql { class: QueryClass::PerEvent, .. }))
        .map(|column| rows_arrow::moments(column));
    let positions = numbers(sql_text::POSITION)
        .or_else(|| instants.clone().filter(|_| scan.source.domain.is_time()));
    let events = numbers(sql_text::EVENT).or(instants);
    let shown = |name: &str| !name.starts_with(sql_text::HIDDEN);
    let cells =
        Cells::some_of(batch, shown).map_err(|error| EngineError::permanent(error.to_string()))?;
    let identity: Vec<(&String, ArrayRef)> = scan
        .source
        .identity
        .iter()
        .filter(|name| batch.column_by_name(name).is_none())
        .enumerate()
        .filter_map(|(place, name)| {
            Some((name, batch.column_by_name(&sql_text::identity_column(place))?.clone()))
        })
        .collect();
    let found = (0..batch.num_rows()).map(|row| {
        let mut own: Row = cells.row(row);
        for (name, column) in &identity {
            own.set(name.as_str(), rows_arrow::value(column, row));
        }
        let at = |numbers: &Int64Array| numbers.is_valid(row).then(|| numbers.value(row));
        let position = match &positions {
            Some(positions) => at(positions).unwrap_or(i64::MIN),
            None => scan.emit.to().0.saturating_sub(1),
        };
        Match {
            row: own,
            position: Position(position),
            event_time: events.as_ref().and_then(at).map(Timestamp::from_micros),
            identity: None,
        }
    });
    Ok(found.collect())
}

fn scalar(parameter: &sql_text::Parameter) -> ScalarValue {
    use sql_text::Parameter as P;
    match parameter {
        P::Null => ScalarValue::Null,
        P::Bool(truth) => ScalarValue::Boolean(Some(*truth)),
        P::Int(number) => ScalarValue::Int64(Some(*number)),
        P::Float(number) => ScalarValue::Float64(Some(*number)),
        P::Text(text) => ScalarValue::Utf8(Some(text.to_str_lossy().into_owned())),
        P::Time(moment) => {
            ScalarValue::TimestampMicrosecond(Some(moment.as_micros()), Some("UTC".into()))
        }
    }
}

/// What follows from an error of DataFusion.
fn of_datafusion(error: &DataFusionError) -> EngineError {
    let root = error.find_root();
    match root {
        DataFusionError::ResourcesExhausted(what) => {
            EngineError::too_large(format!("the query needs too much memory: {what}"))
        }
        DataFusionError::IoError(error) => {
            EngineError::transient(format!("the query could not go on: {error}"))
        }
        DataFusionError::External(inner) => match inner.downcast_ref::<EngineError>() {
            Some(own) => own.clone(),
            None => EngineError::permanent(inner.to_string()),
        },
        other => EngineError::permanent(format!("the query: {}", other.strip_backtrace())),
    }
}
