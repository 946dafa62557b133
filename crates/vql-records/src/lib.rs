//! VQL plugins over the server's records: clients, flows, hunts, and the rows that they brought. Names
//! and arguments are those that people's queries use.
//!
//! Every plugin needs a permission, so that none can be called by a hunt's condition. Ports are
//! asynchronous and plugins are not: [`Records::wait`] bridges them, on the threads of queries only.
//!
//! # Not here
//!
//! Who may run such queries, and for how long: `server`. Notebooks: their arguments are refused.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod functions;
mod plugins;
mod rows_of;

use std::future::Future;
use std::sync::Arc;

use fleet::ClientStore;
use flows::{FlowStore, MonitoringStore, ResultStore};
use hunts::HuntStore;
use model::client::Client;
use model::org::OrgId;
use rows::{Row, Value};
use tokio::runtime::Handle;
use vql_plugin::{Catalog, Failure};

/// The records that queries may read.
#[derive(Clone)]
pub struct Records {
    /// Clients.
    pub clients: Arc<dyn ClientStore>,
    /// Flows.
    pub flows: Arc<dyn FlowStore>,
    /// Their rows.
    pub results: Arc<dyn ResultStore>,
    /// Rows of event artifacts.
    pub monitoring: Arc<dyn MonitoringStore>,
    /// Hunts.
    pub hunts: Arc<dyn HuntStore>,
    /// Whose records.
    pub org: OrgId,
    /// Runs what ports do.
    pub runtime: Handle,
}

impl Records {
    /// Waits for a port. Only to be called on a thread of a query, never on one of the runtime.
    fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// The client with this id, when it is of this organisation.
    fn client(&self, id: &str) -> Result<Client, Failure> {
        let parsed: base::ClientId = id.parse()?;
        let found = self.wait(self.clients.get(parsed))?.filter(|found| found.org == self.org);
        found.ok_or_else(|| Failure::new(format!("there is no client {id}")))
    }
}

/// All plugins and functions over records.
pub fn catalog(records: &Arc<Records>) -> Catalog {
    plugins::catalog(records).and(functions::catalog(records))
}

/// Records asked for at once.
const PAGE: u64 = 200;

fn moment(at: base::Timestamp) -> Value {
    Value::text(at.to_string())
}

fn client_row(client: &Client) -> Row {
    let facts = &client.facts;
    let text = |text: &str| Value::text(text);
    Row::new()
        .with("client_id", Value::text(client.id.to_string()))
        .with("hostname", text(&facts.hostname))
        .with("fqdn", text(&facts.fqdn))
        .with("os", text(&facts.os))
        .with("platform", text(&facts.platform))
        .with("architecture", text(&facts.architecture))
        .with("agent_version", text(&facts.agent_version))
        .with("labels", Value::array(client.labels.iter().map(|label| Value::text(label.as_str()))))
        .with("first_seen_at", moment(client.first_seen))
        .with("last_seen_at", moment(client.last_seen))
}
