//! Flows.

use std::cell::RefCell;
use std::collections::BTreeSet;

use async_trait::async_trait;
use base::{ClientId, FlowId, HuntId, Timestamp};
use flows::life::{after, due};
use flows::ports::{Applied, FlowList, FlowStep, FlowStore};
use model::flow::{Flow, FlowLife, FlowOrigin, FlowState, FlowYield};
use model::org::Actor;
use model::store::{Page, StoreError};
use records::{
    Ask, FLOW_STATES, flow_state_number, read_ask, read_window, write_ask, write_window,
};
use rusqlite::types::{ToSql, Value};
use rusqlite::{Connection, OptionalExtension, Row, named_params, params, params_from_iter};

use crate::SqliteStore;
use crate::codec::{
    Done, all, bits, bits_or_none, blob, failure, flow_yield, int, limit_offset, micros, moment,
    moment_or_none, only_count, org, unreadable,
};
use crate::members::follow_flow;
use crate::progress;

const SELECT: &str = "SELECT flows.*, asks.body FROM flows JOIN asks ON asks.key = flows.ask";

thread_local! {
    /// What was read last on this thread, with its text: a hunt's thousand flows collect the same.
    static LAST_ASK: RefCell<Option<(String, Ask)>> = const { RefCell::new(None) };
}

/// What a flow collects, and within which limits.
fn ask_in(body: &str) -> Result<Ask, String> {
    let known = LAST_ASK.with_borrow(|last| {
        last.as_ref().filter(|(text, _)| text == body).map(|(_, ask)| ask.clone())
    });
    if let Some(ask) = known {
        return Ok(ask);
    }
    let ask = read_ask(body)?;
    LAST_ASK.set(Some((body.to_owned(), ask.clone())));
    Ok(ask)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Flow> {
    let state = match row.get::<_, i64>("state")? {
        0 => FlowState::Queued,
        1 => FlowState::Running,
        2 => FlowState::Done(flow_yield(row)?),
        3 => FlowState::Failed(failure(row)?),
        4 => FlowState::Cancelled,
        5 => FlowState::Expired,
        _ => return Err(unreadable("state of a flow")),
    };
    let origin = match bits_or_none(row, "hunt")? {
        None => FlowOrigin::Direct,
        Some(hunt) => FlowOrigin::Hunt { hunt: HuntId::from_bits(hunt), round: row.get("round")? },
    };
    let body = row.get_ref("body")?.as_str()?;
    let ask = ask_in(body).map_err(|_| unreadable("collection of a flow"))?;
    let window = row.get_ref("windows")?.as_str_or_null()?.map(read_window).transpose();
    Ok(Flow {
        id: FlowId::from_bits(bits(row, "id")?),
        org: org(row)?,
        client: ClientId::from_bits(bits(row, "client")?),
        origin,
        actor: Actor::parse(row.get_ref("actor")?.as_str()?),
        artifacts: ask.artifacts,
        limits: ask.limits,
        retry: ask.retry,
        window: window.map_err(|_| unreadable("windows of a flow"))?,
        life: FlowLife { state, attempt: row.get("attempt")? },
        created: moment(row, "created")?,
        started: moment_or_none(row, "started")?,
        ended: moment_or_none(row, "ended")?,
        deliver_until: moment(row, "deliver_until")?,
    })
}

/// The flow with this id.
pub(crate) fn find(db: &Connection, id: FlowId) -> rusqlite::Result<Option<Flow>> {
    let mut statement = db.prepare_cached(&format!("{SELECT} WHERE flows.id = ?1"))?;
    statement.query_row([blob(id.bits())], read).optional()
}

/// The number of what a flow collects.
pub(crate) fn ask_of(db: &Connection, flow: &Flow) -> rusqlite::Result<i64> {
    let body = write_ask(&flow.artifacts, &flow.limits, &flow.retry);
    let mut find = db.prepare_cached("SELECT key FROM asks WHERE body = ?1")?;
    if let Some(key) = find.query_row([&body], |row| row.get(0)).optional()? {
        return Ok(key);
    }
    db.prepare_cached("INSERT INTO asks (body) VALUES (?1)")?.execute([&body])?;
    Ok(db.last_insert_rowid())
}

/// Writes a flow that is not there yet.
pub(crate) fn insert(db: &Connection, flow: &Flow, ask: i64) -> rusqlite::Result<()> {
    let (hunt, round) = match flow.origin {
        FlowOrigin::Direct => (None, None),
        FlowOrigin::Hunt { hunt, round } => (Some(blob(hunt.bits())), Some(round)),
    };
    db.prepare_cached(
        "INSERT INTO flows (id, org, client, hunt, round, actor, ask, state, attempt, class,
           detail, rows, uploads, upload_bytes, cpu_millis, created, deliver_until, due, windows)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, ?8, '', '', 0, 0, 0, 0, ?9, ?10, ?11, ?12)",
    )?
    .execute(params![
        blob(flow.id.bits()),
        flow.org.as_str(),
        blob(flow.client.bits()),
        hunt,
        round,
        flow.actor.to_string(),
        ask,
        flow.life.attempt,
        micros(flow.created),
        micros(flow.deliver_until),
        due(flow).map(micros),
        flow.window.as_ref().map(write_window),
    ])?;
    Ok(())
}

