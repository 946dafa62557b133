//! What a rule's query is made of, found in its syntax tree: names, calls, nested queries.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use sqlparser::ast::{
    ExcludeSelectItem, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
    GroupByExpr, Ident, JoinConstraint, JoinOperator, ObjectName, Query, Select, SelectItem,
    SelectItemQualifiedWildcardKind, Spanned, TableAlias, TableFactor, TableFunctionArgs, Value,
    ValueWithSpan, Visit, Visitor, WildcardAdditionalOptions,
};
use sqlparser::tokenizer::{Location, Span};

/// What a query is made of.
#[derive(Debug, Default)]
pub(crate) struct Shape {
    /// Where names stand that are columns, tables or aliases: they are quoted.
    pub(crate) names: BTreeSet<Location>,
    /// Columns, as written, and where.
    pub(crate) columns: Vec<(String, Location)>,
    /// Names that the query itself gives.
    pub(crate) given: BTreeSet<String>,
    /// Tables: their first part, where it stands, and whether there is an alias.
    pub(crate) tables: Vec<(String, Location, bool)>,
    /// Patterns of `LIKE`, and what escapes in them.
    pub(crate) patterns: BTreeMap<Location, Option<char>>,
    /// The characters after `ESCAPE` that belong to such patterns.
    pub(crate) escapes: BTreeSet<Location>,
    /// Members of `IN` lists.
    pub(crate) members: BTreeSet<Location>,
    /// Aggregates and where.
    pub(crate) aggregates: Vec<(String, Location)>,
    /// Window functions and where.
    pub(crate) over: Vec<(String, Location)>,
    /// What depends on the moment or chance of the run.
    pub(crate) unsteady: Vec<(String, Location)>,
    /// Queries inside the query.
    pub(crate) nested: Vec<Location>,
    /// Where rows are grouped by a stretch of time.
    pub(crate) buckets: Vec<Location>,
    queries: usize,
}

/// Functions that make one value of many rows; `count` and the like, by their lower-case names.
const AGGREGATES: &[&str] = &[
    "any",
    "any_value",
    "anylast",
    "approx_count_distinct",
    "approx_distinct",
    "approx_median",
    "approx_percentile",
    "approx_percentile_cont",
    "approx_set",
    "arbitrary",
    "argmax",
    "argmin",
    "array_agg",
    "avg",
    "avgweighted",
    "bit_and",
    "bit_or",
    "bit_xor",
    "bool_and",
    "bool_or",
    "checksum",
    "collect_list",
    "collect_set",
    "corr",
    "count",
    "count_if",
    "countif",
    "covar_pop",
    "covar_samp",
    "every",
    "first",
    "first_value",
    "group_concat",
    "grouparray",
    "groupbitand",
    "groupbitor",
    "groupbitxor",
    "groupuniqarray",
    "grouping",
    "histogram",
    "json_agg",
    "json_group_array",
    "json_group_object",
    "json_object_agg",
    "jsonb_agg",
    "jsonb_object_agg",
    "last",
    "last_value",
    "listagg",
    "map_agg",
    "max",
    "max_by",
    "mean",
    "median",
    "min",
    "min_by",
    "mode",
    "nth_value",
    "numeric_histogram",
    "percentile",
    "percentile_approx",
    "percentile_cont",
    "percentile_disc",
    "quantile",
    "quantileexact",
    "quantiles",
    "quantiletdigest",
    "regr_slope",
    "set_agg",
    "sequencecount",
    "sequencematch",
    "skewness",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "string_agg",
    "sum",
    "sumif",
    "sumwithoverflow",
    "topk",
    "total",
    "uniq",
    "uniqcombined",
    "uniqexact",
    "uniqhll12",
    "var",
    "var_pop",
    "var_samp",
    "variance",
    "windowfunnel",
    "xmlagg",
];

/// Functions whose answer depends on when or how often they are asked.
const UNSTEADY: &[&str] = &[
    "clock_timestamp",
    "current_date",
    "current_time",
    "current_timestamp",
    "gen_random_uuid",
    "generateuuidv4",
    "getdate",
    "localtime",
    "localtimestamp",
    "newid",
    "now",
    "now64",
    "rand",
    "rand32",
    "rand64",
    "randn",
    "random",
    "randomblob",
    "row_number_in_block",
    "statement_timestamp",
    "sysdate",
    "sysdatetime",
    "systimestamp",
    "timeofday",
    "today",
    "transaction_timestamp",
    "uuid",
    "uuid_generate_v4",
    "yesterday",
];

/// Functions that make a stretch of time of a moment.
const BUCKETS: &[&str] = &[
    "date_bin",
    "date_trunc",
    "datetrunc",
    "time_bucket",
    "time_slice",
    "tostartofday",
    "tostartoffifteenminutes",
    "tostartoffiveminutes",
    "tostartofhour",
    "tostartofinterval",
    "tostartofminute",
    "tostartofmonth",
    "tostartoftenminutes",
    "tostartofweek",
    "trunc",
    "tumble",
    "window",
    "strftime",
    "date",
];

