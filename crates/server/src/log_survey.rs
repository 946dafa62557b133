//! A count of all live streams: their states, lags and gaps, joined with what the definitions expect.
//! Read at once and kept for a short while, so that thousands of tenants by rules can be sorted and
//! filtered. Judging is pure.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;
use log_rules::Definitions;
use loghunt::ports::{PauseMode, SliceQuery, StreamQuery};
use loghunt::stream::{Stream, StreamStatus};
use model::log::{
    DatasetName, Domain, EngineName, Lane, Position, RuleName, StreamKey, TenantName,
};
use model::store::{Paging, StoreError};

use crate::log::{Assigned, Breaker, Log, LogQueue, interval};

/// A count is good for at least so long.
const GOOD_FOR: Duration = Duration::from_secs(2);
/// Streams that are read at once.
const READ_AT_ONCE: u64 = 10_000;

/// How a stream stands, mildest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Stand {
    Ok,
    Waiting,
    Paused,
    Behind,
    Failing,
    Gap,
    Stopped,
}

impl Stand {
    pub(crate) const ALL: [Self; 7] = [
        Self::Ok,
        Self::Waiting,
        Self::Paused,
        Self::Behind,
        Self::Failing,
        Self::Gap,
        Self::Stopped,
    ];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Waiting => "waiting",
            Self::Paused => "paused",
            Self::Behind => "behind",
            Self::Failing => "failing",
            Self::Gap => "gap",
            Self::Stopped => "stopped",
        }
    }

    /// Whether somebody should look.
    pub(crate) fn is_trouble(self) -> bool {
        self >= Self::Behind
    }
}

/// One live stream, or one that is expected and has not run yet.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) tenant: TenantName,
    pub(crate) dataset: DatasetName,
    pub(crate) part: Arc<str>,
    pub(crate) rule: RuleName,
    pub(crate) epoch: u32,
    pub(crate) stand: Stand,
    pub(crate) lag: Option<Duration>,
    pub(crate) checkpoint: Option<(Position, Domain)>,
    pub(crate) last_run: Option<Timestamp>,
    pub(crate) gaps: u32,
    pub(crate) failure: Option<String>,
}

/// All live streams.
#[derive(Clone, Debug)]
pub(crate) struct Survey {
    /// By the store's clock.
    pub(crate) at: Timestamp,
    /// How long the count took.
    took: Duration,
    /// By tenant, rule, dataset, part.
    pub(crate) entries: Vec<Entry>,
    pub(crate) paused: BTreeMap<TenantName, PauseMode>,
    /// Windows that were given up.
    pub(crate) gaps: u64,
}

/// What decides how a stream stands, besides its record.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Beside {
    pub(crate) paused: bool,
    pub(crate) gaps: u32,
    /// Beyond this lag it is behind.
    pub(crate) lag_max: Option<Duration>,
}

/// How far a checkpoint is behind the clock, in the time domains.
pub(crate) fn lag(stream: &Stream, now: Timestamp) -> Option<Duration> {
    stream.domain.is_time().then(|| now.since(stream.checkpoint.moment()))
}

/// How a stream stands.
pub(crate) fn judge(stream: &Stream, now: Timestamp, beside: Beside) -> Stand {
    let late = lag(stream, now).zip(beside.lag_max).is_some_and(|(lag, max)| lag > max);
    match stream.status {
        StreamStatus::Stopped(_) => Stand::Stopped,
        StreamStatus::Active | StreamStatus::Closed { .. } if beside.paused => Stand::Paused,
        StreamStatus::Active | StreamStatus::Closed { .. } if beside.gaps > 0 => Stand::Gap,
        StreamStatus::Active | StreamStatus::Closed { .. } if stream.last_failure.is_some() => {
            Stand::Failing
        }
        StreamStatus::Active | StreamStatus::Closed { .. } if late => Stand::Behind,
        StreamStatus::Active | StreamStatus::Closed { .. } => Stand::Ok,
    }
}

/// Why a stream waits or failed last.
pub(crate) fn failure(stream: &Stream) -> Option<String> {
    match &stream.status {
        StreamStatus::Stopped(failure) => Some(failure.message.clone()),
        StreamStatus::Closed { reason } => Some(reason.clone()),
        StreamStatus::Active => stream.last_failure.as_ref().map(|last| last.message.clone()),
    }
}

