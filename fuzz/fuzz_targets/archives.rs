//! Any bytes may be said to be an archive, a packed file or a list of stretches: nothing panics,
//! nothing goes on for ever, and what is listed can be asked for.

#![no_main]

use std::io::Read;
use std::sync::Arc;

use base::{FixedClock, SeededEntropy, Timestamp};
use libfuzzer_sys::fuzz_target;
use rows::{Dict, OsPath, PathStyle, Text};
use vql_eval::{Run, Setup};
use vql_plugin::{FileKind, Host, Scope};

/// So much of a member is read.
const READ_MAX: u64 = 1 << 20;

fn read(scope: &Scope, accessor: &str, path: &OsPath) {
    if let Ok(mut file) = scope.accessor(accessor).unwrap().open(path, scope) {
        let _ = std::io::copy(&mut (&mut file).take(READ_MAX), &mut std::io::sink());
    }
}

fuzz_target!(|bytes: &[u8]| {
    let clock = Arc::new(FixedClock::at(Timestamp::EPOCH));
    let host = Host::builder(clock, Box::new(SeededEntropy::new(1))).accessors(accessors::all());
    let variables = Dict::new().with("ZIP_PASSWORDS", "secret");
    let run = Run::new(Setup::new(host.build(), Arc::new(vql_eval::language())), variables);
    let scope = run.scope();
    let archive = |path: OsPath| path.inside("data", Text::from(bytes));

    for accessor in ["zip", "zip_nocase"] {
        let mut todo = vec![archive(OsPath::new(PathStyle::Relative, []))];
        let mut looked_at = 0;
        while let Some(folder) = todo.pop().filter(|_| looked_at < 100) {
            looked_at += 1;
            let Ok(entries) = scope.accessor(accessor).unwrap().list(&folder, &scope) else {
                break;
            };
            for entry in entries.take(100).flatten() {
                assert!(entry.path.components().len() > folder.components().len());
                assert!(scope.accessor(accessor).unwrap().stat(&entry.path, &scope).is_ok());
                match entry.kind {
                    FileKind::Dir => todo.push(entry.path),
                    _ => read(&scope, accessor, &entry.path),
                }
            }
        }
    }
    for accessor in ["gzip", "bzip2", "zstd", "xz", "ranged"] {
        read(&scope, accessor, &archive(OsPath::default()));
    }
    let list = OsPath::new(PathStyle::Opaque, [Text::from(bytes)]);
    read(&scope, "sparse", &list.inside("data", "0123456789"));
});
