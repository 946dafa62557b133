//! Artifacts: list, one; and checks of calls, files and VQL.

use std::sync::Arc;

use api::{
    ArtifactCheck, ArtifactSourceView, ArtifactSummary, ArtifactView, ArtifactsQuery, CheckReport,
    ParameterView, Problem, VqlCheck, VqlCompletion, VqlCompletionQuery, VqlOffer,
};
use artifacts::ArtifactSet;
use axum::Json;
use axum::extract::{Path, State};
use model::artifact::{Artifact, Parameter};

use super::error::ApiError;
use super::extract::{Asked, Body};
use super::{People, ask};

type Shared = State<Arc<People>>;

fn first_sentence(text: &str) -> String {
    let text = text.trim();
    let paragraph = text.split("\n\n").next().unwrap_or("");
    let words = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
    match words.find(". ") {
        Some(end) => words[..=end].to_owned(),
        None => words,
    }
}

fn source_names(artifact: &Artifact) -> Vec<String> {
    artifact.sources.iter().map(|source| source.name.clone().unwrap_or_default()).collect()
}

pub(crate) async fn list(
    State(people): Shared,
    Asked(asked): Asked<ArtifactsQuery>,
) -> Json<Vec<ArtifactSummary>> {
    let wanted = asked.search.unwrap_or_default().trim().to_lowercase();
    let fits = |artifact: &&Artifact| {
        wanted.is_empty()
            || artifact.name.to_lowercase().contains(&wanted)
            || artifact.description.to_lowercase().contains(&wanted)
    };
    let summary = |artifact: &Artifact| ArtifactSummary {
        name: artifact.name.clone(),
        kind: artifact.kind.word().to_lowercase(),
        summary: first_sentence(&artifact.description),
        built_in: people.collector.is_built_in(&artifact.name),
        sources: source_names(artifact),
    };
    Json(people.collector.artifacts().iter().filter(fits).map(summary).collect())
}

pub(crate) async fn one(
    State(people): Shared,
    Path(name): Path<String>,
) -> Result<Json<ArtifactView>, ApiError> {
    let set = people.collector.artifacts();
    let artifact = set.get(&name).ok_or_else(|| {
        let error = ApiError::not_found(format!("artifact `{name}`"));
        match set.nearest(&name) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error,
        }
    })?;
    let source = |source: &model::artifact::ArtifactSource| ArtifactSourceView {
        name: source.name.clone().unwrap_or_default(),
        description: source.description.clone(),
        precondition: source.precondition.clone().unwrap_or_default(),
        query: source.query.clone(),
    };
    Ok(Json(ArtifactView {
        name: artifact.name.clone(),
        kind: artifact.kind.word().to_lowercase(),
        description: artifact.description.clone(),
        author: artifact.author.clone(),
        references: artifact.references.clone(),
        parameters: artifact.parameters.iter().map(parameter).collect(),
        sources: artifact.sources.iter().map(source).collect(),
        yaml: set.yaml(&name).unwrap_or("").to_owned(),
        built_in: people.collector.is_built_in(&artifact.name),
    }))
}

fn parameter(parameter: &Parameter) -> ParameterView {
    let label = match parameter.friendly_name.as_str() {
        "" => &parameter.name,
        friendly => friendly,
    };
    ParameterView {
        name: parameter.name.clone(),
        label: label.to_owned(),
        description: parameter.description.clone(),
        kind: parameter.kind.word().to_owned(),
        default: parameter.default.clone().unwrap_or_default(),
        choices: parameter.choices.clone(),
        validating_regex: parameter.validating_regex.clone().unwrap_or_default(),
    }
}

fn report(problems: Vec<Problem>) -> Json<CheckReport> {
    let ok = problems.iter().all(|problem| problem.severity != "error");
    Json(CheckReport { ok, problems })
}

pub(crate) async fn check(
    State(people): Shared,
    Body(said): Body<ArtifactCheck>,
) -> Json<CheckReport> {
    match said {
        ArtifactCheck::Call(call) => report(people.collector.check(&ask::calls(&[call]))),
        ArtifactCheck::Yaml(yaml) => report(check_file(&yaml)),
    }
}

/// Problems of one artifact file by itself, and its warnings.
fn check_file(yaml: &str) -> Vec<Problem> {
    let mut set = ArtifactSet::new();
    let found = match set.add("artifact.yaml", yaml) {
        Ok(_) => {
            // Calls of other artifacts cannot be judged from one file.
            let mut found = set.problems();
            found.retain(|problem| problem.severity == artifacts::Severity::Warning);
            found
        }
        Err(problems) => problems,
    };
    let problem = |problem: artifacts::Problem| Problem {
        field: problem.field,
        start: None,
        end: None,
        line: Some(problem.line as u64),
        column: Some(problem.column as u64),
        severity: match problem.severity {
            artifacts::Severity::Error => "error".into(),
            artifacts::Severity::Warning => "warning".into(),
        },
        message: problem.message,
        hint: problem.hint.unwrap_or_default(),
    };
    found.into_iter().map(problem).collect()
}

pub(crate) async fn check_vql(
    State(people): Shared,
    Body(said): Body<VqlCheck>,
) -> Result<Json<CheckReport>, ApiError> {
    let problems = match said.kind.as_str() {
        "client" => people.vql.check_client_query(&said.text),
        "server_condition" => people.vql.check_condition(&said.text),
        other => return Err(no_kind_of_query(other)),
    };
    Ok(report(problems))
}

fn no_kind_of_query(said: &str) -> ApiError {
    ApiError::caller(format!("`{said}` is not a kind of query; choose client or server_condition"))
}

pub(crate) async fn complete_vql(
    State(people): Shared,
    Body(said): Body<VqlCompletionQuery>,
) -> Result<Json<VqlCompletion>, ApiError> {
    let at = usize::try_from(said.at).unwrap_or(usize::MAX);
    let found = match said.kind.as_str() {
        "client" => people.vql.complete_client_query(&said.text, at),
        "server_condition" => people.vql.complete_condition(&said.text, at),
        other => return Err(no_kind_of_query(other)),
    };
    let offers = found.offers.into_iter().map(|offer| VqlOffer {
        kind: offer.kind.word().to_owned(),
        text: offer.text,
        detail: offer.detail,
        doc: offer.doc,
    });
    Ok(Json(VqlCompletion {
        from: found.replaces.start as u64,
        to: found.replaces.end as u64,
        offers: offers.collect(),
    }))
}
