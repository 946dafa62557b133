//! The records on their way to another store: every table as that one shapes it, a page at a time.
//!
//! # Invariants
//!
//! - The file is locked: nobody changes it meanwhile, and one that a server uses is refused.
//! - Every table is either given, a part of one that is given, or of no use elsewhere (see
//!   [`Dump::forgotten`]).
//!
//! # The form of a value
//!
//! A text as PostgreSQL reads it for the type of its column: bytes as `\x` and hex digits, numbers in
//! decimal, texts as they are. What is a number here and yes or no there, or a JSON list here and an
//! array there, is the reader's matter.

use std::fs::File;
use std::path::Path;

use model::store::StoreError;
use rusqlite::Connection;
use rusqlite::types::ValueRef;

use crate::codec::{Done, Failure, all, unreadable};
use crate::open::{self, OpenError};

/// Tables that have another shape elsewhere. The view `to_x` is what the table `x` becomes.
const SHAPES: &str = r#"
CREATE TEMP VIEW to_clients AS SELECT c.*,
  (SELECT json_group_array(label) FROM client_labels WHERE client = c.id) AS labels FROM clients c;
CREATE TEMP VIEW to_sign_ins AS
  SELECT seq, secret_hash, user AS username, kind, note, created, expires FROM sign_ins;
CREATE TEMP VIEW to_rounds AS SELECT hunt, round, tick FROM rounds WHERE tick IS NOT NULL;
CREATE TEMP VIEW to_member_counts AS SELECT k.hunt, k.round, 0 AS share,
  sum(ifnull(c.count * (c.queue = 0), 0)) AS q0, sum(ifnull(c.count * (c.queue = 1), 0)) AS q1,
  sum(ifnull(c.count * (c.queue = 2), 0)) AS q2, sum(ifnull(c.count * (c.queue = 3), 0)) AS q3,
  sum(ifnull(c.count * (c.queue = 4), 0)) AS q4, sum(ifnull(c.count * (c.queue = 5), 0)) AS q5,
  sum(ifnull(c.count * (c.queue = 6), 0)) AS q6, sum(ifnull(c.count * (c.queue = 7), 0)) AS q7,
  ifnull(r.admitted, 0) AS admitted, ifnull(r.retrying, 0) AS retrying,
  0 AS rows, 0 AS uploads, 0 AS upload_bytes, 0 AS cpu_millis
  FROM (SELECT hunt, round FROM member_counts UNION SELECT hunt, round FROM rounds) k
  LEFT JOIN member_counts c ON c.hunt = k.hunt AND c.round = k.round
  LEFT JOIN rounds r ON r.hunt = k.hunt AND r.round = k.round
  GROUP BY k.hunt, k.round
  UNION ALL SELECT hunt, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, rows, uploads, upload_bytes, cpu_millis
  FROM hunt_spent;
CREATE TEMP VIEW to_attempt_sources AS
  SELECT a.flow, a.attempt, 0 AS kind, n.name AS source, h.hunt, s.batches, s.rows, s.columns
    FROM attempt_sources s JOIN attempts a ON a.key = s.attempt
    JOIN source_names n ON n.key = s.source LEFT JOIN hunt_rounds h ON h.key = a.hunt_round
  UNION ALL
  SELECT a.flow, a.attempt, 1, '', h.hunt, a.logs, 0, '[]'
    FROM attempts a LEFT JOIN hunt_rounds h ON h.key = a.hunt_round WHERE a.logs > 0;
CREATE TEMP VIEW to_batches AS
  SELECT b.id, a.flow, a.attempt, n.name AS source, b.seq, h.hunt, h.round, b.count, b.stored,
    b.packed, b.body
    FROM batches b JOIN attempts a ON a.key = b.attempt
    JOIN source_names n ON n.key = b.source LEFT JOIN hunt_rounds h ON h.key = b.hunt_round;
CREATE TEMP VIEW to_logs AS
  SELECT a.flow, a.attempt, l.seq, h.hunt, l.count, l.body
    FROM logs l JOIN attempts a ON a.key = l.attempt
    LEFT JOIN hunt_rounds h ON h.key = a.hunt_round;
CREATE TEMP VIEW to_uploads AS
  SELECT u.*, a.flow AS of_flow, a.attempt AS of_attempt
    FROM uploads u JOIN attempts a ON a.key = u.attempt;
