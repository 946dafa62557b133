//! Flows: how they are read and written, and the port.
//!
//! Steps of several flows become one transaction: the flows are locked in the order of their ids, then
//! their members in the order of their keys, and [`flows::life::after`] decides each step in turn.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use base::{ClientId, FlowId, HuntId, Timestamp};
use flows::life::{after, due};
use flows::ports::{Applied, FlowList, FlowStep, FlowStore};
use hunts::membership::after_flow;
use hunts::ports::MemberKey;
use model::flow::{Flow, FlowEvent, FlowFailure, FlowLife, FlowOrigin, FlowState, FlowYield};
use model::store::{Page, StoreError};
use records::{FLOW_STATES, flow_state_number, read_ask};
use tokio_postgres::Row;

use crate::RecordStore;
use crate::columns::{Columns, clean};
use crate::failure::{Done, Failure};
use crate::filter::{Bound, Filter};
use crate::members_write::{MEMBER, MemberChanges, read_member};
use crate::transaction::{Lent, Question};
use crate::values::{Id, column, int, moment, one};

/// The columns of a flow, in the order of [`read_flow`].
pub(crate) const FLOW: &str = "f.id, f.org, f.client, f.hunt, f.round, f.actor, a.body, f.state, \
    f.attempt, f.class, f.detail, f.rows, f.uploads, f.upload_bytes, f.cpu_millis, f.created, \
    f.started, f.ended, f.deliver_until";

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
    let (artifacts, limits) = row.word("collection of a flow", |json| read_ask(json).ok())?;
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
        artifacts,
        limits,
        life: FlowLife { state, attempt },
        created: row.moment()?,
        started: row.moment_or_none()?,
        ended: row.moment_or_none()?,
        deliver_until: row.moment()?,
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
        deliver_until, due, state, class, detail, rows, uploads, upload_bytes, cpu_millis)
    SELECT id, org, client, hunt, round, actor, $7, attempt, created, deliver_until, due,
        0, '', '', 0, 0, 0, 0
    FROM unnest($1::bytea[], $2::text[], $3::bytea[], $4::bytea[], $5::bigint[], $6::text[],
        $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[])
        AS x (id, org, client, hunt, round, actor, attempt, created, deliver_until, due)
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
    ];
    Question::new(INSERT, values)
}

const UPDATE: &str = "UPDATE flows f SET state = x.state, attempt = x.attempt, class = x.class,
        detail = x.detail, rows = x.rows, uploads = x.uploads, upload_bytes = x.upload_bytes,
        cpu_millis = x.cpu_millis, started = x.started, ended = x.ended,
        deliver_until = x.deliver_until, due = x.due
    FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::bigint[],
        $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[],
        $13::bigint[])
        AS x (id, state, attempt, class, detail, rows, uploads, upload_bytes, cpu_millis, started,
            ended, deliver_until, due)
    WHERE f.id = x.id";

/// Writes what can change of flows that are locked.
pub(crate) fn update(flows: &[&Flow]) -> Question {
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
        column(flows(), |flow| Id(flow.id.bits())),
        column(flows(), |flow| flow_state_number(&flow.life.state)),
        column(flows(), |flow| i64::from(flow.life.attempt)),
        column(flows(), |flow| failure(flow).0),
        column(flows(), |flow| failure(flow).1),
        column(flows(), |flow| int(brought(flow).rows)),
        column(flows(), |flow| int(brought(flow).uploads)),
        column(flows(), |flow| int(brought(flow).upload_bytes)),
        column(flows(), |flow| int(brought(flow).cpu_millis)),
        column(flows(), |flow| flow.started.map(Timestamp::as_micros)),
        column(flows(), |flow| flow.ended.map(Timestamp::as_micros)),
        column(flows(), |flow| flow.deliver_until.as_micros()),
        column(flows(), |flow| due_of(flow)),
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

/// The members that these flows belong to, locked in the order of their keys.
fn lock_members(ids: &[FlowId]) -> Question {
    let sql = format!(
        "SELECT {MEMBER} FROM flows f JOIN members m
             ON m.hunt = f.hunt AND m.round = f.round AND m.client = f.client
         WHERE f.id = ANY($1) ORDER BY m.hunt, m.round, m.client FOR NO KEY UPDATE OF m"
    );
    Question::new(sql, vec![column(ids, |id| Id(id.bits()))])
}

/// Applies steps in order. One whose flow is not known disturbs no other.
async fn apply_all(lent: Lent, steps: &[FlowStep]) -> Done<Vec<Result<Applied, StoreError>>> {
    let mut ids: Vec<FlowId> = steps.iter().map(|step| step.flow).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut questions = vec![lock(&ids)];
    // A receipt ends nothing, so that no member follows it.
    if steps.iter().any(|step| !matches!(step.event, FlowEvent::Delivered { .. })) {
        questions.push(lock_members(&ids));
    }
    let mut answers = lent.begin(questions).await?.into_iter();
    let mut flows: BTreeMap<FlowId, Flow> = BTreeMap::new();
    for row in &answers.next().unwrap_or_default() {
        let flow = read_flow(row)?;
        flows.insert(flow.id, flow);
    }
    let members = answers.next().unwrap_or_default();
    let members = members.iter().map(read_member).collect::<Done<Vec<_>>>()?;
    let mut changes = MemberChanges::of(members);
    let mut moved: BTreeSet<FlowId> = BTreeSet::new();
    let mut outcomes = Vec::with_capacity(steps.len());
    for step in steps {
        let Some(flow) = flows.get_mut(&step.flow) else {
            outcomes.push(Err(StoreError::not_found(format!("flow {}", step.flow))));
            continue;
        };
        let next = after(flow, &step.event, step.retry, step.now);
        let is_moved = next.is_some();
        if let Some(next) = next {
            *flow = next;
            moved.insert(flow.id);
            if let FlowOrigin::Hunt { hunt, round } = flow.origin
                && flow.life.is_over()
            {
                let key = MemberKey { hunt, round, client: flow.client };
                let after = changes
                    .find(&key)
                    .and_then(|member| after_flow(member, flow, step.retry, step.now));
                if let Some(after) = after {
                    changes.put(after);
                }
            }
        }
        outcomes.push(Ok(Applied { flow: flow.clone(), moved: is_moved }));
    }
    let moved: Vec<&Flow> = moved.iter().filter_map(|id| flows.get(id)).collect();
    if moved.is_empty() {
        lent.roll_back().await?;
        return Ok(outcomes);
    }
    let mut writes = vec![update(&moved)];
    writes.extend(changes.writes());
    lent.commit(writes).await?;
    Ok(outcomes)
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
        let mut applied = self.step("move a flow", |lent| apply_all(lent, steps)).await?;
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
