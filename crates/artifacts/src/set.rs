//! Many artifacts: lookup by name or alias, and the rules between files.

use std::collections::{BTreeMap, BTreeSet};

use model::artifact::{Artifact, Tool};

use crate::decode::{Decoded, decode};
use crate::library::LIBRARY;
use yaml_nodes::{Place, Problem, Severity, nearest};

/// Artifacts by name. Names and aliases are unique; adding one that is taken is refused.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ArtifactSet {
    loaded: BTreeMap<String, Loaded>,
    /// Alias to name.
    aliases: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Loaded {
    file: String,
    yaml: String,
    pub(crate) decoded: Decoded,
}

impl Loaded {
    /// A problem at a place that the decoder remembered.
    fn problem(&self, severity: Severity, field: &str, says: (String, Option<String>)) -> Problem {
        self.problem_at(severity, field, self.place(field), says)
    }

    /// Where a field stands that the decoder remembered; the start of the file for others.
    pub(crate) fn place(&self, field: &str) -> Place {
        self.decoded.places.get(field).copied().unwrap_or(Place { line: 1, column: 1 })
    }

    pub(crate) fn problem_at(
        &self,
        severity: Severity,
        field: &str,
        at: Place,
        (message, hint): (String, Option<String>),
    ) -> Problem {
        let excerpt = self.yaml.split('\n').nth(at.line.saturating_sub(1)).unwrap_or("");
        Problem {
            severity,
            file: self.file.clone(),
            line: at.line,
            column: at.column,
            field: field.to_owned(),
            message,
            hint,
            excerpt: excerpt.trim_end_matches('\r').to_owned(),
        }
    }
}

impl ArtifactSet {
    /// A set without any artifact.
    pub fn new() -> Self {
        Self::default()
    }

    /// The artifacts that are part of the product.
    pub fn built_in() -> Self {
        let mut set = Self::new();
        for (file, yaml) in LIBRARY {
            // A test compiles every file of the library.
            let added = set.add(file, yaml);
            debug_assert!(added.is_ok(), "{file}: {added:?}");
        }
        set
    }

    /// Reads one file and keeps it, or says everything that is wrong with it.
    ///
    /// `file` is what the file is called in messages.
    pub fn add(&mut self, file: &str, yaml: &str) -> Result<&Artifact, Vec<Problem>> {
        let decoded = decode(file, yaml)?;
        let loaded = Loaded { file: file.to_owned(), yaml: yaml.to_owned(), decoded };
        let taken = self.taken_names(&loaded);
        if !taken.is_empty() {
            return Err(taken);
        }
        let name = loaded.decoded.artifact.name.clone();
        for alias in &loaded.decoded.artifact.aliases {
            self.aliases.insert(alias.clone(), name.clone());
        }
        Ok(&self.loaded.entry(name).or_insert(loaded).decoded.artifact)
    }

    fn taken_names(&self, loaded: &Loaded) -> Vec<Problem> {
        let artifact = &loaded.decoded.artifact;
        let names = std::iter::once(("name".to_owned(), &artifact.name)).chain(
            artifact
                .aliases
                .iter()
                .enumerate()
                .map(|(at, alias)| (format!("aliases[{at}]"), alias)),
        );
        let mut taken = Vec::new();
        let mut own = BTreeSet::new();
        for (field, name) in names {
            if !own.insert(name) {
                let says = (format!("`{name}` is written twice in this file"), None);
                taken.push(loaded.problem(Severity::Error, &field, says));
            } else if let Some(other) = self.find(name) {
                let message =
                    format!("`{name}` is already the name of an artifact in {}", other.file);
                let hint = "choose another name, for example one that starts with `Custom.`";
                let says = (message, Some(hint.to_owned()));
                taken.push(loaded.problem(Severity::Error, &field, says));
            }
        }
        taken
    }

    /// Adds the artifacts of another set whose names are free here.
    pub fn fill_from(&mut self, other: &ArtifactSet) {
        for loaded in other.loaded.values() {
            let artifact = &loaded.decoded.artifact;
            let mut names = std::iter::once(&artifact.name).chain(&artifact.aliases);
            if names.all(|name| self.find(name).is_none()) {
                for alias in &artifact.aliases {
                    self.aliases.insert(alias.clone(), artifact.name.clone());
                }
                self.loaded.insert(artifact.name.clone(), loaded.clone());
            }
        }
    }

    pub(crate) fn loaded(&self) -> impl Iterator<Item = &Loaded> {
        self.loaded.values()
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Loaded> {
        let name = self.aliases.get(name).map_or(name, String::as_str);
        self.loaded.get(name)
    }

    /// The artifact with this name or alias.
    pub fn get(&self, name: &str) -> Option<&Artifact> {
        self.find(name).map(|loaded| &loaded.decoded.artifact)
    }

    /// The text of the file that defines this name or alias.
    pub fn yaml(&self, name: &str) -> Option<&str> {
        self.find(name).map(|loaded| loaded.yaml.as_str())
    }

    /// What the file that defines this name or alias is called.
    pub fn file(&self, name: &str) -> Option<&str> {
        self.find(name).map(|loaded| loaded.file.as_str())
    }

    /// All artifacts in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &Artifact> {
        self.loaded.values().map(|loaded| &loaded.decoded.artifact)
    }

