//! `GET /audit`.

use std::sync::Arc;

use api::{AuditEntry, AuditPage, PageQuery};
use axum::extract::State;
use axum::{Extension, Json};

use super::People;
use super::error::ApiError;
use super::extract::{Asked, paging};
use super::sign_in::Principal;

pub(crate) async fn list(
    State(people): State<Arc<People>>,
    Extension(who): Extension<Principal>,
    Asked(asked): Asked<PageQuery>,
) -> Result<Json<AuditPage>, ApiError> {
    let paging = paging(asked.offset, asked.limit)?;
    let page = people.ports.audit.entries(&who.org, None, paging).await?;
    let entry = |entry: fleet::accounts::AuditEntry| AuditEntry {
        time: entry.at.to_string(),
        actor: entry.actor.to_string(),
        action: entry.action,
        object: entry.object,
        detail: entry.detail,
    };
    Ok(Json(AuditPage { items: page.items.into_iter().map(entry).collect(), total: page.total }))
}
