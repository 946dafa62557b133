//! Waiting.

use std::sync::Arc;
use std::time::Duration;

use rows::Value;
use vql_plugin::{Entry, Failure, Function, Permission, Scope, plugin_args};

use crate::Machine;
use crate::waiting::wait;

pub(super) fn entry(_machine: &Arc<dyn Machine>) -> Entry {
    Entry::function(Sleep)
}

plugin_args! {
    /// Waits; gives TRUE, or FALSE when the query was stopped meanwhile.
    pub struct SleepArgs for "sleep" {
        /// Seconds.
        time: i64 = 0,
        /// Milliseconds, in addition.
        ms: i64 = 0,
    }
}

struct Sleep;

impl Function for Sleep {
    type Args = SleepArgs;
    /// Nothing is read, but whoever waits occupies the machine: a server must not be made to.
    const NEEDS: &'static [Permission] = &[Permission::MachineState];

    fn call(&self, args: SleepArgs, scope: &Scope) -> Result<Value, Failure> {
        let millis = args.time.max(0).saturating_mul(1000).saturating_add(args.ms.max(0));
        let most = 366 * 24 * 3600 * 1000;
        let duration = Duration::from_millis(u64::try_from(millis.min(most)).unwrap_or(0));
        Ok(Value::Bool(wait(duration, scope)))
    }
}
