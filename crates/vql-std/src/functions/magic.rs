//! The function `magic`: what kind of file it is.

use std::io::Read;
use std::sync::Arc;

use parsers::magic::{self, Rules};
use rows::{OsPath, Value};
use vql_plugin::{Entry, Failure, Function, Permission, Scope, plugin_args};

use crate::reading;

pub(super) fn entry() -> Entry {
    Entry::function(Magic)
}

plugin_args! {
    /// Says what kind of file it is by its first bytes: `ELF 64-bit LSB pie executable, x86-64, …`,
    /// `ASCII text, with CRLF line terminators`, `data`.
    pub struct MagicArgs for "magic" {
        /// The file. With the accessor `data`, the bytes themselves.
        path: Arc<OsPath>,
        /// What the file is read through.
        accessor: String = "",
        /// What to say: nothing or `none` for a description, `mime` or `mime_type` for the MIME
        /// type, `mime_encoding` for how texts are encoded, `extension` for the usual ending.
        kind: String as "type" = "",
        /// Rules of your own, in the form of `magic(5)`, that are tried before those that are
        /// built in: plain offsets; `byte`, `short`, `long`, `quad`, `string`, `search`; details
        /// with `>`; `!:mime` and `!:ext`.
        magic: String = "",
    }
}

struct Magic;

impl Function for Magic {
    type Args = MagicArgs;
    const NEEDS: &'static [Permission] = &[Permission::FilesystemRead];

    fn call(&self, args: MagicArgs, scope: &Scope) -> Result<Value, Failure> {
        let key = format!("magic rules\0{}", args.magic);
        let rules = scope.keep(&key, || Rules::parse(&args.magic));
        let rules = rules.as_ref().as_ref().map_err(|bad| Failure::new(bad.to_string()))?;
        let mut head = Vec::new();
        reading::open(scope, &args.accessor, &args.path)?
            .take(magic::HEAD_BYTES as u64)
            .read_to_end(&mut head)
            .map_err(|error| Failure::new(format!("cannot read `{}`: {error}", args.path)))?;
        let found = || rules.identify(&head).unwrap_or_else(|| magic::identify(&head));
        Ok(Value::text(match args.kind.as_str() {
            "" | "none" => found().description,
            "mime" | "mime_type" => found().mime,
            "mime_encoding" => magic::encoding(&head).to_owned(),
            "extension" => found().extension,
            other => {
                return Err(Failure::new(format!(
                    "the type `{other}` is not known; there are none, mime, mime_encoding, extension"
                )));
            }
        }))
    }
}
