//! A Flight SQL server over a SQLite file: prepared statements with bound values, basic
//! authentication. Columns declared `TIMESTAMP` hold microseconds since 1970.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use arrow::ipc::writer::IpcWriteOptions;
use arrow_flight::encode::FlightDataEncoderBuilder;
use arrow_flight::error::FlightError;
use arrow_flight::flight_service_server::{FlightService, FlightServiceServer};
use arrow_flight::sql::server::{FlightSqlService, PeekableFlightDataStream};
use arrow_flight::sql::{
    ActionClosePreparedStatementRequest, ActionCreatePreparedStatementRequest,
    ActionCreatePreparedStatementResult, CommandPreparedStatementQuery,
    DoPutPreparedStatementResult, ProstMessageExt, SqlInfo,
};
use arrow_flight::{
    Action, FlightDescriptor, FlightEndpoint, FlightInfo, HandshakeRequest, HandshakeResponse,
    IpcMessage, SchemaAsIpc, Ticket,
};
use base64::Engine;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use prost::Message;
use rows::{Row, Time, Value};
use rusqlite::Connection;
use rusqlite::config::DbConfig;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::ValueRef;
use tonic::{Request, Response, Status, Streaming};

pub(super) struct Peer {
    address: SocketAddr,
    folder: tempfile::TempDir,
}

impl Peer {
    /// Starts it. It promises so many rows more than it has.
    pub(super) async fn start(promises_more: i64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = Service {
            path: folder.path().join("peer.db"),
            promises_more,
            prepared: Arc::default(),
            number: AtomicU64::new(0),
        };
        let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
        let server = tonic::transport::Server::builder()
            .add_service(FlightServiceServer::new(service))
            .serve_with_incoming(incoming);
        tokio::spawn(async move { server.await.unwrap() });
        Self { address, folder }
    }

    pub(super) fn url(&self) -> String {
        format!("grpc://{}", self.address)
    }

    pub(super) fn write(&self) -> Connection {
        open(&self.folder.path().join("peer.db"))
    }
}

fn open(path: &std::path::Path) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection.pragma_update(None, "journal_mode", "wal").unwrap();
    connection.busy_timeout(std::time::Duration::from_secs(30)).unwrap();
    connection.pragma_update(None, "case_sensitive_like", true).unwrap();
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false).unwrap();
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    let lower = connection.create_scalar_function("lower", 1, flags, |context| {
        Ok(context.get::<Option<String>>(0)?.map(|text| text.to_lowercase()))
    });
    lower.unwrap();
    connection
}

struct Prepared {
    text: String,
    values: Vec<rusqlite::types::Value>,
}

struct Service {
    path: std::path::PathBuf,
    promises_more: i64,
    prepared: Arc<Mutex<HashMap<Vec<u8>, Prepared>>>,
    number: AtomicU64,
}

fn wrong(error: rusqlite::Error) -> Status {
    Status::invalid_argument(error.to_string())
}

fn checked<T>(request: &Request<T>) -> Result<(), Status> {
    match request.metadata().get("authorization").and_then(|value| value.to_str().ok()) {
        Some("Bearer a-token") => Ok(()),
        other => Err(Status::unauthenticated(format!("who is {other:?}?"))),
    }
}

fn data_type(declared: Option<&str>) -> DataType {
    match declared {
        Some("BIGINT") => DataType::Int64,
        Some("DOUBLE") => DataType::Float64,
        Some("BOOLEAN") => DataType::Boolean,
        Some("TIMESTAMP") => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        _ => DataType::Utf8,
    }
}

/// SQLite has `instr(a, b)` for the standard's `POSITION(b IN a)`, which only conditions that we write
/// have: there `b` and `a` are columns, perhaps within functions.
fn as_sqlite_spells(text: &str) -> String {
    let Some((before, rest)) = text.split_once("(POSITION(") else { return text.to_owned() };
    let (mut depth, mut end) = (1, rest.len());
    for (at, letter) in rest.char_indices() {
        depth += i32::from(letter == '(') - i32::from(letter == ')');
        if depth == 0 {
            end = at;
            break;
        }
    }
    let (theirs, ours) = rest[..end].split_once(" IN ").unwrap();
    format!("{before}(instr({ours}, {theirs}{}", as_sqlite_spells(&rest[end..]))
}

