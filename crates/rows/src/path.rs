//! Structured paths: components, how an accessor spells them, and what they are inside of.

use std::fmt;
use std::sync::Arc;

use crate::{Dict, Name, Text, Value, write_json};

/// How an accessor writes its paths down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum PathStyle {
    /// `/etc/hosts`; starts at the root.
    #[default]
    Unix,
    /// `C:\Users\x`; either slash separates when read.
    Windows,
    /// `HKEY_LOCAL_MACHINE\Software\"a\b"`; components with a separator are quoted.
    Registry,
    /// `a/b`: relative names inside a container, such as an archive.
    Relative,
    /// The whole text is one component, for accessors whose path is data or a name.
    Opaque,
}

/// What a path is inside of: an archive, a hive, an image.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Delegate {
    /// The accessor that opens the container.
    pub accessor: Name,
    /// The container's path, as that accessor writes it.
    pub path: Text,
}

/// A structured path.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct OsPath {
    style: PathStyle,
    components: Vec<Text>,
    delegate: Option<Arc<Delegate>>,
}

impl OsPath {
    /// A path from its components.
    pub fn new(style: PathStyle, components: impl IntoIterator<Item = Text>) -> Self {
        let components = components.into_iter().filter(|part| !part.is_empty()).collect();
        Self { style, components, delegate: None }
    }

    /// Reads a path as `style` writes it. Every text is some path.
    pub fn parse(style: PathStyle, text: &[u8]) -> Self {
        Self { style, components: split(style, text), delegate: None }
    }

    /// This path, inside of something.
    #[must_use]
    pub fn inside(mut self, accessor: impl Into<Name>, path: impl Into<Text>) -> Self {
        self.delegate = Some(Arc::new(Delegate { accessor: accessor.into(), path: path.into() }));
        self
    }

    /// How it is written.
    pub fn style(&self) -> PathStyle {
        self.style
    }

    /// Its components, none of them empty.
    pub fn components(&self) -> &[Text] {
        &self.components
    }

    /// What it is inside of.
    pub fn delegate(&self) -> Option<&Delegate> {
        self.delegate.as_deref()
    }

    /// The same place with these components.
    #[must_use]
    pub fn with_components(&self, components: impl IntoIterator<Item = Text>) -> Self {
        Self { delegate: self.delegate.clone(), ..Self::new(self.style, components) }
    }

    /// This path and more components below it.
    #[must_use]
    pub fn join(&self, more: impl IntoIterator<Item = Text>) -> Self {
        self.with_components(self.components.iter().cloned().chain(more))
    }

    /// This path and the components that `text` spells.
    #[must_use]
    pub fn join_text(&self, text: &[u8]) -> Self {
        self.join(split(self.style, text))
    }

    /// The last component; empty at the root.
    pub fn basename(&self) -> Text {
        self.components.last().cloned().unwrap_or_default()
    }

    /// The path above; the root is above itself.
    #[must_use]
    pub fn dirname(&self) -> Self {
        let above = self.components.len().saturating_sub(1);
        self.with_components(self.components[..above].iter().cloned())
    }

    /// The components as the style writes them, without what the path is inside of.
    pub fn path_text(&self) -> Text {
        match self.style {
            PathStyle::Unix => joined(&self.components, b'/', true),
            PathStyle::Windows => match self.components.split_first() {
                // A device is written as it is, however many backslashes it has.
                Some((device, rest)) if device.starts_with(br"\\") => {
                    let mut out = device.to_vec();
                    if !rest.is_empty() {
                        out.push(b'\\');
                        out.extend_from_slice(&joined(rest, b'\\', false));
                    }
                    Text::from(out)
                }
                _ => joined(&self.components, b'\\', false),
            },
            PathStyle::Registry => joined(&self.components, b'\\', false),
            PathStyle::Relative => joined(&self.components, b'/', false),
            PathStyle::Opaque => self.basename(),
        }
    }

    /// The whole path as text; JSON when it is inside of something.
    pub fn to_text(&self) -> Text {
        let Some(delegate) = &self.delegate else { return self.path_text() };
        let spec = Dict::new()
            .with("DelegateAccessor", &delegate.accessor)
            .with("DelegatePath", delegate.path.clone())
            .with("Path", self.path_text());
        let mut out = Vec::new();
        write_json(&Value::Dict(spec), &mut out);
        Text::from(out)
    }

    /// A field, as `path.Basename` reads it.
    pub fn member(&self, name: &str) -> Option<Value> {
        Some(match name {
            "Basename" => self.basename().into(),
            "Dirname" => self.dirname().into(),
            "Components" => Value::array(self.components.clone()),
            "Path" => self.path_text().into(),
            "DelegatePath" => self.delegate().map(|d| d.path.clone()).unwrap_or_default().into(),
            "DelegateAccessor" => {
                self.delegate().map(|d| Value::from(&d.accessor)).unwrap_or(Value::text(""))
            }
            "String" => self.to_text().into(),
            "HumanString" => self.human().into(),
            _ => return None,
        })
    }

