//! The plugin `leveldb`: keys and values of a LevelDB.

use std::sync::Arc;

use parsers::leveldb::{Database, FileKind, Manifest};
use rows::{OsPath, Row};
use vql_plugin::{
    Entry, Failure, Level, Permission, Plugin, RowStream, Scope, plugin_args, stream,
};

use crate::reading;

pub(super) fn entry() -> Entry {
    Entry::plugin(LevelDb)
}

plugin_args! {
    /// Reads a LevelDB, as browsers and Electron programs keep them: rows with `Key` and `Value`,
    /// sorted by key. Keys that were deleted are not there.
    ///
    /// Without a readable manifest all tables and logs of the folder are read. Files that are
    /// damaged are logged, and what is left of them is read.
    pub struct LevelDbArgs for "leveldb" {
        /// The folder of the database; or one table (`.ldb`, `.sst`) or log (`.log`) of it.
        file: Arc<OsPath>,
        /// What the folder is read through.
        accessor: String = "",
    }
}

struct LevelDb;

impl Plugin for LevelDb {
    type Args = LevelDbArgs;
    const NEEDS: &'static [Permission] = &[Permission::FilesystemRead];

    fn rows(&self, args: LevelDbArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let single = args.file.basename().to_str_lossy().into_owned();
        let files = match FileKind::of(&single) {
            kind @ (FileKind::Table(_) | FileKind::Log(_)) => vec![(single, kind)],
            _ => chosen(&args, scope)?,
        };
        let mut database = Database::default();
        for (name, kind) in files {
            scope.check()?;
            let path = match args.file.basename().as_bytes() == name.as_bytes() {
                true => (*args.file).clone(),
                false => args.file.join([name.as_str().into()]),
            };
            match (reading::whole(scope, &args.accessor, &path), kind) {
                (Ok(bytes), FileKind::Table(_)) => database.add_table(&name, &bytes)?,
                (Ok(bytes), _) => database.add_log(&name, &bytes)?,
                (Err(failure), _) => scope.log(Level::Default, &format!("leveldb: {failure}")),
            }
        }
        for problem in &database.problems {
            scope.log(Level::Default, &format!("leveldb: `{}`: {problem}", args.file));
        }
        let rows = database.into_entries();
        Ok(stream::rows(rows.map(|(key, value)| Row::new().with("Key", key).with("Value", value))))
    }
}

/// The files of the folder that hold its newest state.
fn chosen(args: &LevelDbArgs, scope: &Scope) -> Result<Vec<(String, FileKind)>, Failure> {
    let accessor = scope.accessor(&args.accessor)?;
    let mut files = Vec::new();
    for found in accessor.list(&args.file, scope)? {
        let name = found?.path.basename().to_str_lossy().into_owned();
        let kind = FileKind::of(&name);
        files.push((name, kind));
    }
    files.sort_by(|a, b| a.0.cmp(&b.0));
    let is_data = |kind| matches!(kind, FileKind::Table(_) | FileKind::Log(_));
    if !files.iter().any(|(_, kind)| is_data(*kind)) {
        let path = &args.file;
        return Err(Failure::new(format!("`{path}` holds no tables or logs of a LevelDB")));
    }
    let manifest = manifest(args, scope);
    if let Err(failure) = &manifest {
        let text = format!("leveldb: {failure}; all tables and logs of the folder are read");
        scope.log(Level::Default, &text);
    }
    let counts = |kind| manifest.as_ref().map_or(is_data(kind), |manifest| manifest.holds(kind));
    files.retain(|(_, kind)| counts(*kind));
    Ok(files)
}

fn manifest(args: &LevelDbArgs, scope: &Scope) -> Result<Manifest, Failure> {
    let read = |name: &str| reading::whole(scope, &args.accessor, &args.file.join([name.into()]));
    let current = read("CURRENT")?;
    let name = String::from_utf8_lossy(&current).trim().to_owned();
    if !matches!(FileKind::of(&name), FileKind::Manifest(_)) {
        return Err(Failure::new(format!("`{}` names no manifest in CURRENT", args.file)));
    }
    let (manifest, bad) = Manifest::parse(&read(&name)?);
    if bad > 0 {
        return Err(Failure::new(format!("{bad} records of {name} are damaged")));
    }
    Ok(manifest)
}
