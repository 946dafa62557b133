//! Regular expressions beyond `=~`: named groups out of text and files, and replacing.
//!
//! Groups without a name are called `g1`, `g2`, ... after their number. A group that took no part
//! in a match is an empty text.

use rows::{Dict, Text};
use vql_plugin::Pattern;

pub(crate) fn names(pattern: &Pattern) -> Vec<String> {
    let named = pattern.group_names().into_iter().enumerate().skip(1);
    named.map(|(index, name)| name.unwrap_or_else(|| format!("g{index}"))).collect()
}

pub(crate) fn groups(
    names: &[String],
    text: &[u8],
    span: impl Fn(usize) -> Option<std::ops::Range<usize>>,
) -> Dict {
    let value = |index: usize| span(index + 1).map_or(&b""[..], |range| &text[range]);
    names
        .iter()
        .enumerate()
        .map(|(index, name)| (name.as_str(), Text::from(value(index))))
        .collect()
}

pub(crate) fn replace_with(
    pattern: &Pattern,
    text: &[u8],
    mut write: impl FnMut(&[u8], &mut Vec<u8>),
) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut start = 0;
    for found in pattern.find_all(text) {
        out.extend_from_slice(&text[start..found.start]);
        write(&text[found.clone()], &mut out);
        start = found.end;
    }
    out.extend_from_slice(&text[start..]);
    out
}

pub(crate) fn replace(pattern: &Pattern, text: &[u8], template: &[u8]) -> Vec<u8> {
    if !template.contains(&b'$') {
        return replace_with(pattern, text, |_, out| out.extend_from_slice(template));
    }
    let names = pattern.group_names();
    let mut out = Vec::with_capacity(text.len());
    let mut start = 0;
    for captures in pattern.captures_all(text) {
        let Some(whole) = captures.get_match() else { continue };
        out.extend_from_slice(&text[start..whole.start()]);
        start = whole.end();
        expand(template, &mut out, |name| {
            let index = name
                .parse()
                .ok()
                .or_else(|| names.iter().position(|known| known.as_deref() == Some(name)))?;
            Some(&text[captures.get_group(index)?.range()])
        });
    }
    out.extend_from_slice(&text[start..]);
    out
}

/// Writes a template. A name after `$` is as long as letters, digits and underscores go.
pub(crate) fn expand<'t>(
    template: &[u8],
    out: &mut Vec<u8>,
    group: impl Fn(&str) -> Option<&'t [u8]>,
) {
    let mut rest = template;
    while let Some(at) = rest.iter().position(|byte| *byte == b'$') {
        out.extend_from_slice(&rest[..at]);
        let after = &rest[at + 1..];
        if after.first() == Some(&b'$') {
            out.push(b'$');
            rest = &after[1..];
            continue;
        }
        let braced = after.first() == Some(&b'{');
        let body = if braced { &after[1..] } else { after };
        let word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        let length = body.iter().take_while(|byte| word(byte)).count();
        let closed = !braced || body.get(length) == Some(&b'}');
        if length == 0 || !closed {
            out.push(b'$');
            rest = after;
            continue;
        }
        if let Some(found) = std::str::from_utf8(&body[..length]).ok().and_then(&group) {
            out.extend_from_slice(found);
        }
        rest = &body[length + usize::from(braced)..];
    }
    out.extend_from_slice(rest);
}
