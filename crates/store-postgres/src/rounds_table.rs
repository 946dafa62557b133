//! Revisions and rounds of hunts.

use base::HuntId;
use hunts::ports::Round;
use model::hunt::HuntRevision;
use model::store::{Page, Paging, StoreError};
use records::read_spec;
use tokio_postgres::Row;

use crate::RecordStore;
use crate::columns::Columns;
use crate::filter::Filter;
use crate::members_write::read_sums;
use crate::transaction::Question;
use crate::values::{Id, one};

impl RecordStore {
    /// All revisions of a hunt, oldest first.
    pub(crate) async fn list_revisions(&self, id: HuntId) -> Result<Vec<HuntRevision>, StoreError> {
        let sql = "SELECT revision, at, by, spec FROM hunt_revisions WHERE hunt = $1
            ORDER BY revision";
        let list = Question::new(sql, vec![one(Id(id.bits()))]);
        let read = |row: &Row| {
            let mut row = Columns::of(row);
            Ok(HuntRevision {
                revision: row.small()?,
                at: row.moment()?,
                by: row.actor()?,
                spec: row.word("spec of a revision", |json| read_spec(json).ok())?,
            })
        };
        self.read("read a hunt's revisions", |db| async move {
            list.rows(&db).await?.iter().map(read).collect()
        })
        .await
    }

    /// The rounds of a hunt, oldest first, a page of them.
    pub(crate) async fn list_rounds(
        &self,
        id: HuntId,
        paging: Paging,
    ) -> Result<Page<Round>, StoreError> {
        let mut filter = Filter::default();
        filter.and("r.hunt = ?", [one(Id(id.bits()))]);
        let columns = "n.q0, n.q1, n.q2, n.q3, n.q4, n.q5, n.q6, n.q7, r.round, r.tick";
        let read = |row: &Row| {
            let mut row = Columns::of(row);
            let counts = read_sums(&mut row)?;
            Ok(Round { counts, round: row.small()?, tick: row.moment()? })
        };
        self.read("list a hunt's rounds", |db| async move {
            filter.page(&db, [columns, ROUNDS, "r.round"], paging, read).await
        })
        .await
    }
}

/// Rounds with the sums of each.
const ROUNDS: &str = "rounds r CROSS JOIN LATERAL (
    SELECT coalesce(sum(c.q0), 0)::bigint AS q0, coalesce(sum(c.q1), 0)::bigint AS q1,
        coalesce(sum(c.q2), 0)::bigint AS q2, coalesce(sum(c.q3), 0)::bigint AS q3,
        coalesce(sum(c.q4), 0)::bigint AS q4, coalesce(sum(c.q5), 0)::bigint AS q5,
        coalesce(sum(c.q6), 0)::bigint AS q6, coalesce(sum(c.q7), 0)::bigint AS q7
    FROM member_counts c WHERE c.hunt = r.hunt AND c.round = r.round) n";
