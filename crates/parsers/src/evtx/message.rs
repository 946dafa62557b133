//! The text of a message with the data of an event in it.

use rows::Value;

/// Replaces `%1`, `%2`, ... by the values; `%n` is a line end, `%t` a tab, `%%` a percent sign. A
/// format behind the number (`%1!s!`) is left out; a number without a value stays.
pub fn fill(template: &str, values: &[Value]) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        // Messages have at most 99 values.
        let digits = digits.min(2);
        if digits > 0 {
            let number: usize = rest[..digits].parse().unwrap_or(0);
            match number.checked_sub(1).map(|index| values.get(index)) {
                // `%0` ends a message without a line end.
                None => {}
                Some(Some(value)) => out.push_str(&value.to_text().to_str_lossy()),
                Some(None) => {
                    out.push('%');
                    out.push_str(&rest[..digits]);
                }
            }
            rest = &rest[digits..];
            if let Some((_, after)) = rest.strip_prefix('!').and_then(|rest| rest.split_once('!')) {
                rest = after;
            }
            continue;
        }
        let Some(letter) = rest.chars().next() else {
            out.push('%');
            break;
        };
        match letter {
            'n' => out.push('\n'),
            't' => out.push('\t'),
            'r' => out.push('\r'),
            'b' => out.push(' '),
            '%' | '.' | '!' => out.push(letter),
            other => out.extend(['%', other]),
        }
        rest = &rest[letter.len_utf8()..];
    }
    out.push_str(rest);
    out
}
