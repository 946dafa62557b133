//! The plugin `sqlite`: asks a SQLite file something, on a copy of it.

use std::fs::File;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rows::{OsPath, Row, Text, Value};
use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, Statement};
use vql_plugin::{Entry, Failure, Permission, Plugin, RowStream, Scope, plugin_args, stream};

use crate::Machine;

pub(super) fn entry(_machine: &Arc<dyn Machine>) -> Entry {
    Entry::plugin(Sqlite)
}

plugin_args! {
    /// Runs a query of SQL on a SQLite file: one row per row.
    ///
    /// The file is copied first, together with what SQLite keeps next to it (`-wal`, `-journal`),
    /// so that nothing on the machine is locked or changed and what was written last is seen. The
    /// copy goes when the query ends.
    pub struct SqliteArgs for "sqlite" {
        /// The file.
        file: Arc<OsPath>,
        /// What the file is read through.
        accessor: String = "",
        /// The query: one statement that only reads.
        query: String,
        /// What stands for `?` in the query, in order; or a dict of what stands for `:name`.
        args: Option<Value>,
    }
}

struct Sqlite;

impl Plugin for Sqlite {
    type Args = SqliteArgs;
    const NEEDS: &'static [Permission] = &[Permission::FilesystemRead];

    fn rows(&self, args: SqliteArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let copy = Copied::make(&args.file, &args.accessor, scope)?;
        let gone = Arc::new(AtomicBool::new(false));
        let (asking, nobody) = (scope.clone(), gone.clone());
        let rows = stream::produce("sqlite", scope, move |out| {
            let stop = move || nobody.load(Ordering::Relaxed) || asking.stopped();
            let name = args.file.to_string();
            copy.ask(&args.query, args.args.as_ref(), stop, &mut |row| out.emit(row).is_ok())
                .map_err(|error| Failure::new(format!("`{name}`: {}", said(&error))))
        });
        Ok(Box::new(Consumed { rows, gone }))
    }
}

/// Rows that somebody reads; tells the database when nobody does any more.
struct Consumed {
    rows: RowStream,
    gone: Arc<AtomicBool>,
}

impl Iterator for Consumed {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        self.rows.next()
    }
}

impl Drop for Consumed {
    fn drop(&mut self) {
        self.gone.store(true, Ordering::Relaxed);
    }
}

/// A database of our own, in a folder that goes with it.
struct Copied {
    database: PathBuf,
    /// There is something to be replayed, so that the copy has to be written to.
    unfinished: bool,
    _folder: tempfile::TempDir,
}

const DATABASE: &[u8] = b"SQLite format 3\0";

impl Copied {
    fn make(path: &OsPath, accessor: &str, scope: &Scope) -> Result<Self, Failure> {
        let cannot = |error: std::io::Error| {
            Failure::new(format!("cannot make a copy of `{path}`: {error}"))
        };
        let folder = tempfile::Builder::new().prefix("vql-").tempdir().map_err(cannot)?;
        let database = folder.path().join("copy");
        let source = scope.accessor(accessor)?;
        let mut file = source.open(path, scope)?;
        let mut start = Vec::new();
        (&mut file).take(DATABASE.len() as u64).read_to_end(&mut start).map_err(cannot)?;
        if !start.is_empty() && start != DATABASE {
            return Err(Failure::new(format!("`{path}` is not a SQLite database")));
        }
        let mut target = File::create(&database).map_err(cannot)?;
        target.write_all(&start).map_err(cannot)?;
        copy_rest(&mut file, &mut target, scope)?.map_err(cannot)?;
        let mut copied = Self { database, unfinished: false, _folder: folder };
        for (ending, starts) in [("-wal", WAL), ("-journal", JOURNAL)] {
            let Ok(mut file) = source.open(&beside(path, ending), scope) else { continue };
            let mut start = Vec::new();
            let read = (&mut file).take(8).read_to_end(&mut start);
            if read.is_err() || !starts.iter().any(|known| start.starts_with(known)) {
                continue;
            }
            let mut target = copied.database.clone().into_os_string();
            target.push(ending);
            let mut target = File::create(target).map_err(cannot)?;
            target.write_all(&start).map_err(cannot)?;
            copy_rest(&mut file, &mut target, scope)?.map_err(cannot)?;
            copied.unfinished = true;
        }
        Ok(copied)
    }

    /// Runs the query; `emit` says whether more is wanted.
    fn ask(
        &self,
        query: &str,
        args: Option<&Value>,
        stop: impl Fn() -> bool + Send + 'static,
        emit: &mut dyn FnMut(Row) -> bool,
    ) -> rusqlite::Result<()> {
        let mut connection = self.open()?;
        connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        connection.pragma_update(None, "query_only", true)?;
        connection.progress_handler(1_000, Some(stop))?;
        let mut statement = connection.prepare(query)?;
        bind(&mut statement, args)?;
        let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next()? {
            let mut read = Row::with_capacity(names.len());
            for (at, name) in names.iter().enumerate() {
                read.set(name.as_str(), value(row.get_ref(at)?));
            }
            if !emit(read) {
                break;
            }
        }
        Ok(())
    }

