//! What all tasks and handlers of one server share: the ports, where time and chance come from, who
//! is connected, and who is to be woken.

use std::sync::Arc;
use std::time::Duration;

use base::{Clock, Entropy, Fault, HuntId, NodeId, Rate, Timestamp};
use hunts::ConditionJudge;
use hunts::erasure::Retention;
use hunts::foreman::Foreman;
use model::store::StoreError;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::agents::hall::Hall;
use crate::collect::Collector;
use crate::config::ServerConfig;
use crate::health::files::{WatchedFiles, is_of_files};
use crate::health::trouble::{Cause, Place, Troubles};
use crate::live::Live;
use crate::log::{Log, LogPorts};
use crate::nodes::outbox::Outbox;
use crate::nodes::{NodeParts, Nodes};
use crate::pki::Authority;
use crate::ports::Ports;
use crate::vql::Vql;

/// Numbers from the configuration that handlers need.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Seconds between two polls of a connected agent.
    pub poll_secs: u32,
    /// For how long an agent's certificate is good.
    pub certificate_life: Duration,
    /// How fast clients are admitted over all hunts.
    pub admission_ceiling: Rate,
    /// How long a direct flow waits for its client.
    pub deliver_within: Duration,
    /// How long a browser stays signed in.
    pub session_life: Duration,
    /// How long a token for programs is good.
    pub token_life: Duration,
    /// Wrong passwords that are taken before a pause.
    pub wrong_passwords_max: u32,
    /// Days for which monitored rows are kept; 0 keeps them for ever.
    pub monitoring_days: u32,
}

impl From<&ServerConfig> for Settings {
    fn from(config: &ServerConfig) -> Self {
        Self {
            poll_secs: config.agents.poll_secs,
            certificate_life: config.certificate_life(),
            admission_ceiling: config.admission_ceiling(),
            deliver_within: config.deliver_within(),
            session_life: Duration::from_secs(u64::from(config.http.session_hours) * 3_600),
            token_life: Duration::from_secs(u64::from(config.http.token_days) * 86_400),
            wrong_passwords_max: config.http.wrong_passwords_max,
            monitoring_days: config.monitoring.keep_days,
        }
    }
}

/// What the program puts together for a server.
pub struct Parts {
    /// Where everything is kept.
    pub ports: Ports,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Random bits for ids and secrets; the operating system's.
    pub entropy: Box<dyn Entropy>,
    /// What makes this server one node of several.
    pub nodes: NodeParts,
    /// Signs agents' keys.
    pub authority: Authority,
    /// Checks and decides VQL.
    pub vql: Arc<Vql>,
    /// Artifacts.
    pub collector: Collector,
    /// Numbers from the configuration.
    pub settings: Settings,
}

/// Wakes the hunt manager, on whatever node it is.
pub(crate) struct Wake {
    here: Notify,
    outbox: Arc<Outbox>,
}

impl Wake {
    fn new(outbox: Arc<Outbox>) -> Self {
        Self { here: Notify::new(), outbox }
    }

    /// There may be something to do.
    pub(crate) fn notify_one(&self) {
        self.here.notify_one();
        self.outbox.manage();
    }

    /// The same, when the other nodes know.
    pub(crate) fn here(&self) {
        self.here.notify_one();
    }

    /// Waits for it.
    pub(crate) async fn notified(&self) {
        self.here.notified().await;
    }
}

/// What all tasks and handlers share.
pub struct Core {
    /// Where everything is kept.
    pub ports: Ports,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Random bits for ids and secrets.
    pub entropy: Mutex<Box<dyn Entropy>>,
    /// Signs agents' keys.
    pub authority: Authority,
    /// Decides conditions.
    pub judge: Arc<dyn ConditionJudge>,
    /// Checks what people write.
    pub vql: Arc<Vql>,
    /// Artifacts, and requests made of them.
    pub collector: Collector,
    /// Numbers from the configuration.
    pub settings: Settings,
    pub(crate) nodes: Nodes,
    /// How long hunts are kept after their end.
    pub retention: Retention,
    pub(crate) hall: Hall,
    pub(crate) live: Live,
    /// Log hunts, where this server has any.
    pub(crate) log: Option<Arc<Log>>,
    /// Hunts or members changed: there may be something to admit or to end.
    pub(crate) manager_wake: Wake,
    /// There may be something to take away.
    pub(crate) eraser_wake: Notify,
    /// Held by whoever changes what is monitored.
    pub(crate) monitoring_change: tokio::sync::Mutex<()>,
    refreshing: tokio::sync::Mutex<Option<Timestamp>>,
    /// What fails where.
    pub(crate) troubles: Arc<Troubles>,
}

