//! Arrow Flight SQL: Dremio, InfluxDB, Doris, Sail and others.
//!
//! - Every question is a prepared statement; values are bound.
//! - With a user and a secret there is a handshake for a token; a secret alone is a token.
//! - Rows are fetched from the server that was asked, whatever other locations it names: credentials
//!   never follow an answer elsewhere.
//! - An answer is whole when every endpoint's stream ends with a status of success, and has as many
//!   rows as the server said, where it said.
//! - Dropping a question resets its stream; there is no way to find it again by tag from elsewhere.
//!
//! What `LIKE` makes of case is up to what stands behind; the standard's rule is assumed. Regular
//! expressions are none of the standard's, so predicates with them are judged here.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, NullArray, StringArray,
    TimestampMicrosecondArray,
};
use arrow::record_batch::RecordBatch;
use arrow_flight::error::FlightError;
use arrow_flight::sql::client::FlightSqlServiceClient;
use arrow_flight::{FlightInfo, Ticket};
use async_trait::async_trait;
use futures_util::TryStreamExt;
use loghunt::engine::{EngineError, Horizon, Source};
use parking_lot::Mutex;
use sql_text::{Dialect, Parameter, Statement};
use tonic::Code;
use tonic::transport::Channel;

use crate::answer::{Kept, RowSink};
use crate::facts::TableFacts;
use crate::remote::{Backend, Figures, Nature, Task, moment};
use crate::site::Site;
use crate::{batches, grpc};

/// One Flight SQL server as one user.
pub(crate) struct FlightSql {
    site: Site,
    channel: Channel,
    token: Mutex<Option<String>>,
    nature: Nature,
}

impl FlightSql {
    pub(crate) fn new(site: Site) -> Result<Self, EngineError> {
        let secure = matches!(site.url.scheme(), "https" | "grpc+tls");
        if site.secret.is_some() && !secure && !local(&site) {
            return Err(EngineError::permanent(
                site.says("a secret would travel in clear; write the `url` with grpc+tls://"),
            ));
        }
        Ok(Self {
            nature: Nature::new(&site, Dialect::FlightSql, "flight_sql", None),
            channel: grpc::channel(&site, secure, 32_010)?,
            site,
            token: Mutex::new(None),
        })
    }

    /// A client with a token, if there is a secret.
    async fn client(&self) -> Result<FlightSqlServiceClient<Channel>, EngineError> {
        let inner =
            arrow_flight::flight_service_client::FlightServiceClient::new(self.channel.clone())
                .max_decoding_message_size(grpc::MESSAGE_MAX);
        let mut client = FlightSqlServiceClient::new_from_inner(inner);
        if let Some(database) = &self.site.database {
            client.set_header("database", database);
        }
        let Some(secret) = &self.site.secret else { return Ok(client) };
        let known = self.token.lock().clone();
        let token = match (&self.site.user, known) {
            (_, Some(token)) => token,
            (None, None) => secret.clone(),
            (Some(user), None) => {
                let answer = client.handshake(user, secret).await;
                let bytes = answer.map_err(|error| self.said(&error))?;
                // Some servers answer in a header, which the client has kept.
                let token = client.token().cloned();
                token.unwrap_or_else(|| String::from_utf8_lossy(&bytes).into_owned())
            }
        };
        client.set_token(token.clone());
        *self.token.lock() = Some(token);
        Ok(client)
    }

    fn said(&self, error: &FlightError) -> EngineError {
        match error {
            FlightError::Tonic(status) => {
                if status.code() == Code::Unauthenticated {
                    // It may only be old.
                    *self.token.lock() = None;
                }
                grpc::refused(&self.site, status)
            }
            other => {
                let message = self.site.says(crate::site::causes(other));
                let lower = message.to_lowercase();
                // A handshake prints the status instead of keeping it.
                let words = ["authentication credentials", "unauthenticated", "permission"];
                if words.iter().any(|word| lower.contains(word)) {
                    let mend = "mend `user` and `secret` of the engine";
                    return EngineError::permanent(format!("{message}; {mend}"));
                }
                EngineError::transient(message)
            }
        }
    }

