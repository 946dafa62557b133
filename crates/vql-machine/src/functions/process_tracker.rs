//! Installing the process tracker.

use std::sync::Arc;
use std::time::Duration;

use rows::Value;
use vql_plugin::{Entry, Failure, Function, Lambda, Permission, Query, Scope, plugin_args};

use crate::Machine;
use crate::tracker::{Bounds, Feed, install};

pub(super) fn entry(_machine: &Arc<dyn Machine>) -> Entry {
    Entry::function(InstallTracker)
}

plugin_args! {
    /// Installs the process tracker: from now on, and as long as this query goes on, every query
    /// of this program can ask for processes that have ended too. Gives TRUE.
    ///
    /// The tracker learns what runs from `sync_query`, once at the start and then every period, and
    /// what happens in between from `update_query`. A process whose number is used again keeps
    /// its place under the id `NUMBER-START`.
    pub struct ProcessTrackerArgs for "process_tracker" {
        /// Lists what runs now: rows with `id` and, where known, `parent_id`, `start_time` and
        /// `data` (a dict of everything else).
        sync_query: Option<Query>,
        /// Milliseconds between two lists.
        sync_period: i64 = 5_000,
        /// Tells what happens: rows with `update_type` (`start` or `exit`) and `id`; a start has
        /// the columns of a list, an exit `end_time`.
        update_query: Option<Query>,
        /// How many processes are kept, running and ended ones together.
        max_size: i64 = 10_000,
        /// For how many seconds a process that has ended is kept. Ancestors of running processes
        /// are kept longer.
        max_expiry: i64 = 86_400,
        /// Lambdas of a process that is seen first; each gives a dict that is added to its data.
        enrichments: Vec<String> = [],
        /// A file of this machine in which what is known outlives a restart. It is written after each
        /// list.
        cache: String = "",
    }
}

struct InstallTracker;

impl Function for InstallTracker {
    type Args = ProcessTrackerArgs;
    /// What the queries need is asked for by the queries; keeping it changes what later queries see.
    const NEEDS: &'static [Permission] = &[Permission::MachineState, Permission::FilesystemWrite];

    fn call(&self, args: ProcessTrackerArgs, scope: &Scope) -> Result<Value, Failure> {
        const PERIOD_MIN_MILLIS: u64 = 100;
        const SIZE_MAX: usize = 1_000_000;
        if args.sync_query.is_none() && args.update_query.is_none() {
            return Err("give sync_query, update_query or both".into());
        }
        let enrichments: Result<Vec<Lambda>, String> =
            args.enrichments.iter().map(|text| scope.lambda(text)).collect();
        let positive = |number: i64| u64::try_from(number).unwrap_or(0);
        // A parameter that was left empty arrives as 0.
        let size = usize::try_from(args.max_size).ok().filter(|size| *size > 0).unwrap_or(10_000);
        let feed = Feed {
            sync: args.sync_query,
            period: Duration::from_millis(positive(args.sync_period).max(PERIOD_MIN_MILLIS)),
            updates: args.update_query,
            bounds: Bounds {
                size_max: size.min(SIZE_MAX),
                expiry: Duration::from_secs(positive(args.max_expiry)),
            },
            enrichments: enrichments.map_err(|wrong| format!("Field enrichments: {wrong}"))?,
            cache: (!args.cache.is_empty()).then(|| args.cache.into()),
        };
        install(feed, scope)?;
        Ok(Value::Bool(true))
    }
}
