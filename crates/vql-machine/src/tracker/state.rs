//! The processes that are and were, from what was seen of them: the pure half of the tracker.
//!
//! Two kinds of news come in: a list of everything that runs now ([`Processes::sync`]), and single
//! starts and exits ([`Processes::apply`]). Ids are texts. The number of a process is its id as long
//! as nobody else has that number; when a process that started later is seen under the same number,
//! the older one becomes `NUMBER-START` (its start in seconds after 1970), and its children point
//! to it under that id.
//!
//! # Invariants
//!
//! - **TR-1** At most `size_max` processes are kept. Ended ones go first, the one that ended longest
//!   ago before the others; running ones never go: more of them than fit are counted, not kept.
//! - **TR-2** An ended process is forgotten `expiry` after its end, unless a running process
//!   descends from it.
//! - **TR-3** Walks over parents and children end, whatever the ids say: nothing is visited twice.
//!
//! # Not here
//!
//! Queries, threads, clocks: `tracker`. Every moment is an argument.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use rows::{Dict, Time};

/// Two starts of the same number that lie closer together are the same process: the kernel tells
/// starts in ticks since boot, and boot in seconds.
const SAME_START_NANOS: i128 = 2_000_000_000;

/// What was seen of a process.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sighting {
    /// Its number.
    pub(crate) id: String,
    /// Its parent's.
    pub(crate) parent: Option<String>,
    /// When it started.
    pub(crate) start: Option<Time>,
    /// What else is known.
    pub(crate) data: Dict,
}

/// What was known of a process before a restart.
#[derive(Debug, Clone)]
pub(crate) struct Recalled {
    pub(crate) id: String,
    pub(crate) parent: Option<String>,
    pub(crate) start: Option<Time>,
    pub(crate) end: Option<Time>,
    pub(crate) data: Dict,
}

/// A process that is tracked.
#[derive(Debug, Clone)]
pub(crate) struct Tracked {
    pub(crate) id: Arc<str>,
    pub(crate) parent: Option<Arc<str>>,
    pub(crate) start: Option<Time>,
    pub(crate) end: Option<Time>,
    pub(crate) data: Dict,
    /// When an event last told that it runs.
    heard: Option<Time>,
}

impl Tracked {
    /// The number of the process, without what tells it from others of the same number.
    pub(crate) fn number(&self) -> &str {
        number(&self.id)
    }
}

/// The number in an id.
pub(crate) fn number(id: &str) -> &str {
    id.split_once('-').map_or(id, |(number, _)| number)
}

/// News about one process.
#[derive(Debug, Clone)]
pub(crate) enum News {
    /// It has started, or runs another program now.
    Start(Sighting),
    /// It has ended.
    Exit {
        /// Its number.
        id: String,
        /// When; now, when that is not known.
        end: Option<Time>,
    },
}

/// What became different.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    Started(Tracked),
    Exited(Tracked),
}

/// How much is kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) size_max: usize,
    pub(crate) expiry: Duration,
}

/// Sizes, for whoever watches the tracker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) running: usize,
    pub(crate) ended: usize,
    /// Forgotten because they ended long ago.
    pub(crate) expired: u64,
    /// Forgotten, or never taken, because there was no room.
    pub(crate) crowded_out: u64,
}

/// The processes that are and were.
#[derive(Debug)]
pub(crate) struct Processes {
    bounds: Bounds,
    by_id: HashMap<Arc<str>, Tracked>,
    /// Ended ones, by when.
    ended: BTreeMap<(Time, Arc<str>), ()>,
    expired: u64,
    crowded_out: u64,
}

