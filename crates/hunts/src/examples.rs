//! Records that tests of this crate start from.

use std::collections::BTreeSet;
use std::time::Duration;

use base::{ClientId, HuntId, Rate, Timestamp};
use model::bounds::Gate;
use model::client::{Client, ClientFacts};
use model::flow::ArtifactCall;
use model::hunt::{Condition, Hunt, HuntLimits, HuntSpec, HuntState, OfferSeq};
use model::org::{Actor, OrgId};
use model::retry::RetryPlan;

/// A client without labels that runs Linux.
pub(crate) fn example_client(id: u128) -> Client {
    Client {
        id: ClientId::from_bits(id),
        org: OrgId::default(),
        key_hash: [0; 32],
        facts: ClientFacts { os: "linux".into(), ..ClientFacts::default() },
        labels: BTreeSet::new(),
        first_seen: Timestamp::EPOCH,
        last_seen: Timestamp::EPOCH,
        address: None,
        revoked_at: None,
        recheck: 0,
    }
}

/// A draft that everybody belongs into.
pub(crate) fn example_hunt(id: u128) -> Hunt {
    Hunt {
        id: HuntId::from_bits(id),
        org: OrgId::default(),
        spec: HuntSpec {
            name: "example".into(),
            description: String::new(),
            artifacts: vec![ArtifactCall {
                name: "Generic.Client.Info".into(),
                parameters: vec![],
            }],
            condition: Condition::default(),
            rate: Rate::Unlimited,
            limits: HuntLimits::default(),
            expires_after: Duration::from_secs(7 * 86_400),
            canary: None,
            retry: RetryPlan::of_hunts(),
            schedule: None,
            tags: BTreeSet::new(),
        },
        state: HuntState::Draft,
        revision: 1,
        condition_revision: 1,
        round: 1,
        offer: OfferSeq::default(),
        creator: Actor::User("ada".into()),
        created: Timestamp::EPOCH,
        started: None,
        ended: None,
        paused: None,
        gate: Gate::default(),
        round_started: None,
        closed: None,
        copied_from: None,
    }
}
