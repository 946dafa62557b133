//! What every store of clients, tokens and people must do.

use base::Timestamp;
use fleet::accounts::{AuditEntry, SignIn, SignInKind, User};
use fleet::enrolment::{Enrolment, EnrolmentRefusal, LabelChange};
use fleet::ports::{ClientList, ClientSort, EnrolError, PresenceFilter, Sighting};
use model::client::{ClientFacts, TokenRefusal};
use model::org::OrgId;
use model::store::{Paging, StoreError};

use crate::stores::{Stores, ada, at, token};

/// Runs all promises, each on records of its own.
pub async fn fleet_suite(fresh: impl AsyncFn() -> Stores) {
    the_same_key_is_one_client_and_one_use(fresh().await).await;
    a_token_is_used_up_once(fresh().await).await;
    a_second_key_with_the_same_id_is_refused(fresh().await).await;
    labels_move_the_recheck_mark_exactly_when_they_change(fresh().await).await;
    a_sighting_keeps_what_it_does_not_tell(fresh().await).await;
    clients_are_found_sorted_and_paged(fresh().await).await;
    texts_that_look_like_queries_find_nothing(fresh().await).await;
    a_revoked_client_stays_known_and_out(fresh().await).await;
    tokens_are_listed_and_withdrawn(fresh().await).await;
}

/// Runs all promises about people.
pub async fn account_suite(fresh: impl AsyncFn() -> Stores) {
    a_sign_in_ends_with_time_password_and_user(fresh().await).await;
    settings_are_kept_and_removed(fresh().await).await;
    the_audit_log_is_newest_first(fresh().await).await;
}

fn enrolment(key: u8) -> Enrolment {
    Enrolment {
        token: "t".into(),
        secret_hash: [42; 32],
        key_hash: [key; 32],
        facts: ClientFacts { hostname: format!("h{key}"), ..ClientFacts::default() },
        address: None,
    }
}

async fn with_token(stores: &Stores, uses_max: u32) {
    stores.tokens.create_token(&token("t", uses_max), &ada(), at(0)).await.unwrap();
}

async fn the_same_key_is_one_client_and_one_use(stores: Stores) {
    with_token(&stores, 1).await;
    let first = stores.clients.enrol(&enrolment(1), at(1)).await.unwrap();
    let again = stores.clients.enrol(&enrolment(1), at(2)).await.unwrap();
    assert!(first.fresh && !again.fresh);
    assert_eq!(first.client, again.client);
    assert!(first.client.labels.contains("new"));
    assert_eq!(stores.tokens.token("t").await.unwrap().unwrap().token.uses, 1);
    assert_eq!(stores.clients.get(first.client.id).await.unwrap(), Some(first.client));
}

async fn a_token_is_used_up_once(stores: Stores) {
    with_token(&stores, 2).await;
    let keys = [enrolment(1), enrolment(2), enrolment(3)];
    let [a, b, c] = [&keys[0], &keys[1], &keys[2]].map(|key| stores.clients.enrol(key, at(1)));
    let outcomes = [a.await, b.await, c.await];
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 2);
    let refused = outcomes.into_iter().find_map(Result::err).unwrap();
    let used_up = EnrolmentRefusal::Token(TokenRefusal::UsedUp);
    assert!(matches!(refused, EnrolError::Refused(refusal) if refusal == used_up));
    assert_eq!(stores.tokens.token("t").await.unwrap().unwrap().token.uses, 2);
}

async fn a_second_key_with_the_same_id_is_refused(stores: Stores) {
    with_token(&stores, 9).await;
    stores.clients.enrol(&enrolment(1), at(1)).await.unwrap();
    let mut key_hash = [1; 32];
    key_hash[31] = 2;
    let clash = Enrolment { key_hash, ..enrolment(1) };
    let refused = stores.clients.enrol(&clash, at(2)).await.unwrap_err();
    assert!(matches!(refused, EnrolError::Refused(EnrolmentRefusal::KeyClash(_))));
    assert_eq!(stores.tokens.token("t").await.unwrap().unwrap().token.uses, 1);
}

fn labels(add: &[&str], remove: &[&str]) -> LabelChange {
    let set = |labels: &[&str]| labels.iter().map(|label| (*label).to_owned()).collect();
    LabelChange { add: set(add), remove: set(remove) }
}

