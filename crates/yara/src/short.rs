//! The short form of rules: strings to search for, without the words around them.
//!
//! `wide nocase ascii: one, two` is a rule that matches when any of the texts is found, spelled as
//! the modifiers say; `= 4D 5A ?? 00` is a rule that searches for these bytes. Whatever does not
//! begin like that is the YARA language.

/// What may stand before the colon.
const MODIFIERS: &[&str] = &["wide", "ascii", "nocase", "fullword", "xor"];

/// The rule that a short form stands for; `None` when the text is not in the short form.
pub fn expand(text: &str) -> Option<String> {
    if let Some(bytes) = text.trim().strip_prefix('=') {
        return Some(rule(&format!("$a0 = {{ {} }} ", bytes.trim())));
    }
    let (modifiers, texts) = text.split_once(':')?;
    let modifiers: Vec<&str> = modifiers.split_whitespace().collect();
    if modifiers.is_empty() || !modifiers.iter().all(|word| MODIFIERS.contains(word)) {
        return None;
    }
    let modifiers = modifiers.join(" ");
    let strings: String = texts
        .split(',')
        .map(str::trim)
        .filter(|text| !text.is_empty())
        .enumerate()
        .map(|(number, text)| format!("$a{number} = {} {modifiers} ", quoted(text)))
        .collect();
    Some(rule(&strings))
}

fn rule(strings: &str) -> String {
    format!("rule X {{ strings: {strings}condition: any of them }}")
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => {
                out.push('\\');
                out.push(byte.into());
            }
            b' '..=b'~' => out.push(byte.into()),
            other => out.push_str(&format!("\\x{other:02x}")),
        }
    }
    out + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, rule: Option<&str>) {
        assert_eq!(expand(text).as_deref(), rule, "{text}");
    }

    #[test]
    fn texts_behind_modifiers_are_a_rule() {
        check(
            "wide nocase ascii: this is a secret",
            Some(
                "rule X { strings: $a0 = \"this is a secret\" wide nocase ascii condition: any of them }",
            ),
        );
        check(
            r#"ascii:a"b,c\d"#,
            Some(
                r#"rule X { strings: $a0 = "a\"b" ascii $a1 = "c\\d" ascii condition: any of them }"#,
            ),
        );
        check("= 4D 5A ??", Some("rule X { strings: $a0 = { 4D 5A ?? } condition: any of them }"));
        check("rule a : tag { condition: true }", None);
        check("private rule a : tag { condition: true }", None);
        check("", None);
        check(": x", None);
    }
}
