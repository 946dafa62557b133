//! A predicate of a rule as a condition of an engine.
//!
//! # Invariants
//!
//! - **ST-3** The condition is true exactly for the rows that satisfy the predicate, by the meaning
//!   written in [`sigma::predicate`]; where an engine's notion of letters or numbers differs from it
//!   for rare values, `docs/SIGMA.md` says so. What an engine cannot express is refused, never
//!   approximated.
//! - **ST-4** NULL decides nothing: where a condition is negated, the tests in it are true or false.
//!
//! # Not here
//!
//! Which rows are read (window, table): templates. OpenSearch, which has no SQL: `documents`.

use sigma::predicate::{Anchor, Comparison, Number};
use sigma::{Predicate, Test, TimePart};
use thiserror::Error;

use crate::columns::{Column, ColumnKind, Columns};
use crate::dialect::{Dialect, Unquotable};
use crate::expression::{Flavour, Switches, rewritten};
use crate::{networks, texts};

/// Why a predicate is no condition of an engine.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Unsupported {
    /// The table has no such column.
    #[error("there is no column for the field `{field}`; map it under `columns` of the dataset")]
    NoColumn {
        /// The field, as rules call it.
        field: String,
    },
    /// The engine has nothing for a test.
    #[error("{dialect} cannot ask this of the column `{column}`: {why}")]
    Test {
        /// Which engine.
        dialect: &'static str,
        /// Of which column.
        column: String,
        /// What is missing.
        why: String,
    },
    /// Texts are looked for anywhere in the row, and no column is known.
    #[error("no column is known in which texts without a field could be looked for")]
    NoColumns,
    /// A literal that the engine cannot hold.
    #[error(transparent)]
    Literal(#[from] Unquotable),
}

/// The condition for a predicate, in parentheses where it needs them.
pub fn condition(
    predicate: &Predicate,
    dialect: Dialect,
    columns: &dyn Columns,
) -> Result<String, Unsupported> {
    if dialect == Dialect::OpenSearch {
        return crate::documents::query(predicate, columns);
    }
    Lowering { dialect, columns }.tree(predicate, false)
}

pub(crate) struct Lowering<'c> {
    pub(crate) dialect: Dialect,
    columns: &'c dyn Columns,
}

