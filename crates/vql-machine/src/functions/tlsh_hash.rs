//! The function `tlsh_hash`: a hash by which similar files are found.

use std::io::Read;
use std::sync::Arc;

use rows::{OsPath, Value};
use tlsh2::TlshDefaultBuilder;
use vql_plugin::{Entry, Failure, Function, Permission, Scope, plugin_args};

use crate::Machine;

pub(super) fn entry(_machine: &Arc<dyn Machine>) -> Entry {
    Entry::function(TlshHash)
}

plugin_args! {
    /// The TLSH of a file: a hash that is similar for similar content. NULL for files that are too
    /// short (fewer than 50 bytes) or have too little variety.
    pub struct TlshHashArgs for "tlsh_hash" {
        /// The file.
        path: Arc<OsPath>,
        /// What the file is read through.
        accessor: String = "",
    }
}

struct TlshHash;

impl Function for TlshHash {
    type Args = TlshHashArgs;
    const NEEDS: &'static [Permission] = &[Permission::FilesystemRead];

    fn call(&self, args: TlshHashArgs, scope: &Scope) -> Result<Value, Failure> {
        let mut file = scope.host().accessors().get(&args.accessor)?.open(&args.path, scope)?;
        let mut builder = TlshDefaultBuilder::new();
        let mut chunk = vec![0; 1 << 18];
        loop {
            scope.check()?;
            let count = file
                .read(&mut chunk)
                .map_err(|error| Failure::new(format!("cannot read `{}`: {error}", args.path)))?;
            if count == 0 {
                break;
            }
            builder.update(&chunk[..count]);
        }
        let hash = builder.build().map(|tlsh| String::from_utf8_lossy(&tlsh.hash()).into_owned());
        Ok(Value::from(hash))
    }
}
