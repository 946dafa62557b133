//! What every store of findings must do.

use loghunt::ports::{Facet, FindingQuery, Tell, TellHow, TriageChange};
use model::log::{Comment, Finding, FindingId, FindingState, Severity, StreamKey, Triage};
use model::org::Actor;
use model::store::{Paging, StoreError};
use rows::{Row, Value};

use crate::log_stores::{LogStores, at, each, finding, key, plan, shown};

/// Runs all promises, each on records of its own.
pub async fn finding_suite(fresh: impl AsyncFn() -> LogStores) {
    a_finding_reads_what_was_written(fresh().await).await;
    what_is_found_again_only_changes_its_revision(fresh().await).await;
    the_first_of_a_bucket_is_told(fresh().await).await;
    findings_under_an_exception_are_stored_and_not_told(fresh().await).await;
    nobody_is_told_of_what_nobody_asked_for(fresh().await).await;
    a_digest_is_one_message(fresh().await).await;
    findings_are_found_and_paged(fresh().await).await;
    the_row_is_searched(fresh().await).await;
    facets_count_what_matches(fresh().await).await;
    people_say_what_they_did(fresh().await).await;
}

async fn a_finding_reads_what_was_written(stores: LogStores) {
    let key = key("acme", "whoami");
    let mut row = Row::new();
    row.set("z", Value::Int(i64::MIN));
    row.set("a", Value::Float(0.5));
    row.set("nothing", Value::Null);
    row.set("text", Value::text("\u{0}\u{1f}\"'\\ ä\u{1f600}"));
    row.set("list", Value::array([Value::Bool(true), Value::text("x")]));
    let written = Finding {
        id: FindingId(u128::MAX),
        severity: Severity::Critical,
        attack: vec!["T1033".into(), "T1059.001".into()].into(),
        late: true,
        suppressed_by: Some("User = 'svc_scan'".into()),
        bucket: Some("h1/12".into()),
        row,
        ..finding(&key, 7)
    };
    stores.finds(&key, vec![written.clone()], each()).await;
    let read = stores.findings.finding(written.id).await.unwrap().expect("it is there");
    let expected = Finding { found_at: at(1_000), ..written };
    assert_eq!(shown(&read), shown(&expected));
    assert!(stores.findings.finding(FindingId(5)).await.unwrap().is_none());
}

/// Commits more findings of the same stream.
async fn again(stores: &LogStores, key: &StreamKey, findings: Vec<Finding>, tell: Tell) -> u64 {
    let stream = stores.ledger.stream(key).await.unwrap().expect("it is open");
    let next = stream.planned_to.0 / 1_000_000 + 600;
    stores.does(key, vec![plan(next, 3_600)]).await;
    let slice = stores.claim(key, "a").await.expect("it was just planned");
    stores.commits(&slice, findings, tell).await.findings_new
}

async fn told(stores: &LogStores) -> Vec<(String, Vec<u128>)> {
    let waiting = stores.outbox.waiting(Paging::ALL).await.unwrap();
    let ids = |ids: Vec<FindingId>| ids.into_iter().map(|id| id.0).collect();
    waiting.items.into_iter().map(|one| (one.channel, ids(one.findings))).collect()
}

async fn notified(stores: &LogStores) -> Vec<u128> {
    let page = stores.findings.findings(&FindingQuery::default()).await.unwrap();
    let mut ids: Vec<u128> =
        page.items.iter().filter(|found| found.notified).map(|found| found.id.0).collect();
    ids.sort_unstable();
    ids
}

async fn what_is_found_again_only_changes_its_revision(stores: LogStores) {
    let key = key("acme", "whoami");
    stores.finds(&key, vec![finding(&key, 1)], each()).await;
    let before = stores.findings.finding(FindingId(1)).await.unwrap().unwrap();
    let mut other = finding(&key, 1);
    other.revision_first = "r2".into();
    other.revision_last = "r2".into();
    other.severity = Severity::High;
    other.row = Row::new();
    assert_eq!(again(&stores, &key, vec![other], each()).await, 0);
    let after = stores.findings.finding(FindingId(1)).await.unwrap().unwrap();
    let expected = Finding { revision_last: "r2".into(), ..before };
    assert_eq!(shown(&after), shown(&expected));
    assert_eq!(told(&stores).await, [("hook".to_owned(), vec![1])], "it is told once");
}

/// A finding in a bucket.
fn in_bucket(key: &StreamKey, number: u128, bucket: &str) -> Finding {
    Finding { bucket: Some(bucket.into()), ..finding(key, number) }
}

