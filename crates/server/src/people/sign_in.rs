//! Signing in: passwords, browser sessions with their CSRF token, tokens for programs.
//!
//! # Invariants
//! - What is stored of a secret is its SHA-256; of a password its argon2 hash.
//! - A change through a browser's session repeats the CSRF token, which only a page of this server
//!   can have read.
//! - An unknown user takes as long as a wrong password.

use std::net::IpAddr;
use std::sync::Arc;

use api::{CSRF_HEADER, SESSION_COOKIE};
use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base::{Entropy, Fault};
use fleet::accounts::SignInKind;
use hyper::header::{AUTHORIZATION, COOKIE};
use hyper::{HeaderMap, Method};
use model::org::{Actor, OrgId};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::People;
use super::error::ApiError;

/// From where a request came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallerAddress(pub(crate) IpAddr);

/// Who makes a request.
#[derive(Clone, Debug)]
pub(crate) struct Principal {
    /// The user's name.
    pub(crate) user: String,
    /// The tenant.
    pub(crate) org: OrgId,
    /// What the user may do.
    pub(crate) roles: Vec<String>,
    /// The CSRF token of the session; empty for programs.
    pub(crate) csrf: String,
    /// SHA-256 of the secret.
    pub(crate) secret_hash: [u8; 32],
}

impl Principal {
    /// Who did it, for records.
    pub(crate) fn actor(&self) -> Actor {
        Actor::User(self.user.clone())
    }
}

/// A new secret: 256 random bits as text.
pub(crate) fn new_secret(entropy: &mut dyn Entropy) -> String {
    use base64::Engine;
    let mut bytes = [0u8; 32];
    entropy.fill(&mut bytes);
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

/// What is stored of a secret.
pub fn secret_hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// The CSRF token that belongs to a session's secret.
pub(crate) fn csrf_of(secret: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(b"lycaon csrf\0");
    hash.update(secret.as_bytes());
    hex::encode(hash.finalize())
}

/// Hashes a password for [`fleet::accounts::User::password_hash`]. Takes some tens of milliseconds.
pub fn hash_password(password: &str) -> Result<String, argon2::password_hash::Error> {
    Ok(Argon2::default().hash_password(password.as_bytes())?.to_string())
}

/// Whether a password belongs to a hash. An unreadable hash belongs to none.
pub(crate) fn password_fits(password: &str, hash: &str) -> bool {
    PasswordHash::new(hash)
        .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

/// Finds out who makes a request; refuses those who are nobody.
pub(crate) async fn authenticate(
    State(people): State<Arc<People>>,
    mut request: Request,
    next: Next,
) -> Response {
    match principal(&people, request.method(), request.headers()).await {
        Ok(principal) => {
            request.extensions_mut().insert(principal);
            next.run(request).await
        }
        Err(error) => error.into_response(),
    }
}

async fn principal(
    people: &People,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Principal, ApiError> {
    let (secret, kind) = match bearer(headers) {
        Some(token) => (token, SignInKind::ApiToken),
        None => match session_cookie(headers) {
            Some(secret) => (secret, SignInKind::Browser),
            None => return Err(ApiError::sign_in("nobody is signed in")),
        },
    };
    let hash = secret_hash(secret);
    let found = people.ports.accounts.sign_in(&hash, people.clock.now()).await?;
    let (_, user) = found
        .filter(|(sign_in, _)| sign_in.kind == kind)
        .ok_or_else(|| ApiError::sign_in("the session or token is over or was never good"))?;
    let csrf = match kind {
        SignInKind::Browser => csrf_of(secret),
        SignInKind::ApiToken => String::new(),
    };
    let changes = method != Method::GET && method != Method::HEAD;
    if changes && kind == SignInKind::Browser {
        let said = headers.get(CSRF_HEADER).map_or(&b""[..], |value| value.as_bytes());
        if !bool::from(said.ct_eq(csrf.as_bytes())) {
            let message = format!("the header {CSRF_HEADER} does not belong to this session");
            return Err(ApiError::new(Fault::Denied, message).hint("load the page again"));
        }
    }
    let roles = user.roles.iter().cloned().collect();
    Ok(Principal { user: user.name, org: user.org, roles, csrf, secret_hash: hash })
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ").map(str::trim)
}

fn session_cookie(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|cookie| cookie.trim().split_once('='))
        .find(|(name, _)| *name == SESSION_COOKIE)
        .map(|(_, secret)| secret)
}
