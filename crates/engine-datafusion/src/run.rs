//! Questions, from the caller to the threads that answer them and back.
//!
//! Questions about the same source and window are grouped: all that are predicates, or can be
//! lowered to them, are one pass through the matcher; the rest of the group shares one table.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use arrow::datatypes::Schema;
use loghunt::engine::{EngineError, MatchSink, Query, QueryClass, Report, Scan, Source};
use model::log::Window;
use tokio::sync::mpsc;

use crate::engine::{Aborted, Inner, StopOnDrop, report};
use crate::matchers::matchers;
use crate::predicates::{Ask, AskState, Matches, Questions, renamed};
use crate::reading::{Columns, Stop, Wanted};
use crate::sql::{Asked, Table, held, places_schema};
use crate::table::merged;
use crate::work;

type Answer = Result<Report, EngineError>;

/// So many packets of matches wait for the caller.
const WAITING: usize = 16;

/// Answers questions; answers stand in their order.
pub(crate) async fn together(
    inner: &Arc<Inner>,
    scans: &[Scan],
    sinks: &mut [&mut dyn MatchSink],
) -> Vec<Answer> {
    let stop = Stop::new();
    let _ends = StopOnDrop(stop.clone());
    let _tags = Tags::new(inner.clone(), scans, &stop);
    let states: Vec<Arc<AskState>> = scans.iter().map(|_| Arc::default()).collect();
    let (to, mut from) = mpsc::channel(WAITING);
    let job = Job {
        inner: inner.clone(),
        scans: scans.to_vec(),
        states: states.clone(),
        stop: stop.clone(),
        to,
        began: Instant::now(),
    };
    let task = Aborted(work::runtime().spawn(job.run()));
    while let Some((scan, matches)) = from.recv().await {
        let broken_off = &states[scan].broken_off;
        if !broken_off.load(Ordering::Relaxed) && sinks[scan].take(matches).is_break() {
            broken_off.store(true, Ordering::Relaxed);
        }
    }
    let mut answers = task.await.unwrap_or_else(|error| {
        let failed = || EngineError::transient(format!("the engine was interrupted: {error}"));
        scans.iter().map(|_| Err(failed())).collect()
    });
    // Whoever broke off with the last matches did so after the job had ended.
    for (answer, (state, scan)) in answers.iter_mut().zip(states.iter().zip(scans)) {
        if let Ok(report) = answer
            && state.broken_off.load(Ordering::Relaxed)
        {
            report.completeness = state.completeness(scan.limits.rows_max);
        }
    }
    answers
}

/// The tags of questions that run.
struct Tags {
    inner: Arc<Inner>,
    tags: Vec<Arc<str>>,
    stop: Arc<Stop>,
}

impl Tags {
    fn new(inner: Arc<Inner>, scans: &[Scan], stop: &Arc<Stop>) -> Self {
        let tags: Vec<Arc<str>> = scans.iter().map(|scan| scan.tag.clone()).collect();
        let mut running = inner.running.lock();
        for tag in &tags {
            running.entry(tag.clone()).or_default().push(stop.clone());
        }
        drop(running);
        Self { inner, tags, stop: stop.clone() }
    }
}

impl Drop for Tags {
    fn drop(&mut self) {
        let mut running = self.inner.running.lock();
        for tag in &self.tags {
            if let Some(stops) = running.get_mut(tag) {
                stops.retain(|stop| !Arc::ptr_eq(stop, &self.stop));
                if stops.is_empty() {
                    running.remove(tag);
                }
            }
        }
    }
}

struct Job {
    inner: Arc<Inner>,
    scans: Vec<Scan>,
    states: Vec<Arc<AskState>>,
    stop: Arc<Stop>,
    to: mpsc::Sender<Matches>,
    began: Instant,
}

