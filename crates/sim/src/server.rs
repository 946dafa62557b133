//! The simulated server: the real steering over real stores, without sockets and tasks.
//!
//! Everything here but the stores is lost when it dies.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use base::{ClientId, Entropy, FlowId, Rate, Timestamp};
use flows::results::Appended;
use flows::steer::{self as flow_steer, Ended};
use hunts::ConditionJudge;
use hunts::HuntStore;
use hunts::asked::AskedLedger;
use hunts::foreman::Foreman;
use hunts::steer::{self as hunt_steer, CheckAnswer, PollAnswer};
use model::client::Client;
use model::hunt::{Hunt, OfferSeq};
use model::store::StoreError;
use testkit::stores::Stores;

use crate::faults::Faulty;
use crate::messages::{Report, ToAgent, ToServer};

/// How fast the whole server admits.
pub(crate) const CEILING: Rate = Rate::PerMinute(60);

pub(crate) struct Server {
    stores: Stores,
    faulty: Arc<Faulty>,
    foreman: Foreman,
    asked: AskedLedger,
    sessions: BTreeMap<ClientId, u64>,
    /// When the hunt manager is to look again; events set it to now.
    pub(crate) wake: Option<Timestamp>,
}

/// Messages to be sent.
pub(crate) type Outgoing = Vec<(ClientId, ToAgent)>;

/// Judges by the words in a condition.
pub(crate) struct WordJudge;

#[async_trait]
impl ConditionJudge for WordJudge {
    async fn judge(&self, hunt: &Hunt, _client: &Client, rows: &[String]) -> Result<bool, String> {
        let condition = &hunt.spec.condition.server;
        if condition.contains("fails") && rows.iter().any(|row| row.contains("\"Number\":3")) {
            return Err("line 1: simulated".to_owned());
        }
        Ok(!condition.contains("even") || rows.iter().any(|row| row.contains("\"even\":true")))
    }
}

impl Server {
    /// Starts from the records alone.
    pub(crate) async fn start(
        stores: Stores,
        faulty: Arc<Faulty>,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let foreman = Foreman::new(faulty.active().await?);
        let (asked, sessions) = (AskedLedger::new(), BTreeMap::new());
        Ok(Self { stores, faulty, foreman, asked, sessions, wake: Some(now) })
    }

    /// The hunts have changed.
    pub(crate) async fn reload(&mut self, now: Timestamp) -> Result<Outgoing, StoreError> {
        self.foreman = Foreman::new(self.faulty.active().await?);
        self.wake = Some(now);
        let newest = self.foreman.newest();
        let told = |client: &ClientId| (*client, ToAgent::Welcome { newest, recheck: 0 });
        Ok(self.sessions.keys().map(told).collect())
    }

    pub(crate) fn connect(&mut self, client: ClientId, session: u64) {
        self.sessions.insert(client, session);
        self.asked.forget(client);
    }

    pub(crate) fn session(&self, client: ClientId) -> Option<u64> {
        self.sessions.get(&client).copied()
    }

    pub(crate) fn tell_to_stop(flows: Vec<(ClientId, FlowId)>) -> Outgoing {
        flows.into_iter().map(|(client, flow)| (client, ToAgent::Cancel(flow))).collect()
    }

    /// One step of the hunt manager, and the end of flows whose time is over.
    pub(crate) async fn manage(
        &mut self,
        entropy: &mut dyn Entropy,
        now: Timestamp,
    ) -> Result<Outgoing, StoreError> {
        self.wake = None;
        let expired = flow_steer::expire_overdue(&*self.faulty, now, 100).await?;
        let mut out =
            Self::tell_to_stop(expired.iter().map(|flow| (flow.client, flow.id)).collect());
        let faulty = &*self.faulty;
        let managed = hunt_steer::manage(faulty, faulty, (CEILING, None), entropy, now).await?;
        if !managed.moved.is_empty() {
            out.extend(self.reload(now).await?);
        }
        self.wake = self.wake.into_iter().chain(managed.wake).min();
        let requests = managed.admitted.into_iter();
        out.extend(requests.map(|flow| (flow.client, ToAgent::Request(Box::new(flow)))));
        Ok(out)
    }

