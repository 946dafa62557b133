//! PostgreSQL.
//!
//! - The clock is the server's `clock_timestamp()`; on a replica, no later than what it has replayed.
//! - By cursor: the cursor column holds transaction ids (`pg_current_xact_id()`), and everything
//!   before the oldest open transaction is stable.
//! - By ingest time: stamps are taken when a transaction starts and seen when it commits, so where
//!   the role may see other transactions (`pg_read_all_stats`), the oldest open one is the horizon.
//! - A question is found by a comment before its text, and ended by `pg_cancel_backend`.

mod cell;

use std::ops::ControlFlow;
use std::time::Duration;

use async_trait::async_trait;
use base::Timestamp;
use futures_util::TryStreamExt;
use loghunt::engine::{EngineError, Estimate, Horizon, Source};
use model::log::{Domain, Position};
use parking_lot::Mutex;
use rows::Value;
use sql_text::{ClockForm, ColumnKind, Dialect, Statement};
use tokio::sync::Semaphore;
use tokio_postgres::error::SqlState;
use tokio_postgres::{CancelToken, Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::answer::{Kept, RowSink};
use crate::facts::TableFacts;
use crate::remote::{Backend, Estimator, Figures, Nature, Task, plain_tag, too_slow};
use crate::site::{CONNECT, Site, causes};
use cell::{Bound, Cell};

/// How many connections there are at most.
const CONNECTIONS: usize = 8;

/// One PostgreSQL database as one role.
pub(crate) struct Postgres {
    site: Site,
    config: Config,
    tls: MakeRustlsConnect,
    free: Semaphore,
    idle: Mutex<Vec<Client>>,
    nature: Nature,
}

/// Ends the statement on the server unless told that it has ended.
struct Unfinished {
    token: Option<CancelToken>,
    tls: MakeRustlsConnect,
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let Some(token) = self.token.take() else { return };
        let tls = self.tls.clone();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                // Without an answer the server notices the closed connection later.
                let _ = tokio::time::timeout(CONNECT, token.cancel_query(tls)).await;
            });
        }
    }
}

impl Postgres {
    pub(crate) fn new(site: Site) -> Result<Self, EngineError> {
        let mut config: Config = site
            .url
            .as_str()
            .parse()
            .map_err(|error| EngineError::permanent(site.says(causes(&error))))?;
        if let Some(user) = &site.user {
            config.user(user);
        }
        if let Some(secret) = &site.secret {
            config.password(secret);
        }
        if let Some(database) = &site.database {
            config.dbname(database);
        }
        config.application_name("lycaon").connect_timeout(CONNECT);
        config.tcp_user_timeout(Duration::from_secs(30));
        Ok(Self {
            nature: Nature::new(&site, Dialect::Postgres, "postgresql", Some("postgresql"))
                .with_cursors(),
            tls: MakeRustlsConnect::new((*site.tls).clone()),
            site,
            config,
            free: Semaphore::new(CONNECTIONS),
            idle: Mutex::new(Vec::new()),
        })
    }

    async fn client(&self) -> Result<Client, EngineError> {
        let ready = self.idle.lock().pop();
        if let Some(client) = ready.filter(|client| !client.is_closed()) {
            return Ok(client);
        }
        let (client, connection) =
            tokio::time::timeout(CONNECT, self.config.connect(self.tls.clone()))
                .await
                .map_err(|_| {
                    EngineError::transient(self.site.says("no answer to a new connection"))
                })?
                .map_err(|error| self.failed(&error))?;
        tokio::spawn(connection);
        let settings = "SET default_transaction_read_only = on; SET TimeZone = 'UTC'; \
                        SET standard_conforming_strings = on; SET extra_float_digits = 1";
        client.batch_execute(settings).await.map_err(|error| self.failed(&error))?;
        Ok(client)
    }

