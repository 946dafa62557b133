//! What must be true: of all ledgers at any moment (I1 to I3), and of everything at the end, when
//! nothing has gone wrong for a while (I9, I10, and that nobody is left behind).
//!
//! The planted rows are the truth. A row that could be seen when the window with its position was read
//! for the last time must have been found, exactly as often as it is there; one that came later must
//! have been found by a repair where the source can tell that it grew. A row may be missing only where
//! the ledger says so: a window that was waived or given up.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;
use loghunt::ports::{FindingQuery, Job, JobState, SliceQuery, StreamQuery};
use loghunt::stream::{Stream, StreamStatus};
use model::log::{
    Domain, Finding, Lane, Position, RuleName, Slice, SliceState, StreamKey, TenantName,
};
use model::store::{Paging, StoreError};
use rows::Value;

use super::setting::{AUDIT_AGES, SPAN};
use super::source::{OPEN_MAX, Planted, Source, crossings};
use super::spy::{Commit, Spy};
use super::store::Records;

/// Repairs and jobs are done within so long when nothing goes wrong.
const PATIENCE: Duration = Duration::from_secs(1800);

/// All ledgers.
pub(crate) struct Ledgers(BTreeMap<StreamKey, (Stream, Vec<Slice>)>);

fn text(error: StoreError) -> String {
    error.to_string()
}

impl Ledgers {
    pub(crate) async fn read(records: &Arc<dyn Records>) -> Result<Self, String> {
        let paging = Paging::ALL;
        let query = StreamQuery { paging, ..StreamQuery::default() };
        let streams = records.streams(&query).await.map_err(text)?.items;
        let mut ledgers: BTreeMap<StreamKey, (Stream, Vec<Slice>)> =
            streams.into_iter().map(|stream| (stream.key.clone(), (stream, Vec::new()))).collect();
        let query = SliceQuery { paging, ..SliceQuery::default() };
        for slice in records.slices(&query).await.map_err(text)?.items {
            let of = ledgers.get_mut(&slice.key);
            of.ok_or_else(|| format!("{slice:?} is of no stream"))?.1.push(slice);
        }
        Ok(Self(ledgers))
    }

    /// I1 and I2, and the checkpoint against a recount.
    pub(crate) fn check(&self) -> Result<(), String> {
        self.0.values().try_for_each(|(stream, slices)| check_ledger(stream, slices))
    }

    /// The streams of one rule at one tenant, newest epoch first.
    fn epochs(&self, tenant: &TenantName, rule: &RuleName) -> Vec<&(Stream, Vec<Slice>)> {
        let of =
            |key: &StreamKey| key.tenant == *tenant && key.rule == *rule && key.lane == Lane::Live;
        self.0.iter().rev().filter(|(key, _)| of(key)).map(|(_, ledger)| ledger).collect()
    }

    pub(crate) fn streams(&self) -> impl Iterator<Item = &Stream> {
        self.0.values().map(|(stream, _)| stream)
    }

    /// How many slices are in states of this word.
    pub(crate) fn count(&self, word: &str) -> u64 {
        let slices = self.0.values().flat_map(|(_, slices)| slices);
        slices.filter(|slice| slice.state.word() == word).count() as u64
    }

    fn slices(&self) -> impl Iterator<Item = &Slice> {
        self.0.values().flat_map(|(_, slices)| slices)
    }
}

fn check_ledger(stream: &Stream, slices: &[Slice]) -> Result<(), String> {
    let key = &stream.key;
    let closed = matches!(stream.status, StreamStatus::Closed { .. });
    let holes_allowed = closed || matches!(key.lane, Lane::Repair(_));
    let mut end = stream.t0;
    for slice in slices {
        let from = slice.window.from();
        if from < end && !(holes_allowed && end == stream.t0) {
            return Err(format!("I2: {slice:?} meets what ends at {end:?}"));
        }
        if from != end && !holes_allowed {
            return Err(format!("I1: a hole in {key} from {end:?} to {from:?}"));
        }
        end = slice.window.to();
    }
    if !holes_allowed && end != stream.planned_to {
        return Err(format!("I1: {key} is planned to {:?} and has {end:?}", stream.planned_to));
    }
    // What was superseded is a hole in a closed stream, and a repair has no prefix.
    if holes_allowed {
        return Ok(());
    }
    let below = |slice: &&Slice| slice.window.to() <= stream.checkpoint;
    let reopened = slices.iter().filter(below).find(|slice| slice.state.is_open());
    if let Some(open) = reopened {
        return Err(format!("{key} has its checkpoint beyond {open:?}"));
    }
    let next = slices.iter().find(|slice| slice.window.to() > stream.checkpoint);
    match next {
        Some(next) if next.state.is_settled() => {
            Err(format!("the checkpoint of {key} is {:?}, before {next:?}", stream.checkpoint))
        }
        _ => Ok(()),
    }
}

