//! Knows the active hunts, in memory, ordered by offer; tells a polling client which of them are
//! newer than the one it was last through with.
//!
//! Pure. A poll compares two numbers: no record of the client is read for it. The server makes a new
//! foreman whenever a hunt changes.
//!
//! # Invariants
//!
//! - **E1** a snapshot's maximum never lies above an offer of a recruiting hunt that is not in it.
//! - **E5** what is sent to a client holds client queries and ids, never a name or a server
//!   condition.

use std::collections::BTreeMap;

use base::HuntId;
use model::client::Client;
use model::hunt::{Hunt, OfferSeq};
use model::org::OrgId;

use crate::condition::{asks_the_record, decide_by_record};
use crate::ports::{ActiveHunts, Decision, MemberKey};

/// The active hunts, by offer.
#[derive(Clone, Debug, Default)]
pub struct Foreman {
    /// Those that recruit, oldest offer first.
    recruiting: Vec<Hunt>,
    newest: OfferSeq,
}

/// Names one offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offer {
    /// Which hunt.
    pub hunt: HuntId,
    /// Which round.
    pub round: u32,
    /// Which revision.
    pub revision: u32,
}

/// One client query with all the hunts that share it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientQuery {
    /// VQL.
    pub vql: String,
    /// Who wants to know, oldest offer first.
    pub offers: Vec<Offer>,
}

/// What a polling client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is through with everything.
    UpToDate,
    /// It is told of these.
    Newer(Newer),
}

/// The offers that are new to a client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Newer {
    /// The cursor that the client may keep when all of this is decided.
    pub snapshot: OfferSeq,
    /// What to ask the client; may be empty.
    pub queries: Vec<ClientQuery>,
    /// What the server's own record decides without asking.
    pub decided: Vec<Decision>,
}

impl Foreman {
    /// A foreman for these hunts.
    pub fn new(active: ActiveHunts) -> Self {
        let mut recruiting: Vec<Hunt> = active
            .hunts
            .into_iter()
            .map(|summary| summary.hunt)
            .filter(|hunt| hunt.state.recruits())
            .collect();
        recruiting.sort_by_key(|hunt| (hunt.offer, hunt.id));
        let last = recruiting.last().map_or(OfferSeq::default(), |hunt| hunt.offer);
        Self { recruiting, newest: active.newest.max(last) }
    }

    /// The newest offer. A client with this cursor needs nothing.
    pub fn newest(&self) -> OfferSeq {
        self.newest
    }

    /// Whether a client with this cursor needs nothing: the whole cost of an idle poll.
    pub fn is_up_to_date(&self, cursor: OfferSeq) -> bool {
        cursor == self.newest
    }

    /// Whether a client claims to know more than we do. Then this foreman is behind, and should be
    /// made again from the store; if that does not help, the client is wrong and its cursor counts
    /// as 0.
    pub fn is_behind(&self, cursor: OfferSeq) -> bool {
        cursor > self.newest
    }

    /// The recruiting hunt with this id.
    pub fn recruiting(&self, id: HuntId) -> Option<&Hunt> {
        self.recruiting.iter().find(|hunt| hunt.id == id)
    }

    /// What is newer than `cursor` for this client.
    pub fn newer(&self, cursor: OfferSeq, client: &Client) -> Answer {
        if self.is_up_to_date(cursor) {
            return Answer::UpToDate;
        }
        Answer::Newer(self.gather(cursor, &client.org, |hunt| {
            let refusal = decide_by_record(&hunt.spec.condition, client).err()?;
            Some(Decision {
                key: MemberKey { hunt: hunt.id, round: hunt.round, client: client.id },
                revision: hunt.revision,
                recheck: client.recheck,
                verdict: Err(refusal),
            })
        }))
    }

    /// What is newer than `cursor` for every client of a tenant, whatever its record says. `None` when
    /// that depends on its record.
    pub fn newer_for_all(&self, cursor: OfferSeq, org: &OrgId) -> Option<Newer> {
        let for_all = |hunt: &Hunt| !asks_the_record(&hunt.spec.condition);
        self.offered(cursor, org).all(for_all).then(|| self.gather(cursor, org, |_| None))
    }

    fn offered(&self, cursor: OfferSeq, org: &OrgId) -> impl Iterator<Item = &Hunt> {
        let cursor = if self.is_behind(cursor) { OfferSeq::default() } else { cursor };
        let first = self.recruiting.partition_point(|hunt| hunt.offer <= cursor);
        self.recruiting[first..].iter().filter(move |hunt| hunt.org == *org)
    }

    /// All that is newer; hunts that the record decides are not asked about.
    fn gather(
        &self,
        cursor: OfferSeq,
        org: &OrgId,
        by_record: impl Fn(&Hunt) -> Option<Decision>,
    ) -> Newer {
        let mut newer = Newer { snapshot: self.newest, ..Newer::default() };
        let mut queries: BTreeMap<&str, usize> = BTreeMap::new();
        for hunt in self.offered(cursor, org) {
            if let Some(decision) = by_record(hunt) {
                newer.decided.push(decision);
                continue;
            }
            let vql = hunt.spec.condition.client.as_str();
            let at = *queries.entry(vql).or_insert_with(|| {
                newer.queries.push(ClientQuery { vql: vql.to_owned(), offers: Vec::new() });
                newer.queries.len() - 1
            });
            newer.queries[at].offers.push(offer_of(hunt));
        }
        newer
    }
}

