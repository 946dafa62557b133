//! What a path is inside of: reading path specs, and opening the container they name.

use rows::{Name, OsPath, PathStyle, Text};
use serde_json::Value as Json;
use vql_plugin::{AccessError, ReadSeek, Scope};

/// Reads a path of a container: JSON with `DelegateAccessor`, `DelegatePath` (or `Delegate`, a path
/// spec of its own) and `Path`, as paths inside of something print; or the path alone.
pub(crate) fn parse(text: &[u8], style: PathStyle) -> OsPath {
    path_spec(text, style).unwrap_or_else(|| OsPath::parse(style, text))
}

fn path_spec(text: &[u8], style: PathStyle) -> Option<OsPath> {
    let text = text.trim_ascii();
    if !text.starts_with(b"{") {
        return None;
    }
    let spec: Json = serde_json::from_slice(text).ok()?;
    let spec = spec.as_object()?;
    let field = |name: &str| match spec.get(name) {
        None | Some(Json::Null) => String::new(),
        Some(Json::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let accessor = field("DelegateAccessor");
    let accessor = if accessor.is_empty() { "auto".to_owned() } else { accessor };
    let delegate = match spec.get("Delegate") {
        Some(Json::Object(_)) => field("Delegate"),
        _ => field("DelegatePath"),
    };
    let path = OsPath::parse(style, field("Path").as_bytes());
    Some(path.inside(Name::from(accessor), Text::from(delegate)))
}

/// What a path is inside of, or the path itself as a file of the machine.
pub(crate) fn of(path: &OsPath) -> (Name, Text) {
    match path.delegate() {
        Some(delegate) => (delegate.accessor.clone(), delegate.path.clone()),
        None => (Name::from("auto"), path.to_text()),
    }
}

/// What a path is inside of; `what` names it where it is missing.
pub(crate) fn required(path: &OsPath, what: &str) -> Result<(Name, Text), AccessError> {
    let delegate = path.delegate().ok_or_else(|| AccessError::Unsupported {
        path: path.to_string(),
        reason: format!("the {what} is missing; name it with pathspec(DelegatePath=...)"),
    })?;
    Ok((delegate.accessor.clone(), delegate.path.clone()))
}

/// Opens what a path is inside of.
pub(crate) fn open(
    accessor: &Name,
    text: &Text,
    scope: &Scope,
) -> Result<Box<dyn ReadSeek>, AccessError> {
    let accessor = scope.accessor(accessor)?;
    accessor.open(&accessor.parse(text)?, scope)
}

/// This accessor has no directories.
pub(crate) fn no_directories(path: &OsPath) -> AccessError {
    let path: String = path.to_string().chars().take(60).collect();
    AccessError::Unsupported { path, reason: "this accessor has no directories".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, accessor: &str, container: &str, inner: &str) {
        let path = parse(text.as_bytes(), PathStyle::Relative);
        let (found_accessor, found) = of(&path);
        assert_eq!((found_accessor.as_str(), &*found), (accessor, container.as_bytes()), "{text}");
        assert_eq!(path.path_text().to_str_lossy(), inner, "{text}");
    }

    #[test]
    fn a_path_spec_may_hold_another() {
        check(r#"{"DelegatePath":"/x.zip","Path":"a/b"}"#, "auto", "/x.zip", "a/b");
        check(
            r#"{"DelegateAccessor":"zip","Delegate":{"DelegatePath":"/x.zip","Path":"y.zip"},"Path":"a"}"#,
            "zip",
            r#"{"DelegatePath":"/x.zip","Path":"y.zip"}"#,
            "a",
        );
        check("a/b", "auto", "a/b", "a/b");
        check("{not json", "auto", "{not json", "{not json");
    }
}
