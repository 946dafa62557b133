//! Running slices: what engines are asked, and what they answer.
//!
//! Slices of one source and window are asked together where the engine can; every slice ends by
//! itself.

use std::pin::pin;
use std::sync::Arc;

use futures_util::future::{Either, join, join_all, select};
use log_rules::{Question, RuleClass};
use loghunt::correlated::correlated;
use loghunt::engine::{EngineError, Match, MatchSink, Query, QueryClass, Report, Scan, ScanLimits};
use loghunt::finding::{Keyed, Kind, completed_in, keyed};
use loghunt::repair::{can_grow, next_audit};
use model::log::{Completeness, Domain, Failure, FailureClass, Lane, Position, SliceId, Window};
use rows::Row;

use crate::assignment::Asked as Wanted;
use crate::null::Collected;
use crate::prepare::Job;
use crate::shared::Shared;

/// What a run answered.
pub(crate) struct Answer {
    pub(crate) matches: Vec<Keyed>,
    pub(crate) report: Report,
    pub(crate) fingerprint: Option<Arc<str>>,
}

/// The name of a query: whoever holds the next token of its stream knows it.
pub(crate) fn tag(slice: SliceId, token: u64) -> Arc<str> {
    format!("lycaon-{:032x}-{token}", slice.0).into()
}

/// What one query has answered so far.
type Taken = Arc<parking_lot::Mutex<Vec<Match>>>;

/// A slice and its queries.
struct Asked<'a> {
    job: &'a Job,
    fingerprint: Option<Arc<str>>,
    /// The window of the slice first, then what lies outside of all windows.
    scans: Vec<Scan>,
}

impl Shared {
    /// Runs slices of one source, and takes an engine that never answers for one to which it was too
    /// much: engines end their queries in time by themselves, where they can.
    pub(crate) async fn ask_in_time(&self, jobs: &[&Job]) -> Vec<Result<Answer, Failure>> {
        let timeout = jobs.iter().map(|job| job.due.assignment.timeout).max().unwrap_or_default();
        let queries = u32::try_from(jobs.len()).unwrap_or(u32::MAX).saturating_add(2);
        let limit = timeout.saturating_mul(queries);
        let (asked, over) = (pin!(self.ask(jobs)), pin!(self.ports.time.sleep(limit)));
        match select(asked, over).await {
            Either::Left((answers, _)) => answers,
            Either::Right(_) => {
                let message = format!("the engine did not answer within {} s", limit.as_secs());
                let failure = Failure { class: FailureClass::TooLarge, message };
                jobs.iter().map(|_| Err(failure.clone())).collect()
            }
        }
    }

    /// Runs slices of one source. The answers stand in the order of the jobs.
    async fn ask(&self, jobs: &[&Job]) -> Vec<Result<Answer, Failure>> {
        let mut answers: Vec<Option<Result<Answer, Failure>>> = Vec::new();
        answers.resize_with(jobs.len(), || None);
        let correlated = join_all(jobs.iter().map(async |job| match &job.due.assignment.asked {
            Wanted::Query(_) => None,
            Wanted::Correlation(correlation, leaves) => {
                self.end_orphan(job).await;
                Some(self.ask_correlation(job, correlation, leaves).await)
            }
        }));
        let asked = join_all(jobs.iter().map(async |job| match &job.due.assignment.asked {
            Wanted::Query(query) => self.begin_asking(job, query).await,
            // It is asked apart; this is never looked at.
            Wanted::Correlation(..) => Err(unanswered()),
        }));
        let (correlated, asked) = join(correlated, asked).await;
        let mut groups: Vec<(Window, Vec<usize>)> = Vec::new();
        for (place, asked) in asked.iter().enumerate() {
            match asked {
                Err(failure) => answers[place] = Some(Err(failure.clone())),
                Ok(asked) => {
                    let read = asked.scans[0].read;
                    let together = asked.job.due.assignment.together;
                    match groups.iter_mut().find(|(window, _)| together && *window == read) {
                        Some((_, places)) => places.push(place),
                        None => groups.push((read, vec![place])),
                    }
                }
            }
        }
        let asked: Vec<Option<Asked<'_>>> = asked.into_iter().map(Result::ok).collect();
        let runs = groups.iter().map(|(_, places)| async {
            let group: Vec<&Asked<'_>> =
                places.iter().filter_map(|place| asked[*place].as_ref()).collect();
            self.ask_group(&group).await
        });
        for ((_, places), done) in groups.iter().zip(join_all(runs).await) {
            for (place, answer) in places.iter().zip(done) {
                answers[*place] = Some(answer);
            }
        }
        let whole = correlated.into_iter().zip(answers).map(|(apart, answer)| apart.or(answer));
        whole.map(|answer| answer.unwrap_or_else(|| Err(unanswered()))).collect()
    }

