//! The ports of this crate in memory. Product code that keeps the whole contract, except that
//! nothing outlives the process.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use base::{ClientId, Timestamp};
use model::client::{Client, EnrolmentToken};
use model::org::{Actor, OrgId};
use model::store::{Page, Paging, StoreError};
use parking_lot::Mutex;

use crate::accounts::{AccountStore, AuditEntry, AuditLog, SettingStore, SignIn, User};
use crate::enrolment::{Enrolment, LabelChange, Verdict, decide};
use crate::ports::{
    ClientList, ClientSort, ClientStore, EnrolError, Enrolled, PresenceFilter, Sighting,
    TokenRecord, TokenStore,
};

/// All records of the fleet in memory.
#[derive(Debug, Default)]
pub struct MemFleet {
    records: Mutex<Records>,
}

#[derive(Debug, Default)]
struct Records {
    clients: BTreeMap<ClientId, Client>,
    tokens: Vec<TokenRecord>,
    users: BTreeMap<String, User>,
    sign_ins: Vec<SignIn>,
    settings: BTreeMap<String, String>,
    audit: Vec<AuditEntry>,
}

impl Records {
    fn client(&mut self, id: ClientId) -> Result<&mut Client, StoreError> {
        self.clients.get_mut(&id).ok_or_else(|| StoreError::not_found(format!("client {id}")))
    }

    fn token(&mut self, id: &str) -> Option<&mut TokenRecord> {
        self.tokens.iter_mut().find(|record| record.token.id == id)
    }
}

#[async_trait]
impl ClientStore for MemFleet {
    async fn enrol(&self, enrolment: &Enrolment, now: Timestamp) -> Result<Enrolled, EnrolError> {
        let mut records = self.records.lock();
        let id = ClientId::from_key_hash(enrolment.key_hash);
        let existing = records.clients.get(&id).cloned();
        let token = records.token(&enrolment.token);
        let verdict = decide(enrolment, token.as_ref().map(|t| &t.token), existing.as_ref(), now)?;
        match (verdict, existing, token) {
            (Verdict::Admit(client), _, Some(record)) => {
                record.token.uses += 1;
                records.clients.insert(client.id, (*client).clone());
                Ok(Enrolled { client: *client, fresh: true })
            }
            (Verdict::Known, Some(client), _) => Ok(Enrolled { client, fresh: false }),
            (Verdict::Admit(_) | Verdict::Known, _, _) => {
                Err(StoreError::conflict("the enrolment's records went away").into())
            }
        }
    }

    async fn get(&self, id: ClientId) -> Result<Option<Client>, StoreError> {
        Ok(self.records.lock().clients.get(&id).cloned())
    }

    async fn list(&self, query: &ClientList) -> Result<Page<Client>, StoreError> {
        let records = self.records.lock();
        let mut found: Vec<Client> =
            records.clients.values().filter(|client| matches(client, query)).cloned().collect();
        found.sort_by(|a, b| {
            let order = compare(a, b, query.sort);
            let order = if query.descending { order.reverse() } else { order };
            order.then(a.id.cmp(&b.id))
        });
        Ok(Page::cut(found, query.paging))
    }

    async fn set_labels(&self, id: ClientId, change: &LabelChange) -> Result<Client, StoreError> {
        refuse_bad_label(change)?;
        let mut records = self.records.lock();
        let client = records.client(id)?;
        let labels = change.applied_to(&client.labels);
        if labels != client.labels {
            client.labels = labels;
            client.recheck += 1;
        }
        Ok(client.clone())
    }

    async fn seen(&self, id: ClientId, sighting: &Sighting) -> Result<(), StoreError> {
        let mut records = self.records.lock();
        let client = records.client(id)?;
        client.last_seen = client.last_seen.max(sighting.at);
        if let Some(facts) = &sighting.facts {
            client.facts = facts.clone();
        }
        client.address = sighting.address.or(client.address);
        Ok(())
    }

    async fn ask_again(&self, id: ClientId) -> Result<u64, StoreError> {
        let mut records = self.records.lock();
        let client = records.client(id)?;
        client.recheck += 1;
        Ok(client.recheck)
    }