    /// How many artifacts there are.
    pub fn len(&self) -> usize {
        self.loaded.len()
    }

    /// Whether there is no artifact.
    pub fn is_empty(&self) -> bool {
        self.loaded.is_empty()
    }

    /// The known name most like a wrong one.
    pub fn nearest(&self, name: &str) -> Option<&str> {
        let names = self.loaded.keys().chain(self.aliases.keys()).map(String::as_str);
        nearest(name, names)
    }

    /// What is wrong between the files of the set (unknown imports, calls of unknown artifacts), and
    /// every warning about single files.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        for loaded in self.loaded.values() {
            problems.extend(loaded.decoded.warnings.iter().cloned());
            let artifact = &loaded.decoded.artifact;
            for (index, import) in artifact.imports.iter().enumerate() {
                let message = match self.get(import) {
                    None => format!("there is no artifact `{import}`"),
                    Some(found) if found.export.is_none() => {
                        format!("`{import}` has no export, so there is nothing to import")
                    }
                    Some(_) => continue,
                };
                let hint = self.nearest(import).filter(|like| like != import);
                let hint = hint.map(|like| format!("did you mean `{like}`?"));
                let field = format!("imports[{index}]");
                problems.push(loaded.problem(Severity::Error, &field, (message, hint)));
            }
            for called in calls(artifact) {
                if self.get(&called).is_none() {
                    let message =
                        format!("it calls `Artifact.{called}(…)`, and there is no such artifact");
                    let hint = self.nearest(&called).map(|like| format!("did you mean `{like}`?"));
                    // A warning: the search is textual, so the call may stand in a comment.
                    problems.push(loaded.problem(Severity::Warning, "name", (message, hint)));
                }
            }
        }
        problems
    }

    /// The artifacts that running `name` needs besides itself: called ones, what those call and
    /// import, and itself when it is called again. In the order of discovery.
    pub fn dependencies(&self, name: &str) -> Vec<&Artifact> {
        let Some(root) = self.get(name) else {
            return Vec::new();
        };
        let mut found: Vec<&Artifact> = Vec::new();
        let mut open: Vec<String> = calls(root);
        for imported in self.exporters(root) {
            open.extend(calls(imported));
        }
        while let Some(next) = open.pop() {
            let Some(artifact) = self.get(&next) else {
                continue;
            };
            if found.iter().any(|known| known.name == artifact.name) {
                continue;
            }
            found.push(artifact);
            open.extend(calls(artifact));
            open.extend(artifact.imports.iter().cloned());
        }
        found
    }

    /// The tools that running `name` may need: its own, those of what it calls and imports, each
    /// name once.
    pub fn tools(&self, name: &str) -> Vec<&Tool> {
        let mut tools: Vec<&Tool> = Vec::new();
        let root = self.get(name);
        let imported = root.map(|root| self.exporters(root)).unwrap_or_default();
        for artifact in root.into_iter().chain(imported).chain(self.dependencies(name)) {
            for tool in &artifact.tools {
                if tools.iter().all(|known| known.name != tool.name) {
                    tools.push(tool);
                }
            }
        }
        tools
    }

    /// The artifacts whose export is loaded before the sources: what it imports, directly or not,
    /// each once.
    pub(crate) fn exporters(&self, artifact: &Artifact) -> Vec<&Artifact> {
        let mut found: Vec<&Artifact> = Vec::new();
        let mut open: Vec<&str> = artifact.imports.iter().rev().map(String::as_str).collect();
        while let Some(next) = open.pop() {
            if let Some(imported) = self.get(next)
                && imported.name != artifact.name
                && !found.iter().any(|known| known.name == imported.name)
            {
                found.push(imported);
                open.extend(imported.imports.iter().rev().map(String::as_str));
            }
        }
        found
    }
}

/// The artifacts that an artifact's VQL calls: found textually as `Artifact.<name>(`.
pub fn calls(artifact: &Artifact) -> Vec<String> {
    let mut called = Vec::new();
    let sources = artifact.sources.iter();
    let texts = sources
        .flat_map(|source| [Some(&source.query), source.precondition.as_ref()])
        .chain([artifact.precondition.as_ref(), artifact.export.as_ref()]);
    for text in texts.flatten() {
        for name in called_artifacts(text) {
            if !called.contains(&name) {
                called.push(name);
            }
        }
    }
    called
}

/// Every `Artifact.<name>(` of a VQL text.
pub fn called_artifacts(vql: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (at, mark) in vql.match_indices("Artifact.") {
        let before = vql.get(..at).and_then(|text| text.chars().next_back());
        if before.is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.')) {
            continue;
        }
        let rest = vql.get(at + mark.len()..).unwrap_or("");
        let end = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.')))
            .unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        if !name.is_empty() && after.trim_start().starts_with('(') {
            names.push(name.to_owned());
        }
    }
    names
}
