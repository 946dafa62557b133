//! Signs of life, and what is known of the other nodes by theirs.

use std::collections::BTreeSet;
use std::sync::Arc;

use base::NodeId;
use fleet::nodes::{Beat, Move, Node, Standing};
use model::store::StoreError;
use tokio_util::sync::CancellationToken;

use crate::core::Core;
use crate::event::TaskFellBehind;

/// Who is connected where is read again when it was wrong for so many signs of life: announcements of
/// arrivals may still be on their way.
const WRONG_MAX: u32 = 5;

/// Gives signs of life until `stop`.
pub(crate) async fn run(core: Arc<Core>, node: Node, stop: CancellationToken) {
    let mut wrong = 0;
    loop {
        match beat(&core, &node).await {
            Ok(right) => wrong = if right { 0 } else { wrong + 1 },
            Err(error) => {
                TaskFellBehind { task: "sign_of_life", error: &error }.emit();
                core.note_trouble(&error);
            }
        }
        if wrong >= WRONG_MAX {
            wrong = 0;
            if let Err(error) = find_clients(&core).await {
                TaskFellBehind { task: "whereabouts", error: &error }.emit();
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(core.nodes.rhythm.beat) => {}
        }
    }
}

/// One sign of life. Whether what is known of the others' clients agrees with what they say.
pub(crate) async fn beat(core: &Core, node: &Node) -> Result<bool, StoreError> {
    let nodes = &core.nodes;
    let clients = core.hall.presence(fleet::presence::Presence::count_here) as u64;
    let beat = Beat { node: node.clone(), clients, asked: core.hall.asked_here() };
    if nodes.parts.nodes.beat(&beat, nodes.rhythm.life).await? == Standing::New {
        let here: Vec<_> = core.hall.presence(|presence| presence.here().collect());
        for (client, session) in here {
            nodes.outbox.moved(Move::Stayed(client, session));
        }
    }
    let live = nodes.parts.nodes.nodes().await?;
    let others: BTreeSet<NodeId> =
        live.iter().map(|node| node.beat.node.id).filter(|id| *id != nodes.id).collect();
    let right = core.hall.change_presence(|presence| {
        presence.nodes_live(&others);
        live.iter()
            .filter(|node| others.contains(&node.beat.node.id))
            .all(|node| presence.count_at(node.beat.node.id) as u64 == node.beat.clients)
    });
    if nodes.set_others(&others) {
        nodes.gap.notify_one();
    }
    nodes.set_seen(&live);
    Ok(right)
}

/// Reads who is connected to which other node.
pub(crate) async fn find_clients(core: &Core) -> Result<(), StoreError> {
    let own = core.nodes.id;
    let there = core.nodes.parts.nodes.whereabouts().await?;
    let elsewhere = there.into_iter().filter(|(_, node)| *node != own);
    core.hall.change_presence(|presence| presence.set_elsewhere(elsewhere));
    Ok(())
}
