//! What a query answers with, as far as its text says.

use sqlparser::ast::{Expr, Query, SelectItem, SetExpr};

use crate::shape::{calls, is_aggregate};

/// What a query answers with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outputs {
    /// The columns that have a name, in order, and whether each is the same for a whole group: it
    /// is no aggregate.
    pub columns: Vec<(String, bool)>,
    /// There are more of which the text says nothing: `*`.
    pub more: bool,
}

impl Outputs {
    /// Of the whole query: of its first `SELECT`.
    pub(crate) fn of(query: &Query) -> Self {
        let mut body = &*query.body;
        let select = loop {
            match body {
                SetExpr::Select(select) => break select,
                SetExpr::Query(inner) => body = &inner.body,
                SetExpr::SetOperation { left, .. } => body = left,
                _ => return Self { columns: Vec::new(), more: true },
            }
        };
        let mut outputs = Self::default();
        for item in &select.projection {
            let (name, expression) = match item {
                SelectItem::ExprWithAlias { expr, alias } => (&alias.value, expr),
                SelectItem::UnnamedExpr(expr @ Expr::Identifier(ident)) => (&ident.value, expr),
                SelectItem::UnnamedExpr(expr @ Expr::CompoundIdentifier(parts)) => {
                    let Some(last) = parts.last() else { continue };
                    (&last.value, expr)
                }
                SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAliases { .. } => continue,
                SelectItem::QualifiedWildcard(..) | SelectItem::Wildcard(_) => {
                    outputs.more = true;
                    continue;
                }
            };
            let aggregate = calls(expression)
                .iter()
                .any(|function| function.over.is_some() || is_aggregate(function));
            outputs.columns.push((name.clone(), !aggregate));
        }
        outputs
    }

    /// Whether there is a column of that name, as far as the text says.
    pub fn may_have(&self, name: &str) -> bool {
        self.more || self.columns.iter().any(|(column, _)| column == name)
    }
}
