//! Mends the two habits of artifact authors that YAML would read otherwise than they mean.
//!
//! A bare `query:` or `precondition:` above indented VQL, and a list item that starts with VQL, are
//! plain scalars for YAML: lines are joined, and a line comment then swallows the rest of the query.
//! Both get a literal block marker. Only lines that are followed by VQL are touched.

/// A text with block markers added.
pub(crate) struct Repaired {
    pub(crate) text: String,
    /// Lines of `text`, counted from one, that the original does not have.
    pub(crate) inserted: Vec<usize>,
}

/// Adds the missing block markers.
pub(crate) fn repair(text: &str) -> Repaired {
    let lines: Vec<&str> = text.split('\n').collect();
    let mut mended: Vec<String> = Vec::with_capacity(lines.len());
    let mut inserted = Vec::new();
    // Lines indented deeper than this belong to a literal block that is there already.
    let mut block: Option<usize> = None;
    for (number, line) in lines.iter().enumerate() {
        let indent = indent_of(line);
        if block.is_some_and(|above| line.trim().is_empty() || indent > above) {
            mended.push((*line).to_owned());
            continue;
        }
        block = None;
        let content = line.trim_end();
        if is_bare_query(content) && next_is_vql(lines.get(number + 1..), indent) {
            mended.push(format!("{content} |"));
            block = Some(key_indent(content));
        } else if let Some(item) = vql_item(content) {
            mended.push(format!("{}- |", " ".repeat(indent)));
            inserted.push(mended.len());
            let pad = content.len() - item.len();
            mended.push(format!("{}{item}", " ".repeat(pad)));
            block = Some(indent);
        } else {
            if opens_block(content) {
                block = Some(key_indent(content));
            }
            mended.push((*line).to_owned());
        }
    }
    // An inserted line is the marker; the item itself keeps its original number.
    Repaired { text: mended.join("\n"), inserted }
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// The column of the innermost field or item of a line: its block is indented deeper than that.
fn key_indent(content: &str) -> usize {
    let mut indent = indent_of(content);
    while let Some(rest) = content.get(indent..).and_then(|rest| rest.strip_prefix("- ")) {
        let inner = content.len() - rest.trim_start().len();
        if matches!(rest.trim_start().chars().next(), None | Some('|' | '>')) {
            break;
        }
        indent = inner;
    }
    indent
}

/// `query:` or `precondition:`, perhaps as the first field of a list item.
fn is_bare_query(content: &str) -> bool {
    let field = content.trim_start();
    let field = field.strip_prefix('-').map_or(field, str::trim_start);
    matches!(field, "query:" | "precondition:")
}

fn next_is_vql(rest: Option<&[&str]>, indent: usize) -> bool {
    let next = rest.unwrap_or_default().iter().find(|line| !line.trim().is_empty());
    next.is_some_and(|line| indent_of(line) > indent && starts_vql(line.trim_start()))
}

/// The VQL of `- SELECT …`.
fn vql_item(content: &str) -> Option<&str> {
    let item = content.trim_start().strip_prefix("- ")?.trim_start();
    starts_vql(item).then_some(item)
}

fn starts_vql(text: &str) -> bool {
    let word: String = text.chars().take_while(char::is_ascii_alphabetic).collect();
    let after = text.get(word.len()..).and_then(|rest| rest.chars().next());
    let known = ["SELECT", "LET", "EXPLAIN"].iter().any(|k| k.eq_ignore_ascii_case(&word));
    (known && after.is_none_or(char::is_whitespace))
        || ["--", "//", "/*"].iter().any(|mark| text.starts_with(mark) && !text.starts_with("---"))
}

/// `key: |`, `key: >-`, `- |2` and so on.
fn opens_block(content: &str) -> bool {
    let Some((before, marker)) = content.rsplit_once(' ') else {
        return false;
    };
    let head = before.trim_end().ends_with([':', '-']);
    let mut marks = marker.chars();
    head && matches!(marks.next(), Some('|' | '>'))
        && marks.all(|c| matches!(c, '-' | '+' | '0'..='9'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn original_line(repaired: &Repaired, line: usize) -> usize {
        line - repaired.inserted.iter().filter(|inserted| **inserted < line).count()
    }

    fn check(text: &str, wanted: Expect) {
        let repaired = repair(text);
        let shown: Vec<_> = repaired
            .text
            .split('\n')
            .enumerate()
            .map(|(at, line)| format!("{} {line}", original_line(&repaired, at + 1)))
            .collect();
        wanted.assert_eq(&shown.join("\n"));
    }

    #[test]
    fn a_bare_query_becomes_a_block() {
        check(
            "sources:\n- precondition:\n    SELECT OS\n    FROM info()\n  query:\n    -- note\n    SELECT 1\n",
            expect![[r#"
                1 sources:
                2 - precondition: |
                3     SELECT OS
                4     FROM info()
                5   query: |
                6     -- note
                7     SELECT 1
                8 "#]],
        );
    }

    #[test]
    fn a_list_item_of_vql_becomes_a_block_and_lines_keep_their_numbers() {
        check(
            "queries:\n  - SELECT a\n    FROM b\n  - LET x = 1\nname: A",
            expect![[r#"
            1 queries:
            2   - |
            2     SELECT a
            3     FROM b
            4   - |
            4     LET x = 1
            5 name: A"#]],
        );
    }

    #[test]
    fn other_text_is_left_alone() {
        check(
            "description: |\n  query:\n    SELECT a\n  - SELECT b\nquery: |\n  x\nprecondition:\nlist:\n- SELECTION\n- ---",
            expect![[r#"
                1 description: |
                2   query:
                3     SELECT a
                4   - SELECT b
                5 query: |
                6   x
                7 precondition:
                8 list:
                9 - SELECTION
                10 - ---"#]],
        );
    }
}
