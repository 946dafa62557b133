//! Clients that people put into a hunt by hand, or take out while they wait.

use std::sync::Arc;

use api::{RosterOutcome, RosterReply, RosterRequest};
use axum::extract::{Path, State};
use axum::{Extension, Json};
use base::{ClientId, HuntId};
use hunts::roster::{Added, Removed};
use model::member::MemberQueue;

use super::People;
use super::cohort::{Fields, resolve};
use super::error::{ApiError, problem};
use super::extract::Body;
use super::hunts::find;
use super::permission::Permission;
use super::sign_in::Principal;
use crate::live::Touched;

type Shared = State<Arc<People>>;
type Who = Extension<Principal>;

/// Clients of one request.
const CLIENTS_MAX: usize = 10_000;
/// Clients that are changed in one transaction.
const BATCH: usize = 500;
/// Clients that the audit log names; the rest is counted.
const NAMED_MAX: usize = 50;

/// The clients that a request names; all of them, or nothing is done.
async fn wanted(
    people: &People,
    who: &Principal,
    said: &RosterRequest,
) -> Result<Vec<ClientId>, ApiError> {
    let fields = Fields { names: "clients", text: "clients_text" };
    let text = (said.clients_text.as_str(), None);
    let found = resolve(people, who, &said.clients, text, fields).await?;
    let mut problems = found.problems;
    if found.ids.is_empty() && problems.is_empty() {
        problems.push(problem("clients", "names nobody"));
    }
    if found.ids.len() > CLIENTS_MAX {
        let message = format!("names {} clients; at most {CLIENTS_MAX} at once", found.ids.len());
        problems.push(problem("clients", message));
    }
    match problems.is_empty() {
        true => Ok(found.ids),
        false => Err(ApiError::problems("nobody was changed", problems)),
    }
}

/// Refuses clients that do nothing any more.
async fn refuse_revoked(people: &People, clients: &[ClientId]) -> Result<(), ApiError> {
    for client in clients {
        let record = people.ports.clients.get(*client).await?;
        if record.is_some_and(|record| record.revoked_at.is_some()) {
            let message = format!("client {client} was revoked and does nothing any more");
            return Err(ApiError::new(base::Fault::Conflict, message));
        }
    }
    Ok(())
}

/// `POST /hunts/{hunt}/members/add`
pub(crate) async fn add(
    State(people): Shared,
    Extension(who): Who,
    Path(hunt): Path<String>,
    Body(said): Body<RosterRequest>,
) -> Result<Json<RosterReply>, ApiError> {
    who.needs(Permission::WriteHunts)?;
    let hunt = find(&people, &who, &hunt).await?.hunt.id;
    let clients = wanted(&people, &who, &said).await?;
    refuse_revoked(&people, &clients).await?;
    let mut said = Vec::with_capacity(clients.len());
    for some in clients.chunks(BATCH) {
        let outcomes = people.ports.roster.add(hunt, some, people.clock.now()).await?;
        said.extend(some.iter().copied().zip(outcomes.iter().map(added)));
    }
    people.manager_wake.notify_one();
    reply(&people, &who, (hunt, "hunt.add"), said).await
}

/// `POST /hunts/{hunt}/members/remove`
pub(crate) async fn remove(
    State(people): Shared,
    Extension(who): Who,
    Path(hunt): Path<String>,
    Body(said): Body<RosterRequest>,
) -> Result<Json<RosterReply>, ApiError> {
    who.needs(Permission::WriteHunts)?;
    let hunt = find(&people, &who, &hunt).await?.hunt.id;
    let clients = wanted(&people, &who, &said).await?;
    let mut said = Vec::with_capacity(clients.len());
    for some in clients.chunks(BATCH) {
        let outcomes = people.ports.roster.remove(hunt, some, people.clock.now()).await?;
        said.extend(some.iter().copied().zip(outcomes.iter().map(removed)));
    }
    people.manager_wake.notify_one();
    reply(&people, &who, (hunt, "hunt.remove"), said).await
}

/// The word for an outcome, whether anything changed, and a sentence.
type Said = (&'static str, bool, String);

fn added(outcome: &Added) -> Said {
    match outcome {
        Added::Queued => ("queued", true, "It waits for admission now.".to_owned()),
        Added::Waits => {
            let text = "It waited already; no condition takes it out any more.";
            ("waits", false, text.to_owned())
        }
        Added::Stays(queue) => ("stays", false, took_part(*queue)),
        Added::Full => {
            let text = "The hunt has as many clients as it may; raise its limit first.";
            ("full", false, text.to_owned())
        }
    }
}

fn removed(outcome: &Removed) -> Said {
    match outcome {
        Removed::Removed => ("removed", true, "It waits no longer.".to_owned()),
        Removed::Stays(queue) => ("stays", false, took_part(*queue)),
        Removed::Unknown => ("unknown", false, "It is not in the hunt.".to_owned()),
    }
}

fn took_part(queue: MemberQueue) -> String {
    format!("It stands in the queue {} and stays there.", queue.name())
}

async fn reply(
    people: &People,
    who: &Principal,
    (hunt, action): (HuntId, &str),
    said: Vec<(ClientId, Said)>,
) -> Result<Json<RosterReply>, ApiError> {
    let changed: Vec<String> = said
        .iter()
        .filter(|(_, (_, changed, _))| *changed)
        .map(|(client, _)| client.to_string())
        .collect();
    if !changed.is_empty() {
        let named = changed[..changed.len().min(NAMED_MAX)].join(", ");
        let more = match changed.len().saturating_sub(NAMED_MAX) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        people.audit(who, action, hunt, format!("{named}{more}")).await?;
        people.live.touch(Touched::Hunt(hunt));
    }
    let mut items = Vec::with_capacity(said.len());
    for (client, (outcome, _, explanation)) in said {
        items.push(RosterOutcome {
            client: client.to_string(),
            hostname: people.hostname(client).await?,
            outcome: outcome.to_owned(),
            explanation,
        });
    }
    Ok(Json(RosterReply { items, changed: changed.len() as u64 }))
}