/// The name of a hunt's present offer.
pub fn offer_of(hunt: &Hunt) -> Offer {
    Offer { hunt: hunt.id, round: hunt.round, revision: hunt.revision }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::examples::{example_client, example_hunt};
    use crate::ports::HuntSummary;
    use model::hunt::{HuntState, QueueCounts};

    fn hunt(id: u128, offer: u64) -> Hunt {
        Hunt { state: HuntState::Running, offer: OfferSeq(offer), ..example_hunt(id) }
    }

    fn foreman(hunts: Vec<Hunt>, newest: u64) -> Foreman {
        let counts = QueueCounts::default();
        let hunts = hunts
            .into_iter()
            .map(|hunt| HuntSummary { hunt, counts, progress: Default::default() })
            .collect();
        Foreman::new(ActiveHunts { hunts, newest: OfferSeq(newest) })
    }

    fn offered(foreman: &Foreman, cursor: u64) -> Vec<u128> {
        match foreman.newer(OfferSeq(cursor), &example_client(1)) {
            Answer::UpToDate => Vec::new(),
            Answer::Newer(newer) => {
                let offers = newer.queries.iter().flat_map(|query| &query.offers);
                offers.map(|offer| offer.hunt.bits()).collect()
            }
        }
    }

    #[test]
    fn only_what_is_newer_is_offered() {
        let foreman = foreman(vec![hunt(1, 10), hunt(2, 20)], 20);
        assert_eq!(offered(&foreman, 0), [1, 2]);
        assert_eq!(offered(&foreman, 10), [2]);
        assert_eq!(foreman.newer(OfferSeq(20), &example_client(1)), Answer::UpToDate);
    }

    #[test]
    fn two_hunts_with_one_offer_are_both_offered() {
        assert_eq!(offered(&foreman(vec![hunt(1, 10), hunt(2, 10)], 10), 9), [1, 2]);
    }

    #[test]
    fn a_cursor_from_the_future_counts_as_none() {
        let foreman = foreman(vec![hunt(1, 10)], 10);
        assert!(foreman.is_behind(OfferSeq(11)));
        assert_eq!(offered(&foreman, 11), [1]);
    }

    #[test]
    fn a_hunt_that_is_over_still_counts_for_the_snapshot() {
        let foreman = foreman(vec![hunt(1, 10)], 30);
        let Answer::Newer(newer) = foreman.newer(OfferSeq(20), &example_client(1)) else {
            panic!("the cursor may move on to 30");
        };
        assert_eq!((newer.snapshot, newer.queries.len()), (OfferSeq(30), 0));
    }

    #[test]
    fn hunts_that_ask_the_same_share_one_query() {
        let mut other = hunt(3, 30);
        other.spec.condition.client = "SELECT 1 FROM scope()".into();
        let foreman = foreman(vec![hunt(1, 10), other, hunt(2, 20)], 30);
        let Answer::Newer(newer) = foreman.newer(OfferSeq(0), &example_client(1)) else {
            panic!("there are newer offers");
        };
        assert_eq!(newer.queries.len(), 2);
        assert_eq!(newer.queries[0].offers.len(), 2);
    }

    #[test]
    fn an_excluded_client_is_decided_without_being_asked() {
        let mut hunt = hunt(1, 10);
        hunt.spec.condition.exclude.clients.insert(example_client(1).id);
        let Answer::Newer(newer) = foreman(vec![hunt], 10).newer(OfferSeq(0), &example_client(1))
        else {
            panic!("there is a newer offer");
        };
        assert!(newer.queries.is_empty());
        assert_eq!(newer.decided.len(), 1);
    }

    #[test]
    fn what_the_record_may_decide_is_not_offered_to_all() {
        let client = example_client(1);
        let (plain, mut choosy) = (hunt(1, 10), hunt(2, 20));
        choosy.spec.condition.include.os = Some("linux".into());
        let both = foreman(vec![plain.clone(), choosy], 20);
        assert_eq!(both.newer_for_all(OfferSeq(9), &client.org), None);
        assert_eq!(both.newer_for_all(OfferSeq(10), &client.org), None);
        let none = Newer { snapshot: OfferSeq(20), ..Newer::default() };
        assert_eq!(both.newer_for_all(OfferSeq(20), &client.org), Some(none));
        let one = foreman(vec![plain], 10);
        let newer = one.newer_for_all(OfferSeq(9), &client.org);
        assert_eq!(newer.map(Answer::Newer), Some(one.newer(OfferSeq(9), &client)));
    }

    #[test]
    fn what_is_sent_names_no_hunt_and_no_server_condition() {
        let mut secret = hunt(1, 10);
        secret.spec.name = "looking for MALLORY".into();
        secret.spec.condition.server = "SELECT * FROM rows WHERE Fqdn = 'MALLORY'".into();
        let answer = foreman(vec![secret], 10).newer(OfferSeq(0), &example_client(1));
        assert!(!format!("{answer:?}").contains("MALLORY"));
    }
}
