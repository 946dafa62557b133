//! Searching files for YARA rules, under the name that artifacts use which ask for YARA-X.

use std::sync::Arc;

use rows::{Dict, OsPath, Text};
use vql_plugin::{Entry, Failure, Level, Permission, Plugin, RowStream, Scope, plugin_args};

use super::yara::{YaraArgs, search};
use crate::Machine;

pub(super) fn entry(_machine: &Arc<dyn Machine>) -> Entry {
    Entry::plugin(YaraX)
}

plugin_args! {
    /// The same as `yara()`: one engine reads the rules of both.
    pub struct YaraXArgs for "yarax" {
        /// The rules.
        rules: Text = "",
        /// The files; several are searched at the same time.
        files: Vec<Arc<OsPath>>,
        /// What the files are read through.
        accessor: String = "",
        /// How many bytes around a string go into the row.
        context: i64 = 0,
        /// Where to start in each file.
        start: i64 = 0,
        /// Where to stop in each file; 0 is its end.
        end: i64 = 0,
        /// How many rows of a file at most.
        number: i64 = 1,
        /// How long a piece of a file is that is searched in pieces.
        blocksize: i64 = 0,
        /// What the compiled rules are remembered by; else by their text.
        key: Option<Text>,
        /// The namespace of the rules.
        namespace: String = "",
        /// Values that the rules may use by name.
        vars: Option<Dict>,
        /// Not used: no library is loaded, the engine is part of this program.
        dll_path: String = "",
        /// Search all files in pieces.
        force_buffers: bool = false,
    }
}

struct YaraX;

impl Plugin for YaraX {
    type Args = YaraXArgs;
    const NEEDS: &'static [Permission] = &[Permission::FilesystemRead];

    fn rows(&self, args: YaraXArgs, scope: &Scope) -> Result<RowStream, Failure> {
        if !args.dll_path.is_empty() {
            let said = scope.keep("yarax dll_path", std::sync::Once::new);
            said.call_once(|| {
                scope.log(
                    Level::Info,
                    "yarax: dll_path is not used; the engine is part of this program",
                );
            });
        }
        let args = YaraArgs {
            rules: args.rules,
            files: args.files,
            accessor: args.accessor,
            context: args.context,
            start: args.start,
            end: args.end,
            number: args.number,
            blocksize: args.blocksize,
            key: args.key,
            namespace: args.namespace,
            vars: args.vars,
            force_buffers: args.force_buffers,
        };
        search("yarax", args, scope)
    }
}
