//! The function `hash`: hashes of a file's content: a dict with `MD5`, `SHA1` and `SHA256`, or those asked for.

use std::num::NonZero;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use md5::Md5;
use rows::{Dict, OsPath, Value};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use vql_plugin::{Entry, Failure, FileKind, Function, Permission, Scope, plugin_args};

use crate::Machine;

pub(super) fn entry(_machine: &Arc<dyn Machine>) -> Entry {
    Entry::function(Hash)
}

plugin_args! {
    /// Hashes of a file's content: a dict with `MD5`, `SHA1` and `SHA256`, or those asked for.
    ///
    /// NULL for a directory. A file that is larger than `max_size`, or grows beyond it while it is
    /// read, is refused in the log; files that never end are therefore harmless.
    pub struct HashArgs for "hash" {
        /// The file.
        path: Arc<OsPath>,
        /// What the file is read through.
        accessor: String = "",
        /// Which hashes: any of `MD5`, `SHA1`, `SHA256`; all when left out.
        hashselect: Option<Vec<String>>,
        /// The largest file that is hashed, in bytes.
        max_size: i64 = 1_073_741_824,
    }
}

struct Hash;

#[derive(Default)]
struct Hashers {
    md5: Option<Md5>,
    sha1: Option<Sha1>,
    sha256: Option<Sha256>,
}

impl Hashers {
    fn selected(names: Option<&[String]>) -> Result<Self, Failure> {
        let Some(names) = names.filter(|names| !names.is_empty()) else {
            return Ok(Self {
                md5: Some(Md5::new()),
                sha1: Some(Sha1::new()),
                sha256: Some(Sha256::new()),
            });
        };
        let mut selected = Self::default();
        for name in names {
            match name.to_ascii_uppercase().as_str() {
                "MD5" => selected.md5 = Some(Md5::new()),
                "SHA1" => selected.sha1 = Some(Sha1::new()),
                "SHA256" => selected.sha256 = Some(Sha256::new()),
                _ => {
                    return Err(Failure::new(format!(
                        "hashselect does not know `{name}`; there are MD5, SHA1 and SHA256"
                    )));
                }
            }
        }
        Ok(selected)
    }

    fn update(&mut self, bytes: &[u8]) {
        if let Some(md5) = &mut self.md5 {
            md5.update(bytes);
        }
        if let Some(sha1) = &mut self.sha1 {
            sha1.update(bytes);
        }
        if let Some(sha256) = &mut self.sha256 {
            sha256.update(bytes);
        }
    }

    fn finish(self) -> Dict {
        let mut found = Dict::new();
        let mut add = |name: &str, sum: Option<String>| {
            if let Some(sum) = sum {
                found.set(name, sum);
            }
        };
        add("MD5", self.md5.map(|hasher| hex::encode(hasher.finalize())));
        add("SHA1", self.sha1.map(|hasher| hex::encode(hasher.finalize())));
        add("SHA256", self.sha256.map(|hasher| hex::encode(hasher.finalize())));
        found
    }
}

/// From this size on, hashes are computed at the same time.
const LARGE_BYTES: u64 = 8 << 20;

/// How much of a file is read at once.
const PIECE_BYTES: u64 = 1 << 20;

impl Hashers {
    /// Half of the work, for another thread: MD5 takes about as long as the other two.
    fn split_off(&mut self, size: u64) -> Option<Self> {
        let several = self.sha1.is_some() || self.sha256.is_some();
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        if size < LARGE_BYTES || !several || cores < 2 {
            return None;
        }
        let md5 = self.md5.take()?;
        Some(Self { md5: Some(md5), ..Self::default() })
    }

    /// Hashes what `next` gives, until it gives nothing.
    fn all(
        mut self,
        size: u64,
        mut next: impl FnMut(&mut [u8]) -> Filled,
    ) -> Result<Dict, Failure> {
        let length = usize::try_from((size + 1).min(PIECE_BYTES)).unwrap_or(1);
        let mut piece = vec![0; length.max(4096)];
        let Some(mut other) = self.split_off(size) else {
            loop {
                match next(&mut piece)? {
                    0 => return Ok(self.finish()),
                    count => self.update(&piece[..count]),
                }
            }
        };
        std::thread::scope(|threads| {
            let (send, receive) = sync_channel::<Arc<Vec<u8>>>(4);
            let helper = threads.spawn(move || {
                receive.iter().for_each(|piece| other.update(&piece));
                other
            });
            loop {
                let mut piece = vec![0; length];
                let count = next(&mut piece)?;
                if count == 0 {
                    break;
                }
                piece.truncate(count);
                let piece = Arc::new(piece);
                // Nobody listens only if that thread panicked, which joining it reports.
                let _ = send.send(piece.clone());
                self.update(&piece);
            }
            drop(send);
            let failed = |_| Failure::new("a thread that hashes has ended early");
            self.md5 = helper.join().map_err(failed)?.md5;
            Ok(self.finish())
        })
    }
}

/// How much of a piece was filled: all of it, unless the file ends.
type Filled = Result<usize, Failure>;

impl Function for Hash {
    type Args = HashArgs;
    const NEEDS: &'static [Permission] = &[Permission::FilesystemRead];

    fn call(&self, args: HashArgs, scope: &Scope) -> Result<Value, Failure> {
        let hashers = Hashers::selected(args.hashselect.as_deref())?;
        let accessor = scope.accessor(&args.accessor)?;
        let info = accessor.stat(&args.path, scope)?;
        if info.kind == FileKind::Dir {
            return Ok(Value::Null);
        }
        let max_size = u64::try_from(args.max_size).unwrap_or(0);
        let too_large = || {
            Failure::new(format!(
                "`{}` is larger than max_size ({} bytes)",
                args.path, args.max_size
            ))
        };
        if info.size > max_size {
            return Err(too_large());
        }
        let mut file = accessor.open(&args.path, scope)?;
        let mut total = 0u64;
        let next = |piece: &mut [u8]| {
            let mut filled = 0;
            while filled < piece.len() {
                scope.check()?;
                match file.read(&mut piece[filled..]) {
                    Ok(0) => break,
                    Ok(count) => filled += count,
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                    Err(error) => {
                        return Err(Failure::new(format!("cannot read `{}`: {error}", args.path)));
                    }
                }
            }
            total += filled as u64;
            if total > max_size { Err(too_large()) } else { Ok(filled) }
        };
        Ok(Value::Dict(hashers.all(info.size, next)?))
    }
}
