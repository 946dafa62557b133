//! The columns of a query, as far as its text tells.

use vql_syntax::ast::{Arg, ArgValue, ColumnKind, LetBody, Select, Source, Statement};
use vql_syntax::{Program, column_name};

use crate::Knowledge;

/// How deep definitions are followed: they may name one another in a circle.
const DEPTH_MAX: usize = 8;

/// Where columns are looked up.
pub(crate) struct Columns<'a> {
    pub(crate) program: &'a Program,
    pub(crate) knowledge: Option<&'a Knowledge>,
}

/// Columns of the rows of a whole text, whose last statement yields them.
pub(crate) fn columns_of_program(program: &Program) -> Vec<String> {
    let last = program.statements.iter().rev().find_map(|statement| match statement {
        Statement::Select(select) => Some(select),
        Statement::Let(_) => None,
    });
    let columns = Columns { program, knowledge: None };
    last.map_or_else(Vec::new, |select| columns.of_select(select, 0))
}

impl Columns<'_> {
    /// The columns of what a name after FROM stands for: a definition or an artifact.
    pub(crate) fn of_name(&self, path: &str, depth: usize) -> Vec<String> {
        if let Some(name) = path.strip_prefix("Artifact.") {
            let artifact = self.knowledge.and_then(|knowledge| knowledge.artifact(name));
            return artifact.map_or_else(Vec::new, |artifact| artifact.columns.clone());
        }
        let defined = self.program.statements.iter().rev().find_map(|statement| match statement {
            Statement::Let(definition) if definition.name.text == path => Some(&definition.body),
            _ => None,
        });
        match defined {
            Some(LetBody::Select(select)) if depth < DEPTH_MAX => self.of_select(select, depth + 1),
            _ => Vec::new(),
        }
    }

    fn of_select(&self, select: &Select, depth: usize) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        for column in &select.columns {
            let named = column.alias.as_ref().map(|alias| alias.text.clone());
            match (&column.kind, named) {
                (_, Some(name)) => found.push(name),
                (ColumnKind::Star, None) => found.extend(self.of_source(&select.source, depth)),
                (ColumnKind::Expr(_), None) => found.push(column_name(column)),
                (ColumnKind::Subquery(_), None) => {}
            }
        }
        let mut once = Vec::new();
        for name in found {
            if !once.contains(&name) {
                once.push(name);
            }
        }
        once
    }

    fn of_source(&self, source: &Source, depth: usize) -> Vec<String> {
        let path: Vec<&str> = source.path.iter().map(|name| name.text.as_str()).collect();
        let path = path.join(".");
        let Some(args) = &source.args else { return self.of_name(&path, depth) };
        match path.as_str() {
            // These pass on the rows of the queries they are given.
            "foreach" => {
                let query = args.iter().find(|arg| arg.name.text == "query");
                let row = args.iter().find(|arg| arg.name.text == "row");
                query.or(row).map_or_else(Vec::new, |arg| self.of_argument(arg, depth))
            }
            "if" | "switch" | "chain" | "delay" | "flatten" | "dedup" => args
                .iter()
                .filter(|arg| arg.name.text != "condition")
                .flat_map(|arg| self.of_argument(arg, depth))
                .collect(),
            _ => self.of_name(&path, depth),
        }
    }

    fn of_argument(&self, arg: &Arg, depth: usize) -> Vec<String> {
        match &arg.value {
            ArgValue::Subselect(select) if depth < DEPTH_MAX => self.of_select(select, depth + 1),
            ArgValue::Expr(expr) => match &expr.kind {
                vql_syntax::ast::ExprKind::Symbol(symbol) if symbol.path.len() == 1 => {
                    self.of_name(&symbol.path[0].text, depth)
                }
                _ => Vec::new(),
            },
            _ => Vec::new(),
        }
    }
}
