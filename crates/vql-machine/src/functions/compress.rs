//! The function `compress`: packs a file with gzip.

use std::fs::File;
use std::io;
use std::sync::Arc;

use flate2::Compression;
use flate2::write::GzEncoder;
use rows::Value;
use vql_plugin::{Entry, Failure, Function, Permission, Scope, plugin_args};

use crate::Machine;

pub(super) fn entry(_machine: &Arc<dyn Machine>) -> Entry {
    Entry::function(Compress)
}

plugin_args! {
    /// Packs a file of this machine with gzip and gives the path of the packed file.
    pub struct CompressArgs for "compress" {
        /// The file.
        path: String,
        /// Where the packed file goes; without it, next to the file, with `.gz` behind its name.
        output: String = "",
    }
}

struct Compress;

impl Function for Compress {
    type Args = CompressArgs;
    const NEEDS: &'static [Permission] = &[Permission::FilesystemRead, Permission::FilesystemWrite];

    fn call(&self, args: CompressArgs, scope: &Scope) -> Result<Value, Failure> {
        let output = if args.output.is_empty() { format!("{}.gz", args.path) } else { args.output };
        if output == args.path {
            return Err(Failure::new("output is the file itself, which would be lost"));
        }
        let cannot = |what: &str, path: &str, error: io::Error| {
            Failure::new(format!("cannot {what} `{path}`: {error}"))
        };
        let mut source =
            File::open(&args.path).map_err(|error| cannot("read", &args.path, error))?;
        let target = File::create(&output).map_err(|error| cannot("write", &output, error))?;
        let mut packer = GzEncoder::new(target, Compression::default());
        let mut chunk = vec![0; 1 << 18];
        loop {
            scope.check()?;
            let count = io::Read::read(&mut source, &mut chunk)
                .map_err(|error| cannot("read", &args.path, error))?;
            if count == 0 {
                break;
            }
            io::Write::write_all(&mut packer, &chunk[..count])
                .map_err(|error| cannot("write", &output, error))?;
        }
        packer.finish().map_err(|error| cannot("write", &output, error))?;
        Ok(Value::text(output))
    }
}
