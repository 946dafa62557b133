//! Flows: how they are read and written, and the port.

use async_trait::async_trait;
use base::{ClientId, FlowId, HuntId, Timestamp};
use flows::life::due;
use flows::ports::{Applied, FlowList, FlowStep, FlowStore};
use model::flow::{Flow, FlowFailure, FlowLife, FlowOrigin, FlowState, FlowYield};
use model::store::{Page, StoreError};
use records::{FLOW_STATES, flow_state_number, read_ask, read_window, write_window};
use tokio_postgres::Row;

use crate::RecordStore;
use crate::columns::{Columns, clean};
use crate::failure::{Done, Failure};
use crate::filter::{Bound, Filter};
use crate::flow_steps::apply_all;
use crate::transaction::Question;
use crate::values::{Id, column, int, moment, one};

/// The columns of a flow, in the order of [`read_flow`].
pub(crate) const FLOW: &str = "f.id, f.org, f.client, f.hunt, f.round, f.actor, a.body, f.state, \
    f.attempt, f.class, f.detail, f.rows, f.uploads, f.upload_bytes, f.cpu_millis, f.created, \
    f.started, f.ended, f.deliver_until, f.windows";

/// Where they are.
pub(crate) const FLOWS: &str = "flows f JOIN asks a ON a.key = f.ask";

/// What an attempt brought, from its four columns.
pub(crate) fn yield_of(row: &mut Columns<'_>) -> Done<FlowYield> {
    Ok(FlowYield {
        rows: row.count()?,
        uploads: row.count()?,
        upload_bytes: row.count()?,
        cpu_millis: row.count()?,
    })
}

/// Reads a flow.
pub(crate) fn read_flow(row: &Row) -> Done<Flow> {
    let mut row = Columns::of(row);
    let id = FlowId::from_bits(row.bits()?);
    let org = row.org()?;
    let client = ClientId::from_bits(row.bits()?);
    let (hunt, round) = (row.bits_or_none()?, row.take::<Option<i64>>()?);
    let origin = match (hunt, round) {
        (Some(hunt), Some(round)) => FlowOrigin::Hunt {
            hunt: HuntId::from_bits(hunt),
            round: u32::try_from(round).map_err(|_| Failure::Unreadable("round"))?,
        },
        _ => FlowOrigin::Direct,
    };
    let actor = row.actor()?;
    let ask = row.word("collection of a flow", |json| read_ask(json).ok())?;
    let (number, attempt) = (row.take::<i64>()?, row.small()?);
    let (class, detail): (&str, &str) = (row.take()?, row.take()?);
    let brought = yield_of(&mut row)?;
    let state = match number {
        0 => FlowState::Queued,
        1 => FlowState::Running,
        2 => FlowState::Done(brought),
        3 => FlowState::Failed(
            FlowFailure::from_class(class, detail).ok_or(Failure::Unreadable("failure"))?,
        ),
        4 => FlowState::Cancelled,
        5 => FlowState::Expired,
        _ => return Err(Failure::Unreadable("state of a flow")),
    };
    Ok(Flow {
        id,
        org,
        client,
        origin,
        actor,
        artifacts: ask.artifacts,
        limits: ask.limits,
        retry: ask.retry,
        life: FlowLife { state, attempt },
        created: row.moment()?,
        started: row.moment_or_none()?,
        ended: row.moment_or_none()?,
        deliver_until: row.moment()?,
        window: match row.take::<Option<&str>>()? {
            Some(json) => {
                Some(read_window(json).map_err(|_| Failure::Unreadable("windows of a flow"))?)
            }
            None => None,
        },
    })
}

/// The hunt and round of a flow, as columns.
pub(crate) fn hunt_of(flow: &Flow) -> (Option<Id>, Option<i64>) {
    match flow.origin {
        FlowOrigin::Direct => (None, None),
        FlowOrigin::Hunt { hunt, round } => (Some(Id(hunt.bits())), Some(i64::from(round))),
    }
}

fn due_of(flow: &Flow) -> Option<i64> {
    due(flow).map(Timestamp::as_micros)
}

