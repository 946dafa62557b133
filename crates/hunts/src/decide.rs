//! Turns one client's answers to a check into decisions.
//!
//! # Invariants
//!
//! - Everything that was asked is decided: a question that is left out refuses its own hunt.
//! - An answer under a superseded condition is not decided; a newer offer will ask again.

use model::client::Client;
use model::member::Refusal;

use crate::asked::Asked;
use crate::condition::{ConditionJudge, decide_by_answer};
use crate::foreman::{Foreman, Offer};
use crate::ports::{Decision, MemberKey};

/// What one client query gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryAnswer {
    /// Whom it answers.
    pub offers: Vec<Offer>,
    /// Its rows, JSON objects, or why there are none.
    pub rows: Result<Vec<String>, QueryFailure>,
}

/// Why a client query gave no rows to judge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueryFailure {
    /// It failed or ran out of a limit; the text says how.
    Failed(String),
    /// The agent died while it evaluated the query.
    Crashed,
}

/// Longest text of a client that is kept in a reason.
const REASON_CHARS_MAX: usize = 500;

/// Decides everything that was asked and is still open in `foreman`.
///
/// `recheck` is the mark under which the client says it polled; it never counts for more than the
/// record's own.
pub async fn decide_answers(
    judge: &dyn ConditionJudge,
    foreman: &Foreman,
    client: &Client,
    asked: &Asked,
    answers: &[QueryAnswer],
    recheck: u64,
) -> Vec<Decision> {
    let mut decisions = Vec::with_capacity(asked.offers.len());
    for offer in &asked.offers {
        let Some(hunt) = foreman.recruiting(offer.hunt) else { continue };
        let open = hunt.round == offer.round
            && offer.revision >= hunt.condition_revision
            && hunt.org == client.org;
        if !open {
            continue;
        }
        let answer = rows_for(*offer, answers);
        let verdict = decide_by_answer(judge, hunt, client, answer).await;
        decisions.push(Decision {
            key: MemberKey { hunt: hunt.id, round: hunt.round, client: client.id },
            revision: offer.revision,
            recheck: recheck.min(client.recheck),
            verdict,
        });
    }
    decisions
}

fn rows_for(offer: Offer, answers: &[QueryAnswer]) -> Result<&[String], Refusal> {
    let Some(answer) = answers.iter().find(|answer| answer.offers.contains(&offer)) else {
        return Err(Refusal::ClientQueryFailed("the agent left the question out".to_owned()));
    };
    match &answer.rows {
        Ok(rows) => Ok(rows),
        Err(QueryFailure::Crashed) => Err(Refusal::CheckCrashed),
        Err(QueryFailure::Failed(text)) => {
            let shown = text.chars().take(REASON_CHARS_MAX).collect();
            Err(Refusal::ClientQueryFailed(shown))
        }
    }
}
