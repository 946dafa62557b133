//! Records that come from another store: into empty tables, a page in one transaction with the note of
//! how far it came, so that a copy that was interrupted goes on.
//!
//! Which tables and columns there are is asked of the database itself: a column that another store
//! cannot fill, and that has no value of its own, is refused before anything is written.

use bytes::Bytes;
use deadpool_postgres::Object;
use futures_util::SinkExt;
use model::store::StoreError;
use sha2::{Digest, Sha256};
use tokio_postgres::Row;

use crate::RecordStore;
use crate::columns::Columns;
use crate::failure::{Done, Failure};

/// Tables of this store that hold nothing to be copied.
const OWN: [&str; 7] = [
    "record_schema",
    "leases",
    "nodes",
    "whereabouts",
    "admission_gate",
    "import_source",
    "import_progress",
];

/// A table that takes records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportTable {
    /// Its name.
    pub name: String,
    /// Its columns.
    pub columns: Vec<ImportColumn>,
    /// The columns of its key.
    pub key: Vec<String>,
}

/// A column of a table that takes records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportColumn {
    /// Its name.
    pub name: String,
    /// Its type.
    kind: String,
    /// It must be given.
    pub needed: bool,
}

/// How far a table came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportProgress {
    /// Where the next page begins.
    pub last: Option<String>,
    /// Records that are there.
    pub done: u64,
}

const TABLES: &str = "SELECT t.table_name::text, c.column_name::text, c.udt_name::text,
        c.is_nullable = 'NO' AND c.column_default IS NULL AND c.is_identity = 'NO',
        coalesce(k.ordinal_position, 0)::bigint
    FROM information_schema.tables t
    JOIN information_schema.columns c USING (table_schema, table_name)
    LEFT JOIN information_schema.table_constraints p ON p.table_schema = t.table_schema
        AND p.table_name = t.table_name AND p.constraint_type = 'PRIMARY KEY'
    LEFT JOIN information_schema.key_column_usage k ON k.constraint_name = p.constraint_name
        AND k.table_schema = t.table_schema AND k.column_name = c.column_name
    WHERE t.table_schema = current_schema() AND t.table_type = 'BASE TABLE'
        AND t.table_name NOT LIKE 'log\\_%'
    ORDER BY t.table_name, coalesce(k.ordinal_position, 0), c.ordinal_position";

fn name_of(table: &str) -> String {
    format!("\"{}\"", table.replace('"', "\"\""))
}

fn names_of(columns: &[String]) -> String {
    columns.iter().map(|column| name_of(column)).collect::<Vec<_>>().join(", ")
}

async fn count(db: &Object, table: &str) -> Done<u64> {
    let sql = format!("SELECT count(*) FROM {}", name_of(table));
    Columns::of(&db.query_one(&sql, &[]).await?).count()
}

/// Records with one line of their own from the beginning.
fn is_one_record(table: &ImportTable) -> bool {
    table.key == ["one"]
}

/// A value as `COPY` reads it.
fn field(value: Option<&str>, kind: &str) -> Done<String> {
    let Some(value) = value else { return Ok("\\N".to_owned()) };
    let value = match kind {
        "_text" => array(value)?,
        _ => value.to_owned(),
    };
    let mut field = String::with_capacity(value.len() + 2);
    for letter in value.chars() {
        match letter {
            '\\' => field.push_str("\\\\"),
            '\n' => field.push_str("\\n"),
            '\r' => field.push_str("\\r"),
            '\t' => field.push_str("\\t"),
            // PostgreSQL has no such letter.
            '\0' => field.push('\u{fffd}'),
            other => field.push(other),
        }
    }
    Ok(field)
}

/// A JSON list of texts as an array.
fn array(json: &str) -> Done<String> {
    let texts: Vec<String> =
        serde_json::from_str(json).map_err(|_| Failure::Unreadable("list of texts"))?;
    let quoted = |text: &String| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    Ok(format!("{{{}}}", texts.iter().map(quoted).collect::<Vec<_>>().join(",")))
}

impl RecordStore {
    /// The tables that take records, by name.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked.
    pub async fn import_tables(&self) -> Result<Vec<ImportTable>, StoreError> {
        self.read("read the tables", |db| async move {
            let mut tables: Vec<ImportTable> = Vec::new();
            for row in db.query(TABLES, &[]).await? {
                let mut row = Columns::of(&row);
                let (table, name): (String, String) = (row.take()?, row.take()?);
                let (kind, needed): (String, bool) = (row.take()?, row.take()?);
                let place: u64 = row.count()?;
                if OWN.contains(&table.as_str()) {
                    continue;
                }
                if tables.last().is_none_or(|last| last.name != table) {
                    tables.push(ImportTable { name: table, columns: vec![], key: vec![] });
                }
                let last = tables.last_mut().expect("it was pushed");
                if place > 0 {
                    last.key.push(name.clone());
                }
                last.columns.push(ImportColumn { name, kind, needed });
            }
            // The database makes the digests of what flows collect below.
            for table in tables.iter_mut().filter(|table| table.name == "asks") {
                table.columns.retain(|column| column.name != "digest");
            }
            Ok(tables)
        })
        .await
    }