/// The lag beyond which a rule's streams are behind: twice the interval, and what is waited for.
pub(crate) fn lag_max(
    definitions: &Definitions,
    rule: &RuleName,
    now: Timestamp,
) -> Option<Duration> {
    let rule = definitions.rules.iter().find(|known| known.name == *rule)?;
    let schedule = &rule.schedule;
    Some(interval(rule, now)? * 2 + schedule.log_buffer + schedule.start_delay + schedule.jitter)
}

impl Log {
    /// The last count, or a new one when that is too old.
    pub(crate) async fn survey(&self) -> Result<Arc<Survey>, StoreError> {
        let mut kept = self.survey.lock().await;
        let now = self.ports.ledger.now().await?;
        if let Some(survey) = kept.as_ref() {
            let good_for = GOOD_FOR.max(survey.took * 10);
            let fresh = now >= survey.at && now.since(survey.at) < good_for;
            if fresh && survey.at > *self.stale_before.lock() {
                return Ok(Arc::clone(survey));
            }
        }
        let survey = Arc::new(self.count(now).await?);
        *kept = Some(Arc::clone(&survey));
        Ok(survey)
    }

    /// Something changed: the next look counts again.
    pub(crate) async fn outdate(&self) -> Result<(), StoreError> {
        let now = self.ports.ledger.now().await?;
        *self.stale_before.lock() = now;
        Ok(())
    }

    async fn count(&self, now: Timestamp) -> Result<Survey, StoreError> {
        let known = self.ports.desk.known();
        let paused: BTreeMap<TenantName, PauseMode> = self
            .ports
            .control
            .pauses()
            .await?
            .into_iter()
            .map(|pause| (pause.tenant, pause.mode))
            .collect();
        let (by_key, gaps) = self.gaps().await?;
        let limits: HashMap<&RuleName, Option<Duration>> = known
            .definitions
            .rules
            .iter()
            .map(|rule| (&rule.name, lag_max(&known.definitions, &rule.name, now)))
            .collect();
        let mut newest: BTreeMap<Place, Entry> = BTreeMap::new();
        let mut offset = 0;
        loop {
            let paging = Paging { offset, limit: READ_AT_ONCE };
            let query = StreamQuery { lane: Some(Lane::Live), paging, ..StreamQuery::default() };
            let page = self.ports.ledger.streams(&query).await?;
            for stream in &page.items {
                let beside = Beside {
                    paused: paused.contains_key(&stream.key.tenant),
                    gaps: by_key.get(&stream.key).copied().unwrap_or(0),
                    lag_max: limits.get(&stream.key.rule).copied().flatten(),
                };
                keep_newest(&mut newest, stream, now, beside);
            }
            offset += page.items.len() as u64;
            if page.items.is_empty() || offset >= page.total {
                break;
            }
        }
        let mut entries: Vec<Entry> = newest.into_values().collect();
        let closed = |queue: &LogQueue| queue.breaker != Breaker::Closed;
        let queues = self.ports.desk.queues().into_iter().filter(closed);
        let refusing: Refusing = queues
            .map(|queue| {
                let until =
                    queue.breaker_until.map(|at| format!(" before {at}")).unwrap_or_default();
                let why =
                    format!("the engine `{}` fails; nothing is asked of it{until}", queue.engine);
                ((queue.tenant, queue.engine), why)
            })
            .collect();
        entries.extend(expected(&self.assigned(), &entries, (&paused, &refusing)));
        let place = |entry: &Entry| {
            (entry.tenant.clone(), entry.rule.clone(), entry.dataset.clone(), entry.part.clone())
        };
        entries.sort_by_cached_key(place);
        let took = self.ports.ledger.now().await?.since(now);
        Ok(Survey { at: now, took, entries, paused, gaps })
    }

    /// Windows that were given up, by stream, and how many in all.
    async fn gaps(&self) -> Result<(HashMap<StreamKey, u32>, u64), StoreError> {
        let query = SliceQuery {
            of: StreamQuery { lane: Some(Lane::Live), ..StreamQuery::default() },
            states: vec!["quarantined"],
            paging: Paging::first(READ_AT_ONCE),
            ..SliceQuery::default()
        };
        let page = self.ports.ledger.slices(&query).await?;
        let mut by_key = HashMap::new();
        for slice in page.items {
            *by_key.entry(slice.key).or_insert(0) += 1;
        }
        Ok((by_key, page.total))
    }
}

type Place = (TenantName, RuleName, DatasetName, Arc<str>);