CREATE TEMP VIEW to_segments AS
  SELECT s.key, h.hunt, h.round, n.name AS source, s.rows, s.batches, s.bytes, s.first, s.last,
    s.columns, s.registered
    FROM segments s JOIN hunt_rounds h ON h.key = s.hunt_round
    JOIN source_names n ON n.key = s.source;
CREATE TEMP VIEW to_event_runs AS SELECT e.*, n.name AS of_source
  FROM event_runs e JOIN source_names n ON n.key = e.source;
CREATE TEMP VIEW to_event_days AS SELECT e.*, n.name AS of_source
  FROM event_days e JOIN source_names n ON n.key = e.source;
CREATE TEMP VIEW to_event_batches AS SELECT e.*, n.name AS of_source
  FROM event_batches e JOIN source_names n ON n.key = e.source;
CREATE TEMP VIEW to_event_numbers AS SELECT 1 AS one,
  coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'event_batches'), 0) AS newest;
"#;

/// Tables that are parts of others there, or of no use.
const FORGOTTEN: [&str; 6] =
    ["client_labels", "hunt_rounds", "attempts", "source_names", "hunt_spent", "leases"];

/// A store that is read to be copied.
pub struct Dump {
    connection: Connection,
    _lock: File,
}

/// Some records of a table.
#[derive(Debug, Default)]
pub struct DumpPage {
    /// The values of each record, in the order of the columns that were asked for.
    pub records: Vec<Vec<Option<String>>>,
    /// Where the next page begins; `None` when this one is empty.
    pub last: Option<String>,
}

impl Dump {
    /// Opens the file, brings its schema up to date, and keeps everybody else away.
    ///
    /// # Errors
    ///
    /// When it is in use, was written by a newer version, or is not a store of ours.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let (lock, connection) = open::open_for_writing(path)?;
        connection.execute_batch(SHAPES).map_err(|source| OpenError::of(path, source))?;
        Ok(Self { connection, _lock: lock })
    }

    /// All tables of the file that are not given: parts of others, or of no use elsewhere.
    pub fn forgotten() -> &'static [&'static str] {
        &FORGOTTEN
    }

    /// All tables of the file but those.
    pub fn tables(&self) -> Result<Vec<String>, StoreError> {
        self.read("list the tables", |db| {
            let sql = "SELECT name FROM sqlite_schema WHERE type = 'table'
                AND name NOT LIKE 'sqlite_%' ORDER BY name";
            let mut statement = db.prepare(sql)?;
            let mut names: Vec<String> = all(statement.query_map([], |row| row.get(0))?)?;
            names.retain(|name| !FORGOTTEN.contains(&name.as_str()));
            Ok(names)
        })
    }

    /// The columns that can be asked for; empty when there is no such table.
    pub fn columns(&self, table: &str) -> Result<Vec<String>, StoreError> {
        self.read("read a table's columns", |db| {
            let Some(relation) = relation(db, table)? else { return Ok(Vec::new()) };
            let statement = db.prepare(&format!("SELECT * FROM {relation} LIMIT 0"))?;
            let mut names: Vec<String> = statement.column_names().map(str::to_owned).collect();
            // A column that stands for another one takes its name.
            let stands: Vec<String> = names
                .iter()
                .filter_map(|name| name.strip_prefix("of_").map(str::to_owned))
                .collect();
            names.retain(|name| !stands.contains(name));
            for name in &mut names {
                if let Some(plain) = name.strip_prefix("of_") {
                    *name = plain.to_owned();
                }
            }
            Ok(names)
        })
    }

    /// How many records a table has.
    pub fn count(&self, table: &str) -> Result<u64, StoreError> {
        self.read("count records", |db| {
            let Some(relation) = relation(db, table)? else { return Ok(0) };
            let sql = format!("SELECT count(*) FROM {relation}");
            Ok(db.query_row(&sql, [], crate::codec::only_count)?)
        })
    }

    /// Whether a column says anything: in no record more than nothing, zero or an empty text.
    pub fn says_nothing(&self, table: &str, column: &str) -> Result<bool, StoreError> {
        self.read("look at a column", |db| {
            let Some(relation) = relation(db, table)? else { return Ok(true) };
            let given = real_names(db, &relation)?;
            let Some(name) = given.iter().find(|name| *name == column) else { return Ok(true) };
            let sql = format!(
                "SELECT NOT EXISTS (SELECT 1 FROM {relation}
                 WHERE \"{name}\" IS NOT NULL AND \"{name}\" NOT IN (0, '', x''))"
            );
            Ok(db.query_row(&sql, [], |row| row.get(0))?)
        })
    }

    /// Up to `limit` records behind `after`, in the order of the key.
    pub fn page(
        &self,
        table: &str,
        (columns, key): (&[String], &[String]),
        after: Option<&str>,
        limit: u64,
    ) -> Result<DumpPage, StoreError> {
        self.read("read records", |db| {
            let Some(relation) = relation(db, table)? else { return Ok(DumpPage::default()) };
            let names = self.columns(table).map_err(Failure::Store)?;
            if let Some(unknown) = columns.iter().chain(key).find(|name| !names.contains(name)) {
                return Err(StoreError::refused(format!("{table} has no column {unknown}")).into());
            }
            let given = real_names(db, &relation)?;
            let real = |names: &[String]| {
                let one = |name: &String| {
                    let stands = format!("of_{name}");
                    let real = if given.contains(&stands) { &stands } else { name };
                    format!("\"{real}\"")
                };
                names.iter().map(one).collect::<Vec<_>>().join(", ")
            };
            let (columns_sql, key_sql) = (real(columns), real(key));
            let quoted = key_sql.split(", ").map(|name| format!("quote({name})"));
            let mark = quoted.collect::<Vec<_>>().join(" || ', ' || ");
            let behind = match after {
                // Literals that SQLite wrote itself.
                Some(after) => format!("WHERE ({key_sql}) > ({after})"),
                None => String::new(),
            };
            let sql = format!(
                "SELECT {columns_sql}, {mark} FROM {relation} {behind} ORDER BY {key_sql} LIMIT ?1"
            );
            let mut statement = db.prepare(&sql)?;
            let mut rows = statement.query([i64::try_from(limit).unwrap_or(i64::MAX)])?;
            let mut page = DumpPage::default();
            while let Some(row) = rows.next()? {
                let values = (0..columns.len()).map(|index| text(row.get_ref(index)?));
                page.records.push(values.collect::<rusqlite::Result<_>>()?);
                page.last = Some(row.get(columns.len())?);
            }
            Ok(page)
        })
    }

    /// The hashes of all content that is named.
    pub fn contents(&self) -> Result<Vec<[u8; 32]>, StoreError> {
        self.read("list contents", |db| {
            let sql = "SELECT sha256 FROM uploads WHERE sha256 IS NOT NULL
                UNION SELECT sha256 FROM tools";
            let mut statement = db.prepare(sql)?;
            Ok(all(statement.query_map([], |row| row.get(0))?)?)
        })
    }

    fn read<T>(
        &self,
        doing: &str,
        work: impl FnOnce(&Connection) -> Done<T>,
    ) -> Result<T, StoreError> {
        work(&self.connection).map_err(|failure| failure.while_doing(doing))
    }
}

