//! Hunts made of other hunts and of flows, their tags, and their deletion.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use api::{CopyRequest, HuntView, TagChange};
use axum::extract::{Path, State};
use axum::{Extension, Json};
use hyper::StatusCode;
use model::hunt::{Condition, HuntLimits, HuntSpec};
use model::lineage::Lineage;
use model::retry::RetryPlan;

use super::error::{ApiError, problem};
use super::extract::Body;
use super::permission::Permission;
use super::sign_in::Principal;
use super::{People, ask, flows, hunts};
use crate::live::Touched;

type Shared = State<Arc<People>>;
type Who = Extension<Principal>;

/// How long a hunt that is made of a flow recruits, when nobody says otherwise.
const EXPIRES_AFTER: Duration = Duration::from_secs(7 * 86_400);

/// `POST /hunts/{hunt}/copy`: everything that the hunt asks for, as it is now.
pub(crate) async fn copy(
    State(people): Shared,
    Extension(who): Who,
    Path(hunt): Path<String>,
    Body(said): Body<CopyRequest>,
) -> Result<Json<HuntView>, ApiError> {
    who.needs(Permission::WriteHunts)?;
    let original = hunts::find(&people, &who, &hunt).await?.hunt;
    let lineage = Lineage::Hunt { hunt: original.id, revision: original.revision };
    make(&people, &who, (original.spec, lineage), said).await
}

/// `POST /flows/{flow}/hunt`: what the flow collected, with its parameters and limits.
pub(crate) async fn of_flow(
    State(people): Shared,
    Extension(who): Who,
    Path(flow): Path<String>,
    Body(said): Body<CopyRequest>,
) -> Result<Json<HuntView>, ApiError> {
    who.needs(Permission::WriteHunts)?;
    let flow = flows::find(&people, &who, &flow).await?;
    let names: Vec<&str> = flow.artifacts.iter().map(|call| call.name.as_str()).collect();
    let spec = HuntSpec {
        name: names.join(", ").chars().take(ask::NAME_CHARS_MAX).collect(),
        description: format!("made of flow {} on client {}", flow.id, flow.client),
        artifacts: flow.artifacts,
        condition: Condition::default(),
        rate: base::Rate::Unlimited,
        limits: HuntLimits { per_client: flow.limits, ..HuntLimits::default() },
        expires_after: EXPIRES_AFTER,
        canary: None,
        retry: RetryPlan::of_hunts(),
        schedule: None,
        tags: BTreeSet::new(),
    };
    make(&people, &who, (spec, Lineage::Flow(flow.id)), said).await
}

async fn make(
    people: &People,
    who: &Principal,
    (mut spec, lineage): (HuntSpec, Lineage),
    said: CopyRequest,
) -> Result<Json<HuntView>, ApiError> {
    let mut wrong = Vec::new();
    if let Some(name) = said.name {
        spec.name = ask::hunt_name(&name, &mut wrong);
    }
    // Artifacts may have changed since.
    wrong.extend(people.collector.check(&spec.artifacts));
    wrong.extend(hunts::queries(people, &spec));
    if !wrong.is_empty() {
        return Err(ApiError::problems("the hunt cannot be made", wrong));
    }
    hunts::make(people, who, (spec, Some(lineage)), said.start).await
}

/// `POST /hunts/{hunt}/tags`
pub(crate) async fn tag(
    State(people): Shared,
    Extension(who): Who,
    Path(hunt): Path<String>,
    Body(said): Body<TagChange>,
) -> Result<Json<HuntView>, ApiError> {
    who.needs(Permission::WriteHunts)?;
    let before = hunts::find(&people, &who, &hunt).await?.hunt;
    let mut wrong = Vec::new();
    let add = ask::tags(&said.add, "add", &mut wrong);
    let remove: BTreeSet<String> = said.remove.iter().map(|tag| tag.trim().to_owned()).collect();
    let change = ::hunts::ports::TagChange { add, remove };
    if change.applied_to(&before.spec.tags).len() > ask::TAGS_MAX {
        wrong.push(problem("add", format!("a hunt has at most {} tags", ask::TAGS_MAX)));
    }
    if !wrong.is_empty() {
        return Err(ApiError::problems("the tags cannot be set", wrong));
    }
    people.ports.hunts.set_tags(before.id, &change).await?;
    let words = |tags: &BTreeSet<String>| tags.iter().cloned().collect::<Vec<_>>().join(", ");
    let detail = format!("add [{}], remove [{}]", words(&change.add), words(&change.remove));
    people.audit(&who, "hunt.tag", before.id, detail).await?;
    people.refresh_foreman().await?;
    people.live.touch(Touched::Hunt(before.id));
    hunts::shown(&people, &hunts::find(&people, &who, &hunt).await?).await
}

/// `POST /hunts/{hunt}/delete`
pub(crate) async fn delete(
    State(people): Shared,
    Extension(who): Who,
    Path(hunt): Path<String>,
) -> Result<StatusCode, ApiError> {
    who.needs(Permission::DeleteHunts)?;
    let found = hunts::find(&people, &who, &hunt).await?.hunt;
    let deleted = people.ports.erasure.delete(found.id, people.clock.now()).await?;
    people.audit(&who, "hunt.delete", deleted.id, deleted.spec.name).await?;
    people.refresh_foreman().await?;
    people.live.touch(Touched::Hunt(deleted.id));
    people.eraser_wake.notify_one();
    Ok(StatusCode::NO_CONTENT)
}
