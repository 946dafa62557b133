//! The function `pathspec`: makes a structured path: a place, possibly inside of something else.

use rows::{Dict, Name, OsPath, PathStyle, Value};
use vql_plugin::{Entry, Failure, Function, Scope, plugin_args};

use crate::paths::style;

pub(super) fn entry() -> Entry {
    Entry::function(PathSpec)
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
        /// A path to read, as text; also the JSON that a path inside of something prints as.
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
                return Ok(scope.accessor(&args.accessor)?.parse(text)?);
            }
            let style = match args.path_type.as_str() {
                "" if inside => PathStyle::Relative,
                other => style(other)?,
            };
            Ok(OsPath::parse(style, text))
        };
        if let Some(spec) = args.parse.as_deref().and_then(spec) {
            let field = |name: &str| spec.get(name).map(Value::to_text).unwrap_or_default();
            let accessor = match field("DelegateAccessor") {
                accessor if accessor.is_empty() => args.delegate_accessor,
                accessor => accessor.to_str_lossy().into_owned(),
            };
            let container = match spec.get("Delegate") {
                Some(delegate @ Value::Dict(_)) => delegate.to_text(),
                _ => field("DelegatePath"),
            };
            let style = match args.path_type.as_str() {
                "" => PathStyle::Relative,
                other => style(other)?,
            };
            let path = match args.accessor.as_str() {
                "" => OsPath::parse(style, &field("Path")),
                accessor => scope.accessor(accessor)?.parse(&field("Path"))?,
            };
            return Ok(path.inside(Name::from(accessor.as_str()), container).into());
        }
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

/// The fields of a path spec, if the text is one.
fn spec(text: &str) -> Option<Dict> {
    let text = text.trim();
    if !text.starts_with('{') {
        return None;
    }
    let spec = rows_json::row_from_json(text.as_bytes()).ok()?;
    ["DelegatePath", "Delegate"].iter().any(|name| spec.contains(name)).then_some(spec)
}
