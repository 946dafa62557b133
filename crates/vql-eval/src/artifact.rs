//! `Artifact.Name(…)` as a row source, and where artifacts come from.
//!
//! An artifact that is called runs below its caller's scope, so the caller's variables are
//! visible unless a parameter hides them. Preconditions are asked only with `preconditions=TRUE`.

use std::ops::Range;
use std::sync::Arc;

use artifacts::{ArtifactSet, SourceChoice};
use model::collect::{CompiledCollection, SourceMode};
use rows::{Name, Row, Value};
use vql_plugin::{CallArgs, Level, RowStream, stream};

use crate::compile::Diagnostics;
use crate::language::background::at_once;
use crate::run::{Program, Rows};
use crate::scope::{Env, Slot};

/// How deep artifacts may call each other.
const NESTING_MAX: u8 = 10;

/// Gives artifacts to the queries that call them.
///
/// # Contract
///
/// - The collection has every parameter in its environment, with its default.
/// - With `source`, only that source is in the collection.
pub trait ArtifactSource: Send + Sync {
    /// The artifact of that name, or a sentence that says why there is none.
    fn compiled(&self, name: &str, source: Option<&str>) -> Result<CompiledCollection, String>;

    /// Whether its sources wait for events, so that none of them comes to an end.
    fn waits_for_events(&self, _name: &str) -> bool {
        false
    }
}

/// There are no artifacts here.
pub struct NoArtifacts;

impl ArtifactSource for NoArtifacts {
    fn compiled(&self, name: &str, _source: Option<&str>) -> Result<CompiledCollection, String> {
        Err(format!("artifact {name} not found: there are no artifacts here"))
    }
}

impl ArtifactSource for ArtifactSet {
    fn compiled(&self, name: &str, source: Option<&str>) -> Result<CompiledCollection, String> {
        let choice =
            source.map_or(SourceChoice::All, |source| SourceChoice::Named(vec![source.to_owned()]));
        artifacts::compile(self, name, &[], &choice)
            .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
    }

    fn waits_for_events(&self, name: &str) -> bool {
        self.get(name).is_some_and(|artifact| artifact.kind.is_event())
    }
}

/// The artifacts that travel with a collection.
#[derive(Default)]
pub struct BundledArtifacts(ArtifactSet);

impl BundledArtifacts {
    /// Reads artifacts from their files' texts. The error says what is wrong with which.
    pub fn read(yamls: &[String]) -> Result<Self, String> {
        let mut set = ArtifactSet::new();
        for (index, yaml) in yamls.iter().enumerate() {
            let file = format!("bundled artifact {}", index + 1);
            set.add(&file, yaml).map_err(|problems| {
                problems.iter().map(artifacts::Problem::render).collect::<Vec<_>>().join("\n")
            })?;
        }
        Ok(Self(set))
    }
}

impl ArtifactSource for BundledArtifacts {
    fn compiled(&self, name: &str, source: Option<&str>) -> Result<CompiledCollection, String> {
        self.0.compiled(name, source)
    }

    fn waits_for_events(&self, name: &str) -> bool {
        self.0.waits_for_events(name)
    }
}

/// A collection whose texts are compiled.
pub(crate) struct Programs {
    pub(crate) collection: CompiledCollection,
    pub(crate) prelude: Option<Arc<Program>>,
    pub(crate) sources: Vec<SourcePrograms>,
}

pub(crate) struct SourcePrograms {
    pub(crate) name: String,
    pub(crate) program: Arc<Program>,
    pub(crate) precondition: Option<Arc<Program>>,
}

impl Programs {
    pub(crate) fn compile(
        collection: CompiledCollection,
        catalog: &vql_plugin::Catalog,
    ) -> Result<Self, (String, Diagnostics)> {
        let compile = |place: &str, text: &str| {
            Program::compile(text, catalog).map_err(|wrong| (place.to_owned(), wrong))
        };
        let prelude = match collection.prelude.trim() {
            "" => None,
            text => Some(compile(&collection.artifact, text)?),
        };
        let mut sources = Vec::with_capacity(collection.sources.len());
        for source in &collection.sources {
            let precondition = match &source.precondition {
                None => None,
                Some(text) => Some(compile(&format!("{} (precondition)", source.name), text)?),
            };
            let program = compile(&source.name, &source.vql)?;
            sources.push(SourcePrograms { name: source.name.clone(), program, precondition });
        }
        Ok(Self { collection, prelude, sources })
    }

    /// Makes parameters variables: the given value, or the default.
    pub(crate) fn set_parameters(&self, env: &Env, given: &[(Name, Value)]) {
        for (name, text) in &self.collection.environment {
            let chosen = given.iter().rev().find(|(known, _)| **known == **name);
            let value = chosen.map_or_else(|| Value::text(text.as_str()), |(_, v)| v.clone());
            env.set(Name::from(name.as_str()), Slot::Value(value));
        }
    }

