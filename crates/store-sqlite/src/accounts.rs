//! Users, sign-ins, settings and the audit log.

use async_trait::async_trait;
use base::Timestamp;
use fleet::accounts::{AccountStore, AuditEntry, AuditLog, SettingStore, SignIn, SignInKind, User};
use model::org::{Actor, OrgId};
use model::store::{Page, Paging, StoreError};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::SqliteStore;
use crate::codec::{Done, all, limit_offset, micros, moment, only_count, org, unreadable};

fn read_user(row: &Row<'_>) -> rusqlite::Result<User> {
    let roles = serde_json::from_str(row.get_ref("roles")?.as_str()?);
    Ok(User {
        name: row.get("name")?,
        org: org(row)?,
        password_hash: row.get("password_hash")?,
        roles: roles.map_err(|_| unreadable("list of roles"))?,
        disabled: row.get("disabled")?,
        created: moment(row, "created")?,
    })
}

fn find_user(db: &Connection, name: &str) -> rusqlite::Result<Option<User>> {
    db.prepare_cached("SELECT * FROM users WHERE name = ?1")?
        .query_row([name], read_user)
        .optional()
}

fn put_user(db: &Connection, user: &User) -> Done<()> {
    let before = find_user(db, &user.name)?;
    db.prepare_cached(
        "INSERT OR REPLACE INTO users (name, org, password_hash, roles, disabled, created)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        user.name,
        user.org.as_str(),
        user.password_hash,
        serde_json::to_string(&user.roles).expect("a list of texts has a JSON form"),
        user.disabled,
        micros(user.created),
    ])?;
    let new_password = before.is_some_and(|before| before.password_hash != user.password_hash);
    if user.disabled || new_password {
        end_all(db, &user.name)?;
    }
    Ok(())
}

fn end_all(db: &Connection, user: &str) -> rusqlite::Result<usize> {
    db.prepare_cached("DELETE FROM sign_ins WHERE user = ?1")?.execute([user])
}

fn read_sign_in(row: &Row<'_>) -> rusqlite::Result<SignIn> {
    let kind = SignInKind::from_name(row.get_ref("kind")?.as_str()?);
    Ok(SignIn {
        secret_hash: row.get("secret_hash")?,
        user: row.get("user")?,
        kind: kind.ok_or_else(|| unreadable("kind of sign-in"))?,
        note: row.get("note")?,
        created: moment(row, "created")?,
        expires: moment(row, "expires")?,
    })
}

fn put_sign_in(db: &Connection, sign_in: &SignIn) -> Done<()> {
    if find_user(db, &sign_in.user)?.is_none() {
        return Err(StoreError::not_found(format!("user `{}`", sign_in.user)).into());
    }
    db.prepare_cached("DELETE FROM sign_ins WHERE expires <= ?1")?
        .execute([micros(sign_in.created)])?;
    db.prepare_cached(
        "INSERT OR REPLACE INTO sign_ins (secret_hash, user, kind, note, created, expires)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        sign_in.secret_hash,
        sign_in.user,
        sign_in.kind.name(),
        sign_in.note,
        micros(sign_in.created),
        micros(sign_in.expires),
    ])?;
    Ok(())
}

fn find_sign_in(
    db: &Connection,
    secret_hash: &[u8; 32],
    now: Timestamp,
) -> Done<Option<(SignIn, User)>> {
    let sign_in = db
        .prepare_cached("SELECT * FROM sign_ins WHERE secret_hash = ?1 AND expires > ?2")?
        .query_row(params![secret_hash, micros(now)], read_sign_in)
        .optional()?;
    let Some(sign_in) = sign_in else { return Ok(None) };
    let user = find_user(db, &sign_in.user)?.filter(|user| !user.disabled);
    Ok(user.map(|user| (sign_in, user)))
}

#[async_trait]
impl AccountStore for SqliteStore {
    async fn put_user(&self, user: &User) -> Result<(), StoreError> {
        let user = user.clone();
        self.write("write a user", move |db| put_user(db, &user)).await
    }

    async fn user(&self, name: &str) -> Result<Option<User>, StoreError> {
        self.look_up("read a user", |db| Ok(find_user(db, name)?))
    }

    async fn users(&self) -> Result<Vec<User>, StoreError> {
        self.look_up("list users", |db| {
            let mut statement = db.prepare_cached("SELECT * FROM users ORDER BY name")?;
            Ok(all(statement.query_map([], read_user)?)?)
        })
    }

