//! Elasticsearch and OpenSearch: their search, not their SQL.
//!
//! - Predicates become queries in JSON; what an index cannot be asked is judged here. Rules in SQL
//!   are refused: this engine knows only predicates, that is Sigma rules.
//! - Moments are compared to the millisecond there, so the window is widened to whole milliseconds
//!   and each document's own text decides. A text is RFC 3339 (UTC without an offset), a number is
//!   milliseconds since 1970.
//! - By cursor, positions are `_seq_no` of one shard: parts are `INDEX/SHARD`. The horizon is the
//!   shard's global checkpoint, read before a refresh, so that all below it is searchable.
//! - Failed or skipped shards, a timeout, and fewer hits than were counted make an answer partial.
//! - The tag travels as `X-Opaque-Id`, by which the tasks of a question are found and cancelled.

mod documents;
mod mapping;
mod pages;

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use base::Timestamp;
use loghunt::engine::{
    Capabilities, Description, EngineError, Estimate, Horizon, MatchSink, Query, Report, Scan,
    Source, SqlEngine,
};
use model::log::{Completeness, Domain, FailureClass, Position, Window};
use reqwest::{Method, StatusCode};
use serde_json::{Value as Json, json};

use crate::remote::{plain_tag, too_slow};
use crate::running::Running;
use crate::site::{ASIDE, Site};
use documents::Reader;
use mapping::Mapping;
use pages::{Pages, missing, tasks_of};

/// How many documents one page has at most.
const PAGE: u64 = 1_000;

/// How long the server keeps a question's place between two pages.
const KEEP: &str = "2m";

/// One cluster as one user.
pub(crate) struct OpenSearch {
    site: Site,
    http: reqwest::Client,
    running: Running,
    capabilities: Capabilities,
}

/// One call.
struct Call<'c> {
    method: Method,
    path: Vec<&'c str>,
    query: &'c [(&'c str, &'c str)],
    body: Option<Json>,
    tag: &'c str,
}

impl OpenSearch {
    pub(crate) fn new(site: Site) -> Result<Self, EngineError> {
        Ok(Self {
            http: site.http()?,
            site,
            running: Running::default(),
            capabilities: Capabilities {
                kind: "opensearch",
                domains: vec![Domain::EventTime, Domain::IngestTime, Domain::Cursor],
                like_is_cased: true,
                regex: None,
                rows_max: None,
                many_in_one_pass: false,
                blocking: false,
            },
        })
    }

    async fn call(&self, call: Call<'_>) -> Result<Json, EngineError> {
        let mut url = self.site.url.clone();
        {
            let mut path = url.path_segments_mut().map_err(|()| {
                EngineError::permanent(self.site.says("the `url` is none of a server"))
            })?;
            path.pop_if_empty().extend(call.path);
        }
        url.query_pairs_mut().extend_pairs(call.query);
        let mut request =
            self.http.request(call.method, url).header("X-Opaque-Id", plain_tag(call.tag));
        request = match (&self.site.user, &self.site.secret) {
            (Some(user), secret) => request.basic_auth(user, secret.as_ref()),
            (None, Some(key)) => request.header("Authorization", format!("ApiKey {key}")),
            (None, None) => request,
        };
        if let Some(body) = call.body {
            request = request.json(&body);
        }
        let response = request.send().await.map_err(|error| self.site.unheard(&error))?;
        let status = response.status();
        let wait = response.headers().get("Retry-After");
        let wait = wait.and_then(|wait| wait.to_str().ok()?.parse().ok()).unwrap_or(30);
        let bytes = response.bytes().await.map_err(|error| self.site.unheard(&error))?;
        if !status.is_success() {
            return Err(self.refused(status, wait, &bytes));
        }
        serde_json::from_slice(&bytes).map_err(|error| {
            EngineError::transient(self.site.says(format!("an answer that is no JSON: {error}")))
        })
    }

    fn refused(&self, status: StatusCode, wait: u64, body: &[u8]) -> EngineError {
        let parsed: Json = serde_json::from_slice(body).unwrap_or_default();
        let kind = parsed["error"]["type"].as_str().unwrap_or("").to_owned();
        let reason = parsed["error"]["reason"].as_str().map(str::to_owned);
        let root = parsed["error"]["root_cause"][0]["reason"].as_str().unwrap_or("");
        let text =
            reason.unwrap_or_else(|| String::from_utf8_lossy(body).chars().take(500).collect());
        let message = self.site.says(format!("{status}: {kind}: {text}; {root}"));
        if kind.contains("circuit_breaking") || kind.contains("too_many_clauses") {
            return EngineError::too_large(message);
        }
        match status.as_u16() {
            401 | 403 => {
                EngineError::permanent(format!("{message}; mend `user` and `secret` of the engine"))
            }
            429 => EngineError {
                class: FailureClass::Throttled { wait: Duration::from_secs(wait) },
                message,
            },
            408 | 500..=599 => EngineError::transient(message),
            _ => EngineError::permanent(message),
        }
    }

