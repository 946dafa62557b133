//! YAML that people write, to nodes that know their place, and what is wrong with it.
//!
//! For the files of which a person must be told file, line, column, field, what is wrong and how
//! to mend it: artifacts and detection rules. Knows no field of either.
//!
//! # Not here
//!
//! YAML as data, for instance in evidence: `parse_yaml` in `vql-std`.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod node;
mod problem;
mod reader;

pub use node::{BadYaml, Documents, Node, NodeKind, Place, TextStyle, read_all, read_one};
pub use problem::{Problem, Severity, nearest};
pub use reader::{Fields, Reader, describe, join};
