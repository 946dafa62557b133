//! Clients and enrolment tokens.

use std::collections::BTreeSet;
use std::net::IpAddr;

use async_trait::async_trait;
use base::{ClientId, Timestamp};
use fleet::enrolment::{Enrolment, LabelChange, Verdict, decide};
use fleet::memory::refuse_bad_label;
use fleet::ports::{
    ClientList, ClientSort, ClientStore, EnrolError, Enrolled, PresenceFilter, Sighting,
    TokenRecord, TokenStore,
};
use model::client::{Client, ClientFacts, EnrolmentToken};
use model::org::{Actor, OrgId};
use model::store::{Page, StoreError};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};

use crate::SqliteStore;
use crate::codec::{
    Done, all, bits, blob, count, int, limit_offset, micros, moment, moment_or_none, only_count,
    org, unreadable,
};

fn read(db: &Connection, row: &Row<'_>) -> rusqlite::Result<Client> {
    let id = ClientId::from_bits(bits(row, "id")?);
    let address: Option<String> = row.get("address")?;
    let address = address.map(|text| text.parse::<IpAddr>()).transpose();
    Ok(Client {
        id,
        org: org(row)?,
        key_hash: row.get("key_hash")?,
        facts: ClientFacts {
            hostname: row.get("hostname")?,
            fqdn: row.get("fqdn")?,
            os: row.get("os")?,
            platform: row.get("platform")?,
            architecture: row.get("architecture")?,
            agent_version: row.get("agent_version")?,
        },
        labels: labels_of(db, id)?,
        first_seen: moment(row, "first_seen")?,
        last_seen: moment(row, "last_seen")?,
        address: address.map_err(|_| unreadable("address"))?,
        revoked_at: moment_or_none(row, "revoked_at")?,
        recheck: count(row, "recheck")?,
    })
}

fn labels_of(db: &Connection, id: ClientId) -> rusqlite::Result<BTreeSet<String>> {
    let mut statement = db.prepare_cached("SELECT label FROM client_labels WHERE client = ?1")?;
    statement.query_map([blob(id.bits())], |row| row.get(0))?.collect()
}

fn find(db: &Connection, id: ClientId) -> rusqlite::Result<Option<Client>> {
    db.prepare_cached("SELECT * FROM clients WHERE id = ?1")?
        .query_row([blob(id.bits())], |row| read(db, row))
        .optional()
}

fn wanted(db: &Connection, id: ClientId) -> Done<Client> {
    Ok(find(db, id)?.ok_or_else(|| StoreError::not_found(format!("client {id}")))?)
}

fn write(db: &Connection, client: &Client) -> rusqlite::Result<()> {
    let facts = &client.facts;
    db.prepare_cached(
        "INSERT OR REPLACE INTO clients (id, org, key_hash, hostname, fqdn, os, platform,
           architecture, agent_version, first_seen, last_seen, address, revoked_at, recheck)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
    )?
    .execute(params![
        blob(client.id.bits()),
        client.org.as_str(),
        client.key_hash,
        facts.hostname,
        facts.fqdn,
        facts.os,
        facts.platform,
        facts.architecture,
        facts.agent_version,
        micros(client.first_seen),
        micros(client.last_seen),
        client.address.map(|address| address.to_string()),
        client.revoked_at.map(micros),
        int(client.recheck),
    ])?;
    Ok(())
}

fn write_labels(db: &Connection, client: &Client) -> rusqlite::Result<()> {
    let id = blob(client.id.bits());
    db.prepare_cached("DELETE FROM client_labels WHERE client = ?1")?.execute([id])?;
    for label in &client.labels {
        db.prepare_cached("INSERT INTO client_labels (client, label) VALUES (?1, ?2)")?
            .execute(params![id, label])?;
    }
    Ok(())
}

fn enrol(
    db: &Connection,
    enrolment: &Enrolment,
    now: Timestamp,
) -> Done<Result<Enrolled, fleet::enrolment::EnrolmentRefusal>> {
    let existing = find(db, ClientId::from_key_hash(enrolment.key_hash))?;
    let token = find_token(db, &enrolment.token)?.map(|record| record.token);
    let verdict = match decide(enrolment, token.as_ref(), existing.as_ref(), now) {
        Ok(verdict) => verdict,
        Err(refusal) => return Ok(Err(refusal)),
    };
    match (verdict, existing) {
        (Verdict::Admit(client), _) => {
            db.prepare_cached("UPDATE tokens SET uses = uses + 1 WHERE id = ?1")?
                .execute([&enrolment.token])?;
            write(db, &client)?;
            write_labels(db, &client)?;
            Ok(Ok(Enrolled { client: *client, fresh: true }))
        }
        (Verdict::Known, Some(client)) => Ok(Ok(Enrolled { client, fresh: false })),
        (Verdict::Known, None) => {
            Err(StoreError::conflict("the enrolment's records went away").into())
        }
    }
}

