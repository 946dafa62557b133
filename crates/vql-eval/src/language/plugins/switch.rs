//! The first row source that yields anything.

use vql_plugin::{Entry, Failure, Plugin, RowStream, Scope, free_args, stream};

pub(super) fn entry() -> Entry {
    Entry::plugin(Switch)
}

free_args! {
    /// The rows of the first argument that yields any.
    pub struct SwitchArgs for "switch";
}

struct Switch;

impl Plugin for Switch {
    type Args = SwitchArgs;

    fn rows(&self, args: SwitchArgs, scope: &Scope) -> Result<RowStream, Failure> {
        for (_, source) in args.0.0 {
            let mut rows = scope.rows(&source);
            if let Some(first) = rows.next() {
                return Ok(Box::new(std::iter::once(first).chain(rows)));
            }
        }
        Ok(stream::empty())
    }
}
