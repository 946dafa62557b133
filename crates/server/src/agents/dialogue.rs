//! One session with one agent, without its transport: frames in, frames out.
//!
//! What is said when is `link`'s knowledge; what a word means for hunts and flows is asked of
//! `hunts` and `flows`; here they meet.

use std::collections::BTreeSet;
use std::sync::Arc;

use base::{Chain, ClientId, FlowId};
use flows::reports::Report;
use flows::steer;
use hunts::decide::QueryAnswer;
use link::{Heard, ServerSession};
use model::client::Client;
use model::flow::{Flow, FlowEvent, FlowFailure, FlowOrigin, FlowState};
use model::hunt::OfferSeq;
use model::org::OrgId;
use model::store::StoreError;
use wire::{
    AgentAnswer, AgentHello, Bye, CursorAck, FlowCancel, HuntsChanged, PROTOCOL, ServerSays,
    Welcome,
};

use super::checks::{PollReply, Polled};
use super::hall::Tell;
use super::reports::{Pending, Sorted, sort};
use super::{checks, reports};
use crate::core::Core;
use crate::event::{FlowEnded, FrameRefused, SessionBroke};
use crate::live::Touched;

/// What is to be sent, in order.
pub(crate) type Outgoing = Vec<ServerSays>;

/// One session with one agent.
pub(crate) struct Dialogue {
    core: Arc<Core>,
    client: ClientId,
    session: ServerSession,
    /// The newest offer that the agent was told of.
    told_newest: OfferSeq,
    /// Where the agent stands, as it said and as it was acknowledged since.
    stands: Polled,
    /// The newest recheck mark that it was told of.
    told_mark: u64,
    /// The tenant of the client, once its record was read.
    org: Option<OrgId>,
    /// Whether it takes a check that it did not poll for.
    takes_checks: bool,
    /// Such a check, and where the agent stood when it was sent.
    unasked: Option<(u64, Polled)>,
    /// What the agent monitors; `None` when it cannot.
    monitoring: Option<u64>,
    /// Of what is monitored, as far as the agent was told.
    told_monitored: u64,
    /// Parts of an answer that is not complete yet.
    parts: Vec<QueryAnswer>,
    /// Their bytes.
    parts_bytes: usize,
    /// The record under which the client was asked last; its answer is judged by the same. Should its
    /// labels change meanwhile, the recheck mark makes it be asked anew.
    asked_as: Option<Box<Client>>,
}

impl Dialogue {
    pub(crate) fn new(core: Arc<Core>, client: ClientId) -> Self {
        Self {
            core,
            client,
            session: ServerSession::new(),
            told_newest: OfferSeq::default(),
            stands: Polled::default(),
            told_mark: 0,
            org: None,
            takes_checks: false,
            unasked: None,
            monitoring: None,
            told_monitored: 0,
            parts: Vec::new(),
            parts_bytes: 0,
            asked_as: None,
        }
    }

    /// Takes frames that came together. `Err` is the last word before the session ends.
    pub(crate) async fn hear(
        &mut self,
        frames: &[impl AsRef<[u8]>],
        out: &mut Outgoing,
    ) -> Result<(), Bye> {
        let mut pending = Vec::new();
        let mut outcome = Ok(());
        for frame in frames {
            outcome = self.hear_one(frame.as_ref(), &mut pending, out).await;
            if outcome.is_err() {
                break;
            }
        }
        let settled = self.settle(&mut pending).await.map_err(|error| self.broke(&error));
        // Acknowledged is what is durable, also when the session ends for another reason.
        if let Some(ack) = self.session.take_ack() {
            out.push(ServerSays::ReportAck(ack));
        }
        outcome.and(settled)
    }

