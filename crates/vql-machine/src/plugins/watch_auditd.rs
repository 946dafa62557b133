//! The plugin `watch_auditd`: the events that are added to audit logs.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parsers::audit::{Assembler, Event, line, row};
use rows::{OsPath, Time};
use vql_plugin::{Entry, Failure, Permission, Plugin, Query, RowStream, Scope, plugin_args};

use crate::Machine;
use crate::following::{LOOK_AGAIN, Lines, Which};

pub(super) fn entry(_machine: &Arc<dyn Machine>) -> Entry {
    Entry::plugin(WatchAuditd)
}

plugin_args! {
    /// Follows logs of the Linux audit daemon: one row for each event that is added from now on, with
    /// the columns of `audit`. Ends only when the query is stopped.
    pub struct WatchAuditdArgs for "watch_auditd" {
        /// The files: `/var/log/audit/audit.log`.
        filename: Option<Vec<Arc<OsPath>>>,
        /// What the files are read through.
        accessor: String = "",
        /// The longest line, in bytes.
        buffer_size: i64 = 65_536,
        /// Finds files to follow, as in `watch_syslog`.
        query: Option<Query>,
    }
}

struct WatchAuditd;

/// How long an event waits for records that are still missing.
const COMPLETE_WITHIN: Duration = Duration::from_secs(2);

impl Plugin for WatchAuditd {
    type Args = WatchAuditdArgs;
    const NEEDS: &'static [Permission] = &[Permission::FilesystemRead];

    fn rows(&self, args: WatchAuditdArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let line_max = usize::try_from(args.buffer_size.clamp(1024, 16 << 20)).unwrap_or(1 << 16);
        let which = Which {
            files: args.filename.unwrap_or_default(),
            accessor: args.accessor,
            search: args.query,
        };
        let mut lines = Lines::follow("watch_auditd", which, line_max, scope)?;
        let mut assembler = Assembler::default();
        let mut ready: VecDeque<Event> = VecDeque::new();
        let scope = scope.clone();
        Ok(Box::new(std::iter::from_fn(move || {
            loop {
                if let Some(event) = ready.pop_front() {
                    return Some(row(&event));
                }
                if scope.stopped() {
                    return None;
                }
                let now = scope.host().clock().now();
                // Does not wait, so that an event whose end is missing is told in time.
                match lines.next(&scope, || true) {
                    Some(found) => {
                        let record = line(&String::from_utf8_lossy(&found.bytes));
                        let now = Time::from(now);
                        ready.extend(record.into_iter().flat_map(|r| assembler.push(r, now)));
                    }
                    None => {
                        let before = Time::from(now.minus(COMPLETE_WITHIN));
                        ready.extend(assembler.overdue(before));
                        if ready.is_empty() {
                            crate::waiting::wait(LOOK_AGAIN, &scope);
                        }
                    }
                }
            }
        })))
    }
}
