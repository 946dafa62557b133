//! The engine over real files.

mod files;
mod hostile;
mod object_store;
mod stand;
