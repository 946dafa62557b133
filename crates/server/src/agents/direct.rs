//! An agent over anything in this process that moves whole frames in order: what `socket` does,
//! without a socket. For the simulation of a whole estate, where everything follows from one seed: what
//! is ready at the same moment is taken in a fixed order.

use std::sync::Arc;

use base::{ClientId, FlowId, SessionId};
use fleet::nodes::Node;
use model::client::Client;
use model::store::StoreError;
use prost::Message as _;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use wire::{Bye, ServerFrame, ServerSays};

use super::dialogue::{Dialogue, Outgoing};
use super::hall::Tell;
use crate::core::Core;
use crate::nodes::{duties, hearing, herald, pulse};
use crate::tasks::{janitor, manager};

/// Both directions of one connection. It is over when either end is dropped.
pub struct Frames {
    /// What the agent says.
    pub from_agent: UnboundedReceiver<Vec<u8>>,
    /// What it is told.
    pub to_agent: UnboundedSender<Vec<u8>>,
}

impl Frames {
    /// Sends; `None` when the session is over.
    fn say(&self, out: Outgoing, then: Result<(), Bye>) -> Option<()> {
        let last = then.as_ref().err().cloned().map(ServerSays::Bye);
        for says in out.into_iter().chain(last) {
            let frame = ServerFrame { says: Some(says) }.encode_to_vec();
            self.to_agent.send(frame).ok()?;
        }
        then.ok()
    }
}

/// Talks to one agent until the connection is over.
pub async fn converse(core: Arc<Core>, client: ClientId, session: SessionId, mut frames: Frames) {
    let mut ears = core.hall.arrived(client, session, core.clock.now());
    let mut dialogue = Dialogue::new(Arc::clone(&core), client);
    let mut is_greeted = false;
    loop {
        let mut out = Outgoing::new();
        // News that comes from here on wakes.
        let mut news = std::pin::pin!(core.hall.news.notified());
        news.as_mut().enable();
        if is_greeted {
            let then = dialogue.news(&mut out).await;
            if frames.say(std::mem::take(&mut out), then).is_none() {
                break;
            }
        }
        let then = tokio::select! {
            biased;
            () = ears.closed.cancelled() => break,
            Some(told) = ears.told.recv(), if is_greeted => dialogue.tell(*told, &mut out).await,
            () = news, if is_greeted => Ok(()),
            frame = frames.from_agent.recv() => {
                let Some(frame) = frame else { break };
                ears.heard_at(core.clock.now());
                let heard = dialogue.hear(&[frame], &mut out).await;
                is_greeted |= heard.is_ok();
                heard
            }
        };
        if frames.say(out, then).is_none() {
            break;
        }
    }
    core.hall.left(client, session);
}

/// Starts a server's own tasks, as [`crate::Server::start`] does, without listeners.
pub async fn start_tasks(
    core: &Arc<Core>,
    stop: &CancellationToken,
) -> Result<Vec<JoinHandle<()>>, StoreError> {
    // Listens before it reads: nothing can change between the two.
    let ear = core.nodes.parts.announcements.listen();
    core.reload_hunts().await?;
    let node = Node {
        id: core.nodes.id,
        name: core.nodes.parts.name.clone(),
        version: crate::VERSION.to_owned(),
        agents: String::new(),
        people: String::new(),
        started: core.clock.now(),
    };
    pulse::beat(core, &node).await?;
    core.nodes.duties.renew().await?;
    Ok(vec![
        tokio::spawn(manager::run(Arc::clone(core), stop.clone())),
        tokio::spawn(janitor::run(Arc::clone(core), stop.clone())),
        tokio::spawn(pulse::run(Arc::clone(core), node, stop.clone())),
        tokio::spawn(duties::run(Arc::clone(core), stop.clone())),
        tokio::spawn(herald::run(Arc::clone(core), stop.clone())),
        tokio::spawn(hearing::run(Arc::clone(core), ear, stop.clone())),
    ])
}

/// A person has changed a hunt: agents are told what they must stop, and the foreman is made anew.
pub async fn hunt_changed(
    core: &Core,
    cancelled: Vec<(ClientId, FlowId)>,
) -> Result<(), StoreError> {
    for (client, flow) in cancelled {
        core.hall.tell(client, Tell::Cancel(flow));
    }
    core.refresh_foreman().await
}

/// A person has given a client other labels.
pub fn labels_changed(core: &Core, client: &Client) {
    let labels = client.labels.iter().cloned().collect();
    core.hall.tell(client.id, Tell::Recheck { mark: client.recheck, labels });
}
