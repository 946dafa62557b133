//! The row sources and functions that belong to the language itself. Everything else comes from
//! the catalogs of `vql-std` and `vql-machine`.

pub(crate) mod background;
mod entries;
mod functions;
mod keeping;
mod picking;
mod plugins;
mod printf;
mod recent;
mod scope_view;
mod unevaluated;

use vql_plugin::Catalog;

/// The part of the catalog that every program needs.
pub fn language() -> Catalog {
    functions::catalog().and(plugins::catalog())
}
