//! Which artifacts an engine can run: every text of every artifact against what the engine has.
//!
//! Knows nothing of an engine but its [`Vocabulary`]. What only the run knows (the value of a
//! variable, a column that holds a query, VQL inside a text) is given the benefit of the doubt.
//!
//! # Invariants
//!
//! - **AR-4** A name that is defined in the same scope (a LET, a parameter of one, an import) is
//!   never said to be missing.

mod survey;
mod vocabulary;
mod walk;

pub use survey::{Checked, Survey, Wanted, survey};
pub use vocabulary::{Argument, Known, Signature, Vocabulary};
pub use walk::{Remark, remarks};

use yaml_nodes::Problem;

/// Whether an artifact runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// All of it.
    Runs,
    /// All of it but the paths that use names which are known not to be here.
    RunsPartly,
    /// Something of it is a mistake, or is unknown to the engine.
    Broken,
}

impl Verdict {
    /// A word for people and records.
    pub fn word(self) -> &'static str {
        match self {
            Self::Runs => "ok",
            Self::RunsPartly => "partly",
            Self::Broken => "broken",
        }
    }
}

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FindingKind {
    /// A plugin that is not here.
    Plugin,
    /// A function that is not here.
    Function,
    /// An accessor that is not here.
    Accessor,
    /// An argument that a plugin or function does not have.
    Argument,
    /// An argument that must be given and is not.
    RequiredArgument,
    /// An artifact that is not there.
    Artifact,
    /// A parameter that a called artifact does not have.
    Parameter,
    /// A source that a called artifact does not have.
    Source,
    /// An import that is not there.
    Import,
    /// An artifact that is called and does not run itself.
    Called,
    /// A text that cannot be read.
    Syntax,
    /// Something about the file.
    Schema,
}

impl FindingKind {
    /// A word for people and records.
    pub fn word(self) -> &'static str {
        match self {
            Self::Plugin => "plugin",
            Self::Function => "function",
            Self::Accessor => "accessor",
            Self::Argument => "argument",
            Self::RequiredArgument => "required_argument",
            Self::Artifact => "artifact",
            Self::Parameter => "parameter",
            Self::Source => "source",
            Self::Import => "import",
            Self::Called => "called_artifact",
            Self::Syntax => "syntax",
            Self::Schema => "schema",
        }
    }
}

/// One thing that keeps an artifact, or a path of it, from running; or that its author should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is about.
    pub kind: FindingKind,
    /// The name that is missing or wrong; empty for mistakes of form.
    pub name: String,
    /// Why a known name is not here, as a word; `None` for anything else.
    pub why: Option<&'static str>,
    /// What it does to the artifact.
    pub verdict: Verdict,
    /// Where it is, and in words.
    pub problem: Problem,
}
