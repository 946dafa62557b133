//! Flows: list, one, make, cancel; their log and files.

use std::sync::Arc;

use api::{FlowPage, FlowRequest, FlowView, FlowsQuery, LogPage, PageQuery, UploadPage};
use axum::extract::{Path, State};
use axum::{Extension, Json};
use base::{ClientId, FlowId};
use flows::ports::{FlowList, FlowStep};
use model::flow::{Flow, FlowEvent, FlowLife, FlowOrigin};
use model::results::{AttemptId, ResultScope};
use model::retry::RetryPlan;

use super::error::ApiError;
use super::extract::{Asked, Body, id, paging};
use super::sign_in::Principal;
use super::view::Brought;
use super::{People, ask, clients, view};
use crate::agents::dialogue::flow_ended;
use crate::agents::hall::Tell;
use crate::live::Touched;

type Shared = State<Arc<People>>;
type Who = Extension<Principal>;

/// All states of a flow, by name.
const STATES: [&str; 6] = ["queued", "running", "done", "failed", "cancelled", "expired"];

/// The flow with this id, if it belongs to the caller's organisation.
pub(crate) async fn find(people: &People, who: &Principal, text: &str) -> Result<Flow, ApiError> {
    let id: FlowId = id(text)?;
    let found = people.ports.flows.get(id).await?.filter(|flow| flow.org == who.org);
    found.ok_or_else(|| ApiError::not_found(format!("flow {id}")))
}

pub(crate) async fn shown(people: &People, flow: &Flow) -> Result<FlowView, ApiError> {
    let hostname = people.hostname(flow.client).await?;
    let attempt = AttemptId { flow: flow.id, attempt: flow.life.attempt };
    let tally = people.ports.results.received(attempt).await?;
    let so_far =
        Brought { rows: tally.rows(), uploads: tally.uploads, upload_bytes: tally.upload_bytes };
    Ok(view::flow(flow, &hostname, so_far))
}

pub(crate) async fn page(
    people: &People,
    who: &Principal,
    client: Option<ClientId>,
    asked: FlowsQuery,
) -> Result<FlowPage, ApiError> {
    let states = match asked.state.as_deref().filter(|state| !state.is_empty()) {
        None => Vec::new(),
        Some(state) => {
            let known = STATES.into_iter().find(|known| *known == state);
            let known = known.ok_or_else(|| {
                let all = STATES.join(", ");
                ApiError::caller(format!("`{state}` is not a state of a flow; choose one of {all}"))
            })?;
            vec![known]
        }
    };
    let paging = paging(asked.offset, asked.limit)?;
    let query = FlowList { client, states, paging, ..FlowList::of(who.org.clone()) };
    let page = people.ports.flows.list(&query).await?;
    let mut items = Vec::with_capacity(page.items.len());
    for flow in &page.items {
        items.push(shown(people, flow).await?);
    }
    Ok(FlowPage { items, total: page.total })
}

pub(crate) async fn list(
    State(people): Shared,
    Extension(who): Who,
    Asked(asked): Asked<FlowsQuery>,
) -> Result<Json<FlowPage>, ApiError> {
    page(&people, &who, None, asked).await.map(Json)
}

pub(crate) async fn one(
    State(people): Shared,
    Extension(who): Who,
    Path(flow): Path<String>,
) -> Result<Json<FlowView>, ApiError> {
    let flow = find(&people, &who, &flow).await?;
    shown(&people, &flow).await.map(Json)
}

pub(crate) async fn create(
    State(people): Shared,
    Extension(who): Who,
    Body(said): Body<FlowRequest>,
) -> Result<Json<FlowView>, ApiError> {
    let client = clients::find(&people, &who, &said.client).await?;
    let mut wrong = Vec::new();
    let limits = ask::flow_limits(&said.limits, "limits", &mut wrong);
    let artifacts = ask::calls(&said.artifacts);
    wrong.extend(people.collector.check(&artifacts));
    if !wrong.is_empty() {
        return Err(ApiError::problems("the flow cannot be made", wrong));
    }
    if client.revoked_at.is_some() {
        let message = format!("client {} was revoked and does nothing any more", client.id);
        return Err(ApiError::new(base::Fault::Conflict, message));
    }
    let now = people.clock.now();
    let flow = Flow {
        id: FlowId::mint(now, &mut **people.entropy.lock()),
        org: who.org.clone(),
        client: client.id,
        origin: FlowOrigin::Direct,
        actor: who.actor(),
        artifacts,
        limits,
        retry: RetryPlan::default(),
        window: None,
        life: FlowLife::new(),
        created: now,
        started: None,
        ended: None,
        deliver_until: now.plus(people.settings.deliver_within),
    };
    people.ports.flows.create(&flow).await?;
    let names: Vec<&str> = flow.artifacts.iter().map(|call| call.name.as_str()).collect();
    let detail = format!("{} on {}", names.join(", "), client.id);
    people.audit(&who, "flow.create", flow.id, detail).await?;
    people.live.touch(Touched::Flow(flow.id));
    people.hall.tell(client.id, Tell::Flow(flow.clone()));
    Ok(Json(view::flow(&flow, &client.facts.hostname, Brought::default())))
}

pub(crate) async fn cancel(
    State(people): Shared,
    Extension(who): Who,
    Path(flow): Path<String>,
) -> Result<Json<FlowView>, ApiError> {
    let flow = find(&people, &who, &flow).await?;
    let now = people.clock.now();
    let step = FlowStep::new(flow.id, FlowEvent::Cancel, now);
    let applied = people.ports.flows.apply(&step).await?;
    if applied.moved {
        people.audit(&who, "flow.cancel", flow.id, "").await?;
        people.hall.tell(flow.client, Tell::Cancel(flow.id));
        flow_ended(&people, &applied.flow);
    }
    shown(&people, &applied.flow).await.map(Json)
}

pub(crate) async fn log(
    State(people): Shared,
    Extension(who): Who,
    Path(flow): Path<String>,
    Asked(asked): Asked<PageQuery>,
) -> Result<Json<LogPage>, ApiError> {
    let flow = find(&people, &who, &flow).await?;
    let page = people.ports.results.log(flow.id, paging(asked.offset, asked.limit)?).await?;
    let items = page.items.iter().map(view::log_line).collect();
    Ok(Json(LogPage { items, total: page.total }))
}

pub(crate) async fn uploads(
    State(people): Shared,
    Extension(who): Who,
    Path(flow): Path<String>,
    Asked(asked): Asked<PageQuery>,
) -> Result<Json<UploadPage>, ApiError> {
    let flow = find(&people, &who, &flow).await?;
    let paging = paging(asked.offset, asked.limit)?;
    let page = people.ports.uploads.uploads(ResultScope::Flow(flow.id), paging).await?;
    let items = page.items.iter().map(view::upload).collect();
    Ok(Json(UploadPage { items, total: page.total }))
}