fn set_labels(db: &Connection, id: ClientId, change: &LabelChange) -> Done<Client> {
    refuse_bad_label(change)?;
    let mut client = wanted(db, id)?;
    let labels = change.applied_to(&client.labels);
    if labels != client.labels {
        client.labels = labels;
        client.recheck += 1;
        write(db, &client)?;
        write_labels(db, &client)?;
    }
    Ok(client)
}

fn seen(db: &Connection, id: ClientId, sighting: &Sighting) -> Done<()> {
    let mut client = wanted(db, id)?;
    client.last_seen = client.last_seen.max(sighting.at);
    if let Some(facts) = &sighting.facts {
        client.facts = facts.clone();
    }
    client.address = sighting.address.or(client.address);
    Ok(write(db, &client)?)
}

fn ids_as_json(ids: &BTreeSet<ClientId>) -> Value {
    let ids: Vec<String> = ids.iter().map(|id| format!("{:032X}", id.bits())).collect();
    Value::from(serde_json::to_string(&ids).expect("a list of texts has a JSON form"))
}

fn conditions(query: &ClientList) -> (String, Vec<Value>) {
    let mut wheres = "org = ?".to_owned();
    let mut values: Vec<Value> = vec![query.org.as_str().to_owned().into()];
    if let Some(text) = &query.text {
        wheres.push_str(
            " AND (holds('C.' || hex(id), ?) OR holds(hostname, ?) OR holds(fqdn, ?)
               OR holds(platform, ?) OR holds(address, ?)
               OR EXISTS (SELECT 1 FROM client_labels WHERE client = id AND holds(label, ?)))",
        );
        values.extend(std::iter::repeat_n(Value::from(text.to_lowercase()), 6));
    }
    if let Some(label) = &query.label {
        wheres.push_str(" AND id IN (SELECT client FROM client_labels WHERE label = ?)");
        values.push(label.clone().into());
    }
    if let Some(os) = &query.os {
        wheres.push_str(" AND os = ?");
        values.push(os.clone().into());
    }
    match &query.presence {
        PresenceFilter::Any => {}
        PresenceFilter::Among(ids) => {
            wheres.push_str(" AND id IN (SELECT unhex(value) FROM json_each(?))");
            values.push(ids_as_json(ids));
        }
        PresenceFilter::NotAmong(ids) => {
            wheres.push_str(" AND id NOT IN (SELECT unhex(value) FROM json_each(?))");
            values.push(ids_as_json(ids));
        }
    }
    (wheres, values)
}

fn list(db: &Connection, query: &ClientList) -> Done<Page<Client>> {
    let (wheres, mut values) = conditions(query);
    let total = db
        .prepare_cached(&format!("SELECT count(*) FROM clients WHERE {wheres}"))?
        .query_row(params_from_iter(&values), only_count)?;
    let order = match query.sort {
        ClientSort::Hostname => "hostname",
        ClientSort::Os => "os",
        ClientSort::AgentVersion => "agent_version",
        ClientSort::FirstSeen => "first_seen",
        ClientSort::LastSeen => "last_seen",
    };
    let direction = if query.descending { "DESC" } else { "ASC" };
    let (limit, offset) = limit_offset(query.paging);
    values.extend([Value::from(limit), Value::from(offset)]);
    let mut statement = db.prepare_cached(&format!(
        "SELECT * FROM clients WHERE {wheres} ORDER BY {order} {direction}, id LIMIT ? OFFSET ?"
    ))?;
    let items = all(statement.query_map(params_from_iter(&values), |row| read(db, row))?)?;
    Ok(Page { items, total })
}

fn named(
    db: &Connection,
    org: &str,
    names: &BTreeSet<String>,
) -> rusqlite::Result<Vec<(String, ClientId)>> {
    let mut statement = db.prepare_cached(
        "SELECT id FROM clients WHERE lower(hostname) = ?1 AND org = ?2 AND revoked_at IS NULL
         UNION SELECT id FROM clients WHERE lower(fqdn) = ?1 AND org = ?2 AND revoked_at IS NULL
         ORDER BY id",
    )?;
    let mut found = Vec::new();
    for name in names {
        let ids = statement.query_map([&name.to_ascii_lowercase(), org], |row| bits(row, "id"))?;
        for id in ids {
            found.push((name.clone(), ClientId::from_bits(id?)));
        }
    }
    Ok(found)
}

#[async_trait]
impl ClientStore for SqliteStore {
    async fn enrol(&self, enrolment: &Enrolment, now: Timestamp) -> Result<Enrolled, EnrolError> {
        let enrolment = enrolment.clone();
        let outcome =
            self.write_again("enrol a client", move |db| enrol(db, &enrolment, now)).await?;
        Ok(outcome?)
    }

    async fn get(&self, id: ClientId) -> Result<Option<Client>, StoreError> {
        self.look_up("read a client", |db| Ok(find(db, id)?))
    }

    async fn list(&self, query: &ClientList) -> Result<Page<Client>, StoreError> {
        let query = query.clone();
        self.search("list clients", move |db| list(db, &query)).await
    }

