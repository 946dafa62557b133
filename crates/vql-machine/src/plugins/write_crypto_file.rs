//! The plugin `write_crypto_file`: rows into a file that only the server can read.

use std::fs::{File, OpenOptions};
use std::io::BufWriter;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use rows::{Row, Value};
use vql_plugin::{Entry, Failure, Level, Permission, Plugin, Query, RowStream, Scope, plugin_args};

use crate::Machine;
use crate::sealing::{self, SealError, SealFor, Sealer};

pub(super) fn entry(_machine: &Arc<dyn Machine>) -> Entry {
    Entry::plugin(WriteCryptoFile)
}

plugin_args! {
    /// Adds the rows of a query to a file that is sealed with the public key of the server: what is
    /// in it cannot be read on this machine. `read_crypto_file` reads it where the key is.
    ///
    /// Yields no rows. Rows are written in groups: after `max_rows` rows, `max_size` bytes or
    /// `max_wait` seconds, whatever comes first.
    pub struct WriteCryptoFileArgs for "write_crypto_file" {
        /// The file on the disk of this machine; rows are added to its end.
        filename: String,
        /// The rows.
        query: Query,
        /// After how many seconds rows are written.
        max_wait: i64 = 60,
        /// After how many rows they are written.
        max_rows: i64 = 1_000,
        /// After how many bytes they are written.
        max_size: i64 = 67_108_864,
        /// The public key of X25519 to write for, as 64 hexadecimal digits; without it, that of the
        /// server, where the program offers one.
        public_key: String = "",
    }
}

struct WriteCryptoFile;

impl Plugin for WriteCryptoFile {
    type Args = WriteCryptoFileArgs;
    const NEEDS: &'static [Permission] = &[Permission::FilesystemWrite];

    fn rows(&self, args: WriteCryptoFileArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let reader = reader(&args.public_key, scope)?;
        let file =
            OpenOptions::new().create(true).append(true).open(&args.filename).map_err(|error| {
                Failure::new(format!("cannot write `{}`: {error}", args.filename))
            })?;
        let sealer = Sealer::begin(BufWriter::new(file), &reader)?;
        let mut work = Some((sealer, args));
        let scope = scope.clone();
        // Written when somebody asks for rows, of which there are none.
        Ok(Box::new(std::iter::from_fn(move || {
            let (sealer, args) = work.take()?;
            if let Err(error) = write(sealer, &args, &scope) {
                let text = format!("write_crypto_file: `{}`: {error}", args.filename);
                scope.log(Level::Error, &text);
            }
            None
        })))
    }
}

fn reader(key: &str, scope: &Scope) -> Result<SealFor, Failure> {
    if !key.is_empty() {
        let bad = "public_key is a key of X25519 as 64 hexadecimal digits";
        return sealing::key(key).map(SealFor).ok_or_else(|| Failure::new(bad));
    }
    scope.host().port::<SealFor>().map(|key| *key).ok_or_else(|| {
        Failure::new(
            "this program knows no key of the server to write for; give one with public_key",
        )
    })
}

fn write(
    mut sealer: Sealer<BufWriter<File>>,
    args: &WriteCryptoFileArgs,
    scope: &Scope,
) -> Result<(), SealError> {
    let rows = rows_of(args.query.clone(), scope)?;
    let wait = Duration::from_secs(u64::try_from(args.max_wait.clamp(1, 86_400)).unwrap_or(60));
    let rows_max = args.max_rows.max(1);
    let size_max = usize::try_from(args.max_size.clamp(1, 128 << 20)).unwrap_or(1 << 20);
    let mut lines = Vec::new();
    let (mut count, mut due) = (0, Instant::now() + wait);
    loop {
        match rows.recv_timeout(due.saturating_duration_since(Instant::now())) {
            Ok(row) => {
                let plain = match scope.materialise(&Value::Dict(row)) {
                    Value::Dict(row) => row,
                    _ => Row::new(),
                };
                lines.extend(rows_json::row_to_json(&plain).as_bytes());
                lines.push(b'\n');
                count += 1;
                if count < rows_max && lines.len() < size_max {
                    continue;
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if !lines.is_empty() {
            sealer.rows(&lines)?;
            lines.clear();
        }
        (count, due) = (0, Instant::now() + wait);
    }
    if !lines.is_empty() {
        sealer.rows(&lines)?;
    }
    sealer.end()
}

/// The rows of the query, from a thread of their own: a query that waits for events must not keep
/// rows from being written.
fn rows_of(query: Query, scope: &Scope) -> std::io::Result<Receiver<Row>> {
    let (send, receive) = sync_channel(64);
    let scope = scope.clone();
    std::thread::Builder::new().name("vql write_crypto_file".to_owned()).spawn(move || {
        for row in query.rows(&scope) {
            if send.send(row).is_err() {
                return;
            }
        }
    })?;
    Ok(receive)
}
