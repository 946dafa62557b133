//! Round trips of generated trees, and texts that try to break the parser.

use proptest::prelude::*;
use vql_syntax::ast::{
    Arg, ArgValue, Chain, Column, ColumnKind, Expr, ExprKind, Let, LetBody, Level, Limit, Link,
    List, Literal, Name, Number, Op, OrderBy, Param, Program, Select, Source, Span, Statement,
    Step, Symbol, Text,
};
use vql_syntax::{parse_expression, parse_lambda, parse_program, print_expr, print_program};

const NOWHERE: Span = Span { start: 0, end: 0 };

fn expr(kind: ExprKind) -> Expr {
    Expr { kind, span: NOWHERE }
}

fn name() -> impl Strategy<Value = Name> {
    prop_oneof![
        4 => "[a-z_][a-zA-Z0-9_]{0,5}".prop_filter("reserved", |text| {
            const RESERVED: [&str; 15] = [
                "explain", "select", "where", "and", "or", "from", "not", "as", "in", "limit",
                "null", "desc", "true", "false", "let",
            ];
            !RESERVED.contains(&text.to_lowercase().as_str())
        }).prop_map(|text| Name { text, ticked: None, span: NOWHERE }),
        1 => "[a-zA-Zäß .*-]{1,6}"
            .prop_map(|text| Name { ticked: Some(text.clone()), text, span: NOWHERE }),
    ]
}

fn literal() -> impl Strategy<Value = Literal> {
    prop_oneof![
        Just(Literal::Null),
        any::<bool>().prop_map(Literal::Bool),
        any::<i64>().prop_map(|n| Literal::Number(Number::Int(n))),
        (-1e30..1e30).prop_map(|n: f64| Literal::Number(Number::Float(n))),
        (-1.0..1.0).prop_map(|n: f64| Literal::Number(Number::Float(n * 1e-9))),
        "[a-z \n/*{}-]{0,6}".prop_map(|text| {
            let written = format!("\"{text}\"");
            Literal::Text(Text { bytes: text.into_bytes(), written })
        }),
        "[a-z\\\\\"]{0,6}".prop_map(Literal::Raw),
    ]
}

/// The generators of one depth of brackets; the expressions inside the brackets come from the depth below.
fn value(inner: BoxedStrategy<Expr>, select: BoxedStrategy<Select>) -> BoxedStrategy<Expr> {
    let symbol = (
        any::<bool>(),
        prop::collection::vec(name(), 1..3),
        prop::option::of(args(inner.clone(), select)),
    )
        .prop_map(|(negated, path, args)| expr(ExprKind::Symbol(Symbol { negated, path, args })));
    prop_oneof![
        3 => literal().prop_map(|literal| expr(ExprKind::Literal(literal))),
        3 => symbol,
        1 => inner.clone().prop_map(|inner| expr(ExprKind::Paren(Box::new(inner)))),
        1 => prop::collection::vec(inner, 1..3).prop_map(|items| expr(ExprKind::Tuple(items))),
    ]
    .boxed()
}

fn list(inner: BoxedStrategy<Expr>) -> impl Strategy<Value = List> {
    (prop::collection::vec(inner, 1..4), any::<bool>()).prop_map(|(items, comma)| {
        let is_array = items.len() > 1 || comma;
        List { items, is_array, span: NOWHERE }
    })
}

fn arg_value(inner: BoxedStrategy<Expr>, select: BoxedStrategy<Select>) -> BoxedStrategy<ArgValue> {
    let empty = List { items: vec![], is_array: true, span: NOWHERE };
    prop_oneof![
        3 => inner.clone().prop_map(ArgValue::Expr),
        1 => select.prop_map(|select| ArgValue::Subselect(Box::new(select))),
        1 => list(inner).prop_map(ArgValue::Array),
        1 => Just(ArgValue::Array(empty)),
    ]
    .boxed()
}

