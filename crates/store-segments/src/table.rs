//! The rows of a scope as a table of SQL.
//!
//! Its columns are those that every row has (`_client`, `_hostname`, `_flow`, `_round`, `_source`,
//! `_stored`, and `_json`, the row itself), and those of the rows: as numbers or truths when all values of a column
//! are, else as texts.

use std::fmt;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, RecordBatch, RecordBatchOptions, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::datasource::TableType;
use datafusion::error::DataFusionError;
use datafusion::execution::TaskContext;
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use flows::cell::Cell;
use flows::hot::{ColumnKind, HotBatch};
use flows::query::{Conditions, ORIGIN_COLUMNS, Origin, of_origin, walk};
use futures_util::{StreamExt, TryStreamExt};
use model::results::ResultQuery;
use model::store::StoreError;

use crate::cells::{Kinds, decode, merged};
use crate::columns::{Need, Piece};
use crate::opened::{Lost, Opened};
use crate::results::SegmentedResults;
use crate::typed::{TypedBuilder, data_type};
use crate::work::{cores, permits};

/// The row itself.
const JSON: &str = "_json";
const STORED: &str = "_stored";
/// Of hunts.
const ROUND: &str = "_round";
const TEXTS: [&str; 4] = ["_client", "_hostname", "_flow", "_source"];
/// Rows of a batch that goes on to DataFusion.
const ROWS: usize = 8_192;
/// Hot batches that are read at once.
const HOT_AT_ONCE: usize = 64;

/// What a column of the table is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Made {
    /// What every row has.
    Text(&'static str),
    Round,
    Stored,
    Json,
    /// A column of the rows.
    Own(String, ColumnKind),
}

impl Made {
    /// What its cells are.
    fn kind(&self) -> ColumnKind {
        match self {
            Self::Own(_, kind) => *kind,
            Self::Round => ColumnKind::Integers,
            Self::Text(_) | Self::Stored | Self::Json => ColumnKind::Texts,
        }
    }

    fn field(&self) -> Field {
        match self {
            Self::Text(name) => Field::new(*name, DataType::Utf8, true),
            Self::Round => Field::new(ROUND, DataType::Int64, true),
            Self::Stored => {
                let kind = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
                Field::new(STORED, kind, true)
            }
            Self::Json => Field::new(JSON, DataType::Utf8, true),
            Self::Own(name, kind) => Field::new(name, data_type(*kind), true),
        }
    }
}

/// The rows of a scope.
pub(crate) struct ResultTable {
    results: SegmentedResults,
    opened: Arc<Opened>,
    made: Vec<Made>,
    schema: SchemaRef,
}

impl fmt::Debug for ResultTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResultTable").field("schema", &self.schema).finish_non_exhaustive()
    }
}

impl SegmentedResults {
    /// The columns of the rows of a view, and what their values are.
    pub(crate) async fn kinds(&self, opened: &Opened) -> Result<Vec<(String, ColumnKind)>, Lost> {
        let mut found: Vec<(String, ColumnKind)> = Vec::new();
        let mut note = |name: &str, kind: ColumnKind| match found
            .iter_mut()
            .find(|(known, _)| known == name)
        {
            Some((_, so_far)) => *so_far = merged(*so_far, kind),
            None => found.push((name.to_owned(), kind)),
        };
        for segment in &opened.view.segments {
            segment.columns.iter().for_each(|column| note(&column.name, column.kind));
        }
        let hot: Vec<u64> = opened.view.hot.iter().map(|head| head.arrival).collect();
        self.each_hot(&hot, &mut |batch| {
            for json in &batch.rows {
                // A row that cannot be read was refused when it arrived.
                let _ = walk(json, &mut |name, raw| {
                    let mut kinds = Kinds::default();
                    kinds.note(raw);
                    if kinds.any() && !ORIGIN_COLUMNS.contains(&name) && name != JSON {
                        note(name, kinds.kind());
                    }
                });
            }
            Ok(())
        })
        .await?;
        Ok(found)
    }