    async fn get(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Json, EngineError> {
        let call =
            Call { method: Method::GET, path: path.to_vec(), query, body: None, tag: "lycaon" };
        within(&self.site.place, ASIDE, self.call(call)).await
    }

    async fn mapping(&self, source: &Source) -> Result<Mapping, EngineError> {
        let answer = self.get(&[&source.table, "_mapping"], &[]).await?;
        let mapping = Mapping::read(&answer);
        if mapping.indices.is_empty() {
            return Err(EngineError::permanent(self.site.says(format!(
                "there is no index `{}`; mend the dataset's `table`",
                source.table
            ))));
        }
        Ok(mapping)
    }

    /// The pages of a search, until `take` has enough.
    async fn pages(
        &self,
        index: &str,
        shard: Option<&str>,
        body: Json,
        tag: &str,
        mut take: impl FnMut(&[Json]) -> bool + Send,
    ) -> Result<Pages, EngineError> {
        let preference = shard.map(|shard| format!("_shards:{shard}"));
        let mut query = vec![
            ("scroll", KEEP),
            ("allow_partial_search_results", "false"),
            ("ignore_unavailable", "false"),
            ("allow_no_indices", "false"),
        ];
        if let Some(preference) = &preference {
            query.push(("preference", preference));
        }
        let first = Call {
            method: Method::POST,
            path: vec![index, "_search"],
            query: &query,
            body: Some(body),
            tag,
        };
        let mut page = self.call(first).await?;
        let total = page["hits"]["total"]["value"].as_u64();
        let mut pages = Pages { partial: None, seen: 0, total };
        let mut scroll = page["_scroll_id"].as_str().map(str::to_owned);
        loop {
            pages.partial = pages.partial.or_else(|| missing(&page, true));
            let hits = page["hits"]["hits"].as_array().map_or(&[][..], Vec::as_slice);
            pages.seen += hits.len() as u64;
            let ended = hits.is_empty();
            let enough = !take(hits);
            let Some(id) = scroll.clone().filter(|_| !ended && !enough) else {
                pages.total = total.filter(|_| !enough);
                break;
            };
            let next = Call {
                method: Method::POST,
                path: vec!["_search", "scroll"],
                query: &[],
                body: Some(json!({ "scroll": KEEP, "scroll_id": id })),
                tag,
            };
            page = self.call(next).await?;
            scroll = page["_scroll_id"].as_str().map(str::to_owned).or(scroll);
        }
        if let Some(id) = scroll {
            let forget = Call {
                method: Method::DELETE,
                path: vec!["_search", "scroll"],
                query: &[],
                body: Some(json!({ "scroll_id": [id] })),
                tag,
            };
            // The server forgets it by itself, only later.
            let _ = self.call(forget).await;
        }
        Ok(pages)
    }

    async fn answer(
        &self,
        scan: &Scan,
        sink: &mut dyn MatchSink,
    ) -> Result<(Completeness, Pages, u64), EngineError> {
        let Query::Predicate { predicate, columns } = &scan.query else {
            return Err(EngineError::permanent(
                self.site.says("this engine takes no SQL; write the rule as a Sigma rule"),
            ));
        };
        let mapping = self.mapping(&scan.source).await?;
        let asked = mapping.query(&scan.source, predicate);
        let (index, shard) = part(&scan.source)?;
        let body = json!({
            "size": PAGE.min(scan.limits.rows_max.saturating_add(1)),
            "sort": ["_doc"],
            "track_total_hits": true,
            "seq_no_primary_term": scan.source.domain == Domain::Cursor,
            "timeout": format!("{}ms", scan.limits.timeout.as_millis().max(1)),
            "query": { "bool": { "filter": [self.range(&scan.source, scan.read)?, asked] } },
        });
        let mut reader = Reader::new(scan, &mapping, predicate, columns, sink);
        let pages = self.pages(index, shard, body, &scan.tag, |hits| reader.take(hits)).await?;
        reader.finish();
        let short = pages.total.filter(|total| *total > pages.seen && reader.cut.is_none());
        let partial = pages.partial.clone().or_else(|| {
            short.map(|total| format!("{} hits came of {total} that were counted", pages.seen))
        });
        let partial = partial.map(|why| Completeness::Partial(self.site.says(why)));
        let bytes = reader.bytes;
        let completeness = partial.or(reader.cut).unwrap_or(Completeness::Complete);
        Ok((completeness, pages, bytes))
    }

    /// The window as a query, for times in whole milliseconds around it.
    fn range(&self, source: &Source, window: Window) -> Result<Json, EngineError> {
        let (from, to) = (window.from().0, window.to().0);
        if source.domain == Domain::Cursor {
            return Ok(json!({ "range": { "_seq_no": { "gte": from.max(0), "lt": to } } }));
        }
        let Some(column) = source.position_column() else {
            return Err(EngineError::permanent(self.site.says(format!(
                "the dataset of `{}` names no field for `{}`; mend its `time`",
                source.table,
                source.domain.word()
            ))));
        };
        // What its moments hold: years with four digits.
        let millis =
            |micros: i64| micros.div_euclid(1_000).clamp(-62_135_596_800_000, 253_402_300_799_000);
        let (from, to) = (millis(from), millis(to).saturating_add(1));
        let bounds = json!({ "gte": from, "lt": to, "format": "epoch_millis" });
        Ok(json!({ "range": { column: bounds } }))
    }

    /// The server's clock; nothing where the role may not see its nodes.
    async fn clock(&self) -> Option<Timestamp> {
        let nodes = self.get(&["_nodes", "_local", "stats", "jvm"], &[]).await.ok()?;
        let node = nodes["nodes"].as_object()?.values().next()?;
        let millis = node["timestamp"].as_i64().or_else(|| node["jvm"]["timestamp"].as_i64())?;
        Some(Timestamp::from_micros(millis.saturating_mul(1_000)))
    }

    /// All below this number of a shard is searchable.
    async fn checkpoint(&self, index: &str, shard: &str) -> Result<Position, EngineError> {
        let stats = self.get(&[index, "_stats"], &[("level", "shards")]).await?;
        let copies =
            stats["indices"][index]["shards"][shard].as_array().cloned().unwrap_or_default();
        let primary = copies.iter().find(|copy| copy["routing"]["primary"] == Json::Bool(true));
        let checkpoint = primary.and_then(|copy| copy["seq_no"]["global_checkpoint"].as_i64());
        let checkpoint = checkpoint.ok_or_else(|| {
            EngineError::transient(self.site.says(format!(
                "shard {shard} of `{index}` has no primary with a global checkpoint at the moment"
            )))
        })?;
        let refresh = Call {
            method: Method::POST,
            path: vec![index, "_refresh"],
            query: &[],
            body: None,
            tag: "lycaon",
        };
        let refreshed = within(&self.site.place, ASIDE, self.call(refresh)).await?;
        if refreshed["_shards"]["failed"].as_u64().unwrap_or(0) > 0 {
            return Err(EngineError::transient(self.site.says("a shard could not be refreshed")));
        }
        Ok(Position(checkpoint.saturating_add(1)))
    }
}

/// The index and shard that are searched.
fn part(source: &Source) -> Result<(&str, Option<&str>), EngineError> {
    match (source.domain, source.part.rsplit_once('/')) {
        (Domain::Cursor, Some((index, shard))) => Ok((index, Some(shard))),
        (Domain::Cursor, None) => Err(EngineError::permanent(format!(
            "`_seq_no` of `{}` counts for each shard by itself; read its parts, `INDEX/SHARD`",
            source.table
        ))),
        _ => Ok((&source.table, None)),
    }
}

async fn within<T>(
    place: &str,
    time: Duration,
    work: impl Future<Output = Result<T, EngineError>> + Send,
) -> Result<T, EngineError> {
    tokio::time::timeout(time, work).await.unwrap_or_else(|_| {
        Err(EngineError::transient(format!("{place}: no answer within {time:?}")))
    })
}

#[async_trait]
impl SqlEngine for OpenSearch {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn describe(&self, source: &Source) -> Result<Description, EngineError> {
        let mapping = self.mapping(source).await?;
        let settings =
            self.get(&[&source.table, "_settings"], &[("flat_settings", "true")]).await?;
        let mut parts = Vec::new();
        let mut uuid = None;
        for index in &mapping.indices {
            let settings = &settings[index]["settings"];
            let shards = settings["index.number_of_shards"].as_str().and_then(|n| n.parse().ok());
            if source.domain == Domain::Cursor {
                parts.extend(
                    (0..shards.unwrap_or(1u32)).map(|shard| format!("{index}/{shard}").into()),
                );
            }
            if mapping.indices.len() == 1 && **index == *source.table {
                uuid = settings["index.uuid"].as_str().map(str::to_owned);
            }
        }
        let identity = match uuid {
            Some(uuid) => format!("opensearch:{uuid}"),
            // An alias, a data stream or a pattern: the name is what stays.
            None => format!("opensearch:alias:{}", source.table),
        };
        Ok(Description {
            identity: identity.into(),
            columns: mapping.described(),
            parts,
            oldest: None,
        })
    }