    async fn read(
        &self,
        client: &mut FlightSqlServiceClient<Channel>,
        info: FlightInfo,
        rows: &mut dyn RowSink,
    ) -> Result<Option<String>, EngineError> {
        let mut count = 0u64;
        let mut named = false;
        for endpoint in info.endpoint {
            let ticket: Ticket = endpoint.ticket.unwrap_or_default();
            let answer = client.do_get(ticket).await;
            let mut stream = answer.map_err(|error| self.said(&error))?;
            while let Some(batch) = stream.try_next().await.map_err(|error| self.said(&error))? {
                if !named {
                    let names = batches::names(&batch.schema());
                    let names = names.map_err(|why| EngineError::permanent(self.site.says(why)))?;
                    rows.columns(&names);
                    named = true;
                }
                count += batch.num_rows() as u64;
                if batches::hand_over(&batch, rows).is_break() {
                    return Ok(None);
                }
            }
        }
        let promised = u64::try_from(info.total_records).ok();
        Ok(promised.filter(|promised| *promised > count).map(|promised| {
            self.site.says(format!("{count} rows came of {promised} that were promised"))
        }))
    }

    async fn execute(
        &self,
        statement: &Statement,
        rows: &mut dyn RowSink,
    ) -> Result<Option<String>, EngineError> {
        let mut client = self.client().await?;
        let prepared = client.prepare(statement.text.clone(), None).await;
        let mut prepared = prepared.map_err(|error| self.said(&error))?;
        if !statement.parameters.is_empty() {
            let bound = bound(&statement.parameters)
                .map_err(|error| EngineError::permanent(self.site.says(error)))?;
            prepared.set_parameters(bound).map_err(|error| self.said(&error))?;
        }
        let info = prepared.execute().await.map_err(|error| self.said(&error))?;
        let ended = self.read(&mut client, info, rows).await;
        // The server forgets it by itself, only later.
        let _ = prepared.close().await;
        ended
    }
}

/// Whether the server is on this machine.
fn local(site: &Site) -> bool {
    matches!(site.url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"))
}

/// Values as a batch of one row.
fn bound(parameters: &[Parameter]) -> Result<RecordBatch, arrow::error::ArrowError> {
    let columns = parameters.iter().zip(1..).map(|(value, number)| {
        let column: ArrayRef = match value {
            Parameter::Null => Arc::new(NullArray::new(1)),
            Parameter::Bool(truth) => Arc::new(BooleanArray::from(vec![*truth])),
            Parameter::Int(number) => Arc::new(Int64Array::from(vec![*number])),
            Parameter::Float(number) => Arc::new(Float64Array::from(vec![*number])),
            Parameter::Text(text) => {
                Arc::new(StringArray::from(vec![text.to_str_lossy().into_owned()]))
            }
            Parameter::Time(moment) => Arc::new(
                TimestampMicrosecondArray::from(vec![moment.as_micros()]).with_timezone("UTC"),
            ),
        };
        (format!("p{number}"), column, true)
    });
    RecordBatch::try_from_iter_with_nullable(columns)
}

#[async_trait]
impl Backend for FlightSql {
    fn nature(&self) -> &Nature {
        &self.nature
    }

    async fn facts(&self, source: &Source) -> Result<TableFacts, EngineError> {
        let table = Dialect::FlightSql
            .path(&source.table)
            .map_err(|error| EngineError::permanent(error.to_string()))?;
        let mut client = self.client().await?;
        let prepared = client.prepare(format!("SELECT * FROM {table} WHERE 1 = 0"), None).await;
        let prepared = prepared.map_err(|error| self.said(&error))?;
        let schema = prepared.dataset_schema().map_err(|error| self.said(&error))?.clone();
        // The server forgets it by itself, only later.
        let _ = prepared.close().await;
        if schema.fields().is_empty() {
            return Err(EngineError::permanent(self.site.says(format!(
                "table `{}` has no column that the server names; mend the dataset's `table`",
                source.table
            ))));
        }
        Ok(TableFacts {
            identity: format!("flight_sql:{}", source.table.to_lowercase()).into(),
            columns: batches::columns(&schema),
            key: Vec::new(),
        })
    }

    async fn ask(
        &self,
        statement: &Statement,
        _: &Task,
        rows: &mut dyn RowSink,
    ) -> Result<Figures, EngineError> {
        let partial = self.execute(statement, rows).await?;
        Ok(Figures { partial, ..Figures::default() })
    }

    async fn cancel(&self, _: &str) -> Result<(), EngineError> {
        Ok(())
    }

    async fn horizon(&self, _: &Source, _: &TableFacts) -> Result<Horizon, EngineError> {
        let text = "SELECT CURRENT_TIMESTAMP AS clock".to_owned();
        let mut kept = Kept::default();
        self.execute(&Statement { text, parameters: Vec::new() }, &mut kept).await?;
        let clock = kept.rows.first().and_then(|row| moment(row.first()));
        Ok(Horizon { clock, stable: None })
    }

    fn checksum(&self, _: &TableFacts) -> Option<String> {
        // The standard has no hash: rows that change and stay as many are not seen.
        Some("0".to_owned())
    }
}
