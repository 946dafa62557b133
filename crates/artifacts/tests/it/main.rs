//! Artifact files and what becomes of them.

mod checking;
mod compiling;
mod files;
mod hostile;
mod library;
mod sets;