async fn labels_move_the_recheck_mark_exactly_when_they_change(stores: Stores) {
    let client = stores.enrol(1).await;
    let changed = stores.clients.set_labels(client, &labels(&["web"], &["new"])).await.unwrap();
    assert_eq!((changed.recheck, changed.labels.len()), (1, 1));
    let same = stores.clients.set_labels(client, &labels(&["web"], &["gone"])).await.unwrap();
    assert_eq!(same.recheck, 1);
    assert_eq!(stores.clients.ask_again(client).await.unwrap(), 2);
    let counted = stores.clients.labels(&OrgId::default()).await.unwrap();
    assert_eq!(counted, [("web".to_owned(), 1)]);
    let bad = stores.clients.set_labels(client, &labels(&[" padded "], &[])).await;
    assert!(matches!(bad, Err(StoreError::Refused { .. })));
    let unknown = base::ClientId::from_bits(404);
    let missing = stores.clients.set_labels(unknown, &labels(&["x"], &[])).await;
    assert!(matches!(missing, Err(StoreError::NotFound { .. })));
}

async fn a_sighting_keeps_what_it_does_not_tell(stores: Stores) {
    let client = stores.enrol(1).await;
    let address = Some("192.0.2.7".parse().unwrap());
    stores.clients.seen(client, &Sighting { at: at(50), address, facts: None }).await.unwrap();
    let facts = Some(ClientFacts { hostname: "renamed".into(), ..ClientFacts::default() });
    stores.clients.seen(client, &Sighting { at: at(40), address: None, facts }).await.unwrap();
    let now = stores.clients.get(client).await.unwrap().unwrap();
    assert_eq!(now.last_seen, at(50));
    assert_eq!(now.address, address);
    assert_eq!(now.facts.hostname, "renamed");
    assert!(now.labels.contains("new"));
}

async fn found(stores: &Stores, change: impl FnOnce(&mut ClientList)) -> (Vec<String>, u64) {
    let mut query = ClientList::of(OrgId::default());
    change(&mut query);
    let page = stores.clients.list(&query).await.unwrap();
    (page.items.into_iter().map(|client| client.facts.hostname).collect(), page.total)
}

async fn clients_are_found_sorted_and_paged(stores: Stores) {
    let mut ids = Vec::new();
    for number in [3, 1, 2] {
        ids.push(stores.enrol(number).await);
    }
    stores.clients.set_labels(ids[0], &labels(&["Straße"], &[])).await.unwrap();
    let all = ["host-1", "host-2", "host-3"].map(str::to_owned).to_vec();
    assert_eq!(found(&stores, |_| {}).await, (all.clone(), 3));
    let second = |query: &mut ClientList| {
        query.descending = true;
        query.paging = Paging { offset: 1, limit: 1 };
    };
    assert_eq!(found(&stores, second).await, (vec!["host-2".into()], 3));
    let by_text = |text: &str| {
        let text = Some(text.to_owned());
        move |query: &mut ClientList| query.text = text
    };
    assert_eq!(found(&stores, by_text("HOST-2")).await.1, 1);
    assert_eq!(found(&stores, by_text("STRASSE")).await.1, 0);
    assert_eq!(found(&stores, by_text("sTRAß")).await.0, ["host-3"]);
    assert_eq!(found(&stores, by_text(&ids[1].to_string())).await.0, ["host-1"]);
    let labelled = |query: &mut ClientList| query.label = Some("Straße".into());
    assert_eq!(found(&stores, labelled).await.0, ["host-3"]);
    let (some, one) = (ids[..2].iter().copied().collect(), [ids[0]].into());
    let among = |query: &mut ClientList| query.presence = PresenceFilter::Among(some);
    assert_eq!(found(&stores, among).await.0, ["host-1", "host-3"]);
    let not_among = |query: &mut ClientList| query.presence = PresenceFilter::NotAmong(one);
    assert_eq!(found(&stores, not_among).await.0, ["host-1", "host-2"]);
    let other_org = |query: &mut ClientList| query.org = OrgId::new("other").unwrap();
    assert_eq!(found(&stores, other_org).await.1, 0);
    let by_age = |query: &mut ClientList| query.sort = ClientSort::FirstSeen;
    assert_eq!(found(&stores, by_age).await.1, 3);
}

async fn texts_that_look_like_queries_find_nothing(stores: Stores) {
    stores.enrol(1).await;
    for text in ["' OR 1=1 --", "%", "_", "\"", "*"] {
        let wanted = Some(text.to_owned());
        assert_eq!(found(&stores, |query| query.text = wanted).await.1, 0, "{text}");
        let wanted = Some(text.to_owned());
        assert_eq!(found(&stores, |query| query.os = wanted).await.1, 0, "{text}");
    }
}

async fn a_revoked_client_stays_known_and_out(stores: Stores) {
    with_token(&stores, 9).await;
    let id = stores.clients.enrol(&enrolment(1), at(1)).await.unwrap().client.id;
    assert_eq!(stores.clients.revoke(id, at(5)).await.unwrap().revoked_at, Some(at(5)));
    assert_eq!(stores.clients.revoke(id, at(9)).await.unwrap().revoked_at, Some(at(5)));
    let refused = stores.clients.enrol(&enrolment(1), at(10)).await.unwrap_err();
    assert!(matches!(refused, EnrolError::Refused(EnrolmentRefusal::Revoked(_))));
}

