//! Repetition by hand, revisions, rounds, checkpoints and comparison of hunts.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::{
    CheckpointView, DiffLine, DiffQuery, FieldChange, Retried, RetryRequest, RevisionView,
    RoundPage, RoundView,
};
use axum::body::Body as Content;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::{Extension, Json};
use base::ClientId;
use bytes::Bytes;
use flows::diff::{Change, Columns, Kind};
use futures_util::stream;
use hunts::ports::RetryFailed;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use model::hunt::Hunt;
use model::results::ResultScope;
use serde_json::Value;

use super::error::ApiError;
use super::extract::{Asked, Body, paging};
use super::permission::Permission;
use super::sign_in::Principal;
use super::{People, ask_bounds, clients, hunts as hunt_routes, view};
use crate::diff::{Sides, differences};
use crate::live::Touched;

type Shared = State<Arc<People>>;
type Who = Extension<Principal>;

pub(crate) async fn retry(
    State(people): Shared,
    Extension(who): Who,
    Path(hunt): Path<String>,
    Body(said): Body<RetryRequest>,
) -> Result<Json<Retried>, ApiError> {
    who.needs(Permission::WriteHunts)?;
    let id = hunt_routes::find(&people, &who, &hunt).await?.hunt.id;
    let client = match said.client.as_deref().filter(|client| !client.is_empty()) {
        Some(client) => Some(clients::find(&people, &who, client).await?.id),
        None => None,
    };
    let mut wrong = Vec::new();
    let (class, limits) = ask_bounds::retry_request(&said, &mut wrong);
    if !wrong.is_empty() {
        return Err(ApiError::problems("nothing was repeated", wrong));
    }
    let wanted = RetryFailed { hunt: id, class, client, limits, now: people.clock.now() };
    let clients = people.ports.admissions.retry_failed(&wanted).await?;
    let of_class = class.map_or_else(String::new, |class| format!(" that failed with {class}"));
    people.audit(&who, "hunt.retry", id, format!("{clients} clients{of_class}")).await?;
    people.live.touch(Touched::Hunt(id));
    people.core.wake_manager();
    Ok(Json(Retried { clients }))
}

pub(crate) async fn revisions(
    State(people): Shared,
    Extension(who): Who,
    Path(hunt): Path<String>,
) -> Result<Json<Vec<RevisionView>>, ApiError> {
    let id = hunt_routes::find(&people, &who, &hunt).await?.hunt.id;
    let kept = people.ports.hunts.revisions(id).await?;
    let mut before: Option<Value> = None;
    let mut shown = Vec::with_capacity(kept.len());
    for revision in &kept {
        let now = serde_json::to_value(view::hunt_request(&revision.spec)).unwrap_or_default();
        let mut changes = Vec::new();
        if let Some(before) = &before {
            field_changes("", before, &now, &mut changes);
        }
        shown.push(RevisionView {
            revision: revision.revision,
            at: revision.at.to_string(),
            by: revision.by.to_string(),
            changes,
        });
        before = Some(now);
    }
    Ok(Json(shown))
}

/// What differs between two forms, field by field.
fn field_changes(path: &str, before: &Value, after: &Value, changes: &mut Vec<FieldChange>) {
    if before == after {
        return;
    }
    let (Value::Object(old), Value::Object(new)) = (before, after) else {
        let text = |value: &Value| match value {
            Value::Null => String::new(),
            value => value.to_string(),
        };
        let field = path.to_owned();
        changes.push(FieldChange { field, before: text(before), after: text(after) });
        return;
    };
    let names = old.keys().chain(new.keys().filter(|name| !old.contains_key(*name)));
    for name in names {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let side =
            |fields: &serde_json::Map<String, Value>| fields.get(name).cloned().unwrap_or_default();
        field_changes(&path, &side(old), &side(new), changes);
    }
}

pub(crate) async fn rounds(
    State(people): Shared,
    Extension(who): Who,
    Path(hunt): Path<String>,
    Asked(asked): Asked<api::PageQuery>,
) -> Result<Json<RoundPage>, ApiError> {
    let hunt = hunt_routes::find(&people, &who, &hunt).await?.hunt;
    let paging = paging(asked.offset, asked.limit)?;
    let page = people.ports.hunts.rounds(hunt.id, paging).await?;
    let shown = |round: &hunts::ports::Round| {
        let asked = if round.round == hunt.round { people.hall.asked_count(hunt.id) } else { 0 };
        RoundView {
            round: round.round,
            tick: round.tick.to_string(),
            counts: view::counts(&round.counts, asked),
        }
    };
    Ok(Json(RoundPage { items: page.items.iter().map(shown).collect(), total: page.total }))
}