/// Writes what an event changes of a flow.
pub(crate) fn update(db: &Connection, flow: &Flow) -> rusqlite::Result<()> {
    let none = FlowYield::default();
    let (class, detail, brought) = match &flow.life.state {
        FlowState::Done(brought) => ("", "", brought),
        FlowState::Failed(failure) => (failure.class(), failure.detail(), &none),
        FlowState::Queued | FlowState::Running | FlowState::Cancelled | FlowState::Expired => {
            ("", "", &none)
        }
    };
    db.prepare_cached(
        "UPDATE flows SET state = :state, attempt = :attempt, class = :class, detail = :detail,
           rows = :rows, uploads = :uploads, upload_bytes = :bytes, cpu_millis = :cpu,
           started = :started, ended = :ended, deliver_until = :until, due = :due
         WHERE id = :id",
    )?
    .execute(named_params! {
        ":id": blob(flow.id.bits()),
        ":state": flow_state_number(&flow.life.state),
        ":attempt": flow.life.attempt,
        ":class": class,
        ":detail": detail,
        ":rows": int(brought.rows),
        ":uploads": int(brought.uploads),
        ":bytes": int(brought.upload_bytes),
        ":cpu": int(brought.cpu_millis),
        ":started": flow.started.map(micros),
        ":ended": flow.ended.map(micros),
        ":until": micros(flow.deliver_until),
        ":due": due(flow).map(micros),
    })?;
    if matches!(flow.life.state, FlowState::Done(_)) {
        db.prepare_cached("UPDATE attempts SET finished = 1 WHERE flow = ?1 AND attempt = ?2")?
            .execute(params![blob(flow.id.bits()), flow.life.attempt])?;
    }
    Ok(())
}

/// Writes other limits of a flow's next attempt.
pub(crate) fn update_limits(db: &Connection, flow: &Flow) -> rusqlite::Result<()> {
    let ask = ask_of(db, flow)?;
    db.prepare_cached("UPDATE flows SET ask = ?2 WHERE id = ?1")?
        .execute(params![blob(flow.id.bits()), ask])?;
    Ok(())
}

fn apply(db: &Connection, step: &FlowStep) -> Done<Applied> {
    let flow =
        find(db, step.flow)?.ok_or_else(|| StoreError::not_found(format!("flow {}", step.flow)))?;
    apply_to(db, flow, step)
}

/// Lets an event move a flow whose record is at hand.
pub(crate) fn apply_to(db: &Connection, flow: Flow, step: &FlowStep) -> Done<Applied> {
    let Some(moved) = after(&flow, &step.event, step.retry, step.now) else {
        return Ok(Applied { flow, moved: false });
    };
    update(db, &moved)?;
    if moved.limits != flow.limits {
        update_limits(db, &moved)?;
    }
    if let FlowOrigin::Hunt { hunt, round } = moved.origin {
        progress::note_end(db, (hunt, round), &moved, step)?;
        follow_flow(db, (hunt, round), &moved, step)?;
    }
    Ok(Applied { flow: moved, moved: true })
}

