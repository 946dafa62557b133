//! Spark Connect: the distributed engine of those who outgrow one machine.
//!
//! - One session for each engine and tenant. A session that the server has closed is opened anew.
//! - The URL is `sc://host:15002/;use_ssl=true;token=…;NAME=VALUE…` as Spark's own clients take it,
//!   or `http(s)://host:port`. Other pairs travel as metadata, for instance
//!   `x-databricks-cluster-id`.
//! - An answer is whole when the stream ends with a status of success; what ends otherwise fails.
//! - Values are literals that `sql-text` writes. `spark.sql.ansi` settings stay as they are.
//!
//! Versions of Delta tables are not offered as positions.

pub(crate) mod proto;

use std::io::Cursor;
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::ipc::reader::StreamReader;
use async_trait::async_trait;
use loghunt::engine::{EngineError, Horizon, Source};
use parking_lot::Mutex;
use rows::Value;
use sql_text::{Dialect, Statement};
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::metadata::{AsciiMetadataKey, AsciiMetadataValue, MetadataMap};
use tonic::transport::Channel;
use tonic_prost::ProstCodec;

use crate::answer::{Kept, RowSink};
use crate::facts::TableFacts;
use crate::remote::{Backend, Figures, Nature, Task, moment, plain_tag};
use crate::site::{ASIDE, Site};
use crate::{batches, grpc};
use proto::{
    ExecutePlanRequest, ExecutePlanResponse, InterruptRequest, InterruptResponse, Plan, Relation,
    Sql, UserContext,
};

/// One Spark Connect server as one user.
pub(crate) struct Spark {
    site: Site,
    channel: Channel,
    metadata: MetadataMap,
    session: Mutex<Arc<str>>,
    nature: Nature,
}

