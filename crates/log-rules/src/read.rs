//! Files to documents to definitions.

use std::collections::BTreeMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use yaml_nodes::{Node, NodeKind, Place, Problem, Reader, Severity, nearest};

use crate::definitions::{Channel, Definitions, Engine, Rule, Tenant};
use crate::table::Table;
use crate::tables::{CHANNEL, DOCUMENTS, ENGINE, PACK, RULE, TENANT};
use crate::take::{Places, Take};
use crate::{channel, check, engine, pack, rule, secrets, tenant};

/// The most problems that are told; a hostile file must not become large by being wrong.
const PROBLEMS_MAX: usize = 1_000;

/// What a document says, and where it says so.
#[derive(Debug)]
pub(crate) struct Found<T> {
    pub(crate) item: T,
    /// The number of the file.
    pub(crate) file: usize,
    /// Where its fields stand; its own place is under the empty path.
    pub(crate) places: Places,
}

impl<T> Found<T> {
    /// Where a field stands; what it is in, when it does not.
    pub(crate) fn place(&self, path: &str) -> Place {
        let mut path = path;
        loop {
            if let Some(at) = self.places.get(path) {
                return *at;
            }
            match path.rfind(['.', '[']) {
                Some(end) => path = &path[..end],
                None => {
                    return self.places.get("").copied().unwrap_or(Place { line: 1, column: 1 });
                }
            }
        }
    }
}

/// Everything that was found, before it is checked as a whole.
#[derive(Debug, Default)]
pub(crate) struct Drafts {
    pub(crate) engines: Vec<Found<Engine>>,
    pub(crate) tenants: Vec<Found<Tenant>>,
    pub(crate) rules: Vec<Found<Rule>>,
    pub(crate) channels: Vec<Found<Channel>>,
    /// Files of Sigma rules that somebody names, by number.
    pub(crate) sigma_used: Vec<usize>,
}

/// The files at hand.
pub(crate) struct Files<'t> {
    pub(crate) names: Vec<&'t str>,
    pub(crate) texts: Vec<&'t str>,
    /// What every Sigma rule goes through.
    pub(crate) pipelines: Vec<Arc<sigma::Pipeline>>,
}

impl Files<'_> {
    /// The files that a document means by a path: beside its own file, or from the top. A folder
    /// means all files in it.
    pub(crate) fn resolve(&self, from: usize, path: &str) -> Vec<usize> {
        let folder = self.names[from].rfind('/').map_or("", |end| &self.names[from][..end]);
        [normal(&format!("{folder}/{path}")), normal(path)]
            .iter()
            .map(|wanted| self.at_or_below(wanted))
            .find(|found| !found.is_empty())
            .unwrap_or_default()
    }

    fn at_or_below(&self, wanted: &str) -> Vec<usize> {
        let fits = |name: &str| {
            let name = normal(name);
            name == wanted
                || wanted.is_empty()
                || name.strip_prefix(wanted).is_some_and(|rest| rest.starts_with('/'))
        };
        (0..self.names.len()).filter(|at| fits(self.names[*at])).collect()
    }
}

/// A path without `.`, `..` and empty parts.
fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if !parts.is_empty() && parts.last() != Some(&"..") => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    parts.join("/")
}