fn create(db: &Connection, flow: &Flow) -> Done<()> {
    match find(db, flow.id)? {
        None => {
            let ask = ask_of(db, flow)?;
            Ok(insert(db, flow, ask)?)
        }
        Some(held) if held == *flow => Ok(()),
        Some(_) => Err(StoreError::conflict(format!("a flow {} exists already", flow.id)).into()),
    }
}

fn list(db: &Connection, query: &FlowList) -> Done<Page<Flow>> {
    let mut wheres = vec!["org = ?".to_owned()];
    let mut values: Vec<Value> = vec![query.org.as_str().to_owned().into()];
    if let Some(client) = query.client {
        wheres.push("client = ?".to_owned());
        values.push(blob(client.bits()).to_vec().into());
    }
    if let Some(hunt) = query.hunt {
        wheres.push("hunt = ?".to_owned());
        values.push(blob(hunt.bits()).to_vec().into());
    }
    if !query.states.is_empty() {
        let numbers = (0i64..).zip(FLOW_STATES).filter(|(_, name)| query.states.contains(name));
        let numbers: Vec<String> = numbers.map(|(number, _)| number.to_string()).collect();
        wheres.push(format!("state IN ({})", numbers.join(", ")));
    }
    let wheres = wheres.join(" AND ");
    let total = db
        .prepare_cached(&format!("SELECT count(*) FROM flows WHERE {wheres}"))?
        .query_row(params_from_iter(&values), only_count)?;
    let (limit, offset) = limit_offset(query.paging);
    values.extend([Value::from(limit), Value::from(offset)]);
    let mut statement = db.prepare_cached(&format!(
        "{SELECT} WHERE {wheres} ORDER BY created DESC, id DESC LIMIT ? OFFSET ?"
    ))?;
    let items = all(statement.query_map(params_from_iter(&values), read)?)?;
    Ok(Page { items, total })
}

fn select(db: &Connection, tail: &str, values: &[&dyn ToSql]) -> Done<Vec<Flow>> {
    let mut statement = db.prepare_cached(&format!("{SELECT} {tail}"))?;
    Ok(all(statement.query_map(values, read)?)?)
}

#[async_trait]
impl FlowStore for SqliteStore {
    async fn create(&self, flow: &Flow) -> Result<(), StoreError> {
        let flow = flow.clone();
        self.write("write a new flow", move |db| create(db, &flow)).await
    }

    async fn get(&self, id: FlowId) -> Result<Option<Flow>, StoreError> {
        self.look_up("read a flow", |db| Ok(find(db, id)?))
    }

    async fn list(&self, query: &FlowList) -> Result<Page<Flow>, StoreError> {
        let query = query.clone();
        self.search("list flows", move |db| list(db, &query)).await
    }

    async fn live(&self, client: ClientId) -> Result<Vec<Flow>, StoreError> {
        self.look_up("read a client's live flows", |db| {
            let tail = "WHERE client = ?1 AND (state < 2) = 1 ORDER BY created, id";
            select(db, tail, &[&blob(client.bits())])
        })
    }

    async fn waiting(&self, clients: &[ClientId]) -> Result<Vec<Flow>, StoreError> {
        self.look_up("read the flows that wait for clients", |db| {
            let mut found = Vec::new();
            for client in clients.iter().collect::<BTreeSet<_>>() {
                let tail =
                    "WHERE client = ?1 AND (state < 2) = 1 AND state = 0 ORDER BY created, id";
                found.extend(select(db, tail, &[&blob(client.bits())])?);
            }
            found.sort_by_key(|flow| (flow.created, flow.id));
            Ok(found)
        })
    }

    async fn apply(&self, step: &FlowStep) -> Result<Applied, StoreError> {
        let step = step.clone();
        self.write_again("move a flow", move |db| apply(db, &step)).await
    }

    async fn overdue(&self, now: Timestamp, limit: u64) -> Result<Vec<Flow>, StoreError> {
        self.search("look for flows that are over", move |db| {
            let tail = "WHERE due IS NOT NULL AND due <= ?1 ORDER BY due LIMIT ?2";
            select(db, tail, &[&micros(now), &int(limit)])
        })
        .await
    }
}
