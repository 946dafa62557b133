//! The plugin `audit`: the kernel's audit log as it is written.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parsers::audit::{Assembler, Event, message, row};
use rows::Time;
use vql_plugin::{Entry, Failure, Level, Permission, Plugin, RowStream, Scope, plugin_args};

use crate::Machine;
use crate::machine::Told;

pub(super) fn entry(machine: &Arc<dyn Machine>) -> Entry {
    Entry::plugin(Audit(machine.clone()))
}

plugin_args! {
    /// Follows the audit log of the Linux kernel: one row per event, with `Timestamp`, `Sequence`,
    /// `Type`, `Result`, `Summary`, `User`, `Process`, `Paths`, `Network`, `Tags` (the keys of the
    /// rules that made it) and `Data` (every field of every record).
    ///
    /// The kernel tells only what its audit rules ask for; this plugin adds no rules, and listens
    /// beside an audit daemon without taking its place. Ends only when the query is stopped.
    pub struct AuditArgs for "audit" {}
}

struct Audit(Arc<dyn Machine>);

/// How long an event waits for records that are still missing.
const COMPLETE_WITHIN: Duration = Duration::from_secs(2);

impl Plugin for Audit {
    type Args = AuditArgs;
    const NEEDS: &'static [Permission] = &[Permission::MachineState];

    fn rows(&self, _args: AuditArgs, scope: &Scope) -> Result<RowStream, Failure> {
        const LOOK_AGAIN: Duration = Duration::from_millis(200);
        let mut feed = self.0.audit_events()?;
        let mut assembler = Assembler::default();
        let mut ready: VecDeque<Event> = VecDeque::new();
        let mut losing = false;
        let mut ended = false;
        let scope = scope.clone();
        Ok(Box::new(std::iter::from_fn(move || {
            loop {
                if let Some(event) = ready.pop_front() {
                    return Some(row(&event));
                }
                if ended || scope.stopped() {
                    return None;
                }
                let now = scope.host().clock().now();
                match feed.next(LOOK_AGAIN) {
                    Ok(Told::Event(told)) => {
                        if let Some(record) = message(told.kind, &told.text) {
                            ready.extend(assembler.push(record, Time::from(now)));
                        }
                    }
                    Ok(Told::Nothing) => losing = false,
                    Ok(Told::Lost) => {
                        if !losing {
                            scope.warn("audit: more came than could be read; some events are lost");
                        }
                        losing = true;
                    }
                    Ok(Told::Ended) => {
                        ended = true;
                        ready.extend(assembler.rest());
                    }
                    Err(wrong) => {
                        scope.log(Level::Default, &format!("audit: {wrong}"));
                        ended = true;
                    }
                }
                ready.extend(assembler.overdue(Time::from(now.minus(COMPLETE_WITHIN))));
            }
        })))
    }
}