    /// The rows of a view as a table.
    pub(crate) async fn table(&self, opened: Arc<Opened>) -> Result<ResultTable, Lost> {
        let mut made: Vec<Made> = TEXTS.map(Made::Text).to_vec();
        made.extend([Made::Round, Made::Stored]);
        let own = self.kinds(&opened).await?;
        made.extend(own.into_iter().map(|(name, kind)| Made::Own(name, kind)));
        made.push(Made::Json);
        let schema = Arc::new(Schema::new(made.iter().map(Made::field).collect::<Vec<_>>()));
        Ok(ResultTable { results: self.clone(), opened, made, schema })
    }
}

#[async_trait]
impl TableProvider for ResultTable {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let all: Vec<usize> = (0..self.made.len()).collect();
        let chosen = projection.unwrap_or(&all);
        let made: Vec<Made> = chosen.iter().map(|at| self.made[*at].clone()).collect();
        let schema: SchemaRef = Arc::new(self.schema.project(chosen)?);
        let part = |kind| -> Arc<dyn PartitionStream> {
            Arc::new(Part {
                results: self.results.clone(),
                opened: self.opened.clone(),
                made: made.clone(),
                schema: schema.clone(),
                kind,
            })
        };
        let count = cores();
        let mut parts: Vec<_> = (0..count).map(|at| part(Kind::Segments(at, count))).collect();
        parts.push(part(Kind::Hot));
        let exec = StreamingTableExec::try_new(schema.clone(), parts, None, [], false, limit)?;
        Ok(Arc::new(exec))
    }
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// Every so manieth row group, from this one.
    Segments(usize, usize),
    Hot,
}

/// A part of the table.
struct Part {
    results: SegmentedResults,
    opened: Arc<Opened>,
    made: Vec<Made>,
    schema: SchemaRef,
    kind: Kind,
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part").field("kind", &self.kind).finish_non_exhaustive()
    }
}

fn external(error: StoreError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

impl PartitionStream for Part {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let (opened, made, schema) = (self.opened.clone(), self.made.clone(), self.schema.clone());
        let of_schema = self.schema.clone();
        let batches = match self.kind {
            Kind::Segments(first, step) => {
                let groups: Vec<_> =
                    opened.groups().into_iter().skip(first).step_by(step).collect();
                futures_util::stream::iter(groups)
                    .then(move |(file, group)| {
                        let (opened, made, schema) = (opened.clone(), made.clone(), schema.clone());
                        async move { of_group(&opened, (file, group), &made, &schema).await }
                    })
                    .map_ok(|batches| {
                        futures_util::stream::iter(
                            batches.into_iter().map(Ok::<_, DataFusionError>),
                        )
                    })
                    .try_flatten()
                    .boxed()
            }
            Kind::Hot => {
                let arrivals: Vec<u64> = opened.view.hot.iter().map(|head| head.arrival).collect();
                let some: Vec<Vec<u64>> =
                    arrivals.chunks(HOT_AT_ONCE).map(<[u64]>::to_vec).collect();
                let results = self.results.clone();
                futures_util::stream::iter(some)
                    .then(move |arrivals| {
                        let (results, made, schema) =
                            (results.clone(), made.clone(), schema.clone());
                        async move {
                            let batches =
                                results.hot.read_hot(&arrivals).await.map_err(external)?;
                            if batches.len() != arrivals.len() {
                                return Err(external(moved()));
                            }
                            of_hot(&batches, &made, &schema)
                        }
                    })
                    .boxed()
            }
        };
        Box::pin(RecordBatchStreamAdapter::new(of_schema, batches))
    }
}

/// The sign that a question must be asked again.
pub(crate) fn moved() -> StoreError {
    StoreError::conflict("the rows were moved while they were read; ask again")
}

fn of_columns(
    schema: &SchemaRef,
    columns: Vec<ArrayRef>,
    rows: usize,
) -> Result<RecordBatch, DataFusionError> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(schema.clone(), columns, &options)?)
}