    fn failed(&self, error: &tokio_postgres::Error) -> EngineError {
        let message = self.site.says(causes(error));
        let Some(said) = error.as_db_error() else {
            let text = message.to_lowercase();
            let refused =
                text.contains("password") || text.contains("tls") || text.contains("certificate");
            return if refused {
                EngineError::permanent(format!("{message}; mend `user`, `secret` or `ca_file`"))
            } else {
                EngineError::transient(message)
            };
        };
        let code = said.code();
        let hint = said.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
        let message = format!("{message}{hint}");
        match code.code() {
            _ if *code == SqlState::QUERY_CANCELED => {
                if said.message().contains("statement timeout") {
                    too_slow(&self.site.place)
                } else {
                    EngineError::transient(message)
                }
            }
            _ if *code == SqlState::INVALID_PASSWORD
                || *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION =>
            {
                EngineError::permanent(format!("{message}; mend `user` and `secret` of the engine"))
            }
            _ if *code == SqlState::OUT_OF_MEMORY || *code == SqlState::DISK_FULL => {
                EngineError::too_large(message)
            }
            code => match code.get(..2) {
                // Connections, resources, the operator, the system; a conflict with recovery.
                Some("08" | "53" | "57" | "58" | "40" | "55") => EngineError::transient(message),
                Some("54") => EngineError::too_large(message),
                _ => EngineError::permanent(message),
            },
        }
    }

    /// Runs one statement on a connection of its own.
    async fn on_client(
        &self,
        statement: &Statement,
        task: &Task,
        rows: &mut dyn RowSink,
    ) -> Result<(), EngineError> {
        let _permit = self.free.acquire().await.map_err(|_| EngineError::transient("closed"))?;
        let client = self.client().await?;
        let mut unfinished =
            Unfinished { token: Some(client.cancel_token()), tls: self.tls.clone() };
        let millis = task.timeout.as_millis().clamp(1, i32::MAX as u128);
        let prepared = format!("SET statement_timeout = {millis}");
        client.batch_execute(&prepared).await.map_err(|error| self.failed(&error))?;
        let text = format!("{} {}", mark(&task.tag), statement.text);
        let prepared = client.prepare(&text).await.map_err(|error| self.failed(&error));
        let ended = match prepared {
            Ok(prepared) => self.read(&client, &prepared, statement, rows).await,
            Err(error) => Err(error),
        };
        // Broken off early, the rest of the answer is still to come: the connection is given up.
        if !matches!(ended, Ok(ControlFlow::Break(()))) {
            unfinished.token = None;
            if !client.is_closed() {
                self.idle.lock().push(client);
            }
        }
        ended.map(|_| ())
    }