async fn the_first_of_a_bucket_is_told(stores: LogStores) {
    let key = key("acme", "whoami");
    // Not the earliest one: the order of the commit decides.
    let first = vec![in_bucket(&key, 9, "a"), in_bucket(&key, 2, "a"), in_bucket(&key, 3, "b")];
    stores.finds(&key, first, each()).await;
    assert_eq!(again(&stores, &key, vec![in_bucket(&key, 4, "a")], each()).await, 1);
    let other = crate::log_stores::key("acme", "another");
    stores.finds(&other, vec![in_bucket(&other, 5, "a")], each()).await;
    assert_eq!(notified(&stores).await, [3, 5, 9], "buckets belong to a rule");
    let hook = |id| ("hook".to_owned(), vec![id]);
    assert_eq!(told(&stores).await, [hook(9), hook(3), hook(5)]);
    assert_eq!(stores.count(&FindingQuery::default()).await, 5);
}

async fn findings_under_an_exception_are_stored_and_not_told(stores: LogStores) {
    let key = key("acme", "whoami");
    let mut excepted = in_bucket(&key, 1, "a");
    excepted.suppressed_by = Some("User = 'svc_scan'".into());
    stores.finds(&key, vec![excepted, in_bucket(&key, 2, "a")], each()).await;
    assert_eq!(notified(&stores).await, [2], "an exception takes no bucket");
    let suppressed = FindingQuery { suppressed: Some(true), ..FindingQuery::default() };
    assert_eq!(stores.count(&suppressed).await, 1);
}

async fn nobody_is_told_of_what_nobody_asked_for(stores: LogStores) {
    let key = key("acme", "whoami");
    stores.finds(&key, vec![in_bucket(&key, 1, "a")], Tell::nobody()).await;
    assert_eq!(told(&stores).await, []);
    assert_eq!(again(&stores, &key, vec![in_bucket(&key, 2, "a")], each()).await, 1);
    assert_eq!(notified(&stores).await, [2], "what is not told takes no bucket");
}

async fn a_digest_is_one_message(stores: LogStores) {
    let key = key("acme", "whoami");
    let tell = Tell { channels: vec!["hook".into(), "mail".into()], how: TellHow::Digest };
    let all = (1..5).map(|number| finding(&key, number)).collect();
    stores.finds(&key, all, tell.clone()).await;
    let expected = ["hook", "mail"].map(|channel| (channel.to_owned(), vec![1, 2, 3, 4]));
    assert_eq!(told(&stores).await, expected);
    assert_eq!(again(&stores, &key, vec![finding(&key, 1)], tell).await, 0);
    assert_eq!(told(&stores).await.len(), 2, "nothing new, no message");
}

/// Ten findings of three tenants, two rules and two severities.
async fn ten(stores: &LogStores) {
    let keys = [key("acme", "a"), key("acme", "b"), key("other", "a")];
    for (place, key) in keys.iter().enumerate() {
        let numbers = (0..10u128).filter(|number| *number as usize % 3 == place);
        let one = |number: u128| {
            let mut found = finding(key, number);
            found.instant = at(86_400 * (number as i64 / 4));
            found.late = number == 4;
            if number % 2 == 1 {
                found.severity = Severity::High;
                found.attack = vec!["T1059".into(), "T1033".into()].into();
            }
            found
        };
        stores.finds(key, numbers.map(one).collect(), each()).await;
    }
}

async fn findings_are_found_and_paged(stores: LogStores) {
    ten(&stores).await;
    let found = async |change: &dyn Fn(&mut FindingQuery)| {
        let mut query = FindingQuery::default();
        change(&mut query);
        let page = stores.findings.findings(&query).await.unwrap();
        (page.items.iter().map(|found| found.id.0).collect::<Vec<_>>(), page.total)
    };
    assert_eq!(found(&|_| {}).await, (vec![9, 8, 7, 6, 5, 4, 3, 2, 1, 0], 10));
    let paging = Paging { offset: 8, limit: 5 };
    assert_eq!(found(&|query| query.paging = paging).await, (vec![1, 0], 10));
    let (acme, other) = (key("acme", "a"), key("other", "b"));
    assert_eq!(found(&|query| query.tenants = vec![other.tenant.clone()]).await.0, [8, 5, 2]);
    let both = [other.tenant.clone(), acme.tenant.clone()];
    assert_eq!(found(&|query| query.tenants = both.to_vec()).await.1, 10);
    assert_eq!(found(&|query| query.rules = vec![other.rule.clone()]).await.0, [7, 4, 1]);
    assert_eq!(found(&|query| query.datasets = vec![acme.dataset.clone()]).await.1, 10);
    assert_eq!(found(&|query| query.severities = vec![Severity::High]).await.0, [9, 7, 5, 3, 1]);
    assert_eq!(found(&|query| query.severities = Severity::ALL.to_vec()).await.1, 10);
    assert_eq!(found(&|query| query.attack = Some("T1059".into())).await.1, 5);
    assert_eq!(found(&|query| query.attack = Some("T105".into())).await.1, 0);
    assert_eq!(found(&|query| query.from = Some(at(86_400))).await.0, [9, 8, 7, 6, 5, 4]);
    assert_eq!(found(&|query| query.to = Some(at(86_400))).await.0, [3, 2, 1, 0]);
    assert_eq!(found(&|query| query.late = Some(true)).await.0, [4]);
    assert_eq!(found(&|query| query.late = Some(false)).await.1, 9);
    assert_eq!(found(&|query| query.suppressed = Some(false)).await.1, 10);
    assert_eq!(found(&|query| query.states = vec![FindingState::Closed]).await.1, 0);
    let narrow = |query: &mut FindingQuery| {
        query.tenants = vec![acme.tenant.clone()];
        query.severities = vec![Severity::High];
        query.from = Some(at(86_400));
    };
    assert_eq!(found(&narrow).await.0, [9, 7]);
}

