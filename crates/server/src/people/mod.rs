//! The people's side: the HTTP API, its sessions, live events, and the web interface's files.
//!
//! # Invariants
//! - Every change is audited with its actor.
//! - A record of another organisation does not exist for the caller.
//! - Errors have one form; what is our own fault is told in the log only.

pub(crate) mod artifacts;
pub(crate) mod ask;
mod ask_bounds;
pub(crate) mod assets;
pub(crate) mod audit;
pub(crate) mod clients;
pub(crate) mod cohort;
pub(crate) mod copies;
pub(crate) mod downloads;
pub(crate) mod error;
pub(crate) mod events;
pub(crate) mod extract;
pub(crate) mod flows;
pub(crate) mod guard;
pub(crate) mod health;
pub(crate) mod hunt_bounds;
mod hunts;
pub(crate) mod listen;
pub(crate) mod log;
pub(crate) mod log_act;
pub(crate) mod log_findings;
pub(crate) mod log_rules;
pub(crate) mod log_streams;
pub(crate) mod log_view;
pub(crate) mod log_windows;
pub(crate) mod members;
pub(crate) mod metrics;
pub(crate) mod monitoring;
pub(crate) mod nodes;
pub(crate) mod permission;
pub(crate) mod query;
pub(crate) mod results;
pub(crate) mod roster;
pub(crate) mod routes;
pub(crate) mod sessions;
pub(crate) mod sign_in;
mod tables;
pub(crate) mod throttle;
pub(crate) mod tokens;
pub(crate) mod tools;
pub(crate) mod view;

use std::ops::Deref;
use std::sync::Arc;

use base::ClientId;
use fleet::accounts::AuditEntry;
use tokio_util::sync::CancellationToken;

use self::assets::Assets;
use self::error::ApiError;
use self::sign_in::Principal;
use self::throttle::Throttle;
use crate::core::Core;
use crate::health::Health;

/// What the people's handlers share.
pub(crate) struct People {
    pub(crate) core: Arc<Core>,
    /// Names under which this server may be asked, besides the loopback's.
    pub(crate) hosts: Vec<String>,
    /// The cookie travels over TLS only.
    pub(crate) secure_cookies: bool,
    pub(crate) throttle: Throttle,
    pub(crate) health: Arc<Health>,
    pub(crate) assets: Arc<dyn Assets>,
    /// What the process counts by itself, where it does.
    pub(crate) counted: Option<metrics::Counted>,
    /// Ends streams that would go on for ever.
    pub(crate) stop: CancellationToken,
}

impl Deref for People {
    type Target = Core;

    fn deref(&self) -> &Core {
        &self.core
    }
}

impl People {
    /// Writes down who did what.
    pub(crate) async fn audit(
        &self,
        who: &Principal,
        action: &str,
        object: impl ToString,
        detail: impl Into<String>,
    ) -> Result<(), ApiError> {
        let entry = AuditEntry {
            at: self.clock.now(),
            org: who.org.clone(),
            actor: who.actor(),
            action: action.to_owned(),
            object: object.to_string(),
            detail: detail.into(),
        };
        Ok(self.ports.audit.record(&entry).await?)
    }

    /// What a client calls itself; its id when it is not known.
    pub(crate) async fn hostname(&self, client: ClientId) -> Result<String, ApiError> {
        let record = self.ports.clients.get(client).await?;
        Ok(record.map_or_else(|| client.to_string(), |record| record.facts.hostname))
    }
}