impl Core {
    /// Puts the parts together.
    pub fn new(parts: Parts) -> Self {
        let Parts { mut ports, clock, mut entropy, nodes, authority, vql, collector, settings } =
            parts;
        let troubles = Arc::new(Troubles::default());
        let (inner, watching) = (Arc::clone(&ports.blobs), Arc::clone(&troubles));
        ports.blobs = Arc::new(WatchedFiles { inner, troubles: watching });
        let id = nodes.id.unwrap_or_else(|| NodeId::mint(clock.now(), &mut *entropy));
        let nodes = Nodes::new(id, nodes);
        let outbox = &nodes.outbox;
        Self {
            ports,
            clock,
            entropy: Mutex::new(entropy),
            authority,
            judge: Arc::clone(&vql) as Arc<dyn ConditionJudge>,
            vql,
            collector,
            settings,
            retention: Retention::default(),
            hall: Hall::new(Arc::clone(outbox)),
            live: Live::new(Arc::clone(outbox)),
            log: None,
            manager_wake: Wake::new(Arc::clone(outbox)),
            nodes,
            eraser_wake: Notify::new(),
            monitoring_change: tokio::sync::Mutex::new(()),
            refreshing: tokio::sync::Mutex::new(None),
            troubles,
        }
    }

    /// The same with log hunts.
    #[must_use]
    pub fn with_log(self, ports: LogPorts) -> Self {
        Self { log: Some(Arc::new(Log::new(ports))), ..self }
    }

    /// The same with a time after which hunts are deleted.
    #[must_use]
    pub fn keeping(self, retention: Retention) -> Self {
        Self { retention, ..self }
    }

    /// A source of chance of its own for a long computation; ids only, no secrets.
    pub(crate) fn fork_entropy(&self) -> base::SeededEntropy {
        base::SeededEntropy::new(self.entropy.lock().next_u64())
    }

    /// The store failed; people are told until it works again.
    pub(crate) fn note_trouble(&self, error: &StoreError) {
        let cause = match (error.fault(), Cause::of(error)) {
            (Fault::Busy, Cause::Unknown) => Cause::Away,
            (Fault::Busy | Fault::Ours, cause) => cause,
            (Fault::Caller | Fault::Denied | Fault::NotFound | Fault::Conflict, _) => return,
        };
        if !is_of_files(error) {
            self.troubles.note(Place::Records, cause, Some(error));
        }
    }

    /// How many clients were asked for a hunt and have not answered, on all nodes.
    pub(crate) fn asked_count(&self, hunt: HuntId) -> u64 {
        self.hall.asked_count(hunt) + self.nodes.asked_elsewhere(hunt)
    }

    /// Reads the active hunts again, after one of them changed, and tells the other nodes.
    pub(crate) async fn refresh_foreman(&self) -> Result<(), StoreError> {
        // Told first: the record is there, and this node's own look may fail.
        self.nodes.outbox.hunts();
        self.reload_hunts().await
    }

    /// Reads the active hunts again.
    pub(crate) async fn reload_hunts(&self) -> Result<(), StoreError> {
        let mut last = self.refreshing.lock().await;
        self.hall.set_foreman(Foreman::new(self.ports.hunts.active().await?));
        *last = Some(self.clock.now());
        drop(last);
        self.manager_wake.here();
        Ok(())
    }

    /// Lets the hunt manager look again.
    pub(crate) fn wake_manager(&self) {
        self.manager_wake.notify_one();
    }

    /// Reads the active hunts again because an agent claims to know more than we do; at most once a
    /// second, because an agent may lie.
    pub(crate) async fn refresh_foreman_for_agent(&self) -> Result<(), StoreError> {
        let mut last = self.refreshing.lock().await;
        let now = self.clock.now();
        if last.is_some_and(|last| now.since(last) < Duration::from_secs(1) && last <= now) {
            return Ok(());
        }
        self.hall.set_foreman(Foreman::new(self.ports.hunts.active().await?));
        *last = Some(now);
        Ok(())
    }
}
