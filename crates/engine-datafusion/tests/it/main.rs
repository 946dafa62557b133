//! The engine over real files.

mod files;
mod hostile;
mod stand;
