//! Records that tests of this crate start from.

use base::{ClientId, FlowId, Timestamp};
use model::flow::{ArtifactCall, Flow, FlowLife, FlowLimits, FlowOrigin};
use model::org::{Actor, OrgId};
use model::retry::RetryPlan;

/// A queued direct flow.
pub(crate) fn example_flow(id: u128) -> Flow {
    Flow {
        id: FlowId::from_bits(id),
        org: OrgId::default(),
        client: ClientId::from_bits(1),
        origin: FlowOrigin::Direct,
        actor: Actor::User("ada".into()),
        artifacts: vec![ArtifactCall { name: "Generic.Client.Info".into(), parameters: vec![] }],
        limits: FlowLimits::default(),
        retry: RetryPlan::default(),
        window: None,
        life: FlowLife::new(),
        created: Timestamp::from_secs(100),
        started: None,
        ended: None,
        deliver_until: Timestamp::from_secs(10_000),
    }
}
