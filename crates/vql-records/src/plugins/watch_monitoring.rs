//! The plugin `watch_monitoring`: rows of an event artifact as they arrive, of all clients.

use std::sync::Arc;
use std::time::Duration;

use flows::monitoring::EventScan;
use model::monitoring::{EventKind, EventScope};
use vql_plugin::{Entry, Failure, Permission, Plugin, RowStream, Scope, plugin_args, stream};

use super::source::event_row;
use crate::{PAGE, Records};

/// How often new rows are asked for.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(500);

pub(super) fn entry(records: &Arc<Records>) -> Entry {
    Entry::plugin(WatchMonitoring(records.clone()))
}

plugin_args! {
    /// Rows of an event artifact that arrive from now on, of all clients; goes on until it is stopped.
    pub struct WatchMonitoringArgs for "watch_monitoring" {
        /// The artifact, or one source of it as `Artifact/Source`.
        artifact: String,
    }
}

struct WatchMonitoring(Arc<Records>);

impl Plugin for WatchMonitoring {
    type Args = WatchMonitoringArgs;
    const NEEDS: &'static [Permission] = &[Permission::ReadResults];

    fn rows(&self, args: WatchMonitoringArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let records = self.0.clone();
        let watched = EventScope {
            client: None,
            source: args.artifact,
            kind: EventKind::Rows,
            from: None,
            to: None,
        };
        let after = records.wait(records.monitoring.newest_event())?;
        let mut scan = EventScan { scope: watched, after, rows: PAGE };
        let watching = scope.clone();
        Ok(stream::produce("watch_monitoring", scope, move |out| {
            while !watching.stopped() {
                let piece = records.wait(records.monitoring.scan_events(&scan))?;
                for row in &piece.rows {
                    if out.emit(event_row(row)?).is_err() {
                        return Ok(());
                    }
                }
                scan.after = piece.place;
                if piece.end {
                    watching.host().wait(ASK_AGAIN_AFTER);
                }
            }
            Ok(())
        }))
    }
}
