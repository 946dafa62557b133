//! What an artifact is: named VQL with parameters, sources and needs.
//!
//! Plain values. Reading them from YAML, checking them and compiling them is `artifacts`.

/// A named, parameterised collection.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Artifact {
    /// Its dotted name, for instance `Linux.Sys.Users`.
    pub name: String,
    /// Other names of the same artifact.
    pub aliases: Vec<String>,
    /// What it is for.
    pub description: String,
    /// Who wrote it.
    pub author: String,
    /// Where to read more.
    pub references: Vec<String>,
    /// Where it runs and how its results arrive.
    pub kind: ArtifactKind,
    /// What may be set by whoever collects it, in order.
    pub parameters: Vec<Parameter>,
    /// VQL; the artifact runs where it yields a row.
    pub precondition: Option<String>,
    /// VQL definitions for its own sources and for artifacts that import it.
    pub export: Option<String>,
    /// Artifacts whose export is loaded first.
    pub imports: Vec<String>,
    /// What is collected, in order; empty for a library of definitions.
    pub sources: Vec<ArtifactSource>,
    /// Permissions that the person who collects it must have.
    pub required_permissions: Vec<String>,
    /// Permissions that the artifact lends to the person who collects it.
    pub implied_permissions: Vec<String>,
    /// Files that it needs on the machine.
    pub tools: Vec<Tool>,
    /// How columns are shown.
    pub column_types: Vec<ColumnType>,
    /// What it may use at most.
    pub resources: Resources,
    /// The user it runs as (server artifacts only).
    pub impersonate: Option<String>,
}

/// Where an artifact runs and how its results arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum ArtifactKind {
    /// On a client, once.
    #[default]
    Client,
    /// On a client, for as long as it is wanted.
    ClientEvent,
    /// On the server, once.
    Server,
    /// On the server, for as long as it is wanted.
    ServerEvent,
    /// Nowhere by itself: a queue that other parts write to.
    Internal,
    /// A notebook's first cells.
    Notebook,
}

impl ArtifactKind {
    /// All kinds.
    pub const ALL: [Self; 6] = [
        Self::Client,
        Self::ClientEvent,
        Self::Server,
        Self::ServerEvent,
        Self::Internal,
        Self::Notebook,
    ];

    /// The word in artifact files.
    pub fn word(self) -> &'static str {
        match self {
            Self::Client => "CLIENT",
            Self::ClientEvent => "CLIENT_EVENT",
            Self::Server => "SERVER",
            Self::ServerEvent => "SERVER_EVENT",
            Self::Internal => "INTERNAL",
            Self::Notebook => "NOTEBOOK",
        }
    }

    /// The kind that a word names, in any letter case.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word().eq_ignore_ascii_case(word))
    }

    /// Whether it runs until it is stopped.
    pub fn is_event(self) -> bool {
        matches!(self, Self::ClientEvent | Self::ServerEvent)
    }

    /// Whether it runs on clients.
    pub fn is_for_clients(self) -> bool {
        matches!(self, Self::Client | Self::ClientEvent)
    }
}

/// One thing that may be set by whoever collects an artifact.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Parameter {
    /// Its name, also the name of the variable; may hold blanks.
    pub name: String,
    /// What people call it, when that is not the name.
    pub friendly_name: String,
    /// What it does.
    pub description: String,
    /// How its text becomes a value.
    pub kind: ParameterType,
    /// The text it has when nobody sets it; `None` means empty.
    pub default: Option<String>,
    /// The texts it may have; any when empty.
    pub choices: Vec<String>,
    /// A regular expression that its text should match (a hint for editors).
    pub validating_regex: Option<String>,
    /// For [`ParameterType::ArtifactSet`]: the kind of artifact to choose from.
    pub artifact_type: Option<String>,
    /// For [`ParameterType::ArtifactSet`]: whether single sources can be chosen.
    pub sources: bool,
}

/// How a parameter's text becomes a value before the query runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum ParameterType {
    /// Text as it is.
    #[default]
    Text,
    /// Text that is a regular expression.
    Regex,
    /// Text that is a glob.
    Glob,
    /// Text that holds YARA rules.
    Yara,
    /// Text that no form shows.
    Hidden,
    /// One of several texts.
    Choices,
    /// Text that no log shows.
    Redacted,
    /// True for `Y`, `TRUE`, `YES`, `OK` in any letter case.
    Bool,
    /// A whole number.
    Int,
    /// A number.
    Float,
    /// A moment: epoch, or a date in any usual form.
    Timestamp,
    /// Rows written as CSV with a header line.
    Csv,
    /// Names of artifacts, as CSV.
    ArtifactSet,
    /// Any value written as JSON.
    Json,
    /// A list written as JSON.
    JsonArray,
    /// Several of the choices, as a JSON list.
    MultiChoice,
    /// Regular expressions, as a JSON list.
    RegexArray,
    /// Any value written as YAML.
    Yaml,
    /// A dict written as XML.
    Xml,
    /// The content of an uploaded file.
    Upload,
    /// The path of an uploaded file.
    UploadFile,
    /// Text that the server keeps.
    ServerMetadata,
    /// A Starlark program.
    Starlark,
}

