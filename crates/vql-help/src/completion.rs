//! What is offered at a place.

use vql_plugin::{Kind, Spec};
use vql_syntax::ast::{Param, Statement};
use vql_syntax::{Program, Span, parse_program};

use crate::Knowledge;
use crate::columns::Columns;
use crate::place::{Call, Clause, Expects, Place, place};

/// What may stand at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// The bytes that an offer replaces: the word that is being typed.
    pub replaces: Span,
    /// The offers, the likeliest kind first, by name within a kind.
    pub offers: Vec<Offer>,
}

/// One thing that may stand at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// What is inserted.
    pub text: String,
    /// What it is.
    pub kind: OfferKind,
    /// Its form in one line: a signature, a type. May be empty.
    pub detail: String,
    /// What it means. May be empty.
    pub doc: String,
}

/// What an offer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OfferKind {
    /// An argument of the call around.
    Argument,
    /// A column of the rows at hand.
    Column,
    /// Something the text defines, or the program.
    Variable,
    /// A row source.
    Plugin,
    /// A function.
    Function,
    /// An artifact, or one of its sources.
    Artifact,
    /// An accessor.
    Accessor,
    /// A reserved word.
    Keyword,
}

impl OfferKind {
    /// Its name in lower case.
    pub fn word(self) -> &'static str {
        match self {
            Self::Argument => "argument",
            Self::Column => "column",
            Self::Variable => "variable",
            Self::Plugin => "plugin",
            Self::Function => "function",
            Self::Artifact => "artifact",
            Self::Accessor => "accessor",
            Self::Keyword => "keyword",
        }
    }
}

/// What may stand in `text` at byte `at` and holds the letters that are typed there already, in
/// any case.
pub fn complete(text: &str, at: usize, knowledge: &Knowledge) -> Completion {
    let place = place(text, at);
    let program = parse_program(text).program;
    let end = at.clamp(place.word.start, place.word.end);
    let typed = text.get(place.word.start..end).unwrap_or_default();
    let typed = typed.trim_start_matches('`').to_ascii_lowercase();
    let mut offers = Asked { place: &place, program: &program, knowledge }.offers();
    offers.retain(|offer| offer.text.to_ascii_lowercase().contains(&typed));
    // What begins with the typed letters is likelier than what has them somewhere.
    offers.sort_by_cached_key(|offer| {
        let name = offer.text.to_ascii_lowercase();
        (!name.starts_with(&typed), offer.kind, name)
    });
    offers.dedup_by(|left, right| left.text == right.text && left.kind == right.kind);
    Completion { replaces: place.word, offers }
}

struct Asked<'a> {
    place: &'a Place,
    program: &'a Program,
    knowledge: &'a Knowledge,
}

