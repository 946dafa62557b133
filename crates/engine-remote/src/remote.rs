//! The port of engines over any backend that speaks SQL.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use base::Timestamp;
use loghunt::engine::{
    Capabilities, Description, EngineError, Estimate, Horizon, MatchSink, Report, Scan, Source,
    SqlEngine,
};
use model::log::{Completeness, Domain, Window};
use rows::Value;
use sql_text::{ClockForm, Dialect, Statement, Target, select};

use crate::answer::{Collector, Kept, RowSink};
use crate::asking::{Asked, asked};
use crate::facts::{How, TableFacts};
use crate::running::Running;
use crate::site::{ASIDE, Site};

/// How a statement is run.
#[derive(Clone)]
pub(crate) struct Task {
    /// By which the server finds it again.
    pub(crate) tag: Arc<str>,
    /// How long it may take.
    pub(crate) timeout: Duration,
}

/// What a server says of a statement that ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures {
    pub(crate) bytes: Option<u64>,
    pub(crate) rows_read: Option<u64>,
    /// Why the answer is not whole.
    pub(crate) partial: Option<String>,
}

/// What is known of a server without asking it.
pub(crate) struct Nature {
    /// Engine and host, as messages name it.
    pub(crate) place: Arc<str>,
    pub(crate) dialect: Dialect,
    pub(crate) capabilities: Capabilities,
}

impl Nature {
    /// Of most servers: both clocks, no cursors, `LIKE` with regard to case.
    pub(crate) fn new(
        site: &Site,
        dialect: Dialect,
        kind: &'static str,
        regex: Option<&'static str>,
    ) -> Self {
        let capabilities = Capabilities {
            kind,
            domains: vec![Domain::EventTime, Domain::IngestTime],
            like_is_cased: true,
            regex,
            rows_max: None,
            many_in_one_pass: false,
            blocking: false,
        };
        Self { place: site.place.clone(), dialect, capabilities }
    }

    /// Of one that can also be read by a cursor.
    pub(crate) fn with_cursors(mut self) -> Self {
        self.capabilities.domains.push(Domain::Cursor);
        self
    }
}

/// One kind of server.
#[async_trait]
pub(crate) trait Backend: Send + Sync {
    fn nature(&self) -> &Nature;

    /// How a column of a type holds moments.
    fn clock_form(&self, kind: &str) -> Option<ClockForm> {
        crate::facts::usual_clock(self.nature().dialect, kind)
    }

    /// What the server says of a table. Fails when it does not exist or is not allowed.
    async fn facts(&self, source: &Source) -> Result<TableFacts, EngineError>;

    /// Runs a statement. When `rows` breaks off, or the future is dropped, so does the server.
    async fn ask(
        &self,
        statement: &Statement,
        task: &Task,
        rows: &mut dyn RowSink,
    ) -> Result<Figures, EngineError>;

    /// Ends the statement with this tag, wherever it was started from.
    async fn cancel(&self, tag: &str) -> Result<(), EngineError>;

    /// Up to where the source can be read, and its clock.
    async fn horizon(&self, source: &Source, facts: &TableFacts) -> Result<Horizon, EngineError>;

    /// Over rows of the subquery `t`: an expression that changes when any of them does, whatever
    /// their order. Nothing where there is none.
    fn checksum(&self, facts: &TableFacts) -> Option<String>;

    /// The statement with which the server says what another one would cost, and how its answer is
    /// read.
    fn estimate(&self) -> Option<Estimator> {
        None
    }
}

/// Asks a server what a statement would cost.
pub(crate) struct Estimator {
    pub(crate) before: &'static str,
    pub(crate) read: fn(&Kept) -> Estimate,
}

/// An engine over a backend.
pub(crate) struct Remote<B> {
    backend: B,
    running: Running,
}

impl<B: Backend> Remote<B> {
    pub(crate) fn new(backend: B) -> Self {
        Self { backend, running: Running::default() }
    }

    async fn facts_of(&self, source: &Source) -> Result<TableFacts, EngineError> {
        self.within(ASIDE, self.backend.facts(source)).await
    }

    /// Gives up when it takes too long.
    async fn within<T>(
        &self,
        time: Duration,
        work: impl Future<Output = Result<T, EngineError>> + Send,
    ) -> Result<T, EngineError> {
        tokio::time::timeout(time, work).await.unwrap_or_else(|_| {
            let place = &self.backend.nature().place;
            Err(EngineError::transient(format!("{place}: no answer within {time:?}")))
        })
    }