/// The columns of an answer and their types. Columns of one name have one type in all tables here.
fn declared(
    connection: &Connection,
    statement: &rusqlite::Statement<'_>,
) -> Vec<(String, Option<String>)> {
    let text = "SELECT c.type FROM pragma_table_list AS t, pragma_table_info(t.name) AS c \
                WHERE t.schema = 'main' AND c.name = ?1 LIMIT 1";
    let kind = |name: &str| match name {
        "_lycaon_position" | "_lycaon_event" => Some("TIMESTAMP".to_owned()),
        name => connection.query_row(text, [name], |row| row.get(0)).ok(),
    };
    statement.column_names().map(|name| (name.to_owned(), kind(name))).collect()
}

/// Runs a statement; ends when nobody waits any more.
fn rows_of(
    path: &std::path::Path,
    prepared: &Prepared,
    gone: impl Fn() -> bool + Send + 'static,
) -> Result<RecordBatch, Status> {
    let mut connection = open(path);
    connection.progress_handler(1_000, Some(gone)).map_err(wrong)?;
    let mut statement = connection.prepare(&prepared.text).map_err(wrong)?;
    let columns = declared(&connection, &statement);
    let values = rusqlite::params_from_iter(prepared.values.iter());
    let mut found = statement.query(values).map_err(wrong)?;
    let mut rows = Vec::new();
    while let Some(cells) = found.next().map_err(wrong)? {
        let mut row = Row::new();
        for (at, (name, declared)) in columns.iter().enumerate() {
            let value = match (cells.get_ref(at).map_err(wrong)?, declared.as_deref()) {
                (ValueRef::Null, _) => Value::Null,
                (ValueRef::Integer(number), Some("TIMESTAMP")) => {
                    Value::Time(Time::from_unix_nanos(i128::from(number) * 1_000))
                }
                (ValueRef::Integer(number), Some("BOOLEAN")) => Value::Bool(number != 0),
                (ValueRef::Integer(number), _) => Value::Int(number),
                (ValueRef::Real(number), _) => Value::Float(number),
                (ValueRef::Text(bytes) | ValueRef::Blob(bytes), _) => Value::text(bytes),
            };
            row.set(name.as_str(), value);
        }
        rows.push(row);
    }
    rows_arrow::batch_of(&rows).map_err(|error| Status::internal(error.to_string()))
}

fn parameters(batch: &RecordBatch) -> Vec<rusqlite::types::Value> {
    let cell = |column: &Arc<dyn Array>| match rows_arrow::value(column, 0) {
        Value::Null => rusqlite::types::Value::Null,
        Value::Bool(truth) => i64::from(truth).into(),
        Value::Int(number) => number.into(),
        Value::Float(number) => number.into(),
        Value::Time(time) => i64::try_from(time.unix_nanos().div_euclid(1_000)).unwrap().into(),
        other => other.to_string().into(),
    };
    batch.columns().iter().map(cell).collect()
}

#[tonic::async_trait]
impl FlightSqlService for Service {
    type FlightService = Service;

    async fn do_handshake(
        &self,
        request: Request<Streaming<HandshakeRequest>>,
    ) -> Result<
        Response<Pin<Box<dyn Stream<Item = Result<HandshakeResponse, Status>> + Send>>>,
        Status,
    > {
        let wanted = base64::engine::general_purpose::STANDARD.encode("suite:right");
        let given = request.metadata().get("authorization").and_then(|value| value.to_str().ok());
        if given != Some(&format!("Basic {wanted}")) {
            return Err(Status::unauthenticated("invalid credentials"));
        }
        let answer = HandshakeResponse { protocol_version: 0, payload: "a-token".into() };
        let mut response: Response<Pin<Box<dyn Stream<Item = _> + Send>>> =
            Response::new(Box::pin(stream::iter([Ok(answer)])));
        response.metadata_mut().insert("authorization", "Bearer a-token".parse().unwrap());
        Ok(response)
    }