    async fn hear_one(
        &mut self,
        frame: &[u8],
        pending: &mut Vec<Pending>,
        out: &mut Outgoing,
    ) -> Result<(), Bye> {
        let heard = match self.session.hear(frame) {
            Ok(heard) => heard,
            Err(bye) => {
                self.refused("frame", &bye.reason);
                return Err(bye);
            }
        };
        let alone = match heard {
            Heard::Receipt(attempt) => {
                pending.push(Pending { number: None, report: Report::Delivered(attempt) });
                return Ok(());
            }
            Heard::Report { number, attempt, said } => match sort(number, attempt, said) {
                Sorted::Together(report) => {
                    pending.push(report);
                    return Ok(());
                }
                Sorted::Alone(number, attempt, said) => Heard::Report { number, attempt, said },
            },
            other => other,
        };
        let acted = async {
            self.settle(pending).await?;
            self.act(alone, out).await
        };
        acted.await.map_err(|error| self.broke(&error))
    }

    /// Takes the reports that are pending, and settles each.
    async fn settle(&mut self, pending: &mut Vec<Pending>) -> Result<(), StoreError> {
        if pending.is_empty() {
            return Ok(());
        }
        let pending = std::mem::take(pending);
        let verdicts = reports::take_together(&self.core, self.client, pending).await?;
        for (number, verdict) in verdicts {
            self.verdict(number, verdict);
        }
        Ok(())
    }

    fn verdict(&mut self, number: u64, verdict: Result<(), String>) {
        if let Err(reason) = &verdict {
            self.refused("report", reason);
        }
        self.session.settle(number, verdict);
    }

    async fn act(&mut self, heard: Heard, out: &mut Outgoing) -> Result<(), StoreError> {
        match heard {
            Heard::Hello(hello) => self.greet(hello, out).await,
            Heard::Poll { cursor, recheck } => {
                self.poll(Polled { cursor: OfferSeq(cursor), recheck }, out).await
            }
            Heard::Answer(answer) => self.answer(answer, out).await,
            Heard::Report { number, attempt, said } => {
                let verdict = reports::take_alone(&self.core, self.client, (attempt, said)).await?;
                self.verdict(number, verdict);
                Ok(())
            }
            Heard::BadReport { why, .. } => {
                self.refused("report", &why.to_string());
                Ok(())
            }
            Heard::Receipt(_) | Heard::Nothing => Ok(()),
        }
    }

    async fn greet(&mut self, hello: AgentHello, out: &mut Outgoing) -> Result<(), StoreError> {
        let now = self.core.clock.now();
        self.stands = Polled { cursor: OfferSeq(hello.cursor), recheck: hello.recheck };
        self.takes_checks = hello.takes_checks;
        let facts = Some(hello.facts);
        let sighting = fleet::ports::Sighting { at: now, address: None, facts };
        self.core.ports.clients.seen(self.client, &sighting).await?;
        let client = self.record().await?;
        let labels = client.labels.clone();
        self.told_mark = client.recheck;
        self.org = Some(client.org.clone());
        self.core.live.touch(Touched::Client(self.client));
        self.told_newest = self.core.hall.foreman().newest();
        out.push(ServerSays::Welcome(Welcome {
            protocol: PROTOCOL,
            newest_offer: self.told_newest.0,
            labels: client.labels.into_iter().collect(),
            recheck: client.recheck,
            poll_secs: self.core.settings.poll_secs,
        }));
        let flows = &*self.core.ports.flows;
        let greeting = steer::greet(flows, self.client, &hello.live, now).await?;
        for flow in greeting.to_stop {
            out.push(cancel(flow));
        }
        for flow in greeting.to_send {
            self.request(&flow, out).await?;
        }
        self.monitoring = hello.monitoring;
        self.offer_monitoring(&labels, out);
        // An attempt that was lost may have left a member to be admitted again.
        self.core.manager_wake.notify_one();
        Ok(())
    }

    async fn poll(&mut self, polled: Polled, out: &mut Outgoing) -> Result<(), StoreError> {
        if let Some((check, stood)) = self.unasked.take()
            && stood == polled
            && self.core.hall.asked(self.client, check).is_some()
        {
            // They have crossed: what was sent answers this.
            return Ok(());
        }
        let mut foreman = self.core.hall.foreman();
        if foreman.is_behind(polled.cursor) {
            self.core.refresh_foreman_for_agent().await?;
            foreman = self.core.hall.foreman();
        }
        if foreman.is_up_to_date(polled.cursor) {
            // The whole cost of an idle poll.
            let Polled { cursor, recheck } = polled;
            self.acknowledge(CursorAck { cursor: cursor.0, recheck }, out);
            return Ok(());
        }
        let client = self.record().await?;
        self.ask(client, polled, out).await?;
        Ok(())
    }

