//! Many files at once: each artifact's findings and verdict, and which names are wanted most.

use std::collections::{BTreeMap, BTreeSet};

use model::artifact::{Artifact, Parameter};
use model::collect::SourceMode;
use vql_syntax::{Place as VqlPlace, parse_program};
use yaml_nodes::{Place, Problem, Severity};

use super::walk::{Remark, Walk, asked_names, defined_names};
use super::{Finding, FindingKind, Verdict, Vocabulary};
use crate::compile::{conversion, source_mode};

use crate::set::{ArtifactSet, Loaded};
use crate::vql_texts::VqlText;

/// What was found out about one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The artifact's name; the file's when it has none.
    pub name: String,
    /// What the file is called.
    pub file: String,
    /// Whether the artifact runs.
    pub verdict: Verdict,
    /// Everything that was found, in the order of the file.
    pub findings: Vec<Finding>,
}

/// A name that artifacts want.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// What it is.
    pub kind: FindingKind,
    /// The name.
    pub name: String,
    /// Why a known name is not here.
    pub why: Option<&'static str>,
    /// How many artifacts use it.
    pub artifacts: usize,
    /// At how many places.
    pub places: usize,
}

/// What was found out about many files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// Every file, by artifact name.
    pub artifacts: Vec<Checked>,
}

impl Survey {
    /// How many artifacts have that verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.artifacts.iter().filter(|checked| checked.verdict == verdict).count()
    }

    /// Names that are missing or wrong, those that most artifacts use first.
    pub fn wanted(&self) -> Vec<Wanted> {
        let mut wanted: BTreeMap<(FindingKind, &str), (Wanted, BTreeSet<&str>)> = BTreeMap::new();
        for checked in &self.artifacts {
            let named = |finding: &&Finding| {
                !finding.name.is_empty()
                    && finding.kind != FindingKind::Called
                    && finding.verdict != Verdict::Runs
            };
            for finding in checked.findings.iter().filter(named) {
                let (one, by) = wanted.entry((finding.kind, &finding.name)).or_insert_with(|| {
                    let (kind, name, why) = (finding.kind, finding.name.clone(), finding.why);
                    (Wanted { kind, name, why, artifacts: 0, places: 0 }, BTreeSet::new())
                });
                by.insert(&checked.file);
                one.places += 1;
                one.artifacts = by.len();
            }
        }
        let mut wanted: Vec<Wanted> = wanted.into_values().map(|(one, _)| one).collect();
        wanted.sort_by(|a, b| {
            let most = (b.artifacts, b.places).cmp(&(a.artifacts, a.places));
            most.then_with(|| (a.kind, &a.name).cmp(&(b.kind, &b.name)))
        });
        wanted
    }
}

/// Checks files (what each is called, and its text). They may call the artifacts of `base`; a file
/// that defines a name of `base` hides it.
pub fn survey(files: &[(String, String)], base: &ArtifactSet, vocabulary: &Vocabulary) -> Survey {
    let mut set = ArtifactSet::new();
    let mut checked = Vec::new();
    let mut unreadable = BTreeSet::new();
    for (file, yaml) in files {
        if let Err(problems) = set.add(file, yaml) {
            let name = written_name_of(yaml);
            unreadable.extend(name.clone());
            let findings: Vec<Finding> = problems.into_iter().map(of_the_file).collect();
            let name = name.unwrap_or_else(|| file.clone());
            let verdict = Verdict::Broken;
            checked.push(Checked { name, file: file.clone(), verdict, findings });
        }
    }
    let own: BTreeSet<String> = set.iter().map(|artifact| artifact.name.clone()).collect();
    set.fill_from(base);
    let mut all: BTreeMap<String, Found> = BTreeMap::new();
    for loaded in set.loaded() {
        let scopes = Scopes { set: &set, vocabulary, unreadable: &unreadable };
        all.insert(loaded.decoded.artifact.name.clone(), scopes.check(loaded));
    }
    tell_callers(&set, &unreadable, &mut all);
    for (name, found) in all {
        if own.contains(&name) {
            let file = set.file(&name).unwrap_or_default().to_owned();
            let mut findings = found.findings;
            findings.sort_by_key(|finding| (finding.problem.line, finding.problem.column));
            let verdict = worst(&findings);
            checked.push(Checked { name, file, verdict, findings });
        }
    }
    checked.sort_by(|a, b| (&a.name, &a.file).cmp(&(&b.name, &b.file)));
    Survey { artifacts: checked }
}