    async fn set_labels(&self, id: ClientId, change: &LabelChange) -> Result<Client, StoreError> {
        let change = change.clone();
        self.write("label a client", move |db| set_labels(db, id, &change)).await
    }

    async fn seen(&self, id: ClientId, sighting: &Sighting) -> Result<(), StoreError> {
        let sighting = sighting.clone();
        self.write_again("note the sight of a client", move |db| seen(db, id, &sighting)).await
    }

    async fn ask_again(&self, id: ClientId) -> Result<u64, StoreError> {
        self.write("move a recheck mark", move |db| {
            let mut client = wanted(db, id)?;
            client.recheck += 1;
            write(db, &client)?;
            Ok(client.recheck)
        })
        .await
    }

    async fn revoke(&self, id: ClientId, now: Timestamp) -> Result<Client, StoreError> {
        self.write("revoke a client", move |db| {
            let mut client = wanted(db, id)?;
            client.revoked_at.get_or_insert(now);
            write(db, &client)?;
            Ok(client)
        })
        .await
    }

    async fn named(
        &self,
        org: &OrgId,
        names: &BTreeSet<String>,
    ) -> Result<Vec<(String, ClientId)>, StoreError> {
        let (org, names) = (org.as_str().to_owned(), names.clone());
        self.search("look for clients by name", move |db| Ok(named(db, &org, &names)?)).await
    }

    async fn labels(&self, org: &OrgId) -> Result<Vec<(String, u64)>, StoreError> {
        let org = org.as_str().to_owned();
        self.search("count labels", move |db| {
            let mut statement = db.prepare_cached(
                "SELECT label, count(*) AS count FROM client_labels
                 JOIN clients ON clients.id = client WHERE org = ?1 GROUP BY label ORDER BY label",
            )?;
            let rows = statement.query_map([org], |row| Ok((row.get(0)?, count(row, "count")?)))?;
            Ok(all(rows)?)
        })
        .await
    }
}

fn read_token(row: &Row<'_>) -> rusqlite::Result<TokenRecord> {
    let labels = serde_json::from_str(row.get_ref("labels")?.as_str()?);
    Ok(TokenRecord {
        token: EnrolmentToken {
            id: row.get("id")?,
            secret_hash: row.get("secret_hash")?,
            org: org(row)?,
            labels: labels.map_err(|_| unreadable("list of labels"))?,
            expires: moment(row, "expires")?,
            uses_max: row.get("uses_max")?,
            uses: row.get("uses")?,
            revoked: row.get("revoked")?,
        },
        creator: Actor::parse(row.get_ref("creator")?.as_str()?),
        created: moment(row, "created")?,
    })
}

fn find_token(db: &Connection, id: &str) -> rusqlite::Result<Option<TokenRecord>> {
    db.prepare_cached("SELECT * FROM tokens WHERE id = ?1")?.query_row([id], read_token).optional()
}

fn create_token(db: &Connection, record: &TokenRecord) -> Done<()> {
    let token = &record.token;
    if find_token(db, &token.id)?.is_some() {
        let why = format!("a token `{}` exists already; choose another id", token.id);
        return Err(StoreError::conflict(why).into());
    }
    db.prepare_cached(
        "INSERT INTO tokens (id, org, secret_hash, labels, expires, uses_max, uses, revoked,
           creator, created) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?
    .execute(params![
        token.id,
        token.org.as_str(),
        token.secret_hash,
        serde_json::to_string(&token.labels).expect("a list of texts has a JSON form"),
        micros(token.expires),
        token.uses_max,
        token.uses,
        token.revoked,
        record.creator.to_string(),
        micros(record.created),
    ])?;
    Ok(())
}

#[async_trait]
impl TokenStore for SqliteStore {
    async fn create_token(
        &self,
        token: &EnrolmentToken,
        by: &Actor,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let record = TokenRecord { token: token.clone(), creator: by.clone(), created: now };
        self.write("write an enrolment token", move |db| create_token(db, &record)).await
    }

    async fn tokens(&self, org: &OrgId) -> Result<Vec<TokenRecord>, StoreError> {
        self.look_up("list enrolment tokens", |db| {
            let mut statement =
                db.prepare_cached("SELECT * FROM tokens WHERE org = ?1 ORDER BY seq DESC")?;
            Ok(all(statement.query_map([org.as_str()], read_token)?)?)
        })
    }

    async fn token(&self, id: &str) -> Result<Option<TokenRecord>, StoreError> {
        self.look_up("read an enrolment token", |db| Ok(find_token(db, id)?))
    }

    async fn revoke_token(&self, id: &str) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.write("withdraw an enrolment token", move |db| {
            let changed =
                db.prepare_cached("UPDATE tokens SET revoked = 1 WHERE id = ?1")?.execute([&id])?;
            if changed == 0 {
                return Err(StoreError::not_found(format!("enrolment token `{id}`")).into());
            }
            Ok(())
        })
        .await
    }
}
