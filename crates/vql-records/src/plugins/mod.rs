//! Plugins, one to a file of the same name.

use std::sync::Arc;

use crate::Records;

vql_plugin::one_file_each! {
    asking Arc<Records>;
    clients
    flows
    hunt_results
    hunts
    source
    watch_monitoring
}
