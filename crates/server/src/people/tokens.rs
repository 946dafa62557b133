//! Enrolment tokens: list, make, withdraw.

use std::collections::BTreeSet;
use std::sync::Arc;

use api::{TokenRequest, TokenView};
use axum::extract::{Path, State};
use axum::{Extension, Json};
use fleet::ports::TokenRecord;
use model::client::EnrolmentToken;

use super::error::{ApiError, problem};
use super::extract::Body;
use super::sign_in::{Principal, new_secret, secret_hash};
use super::{People, ask, view};

type Shared = State<Arc<People>>;
type Who = Extension<Principal>;

pub(crate) async fn list(
    State(people): Shared,
    Extension(who): Who,
) -> Result<Json<Vec<TokenView>>, ApiError> {
    let records = people.ports.tokens.tokens(&who.org).await?;
    Ok(Json(records.iter().map(|record| view::token(record, None)).collect()))
}

pub(crate) async fn create(
    State(people): Shared,
    Extension(who): Who,
    Body(said): Body<TokenRequest>,
) -> Result<Json<TokenView>, ApiError> {
    let mut wrong = Vec::new();
    let life = ask::duration(&said.expires_after, || "expires_after".into(), &mut wrong);
    if life.is_zero() && wrong.is_empty() {
        wrong.push(problem("expires_after", "a token must end by itself; for example `1h`"));
    }
    if said.uses_max == 0 {
        wrong.push(problem("uses_max", "is 0; such a token lets nobody in"));
    }
    for (index, label) in said.labels.iter().enumerate() {
        if !model::client::is_label(label) {
            let message = format!("`{label}` is not a label: 1 to 100 printable characters");
            wrong.push(problem(format!("labels[{index}]"), message));
        }
    }
    if !wrong.is_empty() {
        return Err(ApiError::problems("the token cannot be made", wrong));
    }
    let now = people.clock.now();
    let (id, secret) = {
        let mut entropy = people.entropy.lock();
        (format!("{:016x}", entropy.next_u64()), new_secret(&mut **entropy))
    };
    let token = EnrolmentToken {
        id: id.clone(),
        secret_hash: secret_hash(&secret),
        org: who.org.clone(),
        labels: said.labels.into_iter().collect::<BTreeSet<_>>(),
        expires: now.plus(life),
        uses_max: said.uses_max,
        uses: 0,
        revoked: false,
    };
    let creator = who.actor();
    people.ports.tokens.create_token(&token, &creator, now).await?;
    let detail = format!("{} uses until {}", token.uses_max, token.expires);
    people.audit(&who, "token.create", &id, detail).await?;
    let whole = format!("{id}.{secret}");
    Ok(Json(view::token(&TokenRecord { token, creator, created: now }, Some(whole))))
}

pub(crate) async fn revoke(
    State(people): Shared,
    Extension(who): Who,
    Path(id): Path<String>,
) -> Result<Json<TokenView>, ApiError> {
    let find = async || -> Result<TokenRecord, ApiError> {
        let found = people.ports.tokens.token(&id).await?;
        found
            .filter(|record| record.token.org == who.org)
            .ok_or_else(|| ApiError::not_found(format!("token {id}")))
    };
    find().await?;
    people.ports.tokens.revoke_token(&id).await?;
    people.audit(&who, "token.revoke", &id, "").await?;
    Ok(Json(view::token(&find().await?, None)))
}
