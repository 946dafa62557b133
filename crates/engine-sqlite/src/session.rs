//! One connection: opened for reading, unable to reach other files, with our functions.

use std::path::Path;
use std::time::Duration;

use regex::bytes::{Regex, RegexBuilder};
use rusqlite::config::DbConfig;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};

use crate::times;

/// How long a statement waits for a writer before it says that the database is busy.
const BUSY: Duration = Duration::from_secs(5);

/// The most memory that one regular expression takes.
const REGEX_BYTES: usize = 1 << 20;

pub(crate) fn open(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    // A rule means the same on every engine.
    connection.pragma_update(None, "case_sensitive_like", true)?;
    connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    // A name between double quotes that is no column is an error, not a text.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    functions(&connection)?;
    connection.authorizer(Some(only_reads))?;
    Ok(connection)
}

/// What the text of a question may do.
fn only_reads(asked: AuthContext<'_>) -> Authorization {
    match asked.action {
        AuthAction::Select | AuthAction::Read { .. } | AuthAction::Recursive => {
            Authorization::Allow
        }
        // Only what the schema is read with; they take no value that changes anything.
        AuthAction::Pragma {
            pragma_name: "table_xinfo" | "table_list" | "page_count" | "page_size",
            ..
        } => Authorization::Allow,
        AuthAction::Function { function_name } => {
            if function_name.eq_ignore_ascii_case("load_extension") {
                Authorization::Deny
            } else {
                Authorization::Allow
            }
        }
        _ => Authorization::Deny,
    }
}

fn functions(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS;
    // `text REGEXP pattern` calls regexp(pattern, text).
    connection.create_scalar_function("regexp", 2, flags, |context| {
        let Some(text) = text_of(context, 1) else { return Ok(None) };
        let pattern = context.get_or_create_aux(0, compile)?;
        Ok(Some(pattern.is_match(&text)))
    })?;
    connection.create_scalar_function("lycaon_micros", 2, flags, |context| {
        let unit: i64 = context.get(1)?;
        Ok(match context.get_raw(0) {
            ValueRef::Integer(number) => Some(times::micros_of_int(number, unit)),
            ValueRef::Text(text) => times::micros_of_text(text),
            _ => None,
        })
    })
}

fn compile(pattern: ValueRef<'_>) -> Result<Regex, Box<dyn std::error::Error + Send + Sync>> {
    Ok(RegexBuilder::new(pattern.as_str()?).size_limit(REGEX_BYTES).build()?)
}

fn text_of(context: &Context<'_>, place: usize) -> Option<Vec<u8>> {
    match context.get_raw(place) {
        ValueRef::Null => None,
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(bytes.to_vec()),
        ValueRef::Integer(number) => Some(number.to_string().into_bytes()),
        ValueRef::Real(number) => Some(number.to_string().into_bytes()),
    }
}