const INSERT: &str =
    "INSERT INTO flows (id, org, client, hunt, round, actor, ask, attempt, created,
        deliver_until, due, windows, state, class, detail, rows, uploads, upload_bytes, cpu_millis)
    SELECT id, org, client, hunt, round, actor, $7, attempt, created, deliver_until, due,
        windows, 0, '', '', 0, 0, 0, 0
    FROM unnest($1::bytea[], $2::text[], $3::bytea[], $4::bytea[], $5::bigint[], $6::text[],
        $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::text[])
        AS x (id, org, client, hunt, round, actor, attempt, created, deliver_until, due, windows)
    ORDER BY id";

/// Writes flows that are not there yet and that all collect the same.
pub(crate) fn insert(flows: &[Flow], ask: i64) -> Question {
    let values = vec![
        column(flows, |flow| Id(flow.id.bits())),
        column(flows, |flow| flow.org.as_str().to_owned()),
        column(flows, |flow| Id(flow.client.bits())),
        column(flows, |flow| hunt_of(flow).0),
        column(flows, |flow| hunt_of(flow).1),
        column(flows, |flow| clean(&flow.actor.to_string())),
        one(ask),
        column(flows, |flow| i64::from(flow.life.attempt)),
        column(flows, |flow| flow.created.as_micros()),
        column(flows, |flow| flow.deliver_until.as_micros()),
        column(flows, due_of),
        column(flows, |flow| flow.window.as_ref().map(write_window)),
    ];
    Question::new(INSERT, values)
}

const UPDATE: &str = "UPDATE flows f SET state = x.state, attempt = x.attempt, class = x.class,
        detail = x.detail, rows = x.rows, uploads = x.uploads, upload_bytes = x.upload_bytes,
        cpu_millis = x.cpu_millis, started = x.started, ended = x.ended,
        deliver_until = x.deliver_until, due = x.due, ask = coalesce(x.ask, f.ask)
    FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::bigint[],
        $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[],
        $13::bigint[], $14::bigint[])
        AS x (id, state, attempt, class, detail, rows, uploads, upload_bytes, cpu_millis, started,
            ended, deliver_until, due, ask)
    WHERE f.id = x.id";

/// Writes what can change of flows that are locked; the number of what they collect where their limits
/// are others now.
pub(crate) fn update(flows: &[(&Flow, Option<i64>)]) -> Question {
    let failure = |flow: &Flow| match &flow.life.state {
        FlowState::Failed(failure) => (failure.class(), clean(failure.detail())),
        _ => ("", String::new()),
    };
    let brought = |flow: &Flow| match &flow.life.state {
        FlowState::Done(brought) => *brought,
        _ => FlowYield::default(),
    };
    let flows = || flows.iter();
    let values: Vec<Bound> = vec![
        column(flows(), |(flow, _)| Id(flow.id.bits())),
        column(flows(), |(flow, _)| flow_state_number(&flow.life.state)),
        column(flows(), |(flow, _)| i64::from(flow.life.attempt)),
        column(flows(), |(flow, _)| failure(flow).0),
        column(flows(), |(flow, _)| failure(flow).1),
        column(flows(), |(flow, _)| int(brought(flow).rows)),
        column(flows(), |(flow, _)| int(brought(flow).uploads)),
        column(flows(), |(flow, _)| int(brought(flow).upload_bytes)),
        column(flows(), |(flow, _)| int(brought(flow).cpu_millis)),
        column(flows(), |(flow, _)| flow.started.map(Timestamp::as_micros)),
        column(flows(), |(flow, _)| flow.ended.map(Timestamp::as_micros)),
        column(flows(), |(flow, _)| flow.deliver_until.as_micros()),
        column(flows(), |(flow, _)| due_of(flow)),
        column(flows(), |(_, ask)| *ask),
    ];
    Question::new(UPDATE, values)
}

/// Flows with these ids, locked in the order of their ids.
pub(crate) fn lock(ids: &[FlowId]) -> Question {
    let sql = format!(
        "SELECT {FLOW} FROM {FLOWS} WHERE f.id = ANY($1) ORDER BY f.id FOR NO KEY UPDATE OF f"
    );
    Question::new(sql, vec![column(ids, |id| Id(id.bits()))])
}

