//! Tree to plan: names are interned, callees found in the catalog, literal patterns compiled.
//!
//! A name that the catalog does not know stays in the plan; it may be a definition, and if it is
//! not, running it logs and yields NULL or no rows. In a restricted catalog, where nothing may be
//! called that has not been admitted, it is an error unless the text defines it.

mod expression;

pub(crate) use expression::matches_everything;

use std::collections::HashSet;
use std::sync::Arc;

use rows::{Name, Shape};
use vql_plugin::{Catalog, Found, Kind, elsewhere};
use vql_syntax::{Diagnostic, Severity, Span, ast};

use crate::plan::{
    ArgList, Body, Cell, Column, Definition, Expr, OrderBy, Param, Select, Source, SourceKind,
    Statement,
};

/// What is wrong with a text, and the text itself for showing it.
#[derive(Debug, Clone)]
pub struct Diagnostics {
    /// The text.
    pub text: String,
    /// Everything that is wrong with it.
    pub errors: Vec<Diagnostic>,
}

impl std::fmt::Display for Diagnostics {
    /// Every error with its line, and a caret under the place.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, error) in self.errors.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            f.write_str(&error.render("query", &self.text))?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

pub(crate) struct Compiler<'c> {
    catalog: &'c Catalog,
    /// Names that the text defines: LETs and their parameters.
    defined: HashSet<String>,
    pub(crate) errors: Vec<Diagnostic>,
}

impl<'c> Compiler<'c> {
    pub(crate) fn new(catalog: &'c Catalog) -> Self {
        Self { catalog, defined: HashSet::new(), errors: Vec::new() }
    }

    pub(crate) fn program(&mut self, program: &ast::Program) -> Vec<Statement> {
        for statement in &program.statements {
            if let ast::Statement::Let(definition) = statement {
                self.defined.insert(definition.name.text.clone());
                for param in definition.params.iter().flatten() {
                    self.defined.insert(param.name.text.clone());
                }
            }
        }
        program.statements.iter().map(|statement| self.statement(statement)).collect()
    }

    fn statement(&mut self, statement: &ast::Statement) -> Statement {
        match statement {
            ast::Statement::Let(definition) => {
                Statement::Let(Arc::new(self.definition(definition)))
            }
            ast::Statement::Select(select) => Statement::Select(self.select(select)),
        }
    }

    fn definition(&mut self, definition: &ast::Let) -> Definition {
        let name = Name::from(definition.name.text.as_str());
        let params = definition.params.as_ref().map(|params| {
            let param = |param: &ast::Param| Param {
                name: Name::from(param.name.text.as_str()),
                default: param.default.as_ref().map(|default| self.arg_value(default)),
            };
            params.iter().map(param).collect()
        });
        let body = match &definition.body {
            ast::LetBody::Select(select) => Body::Query(self.select(select)),
            ast::LetBody::Expr(expr) => Body::Value(self.expr(expr)),
        };
        let masks_function = !matches!(self.catalog.find_function(&name), Found::No);
        Definition { name, params, materialized: definition.materialized, body, masks_function }
    }

    pub(crate) fn select(&mut self, select: &ast::Select) -> Arc<Select> {
        let mut cells: Vec<Cell> = Vec::new();
        let mut stars = 0;
        let columns = select
            .columns
            .iter()
            .map(|column| match self.cell(column) {
                None => {
                    stars += 1;
                    Column::Star
                }
                Some(cell) => {
                    cells.push(cell);
                    Column::Cell(cells.len() - 1)
                }
            })
            .collect();
        let shape = Shape::of(cells.iter().map(|cell| &cell.name));
        let is_all = stars == 0 && shape.names().len() == cells.len();
        Arc::new(Select {
            explain: select.explain,
            columns,
            shape: is_all.then_some(shape),
            cells,
            source: self.source(&select.source),
            filter: select.filter.as_ref().map(|list| self.list(list)),
            group_by: select.group_by.as_ref().map(|list| self.list(list)),
            order_by: select.order_by.as_ref().map(|order| OrderBy {
                name: Name::from(order.name.text.as_str()),
                descending: order.descending,
            }),
            limit: select.limit.map(|limit| usize::try_from(limit.value).unwrap_or(0).max(1)),
            text: Arc::from(vql_syntax::print_select(select)),
        })
    }

    /// A computed column; `None` for a star.
    fn cell(&mut self, column: &ast::Column) -> Option<Cell> {
        let expr = match &column.kind {
            ast::ColumnKind::Star => return None,
            ast::ColumnKind::Subquery(select) => Expr::Subselect(self.select(select)),
            ast::ColumnKind::Expr(expr) => self.expr(expr),
        };
        let name = Name::from(vql_syntax::column_name(column));
        let may_aggregate = may_aggregate(&expr);
        Some(Cell { name, expr, may_aggregate })
    }

