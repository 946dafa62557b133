//! Artifact files and what becomes of them.

mod compiling;
mod files;
mod hostile;
mod library;
mod sets;
