//! Files that a local query keeps: copies below one folder.
//!
//! # Invariants
//!
//! - No name leaves the folder: every component is written so that it is one plain name.
//! - A file appears whole or not at all.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use vql_plugin::{UploadFailed, UploadRecord, UploadRequest, Uploads};

use crate::complaint::{Complaint, Outcome};

/// Keeps uploads in a folder.
pub(crate) struct UploadFolder {
    folder: PathBuf,
}

impl UploadFolder {
    /// The folder is made when it is not there.
    pub(crate) fn new(folder: &Path) -> Outcome<Self> {
        fs::create_dir_all(folder).map_err(|e| Complaint::io("make", folder, &e))?;
        Ok(Self { folder: folder.to_owned() })
    }

    fn keep(&self, request: UploadRequest<'_>) -> std::io::Result<UploadRecord> {
        let mut path = self.folder.join(plain_name(&request.accessor));
        for part in &request.components {
            path.push(plain_name(&part.to_string()));
        }
        let above = path.parent().unwrap_or(&self.folder);
        fs::create_dir_all(above)?;
        let mut file = tempfile::NamedTempFile::new_in(above)?;
        let mut hash = Sha256::new();
        let size = copy(request.content, file.as_file_mut(), &mut hash, request.stopped)?;
        file.persist(&path)?;
        Ok(UploadRecord {
            path: path.display().to_string().into(),
            components: request.components,
            size: request.size.unwrap_or(size),
            stored_size: size,
            sha256: hex::encode(hash.finalize()),
            md5: String::new(),
            upload_id: String::new(),
        })
    }
}

impl Uploads for UploadFolder {
    fn upload(&self, request: UploadRequest<'_>) -> Result<UploadRecord, UploadFailed> {
        let name = request.name.to_string();
        self.keep(request).map_err(|error| UploadFailed(format!("cannot keep {name}: {error}")))
    }
}

const BLOCK_BYTES: usize = 64 * 1024;

pub(crate) fn copy(
    from: &mut dyn Read,
    to: &mut File,
    hash: &mut Sha256,
    stopped: &dyn Fn() -> bool,
) -> std::io::Result<u64> {
    let mut block = vec![0; BLOCK_BYTES];
    let mut size = 0;
    loop {
        if stopped() {
            return Err(std::io::Error::other("the query was stopped"));
        }
        let read = from.read(&mut block)?;
        if read == 0 {
            return Ok(size);
        }
        hash.update(&block[..read]);
        to.write_all(&block[..read])?;
        size += read as u64;
    }
}

/// The SHA-256 of a file, in hex, and its size.
pub(crate) fn sha256_of(path: &Path) -> std::io::Result<(String, u64)> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut block = vec![0; BLOCK_BYTES];
    let mut size = 0;
    loop {
        let read = file.read(&mut block)?;
        if read == 0 {
            return Ok((hex::encode(hash.finalize()), size));
        }
        hash.update(&block[..read]);
        size += read as u64;
    }
}

/// One plain name on every system: no separators, no control characters, not `.` or `..`, not too long.
fn plain_name(text: &str) -> String {
    const LENGTH_MAX: usize = 120;
    let odd = |c: char| c.is_control() || "/\\:*?\"<>|%".contains(c);
    let name: String =
        text.chars().map(|c| if odd(c) { '_' } else { c }).take(LENGTH_MAX).collect();
    match name.trim_end_matches(['.', ' ']) {
        "" => "_".into(),
        trimmed => trimmed.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leaves_the_folder() {
        for (text, name) in [
            ("..", "_"),
            (".", "_"),
            ("a/b", "a_b"),
            ("C:", "C_"),
            ("", "_"),
            ("x. ", "x"),
            (".bashrc", ".bashrc"),
        ] {
            assert_eq!(plain_name(text), name, "{text}");
        }
    }
}
