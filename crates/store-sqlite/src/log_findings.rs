//! Findings and the buckets that they were told for.

use std::sync::Arc;

use async_trait::async_trait;
use base::Timestamp;
use loghunt::flat::count;
use loghunt::ports::{Facet, FindingQuery, FindingStore, TriageChange, day_text};
use loghunt::tell::Bucket;
use model::log::{
    Comment, DatasetName, Domain, Finding, FindingId, FindingState, Position, RuleName, Severity,
    SliceId, TenantName, Triage,
};
use model::org::Actor;
use model::store::{Page, StoreError};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};

use crate::LogStore;
use crate::codec::{Done, all, int};
use crate::log_columns::Columns;
use crate::log_filter::Filter;

/// The columns of a finding, in the order of [`read`].
const FINDING: &str = "f.id, f.tenant, f.dataset, f.rule, f.title, f.severity, f.attack, \
    f.revision_first, f.revision_last, f.slice, f.from_pos, f.to_pos, f.domain, f.position, \
    f.instant, f.found_at, f.late, f.suppressed_by, f.bucket, f.notified, f.state, f.assignee, \
    f.verdict, f.comments, f.row";

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Finding> {
    let mut row = Columns::of(row);
    Ok(Finding {
        id: FindingId(u128::from_be_bytes(row.take()?)),
        tenant: row.word("tenant", |text| TenantName::new(text).ok())?,
        dataset: row.word("dataset", |text| DatasetName::new(text).ok())?,
        rule: row.word("rule", |text| RuleName::new(text).ok())?,
        title: row.take::<Arc<str>>()?,
        severity: row.word("severity", Severity::parse)?,
        attack: row.word("technique", read_texts)?.into(),
        revision_first: row.take::<Arc<str>>()?,
        revision_last: row.take::<Arc<str>>()?,
        slice: SliceId(u128::from_be_bytes(row.take()?)),
        window: row.window()?,
        domain: row.word("domain", Domain::parse)?,
        position: Position(row.take()?),
        instant: row.moment()?,
        found_at: row.moment()?,
        late: row.take()?,
        suppressed_by: row.take::<Option<Arc<str>>>()?,
        bucket: row.take::<Option<Arc<str>>>()?,
        notified: row.take()?,
        triage: Triage {
            state: row.word("state", FindingState::parse)?,
            assignee: row.take()?,
            verdict: row.take()?,
            comments: row.word("comment", read_comments)?,
        },
        row: row.word("row", |json| rows_json::row_from_json(json.as_bytes()).ok())?,
    })
}

fn write_texts(texts: &[String]) -> String {
    serde_json::to_string(texts).expect("texts have a JSON form")
}

fn read_texts(json: &str) -> Option<Vec<String>> {
    serde_json::from_str(json).ok()
}

fn write_comments(comments: &[Comment]) -> String {
    let record = |comment: &Comment| {
        (comment.at.as_micros(), comment.actor.to_string(), comment.text.clone())
    };
    let records: Vec<(i64, String, String)> = comments.iter().map(record).collect();
    serde_json::to_string(&records).expect("numbers and texts have a JSON form")
}

fn read_comments(json: &str) -> Option<Vec<Comment>> {
    let records: Vec<(i64, String, String)> = serde_json::from_str(json).ok()?;
    let comment = |(at, actor, text): (i64, String, String)| Comment {
        at: Timestamp::from_micros(at),
        actor: Actor::parse(&actor),
        text,
    };
    Some(records.into_iter().map(comment).collect())
}

/// Notes the revision that found a known finding again; `false` when it is not known.
pub(crate) fn seen_again(db: &Connection, found: &Finding) -> rusqlite::Result<bool> {
    let known: Option<String> = db
        .prepare_cached("SELECT revision_last FROM log_findings WHERE id = ?1")?
        .query_row([found.id.0.to_be_bytes()], |row| row.get(0))
        .optional()?;
    if known.as_deref().is_some_and(|revision| revision != &*found.revision_last) {
        db.prepare_cached("UPDATE log_findings SET revision_last = ?2 WHERE id = ?1")?
            .execute(params![found.id.0.to_be_bytes(), &*found.revision_last])?;
    }
    Ok(known.is_some())
}

/// Takes a bucket for a finding; `false` when another has it.
pub(crate) fn claim_bucket(
    db: &Connection,
    bucket: &Bucket,
    finding: FindingId,
) -> rusqlite::Result<bool> {
    let taken = db
        .prepare_cached(
            "INSERT INTO log_buckets (tenant, rule, bucket, finding) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            bucket.tenant.as_str(),
            bucket.rule.as_str(),
            &*bucket.name,
            finding.0.to_be_bytes()
        ])?;
    Ok(taken == 1)
}

