//! Clients, and how a key becomes one.
//!
//! An enrolment locks its token first: two nodes that enrol the same key, or two keys with the last
//! use of a token, come one after the other.

use std::collections::BTreeSet;
use std::net::IpAddr;

use async_trait::async_trait;
use base::{ClientId, Timestamp};
use fleet::enrolment::{Enrolment, EnrolmentRefusal, LabelChange, Verdict, decide};
use fleet::memory::refuse_bad_label;
use fleet::ports::{
    ClientList, ClientSort, ClientStore, EnrolError, Enrolled, PresenceFilter, Sighting,
};
use model::client::{Client, ClientFacts};
use model::org::OrgId;
use model::store::{Page, StoreError};
use tokio_postgres::Row;

use crate::RecordStore;
use crate::columns::{Columns, clean};
use crate::failure::{Done, Failure};
use crate::filter::{Bound, Filter};
use crate::tokens::{TOKEN, read_token};
use crate::transaction::{Lent, Question};
use crate::values::{Id, column, int, moment, one, text};

/// The columns of a client, in the order of [`read`].
const CLIENT: &str = "c.id, c.org, c.key_hash, c.hostname, c.fqdn, c.os, c.platform, \
    c.architecture, c.agent_version, c.labels, c.first_seen, c.last_seen, c.address, \
    c.revoked_at, c.recheck";

fn read(row: &Row) -> Done<Client> {
    let mut row = Columns::of(row);
    Ok(Client {
        id: ClientId::from_bits(row.bits()?),
        org: row.org()?,
        key_hash: row.hash()?,
        facts: ClientFacts {
            hostname: row.take()?,
            fqdn: row.take()?,
            os: row.take()?,
            platform: row.take()?,
            architecture: row.take()?,
            agent_version: row.take()?,
        },
        labels: row.take::<Vec<String>>()?.into_iter().collect(),
        first_seen: row.moment()?,
        last_seen: row.moment()?,
        address: match row.take::<Option<&str>>()? {
            Some(text) => Some(text.parse::<IpAddr>().map_err(|_| Failure::Unreadable("address"))?),
            None => None,
        },
        revoked_at: row.moment_or_none()?,
        recheck: row.count()?,
    })
}

fn unknown(id: ClientId) -> StoreError {
    StoreError::not_found(format!("client {id}"))
}

fn find(id: ClientId, lock: &str) -> Question {
    let sql = format!("SELECT {CLIENT} FROM clients c WHERE c.id = $1 {lock}");
    Question::new(sql, vec![one(Id(id.bits()))])
}

fn labels(client: &Client) -> Bound {
    Box::new(client.labels.iter().map(|label| clean(label)).collect::<Vec<String>>())
}

fn insert(client: &Client) -> Question {
    let facts = &client.facts;
    let sql = "INSERT INTO clients (id, org, key_hash, hostname, fqdn, os, platform, architecture,
            agent_version, labels, first_seen, last_seen, address, revoked_at, recheck)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";
    let values = vec![
        one(Id(client.id.bits())),
        text(client.org.as_str()),
        one(client.key_hash.to_vec()),
        text(&facts.hostname),
        text(&facts.fqdn),
        text(&facts.os),
        text(&facts.platform),
        text(&facts.architecture),
        text(&facts.agent_version),
        labels(client),
        moment(client.first_seen),
        moment(client.last_seen),
        one(client.address.map(|address| address.to_string())),
        one(client.revoked_at.map(Timestamp::as_micros)),
        one(int(client.recheck)),
    ];
    Question::new(sql, values)
}