    /// Asks what is new to an agent that stands there, or acknowledges when there is nothing to ask.
    /// Gives the name of the check.
    async fn ask(
        &mut self,
        client: Client,
        stands: Polled,
        out: &mut Outgoing,
    ) -> Result<Option<u64>, StoreError> {
        let foreman = self.core.hall.foreman();
        match checks::answer_poll(&self.core, &foreman, &client, stands).await? {
            PollReply::Keep(ack) => {
                self.acknowledge(ack, out);
                Ok(None)
            }
            PollReply::Ask(check) => {
                self.asked_as = Some(Box::new(client));
                let name = check.check;
                out.push(ServerSays::Check(check));
                Ok(Some(name))
            }
        }
    }

    async fn answer(&mut self, said: AgentAnswer, out: &mut Outgoing) -> Result<(), StoreError> {
        checks::keep_part(&mut self.parts, &mut self.parts_bytes, said.answers);
        if said.more {
            return Ok(());
        }
        let parts = std::mem::take(&mut self.parts);
        self.parts_bytes = 0;
        let Some(asked) = self.core.hall.asked(self.client, said.check) else {
            // Asked before a restart, or not at all: the agent is to poll again.
            self.refused("answer", "it answers nothing that was asked in this session");
            // It keeps its cursor; another mark than its own says that none was answered.
            let recheck = said.recheck.wrapping_add(1);
            out.push(ServerSays::CursorAck(CursorAck { cursor: self.stands.cursor.0, recheck }));
            out.push(self.hunts_changed());
            return Ok(());
        };
        let client = match self.asked_as.take() {
            Some(client) => client,
            None => Box::new(self.record().await?),
        };
        let ack = checks::take_answer(&self.core, &client, &asked, &parts, said.recheck).await?;
        self.acknowledge(ack, out);
        Ok(())
    }

    fn acknowledge(&mut self, ack: CursorAck, out: &mut Outgoing) {
        self.stands = Polled { cursor: OfferSeq(ack.cursor), recheck: ack.recheck };
        out.push(ServerSays::CursorAck(ack));
    }

    /// Tells the agent something that happened elsewhere. `Err` is the last word.
    pub(crate) async fn tell(&mut self, what: Tell, out: &mut Outgoing) -> Result<(), Bye> {
        match what {
            Tell::Flow(flow) => {
                self.request(&flow, out).await.map_err(|error| self.broke(&error))?;
            }
            Tell::Cancel(flow) => out.push(cancel(flow)),
            Tell::Recheck { mark, labels } => {
                self.told_mark = mark;
                self.offer_monitoring(&labels.iter().cloned().collect(), out);
                let newest_offer = self.core.hall.foreman().newest().0;
                let changed = HuntsChanged { newest_offer, recheck: mark, labels };
                out.push(ServerSays::HuntsChanged(changed));
            }
            Tell::Revoked => {
                let reason = "the certificate of this client was revoked".to_owned();
                return Err(Bye { reason, for_ever: true, retry_secs: 0 });
            }
        }
        Ok(())
    }

    /// There is a newer foreman, or something else is monitored; tells the agent when that concerns
    /// it. `Err` is the last word.
    pub(crate) async fn news(&mut self, out: &mut Outgoing) -> Result<(), Bye> {
        if self.core.hall.foreman().newest() > self.told_newest {
            self.offer_news(out).await.map_err(|error| self.broke(&error))?;
            self.core.hall.notice.told();
        }
        let generation = self.core.hall.monitored().generation;
        if self.monitoring.is_some() && generation != self.told_monitored {
            let client = self.record().await.map_err(|error| self.broke(&error))?;
            self.offer_monitoring(&client.labels, out);
        }
        Ok(())
    }