/// Writes a finding that is new.
pub(crate) fn insert(db: &Connection, found: &Finding) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO log_findings (id, tenant, dataset, rule, title, severity, attack,
             revision_first, revision_last, slice, from_pos, to_pos, domain, position, instant,
             found_at, late, suppressed_by, bucket, notified, state, assignee, verdict, comments,
             row, suppressed)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,
             ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?18 IS NOT NULL)",
    )?
    .execute(params![
        found.id.0.to_be_bytes(),
        found.tenant.as_str(),
        found.dataset.as_str(),
        found.rule.as_str(),
        &*found.title,
        found.severity.word(),
        write_texts(&found.attack),
        &*found.revision_first,
        &*found.revision_last,
        found.slice.0.to_be_bytes(),
        found.window.from().0,
        found.window.to().0,
        found.domain.word(),
        found.position.0,
        found.instant.as_micros(),
        found.found_at.as_micros(),
        found.late,
        found.suppressed_by.as_deref(),
        found.bucket.as_deref(),
        found.notified,
        found.triage.state.word(),
        found.triage.assignee,
        found.triage.verdict,
        write_comments(&found.triage.comments),
        rows_json::row_to_json(&found.row),
    ])?;
    Ok(())
}

/// Forgets the oldest findings, and the buckets that they were told for.
pub(crate) fn forget(db: &Connection, before: Timestamp, limit: u64) -> rusqlite::Result<usize> {
    let mut statement = db.prepare_cached(
        "DELETE FROM log_findings WHERE id IN (
             SELECT id FROM log_findings WHERE found_at < ?1 ORDER BY found_at LIMIT ?2)
         RETURNING id",
    )?;
    let read = |row: &rusqlite::Row<'_>| row.get::<_, [u8; 16]>(0);
    let gone = all(statement.query_map(params![before.as_micros(), int(limit)], read)?)?;
    for id in &gone {
        db.prepare_cached("DELETE FROM log_buckets WHERE finding = ?1")?.execute([id])?;
    }
    Ok(gone.len())
}

fn find(db: &Connection, id: FindingId) -> rusqlite::Result<Option<Finding>> {
    db.prepare_cached(&format!("SELECT {FINDING} FROM log_findings f WHERE f.id = ?1"))?
        .query_row([id.0.to_be_bytes()], read)
        .optional()
}

/// A text as a pattern of `LIKE` that finds it anywhere.
fn anywhere(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

fn filter(query: &FindingQuery) -> Filter {
    let mut filter = Filter::default();
    // One tenant or one rule is a stretch of an index in the order of lists. `+` keeps SQLite from
    // an index that is none, and would leave all that match to be sorted.
    let by_tenant = query.tenants.len() == 1;
    let by_rule = !by_tenant && query.rules.len() == 1;
    let (tenant, rule) = (
        if by_tenant { "f.tenant" } else { "+f.tenant" },
        if by_rule { "f.rule" } else { "+f.rule" },
    );
    filter.one_of(tenant, query.tenants.iter().map(TenantName::as_str));
    filter.one_of("f.dataset", query.datasets.iter().map(DatasetName::as_str));
    filter.one_of(rule, query.rules.iter().map(RuleName::as_str));
    filter.one_of("f.severity", query.severities.iter().map(|severity| severity.word()));
    filter.one_of("f.state", query.states.iter().map(|state| state.word()));
    let technique = "EXISTS (SELECT 1 FROM json_each(f.attack) WHERE value = ?)";
    filter.and_some(technique, query.attack.clone());
    filter.and_some("f.instant >= ?", query.from.map(Timestamp::as_micros));
    filter.and_some("f.instant < ?", query.to.map(Timestamp::as_micros));
    filter.and_some("f.late = ?", query.late);
    filter.and_some("f.suppressed = ?", query.suppressed);
    // `LIKE` of SQLite disregards the case of ASCII letters and of no others.
    let search = query.search.as_deref().map(anywhere);
    filter.and_some("f.row LIKE ? ESCAPE '\\'", search);
    filter
}

fn facet(
    db: &Connection,
    query: &FindingQuery,
    facet: Facet,
    limit: u64,
) -> Done<Vec<(String, u64)>> {
    let filter = filter(query);
    let (value, counted, tables) = match facet {
        Facet::Tenant => ("f.tenant", "count(*)", "log_findings f"),
        Facet::Dataset => ("f.dataset", "count(*)", "log_findings f"),
        Facet::Rule => ("f.rule", "count(*)", "log_findings f"),
        Facet::Severity => ("f.severity", "count(*)", "log_findings f"),
        Facet::State => ("f.state", "count(*)", "log_findings f"),
        Facet::Attack => {
            ("t.value", "count(DISTINCT f.id)", "log_findings f, json_each(f.attack) t")
        }
        // Down to the day also before 1970.
        Facet::Day => (
            "f.instant - (f.instant % 86400000000 + 86400000000) % 86400000000",
            "count(*)",
            "log_findings f",
        ),
    };
    let mut statement = db.prepare_cached(&format!(
        "SELECT {value}, {counted} FROM {tables}{} GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ?",
        filter.sql()
    ))?;
    let bound = [Value::from(int(limit))];
    let read = |row: &rusqlite::Row<'_>| {
        let value = if facet == Facet::Day {
            day_text(Timestamp::from_micros(row.get(0)?))
        } else {
            row.get(0)?
        };
        Ok((value, count(row.get(1)?)))
    };
    let values = filter.values().iter().chain(&bound);
    Ok(all(statement.query_map(params_from_iter(values), read)?)?)
}