impl Shape {
    /// Looks through a query.
    pub(crate) fn of(query: &Query) -> Self {
        let mut shape = Self::default();
        let ControlFlow::Continue(()) = query.visit(&mut shape);
        shape
    }

    fn name(&mut self, ident: &Ident) {
        self.names.insert(ident.span.start);
    }

    fn give(&mut self, ident: &Ident) {
        self.name(ident);
        self.given.insert(ident.value.clone());
    }

    fn alias(&mut self, alias: &TableAlias) {
        self.give(&alias.name);
        alias.columns.iter().for_each(|column| self.give(&column.name));
    }

    fn column(&mut self, ident: &Ident) {
        self.name(ident);
        self.columns.push((ident.value.clone(), ident.span.start));
    }

    fn object(&mut self, name: &ObjectName) {
        name.0.iter().filter_map(|part| part.as_ident()).for_each(|ident| self.name(ident));
    }

    fn wildcard(&mut self, options: &WildcardAdditionalOptions) {
        match &options.opt_exclude {
            Some(ExcludeSelectItem::Single(name)) => self.object(name),
            Some(ExcludeSelectItem::Multiple(names)) => {
                names.iter().for_each(|name| self.object(name))
            }
            None => {}
        }
        if let Some(except) = &options.opt_except {
            self.name(&except.first_element);
            except.additional_elements.iter().for_each(|ident| self.name(ident));
        }
    }

    fn function(&mut self, function: &Function) {
        let Some(ident) = function.name.0.last().and_then(|part| part.as_ident()) else { return };
        let name = ident.value.to_ascii_lowercase();
        let at = ident.span.start;
        if function.over.is_some() {
            self.over.push((name.clone(), at));
        } else if is_aggregate(function) {
            self.aggregates.push((name.clone(), at));
        }
        let of_now = || {
            let clocks = ["date", "time", "datetime", "julianday", "strftime", "unixepoch"];
            let now = |text: &str| text.eq_ignore_ascii_case("now");
            clocks.contains(&name.as_str())
                && (arguments(function).is_empty() || texts(function).iter().any(|text| now(text)))
        };
        let bare_unix = name == "unix_timestamp" && arguments(function).is_empty();
        if UNSTEADY.contains(&name.as_str()) || bare_unix || of_now() {
            self.unsteady.push((name, at));
        }
    }

    fn pattern(&mut self, pattern: &Expr, escape: Option<&ValueWithSpan>) {
        let Some(escape) = escape else {
            self.patterns.insert(pattern.span().start, None);
            return;
        };
        // Only a pattern that is written out can be written for another escape.
        let plain = matches!(pattern, Expr::Value(_) | Expr::Identifier(_));
        if let (true, Some(character)) = (plain, escape_character(escape)) {
            self.patterns.insert(pattern.span().start, Some(character));
            self.escapes.insert(escape.span.start);
        }
    }

    fn group_by(&mut self, group_by: &GroupByExpr) {
        let GroupByExpr::Expressions(expressions, _) = group_by else { return };
        for expression in expressions {
            let bucket = calls(expression).into_iter().find(|function| {
                let name = function_name(function);
                BUCKETS.contains(&name.as_str())
            });
            if bucket.is_some() {
                self.buckets.push(expression.span().start);
            }
        }
    }
}