async fn enrol(
    lent: Lent,
    enrolment: &Enrolment,
    now: Timestamp,
) -> Done<Result<Enrolled, EnrolmentRefusal>> {
    let token = format!("SELECT {TOKEN} FROM tokens t WHERE t.id = $1 FOR UPDATE");
    let token = Question::new(token, vec![text(&enrolment.token)]);
    let existing = find(ClientId::from_key_hash(enrolment.key_hash), "FOR UPDATE");
    let found = lent.begin(vec![token, existing]).await?;
    let [tokens, clients] = found.as_slice() else { return lent.begin_again().await };
    let token = tokens.first().map(read_token).transpose()?.map(|record| record.token);
    let existing = clients.first().map(read).transpose()?;
    let verdict = match decide(enrolment, token.as_ref(), existing.as_ref(), now) {
        Ok(verdict) => verdict,
        Err(refusal) => {
            lent.roll_back().await?;
            return Ok(Err(refusal));
        }
    };
    match (verdict, existing) {
        (Verdict::Admit(client), _) => {
            let used = "UPDATE tokens SET uses = uses + 1 WHERE id = $1";
            let used = Question::new(used, vec![text(&enrolment.token)]);
            lent.commit(vec![used, insert(&client)]).await?;
            Ok(Ok(Enrolled { client: *client, fresh: true }))
        }
        (Verdict::Known, Some(client)) => {
            lent.roll_back().await?;
            Ok(Ok(Enrolled { client, fresh: false }))
        }
        (Verdict::Known, None) => {
            lent.refuse(StoreError::conflict("the enrolment's records went away")).await
        }
    }
}

async fn set_labels(lent: Lent, id: ClientId, change: &LabelChange) -> Done<Client> {
    let found = lent.begin(vec![find(id, "FOR UPDATE")]).await?;
    let Some(row) = found.iter().flatten().next() else { return lent.refuse(unknown(id)).await };
    let mut client = read(row)?;
    let changed = change.applied_to(&client.labels);
    if changed == client.labels {
        lent.roll_back().await?;
        return Ok(client);
    }
    client.labels = changed;
    client.recheck += 1;
    let write = "UPDATE clients SET labels = $2, recheck = $3 WHERE id = $1";
    let values = vec![one(Id(id.bits())), labels(&client), one(int(client.recheck))];
    lent.commit(vec![Question::new(write, values)]).await?;
    Ok(client)
}

/// Facts that are not told are left alone: one statement, whatever a sighting tells.
const SEEN: &str = "UPDATE clients SET last_seen = greatest(last_seen, $2),
        address = coalesce($3, address), hostname = coalesce($4, hostname),
        fqdn = coalesce($5, fqdn), os = coalesce($6, os), platform = coalesce($7, platform),
        architecture = coalesce($8, architecture), agent_version = coalesce($9, agent_version)
    WHERE id = $1";

fn seen(id: ClientId, sighting: &Sighting) -> Question {
    let fact = |of: fn(&ClientFacts) -> &str| -> Bound {
        Box::new(sighting.facts.as_ref().map(|facts| clean(of(facts))))
    };
    let values = vec![
        one(Id(id.bits())),
        moment(sighting.at),
        one(sighting.address.map(|address| address.to_string())),
        fact(|facts| &facts.hostname),
        fact(|facts| &facts.fqdn),
        fact(|facts| &facts.os),
        fact(|facts| &facts.platform),
        fact(|facts| &facts.architecture),
        fact(|facts| &facts.agent_version),
    ];
    Question::new(SEEN, values)
}

/// Everything of a client that a person may look for.
const SEARCHED: &str = "strpos(folded(concat_ws(chr(10), 'c.' || encode(c.id, 'hex'), c.hostname,
    c.fqdn, c.platform, c.address, array_to_string(c.labels, chr(10)))), ?) > 0";

fn conditions(query: &ClientList) -> Filter {
    let ids = |ids: &BTreeSet<ClientId>| -> [Bound; 1] {
        [Box::new(ids.iter().map(|id| Id(id.bits())).collect::<Vec<Id>>())]
    };
    let mut filter = Filter::default();
    filter.and_text("c.org = ?", Some(query.org.as_str()));
    filter.and_text(SEARCHED, query.text.as_deref().map(str::to_lowercase).as_deref());
    if let Some(label) = &query.label {
        filter.and("c.labels @> ?", [Box::new(vec![clean(label)])]);
    }
    filter.and_text("c.os = ?", query.os.as_deref());
    match &query.presence {
        PresenceFilter::Any => {}
        PresenceFilter::Among(some) => filter.and("c.id = ANY(?)", ids(some)),
        PresenceFilter::NotAmong(some) => {
            filter.and("NOT EXISTS (SELECT FROM unnest(?::bytea[]) x WHERE x = c.id)", ids(some));
        }
    }
    filter
}

#[async_trait]
impl ClientStore for RecordStore {
    async fn enrol(&self, enrolment: &Enrolment, now: Timestamp) -> Result<Enrolled, EnrolError> {
        Ok(self.step("enrol a client", |lent| enrol(lent, enrolment, now)).await??)
    }