impl Spark {
    pub(crate) fn new(mut site: Site) -> Result<Self, EngineError> {
        let mut metadata = MetadataMap::new();
        let mut session = None;
        let mut secure = matches!(site.url.scheme(), "https" | "grpc+tls");
        let path = site.url.path().to_owned();
        for pair in path.trim_start_matches('/').split(';').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match name {
                "use_ssl" => secure = value == "true",
                "token" => site.secret = site.secret.take().or_else(|| Some(value.to_owned())),
                "user_id" => site.user = site.user.take().or_else(|| Some(value.to_owned())),
                "session_id" => session = Some(Arc::from(value)),
                name => insert(&mut metadata, name, value).ok_or_else(|| {
                    EngineError::permanent(site.says(format!(
                        "`{name}` in the `url` cannot travel as metadata; mend it or leave it out"
                    )))
                })?,
            }
        }
        if let Some(secret) = &site.secret {
            // A token is never sent in clear.
            secure = secure || site.url.scheme() == "sc";
            insert(&mut metadata, "authorization", &format!("Bearer {secret}")).ok_or_else(
                || EngineError::permanent(site.says("the secret has characters that no token has")),
            )?;
        }
        Ok(Self {
            nature: Nature::new(&site, Dialect::Spark, "spark", Some("java")),
            channel: grpc::channel(&site, secure, 15_002)?,
            site,
            metadata,
            session: Mutex::new(session.unwrap_or_else(fresh_session)),
        })
    }

    fn user(&self) -> UserContext {
        let name = self.site.user.clone().unwrap_or_else(|| "lycaon".to_owned());
        UserContext { user_id: name.clone(), user_name: name }
    }

    fn client(&self) -> Grpc<Channel> {
        Grpc::new(self.channel.clone())
            .max_decoding_message_size(grpc::MESSAGE_MAX)
            .max_encoding_message_size(grpc::MESSAGE_MAX)
    }

    fn request<T>(&self, message: T) -> tonic::Request<T> {
        tonic::Request::from_parts(self.metadata.clone(), tonic::Extensions::default(), message)
    }

    fn refused(&self, status: &tonic::Status) -> EngineError {
        let error = grpc::refused(&self.site, status);
        let closed = ["SESSION_CLOSED", "SESSION_CHANGED", "SESSION_NOT_FOUND"];
        if closed.iter().any(|word| error.message.contains(word)) {
            *self.session.lock() = fresh_session();
            return EngineError::transient(error.message);
        }
        error
    }

    async fn execute(
        &self,
        text: &str,
        tag: &str,
        rows: &mut dyn RowSink,
    ) -> Result<Vec<(String, String)>, EngineError> {
        let request = ExecutePlanRequest {
            session_id: self.session.lock().to_string(),
            user_context: Some(self.user()),
            plan: Some(Plan {
                root: Some(Relation { sql: Some(Sql { query: text.to_owned() }) }),
                command: None,
            }),
            client_type: Some("lycaon".to_owned()),
            tags: vec![plain_tag(tag)],
        };
        let mut client = self.client();
        let refused = |status: tonic::Status| self.refused(&status);
        client
            .ready()
            .await
            .map_err(|error| EngineError::transient(self.site.says(crate::site::causes(&error))))?;
        let path = PathAndQuery::from_static("/spark.connect.SparkConnectService/ExecutePlan");
        let codec = ProstCodec::<ExecutePlanRequest, ExecutePlanResponse>::default();
        let answer =
            client.server_streaming(self.request(request), path, codec).await.map_err(refused)?;
        let mut parts = answer.into_inner();
        let mut batch = Vec::new();
        let mut columns: Option<Vec<(String, String)>> = None;
        while let Some(part) = parts.message().await.map_err(refused)? {
            let Some(arrow) = part.arrow_batch else { continue };
            batch.extend_from_slice(&arrow.data);
            let last = arrow.num_chunks_in_batch.unwrap_or(1) - 1;
            if arrow.chunk_index.unwrap_or(last) < last {
                continue;
            }
            let whole = std::mem::take(&mut batch);
            let flow = self.batch(whole, &mut columns, rows).map_err(|why| {
                EngineError::transient(self.site.says(format!("an answer that is broken: {why}")))
            })?;
            if flow.is_break() {
                break;
            }
        }
        Ok(columns.unwrap_or_default())
    }

    /// Reads one stream of Arrow.
    fn batch(
        &self,
        bytes: Vec<u8>,
        columns: &mut Option<Vec<(String, String)>>,
        rows: &mut dyn RowSink,
    ) -> Result<ControlFlow<()>, String> {
        let said = |error: arrow::error::ArrowError| error.to_string();
        let reader = StreamReader::try_new(Cursor::new(bytes), None).map_err(said)?;
        if columns.is_none() {
            rows.columns(&batches::names(&reader.schema())?);
            *columns = Some(batches::columns(&reader.schema()));
        }
        for batch in reader {
            if batches::hand_over(&batch.map_err(said)?, rows).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// Sends along a pair.
fn insert(metadata: &mut MetadataMap, name: &str, value: &str) -> Option<()> {
    let key: AsciiMetadataKey = name.to_ascii_lowercase().parse().ok()?;
    let value: AsciiMetadataValue = value.parse().ok()?;
    metadata.insert(key, value);
    Some(())
}

/// A random id in the form of a UUID, which servers insist on.
fn fresh_session() -> Arc<str> {
    let mut bits = [0u8; 16];
    getrandom::fill(&mut bits).expect("the system has random numbers");
    bits[6] = bits[6] & 0x0f | 0x40;
    bits[8] = bits[8] & 0x3f | 0x80;
    let hex: String = bits.iter().map(|byte| format!("{byte:02x}")).collect();
    let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    parts.join("-").into()
}

#[async_trait]
impl Backend for Spark {
    fn nature(&self) -> &Nature {
        &self.nature
    }

    async fn facts(&self, source: &Source) -> Result<TableFacts, EngineError> {
        let table = Dialect::Spark
            .path(&source.table)
            .map_err(|error| EngineError::permanent(error.to_string()))?;
        let text = format!("SELECT * FROM {table} LIMIT 0");
        let columns = self.execute(&text, "lycaon-aside", &mut Kept::default()).await?;
        Ok(TableFacts {
            identity: format!("spark:{}", source.table.to_lowercase()).into(),
            columns,
            key: Vec::new(),
        })
    }

    async fn ask(
        &self,
        statement: &Statement,
        task: &Task,
        rows: &mut dyn RowSink,
    ) -> Result<Figures, EngineError> {
        self.execute(&statement.text, &task.tag, rows).await.map(|_| Figures::default())
    }

    async fn cancel(&self, tag: &str) -> Result<(), EngineError> {
        let request = InterruptRequest {
            session_id: self.session.lock().to_string(),
            user_context: Some(self.user()),
            client_type: Some("lycaon".to_owned()),
            interrupt_type: 2,
            operation_tag: Some(plain_tag(tag)),
        };
        let mut client = self.client();
        client
            .ready()
            .await
            .map_err(|error| EngineError::transient(self.site.says(crate::site::causes(&error))))?;
        let path = PathAndQuery::from_static("/spark.connect.SparkConnectService/Interrupt");
        let codec = ProstCodec::<InterruptRequest, InterruptResponse>::default();
        match client.unary(self.request(request), path, codec).await {
            Ok(_) => Ok(()),
            // Servers before 3.5 have no such call; the dropped stream has ended it.
            Err(status) if status.code() == tonic::Code::Unimplemented => Ok(()),
            Err(status) => Err(self.refused(&status)),
        }
    }

    async fn horizon(&self, _: &Source, _: &TableFacts) -> Result<Horizon, EngineError> {
        let mut kept = Kept::default();
        let work = self.execute("SELECT current_timestamp() AS now", "lycaon-aside", &mut kept);
        tokio::time::timeout(ASIDE, work)
            .await
            .map_err(|_| EngineError::transient(self.site.says("no answer")))??;
        let clock: Option<&Value> = kept.rows.first().and_then(|row| row.first());
        Ok(Horizon { clock: moment(clock), stable: None })
    }

    fn checksum(&self, facts: &TableFacts) -> Option<String> {
        let names = facts.columns.iter().map(|(name, _)| Dialect::Spark.identifier(name));
        let names: Vec<String> = names.collect::<Result<_, _>>().ok()?;
        Some(format!("coalesce(sum(CAST(xxhash64({}) AS DECIMAL(38, 0))), 0)", names.join(", ")))
    }
}
