//! The records of tools.

use async_trait::async_trait;
use flows::tools::ToolStore;
use model::store::StoreError;
use model::tool::ToolFile;
use rusqlite::{Connection, params};

use crate::SqliteStore;
use crate::codec::{Done, all, count, int, micros, moment};
use crate::erasure::refuse_condemned;

fn tools(db: &Connection) -> Done<Vec<ToolFile>> {
    let mut statement = db.prepare_cached("SELECT * FROM tools ORDER BY name, version")?;
    let found = statement.query_map([], |row| {
        Ok(ToolFile {
            name: row.get("name")?,
            version: row.get("version")?,
            filename: row.get("filename")?,
            sha256: row.get("sha256")?,
            size: count(row, "size")?,
            stored: moment(row, "stored")?,
        })
    })?;
    Ok(all(found)?)
}

fn keep(db: &Connection, tool: &ToolFile) -> Done<()> {
    refuse_condemned(db, &tool.sha256)?;
    db.prepare_cached(
        "INSERT OR REPLACE INTO tools (name, version, filename, sha256, size, stored)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        tool.name,
        tool.version,
        tool.filename,
        tool.sha256,
        int(tool.size),
        micros(tool.stored),
    ])?;
    Ok(())
}

#[async_trait]
impl ToolStore for SqliteStore {
    async fn tools(&self) -> Result<Vec<ToolFile>, StoreError> {
        self.look_up("read the tools", tools)
    }

    async fn keep_tool(&self, tool: &ToolFile) -> Result<(), StoreError> {
        let tool = tool.clone();
        self.write("keep a tool", move |db| keep(db, &tool)).await
    }
}
