//! Log sources and the queries that they are bound to.

use std::any::Any;
use std::sync::Arc;

use rows::{Dict, Name, Object, Value};
use sigma::LogSource;
use vql_plugin::Failure;

/// Queries by the log source that they stand for, in the order given.
#[derive(Clone, Default)]
pub(crate) struct LogSources(pub(crate) Vec<(LogSource, Value)>);

impl LogSources {
    /// From names and queries.
    pub(crate) fn read(pairs: impl Iterator<Item = (Name, Value)>) -> Result<Self, Failure> {
        let mut sources = Vec::new();
        for (name, query) in pairs {
            let source = LogSource::parse(&name).ok_or_else(|| {
                Failure::new(format!(
                    "`{name}` is not a log source; write category/product/service, with * for what \
                     does not matter, for example `*/windows/security`"
                ))
            })?;
            sources.push((source, query));
        }
        Ok(Self(sources))
    }

    /// From the argument of a call: what `sigma_log_sources()` gave, or a dict.
    pub(crate) fn of(value: &Value) -> Result<Self, Failure> {
        match value {
            Value::Object(object) => match object.as_any().downcast_ref::<Self>() {
                Some(sources) => Ok(sources.clone()),
                None => Err(wrong(value)),
            },
            Value::Dict(dict) => {
                Self::read(dict.iter().map(|(name, value)| (name.clone(), value.clone())))
            }
            _ => Err(wrong(value)),
        }
    }

    pub(crate) fn into_value(self) -> Value {
        Value::Object(Arc::new(self))
    }
}

fn wrong(value: &Value) -> Failure {
    Failure::new(format!(
        "Field log_sources should be what sigma_log_sources() gives, not {}",
        value.type_name()
    ))
}

impl Object for LogSources {
    fn type_name(&self) -> &str {
        "sigma log sources"
    }

    fn truth(&self) -> bool {
        !self.0.is_empty()
    }

    /// The queries are not run for being looked at.
    fn materialise(&self) -> Value {
        let text = |(source, query): &(LogSource, Value)| match query {
            Value::Object(query) => (source.key(), Value::Text(query.to_text())),
            plain => (source.key(), plain.clone()),
        };
        Value::Dict(self.0.iter().map(text).collect::<Dict>())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