    async fn do_action_create_prepared_statement(
        &self,
        query: ActionCreatePreparedStatementRequest,
        request: Request<Action>,
    ) -> Result<ActionCreatePreparedStatementResult, Status> {
        checked(&request)?;
        let text = as_sqlite_spells(&query.query);
        let schema = {
            let connection = open(&self.path);
            let statement = connection.prepare(&text).map_err(wrong)?;
            let columns = declared(&connection, &statement);
            let fields = columns
                .iter()
                .map(|(name, kind)| Field::new(name, data_type(kind.as_deref()), true));
            Schema::new(fields.collect::<Vec<_>>())
        };
        let options = IpcWriteOptions::default();
        let message: IpcMessage = SchemaAsIpc::new(&schema, &options)
            .try_into()
            .map_err(|error: arrow::error::ArrowError| Status::internal(error.to_string()))?;
        let handle = self.number.fetch_add(1, Ordering::Relaxed).to_string().into_bytes();
        let prepared = Prepared { text, values: Vec::new() };
        self.prepared.lock().unwrap().insert(handle.clone(), prepared);
        Ok(ActionCreatePreparedStatementResult {
            prepared_statement_handle: handle.into(),
            dataset_schema: message.0,
            parameter_schema: Default::default(),
        })
    }

    async fn do_action_close_prepared_statement(
        &self,
        query: ActionClosePreparedStatementRequest,
        request: Request<Action>,
    ) -> Result<(), Status> {
        checked(&request)?;
        self.prepared.lock().unwrap().remove(&query.prepared_statement_handle.to_vec());
        Ok(())
    }

    async fn do_put_prepared_statement_query(
        &self,
        query: CommandPreparedStatementQuery,
        request: Request<PeekableFlightDataStream>,
    ) -> Result<DoPutPreparedStatementResult, Status> {
        checked(&request)?;
        let data = request.into_inner().map_err(FlightError::from);
        let batches: Vec<RecordBatch> =
            arrow_flight::decode::FlightRecordBatchStream::new_from_flight_data(data)
                .try_collect()
                .await
                .map_err(|error| Status::invalid_argument(error.to_string()))?;
        let mut prepared = self.prepared.lock().unwrap();
        let known = prepared.get_mut(&query.prepared_statement_handle.to_vec());
        let known = known.ok_or_else(|| Status::not_found("no such statement"))?;
        known.values = batches.first().map(parameters).unwrap_or_default();
        Ok(DoPutPreparedStatementResult {
            prepared_statement_handle: Some(query.prepared_statement_handle),
        })
    }

    async fn get_flight_info_prepared_statement(
        &self,
        query: CommandPreparedStatementQuery,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        checked(&request)?;
        let ticket = Ticket::new(query.as_any().encode_to_vec());
        let endpoint = FlightEndpoint::new().with_ticket(ticket);
        let mut info = FlightInfo::new().with_endpoint(endpoint);
        info.total_records = if self.promises_more > 0 { 1 + self.promises_more } else { -1 };
        Ok(Response::new(info))
    }

    async fn do_get_prepared_statement(
        &self,
        query: CommandPreparedStatementQuery,
        request: Request<Ticket>,
    ) -> Result<Response<<Self as FlightService>::DoGetStream>, Status> {
        checked(&request)?;
        let handle = query.prepared_statement_handle.to_vec();
        let known = self.prepared.lock().unwrap().remove(&handle);
        let prepared = known.ok_or_else(|| Status::not_found("no such statement"))?;
        let path = self.path.clone();
        let (out, answer) = tokio::sync::mpsc::channel(1);
        let gone = out.clone();
        tokio::task::spawn_blocking(move || {
            let batch = rows_of(&path, &prepared, move || gone.is_closed());
            // Nobody may be waiting any more.
            let _ = out.blocking_send(batch.map_err(FlightError::from));
        });
        let batches = tokio_stream::wrappers::ReceiverStream::new(answer);
        let data = FlightDataEncoderBuilder::new().build(batches).map_err(Status::from);
        Ok(Response::new(data.boxed()))
    }

    async fn register_sql_info(&self, _: i32, _: &SqlInfo) {}
}
