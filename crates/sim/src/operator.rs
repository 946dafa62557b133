//! What people do meanwhile: start, edit, pause, resume, drain and stop hunts, change labels.

use std::time::Duration;

use base::{ClientId, HuntId, Rate, SeededEntropy, Timestamp};
use fleet::enrolment::LabelChange;
use hunts::ports::{HuntEdit, HuntStep, NewHunt};
use model::bounds::{Canary, StopWhen, Widen};
use model::flow::FlowFailure;
use model::hunt::{EndReason, HuntEvent, HuntSpec, HuntState};
use model::org::OrgId;
use model::retry::{RetryPlan, RetryRule};
use model::store::StoreError;
use testkit::stores::{Stores, ada, pick, spec};

use crate::server::{Outgoing, Server};

/// Stands in every hunt's name and server condition; no client may ever see it.
pub(crate) const SECRET: &str = "SECRET-OF-THE-SERVER";

/// Hunts that are started in all.
const HUNTS_MAX: usize = 4;

pub(crate) struct Operator {
    pub(crate) hunts: Vec<HuntId>,
    only_rate: Option<u32>,
    entropy: SeededEntropy,
}

impl Operator {
    pub(crate) fn new(seed: u64, only_rate: Option<u32>) -> Self {
        Self { hunts: Vec::new(), only_rate, entropy: SeededEntropy::new(seed ^ 0x0bea) }
    }

    pub(crate) fn some_spec(&mut self) -> HuntSpec {
        let entropy = &mut self.entropy;
        let mut wanted = spec();
        wanted.name = format!("{SECRET} hunt");
        let words = ["", "even", "fails"];
        let word = words[usize::try_from(pick(entropy, 3)).unwrap_or(0)];
        if pick(entropy, 4) > 0 {
            wanted.condition.server = format!("SELECT * FROM rows WHERE '{SECRET}' {word}");
        }
        if pick(entropy, 2) == 0 {
            wanted.condition.client = "SELECT OS FROM info()".into();
        }
        if pick(entropy, 3) == 0 {
            wanted.condition.exclude.labels.insert("spare".into());
        }
        wanted.rate = match pick(entropy, 3) {
            0 => Rate::Unlimited,
            1 => Rate::PerMinute(2),
            _ => Rate::PerMinute(20),
        };
        wanted.limits.running_max = [0, 2, 5][usize::try_from(pick(entropy, 3)).unwrap_or(0)];
        wanted.limits.clients_max = [0, 0, 4][usize::try_from(pick(entropy, 3)).unwrap_or(0)];
        wanted.limits.per_client.timeout = Duration::from_secs(600);
        wanted.expires_after = Duration::from_secs(300 + pick(entropy, 1_800));
        wanted.limits.total.rows_max = [0, 0, 0, 8][usize::try_from(pick(entropy, 4)).unwrap_or(0)];
        wanted.limits.stop_when =
            (pick(entropy, 4) == 0).then_some(StopWhen { failed_percent: 30, after_clients: 3 });
        wanted.canary = match pick(entropy, 5) {
            0 => Some(Canary { clients: 2, then: Widen::Gate }),
            1 => Some(Canary { clients: 2, then: Widen::Auto }),
            _ => None,
        };
        if pick(entropy, 3) == 0 {
            let again = RetryRule { times: 1, limit_percent: 150 };
            let class = FlowFailure::Query(String::new()).class();
            wanted.retry = RetryPlan::of_hunts().with(class, again);
        }
        wanted
    }

