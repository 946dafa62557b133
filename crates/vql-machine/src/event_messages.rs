//! Texts of events, from a database that somebody collected on Windows.
//!
//! An SQLite file with the tables `providers` (`id`, `name`) and `messages` (`provider_id`,
//! `event_id`, `message`). The message of an event is that of its provider's name and its number; in
//! it `%1`, `%2`, ... stand for the event's data in their order. Messages that other messages refer to
//! (`%%1936`) are left as they are.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::sync::Arc;

use parsers::evtx::fill;
use rows::{OsPath, Row, Value};
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use vql_plugin::{Failure, Level, Scope};

use crate::temporary;

const QUERY: &str = "SELECT message FROM messages JOIN providers ON messages.provider_id = \
                     providers.id WHERE providers.name = ?1 AND messages.event_id = ?2 LIMIT 1";

/// A database of messages, and those that were looked up.
pub(crate) struct Messages {
    database: Connection,
    known: HashMap<(String, i64), Option<Arc<str>>>,
}

/// So many messages are remembered.
const KNOWN_MAX: usize = 10_000;

impl Messages {
    /// Opens the database. It is copied, because it may be anywhere an accessor reaches.
    pub(crate) fn open(path: &OsPath, accessor: &str, scope: &Scope) -> Result<Self, Failure> {
        let mut file = scope.accessor(accessor)?.open(path, scope)?;
        let copy = |out: &mut std::fs::File| {
            let mut block = vec![0; 1 << 16];
            loop {
                if scope.stopped() {
                    return Err(std::io::Error::other("the query was stopped"));
                }
                match file.read(&mut block)? {
                    0 => return out.flush(),
                    count => out.write_all(&block[..count])?,
                }
            }
        };
        let copied = temporary::file_with(".sqlite", copy, scope)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let wrong = |error: rusqlite::Error| {
            Failure::new(format!(
                "`{path}` is no database of messages (SQLite with the tables providers(id, name) \
                 and messages(provider_id, event_id, message)): {error}"
            ))
        };
        let database = Connection::open_with_flags(copied, flags).map_err(wrong)?;
        // Hostile schemas must not run anything that this query did not ask for.
        database.pragma_update(None, "trusted_schema", false).map_err(wrong)?;
        database.prepare(QUERY).map_err(wrong)?;
        Ok(Self { database, known: HashMap::new() })
    }

    /// The text of an event; NULL when there is none.
    pub(crate) fn of(&mut self, event: &Row, scope: &Scope) -> Value {
        let Some(Value::Dict(system)) = event.get("System") else { return Value::Null };
        let provider = match system.get("Provider") {
            Some(Value::Dict(provider)) => provider.get("Name").map(Value::to_text),
            _ => None,
        };
        let id = match system.get("EventID") {
            Some(Value::Dict(id)) => id.get("Value").cloned(),
            _ => None,
        };
        let (Some(provider), Some(Value::Int(id))) = (provider, id) else { return Value::Null };
        let key = (provider.to_str_lossy().into_owned(), id);
        let template = match self.known.get(&key) {
            Some(known) => known.clone(),
            None => self.look_up(key, scope),
        };
        template.map_or(Value::Null, |template| Value::text(fill(&template, &data(event))))
    }

    fn look_up(&mut self, key: (String, i64), scope: &Scope) -> Option<Arc<str>> {
        let mut asked = match self.database.prepare_cached(QUERY) {
            Ok(asked) => asked,
            Err(_) => return None,
        };
        let found: Result<Option<String>, _> =
            asked.query_row((&key.0, key.1), |row| row.get(0)).optional();
        let found = found.unwrap_or_else(|error| {
            scope.log(Level::Default, &format!("cannot read messages of `{}`: {error}", key.0));
            None
        });
        let found: Option<Arc<str>> = found.map(Arc::from);
        if self.known.len() >= KNOWN_MAX {
            self.known.clear();
        }
        self.known.insert(key, found.clone());
        found
    }
}

/// The data of an event in their order.
fn data(event: &Row) -> Vec<Value> {
    let given = ["EventData", "UserData"].iter().find_map(|name| match event.get(name) {
        Some(Value::Dict(data)) if !data.is_empty() => Some(data),
        _ => None,
    });
    let Some(data) = given else { return Vec::new() };
    data.values()
        .flat_map(|value| match value {
            Value::Array(values) => values.to_vec(),
            one => vec![one.clone()],
        })
        .collect()
}
