//! The plugin `watch_ebpf`: what happens to processes, as the kernel tells it.

use std::sync::Arc;
use std::time::Duration;

use rows::Time;
use vql_plugin::{
    Entry, Failure, Level, Pattern, Permission, Plugin, RowStream, Scope, plugin_args,
};

use crate::Machine;
use crate::kernel_events::{OFFERED, Rows, Seen};
use crate::machine::Told;

pub(super) fn entry(machine: &Arc<dyn Machine>) -> Entry {
    Entry::plugin(WatchEbpf(machine.clone()))
}

plugin_args! {
    /// Follows events of the kernel: one row each, with `System` (`Timestamp`, `EventName`,
    /// `HostProcessID`, `HostParentProcessID`, `ProcessName`, `UserID`, …) and `EventData`.
    ///
    /// No eBPF program is loaded: these are the events that the kernel's process connector tells,
    /// under the names that artifacts use; `ebpf_events()` lists them. Others are named in the log.
    /// Paths and arguments are read when the event comes: of a process that has ended within a moment
    /// they are missing. Ends only when the query is stopped.
    pub struct WatchEbpfArgs for "watch_ebpf" {
        /// Names of events; every event that is offered when left out.
        events: Vec<String> = [],
        /// Add the environment of a program that starts, as `EventData.env`.
        include_env: bool = false,
        /// Refused: a policy filters inside a tracer that is not here. Use WHERE.
        policy: String = "",
        /// Only events whose row, printed as JSON, matches.
        regex_prefilter: Option<Arc<Pattern>>,
    }
}

struct WatchEbpf(Arc<dyn Machine>);

impl Plugin for WatchEbpf {
    type Args = WatchEbpfArgs;
    const NEEDS: &'static [Permission] = &[Permission::MachineState];

    fn rows(&self, args: WatchEbpfArgs, scope: &Scope) -> Result<RowStream, Failure> {
        if !args.policy.is_empty() {
            let text = "policies are not offered: no eBPF tracer is here that could follow one; name \
                        the events, and choose among their rows with WHERE";
            return Err(text.into());
        }
        let events = chosen(args.events, scope)?;
        let machine = self.0.clone();
        let mut feed = machine.process_events()?;
        let mut seen = Seen::default();
        let (mut losing, mut ended) = (false, false);
        let scope = scope.clone();
        Ok(Box::new(std::iter::from_fn(move || {
            const LOOK_AGAIN: Duration = Duration::from_millis(200);
            let rows = Rows { machine: &*machine, with_environment: args.include_env };
            loop {
                if ended || scope.stopped() {
                    return None;
                }
                match feed.next(LOOK_AGAIN) {
                    Ok(Told::Event(event)) => {
                        let now = Time::from(scope.host().clock().now());
                        let wanted = |name: &str| events.contains(&name);
                        let Some(row) = rows.row(&event, now, wanted, &mut seen) else { continue };
                        let passes = args.regex_prefilter.as_ref().is_none_or(|pattern| {
                            pattern.is_match(rows_json::row_to_json(&row).as_bytes())
                        });
                        if passes {
                            return Some(row);
                        }
                    }
                    Ok(Told::Nothing) => losing = false,
                    Ok(Told::Lost) => {
                        if !losing {
                            scope.warn("watch_ebpf: more came than could be read; some is lost");
                        }
                        losing = true;
                    }
                    Ok(Told::Ended) => ended = true,
                    Err(wrong) => {
                        scope.log(Level::Default, &format!("watch_ebpf: {wrong}"));
                        ended = true;
                    }
                }
            }
        })))
    }
}

/// The events that were asked for and are offered.
fn chosen(asked: Vec<String>, scope: &Scope) -> Result<Vec<&'static str>, Failure> {
    let offered: Vec<&'static str> = OFFERED.iter().map(|(name, _)| *name).collect();
    if asked.is_empty() {
        return Ok(offered);
    }
    let missing: Vec<&str> =
        asked.iter().map(String::as_str).filter(|name| !offered.contains(name)).collect();
    let chosen: Vec<_> =
        offered.iter().copied().filter(|name| asked.iter().any(|asked| asked == name)).collect();
    if !missing.is_empty() {
        let text = format!(
            "{} not offered: this program loads no eBPF; the events here are {}",
            missing.join(", "),
            offered.join(", ")
        );
        if chosen.is_empty() {
            return Err(Failure::new(text));
        }
        scope.warn(&format!("watch_ebpf: {text}"));
    }
    Ok(chosen)
}
