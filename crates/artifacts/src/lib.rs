//! Artifact files: YAML to model, what is wrong with it, and artifacts to plain VQL.
//!
//! Knows every field of an artifact file, the rules inside one file and between files, and how
//! parameters become statements. Problems name file, line, field, what is wrong and how to mend it.
//!
//! # Invariants
//!
//! - **AR-2** A set never holds two artifacts of one name, aliases included.
//! - **AR-3** What [`compile`] returns needs no artifact set to run: it is text only.
//!
//! # Not here
//!
//! Reading folders (programs hand texts in), running VQL (`vql-eval`), collecting (`flows`).

#![warn(missing_docs)]
#![forbid(unsafe_code)]

pub mod check;
mod compile;
mod decode;
mod library;
mod parameter;
mod repair;
mod set;
mod tools;
mod vql;
mod vql_texts;

pub use compile::{CompileError, SourceChoice, check_parameters, compile};
pub use set::{ArtifactSet, called_artifacts, calls};
pub use tools::{Provided, fits_tool, has_expected_hash, tool_variables};
pub use yaml_nodes::{Problem, Severity};

use model::artifact::Artifact;

/// Reads one artifact file by itself; rules between files are not checked.
pub fn parse_artifact(file: &str, yaml: &str) -> Result<Artifact, Vec<Problem>> {
    decode::decode(file, yaml).map(|decoded| decoded.artifact)
}
