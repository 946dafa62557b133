//! The function `url`: reads a URL into its parts, or writes one from its parts; either way a dict whose member

use rows::{Dict, Value};
use url::Url;
use vql_plugin::{Entry, Failure, Function, Scope, plugin_args};

pub(super) fn entry() -> Entry {
    Entry::function(UrlFunction)
}

plugin_args! {
    /// Reads a URL into its parts, or writes one from its parts; either way a dict whose member
    /// `String` is the whole.
    pub struct UrlArgs for "url" {
        /// The scheme, such as `https`.
        scheme: String = "",
        /// The host, with a port if need be.
        host: String = "",
        /// The path.
        path: String = "",
        /// What follows `#`.
        fragment: String = "",
        /// The query: a dict, or text.
        query: Option<Value>,
        /// A URL to read.
        parse: Option<String>,
    }
}

struct UrlFunction;

impl Function for UrlFunction {
    type Args = UrlArgs;

    fn call(&self, args: UrlArgs, scope: &Scope) -> Result<Value, Failure> {
        let text = match &args.parse {
            Some(text) => text.clone(),
            None => written(&args, scope)?,
        };
        let url = Url::parse(&text).map_err(|error| {
            Failure::new(format!("`{text}` is not a URL such as https://host/path: {error}"))
        })?;
        Ok(Value::Dict(parts(&url)))
    }
}

fn written(args: &UrlArgs, scope: &Scope) -> Result<String, Failure> {
    let scheme = if args.scheme.is_empty() { "https" } else { &args.scheme };
    let base = format!("{scheme}://{}/", args.host);
    let mut url = Url::parse(&base)
        .map_err(|error| Failure::new(format!("`{base}` is not the start of a URL: {error}")))?;
    url.set_path(&args.path);
    url.set_fragment((!args.fragment.is_empty()).then_some(args.fragment.as_str()));
    match scope.materialise(&args.query.clone().unwrap_or_default()) {
        Value::Dict(query) => {
            let mut pairs = url.query_pairs_mut();
            for (key, value) in query.iter() {
                let values = match value {
                    Value::Array(values) => values.to_vec(),
                    one => vec![one.clone()],
                };
                for value in values {
                    pairs.append_pair(key, &value.to_text().to_str_lossy());
                }
            }
        }
        Value::Null => {}
        text => url.set_query(Some(&text.to_text().to_str_lossy())),
    }
    Ok(url.to_string())
}

fn parts(url: &Url) -> Dict {
    let mut query = Dict::new();
    for (key, value) in url.query_pairs() {
        let mut values = match query.get(&key) {
            Some(Value::Array(values)) => values.to_vec(),
            _ => Vec::new(),
        };
        values.push(Value::text(value.as_ref()));
        query.update(key, values);
    }
    let host = match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (host, _) => host.unwrap_or_default().to_owned(),
    };
    Dict::new()
        .with("Scheme", url.scheme())
        .with("User", url.username())
        .with("Host", host)
        .with("Path", url.path())
        .with("RawQuery", url.query().unwrap_or_default())
        .with("Query", query)
        .with("Fragment", url.fragment().unwrap_or_default())
        .with("String", url.as_str())
}
