//! One VQL text against a vocabulary: every call, its arguments and its accessors.

use std::collections::BTreeSet;

use vql_syntax::ast::{
    Arg, ArgValue, ColumnKind, Expr, ExprKind, LetBody, List, Literal, Program, Select, Source,
    Span, Statement, Step,
};
use vql_syntax::parse_program;

use super::FindingKind;
use super::vocabulary::{Known, Position, Signature, Vocabulary};
use crate::set::ArtifactSet;
use yaml_nodes::nearest;

/// Something found at a stretch of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// Where.
    pub span: Span,
    /// What it is about.
    pub kind: FindingKind,
    /// The name that is missing or wrong.
    pub name: String,
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub hint: Option<String>,
    /// Why a known name is not here; `None` for a mistake.
    pub why: Option<&'static str>,
}

/// What is remarkable about one text that stands for itself, for instance one in an editor: names
/// that are missing, arguments, accessors, calls of `artifacts`.
pub fn remarks(text: &str, vocabulary: &Vocabulary, artifacts: &ArtifactSet) -> Vec<Remark> {
    let program = parse_program(text).program;
    let (mut defined, mut asked_for) = (BTreeSet::new(), BTreeSet::new());
    defined_names(&program, &mut defined);
    asked_names(text, &mut asked_for);
    let mut walk = Walk {
        vocabulary,
        artifacts,
        unreadable: &BTreeSet::new(),
        defined: &defined,
        asked_for: &asked_for,
        remarks: Vec::new(),
        calls: Vec::new(),
    };
    walk.program(&program);
    walk.remarks
}

/// A call of an artifact.
pub(super) struct ArtifactCall {
    pub(super) span: Span,
    pub(super) name: String,
}

pub(super) struct Walk<'a> {
    pub(super) vocabulary: &'a Vocabulary,
    pub(super) artifacts: &'a ArtifactSet,
    /// Names of files that could not be read: calls of them are no unknown names.
    pub(super) unreadable: &'a BTreeSet<String>,
    /// Names that the texts of the same scope define.
    pub(super) defined: &'a BTreeSet<String>,
    /// Names that the texts ask for with `version()` before they use them.
    pub(super) asked_for: &'a BTreeSet<String>,
    pub(super) remarks: Vec<Remark>,
    pub(super) calls: Vec<ArtifactCall>,
}

/// Names that a program defines, parameters of definitions included.
pub(super) fn defined_names(program: &Program, names: &mut BTreeSet<String>) {
    for statement in &program.statements {
        if let Statement::Let(definition) = statement {
            names.insert(definition.name.text.clone());
            let params = definition.params.iter().flatten();
            names.extend(params.map(|param| param.name.text.clone()));
        }
    }
}