    async fn revoke(&self, id: ClientId, now: Timestamp) -> Result<Client, StoreError> {
        let mut records = self.records.lock();
        let client = records.client(id)?;
        client.revoked_at.get_or_insert(now);
        Ok(client.clone())
    }

    async fn named(
        &self,
        org: &OrgId,
        names: &BTreeSet<String>,
    ) -> Result<Vec<(String, ClientId)>, StoreError> {
        let records = self.records.lock();
        let own = || {
            let of_org = |client: &&Client| client.org == *org && client.revoked_at.is_none();
            records.clients.values().filter(of_org)
        };
        let has = |client: &Client, name: &String| {
            let facts = &client.facts;
            [&facts.hostname, &facts.fqdn].iter().any(|known| known.eq_ignore_ascii_case(name))
        };
        let mut found = Vec::new();
        for name in names {
            found.extend(own().filter(|c| has(c, name)).map(|client| (name.clone(), client.id)));
        }
        Ok(found)
    }

    async fn labels(&self, org: &OrgId) -> Result<Vec<(String, u64)>, StoreError> {
        let records = self.records.lock();
        let mut counts = BTreeMap::new();
        for client in records.clients.values().filter(|client| client.org == *org) {
            for label in &client.labels {
                *counts.entry(label.clone()).or_insert(0) += 1;
            }
        }
        Ok(counts.into_iter().collect())
    }
}

/// Refuses a change that would set something that is not a label. For stores.
pub fn refuse_bad_label(change: &LabelChange) -> Result<(), StoreError> {
    match change.bad_label() {
        None => Ok(()),
        Some(label) => Err(StoreError::refused(format!(
            "`{}` is not a label: use 1 to 100 printable characters without blanks at the ends",
            label.chars().take(120).collect::<String>().escape_debug()
        ))),
    }
}

fn matches(client: &Client, query: &ClientList) -> bool {
    let has_text = |text: &String| {
        let text = text.to_lowercase();
        let facts = &client.facts;
        let address = client.address.map(|address| address.to_string()).unwrap_or_default();
        [&client.id.to_string(), &facts.hostname, &facts.fqdn, &facts.platform, &address]
            .into_iter()
            .chain(&client.labels)
            .any(|candidate| candidate.to_lowercase().contains(&text))
    };
    client.org == query.org
        && query.text.as_ref().is_none_or(has_text)
        && query.label.as_ref().is_none_or(|label| client.labels.contains(label))
        && query.os.as_ref().is_none_or(|os| client.facts.os == *os)
        && match &query.presence {
            PresenceFilter::Any => true,
            PresenceFilter::Among(ids) => ids.contains(&client.id),
            PresenceFilter::NotAmong(ids) => !ids.contains(&client.id),
        }
}

fn compare(a: &Client, b: &Client, sort: ClientSort) -> Ordering {
    match sort {
        ClientSort::Hostname => a.facts.hostname.cmp(&b.facts.hostname),
        ClientSort::Os => a.facts.os.cmp(&b.facts.os),
        ClientSort::AgentVersion => a.facts.agent_version.cmp(&b.facts.agent_version),
        ClientSort::FirstSeen => a.first_seen.cmp(&b.first_seen),
        ClientSort::LastSeen => a.last_seen.cmp(&b.last_seen),
    }
}

#[async_trait]
impl TokenStore for MemFleet {
    async fn create_token(
        &self,
        token: &EnrolmentToken,
        by: &Actor,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut records = self.records.lock();
        if records.token(&token.id).is_some() {
            let why = format!("a token `{}` exists already; choose another id", token.id);
            return Err(StoreError::conflict(why));
        }
        let record = TokenRecord { token: token.clone(), creator: by.clone(), created: now };
        records.tokens.push(record);
        Ok(())
    }

    async fn tokens(&self, org: &OrgId) -> Result<Vec<TokenRecord>, StoreError> {
        let records = self.records.lock();
        Ok(records.tokens.iter().rev().filter(|record| record.token.org == *org).cloned().collect())
    }

