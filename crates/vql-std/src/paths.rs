//! Structured paths: making them, taking them apart.

use std::sync::Arc;

use rows::{Name, OsPath, PathStyle, Text, Value};
use vql_plugin::{Catalog, Failure, Function, Scope, plugin_args};

pub(crate) fn catalog() -> Catalog {
    Catalog::new()
        .function(PathSpec)
        .function(Basename)
        .function(Dirname)
        .function(PathJoin)
        .function(PathSplit)
        .function(RelPath)
}

/// The style that a `path_type` names.
fn style(path_type: &str) -> Result<PathStyle, Failure> {
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
fn path_of(value: &Value, style: PathStyle) -> OsPath {
    match value {
        Value::Path(path) => (**path).clone(),
        Value::Array(values) => OsPath::new(style, values.iter().map(Value::to_text)),
        other => OsPath::parse(style, &other.to_text()),
    }
}

plugin_args! {
    /// Makes a structured path: a place, possibly inside of something else.
    pub struct PathSpecArgs for "pathspec" {
        /// The accessor that opens the container.
        delegate_accessor: String as "DelegateAccessor" = "",
        /// The path of the container, for that accessor.
        delegate_path: Option<Value> as "DelegatePath",
        /// The container as a structured path of its own.
        delegate: Option<Value> as "Delegate",
        /// The path; inside of the container, if there is one.
        path: Option<Value> as "Path",
        /// A path to read, as text.
        parse: Option<String>,
        /// How the path is written: `linux`, `windows`, `registry`, `zip`, `opaque`.
        path_type: String = "",
        /// Read the path as this accessor does.
        accessor: String = "",
    }
}

struct PathSpec;

impl Function for PathSpec {
    type Args = PathSpecArgs;

    fn call(&self, args: PathSpecArgs, scope: &Scope) -> Result<Value, Failure> {
        let inner = scope.materialise(&args.path.unwrap_or_default());
        let inside = args.delegate_path.is_some() || args.delegate.is_some();
        let parse = |text: &[u8]| -> Result<OsPath, Failure> {
            if !args.accessor.is_empty() {
                return Ok(scope.host().accessors().get(&args.accessor)?.parse(text)?);
            }
            let style = match args.path_type.as_str() {
                "" if inside => PathStyle::Relative,
                other => style(other)?,
            };
            Ok(OsPath::parse(style, text))
        };
        let path = match (&args.parse, &inner) {
            (Some(text), _) => parse(text.as_bytes())?,
            (None, Value::Null) => parse(b"")?,
            (None, Value::Path(path)) => (**path).clone(),
            (None, Value::Array(values)) => parse(b"")?.join(values.iter().map(Value::to_text)),
            (None, text) => parse(&text.to_text())?,
        };
        let container = match (args.delegate, args.delegate_path) {
            (Some(delegate), _) => delegate.to_text(),
            (None, Some(container)) => scope.materialise(&container).to_text(),
            (None, None) => return Ok(path.into()),
        };
        Ok(path.inside(Name::from(args.delegate_accessor.as_str()), container).into())
    }
}

plugin_args! {
    /// The last component of a path.
    pub struct BasenameArgs for "basename" {
        /// The path.
        path: Value,
        /// The separator of the path's text; `\` reads it as Windows does.
        sep: String = "",
        /// How the path is written: `linux`, `windows`, `registry`, `zip`, `opaque`.
        path_type: String = "",
    }
}

struct Basename;

/// A backslash as separator means Windows, unless a type is named.
fn style_with(path_type: &str, sep: &str) -> Result<PathStyle, Failure> {
    if path_type.is_empty() && sep == "\\" { Ok(PathStyle::Windows) } else { style(path_type) }
}

impl Function for Basename {
    type Args = BasenameArgs;

    fn call(&self, args: BasenameArgs, scope: &Scope) -> Result<Value, Failure> {
        let style = style_with(&args.path_type, &args.sep)?;
        Ok(path_of(&scope.materialise(&args.path), style).basename().into())
    }
}

plugin_args! {
    /// A path without its last component. Text gives text, a path gives a path.
    pub struct DirnameArgs for "dirname" {
        /// The path.
        path: Value,
        /// The separator of the path's text; `\` reads it as Windows does.
        sep: String = "",
        /// How the path is written: `linux`, `windows`, `registry`, `zip`, `opaque`.
        path_type: String = "",
    }
}

struct Dirname;

impl Function for Dirname {
    type Args = DirnameArgs;

    fn call(&self, args: DirnameArgs, scope: &Scope) -> Result<Value, Failure> {
        let path = scope.materialise(&args.path);
        let above = path_of(&path, style_with(&args.path_type, &args.sep)?).dirname();
        Ok(match path {
            Value::Path(_) => above.into(),
            _ => above.to_text().into(),
        })
    }
}

plugin_args! {
    /// Joins components to the text of a path. Separators inside a component separate.
    pub struct PathJoinArgs for "path_join" {
        /// The components.
        components: Vec<Value>,
        /// The separator; `\` writes as Windows does.
        sep: String = "",
        /// How the path is written: `linux`, `windows`, `registry`, `zip`, `opaque`.
        path_type: String = "",
    }
}

struct PathJoin;

impl Function for PathJoin {
    type Args = PathJoinArgs;

    fn call(&self, args: PathJoinArgs, scope: &Scope) -> Result<Value, Failure> {
        let style = style_with(&args.path_type, &args.sep)?;
        let mut parts = args.components.iter().map(|part| scope.materialise(part));
        let first = parts.next().map_or_else(|| OsPath::parse(style, b""), |p| path_of(&p, style));
        let joined = parts.fold(first, |path, part| match &part {
            Value::Path(more) => path.join(more.components().to_vec()),
            other => path.join_text(&other.to_text()),
        });
        Ok(joined.to_text().into())
    }
}

plugin_args! {
    /// The components of a path, as an array.
    pub struct PathSplitArgs for "path_split" {
        /// The path.
        path: Value,
        /// How the path is written: `linux`, `windows`, `registry`, `zip`, `opaque`.
        path_type: String = "",
    }
}

struct PathSplit;

impl Function for PathSplit {
    type Args = PathSplitArgs;

    fn call(&self, args: PathSplitArgs, scope: &Scope) -> Result<Value, Failure> {
        let path = path_of(&scope.materialise(&args.path), style(&args.path_type)?);
        Ok(Value::array(path.components().to_vec()))
    }
}

plugin_args! {
    /// The way from one path to another below it; the path itself when it is not below.
    pub struct RelPathArgs for "relpath" {
        /// The path.
        path: Value,
        /// Where to start.
        base: Value,
        /// The separator; `\` reads and writes as Windows does.
        sep: String = "",
    }
}

struct RelPath;

impl Function for RelPath {
    type Args = RelPathArgs;

    fn call(&self, args: RelPathArgs, scope: &Scope) -> Result<Value, Failure> {
        let style = style_with("", &args.sep)?;
        let path = path_of(&scope.materialise(&args.path), style);
        let base = path_of(&scope.materialise(&args.base), style);
        Ok(match path.components().strip_prefix(base.components()) {
            Some(rest) => {
                let sep: &[u8] = if style == PathStyle::Windows { b"\\" } else { b"/" };
                let parts: Vec<&[u8]> = rest.iter().map(Text::as_bytes).collect();
                Value::text(parts.join(sep))
            }
            None => Value::Text(Arc::new(path).to_text()),
        })
    }
}