/// Reads the files of a folder: name and text of each. What is wrong stands beside what is right;
/// a document with an error is left out. With an error among the problems nothing should run.
pub fn read(files: &[(String, String)]) -> (Definitions, Vec<Problem>) {
    let names = files.iter().map(|(name, _)| name.as_str()).collect();
    let without_mark =
        |text: &'_ String| -> usize { if text.starts_with('\u{feff}') { 3 } else { 0 } };
    let texts = files.iter().map(|(_, text)| &text[without_mark(text)..]).collect();
    let mut files = Files { names, texts, pipelines: Vec::new() };
    let mut readers: Vec<Reader<'_>> =
        files.names.iter().zip(&files.texts).map(|(name, text)| Reader::new(name, text)).collect();
    read_pipelines(&mut files, &mut readers);
    let mut drafts = Drafts::default();
    let mut packs = Vec::new();
    let mut sigma_files = Vec::new();
    for (number, text) in files.texts.iter().enumerate() {
        let documents = yaml_nodes::read_all(text);
        let reader = &mut readers[number];
        if let Some(bad) = documents.bad {
            reader.error(bad.at, "", bad.message, bad.hint.unwrap_or(""));
        }
        for root in &documents.roots {
            match kind_of(root) {
                Some(Document::Ours(table)) => {
                    secrets::look_through(reader, root, table);
                    one(&files, number, reader, root, table, &mut drafts, &mut packs);
                }
                Some(Document::Sigma) => sigma_files.push((number, root.at)),
                Some(Document::Pipeline) => {}
                None => unknown(reader, root),
            }
        }
    }
    for found in packs {
        pack::open(&files, &mut readers, found, &mut drafts);
    }
    sigma_files.retain(|(file, _)| !drafts.sigma_used.contains(file));
    for (file, at) in sigma_files {
        let hint = "name its folder in a document `sigma_pack:`, or the file in a rule's `sigma:`";
        readers[file].warning(at, "", "nobody uses this Sigma rule", hint);
    }
    datasets_of_sources(&mut drafts);
    check::whole(&drafts, &mut readers);
    let definitions = Definitions {
        engines: drafts.engines.into_iter().map(|found| found.item).collect(),
        tenants: drafts.tenants.into_iter().map(|found| found.item).collect(),
        rules: drafts.rules.into_iter().map(|found| found.item).collect(),
        channels: drafts.channels.into_iter().map(|found| found.item).collect(),
        revision: revision(&files),
        pipelines: files.pipelines,
    };
    (definitions, problems(readers))
}

/// Pipelines come first: every Sigma rule goes through them.
fn read_pipelines(files: &mut Files<'_>, readers: &mut [Reader<'_>]) {
    for (number, text) in files.texts.iter().enumerate() {
        // Most files hold none, and are not taken apart twice.
        if !text.contains("transformations") && !text.contains("postprocessing") {
            continue;
        }
        let roots = yaml_nodes::read_all(text).roots;
        if roots.iter().any(|root| matches!(kind_of(root), Some(Document::Pipeline))) {
            let read = sigma::read_pipeline(files.names[number], text);
            readers[number].problems.extend(read.problems);
            files.pipelines.extend(read.pipeline.map(Arc::new));
        }
    }
    files.pipelines.sort_by_key(|pipeline| pipeline.priority);
}

/// Sigma rules that name no dataset read those of their log sources.
fn datasets_of_sources(drafts: &mut Drafts) {
    let datasets = || drafts.tenants.iter().flat_map(|found| &found.item.datasets);
    for found in &mut drafts.rules {
        let rule = &mut found.item;
        let sources = rule.question.sources();
        if !rule.datasets.is_empty() || sources.is_empty() {
            continue;
        }
        let mut names = Vec::new();
        for dataset in datasets() {
            let held = dataset.source();
            if sources.iter().any(|source| held.covers(source)) && !names.contains(&dataset.name) {
                names.push(dataset.name.clone());
            }
        }
        rule.datasets = names;
    }
}

fn problems(readers: Vec<Reader<'_>>) -> Vec<Problem> {
    let mut problems: Vec<Problem> =
        readers.into_iter().flat_map(|reader| reader.problems).collect();
    let key = |problem: &Problem| (problem.file.clone(), problem.line, problem.column);
    problems.sort_by_key(key);
    problems.dedup_by(|b, a| key(a) == key(b) && (a.message == b.message || a.field == b.field));
    problems.iter_mut().for_each(secrets::mask);
    if problems.len() > PROBLEMS_MAX {
        // Errors decide whether anything runs, so they stay.
        problems.sort_by_key(|problem| (problem.severity, key(problem)));
        problems.truncate(PROBLEMS_MAX);
    }
    problems
}

