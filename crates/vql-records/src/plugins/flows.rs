//! The plugin `flows`: the flows of one client, newest first.

use std::sync::Arc;

use flows::ports::FlowList;
use model::flow::{Flow, FlowState};
use model::store::Paging;
use rows::{Row, Value};
use vql_plugin::{Entry, Failure, Permission, Plugin, RowStream, Scope, plugin_args, stream};

use crate::{PAGE, Records, moment};

pub(super) fn entry(records: &Arc<Records>) -> Entry {
    Entry::plugin(Flows(records.clone()))
}

plugin_args! {
    /// The flows of one client, newest first.
    pub struct FlowsArgs for "flows" {
        /// `C.…`
        client_id: String,
        /// Only the flow with this id.
        flow_id: Option<String>,
        /// Accepted; every row is a summary.
        summary: bool = true,
    }
}

struct Flows(Arc<Records>);

fn row(flow: &Flow) -> Row {
    let names = flow.artifacts.iter().map(|call| Value::text(call.name.as_str()));
    let rows = match &flow.life.state {
        FlowState::Done(brought) => brought.rows,
        FlowState::Queued
        | FlowState::Running
        | FlowState::Failed(_)
        | FlowState::Cancelled
        | FlowState::Expired => 0,
    };
    Row::new()
        .with("client_id", Value::text(flow.client.to_string()))
        .with("session_id", Value::text(flow.id.to_string()))
        .with("artifacts", Value::array(names))
        .with("state", Value::text(flow.life.state.name()))
        .with("total_collected_rows", Value::from(rows))
        .with("creator", Value::text(flow.actor.to_string()))
        .with("create_time", moment(flow.created))
}

impl Plugin for Flows {
    type Args = FlowsArgs;
    const NEEDS: &'static [Permission] = &[Permission::ReadResults];

    fn rows(&self, args: FlowsArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let _ = args.summary;
        let records = self.0.clone();
        let client = records.client(&args.client_id)?.id;
        if let Some(id) = args.flow_id {
            let found = records.wait(records.flows.get(id.parse()?))?;
            let found = found.filter(|flow| flow.client == client);
            return Ok(stream::rows(found.iter().map(row).collect::<Vec<_>>()));
        }
        Ok(stream::produce("flows", scope, move |out| {
            let mut offset = 0;
            loop {
                let paging = Paging { offset, limit: PAGE };
                let list =
                    FlowList { client: Some(client), paging, ..FlowList::of(records.org.clone()) };
                let page = records.wait(records.flows.list(&list))?;
                for flow in &page.items {
                    if out.emit(row(flow)).is_err() {
                        return Ok(());
                    }
                }
                offset += page.items.len() as u64;
                if page.items.is_empty() || offset >= page.total {
                    return Ok(());
                }
            }
        }))
    }
}
