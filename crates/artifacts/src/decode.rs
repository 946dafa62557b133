//! Artifact fields: which there are, what they hold, and the rules inside one file.
//!
//! Strict: an unknown field is an error. Rules between files (unknown imports, names taken twice)
//! are in [`crate::set`].

use std::collections::BTreeMap;

use model::artifact::{
    Artifact, ArtifactKind, ArtifactSource, ColumnType, NotebookCell, Resources, Tool,
};

use crate::parameter;
use crate::repair::repair;
use crate::vql;
use crate::vql_texts::{self, VqlText};
use yaml_nodes::{Fields, Node, Place, Problem, Reader, Severity, join, nearest};

const ARTIFACT_FIELDS: &[&str] = &[
    "name",
    "description",
    "author",
    "type",
    "aliases",
    "reference",
    "references",
    "parameters",
    "precondition",
    "sources",
    "export",
    "imports",
    "required_permissions",
    "implied_permissions",
    "tools",
    "column_types",
    "resources",
    "impersonate",
    "reports",
    // Kept by servers beside the artifact; read over.
    "raw",
    "compiled",
    "built_in",
    "compiled_in",
    "is_alias",
    "is_inherited",
    "metadata",
];
const SOURCE_FIELDS: &[&str] =
    &["name", "description", "query", "queries", "precondition", "notebook"];
const CELL_FIELDS: &[&str] = &["type", "name", "template", "output", "env"];
const TOOL_FIELDS: &[&str] = &[
    "name",
    "url",
    "serve_locally",
    "version",
    "expected_hash",
    "github_project",
    "github_asset_regex",
];
const RESOURCE_FIELDS: &[&str] = &[
    "timeout",
    "ops_per_second",
    "max_rows",
    "max_upload_bytes",
    "max_batch_wait",
    "max_batch_rows",
    "max_batch_rows_buffer",
    "cpu_limit",
    "iops_limit",
];
const REPORT_FIELDS: &[&str] = &["type", "template", "parameters", "timeout", "name"];

/// An artifact as read from one file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Decoded {
    pub(crate) artifact: Artifact,
    /// Where names stand that other files decide about: the artifact's name, aliases, imports.
    pub(crate) places: BTreeMap<String, Place>,
    /// What works, but hardly as meant.
    pub(crate) warnings: Vec<Problem>,
    /// Every VQL text of the file, with its place.
    pub(crate) vql: Vec<VqlText>,
}

/// Reads one artifact file and checks what can be checked without any other.
pub(crate) fn decode(file: &str, text: &str) -> Result<Decoded, Vec<Problem>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let repaired = repair(text);
    let mut reader = Reader::after_repair(file, text, &repaired.inserted);
    let start = Place { line: 1, column: 1 };
    let root = match yaml_nodes::read_one(&repaired.text) {
        Ok(Some(root)) => root,
        Ok(None) => {
            reader.error(start, "", "the file is empty", "an artifact has at least a name");
            return Err(reader.problems);
        }
        Err(bad) => {
            reader.error(bad.at, "", bad.message, bad.hint.unwrap_or(""));
            return Err(reader.problems);
        }
    };
    let decoded = artifact(&mut reader, &root);
    let vql = vql_texts::texts(&reader, &root);
    let (warnings, errors): (Vec<_>, Vec<_>) =
        reader.problems.into_iter().partition(|problem| problem.severity == Severity::Warning);
    match decoded {
        Some((artifact, places)) if errors.is_empty() => {
            Ok(Decoded { artifact, places, warnings, vql })
        }
        _ => Err(errors),
    }
}

