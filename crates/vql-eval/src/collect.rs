//! Runs a compiled collection: environment, prelude, then every source whose precondition holds.

use std::collections::HashMap;
use std::sync::Arc;

use model::collect::{CompiledCollection, SourceMode};
use rows::{Dict, Row};
use vql_plugin::Catalog;

use crate::artifact::{BundledArtifacts, Programs};
use crate::compile::Diagnostics;
use crate::run::{Rows, Run};
use crate::scope::Env;
use crate::session::{Setup, StopReason};
use crate::stack;

/// Why a collection cannot run.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// A text of the collection does not compile.
    #[error("{place} does not compile:\n{wrong}")]
    BadQuery {
        /// Which text.
        place: String,
        /// What is wrong with it.
        wrong: Diagnostics,
    },
    /// An artifact that travels with the collection cannot be read.
    #[error("an artifact that the collection calls cannot be read:\n{wrong}")]
    BadArtifact {
        /// What is wrong.
        wrong: String,
    },
}

/// A collection whose texts are compiled.
pub struct CollectionPlan {
    programs: Arc<Programs>,
    artifacts: Arc<BundledArtifacts>,
}

/// What a collection yields.
#[derive(Clone, Debug)]
pub enum Collected {
    /// A row of a source; sources are counted from 0.
    Row {
        /// Which source.
        source: usize,
        /// The row.
        row: Row,
    },
    /// A source's precondition did not hold.
    Skipped {
        /// Which source.
        source: usize,
    },
    /// A source is through, or the run was ended while it was under way.
    Finished {
        /// Which source.
        source: usize,
        /// How many rows it yielded.
        rows: u64,
    },
}

impl CollectionPlan {
    /// Compiles every text of a collection.
    pub fn compile(
        collection: CompiledCollection,
        catalog: &Catalog,
    ) -> Result<Self, CollectError> {
        let artifacts = BundledArtifacts::read(&collection.artifacts)
            .map_err(|wrong| CollectError::BadArtifact { wrong })?;
        let programs = Programs::compile(collection, catalog)
            .map_err(|(place, wrong)| CollectError::BadQuery { place, wrong })?;
        Ok(Self { programs: Arc::new(programs), artifacts: Arc::new(artifacts) })
    }

    /// The names of the sources, in order.
    pub fn sources(&self) -> impl Iterator<Item = &str> {
        self.programs.sources.iter().map(|source| source.name.as_str())
    }

    /// Starts a run. `variables` are known to every query (`config`, for instance); parameters
    /// hide them. Artifacts that queries call come from the collection itself.
    ///
    /// Nothing happens until something is asked for. Ask on a thread made by
    /// [`on_big_stack`](crate::on_big_stack), so that deep recursion has room.
    pub fn start(&self, mut setup: Setup, variables: Dict) -> Collection {
        setup.artifacts = self.artifacts.clone();
        Collection {
            run: Run::new(setup, variables),
            programs: self.programs.clone(),
            scope: None,
            answers: HashMap::new(),
            next: 0,
            current: None,
            counted: 0,
        }
    }
}

/// A collection under way.
pub struct Collection {
    current: Option<Rows>,
    scope: Option<Env>,
    programs: Arc<Programs>,
    /// Preconditions that were asked, when sources share a scope.
    answers: HashMap<String, bool>,
    next: usize,
    counted: u64,
    run: Run,
}

impl Collection {
    /// Why the run ended before it was through, if it did.
    pub fn stop_reason(&self) -> Option<StopReason> {
        self.run.stop_reason()
    }

    /// The name of a source.
    pub fn source_name(&self, source: usize) -> &str {
        self.programs.sources.get(source).map_or("", |source| source.name.as_str())
    }

    /// The scope for the next source: shared, or one of its own.
    fn scope(&mut self) -> Env {
        if self.programs.collection.mode == SourceMode::Parallel {
            self.leave_scope();
            self.answers.clear();
        }
        if let Some(env) = &self.scope {
            return env.clone();
        }
        let env = self.run.env().with_variables();
        self.programs.set_parameters(&env, &[]);
        self.programs.run_prelude(&env);
        self.scope.insert(env).clone()
    }

    fn leave_scope(&mut self) {
        self.current = None;
        if let Some(env) = self.scope.take() {
            env.clear();
        }
    }

    /// Starts the next source. `Err` when its precondition does not hold.
    fn start_next(&mut self) -> Option<Result<(), usize>> {
        let at = self.next;
        if at >= self.programs.sources.len() {
            return None;
        }
        self.next += 1;
        self.counted = 0;
        let env = self.scope();
        let source = &self.programs.sources[at];
        if let Some(precondition) = &source.precondition {
            let text = self.programs.collection.sources[at].precondition.clone();
            let holds = self.answers.entry(text.unwrap_or_default()).or_insert_with(|| {
                Rows::new(env.clone(), precondition.clone(), None).next().is_some()
            });
            if !*holds {
                return Some(Err(at));
            }
        }
        self.current = Some(Rows::new(env, source.program.clone(), None).that_leave());
        Some(Ok(()))
    }
}

impl Iterator for Collection {
    type Item = Collected;

    fn next(&mut self) -> Option<Collected> {
        let _entered = stack::enter();
        loop {
            let session = self.run.env().session().clone();
            if let Some(rows) = &mut self.current {
                let source = self.next - 1;
                if let Some(found) = rows.next()
                    && !session.yield_row()
                {
                    self.counted += 1;
                    return Some(Collected::Row { source, row: found.row });
                }
                self.current = None;
                return Some(Collected::Finished { source, rows: self.counted });
            }
            if session.is_stopped() {
                return None;
            }
            match self.start_next()? {
                Ok(()) => {}
                Err(source) => return Some(Collected::Skipped { source }),
            }
        }
    }
}

impl Drop for Collection {
    fn drop(&mut self) {
        self.leave_scope();
    }
}
