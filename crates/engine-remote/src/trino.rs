//! Trino over its REST protocol. NOT TESTED AGAINST THE REAL SERVER: none could be had where this
//! was written, so only a fake of the protocol speaks for it.
//!
//! - A statement is posted, and its pages are fetched until a page names no next one. Only then is
//!   an answer whole.
//! - Pages are fetched from the server that was asked; a page elsewhere is refused, so that
//!   credentials never follow.
//! - The tag travels as the source, by which `system.runtime.queries` finds a question again. A
//!   question that is dropped is deleted.
//! - Values are literals that `sql-text` writes.

mod cell;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use loghunt::engine::{EngineError, Horizon, Source};
use model::log::FailureClass;
use parking_lot::Mutex;
use reqwest::{Method, StatusCode, Url};
use rows::Value;
use serde_json::Value as Json;
use sql_text::{Dialect, Parameter, Statement};

use crate::answer::{Kept, RowSink};
use crate::facts::TableFacts;
use crate::remote::{Backend, Figures, Nature, Task, moment, plain_tag};
use crate::site::{ASIDE, Site};

/// How often a page is asked for again when the server is busy, and how long it is waited between.
const AGAIN: u32 = 8;
const PAUSE: Duration = Duration::from_millis(100);

/// One Trino server as one user.
pub(crate) struct Trino {
    site: Site,
    http: reqwest::Client,
    nature: Nature,
}

/// Deletes the rest of an answer unless told that there is none.
struct Unfinished {
    next: Arc<Mutex<Option<reqwest::RequestBuilder>>>,
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let Some(request) = self.next.lock().take() else { return };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            // Without an answer the server ends it when nobody fetches its pages.
            runtime.spawn(async move { request.send().await.map(|_| ()).unwrap_or(()) });
        }
    }
}

/// What a page says beside its rows.
struct Page {
    next: Option<Url>,
    json: Json,
}

impl Trino {
    pub(crate) fn new(site: Site) -> Result<Self, EngineError> {
        if site.secret.is_some() && site.url.scheme() != "https" {
            return Err(EngineError::permanent(
                site.says("a secret would travel in clear; write the `url` with https://"),
            ));
        }
        Ok(Self {
            nature: Nature::new(&site, Dialect::Trino, "trino", Some("java")),
            http: site.http()?,
            site,
        })
    }

    fn request(&self, method: Method, url: Url, task: &Task) -> reqwest::RequestBuilder {
        let user = self.site.user.as_deref().unwrap_or("lycaon");
        let seconds = task.timeout.as_secs().max(1);
        let mut request = self
            .http
            .request(method, url)
            .header("X-Trino-User", user)
            .header("X-Trino-Source", format!("lycaon-{}", plain_tag(&task.tag)))
            .header("X-Trino-Time-Zone", "UTC")
            .header("X-Trino-Client-Capabilities", "PARAMETRIC_DATETIME")
            .header("X-Trino-Session", format!("query_max_run_time={seconds}s"));
        if let Some(database) = &self.site.database {
            let (catalog, schema) = database.split_once('.').unwrap_or((database, ""));
            request = request.header("X-Trino-Catalog", catalog);
            if !schema.is_empty() {
                request = request.header("X-Trino-Schema", schema);
            }
        }
        match (&self.site.user, &self.site.secret) {
            (Some(user), Some(secret)) => request.basic_auth(user, Some(secret)),
            (None, Some(token)) => request.bearer_auth(token),
            _ => request,
        }
    }

