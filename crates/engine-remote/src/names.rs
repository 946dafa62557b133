//! Names of tables as tenants' files spell them: `database.table`, parts perhaps in double quotes.

/// The parts of a table's name.
pub(crate) fn parts(table: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut quoted = false;
    let mut letters = table.chars().peekable();
    while let Some(letter) = letters.next() {
        let last = parts.len() - 1;
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                parts[last].push('"');
            }
            '"' if quoted || parts[last].is_empty() => quoted = !quoted,
            '.' if !quoted => parts.push(String::new()),
            other => parts[last].push(other),
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::parts;

    #[test]
    fn a_dot_between_quotes_parts_nothing() {
        assert_eq!(parts("acme.logs"), ["acme", "logs"]);
        assert_eq!(parts("\"a.b\".\"c\"\"d\""), ["a.b", "c\"d"]);
        assert_eq!(parts("logs"), ["logs"]);
    }
}
