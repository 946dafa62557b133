//! One query, many readers.

use rows::Value;
use vql_plugin::{Entry, Failure, Function, Query, Scope, plugin_args};

use crate::generator::{Generator, Start};
use crate::language::background::seconds;
use crate::objects::{QueryKind, StoredQuery};

pub(super) fn entry() -> Entry {
    Entry::function(Generate)
}

plugin_args! {
    /// A query that runs once and is read by many: each reader gets every row from the moment on at
    /// which it begins to read. The query begins with its first reader; for looking at one source in
    /// several ways, as in `combine(a={ SELECT … FROM G WHERE … }, b={ … })` after
    /// `LET G = generate(query={ … })`. Whoever reads after the end begins it again.
    pub struct GenerateArgs for "generate" {
        /// Its name; the same name is the same generator. Without one, the query's text is.
        name: Option<String>,
        /// The rows.
        query: Option<Query>,
        /// Seconds to wait before the query begins, so that more readers can join. 0 means 2.
        delay: i64 = 0,
        /// Taken for compatibility: rows that a slow reader has not taken yet are kept in memory,
        /// within the query's limit.
        with_file_buffer: bool = false,
        /// Begin with so many readers, in place of waiting.
        fan_out: i64 = 0,
        /// What it is for.
        description: Option<String>,
    }
}

struct Generate;

impl Function for Generate {
    type Args = GenerateArgs;

    fn call(&self, args: GenerateArgs, scope: &Scope) -> Result<Value, Failure> {
        let Some(query) = args.query else { return Err("Field query is required".into()) };
        let key = match &args.name {
            Some(name) => format!("generate {name}"),
            None => format!("generate by {}", query.0.to_text()),
        };
        let start = match usize::try_from(args.fan_out) {
            Ok(readers) if readers > 0 => Start::Readers(readers),
            _ if args.delay <= 0 => Start::After(seconds(2)),
            _ => Start::After(seconds(args.delay)),
        };
        let generator = scope.keep(&key, || Generator::new(query.0, start, scope.clone()));
        Ok(StoredQuery::made(QueryKind::Generator(generator)))
    }
}