fn args(
    inner: BoxedStrategy<Expr>,
    select: BoxedStrategy<Select>,
) -> impl Strategy<Value = Vec<Arg>> {
    let arg = (name(), arg_value(inner, select)).prop_map(|(name, value)| Arg {
        name,
        value,
        span: NOWHERE,
    });
    prop::collection::vec(arg, 0..3)
}

fn chain(
    level: Level,
    operand: BoxedStrategy<Expr>,
    right: BoxedStrategy<Expr>,
) -> BoxedStrategy<Expr> {
    let ops: Vec<Op> = match level {
        Level::And => vec![Op::And, Op::AndValue],
        Level::Or => vec![Op::Or, Op::OrBars(1), Op::OrBars(3), Op::OrValue],
        Level::Compare => vec![
            Op::Equal,
            Op::NotEqual,
            Op::Angles,
            Op::Less,
            Op::LessEqual,
            Op::Greater,
            Op::GreaterEqual,
            Op::In,
            Op::Match,
        ],
        Level::Sum => vec![Op::Add, Op::Sub],
        Level::Product => vec![Op::Mul, Op::Div],
    };
    let links = prop::collection::vec(
        (prop::sample::select(ops), right).prop_map(|(op, operand)| Link {
            op,
            op_span: NOWHERE,
            operand,
        }),
        1..3,
    );
    let chained = (operand.clone(), links).prop_map(move |(first, rest)| {
        expr(ExprKind::Chain(Chain { level, first: Box::new(first), rest }))
    });
    prop_oneof![4 => operand, 1 => chained].boxed()
}

fn any_expr(depth: usize) -> BoxedStrategy<Expr> {
    if depth == 0 {
        return literal().prop_map(|literal| expr(ExprKind::Literal(literal))).boxed();
    }
    let value = value(any_expr(depth - 1), any_select(depth - 1));
    let step = prop_oneof![
        name().prop_map(Step::Dot),
        value.clone().prop_map(Step::Index),
        (prop::option::of(value.clone()), prop::option::of(value.clone()))
            .prop_map(|(from, to)| Step::Slice { from, to }),
    ];
    let member = (value.clone(), prop::collection::vec(step, 1..3)).prop_map(|(base, steps)| {
        // A dot behind an uncalled symbol belongs to the symbol.
        let called = Expr::kind_is_open_symbol(&base);
        let steps = match steps.split_first() {
            Some((Step::Dot(_), _)) if called => {
                let zero = expr(ExprKind::Literal(Literal::Number(Number::Int(0))));
                std::iter::once(Step::Index(zero)).chain(steps).collect()
            }
            _ => steps,
        };
        expr(ExprKind::Member { base: Box::new(base), steps })
    });
    let member = prop_oneof![4 => value.clone(), 1 => member].boxed();
    let product = chain(Level::Product, member, value);
    let sum = chain(Level::Sum, product.clone(), product);
    let compare = chain(Level::Compare, sum.clone(), sum);
    let not = compare.clone().prop_map(|inner| expr(ExprKind::Not(Box::new(inner))));
    let condition = prop_oneof![5 => compare, 1 => not].boxed();
    let or = chain(Level::Or, condition.clone(), condition);
    chain(Level::And, or.clone(), or)
}

trait OpenSymbol {
    fn kind_is_open_symbol(expr: &Expr) -> bool;
}

impl OpenSymbol for Expr {
    fn kind_is_open_symbol(expr: &Expr) -> bool {
        matches!(&expr.kind, ExprKind::Symbol(Symbol { args: None, .. }))
    }
}

