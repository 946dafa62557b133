//! Hunts: list, one, make, preview, edit, the verbs.

use std::sync::Arc;

use api::{HuntEdit, HuntPage, HuntPreview, HuntRequest, HuntView, HuntsQuery, Problem};
use axum::extract::{Path, State};
use axum::{Extension, Json};
use base::{Fault, HuntId};
use fleet::ports::ClientList;
use hunts::condition::decide_by_record;
use hunts::ports::{HuntList, HuntStep, HuntSummary, NewHunt};
use model::hunt::{EndReason, Hunt, HuntEvent, HuntSpec, HuntState};
use model::results::ResultScope;
use model::store::Paging;

use super::error::ApiError;
use super::extract::{Asked, Body, id, paging};
use super::sign_in::Principal;
use super::view::HuntNumbers;
use super::{People, ask, ask_bounds, view};
use crate::agents::hall::Tell;
use crate::live::Touched;

type Shared = State<Arc<People>>;
type Who = Extension<Principal>;

/// What people may do to a hunt, by the word in the path.
pub(crate) const VERBS: [(&str, HuntEvent); 7] = [
    ("start", HuntEvent::Start),
    ("pause", HuntEvent::Pause),
    ("drain", HuntEvent::Drain),
    ("resume", HuntEvent::Resume),
    ("stop", HuntEvent::Stop),
    ("widen", HuntEvent::Widen),
    ("archive", HuntEvent::Archive),
];

/// Clients that a preview looks at, at once.
const PREVIEW_PAGE: u64 = 1_000;

/// The rows of a hunt's current round.
pub(crate) fn scope(hunt: &Hunt) -> ResultScope {
    ResultScope::Hunt { hunt: hunt.id, round: hunt.round }
}

/// The hunt with this id, if it belongs to the caller's organisation.
pub(crate) async fn find(
    people: &People,
    who: &Principal,
    text: &str,
) -> Result<HuntSummary, ApiError> {
    let id: HuntId = id(text)?;
    let found = people.ports.hunts.get(id).await?.filter(|found| found.hunt.org == who.org);
    found.ok_or_else(|| ApiError::not_found(format!("hunt {id}")))
}

/// The numbers of a hunt that its record does not hold.
pub(crate) async fn numbers(people: &People, hunt: &Hunt) -> Result<HuntNumbers, ApiError> {
    let sources = people.ports.results.sources(scope(hunt)).await?;
    let uploads = people.ports.uploads.uploads(scope(hunt), Paging::first(0)).await?;
    Ok(HuntNumbers {
        asked: people.asked_count(hunt.id),
        rows: sources.iter().map(|source| source.rows).sum(),
        uploads: uploads.total,
    })
}

async fn shown(people: &People, summary: &HuntSummary) -> Result<Json<HuntView>, ApiError> {
    Ok(Json(view::hunt(summary, numbers(people, &summary.hunt).await?)))
}

pub(crate) async fn list(
    State(people): Shared,
    Extension(who): Who,
    Asked(asked): Asked<HuntsQuery>,
) -> Result<Json<HuntPage>, ApiError> {
    let states = match asked.state.as_deref().filter(|state| !state.is_empty()) {
        None => Vec::new(),
        Some(state) => {
            let known = HuntState::from_name(state).ok_or_else(|| {
                ApiError::caller(format!("`{state}` is not a state of a hunt"))
                    .hint("choose draft, running, paused, draining, stopped, completed or archived")
            })?;
            vec![known.name()]
        }
    };
    let text = asked.search.filter(|text| !text.trim().is_empty());
    let paging = paging(asked.offset, asked.limit)?;
    let query = HuntList { text, states, paging, ..HuntList::of(who.org.clone()) };
    let page = people.ports.hunts.list(&query).await?;
    let mut items = Vec::with_capacity(page.items.len());
    for summary in &page.items {
        items.push(view::hunt(summary, numbers(&people, &summary.hunt).await?));
    }
    Ok(Json(HuntPage { items, total: page.total }))
}

pub(crate) async fn one(
    State(people): Shared,
    Extension(who): Who,
    Path(hunt): Path<String>,
) -> Result<Json<HuntView>, ApiError> {
    shown(&people, &find(&people, &who, &hunt).await?).await
}

/// Reads a request, with everything that is wrong with it.
fn read(people: &People, said: &HuntRequest) -> (HuntSpec, Vec<Problem>) {
    let mut wrong = Vec::new();
    let spec = ask::hunt_spec(said, &mut wrong);
    wrong.extend(people.collector.check(&spec.artifacts));
    wrong.extend(queries(people, &spec));
    (spec, wrong)
}

/// What is wrong with a condition's two queries.
fn queries(people: &People, spec: &HuntSpec) -> Vec<Problem> {
    let condition = &spec.condition;
    let in_field = |field: &str, problems: Vec<Problem>| -> Vec<Problem> {
        let named = |problem: Problem| Problem { field: field.to_owned(), ..problem };
        problems.into_iter().filter(|problem| problem.severity == "error").map(named).collect()
    };
    let mut wrong = in_field("condition.client", people.vql.check_client_query(&condition.client));
    if !condition.server.trim().is_empty() {
        let found = people.vql.check_condition(&condition.server);
        wrong.extend(in_field("condition.server", found));
    }
    wrong
}

