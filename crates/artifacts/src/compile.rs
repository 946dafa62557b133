//! An artifact and its parameters to plain VQL that an agent runs without knowing any artifact.
//!
//! The order of a scope is: parameters as text, conversions in parameter order, the artifact's own
//! export, imported exports, sources. Everything before the sources is the prelude.

use model::artifact::{Artifact, ArtifactSource, Parameter, ParameterType};
use model::collect::{CompiledCollection, CompiledSource, SourceMode};
use vql_syntax::ast::Statement;
use vql_syntax::{parse_program, written_name};

use crate::decode::did_you_mean;
use crate::parameter::accepts;
use crate::set::ArtifactSet;

/// Which sources of an artifact to collect.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum SourceChoice {
    /// Every source.
    #[default]
    All,
    /// The sources with these names.
    Named(Vec<String>),
}

/// Why an artifact cannot be compiled with these parameters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// No artifact has this name.
    #[error("there is no artifact `{name}`{}", advice(.hint))]
    UnknownArtifact {
        /// The name that was asked for.
        name: String,
        /// How to mend it.
        hint: String,
    },
    /// The artifact imports one that does not exist.
    #[error(
        "artifact `{artifact}` imports `{import}`, and there is no such artifact; add its file"
    )]
    UnknownImport {
        /// The artifact.
        artifact: String,
        /// What it imports.
        import: String,
    },
    /// The artifact has no such parameter.
    #[error("artifact `{artifact}` has no parameter `{parameter}`{}", advice(.hint))]
    UnknownParameter {
        /// The artifact.
        artifact: String,
        /// The parameter that was given.
        parameter: String,
        /// How to mend it.
        hint: String,
    },
    /// The same parameter was given more than once.
    #[error("parameter `{parameter}` is given twice; keep one of them")]
    ParameterTwice {
        /// The parameter.
        parameter: String,
    },
    /// A text that the parameter cannot have.
    #[error("parameter `{parameter}` of type `{kind}`: the value {message}{}", advice(.hint))]
    BadValue {
        /// The parameter.
        parameter: String,
        /// The word for its type.
        kind: &'static str,
        /// What is wrong with the value.
        message: String,
        /// How to mend it.
        hint: String,
    },
    /// A type whose conversion does not exist.
    #[error(
        "parameter `{parameter}` of `{artifact}` has the type `{kind}`, which cannot be used yet"
    )]
    UnusableType {
        /// The artifact.
        artifact: String,
        /// The parameter.
        parameter: String,
        /// The word for its type.
        kind: &'static str,
    },
    /// The artifact has no such source.
    #[error("artifact `{artifact}` has no source `{source_name}`{}", advice(.hint))]
    UnknownSource {
        /// The artifact.
        artifact: String,
        /// The source that was asked for.
        source_name: String,
        /// How to mend it.
        hint: String,
    },
    /// There is nothing to run.
    #[error("artifact `{artifact}` has no source with a query; it cannot be collected")]
    NothingToCollect {
        /// The artifact.
        artifact: String,
    },
}

fn advice(hint: &str) -> String {
    if hint.is_empty() { String::new() } else { format!("; {hint}") }
}

/// Compiles one artifact; on failure everything that is wrong.
pub fn compile(
    set: &ArtifactSet,
    name: &str,
    parameters: &[(String, String)],
    choice: &SourceChoice,
) -> Result<CompiledCollection, Vec<CompileError>> {
    let Some(artifact) = set.get(name) else {
        let hint = set.nearest(name).map(|like| format!("did you mean `{like}`?"));
        let (name, hint) = (name.to_owned(), hint.unwrap_or_default());
        return Err(vec![CompileError::UnknownArtifact { name, hint }]);
    };
    let mut wrong = Vec::new();
    let environment = environment(artifact, parameters, &mut wrong);
    let prelude = prelude(set, artifact, &mut wrong);
    let mode = source_mode(artifact);
    let sources = sources(artifact, mode, choice, &mut wrong);
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let dependencies = set.dependencies(name);
    let mut required_permissions = artifact.required_permissions.clone();
    for permission in dependencies.iter().flat_map(|called| &called.required_permissions) {
        if !required_permissions.contains(permission) {
            required_permissions.push(permission.clone());
        }
    }
    let yaml = |called: &&Artifact| set.yaml(&called.name).unwrap_or("").to_owned();
    Ok(CompiledCollection {
        artifact: artifact.name.clone(),
        environment,
        prelude,
        sources,
        mode,
        artifacts: dependencies.iter().map(yaml).collect(),
        required_permissions,
        resources: artifact.resources.clone(),
    })
}