/// The hash of all files.
fn revision(files: &Files<'_>) -> Arc<str> {
    let sorted: BTreeMap<&str, &str> =
        files.names.iter().copied().zip(files.texts.iter().copied()).collect();
    let parts = sorted.iter().flat_map(|(name, text)| [*name, *text]);
    hash(parts)
}

/// The first 128 bits of a hash over parts, as digits; no two lists of parts read the same.
pub(crate) fn hash<'p>(parts: impl IntoIterator<Item = &'p str>) -> Arc<str> {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    let digits: String = hasher.finalize()[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    digits.into()
}

enum Document {
    Ours(&'static Table),
    Sigma,
    Pipeline,
}

fn kind_of(root: &Node) -> Option<Document> {
    let NodeKind::Map(entries) = &root.kind else { return None };
    let has = |name: &str| entries.iter().any(|(key, ..)| key == name);
    let ours = |key: &str| DOCUMENTS.into_iter().find(|table| table.name == key);
    if let Some(table) = entries.first().and_then(|(key, ..)| ours(key)) {
        return Some(Document::Ours(table));
    }
    if has("transformations") || has("postprocessing") {
        return Some(Document::Pipeline);
    }
    if has("detection") || has("correlation") || has("logsource") || has("action") {
        return Some(Document::Sigma);
    }
    entries.iter().find_map(|(key, ..)| ours(key)).map(Document::Ours)
}

fn unknown(reader: &mut Reader<'_>, root: &Node) {
    let names = DOCUMENTS.map(|table| table.name);
    let first = match &root.kind {
        NodeKind::Map(entries) => entries.first().map(|(key, ..)| key.as_str()),
        _ => None,
    };
    let hint = match first.and_then(|first| nearest(first, names)) {
        Some(like) => format!("did you mean `{like}`?"),
        None => format!("begin it with one of {}", names.join(", ")),
    };
    reader.error(root.at, "", "this document does not say what it defines", &hint);
}

/// Takes one document of ours; one with an error is left out.
fn one(
    files: &Files<'_>,
    file: usize,
    reader: &mut Reader<'_>,
    root: &Node,
    table: &'static Table,
    drafts: &mut Drafts,
    packs: &mut Vec<Found<pack::Pack>>,
) {
    let before = errors(reader);
    let mut take = Take::new(reader);
    let Some(section) = take.section(root, "", table) else { return };
    if std::ptr::eq(table, &ENGINE) {
        let item = engine::take(&mut take, &section);
        keep(take, before, file, item, &mut drafts.engines);
    } else if std::ptr::eq(table, &TENANT) {
        let item = tenant::take(&mut take, &section);
        keep(take, before, file, item, &mut drafts.tenants);
    } else if std::ptr::eq(table, &CHANNEL) {
        let item = channel::take(&mut take, &section);
        keep(take, before, file, item, &mut drafts.channels);
    } else if std::ptr::eq(table, &PACK) {
        let item = pack::take(&mut take, &section);
        keep(take, before, file, item, packs);
    } else if std::ptr::eq(table, &RULE) {
        let origin = rule::Origin { files, file, root };
        let item = rule::take(&mut take, &section, &origin, &mut drafts.sigma_used);
        keep(take, before, file, item, &mut drafts.rules);
    }
}

fn keep<T>(
    take: Take<'_, '_>,
    before: usize,
    file: usize,
    item: Option<T>,
    into: &mut Vec<Found<T>>,
) {
    let Take { reader, places } = take;
    if item.is_none() && errors(reader) == before {
        // Never in silence, even where a check of a field is missing.
        let at = places.get("").copied().unwrap_or_default();
        reader.error(at, "", "this document cannot be used", "compare it with the manual");
    }
    if let Some(item) = item.filter(|_| errors(reader) == before) {
        into.push(Found { item, file, places });
    }
}

fn errors(reader: &Reader<'_>) -> usize {
    reader.problems.iter().filter(|problem| problem.severity == Severity::Error).count()
}