impl Walk<'_> {
    pub(super) fn program(&mut self, program: &Program) {
        for statement in &program.statements {
            match statement {
                Statement::Select(select) => self.select(select),
                Statement::Let(definition) => {
                    for param in definition.params.iter().flatten() {
                        if let Some(default) = &param.default {
                            self.arg_value(default);
                        }
                    }
                    match &definition.body {
                        LetBody::Select(select) => self.select(select),
                        LetBody::Expr(expr) => self.expr(expr),
                    }
                }
            }
        }
    }

    fn select(&mut self, select: &Select) {
        self.source(&select.source);
        for column in &select.columns {
            match &column.kind {
                ColumnKind::Star => {}
                ColumnKind::Subquery(inner) => self.select(inner),
                ColumnKind::Expr(expr) => self.expr(expr),
            }
        }
        for list in [&select.filter, &select.group_by].into_iter().flatten() {
            self.list(list);
        }
    }

    fn source(&mut self, source: &Source) {
        let name = dotted(source.path.iter().map(|part| part.text.as_str()));
        let first = source.path.first().map_or("", |first| first.text.as_str());
        let Some(args) = &source.args else {
            // A variable; a plugin's name is one only when somebody defined it.
            let is_plugin = self.vocabulary.plugins.contains_key(&name);
            if is_plugin && !self.defined.contains(first) {
                let message = format!("`FROM {name}` is a variable, not the plugin");
                let hint = Some(format!("write `FROM {name}()`"));
                self.mistake(source.span, FindingKind::Plugin, &name, message, hint);
            }
            return;
        };
        self.args(args);
        if let Some(artifact) = name.strip_prefix("Artifact.") {
            return self.artifact(artifact, args, source.span);
        }
        match self.vocabulary.callee(Position::From, &name) {
            Some(Known::Here(signature)) => self.check_args(&name, signature, args, source.span),
            _ if self.defined.contains(first) => {}
            found => self.missing(Position::From, &name, found.cloned(), source.span),
        }
    }

    /// A call of an artifact: whether it is there, and has such parameters and sources.
    fn artifact(&mut self, name: &str, args: &[Arg], span: Span) {
        let Some(artifact) = self.artifacts.get(name) else {
            if self.unreadable.contains(name) {
                self.calls.push(ArtifactCall { span, name: name.to_owned() });
                return;
            }
            let message = format!("there is no artifact `{name}`");
            let hint = self.artifacts.nearest(name).map(|like| format!("did you mean `{like}`?"));
            return self.mistake(span, FindingKind::Artifact, name, message, hint);
        };
        self.calls.push(ArtifactCall { span, name: artifact.name.clone() });
        if is_spread(args) {
            return;
        }
        let parameters = || artifact.parameters.iter().map(|parameter| parameter.name.as_str());
        for arg in args {
            let given = arg.name.text.as_str();
            if given == "source" {
                let sources =
                    || artifact.sources.iter().filter_map(|source| source.name.as_deref());
                if let Some(wanted) = literal_text(&arg.value)
                    && sources().all(|known| known != wanted)
                {
                    let message = format!("artifact `{name}` has no source `{wanted}`");
                    let hint =
                        nearest(&wanted, sources()).map(|like| format!("did you mean `{like}`?"));
                    let what = format!("{name}/{wanted}");
                    self.mistake(arg.span, FindingKind::Source, &what, message, hint);
                }
            } else if given != "preconditions" && parameters().all(|known| known != given) {
                let message = format!("artifact `{name}` has no parameter `{given}`");
                let hint =
                    nearest(given, parameters()).map(|like| format!("did you mean `{like}`?"));
                let what = format!("{name}.{given}");
                self.mistake(arg.span, FindingKind::Parameter, &what, message, hint);
            }
        }
    }

    fn args(&mut self, args: &[Arg]) {
        for arg in args {
            self.arg_value(&arg.value);
            let name = arg.name.text.as_str();
            let names_accessor = ["accessor", "DelegateAccessor"]
                .iter()
                .any(|known| known.eq_ignore_ascii_case(name));
            if names_accessor && let Some(accessor) = literal_text(&arg.value) {
                self.accessor(&accessor, arg.span);
            }
        }
    }

    pub(super) fn accessor(&mut self, accessor: &str, span: Span) {
        match self.vocabulary.accessors.get(accessor) {
            _ if accessor.is_empty() => {}
            Some(Known::Here(_)) => {}
            Some(Known::Elsewhere { why, says }) => {
                let (message, why) = (format!("the accessor {says}"), Some(*why));
                let (kind, name) = (FindingKind::Accessor, accessor.to_owned());
                self.remarks.push(Remark { span, kind, name, message, hint: None, why });
            }
            None => {
                let message = format!("no accessor is called `{accessor}`");
                let known = self.vocabulary.accessors.keys().map(String::as_str);
                let hint = nearest(accessor, known).map(|like| format!("did you mean `{like}`?"));
                self.mistake(span, FindingKind::Accessor, accessor, message, hint);
            }
        }
    }

    fn arg_value(&mut self, value: &ArgValue) {
        match value {
            ArgValue::Subselect(select) => self.select(select),
            ArgValue::Array(list) => self.list(list),
            ArgValue::Expr(expr) => self.expr(expr),
        }
    }

    fn list(&mut self, list: &List) {
        for item in &list.items {
            self.expr(item);
        }
    }

    fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Literal(_) => {}
            ExprKind::Symbol(symbol) => {
                if let Some(args) = &symbol.args {
                    let path = symbol.path.iter().map(|part| part.text.as_str());
                    self.call(&path.collect::<Vec<_>>(), args, expr.span);
                }
            }
            ExprKind::Paren(inner) | ExprKind::Not(inner) => self.expr(inner),
            ExprKind::Tuple(items) => items.iter().for_each(|item| self.expr(item)),
            ExprKind::Member { base, steps } => {
                self.expr(base);
                for step in steps {
                    match step {
                        Step::Dot(_) => {}
                        Step::Index(index) => self.expr(index),
                        Step::Slice { from, to } => {
                            [from, to].into_iter().flatten().for_each(|side| self.expr(side));
                        }
                    }
                }
            }
            ExprKind::Chain(chain) => {
                self.expr(&chain.first);
                chain.rest.iter().for_each(|link| self.expr(&link.operand));
            }
        }
    }

    fn call(&mut self, path: &[&str], args: &[Arg], span: Span) {
        self.args(args);
        let name = dotted(path.iter().copied());
        let first = path.first().copied().unwrap_or_default();
        match self.vocabulary.callee(Position::Expression, &name) {
            Some(Known::Here(signature)) => self.check_args(&name, signature, args, span),
            _ if self.defined.contains(first) => {}
            // A method of a value that only the run knows.
            None if path.len() > 1 && first != "Artifact" => {}
            found => self.missing(Position::Expression, &name, found.cloned(), span),
        }
    }

    fn missing(&mut self, position: Position, name: &str, found: Option<Known>, span: Span) {
        let (kind, word) = match position {
            Position::From => (FindingKind::Plugin, "plugin"),
            Position::Expression => (FindingKind::Function, "function"),
        };
        let name = name.to_owned();
        match found {
            Some(Known::Elsewhere { why, says }) => {
                let (message, why) = (says, Some(why));
                self.remarks.push(Remark { span, kind, name, message, hint: None, why });
            }
            _ if self.asked_for.contains(&name) => {
                let message = format!("no {word} is called `{name}`, which the text allows for");
                let why = Some("asked_for");
                self.remarks.push(Remark { span, kind, name, message, hint: None, why });
            }
            _ => {
                let message = format!("no {word} is called `{name}`");
                let hint = match name.starts_with("Artifact.") {
                    true => Some("an artifact yields rows; it stands after FROM".to_owned()),
                    false => self.vocabulary.advice(position, &name),
                };
                self.mistake(span, kind, &name, message, hint);
            }
        }
    }

    fn mistake(
        &mut self,
        span: Span,
        kind: FindingKind,
        name: &str,
        message: String,
        hint: Option<String>,
    ) {
        self.remarks.push(Remark { span, kind, name: name.to_owned(), message, hint, why: None });
    }

    fn check_args(&mut self, name: &str, signature: &Signature, args: &[Arg], span: Span) {
        let known = |arg: &Arg| signature.args.iter().find(|known| known.name == arg.name.text);
        for arg in args {
            if known(arg).is_some_and(|known| known.is_lambda) {
                self.lambda(name, arg);
            }
        }
        if signature.free_form || is_spread(args) {
            return;
        }
        for arg in args.iter().filter(|arg| known(arg).is_none()) {
            let given = &arg.name.text;
            let message = format!("`{name}` has no argument `{given}`");
            let names = || signature.args.iter().map(|known| known.name.as_str());
            let hint = match nearest(given, names()) {
                Some(like) => format!("did you mean `{like}`?"),
                None if signature.args.is_empty() => "it takes none".to_owned(),
                None => format!("it takes {}", names().collect::<Vec<_>>().join(", ")),
            };
            let what = format!("{name}.{given}");
            self.mistake(arg.span, FindingKind::Argument, &what, message, Some(hint));
        }
        for wanted in signature.args.iter().filter(|wanted| wanted.required) {
            if args.iter().all(|arg| arg.name.text != wanted.name) {
                let message = format!("`{name}` needs the argument `{}`", wanted.name);
                let what = format!("{name}.{}", wanted.name);
                self.mistake(span, FindingKind::RequiredArgument, &what, message, None);
            }
        }
    }

    /// A lambda written as text in the call itself.
    fn lambda(&mut self, callee: &str, arg: &Arg) {
        let Some(text) = literal_text(&arg.value) else { return };
        match vql_syntax::parse_lambda(&text) {
            Ok(lambda) => {
                // What is found inside is told at the argument: the text has places of its own.
                let before = self.remarks.len();
                let calls = self.calls.len();
                self.expr(&lambda.body);
                for remark in &mut self.remarks[before..] {
                    remark.span = arg.span;
                }
                for call in &mut self.calls[calls..] {
                    call.span = arg.span;
                }
            }
            Err(wrong) => {
                let wrong = wrong.first().map_or("", |wrong| wrong.message.as_str());
                let what = format!("{callee}.{}", arg.name.text);
                let message = format!("the text of `{}` is no lambda: {wrong}", arg.name.text);
                let hint = Some("for example `x=>x.Name`".to_owned());
                self.mistake(arg.span, FindingKind::Syntax, &what, message, hint);
            }
        }
    }
}

