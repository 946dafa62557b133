//! Prints a tree in the normal form of the language, on one line.
//!
//! The normal form names columns without AS, so it is part of the contract: one blank around binary
//! operators, two blanks before the words and signs of the AND and OR families, reserved words in
//! capitals, strings as written, numbers from their value.

use std::fmt::Write as _;

use crate::ast::{
    Arg, ArgValue, Chain, Column, ColumnKind, Expr, ExprKind, Let, LetBody, Level, Limit, List,
    Literal, Name, Number, Op, Param, Program, Select, Source, Statement, Step, Symbol,
};
use crate::literals::float_text;

/// The name of a column without AS.
///
/// A column that is one backtick name is called what stands between the backticks.
pub fn column_name(column: &Column) -> String {
    if let Some(alias) = &column.alias {
        return alias.text.clone();
    }
    if let ColumnKind::Expr(Expr { kind: ExprKind::Symbol(symbol), .. }) = &column.kind
        && let Symbol { negated: false, path, args: None } = symbol
        && let [Name { ticked: Some(inside), .. }] = path.as_slice()
    {
        return inside.clone();
    }
    let mut out = Printer::default();
    out.column_kind(&column.kind);
    out.text
}

/// A whole program, one statement per line.
pub fn print_program(program: &Program) -> String {
    let statements: Vec<_> = program.statements.iter().map(print_statement).collect();
    statements.join("\n")
}

/// One statement.
pub fn print_statement(statement: &Statement) -> String {
    let mut out = Printer::default();
    match statement {
        Statement::Let(definition) => out.definition(definition),
        Statement::Select(select) => out.select(select),
    }
    out.text
}

/// One query.
pub fn print_select(select: &Select) -> String {
    let mut out = Printer::default();
    out.select(select);
    out.text
}

/// One expression.
pub fn print_expr(expr: &Expr) -> String {
    let mut out = Printer::default();
    out.expr(expr);
    out.text
}

#[derive(Default)]
struct Printer {
    text: String,
}

