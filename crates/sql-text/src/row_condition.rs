//! A condition over a row that is at hand, as people write it: exceptions of tenants.

use sigma::Predicate;
use sqlparser::dialect::GenericDialect;
use sqlparser::keywords::Keyword;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Location, Token, Tokenizer};

use crate::template::{TemplateProblem, problem};
use crate::{depth, lower};

/// A condition over a row, read from a text such as `User = 'svc' AND Port IN (22, 2222)`.
#[derive(Clone, Debug, PartialEq)]
pub struct RowCondition {
    /// What is asked of the row.
    pub predicate: Predicate,
    /// The columns in it, each once.
    pub columns: Vec<String>,
}

/// Reads a condition over a row that is at hand.
pub fn row_condition(text: &str) -> Result<RowCondition, TemplateProblem> {
    const FIRST: Location = Location { line: 1, column: 1 };
    const LENGTH_MAX: usize = 10_000;
    const HINT: &str = "for example `User = 'svc_scan' AND Port IN (22, 2222)`";
    if text.len() > LENGTH_MAX {
        return Err(problem(FIRST, format!("it has more than {LENGTH_MAX} bytes"), "split it"));
    }
    let mut tokens = Tokenizer::new(&GenericDialect {}, text)
        .tokenize_with_location()
        .map_err(|error| problem(error.location, error.message, HINT))?;
    let mut operators = 0;
    for token in &mut tokens {
        match &mut token.token {
            Token::Word(word) if word.keyword == Keyword::USER => {
                word.keyword = Keyword::NoKeyword;
                word.quote_style = Some('"');
            }
            Token::Whitespace(_) | Token::Comma => {}
            _ => operators += 1,
        }
    }
    if operators > 2_000 {
        return Err(problem(FIRST, "it has more than 2000 words", "split it"));
    }
    let mut parser = Parser::new(&GenericDialect {}).with_tokens_with_locations(tokens);
    let wrong = |error: sqlparser::parser::ParserError| {
        let text = error.to_string();
        let shown = text.trim_start_matches("sql parser error: ");
        problem(FIRST, format!("not a condition: {shown}"), HINT)
    };
    let expression = parser.parse_expr().map_err(wrong)?;
    if depth::is_too_deep(&expression) {
        let message = format!("it joins more than {} conditions in a row", depth::DEPTH_MAX);
        return Err(problem(FIRST, message, "write `IN ('a', 'b')`, or several exceptions"));
    }
    let rest = parser.next_token();
    if rest.token != Token::EOF {
        let message = format!("`{}` does not belong to the condition", rest.token);
        return Err(problem(rest.span.start, message, "join conditions with `AND` or `OR`"));
    }
    let (predicate, columns) = lower::of_row(&expression).map_err(|refused| {
        let message = format!("`{}` cannot be asked of a row here", refused.what);
        let hint = "comparisons with values, LIKE, IN, IS NULL, AND, OR, NOT are possible";
        problem(crate::shape::start(refused.at), message, hint)
    })?;
    Ok(RowCondition { predicate, columns })
}
