//! Spans are exact: the text under a node's span is a text of that node.

use vql_syntax::ast::{
    Arg, ArgValue, ColumnKind, Expr, ExprKind, LetBody, Program, Select, Statement, Step,
};
use vql_syntax::{parse_expression, parse_program, print_expr, print_program, print_statement};

/// Checks every statement, query and expression of a program.
pub(crate) fn check_spans(text: &str, program: &Program) {
    for statement in &program.statements {
        let alone = parse_program(statement.span().of(text));
        assert_eq!(print_program(&alone.program), print_statement(statement), "{text}");
        match statement {
            Statement::Select(select) => check_select(text, select),
            Statement::Let(definition) => {
                for param in definition.params.iter().flatten() {
                    assert!(param.span.of(text).starts_with(param.name.span.of(text)));
                    if let Some(default) = &param.default {
                        check_value(text, default);
                    }
                }
                match &definition.body {
                    LetBody::Expr(expr) => check_expr(text, expr),
                    LetBody::Select(select) => check_select(text, select),
                }
            }
        }
    }
}

fn check_select(text: &str, select: &Select) {
    let alone = parse_program(select.span.of(text)).program;
    assert!(matches!(alone.statements.as_slice(), [Statement::Select(_)]), "{text}");
    for column in &select.columns {
        match &column.kind {
            ColumnKind::Star => assert_eq!(column.span.of(text), "*"),
            ColumnKind::Expr(expr) => check_expr(text, expr),
            ColumnKind::Subquery(select) => check_select(text, select),
        }
        if let Some(alias) = &column.alias {
            assert!(column.span.of(text).ends_with(alias.span.of(text)));
        }
    }
    check_args(text, select.source.args.as_deref());
    for list in [&select.filter, &select.group_by].into_iter().flatten() {
        list.items.iter().for_each(|item| check_expr(text, item));
    }
    if let Some(limit) = select.limit {
        assert!(limit.span.of(text).chars().any(|c| c.is_ascii_digit()));
    }
}

fn check_args(text: &str, args: Option<&[Arg]>) {
    for arg in args.unwrap_or_default() {
        assert!(arg.span.of(text).starts_with(arg.name.span.of(text)));
        check_value(text, &arg.value);
    }
}

fn check_value(text: &str, value: &ArgValue) {
    match value {
        ArgValue::Expr(expr) => check_expr(text, expr),
        ArgValue::Subselect(select) => check_select(text, select),
        ArgValue::Array(list) => list.items.iter().for_each(|item| check_expr(text, item)),
    }
}

fn check_expr(text: &str, expr: &Expr) {
    let under = expr.span.of(text);
    let alone = parse_expression(under).unwrap_or_else(|wrong| panic!("{under:?}: {wrong:?}"));
    assert_eq!(print_expr(&alone), print_expr(expr), "{under:?} of {text:?}");
    match &expr.kind {
        ExprKind::Literal(_) => {}
        ExprKind::Symbol(symbol) => check_args(text, symbol.args.as_deref()),
        ExprKind::Paren(inner) | ExprKind::Not(inner) => check_expr(text, inner),
        ExprKind::Tuple(items) => items.iter().for_each(|item| check_expr(text, item)),
        ExprKind::Member { base, steps } => {
            check_expr(text, base);
            for step in steps {
                match step {
                    Step::Dot(name) => assert!(!name.span.of(text).is_empty()),
                    Step::Index(index) => check_expr(text, index),
                    Step::Slice { from, to } => {
                        from.iter().chain(to).for_each(|side| check_expr(text, side));
                    }
                }
            }
        }
        ExprKind::Chain(chain) => {
            check_expr(text, &chain.first);
            for link in &chain.rest {
                assert!(!link.op_span.of(text).is_empty());
                check_expr(text, &link.operand);
            }
        }
    }
}