impl Lowering<'_> {
    /// `negated`: NULL would be taken for true further up.
    fn tree(&self, predicate: &Predicate, negated: bool) -> Result<String, Unsupported> {
        match predicate {
            Predicate::And(of) => self.joined(of, " AND ", negated),
            Predicate::Or(of) => self.joined(of, " OR ", negated),
            Predicate::Not(inner) => Ok(format!("(NOT {})", self.tree(inner, true)?)),
            Predicate::AtLeast { count, of } => {
                let one = |one: &Predicate| {
                    Ok(format!("(CASE WHEN {} THEN 1 ELSE 0 END)", self.tree(one, false)?))
                };
                let each: Result<Vec<String>, Unsupported> = of.iter().map(one).collect();
                let each = each?;
                if each.is_empty() {
                    return Ok(self.dialect.truth(*count == 0).to_owned());
                }
                Ok(format!("({} >= {count})", joined_flatly(each, " + ")))
            }
            Predicate::Field { field, test } => {
                let column = self.column(field)?;
                Ok(self.two_valued(self.test(&column, test)?, negated))
            }
            Predicate::Keyword(test) => {
                let columns = self.columns.all();
                if columns.is_empty() {
                    return Err(Unsupported::NoColumns);
                }
                let searched = columns.iter().filter(|column| column.kind != ColumnKind::Other);
                let each: Result<Vec<String>, Unsupported> = searched
                    .map(|column| Ok(self.two_valued(self.test(column, test)?, negated)))
                    .collect();
                let each = each?;
                let none = || self.dialect.truth(false).to_owned();
                Ok(if each.is_empty() { none() } else { joined_flatly(each, " OR ") })
            }
        }
    }

    fn joined(&self, of: &[Predicate], by: &str, negated: bool) -> Result<String, Unsupported> {
        let each: Result<Vec<String>, Unsupported> =
            of.iter().map(|one| self.tree(one, negated)).collect();
        let each = each?;
        Ok(match each.len() {
            0 => self.dialect.truth(by == " AND ").to_owned(),
            1 => each.concat(),
            _ => joined_flatly(each, by),
        })
    }

    fn two_valued(&self, test: String, negated: bool) -> String {
        if negated { format!("COALESCE({test}, 1 = 0)") } else { test }
    }

    fn column(&self, field: &str) -> Result<Column, Unsupported> {
        self.columns.column(field).ok_or_else(|| Unsupported::NoColumn { field: field.to_owned() })
    }

    fn test(&self, column: &Column, test: &Test) -> Result<String, Unsupported> {
        let name = self.dialect.identifier(&column.name)?;
        match test {
            Test::Exists(true) => Ok(format!("({name} IS NOT NULL)")),
            Test::Exists(false) | Test::Null => Ok(format!("({name} IS NULL)")),
            Test::Text(wanted) => texts::looks(self, column, wanted),
            Test::Regex { pattern, ignore_case, multi_line, dot_all } => {
                let switches = Switches {
                    ignore_case: *ignore_case,
                    multi_line: *multi_line,
                    dot_all: *dot_all,
                };
                let Some(pattern) = pattern.as_str() else {
                    return Err(self.refused(column, "the regular expression is not UTF-8"));
                };
                self.regex(column, pattern, switches)
            }
            Test::Number { is, than } => self.number(column, *is, *than),
            Test::Bool(wanted) => self.truth(column, *wanted),
            Test::Cidr(network) => self.network(column, network),
            Test::OtherField { field, anchor, cased } => {
                let other = self.column(field)?;
                self.other(column, &other, *anchor, *cased)
            }
            Test::TimePart { part, is } => self.time_part(column, *part, *is),
        }
    }

    pub(crate) fn refused(&self, column: &Column, why: impl Into<String>) -> Unsupported {
        let column = column.name.clone();
        Unsupported::Test { dialect: self.dialect.name(), column, why: why.into() }
    }

    /// The text of a column's value, as rules see it.
    pub(crate) fn text_of(&self, column: &Column) -> Result<String, Unsupported> {
        let name = self.dialect.identifier(&column.name)?;
        if self.dialect == Dialect::Sqlite {
            return Ok(format!("lycaon_text({name})"));
        }
        match column.kind {
            ColumnKind::Text => Ok(name),
            ColumnKind::Address if self.dialect == Dialect::Postgres => Ok(format!("host({name})")),
            ColumnKind::Int | ColumnKind::Address => Ok(self.cast_to_text(&name)),
            ColumnKind::Any => Ok(self.cast_to_text(&name)),
            ColumnKind::Bool => {
                Ok(format!("(CASE WHEN {name} THEN 'true' WHEN NOT {name} THEN 'false' END)"))
            }
            ColumnKind::Float => {
                Err(self.refused(column, "numbers with a fraction have no one spelling"))
            }
            ColumnKind::Time { .. } => Err(self.refused(column, "moments have no one spelling")),
            ColumnKind::Other => Err(self.refused(column, "it holds no single values")),
        }
    }

    fn cast_to_text(&self, name: &str) -> String {
        match self.dialect {
            Dialect::ClickHouse => format!("toString({name})"),
            Dialect::Spark => format!("CAST({name} AS STRING)"),
            Dialect::Postgres => format!("CAST({name} AS TEXT)"),
            _ => format!("CAST({name} AS VARCHAR)"),
        }
    }

    fn regex(
        &self,
        column: &Column,
        pattern: &str,
        switches: Switches,
    ) -> Result<String, Unsupported> {
        let text = self.text_of(column)?;
        let rewritten = |flavour| {
            let pattern = rewritten(pattern, switches, flavour);
            let pattern = pattern.map_err(|why| self.refused(column, why))?;
            Ok::<String, Unsupported>(self.dialect.text(&pattern)?)
        };
        Ok(match self.dialect {
            // The same library as ours.
            Dialect::Sqlite | Dialect::DataFusion => {
                let letters = [
                    (switches.ignore_case, 'i'),
                    (switches.multi_line, 'm'),
                    (switches.dot_all, 's'),
                ];
                let on: String =
                    letters.iter().filter(|(on, _)| *on).map(|(_, letter)| *letter).collect();
                let whole =
                    if on.is_empty() { pattern.to_owned() } else { format!("(?{on}){pattern}") };
                let whole = self.dialect.text(&whole)?;
                match self.dialect {
                    Dialect::Sqlite => format!("({text} REGEXP {whole})"),
                    _ => format!("({text} ~ {whole})"),
                }
            }
            Dialect::Postgres => format!("({text} ~ {})", rewritten(Flavour::Postgres)?),
            Dialect::ClickHouse => format!("match({text}, {})", rewritten(Flavour::Re2)?),
            Dialect::Spark => format!("({text} RLIKE {})", rewritten(Flavour::Java)?),
            Dialect::Trino => format!("regexp_like({text}, {})", rewritten(Flavour::Java)?),
            Dialect::FlightSql | Dialect::OpenSearch => {
                return Err(self.refused(column, "there are no regular expressions in its core"));
            }
        })
    }

    /// An expression of our own making, which means the same in every dialect that has any.
    fn matches(&self, text: &str, expression: &str) -> Result<String, Unquotable> {
        let expression = self.dialect.text(expression)?;
        Ok(match self.dialect {
            Dialect::Sqlite => format!("({text} REGEXP {expression})"),
            Dialect::DataFusion | Dialect::Postgres => format!("({text} ~ {expression})"),
            Dialect::ClickHouse => format!("match({text}, {expression})"),
            Dialect::Spark => format!("({text} RLIKE {expression})"),
            _ => format!("regexp_like({text}, {expression})"),
        })
    }

    fn number(&self, column: &Column, is: Comparison, than: Number) -> Result<String, Unsupported> {
        let name = self.dialect.identifier(&column.name)?;
        let than = match than {
            Number::Int(number) => self.dialect.int(number),
            Number::Float(number) if number.is_finite() => self.dialect.float(number),
            Number::Float(_) => return Err(self.refused(column, "the number is not finite")),
        };
        let sign = sign(is);
        if self.dialect == Dialect::Sqlite {
            return Ok(format!("(lycaon_number({name}) {sign} {than})"));
        }
        match column.kind {
            ColumnKind::Int => Ok(format!("({name} {sign} {than})")),
            ColumnKind::Float => Ok(format!("({} {sign} {than})", self.without_nan(&name))),
            ColumnKind::Text => {
                let text = self.trimmed(&name);
                let spells = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,2})?$";
                let number = match self.dialect {
                    Dialect::Postgres => format!("CAST({text} AS NUMERIC)"),
                    Dialect::ClickHouse => format!("toFloat64OrNull({text})"),
                    Dialect::FlightSql => {
                        return Err(self.refused(column, "texts are not read as numbers"));
                    }
                    _ => format!("TRY_CAST({text} AS DOUBLE)"),
                };
                let spells = self.matches(&text, spells)?;
                Ok(format!("(CASE WHEN {spells} THEN {number} {sign} {than} ELSE 1 = 0 END)"))
            }
            ColumnKind::Bool | ColumnKind::Time { .. } | ColumnKind::Address => {
                Ok(self.dialect.truth(false).to_owned())
            }
            ColumnKind::Any | ColumnKind::Other => {
                Err(self.refused(column, "it is not known whether it holds numbers"))
            }
        }
    }

    /// Not a number compares with nothing.
    fn without_nan(&self, name: &str) -> String {
        match self.dialect {
            Dialect::Postgres => format!("NULLIF({name}, 'NaN')"),
            Dialect::DataFusion | Dialect::Spark => {
                format!("NULLIF({name}, CAST('NaN' AS DOUBLE))")
            }
            _ => name.to_owned(),
        }
    }

    fn trimmed(&self, name: &str) -> String {
        match self.dialect {
            Dialect::ClickHouse => format!("trimBoth({name})"),
            _ => format!("TRIM({name})"),
        }
    }

    fn truth(&self, column: &Column, wanted: bool) -> Result<String, Unsupported> {
        let name = self.dialect.identifier(&column.name)?;
        match column.kind {
            ColumnKind::Bool if wanted => Ok(format!("({name} = TRUE)")),
            ColumnKind::Bool => Ok(format!("({name} = FALSE)")),
            ColumnKind::Text | ColumnKind::Any => {
                let text = self.text_of(column)?;
                Ok(format!("({} = '{wanted}')", texts::ascii_folded(self.dialect, &text)))
            }
            _ => Ok(self.dialect.truth(false).to_owned()),
        }
    }

    fn network(&self, column: &Column, network: &sigma::Network) -> Result<String, Unsupported> {
        let spelled = format!("{}/{}", network.address(), network.bits());
        let literal = self.dialect.text(&spelled)?;
        let name = self.dialect.identifier(&column.name)?;
        match (self.dialect, column.kind) {
            (Dialect::Sqlite, _) => return Ok(format!("lycaon_in_network({name}, {literal})")),
            (Dialect::Postgres, ColumnKind::Address) => {
                return Ok(format!("({name} <<= CAST({literal} AS inet))"));
            }
            (Dialect::Trino, _) => {
                let address = format!("TRY_CAST({} AS IPADDRESS)", self.text_of(column)?);
                return Ok(format!("contains({literal}, {address})"));
            }
            (Dialect::FlightSql, _) => {
                return Err(self.refused(column, "it knows no networks"));
            }
            _ => {}
        }
        let text = self.text_of(column)?;
        let text = texts::ascii_folded(self.dialect, &self.trimmed(&text));
        if let Some(expression) = networks::expression(network) {
            return Ok(self.matches(&text, &expression)?);
        }
        let is_address = self.matches(&text, &networks::any_ipv6())?;
        let inside = match self.dialect {
            Dialect::Postgres => format!("CAST({text} AS inet) <<= CAST({literal} AS inet)"),
            Dialect::ClickHouse => format!("isIPAddressInRange({text}, {literal})"),
            _ => return Err(self.refused(column, "it knows no networks of IPv6")),
        };
        Ok(format!("(CASE WHEN {is_address} THEN {inside} ELSE 1 = 0 END)"))
    }

    fn other(
        &self,
        column: &Column,
        other: &Column,
        anchor: Anchor,
        cased: bool,
    ) -> Result<String, Unsupported> {
        let form = |column: &Column| {
            let text = self.text_of(column)?;
            Ok::<String, Unsupported>(if cased { text } else { texts::folded(self.dialect, &text) })
        };
        let (ours, theirs) = (form(column)?, form(other)?);
        Ok(match (anchor, self.dialect) {
            (Anchor::Whole, Dialect::Sqlite) => format!("({ours} = {theirs} COLLATE BINARY)"),
            (Anchor::Whole, _) => format!("({ours} = {theirs})"),
            (Anchor::Anywhere, Dialect::Sqlite) => format!("(instr({ours}, {theirs}) > 0)"),
            (Anchor::Start, Dialect::Sqlite) => format!("(instr({ours}, {theirs}) = 1)"),
            (Anchor::End, Dialect::Sqlite) => format!("lycaon_ends({ours}, {theirs})"),
            (Anchor::Anywhere, Dialect::ClickHouse) => format!("(position({ours}, {theirs}) > 0)"),
            (Anchor::Start, Dialect::ClickHouse) => format!("startsWith({ours}, {theirs})"),
            (Anchor::End, Dialect::ClickHouse) => format!("endsWith({ours}, {theirs})"),
            (Anchor::Anywhere, Dialect::Spark) => format!("contains({ours}, {theirs})"),
            (Anchor::Start, Dialect::Spark) => format!("startswith({ours}, {theirs})"),
            (Anchor::End, Dialect::Spark) => format!("endswith({ours}, {theirs})"),
            (Anchor::Anywhere, Dialect::FlightSql) => {
                format!("(POSITION({theirs} IN {ours}) > 0)")
            }
            (Anchor::Start, Dialect::FlightSql) => format!("(POSITION({theirs} IN {ours}) = 1)"),
            (Anchor::Anywhere, _) => format!("(strpos({ours}, {theirs}) > 0)"),
            (Anchor::Start, _) => format!("starts_with({ours}, {theirs})"),
            (Anchor::End, Dialect::DataFusion) => format!("ends_with({ours}, {theirs})"),
            (Anchor::End, Dialect::Postgres) => {
                format!("(right({ours}, length({theirs})) = {theirs})")
            }
            (Anchor::End, Dialect::Trino) => {
                format!("starts_with(reverse({ours}), reverse({theirs}))")
            }
            (Anchor::End, _) => {
                return Err(self.refused(column, "the ends of two columns are not compared"));
            }
        })
    }

    fn time_part(&self, column: &Column, part: TimePart, is: i64) -> Result<String, Unsupported> {
        let name = self.dialect.identifier(&column.name)?;
        let word = match part {
            TimePart::Minute => "minute",
            TimePart::Hour => "hour",
            TimePart::Day => "day",
            TimePart::Week => "week",
            TimePart::Month => "month",
            TimePart::Year => "year",
        };
        if self.dialect == Dialect::Sqlite {
            return Ok(format!("(lycaon_time_part({name}, '{word}') = {is})"));
        }
        let ColumnKind::Time { zoned } = column.kind else {
            return Err(self.refused(column, "parts of a time need a column of moments"));
        };
        Ok(match self.dialect {
            Dialect::Postgres if zoned => {
                format!("(EXTRACT({word} FROM {name} AT TIME ZONE 'UTC') = {is})")
            }
            Dialect::Trino if zoned => format!("({word}({name} AT TIME ZONE 'UTC') = {is})"),
            Dialect::Trino => format!("({word}({name}) = {is})"),
            Dialect::DataFusion => format!("(date_part('{word}', {name}) = {is})"),
            Dialect::ClickHouse => {
                let function = match part {
                    TimePart::Minute => "toMinute",
                    TimePart::Hour => "toHour",
                    TimePart::Day => "toDayOfMonth",
                    TimePart::Week => "toISOWeek",
                    TimePart::Month => "toMonth",
                    TimePart::Year => "toYear",
                };
                format!("({function}({name}, 'UTC') = {is})")
            }
            // The session's zone is UTC: the adapter sets it.
            Dialect::Spark if part == TimePart::Week => format!("(weekofyear({name}) = {is})"),
            Dialect::Spark => format!("({word}({name}) = {is})"),
            _ => format!("(EXTRACT({word} FROM {name}) = {is})"),
        })
    }
}

/// Engines read `a OR b OR c` as a tree as deep as it is long, and allow only so much depth.
fn joined_flatly(mut each: Vec<String>, by: &str) -> String {
    const TOGETHER: usize = 100;
    while each.len() > TOGETHER {
        each = each.chunks(TOGETHER).map(|some| format!("({})", some.join(by))).collect();
    }
    format!("({})", each.join(by))
}

fn sign(is: Comparison) -> &'static str {
    match is {
        Comparison::Less => "<",
        Comparison::AtMost => "<=",
        Comparison::Equal => "=",
        Comparison::AtLeast => ">=",
        Comparison::Greater => ">",
    }
}