    /// A predecessor's query is ended.
    async fn end_orphan(&self, job: &Job) {
        if let Some(orphan) = &job.orphan
            && let Err(error) = job.engine.cancel(orphan).await
        {
            tracing::warn!(tag = %orphan, %error, "a predecessor's query could not be ended");
        }
    }

    /// The state of the source before it is read, where rows may still come late.
    pub(crate) async fn fingerprint_before(&self, job: &Job) -> Result<Option<Arc<str>>, Failure> {
        let assignment = &job.due.assignment;
        let window = job.slice.window;
        let clock = job.horizon.clock.unwrap_or(job.slice.tick);
        let audited = job.key.lane == Lane::Live
            && can_grow(job.slice.domain, &job.horizon)
            && next_audit(window, &loghunt::repair::audit_ages(&assignment.dataset), clock)
                .is_some();
        if !audited {
            return Ok(None);
        }
        let found = if assignment.others.is_empty() {
            job.engine.fingerprint(&job.source, window).await
        } else {
            self.fingerprint(assignment, job.slice.domain, &job.key.part, window).await
        };
        found.map_err(|error| error.failure())
    }

    /// Before the query, in this order: the predecessor's is ended, and the source's state is noted,
    /// so that a row that lands meanwhile counts as growth.
    async fn begin_asking<'a>(&self, job: &'a Job, query: &Query) -> Result<Asked<'a>, Failure> {
        self.end_orphan(job).await;
        let assignment = &job.due.assignment;
        let fingerprint = self.fingerprint_before(job).await?;
        let limits = ScanLimits {
            timeout: assignment.timeout,
            rows_max: self.settings.rows_max,
            memory_max: self.settings.memory_max,
        };
        let scan = Scan {
            source: job.source.clone(),
            query: query.clone(),
            read: job.slice.window,
            emit: job.slice.window,
            tag: tag(job.slice.id, job.token),
            limits,
        };
        Ok(Asked { job, fingerprint, scans: self.scans(job, scan).await? })
    }

    /// The query over the slice's window, and those over what lies outside of all windows.
    async fn scans(&self, job: &Job, mut scan: Scan) -> Result<Vec<Scan>, Failure> {
        let assignment = &job.due.assignment;
        let window = job.slice.window;
        let RuleClass::Windowed { span } = assignment.rule.class else {
            let mut scans = vec![scan.clone()];
            scans.extend(outside(job).into_iter().enumerate().map(|(n, outside)| Scan {
                read: outside,
                emit: outside,
                tag: format!("{}-{n}", scan.tag).into(),
                ..scan.clone()
            }));
            return Ok(scans);
        };
        let reach = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        if job.slice.domain == Domain::EventTime {
            let from = Position(window.from().0.saturating_sub(reach));
            scan.read = Window::new(from, window.to()).unwrap_or(window);
            return Ok(vec![scan]);
        }
        // A row that came late completes matches whose other rows were read long ago: everything
        // within the span of any new row is read again. What was found before has its identity.
        let Some((earliest, latest)) = new_rows(job, &scan).await? else {
            return Ok(vec![scan]);
        };
        scan.source.domain = Domain::EventTime;
        let from = Position(earliest.0.saturating_sub(reach));
        let to = Position(latest.0.saturating_add(reach).saturating_add(1));
        scan.read = Window::new(from, to).unwrap_or(window);
        scan.emit = Window::new(earliest, to).unwrap_or(window);
        Ok(vec![scan])
    }

    async fn ask_group(&self, group: &[&Asked<'_>]) -> Vec<Result<Answer, Failure>> {
        let Some(first) = group.first() else { return Vec::new() };
        let engine = &first.job.engine;
        let scans: Vec<Scan> = group.iter().flat_map(|asked| asked.scans.clone()).collect();
        let kept: Vec<Taken> = scans.iter().map(|_| Arc::default()).collect();
        let sink = |kept: &Arc<_>| Box::new(Collected(Arc::clone(kept))) as Box<dyn MatchSink>;
        let mut sinks: Vec<Box<dyn MatchSink>> = kept.iter().map(sink).collect();
        let reports = match (scans.as_slice(), sinks.as_mut_slice()) {
            ([scan], [sink]) => vec![engine.run(scan, sink.as_mut()).await],
            _ => engine.run_together(&scans, &mut sinks).await,
        };
        let mut results = reports.into_iter().zip(kept);
        let mut answers = Vec::with_capacity(group.len());
        for asked in group {
            let own: Vec<_> = results.by_ref().take(asked.scans.len()).collect();
            answers.push(self.answer(asked, own).await);
        }
        answers
    }

    async fn answer(
        &self,
        asked: &Asked<'_>,
        own: Vec<(Result<Report, EngineError>, Taken)>,
    ) -> Result<Answer, Failure> {
        let mut own = own.into_iter();
        let (report, matches) = own.next().ok_or_else(unanswered)?;
        let mut report = report.map_err(|error| error.failure())?;
        complete(&report.completeness)?;
        let mut matches = std::mem::take(&mut *matches.lock());
        let windowed = matches!(asked.job.due.assignment.rule.class, RuleClass::Windowed { .. });
        let assignment = &asked.job.due.assignment;
        if let Question::Correlation(correlation) = &assignment.rule.question {
            let columns = &assignment.dataset.columns;
            matches = correlated(correlation, columns, &matches, asked.scans[0].emit);
        } else if windowed {
            let kept = completed_in(matches, asked.scans[0].emit);
            matches =
                kept.map_err(|message| Failure { class: FailureClass::Permanent, message })?;
        }
        for (outside, more) in own {
            match outside {
                Ok(outside) => {
                    report.bytes += outside.bytes;
                    matches.append(&mut more.lock());
                }
                // They stand outside until the next tick, too.
                Err(error) => {
                    tracing::warn!(stream = %asked.job.key, %error, "rows outside of all windows");
                }
            }
        }
        let matches = self.post_process(asked.job, matches).await?;
        Ok(Answer { matches, report, fingerprint: asked.fingerprint.clone() })
    }

    /// Gives matches their keys and what VQL makes of them. VQL sees one match at a time, so that it
    /// cannot undo that windows can be cut anywhere; an opaque rule's sees all of its window.
    async fn post_process(&self, job: &Job, matches: Vec<Match>) -> Result<Vec<Keyed>, Failure> {
        let assignment = &job.due.assignment;
        let kind = match assignment.rule.class {
            RuleClass::PerEvent => Kind::Row,
            RuleClass::Windowed { .. } => Kind::Group(&assignment.rule.group_by),
            RuleClass::Opaque => Kind::Window(job.slice.window),
        };
        let identity = &assignment.dataset.identity;
        let Kind::Window(window) = kind else {
            return self.each_by_vql(job, keyed(matches, identity, kind)).await;
        };
        let Some(vql) = &assignment.rule.vql else { return Ok(keyed(matches, identity, kind)) };
        let rows = matches.into_iter().map(|one| one.row).collect();
        let rows = self.ports.post.rows(vql, rows).await.map_err(|error| error.failure())?;
        let position = Position(window.to().0 - 1);
        let found = |row| Match { row, position, event_time: None, identity: None };
        Ok(keyed(rows.into_iter().map(found).collect(), identity, kind))
    }

    /// What VQL makes of each match.
    pub(crate) async fn each_by_vql(
        &self,
        job: &Job,
        matches: Vec<Keyed>,
    ) -> Result<Vec<Keyed>, Failure> {
        let Some(vql) = &job.due.assignment.rule.vql else { return Ok(matches) };
        let mut done = Vec::new();
        for one in matches {
            let rows = self.ports.post.rows(vql, vec![one.found.row.clone()]).await;
            for (ordinal, row) in rows.map_err(|error| error.failure())?.into_iter().enumerate() {
                let mut key = one.key.clone();
                key.extend(ordinal.to_be_bytes());
                done.push(Keyed { found: Match { row, ..one.found.clone() }, key });
            }
        }
        Ok(done)
    }
}