    async fn horizon(&self, source: &Source) -> Result<Horizon, EngineError> {
        self.mapping(source).await?;
        let stable = match (source.domain, part(source)) {
            (Domain::Cursor, Ok((index, Some(shard)))) => {
                Some(self.checkpoint(index, shard).await?)
            }
            (Domain::Cursor, Err(error)) => return Err(error),
            _ => None,
        };
        Ok(Horizon { clock: self.clock().await, stable })
    }

    async fn estimate(&self, source: &Source, window: Window) -> Result<Estimate, EngineError> {
        let (index, shard) = part(source)?;
        let preference = shard.map(|shard| format!("_shards:{shard}"));
        let query: Vec<(&str, &str)> =
            preference.iter().map(|value| ("preference", value.as_str())).collect();
        let call = Call {
            method: Method::POST,
            path: vec![index, "_count"],
            query: &query,
            body: Some(json!({ "query": self.range(source, window)? })),
            tag: "lycaon",
        };
        let answer = within(&self.site.place, ASIDE, self.call(call)).await?;
        Ok(Estimate { bytes: None, rows: answer["count"].as_u64() })
    }

    async fn fingerprint(
        &self,
        source: &Source,
        window: Window,
    ) -> Result<Option<Arc<str>>, EngineError> {
        let (index, shard) = part(source)?;
        let preference = shard.map(|shard| format!("_shards:{shard}"));
        let mut query = vec![("allow_partial_search_results", "false")];
        query.extend(preference.iter().map(|value| ("preference", value.as_str())));
        let call = Call {
            method: Method::POST,
            path: vec![index, "_search"],
            query: &query,
            body: Some(json!({
                "size": 0,
                "track_total_hits": true,
                "query": self.range(source, window)?,
                // Every write gives a document a new number.
                "aggs": { "last": { "max": { "field": "_seq_no" } },
                          "sum": { "sum": { "field": "_seq_no" } } },
            })),
            tag: "lycaon",
        };
        let answer = within(&self.site.place, ASIDE, self.call(call)).await?;
        // That such a search ends early says nothing: it wants no hits.
        if let Some(why) = missing(&answer, false) {
            return Err(EngineError::transient(self.site.says(why)));
        }
        let count = &answer["hits"]["total"]["value"];
        let (last, sum) = (&answer["aggregations"]["last"], &answer["aggregations"]["sum"]);
        Ok(Some(format!("{count}.{}.{}", last["value"], sum["value"]).into()))
    }

