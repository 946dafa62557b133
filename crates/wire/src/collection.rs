//! Compiled collections on their way to an agent.
//!
//! Tools are not a part of a compiled collection: the server adds the files that it keeps, the agent
//! fetches them and tells queries of them as variables. Permissions and wishes for resources stay on the server: it has checked the first and turned the
//! second into the flow's limits.

use model::collect::{CompiledCollection, CompiledSource, SourceMode};

use crate::{Collection, Pair, Source};

impl From<CompiledCollection> for Collection {
    fn from(compiled: CompiledCollection) -> Self {
        let pair = |(name, value)| Pair { name, value };
        let source = |source: CompiledSource| Source {
            name: source.name,
            vql: source.vql,
            precondition: source.precondition.unwrap_or_default(),
        };
        Self {
            artifact: compiled.artifact,
            environment: compiled.environment.into_iter().map(pair).collect(),
            prelude: compiled.prelude,
            sources: compiled.sources.into_iter().map(source).collect(),
            parallel: compiled.mode == SourceMode::Parallel,
            dependencies: compiled.artifacts,
            tools: Vec::new(),
            window: None,
        }
    }
}

impl From<Collection> for CompiledCollection {
    fn from(said: Collection) -> Self {
        let source = |source: Source| CompiledSource {
            name: source.name,
            vql: source.vql,
            precondition: Some(source.precondition).filter(|vql| !vql.is_empty()),
        };
        Self {
            artifact: said.artifact,
            environment: said.environment.into_iter().map(|p| (p.name, p.value)).collect(),
            prelude: said.prelude,
            sources: said.sources.into_iter().map(source).collect(),
            mode: if said.parallel { SourceMode::Parallel } else { SourceMode::Serial },
            artifacts: said.dependencies,
            ..Self::default()
        }
    }
}
