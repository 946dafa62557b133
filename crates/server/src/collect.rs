//! From artifact calls to what an agent is asked to run.
//!
//! Calls are compiled when a flow or hunt is made, so that whoever makes it hears what is wrong, and
//! again when a flow is sent; the last ones are remembered.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use api::Problem;
use artifacts::{ArtifactSet, CompileError, SourceChoice, compile};
use model::collect::CompiledCollection;
use model::flow::{ArtifactCall, Flow};
use model::results::AttemptId;
use model::tool::{ToolFile, ToolMissing, choose, hash_text};
use parking_lot::{Mutex, RwLock};
use wire::{Collection, FlowRequest};

/// How many different lists of calls are remembered.
const REMEMBERED_MAX: usize = 64;
/// Bytes that a request may have besides the frame around it.
const REQUEST_BYTES_MAX: usize = wire::FRAME_BYTES_MAX - 1_024;

use crate::windows::with_windows;

type Compiled = Arc<Vec<Collection>>;

/// Knows all artifacts, and makes requests of calls.
pub struct Collector {
    artifacts: Arc<ArtifactSet>,
    /// Which artifacts came with the product.
    built_in: Arc<ArtifactSet>,
    remembered: Mutex<VecDeque<(Vec<ArtifactCall>, Compiled)>>,
    /// Files that are kept for artifacts.
    tools: RwLock<Vec<ToolFile>>,
}

impl Collector {
    /// A collector over these artifacts, of which `built_in` came with the product.
    pub fn new(artifacts: Arc<ArtifactSet>, built_in: Arc<ArtifactSet>) -> Self {
        Self { artifacts, built_in, remembered: Mutex::default(), tools: RwLock::default() }
    }

    /// All artifacts.
    pub fn artifacts(&self) -> &ArtifactSet {
        &self.artifacts
    }

    /// Whether an artifact came with the product.
    pub(crate) fn is_built_in(&self, name: &str) -> bool {
        self.built_in.get(name).is_some()
    }

    /// These tools are kept from now on.
    pub(crate) fn set_tools(&self, tools: Vec<ToolFile>) {
        *self.tools.write() = tools;
        self.remembered.lock().clear();
    }

    /// Whether a file with this content is kept as a tool.
    pub(crate) fn keeps_tool(&self, sha256: &[u8; 32]) -> bool {
        self.tools.read().iter().any(|tool| tool.sha256 == *sha256)
    }

    /// The tools that artifacts declare, with the names of those artifacts.
    pub(crate) fn tools_wanted(&self) -> BTreeMap<String, Vec<String>> {
        let mut wanted: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for artifact in self.artifacts.iter() {
            for tool in &artifact.tools {
                wanted.entry(tool.name.clone()).or_default().push(artifact.name.clone());
            }
        }
        wanted
    }

    /// The declared tools that a file of this name is meant for: those of its name, and those whose URL
    /// ends in it. With the versions that are declared.
    pub(crate) fn tools_named(&self, filename: &str) -> Vec<(String, String)> {
        let stem = filename.split_once('.').map_or(filename, |(stem, _)| stem);
        let declared = self.artifacts.iter().flat_map(|artifact| &artifact.tools);
        let meant = declared.filter(|tool| {
            let url = tool.url.as_deref().and_then(|url| url.rsplit('/').next());
            tool.name == filename || tool.name == stem || url == Some(filename)
        });
        let mut found: Vec<(String, String)> = meant
            .map(|tool| (tool.name.clone(), tool.version.clone().unwrap_or_default()))
            .collect();
        found.sort();
        found.dedup();
        found
    }

    /// Why no artifact that declares this tool could use this file; `None` when one could, or when
    /// none declares it.
    pub(crate) fn unfit(&self, file: &ToolFile) -> Option<String> {
        let declared = self.artifacts.iter().flat_map(|artifact| &artifact.tools);
        let declared: Vec<_> = declared.filter(|tool| tool.name == file.name).collect();
        let fits = |tool: &&model::artifact::Tool| {
            !matches!(choose(tool, std::slice::from_ref(file)), Err(ToolMissing::OtherHash { .. }))
        };
        if declared.is_empty() || declared.iter().any(fits) {
            return None;
        }
        let wanted = declared.iter().find_map(|tool| tool.expected_hash.as_deref())?;
        let found = hash_text(&file.sha256);
        Some(format!(
            "the file has {found}, and {wanted} is expected by every artifact that needs it"
        ))
    }

    /// The files that an artifact, and those that it calls, need; or why one is not there.
    pub(crate) fn tools_of(&self, artifact: &str) -> Result<Vec<wire::Tool>, String> {
        let kept = self.tools.read();
        let own = self.artifacts.get(artifact).into_iter();
        let mut found: Vec<wire::Tool> = Vec::new();
        for declared in own.chain(self.artifacts.dependencies(artifact)).flat_map(|a| &a.tools) {
            if found.iter().any(|known| known.name == declared.name) {
                continue;
            }
            let file = choose(declared, &kept).map_err(|missing| missing.to_string())?;
            found.push(wire::Tool {
                name: file.name.clone(),
                version: file.version.clone(),
                filename: file.filename.clone(),
                sha256: file.sha256.to_vec(),
                size: file.size,
            });
        }
        Ok(found)
    }