fn artifact(reader: &mut Reader<'_>, root: &Node) -> Option<(Artifact, BTreeMap<String, Place>)> {
    let fields = reader.fields(root, "", ARTIFACT_FIELDS)?;
    let mut places = BTreeMap::new();
    let name = reader.text(fields.get("name"), "name").unwrap_or_default();
    places.insert("name".to_owned(), reader.original(fields.place("name")));
    check_name(reader, &fields, &name);
    let kind = kind(reader, &fields);
    let mut named = |reader: &mut Reader<'_>, field: &str| {
        let texts = reader.texts(fields.get(field), field);
        for (index, (_, at)) in texts.iter().enumerate() {
            places.insert(format!("{field}[{index}]"), reader.original(*at));
        }
        texts.into_iter().map(|(text, _)| text).collect::<Vec<_>>()
    };
    let aliases = named(reader, "aliases");
    let imports = named(reader, "imports");
    for (index, alias) in aliases.iter().enumerate() {
        if !is_artifact_name(alias) {
            let at = fields.place("aliases");
            reader.error(at, &format!("aliases[{index}]"), bad_name(alias), NAME_RULE);
        }
    }
    let mut references = plain_texts(reader, &fields, "reference");
    references.extend(plain_texts(reader, &fields, "references"));
    check_reports(reader, &fields);
    let parameters = parameter::parameters(reader, fields.get("parameters"));
    for (path, node) in reader.items(fields.get("parameters"), "parameters") {
        places.insert(path, reader.original(node.at));
    }
    let artifact = Artifact {
        name,
        aliases,
        description: reader.text(fields.get("description"), "description").unwrap_or_default(),
        author: reader.text(fields.get("author"), "author").unwrap_or_default(),
        references,
        kind,
        parameters,
        precondition: vql::statements(reader, fields.get("precondition"), "precondition"),
        export: vql::definitions(reader, fields.get("export"), "export"),
        imports,
        sources: sources(reader, &fields),
        required_permissions: permissions(reader, &fields, "required_permissions"),
        implied_permissions: permissions(reader, &fields, "implied_permissions"),
        tools: tools(reader, fields.get("tools")),
        column_types: column_types(reader, fields.get("column_types")),
        resources: resources(reader, fields.get("resources")),
        impersonate: reader.text(fields.get("impersonate"), "impersonate"),
    };
    check_sources(reader, &fields, &artifact);
    Some((artifact, places))
}

const NAME_RULE: &str = "a name is made of words joined by dots; a word has letters, digits and \
                         `_` and does not start with a digit, for example `Custom.Linux.Users`";

fn bad_name(name: &str) -> String {
    format!("`{name}` cannot be the name of an artifact")
}