impl Visitor for Shape {
    type Break = std::convert::Infallible;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Self::Break> {
        self.queries += 1;
        if self.queries > 1 {
            self.nested.push(query.span().start);
        }
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            self.alias(&cte.alias);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<Self::Break> {
        for item in &select.projection {
            match item {
                SelectItem::ExprWithAlias { alias, .. } => self.give(alias),
                SelectItem::ExprWithAliases { aliases, .. } => {
                    aliases.iter().for_each(|alias| self.give(alias));
                }
                SelectItem::QualifiedWildcard(kind, options) => {
                    if let SelectItemQualifiedWildcardKind::ObjectName(name) = kind {
                        self.object(name);
                    }
                    self.wildcard(options);
                }
                SelectItem::Wildcard(options) => self.wildcard(options),
                SelectItem::UnnamedExpr(_) => {}
            }
        }
        for join in select.from.iter().flat_map(|from| &from.joins) {
            if let Some(JoinConstraint::Using(names)) = constraint(&join.join_operator) {
                names.iter().for_each(|name| self.object(name));
            }
        }
        self.group_by(&select.group_by);
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<Self::Break> {
        match factor {
            TableFactor::Table { name, alias, args, .. } => {
                if let Some(alias) = alias {
                    self.alias(alias);
                }
                // With arguments it is a function, whose name is not quoted.
                if args.as_ref().is_none_or(|args: &TableFunctionArgs| args.args.is_empty()) {
                    self.object(name);
                }
                if let Some(first) = name.0.first().and_then(|part| part.as_ident()) {
                    self.tables.push((first.value.clone(), first.span.start, alias.is_some()));
                }
            }
            TableFactor::Derived { alias: Some(alias), .. }
            | TableFactor::TableFunction { alias: Some(alias), .. }
            | TableFactor::Function { alias: Some(alias), .. }
            | TableFactor::UNNEST { alias: Some(alias), .. }
            | TableFactor::NestedJoin { alias: Some(alias), .. } => self.alias(alias),
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<Self::Break> {
        match expression {
            Expr::Identifier(ident) => self.column(ident),
            Expr::CompoundIdentifier(parts) => {
                parts.iter().for_each(|part| self.name(part));
                if let Some(last) = parts.last() {
                    self.columns.push((last.value.clone(), last.span.start));
                }
            }
            Expr::Function(function) => self.function(function),
            Expr::Like { pattern, escape_char, .. } | Expr::ILike { pattern, escape_char, .. } => {
                self.pattern(pattern, escape_char.as_ref());
            }
            Expr::InList { list, .. } => {
                self.members.extend(list.iter().map(|member| member.span().start));
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// The one character of an `ESCAPE`.
pub(crate) fn escape_character(escape: &ValueWithSpan) -> Option<char> {
    let Value::SingleQuotedString(text) = &escape.value else { return None };
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (Some(character), None) => Some(character),
        _ => None,
    }
}

fn constraint(operator: &JoinOperator) -> Option<&JoinConstraint> {
    match operator {
        JoinOperator::Join(constraint)
        | JoinOperator::Inner(constraint)
        | JoinOperator::Left(constraint)
        | JoinOperator::LeftOuter(constraint)
        | JoinOperator::Right(constraint)
        | JoinOperator::RightOuter(constraint)
        | JoinOperator::FullOuter(constraint)
        | JoinOperator::CrossJoin(constraint)
        | JoinOperator::Semi(constraint)
        | JoinOperator::LeftSemi(constraint)
        | JoinOperator::RightSemi(constraint)
        | JoinOperator::Anti(constraint)
        | JoinOperator::LeftAnti(constraint)
        | JoinOperator::RightAnti(constraint) => Some(constraint),
        _ => None,
    }
}

fn function_name(function: &Function) -> String {
    let last = function.name.0.last().and_then(|part| part.as_ident());
    last.map_or_else(String::new, |ident| ident.value.to_ascii_lowercase())
}

fn arguments(function: &Function) -> Vec<&Expr> {
    let FunctionArguments::List(list) = &function.args else { return Vec::new() };
    let expression = |argument| match argument {
        &FunctionArg::Unnamed(FunctionArgExpr::Expr(ref expression)) => Some(expression),
        _ => None,
    };
    list.args.iter().filter_map(expression).collect()
}

fn texts(function: &Function) -> Vec<&str> {
    let text = |expression: &&Expr| matches!(expression, Expr::Value(_));
    let words = arguments(function).into_iter().filter(text).filter_map(|expression| {
        let Expr::Value(value) = expression else { return None };
        match &value.value {
            Value::SingleQuotedString(text) => Some(text.as_str()),
            _ => None,
        }
    });
    words.collect()
}

/// Whether a call makes one value of many rows. `min` and `max` of several values do not.
pub(crate) fn is_aggregate(function: &Function) -> bool {
    let name = function_name(function);
    if matches!(name.as_str(), "min" | "max") && arguments(function).len() > 1 {
        return false;
    }
    let combined = ["if", "ifornull", "ordefault", "ornull", "merge", "state", "array"];
    let plain = |name: &str| AGGREGATES.contains(&name);
    plain(&name)
        || function.filter.is_some()
        || !function.within_group.is_empty()
        || combined.iter().any(|ending| {
            let rest = name.strip_suffix(ending).unwrap_or("");
            rest.len() > 2 && !matches!(name.as_str(), "count_if") && plain(rest)
        })
}

/// All calls in an expression, without those in queries inside it.
pub(crate) fn calls(expression: &Expr) -> Vec<Function> {
    struct Calls(Vec<Function>, usize);
    impl Visitor for Calls {
        type Break = std::convert::Infallible;
        fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<Self::Break> {
            self.1 += 1;
            ControlFlow::Continue(())
        }
        fn post_visit_query(&mut self, _: &Query) -> ControlFlow<Self::Break> {
            self.1 -= 1;
            ControlFlow::Continue(())
        }
        fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<Self::Break> {
            if let (Expr::Function(function), 0) = (expression, self.1) {
                self.0.push(function.clone());
            }
            ControlFlow::Continue(())
        }
    }
    let mut found = Calls(Vec::new(), 0);
    let ControlFlow::Continue(()) = expression.visit(&mut found);
    found.0
}

/// Where a span starts, and the first place of the text where it has none.
pub(crate) fn start(span: Span) -> Location {
    if span.start.line == 0 { Location { line: 1, column: 1 } } else { span.start }
}