fn triage(db: &Connection, id: FindingId, change: &TriageChange) -> Done<Finding> {
    let mut found = find(db, id)?.ok_or_else(|| StoreError::not_found(format!("finding {id}")))?;
    change.apply(&mut found.triage);
    db.prepare_cached(
        "UPDATE log_findings SET state = ?2, assignee = ?3, verdict = ?4, comments = ?5
         WHERE id = ?1",
    )?
    .execute(params![
        id.0.to_be_bytes(),
        found.triage.state.word(),
        found.triage.assignee,
        found.triage.verdict,
        write_comments(&found.triage.comments),
    ])?;
    Ok(found)
}

#[async_trait]
impl FindingStore for LogStore {
    async fn finding(&self, id: FindingId) -> Result<Option<Finding>, StoreError> {
        self.look_up("read a finding", |db| Ok(find(db, id)?))
    }

    async fn findings(&self, query: &FindingQuery) -> Result<Page<Finding>, StoreError> {
        let query = query.clone();
        self.search("list findings", move |db| {
            let parts = [FINDING, "log_findings f", "f.instant DESC, f.id DESC"];
            Ok(filter(&query).page(db, parts, query.paging, read)?)
        })
        .await
    }

    async fn facet(
        &self,
        query: &FindingQuery,
        by: Facet,
        limit: u64,
    ) -> Result<Vec<(String, u64)>, StoreError> {
        let query = query.clone();
        self.search("count findings", move |db| facet(db, &query, by, limit)).await
    }

    async fn triage(&self, id: FindingId, change: &TriageChange) -> Result<Finding, StoreError> {
        let change = change.clone();
        self.write("triage a finding", move |db| triage(db, id, &change)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::LOG_HUNTS;

    /// How SQLite goes about a list and its count.
    #[track_caller]
    fn check_plan(query: FindingQuery, listed: &str, counted: &str) {
        let db = Connection::open_in_memory().expect("memory");
        LOG_HUNTS.migrate(&db).expect("the schema is right");
        let filter = filter(&query);
        let plan = |sql: String| {
            let mut statement = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("right");
            let values = params_from_iter(filter.values());
            let steps = statement.query_map(values, |row| row.get(3)).expect("it runs");
            let steps: Vec<String> = steps.map(|step| step.expect("a text")).collect();
            // Findings of one moment are few.
            steps.join("; ").replace("; USE TEMP B-TREE FOR LAST TERM OF ORDER BY", "")
        };
        let (tables, conditions) = ("log_findings f", filter.sql());
        let order = "ORDER BY f.instant DESC, f.id DESC LIMIT 50";
        let list = plan(format!("SELECT {FINDING} FROM {tables}{conditions} {order}"));
        assert_eq!(list, listed);
        let count = plan(format!("SELECT count(*) FROM {tables}{conditions}"));
        assert!(count.starts_with(counted), "{count}");
    }

    #[test]
    fn lists_are_read_newest_first_from_an_index() {
        let tenant = TenantName::new("acme").expect("a name");
        let rule = RuleName::new("whoami").expect("a name");
        let newest = "SCAN f USING INDEX log_findings_newest";
        check_plan(
            FindingQuery::default(),
            newest,
            "SCAN log_findings USING COVERING INDEX log_findings_stored",
        );
        let shown = FindingQuery { suppressed: Some(false), ..FindingQuery::default() };
        check_plan(shown, newest, "SCAN f USING COVERING INDEX");
        let of_tenant = FindingQuery { tenants: vec![tenant.clone()], ..FindingQuery::default() };
        check_plan(
            of_tenant.clone(),
            "SEARCH f USING INDEX log_findings_by_tenant (tenant=?)",
            "SEARCH f USING COVERING INDEX log_findings_by_tenant (tenant=?)",
        );
        let since = FindingQuery {
            rules: vec![rule],
            from: Some(Timestamp::EPOCH),
            ..FindingQuery::default()
        };
        check_plan(
            since.clone(),
            "SEARCH f USING INDEX log_findings_by_rule (rule=? AND instant>?)",
            "SEARCH f USING COVERING INDEX log_findings_by_rule (rule=? AND instant>?)",
        );
        let narrow = FindingQuery {
            severities: vec![Severity::High],
            states: vec![FindingState::New],
            rules: since.rules.clone(),
            ..of_tenant
        };
        check_plan(
            narrow,
            "SEARCH f USING INDEX log_findings_by_tenant (tenant=?)",
            "SEARCH f USING COVERING INDEX log_findings_by_tenant (tenant=?)",
        );
        let two = vec![tenant, TenantName::new("other").expect("a name")];
        let closed = FindingQuery {
            tenants: two,
            states: vec![FindingState::Closed],
            ..FindingQuery::default()
        };
        check_plan(closed, newest, "SCAN f USING COVERING INDEX");
    }
}