/// What was found in one artifact, and where it calls others.
#[derive(Default)]
struct Found {
    findings: Vec<Finding>,
    /// Called or imported artifact, field, place.
    calls: Vec<(String, String, Place)>,
}

struct Scopes<'a> {
    set: &'a ArtifactSet,
    vocabulary: &'a Vocabulary,
    unreadable: &'a BTreeSet<String>,
}

impl Scopes<'_> {
    fn check(&self, loaded: &Loaded) -> Found {
        let artifact = &loaded.decoded.artifact;
        let mut found = Found::default();
        found.findings.extend(loaded.decoded.warnings.iter().cloned().map(of_the_file));
        self.imports(loaded, &mut found);
        let exporters = self.set.exporters(artifact);
        let shared = self.shared_names(loaded, &exporters);
        let mut asked = BTreeSet::new();
        for text in &loaded.decoded.vql {
            asked_names(&text.text, &mut asked);
        }
        for parameter in &artifact.parameters {
            self.parameter(loaded, parameter, &mut found);
        }
        for text in &loaded.decoded.vql {
            let program = parse_program(&text.text).program;
            let mut defined = shared.clone();
            for other in loaded.decoded.vql.iter().filter(|other| same_source(other, text)) {
                defined_names(&parse_program(&other.text).program, &mut defined);
            }
            let mut walk = self.walk(&defined, &asked);
            walk.program(&program);
            let place =
                |span: vql_syntax::Span| text.anchor.place(VqlPlace::of(&text.text, span.start));
            for call in walk.calls {
                found.calls.push((call.name, text.field.clone(), place(call.span)));
            }
            for remark in walk.remarks {
                let at = place(remark.span);
                found.findings.push(finding(loaded, &text.field, at, remark));
            }
        }
        found
    }

    fn walk<'w>(
        &'w self,
        defined: &'w BTreeSet<String>,
        asked_for: &'w BTreeSet<String>,
    ) -> Walk<'w> {
        Walk {
            vocabulary: self.vocabulary,
            artifacts: self.set,
            unreadable: self.unreadable,
            defined,
            asked_for,
            remarks: Vec::new(),
            calls: Vec::new(),
        }
    }

    fn imports(&self, loaded: &Loaded, found: &mut Found) {
        for (index, import) in loaded.decoded.artifact.imports.iter().enumerate() {
            let field = format!("imports[{index}]");
            let message = match self.set.get(import) {
                Some(exporter) => {
                    let at = loaded.place(&field);
                    found.calls.push((exporter.name.clone(), field, at));
                    continue;
                }
                None if self.unreadable.contains(import) => {
                    let at = loaded.place(&field);
                    found.calls.push((import.clone(), field, at));
                    continue;
                }
                None => format!("there is no artifact `{import}`"),
            };
            let hint = self.set.nearest(import).map(|like| format!("did you mean `{like}`?"));
            let remark = Remark {
                span: vql_syntax::Span::default(),
                kind: FindingKind::Import,
                name: import.clone(),
                message,
                hint,
                why: None,
            };
            found.findings.push(finding(loaded, &field, loaded.place(&field), remark));
        }
    }

    /// Names that every text of the artifact sees.
    fn shared_names(&self, loaded: &Loaded, exporters: &[&Artifact]) -> BTreeSet<String> {
        let artifact = &loaded.decoded.artifact;
        let mut names: BTreeSet<String> =
            artifact.parameters.iter().map(|parameter| parameter.name.clone()).collect();
        let exports = std::iter::once(artifact).chain(exporters.iter().copied());
        for export in exports.filter_map(|artifact| artifact.export.as_ref()) {
            defined_names(&parse_program(export).program, &mut names);
        }
        if source_mode(artifact) == SourceMode::Serial {
            for source in &artifact.sources {
                defined_names(&parse_program(&source.query).program, &mut names);
            }
        }
        names
    }

    /// The conversion of a parameter, and the accessor that its default names.
    fn parameter(&self, loaded: &Loaded, parameter: &Parameter, found: &mut Found) {
        let artifact = &loaded.decoded.artifact;
        let index = artifact.parameters.iter().position(|known| known.name == parameter.name);
        let field = format!("parameters[{}]", index.unwrap_or_default());
        let at = loaded.place(&field);
        let (defined, asked) = (BTreeSet::from([parameter.name.clone()]), BTreeSet::new());
        let mut walk = self.walk(&defined, &asked);
        match conversion(parameter) {
            Ok(Some(vql)) => {
                walk.program(&parse_program(&vql).program);
                for remark in &mut walk.remarks {
                    let kind = parameter.kind.word();
                    remark.message = format!("type `{kind}`: {}", remark.message);
                }
            }
            Ok(None) => {}
            Err(()) => {
                let kind = parameter.kind.word();
                walk.remarks.push(Remark {
                    span: vql_syntax::Span::default(),
                    kind: FindingKind::Schema,
                    name: format!("type {kind}"),
                    message: format!("parameters of type `{kind}` cannot be used"),
                    hint: Some("use `json` or `yaml`".to_owned()),
                    why: None,
                });
            }
        }
        if parameter.name.to_ascii_lowercase().contains("accessor") {
            walk.accessor(parameter.default.as_deref().unwrap_or(""), vql_syntax::Span::default());
        }
        for remark in walk.remarks {
            found.findings.push(finding(loaded, &field, at, remark));
        }
    }
}