    /// Begins to copy from `source`, or goes on. Whether it goes on.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] when there are records already, or some of another source.
    pub async fn import_begin(
        &self,
        source: &str,
        tables: &[ImportTable],
    ) -> Result<bool, StoreError> {
        self.read("begin to copy", |db| async move {
            db.batch_execute(
                "CREATE TABLE IF NOT EXISTS import_source (source text PRIMARY KEY);
                 CREATE TABLE IF NOT EXISTS import_progress
                     (name text PRIMARY KEY, last text, done bigint NOT NULL);",
            )
            .await?;
            let before = db.query("SELECT source FROM import_source", &[]).await?;
            let sources: Vec<String> =
                before.iter().map(|row| Columns::of(row).take()).collect::<Done<_>>()?;
            if let Some(other) = sources.first() {
                return match other == source {
                    true => Ok(true),
                    false => Err(StoreError::conflict(format!(
                        "records are being copied here from `{other}`; go on with that one, or \
                         empty the database"
                    ))
                    .into()),
                };
            }
            for table in tables.iter().filter(|table| !is_one_record(table)) {
                if count(&db, &table.name).await? > 0 {
                    return Err(StoreError::conflict(format!(
                        "the database has records already (in `{}`); copy into an empty one",
                        table.name
                    ))
                    .into());
                }
            }
            db.execute("INSERT INTO import_source VALUES ($1)", &[&source]).await?;
            Ok(false)
        })
        .await
    }

    /// How far a table came.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked.
    pub async fn import_progress(&self, table: &str) -> Result<ImportProgress, StoreError> {
        self.read("read how far a copy came", |db| async move {
            let sql = "SELECT last, done FROM import_progress WHERE name = $1";
            let row = db.query_opt(sql, &[&table]).await?;
            let read = |row: Row| {
                let mut row = Columns::of(&row);
                Ok(ImportProgress { last: row.take()?, done: row.count()? })
            };
            row.map_or(Ok(ImportProgress::default()), read)
        })
        .await
    }

    /// Writes some records of a table, and that `last` was the last of them.
    ///
    /// # Errors
    ///
    /// When the database refuses one; then none is there.
    pub async fn import(
        &self,
        (table, columns): (&ImportTable, &[String]),
        records: &[Vec<Option<String>>],
        last: &str,
    ) -> Result<(), StoreError> {
        let mut lines = String::new();
        let failed = |failure: Failure| failure.while_doing("copy records");
        let kinds: Vec<&str> = columns
            .iter()
            .map(|name| table.columns.iter().find(|column| column.name == *name))
            .map(|column| column.map_or("text", |column| &column.kind))
            .collect();
        let body = columns.iter().position(|name| table.name == "asks" && name == "body");
        for record in records {
            let values = record.iter().zip(&kinds);
            let mut fields = values
                .map(|(value, kind)| field(value.as_deref(), kind))
                .collect::<Done<Vec<_>>>()
                .map_err(failed)?;
            if let Some(body) = body {
                let digest = Sha256::digest(record[body].as_deref().unwrap_or("").as_bytes());
                let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
                fields.push(format!("\\\\x{digits}"));
            }
            lines.push_str(&fields.join("\t"));
            lines.push('\n');
        }
        let mut given = columns.to_vec();
        given.extend(body.map(|_| "digest".to_owned()));
        let (name, lines) = (&table.name, &lines);
        let copy = format!("COPY {} ({}) FROM STDIN", name_of(name), names_of(&given));
        let done = i64::try_from(records.len()).unwrap_or(i64::MAX);
        let (copy, clear) = (&copy, is_one_record(table));
        self.step("copy records", |lent| async move {
            let db = lent.client();
            db.batch_execute("BEGIN").await?;
            if clear {
                db.execute(&format!("DELETE FROM {}", name_of(name)), &[]).await?;
            }
            let sink = db.copy_in::<_, Bytes>(copy).await?;
            let mut sink = std::pin::pin!(sink);
            sink.send(Bytes::from(lines.clone())).await?;
            sink.finish().await?;
            let note = "INSERT INTO import_progress VALUES ($1, $2, $3) ON CONFLICT (name)
                DO UPDATE SET last = EXCLUDED.last, done = import_progress.done + EXCLUDED.done";
            db.execute(note, &[name, &last, &done]).await?;
            lent.commit(Vec::new()).await
        })
        .await
    }

    /// How many records a table has.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked.
    pub async fn import_count(&self, table: &str) -> Result<u64, StoreError> {
        self.read("count records", |db| async move { count(&db, table).await }).await
    }

    /// The copy is complete: numbers go on behind those that came.
    ///
    /// # Errors
    ///
    /// When the database refuses.
    pub async fn import_end(&self, tables: &[ImportTable]) -> Result<(), StoreError> {
        self.read("end the copy", |db| async move {
            let identities = "SELECT table_name::text, column_name::text
                FROM information_schema.columns
                WHERE table_schema = current_schema() AND is_identity = 'YES'";
            for row in db.query(identities, &[]).await? {
                let mut row = Columns::of(&row);
                let (table, column): (String, String) = (row.take()?, row.take()?);
                if !tables.iter().any(|known| known.name == table) {
                    continue;
                }
                let next = format!(
                    "SELECT setval(pg_get_serial_sequence('{}', '{column}'),
                        coalesce(max({}), 0) + 1, false) FROM {}",
                    name_of(&table),
                    name_of(&column),
                    name_of(&table)
                );
                db.batch_execute(&next).await?;
            }
            db.batch_execute("DROP TABLE import_source, import_progress; ANALYZE").await?;
            Ok(())
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_copy_reads_them() {
        let check = |value, kind, answer: &str| {
            assert_eq!(field(value, kind).ok().as_deref(), Some(answer));
        };
        check(None, "text", "\\N");
        check(Some("a\tb\\c\nd\0"), "text", "a\\tb\\\\c\\nd\u{fffd}");
        check(Some("\\x00ff"), "bytea", "\\\\x00ff");
        check(Some(r#"["a","b c"]"#), "_text", r#"{"a","b c"}"#);
        check(Some(r#"["\""]"#), "_text", r#"{"\\""}"#);
        assert!(field(Some("a"), "_text").is_err());
    }
}
