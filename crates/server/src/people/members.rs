//! Members of a hunt: list, why a client is or is not in it, recount.

use std::sync::Arc;

use api::{MemberPage, MembersQuery, Recount, WhyView};
use axum::extract::{Path, State};
use axum::{Extension, Json};
use hunts::condition::decide_by_record;
use hunts::ports::{HuntSummary, MemberKey, MemberList, MemberSort};
use model::client::Client;
use model::member::{Member, MemberQueue, MemberState};

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
    let client = clients::find(&people, &who, &client).await?;
    let key = MemberKey { hunt: found.hunt.id, round: found.hunt.round, client: client.id };
    let member = people.ports.members.member(key).await?;
    let (verdict, explanation) = match &member {
        Some(member) => explain_member(member),
        None => explain_absence(&people, &found, &client),
    };
    Ok(Json(WhyView {
        client: client.id.to_string(),
        verdict: verdict.to_owned(),
        explanation,
        member: member.map(|member| view::member(&member, &client.facts.hostname)),
    }))
}

fn explain_member(member: &Member) -> (&'static str, String) {
    let reason = member.state.reason();
    match &member.state {
        MemberState::Refused(_) => ("refused", format!("It was refused: {reason}.")),
        MemberState::Pending
        | MemberState::Running
        | MemberState::Completed
        | MemberState::Results(_)
        | MemberState::Failed(_)
        | MemberState::Cancelled
        | MemberState::Expired => {
            let queue = member.state.queue().name();
            ("member", format!("It takes part and stands in the queue {queue}: {reason}."))
        }
    }
}

fn explain_absence(
    people: &People,
    found: &HuntSummary,
    client: &Client,
) -> (&'static str, String) {
    let hunt = &found.hunt;
    let not_asked = |why: String| ("not_asked", why);
    let Some(started) = hunt.started else {
        return not_asked("The hunt has not been started.".to_owned());
    };
    if client.revoked_at.is_some() {
        return not_asked("The client's certificate was revoked.".to_owned());
    }
    if people.hall.is_asked(client.id, hunt.id) {
        return ("asked", "It was asked and has not answered yet.".to_owned());
    }
    let online = people.hall.presence(|presence| presence.is_online(client.id));
    if !online && client.last_seen < started {
        let seen = client.last_seen;
        let why = format!("It has not been seen since the hunt started; it was last seen {seen}.");
        return ("not_seen", why);
    }
    if let Err(refusal) = decide_by_record(&hunt.spec.condition, client) {
        return not_asked(format!(
            "It would be refused: {} {}.",
            refusal.class(),
            refusal.detail()
        ));
    }
    if !hunt.state.recruits() {
        let state = hunt.state.name();
        return not_asked(format!("The hunt is {state} and asks nobody any more."));
    }
    not_asked("It has not been asked yet; that happens at its next poll.".to_owned())
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