impl ParameterType {
    /// All types with the words that name them, the usual word first.
    const WORDS: [(Self, &'static [&'static str]); 23] = [
        (Self::Text, &["string", "str"]),
        (Self::Regex, &["regex"]),
        (Self::Glob, &["glob"]),
        (Self::Yara, &["yara"]),
        (Self::Hidden, &["hidden"]),
        (Self::Choices, &["choices"]),
        (Self::Redacted, &["redacted"]),
        (Self::Bool, &["bool"]),
        (Self::Int, &["int", "int64", "integer"]),
        (Self::Float, &["float"]),
        (Self::Timestamp, &["timestamp"]),
        (Self::Csv, &["csv"]),
        (Self::ArtifactSet, &["artifactset"]),
        (Self::Json, &["json"]),
        (Self::JsonArray, &["json_array"]),
        (Self::MultiChoice, &["multichoice"]),
        (Self::RegexArray, &["regex_array"]),
        (Self::Yaml, &["yaml"]),
        (Self::Xml, &["xml"]),
        (Self::Upload, &["upload"]),
        (Self::UploadFile, &["upload_file"]),
        (Self::ServerMetadata, &["server_metadata"]),
        (Self::Starlark, &["starlark"]),
    ];

    /// The usual word in artifact files.
    pub fn word(self) -> &'static str {
        let found = Self::WORDS.iter().find(|(kind, _)| *kind == self);
        found.and_then(|(_, words)| words.first()).copied().unwrap_or("string")
    }

    /// The type that a word names, in any letter case; the empty word is text.
    pub fn from_word(word: &str) -> Option<Self> {
        if word.is_empty() {
            return Some(Self::Text);
        }
        let named = |words: &[&str]| words.iter().any(|known| known.eq_ignore_ascii_case(word));
        Self::WORDS.iter().find(|(_, words)| named(words)).map(|(kind, _)| *kind)
    }

    /// Every word that names a type.
    pub fn words() -> impl Iterator<Item = &'static str> {
        Self::WORDS.iter().flat_map(|(_, words)| words.iter().copied())
    }
}

/// One result table of an artifact.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ArtifactSource {
    /// Its name; a single source has none.
    pub name: Option<String>,
    /// What it yields.
    pub description: String,
    /// VQL; this source runs where it yields a row.
    pub precondition: Option<String>,
    /// VQL: definitions and one last SELECT.
    pub query: String,
    /// Cells for a notebook over the results.
    pub notebook: Vec<NotebookCell>,
}

/// A cell that a notebook over results starts with.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct NotebookCell {
    /// `vql`, `vql_suggestion`, `md` or `markdown`; empty means markdown.
    pub kind: String,
    /// What a suggestion is called.
    pub name: String,
    /// Its text.
    pub template: String,
    /// What it shows before it runs.
    pub output: String,
    /// Variables of the cell.
    pub env: Vec<(String, String)>,
}

/// A file that an artifact needs on the machine.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Tool {
    /// Its name; variables `Tool_<name>_…` hold the rest.
    pub name: String,
    /// Where it comes from.
    pub url: Option<String>,
    /// The GitHub project whose release holds it.
    pub github_project: Option<String>,
    /// Which file of that release.
    pub github_asset_regex: Option<String>,
    /// Whether clients fetch it from our server.
    pub serve_locally: bool,
    /// Its version.
    pub version: Option<String>,
    /// The SHA-256 it must have.
    pub expected_hash: Option<String>,
}

/// How one column is shown.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ColumnType {
    /// The column.
    pub name: String,
    /// For instance `timestamp`, `json`, `hex`; empty means as it is.
    pub kind: String,
    /// What the column holds.
    pub description: String,
}

/// What an artifact may use at most; `None` leaves it to whoever collects it.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Resources {
    /// Seconds until it is cancelled.
    pub timeout_secs: Option<u64>,
    /// Rows over all sources.
    pub rows_max: Option<u64>,
    /// Bytes of all uploaded files.
    pub upload_bytes_max: Option<u64>,
    /// Operations in a second.
    pub ops_per_second: Option<u64>,
    /// Share of one processor, in percent.
    pub cpu_percent: Option<u64>,
    /// Input and output operations in a second.
    pub iops_max: Option<u64>,
    /// Rows in one batch.
    pub batch_rows_max: Option<u64>,
    /// Seconds until a batch is sent although it is not full.
    pub batch_wait_secs: Option<u64>,
    /// Bytes that a batch may hold back.
    pub batch_buffer_bytes_max: Option<u64>,
}
