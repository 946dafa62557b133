//! Findings: lists, facets, what people say of them.

use async_trait::async_trait;
use base::Timestamp;
use loghunt::flat::{count, int};
use loghunt::ports::{Facet, FindingQuery, FindingStore, TriageChange};
use model::log::{
    DatasetName, Domain, Finding, FindingId, FindingState, Position, RuleName, Severity, SliceId,
    TenantName, Triage,
};
use model::store::{Page, StoreError};
use tokio_postgres::Row;

use crate::PostgresLog;
use crate::columns::{Columns, clean};
use crate::failure::Done;
use crate::filter::Filter;
use crate::log_records::{comments, read_comments};
use crate::transaction::Lent;

/// The columns of a finding, in the order of [`read`].
const FINDING: &str = "f.id, f.tenant, f.dataset, f.rule, f.title, f.severity, f.attack, \
    f.revision_first, f.revision_last, f.slice, f.from_pos, f.to_pos, f.domain, f.\"position\", \
    f.instant, f.found_at, f.late, f.suppressed_by, f.bucket, f.notified, f.state, f.assignee, \
    f.verdict, f.comments, f.\"row\"";

fn read(row: &Row) -> Done<Finding> {
    let mut row = Columns::of(row);
    Ok(Finding {
        id: FindingId(row.bits()?),
        tenant: row.word("tenant", |text| TenantName::new(text).ok())?,
        dataset: row.word("dataset", |text| DatasetName::new(text).ok())?,
        rule: row.word("rule", |text| RuleName::new(text).ok())?,
        title: row.shared()?,
        severity: row.word("severity", Severity::parse)?,
        attack: row.take::<Vec<String>>()?.into(),
        revision_first: row.shared()?,
        revision_last: row.shared()?,
        slice: SliceId(row.bits()?),
        window: row.window()?,
        domain: row.word("domain", Domain::parse)?,
        position: Position(row.take()?),
        instant: row.moment()?,
        found_at: row.moment()?,
        late: row.take()?,
        suppressed_by: row.shared_or_none()?,
        bucket: row.shared_or_none()?,
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

/// A text as a pattern of `LIKE` that finds it anywhere, in lower case.
fn anywhere(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text.to_ascii_lowercase().chars() {
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
    filter.one_of("f.tenant", query.tenants.iter().map(TenantName::as_str));
    filter.one_of("f.dataset", query.datasets.iter().map(DatasetName::as_str));
    filter.one_of("f.rule", query.rules.iter().map(RuleName::as_str));
    filter.one_of("f.severity", query.severities.iter().map(|severity| severity.word()));
    filter.one_of("f.state", query.states.iter().map(|state| state.word()));
    filter.and_text("? = ANY(f.attack)", query.attack.as_deref());
    filter.and_number("f.instant >= ?", query.from.map(Timestamp::as_micros));
    filter.and_number("f.instant < ?", query.to.map(Timestamp::as_micros));
    match query.late {
        Some(true) => filter.and("f.late", []),
        Some(false) => filter.and("NOT f.late", []),
        None => {}
    }
    match query.suppressed {
        Some(true) => filter.and("f.suppressed", []),
        Some(false) => filter.and("NOT f.suppressed", []),
        None => {}
    }
    // Where texts compare by their bytes, `lower` knows the letters of ASCII only.
    let search = query.search.as_deref().map(anywhere);
    filter.and_text("lower(f.\"row\") LIKE ?", search.as_deref());
    filter
}

impl PostgresLog {
    async fn find(&self, id: FindingId) -> Done<Option<Finding>> {
        let db = self.connection().await?;
        let sql = format!("SELECT {FINDING} FROM log_findings f WHERE f.id = $1");
        let find = db.prepare_cached(&sql).await?;
        let id = id.0.to_be_bytes().to_vec();
        db.query_opt(&find, &[&id]).await?.as_ref().map(read).transpose()
    }

    async fn list(&self, query: &FindingQuery) -> Done<Page<Finding>> {
        let db = self.connection().await?;
        let parts = [FINDING, "log_findings f", "f.instant DESC, f.id DESC"];
        filter(query).page(&db, parts, query.paging, read).await
    }

    async fn count_by(
        &self,
        query: &FindingQuery,
        facet: Facet,
        limit: u64,
    ) -> Done<Vec<(String, u64)>> {
        let mut filter = filter(query);
        let tables = "log_findings f";
        let (value, counted, tables) = match facet {
            Facet::Tenant => ("f.tenant", "count(*)", tables),
            Facet::Dataset => ("f.dataset", "count(*)", tables),
            Facet::Rule => ("f.rule", "count(*)", tables),
            Facet::Severity => ("f.severity", "count(*)", tables),
            Facet::State => ("f.state", "count(*)", tables),
            Facet::Attack => (
                "t.value",
                "count(DISTINCT f.id)",
                "log_findings f CROSS JOIN LATERAL unnest(f.attack) AS t (value)",
            ),
            Facet::Day => (
                "to_char(timestamp 'epoch' + f.instant * interval '1 microsecond', 'YYYY-MM-DD') \
                 COLLATE \"C\"",
                "count(*)",
                tables,
            ),
        };
        let conditions = filter.sql();
        let limit = filter.bind(Box::new(int(limit)));
        let db = self.connection().await?;
        let sql = format!(
            "SELECT {value}, {counted} FROM {tables}{conditions} \
             GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {limit}"
        );
        let facet = db.prepare_cached(&sql).await?;
        let mut counts = Vec::new();
        for row in db.query(&facet, &filter.values()).await? {
            counts.push((row.try_get(0)?, count(row.try_get(1)?)));
        }
        Ok(counts)
    }

    async fn change(&self, id: FindingId, change: &TriageChange) -> Done<Finding> {
        let lent = Lent::new(self.connection().await?);
        let db = lent.client();
        db.batch_execute("BEGIN").await?;
        let bytes = id.0.to_be_bytes().to_vec();
        let lock = format!("SELECT {FINDING} FROM log_findings f WHERE f.id = $1 FOR UPDATE");
        let lock = lent.statement(&lock).await?;
        let Some(row) = db.query_opt(&lock, &[&bytes]).await? else {
            lent.roll_back().await?;
            return Err(StoreError::not_found(format!("finding {id}")).into());
        };
        let mut found = read(&row)?;
        change.apply(&mut found.triage);
        let Triage { state, assignee, verdict, comments: said } = &found.triage;
        let update = lent
            .statement(
                "UPDATE log_findings SET state = $2, assignee = $3, verdict = $4, comments = $5
                 WHERE id = $1",
            )
            .await?;
        let (assignee, verdict) = (assignee.as_deref().map(clean), verdict.as_deref().map(clean));
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 5] =
            [&bytes, &state.word(), &assignee, &verdict, &comments(said)];
        db.execute(&update, &values).await?;
        db.batch_execute("COMMIT").await?;
        lent.give_back();
        Ok(found)
    }
}

#[async_trait]
impl FindingStore for PostgresLog {
    async fn finding(&self, id: FindingId) -> Result<Option<Finding>, StoreError> {
        self.find(id).await.map_err(|failure| failure.while_doing("read a finding"))
    }

    async fn findings(&self, query: &FindingQuery) -> Result<Page<Finding>, StoreError> {
        self.list(query).await.map_err(|failure| failure.while_doing("list findings"))
    }

    async fn facet(
        &self,
        query: &FindingQuery,
        facet: Facet,
        limit: u64,
    ) -> Result<Vec<(String, u64)>, StoreError> {
        let counts = self.count_by(query, facet, limit).await;
        counts.map_err(|failure| failure.while_doing("count findings"))
    }

    async fn triage(&self, id: FindingId, change: &TriageChange) -> Result<Finding, StoreError> {
        self.change(id, change).await.map_err(|failure| failure.while_doing("triage a finding"))
    }
}
