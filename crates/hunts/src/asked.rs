//! Who was asked and has not answered yet. In memory only: after a restart clients poll again.
//!
//! An answer is taken only for what was asked in this session: an agent that leaves a question out
//! is refused for it, and one that answers what it was not asked is ignored.

use std::collections::BTreeMap;

use base::{ClientId, HuntId};
use model::hunt::OfferSeq;

use crate::foreman::{Newer, Offer};

/// A question that is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Names the check in its answer.
    pub check: u64,
    /// The cursor that the client may keep when it is answered.
    pub snapshot: OfferSeq,
    /// All that was asked.
    pub offers: Vec<Offer>,
}

/// All questions that are under way; at most one for each client.
#[derive(Debug, Default)]
pub struct AskedLedger {
    clients: BTreeMap<ClientId, Asked>,
    by_hunt: BTreeMap<HuntId, u64>,
    last_check: u64,
}

impl AskedLedger {
    /// Nobody was asked.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes that `client` is asked what is new to it, in place of what it was asked before. Returns
    /// the name of the check.
    pub fn ask(&mut self, client: ClientId, newer: &Newer) -> u64 {
        self.forget(client);
        self.last_check += 1;
        let offers: Vec<Offer> =
            newer.queries.iter().flat_map(|query| query.offers.iter().copied()).collect();
        for offer in &offers {
            *self.by_hunt.entry(offer.hunt).or_default() += 1;
        }
        let check = self.last_check;
        self.clients.insert(client, Asked { check, snapshot: newer.snapshot, offers });
        check
    }

    /// What `client` was asked under this name, while it is under way.
    pub fn find(&self, client: ClientId, check: u64) -> Option<&Asked> {
        self.clients.get(&client).filter(|asked| asked.check == check)
    }

    /// Whether a question to `client` is under way.
    pub fn has(&self, client: ClientId) -> bool {
        self.clients.contains_key(&client)
    }

    /// Ends the question of `client`: it was answered, or its session has ended.
    pub fn forget(&mut self, client: ClientId) {
        for offer in self.clients.remove(&client).into_iter().flat_map(|asked| asked.offers) {
            if let Some(count) = self.by_hunt.get_mut(&offer.hunt) {
                *count -= 1;
                if *count == 0 {
                    self.by_hunt.remove(&offer.hunt);
                }
            }
        }
    }

    /// How many clients were asked for each hunt and have not answered.
    pub fn counts(&self) -> Vec<(HuntId, u64)> {
        self.by_hunt.iter().map(|(hunt, count)| (*hunt, *count)).collect()
    }

    /// How many clients were asked for this hunt and have not answered.
    pub fn count(&self, hunt: HuntId) -> u64 {
        self.by_hunt.get(&hunt).copied().unwrap_or(0)
    }

    /// Whether this client was asked for this hunt and has not answered.
    pub fn is_asked(&self, client: ClientId, hunt: HuntId) -> bool {
        self.clients
            .get(&client)
            .is_some_and(|asked| asked.offers.iter().any(|offer| offer.hunt == hunt))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::foreman::ClientQuery;

    #[test]
    fn a_new_question_replaces_the_old_one() {
        let (client, hunt) = (ClientId::from_bits(1), HuntId::from_bits(1));
        let offers = vec![Offer { hunt, round: 1, revision: 1 }];
        let newer = Newer {
            snapshot: OfferSeq(5),
            queries: vec![ClientQuery { vql: String::new(), offers }],
            decided: Vec::new(),
        };
        let mut ledger = AskedLedger::new();
        let first = ledger.ask(client, &newer);
        let second = ledger.ask(client, &newer);
        assert_eq!(ledger.count(hunt), 1);
        assert!(ledger.find(client, first).is_none() && ledger.find(client, second).is_some());
        ledger.forget(client);
        ledger.forget(client);
        assert_eq!(ledger.count(hunt), 0);
    }
}
