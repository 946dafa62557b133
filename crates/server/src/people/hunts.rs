//! Hunts: list, one, make, edit, the verbs.

use std::sync::Arc;

use api::{HuntEdit, HuntPage, HuntRequest, HuntView, HuntsQuery, Problem};
use axum::extract::{Path, State};
use axum::{Extension, Json};
use base::{Fault, HuntId};
use hunts::ports::{HuntList, HuntStep, HuntSummary, NewHunt};
use model::hunt::{EndReason, Hunt, HuntEvent, HuntSpec, HuntState};
use model::lineage::Lineage;
use model::results::ResultScope;
use model::store::Paging;

use super::error::ApiError;
use super::extract::{Asked, Body, id, paging};
use super::permission::Permission;
use super::sign_in::Principal;
use super::view::HuntNumbers;
use super::{People, ask, ask_bounds, cohort, view};
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

pub(crate) async fn shown(
    people: &People,
    summary: &HuntSummary,
) -> Result<Json<HuntView>, ApiError> {
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
    let tag = asked.tag.filter(|tag| !tag.is_empty());
    let query = HuntList { text, states, tag, paging, ..HuntList::of(who.org.clone()) };
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
pub(crate) async fn read(
    people: &People,
    who: &Principal,
    mut said: HuntRequest,
) -> Result<(HuntSpec, Vec<Problem>), ApiError> {
    let mut wrong = Vec::new();
    cohort::resolve_condition(people, who, &mut said.condition, &mut wrong).await?;
    let spec = ask::hunt_spec(&said, &mut wrong);
    wrong.extend(people.collector.check(&spec.artifacts));
    wrong.extend(queries(people, &spec));
    Ok((spec, wrong))
}

/// What is wrong with a condition's two queries.
pub(crate) fn queries(people: &People, spec: &HuntSpec) -> Vec<Problem> {
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
    who.needs(Permission::WriteHunts)?;
    let start = said.start;
    let (spec, wrong) = read(&people, &who, said).await?;
    if !wrong.is_empty() {
        return Err(ApiError::problems("the hunt cannot be made", wrong));
    }
    make(&people, &who, (spec, None), start).await
}

/// Makes a hunt, and starts it when that is wanted.
pub(crate) async fn make(
    people: &People,
    who: &Principal,
    (spec, copied_from): (HuntSpec, Option<Lineage>),
    start: bool,
) -> Result<Json<HuntView>, ApiError> {
    let now = people.clock.now();
    let id = HuntId::mint(now, &mut **people.entropy.lock());
    let new = NewHunt { id, org: who.org.clone(), spec, by: who.actor(), now, copied_from };
    let hunt = people.ports.hunts.create(&new).await?;
    let detail = match copied_from {
        None => hunt.spec.name,
        Some(lineage) => format!("{}, made of {lineage}", hunt.spec.name),
    };
    people.audit(who, "hunt.create", id, detail).await?;
    people.live.touch(Touched::Hunt(id));
    if start {
        step(people, who, (id, "start", HuntEvent::Start)).await?;
    }
    shown(people, &find(people, who, &id.to_string()).await?).await
}

pub(crate) async fn edit(
    State(people): Shared,
    Extension(who): Who,
    Path(hunt): Path<String>,
    Body(mut said): Body<HuntEdit>,
) -> Result<Json<HuntView>, ApiError> {
    who.needs(Permission::WriteHunts)?;
    let found = find(&people, &who, &hunt).await?;
    let mut wrong = Vec::new();
    if let Some(condition) = &mut said.condition {
        cohort::resolve_condition(&people, &who, condition, &mut wrong).await?;
    }
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
        tags: before.tags,
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
    who.needs(Permission::WriteHunts)?;
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