impl Processes {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self { bounds, by_id: HashMap::new(), ended: BTreeMap::new(), expired: 0, crowded_out: 0 }
    }

    /// Whether a sighting is of a process that is not known yet, so that more may be asked about it.
    pub(crate) fn is_new(&self, sighting: &Sighting) -> bool {
        match self.by_id.get(sighting.id.as_str()) {
            None => true,
            Some(known) => known.end.is_some() || started_later(sighting.start, known.start),
        }
    }

    /// Takes a list of everything that runs: what is not on it has ended, unless an event told of it
    /// since `began`, the moment before the list was made.
    pub(crate) fn sync(&mut self, list: Vec<Sighting>, began: Time, now: Time) -> Vec<Change> {
        let mut changes = Vec::new();
        let listed: HashSet<&str> = list.iter().map(|sighting| &*sighting.id).collect();
        let gone: Vec<Arc<str>> = self
            .by_id
            .values()
            .filter(|known| known.end.is_none() && known.heard.is_none_or(|heard| heard < began))
            .filter(|known| !listed.contains(&*known.id))
            .map(|known| known.id.clone())
            .collect();
        // First, so that they make room for what is new.
        for id in gone {
            self.end(&id, now, &mut changes);
        }
        for sighting in list {
            self.sight(sighting, Source::List, now, &mut changes);
        }
        self.expire(now);
        changes
    }

    /// Takes what was known before a restart. What has no end yet is ended by the next list, unless
    /// it is on it.
    pub(crate) fn recall(&mut self, old: Recalled) {
        let id: Arc<str> = Arc::from(old.id);
        if self.by_id.contains_key(&id) || !self.make_room() {
            return;
        }
        if let Some(end) = old.end {
            self.ended.insert((end, id.clone()), ());
        }
        let tracked = Tracked {
            id: id.clone(),
            parent: old.parent.map(Arc::from),
            start: old.start,
            end: old.end,
            data: old.data,
            heard: None,
        };
        self.by_id.insert(id, tracked);
    }

    /// Takes news about one process.
    pub(crate) fn apply(&mut self, news: News, now: Time) -> Vec<Change> {
        let mut changes = Vec::new();
        match news {
            News::Start(sighting) => self.sight(sighting, Source::Event, now, &mut changes),
            News::Exit { id, end } => {
                self.end(&Arc::from(id), end.unwrap_or(now), &mut changes);
            }
        }
        changes
    }

    fn sight(&mut self, seen: Sighting, source: Source, now: Time, changes: &mut Vec<Change>) {
        let id: Arc<str> = Arc::from(seen.id.as_str());
        if let Some(known) = self.by_id.get_mut(&id) {
            // An event's moment is when the process took another program, not when it began. Only a
            // list can tell that a number went to somebody else while nobody looked.
            let other = known.end.is_some()
                || (source == Source::List && started_later(seen.start, known.start));
            if !other {
                known.start = match (known.start, seen.start) {
                    (Some(known), Some(seen)) => Some(known.min(seen)),
                    (known, seen) => known.or(seen),
                };
                if known.parent.is_none() {
                    known.parent = seen.parent.map(Arc::from);
                }
                if source == Source::Event {
                    known.heard = Some(now);
                    for (name, value) in seen.data.iter() {
                        known.data.set(name.clone(), value.clone());
                    }
                    changes.push(Change::Started(known.clone()));
                }
                return;
            }
            self.make_way(&id, seen.start.unwrap_or(now), changes);
        }
        if !self.make_room() {
            self.crowded_out += 1;
            return;
        }
        let tracked = Tracked {
            id: id.clone(),
            parent: seen.parent.map(Arc::from),
            start: seen.start,
            end: None,
            data: seen.data,
            heard: (source == Source::Event).then_some(now),
        };
        changes.push(Change::Started(tracked.clone()));
        self.by_id.insert(id, tracked);
    }

    /// Another process has the number of this one: it ends, and gets an id of its own.
    fn make_way(&mut self, id: &Arc<str>, moment: Time, changes: &mut Vec<Change>) {
        self.end(id, moment, changes);
        let Some(mut old) = self.by_id.remove(id) else { return };
        let start = old.start.or(old.end).unwrap_or(moment);
        let mut new_id: Arc<str> = Arc::from(format!("{id}-{}", start.unix()));
        // Numbers go round within one second only on a machine that is under attack.
        let mut turn = 1;
        while self.by_id.contains_key(&new_id) {
            turn += 1;
            new_id = Arc::from(format!("{id}-{}-{turn}", start.unix()));
        }
        for child in self.by_id.values_mut() {
            if child.parent.as_ref() == Some(id) {
                child.parent = Some(new_id.clone());
            }
        }
        if let Some(end) = old.end {
            self.ended.remove(&(end, id.clone()));
            self.ended.insert((end, new_id.clone()), ());
        }
        old.id = new_id.clone();
        self.by_id.insert(new_id, old);
    }

    fn end(&mut self, id: &Arc<str>, moment: Time, changes: &mut Vec<Change>) {
        let Some(known) = self.by_id.get_mut(id) else { return };
        if known.end.is_none() {
            known.end = Some(moment);
            self.ended.insert((moment, known.id.clone()), ());
            changes.push(Change::Exited(known.clone()));
        }
    }

    /// Makes room for one more; false when everything that is kept is still running.
    fn make_room(&mut self) -> bool {
        while self.by_id.len() >= self.bounds.size_max {
            let Some(((_, id), ())) = self.ended.pop_first() else { return false };
            self.by_id.remove(&id);
            self.crowded_out += 1;
        }
        true
    }

    /// Forgets what ended long ago.
    pub(crate) fn expire(&mut self, now: Time) {
        let expiry = i128::try_from(self.bounds.expiry.as_nanos()).unwrap_or(i128::MAX);
        let limit = Time::from_unix_nanos(now.unix_nanos().saturating_sub(expiry));
        let old: Vec<(Time, Arc<str>)> =
            self.ended.keys().take_while(|(end, _)| *end < limit).cloned().collect();
        if old.is_empty() {
            return;
        }
        let needed = self.ancestors_of_running();
        for key in old {
            if !needed.contains(&key.1) {
                self.by_id.remove(&key.1);
                self.ended.remove(&key);
                self.expired += 1;
            }
        }
    }

    fn ancestors_of_running(&self) -> HashSet<Arc<str>> {
        let mut needed = HashSet::new();
        for running in self.by_id.values().filter(|known| known.end.is_none()) {
            let mut at = running.parent.clone();
            // What is known to be needed has had its own ancestors walked.
            while let Some(id) = at.filter(|id| needed.insert(id.clone())) {
                at = self.by_id.get(&id).and_then(|known| known.parent.clone());
            }
        }
        needed
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Tracked> {
        self.by_id.get(id)
    }

    /// The process after its ancestors, the oldest ancestor first; at most `items_max`, of which
    /// the nearest are kept.
    pub(crate) fn call_chain(&self, id: &str, items_max: usize) -> Vec<&Tracked> {
        let mut chain: Vec<&Tracked> = Vec::new();
        let mut visited = HashSet::new();
        let mut at = self.by_id.get(id);
        while let Some(known) = at {
            if chain.len() >= items_max || !visited.insert(&known.id) {
                break;
            }
            chain.push(known);
            at = known.parent.as_ref().and_then(|parent| self.by_id.get(parent));
        }
        chain.reverse();
        chain
    }

    /// The children of a process, the oldest first.
    pub(crate) fn children(&self, id: &str, items_max: usize) -> Vec<&Tracked> {
        let children = self.by_id.values().filter(|known| known.parent.as_deref() == Some(id));
        let mut children: Vec<_> = children.filter(|known| &*known.id != id).collect();
        sort(&mut children);
        children.truncate(items_max);
        children
    }

    /// Everything that is known, the oldest first.
    pub(crate) fn all(&self) -> Vec<&Tracked> {
        let mut all: Vec<_> = self.by_id.values().collect();
        sort(&mut all);
        all
    }

    /// Ids of the children of everything, each list the oldest first.
    pub(crate) fn family(&self) -> HashMap<&str, Vec<&Tracked>> {
        let mut family: HashMap<&str, Vec<&Tracked>> = HashMap::new();
        for known in self.all() {
            if let Some(parent) = &known.parent
                && *parent != known.id
            {
                family.entry(parent).or_default().push(known);
            }
        }
        family
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts {
            running: self.by_id.len() - self.ended.len(),
            ended: self.ended.len(),
            expired: self.expired,
            crowded_out: self.crowded_out,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    List,
    Event,
}

fn started_later(seen: Option<Time>, known: Option<Time>) -> bool {
    match (seen, known) {
        (Some(seen), Some(known)) => seen.unix_nanos() - known.unix_nanos() > SAME_START_NANOS,
        _ => false,
    }
}

fn sort(list: &mut [&Tracked]) {
    let place = |known: &Tracked| known.number().parse::<i64>().unwrap_or(i64::MAX);
    list.sort_by(|a, b| (a.start, place(a), &a.id).cmp(&(b.start, place(b), &b.id)));
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    const SOON: Bounds = Bounds { size_max: 100, expiry: Duration::from_secs(60) };

    fn at(seconds: i64) -> Time {
        Time::from_unix(seconds, 0)
    }

    fn seen(id: &str, parent: &str, start: i64) -> Sighting {
        let parent = (!parent.is_empty()).then(|| parent.to_owned());
        let data = Dict::new().with("Name", format!("n{id}"));
        Sighting { id: id.to_owned(), parent, start: Some(at(start)), data }
    }

    fn list(processes: &mut Processes, list: &[(&str, &str, i64)], now: i64) -> Vec<Change> {
        let list = list.iter().map(|(id, parent, start)| seen(id, parent, *start)).collect();
        processes.sync(list, at(now), at(now))
    }

    fn exit(processes: &mut Processes, id: &str, end: i64) -> Vec<Change> {
        processes.apply(News::Exit { id: id.to_owned(), end: Some(at(end)) }, at(end))
    }

    fn ids(list: Vec<&Tracked>) -> String {
        list.iter().map(|known| &*known.id).collect::<Vec<_>>().join(" ")
    }

    fn shown(processes: &Processes) -> String {
        let line = |known: &&Tracked| {
            let parent = known.parent.as_deref().unwrap_or("-");
            let end = known.end.map_or("running".to_owned(), |end| format!("..{}", end.unix()));
            format!("{} <{parent} {} {end}", known.id, known.start.map_or(0, Time::unix))
        };
        processes.all().iter().map(line).collect::<Vec<_>>().join("\n")
    }

    fn check(processes: &Processes, wanted: Expect) {
        wanted.assert_eq(&shown(processes));
    }

    #[test]
    fn what_is_missing_from_a_list_has_ended() {
        let mut processes = Processes::new(SOON);
        assert_eq!(
            list(&mut processes, &[("1", "0", 10), ("5", "1", 20), ("6", "5", 30)], 100).len(),
            3
        );
        assert_eq!(list(&mut processes, &[("1", "0", 10), ("6", "1", 30)], 110).len(), 1);
        // The parent that has ended is still the parent.
        check(
            &processes,
            expect![[r#"
            1 <0 10 running
            5 <1 20 ..110
            6 <5 30 running"#]],
        );
        assert_eq!(ids(processes.call_chain("6", 10)), "1 5 6");
        assert_eq!(ids(processes.call_chain("6", 2)), "5 6");
        assert_eq!(ids(processes.children("1", 10)), "5");
    }

    #[test]
    fn a_number_that_is_used_again_is_another_process() {
        let mut processes = Processes::new(SOON);
        list(&mut processes, &[("1", "0", 10), ("5", "1", 20), ("6", "5", 30)], 100);
        list(
            &mut processes,
            &[("1", "0", 10), ("5", "1", 105), ("6", "1", 30), ("7", "5", 106)],
            110,
        );
        check(
            &processes,
            expect![[r#"
            1 <0 10 running
            5-20 <1 20 ..105
            6 <5-20 30 running
            5 <1 105 running
            7 <5 106 running"#]],
        );
        assert_eq!(ids(processes.call_chain("6", 10)), "1 5-20 6");
        assert_eq!(ids(processes.call_chain("7", 10)), "1 5 7");
        assert_eq!(processes.get("5-20").unwrap().number(), "5");
    }

    #[test]
    fn a_start_that_is_told_less_precisely_is_the_same_process() {
        let mut processes = Processes::new(SOON);
        list(&mut processes, &[("5", "1", 20)], 100);
        assert!(list(&mut processes, &[("5", "1", 21)], 101).is_empty());
        // An event tells when the program was started; the list knows when the process was.
        processes.apply(News::Start(seen("5", "1", 90)), at(102));
        assert!(list(&mut processes, &[("5", "1", 20)], 103).is_empty());
        check(&processes, expect!["5 <1 20 running"]);
    }

    #[test]
    fn exits_and_starts_are_told_apart() {
        let mut processes = Processes::new(SOON);
        processes.apply(News::Start(seen("5", "1", 20)), at(20));
        assert!(exit(&mut processes, "99", 20).is_empty());
        assert_eq!(exit(&mut processes, "5", 21).len(), 1);
        assert!(exit(&mut processes, "5", 22).is_empty());
        // Within the same second, but after an exit: another process.
        processes.apply(News::Start(seen("5", "2", 21)), at(21));
        exit(&mut processes, "5", 21);
        processes.apply(News::Start(seen("5", "3", 21)), at(21));
        exit(&mut processes, "5", 21);
        processes.apply(News::Start(seen("5", "4", 21)), at(21));
        check(
            &processes,
            expect![[r#"
            5-20 <1 20 ..21
            5 <4 21 running
            5-21 <2 21 ..21
            5-21-2 <3 21 ..21"#]],
        );
    }

    #[test]
    fn what_started_while_a_list_was_made_has_not_ended() {
        let mut processes = Processes::new(SOON);
        list(&mut processes, &[("1", "0", 10)], 99);
        processes.apply(News::Start(seen("5", "1", 100)), at(100));
        processes.sync(vec![seen("1", "0", 10)], at(100), at(101));
        check(
            &processes,
            expect![[r#"
            1 <0 10 running
            5 <1 100 running"#]],
        );
    }

    #[test]
    fn ended_processes_expire_unless_somebody_descends_from_them() {
        let mut processes = Processes::new(SOON);
        list(&mut processes, &[("1", "0", 1), ("2", "1", 2), ("3", "2", 3), ("4", "1", 4)], 10);
        list(&mut processes, &[("1", "0", 1), ("3", "1", 3)], 20);
        list(&mut processes, &[("1", "0", 1), ("3", "1", 3)], 81);
        check(
            &processes,
            expect![[r#"
            1 <0 1 running
            2 <1 2 ..20
            3 <2 3 running"#]],
        );
        assert_eq!(processes.counts(), Counts { running: 2, ended: 1, expired: 1, crowded_out: 0 });
        list(&mut processes, &[("1", "0", 1)], 82);
        list(&mut processes, &[("1", "0", 1)], 200);
        check(&processes, expect!["1 <0 1 running"]);
    }

    #[test]
    fn there_is_room_for_so_many() {
        let mut processes = Processes::new(Bounds { size_max: 3, ..SOON });
        list(&mut processes, &[("1", "0", 1), ("2", "1", 2), ("3", "1", 3)], 10);
        list(&mut processes, &[("1", "0", 1), ("3", "1", 3), ("4", "1", 4), ("5", "1", 5)], 11);
        // 2 has made room for one of the two.
        check(
            &processes,
            expect![[r#"
            1 <0 1 running
            3 <1 3 running
            4 <1 4 running"#]],
        );
        assert_eq!(processes.counts().crowded_out, 2);
    }

    #[test]
    fn a_ring_of_parents_ends() {
        let mut processes = Processes::new(SOON);
        list(&mut processes, &[("1", "2", 1), ("2", "1", 2), ("3", "3", 3)], 10);
        assert_eq!(ids(processes.call_chain("1", 10)), "2 1");
        assert_eq!(ids(processes.call_chain("3", 10)), "3");
        assert_eq!(ids(processes.children("3", 10)), "");
        processes.expire(at(1_000));
    }

    proptest::proptest! {
        #[test]
        fn any_news_keep_the_counts_right(
            news in proptest::collection::vec((0_u8..6, 0_u8..4, 0_i64..20, proptest::bool::ANY), 0..80),
        ) {
            let mut processes = Processes::new(Bounds { size_max: 5, expiry: Duration::from_secs(3) });
            for (at_step, (id, parent, moment, start)) in news.into_iter().enumerate() {
                let now = at(i64::try_from(at_step).unwrap() + moment);
                if start {
                    processes.apply(News::Start(seen(&id.to_string(), &parent.to_string(), moment)), now);
                } else {
                    processes.sync(vec![seen(&id.to_string(), &parent.to_string(), moment)], now, now);
                }
                let counts = processes.counts();
                proptest::prop_assert!(counts.running + counts.ended <= 5);
                let ended = processes.all().iter().filter(|known| known.end.is_some()).count();
                proptest::prop_assert_eq!(ended, counts.ended);
                for known in processes.all() {
                    processes.call_chain(&known.id, usize::MAX);
                }
            }
        }
    }
}