async fn tokens_are_listed_and_withdrawn(stores: Stores) {
    with_token(&stores, 1).await;
    stores.tokens.create_token(&token("u", 5), &ada(), at(7)).await.unwrap();
    let clash = stores.tokens.create_token(&token("t", 1), &ada(), at(8)).await;
    assert!(matches!(clash, Err(StoreError::Conflict { .. })));
    let listed = stores.tokens.tokens(&OrgId::default()).await.unwrap();
    let ids: Vec<&str> = listed.iter().map(|record| record.token.id.as_str()).collect();
    assert_eq!(ids, ["u", "t"]);
    assert_eq!((&listed[0].creator, listed[0].created), (&ada(), at(7)));
    stores.tokens.revoke_token("t").await.unwrap();
    let refused = stores.clients.enrol(&enrolment(1), at(10)).await.unwrap_err();
    assert!(refused.to_string().contains("withdrawn"));
    assert!(matches!(stores.tokens.revoke_token("x").await, Err(StoreError::NotFound { .. })));
}

fn user(password_hash: &str, disabled: bool) -> User {
    User {
        name: "ada".into(),
        org: OrgId::default(),
        password_hash: password_hash.into(),
        roles: ["admin".to_owned()].into(),
        disabled,
        created: at(0),
    }
}

fn sign_in(secret: u8, expires: Timestamp) -> SignIn {
    SignIn {
        secret_hash: [secret; 32],
        user: "ada".into(),
        kind: SignInKind::Browser,
        note: String::new(),
        created: at(1),
        expires,
    }
}

async fn a_sign_in_ends_with_time_password_and_user(stores: Stores) {
    let accounts = &stores.accounts;
    let missing = accounts.put_sign_in(&sign_in(1, at(10))).await;
    assert!(matches!(missing, Err(StoreError::NotFound { .. })));
    accounts.put_user(&user("one", false)).await.unwrap();
    accounts.put_sign_in(&sign_in(1, at(10))).await.unwrap();
    accounts.put_sign_in(&sign_in(2, at(99))).await.unwrap();
    let stands =
        async |secret: u8, now| accounts.sign_in(&[secret; 32], now).await.unwrap().is_some();
    assert!(stands(1, at(9)).await && !stands(1, at(10)).await && !stands(3, at(2)).await);
    assert_eq!(accounts.sign_ins_of("ada").await.unwrap().len(), 2);
    accounts.end_sign_in(&[1; 32]).await.unwrap();
    assert!(!stands(1, at(2)).await && stands(2, at(2)).await);
    accounts.put_user(&user("one", false)).await.unwrap();
    assert!(stands(2, at(2)).await, "an unchanged password ends nothing");
    accounts.put_user(&user("two", false)).await.unwrap();
    assert!(!stands(2, at(2)).await);
    accounts.put_sign_in(&sign_in(4, at(99))).await.unwrap();
    accounts.put_user(&user("two", true)).await.unwrap();
    assert!(!stands(4, at(2)).await);
    assert_eq!(accounts.users().await.unwrap(), [user("two", true)]);
    accounts.remove_user("ada").await.unwrap();
    assert_eq!(accounts.user("ada").await.unwrap(), None);
    assert!(accounts.remove_user("ada").await.is_err());
}

async fn settings_are_kept_and_removed(stores: Stores) {
    let settings = &stores.settings;
    assert_eq!(settings.setting("k").await.unwrap(), None);
    settings.set("k", Some("1")).await.unwrap();
    settings.set("k", Some("2")).await.unwrap();
    assert_eq!(settings.setting("k").await.unwrap().as_deref(), Some("2"));
    settings.set("k", None).await.unwrap();
    assert_eq!(settings.setting("k").await.unwrap(), None);
}

async fn the_audit_log_is_newest_first(stores: Stores) {
    for (number, object) in ["a", "b", "a"].iter().enumerate() {
        let entry = AuditEntry {
            at: at(number as i64),
            org: OrgId::default(),
            actor: ada(),
            action: "hunt.start".into(),
            object: (*object).into(),
            detail: String::new(),
        };
        stores.audit.record(&entry).await.unwrap();
    }
    let org = OrgId::default();
    let all = stores.audit.entries(&org, None, Paging::first(2)).await.unwrap();
    assert_eq!((all.total, all.items[0].at, all.items.len()), (3, at(2), 2));
    assert_eq!(stores.audit.entries(&org, Some("a"), Paging::ALL).await.unwrap().total, 2);
}
