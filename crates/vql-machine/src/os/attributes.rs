//! Extended attributes of files on Linux.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{lgetxattr, llistxattr};
use rustix::io::Errno;

use crate::machine::Unanswered;

/// The kernel allows names and values of 64 KiB each.
const BYTES_MAX: usize = 1 << 16;

/// All attributes of a file that may be read.
pub(super) fn of(path: &[u8]) -> Result<Vec<(String, Vec<u8>)>, Unanswered> {
    let native = Path::new(OsStr::from_bytes(path));
    let failed = |error: Errno| Unanswered::Failed {
        what: format!("read the attributes of `{}`", native.display()),
        why: error.to_string(),
    };
    let mut names = vec![0_u8; BYTES_MAX];
    let length = llistxattr(native, &mut names[..]).map_err(failed)?;
    let names = names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty());
    let mut attributes = Vec::new();
    for name in names {
        let mut value = vec![0_u8; BYTES_MAX];
        match lgetxattr(native, OsStr::from_bytes(name), &mut value[..]) {
            Ok(length) => {
                value.truncate(length);
                attributes.push((String::from_utf8_lossy(name).into_owned(), value));
            }
            // Gone meanwhile, or only for others.
            Err(Errno::NODATA | Errno::PERM | Errno::ACCESS) => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(attributes)
}
