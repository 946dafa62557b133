//! The function `parse_pe`: describes a program of Windows.

use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;

use rows::{OsPath, Value};
use vql_plugin::{Entry, Failure, Function, Permission, Scope, plugin_args};

use crate::reading;

pub(super) fn entry() -> Entry {
    Entry::function(ParsePe)
}

plugin_args! {
    /// Describes a program or library of Windows: a dict with `FileHeader`, `GUIDAge`, `PDB`,
    /// `Directories`, `Sections`, `VersionInformation`, `Imports`, `Exports`, `Forwards` and
    /// `ImpHash`.
    ///
    /// `ImpHash` is NULL when imports are given by numbers whose names are not known here.
    pub struct ParsePeArgs for "parse_pe" {
        /// The file.
        file: Arc<OsPath>,
        /// What the file is read through.
        accessor: String = "",
        /// Where the program begins in the file. When it is given, the program is taken for one
        /// that lies in memory as it was loaded.
        base_offset: i64 = 0,
    }
}

struct ParsePe;

impl Function for ParsePe {
    type Args = ParsePeArgs;
    const NEEDS: &'static [Permission] = &[Permission::FilesystemRead];

    fn call(&self, args: ParsePeArgs, scope: &Scope) -> Result<Value, Failure> {
        let path = &args.file;
        let bytes = match u64::try_from(args.base_offset) {
            Ok(0) => reading::whole(scope, &args.accessor, path)?,
            Ok(offset) => {
                let mut file = reading::open(scope, &args.accessor, path)?;
                let mut bytes = Vec::new();
                file.seek(SeekFrom::Start(offset))
                    .and_then(|_| file.take(reading::WHOLE_MAX_BYTES).read_to_end(&mut bytes))
                    .map_err(|error| Failure::new(format!("cannot read `{path}`: {error}")))?;
                bytes
            }
            Err(_) => return Err(Failure::new("base_offset should not be negative")),
        };
        let described = parsers::pe::parse(&bytes, args.base_offset > 0);
        Ok(Value::Dict(described.map_err(|error| Failure::new(format!("`{path}`: {error}")))?))
    }
}
