//! Judging the demo's hunt: did every matching agent's rows arrive, was every other one refused with its reason,
//! do the counters equal a recount?
//!
//! Everything is read anew from the server; nothing is taken from what the demo saw while it waited.

use std::collections::BTreeMap;
use std::path::Path;

use api::{ClientView, ClientsQuery, MemberView, MembersQuery, QueueCounts, Recount, RowsQuery};
use api_client::Client;

use super::cohort::{Cohort, Role};
use crate::complaint::{Complaint, Outcome};
use crate::remote::walk;

/// What was found to be wrong, and what was looked at.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    wrong: Vec<String>,
    matching: usize,
    refused: usize,
    rows: u64,
}

/// Rows of one client, each as text, in order.
type Rows = BTreeMap<String, Vec<String>>;

/// All that the verdict rests on.
struct Evidence {
    clients: Vec<ClientView>,
    members: BTreeMap<String, MemberView>,
    rows: Rows,
    counts: QueueCounts,
    recount: Recount,
    zip: Vec<u8>,
}

/// Reads the evidence and judges it.
pub(crate) async fn judge(
    client: &Client,
    cohort: &Cohort,
    hunt: &str,
    zip: &Path,
) -> Outcome<Verdict> {
    let evidence = Evidence {
        clients: client
            .clients(&ClientsQuery { limit: Some(1000), ..Default::default() })
            .await?
            .items,
        members: members(client, hunt).await?,
        rows: rows(client, hunt).await?,
        counts: client.hunt(hunt).await?.counts,
        recount: client.hunt_recount(hunt).await?,
        zip: std::fs::read(zip).map_err(|e| Complaint::io("read", zip, &e))?,
    };
    Ok(weigh(cohort, &evidence))
}

async fn members(client: &Client, hunt: &str) -> Outcome<BTreeMap<String, MemberView>> {
    let mut found = BTreeMap::new();
    walk(
        None,
        |offset, limit| {
            let query = MembersQuery { offset: Some(offset), limit: Some(limit), ..Default::default() };
            async move { client.hunt_members(hunt, &query).await.map(|page| (page.items, page.total)) }
        },
        |member: MemberView| {
            found.insert(member.client.clone(), member);
            Ok(())
        },
    )
    .await?;
    Ok(found)
}

async fn rows(client: &Client, hunt: &str) -> Outcome<Rows> {
    let mut found: Rows = BTreeMap::new();
    walk(
        None,
        |offset, limit| {
            let query = RowsQuery { offset: Some(offset), limit: Some(limit), ..Default::default() };
            async move { client.hunt_results(hunt, &query).await.map(|page| (page.items, page.total)) }
        },
        |row: api::RowView| {
            let text = serde_json::Value::Object(row.row).to_string();
            found.entry(row.client).or_default().push(text);
            Ok(())
        },
    )
    .await?;
    for rows in found.values_mut() {
        rows.sort();
    }
    Ok(found)
}

fn weigh(cohort: &Cohort, evidence: &Evidence) -> Verdict {
    let mut verdict = Verdict::default();
    if evidence.clients.len() != cohort.len() {
        verdict.find(format!("{} clients enrolled, not {}", evidence.clients.len(), cohort.len()));
    }
    for client in &evidence.clients {
        match (Role::by_labels(&client.labels), evidence.members.get(&client.id)) {
            (None, _) => verdict.find(format!("{} has the labels {:?}", client.id, client.labels)),
            (_, None) => verdict.find(format!("{} has no member record", client.id)),
            (Some(Role::Office), Some(member)) => weigh_matching(&mut verdict, member, evidence),
            (Some(Role::Lab | Role::Spare), Some(member)) => {
                weigh_refused(&mut verdict, member, evidence)
            }
        }
    }
    weigh_rows(&mut verdict, evidence);
    weigh_counts(&mut verdict, cohort, evidence);
    let end_of_zip = evidence.zip.windows(4).any(|bytes| bytes == b"PK\x05\x06");
    if !evidence.zip.starts_with(b"PK") || !end_of_zip {
        verdict.find("the zip is not whole".into());
    }
    verdict
}

fn weigh_matching(verdict: &mut Verdict, member: &MemberView, evidence: &Evidence) {
    verdict.matching += 1;
    if member.state != "results" || member.flow.is_none() {
        let (id, state, reason) = (&member.client, &member.state, &member.reason);
        verdict.find(format!("{id} matches and is {state} ({reason}), not in results"));
    }
    if evidence.rows.get(&member.client).is_none_or(Vec::is_empty) {
        verdict.find(format!("{} matches and no row of it arrived", member.client));
    }
}

fn weigh_refused(verdict: &mut Verdict, member: &MemberView, evidence: &Evidence) {
    verdict.refused += 1;
    if member.state != "refused" || member.reason.is_empty() {
        let (id, state, reason) = (&member.client, &member.state, &member.reason);
        verdict.find(format!("{id} does not match and is {state} with the reason `{reason}`"));
    }
    if evidence.rows.contains_key(&member.client) {
        verdict.find(format!("{} was refused and has rows", member.client));
    }
}

/// All agents run on this machine, so the matching ones must have brought the same rows.
fn weigh_rows(verdict: &mut Verdict, evidence: &Evidence) {
    verdict.rows = evidence.rows.values().map(|rows| rows.len() as u64).sum();
    let mut all = evidence.rows.iter();
    let Some((first, wanted)) = all.next() else { return };
    for (client, rows) in all.filter(|(_, rows)| *rows != wanted) {
        let (many, few) = (wanted.len(), rows.len());
        verdict.find(format!("{first} brought {many} rows and {client} brought {few}, or others"));
    }
}