    fn with_how<T>(&self, source: &Source, job: impl FnOnce(&How<'_>) -> T) -> T {
        let nature = self.backend.nature();
        let clock_form = |kind: &str| self.backend.clock_form(kind);
        job(&How { dialect: nature.dialect, place: &nature.place, source, clock_form: &clock_form })
    }

    /// The statement for every row of a window.
    async fn window(
        &self,
        source: &Source,
        window: Window,
    ) -> Result<(TableFacts, Target, Statement), EngineError> {
        let facts = self.facts_of(source).await?;
        let target = self.with_how(source, |how| facts.target(how, (window, window), &[]))?;
        let statement = select(&[], target.dialect.truth(true), &target)
            .map_err(|error| EngineError::permanent(error.to_string()))?;
        Ok((facts, target, statement))
    }

    async fn aside(&self, statement: &Statement) -> Result<Kept, EngineError> {
        let task = Task { tag: "lycaon-aside".into(), timeout: ASIDE };
        let mut kept = Kept::default();
        self.within(ASIDE, self.backend.ask(statement, &task, &mut kept)).await?;
        Ok(kept)
    }

    async fn answer(
        &self,
        scan: &Scan,
        sink: &mut dyn MatchSink,
        until: Instant,
    ) -> Result<(Completeness, Figures), EngineError> {
        let facts = self.backend.facts(&scan.source).await?;
        let asked: Asked = self.with_how(&scan.source, |how| asked(scan, &facts, how))?;
        let mut collector = Collector::new(scan, &asked, !facts.key.is_empty(), sink);
        let mut whole = Figures::default();
        for statement in &asked.statements {
            let timeout = until.saturating_duration_since(Instant::now());
            let task = Task { tag: scan.tag.clone(), timeout };
            let figures = self.backend.ask(statement, &task, &mut collector).await?;
            let added = |a: Option<u64>, b: Option<u64>| Some(a? + b?);
            let first = whole.bytes.is_none() && whole.rows_read.is_none();
            whole.bytes = if first { figures.bytes } else { added(whole.bytes, figures.bytes) };
            whole.rows_read =
                if first { figures.rows_read } else { added(whole.rows_read, figures.rows_read) };
            whole.partial = whole.partial.or(figures.partial);
            if collector.cut.is_some() {
                break;
            }
        }
        collector.finish();
        whole.bytes = whole.bytes.or(Some(collector.bytes));
        whole.rows_read = whole.rows_read.or(Some(collector.rows));
        let partial = whole.partial.take().map(Completeness::Partial);
        let completeness = partial.or(collector.cut).unwrap_or(Completeness::Complete);
        Ok((completeness, whole))
    }
}

#[async_trait]
impl<B: Backend> SqlEngine for Remote<B> {
    fn capabilities(&self) -> &Capabilities {
        &self.backend.nature().capabilities
    }

    async fn describe(&self, source: &Source) -> Result<Description, EngineError> {
        let facts = self.facts_of(source).await?;
        Ok(Description {
            identity: facts.identity,
            columns: facts.columns,
            parts: Vec::new(),
            oldest: None,
        })
    }

    async fn horizon(&self, source: &Source) -> Result<Horizon, EngineError> {
        let facts = self.facts_of(source).await?;
        self.within(ASIDE, self.backend.horizon(source, &facts)).await
    }

    async fn estimate(&self, source: &Source, window: Window) -> Result<Estimate, EngineError> {
        let Some(estimator) = self.backend.estimate() else { return Ok(Estimate::default()) };
        let (_, _, statement) = self.window(source, window).await?;
        let text = format!("{} {}", estimator.before, statement.text);
        let kept = self.aside(&Statement { text, ..statement }).await?;
        Ok((estimator.read)(&kept))
    }

    async fn fingerprint(
        &self,
        source: &Source,
        window: Window,
    ) -> Result<Option<Arc<str>>, EngineError> {
        let (facts, _, statement) = self.window(source, window).await?;
        let Some(checksum) = self.backend.checksum(&facts) else { return Ok(None) };
        let text = format!("SELECT count(*) AS n, {checksum} AS h FROM ({}) AS t", statement.text);
        let kept = self.aside(&Statement { text, ..statement }).await?;
        let cells = kept.rows.into_iter().flatten().collect::<Vec<Value>>();
        let texts: Vec<String> = cells.iter().map(ToString::to_string).collect();
        Ok(Some(texts.join(".").into()))
    }

    async fn run(&self, scan: &Scan, sink: &mut dyn MatchSink) -> Result<Report, EngineError> {
        let started = Instant::now();
        let timeout = scan.limits.timeout;
        let entered = self.running.enter(&scan.tag);
        let work = self.answer(scan, sink, started + timeout);
        let place = &self.backend.nature().place;
        let ended = tokio::select! {
            biased;
            () = entered.token.cancelled() => Err(EngineError::transient(
                format!("{place}: the question was cancelled"),
            )),
            ended = tokio::time::timeout(timeout, work) => ended.unwrap_or_else(|_| {
                Err(too_slow(place))
            }),
        };
        let (completeness, figures) = ended?;
        Ok(Report {
            completeness,
            bytes: figures.bytes.unwrap_or(0),
            rows_read: figures.rows_read.unwrap_or(0),
            took: started.elapsed(),
        })
    }

    async fn cancel(&self, tag: &str) -> Result<(), EngineError> {
        self.running.cancel(tag);
        self.within(ASIDE, self.backend.cancel(tag)).await
    }
}

/// A question that took too long.
pub(crate) fn too_slow(place: &str) -> EngineError {
    EngineError::too_large(format!(
        "{place}: the question took longer than its timeout; a smaller window may pass"
    ))
}

/// Only letters, digits and what parts them: a tag as servers take it.
pub(crate) fn plain_tag(tag: &str) -> String {
    tag.chars()
        .map(|one| if one.is_ascii_alphanumeric() || "-._".contains(one) { one } else { '_' })
        .take(120)
        .collect()
}

/// A moment in a cell of our own question.
pub(crate) fn moment(cell: Option<&Value>) -> Option<Timestamp> {
    crate::answer::micros(cell?, &ClockForm::Number).map(Timestamp::from_micros)
}