/// Whether two texts belong to one source: the items of `queries`, a query and its precondition.
fn same_source(one: &VqlText, other: &VqlText) -> bool {
    fn source(text: &VqlText) -> &str {
        text.field.split('.').next().unwrap_or(&text.field)
    }
    source(one) == source(other)
}

/// Artifacts that call what does not run do not run either.
fn tell_callers(
    set: &ArtifactSet,
    unreadable: &BTreeSet<String>,
    all: &mut BTreeMap<String, Found>,
) {
    let mut verdicts: BTreeMap<String, Verdict> =
        all.iter().map(|(name, found)| (name.clone(), worst(&found.findings))).collect();
    verdicts.extend(unreadable.iter().map(|name| (name.clone(), Verdict::Broken)));
    loop {
        let mut changed = false;
        for (name, found) in all.iter() {
            let own = verdicts.get(name).copied().unwrap_or(Verdict::Runs);
            let called = found.calls.iter().filter_map(|(called, ..)| verdicts.get(called));
            let total = called.copied().fold(own, Verdict::max);
            changed |= total > own;
            verdicts.insert(name.clone(), total);
        }
        if !changed {
            break;
        }
    }
    for (name, found) in all.iter_mut() {
        let Some(loaded) = set.find(name) else { continue };
        for (called, field, at) in std::mem::take(&mut found.calls) {
            let verdict = verdicts.get(&called).copied().unwrap_or(Verdict::Runs);
            let message = match verdict {
                Verdict::Runs => continue,
                Verdict::RunsPartly => format!("`{called}`, which it needs, runs only partly"),
                Verdict::Broken => format!("`{called}`, which it needs, is broken"),
            };
            if called == *name {
                continue;
            }
            let remark = Remark {
                span: vql_syntax::Span::default(),
                kind: FindingKind::Called,
                name: called,
                message,
                hint: None,
                why: None,
            };
            let mut told = finding(loaded, &field, at, remark);
            told.verdict = verdict;
            if verdict == Verdict::RunsPartly {
                told.problem.severity = Severity::Warning;
            }
            found.findings.push(told);
        }
    }
}

fn worst(findings: &[Finding]) -> Verdict {
    findings.iter().map(|finding| finding.verdict).max().unwrap_or(Verdict::Runs)
}

fn finding(loaded: &Loaded, field: &str, at: Place, remark: Remark) -> Finding {
    let (severity, verdict) = match remark.why {
        Some(_) => (Severity::Warning, Verdict::RunsPartly),
        None => (Severity::Error, Verdict::Broken),
    };
    let says = (remark.message, remark.hint);
    let problem = loaded.problem_at(severity, field, at, says);
    Finding { kind: remark.kind, name: remark.name, why: remark.why, verdict, problem }
}

/// A problem that reading the file found.
fn of_the_file(problem: Problem) -> Finding {
    let is_vql = ["query", "queries", "precondition", "export"]
        .iter()
        .any(|word| problem.field.split(['.', '[']).any(|part| part == *word));
    let kind = if is_vql { FindingKind::Syntax } else { FindingKind::Schema };
    let verdict = match problem.severity {
        Severity::Error => Verdict::Broken,
        Severity::Warning => Verdict::Runs,
    };
    Finding { kind, name: String::new(), why: None, verdict, problem }
}

/// The name that a file which cannot be read gives itself.
fn written_name_of(yaml: &str) -> Option<String> {
    let line = yaml.lines().find_map(|line| line.strip_prefix("name:"))?;
    let name = line.split(" #").next().unwrap_or("").trim().trim_matches(['"', '\'']);
    crate::decode::is_artifact_name(name).then(|| name.to_owned())
}