/// Whether the texts may be given to the artifact: what compiling would refuse, without compiling.
pub fn check_parameters(artifact: &Artifact, parameters: &[(String, String)]) -> Vec<CompileError> {
    let mut wrong = Vec::new();
    environment(artifact, parameters, &mut wrong);
    wrong
}

/// Every parameter with its text.
fn environment(
    artifact: &Artifact,
    given: &[(String, String)],
    wrong: &mut Vec<CompileError>,
) -> Vec<(String, String)> {
    let names = || artifact.parameters.iter().map(|parameter| parameter.name.as_str());
    for (index, (name, _)) in given.iter().enumerate() {
        if given.iter().take(index).any(|(earlier, _)| earlier == name) {
            wrong.push(CompileError::ParameterTwice { parameter: name.clone() });
        } else if names().all(|known| known != name) {
            let hint = match artifact.parameters.len() {
                0 => "it has no parameters at all".to_owned(),
                _ => did_you_mean(name, names().collect::<Vec<_>>()),
            };
            wrong.push(CompileError::UnknownParameter {
                artifact: artifact.name.clone(),
                parameter: name.clone(),
                hint,
            });
        }
    }
    let mut environment = Vec::new();
    for parameter in &artifact.parameters {
        let chosen = given.iter().rev().find(|(name, _)| *name == parameter.name);
        let Some((_, text)) = chosen else {
            // A default is its author's own choice, odd or not.
            let text = parameter.default.clone().unwrap_or_default();
            environment.push((parameter.name.clone(), text));
            continue;
        };
        if let Err(refusal) = accepts(parameter, text) {
            wrong.push(CompileError::BadValue {
                parameter: parameter.name.clone(),
                kind: parameter.kind.word(),
                message: refusal.message,
                hint: refusal.hint,
            });
        }
        environment.push((parameter.name.clone(), text.clone()));
    }
    environment
}

fn prelude(set: &ArtifactSet, artifact: &Artifact, wrong: &mut Vec<CompileError>) -> String {
    let mut parts: Vec<String> = Vec::new();
    for parameter in &artifact.parameters {
        match conversion(parameter) {
            Ok(statements) => parts.extend(statements),
            Err(()) => wrong.push(CompileError::UnusableType {
                artifact: artifact.name.clone(),
                parameter: parameter.name.clone(),
                kind: parameter.kind.word(),
            }),
        }
    }
    let exporters = set.exporters(artifact);
    for importer in std::iter::once(artifact).chain(exporters.iter().copied()) {
        for import in importer.imports.iter().filter(|import| set.get(import).is_none()) {
            wrong.push(CompileError::UnknownImport {
                artifact: importer.name.clone(),
                import: import.clone(),
            });
        }
    }
    parts.extend(artifact.export.clone());
    parts.extend(exporters.iter().filter_map(|imported| imported.export.clone()));
    parts.join("\n")
}

