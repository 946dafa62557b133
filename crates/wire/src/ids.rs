//! Words that are small on the wire: identifiers, attempts, offers, facts, limits.

use std::time::Duration;

use base::{FlowId, HuntId};
use model::client::ClientFacts;
use model::flow::FlowLimits;
use model::results::AttemptId;

use crate::{Attempt, BadFrame, FACT_CHARS_MAX, Facts, Limits, Offer};

/// Which hunt, round and revision a client query stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OfferId {
    /// The hunt.
    pub hunt: HuntId,
    /// From 1.
    pub round: u32,
    /// From 1.
    pub revision: u32,
}

fn bits(bytes: &[u8], field: &'static str) -> Result<u128, BadFrame> {
    let sixteen: [u8; 16] = bytes
        .try_into()
        .map_err(|_| BadFrame::field(field, format!("has {} bytes instead of 16", bytes.len())))?;
    Ok(u128::from_be_bytes(sixteen))
}

/// The bytes of a flow's id.
pub fn flow_bytes(flow: FlowId) -> Vec<u8> {
    flow.bits().to_be_bytes().to_vec()
}

/// Reads a flow's id.
pub fn flow_from_bytes(bytes: &[u8]) -> Result<FlowId, BadFrame> {
    bits(bytes, "flow").map(FlowId::from_bits)
}

impl From<AttemptId> for Attempt {
    fn from(id: AttemptId) -> Self {
        Self { flow: flow_bytes(id.flow), attempt: id.attempt }
    }
}

impl TryFrom<&Attempt> for AttemptId {
    type Error = BadFrame;

    fn try_from(said: &Attempt) -> Result<Self, BadFrame> {
        if said.attempt == 0 {
            return Err(BadFrame::field("attempt", "is 0; attempts count from 1"));
        }
        Ok(Self { flow: flow_from_bytes(&said.flow)?, attempt: said.attempt })
    }
}

/// Reads an attempt that must be there.
pub fn attempt_of(said: Option<&Attempt>) -> Result<AttemptId, BadFrame> {
    said.ok_or(BadFrame::Missing { field: "attempt" })?.try_into()
}

impl From<OfferId> for Offer {
    fn from(id: OfferId) -> Self {
        let hunt = id.hunt.bits().to_be_bytes().to_vec();
        Self { hunt, round: id.round, revision: id.revision }
    }
}

impl TryFrom<&Offer> for OfferId {
    type Error = BadFrame;

    fn try_from(said: &Offer) -> Result<Self, BadFrame> {
        if said.round == 0 || said.revision == 0 {
            return Err(BadFrame::field("offer", "has round or revision 0; both count from 1"));
        }
        let hunt = HuntId::from_bits(bits(&said.hunt, "hunt")?);
        Ok(Self { hunt, round: said.round, revision: said.revision })
    }
}

/// At most `max` characters of what an agent says, control characters dropped.
pub(crate) fn tame(text: &str, max: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(max).collect()
}

impl From<&Facts> for ClientFacts {
    /// Facts are lies until proven; here they only become harmless: short and printable.
    fn from(said: &Facts) -> Self {
        let short = |text: &str| tame(text, FACT_CHARS_MAX);
        Self {
            hostname: short(&said.hostname),
            fqdn: short(&said.fqdn),
            os: short(&said.os),
            platform: short(&said.platform),
            architecture: short(&said.architecture),
            agent_version: short(&said.agent_version),
        }
    }
}

impl From<&ClientFacts> for Facts {
    fn from(facts: &ClientFacts) -> Self {
        Self {
            hostname: facts.hostname.clone(),
            fqdn: facts.fqdn.clone(),
            os: facts.os.clone(),
            platform: facts.platform.clone(),
            architecture: facts.architecture.clone(),
            agent_version: facts.agent_version.clone(),
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl From<&FlowLimits> for Limits {
    fn from(limits: &FlowLimits) -> Self {
        Self {
            rows_max: limits.rows_max,
            upload_bytes_max: limits.upload_bytes_max,
            cpu_percent: limits.cpu_percent,
            timeout_millis: millis(limits.timeout),
            progress_millis: millis(limits.progress_timeout),
        }
    }
}

impl From<&Limits> for FlowLimits {
    fn from(said: &Limits) -> Self {
        Self {
            rows_max: said.rows_max,
            upload_bytes_max: said.upload_bytes_max,
            cpu_percent: said.cpu_percent,
            timeout: Duration::from_millis(said.timeout_millis),
            progress_timeout: Duration::from_millis(said.progress_millis),
        }
    }
}
