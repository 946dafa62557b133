//! Users, sign-ins, settings and the audit log.

use async_trait::async_trait;
use base::Timestamp;
use fleet::accounts::{AccountStore, AuditEntry, AuditLog, SettingStore, SignIn, SignInKind, User};
use model::org::OrgId;
use model::store::{Page, Paging, StoreError};
use tokio_postgres::Row;

use crate::RecordStore;
use crate::columns::{Columns, clean};
use crate::failure::Done;
use crate::filter::Filter;
use crate::transaction::{Lent, Question};
use crate::values::{moment, one, text};

const USER: &str = "u.name, u.org, u.password_hash, u.roles, u.disabled, u.created";
const SIGN_IN: &str = "s.secret_hash, s.username, s.kind, s.note, s.created, s.expires";
const ENTRY: &str = "at, org, actor, action, object, detail";

fn read_user(row: &Row) -> Done<User> {
    user_of(&mut Columns::of(row))
}

fn user_of(row: &mut Columns<'_>) -> Done<User> {
    Ok(User {
        name: row.take()?,
        org: row.org()?,
        password_hash: row.take()?,
        roles: row.take::<Vec<String>>()?.into_iter().collect(),
        disabled: row.take()?,
        created: row.moment()?,
    })
}

fn read_sign_in(row: &Row) -> Done<SignIn> {
    sign_in_of(&mut Columns::of(row))
}

fn sign_in_of(row: &mut Columns<'_>) -> Done<SignIn> {
    Ok(SignIn {
        secret_hash: row.hash()?,
        user: row.take()?,
        kind: row.word("kind of sign-in", SignInKind::from_name)?,
        note: row.take()?,
        created: row.moment()?,
        expires: row.moment()?,
    })
}

fn read_entry(row: &Row) -> Done<AuditEntry> {
    let mut row = Columns::of(row);
    Ok(AuditEntry {
        at: row.moment()?,
        org: row.org()?,
        actor: row.actor()?,
        action: row.take()?,
        object: row.take()?,
        detail: row.take()?,
    })
}

const PUT_USER: &str = "INSERT INTO users (name, org, password_hash, roles, disabled, created)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (name) DO UPDATE SET org = EXCLUDED.org, password_hash = EXCLUDED.password_hash,
        roles = EXCLUDED.roles, disabled = EXCLUDED.disabled, created = EXCLUDED.created";

fn end_all(user: &str) -> Question {
    Question::new("DELETE FROM sign_ins WHERE username = $1", vec![text(user)])
}

async fn put_user(lent: Lent, user: &User) -> Done<()> {
    let before = "SELECT password_hash FROM users WHERE name = $1 FOR UPDATE";
    let found = lent.begin(vec![Question::new(before, vec![text(&user.name)])]).await?;
    let before: Option<String> = match found.iter().flatten().next() {
        Some(row) => Some(Columns::of(row).take()?),
        None => None,
    };
    let values = vec![
        text(&user.name),
        text(user.org.as_str()),
        text(&user.password_hash),
        one(user.roles.iter().map(|role| clean(role)).collect::<Vec<String>>()),
        one(user.disabled),
        moment(user.created),
    ];
    let mut writes = vec![Question::new(PUT_USER, values)];
    if user.disabled || before.is_some_and(|before| before != user.password_hash) {
        writes.push(end_all(&user.name));
    }
    lent.commit(writes).await
}

async fn remove_user(lent: Lent, name: &str) -> Done<()> {
    let remove = "DELETE FROM users WHERE name = $1 RETURNING name";
    let removed = lent.begin(vec![Question::new(remove, vec![text(name)])]).await?;
    if removed.iter().flatten().next().is_none() {
        return lent.refuse(StoreError::not_found(format!("user `{name}`"))).await;
    }
    lent.commit(vec![end_all(name)]).await
}

const PUT_SIGN_IN: &str =
    "INSERT INTO sign_ins (secret_hash, username, kind, note, created, expires)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (secret_hash) DO UPDATE SET username = EXCLUDED.username, kind = EXCLUDED.kind,
        note = EXCLUDED.note, created = EXCLUDED.created, expires = EXCLUDED.expires";

async fn put_sign_in(lent: Lent, sign_in: &SignIn) -> Done<()> {
    // So that nobody removes or disables the user meanwhile.
    let user = "SELECT name FROM users WHERE name = $1 FOR SHARE";
    let found = lent.begin(vec![Question::new(user, vec![text(&sign_in.user)])]).await?;
    if found.iter().flatten().next().is_none() {
        return lent.refuse(StoreError::not_found(format!("user `{}`", sign_in.user))).await;
    }
    let over = "DELETE FROM sign_ins WHERE expires <= $1";
    let values = vec![
        one(sign_in.secret_hash.to_vec()),
        text(&sign_in.user),
        text(sign_in.kind.name()),
        text(&sign_in.note),
        moment(sign_in.created),
        moment(sign_in.expires),
    ];
    let over = Question::new(over, vec![moment(sign_in.created)]);
    lent.commit(vec![over, Question::new(PUT_SIGN_IN, values)]).await
}