    /// One page; asked for again while the server is busy, as the protocol wants it.
    async fn page(&self, request: reqwest::RequestBuilder) -> Result<Page, EngineError> {
        let mut left = AGAIN;
        loop {
            let copy = request.try_clone().expect("bodies are texts");
            let response = copy.send().await.map_err(|error| self.site.unheard(&error))?;
            let status = response.status();
            let busy = matches!(status.as_u16(), 429 | 502 | 503 | 504);
            if busy && left > 0 {
                left -= 1;
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            let bytes = response.bytes().await.map_err(|error| self.site.unheard(&error))?;
            if !status.is_success() {
                return Err(self.refused(status, &String::from_utf8_lossy(&bytes)));
            }
            let json: Json = serde_json::from_slice(&bytes).map_err(|error| {
                EngineError::transient(self.site.says(format!("a page that is no JSON: {error}")))
            })?;
            let next = json["nextUri"].as_str().map(|next| self.next(next)).transpose()?;
            if json["error"].is_object() {
                return Err(self.failed(&json["error"]));
            }
            return Ok(Page { next, json });
        }
    }

    /// The next page's place, which must be the same server.
    fn next(&self, text: &str) -> Result<Url, EngineError> {
        let next = Url::parse(text).map_err(|error| {
            EngineError::transient(self.site.says(format!("a next page: {error}")))
        })?;
        if next.origin() == self.site.url.origin() {
            return Ok(next);
        }
        Err(EngineError::permanent(self.site.says(format!(
            "the server hands its pages over at another address, {}; ask that one, or set \
             http-server.process-forwarded behind a proxy",
            next.origin().ascii_serialization()
        ))))
    }

    fn refused(&self, status: StatusCode, text: &str) -> EngineError {
        let text: String = text.trim().chars().take(500).collect();
        let message = self.site.says(format!("{status}: {text}"));
        match status.as_u16() {
            401 | 403 => {
                EngineError::permanent(format!("{message}; mend `user` and `secret` of the engine"))
            }
            429 => EngineError {
                class: FailureClass::Throttled { wait: Duration::from_secs(30) },
                message,
            },
            // A page that is gone: the server was started anew.
            404 | 410 | 500..=599 => EngineError::transient(message),
            _ => EngineError::permanent(message),
        }
    }

    fn failed(&self, error: &Json) -> EngineError {
        let text = |name: &str| error[name].as_str().unwrap_or("").to_owned();
        let (name, kind) = (text("errorName"), text("errorType"));
        let message = self.site.says(format!("{name}: {}", text("message")));
        match (kind.as_str(), name.as_str()) {
            (_, "QUERY_QUEUE_FULL" | "CLUSTER_OUT_OF_MEMORY") => EngineError {
                class: FailureClass::Throttled { wait: Duration::from_secs(30) },
                message,
            },
            (_, "USER_CANCELED" | "ADMINISTRATIVELY_KILLED" | "ADMINISTRATIVELY_PREEMPTED") => {
                EngineError::transient(message)
            }
            ("INSUFFICIENT_RESOURCES", _) | (_, "EXCEEDED_TIME_LIMIT") => {
                EngineError::too_large(message)
            }
            ("USER_ERROR", _) => EngineError::permanent(message),
            _ => EngineError::transient(message),
        }
    }

    async fn execute(
        &self,
        text: &str,
        task: &Task,
        rows: &mut dyn RowSink,
    ) -> Result<(Vec<(String, String)>, Figures), EngineError> {
        let mut first = self.site.url.clone();
        first
            .path_segments_mut()
            .map_err(|()| EngineError::permanent(self.site.says("the `url` is none of a server")))?
            .pop_if_empty()
            .extend(["v1", "statement"]);
        let unfinished = Unfinished { next: Arc::default() };
        let mut page =
            self.page(self.request(Method::POST, first, task).body(text.to_owned())).await?;
        let mut columns: Vec<(String, String)> = Vec::new();
        loop {
            let next = page.next.take();
            let delete = next.clone().map(|url| self.request(Method::DELETE, url, task));
            *unfinished.next.lock() = delete;
            if self.hand_over(&page.json, &mut columns, rows)?.is_break() {
                // What is left is deleted as this ends.
                break;
            }
            let Some(next) = next else { break };
            page = self.page(self.request(Method::GET, next, task)).await?;
        }
        let stats = &page.json["stats"];
        let figures = Figures {
            bytes: stats["physicalInputBytes"].as_u64().or(stats["processedBytes"].as_u64()),
            rows_read: stats["processedRows"].as_u64(),
            partial: None,
        };
        Ok((columns, figures))
    }

    fn hand_over(
        &self,
        page: &Json,
        columns: &mut Vec<(String, String)>,
        rows: &mut dyn RowSink,
    ) -> Result<ControlFlow<()>, EngineError> {
        if let (true, Some(described)) = (columns.is_empty(), page["columns"].as_array()) {
            let text = |column: &Json, name: &str| column[name].as_str().unwrap_or("").to_owned();
            *columns = described.iter().map(|one| (text(one, "name"), text(one, "type"))).collect();
            let names: Vec<String> = columns.iter().map(|(name, _)| name.clone()).collect();
            rows.columns(&names);
        }
        if page["data"].is_object() {
            let why = "the server hands rows over in another encoding than was asked for";
            return Err(EngineError::permanent(self.site.says(why)));
        }
        for row in page["data"].as_array().into_iter().flatten() {
            let cells = row.as_array().map_or(&[][..], Vec::as_slice);
            let values: Vec<Value> = columns
                .iter()
                .zip(cells)
                .map(|((_, kind), cell)| cell::value(kind, cell))
                .collect();
            if rows.row(values).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    async fn ours(&self, text: &str) -> Result<(Kept, Vec<(String, String)>), EngineError> {
        let task = Task { tag: "aside".into(), timeout: ASIDE };
        let mut kept = Kept::default();
        let (columns, _) = self.execute(text, &task, &mut kept).await?;
        Ok((kept, columns))
    }
}

#[async_trait]
impl Backend for Trino {
    fn nature(&self) -> &Nature {
        &self.nature
    }

    async fn facts(&self, source: &Source) -> Result<TableFacts, EngineError> {
        let table = Dialect::Trino
            .path(&source.table)
            .map_err(|error| EngineError::permanent(error.to_string()))?;
        let (_, columns) = self.ours(&format!("SELECT * FROM {table} LIMIT 0")).await?;
        Ok(TableFacts {
            identity: format!("trino:{}", source.table.to_lowercase()).into(),
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
        self.execute(&statement.text, task, rows).await.map(|(_, figures)| figures)
    }

    async fn cancel(&self, tag: &str) -> Result<(), EngineError> {
        let literal = |text: &str| {
            let text = Parameter::Text(text.into());
            Dialect::Trino.literal(&text).map_err(|error| EngineError::permanent(error.to_string()))
        };
        let source = literal(&format!("lycaon-{}", plain_tag(tag)))?;
        let text = format!(
            "SELECT query_id FROM system.runtime.queries \
             WHERE source = {source} AND state NOT IN ('FINISHED', 'FAILED')"
        );
        let (found, _) = self.ours(&text).await?;
        for id in found.rows.iter().filter_map(|row| row.first()) {
            let id = literal(&id.to_string())?;
            let kill = format!(
                "CALL system.runtime.kill_query(query_id => {id}, message => 'cancelled by lycaon')"
            );
            self.ours(&kill).await?;
        }
        Ok(())
    }

    async fn horizon(&self, _: &Source, _: &TableFacts) -> Result<Horizon, EngineError> {
        let (kept, _) = self.ours("SELECT current_timestamp(6) AS clock").await?;
        let clock = kept.rows.first().and_then(|row| moment(row.first()));
        Ok(Horizon { clock, stable: None })
    }

    fn checksum(&self, facts: &TableFacts) -> Option<String> {
        let names = facts.columns.iter().map(|(name, _)| Dialect::Trino.identifier(name));
        let names: Vec<String> = names.collect::<Result<_, _>>().ok()?;
        Some(format!("to_hex(checksum(ROW({})))", names.join(", ")))
    }
}
