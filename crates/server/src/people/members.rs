//! Members of a hunt: list, why a client is or is not in it, recount.

use std::sync::Arc;

use api::{MemberPage, MembersQuery, Recount, WhyView};
use axum::extract::{Path, State};
use axum::{Extension, Json};
use hunts::ports::{MemberKey, MemberList, MemberSort};
use hunts::why::{Situation, explain};
use model::member::{MemberQueue, MemberState};

use super::error::ApiError;
use super::extract::{Asked, paging};
use super::hunt_bounds::round_of;
use super::hunts::{find, scope};
use super::sign_in::Principal;
use super::{People, clients, view};

type Shared = State<Arc<People>>;
type Who = Extension<Principal>;

fn sort(text: Option<&str>) -> Result<MemberSort, ApiError> {
    Ok(match text {
        None | Some("updated") => MemberSort::Updated,
        Some("hostname") => MemberSort::Hostname,
        Some("state") => MemberSort::Queue,
        Some("decided") => MemberSort::Decided,
        Some(other) => {
            return Err(ApiError::caller(format!(
                "members cannot be sorted by `{other}`; choose hostname, state, decided or updated"
            )));
        }
    })
}

pub(crate) async fn list(
    State(people): Shared,
    Extension(who): Who,
    Path(hunt): Path<String>,
    Asked(asked): Asked<MembersQuery>,
) -> Result<Json<MemberPage>, ApiError> {
    let hunt = find(&people, &who, &hunt).await?.hunt;
    let queue = match asked.queue.as_deref().filter(|queue| !queue.is_empty()) {
        None => None,
        Some(name) => Some(MemberQueue::from_name(name).ok_or_else(|| {
            let names: Vec<&str> = MemberQueue::ALL.iter().map(|queue| queue.name()).collect();
            ApiError::caller(format!("`{name}` is not a queue"))
                .hint(format!("choose one of {}", names.join(", ")))
        })?),
    };
    let query = MemberList {
        queue,
        text: asked.search.filter(|text| !text.trim().is_empty()),
        sort: sort(asked.sort.as_deref())?,
        descending: asked.desc.unwrap_or(asked.sort.is_none()),
        paging: paging(asked.offset, asked.limit)?,
        ..MemberList::of(hunt.id, round_of(&hunt, asked.round)?)
    };
    let page = people.ports.members.members(&query).await?;
    let mut items = Vec::with_capacity(page.items.len());
    for member in &page.items {
        items.push(view::member(member, &people.hostname(member.client).await?));
    }
    Ok(Json(MemberPage { items, total: page.total }))
}

pub(crate) async fn why(
    State(people): Shared,
    Extension(who): Who,
    Path((hunt, client)): Path<(String, String)>,
) -> Result<Json<WhyView>, ApiError> {
    let found = find(&people, &who, &hunt).await?;
    let client = clients::find_by_name(&people, &who, &client).await?;
    let key = MemberKey { hunt: found.hunt.id, round: found.hunt.round, client: client.id };
    let member = people.ports.members.member(key).await?;
    let flow = match member.as_ref().and_then(|member| member.flow) {
        Some(flow) => people.ports.flows.get(flow).await?,
        None => None,
    };
    let ahead = match &member {
        Some(member) if member.state == MemberState::Pending => {
            people.ports.roster.ahead(key).await?.unwrap_or(0)
        }
        Some(_) | None => 0,
    };
    let said = explain(&Situation {
        hunt: &found.hunt,
        counts: &found.counts,
        progress: &found.progress,
        client: &client,
        member: member.as_ref(),
        flow: flow.as_ref(),
        ahead,
        online: people.hall.presence(|presence| presence.is_online(client.id)),
        asked: people.hall.is_asked(client.id, found.hunt.id),
        ceiling: people.settings.admission_ceiling,
    });
    let hostname = &client.facts.hostname;
    Ok(Json(WhyView {
        client: client.id.to_string(),
        hostname: hostname.clone(),
        verdict: said.verdict.to_owned(),
        explanation: said.explanation,
        next: said.next,
        member: member.map(|member| view::member(&member, hostname)),
    }))
}

pub(crate) async fn recount(
    State(people): Shared,
    Extension(who): Who,
    Path(hunt): Path<String>,
) -> Result<Json<Recount>, ApiError> {
    let hunt = find(&people, &who, &hunt).await?.hunt;
    let counters = people.ports.members.counts(hunt.id, hunt.round).await?;
    let counted = people.ports.members.recount(hunt.id, hunt.round).await?;
    let rows = people.ports.results.recount(scope(&hunt)).await?;
    let asked = people.asked_count(hunt.id);
    Ok(Json(Recount {
        counters: view::counts(&counters, asked),
        recount: view::counts(&counted, asked),
        equal: counters == counted && rows.declared == rows.counted && rows.kept == rows.counted,
        rows_declared: rows.declared,
        rows_stored: rows.counted,
    }))
}