    /// Does one thing. An error of the store's refusal is fine; one of its death kills the server.
    pub(crate) async fn act(
        &mut self,
        stores: &Stores,
        server: &mut Server,
        clients: &[ClientId],
        now: Timestamp,
    ) -> Result<Outgoing, StoreError> {
        if let Some(rate) = self.only_rate {
            if self.hunts.is_empty() {
                let mut wanted = spec();
                wanted.rate = Rate::PerMinute(rate);
                self.start(stores, wanted, now).await?;
            }
            return server.reload(now).await;
        }
        if self.hunts.len() < HUNTS_MAX
            && (self.hunts.is_empty() || pick(&mut self.entropy, 2) == 0)
        {
            // Sometimes two at the same instant.
            for _ in 0..=pick(&mut self.entropy, 2) {
                let spec = self.some_spec();
                self.start(stores, spec, now).await?;
            }
            return server.reload(now).await;
        }
        let at = usize::try_from(pick(&mut self.entropy, self.hunts.len() as u64)).unwrap_or(0);
        let hunt = self.hunts[at];
        let events = [HuntEvent::Pause, HuntEvent::Resume, HuntEvent::Widen, HuntEvent::Drain];
        let mut out = Vec::new();
        match pick(&mut self.entropy, 12) {
            0 => out = self.step(stores, hunt, HuntEvent::Stop, now).await?,
            1..=2 => self.relabel(stores, clients).await?,
            3..=5 => self.edit(stores, hunt, now).await?,
            choice => {
                let event = events[usize::try_from(choice % 4).unwrap_or(0)];
                out = self.step(stores, hunt, event, now).await?;
            }
        }
        out.extend(server.reload(now).await?);
        Ok(out)
    }

    async fn start(
        &mut self,
        stores: &Stores,
        spec: HuntSpec,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let id = HuntId::mint(now, &mut self.entropy);
        let new = NewHunt { id, org: OrgId::default(), spec, by: ada(), now, copied_from: None };
        stores.hunts.create(&new).await?;
        self.hunts.push(id);
        self.step(stores, id, HuntEvent::Start, now).await.map(|_| ())
    }

    async fn step(
        &mut self,
        stores: &Stores,
        id: HuntId,
        event: HuntEvent,
        now: Timestamp,
    ) -> Result<Outgoing, StoreError> {
        let step = HuntStep { id, event, reason: EndReason::Asked, by: ada(), now };
        match stores.hunts.transition(&step).await {
            Ok(moved) => Ok(Server::tell_to_stop(moved.cancelled)),
            Err(StoreError::Conflict { .. }) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    async fn edit(
        &mut self,
        stores: &Stores,
        id: HuntId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Some(found) = stores.hunts.get(id).await? else { return Ok(()) };
        let mut spec = found.hunt.spec.clone();
        let fresh = self.some_spec();
        if pick(&mut self.entropy, 2) == 0 {
            spec.condition = fresh.condition;
        } else {
            spec.expires_after = fresh.expires_after;
        }
        let edit = HuntEdit { id, revision: found.hunt.revision, spec, by: ada(), now };
        match stores.hunts.edit(&edit).await {
            Ok(_) | Err(StoreError::Conflict { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn relabel(&mut self, stores: &Stores, clients: &[ClientId]) -> Result<(), StoreError> {
        let at = usize::try_from(pick(&mut self.entropy, clients.len() as u64)).unwrap_or(0);
        let label = ["spare".to_owned()].into();
        let change = if pick(&mut self.entropy, 2) == 0 {
            LabelChange { add: label, ..LabelChange::default() }
        } else {
            LabelChange { remove: label, ..LabelChange::default() }
        };
        stores.clients.set_labels(clients[at], &change).await.map(|_| ())
    }

    /// Ends everything gently: hunts that are paused go on, and recruit nobody new.
    pub(crate) async fn end_all(
        &mut self,
        stores: &Stores,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        for id in self.hunts.clone() {
            let Some(found) = stores.hunts.get(id).await? else { continue };
            // Whoever waits behind canaries is let in.
            self.step(stores, id, HuntEvent::Widen, now).await?;
            if matches!(found.hunt.state, HuntState::Running | HuntState::Paused) {
                self.step(stores, id, HuntEvent::Drain, now).await?;
            }
        }
        Ok(())
    }
}