pub(crate) async fn create(
    State(people): Shared,
    Extension(who): Who,
    Body(said): Body<HuntRequest>,
) -> Result<Json<HuntView>, ApiError> {
    let (spec, wrong) = read(&people, &said);
    if !wrong.is_empty() {
        return Err(ApiError::problems("the hunt cannot be made", wrong));
    }
    let now = people.clock.now();
    let id = HuntId::mint(now, &mut **people.entropy.lock());
    let new = NewHunt { id, org: who.org.clone(), spec, by: who.actor(), now };
    let hunt = people.ports.hunts.create(&new).await?;
    people.audit(&who, "hunt.create", id, hunt.spec.name).await?;
    people.live.touch(Touched::Hunt(id));
    if said.start {
        step(&people, &who, (id, "start", HuntEvent::Start)).await?;
    }
    shown(&people, &find(&people, &who, &id.to_string()).await?).await
}

pub(crate) async fn preview(
    State(people): Shared,
    Extension(who): Who,
    Body(said): Body<HuntRequest>,
) -> Result<Json<HuntPreview>, ApiError> {
    let (spec, problems) = read(&people, &said);
    let online = people.hall.presence(fleet::presence::Presence::online);
    let mut preview = HuntPreview { asked: 0, online: 0, excluded: 0, problems };
    let mut offset = 0;
    loop {
        let paging = Paging { offset, limit: PREVIEW_PAGE };
        let query = ClientList { paging, ..ClientList::of(who.org.clone()) };
        let page = people.ports.clients.list(&query).await?;
        for client in page.items.iter().filter(|client| client.revoked_at.is_none()) {
            if decide_by_record(&spec.condition, client).is_ok() {
                preview.asked += 1;
                preview.online += u64::from(online.contains(&client.id));
            } else {
                preview.excluded += 1;
            }
        }
        offset += PREVIEW_PAGE;
        if offset >= page.total {
            return Ok(Json(preview));
        }
    }
}

pub(crate) async fn edit(
    State(people): Shared,
    Extension(who): Who,
    Path(hunt): Path<String>,
    Body(said): Body<HuntEdit>,
) -> Result<Json<HuntView>, ApiError> {
    let found = find(&people, &who, &hunt).await?;
    let mut wrong = Vec::new();
    let before = found.hunt.spec;
    let spec = HuntSpec {
        rate: said.rate.as_ref().map_or(before.rate, |rate| ask::rate(rate, &mut wrong)),
        limits: match &said.limits {
            Some(limits) => ask::hunt_limits(limits, &mut wrong),
            None => before.limits,
        },
        expires_after: match &said.expires {
            Some(expires) => ask::expiry(expires, &mut wrong),
            None => before.expires_after,
        },
        condition: match &said.condition {
            Some(condition) => ask::condition(condition, &mut wrong),
            None => before.condition,
        },
        description: said.description.unwrap_or(before.description),
        canary: match &said.canary {
            Some(canary) => ask_bounds::canary(Some(canary), &mut wrong),
            None => before.canary,
        },
        retry: match &said.retry {
            Some(rules) => ask_bounds::retry(rules, &mut wrong),
            None => before.retry,
        },
        schedule: match &said.schedule {
            Some(schedule) => ask_bounds::schedule(Some(schedule), &mut wrong),
            None => before.schedule,
        },
        name: before.name,
        artifacts: before.artifacts,
    };
    wrong.extend(queries(&people, &spec));
    if !wrong.is_empty() {
        return Err(ApiError::problems("the hunt cannot be changed like this", wrong));
    }
    let (id, now) = (found.hunt.id, people.clock.now());
    let edit = hunts::ports::HuntEdit { id, revision: said.revision, spec, by: who.actor(), now };
    let hunt = people.ports.hunts.edit(&edit).await?;
    people.audit(&who, "hunt.edit", id, format!("revision {}", hunt.revision)).await?;
    people.refresh_foreman().await?;
    people.live.touch(Touched::Hunt(id));
    shown(&people, &find(&people, &who, &id.to_string()).await?).await
}

pub(crate) async fn verb(
    State(people): Shared,
    Extension(who): Who,
    Path((hunt, verb)): Path<(String, String)>,
) -> Result<Json<HuntView>, ApiError> {
    let known = VERBS.into_iter().find(|(word, _)| *word == verb);
    let (word, event) = known.ok_or_else(|| {
        let words: Vec<&str> = VERBS.iter().map(|(word, _)| *word).collect();
        ApiError::new(Fault::NotFound, format!("hunts have no verb `{verb}`"))
            .hint(format!("choose one of {}", words.join(", ")))
    })?;
    let found = find(&people, &who, &hunt).await?;
    step(&people, &who, (found.hunt.id, word, event)).await?;
    shown(&people, &find(&people, &who, &hunt).await?).await
}

async fn step(
    people: &People,
    who: &Principal,
    (id, word, event): (HuntId, &str, HuntEvent),
) -> Result<(), ApiError> {
    let now = people.clock.now();
    let step = HuntStep { id, event, reason: EndReason::Asked, by: who.actor(), now };
    let done = people.ports.hunts.transition(&step).await?;
    let detail = match done.cancelled.len() {
        0 => String::new(),
        flows => format!("{flows} flows cancelled"),
    };
    people.audit(who, &format!("hunt.{word}"), id, detail).await?;
    for (client, flow) in done.cancelled {
        people.hall.tell(client, Tell::Cancel(flow));
        people.live.touch(Touched::Flow(flow));
    }
    people.refresh_foreman().await?;
    people.live.touch(Touched::Hunt(id));
    Ok(())
}
