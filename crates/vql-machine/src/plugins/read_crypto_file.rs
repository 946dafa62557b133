//! The plugin `read_crypto_file`: rows out of a file that was sealed for this program.

use std::collections::VecDeque;
use std::io::BufReader;
use std::sync::Arc;

use rows::{OsPath, Row};
use vql_plugin::{
    Entry, Failure, Permission, Plugin, ReadSeek, RowStream, Scope, plugin_args, stream,
};

use crate::Machine;
use crate::sealing::{self, Opener, SealOpener};

pub(super) fn entry(_machine: &Arc<dyn Machine>) -> Entry {
    Entry::plugin(ReadCryptoFile)
}

plugin_args! {
    /// Reads the rows of a file that `write_crypto_file` has written. Only whoever has the private
    /// key can do that.
    pub struct ReadCryptoFileArgs for "read_crypto_file" {
        /// The file.
        filename: Arc<OsPath>,
        /// What the file is read through.
        accessor: String = "",
        /// The private key of X25519, as 64 hexadecimal digits; without it, that of this program,
        /// where it has one.
        private_key: String = "",
    }
}

struct ReadCryptoFile;

impl Plugin for ReadCryptoFile {
    type Args = ReadCryptoFileArgs;
    const NEEDS: &'static [Permission] = &[Permission::FilesystemRead, Permission::ServerAdmin];

    fn rows(&self, args: ReadCryptoFileArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let secret = secret(&args.private_key, scope)?;
        let file = scope.accessor(&args.accessor)?.open(&args.filename, scope)?;
        let mut opener = Opener::new(BufReader::new(file), secret);
        let mut ready = VecDeque::new();
        let rows = std::iter::from_fn(move || {
            loop {
                if let Some(row) = ready.pop_front() {
                    return Some(row);
                }
                match fill(&mut opener, &mut ready) {
                    Ok(true) => {}
                    Ok(false) => return None,
                    Err(failure) => return Some(Err(failure)),
                }
            }
        });
        Ok(stream::fallible("read_crypto_file", scope, rows))
    }
}

type Ready = VecDeque<Result<Row, Failure>>;

fn fill(
    opener: &mut Opener<BufReader<Box<dyn ReadSeek>>>,
    ready: &mut Ready,
) -> Result<bool, Failure> {
    let Some(lines) = opener.next_rows()? else { return Ok(false) };
    let lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    ready.extend(lines.map(|line| {
        rows_json::row_from_json(line).map_err(|error| Failure::new(error.to_string()))
    }));
    Ok(true)
}

fn secret(key: &str, scope: &Scope) -> Result<SealOpener, Failure> {
    if !key.is_empty() {
        let bad = "private_key is a key of X25519 as 64 hexadecimal digits";
        return sealing::key(key).map(SealOpener).ok_or_else(|| Failure::new(bad));
    }
    scope
        .host()
        .port::<SealOpener>()
        .map(|key| *key)
        .ok_or_else(|| Failure::new("this program has no private key; give one with private_key"))
}