impl Asked<'_> {
    fn offers(&self) -> Vec<Offer> {
        match &self.place.expects {
            Expects::Nothing => Vec::new(),
            Expects::Statement => keywords(&["SELECT", "LET", "EXPLAIN"]),
            Expects::Query => keywords(&["SELECT", "EXPLAIN"]),
            Expects::Source(written) if written.is_empty() => self.sources(),
            Expects::Source(written) => self.artifacts(written),
            Expects::Clause(clause) => keywords(after(*clause)),
            Expects::Operator => keywords(&["AND", "OR", "IN"]),
            Expects::Argument(call) => self.arguments(call),
            Expects::Value(clause) => self.values(*clause),
            Expects::Member(path) => self.columns(path),
            Expects::SortColumn => self.columns_at_hand(),
            Expects::ArgumentText(call, argument) => self.texts(call, argument),
        }
    }

    fn sources(&self) -> Vec<Offer> {
        let mut offers = self.names(Kind::Plugin, OfferKind::Plugin);
        offers.extend(self.definitions());
        offers.push(plain("Artifact.", OfferKind::Artifact));
        offers
    }

    fn names(&self, kind: Kind, offered: OfferKind) -> Vec<Offer> {
        let specs = self.knowledge.specs.iter().filter(|spec| spec.kind == kind);
        specs.map(|spec| named(spec, offered)).collect()
    }

    fn artifacts(&self, written: &str) -> Vec<Offer> {
        let Some(start) = written.strip_prefix("Artifact.") else { return Vec::new() };
        let known = self.knowledge.artifacts.iter();
        known
            .filter_map(|artifact| {
                let rest = artifact.name.strip_prefix(start)?;
                Some(Offer {
                    text: rest.to_owned(),
                    kind: OfferKind::Artifact,
                    detail: artifact.name.clone(),
                    doc: artifact.summary.clone(),
                })
            })
            .collect()
    }

    /// LET names, their parameters where the text is inside a definition, and the program's.
    fn definitions(&self) -> Vec<Offer> {
        let mut offers: Vec<Offer> = self
            .program
            .statements
            .iter()
            .filter_map(|statement| match statement {
                Statement::Let(definition) => Some(definition),
                Statement::Select(_) => None,
            })
            .map(|definition| Offer {
                text: written(&definition.name.text),
                kind: OfferKind::Variable,
                detail: definition.params.as_deref().map_or_else(String::new, parameters),
                doc: String::new(),
            })
            .collect();
        let variables = self.knowledge.variables.iter();
        offers.extend(variables.map(|name| plain(&written(name), OfferKind::Variable)));
        offers
    }

    fn values(&self, clause: Clause) -> Vec<Offer> {
        let mut offers = self.columns_at_hand();
        offers.extend(self.definitions());
        offers.extend(self.names(Kind::Function, OfferKind::Function));
        offers.extend(keywords(&["NOT", "NULL", "TRUE", "FALSE"]));
        if clause == Clause::Let {
            offers.extend(keywords(&["SELECT"]));
        }
        offers
    }

    fn columns_at_hand(&self) -> Vec<Offer> {
        let mut offers: Vec<Offer> = Vec::new();
        offers.extend(self.place.aliases.iter().map(|n| plain(&written(n), OfferKind::Column)));
        if let Some(source) = &self.place.source {
            offers.extend(self.columns(source));
        }
        offers
    }

    fn columns(&self, of: &str) -> Vec<Offer> {
        let columns = Columns { program: self.program, knowledge: Some(self.knowledge) };
        let names = columns.of_name(of, 0);
        names.iter().map(|name| plain(&written(name), OfferKind::Column)).collect()
    }

    fn arguments(&self, call: &Call) -> Vec<Offer> {
        let is_new = |name: &str| !call.given.iter().any(|given| given == name);
        if let Some(artifact) = call.path.strip_prefix("Artifact.") {
            return self.parameters_of(artifact).into_iter().filter(|o| is_new(&o.text)).collect();
        }
        let kind = if call.is_source { Kind::Plugin } else { Kind::Function };
        if let Some(spec) = self.knowledge.spec(&call.path, kind) {
            let declared = spec.args.iter().filter(|arg| is_new(arg.name));
            return declared
                .map(|arg| Offer {
                    text: arg.name.to_owned(),
                    kind: OfferKind::Argument,
                    detail: match (arg.required, arg.default) {
                        (true, _) => format!("{}, required", arg.type_name),
                        (false, Some(default)) => format!("{}, {default}", arg.type_name),
                        (false, None) => arg.type_name.to_owned(),
                    },
                    doc: arg.doc.trim().to_owned(),
                })
                .collect();
        }
        let defined = self.program.statements.iter().find_map(|statement| match statement {
            Statement::Let(definition) if definition.name.text == call.path => {
                definition.params.as_ref()
            }
            _ => None,
        });
        let params = defined.into_iter().flatten().map(|param| param.name.text.as_str());
        params.filter(|name| is_new(name)).map(|n| plain(n, OfferKind::Argument)).collect()
    }

    fn parameters_of(&self, artifact: &str) -> Vec<Offer> {
        let Some(artifact) = self.knowledge.artifact(artifact) else { return Vec::new() };
        let own = artifact.parameters.iter().map(|parameter| Offer {
            text: written(&parameter.name),
            kind: OfferKind::Argument,
            detail: parameter.kind.word().to_owned(),
            doc: parameter.description.trim().to_owned(),
        });
        let of_every_call = ["source", "preconditions"];
        own.chain(of_every_call.map(|name| plain(name, OfferKind::Argument))).collect()
    }

    fn texts(&self, call: &Call, argument: &str) -> Vec<Offer> {
        if argument.to_ascii_lowercase().ends_with("accessor") {
            let names = self.knowledge.accessors.iter();
            return names.map(|name| plain(name, OfferKind::Accessor)).collect();
        }
        let artifact = call.path.strip_prefix("Artifact.").filter(|_| argument == "source");
        let artifact = artifact.and_then(|name| self.knowledge.artifact(name));
        let sources = artifact.map_or(&[][..], |artifact| &artifact.sources);
        sources.iter().map(|name| plain(name, OfferKind::Artifact)).collect()
    }
}

fn after(clause: Clause) -> &'static [&'static str] {
    match clause {
        Clause::Let => &["AND", "OR", "IN", "LET", "SELECT"],
        Clause::Columns => &["FROM", "AS", "AND", "OR", "IN"],
        Clause::From => &["WHERE", "GROUP BY", "ORDER BY", "LIMIT", "LET", "SELECT"],
        Clause::Where => &["AND", "OR", "IN", "GROUP BY", "ORDER BY", "LIMIT", "LET", "SELECT"],
        Clause::GroupBy => &["ORDER BY", "LIMIT", "LET", "SELECT"],
        Clause::OrderBy => &["DESC", "LIMIT", "LET", "SELECT"],
        Clause::Limit => &["LET", "SELECT"],
    }
}

fn keywords(words: &[&str]) -> Vec<Offer> {
    words.iter().map(|word| plain(word, OfferKind::Keyword)).collect()
}

fn plain(text: &str, kind: OfferKind) -> Offer {
    Offer { text: text.to_owned(), kind, detail: String::new(), doc: String::new() }
}

fn named(spec: &Spec, kind: OfferKind) -> Offer {
    Offer {
        text: spec.name.to_owned(),
        kind,
        detail: spec.signature(),
        doc: spec.summary().to_owned(),
    }
}

fn parameters(params: &[Param]) -> String {
    let names: Vec<&str> = params.iter().map(|param| param.name.text.as_str()).collect();
    format!("({})", names.join(", "))
}

/// As a name is written: between backticks when it is no plain name.
fn written(name: &str) -> String {
    let is_part = |part: &str| vql_syntax::written_name(part) == part;
    if name.split('.').all(is_part) { name.to_owned() } else { vql_syntax::written_name(name) }
}
