//! The plugin `profile`: what this program is doing.

use std::sync::Arc;

use rows::{Row, Value};
use vql_plugin::{Entry, Failure, Permission, Plugin, RowStream, Scope, plugin_args, stream};

use crate::{Machine, own_program};

pub(super) fn entry(machine: &Arc<dyn Machine>) -> Entry {
    Entry::plugin(Profile(machine.clone()))
}

plugin_args! {
    /// What this program is doing: rows with `Type` and `Line`, a dict, for its threads (`goroutine`)
    /// and its memory (`heap`, `allocs`). The names are those of another engine's plugin; what it told
    /// of that engine's own works is named in the log.
    pub struct ProfileArgs for "profile" {
        /// Figures of the memory.
        allocs: bool = false,
        /// Not told here.
        block: bool = false,
        /// The threads.
        goroutine: bool = false,
        /// Figures of the memory.
        heap: bool = false,
        /// Not told here.
        mutex: bool = false,
        /// Not told here.
        profile: bool = false,
        /// Not told here; the function `trace` keeps what is known as a file.
        trace: bool = false,
        /// Has no effect.
        debug: i64 = 0,
        /// Not told here: the log of this program goes to its standard error.
        logs: bool = false,
        /// Not told here.
        queries: bool = false,
        /// Not told here.
        metrics: bool = false,
        /// Has no effect: everything is of this moment.
        duration: i64 = 0,
        /// Only this: `threads` or `memory`.
        kind: String as "type" = "",
    }
}

struct Profile(Arc<dyn Machine>);

impl Plugin for Profile {
    type Args = ProfileArgs;
    const NEEDS: &'static [Permission] = &[Permission::MachineState];

    fn rows(&self, args: ProfileArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let missing = [
            ("block", args.block),
            ("mutex", args.mutex),
            ("profile", args.profile),
            ("trace", args.trace),
            ("logs", args.logs),
            ("queries", args.queries),
            ("metrics", args.metrics),
        ];
        let missing: Vec<&str> =
            missing.iter().filter(|(_, asked)| *asked).map(|(name, _)| *name).collect();
        if !missing.is_empty() {
            let text = format!(
                "profile: this program does not tell {}; it tells goroutine (threads) and heap (memory)",
                missing.join(", ")
            );
            scope.warn(&text);
        }
        let chosen = args.allocs || args.heap || args.goroutine || !args.kind.is_empty();
        let nothing_else = !chosen && missing.is_empty();
        let mut rows = Vec::new();
        let mut add = |name: &str, found: Vec<Row>| {
            rows.extend(
                found
                    .into_iter()
                    .map(|line| Row::new().with("Type", name).with("Line", Value::Dict(line))),
            );
        };
        if args.goroutine || args.kind == "threads" || nothing_else {
            add("threads", own_program::threads(&*self.0)?);
        }
        if args.heap || args.allocs || args.kind == "memory" || nothing_else {
            add("memory", own_program::memory(&*self.0)?);
        }
        Ok(stream::rows(rows))
    }
}
