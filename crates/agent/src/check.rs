//! CheckHuntCondition on the client: evaluates client queries one after the other, each within its
//! own limits, each announced on disk before it begins.
//!
//! # Invariants
//! - **A5** a query that took the process down is answered as crashed and not evaluated again.
//! - **A6** a query that fails, runs out or hangs spoils its own answer only.

use std::sync::Arc;
use std::time::Duration;

use link::Bookmarks;
use wire::{AskedCheck, AskedQuery, Offer, OfferId, QueryAnswer};

use crate::collector::{Collector, Question, StopSign};
use crate::event;
use crate::labels::Labels;

/// How much longer than allowed a query may take to notice that its time is over.
const GRACE: Duration = Duration::from_secs(5);

/// What checks need.
#[derive(Clone)]
pub(crate) struct Checks {
    pub(crate) bookmarks: Arc<dyn Bookmarks>,
    pub(crate) collector: Arc<dyn Collector>,
    pub(crate) labels: Labels,
}

impl Checks {
    /// Evaluates all queries of a check.
    pub(crate) async fn answer(&self, check: AskedCheck, stop: StopSign) -> Vec<QueryAnswer> {
        let crashed = self.bookmarks.crashed();
        let mut answers = Vec::with_capacity(check.queries.len());
        for query in check.queries {
            if stop.is_raised() {
                break;
            }
            let (ours, gone): (Vec<OfferId>, Vec<OfferId>) =
                query.offers.iter().partition(|offer| !crashed.contains(offer));
            if !gone.is_empty() {
                let offers = gone.into_iter().map(Offer::from).collect();
                answers.push(QueryAnswer { offers, crashed: true, ..QueryAnswer::default() });
            }
            if !ours.is_empty() {
                answers.push(self.answer_one(query, ours, &stop).await);
            }
        }
        let failed = answers.iter().filter(|a| a.crashed || !a.error.is_empty()).count();
        event::check_answered(answers.len(), failed);
        answers
    }

    async fn answer_one(
        &self,
        query: AskedQuery,
        offers: Vec<OfferId>,
        stop: &StopSign,
    ) -> QueryAnswer {
        let question = Question {
            vql: query.vql,
            time_max: query.timeout,
            rows_max: query.rows_max,
            bytes_max: query.bytes_max,
            labels: self.labels.all(),
            stop: stop.clone(),
        };
        let (collector, bookmarks) = (Arc::clone(&self.collector), Arc::clone(&self.bookmarks));
        let marked = offers.clone();
        let evaluation = tokio::task::spawn_blocking(move || {
            bookmarks.begin_query(&marked).map_err(|error| {
                event::disk_failed("mark a query", &error);
                "the agent's disk failed before the query began".to_owned()
            })?;
            collector.ask(question)
        });
        let result = match tokio::time::timeout(query.timeout + GRACE, evaluation).await {
            Ok(Ok(result)) => result,
            Ok(Err(panic)) => Err(format!("the query broke down: {panic}")),
            Err(_) => {
                Err("the query did not end in time and did not react to being stopped".into())
            }
        };
        let bookmarks = Arc::clone(&self.bookmarks);
        let unmarked = tokio::task::spawn_blocking(move || bookmarks.end_query()).await;
        if let Ok(Err(error)) = unmarked {
            event::disk_failed("unmark a query", &error);
        }
        let offers = offers.into_iter().map(Offer::from).collect();
        match result {
            Ok(rows) => QueryAnswer { offers, rows, ..QueryAnswer::default() },
            Err(error) => QueryAnswer { offers, error: not_empty(error), ..QueryAnswer::default() },
        }
    }
}

/// An error without text would look like success.
fn not_empty(error: String) -> String {
    if error.is_empty() { "the query failed without saying why".to_owned() } else { error }
}