/// Where the records of a table come from.
fn relation(db: &Connection, table: &str) -> Done<Option<String>> {
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if table.is_empty() || !table.chars().all(is_name) {
        return Err(StoreError::refused(format!("`{table}` is no name of a table")).into());
    }
    let exists = |schema: &str, name: &str| -> rusqlite::Result<bool> {
        let sql = format!("SELECT EXISTS (SELECT 1 FROM {schema} WHERE name = ?1)");
        db.query_row(&sql, [name], |row| row.get(0))
    };
    let view = format!("to_{table}");
    if exists("sqlite_temp_schema", &view)? {
        return Ok(Some(view));
    }
    Ok(exists("sqlite_schema", table)?.then(|| table.to_owned()))
}

fn real_names(db: &Connection, relation: &str) -> Done<Vec<String>> {
    let statement = db.prepare(&format!("SELECT * FROM {relation} LIMIT 0"))?;
    Ok(statement.column_names().map(str::to_owned).collect())
}

fn text(value: ValueRef<'_>) -> rusqlite::Result<Option<String>> {
    Ok(match value {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(number.to_string()),
        ValueRef::Text(text) => {
            Some(std::str::from_utf8(text).map_err(|_| unreadable("text"))?.to_owned())
        }
        ValueRef::Blob(bytes) => {
            let mut text = String::with_capacity(2 + bytes.len() * 2);
            text.push_str("\\x");
            for byte in bytes {
                for digit in [byte >> 4, byte & 15] {
                    text.push(char::from(b"0123456789abcdef"[usize::from(digit)]));
                }
            }
            Some(text)
        }
    })
}