    async fn read(
        &self,
        client: &Client,
        prepared: &tokio_postgres::Statement,
        statement: &Statement,
        rows: &mut dyn RowSink,
    ) -> Result<ControlFlow<()>, EngineError> {
        let names: Vec<String> =
            prepared.columns().iter().map(|column| column.name().to_owned()).collect();
        rows.columns(&names);
        let bound: Vec<Bound<'_>> = statement.parameters.iter().map(Bound).collect();
        let answer =
            client.query_raw(prepared, bound).await.map_err(|error| self.failed(&error))?;
        let mut answer = std::pin::pin!(answer);
        while let Some(row) = answer.try_next().await.map_err(|error| self.failed(&error))? {
            let cells = (0..names.len()).map(|at| row.try_get::<_, Cell>(at).map(|cell| cell.0));
            let cells: Vec<Value> =
                cells.collect::<Result<_, _>>().map_err(|error| self.failed(&error))?;
            if rows.row(cells).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    async fn ours(
        &self,
        text: &str,
        parameters: Vec<sql_text::Parameter>,
    ) -> Result<Kept, EngineError> {
        let statement = Statement { text: text.to_owned(), parameters };
        let task = Task { tag: "lycaon-aside".into(), timeout: crate::site::ASIDE };
        let mut kept = Kept::default();
        self.on_client(&statement, &task, &mut kept).await?;
        Ok(kept)
    }
}

/// The comment by which a question is found again.
fn mark(tag: &str) -> String {
    format!("/* lycaon:{} */", plain_tag(tag))
}

const FACTS: &str = "SELECT (SELECT oid FROM pg_database WHERE datname = current_database()), c.oid, \
    has_table_privilege(c.oid, 'SELECT'), a.attname, format_type(a.atttypid, a.atttypmod), \
    coalesce(i.indkey::int2[] @> ARRAY[a.attnum]::int2[], false) \
    FROM pg_class c \
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
    LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary \
    WHERE c.oid = to_regclass($1) ORDER BY a.attnum";

const CLOCK: &str = "SELECT CASE WHEN NOT pg_is_in_recovery() THEN clock_timestamp() \
    ELSE coalesce((SELECT least(clock_timestamp(), last_msg_send_time) FROM pg_stat_wal_receiver \
        WHERE latest_end_lsn IS NOT NULL AND pg_last_wal_replay_lsn() >= latest_end_lsn), \
        pg_last_xact_replay_timestamp()) END, \
    pg_is_in_recovery(), \
    CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint), \
    pg_has_role(current_user, 'pg_read_all_stats', 'member')";

const OLDEST_OPEN: &str = "SELECT least( \
    (SELECT min(xact_start) FROM pg_stat_activity WHERE pid <> pg_backend_pid() \
        AND datname = current_database() AND backend_type = 'client backend'), \
    (SELECT min(prepared) FROM pg_prepared_xacts WHERE database = current_database()))";

#[async_trait]
impl Backend for Postgres {
    fn nature(&self) -> &Nature {
        &self.nature
    }

    fn clock_form(&self, kind: &str) -> Option<ClockForm> {
        match (kind, ColumnKind::of(Dialect::Postgres, kind)) {
            ("xid8", _) => {
                Some(ClockForm::Wrapped("CAST(CAST(".into(), " AS text) AS bigint)".into()))
            }
            _ => crate::facts::usual_clock(Dialect::Postgres, kind),
        }
    }

    async fn facts(&self, source: &Source) -> Result<TableFacts, EngineError> {
        let table = Dialect::Postgres
            .path(&source.table)
            .map_err(|error| EngineError::permanent(error.to_string()))?;
        let name = sql_text::Parameter::Text(table.as_str().into());
        let kept = self.ours(FACTS, vec![name]).await?;
        let Some([database, table, allowed, ..]) = kept.rows.first().map(Vec::as_slice) else {
            return Err(EngineError::permanent(self.site.says(format!(
                "there is no table `{}`, or it has no column; mend the dataset's `table`",
                source.table
            ))));
        };
        if *allowed != Value::Bool(true) {
            return Err(EngineError::permanent(self.site.says(format!(
                "table `{}` may not be read; as its owner: GRANT SELECT ON it TO this role",
                source.table
            ))));
        }
        let identity = format!("postgresql:{database}/{table}").into();
        let mut facts = TableFacts { identity, columns: Vec::new(), key: Vec::new() };
        for row in &kept.rows {
            let [_, _, _, name, kind, key] = row.as_slice() else { continue };
            if *key == Value::Bool(true) {
                facts.key.push(name.to_string());
            }
            facts.columns.push((name.to_string(), kind.to_string()));
        }
        Ok(facts)
    }

    async fn ask(
        &self,
        statement: &Statement,
        task: &Task,
        rows: &mut dyn RowSink,
    ) -> Result<Figures, EngineError> {
        self.on_client(statement, task, rows).await.map(|()| Figures::default())
    }

    async fn cancel(&self, tag: &str) -> Result<(), EngineError> {
        let text = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity \
                    WHERE pid <> pg_backend_pid() AND state <> 'idle' AND starts_with(query, $1)";
        let mark = sql_text::Parameter::Text(mark(tag).as_str().into());
        self.ours(text, vec![mark]).await.map(|_| ())
    }

    async fn horizon(&self, source: &Source, facts: &TableFacts) -> Result<Horizon, EngineError> {
        let kept = self.ours(CLOCK, Vec::new()).await?;
        let row = kept.rows.into_iter().next().unwrap_or_default();
        let [clock, replica, oldest, may_see] = row.as_slice() else {
            return Err(EngineError::transient(self.site.says("no clock in the answer")));
        };
        let clock = crate::remote::moment(Some(clock)).ok_or_else(|| {
            EngineError::transient(self.site.says("the replica has not replayed anything yet"))
        })?;
        let stable = match source.domain {
            Domain::EventTime => None,
            Domain::Cursor => {
                self.holds_transactions(source, facts).await?;
                match oldest {
                    Value::Int(oldest) => Some(Position(*oldest)),
                    _ => None,
                }
            }
            // A replica shows nothing of the transactions that are open on its primary.
            Domain::IngestTime
                if *may_see == Value::Bool(true) && *replica == Value::Bool(false) =>
            {
                let open = self.ours(OLDEST_OPEN, Vec::new()).await?;
                let first = open.rows.first().and_then(|row| crate::remote::moment(row.first()));
                Some(Position::at(first.map_or(clock, |first: Timestamp| first.min(clock))))
            }
            Domain::IngestTime => None,
        };
        Ok(Horizon { clock: Some(clock), stable })
    }

    fn checksum(&self, _: &TableFacts) -> Option<String> {
        Some("coalesce(sum(hashtextextended(CAST(t AS text), 0)), 0)".to_owned())
    }

    fn estimate(&self) -> Option<Estimator> {
        Some(Estimator { before: "EXPLAIN (FORMAT JSON)", read: planned })
    }
}

impl Postgres {
    /// Refuses a cursor that is a sequence: its numbers become visible in another order.
    async fn holds_transactions(
        &self,
        source: &Source,
        facts: &TableFacts,
    ) -> Result<(), EngineError> {
        let Some(cursor) = source.cursor.as_deref() else {
            return Err(EngineError::permanent(self.site.says(format!(
                "the dataset of table `{}` names no cursor; name a column with transaction ids",
                source.table
            ))));
        };
        let table = Dialect::Postgres
            .path(&source.table)
            .map_err(|error| EngineError::permanent(error.to_string()))?;
        let text = "SELECT a.attidentity <> '' OR coalesce(pg_get_expr(d.adbin, d.adrelid), '') \
                    LIKE '%nextval(%' FROM pg_attribute a LEFT JOIN pg_attrdef d \
                    ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
                    WHERE a.attrelid = to_regclass($1) AND a.attname = $2";
        let column = facts.column(Dialect::Postgres, cursor).map_or(cursor, |(name, _)| name);
        let parameters =
            [table.as_str(), column].map(|text| sql_text::Parameter::Text(text.into()));
        let kept = self.ours(text, parameters.to_vec()).await?;
        let sequence = kept.rows.first().and_then(|row| row.first());
        if sequence == Some(&Value::Bool(true)) {
            return Err(EngineError::permanent(self.site.says(format!(
                "column `{cursor}` of table `{}` is a sequence, whose numbers become visible out \
                 of order; name a column with transaction ids: xid8 DEFAULT pg_current_xact_id()",
                source.table
            ))));
        }
        Ok(())
    }
}

/// What the planner thinks: rows, and their width.
fn planned(kept: &Kept) -> Estimate {
    let plan = || -> Option<(f64, f64)> {
        let cell = kept.rows.first()?.first()?;
        let parsed = match cell {
            Value::Text(text) => rows_json::from_json(text).ok()?,
            other => other.clone(),
        };
        let Value::Array(plans) = parsed else { return None };
        let Some(Value::Dict(first)) = plans.first() else { return None };
        let Some(Value::Dict(plan)) = first.get("Plan") else { return None };
        let number = |name: &str| match plan.get(name) {
            Some(Value::Int(number)) => Some(*number as f64),
            Some(Value::Float(number)) => Some(*number),
            _ => None,
        };
        Some((number("Plan Rows")?, number("Plan Width")?))
    };
    match plan() {
        Some((rows, width)) => {
            Estimate { bytes: Some((rows * width) as u64), rows: Some(rows as u64) }
        }
        None => Estimate::default(),
    }
}
