//! Running correlations: rows that satisfy base rules, from one dataset or several, and what of them
//! belongs together.
//!
//! By event time a slice reads so far back as a match can reach, and emits what is completed in it.
//! In other domains a row that came late may complete what was read long ago: everything within
//! reach of a new row is read again, and what contains a new row is emitted. A match is known by its
//! group and the instant that completes it, so nothing is found twice.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use log_rules::Dataset;
use loghunt::correlated::as_match;
use loghunt::engine::{Match, Query, Report, Scan, ScanLimits};
use loghunt::finding::{Kind, keyed};
use model::log::{Completeness, Domain, Failure, FailureClass, Position, Window};
use rows::{Row, write_json_row};
use sigma::correlate::{Emit, Event, correlate};
use sigma::{Correlation, Fields, Predicate};

use crate::assignment::source;
use crate::prepare::Job;
use crate::run::{Answer, complete, tag};
use crate::shared::Shared;

/// A rule about single events, and where they are.
pub struct Leaf {
    /// Which rows.
    pub predicate: Arc<Predicate>,
    /// In which datasets.
    pub datasets: Vec<Arc<Dataset>>,
}

/// What rows of a correlation's base rules were answered.
struct Answered {
    events: Vec<Event>,
    report: Report,
}

impl Shared {
    pub(crate) async fn ask_correlation(
        &self,
        job: &Job,
        correlation: &Correlation,
        leaves: &[Leaf],
    ) -> Result<Answer, Failure> {
        let fingerprint = self.fingerprint_before(job).await?;
        let window = job.slice.window;
        let reach = i64::try_from(correlation.reach().as_micros()).unwrap_or(i64::MAX);
        let (answered, emit) = if job.slice.domain == Domain::EventTime {
            let from = Position(window.from().0.saturating_sub(reach));
            let read = Window::new(from, window.to()).unwrap_or(window);
            let answered = self.events(job, leaves, read, Domain::EventTime).await?;
            (answered, Emit::CompletedIn { from: window.from().0, to: window.to().0 })
        } else {
            (self.around_new(job, leaves, reach).await?, Emit::WithNew)
        };
        let Answered { events, report } = answered;
        let field = |row: &Row, name: &str| row.field(name);
        let found = correlate(correlation, &events, emit, &field);
        let matches = found.iter().map(|one| as_match(one, &events)).collect();
        let kind = Kind::Group(&job.due.assignment.rule.group_by);
        let matches = self.each_by_vql(job, keyed(matches, &[], kind)).await?;
        Ok(Answer { matches, report, fingerprint })
    }

    /// New rows, and all rows within reach of them.
    async fn around_new(
        &self,
        job: &Job,
        leaves: &[Leaf],
        reach: i64,
    ) -> Result<Answered, Failure> {
        let new = self.events(job, leaves, job.slice.window, job.slice.domain).await?;
        let times = new.events.iter().map(|event| event.time);
        let (Some(first), Some(last)) = (times.clone().min(), times.max()) else { return Ok(new) };
        let from = Position(first.saturating_sub(reach));
        let to = Position(last.saturating_add(reach).saturating_add(1));
        let read = Window::new(from, to).unwrap_or(job.slice.window);
        let mut all = self.events(job, leaves, read, Domain::EventTime).await?;
        let known: HashSet<Vec<u8>> = new.events.iter().map(same).collect();
        for event in &mut all.events {
            event.new = known.contains(&same(event));
        }
        all.report.bytes += new.report.bytes;
        all.report.rows_read += new.report.rows_read;
        all.report.took += new.report.took;
        Ok(all)
    }

    /// The rows of a window that satisfy base rules.
    async fn events(
        &self,
        job: &Job,
        leaves: &[Leaf],
        read: Window,
        domain: Domain,
    ) -> Result<Answered, Failure> {
        let assignment = &job.due.assignment;
        let limits = ScanLimits {
            timeout: assignment.timeout,
            rows_max: self.settings.rows_max,
            memory_max: self.settings.memory_max,
        };
        let places = leaves.iter().enumerate().flat_map(|(leaf, one)| {
            one.datasets.iter().map(move |dataset| (leaf, one.predicate.clone(), dataset))
        });
        let runs = places.enumerate().map(async |(number, (leaf, predicate, dataset))| {
            let engine = self.engine_of(assignment, &dataset.engine).await;
            let engine = engine.map_err(|error| error.failure())?;
            let query = Query::Predicate { predicate, columns: Vec::new().into() };
            let tag = format!("{}-c{number}", tag(job.slice.id, job.token)).into();
            let source = source(dataset, domain, &job.key.part);
            let scan = Scan { source, query, read, emit: read, tag, limits };
            let mut found: Vec<Match> = Vec::new();
            let report = engine.run(&scan, &mut found).await.map_err(|error| error.failure())?;
            complete(&report.completeness)?;
            let events: Vec<Event> = found.into_iter().filter_map(|one| event(leaf, one)).collect();
            Ok::<_, Failure>((events, report))
        });
        let mut answered = Answered {
            events: Vec::new(),
            report: Report {
                completeness: Completeness::Complete,
                bytes: 0,
                rows_read: 0,
                took: Duration::ZERO,
            },
        };
        for run in join_all(runs).await {
            let (events, report) = run?;
            answered.events.extend(events);
            answered.report.bytes += report.bytes;
            answered.report.rows_read += report.rows_read;
            answered.report.took = answered.report.took.max(report.took);
        }
        let most = usize::try_from(self.settings.rows_max).unwrap_or(usize::MAX).saturating_mul(10);
        if answered.events.len() > most {
            let message = format!("more than {most} rows satisfy the base rules");
            return Err(Failure { class: FailureClass::TooLarge, message });
        }
        Ok(answered)
    }
}

/// A row as an event; one without a time belongs to nothing.
fn event(leaf: usize, found: Match) -> Option<Event> {
    let time = found.event_time?.as_micros();
    Some(Event { leaf, time, position: found.position.0, row: found.row, new: true })
}

/// What tells an event from others, whichever window it was read with.
fn same(event: &Event) -> Vec<u8> {
    let mut key = event.time.to_be_bytes().to_vec();
    key.extend(event.leaf.to_be_bytes());
    write_json_row(&event.row, &mut key);
    key
}