    pub(crate) fn run_prelude(&self, env: &Env) {
        if let Some(prelude) = &self.prelude {
            Rows::new(env.clone(), prelude.clone(), None).for_each(drop);
        }
    }
}

impl Env {
    pub(crate) fn run_artifact(&self, dotted: &str, args: CallArgs) -> RowStream {
        match self.start_artifact(dotted, args) {
            Ok(rows) => rows,
            Err(text) => {
                self.session().log_once(Level::Error, text);
                stream::empty()
            }
        }
    }

    fn start_artifact(&self, dotted: &str, args: CallArgs) -> Result<RowStream, String> {
        if self.artifact_depth() >= NESTING_MAX {
            return Err(format!("{dotted}: artifacts call each other deeper than {NESTING_MAX}"));
        }
        let name = dotted.strip_prefix("Artifact.").unwrap_or(dotted);
        let mut given = args.into_pairs();
        let mut take = |wanted: &str| {
            let at = given.iter().rposition(|(name, _)| &**name == wanted)?;
            Some(given.remove(at).1)
        };
        let source = take("source").map(|source| source.to_text().to_string());
        let asks = take("preconditions").is_some_and(|asks| self.is_true(&asks));
        let programs = self.artifact_programs(name, source.as_deref())?;
        for (parameter, _) in &given {
            if !programs.collection.environment.iter().any(|(known, _)| **known == **parameter) {
                return Err(format!("Unknown parameter {parameter} of artifact {name}"));
            }
        }
        for (_, value) in &mut given {
            *value = self.forced(std::mem::take(value));
        }
        let count = programs.sources.len();
        let rows = |sources: Range<usize>| -> RowStream {
            Box::new(ArtifactRows {
                caller: self.clone(),
                programs: programs.clone(),
                given: given.clone(),
                asks,
                sources,
                scope: None,
                rows: None,
            })
        };
        if count > 1 && self.session().setup.artifacts.waits_for_events(name) {
            let streams = (0..count).map(|source| rows(source..source + 1)).collect();
            return Ok(at_once(dotted, streams, &self.handle()));
        }
        Ok(rows(0..count))
    }

    /// Compiled once per run, however often it is called.
    fn artifact_programs(&self, name: &str, source: Option<&str>) -> Result<Arc<Programs>, String> {
        let setup = &self.session().setup;
        let key = format!("{name}/{}", source.unwrap_or(""));
        let kept = self.session().memory.keep(&key, || {
            let collection = setup.artifacts.compiled(name, source)?;
            Programs::compile(collection, &setup.catalog)
                .map(Arc::new)
                .map_err(|(place, wrong)| format!("artifact {place}: {wrong}"))
        });
        let kept: &Result<Arc<Programs>, String> = &kept;
        kept.clone()
    }
}

struct ArtifactRows {
    caller: Env,
    programs: Arc<Programs>,
    given: Vec<(Name, Value)>,
    asks: bool,
    /// Those that have not run, behind the one that runs.
    sources: Range<usize>,
    scope: Option<Env>,
    rows: Option<Rows>,
}

impl ArtifactRows {
    /// Starts the next source that is not ruled out; false when there is none.
    fn start_next(&mut self) -> bool {
        let programs = self.programs.clone();
        while let Some(at) = self.sources.next() {
            let Some(source) = programs.sources.get(at) else { return false };
            if self.programs.collection.mode == SourceMode::Parallel {
                self.leave_scope();
            }
            let env = match &self.scope {
                Some(env) => env.clone(),
                None => {
                    let env = self.caller.with_variables();
                    self.programs.set_parameters(&env, &self.given);
                    self.programs.run_prelude(&env);
                    self.scope.insert(env).clone()
                }
            };
            let ruled_out = self.asks
                && source.precondition.as_ref().is_some_and(|precondition| {
                    Rows::new(env.clone(), precondition.clone(), None).next().is_none()
                });
            if !ruled_out {
                self.rows = Some(Rows::new(env, source.program.clone(), None));
                return true;
            }
        }
        false
    }

    fn leave_scope(&mut self) {
        self.rows = None;
        if let Some(env) = self.scope.take() {
            env.clear();
        }
    }
}

impl Iterator for ArtifactRows {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        loop {
            if let Some(rows) = &mut self.rows {
                if let Some(found) = rows.next() {
                    let source = &self.programs.sources[self.sources.start - 1].name;
                    return Some(found.row.with("_Source", source.as_str()));
                }
                self.rows = None;
            }
            if !self.start_next() {
                return None;
            }
        }
    }
}

impl Drop for ArtifactRows {
    fn drop(&mut self) {
        self.leave_scope();
    }
}
