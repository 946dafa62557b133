//! Structured paths: making them, taking them apart.

use rows::{OsPath, PathStyle, Value};
use vql_plugin::Failure;

/// The style that a `path_type` names.
pub(crate) fn style(path_type: &str) -> Result<PathStyle, Failure> {
    Ok(match path_type.to_ascii_lowercase().as_str() {
        "" | "linux" | "generic" | "unix" | "file" | "auto" => PathStyle::Unix,
        "windows" | "ntfs" | "windows_file" => PathStyle::Windows,
        "registry" => PathStyle::Registry,
        "zip" | "relative" => PathStyle::Relative,
        "pathspec" | "data" | "opaque" => PathStyle::Opaque,
        other => {
            return Err(Failure::new(format!(
                "path_type `{other}` is not known; there are linux, windows, registry, zip and opaque"
            )));
        }
    })
}

/// A path from any value: a path as it is, text by its style, an array as components.
pub(crate) fn path_of(value: &Value, style: PathStyle) -> OsPath {
    match value {
        Value::Path(path) => (**path).clone(),
        Value::Array(values) => OsPath::new(style, values.iter().map(Value::to_text)),
        other => OsPath::parse(style, &other.to_text()),
    }
}

/// A backslash as separator means Windows, unless a type is named.
pub(crate) fn style_with(path_type: &str, sep: &str) -> Result<PathStyle, Failure> {
    if path_type.is_empty() && sep == "\\" { Ok(PathStyle::Windows) } else { style(path_type) }
}