impl Job {
    async fn run(self) -> Vec<Answer> {
        let mut answers: Vec<Option<Answer>> = self.scans.iter().map(|_| None).collect();
        let mut groups: Vec<(&Source, Window, Window, Vec<usize>)> = Vec::new();
        for (place, scan) in self.scans.iter().enumerate() {
            let same = groups.iter_mut().find(|(source, read, emit, _)| {
                **source == scan.source && *read == scan.read && *emit == scan.emit
            });
            match same {
                Some((.., places)) => places.push(place),
                None => groups.push((&scan.source, scan.read, scan.emit, vec![place])),
            }
        }
        for (source, read, emit, places) in groups {
            for (place, answer) in self.group(source, (read, emit), places).await {
                answers[place] = Some(answer);
            }
        }
        let missing = || Err(EngineError::transient("the engine forgot a question"));
        answers.into_iter().map(|answer| answer.unwrap_or_else(missing)).collect()
    }

    async fn group(
        &self,
        source: &Source,
        (read, emit): (Window, Window),
        places: Vec<usize>,
    ) -> Vec<(usize, Answer)> {
        let mut answers = Vec::new();
        let mut asks = Vec::new();
        let mut queries = Vec::new();
        let mut schema: Option<Result<Arc<Schema>, EngineError>> = None;
        for place in places {
            let scan = &self.scans[place];
            match &scan.query {
                Query::Predicate { predicate, columns } => {
                    asks.push(self.ask(place, renamed(predicate, source), columns.clone()));
                }
                Query::Sql { text, values, class } => match Asked::new(text, values, *class) {
                    Err(error) => answers.push((place, Err(error))),
                    Ok(asked) => {
                        if *class == QueryClass::PerEvent && schema.is_none() {
                            let limit = scan.limits.timeout;
                            let known = self.within(limit, self.inner.schema(source)).await;
                            schema = Some(known);
                        }
                        match lowered(&asked, source, schema.as_ref()) {
                            Some((predicate, columns)) => {
                                asks.push(self.ask(place, renamed(&predicate, source), columns));
                            }
                            None => queries.push((place, asked)),
                        }
                    }
                },
            }
        }
        if !asks.is_empty() {
            answers.extend(self.predicates(source, emit, asks).await);
        }
        if !queries.is_empty() {
            answers.extend(self.queries(source, read, queries).await);
        }
        answers
    }

    fn ask(
        &self,
        scan: usize,
        predicate: Arc<sigma::Predicate>,
        columns: Arc<[rows::Name]>,
    ) -> Ask {
        let rows_max = self.scans[scan].limits.rows_max;
        Ask { scan, predicate, columns, rows_max, state: self.states[scan].clone() }
    }

    async fn predicates(
        &self,
        source: &Source,
        window: Window,
        asks: Vec<Ask>,
    ) -> Vec<(usize, Answer)> {
        let places: Vec<usize> = asks.iter().map(|ask| ask.scan).collect();
        let limit = self.limit(&places);
        let outcome = self.within(limit, self.matched(source, window, asks)).await;
        places
            .into_iter()
            .map(|place| {
                let rows_max = self.scans[place].limits.rows_max;
                let complete =
                    |()| report(self.states[place].completeness(rows_max), &self.stop, self.began);
                (place, outcome.clone().map(complete))
            })
            .collect()
    }

    async fn matched(
        &self,
        source: &Source,
        window: Window,
        asks: Vec<Ask>,
    ) -> Result<(), EngineError> {
        let predicates = asks.iter().map(|ask| ask.predicate.clone()).collect();
        let matcher =
            matchers().of(predicates).map_err(|error| EngineError::permanent(error.to_string()))?;
        let questions = Questions::new(asks, matcher, source.clone(), self.to.clone());
        let pass = self.inner.pass(source, window, questions.wanted(), self.stop.clone()).await?;
        pass.run(Arc::new(move |piece| questions.ask(&piece))).await
    }

