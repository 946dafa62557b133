//! `GET /health`, `GET /overview`, `GET /openapi.json`.

use std::sync::Arc;

use api::{Health, Overview, TroubleView};
use axum::extract::State;
use axum::{Extension, Json};
use fleet::ports::{ClientList, PresenceFilter};
use flows::ports::FlowList;
use hunts::ports::HuntList;
use model::store::Paging;

use super::People;
use super::error::ApiError;
use super::sign_in::Principal;
use crate::health::Trouble;

type Shared = State<Arc<People>>;

pub(crate) async fn health(State(people): Shared) -> Json<Health> {
    let found = people.health.troubles(people.clock.now());
    let status = if found.is_empty() { "ok" } else { "degraded" };
    let problems = found.iter().map(|trouble| trouble.what.clone()).collect();
    let view = |trouble: Trouble| TroubleView {
        what: trouble.what,
        since: trouble.since.to_string(),
        works: trouble.works.to_owned(),
    };
    let troubles = found.into_iter().map(view).collect();
    let version = crate::VERSION.to_owned();
    Json(Health { status: status.to_owned(), problems, troubles, version })
}

pub(crate) async fn openapi() -> Json<serde_json::Value> {
    Json(api::openapi())
}

pub(crate) async fn overview(
    State(people): Shared,
    Extension(who): Extension<Principal>,
) -> Result<Json<Overview>, ApiError> {
    let none = Paging::first(0);
    let clients = async |presence: PresenceFilter| -> Result<u64, ApiError> {
        let query = ClientList { presence, paging: none, ..ClientList::of(who.org.clone()) };
        Ok(people.ports.clients.list(&query).await?.total)
    };
    let hunts = async |states: Vec<&'static str>| -> Result<u64, ApiError> {
        let query = HuntList { states, paging: none, ..HuntList::of(who.org.clone()) };
        Ok(people.ports.hunts.list(&query).await?.total)
    };
    let online = people.hall.presence(fleet::presence::Presence::online);
    let running =
        FlowList { states: vec!["running"], paging: none, ..FlowList::of(who.org.clone()) };
    Ok(Json(Overview {
        clients: clients(PresenceFilter::Any).await?,
        online: clients(PresenceFilter::Among(online)).await?,
        hunts_running: hunts(vec!["running"]).await?,
        hunts_waiting: hunts(vec!["paused", "draining"]).await?,
        flows_running: people.ports.flows.list(&running).await?.total,
        problems: people.health.problems(),
    }))
}