impl RecordStore {
    async fn create_flow(&self, flow: &Flow) -> Result<(), StoreError> {
        let doing = "write a new flow";
        let ask = self.ask_of(flow).await.map_err(|failure| failure.while_doing(doing))?;
        self.step(doing, |lent| async move {
            let write = insert(std::slice::from_ref(flow), ask);
            match lent.execute(&write).await {
                Ok(_) => {
                    lent.give_back();
                    Ok(())
                }
                Err(failure) if failure.met_another() => {
                    // The statement was its own transaction.
                    let held = lent.ask(vec![lock(&[flow.id])]).await?;
                    lent.give_back();
                    match held.iter().flatten().next().map(read_flow).transpose()? {
                        Some(held) if held == *flow => Ok(()),
                        Some(_) => {
                            let why = format!("a flow {} exists already", flow.id);
                            Err(StoreError::conflict(why).into())
                        }
                        None => Err(Failure::Met),
                    }
                }
                Err(failure) => Err(failure),
            }
        })
        .await
    }

    async fn list_flows(
        &self,
        doing: &'static str,
        find: Question,
    ) -> Result<Vec<Flow>, StoreError> {
        self.read(doing, |db| async move { find.rows(&db).await?.iter().map(read_flow).collect() })
            .await
    }
}

#[async_trait]
impl FlowStore for RecordStore {
    async fn create(&self, flow: &Flow) -> Result<(), StoreError> {
        self.create_flow(flow).await
    }

    async fn get(&self, id: FlowId) -> Result<Option<Flow>, StoreError> {
        let sql = format!("SELECT {FLOW} FROM {FLOWS} WHERE f.id = $1");
        let find = Question::new(sql, vec![one(Id(id.bits()))]);
        Ok(self.list_flows("read a flow", find).await?.pop())
    }

    async fn list(&self, query: &FlowList) -> Result<Page<Flow>, StoreError> {
        let mut filter = Filter::default();
        filter.and_text("f.org = ?", Some(query.org.as_str()));
        if let Some(client) = query.client {
            filter.and("f.client = ?", [one(Id(client.bits()))]);
        }
        if let Some(hunt) = query.hunt {
            filter.and("f.hunt = ?", [one(Id(hunt.bits()))]);
        }
        if !query.states.is_empty() {
            let numbers = (0i64..).zip(FLOW_STATES).filter(|(_, name)| query.states.contains(name));
            let numbers: Vec<i64> = numbers.map(|(number, _)| number).collect();
            filter.and("f.state = ANY(?)", [one(numbers)]);
        }
        self.read("list flows", |db| async move {
            let order = "f.created DESC, f.id DESC";
            filter.page(&db, [FLOW, FLOWS, order], query.paging, read_flow).await
        })
        .await
    }

    async fn live(&self, client: ClientId) -> Result<Vec<Flow>, StoreError> {
        let sql = format!(
            "SELECT {FLOW} FROM {FLOWS} WHERE f.client = $1 AND f.state < 2 \
             ORDER BY f.created, f.id"
        );
        let find = Question::new(sql, vec![one(Id(client.bits()))]);
        self.list_flows("read a client's live flows", find).await
    }

    async fn waiting(&self, clients: &[ClientId]) -> Result<Vec<Flow>, StoreError> {
        let sql = format!(
            "SELECT {FLOW} FROM {FLOWS} WHERE f.client = ANY($1) AND f.state < 2 AND f.state = 0 \
             ORDER BY f.created, f.id"
        );
        let find = Question::new(sql, vec![column(clients, |client| Id(client.bits()))]);
        self.list_flows("read the flows that wait for clients", find).await
    }

    async fn apply(&self, step: &FlowStep) -> Result<Applied, StoreError> {
        let steps = std::slice::from_ref(step);
        let mut applied = self.step("move a flow", |lent| apply_all(self, lent, steps)).await?;
        applied.pop().unwrap_or_else(|| Err(StoreError::not_found(format!("flow {}", step.flow))))
    }

    async fn overdue(&self, now: Timestamp, limit: u64) -> Result<Vec<Flow>, StoreError> {
        let sql = format!(
            "SELECT {FLOW} FROM {FLOWS} WHERE f.due IS NOT NULL AND f.due <= $1 \
             ORDER BY f.due LIMIT $2"
        );
        let find = Question::new(sql, vec![moment(now), one(int(limit))]);
        self.list_flows("look for flows that are over", find).await
    }
}
