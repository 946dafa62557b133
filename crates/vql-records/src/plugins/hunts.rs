//! The plugin `hunts`: the hunts that are not archived, newest first.

use std::sync::Arc;

use hunts::ports::{HuntList, HuntSummary};
use model::store::Paging;
use rows::{Row, Value};
use vql_plugin::{Entry, Failure, Permission, Plugin, RowStream, Scope, plugin_args, stream};

use crate::{PAGE, Records, moment};

pub(super) fn entry(records: &Arc<Records>) -> Entry {
    Entry::plugin(Hunts(records.clone()))
}

plugin_args! {
    /// The hunts that are not archived, newest first.
    pub struct HuntsArgs for "hunts" {
        /// Only the hunt with this id.
        hunt_id: Option<String>,
        /// Accepted; every row is a summary.
        summary: bool = true,
    }
}

struct Hunts(Arc<Records>);

fn row(found: &HuntSummary) -> Row {
    let (hunt, counts) = (&found.hunt, &found.counts);
    let names = hunt.spec.artifacts.iter().map(|call| Value::text(call.name.as_str()));
    Row::new()
        .with("hunt_id", Value::text(hunt.id.to_string()))
        .with("hunt_description", Value::text(hunt.spec.name.as_str()))
        .with("artifacts", Value::array(names))
        .with("state", Value::text(hunt.state.name()))
        .with("pending", Value::from(counts.pending))
        .with("running", Value::from(counts.running))
        .with("results", Value::from(counts.results))
        .with("failed", Value::from(counts.failed))
        .with("creator", Value::text(hunt.creator.to_string()))
        .with("create_time", moment(hunt.created))
}

impl Plugin for Hunts {
    type Args = HuntsArgs;
    const NEEDS: &'static [Permission] = &[Permission::ReadResults];

    fn rows(&self, args: HuntsArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let _ = args.summary;
        let records = self.0.clone();
        if let Some(id) = args.hunt_id {
            let found = records.wait(records.hunts.get(id.parse()?))?;
            let found = found.filter(|found| found.hunt.org == records.org);
            return Ok(stream::rows(found.iter().map(row).collect::<Vec<_>>()));
        }
        Ok(stream::produce("hunts", scope, move |out| {
            let mut offset = 0;
            loop {
                let paging = Paging { offset, limit: PAGE };
                let list = HuntList { paging, ..HuntList::of(records.org.clone()) };
                let page = records.wait(records.hunts.list(&list))?;
                for found in &page.items {
                    if out.emit(row(found)).is_err() {
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