    /// Takes a message of a connected client.
    pub(crate) async fn take(
        &mut self,
        client: ClientId,
        message: ToServer,
        now: Timestamp,
    ) -> Result<Outgoing, StoreError> {
        let faulty = self.faulty.clone();
        let said = match message {
            ToServer::Hello { held } => {
                let greeting = flow_steer::greet(&*faulty, client, &held, now).await?;
                let record = self.record(client).await?;
                self.wake = Some(now);
                let newest = self.foreman.newest();
                let mut said = vec![ToAgent::Welcome { newest, recheck: record.recheck }];
                said.extend(greeting.to_stop.into_iter().map(ToAgent::Cancel));
                let requests = greeting.to_send.into_iter();
                said.extend(requests.map(|flow| ToAgent::Request(Box::new(flow))));
                said
            }
            ToServer::Poll { nonce, cursor, recheck } => {
                self.poll((client, nonce), cursor, recheck, now).await?.into_iter().collect()
            }
            ToServer::Answer { nonce, check, answers, recheck } => {
                let Some(asked) = self.asked.find(client, check).cloned() else {
                    return Ok(Vec::new());
                };
                let record = self.record(client).await?;
                let answer =
                    CheckAnswer { client: &record, asked: &asked, answers: &answers, recheck };
                let taken =
                    hunt_steer::take_answer(&*faulty, &WordJudge, &self.foreman, answer, now)
                        .await?;
                self.asked.forget(client);
                self.wake = Some(now);
                vec![ToAgent::CursorAck { nonce, cursor: taken.cursor, recheck }]
            }
            ToServer::Receipt(attempt) => {
                flow_steer::note_delivery(&*faulty, client, attempt, now).await?;
                Vec::new()
            }
            ToServer::Report { number, report } => {
                let accepted = self.report(client, &report, now).await?;
                vec![ToAgent::ReportAck { number, accepted }]
            }
        };
        Ok(said.into_iter().map(|message| (client, message)).collect())
    }

    async fn record(&self, client: ClientId) -> Result<Client, StoreError> {
        let record = self.stores.clients.get(client).await?;
        record.ok_or_else(|| StoreError::not_found(format!("client {client}")))
    }

    async fn poll(
        &mut self,
        (client, nonce): (ClientId, u64),
        cursor: OfferSeq,
        recheck: u64,
        now: Timestamp,
    ) -> Result<Option<ToAgent>, StoreError> {
        if self.foreman.is_up_to_date(cursor) {
            return Ok(None);
        }
        if self.foreman.is_behind(cursor) {
            self.foreman = Foreman::new(self.faulty.active().await?);
        }
        let record = self.record(client).await?;
        let answer =
            hunt_steer::answer_poll(&*self.faulty, &self.foreman, cursor, &record, now).await?;
        Ok(match answer {
            PollAnswer::UpToDate => None,
            PollAnswer::Keep(cursor) => Some(ToAgent::CursorAck { nonce, cursor, recheck }),
            PollAnswer::Ask(newer) => {
                let check = self.asked.ask(client, &newer);
                Some(ToAgent::Check { nonce, check, queries: newer.queries })
            }
        })
    }

    async fn report(
        &mut self,
        client: ClientId,
        report: &Report,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let faulty = &*self.faulty;
        match report {
            Report::Rows(batch) => {
                let appended = flows::ResultStore::append(faulty, client, batch, now).await?;
                Ok(matches!(appended, Appended::Stored | Appended::Duplicate))
            }
            Report::Status(status) => {
                let ended = flow_steer::end_attempt(faulty, faulty, (client, status), now).await?;
                self.wake = Some(now);
                Ok(matches!(ended, Ended::Moved(_)))
            }
        }
    }
}