    fn source(&mut self, source: &ast::Source) -> Source {
        let path: Vec<_> = source.path.iter().map(|part| Name::from(part.text.as_str())).collect();
        let name = dotted(&path);
        let kind = match &source.args {
            None => SourceKind::Variable { similar: self.similar(&name, Kind::Plugin) },
            Some(args) => match self.catalog.find_plugin(&name) {
                Found::Yes(entry) => {
                    let args = self.args(args, Some(&entry.spec));
                    SourceKind::Plugin(entry, args)
                }
                Found::Denied(needs) => {
                    self.denied(source.span, &name, needs);
                    SourceKind::Call { args: ArgList::new(Vec::new()), similar: String::new() }
                }
                Found::No if path.len() > 1 && &*path[0] == "Artifact" => {
                    if self.catalog.is_restricted() {
                        self.unknown(source.span, &name, Kind::Plugin);
                    }
                    SourceKind::Artifact(self.args(args, None))
                }
                Found::No => {
                    self.require_defined(source.span, &path, &name, Kind::Plugin);
                    let similar = self.similar(&name, Kind::Plugin);
                    SourceKind::Call { args: self.args(args, None), similar }
                }
            },
        };
        Source { path, name, kind }
    }

    /// In a restricted catalog, what is neither admitted nor defined is an error.
    fn require_defined(&mut self, span: Span, path: &[Name], name: &Name, kind: Kind) {
        let defined = path.first().is_some_and(|first| self.defined.contains(&**first));
        if self.catalog.is_restricted() && !defined {
            self.unknown(span, name, kind);
        }
    }

    fn unknown(&mut self, span: Span, name: &str, kind: Kind) {
        if let Some(known) = elsewhere(name, kind) {
            return self.error(span, known.to_string(), None);
        }
        let what = match kind {
            Kind::Plugin => "plugin",
            Kind::Function => "function",
        };
        let near = self.catalog.similar(name, kind);
        let hint = (!near.is_empty()).then(|| format!("did you mean {}?", near.join(", ")));
        self.error(span, format!("no {what} is called `{name}`"), hint);
    }

    fn denied(&mut self, span: Span, name: &str, needs: vql_plugin::Permission) {
        let hint = "only functions that need no permission may be called here".to_owned();
        self.error(span, format!("`{name}` needs {needs}, which is not given here"), Some(hint));
    }

    fn error(&mut self, span: Span, message: String, hint: Option<String>) {
        let severity = Severity::Error;
        self.errors.push(Diagnostic { span, severity, message, expected: None, hint });
    }

    fn similar(&self, name: &str, kind: Kind) -> String {
        let near = self.catalog.similar(name, kind);
        if near.is_empty() { String::new() } else { format!(" Did you mean {}?", near.join(", ")) }
    }
}

fn dotted(path: &[Name]) -> Name {
    match path {
        [only] => only.clone(),
        _ => Name::from(path.iter().map(Name::as_str).collect::<Vec<_>>().join(".")),
    }
}

/// Whether evaluating it may change the state of an aggregate.
fn may_aggregate(expr: &Expr) -> bool {
    let any = |args: &[crate::plan::Arg]| args.iter().any(|arg| may_aggregate(&arg.value));
    match expr {
        Expr::Aggregate(_) => true,
        Expr::Call(call) => call.function.is_none() || any(&call.args),
        Expr::Variable(_) | Expr::Literal(_) | Expr::TooLarge(_) => false,
        Expr::Query(_) | Expr::Subselect(_) => true,
        Expr::If(parts) => {
            may_aggregate(&parts.condition)
                || parts.then.as_ref().is_some_and(may_aggregate)
                || parts.otherwise.as_ref().is_some_and(may_aggregate)
        }
        Expr::Negated(inner) | Expr::Not(inner) => may_aggregate(inner),
        Expr::Array(items) | Expr::Dict(_, items) => items.iter().any(may_aggregate),
        Expr::Member(base, steps) => {
            let in_step = |step: &crate::plan::Step| match step {
                crate::plan::Step::Name(_) => false,
                crate::plan::Step::Index(index) => may_aggregate(index),
                crate::plan::Step::Slice(from, to) => {
                    [from, to].into_iter().flatten().any(may_aggregate)
                }
            };
            may_aggregate(base) || steps.iter().any(in_step)
        }
        Expr::Logic(first, rest) | Expr::Arithmetic(first, rest) => {
            may_aggregate(first) || rest.iter().any(|(_, operand)| may_aggregate(operand))
        }
        Expr::Compare(_, sides) => may_aggregate(&sides.0) || may_aggregate(&sides.1),
        Expr::Match(parts) => {
            may_aggregate(&parts.left)
                || matches!(&parts.right, crate::plan::Matcher::Computed(right) if may_aggregate(right))
        }
    }
}
