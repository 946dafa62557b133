//! Writes lines to the log.

use rows::{Text, Value};
use vql_plugin::{Entry, Failure, Function, Level, Scope, plugin_args};

use crate::language::printf::format;

pub(super) fn entry() -> Entry {
    Entry::function(Log)
}

plugin_args! {
    /// Writes a line to the log of the collection. Always true.
    pub struct LogArgs for "log" {
        /// What to say; with `args`, a format.
        message: Text,
        /// What the format refers to.
        args: Option<Value>,
        /// DEFAULT, ERROR, WARN, INFO, DEBUG or ALERT.
        level: Option<Text>,
        /// Seconds in which the same message is said only once; 0 or less says it always.
        dedup: i64 = 60,
    }
}

struct Log;

impl Function for Log {
    type Args = LogArgs;

    fn call(&self, args: LogArgs, scope: &Scope) -> Result<Value, Failure> {
        let level =
            match &args.level {
                None => Level::Default,
                Some(word) => match word.to_str_lossy().to_ascii_uppercase().as_str() {
                    "" | "DEFAULT" => Level::Default,
                    "ERROR" => Level::Error,
                    "WARN" | "WARNING" => Level::Warn,
                    "INFO" => Level::Info,
                    "DEBUG" => Level::Debug,
                    "ALERT" => Level::Alert,
                    other => return Err(format!(
                        "`{other}` is not a level; use DEFAULT, ERROR, WARN, INFO, DEBUG or ALERT"
                    )
                    .into()),
                },
            };
        let text = match &args.args {
            None => args.message.to_string(),
            Some(values) => format(&args.message, values).to_string(),
        };
        if args.dedup > 0 && !is_news(&args.message, args.dedup, scope) {
            return Ok(true.into());
        }
        scope.log(level, &text);
        Ok(true.into())
    }
}

/// Whether a message was not said in the last so many seconds.
fn is_news(message: &Text, seconds: i64, scope: &Scope) -> bool {
    type Said = parking_lot::Mutex<std::collections::HashMap<Text, base::Timestamp>>;
    const SAID_MAX: usize = 10_000;
    let said = scope.keep("log", Said::default);
    let now = scope.host().clock().now();
    let pause = std::time::Duration::from_secs(seconds.unsigned_abs());
    let mut said = said.lock();
    if let Some(last) = said.get(message)
        && now.since(*last) < pause
    {
        return false;
    }
    if said.len() >= SAID_MAX {
        said.clear();
    }
    said.insert(message.clone(), now);
    true
}