async fn the_row_is_searched(stores: LogStores) {
    ten(&stores).await;
    let found = async |text: &str| {
        let query = FindingQuery { search: Some(text.into()), ..FindingQuery::default() };
        stores.count(&query).await
    };
    assert_eq!(found("h7").await, 1);
    assert_eq!(found("whoami").await, 10);
    assert_eq!(found("HOST\":\"H").await, 10);
    assert_eq!(found("100%_x.EXE").await, 10);
    assert_eq!(found("1%x").await, 0, "`%` stands for itself");
    assert_eq!(found("100_").await, 0, "so does `_`");
    assert_eq!(found("Tools\\\\WhoAmI").await, 10, "a backslash as JSON writes it");
    assert_eq!(found("' OR 1=1 --").await, 0);
}

async fn facets_count_what_matches(stores: LogStores) {
    ten(&stores).await;
    let check = async |query: &FindingQuery, facet, limit, expected: &[(&str, u64)]| {
        let found = stores.findings.facet(query, facet, limit).await.unwrap();
        let found: Vec<(&str, u64)> =
            found.iter().map(|(value, count)| (value.as_str(), *count)).collect();
        assert_eq!(found, expected, "{facet:?}");
    };
    let all = FindingQuery::default();
    check(&all, Facet::Tenant, 9, &[("acme", 7), ("other", 3)]).await;
    check(&all, Facet::Tenant, 1, &[("acme", 7)]).await;
    check(&all, Facet::Rule, 9, &[("a", 7), ("b", 3)]).await;
    check(&all, Facet::Dataset, 9, &[("process_creation", 10)]).await;
    check(&all, Facet::Severity, 9, &[("high", 5), ("medium", 5)]).await;
    check(&all, Facet::State, 9, &[("new", 10)]).await;
    check(&all, Facet::Attack, 9, &[("T1033", 10), ("T1059", 5)]).await;
    let days = [("1970-01-01", 4), ("1970-01-02", 4), ("1970-01-03", 2)];
    check(&all, Facet::Day, 9, &days).await;
    let high = FindingQuery { severities: vec![Severity::High], ..FindingQuery::default() };
    check(&high, Facet::Tenant, 9, &[("acme", 4), ("other", 1)]).await;
    let none = FindingQuery { search: Some("nowhere".into()), ..FindingQuery::default() };
    check(&none, Facet::Attack, 9, &[]).await;
}

async fn people_say_what_they_did(stores: LogStores) {
    let key = key("acme", "whoami");
    stores.finds(&key, vec![finding(&key, 1)], each()).await;
    let actor = Actor::User("ada".into());
    let nothing = TriageChange {
        state: None,
        assignee: None,
        verdict: None,
        comment: None,
        at: at(2_000),
        actor: actor.clone(),
    };
    let says = async |change: TriageChange| {
        let answered = stores.findings.triage(FindingId(1), &change).await.unwrap();
        let read = stores.findings.finding(FindingId(1)).await.unwrap().unwrap();
        assert_eq!(shown(&answered), shown(&read));
        read.triage
    };
    assert_eq!(says(nothing.clone()).await, Triage::default());
    let mine = says(TriageChange {
        state: Some(FindingState::Triaged),
        assignee: Some("bob".into()),
        comment: Some("looks odd: ‘§’".into()),
        ..nothing.clone()
    });
    let comment = Comment { at: at(2_000), actor, text: "looks odd: ‘§’".into() };
    let expected = Triage {
        state: FindingState::Triaged,
        assignee: Some("bob".into()),
        verdict: None,
        comments: vec![comment.clone()],
    };
    assert_eq!(mine.await, expected);
    let done = says(TriageChange {
        state: Some(FindingState::Closed),
        assignee: Some(String::new()),
        verdict: Some("false_positive".into()),
        comment: Some("a scan".into()),
        at: at(2_001),
        actor: Actor::System,
    });
    let done = done.await;
    assert_eq!((done.assignee, done.verdict.as_deref()), (None, Some("false_positive")));
    let last = Comment { at: at(2_001), actor: Actor::System, text: "a scan".into() };
    assert_eq!(done.comments, [comment, last]);
    let closed = FindingQuery { states: vec![FindingState::Closed], ..FindingQuery::default() };
    assert_eq!(stores.count(&closed).await, 1);
    let unknown = stores.findings.triage(FindingId(9), &nothing).await;
    assert!(matches!(unknown, Err(StoreError::NotFound { .. })));
}