/// Keeps the newest epoch of each place, unless it is closed.
fn keep_newest(
    newest: &mut BTreeMap<Place, Entry>,
    stream: &Stream,
    now: Timestamp,
    beside: Beside,
) {
    let key = &stream.key;
    let place = (key.tenant.clone(), key.rule.clone(), key.dataset.clone(), key.part.clone());
    let older = newest.get(&place).is_some_and(|kept| kept.epoch > key.epoch);
    if older || matches!(stream.status, StreamStatus::Closed { .. }) {
        return;
    }
    newest.insert(
        place,
        Entry {
            tenant: key.tenant.clone(),
            dataset: key.dataset.clone(),
            part: key.part.clone(),
            rule: key.rule.clone(),
            epoch: key.epoch,
            stand: judge(stream, now, beside),
            lag: lag(stream, now),
            checkpoint: Some((stream.checkpoint, stream.domain)),
            last_run: stream.last_run,
            gaps: beside.gaps,
            failure: failure(stream),
        },
    );
}

/// Why an engine is not asked for a tenant.
type Refusing = HashMap<(TenantName, EngineName), String>;

/// What the definitions expect and no ledger has yet. A stream whose engine has never answered has
/// none: it fails, although nothing is recorded.
fn expected(
    assigned: &[Assigned],
    entries: &[Entry],
    (paused, refusing): (&BTreeMap<TenantName, PauseMode>, &Refusing),
) -> Vec<Entry> {
    let known: HashSet<(&TenantName, &RuleName)> =
        entries.iter().map(|entry| (&entry.tenant, &entry.rule)).collect();
    let missing = assigned.iter().filter(|one| !known.contains(&(&one.tenant, &one.rule)));
    let entry = |one: &Assigned| {
        let failure = refusing.get(&(one.tenant.clone(), one.engine.clone())).cloned();
        let stand = match &failure {
            _ if paused.contains_key(&one.tenant) => Stand::Paused,
            Some(_) => Stand::Failing,
            None => Stand::Waiting,
        };
        Entry {
            tenant: one.tenant.clone(),
            dataset: one.dataset.clone(),
            part: "".into(),
            rule: one.rule.clone(),
            epoch: 0,
            stand,
            lag: None,
            checkpoint: None,
            last_run: None,
            gaps: 0,
            failure,
        }
    };
    missing.map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::log::{Failure, FailureClass};

    fn stream(checkpoint: i64) -> Stream {
        Stream {
            key: StreamKey {
                tenant: TenantName::new("acme").unwrap(),
                dataset: DatasetName::new("d").unwrap(),
                part: "".into(),
                rule: RuleName::new("r").unwrap(),
                epoch: 0,
                lane: Lane::Live,
            },
            domain: Domain::EventTime,
            t0: Position(0),
            planned_to: Position::at(Timestamp::from_secs(checkpoint)),
            checkpoint: Position::at(Timestamp::from_secs(checkpoint)),
            token: 0,
            status: StreamStatus::Active,
            source_identity: None,
            opened_at: Timestamp::EPOCH,
            last_tick: None,
            last_run: None,
            last_failure: None,
            heartbeat: Timestamp::EPOCH,
        }
    }

    #[track_caller]
    fn check(stream: &Stream, beside: Beside, expected: Stand) {
        assert_eq!(judge(stream, Timestamp::from_secs(1_000), beside), expected);
    }

    #[test]
    fn what_matters_most_decides() {
        let limit = Beside { lag_max: Some(Duration::from_secs(100)), ..Beside::default() };
        check(&stream(950), limit, Stand::Ok);
        check(&stream(800), limit, Stand::Behind);
        check(&stream(800), Beside::default(), Stand::Ok);
        let cursor = Stream { domain: Domain::Cursor, ..stream(1) };
        check(&cursor, limit, Stand::Ok);
        let last = Failure { class: FailureClass::Transient, message: "no".into() };
        let failing = Stream { last_failure: Some(last.clone()), ..stream(800) };
        check(&failing, limit, Stand::Failing);
        check(&failing, Beside { gaps: 1, ..limit }, Stand::Gap);
        check(&failing, Beside { gaps: 1, paused: true, ..limit }, Stand::Paused);
        let stopped = Stream { status: StreamStatus::Stopped(last), ..stream(990) };
        check(&stopped, Beside { paused: true, ..limit }, Stand::Stopped);
    }
}
