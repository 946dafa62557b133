//! Clients: list, one, labels, revocation, their flows.

use std::collections::BTreeSet;
use std::sync::Arc;

use api::{ClientPage, ClientView, ClientsQuery, FlowPage, FlowsQuery, LabelChange};
use axum::extract::{Path, State};
use axum::{Extension, Json};
use base::ClientId;
use fleet::ports::{ClientList, ClientSort, PresenceFilter};
use model::client::Client;

use super::cohort::{Fields, resolve};
use super::error::ApiError;
use super::extract::{Asked, Body, id, paging};
use super::sign_in::Principal;
use super::{People, flows, view};
use crate::agents::hall::Tell;
use crate::live::Touched;

type Shared = State<Arc<People>>;
type Who = Extension<Principal>;

/// The client with this id, if it belongs to the caller's organisation.
pub(crate) async fn find(people: &People, who: &Principal, text: &str) -> Result<Client, ApiError> {
    let id: ClientId = id(text)?;
    let found = people.ports.clients.get(id).await?.filter(|client| client.org == who.org);
    found.ok_or_else(|| ApiError::not_found(format!("client {id}")))
}

/// The client with this id or host name, if it belongs to the caller's organisation.
pub(crate) async fn find_by_name(
    people: &People,
    who: &Principal,
    text: &str,
) -> Result<Client, ApiError> {
    let fields = Fields { names: "client", text: "client" };
    let found = resolve(people, who, &[text.to_owned()], ("", None), fields).await?;
    match (found.ids.as_slice(), found.problems.into_iter().next()) {
        ([id], _) => find(people, who, &id.to_string()).await,
        (_, Some(wrong)) if wrong.message.starts_with("no client") => {
            Err(ApiError::new(base::Fault::NotFound, wrong.message)
                .hint("give its id or its whole host name; `lycaon client list` finds it"))
        }
        (_, Some(wrong)) => Err(ApiError::caller(wrong.message).hint(wrong.hint)),
        (_, None) => Err(ApiError::not_found(format!("client {text}"))),
    }
}

fn shown(people: &People, client: &Client) -> ClientView {
    view::client(client, people.hall.presence(|presence| presence.is_online(client.id)))
}

fn sort(text: Option<&str>) -> Result<ClientSort, ApiError> {
    Ok(match text {
        None | Some("hostname") => ClientSort::Hostname,
        Some("os") => ClientSort::Os,
        Some("agent_version") => ClientSort::AgentVersion,
        Some("first_seen") => ClientSort::FirstSeen,
        Some("last_seen") => ClientSort::LastSeen,
        Some(other) => {
            return Err(ApiError::caller(format!(
                "clients cannot be sorted by `{other}`; choose hostname, os, agent_version, \
                 first_seen or last_seen"
            )));
        }
    })
}

pub(crate) async fn list(
    State(people): Shared,
    Extension(who): Who,
    Asked(asked): Asked<ClientsQuery>,
) -> Result<Json<ClientPage>, ApiError> {
    let online = || people.hall.presence(fleet::presence::Presence::online);
    let query = ClientList {
        org: who.org.clone(),
        text: asked.search.filter(|text| !text.trim().is_empty()),
        label: asked.label.filter(|label| !label.is_empty()),
        os: None,
        presence: match asked.online {
            None => PresenceFilter::Any,
            Some(true) => PresenceFilter::Among(online()),
            Some(false) => PresenceFilter::NotAmong(online()),
        },
        sort: sort(asked.sort.as_deref())?,
        descending: asked.desc.unwrap_or(false),
        paging: paging(asked.offset, asked.limit)?,
    };
    let page = people.ports.clients.list(&query).await?;
    let items = page.items.iter().map(|client| shown(&people, client)).collect();
    Ok(Json(ClientPage { items, total: page.total }))
}

pub(crate) async fn one(
    State(people): Shared,
    Extension(who): Who,
    Path(client): Path<String>,
) -> Result<Json<ClientView>, ApiError> {
    let client = find(&people, &who, &client).await?;
    Ok(Json(shown(&people, &client)))
}

pub(crate) async fn label(
    State(people): Shared,
    Extension(who): Who,
    Path(client): Path<String>,
    Body(said): Body<LabelChange>,
) -> Result<Json<ClientView>, ApiError> {
    let before = find(&people, &who, &client).await?;
    let set = |labels: Vec<String>| -> BTreeSet<String> {
        labels.into_iter().map(|label| label.trim().to_owned()).collect()
    };
    let change = fleet::enrolment::LabelChange { add: set(said.add), remove: set(said.remove) };
    if let Some(bad) = change.bad_label() {
        let problem = super::error::problem(
            "add",
            format!("`{bad}` is not a label: 1 to 100 printable characters"),
        );
        return Err(ApiError::problems("a label cannot be set", vec![problem]));
    }
    let after = people.ports.clients.set_labels(before.id, &change).await?;
    let words = |labels: &BTreeSet<String>| labels.iter().cloned().collect::<Vec<_>>().join(", ");
    let detail = format!("add [{}], remove [{}]", words(&change.add), words(&change.remove));
    people.audit(&who, "client.label", after.id, detail).await?;
    if after.recheck != before.recheck {
        let labels = after.labels.iter().cloned().collect();
        people.hall.tell(after.id, Tell::Recheck { mark: after.recheck, labels });
        people.live.touch(Touched::Client(after.id));
    }
    Ok(Json(shown(&people, &after)))
}

pub(crate) async fn revoke(
    State(people): Shared,
    Extension(who): Who,
    Path(client): Path<String>,
) -> Result<Json<ClientView>, ApiError> {
    let client = find(&people, &who, &client).await?;
    let revoked = people.ports.clients.revoke(client.id, people.clock.now()).await?;
    people.audit(&who, "client.revoke", client.id, client.facts.hostname).await?;
    people.hall.tell(client.id, Tell::Revoked);
    people.live.touch(Touched::Client(client.id));
    Ok(Json(shown(&people, &revoked)))
}

pub(crate) async fn flows_of(
    State(people): Shared,
    Extension(who): Who,
    Path(client): Path<String>,
    Asked(asked): Asked<FlowsQuery>,
) -> Result<Json<FlowPage>, ApiError> {
    let client = find(&people, &who, &client).await?;
    flows::page(&people, &who, Some(client.id), asked).await.map(Json)
}
