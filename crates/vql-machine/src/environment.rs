//! The environment of this program, and texts that name its variables.

use vql_plugin::Scope;

/// A variable as the query sees it. An empty name or one with `=` or a zero byte is none.
pub(crate) fn variable(name: &str, scope: &Scope) -> Option<String> {
    if let Some(view) = scope.view()
        && let Some(said) = view.machine.variable(name)
    {
        return said.map(str::to_owned);
    }
    if name.is_empty() || name.contains(['=', '\0']) {
        return None;
    }
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

pub(crate) fn expand(text: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['%', '$']) {
        out.push_str(&rest[..at]);
        let found = reference(&rest[at..])
            .and_then(|(name, length)| value(name).map(|value| (value, length)));
        match found {
            Some((value, length)) => {
                out.push_str(&value);
                rest = &rest[at + length..];
            }
            None => {
                out.push_str(&rest[at..=at]);
                rest = &rest[at + 1..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// The name of the variable that a text starts with, and how long the reference is.
pub(crate) fn reference(text: &str) -> Option<(&str, usize)> {
    if let Some(after) = text.strip_prefix('%') {
        let length = after.find('%')?;
        return Some((&after[..length], length + 2));
    }
    let after = text.strip_prefix('$')?;
    if let Some(braced) = after.strip_prefix('{') {
        let length = braced.find('}')?;
        return Some((&braced[..length], length + 3));
    }
    let word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let length = after.bytes().take_while(|byte| word(byte)).count();
    (length > 0).then(|| (&after[..length], length + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_replaced_in_all_three_spellings() {
        let value = |name: &str| (name == "HOME").then(|| "/root".to_owned());
        let check = |text: &str, wanted: &str| assert_eq!(expand(text, value), wanted);
        check("%HOME%/x", "/root/x");
        check("$HOME/x${HOME}", "/root/x/root");
        check("%NOPE%/$NOPE/${NOPE", "%NOPE%/$NOPE/${NOPE");
        check("100%", "100%");
        check("$", "$");
    }
}
