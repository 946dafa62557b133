//! How calls of the record ports become transactions.

use std::time::Duration;

use deadpool_postgres::Object;
use model::store::StoreError;

use crate::RecordStore;
use crate::failure::{Done, Failure};
use crate::transaction::{Lent, Question};

/// How often a transaction is begun again when it met another.
const TRIES: u32 = 20;

/// How long a caller waits for a transaction, with everything: connection, locks, commit.
const STEP_MAX: Duration = Duration::from_secs(60);

/// How long a caller waits for an answer that may have to look at much.
const SEARCH_MAX: Duration = Duration::from_secs(180);

async fn within<T>(limit: Duration, work: impl Future<Output = Done<T>>) -> Done<T> {
    tokio::time::timeout(limit, work).await.unwrap_or(Err(Failure::Late))
}

/// Whether the same transaction, begun again, may well succeed.
fn may_help(failure: &Failure) -> bool {
    failure.met_another() || failure.is_dead()
}

impl RecordStore {
    /// Runs a transaction; it is begun again when it met another.
    pub(crate) async fn step<T, F: Future<Output = Done<T>>>(
        &self,
        doing: &'static str,
        mut attempt: impl FnMut(Lent) -> F,
    ) -> Result<T, StoreError> {
        let work = async {
            let mut tries = 1;
            loop {
                let lent = Lent::new(self.connection().await?);
                match attempt(lent).await {
                    Err(failure) if may_help(&failure) && tries < TRIES => tries += 1,
                    outcome => return outcome,
                }
            }
        };
        within(STEP_MAX, work).await.map_err(|failure| failure.while_doing(doing))
    }

    /// Writes by one statement, which is its own transaction; the answer is how many records it
    /// touched.
    pub(crate) async fn write_one(
        &self,
        doing: &'static str,
        write: Question,
    ) -> Result<u64, StoreError> {
        let write = &write;
        self.step(doing, |lent| async move {
            let touched = lent.execute(write).await?;
            lent.give_back();
            Ok(touched)
        })
        .await
    }

    /// Reads.
    pub(crate) async fn read<T, F: Future<Output = Done<T>>>(
        &self,
        doing: &'static str,
        work: impl FnOnce(Object) -> F,
    ) -> Result<T, StoreError> {
        let work = async { work(self.connection().await?).await };
        within(SEARCH_MAX, work).await.map_err(|failure| failure.while_doing(doing))
    }
}