    async fn token(&self, id: &str) -> Result<Option<TokenRecord>, StoreError> {
        Ok(self.records.lock().token(id).cloned())
    }

    async fn revoke_token(&self, id: &str) -> Result<(), StoreError> {
        let mut records = self.records.lock();
        let record = records
            .token(id)
            .ok_or_else(|| StoreError::not_found(format!("enrolment token `{id}`")))?;
        record.token.revoked = true;
        Ok(())
    }
}

#[async_trait]
impl AccountStore for MemFleet {
    async fn put_user(&self, user: &User) -> Result<(), StoreError> {
        let mut records = self.records.lock();
        let before = records.users.insert(user.name.clone(), user.clone());
        let shuts_out = user.disabled
            || before.is_some_and(|before| before.password_hash != user.password_hash);
        if shuts_out {
            records.sign_ins.retain(|sign_in| sign_in.user != user.name);
        }
        Ok(())
    }

    async fn user(&self, name: &str) -> Result<Option<User>, StoreError> {
        Ok(self.records.lock().users.get(name).cloned())
    }

    async fn users(&self) -> Result<Vec<User>, StoreError> {
        Ok(self.records.lock().users.values().cloned().collect())
    }

    async fn remove_user(&self, name: &str) -> Result<(), StoreError> {
        let mut records = self.records.lock();
        if records.users.remove(name).is_none() {
            return Err(StoreError::not_found(format!("user `{name}`")));
        }
        records.sign_ins.retain(|sign_in| sign_in.user != name);
        Ok(())
    }

    async fn put_sign_in(&self, sign_in: &SignIn) -> Result<(), StoreError> {
        let mut records = self.records.lock();
        if !records.users.contains_key(&sign_in.user) {
            return Err(StoreError::not_found(format!("user `{}`", sign_in.user)));
        }
        records.sign_ins.retain(|held| {
            held.expires > sign_in.created && held.secret_hash != sign_in.secret_hash
        });
        records.sign_ins.push(sign_in.clone());
        Ok(())
    }

    async fn sign_in(
        &self,
        secret_hash: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<(SignIn, User)>, StoreError> {
        let records = self.records.lock();
        let held = records
            .sign_ins
            .iter()
            .find(|held| held.secret_hash == *secret_hash && now < held.expires);
        Ok(held.and_then(|held| {
            let user = records.users.get(&held.user).filter(|user| !user.disabled)?;
            Some((held.clone(), user.clone()))
        }))
    }

    async fn end_sign_in(&self, secret_hash: &[u8; 32]) -> Result<(), StoreError> {
        self.records.lock().sign_ins.retain(|held| held.secret_hash != *secret_hash);
        Ok(())
    }

    async fn sign_ins_of(&self, user: &str) -> Result<Vec<SignIn>, StoreError> {
        let records = self.records.lock();
        Ok(records.sign_ins.iter().rev().filter(|held| held.user == user).cloned().collect())
    }
}

#[async_trait]
impl SettingStore for MemFleet {
    async fn setting(&self, key: &str) -> Result<Option<String>, StoreError> {
        Ok(self.records.lock().settings.get(key).cloned())
    }

    async fn set(&self, key: &str, value: Option<&str>) -> Result<(), StoreError> {
        let mut records = self.records.lock();
        match value {
            Some(value) => records.settings.insert(key.to_owned(), value.to_owned()),
            None => records.settings.remove(key),
        };
        Ok(())
    }
}

#[async_trait]
impl AuditLog for MemFleet {
    async fn record(&self, entry: &AuditEntry) -> Result<(), StoreError> {
        self.records.lock().audit.push(entry.clone());
        Ok(())
    }

    async fn entries(
        &self,
        org: &OrgId,
        object: Option<&str>,
        paging: Paging,
    ) -> Result<Page<AuditEntry>, StoreError> {
        let records = self.records.lock();
        let wanted = |entry: &&AuditEntry| {
            entry.org == *org && object.is_none_or(|object| entry.object == object)
        };
        Ok(Page::cut(records.audit.iter().rev().filter(wanted).cloned().collect(), paging))
    }
}
