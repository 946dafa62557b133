//! Does this client belong? The rules over the server's own record, and the port of the VQL
//! condition.
//!
//! Include and exclude are decided before any query is sent to the client. An exclusion always
//! wins, whatever else is asked for. Labels match whole, letter case counts, in estimates as in
//! recruitment.

use async_trait::async_trait;
use model::client::Client;
use model::hunt::{Condition, Filter, Hunt};
use model::member::Refusal;

/// Evaluates the server's VQL condition of a hunt. Implemented by the server over its evaluator.
///
/// # Contract
///
/// - The query sees `rows` (one row for each of `rows`) and `client` (the server's own facts).
///   Columns of incoming rows that are named `client` or `rows`, or like a LET of the query, are
///   dropped and logged.
/// - Only functions that need no permission, within limits of time and memory.
/// - Never called for a hunt without a server condition.
#[async_trait]
pub trait ConditionJudge: Send + Sync {
    /// Whether the condition gives a row. The error says what failed or which limit was reached.
    async fn judge(&self, hunt: &Hunt, client: &Client, rows: &[String]) -> Result<bool, String>;
}

/// Decides by the server's own record. The error is what a person reads.
pub fn decide_by_record(condition: &Condition, client: &Client) -> Result<(), Refusal> {
    let excluded = |why: String| Err(Refusal::Excluded(why));
    let exclude = &condition.exclude;
    if let Some(label) = exclude.labels.iter().find(|label| client.labels.contains(*label)) {
        return excluded(format!("has the label `{label}`"));
    }
    if exclude.os.as_ref().is_some_and(|os| same_os(os, client)) {
        return excluded(format!("its system is {}", client.facts.os));
    }
    if exclude.clients.contains(&client.id) {
        return excluded("is named in the exclusions".to_owned());
    }
    let include = &condition.include;
    if !include.labels.is_empty() && include.labels.is_disjoint(&client.labels) {
        return excluded("has none of the labels asked for".to_owned());
    }
    if let Some(os) = include.os.as_ref().filter(|os| !same_os(os, client)) {
        return excluded(format!("its system is {}, not {os}", client.facts.os));
    }
    if !include.clients.is_empty() && !include.clients.contains(&client.id) {
        return excluded("is not among the clients named".to_owned());
    }
    Ok(())
}

/// Whether what the server knows of a client may decide by itself.
pub(crate) fn asks_the_record(condition: &Condition) -> bool {
    let Condition { include, exclude, .. } = condition;
    *include != Filter::default() || *exclude != Filter::default()
}

fn same_os(os: &str, client: &Client) -> bool {
    os.eq_ignore_ascii_case(&client.facts.os)
}

/// Decides a client's answer to the client query.
///
/// `answer` holds the rows, or why there are none to judge.
pub async fn decide_by_answer(
    judge: &dyn ConditionJudge,
    hunt: &Hunt,
    client: &Client,
    answer: Result<&[String], Refusal>,
) -> Result<(), Refusal> {
    decide_by_record(&hunt.spec.condition, client)?;
    let rows = answer?;
    if rows.is_empty() {
        return Err(Refusal::NoRows);
    }
    if hunt.spec.condition.server.trim().is_empty() {
        return Ok(());
    }
    match judge.judge(hunt, client, rows).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(Refusal::ConditionFalse),
        Err(why) => Err(Refusal::ConditionFailed(why)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::ClientId;
    use model::hunt::Filter;

    fn client(labels: &[&str], os: &str) -> Client {
        let mut client = crate::examples::example_client(1);
        client.labels = labels.iter().map(|label| (*label).to_owned()).collect();
        client.facts.os = os.to_owned();
        client
    }

    fn labels(labels: &[&str]) -> Filter {
        Filter {
            labels: labels.iter().map(|label| (*label).to_owned()).collect(),
            ..Filter::default()
        }
    }

    #[track_caller]
    fn check(condition: &Condition, client: &Client, answer: &str) {
        let said = match decide_by_record(condition, client) {
            Ok(()) => "belongs".to_owned(),
            Err(refusal) => refusal.detail().to_owned(),
        };
        assert_eq!(said, answer);
    }

    #[test]
    fn an_exclusion_holds_also_when_a_system_is_asked_for() {
        let include = Filter { os: Some("linux".into()), ..Filter::default() };
        let condition = Condition { include, exclude: labels(&["db"]), ..Condition::default() };
        check(&condition, &client(&["db"], "linux"), "has the label `db`");
        check(&condition, &client(&["web"], "linux"), "belongs");
        check(&condition, &client(&["web"], "windows"), "its system is windows, not linux");
    }

    #[test]
    fn labels_match_whole() {
        let condition = Condition { include: labels(&["web"]), ..Condition::default() };
        check(&condition, &client(&["web-old"], "linux"), "has none of the labels asked for");
        check(&condition, &client(&["a", "web"], "linux"), "belongs");
    }

    #[test]
    fn a_list_of_clients_is_kept_to() {
        let clients = [ClientId::from_bits(9)].into();
        let include = Filter { clients, ..Filter::default() };
        let condition = Condition { include, ..Condition::default() };
        check(&condition, &client(&[], "linux"), "is not among the clients named");
    }
}