    fn open(&self) -> rusqlite::Result<Connection> {
        if self.unfinished {
            return Connection::open_with_flags(
                &self.database,
                OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
            );
        }
        // Nothing has to be replayed: SQLite needs neither locks nor files of its own. A database
        // in WAL mode whose log was left out can only be opened this way.
        let path = self.database.to_string_lossy();
        let escaped: String = path
            .bytes()
            .map(|byte| match byte {
                b'%' | b'?' | b'#' => format!("%{byte:02x}"),
                other => char::from(other).to_string(),
            })
            .collect();
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_URI
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        if !path.is_ascii() {
            return Connection::open_with_flags(&self.database, flags);
        }
        Connection::open_with_flags(format!("file:{escaped}?immutable=1"), flags)
    }
}

const WAL: &[&[u8]] = &[&[0x37, 0x7f, 0x06, 0x82], &[0x37, 0x7f, 0x06, 0x83]];
const JOURNAL: &[&[u8]] = &[&[0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7]];

/// The file next to this one whose name ends like that.
fn beside(path: &OsPath, ending: &str) -> OsPath {
    let mut components: Vec<Text> = path.components().to_vec();
    if let Some(last) = components.pop() {
        components.push(Text::from([last.as_bytes(), ending.as_bytes()].concat()));
    }
    path.with_components(components)
}

fn copy_rest(
    source: &mut dyn Read,
    target: &mut File,
    scope: &Scope,
) -> Result<std::io::Result<()>, Failure> {
    let mut chunk = vec![0; 1 << 18];
    loop {
        scope.check()?;
        let written = source.read(&mut chunk).and_then(|count| {
            target.write_all(&chunk[..count])?;
            Ok(count)
        });
        match written {
            Ok(0) => return Ok(Ok(())),
            Ok(_) => {}
            Err(error) => return Ok(Err(error)),
        }
    }
}

/// What a cell holds. Texts need not be UTF-8, and blobs are bytes: both are texts of VQL.
fn value(cell: ValueRef<'_>) -> Value {
    match cell {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Int(number),
        ValueRef::Real(number) => Value::Float(number),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Value::text(bytes),
    }
}

fn bind(statement: &mut Statement<'_>, args: Option<&Value>) -> rusqlite::Result<()> {
    let given: Vec<(usize, &Value)> = match args {
        None => Vec::new(),
        Some(Value::Array(values)) => (1..).zip(values.iter()).collect(),
        Some(Value::Dict(dict)) => {
            let mut given = Vec::new();
            for (name, value) in dict.iter() {
                let find = |mark: &str| statement.parameter_index(&format!("{mark}{name}"));
                let found = find(":")?.or(find("@")?).or(find("$")?).or(find("")?);
                let index =
                    found.ok_or_else(|| rusqlite::Error::InvalidParameterName(name.to_string()))?;
                given.push((index, value));
            }
            given
        }
        Some(single) => vec![(1, single)],
    };
    let wanted = statement.parameter_count();
    if given.len() != wanted {
        return Err(rusqlite::Error::InvalidParameterCount(given.len(), wanted));
    }
    for (index, value) in given {
        let text: Text;
        let bound = match value {
            Value::Null => ValueRef::Null,
            Value::Bool(truth) => ValueRef::Integer(i64::from(*truth)),
            Value::Int(number) => ValueRef::Integer(*number),
            Value::Float(number) => ValueRef::Real(*number),
            other => {
                text = other.to_text();
                match text.as_str() {
                    Some(_) => ValueRef::Text(&text),
                    None => ValueRef::Blob(&text),
                }
            }
        };
        statement.raw_bind_parameter(index, ToSqlOutput::Borrowed(bound))?;
    }
    Ok(())
}

/// What went wrong, and how to mend it.
fn said(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqlInputError { msg, sql, offset, .. } => {
            let at = usize::try_from(*offset).unwrap_or(0).min(sql.len());
            let near: String =
                String::from_utf8_lossy(&sql.as_bytes()[at..]).chars().take(30).collect();
            format!("{msg} (in the query of SQL, character {offset}: `{near}`)")
        }
        rusqlite::Error::MultipleStatement => {
            "the query of SQL has several statements; ask one at a time".to_owned()
        }
        rusqlite::Error::InvalidParameterCount(given, wanted) => {
            format!("the query of SQL takes {wanted} args and {given} are given")
        }
        rusqlite::Error::InvalidParameterName(name) => {
            format!("the query of SQL has no parameter `:{name}`")
        }
        _ => match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => {
                "is not a SQLite database, or it is encrypted".to_owned()
            }
            Some(ErrorCode::DatabaseCorrupt) => format!("the database is damaged: {error}"),
            Some(ErrorCode::OperationInterrupted) => "the query was stopped".to_owned(),
            Some(ErrorCode::ReadOnly) => {
                "only queries that read are possible; this one writes".to_owned()
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                format!("the copy of the database is locked: {error}")
            }
            _ => error.to_string(),
        },
    }
}