async fn of_group(
    opened: &Opened,
    (file, group): (usize, usize),
    made: &[Made],
    schema: &SchemaRef,
) -> Result<Vec<RecordBatch>, DataFusionError> {
    let _permit = permits().acquire_owned().await;
    let columns = made.iter().filter_map(|made| match made {
        Made::Own(name, _) => Some(name.clone()),
        Made::Text(name) => Some((*name).to_owned()),
        Made::Round => Some(ROUND.to_owned()),
        Made::Stored | Made::Json => None,
    });
    let need = Need {
        conditions: Conditions::of(&everything(opened)),
        columns: columns.collect(),
        rows: made.contains(&Made::Json),
    };
    let file = &opened.files[file];
    let mut piece = Piece::read(file, group, &need).await.map_err(external)?;
    opened.restrict(&mut piece);
    let kept: Vec<usize> = (0..piece.rows()).filter(|row| piece.kept[*row]).collect();
    kept.chunks(ROWS)
        .map(|rows| {
            let mut own = piece.columns.iter();
            let columns = made.iter().map(|made| -> ArrayRef {
                match made {
                    Made::Stored => {
                        let mut builder = TimestampMicrosecondBuilder::new().with_timezone("UTC");
                        for row in rows {
                            let at = piece.range.start + u32::try_from(*row).unwrap_or(u32::MAX);
                            let run = file.runs_of(at..at + 1).first();
                            builder.append_option(run.map(|run| run.stored.as_micros()));
                        }
                        Arc::new(builder.finish())
                    }
                    Made::Json => {
                        let mut builder = StringBuilder::new();
                        rows.iter().for_each(|row| builder.append_option(piece.json(*row)));
                        Arc::new(builder.finish())
                    }
                    Made::Text(_) | Made::Round | Made::Own(..) => {
                        let mut builder = TypedBuilder::new(made.kind());
                        if let Some(column) = own.next() {
                            for row in rows {
                                builder.push(&column.bytes(*row).map_or(Cell::Nothing, decode));
                            }
                        }
                        builder.finish()
                    }
                }
            });
            of_columns(schema, columns.collect(), rows.len())
        })
        .collect()
}

fn everything(opened: &Opened) -> ResultQuery {
    let scope =
        model::results::ResultScope::Flow(opened.flow.unwrap_or(base::FlowId::from_bits(0)));
    ResultQuery {
        scope,
        source: None,
        search: None,
        filters: Vec::new(),
        sort: None,
        offset: 0,
        limit: u64::MAX,
    }
}

fn of_hot(
    batches: &[HotBatch],
    made: &[Made],
    schema: &SchemaRef,
) -> Result<RecordBatch, DataFusionError> {
    let mut stored = TimestampMicrosecondBuilder::new().with_timezone("UTC");
    let mut texts = StringBuilder::new();
    let mut typed: Vec<TypedBuilder> =
        made.iter().map(|made| TypedBuilder::new(made.kind())).collect();
    let mut rows = 0;
    for batch in batches {
        let (client, flow) = (batch.client.to_string(), batch.flow.to_string());
        let origin = Origin {
            client: &client,
            hostname: &batch.hostname,
            flow: &flow,
            round: batch.round,
            source: &batch.source,
            stored: batch.stored,
            observed: None,
        };
        for json in &batch.rows {
            rows += 1;
            stored.append_value(batch.stored.as_micros());
            texts.append_value(json);
            let mut cells: Vec<Cell<'_>> = made
                .iter()
                .map(|made| match made {
                    Made::Text(name) => of_origin(origin, name),
                    Made::Round => of_origin(origin, ROUND),
                    Made::Own(..) | Made::Stored | Made::Json => Cell::Nothing,
                })
                .collect();
            // A row that cannot be read was refused when it arrived.
            let _ = walk(json, &mut |found, raw| {
                for (made, cell) in made.iter().zip(&mut cells) {
                    let is_it = match made {
                        Made::Own(name, _) => name == found,
                        Made::Text(name) => *name == found,
                        Made::Round => ROUND == found,
                        Made::Stored | Made::Json => false,
                    };
                    if is_it {
                        *cell = Cell::from_json(raw);
                    }
                }
            });
            typed.iter_mut().zip(&cells).for_each(|(builder, cell)| builder.push(cell));
        }
    }
    let (stored, texts): (ArrayRef, ArrayRef) =
        (Arc::new(stored.finish()), Arc::new(texts.finish()));
    let columns = made.iter().zip(&mut typed).map(|(made, builder)| match made {
        Made::Stored => stored.clone(),
        Made::Json => texts.clone(),
        Made::Text(_) | Made::Round | Made::Own(..) => builder.finish(),
    });
    of_columns(schema, columns.collect(), rows)
}
