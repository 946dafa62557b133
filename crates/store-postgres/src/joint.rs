//! Members and flows that move together, because a person or the end of a hunt moves them.

use std::collections::{BTreeMap, BTreeSet};

use base::{ClientId, FlowId, Timestamp};
use flows::life::after;
use model::flow::{Flow, FlowEvent};
use model::member::{Member, MemberEvent};
use tokio_postgres::Row;

use crate::failure::Done;
use crate::flows_table::{self, read_flow};
use crate::members_write::MemberChanges;
use crate::transaction::Question;

/// Members and flows that move together.
pub(crate) struct Joint {
    members: MemberChanges,
    flows: BTreeMap<FlowId, Flow>,
    moved: BTreeSet<FlowId>,
}

impl Joint {
    /// Starts from what was found and locked.
    pub(crate) fn of(flows: &[Row], members: Vec<Member>) -> Done<Self> {
        let flows = flows.iter().map(read_flow).collect::<Done<Vec<Flow>>>()?;
        let flows = flows.into_iter().map(|flow| (flow.id, flow)).collect();
        Ok(Self { members: MemberChanges::of(members), flows, moved: BTreeSet::new() })
    }

    /// A flow as it stands.
    pub(crate) fn flow(&self, id: Option<FlowId>) -> Option<&Flow> {
        self.flows.get(&id?)
    }

    /// Moves a member and its flow together. Gives the flow when its client is to be told.
    pub(crate) fn move_both(
        &mut self,
        member: &Member,
        event: &MemberEvent,
        now: Timestamp,
    ) -> Option<(ClientId, FlowId)> {
        let moved = member.on(event, now)?;
        self.members.put(moved);
        let flow_event = match event {
            MemberEvent::Cancel => FlowEvent::Cancel,
            MemberEvent::Expire => FlowEvent::Expire,
            MemberEvent::Admitted { .. }
            | MemberEvent::FlowEnded { .. }
            | MemberEvent::Withdraw
            | MemberEvent::Retry => return None,
        };
        let id = member.flow?;
        let flow = self.flows.get_mut(&id)?;
        *flow = after(flow, &flow_event, false, now)?;
        self.moved.insert(id);
        Some((member.client, id))
    }

    /// What is to be written.
    pub(crate) fn writes(&self) -> Vec<Question> {
        let moved = self.moved.iter().filter_map(|id| Some((self.flows.get(id)?, None)));
        let moved: Vec<(&Flow, Option<i64>)> = moved.collect();
        let mut writes = Vec::new();
        if !moved.is_empty() {
            writes.push(flows_table::update(&moved));
        }
        writes.extend(self.members.writes());
        writes
    }
}