    async fn queries(
        &self,
        source: &Source,
        window: Window,
        queries: Vec<(usize, Asked)>,
    ) -> Vec<(usize, Answer)> {
        let places: Vec<usize> = queries.iter().map(|(place, _)| *place).collect();
        let table = self.within(self.limit(&places), self.table(source, window, &queries)).await;
        let table = match table {
            Ok(table) => table,
            Err(error) => {
                return places.into_iter().map(|place| (place, Err(error.clone()))).collect();
            }
        };
        let mut answers = Vec::with_capacity(queries.len());
        for (place, asked) in queries {
            let scan = &self.scans[place];
            let to = (place, &self.to, &*self.states[place]);
            let work = self.inner.sql.answer(scan, &asked, &table, to);
            let answer = self.within(scan.limits.timeout, work).await;
            answers.push((
                place,
                answer.map(|completeness| report(completeness, &self.stop, self.began)),
            ));
        }
        answers
    }

    /// The rows of the window, with the columns that the queries name.
    async fn table(
        &self,
        source: &Source,
        window: Window,
        queries: &[(usize, Asked)],
    ) -> Result<Table, EngineError> {
        let known = self.inner.schema(source).await?;
        let wanted = queries.iter().map(|(_, asked)| asked.wanted(source));
        let columns = wanted.collect::<Option<Vec<_>>>().map(|all| {
            let (texts, columns): (Vec<_>, Vec<_>) = all.into_iter().unzip();
            Columns::In(texts.join("\n").into(), columns.concat())
        });
        let wanted = Wanted { columns, ..Wanted::default() };
        let pass = self.inner.pass(source, window, wanted, self.stop.clone()).await?;
        let memory_max = self.memory(queries);
        let known = merged(&places_schema(source), &known);
        Table::read(pass, &known, memory_max).await
    }

    fn memory(&self, queries: &[(usize, Asked)]) -> u64 {
        let own = queries.iter().map(|(place, _)| self.scans[*place].limits.memory_max);
        own.max().unwrap_or(u64::MAX).min(self.inner.memory_max)
    }

    fn limit(&self, places: &[usize]) -> Duration {
        let limits = places.iter().map(|place| self.scans[*place].limits.timeout);
        limits.max().unwrap_or(Duration::ZERO)
    }

    /// Work, until its time is over or it is cancelled.
    async fn within<T>(
        &self,
        limit: Duration,
        work: impl Future<Output = Result<T, EngineError>>,
    ) -> Result<T, EngineError> {
        let outcome = tokio::select! {
            biased;
            () = self.stop.asked() => Err(cancelled()),
            outcome = tokio::time::timeout(limit, work) => outcome.unwrap_or_else(|_| {
                self.stop.ask();
                Err(EngineError::too_large(format!(
                    "the query took longer than {}; a smaller window may pass",
                    base::format_duration(limit)
                )))
            }),
        };
        // Readers that were stopped end as if there was nothing more.
        if self.stop.is_asked() && outcome.is_ok() { Err(cancelled()) } else { outcome }
    }
}

fn cancelled() -> EngineError {
    EngineError::transient("the query was cancelled")
}

/// The predicate and projection of a query that says nothing more.
fn lowered(
    asked: &Asked,
    source: &Source,
    schema: Option<&Result<Arc<Schema>, EngineError>>,
) -> Option<(Arc<sigma::Predicate>, Arc<[rows::Name]>)> {
    let Some(Ok(schema)) = schema else { return None };
    let clock = |column: &str| {
        let clocks = [&source.event_time, &source.ingest_time];
        clocks.into_iter().flatten().any(|clock| **clock == *column)
    };
    let held = |name: &str| {
        let column = source.column(name);
        held(schema, column).filter(|_| !clock(column))
    };
    let lowered = sql_text::lower(&asked.template, &asked.values, &held)?;
    let there = |name: &rows::Name| schema.field_with_name(source.column(name)).is_ok();
    // A column that is not there is an error, and only SQL says so.
    if !lowered.columns.iter().all(there) {
        return None;
    }
    Some((Arc::new(lowered.predicate), lowered.columns.into()))
}
