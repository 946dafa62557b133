//! What the other nodes are to be told. Gathered by name, so that what is told twice costs once and
//! what waits is bounded by what there is.

use std::collections::BTreeSet;
use std::time::Duration;

use base::{ClientId, FlowId};
use fleet::nodes::{Displaced, Move, News, Touch};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::agents::hall::Tell;

/// Records that people look at are told together after this time.
pub(crate) const TOUCHED_AFTER: Duration = Duration::from_millis(200);
/// Flows and clients that are told one by one; beyond it people's screens are told to fetch again.
const SINGLE_MAX: usize = 200;

/// What waits to be announced.
pub(crate) struct Outbox {
    /// Nobody is told anything where there is no other node.
    several: bool,
    waiting: Mutex<Waiting>,
    /// Something urgent waits.
    pub(crate) urgent: Notify,
    /// Something waits that people look at.
    pub(crate) touched: Notify,
}

#[derive(Default)]
struct Waiting {
    hunts: bool,
    manage: bool,
    monitoring: bool,
    tools: bool,
    flows: BTreeSet<ClientId>,
    cancelled: BTreeSet<(ClientId, FlowId)>,
    changed: BTreeSet<ClientId>,
    revoked: BTreeSet<ClientId>,
    displaced: Vec<Displaced>,
    moves: Vec<Move>,
    touched: BTreeSet<Touch>,
    touched_much: bool,
}

impl Outbox {
    pub(crate) fn new(several: bool) -> Self {
        let (urgent, touched) = (Notify::new(), Notify::new());
        Self { several, waiting: Mutex::default(), urgent, touched }
    }

    fn put(&self, change: impl FnOnce(&mut Waiting)) {
        if self.several {
            change(&mut self.waiting.lock());
            self.urgent.notify_one();
        }
    }

    /// The hunts have changed.
    pub(crate) fn hunts(&self) {
        self.put(|waiting| waiting.hunts = true);
    }

    /// The hunt manager, wherever it is, may have something to do.
    pub(crate) fn manage(&self) {
        self.put(|waiting| waiting.manage = true);
    }

    /// Something else is monitored.
    pub(crate) fn monitoring(&self) {
        self.put(|waiting| waiting.monitoring = true);
    }

    /// Other tools are kept.
    pub(crate) fn tools(&self) {
        self.put(|waiting| waiting.tools = true);
    }

    /// A client that is not connected here is to be told something.
    pub(crate) fn tell(&self, client: ClientId, what: &Tell) {
        self.put(|waiting| {
            match what {
                Tell::Flow(_) => waiting.flows.insert(client),
                Tell::Cancel(flow) => waiting.cancelled.insert((client, *flow)),
                Tell::Recheck { .. } => waiting.changed.insert(client),
                Tell::Revoked => waiting.revoked.insert(client),
            };
        });
    }

    /// Whatever waits for a client may have been told to a session that was over.
    pub(crate) fn tell_again(&self, client: ClientId) {
        self.put(|waiting| {
            waiting.flows.insert(client);
            waiting.changed.insert(client);
        });
    }

    /// Somebody came to this node or left it.
    pub(crate) fn moved(&self, step: Move) {
        self.put(|waiting| waiting.moves.push(step));
    }

    /// These sessions of other nodes are over.
    pub(crate) fn displaced(&self, sessions: Vec<Displaced>) {
        self.put(|waiting| waiting.displaced.extend(sessions));
    }

    /// Somebody may be looking at this.
    pub(crate) fn touch(&self, touched: Touch) {
        if !self.several {
            return;
        }
        let mut waiting = self.waiting.lock();
        let single = matches!(touched, Touch::Flow(_) | Touch::Client(_));
        if single && waiting.touched.len() >= SINGLE_MAX {
            waiting.touched_much = true;
        } else {
            waiting.touched.insert(touched);
        }
        drop(waiting);
        self.touched.notify_one();
    }

    /// Who came and went since the last time.
    pub(crate) fn take_moves(&self) -> Vec<Move> {
        std::mem::take(&mut self.waiting.lock().moves)
    }

    /// These could not be noted; they are to come before what came since.
    pub(crate) fn put_moves_back(&self, mut moves: Vec<Move>) {
        let mut waiting = self.waiting.lock();
        moves.append(&mut waiting.moves);
        waiting.moves = moves;
    }