/// What was found, by rule and what tells it apart.
pub(crate) struct Found {
    findings: Vec<Finding>,
    by_number: HashMap<(TenantName, RuleName, i64), u64>,
}

impl Found {
    pub(crate) async fn read(records: &Arc<dyn Records>) -> Result<Self, String> {
        let query = FindingQuery { paging: Paging::ALL, ..FindingQuery::default() };
        let findings = records.findings(&query).await.map_err(text)?.items;
        let mut by_number: HashMap<_, u64> = HashMap::new();
        for finding in &findings {
            if let Some(Value::Int(number)) = finding.row.get("number") {
                let key = (finding.tenant.clone(), finding.rule.clone(), *number);
                *by_number.entry(key).or_default() += 1;
            }
        }
        Ok(Self { findings, by_number })
    }

    pub(crate) fn count(&self) -> u64 {
        self.findings.len() as u64
    }

    pub(crate) fn late(&self) -> u64 {
        self.findings.iter().filter(|finding| finding.late).count() as u64
    }

    pub(crate) fn all(&self) -> &[Finding] {
        &self.findings
    }
}

/// The end of a world.
pub(crate) struct End<'a> {
    pub(crate) ledgers: &'a Ledgers,
    pub(crate) found: &'a Found,
    pub(crate) spy: &'a Spy,
    pub(crate) now: Timestamp,
}

