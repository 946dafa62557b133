//! The records of tools.

use async_trait::async_trait;
use flows::tools::ToolStore;
use flows::uploads::content_is_condemned;
use model::store::StoreError;
use model::tool::ToolFile;
use tokio_postgres::Row;

use crate::RecordStore;
use crate::columns::Columns;
use crate::erasure::{is_condemned, lock_hash};
use crate::failure::Done;
use crate::transaction::{Lent, Question};
use crate::values::{int, moment, one, text};

fn read(row: &Row) -> Done<ToolFile> {
    let mut row = Columns::of(row);
    Ok(ToolFile {
        name: row.take()?,
        version: row.take()?,
        filename: row.take()?,
        sha256: row.hash()?,
        size: row.count()?,
        stored: row.moment()?,
    })
}

const KEEP: &str = "INSERT INTO tools (name, version, filename, sha256, size, stored)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (name, version) DO UPDATE SET filename = EXCLUDED.filename,
        sha256 = EXCLUDED.sha256, size = EXCLUDED.size, stored = EXCLUDED.stored";

async fn keep(lent: Lent, tool: &ToolFile) -> Done<()> {
    let hash = &tool.sha256;
    let found = lent.begin(vec![lock_hash(hash), is_condemned(hash)]).await?;
    if found.get(1).is_some_and(|rows| !rows.is_empty()) {
        return lent.refuse(content_is_condemned()).await;
    }
    let values = vec![
        text(&tool.name),
        text(&tool.version),
        text(&tool.filename),
        one(tool.sha256.to_vec()),
        one(int(tool.size)),
        moment(tool.stored),
    ];
    lent.commit(vec![Question::new(KEEP, values)]).await
}

#[async_trait]
impl ToolStore for RecordStore {
    async fn tools(&self) -> Result<Vec<ToolFile>, StoreError> {
        let sql = "SELECT name, version, filename, sha256, size, stored FROM tools
            ORDER BY name, version";
        let list = Question::new(sql, vec![]);
        self.read(
            "read the tools",
            |db| async move { list.rows(&db).await?.iter().map(read).collect() },
        )
        .await
    }

    async fn keep_tool(&self, tool: &ToolFile) -> Result<(), StoreError> {
        self.step("keep a tool", |lent| keep(lent, tool)).await
    }
}
