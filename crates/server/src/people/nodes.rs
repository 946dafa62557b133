//! `GET /nodes`.

use std::sync::Arc;

use api::NodeView;
use axum::Json;
use axum::extract::State;
use fleet::nodes::{Lease, LiveNode};

use super::People;
use super::error::ApiError;

pub(crate) async fn list(
    State(people): State<Arc<People>>,
) -> Result<Json<Vec<NodeView>>, ApiError> {
    let parts = &people.nodes.parts;
    let leases = parts.leases.leases().await?;
    let nodes = parts.nodes.nodes().await?;
    Ok(Json(nodes.iter().map(|node| view(&people, node, &leases)).collect()))
}

fn view(people: &People, live: &LiveNode, leases: &[Lease]) -> NodeView {
    let node = &live.beat.node;
    let own = leases.iter().filter(|lease| lease.node == node.id);
    let answers = node.id == people.nodes.id;
    NodeView {
        id: node.id.to_string(),
        name: node.name.clone(),
        answers,
        version: node.version.clone(),
        agents: node.agents.clone(),
        people: node.people.clone(),
        started: node.started.to_string(),
        silent_ms: u64::try_from(live.silent.as_millis()).unwrap_or(u64::MAX),
        clients: match answers {
            true => people.hall.presence(|presence| presence.count_here() as u64),
            false => live.beat.clients,
        },
        duties: own.map(|lease| lease.fence.duty.name().to_owned()).collect(),
    }
}
