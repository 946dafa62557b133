//! `POST /login`, `POST /logout`, `GET /whoami`.

use std::sync::Arc;

use api::{LoginReply, LoginRequest, SESSION_COOKIE, WhoAmI};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use base::{Fault, Timestamp};
use fleet::accounts::{SignIn, SignInKind, User};
use hyper::StatusCode;
use hyper::header::{HeaderValue, RETRY_AFTER, SET_COOKIE};

use super::People;
use super::error::ApiError;
use super::extract::Body;
use super::sign_in::{
    CallerAddress, Principal, csrf_of, hash_password, new_secret, password_fits, secret_hash,
};
use crate::event::SignInRefused;

type Shared = State<Arc<People>>;

/// Longest password that is looked at.
const PASSWORD_BYTES_MAX: usize = 1_024;

pub(crate) async fn login(
    State(people): Shared,
    Extension(CallerAddress(address)): Extension<CallerAddress>,
    Body(said): Body<LoginRequest>,
) -> Result<Response, ApiError> {
    let now = people.clock.now();
    if let Err(wait) = people.throttle.take(address, &said.user, now) {
        SignInRefused { address, user: &said.user, reason: "too many wrong passwords" }.emit();
        let error =
            ApiError::new(Fault::Busy, "too many wrong passwords; wait before the next try");
        let mut response = error.into_response();
        let seconds = HeaderValue::from(wait.as_secs().max(1));
        response.headers_mut().insert(RETRY_AFTER, seconds);
        return Ok(response);
    }
    let user = people.ports.accounts.user(&said.user).await?.filter(|user| !user.disabled);
    let Some(user) = checked(user, said.password).await? else {
        SignInRefused { address, user: &said.user, reason: "wrong user name or password" }.emit();
        return Err(ApiError {
            status: StatusCode::UNAUTHORIZED,
            ..ApiError::new(Fault::Denied, "the user name or the password is wrong")
        });
    };
    people.throttle.give_back(address, &said.user);
    let secret = new_secret(&mut **people.entropy.lock());
    let (kind, life) = match said.token {
        true => (SignInKind::ApiToken, people.settings.token_life),
        false => (SignInKind::Browser, people.settings.session_life),
    };
    let expires = now.plus(life);
    let sign_in = SignIn {
        secret_hash: secret_hash(&secret),
        user: user.name.clone(),
        kind,
        note: format!("signed in from {address}"),
        created: now,
        expires,
    };
    people.ports.accounts.put_sign_in(&sign_in).await?;
    let who = Principal {
        user: user.name.clone(),
        org: user.org,
        roles: Vec::new(),
        csrf: String::new(),
        secret_hash: sign_in.secret_hash,
    };
    people
        .audit(&who, "session.login", &user.name, format!("{} from {address}", kind.name()))
        .await?;
    Ok(signed_in(&people, (user.name, kind), secret, expires))
}

fn signed_in(
    people: &People,
    (user, kind): (String, SignInKind),
    secret: String,
    expires: Timestamp,
) -> Response {
    let expires_text = expires.to_string();
    match kind {
        SignInKind::ApiToken => {
            let csrf = String::new();
            Json(LoginReply { user, csrf, token: secret, expires: expires_text }).into_response()
        }
        SignInKind::Browser => {
            let csrf = csrf_of(&secret);
            let life = people.settings.session_life.as_secs();
            let cookie = cookie(people, &secret, life);
            let reply = LoginReply { user, csrf, token: String::new(), expires: expires_text };
            let mut response = Json(reply).into_response();
            response.headers_mut().insert(SET_COOKIE, cookie);
            response
        }
    }
}

/// The session cookie. `SameSite=Strict` keeps other sites' pages from using it at all.
fn cookie(people: &People, value: &str, life_secs: u64) -> HeaderValue {
    let secure = if people.secure_cookies { "; Secure" } else { "" };
    let text = format!(
        "{SESSION_COOKIE}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={life_secs}{secure}"
    );
    HeaderValue::from_str(&text).expect("a cookie of printable characters is a header value")
}

/// The user, when the password is right. Takes as long for a user that does not exist.
async fn checked(user: Option<User>, password: String) -> Result<Option<User>, ApiError> {
    if password.len() > PASSWORD_BYTES_MAX {
        return Ok(None);
    }
    let work = tokio::task::spawn_blocking(move || match user {
        Some(user) => password_fits(&password, &user.password_hash).then_some(user),
        None => {
            let _ = hash_password(&password);
            None
        }
    });
    work.await.map_err(|error| ApiError::new(Fault::Ours, format!("password check: {error}")))
}

pub(crate) async fn logout(
    State(people): Shared,
    Extension(who): Extension<Principal>,
) -> Result<Response, ApiError> {
    people.ports.accounts.end_sign_in(&who.secret_hash).await?;
    people.audit(&who, "session.logout", &who.user, "").await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    response.headers_mut().insert(SET_COOKIE, cookie(&people, "", 0));
    Ok(response)
}

pub(crate) async fn whoami(Extension(who): Extension<Principal>) -> Json<WhoAmI> {
    Json(WhoAmI {
        user: who.user,
        org: who.org.to_string(),
        roles: who.roles,
        csrf: who.csrf,
        version: crate::VERSION.to_owned(),
    })
}
