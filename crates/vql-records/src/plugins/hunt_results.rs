//! The plugin `hunt_results`: rows that a hunt's clients brought.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use base::ClientId;
use model::results::ResultRow;
use rows::{Row, Value};
use vql_plugin::{Failure, Permission, Plugin, RowStream, Scope, plugin_args, stream};

use crate::Records;
use crate::rows_of::{full_name, result_row, results, scope_of};

pub(super) fn entry(records: &Arc<Records>) -> vql_plugin::Entry {
    vql_plugin::Entry::plugin(HuntResults(records.clone()))
}

plugin_args! {
    /// Rows that a hunt's clients brought, each with its client, flow and source.
    pub struct HuntResultsArgs for "hunt_results" {
        /// `H.…`
        hunt_id: String,
        /// Only rows of this artifact; `Artifact/Source` means one source of it.
        artifact: Option<String>,
        /// Only rows of this source of the artifact.
        source: Option<String>,
        /// Of this round of the hunt; the current one when left out.
        round: Option<u64>,
        /// Of all rounds; each row then has `_Round`.
        all_rounds: bool = false,
        /// Rows to skip.
        start_row: Option<u64>,
        /// Rows at most.
        count: Option<u64>,
        /// Accepted; rows are always whole.
        brief: bool = false,
        /// Refused: there is one organisation here.
        orgs: Option<Vec<String>>,
    }
}

struct HuntResults(Arc<Records>);

/// Makes rows, and knows each client's name once it has asked.
fn maker(all_rounds: bool) -> impl FnMut(&Records, &ResultRow) -> Result<Row, Failure> + Send {
    let mut names: HashMap<ClientId, String> = HashMap::new();
    move |records, found| {
        let name = match names.entry(found.client) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => {
                let client = records.wait(records.clients.get(found.client))?;
                unknown.insert(client.map(|client| client.facts.fqdn).unwrap_or_default())
            }
        };
        let row = result_row(found)?.with("Fqdn", Value::text(name.as_str()));
        Ok(match found.round.filter(|_| all_rounds) {
            Some(round) => row.with("_Round", Value::from(u64::from(round))),
            None => row,
        })
    }
}

impl Plugin for HuntResults {
    type Args = HuntResultsArgs;
    const NEEDS: &'static [Permission] = &[Permission::ReadResults];

    fn rows(&self, args: HuntResultsArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let _ = args.brief;
        if args.orgs.is_some() {
            return Err(Failure::new("orgs cannot be chosen; leave it out"));
        }
        let records = self.0.clone();
        let name = full_name(args.artifact.as_ref(), args.source.as_ref());
        let of = scope_of(&records, &args.hunt_id, (args.round, args.all_rounds))?;
        let found = results(records, of, name, maker(args.all_rounds))?;
        let skip = usize::try_from(args.start_row.unwrap_or(0)).unwrap_or(usize::MAX);
        let count = args.count.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX));
        Ok(stream::fallible("hunt_results", scope, found.skip(skip).take(count)))
    }
}