impl Printer {
    fn put(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// The items with a comma and a blank between them.
    fn list<T>(&mut self, items: &[T], mut print: impl FnMut(&mut Self, &T)) {
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.put(", ");
            }
            print(self, item);
        }
    }

    fn name(&mut self, name: &Name) {
        match &name.ticked {
            Some(inside) => {
                self.put("`");
                self.put(inside);
                self.put("`");
            }
            None => self.put(&name.text),
        }
    }

    fn path(&mut self, path: &[Name]) {
        for (index, name) in path.iter().enumerate() {
            if index > 0 {
                self.put(".");
            }
            self.name(name);
        }
    }

    fn definition(&mut self, definition: &Let) {
        self.put("LET ");
        self.name(&definition.name);
        if let Some(params) = &definition.params {
            self.put("(");
            self.list(params, Self::param);
            self.put(")");
        }
        self.put(if definition.materialized { " <= " } else { " = " });
        match &definition.body {
            LetBody::Select(select) => self.select(select),
            LetBody::Expr(expr) => self.expr(expr),
        }
    }

    fn param(&mut self, param: &Param) {
        self.name(&param.name);
        if let Some(default) = &param.default {
            self.put("=");
            self.arg_value(default);
        }
    }

    fn select(&mut self, select: &Select) {
        if select.explain {
            self.put("EXPLAIN ");
        }
        self.put("SELECT ");
        self.list(&select.columns, Self::column);
        self.put(if select.columns.is_empty() { "FROM " } else { " FROM " });
        self.source(&select.source);
        for (word, clause) in [(" WHERE ", &select.filter), (" GROUP BY ", &select.group_by)] {
            if let Some(list) = clause {
                self.put(word);
                self.comma_list(list);
            }
        }
        if let Some(order) = &select.order_by {
            self.put(" ORDER BY ");
            self.name(&order.name);
            if order.descending {
                self.put(" DESC");
            }
        }
        if let Some(Limit { value, .. }) = select.limit {
            // Writing to a String cannot fail.
            let _ = write!(self.text, " LIMIT {value}");
        }
    }

    fn column(&mut self, column: &Column) {
        self.column_kind(&column.kind);
        if let Some(alias) = &column.alias {
            self.put(" AS ");
            self.name(alias);
        }
    }

    fn column_kind(&mut self, kind: &ColumnKind) {
        match kind {
            ColumnKind::Star => self.put("*"),
            ColumnKind::Subquery(select) => self.braced(select),
            ColumnKind::Expr(expr) => self.expr(expr),
        }
    }

    fn braced(&mut self, select: &Select) {
        self.put("{ ");
        self.select(select);
        self.put(" }");
    }

    fn source(&mut self, source: &Source) {
        self.path(&source.path);
        self.args(source.args.as_deref());
    }

    fn args(&mut self, args: Option<&[Arg]>) {
        if let Some(args) = args {
            self.put("(");
            self.list(args, |out, arg| {
                out.name(&arg.name);
                out.put("=");
                out.arg_value(&arg.value);
            });
            self.put(")");
        }
    }

    fn arg_value(&mut self, value: &ArgValue) {
        match value {
            ArgValue::Subselect(select) => self.braced(select),
            ArgValue::Expr(expr) => self.expr(expr),
            ArgValue::Array(list) => {
                self.put("[");
                self.comma_list(list);
                self.put("]");
            }
        }
    }

    /// One item that makes an array keeps a comma behind it.
    fn comma_list(&mut self, list: &List) {
        self.list(&list.items, Self::expr);
        if list.is_array && list.items.len() == 1 {
            self.put(", ");
        }
    }

    fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Literal(literal) => self.literal(literal),
            ExprKind::Symbol(symbol) => {
                self.put(if symbol.negated { "-" } else { "" });
                self.path(&symbol.path);
                self.args(symbol.args.as_deref());
            }
            ExprKind::Paren(inner) => {
                self.put("(");
                self.expr(inner);
                self.put(")");
            }
            ExprKind::Tuple(items) => {
                self.put("(");
                self.list(items, Self::expr);
                self.put(if items.len() == 1 { ", )" } else { ")" });
            }
            ExprKind::Member { base, steps } => {
                self.expr(base);
                for step in steps {
                    self.step(step);
                }
            }
            ExprKind::Not(inner) => {
                self.put("NOT ");
                self.expr(inner);
            }
            ExprKind::Chain(chain) => self.chain(chain),
        }
    }

    fn chain(&mut self, chain: &Chain) {
        let before = if matches!(chain.level, Level::And | Level::Or) { "  " } else { " " };
        self.expr(&chain.first);
        for link in &chain.rest {
            self.put(before);
            match link.op {
                Op::OrBars(count) => self.put(&"|".repeat(usize::from(count))),
                op => self.put(spelling(op)),
            }
            self.put(" ");
            self.expr(&link.operand);
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Dot(name) => {
                self.put(".");
                self.name(name);
            }
            Step::Index(index) => {
                self.put("[");
                self.expr(index);
                self.put("]");
            }
            Step::Slice { from, to } => {
                self.put("[");
                if let Some(from) = from {
                    self.expr(from);
                }
                self.put(":");
                if let Some(to) = to {
                    self.expr(to);
                }
                self.put("]");
            }
        }
    }

    fn literal(&mut self, literal: &Literal) {
        match literal {
            Literal::Null => self.put("NULL"),
            Literal::Bool(true) => self.put("TRUE"),
            Literal::Bool(false) => self.put("FALSE"),
            Literal::Number(Number::Int(value)) => self.put(&value.to_string()),
            Literal::Number(Number::Float(value)) => self.put(&float_text(*value)),
            Literal::Number(Number::TooLarge(spelling)) => self.put(spelling),
            Literal::Text(text) => self.put(&text.written),
            Literal::Raw(inside) => {
                self.put("'''");
                self.put(inside);
                self.put("'''");
            }
        }
    }
}

/// How an operator is written.
fn spelling(op: Op) -> &'static str {
    match op {
        Op::And => "AND",
        Op::AndValue => "&&",
        Op::Or => "OR",
        Op::OrBars(_) => "|",
        Op::OrValue => "||",
        Op::Equal => "=",
        Op::NotEqual => "!=",
        Op::Angles => "<>",
        Op::Less => "<",
        Op::LessEqual => "<=",
        Op::Greater => ">",
        Op::GreaterEqual => ">=",
        Op::In => "IN",
        Op::Match => "=~",
        Op::Add => "+",
        Op::Sub => "-",
        Op::Mul => "*",
        Op::Div => "/",
    }
}

/// A name as it must be written in VQL: between backticks when it is no plain identifier.
pub fn written_name(name: &str) -> String {
    let plain = matches!(
        crate::lexer::lex(name).as_slice(),
        [token] if token.kind == crate::token::Kind::Name && token.span.end == name.len()
    );
    if plain { name.to_owned() } else { format!("`{name}`") }
}