/// `` f(`**`=dict) ``: the arguments are known only to the run.
fn is_spread(args: &[Arg]) -> bool {
    matches!(args, [only] if only.name.text == "**")
}

/// The text of an argument that is one literal.
fn literal_text(value: &ArgValue) -> Option<String> {
    let expr = match value {
        ArgValue::Expr(expr) => expr,
        ArgValue::Array(list) => list.as_scalar()?,
        ArgValue::Subselect(_) => return None,
    };
    match &expr.kind {
        ExprKind::Literal(Literal::Raw(text)) => Some(text.clone()),
        ExprKind::Literal(Literal::Text(text)) => {
            Some(String::from_utf8_lossy(&text.bytes).into_owned())
        }
        _ => None,
    }
}

/// The names that a program asks `version()` about.
pub(super) fn asked_names(text: &str, names: &mut BTreeSet<String>) {
    for (at, call) in text.match_indices("version(") {
        let rest = text.get(at + call.len()..).unwrap_or("");
        let inside = rest.split(')').next().unwrap_or("");
        let quoted = inside.split(['"', '\'']).nth(1);
        names.extend(quoted.map(str::to_owned));
    }
}

fn dotted<'p>(path: impl Iterator<Item = &'p str>) -> String {
    path.collect::<Vec<_>>().join(".")
}