pub(crate) async fn checkpoints(
    State(people): Shared,
    Extension(who): Who,
    Path((hunt, client)): Path<(String, String)>,
) -> Result<Json<Vec<CheckpointView>>, ApiError> {
    let hunt = hunt_routes::find(&people, &who, &hunt).await?.hunt.id;
    let client = clients::find(&people, &who, &client).await?.id;
    let kept = people.ports.members.checkpoints(hunt, client).await?;
    let shown = |mark: model::window::Checkpoint| CheckpointView {
        source: mark.source,
        upto: mark.upto.to_string(),
        epoch: mark.epoch,
        round: mark.round,
    };
    Ok(Json(kept.into_iter().map(shown).collect()))
}

/// The round that was asked for, or the current one.
pub(crate) fn round_of(hunt: &Hunt, asked: Option<u32>) -> Result<u32, ApiError> {
    let round = asked.unwrap_or(hunt.round);
    if (1..=hunt.round).contains(&round) {
        return Ok(round);
    }
    let (id, last) = (hunt.id, hunt.round);
    Err(ApiError::caller(format!("hunt {id} has no round {round}"))
        .hint(format!("choose one from 1 to {last}")))
}

fn names(text: Option<&str>) -> Vec<String> {
    let names = text.unwrap_or_default().split(',').map(str::trim);
    names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

async fn sides(
    people: &People,
    who: &Principal,
    hunt: &str,
    asked: &DiffQuery,
) -> Result<Sides, ApiError> {
    let columns =
        Columns { key: names(asked.key.as_deref()), ignore: names(asked.ignore.as_deref()) };
    if let Some(both) = columns.key.iter().find(|column| columns.ignore.contains(column)) {
        return Err(ApiError::caller(format!("`{both}` cannot be a key and be ignored")));
    }
    let first = hunt_routes::find(people, who, hunt).await?.hunt;
    let source = asked.source.clone().filter(|source| !source.is_empty());
    let scope = |hunt: &Hunt, round: Option<u32>| {
        Ok::<_, ApiError>(ResultScope::Hunt { hunt: hunt.id, round: round_of(hunt, round)? })
    };
    if let Some(with) = asked.with.as_deref().filter(|with| !with.is_empty()) {
        let second = hunt_routes::find(people, who, with).await?.hunt;
        let (before, after) = (scope(&first, asked.before)?, scope(&second, asked.after)?);
        return Ok(Sides { before, after, source, columns });
    }
    let after = round_of(&first, asked.after)?;
    let before = asked.before.unwrap_or(after.saturating_sub(1));
    if before == 0 {
        let message = format!("hunt {} has no round before round {after}", first.id);
        return Err(ApiError::caller(message).hint("compare it with another hunt: `with=H.…`"));
    }
    let (before, after) = (scope(&first, Some(before))?, scope(&first, Some(after))?);
    Ok(Sides { before, after, source, columns })
}

pub(crate) async fn diff(
    State(people): Shared,
    Extension(who): Who,
    Path(hunt): Path<String>,
    Asked(asked): Asked<DiffQuery>,
) -> Result<Response, ApiError> {
    let sides = sides(&people, &who, &hunt, &asked).await?;
    let found = differences(&*people.ports.results, sides).await.map_err(|error| {
        ApiError::new(base::Fault::Ours, format!("the rows cannot be compared: {error}"))
    })?;
    let state = (found, people, BTreeMap::<ClientId, String>::new());
    let lines = stream::try_unfold(state, |(mut found, people, mut names)| async move {
        let Some(change) = found.recv().await.transpose()? else { return Ok(None) };
        if !names.contains_key(&change.client) {
            let name = people.hostname(change.client).await;
            // Sides are sorted by client: only the last name is needed.
            names.clear();
            names.insert(change.client, name.unwrap_or_default());
        }
        let line = line(&change, names.get(&change.client).map_or("", String::as_str))?;
        Ok::<_, std::io::Error>(Some((line, (found, people, names))))
    });
    let mut response = Response::new(Content::from_stream(lines));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    Ok(response)
}

fn line(change: &Change, hostname: &str) -> std::io::Result<Bytes> {
    let (word, was) = match &change.kind {
        Kind::New => ("new", None),
        Kind::Gone => ("gone", None),
        Kind::Changed { was } => ("changed", Some(serde_json::from_str(was)?)),
    };
    let line = DiffLine {
        change: word.to_owned(),
        client: change.client.to_string(),
        hostname: hostname.to_owned(),
        source: change.source.clone(),
        row: serde_json::from_str(&change.row)?,
        was,
    };
    let mut bytes = serde_json::to_vec(&line)?;
    bytes.push(b'\n');
    Ok(bytes.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_edit_shows_each_field_that_it_changed() {
        let before =
            json!({ "rate": "5/min", "limits": { "clients": 0, "running": 1 }, "canary": null });
        let after = json!({
            "rate": "5/min", "limits": { "clients": 9, "running": 1 }, "canary": { "clients": 2 }
        });
        let mut changes = Vec::new();
        field_changes("", &before, &after, &mut changes);
        let shown: Vec<_> =
            changes.iter().map(|it| format!("{} {}>{}", it.field, it.before, it.after)).collect();
        assert_eq!(shown, ["limits.clients 0>9", "canary >{\"clients\":2}"]);
    }
}