#[async_trait]
impl AccountStore for RecordStore {
    async fn put_user(&self, user: &User) -> Result<(), StoreError> {
        self.step("write a user", |lent| put_user(lent, user)).await
    }

    async fn user(&self, name: &str) -> Result<Option<User>, StoreError> {
        let sql = format!("SELECT {USER} FROM users u WHERE u.name = $1");
        let find = Question::new(sql, vec![text(name)]);
        self.read("read a user", |db| async move {
            find.rows(&db).await?.first().map(read_user).transpose()
        })
        .await
    }

    async fn users(&self) -> Result<Vec<User>, StoreError> {
        let list = Question::new(format!("SELECT {USER} FROM users u ORDER BY u.name"), vec![]);
        self.read("list users", |db| async move {
            list.rows(&db).await?.iter().map(read_user).collect()
        })
        .await
    }

    async fn remove_user(&self, name: &str) -> Result<(), StoreError> {
        self.step("remove a user", |lent| remove_user(lent, name)).await
    }

    async fn put_sign_in(&self, sign_in: &SignIn) -> Result<(), StoreError> {
        self.step("write a sign-in", |lent| put_sign_in(lent, sign_in)).await
    }

    async fn sign_in(
        &self,
        secret_hash: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<(SignIn, User)>, StoreError> {
        let sql = format!(
            "SELECT {SIGN_IN}, {USER} FROM sign_ins s JOIN users u ON u.name = s.username
             WHERE s.secret_hash = $1 AND s.expires > $2 AND NOT u.disabled"
        );
        let find = Question::new(sql, vec![one(secret_hash.to_vec()), moment(now)]);
        self.read("read a sign-in", |db| async move {
            let rows = find.rows(&db).await?;
            let Some(row) = rows.first() else { return Ok(None) };
            let mut row = Columns::of(row);
            Ok(Some((sign_in_of(&mut row)?, user_of(&mut row)?)))
        })
        .await
    }

    async fn end_sign_in(&self, secret_hash: &[u8; 32]) -> Result<(), StoreError> {
        let sql = "DELETE FROM sign_ins WHERE secret_hash = $1";
        let end = Question::new(sql, vec![one(secret_hash.to_vec())]);
        self.write_one("end a sign-in", end).await.map(drop)
    }

    async fn sign_ins_of(&self, user: &str) -> Result<Vec<SignIn>, StoreError> {
        let sql =
            format!("SELECT {SIGN_IN} FROM sign_ins s WHERE s.username = $1 ORDER BY s.seq DESC");
        let list = Question::new(sql, vec![text(user)]);
        self.read("list sign-ins", |db| async move {
            list.rows(&db).await?.iter().map(read_sign_in).collect()
        })
        .await
    }
}

#[async_trait]
impl SettingStore for RecordStore {
    async fn setting(&self, key: &str) -> Result<Option<String>, StoreError> {
        let find = "SELECT value FROM settings WHERE key = $1";
        let find = Question::new(find, vec![text(key)]);
        self.read("read a setting", |db| async move {
            find.rows(&db).await?.first().map(|row| Columns::of(row).take()).transpose()
        })
        .await
    }

    async fn set(&self, key: &str, value: Option<&str>) -> Result<(), StoreError> {
        let write = match value {
            Some(value) => Question::new(
                "INSERT INTO settings (key, value) VALUES ($1, $2)
                 ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value",
                vec![text(key), text(value)],
            ),
            None => Question::new("DELETE FROM settings WHERE key = $1", vec![text(key)]),
        };
        self.write_one("write a setting", write).await.map(drop)
    }
}

#[async_trait]
impl AuditLog for RecordStore {
    async fn record(&self, entry: &AuditEntry) -> Result<(), StoreError> {
        let sql = "INSERT INTO audit (at, org, actor, action, object, detail)
            VALUES ($1, $2, $3, $4, $5, $6)";
        let values = vec![
            moment(entry.at),
            text(entry.org.as_str()),
            text(&entry.actor.to_string()),
            text(&entry.action),
            text(&entry.object),
            text(&entry.detail),
        ];
        self.write_one("record who did what", Question::new(sql, values)).await.map(drop)
    }

    async fn entries(
        &self,
        org: &OrgId,
        object: Option<&str>,
        paging: Paging,
    ) -> Result<Page<AuditEntry>, StoreError> {
        let mut filter = Filter::default();
        filter.and_text("org = ?", Some(org.as_str()));
        filter.and_text("object = ?", object);
        self.read("read the audit log", |db| async move {
            filter.page(&db, [ENTRY, "audit", "seq DESC"], paging, read_entry).await
        })
        .await
    }
}