impl End<'_> {
    /// I9 and I10 for the rule that is about each row by itself.
    pub(crate) fn check_each(&self, source: &Source) -> Result<u64, String> {
        let rule = RuleName::new("each").expect("a name");
        let epochs = self.ledgers.epochs(&source.tenant, &rule);
        let commits = self.spy.commits();
        let mut expected: BTreeMap<i64, (u64, u64)> = BTreeMap::new();
        let mut late = 0;
        for row in source.rows().iter().filter(|row| row.hit) {
            let (must, may) = expected.entry(row.number).or_default();
            let fate = self.fate(source, row, &epochs, &commits);
            *must += u64::from(matches!(fate, RowFate::Must | RowFate::Repaired));
            *may += 1;
            late += u64::from(fate == RowFate::Repaired);
        }
        for (number, (must, may)) in expected {
            let key = (source.tenant.clone(), rule.clone(), number);
            let found = self.found.by_number.get(&key).copied().unwrap_or(0);
            if found < must || found > may {
                let rows = source.rows().into_iter().filter(|row| row.number == number);
                let rows: Vec<_> = rows.collect();
                return Err(format!(
                    "I9: {} row {number} was found {found} times, not {must} to {may}: {rows:?}; {}",
                    source.tenant,
                    self.tell(source, &rows[0], &epochs, &commits),
                ));
            }
        }
        Ok(late)
    }

    /// Where the ledger has a row, for whoever mends it.
    fn tell(
        &self,
        source: &Source,
        row: &Planted,
        epochs: &[&(Stream, Vec<Slice>)],
        commits: &BTreeMap<model::log::SliceId, Commit>,
    ) -> String {
        let position = row.position(source.domain);
        let of = |(stream, slices): &&(Stream, Vec<Slice>)| {
            let slice = slices.iter().find(|slice| slice.window.contains(position));
            let read = slice.and_then(|slice| commits.get(&slice.id));
            format!("epoch {} from {:?}: {slice:?} read {read:?}", stream.key.epoch, stream.t0)
        };
        let of: Vec<String> = epochs.iter().map(of).collect();
        format!("at {position:?}, {:?}: {}", self.now, of.join("\n"))
    }

    fn fate(
        &self,
        source: &Source,
        row: &Planted,
        epochs: &[&(Stream, Vec<Slice>)],
        commits: &BTreeMap<model::log::SliceId, Commit>,
    ) -> RowFate {
        let position = row.position(source.domain);
        let within = |slice: &&Slice| slice.window.contains(position);
        let slices = epochs.iter().filter_map(|(_, slices)| slices.iter().find(within));
        let mut fate = RowFate::Outside;
        for slice in slices {
            if !matches!(slice.state, SliceState::Committed(_)) {
                continue;
            }
            let Some(commit) = commits.get(&slice.id) else { continue };
            let kept = |moment: Timestamp| {
                source.retention.is_none_or(|kept| row.ingest.plus(kept) > moment)
                    && row.lost.is_none_or(|lost| lost > moment)
            };
            if row.visible <= commit.read.at && kept(commit.read.answered) {
                return RowFate::Must;
            }
            // The last look at it, with time to do what follows from it.
            let last = slice.window.to().moment().plus(AUDIT_AGES[AUDIT_AGES.len() - 1]);
            let looks = source.domain == Domain::EventTime
                || source.domain == Domain::IngestTime && !source.knows_stable;
            let done = last.plus(PATIENCE) < self.now;
            let in_time = commit.read.at < last && row.visible < last && done;
            if looks && in_time && row.visible > commit.read.at && kept(self.now) {
                fate = RowFate::Repaired;
            }
        }
        fate
    }

    /// I10: the metric of late rows says what came late, neither more nor less, but for looks whose
    /// answer was lost; and every window is looked at until its last age. How many came late.
    pub(crate) fn check_late(&self, source: &Source, measured: u64) -> Result<u64, String> {
        let tenant = &source.tenant;
        let late = self.spy.late(tenant);
        if measured > late.heard || measured < late.heard - late.hidden {
            return Err(format!(
                "I10: {measured} late rows of {tenant} were counted; by the truth {late:?}"
            ));
        }
        let commits = self.spy.commits();
        for slice in self.ledgers.slices().filter(|slice| slice.key.tenant == *tenant) {
            let SliceState::Committed(evidence) = &slice.state else { continue };
            let first = commits.get(&slice.id).and_then(|commit| commit.fingerprint.as_ref());
            let (Some(first), Some(last)) = (first, &evidence.fingerprint) else { continue };
            let (came, went) = source.came_between(slice.window, first, last);
            let counted = self.spy.came_late(slice.id);
            if counted.is_some_and(|counted| !went && counted != came) {
                return Err(format!(
                    "I10: {came} rows came late into {slice:?}, and {counted:?} were counted"
                ));
            }
            if evidence.audit_at.is_some_and(|at| at.plus(PATIENCE) < self.now) {
                return Err(format!("I10: nobody has looked again at {slice:?}"));
            }
        }
        Ok(late.heard + late.unheard)
    }

    /// Jobs end, and for the reason that they say.
    pub(crate) fn check_jobs(&self, jobs: &[Job]) -> Result<(), String> {
        for job in jobs {
            let read = self.spy.read_for(&job.name);
            let spent = job.bytes_max.is_some_and(|most| read >= most);
            let fits = match job.state {
                JobState::Running => job.at.plus(PATIENCE) >= self.now,
                JobState::Done => true,
                JobState::OverBudget => spent,
                JobState::Cancelled => false,
            };
            if !fits {
                return Err(format!("at {} {read} bytes were read for {job:?}", self.now));
            }
        }
        Ok(())
    }

    /// Bursts are found once. Each whose rows could all be seen when their windows were read was found:
    /// whoever read the last of them saw them all.
    pub(crate) fn check_bursts(&self, source: &Source) -> Result<(), String> {
        let rule = RuleName::new("burst").expect("a name");
        let epochs = self.ledgers.epochs(&source.tenant, &rule);
        let commits = self.spy.commits();
        let found = self.bursts(source, &rule)?;
        let mut rows = source.rows();
        rows.retain(|row| row.hit && row.event.is_some());
        for (user, at) in crossings(&rows, SPAN) {
            let within = |row: &&Planted| {
                let event = row.event.unwrap_or_default();
                row.user == user && at.minus(SPAN) < event && event <= at
            };
            let must = rows.iter().filter(within).all(|row| {
                row.lost.is_none()
                    && self.fate(source, row, &epochs, &commits) == RowFate::Must
                    && source.retention.is_none_or(|kept| row.ingest.plus(kept) > self.now)
            });
            if must && found.binary_search(&(format!("u{user}"), at)).is_err() {
                let rows: Vec<_> = rows.iter().filter(within).collect();
                let told = rows.iter().map(|row| self.tell(source, row, &epochs, &commits));
                let told = told.collect::<Vec<_>>().join("\n");
                return Err(format!(
                    "I9: {} had a burst of u{user} at {at} that was not found: {rows:?}\n{told}",
                    source.tenant
                ));
            }
        }
        Ok(())
    }

    fn bursts(&self, source: &Source, rule: &RuleName) -> Result<Vec<(String, Timestamp)>, String> {
        let of = |finding: &&Finding| finding.rule == *rule && finding.tenant == source.tenant;
        let burst = |finding: &Finding| {
            let group = finding.row.get("user");
            (group.map(|group| group.to_text().to_string()).unwrap_or_default(), finding.instant)
        };
        let mut found: Vec<_> = self.found.findings.iter().filter(of).map(burst).collect();
        found.sort();
        let all = found.len();
        found.dedup();
        if found.len() == all {
            Ok(found)
        } else {
            Err(format!("I9: a burst of {} was found twice", source.tenant))
        }
    }

    /// Whoever is active is up to date, and everything is settled.
    pub(crate) fn check_nobody_is_behind(&self, jobs: &[Job]) -> Result<(), String> {
        // What a job without bytes has left stays open.
        let given_up = |lane: &Lane| {
            let over = |job: &Job| job.state == JobState::OverBudget;
            matches!(lane, Lane::Backfill(name) if jobs.iter().any(|job| job.name == *name && over(job)))
        };
        for stream in self.ledgers.streams().filter(|s| s.status == StreamStatus::Active) {
            let key = &stream.key;
            let (_, slices) = &self.ledgers.0[key];
            if given_up(&key.lane) {
                continue;
            }
            if key.lane != Lane::Live {
                let long_ago = |slice: &&Slice| self.now.since(slice.planned_at) > PATIENCE;
                let open = slices.iter().filter(long_ago).find(|slice| slice.state.is_open());
                if let Some(open) = open {
                    return Err(format!("{key} never ended {open:?}"));
                }
                continue;
            }
            let lag = match stream.domain {
                Domain::EventTime | Domain::IngestTime => {
                    self.now.since(stream.checkpoint.moment())
                }
                Domain::Cursor => self.now.since(stream.last_run.unwrap_or(stream.opened_at)),
            };
            // Transactions that are open hold up whoever knows of them; they may overlap.
            let held_up =
                if stream.domain == Domain::EventTime { Duration::ZERO } else { OPEN_MAX * 2 };
            if lag > super::setting::EVERY * 3 + held_up {
                return Err(format!("{key} is {} s behind: {stream:?}", lag.as_secs()));
            }
        }
        Ok(())
    }

    /// Opaque windows are those of the ticks, whatever happened.
    pub(crate) fn check_reports(&self, source: &Source) -> Result<(), String> {
        if !source.domain.is_time() || source.knows_stable {
            return Ok(());
        }
        let rule = RuleName::new("report").expect("a name");
        let every = i64::try_from(super::setting::EVERY.as_micros()).expect("it is short");
        let buffer = i64::try_from(super::setting::BUFFER.as_micros()).expect("it is short");
        let on_tick = |at: Position| (at.0 + buffer).rem_euclid(every) == 0;
        for (stream, slices) in self.ledgers.epochs(&source.tenant, &rule) {
            // An epoch goes on where the last one ended.
            let mut after_waived = !on_tick(stream.t0);
            for slice in slices {
                let width = slice.window.width();
                // What follows a window that was left out on purpose begins where that ends.
                let one_tick =
                    width == every.unsigned_abs() || after_waived && width < every.unsigned_abs();
                let committed = matches!(slice.state, SliceState::Committed(_));
                if committed && !(one_tick && on_tick(slice.window.to())) {
                    return Err(format!("an opaque rule was evaluated over {slice:?}"));
                }
                after_waived = matches!(slice.state, SliceState::Waived { .. });
            }
        }
        Ok(())
    }

    /// C6 and C7: whoever should be told was told, at least once.
    pub(crate) fn check_told(
        &self,
        told: &BTreeMap<Arc<str>, Vec<model::log::FindingId>>,
    ) -> Result<(), String> {
        let reached: std::collections::HashSet<_> = told.values().flatten().collect();
        // The outbox is looked at every few seconds.
        let due = self.now.minus(Duration::from_secs(60));
        let forgotten =
            |one: &&Finding| one.notified && one.found_at < due && !reached.contains(&one.id);
        let forgotten = self.found.all().iter().find(forgotten);
        match forgotten {
            None => Ok(()),
            Some(one) => Err(format!("C6: at {} nobody was told of {one:?}", self.now)),
        }
    }

    /// C12: what was committed says which revision looked at it, and it is the lease's.
    pub(crate) fn check_revisions(&self) -> Result<(), String> {
        let commits = self.spy.commits();
        for slice in self.ledgers.slices() {
            let SliceState::Committed(evidence) = &slice.state else { continue };
            let Some(commit) = commits.get(&slice.id) else {
                return Err(format!("{slice:?} was committed by nobody"));
            };
            if commit.revision != evidence.revision
                || commit.key != slice.key
                || commit.window != slice.window
            {
                return Err(format!("C12: {slice:?} is not what was committed: {commit:?}"));
            }
        }
        Ok(())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RowFate {
    /// It could be seen when its window was read.
    Must,
    /// It came later, and a repair must have found it.
    Repaired,
    /// No window of the ledger answers for it.
    Outside,
}