/// Whether a text can name an artifact.
pub(crate) fn is_artifact_name(name: &str) -> bool {
    name.split('.').all(|word| {
        word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}

fn check_name(reader: &mut Reader<'_>, fields: &Fields<'_>, name: &str) {
    if name.is_empty() {
        reader.error(fields.place("name"), "name", "the artifact has no name", NAME_RULE);
    } else if !is_artifact_name(name) {
        reader.error(fields.place("name"), "name", bad_name(name), NAME_RULE);
    }
}

fn kind(reader: &mut Reader<'_>, fields: &Fields<'_>) -> ArtifactKind {
    let Some(word) = reader.text(fields.get("type"), "type") else {
        return ArtifactKind::Client;
    };
    ArtifactKind::from_word(word.trim()).unwrap_or_else(|| {
        let words: Vec<_> = ArtifactKind::ALL.iter().map(|kind| kind.word()).collect();
        let hint = format!("one of {}; without a type it is CLIENT", words.join(", "));
        let message = format!("there is no artifact type `{word}`");
        reader.error(fields.place("type"), "type", message, &hint);
        ArtifactKind::Client
    })
}

fn plain_texts(reader: &mut Reader<'_>, fields: &Fields<'_>, field: &str) -> Vec<String> {
    reader.texts(fields.get(field), field).into_iter().map(|(text, _)| text).collect()
}

fn permissions(reader: &mut Reader<'_>, fields: &Fields<'_>, field: &str) -> Vec<String> {
    let texts = reader.texts(fields.get(field), field);
    for (index, (text, at)) in texts.iter().enumerate() {
        if text.is_empty() || !text.chars().all(|c| c.is_ascii_uppercase() || c == '_') {
            let message = format!("`{text}` is not a permission");
            let hint = "permissions are written in capitals, for example EXECVE";
            reader.error(*at, &format!("{field}[{index}]"), message, hint);
        }
    }
    texts.into_iter().map(|(text, _)| text).collect()
}

fn sources(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Vec<ArtifactSource> {
    let mut sources = Vec::new();
    for (path, item) in reader.items(fields.get("sources"), "sources") {
        if let Some(source) = source(reader, item, &path) {
            sources.push(source);
        }
    }
    sources
}

fn source(reader: &mut Reader<'_>, node: &Node, path: &str) -> Option<ArtifactSource> {
    let fields = reader.fields(node, path, SOURCE_FIELDS)?;
    let field = |name: &str| join(path, name);
    let notebook = cells(reader, fields.get("notebook"), &field("notebook"));
    if fields.get("query").is_some() && fields.get("queries").is_some() {
        let hint = "keep `query`; the other spelling is an old one";
        let at = fields.place("queries");
        reader.error(at, &field("queries"), "there is a `query` as well", hint);
    }
    let query = match fields.get("queries") {
        Some(list) => vql::joined(reader, Some(list), &field("queries")),
        None => vql::source(reader, fields.get("query"), &field("query")),
    };
    let written = ["query", "queries"].iter().any(|name| fields.has(name));
    if !written && notebook.is_empty() {
        let hint = "a source is a query: definitions and one last SELECT";
        reader.error(fields.at, &field("query"), "the source has no query", hint);
    }
    let name = reader.text(fields.get("name"), &field("name")).filter(|name| !name.is_empty());
    if let Some(name) = &name
        && !name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | ' ' | '-' | '.'))
    {
        let message = format!("`{name}` cannot be the name of a source");
        let hint = "use letters, digits, blanks, `_`, `-` and `.`";
        reader.error(fields.place("name"), &field("name"), message, hint);
    }
    Some(ArtifactSource {
        name,
        description: reader
            .text(fields.get("description"), &field("description"))
            .unwrap_or_default(),
        precondition: vql::statements(reader, fields.get("precondition"), &field("precondition")),
        query: query.unwrap_or_default(),
        notebook,
    })
}

/// Rules over all sources.
fn check_sources(reader: &mut Reader<'_>, fields: &Fields<'_>, artifact: &Artifact) {
    let listed = reader.items(fields.get("sources"), "sources");
    for (index, source) in artifact.sources.iter().enumerate() {
        let at = listed.get(index).map_or(fields.place("sources"), |(_, node)| node.at);
        let path = format!("sources[{index}]");
        let earlier = artifact.sources.iter().take(index).any(|other| other.name == source.name);
        if earlier {
            let message = match &source.name {
                Some(name) => format!("another source is called `{name}` as well"),
                None => "another source has no name either".to_owned(),
            };
            let hint = "each source fills a table of its own; give each another name";
            reader.error(at, &join(&path, "name"), message, hint);
        }
        if source.precondition.is_some() && artifact.precondition.is_some() {
            let hint = "keep the one of the artifact, or move it into every source";
            let message = "there is a precondition for the whole artifact as well";
            reader.error(at, &join(&path, "precondition"), message, hint);
        }
    }
    let runs = !matches!(artifact.kind, ArtifactKind::Internal | ArtifactKind::Notebook);
    if runs && artifact.sources.is_empty() && artifact.export.is_none() && !artifact.name.is_empty()
    {
        // Old artifacts that only hold a report are of this form.
        let hint = "write `sources:` with at least one query, or `export:` for a library";
        reader.warning(fields.at, "sources", "the artifact collects nothing", hint);
    }
}

fn cells(reader: &mut Reader<'_>, node: Option<&Node>, path: &str) -> Vec<NotebookCell> {
    let mut cells = Vec::new();
    for (path, item) in reader.items(node, path) {
        let Some(fields) = reader.fields(item, &path, CELL_FIELDS) else {
            continue;
        };
        let mut text =
            |name: &str| reader.text(fields.get(name), &join(&path, name)).unwrap_or_default();
        let (kind, name) = (text("type"), text("name"));
        let (template, output) = (text("template"), text("output"));
        let known = ["", "vql", "vql_suggestion", "md", "markdown", "none"];
        if !known.contains(&kind.to_ascii_lowercase().as_str()) {
            let message = format!("there is no cell type `{kind}`");
            let hint = "one of vql, vql_suggestion, md, markdown";
            reader.warning(fields.place("type"), &join(&path, "type"), message, hint);
        }
        let env = cell_env(reader, fields.get("env"), &join(&path, "env"));
        cells.push(NotebookCell { kind, name, template, output, env });
    }
    cells
}

fn cell_env(reader: &mut Reader<'_>, node: Option<&Node>, path: &str) -> Vec<(String, String)> {
    let mut env = Vec::new();
    for (path, item) in reader.items(node, path) {
        if let Some(fields) = reader.fields(item, &path, &["key", "value"]) {
            let mut text =
                |name: &str| reader.text(fields.get(name), &join(&path, name)).unwrap_or_default();
            env.push((text("key"), text("value")));
        }
    }
    env
}

fn tools(reader: &mut Reader<'_>, node: Option<&Node>) -> Vec<Tool> {
    let mut tools = Vec::new();
    for (path, item) in reader.items(node, "tools") {
        let Some(fields) = reader.fields(item, &path, TOOL_FIELDS) else {
            continue;
        };
        let mut text = |name: &str| {
            reader.text(fields.get(name), &join(&path, name)).filter(|text| !text.is_empty())
        };
        let tool = Tool {
            name: text("name").unwrap_or_default(),
            url: text("url"),
            github_project: text("github_project"),
            github_asset_regex: text("github_asset_regex"),
            version: text("version"),
            expected_hash: text("expected_hash"),
            serve_locally: reader.flag(fields.get("serve_locally"), &join(&path, "serve_locally")),
        };
        if tool.name.is_empty() {
            let hint = "its variables are called `Tool_<name>_…`";
            reader.error(fields.at, &join(&path, "name"), "the tool has no name", hint);
        }
        tools.push(tool);
    }
    tools
}

fn column_types(reader: &mut Reader<'_>, node: Option<&Node>) -> Vec<ColumnType> {
    let mut columns = Vec::new();
    for (path, item) in reader.items(node, "column_types") {
        let Some(fields) = reader.fields(item, &path, &["name", "type", "description"]) else {
            continue;
        };
        let mut text =
            |name: &str| reader.text(fields.get(name), &join(&path, name)).unwrap_or_default();
        let column =
            ColumnType { name: text("name"), kind: text("type"), description: text("description") };
        if column.name.is_empty() {
            let hint = "write the name of the column it is about";
            reader.warning(fields.at, &join(&path, "name"), "the column has no name", hint);
        }
        columns.push(column);
    }
    columns
}

fn resources(reader: &mut Reader<'_>, node: Option<&Node>) -> Resources {
    let Some(fields) = node.and_then(|node| reader.fields(node, "resources", RESOURCE_FIELDS))
    else {
        return Resources::default();
    };
    let mut number = |name: &str| reader.number(fields.get(name), &join("resources", name));
    Resources {
        timeout_secs: number("timeout"),
        rows_max: number("max_rows"),
        upload_bytes_max: number("max_upload_bytes"),
        ops_per_second: number("ops_per_second"),
        cpu_percent: number("cpu_limit"),
        iops_max: number("iops_limit"),
        batch_rows_max: number("max_batch_rows"),
        batch_wait_secs: number("max_batch_wait"),
        batch_buffer_bytes_max: number("max_batch_rows_buffer"),
    }
}

/// Reports are read over, but their fields are known.
fn check_reports(reader: &mut Reader<'_>, fields: &Fields<'_>) {
    let reports = reader.items(fields.get("reports"), "reports");
    for (path, item) in &reports {
        reader.fields(item, path, REPORT_FIELDS);
    }
    if !reports.is_empty() {
        let at = fields.place("reports");
        reader.warning(at, "reports", "reports are not shown", "use notebook cells");
    }
}

/// The known word nearest to a wrong one, as advice.
pub(crate) fn did_you_mean<'w>(
    word: &str,
    known: impl IntoIterator<Item = &'w str> + Clone,
) -> String {
    match nearest(word, known.clone()) {
        Some(like) => format!("did you mean `{like}`?"),
        None => {
            let all: Vec<_> = known.into_iter().collect();
            format!("known: {}", all.join(", "))
        }
    }
}
