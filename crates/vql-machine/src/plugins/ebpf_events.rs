//! The plugin `ebpf_events`: the events that `watch_ebpf` offers.

use std::sync::Arc;

use rows::Row;
use vql_plugin::{Entry, Failure, Plugin, RowStream, Scope, plugin_args, stream};

use crate::Machine;
use crate::kernel_events::OFFERED;

pub(super) fn entry(_machine: &Arc<dyn Machine>) -> Entry {
    Entry::plugin(EbpfEvents)
}

plugin_args! {
    /// The events that `watch_ebpf` offers: one row each, with `Name` and `Description`.
    pub struct EbpfEventsArgs for "ebpf_events" {}
}

struct EbpfEvents;

impl Plugin for EbpfEvents {
    type Args = EbpfEventsArgs;

    fn rows(&self, _args: EbpfEventsArgs, _scope: &Scope) -> Result<RowStream, Failure> {
        let row = |(name, about)| Row::new().with("Name", name).with("Description", about);
        Ok(stream::rows(OFFERED.map(row)))
    }
}