    async fn run(&self, scan: &Scan, sink: &mut dyn MatchSink) -> Result<Report, EngineError> {
        let started = Instant::now();
        let entered = self.running.enter(&scan.tag);
        let work = self.answer(scan, sink);
        let place = &self.site.place;
        let (completeness, pages, bytes) = tokio::select! {
            biased;
            () = entered.token.cancelled() => Err(EngineError::transient(
                format!("{place}: the question was cancelled"),
            )),
            ended = tokio::time::timeout(scan.limits.timeout, work) => {
                ended.unwrap_or_else(|_| Err(too_slow(place)))
            }
        }?;
        Ok(Report { completeness, bytes, rows_read: pages.seen, took: started.elapsed() })
    }

    async fn cancel(&self, tag: &str) -> Result<(), EngineError> {
        self.running.cancel(tag);
        let tag = plain_tag(tag);
        let query = [("actions", "*search*"), ("detailed", "true")];
        let tasks = match self.get(&["_tasks"], &query).await {
            Ok(tasks) => tasks,
            // Not for this role, or not there at all; the closed connection ends the search.
            Err(error) if error.class == FailureClass::Permanent => return Ok(()),
            Err(error) => return Err(error),
        };
        for id in tasks_of(&tasks, &tag) {
            let cancel = Call {
                method: Method::POST,
                path: vec!["_tasks", &id, "_cancel"],
                query: &[],
                body: None,
                tag: "lycaon",
            };
            within(&self.site.place, ASIDE, self.call(cancel)).await?;
        }
        Ok(())
    }
}
