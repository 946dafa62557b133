//! Enrolment tokens. They are used up by [`crate::clients`].

use async_trait::async_trait;
use base::Timestamp;
use fleet::ports::{TokenRecord, TokenStore};
use model::client::EnrolmentToken;
use model::org::{Actor, OrgId};
use model::store::StoreError;
use tokio_postgres::Row;

use crate::RecordStore;
use crate::columns::{Columns, clean};
use crate::failure::Done;
use crate::transaction::Question;
use crate::values::{moment, one, text};

/// The columns of a token, in the order of [`read_token`].
pub(crate) const TOKEN: &str = "t.id, t.secret_hash, t.org, t.labels, t.expires, t.uses_max, \
    t.uses, t.revoked, t.creator, t.created";

/// Reads a token.
pub(crate) fn read_token(row: &Row) -> Done<TokenRecord> {
    let mut row = Columns::of(row);
    Ok(TokenRecord {
        token: EnrolmentToken {
            id: row.take()?,
            secret_hash: row.hash()?,
            org: row.org()?,
            labels: row.take::<Vec<String>>()?.into_iter().collect(),
            expires: row.moment()?,
            uses_max: row.small()?,
            uses: row.small()?,
            revoked: row.take()?,
        },
        creator: row.actor()?,
        created: row.moment()?,
    })
}

const INSERT: &str = "INSERT INTO tokens (id, org, secret_hash, labels, expires, uses_max, uses,
        revoked, creator, created)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (id) DO NOTHING";

#[async_trait]
impl TokenStore for RecordStore {
    async fn create_token(
        &self,
        token: &EnrolmentToken,
        by: &Actor,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let values = vec![
            text(&token.id),
            text(token.org.as_str()),
            one(token.secret_hash.to_vec()),
            one(token.labels.iter().map(|label| clean(label)).collect::<Vec<String>>()),
            moment(token.expires),
            one(i64::from(token.uses_max)),
            one(i64::from(token.uses)),
            one(token.revoked),
            text(&by.to_string()),
            moment(now),
        ];
        let write = Question::new(INSERT, values);
        match self.write_one("write an enrolment token", write).await? {
            0 => {
                let why = format!("a token `{}` exists already; choose another id", token.id);
                Err(StoreError::conflict(why))
            }
            _ => Ok(()),
        }
    }

    async fn tokens(&self, org: &OrgId) -> Result<Vec<TokenRecord>, StoreError> {
        let sql = format!("SELECT {TOKEN} FROM tokens t WHERE t.org = $1 ORDER BY t.seq DESC");
        let list = Question::new(sql, vec![text(org.as_str())]);
        self.read("list enrolment tokens", |db| async move {
            list.rows(&db).await?.iter().map(read_token).collect()
        })
        .await
    }

    async fn token(&self, id: &str) -> Result<Option<TokenRecord>, StoreError> {
        let sql = format!("SELECT {TOKEN} FROM tokens t WHERE t.id = $1");
        let find = Question::new(sql, vec![text(id)]);
        self.read("read an enrolment token", |db| async move {
            find.rows(&db).await?.first().map(read_token).transpose()
        })
        .await
    }

    async fn revoke_token(&self, id: &str) -> Result<(), StoreError> {
        let sql = "UPDATE tokens SET revoked = true WHERE id = $1";
        let write = Question::new(sql, vec![text(id)]);
        match self.write_one("withdraw an enrolment token", write).await? {
            0 => Err(StoreError::not_found(format!("enrolment token `{id}`"))),
            _ => Ok(()),
        }
    }
}