    /// Asks the agent at once what newer offers want to know. While it has another question, or is to be
    /// asked all again because its labels changed, it is only told to poll.
    async fn offer_news(&mut self, out: &mut Outgoing) -> Result<(), StoreError> {
        let stands = self.stands;
        let may_be_asked = self.takes_checks
            && stands.recheck == self.told_mark
            && !self.core.hall.has_question(self.client);
        if !may_be_asked {
            out.push(self.hunts_changed());
            return Ok(());
        }
        let foreman = self.core.hall.foreman();
        let org = self.org.as_ref();
        let for_all = org.and_then(|org| foreman.newer_for_all(stands.cursor, org));
        let asked = match for_all.filter(|newer| !newer.queries.is_empty()) {
            Some(newer) => {
                // Its record is read when it answers.
                self.asked_as = None;
                let check = checks::ask(&self.core, self.client, &newer);
                let name = check.check;
                out.push(ServerSays::Check(check));
                Some(name)
            }
            None => {
                let client = self.record().await?;
                if client.recheck != stands.recheck {
                    out.push(self.hunts_changed());
                    return Ok(());
                }
                self.ask(client, stands, out).await?
            }
        };
        self.told_newest = foreman.newest();
        self.unasked = asked.map(|check| (check, stands));
        Ok(())
    }

    /// Tells the agent what to monitor, when it can and that is something else than now.
    fn offer_monitoring(&mut self, labels: &BTreeSet<String>, out: &mut Outgoing) {
        let monitored = self.core.hall.monitored();
        self.told_monitored = monitored.generation;
        let Some(now) = self.monitoring else { return };
        if monitored.id(labels) != now {
            let wanted = monitored.wanted(labels);
            self.monitoring = Some(wanted.id);
            out.push(ServerSays::Monitoring(wanted));
        }
    }

    fn hunts_changed(&mut self) -> ServerSays {
        self.told_newest = self.core.hall.foreman().newest();
        ServerSays::HuntsChanged(HuntsChanged {
            newest_offer: self.told_newest.0,
            recheck: 0,
            labels: Vec::new(),
        })
    }

    /// Sends a flow, or ends it when its artifacts no longer compile.
    async fn request(&self, flow: &Flow, out: &mut Outgoing) -> Result<(), StoreError> {
        match self.core.collector.request(flow) {
            Ok(request) => {
                out.push(ServerSays::FlowRequest(request));
                Ok(())
            }
            Err(why) => {
                let attempt = flow.life.attempt;
                let outcome = Err(FlowFailure::Refused(why));
                let event = FlowEvent::Ended { attempt, outcome };
                let now = self.core.clock.now();
                let step = flows::ports::FlowStep::new(flow.id, event, now);
                let applied = self.core.ports.flows.apply(&step).await?;
                flow_ended(&self.core, &applied.flow);
                Ok(())
            }
        }
    }

    async fn record(&self) -> Result<Client, StoreError> {
        let found = self.core.ports.clients.get(self.client).await?;
        found.ok_or_else(|| StoreError::not_found(format!("client {}", self.client)))
    }

    fn refused(&self, kind: &'static str, reason: &str) {
        FrameRefused { client: self.client, kind, reason }.emit();
    }

    fn broke(&self, error: &StoreError) -> Bye {
        SessionBroke { client: self.client, error }.emit();
        self.core.note_trouble(error);
        let reason = format!("the server could not do this now: {}", Chain(error));
        Bye { reason, for_ever: false, retry_secs: 10 }
    }
}

fn cancel(flow: FlowId) -> ServerSays {
    ServerSays::FlowCancel(FlowCancel { flow: wire::flow_bytes(flow) })
}

/// Tells everybody who wants to know that a flow has moved.
pub(crate) fn flow_ended(core: &Core, flow: &Flow) {
    let state = &flow.life.state;
    let notable = flow.origin == FlowOrigin::Direct || !matches!(state, FlowState::Done(_));
    FlowEnded { flow: flow.id, client: flow.client, state: state.name(), notable }.emit();
    core.live.touch(Touched::Flow(flow.id));
    if let FlowOrigin::Hunt { hunt, .. } = flow.origin {
        core.live.touch(Touched::Hunt(hunt));
        core.manager_wake.notify_one();
    }
}
