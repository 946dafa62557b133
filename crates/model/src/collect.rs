//! A compiled collection: an artifact and its parameters as plain VQL text, ready to run.
//!
//! Made by `artifacts` on the server or in the CLI, carried by `wire`, run by the agent. Only texts,
//! so that an agent needs no artifact of its own.

use crate::artifact::Resources;

/// One artifact with its parameters set, as VQL.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct CompiledCollection {
    /// The artifact's name.
    pub artifact: String,
    /// Every parameter with its text: one scope layer below everything else.
    pub environment: Vec<(String, String)>,
    /// VQL that runs before each scope's first source: typed parameters, exports, imports. May be
    /// empty.
    pub prelude: String,
    /// What is collected, in order.
    pub sources: Vec<CompiledSource>,
    /// Whether sources share a scope.
    pub mode: SourceMode,
    /// YAML of every artifact that is called as `Artifact.Name(…)`, directly or not, and of what they
    /// import.
    pub artifacts: Vec<String>,
    /// Permissions that the person who collects must have; those of called artifacts included.
    pub required_permissions: Vec<String>,
    /// What the artifact wants to use at most.
    pub resources: Resources,
}

/// One source as VQL.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct CompiledSource {
    /// The result table: `Artifact` or `Artifact/Source`.
    pub name: String,
    /// Definitions and one last SELECT, without the prelude.
    pub vql: String,
    /// VQL that is asked first, after the prelude; the source runs when any of its statements yields
    /// a row.
    pub precondition: Option<String>,
}

/// Whether the sources of an artifact share a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum SourceMode {
    /// One scope, sources in order; definitions of earlier sources are known to later ones.
    #[default]
    Serial,
    /// A scope for each source.
    Parallel,
}