fn any_select(depth: usize) -> BoxedStrategy<Select> {
    let inner = any_expr(depth);
    let below = if depth == 0 { bare_select().boxed() } else { any_select(depth - 1) };
    let kind = prop_oneof![
        4 => inner.clone().prop_map(ColumnKind::Expr),
        1 => below.clone().prop_map(|select| ColumnKind::Subquery(Box::new(select))),
    ];
    let column = (kind, prop::option::of(name())).prop_map(|(kind, alias)| Column {
        kind,
        alias,
        span: NOWHERE,
    });
    let star = prop_oneof![
        3 => column,
        1 => Just(Column { kind: ColumnKind::Star, alias: None, span: NOWHERE }),
    ];
    let source =
        (prop::collection::vec(name(), 1..3), prop::option::of(args(inner.clone(), below)))
            .prop_map(|(path, args)| Source { path, args, span: NOWHERE });
    let order = (name(), any::<bool>()).prop_map(|(name, descending)| OrderBy {
        name,
        descending,
        span: NOWHERE,
    });
    let clauses = (
        prop::option::of(list(inner.clone())),
        prop::option::of(list(inner)),
        prop::option::of(order),
        prop::option::of(any::<i64>().prop_map(|value| Limit { value, span: NOWHERE })),
    );
    (any::<bool>(), prop::collection::vec(star, 0..4), source, clauses)
        .prop_map(|(explain, columns, source, (filter, group_by, order_by, limit))| {
            let span = NOWHERE;
            Select { explain, columns, source, filter, group_by, order_by, limit, span }
        })
        .boxed()
}

fn bare_select() -> impl Strategy<Value = Select> {
    name().prop_map(|name| Select {
        explain: false,
        columns: vec![Column { kind: ColumnKind::Star, alias: None, span: NOWHERE }],
        source: Source { path: vec![name], args: None, span: NOWHERE },
        filter: None,
        group_by: None,
        order_by: None,
        limit: None,
        span: NOWHERE,
    })
}

fn any_program() -> impl Strategy<Value = Program> {
    let param = (name(), prop::option::of(arg_value(any_expr(1), any_select(0))))
        .prop_map(|(name, default)| Param { name, default, span: NOWHERE });
    let body = prop_oneof![
        any_expr(2).prop_map(LetBody::Expr),
        any_select(1).prop_map(|select| LetBody::Select(Box::new(select))),
    ];
    let definition =
        (name(), prop::option::of(prop::collection::vec(param, 0..3)), any::<bool>(), body)
            .prop_map(|(name, params, materialized, body)| {
                Statement::Let(Let { name, params, materialized, body, span: NOWHERE })
            });
    let statement = prop_oneof![definition, any_select(1).prop_map(Statement::Select)];
    prop::collection::vec(statement, 1..4)
        .prop_map(|statements| Program { statements, comments: vec![] })
}

