//! What operators ask for. Everything is on the audit trail, with who and why.

use std::sync::Arc;

use base::Timestamp;
use loghunt::command::{Applied, Command, Refusal};
use loghunt::engine::EngineError;
use loghunt::frontier::frontier;
use loghunt::ports::{AuditNote, PauseMode, SliceQuery, Step, StreamQuery};
use loghunt::stream::{Stream, StreamStatus};
use model::log::{Lane, SliceId, StreamKey, TenantName, Window};
use model::org::Actor;
use model::store::{Paging, StoreError};

use crate::assignment::name_of;
use crate::shared::Scheduler;

/// Why an operator's wish was not done. Nothing of it was, unless the text says so.
#[derive(Debug, thiserror::Error)]
pub enum NotDone {
    /// The state store did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The ledger refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A source could not be asked.
    #[error("{stream}: {error}; nothing was changed, try again")]
    Source {
        /// Of which stream.
        stream: StreamKey,
        /// Why.
        error: EngineError,
    },
    /// There is no such thing.
    #[error("{0}")]
    NotThere(String),
}

/// Who wants something, why, and when.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Who.
    pub actor: Actor,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

impl Wish {
    fn note(&self, action: &str, subject: impl ToString) -> AuditNote {
        AuditNote {
            at: self.at,
            actor: self.actor.clone(),
            action: action.to_owned(),
            subject: subject.to_string(),
            reason: self.reason.clone(),
        }
    }
}

impl Scheduler {
    /// Ends a tenant's pause. What a pause in mode `skip` left out becomes an explicit gap on each
    /// ledger first; how many there were.
    pub async fn resume(&self, tenant: &TenantName, wish: &Wish) -> Result<u64, NotDone> {
        let ports = &self.shared.ports;
        let pauses = ports.control.pauses().await?;
        let Some(pause) = pauses.into_iter().find(|pause| pause.tenant == *tenant) else {
            return Err(NotDone::NotThere(format!("{tenant} is not paused")));
        };
        let mut left_out = 0;
        if pause.mode == PauseMode::Skip {
            let mut steps = Vec::new();
            for stream in self.live(tenant).await? {
                steps.extend(self.skip(&stream, &pause.reason, wish).await?);
            }
            for step in steps {
                ports.ledger.step(&step).await??;
                left_out += 1;
            }
        }
        ports.control.resume(tenant, &wish.note("resume", tenant)).await?;
        self.shared.state.lock().pauses.remove(tenant);
        self.shared.wake.notify_one();
        Ok(left_out)
    }

    async fn live(&self, tenant: &TenantName) -> Result<Vec<Stream>, StoreError> {
        let query = StreamQuery {
            tenant: Some(tenant.clone()),
            lane: Some(Lane::Live),
            statuses: vec!["active"],
            paging: Paging::ALL,
            ..StreamQuery::default()
        };
        Ok(self.shared.ports.ledger.streams(&query).await?.items)
    }

    /// What waives the time of a pause: from what was planned to where the source stands now.
    async fn skip(&self, stream: &Stream, why: &str, wish: &Wish) -> Result<Option<Step>, NotDone> {
        let name = name_of(&StreamKey { part: "".into(), ..stream.key.clone() });
        let Some(assignment) = self.roster().by_name.get(&name).cloned() else { return Ok(None) };
        let session = self.shared.session(&assignment, stream.domain).await;
        let session =
            session.map_err(|error| NotDone::Source { stream: stream.key.clone(), error })?;
        let part = session.parts.iter().find(|(part, _)| *part == stream.key.part);
        let Some((_, horizon)) = part else { return Ok(None) };
        let end = frontier(stream.domain, wish.at, assignment.buffer(), horizon);
        let window = end.and_then(|end| Window::new(stream.planned_to, end));
        Ok(window.map(|window| {
            let reason = format!("paused: {why}");
            let waive = Command::Waive { window, actor: wish.actor.clone(), reason };
            let audit = Some(wish.note("waive", &stream.key));
            Step { audit, ..Step::of(stream.key.clone(), vec![waive]) }
        }))
    }

    /// Leaves a window out on purpose.
    pub async fn waive(
        &self,
        key: &StreamKey,
        window: Window,
        wish: &Wish,
    ) -> Result<Applied, NotDone> {
        let (actor, reason) = (wish.actor.clone(), wish.reason.clone());
        let waive = Command::Waive { window, actor, reason };
        let audit = Some(wish.note("waive", format!("{key} {window:?}")));
        let step = Step { audit, ..Step::of(key.clone(), vec![waive]) };
        let applied = self.shared.ports.ledger.step(&step).await??;
        self.queue_stream(key);
        Ok(applied)
    }

    /// Reads a gap after all.
    pub async fn reopen(&self, slice: SliceId, wish: &Wish) -> Result<Applied, NotDone> {
        let query =
            SliceQuery { id: Some(slice), paging: Paging::first(1), ..SliceQuery::default() };
        let found = self.shared.ports.ledger.slices(&query).await?.items.pop();
        let Some(found) = found else {
            return Err(NotDone::NotThere(format!("there is no slice {slice}")));
        };
        let audit = Some(wish.note("reopen", format!("{} {slice}", found.key)));
        let step = Step { audit, ..Step::of(found.key.clone(), vec![Command::Reopen { slice }]) };
        let applied = self.shared.ports.ledger.step(&step).await??;
        self.queue_stream(&found.key);
        Ok(applied)
    }

    /// Lets a stream that stopped go on, with its source as it is now.
    pub async fn continue_stream(&self, key: &StreamKey, wish: &Wish) -> Result<Applied, NotDone> {
        let stream = self.shared.ports.ledger.stream(key).await?;
        let stream =
            stream.ok_or_else(|| NotDone::NotThere(format!("there is no stream {key}")))?;
        if !matches!(stream.status, StreamStatus::Stopped(_)) {
            return Err(NotDone::NotThere(format!("{key} is {}", stream.status.word())));
        }
        let name = name_of(&StreamKey { part: "".into(), ..key.clone() });
        let source_identity = match self.roster().by_name.get(&name) {
            None => None,
            Some(assignment) => {
                let session = self.shared.session(assignment, stream.domain).await;
                let session =
                    session.map_err(|error| NotDone::Source { stream: key.clone(), error })?;
                let whole = self.shared.whole_source(assignment, &session).await;
                let whole =
                    whole.map_err(|error| NotDone::Source { stream: key.clone(), error })?;
                Some(whole.description.identity.clone())
            }
        };
        let audit = Some(wish.note("continue", key));
        let go_on = Command::Continue { source_identity };
        let step = Step { audit, ..Step::of(key.clone(), vec![go_on]) };
        let applied = self.shared.ports.ledger.step(&step).await??;
        self.queue_stream(key);
        Ok(applied)
    }

    fn queue_stream(&self, key: &StreamKey) {
        let name: Arc<str> = name_of(&StreamKey { part: "".into(), ..key.clone() });
        {
            let mut state = self.shared.state.lock();
            let state = &mut *state;
            if let Some(target) = state.targets.get_mut(&name) {
                target.streams.clear();
                state.tally.hold(&name, target, None);
            }
        }
        self.shared.queue(&name, None);
        self.shared.wake.notify_one();
    }
}