    async fn remove_user(&self, name: &str) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.write("remove a user", move |db| {
            let removed =
                db.prepare_cached("DELETE FROM users WHERE name = ?1")?.execute([&name])?;
            if removed == 0 {
                return Err(StoreError::not_found(format!("user `{name}`")).into());
            }
            end_all(db, &name)?;
            Ok(())
        })
        .await
    }

    async fn put_sign_in(&self, sign_in: &SignIn) -> Result<(), StoreError> {
        let sign_in = sign_in.clone();
        self.write("write a sign-in", move |db| put_sign_in(db, &sign_in)).await
    }

    async fn sign_in(
        &self,
        secret_hash: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<(SignIn, User)>, StoreError> {
        self.look_up("read a sign-in", |db| find_sign_in(db, secret_hash, now))
    }

    async fn end_sign_in(&self, secret_hash: &[u8; 32]) -> Result<(), StoreError> {
        let secret_hash = *secret_hash;
        self.write("end a sign-in", move |db| {
            db.prepare_cached("DELETE FROM sign_ins WHERE secret_hash = ?1")?
                .execute([secret_hash])?;
            Ok(())
        })
        .await
    }

    async fn sign_ins_of(&self, user: &str) -> Result<Vec<SignIn>, StoreError> {
        self.look_up("list sign-ins", |db| {
            let mut statement =
                db.prepare_cached("SELECT * FROM sign_ins WHERE user = ?1 ORDER BY seq DESC")?;
            Ok(all(statement.query_map([user], read_sign_in)?)?)
        })
    }
}

#[async_trait]
impl SettingStore for SqliteStore {
    async fn setting(&self, key: &str) -> Result<Option<String>, StoreError> {
        self.look_up("read a setting", |db| {
            let mut statement = db.prepare_cached("SELECT value FROM settings WHERE key = ?1")?;
            Ok(statement.query_row([key], |row| row.get(0)).optional()?)
        })
    }

    async fn set(&self, key: &str, value: Option<&str>) -> Result<(), StoreError> {
        let (key, value) = (key.to_owned(), value.map(str::to_owned));
        self.write("write a setting", move |db| {
            match value {
                Some(value) => db
                    .prepare_cached("INSERT OR REPLACE INTO settings (key, value) VALUES (?1, ?2)")?
                    .execute([key, value])?,
                None => db.prepare_cached("DELETE FROM settings WHERE key = ?1")?.execute([key])?,
            };
            Ok(())
        })
        .await
    }
}

fn read_entry(row: &Row<'_>) -> rusqlite::Result<AuditEntry> {
    Ok(AuditEntry {
        at: moment(row, "at")?,
        org: org(row)?,
        actor: Actor::parse(row.get_ref("actor")?.as_str()?),
        action: row.get("action")?,
        object: row.get("object")?,
        detail: row.get("detail")?,
    })
}

fn entries(
    db: &Connection,
    (org, object): (&str, Option<&str>),
    paging: Paging,
) -> Done<Page<AuditEntry>> {
    let wheres = match object {
        Some(_) => "object = ?2 AND org = ?1",
        None => "org = ?1 AND ?2 IS NULL",
    };
    let total = db
        .prepare_cached(&format!("SELECT count(*) FROM audit WHERE {wheres}"))?
        .query_row(params![org, object], only_count)?;
    let (limit, offset) = limit_offset(paging);
    let mut statement = db.prepare_cached(&format!(
        "SELECT * FROM audit WHERE {wheres} ORDER BY seq DESC LIMIT ?3 OFFSET ?4"
    ))?;
    let items = all(statement.query_map(params![org, object, limit, offset], read_entry)?)?;
    Ok(Page { items, total })
}

#[async_trait]
impl AuditLog for SqliteStore {
    async fn record(&self, entry: &AuditEntry) -> Result<(), StoreError> {
        let entry = entry.clone();
        self.write("record who did what", move |db| {
            db.prepare_cached(
                "INSERT INTO audit (at, org, actor, action, object, detail)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                micros(entry.at),
                entry.org.as_str(),
                entry.actor.to_string(),
                entry.action,
                entry.object,
                entry.detail,
            ])?;
            Ok(())
        })
        .await
    }

    async fn entries(
        &self,
        org: &OrgId,
        object: Option<&str>,
        paging: Paging,
    ) -> Result<Page<AuditEntry>, StoreError> {
        let (org, object) = (org.as_str().to_owned(), object.map(str::to_owned));
        self.search("read the audit log", move |db| entries(db, (&org, object.as_deref()), paging))
            .await
    }
}
