//! Rows in bundles.

use std::time::Duration;

use rows::{Row, Value};
use vql_plugin::{Entry, Failure, Lambda, Plugin, Query, RowStream, Scope, plugin_args, stream};

use crate::language::background::{Beside, Waited};

pub(super) fn entry() -> Entry {
    Entry::plugin(Batch)
}

plugin_args! {
    /// Bundles rows: each row that comes out has a list of rows in the column `Rows`. For handing
    /// many rows to something at once.
    pub struct BatchArgs for "batch" {
        /// The rows.
        query: Query,
        /// How many rows are in a bundle.
        batch_size: i64 = 10,
        /// A lambda that is given the bundle so far and says whether it is complete, such as
        /// `x=>len(list=x) >= 10`; in place of the size.
        batch_func: Option<Lambda>,
        /// Hands on an incomplete bundle after so many seconds without a row; 0 waits for the
        /// rest.
        timeout: u64 = 0_u64,
    }
}

struct Batch;

impl Plugin for Batch {
    type Args = BatchArgs;

    fn rows(&self, args: BatchArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let size = usize::try_from(args.batch_size).unwrap_or(0);
        if size == 0 {
            return Err("Field batch_size should be at least 1".into());
        }
        let mut source = if args.timeout == 0 {
            Source::Here(args.query.rows(scope))
        } else {
            let patience = Duration::from_secs(args.timeout);
            Source::Beside(Beside::start("batch", args.query.0, scope), patience)
        };
        let (scope, complete) = (scope.clone(), args.batch_func);
        Ok(Box::new(std::iter::from_fn(move || {
            let mut bundle: Vec<Value> = Vec::new();
            loop {
                match source.next(!bundle.is_empty()) {
                    Waited::Row(row) => bundle.push(Value::Dict(row)),
                    Waited::TimedOut => break,
                    Waited::Ended => {
                        source = Source::Here(stream::empty());
                        break;
                    }
                }
                let is_complete = match &complete {
                    Some(lambda) => {
                        scope.truth(&scope.call(lambda, &[Value::from(bundle.clone())]))
                    }
                    None => bundle.len() >= size,
                };
                if is_complete || scope.stopped() {
                    break;
                }
            }
            (!bundle.is_empty()).then(|| Row::new().with("Rows", bundle))
        })))
    }
}

enum Source {
    Here(RowStream),
    Beside(Beside, Duration),
}

impl Source {
    /// The next row; patience begins with the first row of a bundle.
    fn next(&mut self, impatient: bool) -> Waited {
        match self {
            Self::Here(rows) => rows.next().map_or(Waited::Ended, Waited::Row),
            Self::Beside(beside, patience) => beside.next_within(impatient.then_some(*patience)),
        }
    }
}
