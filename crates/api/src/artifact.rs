//! Artifacts, and checking of texts.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Problem;

/// An artifact in a list.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ArtifactSummary {
    /// Its name.
    pub name: String,
    /// `client`, `client_event`, `server`, `server_event`, `internal`, `notebook`.
    pub kind: String,
    /// First sentence of its description.
    pub summary: String,
    /// It comes with Lycaon.
    pub built_in: bool,
    /// Names of its sources.
    pub sources: Vec<String>,
}

/// A parameter.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ParameterView {
    /// Its name.
    pub name: String,
    /// For people; its name when there is no better.
    pub label: String,
    /// What it means.
    pub description: String,
    /// `string`, `int`, `bool`, `timestamp`, `regex`, `csv`, `choices`, …
    pub kind: String,
    /// Used when it is left out.
    pub default: String,
    /// Allowed values; empty for all.
    pub choices: Vec<String>,
    /// The value must match this; empty for none.
    pub validating_regex: String,
}

/// A source of an artifact.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ArtifactSourceView {
    /// Its name; empty for the only one.
    pub name: String,
    /// What it gives.
    pub description: String,
    /// VQL; empty when there is none.
    pub precondition: String,
    /// VQL.
    pub query: String,
}

/// An artifact.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ArtifactView {
    /// Its name.
    pub name: String,
    /// See [`ArtifactSummary::kind`].
    pub kind: String,
    /// What it is for.
    pub description: String,
    /// Who wrote it.
    pub author: String,
    /// Where to read more.
    pub references: Vec<String>,
    /// What it takes.
    pub parameters: Vec<ParameterView>,
    /// What it gives.
    pub sources: Vec<ArtifactSourceView>,
    /// The file as it was written.
    pub yaml: String,
    /// It comes with Lycaon.
    pub built_in: bool,
}

/// Check a call of an artifact, or an artifact file.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ArtifactCheck {
    /// A call: do its parameters fit?
    Call(crate::ArtifactCall),
    /// A file: is it an artifact?
    Yaml(String),
}

/// Check VQL.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VqlCheck {
    /// The text.
    pub text: String,
    /// `client` (all names) or `server_condition` (only names without permissions).
    pub kind: String,
}

/// Ask what may stand at a place of a text that is being written.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VqlCompletionQuery {
    /// The text.
    pub text: String,
    /// The place, in bytes of UTF-8 from the start.
    pub at: u64,
    /// See [`VqlCheck::kind`].
    pub kind: String,
}

/// What may stand at a place of a text.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct VqlCompletion {
    /// The first byte that an offer replaces.
    pub from: u64,
    /// The first byte behind what an offer replaces.
    pub to: u64,
    /// The offers, the likeliest first.
    pub offers: Vec<VqlOffer>,
}

/// One thing that may stand at a place.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct VqlOffer {
    /// What is inserted.
    pub text: String,
    /// `argument`, `column`, `variable`, `plugin`, `function`, `artifact`, `accessor`, `keyword`.
    pub kind: String,
    /// Its form in one line; may be empty.
    pub detail: String,
    /// What it means; may be empty.
    pub doc: String,
}

/// What is wrong with a text.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct CheckReport {
    /// Nothing that would stop it.
    pub ok: bool,
    /// What is wrong.
    pub problems: Vec<Problem>,
}
