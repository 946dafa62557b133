//! What a program offers to those who write VQL for it.

use model::artifact::{Artifact, Parameter};
use vql_plugin::{Kind, Spec};
use vql_syntax::parse_program;

use crate::columns::columns_of_program;

/// Everything that a text may name without defining it.
#[derive(Clone, Debug, Default)]
pub struct Knowledge {
    pub(crate) specs: Vec<Spec>,
    pub(crate) accessors: Vec<String>,
    pub(crate) artifacts: Vec<KnownArtifact>,
    pub(crate) variables: Vec<String>,
}

/// What is told of an artifact.
#[derive(Clone, Debug)]
pub(crate) struct KnownArtifact {
    pub(crate) name: String,
    pub(crate) summary: String,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) sources: Vec<String>,
    /// Columns of its rows as far as its queries tell.
    pub(crate) columns: Vec<String>,
}

impl Knowledge {
    /// These plugins and functions.
    pub fn of(specs: impl IntoIterator<Item = Spec>) -> Self {
        Self { specs: specs.into_iter().collect(), ..Self::default() }
    }

    /// And these accessors.
    #[must_use]
    pub fn accessors(mut self, names: impl IntoIterator<Item = String>) -> Self {
        self.accessors.extend(names);
        self
    }

    /// And these variables, which the program defines.
    #[must_use]
    pub fn variables(mut self, names: impl IntoIterator<Item = String>) -> Self {
        self.variables.extend(names);
        self
    }

    /// And these artifacts.
    #[must_use]
    pub fn artifacts<'a>(mut self, artifacts: impl IntoIterator<Item = &'a Artifact>) -> Self {
        self.artifacts.extend(artifacts.into_iter().map(known));
        self
    }

    pub(crate) fn spec(&self, name: &str, kind: Kind) -> Option<&Spec> {
        self.specs.iter().find(|spec| spec.kind == kind && spec.name == name)
    }

    pub(crate) fn artifact(&self, name: &str) -> Option<&KnownArtifact> {
        self.artifacts.iter().find(|artifact| artifact.name == name)
    }
}

fn known(artifact: &Artifact) -> KnownArtifact {
    let mut columns = Vec::new();
    for source in &artifact.sources {
        for column in columns_of_program(&parse_program(&source.query).program) {
            if !columns.contains(&column) {
                columns.push(column);
            }
        }
    }
    KnownArtifact {
        name: artifact.name.clone(),
        summary: artifact.description.trim().lines().next().unwrap_or_default().to_owned(),
        parameters: artifact.parameters.clone(),
        sources: artifact.sources.iter().filter_map(|source| source.name.clone()).collect(),
        columns,
    }
}
