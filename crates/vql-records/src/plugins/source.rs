//! The plugin `source`: rows of a stored result: of a flow, of a hunt, or of an event artifact.

use std::sync::Arc;

use base::Timestamp;
use flows::monitoring::{EventPlace, EventScan};
use model::monitoring::{EventKind, EventRow, EventScope};
use model::results::ResultScope;
use rows::{Row, Time, Value};
use vql_plugin::{Entry, Failure, Permission, Plugin, RowStream, Scope, plugin_args, stream};

use crate::rows_of::{Rows, full_name, pieces, result_row, results, scope_of};
use crate::{PAGE, Records, moment};

pub(super) fn entry(records: &Arc<Records>) -> Entry {
    Entry::plugin(Source(records.clone()))
}

plugin_args! {
    /// Rows of a stored result: of a flow (client_id, flow_id), of a hunt (hunt_id), or of an event
    /// artifact (client_id, artifact and a time range).
    pub struct SourceArgs for "source" {
        /// `C.…`
        client_id: Option<String>,
        /// `F.…`
        flow_id: Option<String>,
        /// `H.…`
        hunt_id: Option<String>,
        /// Of this round of the hunt; the current one when left out.
        round: Option<u64>,
        /// Of all rounds of the hunt.
        all_rounds: bool = false,
        /// Only rows of this artifact; `Artifact/Source` means one source of it.
        artifact: Option<String>,
        /// Only rows of this source of the artifact.
        source: Option<String>,
        /// Of events: arrived then or later.
        start_time: Option<Time>,
        /// Of events: arrived before then.
        end_time: Option<Time>,
        /// Rows to skip.
        start_row: Option<u64>,
        /// Rows at most.
        count: Option<u64>,
        /// Refused: there are no notebooks here.
        notebook_id: Option<String>,
        /// Refused: there are no notebooks here.
        notebook_cell_id: Option<String>,
        /// Refused: there are no notebooks here.
        notebook_cell_version: Option<String>,
        /// Refused: there are no notebooks here.
        notebook_cell_table: Option<i64>,
        /// Refused: there is one organisation here.
        orgs: Option<Vec<String>>,
    }
}

struct Source(Arc<Records>);

/// What is read.
enum Wanted {
    Results(ResultScope),
    Events(base::ClientId),
}

fn timestamp(time: Time) -> Timestamp {
    Timestamp::from_micros(i64::try_from(time.unix_nanos() / 1_000).unwrap_or(i64::MAX))
}

fn wanted(records: &Records, args: &SourceArgs) -> Result<Wanted, Failure> {
    let notebook = args.notebook_id.is_some()
        || args.notebook_cell_id.is_some()
        || args.notebook_cell_version.is_some()
        || args.notebook_cell_table.is_some();
    if notebook {
        return Err(Failure::new(
            "there are no notebooks here; give flow_id, hunt_id or client_id",
        ));
    }
    if args.orgs.is_some() {
        return Err(Failure::new("orgs cannot be chosen; leave it out"));
    }
    let nothing = || Failure::new("nothing says whose rows; give flow_id, hunt_id or client_id");
    if let Some(hunt) = &args.hunt_id {
        let scope = scope_of(records, hunt, (args.round, args.all_rounds))?;
        return Ok(Wanted::Results(scope));
    }
    if args.round.is_some() || args.all_rounds {
        return Err(Failure::new("only a hunt has rounds; give hunt_id, or leave out the round"));
    }
    if let Some(flow) = &args.flow_id {
        let found = records.wait(records.flows.get(flow.parse()?))?;
        let found = found.filter(|found| found.org == records.org);
        let found = found.ok_or_else(|| Failure::new(format!("there is no flow {flow}")))?;
        return Ok(Wanted::Results(ResultScope::Flow(found.id)));
    }
    let client = args.client_id.as_ref().ok_or_else(nothing)?;
    if args.artifact.is_none() {
        return Err(Failure::new("rows of events need an artifact; or give flow_id"));
    }
    Ok(Wanted::Events(records.client(client)?.id))
}

/// A row of an event artifact, with when it arrived and when the agent met it.
pub(super) fn event_row(found: &EventRow) -> Result<Row, Failure> {
    let row = rows_json::row_from_json(found.json.as_bytes())?;
    Ok(row
        .with("ClientId", Value::text(found.client.to_string()))
        .with("_Source", Value::text(found.source.as_str()))
        .with("_ts", moment(found.stored))
        .with("_observed", moment(found.observed)))
}

fn events(records: Arc<Records>, scope: EventScope) -> Rows {
    let mut scan = Some(EventScan { scope, after: EventPlace::default(), rows: PAGE });
    pieces(move || {
        let Some(mut asked) = scan.take() else { return Ok(None) };
        let piece = records.wait(records.monitoring.scan_events(&asked))?;
        asked.after = piece.place;
        scan = (!piece.end).then_some(asked);
        piece.rows.iter().map(event_row).collect::<Result<_, _>>().map(Some)
    })
}

impl Plugin for Source {
    type Args = SourceArgs;
    const NEEDS: &'static [Permission] = &[Permission::ReadResults];

    fn rows(&self, args: SourceArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let records = self.0.clone();
        let name = full_name(args.artifact.as_ref(), args.source.as_ref());
        let found = match wanted(&records, &args)? {
            Wanted::Results(of) => results(records, of, name, |_, row| result_row(row))?,
            Wanted::Events(client) => events(
                records,
                EventScope {
                    client: Some(client),
                    source: name.unwrap_or_default(),
                    kind: EventKind::Rows,
                    from: args.start_time.map(timestamp),
                    to: args.end_time.map(timestamp),
                },
            ),
        };
        let skip = usize::try_from(args.start_row.unwrap_or(0)).unwrap_or(usize::MAX);
        let count = args.count.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX));
        Ok(stream::fallible("source", scope, found.skip(skip).take(count)))
    }
}