    /// Everything that is wrong with these calls; empty when they can be collected from clients.
    pub fn check(&self, calls: &[ArtifactCall]) -> Vec<Problem> {
        let mut problems = Vec::new();
        if calls.is_empty() {
            let mut none = problem_at("artifacts".into(), "is empty".into());
            none.hint = "name at least one artifact".into();
            problems.push(none);
        }
        for (index, call) in calls.iter().enumerate() {
            let field = format!("artifacts[{index}]");
            if calls[..index].iter().any(|earlier| earlier.name == call.name) {
                let message = format!("`{}` is named twice", call.name);
                problems.push(problem_at(format!("{field}.name"), message));
            }
            match compile_call(&self.artifacts, call) {
                Ok(_) => {
                    let missing = self.tools_of(&call.name).err();
                    problems.extend(missing.map(|why| problem_at(format!("{field}.name"), why)));
                }
                Err(errors) => {
                    problems.extend(errors.iter().map(|error| compile_problem(&field, error)));
                }
            }
            let kind = self.artifacts.get(&call.name).map(|artifact| artifact.kind);
            if let Some(kind) = kind.filter(|kind| *kind != model::artifact::ArtifactKind::Client) {
                let message = format!(
                    "`{}` is an artifact of the kind {}; only those of the kind CLIENT can be \
                     collected",
                    call.name,
                    kind.word()
                );
                problems.push(problem_at(format!("{field}.name"), message));
            }
        }
        if problems.is_empty()
            && let Ok(compiled) = self.compiled(calls)
        {
            let bytes: usize = compiled.iter().map(prost::Message::encoded_len).sum();
            if bytes > REQUEST_BYTES_MAX {
                let message = format!(
                    "compiled they have {bytes} bytes; at most {REQUEST_BYTES_MAX} can be sent to \
                     an agent"
                );
                problems.push(problem_at("artifacts".into(), message));
            }
        }
        problems
    }

    /// One call compiled, of whatever kind its artifact is.
    pub(crate) fn compile_one(
        &self,
        call: &ArtifactCall,
    ) -> Result<CompiledCollection, Vec<CompileError>> {
        compile_call(&self.artifacts, call)
    }

    /// The request for a flow's present attempt, or why its calls no longer compile.
    pub(crate) fn request(&self, flow: &Flow) -> Result<FlowRequest, String> {
        let collections = self.compiled(&flow.artifacts)?;
        let attempt = AttemptId { flow: flow.id, attempt: flow.life.attempt };
        Ok(FlowRequest {
            attempt: Some(attempt.into()),
            collections: match &flow.window {
                Some(window) => with_windows(&collections, window, REQUEST_BYTES_MAX),
                None => collections.to_vec(),
            },
            limits: Some((&flow.limits).into()),
        })
    }

    fn compiled(&self, calls: &[ArtifactCall]) -> Result<Compiled, String> {
        let known = self.remembered.lock().iter().find(|(known, _)| known == calls).cloned();
        if let Some((_, compiled)) = known {
            return Ok(compiled);
        }
        let mut collections = Vec::with_capacity(calls.len());
        for call in calls {
            let compiled = compile_call(&self.artifacts, call).map_err(|errors| {
                errors.iter().map(CompileError::to_string).collect::<Vec<_>>().join("; ")
            })?;
            let tools = self.tools_of(&call.name)?;
            collections.push(Collection { tools, ..compiled.into() });
        }
        let compiled = Arc::new(collections);
        let mut remembered = self.remembered.lock();
        remembered.push_front((calls.to_vec(), Arc::clone(&compiled)));
        remembered.truncate(REMEMBERED_MAX);
        Ok(compiled)
    }
}

fn compile_call(
    set: &ArtifactSet,
    call: &ArtifactCall,
) -> Result<CompiledCollection, Vec<CompileError>> {
    compile(set, &call.name, &call.parameters, &SourceChoice::All)
}

fn compile_problem(field: &str, error: &CompileError) -> Problem {
    let field = match error {
        CompileError::UnknownParameter { parameter, .. }
        | CompileError::ParameterTwice { parameter }
        | CompileError::BadValue { parameter, .. } => format!("{field}.parameters.{parameter}"),
        CompileError::UnknownArtifact { .. } => format!("{field}.name"),
        CompileError::UnknownImport { .. }
        | CompileError::UnusableType { .. }
        | CompileError::UnknownSource { .. }
        | CompileError::NothingToCollect { .. } => field.to_owned(),
    };
    problem_at(field, error.to_string())
}

fn problem_at(field: String, message: String) -> Problem {
    crate::people::error::problem(field, message)
}