/// The statements that turn a parameter's text into its value.
pub(crate) fn conversion(parameter: &Parameter) -> Result<Option<String>, ()> {
    let name = written_name(&parameter.name);
    let is_text = format!("format(format=\"%T\", args=[{name},]) = \"string\"");
    let from_text =
        |value: String| format!("LET {name} <= if(condition={is_text}, then={value}, else={name})");
    let rows_of = |call: String| from_text(format!("{{ SELECT * FROM {call} }}"));
    // An empty text is no value, and not a broken one.
    let parsed = |call: String| from_text(format!("if(condition={name}, then={call})"));
    Ok(Some(match parameter.kind {
        ParameterType::Text
        | ParameterType::Regex
        | ParameterType::Glob
        | ParameterType::Yara
        | ParameterType::Hidden
        | ParameterType::Choices
        | ParameterType::Redacted
        | ParameterType::ServerMetadata => return Ok(None),
        ParameterType::Bool => {
            let field = &parameter.name;
            format!(
                "LET {name} <= get(field=\"{field}\") = TRUE OR get(field=\"{field}\") =~ \
                 \"^(Y|TRUE|YES|OK)$\""
            )
        }
        ParameterType::Int => format!("LET {name} <= int(int={name})"),
        ParameterType::Float => format!("LET {name} <= parse_float(string={name})"),
        ParameterType::Timestamp => format!("LET {name} <= timestamp(epoch={name})"),
        ParameterType::Csv | ParameterType::ArtifactSet => {
            rows_of(format!("parse_csv(filename={name}, accessor=\"data\")"))
        }
        ParameterType::Json => parsed(format!("parse_json(data={name})")),
        ParameterType::JsonArray | ParameterType::MultiChoice | ParameterType::RegexArray => {
            parsed(format!("parse_json_array(data={name})"))
        }
        ParameterType::Yaml => parsed(format!("parse_yaml(filename={name}, accessor=\"data\")")),
        ParameterType::Xml => parsed(format!("parse_xml(file={name}, accessor=\"data\")")),
        ParameterType::Upload => {
            let fetched = written_name(&format!("content of {}", parameter.name));
            format!(
                "LET {fetched} = SELECT Content FROM http_client(url={name})\n\
                 LET {name} <= if(condition={name}, then={fetched}[0].Content)"
            )
        }
        ParameterType::UploadFile => {
            let fetched = written_name(&format!("content of {}", parameter.name));
            format!(
                "LET {fetched} = SELECT Content FROM http_client(url={name}, \
                 tempfile_extension=\".tmp\")\n\
                 LET {name} <= if(condition={name}, then={fetched}[0].Content)"
            )
        }
        ParameterType::Starlark => return Err(()),
    }))
}

/// One scope for all sources, unless sources run side by side or decide by themselves.
pub(crate) fn source_mode(artifact: &Artifact) -> SourceMode {
    let own_precondition = artifact.sources.iter().any(|source| source.precondition.is_some());
    if artifact.kind.is_event() || own_precondition {
        SourceMode::Parallel
    } else {
        SourceMode::Serial
    }
}

fn sources(
    artifact: &Artifact,
    mode: SourceMode,
    choice: &SourceChoice,
    wrong: &mut Vec<CompileError>,
) -> Vec<CompiledSource> {
    let runnable: Vec<&ArtifactSource> =
        artifact.sources.iter().filter(|source| !source.query.is_empty()).collect();
    if runnable.is_empty() {
        wrong.push(CompileError::NothingToCollect { artifact: artifact.name.clone() });
    }
    if let SourceChoice::Named(names) = choice {
        for name in names {
            if runnable.iter().all(|source| source.name.as_ref() != Some(name)) {
                let known: Vec<&str> =
                    runnable.iter().filter_map(|source| source.name.as_deref()).collect();
                let hint = match known.as_slice() {
                    [] => "its only source has no name".to_owned(),
                    _ => did_you_mean(name, known),
                };
                wrong.push(CompileError::UnknownSource {
                    artifact: artifact.name.clone(),
                    source_name: name.clone(),
                    hint,
                });
            }
        }
    }
    let mut compiled = Vec::new();
    // Definitions of sources that were left out: later ones of the same scope may use them.
    let mut skipped = String::new();
    for source in runnable {
        let chosen = match choice {
            SourceChoice::All => true,
            SourceChoice::Named(names) => {
                source.name.as_ref().is_some_and(|name| names.contains(name))
            }
        };
        if !chosen {
            if mode == SourceMode::Serial {
                skipped.push_str(&definitions(&source.query));
            }
            continue;
        }
        let name = match &source.name {
            Some(name) => format!("{}/{name}", artifact.name),
            None => artifact.name.clone(),
        };
        let vql = format!("{}{}", std::mem::take(&mut skipped), source.query);
        let precondition = source.precondition.clone().or_else(|| artifact.precondition.clone());
        compiled.push(CompiledSource { name, vql, precondition });
    }
    compiled
}

/// The LET statements of a source, as written.
fn definitions(query: &str) -> String {
    let program = parse_program(query).program;
    let lets = program.statements.iter().filter(|s| matches!(s, Statement::Let(_)));
    lets.map(|statement| format!("{}\n", statement.span().of(query))).collect()
}