    /// What waits urgently. Removed by [`Outbox::told`] only.
    pub(crate) fn urgent_news(&self) -> Vec<News> {
        let waiting = self.waiting.lock();
        let mut news = Vec::new();
        let mut single = |is: bool, what: News| news.extend(is.then_some(what));
        single(waiting.hunts, News::Hunts);
        single(waiting.monitoring, News::Monitoring);
        single(waiting.tools, News::Tools);
        single(waiting.manage, News::Manage);
        let all = |set: &BTreeSet<ClientId>| set.iter().copied().collect::<Vec<_>>();
        let mut many = |clients: Vec<ClientId>, what: fn(Vec<ClientId>) -> News| {
            if !clients.is_empty() {
                news.push(what(clients));
            }
        };
        many(all(&waiting.revoked), News::Revoked);
        many(all(&waiting.changed), News::Changed);
        many(all(&waiting.flows), News::Waiting);
        if !waiting.cancelled.is_empty() {
            news.push(News::Cancelled(waiting.cancelled.iter().copied().collect()));
        }
        if !waiting.displaced.is_empty() {
            news.push(News::Displaced(waiting.displaced.clone()));
        }
        news
    }

    /// These were told. What came meanwhile stays.
    pub(crate) fn told(&self, news: &[News]) {
        let mut waiting = self.waiting.lock();
        for told in news {
            match told {
                News::Hunts => waiting.hunts = false,
                News::Monitoring => waiting.monitoring = false,
                News::Tools => waiting.tools = false,
                News::Manage => waiting.manage = false,
                News::Revoked(clients) => remove(&mut waiting.revoked, clients),
                News::Changed(clients) => remove(&mut waiting.changed, clients),
                News::Waiting(clients) => remove(&mut waiting.flows, clients),
                News::Cancelled(flows) => {
                    for flow in flows {
                        waiting.cancelled.remove(flow);
                    }
                }
                News::Displaced(sessions) => {
                    waiting.displaced.drain(..sessions.len());
                }
                News::Came(_) | News::Left(_) | News::Touched(_) | News::TouchedMuch => {}
            }
        }
    }

    /// What people look at. It is not told again when that fails: they look again.
    pub(crate) fn take_touched(&self) -> Vec<News> {
        let mut waiting = self.waiting.lock();
        let mut news = Vec::new();
        if std::mem::take(&mut waiting.touched_much) {
            news.push(News::TouchedMuch);
        }
        if !waiting.touched.is_empty() {
            news.push(News::Touched(std::mem::take(&mut waiting.touched).into_iter().collect()));
        }
        news
    }
}

fn remove(set: &mut BTreeSet<ClientId>, told: &[ClientId]) {
    for client in told {
        set.remove(client);
    }
}

#[cfg(test)]
mod tests {
    use base::HuntId;

    use super::*;

    #[test]
    fn the_only_node_tells_nobody() {
        let outbox = Outbox::new(false);
        outbox.hunts();
        outbox.touch(Touch::Log);
        outbox.moved(Move::Left(ClientId::from_bits(1), base::SessionId::from_bits(1)));
        assert!(outbox.urgent_news().is_empty() && outbox.take_touched().is_empty());
        assert!(outbox.take_moves().is_empty());
    }

    #[test]
    fn what_comes_while_something_is_told_is_told_next() {
        let outbox = Outbox::new(true);
        let [one, two] = [1, 2].map(ClientId::from_bits);
        outbox.hunts();
        outbox.tell(one, &Tell::Revoked);
        let told = outbox.urgent_news();
        assert_eq!(told, [News::Hunts, News::Revoked(vec![one])]);
        outbox.tell(two, &Tell::Revoked);
        assert_eq!(outbox.urgent_news()[1], News::Revoked(vec![one, two]), "nothing was told yet");
        outbox.told(&told);
        assert_eq!(outbox.urgent_news(), [News::Revoked(vec![two])]);
    }

    #[test]
    fn a_flood_of_touches_becomes_one_word() {
        let outbox = Outbox::new(true);
        for number in 0..10_000 {
            outbox.touch(Touch::Flow(FlowId::from_bits(number)));
        }
        outbox.touch(Touch::Hunt(HuntId::from_bits(1)));
        let news = outbox.take_touched();
        assert_eq!(news[0], News::TouchedMuch);
        assert!(matches!(&news[1], News::Touched(single) if single.len() == SINGLE_MAX + 1));
        assert!(outbox.take_touched().is_empty());
    }
}