fn weigh_counts(verdict: &mut Verdict, cohort: &Cohort, evidence: &Evidence) {
    let matching = cohort.numbers(Role::Office).len() as u64;
    let wanted = QueueCounts {
        results: matching,
        refused: cohort.len() as u64 - matching,
        ..QueueCounts::default()
    };
    if evidence.counts != wanted {
        verdict.find(format!("the counters are {:?}, not {wanted:?}", evidence.counts));
    }
    let recount = &evidence.recount;
    if !recount.equal || recount.counters != recount.recount {
        verdict.find(format!("a recount gives {:?}, not {:?}", recount.recount, recount.counters));
    }
    if recount.rows_declared != recount.rows_stored || recount.rows_stored != verdict.rows {
        let (declared, stored) = (recount.rows_declared, recount.rows_stored);
        let read = verdict.rows;
        verdict.find(format!("{declared} rows were declared, {stored} stored, {read} read"));
    }
}

impl Verdict {
    fn find(&mut self, what: String) {
        self.wrong.push(what);
    }

    /// A line for a person.
    pub(crate) fn told(&self) -> String {
        if self.wrong.is_empty() {
            return format!(
                "checked: {} agents matched and brought {} rows, {} were refused with a reason, \
                 counters equal a recount",
                self.matching, self.rows, self.refused
            );
        }
        format!("checked: {} things are not as they must be", self.wrong.len())
    }

    /// A failure that says everything that is wrong, when something is.
    pub(crate) fn outcome(self) -> Outcome {
        if self.wrong.is_empty() {
            return Ok(());
        }
        Err(Complaint::failed(format!(
            "the hunt is not as it must be:\n  {}",
            self.wrong.join("\n  ")
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(number: u32, role: Role) -> ClientView {
        let labels = role.labels().iter().map(|label| (*label).to_owned()).collect();
        serde_json::from_value(serde_json::json!({
            "id": format!("C.{number}"), "hostname": "h", "fqdn": "h", "os": "linux", "platform": "",
            "architecture": "amd64", "agent_version": "0", "labels": Vec::<String>::clone(&labels),
            "online": true, "address": null, "first_seen": "", "last_seen": "", "revoked_at": null,
        }))
        .unwrap()
    }

    fn member(number: u32, state: &str, reason: &str) -> MemberView {
        serde_json::from_value(serde_json::json!({
            "client": format!("C.{number}"), "hostname": "h", "state": state, "reason": reason,
            "revision": 1, "attempt": 1, "flow": "F.1", "decided": "", "admitted": null, "updated": "",
        }))
        .unwrap()
    }

    fn good() -> (Cohort, Evidence) {
        let cohort = Cohort::of(5);
        let counts = QueueCounts { results: 3, refused: 2, ..QueueCounts::default() };
        let roles = [Role::Office, Role::Office, Role::Office, Role::Lab, Role::Spare];
        let members = [
            member(1, "results", ""),
            member(2, "results", ""),
            member(3, "results", ""),
            member(4, "refused", "no"),
            member(5, "refused", "no"),
        ];
        let rows = (1..=3).map(|n| (format!("C.{n}"), vec!["{\"a\":1}".to_owned()])).collect();
        let recount = Recount {
            counters: counts,
            recount: counts,
            equal: true,
            rows_declared: 3,
            rows_stored: 3,
        };
        let evidence = Evidence {
            clients: (1..).zip(roles).map(|(number, role)| client(number, role)).collect(),
            members: members.into_iter().map(|member| (member.client.clone(), member)).collect(),
            rows,
            counts,
            recount,
            zip: b"PK\x03\x04....PK\x05\x06".to_vec(),
        };
        (cohort, evidence)
    }

    #[track_caller]
    fn check(spoil: impl FnOnce(&mut Evidence), wrong: &[&str]) {
        let (cohort, mut evidence) = good();
        spoil(&mut evidence);
        assert_eq!(weigh(&cohort, &evidence).wrong, wrong);
    }

    #[test]
    fn a_good_hunt_is_found_good() {
        check(|_| {}, &[]);
    }

    #[test]
    fn each_fault_is_found() {
        check(|evidence| drop(evidence.members.remove("C.4")), &["C.4 has no member record"]);
        check(
            |evidence| evidence.members.get_mut("C.2").unwrap().state = "failed".into(),
            &["C.2 matches and is failed (), not in results"],
        );
        check(
            |evidence| evidence.members.get_mut("C.5").unwrap().reason.clear(),
            &["C.5 does not match and is refused with the reason ``"],
        );
        check(
            |evidence| evidence.rows.get_mut("C.3").unwrap().push("{\"a\":1}".into()),
            &[
                "C.1 brought 1 rows and C.3 brought 2, or others",
                "3 rows were declared, 3 stored, 4 read",
            ],
        );
        check(|evidence| evidence.zip.truncate(8), &["the zip is not whole"]);
        check(
            |evidence| evidence.recount.recount.results = 4,
            &[
                "a recount gives QueueCounts { asked: 0, refused: 2, pending: 0, running: 0, completed: 0, results: 4, failed: 0, cancelled: 0, expired: 0 }, not QueueCounts { asked: 0, refused: 2, pending: 0, running: 0, completed: 0, results: 3, failed: 0, cancelled: 0, expired: 0 }",
            ],
        );
    }
}
