//! VQL inside artifact files: which statements a field may hold, and what is wrong with them at the
//! file's own lines.

use vql_syntax::ast::{LetBody, Statement};
use vql_syntax::{Diagnostic, Place as VqlPlace, Program, parse_program};

use yaml_nodes::{Node, NodeKind, Reader, Severity};

use crate::vql_texts::Anchor;

/// A precondition: any statements.
pub(crate) fn statements(
    reader: &mut Reader<'_>,
    node: Option<&Node>,
    path: &str,
) -> Option<String> {
    parsed(reader, node, path).map(|(text, _)| text)
}

/// An export: definitions only.
pub(crate) fn definitions(
    reader: &mut Reader<'_>,
    node: Option<&Node>,
    path: &str,
) -> Option<String> {
    let (text, program) = parsed(reader, node, path)?;
    for statement in &program.statements {
        if let Statement::Select(select) = statement {
            let hint = "define it: `LET name = SELECT …`";
            at_byte(
                reader,
                node,
                path,
                &text,
                select.span.start,
                ("an export only defines names", hint),
            );
        }
    }
    Some(text)
}

/// A source: definitions, and one last statement that is not one.
pub(crate) fn source(reader: &mut Reader<'_>, node: Option<&Node>, path: &str) -> Option<String> {
    let (text, program) = parsed(reader, node, path)?;
    check_source(reader, node, path, (&text, &program));
    Some(text)
}

/// The old list form of a source: the items are joined by line ends.
pub(crate) fn joined(reader: &mut Reader<'_>, node: Option<&Node>, path: &str) -> Option<String> {
    let items = reader.items(node, path);
    let mut texts = Vec::new();
    let mut last = None;
    for (path, item) in &items {
        if let Some((text, program)) = parsed(reader, Some(item), path) {
            texts.push(text);
            last = Some(program);
        }
    }
    let text = texts.join("\n");
    // Each item is good by itself; together they must still be a source.
    if texts.len() == items.len() && last.is_some() {
        let program = parse_program(&text).program;
        check_source(reader, node, path, (&text, &program));
    }
    (!texts.is_empty()).then_some(text)
}

fn check_source(
    reader: &mut Reader<'_>,
    node: Option<&Node>,
    path: &str,
    (text, program): (&str, &Program),
) {
    let Some((last, before)) = program.statements.split_last() else {
        return;
    };
    for statement in before {
        if let Statement::Select(select) = statement {
            let says = (
                "only the last statement of a source may be a SELECT",
                "give this one a name with LET, or move it into a source of its own",
            );
            at_byte(reader, node, path, text, select.span.start, says);
        }
    }
    if let Statement::Let(definition) = last {
        let says = match definition.body {
            LetBody::Select(_) => (
                "the last statement of a source must be a SELECT, this defines a name",
                "add `SELECT * FROM` and that name",
            ),
            LetBody::Expr(_) => (
                "the last statement of a source must be a SELECT, this defines a name",
                "add a SELECT that uses it",
            ),
        };
        at_byte(reader, node, path, text, definition.span.start, says);
    }
}

/// The text and its tree; `None` when there is no text but blanks, or it has errors.
fn parsed(reader: &mut Reader<'_>, node: Option<&Node>, path: &str) -> Option<(String, Program)> {
    let node = node?;
    let text = reader.text(Some(node), path).filter(|text| !text.trim().is_empty())?;
    let parsed = parse_program(&text);
    for (severity, diagnostics) in
        [(Severity::Error, &parsed.errors), (Severity::Warning, &parsed.warnings)]
    {
        for diagnostic in diagnostics {
            report(reader, node, path, (&text, severity, diagnostic));
        }
    }
    parsed.errors.is_empty().then_some((text, parsed.program))
}

fn report(
    reader: &mut Reader<'_>,
    node: &Node,
    path: &str,
    (text, severity, diagnostic): (&str, Severity, &Diagnostic),
) {
    let inner = VqlPlace::of(text, diagnostic.span.start);
    let at = Anchor::of(node).place(inner);
    let mut message = diagnostic.message.clone();
    if let Some(expected) = &diagnostic.expected {
        message = format!("{message}, expected {expected}");
    }
    if !matches!(&node.kind, NodeKind::Text { .. }) || at == node.at && diagnostic.span.start > 0 {
        message = format!("{message} (line {}, column {} of the query)", inner.line, inner.column);
    }
    reader.problem(severity, at, path, (message, diagnostic.hint.clone()));
}

/// An error at a byte of a query.
fn at_byte(
    reader: &mut Reader<'_>,
    node: Option<&Node>,
    path: &str,
    text: &str,
    byte: usize,
    (message, hint): (&str, &str),
) {
    if let Some(node) = node {
        let at = Anchor::of(node).place(VqlPlace::of(text, byte));
        reader.error(at, path, message, hint);
    }
}