fn unanswered() -> Failure {
    let message = "the engine answered fewer queries than it was asked".to_owned();
    Failure { class: FailureClass::Transient, message }
}

/// Only a whole answer may be committed.
pub(crate) fn complete(completeness: &Completeness) -> Result<(), Failure> {
    match completeness {
        Completeness::Complete => Ok(()),
        Completeness::Partial(why) => Err(Failure {
            class: FailureClass::Transient,
            message: format!("the engine left something out: {why}"),
        }),
        Completeness::Truncated(rows) => Err(Failure {
            class: FailureClass::TooLarge,
            message: format!("the answer was cut at {rows} rows"),
        }),
    }
}

/// Rows that no window of a stream by event time reaches: those too far in the future, and those
/// without a readable time. Looked at once a tick, with the newest window.
fn outside(job: &Job) -> Vec<Window> {
    let newest = job.slice.window.to() == job.frontier;
    let applies = job.key.lane == Lane::Live
        && job.slice.domain == Domain::EventTime
        && job.due.assignment.rule.class == RuleClass::PerEvent;
    if !newest || !applies {
        return Vec::new();
    }
    let clock = job.horizon.clock.unwrap_or(job.slice.tick);
    let future = Position::at(clock.plus(job.due.assignment.dataset.skew_max));
    let future = Window::new(future.max(job.slice.window.to()), Position::MAX);
    let none = Window::new(Position::MIN, Position(i64::MIN + 1));
    [future, none].into_iter().flatten().collect()
}

/// The earliest and latest event time of the rows in a slice's window; `None` when it has no rows.
async fn new_rows(job: &Job, scan: &Scan) -> Result<Option<(Position, Position)>, Failure> {
    let Some(column) = job.due.assignment.dataset.event_time.clone() else {
        let message = "a windowed rule needs the column of the event's time; add `time: { event: … }` to the dataset";
        return Err(Failure { class: FailureClass::Permanent, message: message.into() });
    };
    let quoted = column.replace('"', "\"\"");
    let text =
        format!("SELECT min(\"{quoted}\") AS earliest, max(\"{quoted}\") AS latest FROM {{table}}");
    let query = Query::Sql { text: text.into(), values: Arc::new([]), class: QueryClass::Opaque };
    let tag = format!("{}-new", scan.tag).into();
    let mut found: Vec<Match> = Vec::new();
    let report = job.engine.run(&Scan { query, tag, ..scan.clone() }, &mut found).await;
    complete(&report.map_err(|error| error.failure())?.completeness)?;
    let of = |row: &Row, name: &str| {
        row.get(name).and_then(loghunt::finding::moment_of).map(Position::at)
    };
    Ok(found.first().and_then(|one| of(&one.row, "earliest").zip(of(&one.row, "latest"))))
}
