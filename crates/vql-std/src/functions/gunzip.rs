//! The function `gunzip`: unpacks what gzip has packed.

use std::io::Read;

use flate2::read::MultiGzDecoder;
use rows::{Text, Value};
use vql_plugin::{Entry, Failure, Function, Scope, plugin_args};

pub(super) fn entry() -> Entry {
    Entry::function(Gunzip)
}

plugin_args! {
    /// Unpacks bytes that gzip has packed.
    pub struct GunzipArgs for "gunzip" {
        /// The packed bytes.
        string: Text,
    }
}

struct Gunzip;

/// How much may come out: a few packed bytes can mean any number.
const UNPACKED_MAX_BYTES: u64 = 256 << 20;

impl Function for Gunzip {
    type Args = GunzipArgs;

    fn call(&self, args: GunzipArgs, _scope: &Scope) -> Result<Value, Failure> {
        let mut unpacked = Vec::new();
        MultiGzDecoder::new(args.string.as_bytes())
            .take(UNPACKED_MAX_BYTES + 1)
            .read_to_end(&mut unpacked)
            .map_err(|error| Failure::new(format!("this cannot be unpacked: {error}")))?;
        if unpacked.len() as u64 > UNPACKED_MAX_BYTES {
            let most = UNPACKED_MAX_BYTES >> 20;
            return Err(Failure::new(format!("unpacked it is larger than {most} MiB")));
        }
        Ok(Value::text(unpacked))
    }
}