/// The tree without its spans, as text.
fn shape(program: &Program) -> String {
    let shown = format!("{program:#?}");
    let lines = shown.lines().filter(|line| {
        !line.trim_start().starts_with("span: ") && !line.trim_start().starts_with("op_span: ")
    });
    lines.collect::<Vec<_>>().join("\n")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn a_printed_tree_reads_back_as_itself(program in any_program()) {
        let printed = print_program(&program);
        let parsed = parse_program(&printed);
        prop_assert_eq!(&parsed.errors, &vec![], "{}", printed);
        prop_assert_eq!(shape(&parsed.program), shape(&program), "{}", printed);
        let formatted = crate::formatting::formatted(&printed);
        crate::spans::check_spans(&formatted, &parse_program(&formatted).program);
    }

    #[test]
    fn comments_anywhere_survive_formatting(
        program in any_program(),
        places in prop::collection::vec((any::<prop::sample::Index>(), 0..4_usize), 0..4),
    ) {
        let printed = print_program(&program);
        let mut words: Vec<&str> = printed.split(' ').collect();
        for (place, kind) in places {
            const COMMENTS: [&str; 4] = ["-- one\n", "/* two */", "\n\n// three\n\n", "\n/* 4\n4 */\n"];
            words.insert(place.index(words.len()), COMMENTS[kind]);
        }
        let commented = words.join(" ");
        // A blank inside a string or a backtick name is no place for a comment.
        if parse_program(&commented).errors.is_empty() {
            crate::formatting::formatted(&commented);
        }
    }

    #[test]
    fn a_printed_expression_reads_back_as_itself(tree in any_expr(3)) {
        let printed = print_expr(&tree);
        let parsed = parse_expression(&printed).unwrap();
        prop_assert_eq!(print_expr(&parsed), printed);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in any::<String>()) {
        judge(&text);
    }

    #[test]
    fn no_bytes_make_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        judge(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn no_heap_of_tokens_makes_the_parser_panic(
        tokens in prop::collection::vec(prop::sample::select(TOKENS), 0..40),
    ) {
        judge(&tokens.join(" "));
        judge(&tokens.concat());
    }
}

const TOKENS: &[&str] = &[
    "SELECT", "FROM", "WHERE", "LET", "EXPLAIN", "AND", "OR", "NOT", "IN", "AS", "LIMIT", "DESC",
    "GROUP BY", "ORDER BY", "NULL", "TRUE", "a", "b.c", "-d", "`e f`", "`", "1", "-2", "0x", ".5",
    "1e", "'x'", "\"y\"", "'''z'''", "'", "\"", "'''", "\\", "(", ")", "[", "]", "{", "}", ",",
    ".", ":", "=", "<", ">", "!", "~", "=~", "=>", "<=", "|", "||", "&", "&&", "+", "-", "*", "/",
    "%", ";", "--", "//", "/*", "*/", "\n", "ä", "\u{201c}", "ASC", "DISTINCT", "IS", "p()",
    "f(a=1)",
];

/// Everything that may be asked about a text; every diagnostic must point into it.
fn judge(text: &str) {
    let parsed = parse_program(text);
    for diagnostic in parsed.errors.iter().chain(&parsed.warnings) {
        let span = diagnostic.span;
        assert!(span.start <= span.end && span.end <= text.len(), "{text:?}: {diagnostic:?}");
        assert!(text.is_char_boundary(span.start) && text.is_char_boundary(span.end));
        assert!(diagnostic.render("case", text).contains(&diagnostic.message));
    }
    if parsed.errors.is_empty() {
        let printed = print_program(&parsed.program);
        let again = parse_program(&printed);
        assert_eq!(again.errors, [], "{text:?} became {printed:?}");
        let shapes = (strip_comments(parsed.program), strip_comments(again.program));
        assert_eq!(shape(&shapes.0), shape(&shapes.1), "{text:?} became {printed:?}");
    }
    let _ = parse_lambda(text);
    let _ = parse_expression(text);
}

fn strip_comments(program: Program) -> Program {
    Program { comments: vec![], ..program }
}

#[test]
fn nesting_has_a_limit_with_a_clear_message() {
    // The brackets that one repetition opens.
    let forms =
        [("(", ")", 1), ("f(a=", ")", 1), ("NOT ", "", 1), ("f(a={ SELECT ", " FROM p })", 2)];
    for (open, close, brackets) in forms {
        let nested = |times: usize| {
            format!("SELECT {}1{} FROM scope()", open.repeat(times), close.repeat(times))
        };
        let errors = parse_program(&nested(3000)).into_result().unwrap_err();
        assert!(errors[0].message.contains("nested more than 100 deep"), "{}", errors[0].message);
        assert_eq!(parse_program(&nested(100 / brackets)).errors, [], "{open}");
    }
}

#[test]
fn long_rows_of_operators_are_not_deep() {
    let text = format!(
        "SELECT {} 1 FROM scope() WHERE {} 1",
        "1 + ".repeat(20_000),
        "a OR ".repeat(20_000)
    );
    let parsed = parse_program(&text);
    assert_eq!(parsed.errors, []);
    assert!(print_program(&parsed.program).len() > 100_000);
}
