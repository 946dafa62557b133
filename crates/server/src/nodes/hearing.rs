//! Hears what the other nodes tell, and carries it out for the agents and people of this one.
//!
//! What comes together is carried out together: a hundred words that hunts changed are one look at the
//! hunts. After a gap everything is read again, as after a start; the death of another node is one, because
//! it may have died between a record and its announcement.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use base::{ClientId, FlowId, NodeId};
use fleet::nodes::{Displaced, Heard, Listener, News, Touch};
use futures_util::FutureExt;
use model::store::StoreError;
use tokio_util::sync::CancellationToken;

use super::pulse;
use crate::agents::hall::Tell;
use crate::core::Core;
use crate::event::TaskFellBehind;
use crate::live::Touched;

/// Clients whose waiting flows are read at once.
const CLIENTS_MAX: usize = 1_000;
/// News that are carried out together at most.
const TOGETHER_MAX: usize = 1_000;
/// Waits this long after a failure of the store.
const PAUSE: Duration = Duration::from_secs(1);

/// What was heard and is to be done.
#[derive(Default)]
struct ToDo {
    hunts: bool,
    manage: bool,
    monitoring: bool,
    tools: bool,
    whereabouts: bool,
    /// Everybody who is connected here may have missed something.
    everybody: bool,
    waiting: BTreeSet<ClientId>,
    changed: BTreeSet<ClientId>,
}

/// Runs until `stop`.
pub(crate) async fn run(core: Arc<Core>, mut ear: Box<dyn Listener>, stop: CancellationToken) {
    let mut to_do = ToDo::default();
    let mut pause = None;
    loop {
        let pausing = async {
            match pause {
                Some(pause) => tokio::time::sleep(pause).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            heard = ear.next() => to_do.hear(&core, heard),
            () = core.nodes.gap.notified() => to_do.hear(&core, Heard::Missed),
            () = pausing => {}
        }
        for _ in 0..TOGETHER_MAX {
            let Some(heard) = ear.next().now_or_never() else { break };
            to_do.hear(&core, heard);
        }
        pause = match to_do.carry_out(&core).await {
            Ok(()) => None,
            Err(error) => {
                TaskFellBehind { task: "hearing", error: &error }.emit();
                core.note_trouble(&error);
                Some(PAUSE)
            }
        };
    }
}

impl ToDo {
    /// Does at once what needs no record, and notes the rest.
    fn hear(&mut self, core: &Core, heard: Heard) {
        let (from, news) = match heard {
            Heard::News(from, news) => (from, news),
            Heard::Missed => {
                let all = Self { hunts: true, manage: true, tools: true, ..Self::default() };
                *self = Self { whereabouts: true, everybody: true, ..all };
                core.live.missed();
                return;
            }
        };
        if from == core.nodes.id {
            return;
        }
        match news {
            News::Hunts => self.hunts = true,
            News::Manage => core.manager_wake.here(),
            News::Monitoring => self.monitoring = true,
            News::Tools => self.tools = true,
            News::Waiting(clients) => self.waiting.extend(here(core, clients)),
            News::Changed(clients) => self.changed.extend(here(core, clients)),
            News::Cancelled(flows) => cancel(core, flows),
            News::Revoked(clients) => {
                for client in clients {
                    core.hall.tell_here(client, Tell::Revoked);
                }
            }
            News::Displaced(sessions) => displace(core, from, sessions),
            News::Came(clients) => came(core, from, clients),
            News::Left(clients) => left(core, from, clients),
            News::Touched(records) => {
                for record in records {
                    core.live.touch_here(touched(record));
                }
            }
            News::TouchedMuch => core.live.missed(),
        }
    }

    /// Does what needs records. What fails is still to be done.
    async fn carry_out(&mut self, core: &Core) -> Result<(), StoreError> {
        if self.hunts {
            core.reload_hunts().await?;
            self.hunts = false;
        }
        if self.tools {
            core.reload_tools().await?;
            (self.tools, self.monitoring) = (false, false);
        }
        if self.monitoring {
            core.reload_monitoring().await?;
            self.monitoring = false;
        }
        if self.whereabouts {
            pulse::find_clients(core).await?;
            self.whereabouts = false;
        }
        if std::mem::take(&mut self.manage) {
            core.manager_wake.here();
        }
        if std::mem::take(&mut self.everybody) {
            let all: Vec<ClientId> =
                core.hall.presence(|presence| presence.here().map(|(client, _)| client).collect());
            self.waiting.extend(&all);
            self.changed.extend(all);
        }
        self.tell_flows(core).await?;
        self.tell_changes(core).await
    }

    async fn tell_flows(&mut self, core: &Core) -> Result<(), StoreError> {
        while !self.waiting.is_empty() {
            let some: Vec<ClientId> = self.waiting.iter().copied().take(CLIENTS_MAX).collect();
            for flow in core.ports.flows.waiting(&some).await? {
                core.hall.tell_here(flow.client, Tell::Flow(flow));
            }
            for client in some {
                self.waiting.remove(&client);
            }
        }
        Ok(())
    }

    async fn tell_changes(&mut self, core: &Core) -> Result<(), StoreError> {
        while let Some(client) = self.changed.first().copied() {
            if let Some(record) = core.ports.clients.get(client).await? {
                if record.revoked_at.is_some() {
                    core.hall.tell_here(client, Tell::Revoked);
                } else {
                    let labels = record.labels.into_iter().collect();
                    core.hall.tell_here(client, Tell::Recheck { mark: record.recheck, labels });
                }
            }
            self.changed.remove(&client);
        }
        Ok(())
    }
}

/// Those of them that are connected here.
fn here(core: &Core, clients: Vec<ClientId>) -> Vec<ClientId> {
    core.hall.presence(|presence| {
        clients.into_iter().filter(|client| presence.session(*client).is_some()).collect()
    })
}

fn cancel(core: &Core, flows: Vec<(ClientId, FlowId)>) {
    for (client, flow) in flows {
        core.hall.tell_here(client, Tell::Cancel(flow));
    }
}

/// Ends sessions whose clients are connected to another node. What they were told last may be lost.
fn displace(core: &Core, by: NodeId, sessions: Vec<Displaced>) {
    for Displaced { node, client, session } in sessions {
        if node == core.nodes.id && core.hall.displaced(client, session) {
            core.hall.change_presence(|presence| presence.arrived_elsewhere(client, by));
            core.nodes.outbox.tell_again(client);
        }
    }
}

fn came(core: &Core, node: NodeId, clients: Vec<ClientId>) {
    for client in &clients {
        core.live.touch_here(Touched::Client(*client));
    }
    core.hall.change_presence(|presence| {
        for client in clients {
            presence.arrived_elsewhere(client, node);
        }
    });
}

fn left(core: &Core, node: NodeId, clients: Vec<ClientId>) {
    for client in clients {
        if core.hall.change_presence(|presence| presence.left_elsewhere(client, node)) {
            core.live.touch_here(Touched::Client(client));
        }
    }
}

fn touched(record: Touch) -> Touched {
    match record {
        Touch::Hunt(hunt) => Touched::Hunt(hunt),
        Touch::Flow(flow) => Touched::Flow(flow),
        Touch::Client(client) => Touched::Client(client),
        Touch::Log => Touched::Log,
    }
}
