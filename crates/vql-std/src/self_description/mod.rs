//! What can be asked about the plugins and functions themselves.

mod functions;
mod plugins;

use std::sync::Arc;

use vql_plugin::{Catalog, Spec};

/// This catalog and `version` and `help`, which know all of it.
pub fn self_describing(catalog: Catalog) -> Catalog {
    let specs: Arc<[Spec]> = catalog.specs().cloned().collect();
    catalog.and(functions::catalog(&specs)).and(plugins::catalog(&specs))
}