    async fn get(&self, id: ClientId) -> Result<Option<Client>, StoreError> {
        self.read("read a client", |db| async move {
            find(id, "").rows(&db).await?.first().map(read).transpose()
        })
        .await
    }

    async fn list(&self, query: &ClientList) -> Result<Page<Client>, StoreError> {
        let order = match query.sort {
            ClientSort::Hostname => "c.hostname",
            ClientSort::Os => "c.os",
            ClientSort::AgentVersion => "c.agent_version",
            ClientSort::FirstSeen => "c.first_seen",
            ClientSort::LastSeen => "c.last_seen",
        };
        let direction = if query.descending { "DESC" } else { "ASC" };
        let order = format!("{order} {direction}, c.id");
        self.read("list clients", |db| async move {
            conditions(query).page(&db, [CLIENT, "clients c", &order], query.paging, read).await
        })
        .await
    }

    async fn set_labels(&self, id: ClientId, change: &LabelChange) -> Result<Client, StoreError> {
        refuse_bad_label(change)?;
        self.step("label a client", |lent| set_labels(lent, id, change)).await
    }

    async fn seen(&self, id: ClientId, sighting: &Sighting) -> Result<(), StoreError> {
        match self.write_one("note the sight of a client", seen(id, sighting)).await? {
            0 => Err(unknown(id)),
            _ => Ok(()),
        }
    }

    async fn ask_again(&self, id: ClientId) -> Result<u64, StoreError> {
        let sql = "UPDATE clients SET recheck = recheck + 1 WHERE id = $1 RETURNING recheck";
        let moved = Question::new(sql, vec![one(Id(id.bits()))]);
        let marks = self
            .read("move a recheck mark", |db| async move {
                let rows = moved.rows(&db).await?;
                rows.iter().map(|row| Columns::of(row).count()).collect::<Done<Vec<u64>>>()
            })
            .await?;
        marks.first().copied().ok_or_else(|| unknown(id))
    }

    async fn revoke(&self, id: ClientId, now: Timestamp) -> Result<Client, StoreError> {
        let sql = format!(
            "UPDATE clients c SET revoked_at = coalesce(c.revoked_at, $2) WHERE c.id = $1 \
             RETURNING {CLIENT}"
        );
        let revoked = Question::new(sql, vec![one(Id(id.bits())), moment(now)]);
        let client = self
            .read("revoke a client", |db| async move {
                revoked.rows(&db).await?.first().map(read).transpose()
            })
            .await?;
        client.ok_or_else(|| unknown(id))
    }

    async fn named(
        &self,
        org: &OrgId,
        names: &BTreeSet<String>,
    ) -> Result<Vec<(String, ClientId)>, StoreError> {
        let sql = "SELECT x.name, c.id FROM unnest($1::text[], $2::text[]) AS x (name, folded)
            JOIN LATERAL (
                SELECT id FROM clients WHERE lower(hostname) = x.folded COLLATE \"C\"
                    AND org = $3 AND revoked_at IS NULL
                UNION SELECT id FROM clients WHERE lower(fqdn) = x.folded COLLATE \"C\"
                    AND org = $3 AND revoked_at IS NULL) c ON true
            ORDER BY x.name COLLATE \"C\", c.id";
        let values = vec![
            column(names, |name| clean(name)),
            column(names, |name| clean(name).to_ascii_lowercase()),
            text(org.as_str()),
        ];
        let find = Question::new(sql, values);
        self.read("look for clients by name", |db| async move {
            let read = |row: &Row| {
                let mut row = Columns::of(row);
                Ok((row.take()?, ClientId::from_bits(row.bits()?)))
            };
            find.rows(&db).await?.iter().map(read).collect()
        })
        .await
    }

    async fn labels(&self, org: &OrgId) -> Result<Vec<(String, u64)>, StoreError> {
        let sql = "SELECT label, count(*) FROM clients c, unnest(c.labels) AS label
            WHERE c.org = $1 GROUP BY label ORDER BY label";
        let counted = Question::new(sql, vec![text(org.as_str())]);
        self.read("count labels", |db| async move {
            let read = |row: &Row| {
                let mut row = Columns::of(row);
                Ok((row.take()?, row.count()?))
            };
            counted.rows(&db).await?.iter().map(read).collect()
        })
        .await
    }
}