    /// For people: container and inner path with an arrow between.
    fn human(&self) -> Text {
        match &self.delegate {
            None => self.path_text(),
            Some(delegate) => Text::from(format!("{} -> {}", delegate.path, self.path_text())),
        }
    }
}

impl fmt::Display for OsPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.to_text(), f)
    }
}

fn joined(components: &[Text], separator: u8, rooted: bool) -> Text {
    let mut out = Vec::new();
    if rooted {
        out.push(separator);
    }
    for (index, component) in components.iter().enumerate() {
        if index > 0 {
            out.push(separator);
        }
        if component.iter().any(|byte| *byte == separator || *byte == b'"') {
            out.push(b'"');
            for byte in component.iter() {
                if *byte == b'"' {
                    out.push(b'"');
                }
                out.push(*byte);
            }
            out.push(b'"');
        } else {
            out.extend_from_slice(component);
        }
    }
    Text::from(out)
}

fn split(style: PathStyle, text: &[u8]) -> Vec<Text> {
    let separates = |byte: u8| match style {
        PathStyle::Unix | PathStyle::Relative => byte == b'/',
        PathStyle::Windows | PathStyle::Registry => byte == b'\\' || byte == b'/',
        PathStyle::Opaque => false,
    };
    if style == PathStyle::Opaque {
        return if text.is_empty() { Vec::new() } else { vec![Text::from(text)] };
    }
    let (mut parts, text) = device_prefix(style, text);
    let mut index = 0;
    while index < text.len() {
        let (part, next) = component(text, index, &separates);
        index = next;
        // `.` names the place itself; `..` is kept, because only a file system knows what it means.
        if !part.is_empty() && part != b"." {
            parts.push(Text::from(part));
        }
    }
    parts
}

/// `\\.\C:` and `\\?\C:` are one component.
fn device_prefix(style: PathStyle, text: &[u8]) -> (Vec<Text>, &[u8]) {
    if style != PathStyle::Windows || !(text.starts_with(br"\\.\") || text.starts_with(br"\\?\")) {
        return (Vec::new(), text);
    }
    let end = text[4..].iter().position(|byte| *byte == b'\\').map_or(text.len(), |at| at + 4);
    (vec![Text::from(&text[..end])], &text[end..])
}

/// One component from `start` on, and where the next one starts.
fn component(text: &[u8], start: usize, separates: &dyn Fn(u8) -> bool) -> (Vec<u8>, usize) {
    let mut part = Vec::new();
    let mut index = start;
    if text[index] == b'"'
        && let Some((quoted, end)) = quoted(text, index)
        && text.get(end).is_none_or(|byte| separates(*byte))
    {
        return (quoted, end + 1);
    }
    while index < text.len() && !separates(text[index]) {
        part.push(text[index]);
        index += 1;
    }
    (part, index + 1)
}

/// A quoted component, with doubled quotes undone; `None` when the quote is never closed.
fn quoted(text: &[u8], start: usize) -> Option<(Vec<u8>, usize)> {
    let mut part = Vec::new();
    let mut index = start + 1;
    while index < text.len() {
        if text[index] == b'"' {
            if text.get(index + 1) != Some(&b'"') {
                return Some((part, index + 1));
            }
            index += 1;
        }
        part.push(text[index]);
        index += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(style: PathStyle, text: &str, components: &[&str], printed: &str) {
        let path = OsPath::parse(style, text.as_bytes());
        let found: Vec<_> = path.components().iter().map(|part| part.to_string()).collect();
        assert_eq!(found, components, "{text}");
        assert_eq!(path.to_string(), printed, "{text}");
    }

    #[test]
    fn each_style_reads_and_writes_its_own_form() {
        check(PathStyle::Unix, "/etc//cron.d/./x", &["etc", "cron.d", "x"], "/etc/cron.d/x");
        check(PathStyle::Unix, "", &[], "/");
        check(PathStyle::Unix, r#"/a/"b/c"/d"#, &["a", "b/c", "d"], r#"/a/"b/c"/d"#);
        check(PathStyle::Windows, r"C:/Users\x", &["C:", "Users", "x"], r"C:\Users\x");
        check(PathStyle::Windows, r"\\.\C:\$MFT", &[r"\\.\C:", "$MFT"], r"\\.\C:\$MFT");
        check(PathStyle::Registry, r#"HKLM\"a\b"\c"#, &["HKLM", r"a\b", "c"], r#"HKLM\"a\b"\c"#);
        check(PathStyle::Relative, "a/b", &["a", "b"], "a/b");
        check(PathStyle::Opaque, "a/b", &["a/b"], "a/b");
    }

    #[test]
    fn a_path_inside_an_archive_prints_as_json() {
        let path = OsPath::parse(PathStyle::Relative, b"x/y").inside("file", "/t.zip");
        let printed = r#"{"DelegateAccessor":"file","DelegatePath":"/t.zip","Path":"x/y"}"#;
        assert_eq!(path.to_string(), printed);
        assert_eq!(path.dirname().basename(), "x");
    }
}
