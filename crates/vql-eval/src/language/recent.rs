//! A map that forgets: the oldest entries when there are too many, and those past their age.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use base::Timestamp;
use rows::Text;

/// Entries by key, in the order in which they were put in.
pub(super) struct Recent<V> {
    entries: HashMap<Text, Entry<V>>,
    order: BTreeMap<u64, Text>,
    next: u64,
    size_max: usize,
}

struct Entry<V> {
    value: V,
    since: Timestamp,
    place: u64,
}

impl<V> Recent<V> {
    pub(super) fn new(size_max: usize) -> Self {
        Self { entries: HashMap::new(), order: BTreeMap::new(), next: 0, size_max: size_max.max(1) }
    }

    /// What is kept under `key`, when it is not older than `age_max`.
    pub(super) fn get(&self, key: &Text, now: Timestamp, age_max: Option<Duration>) -> Option<&V> {
        let entry = self.entries.get(key)?;
        let fresh = age_max.is_none_or(|age_max| now.since(entry.since) < age_max);
        fresh.then_some(&entry.value)
    }

    /// Keeps a value, as the newest. Returns what it replaces or pushes out.
    pub(super) fn put(&mut self, key: Text, value: V, now: Timestamp) -> Vec<V> {
        let mut gone = Vec::new();
        gone.extend(self.remove(&key));
        while self.entries.len() >= self.size_max
            && let Some((_, oldest)) = self.order.pop_first()
        {
            gone.extend(self.entries.remove(&oldest).map(|entry| entry.value));
        }
        self.order.insert(self.next, key.clone());
        self.entries.insert(key, Entry { value, since: now, place: self.next });
        self.next += 1;
        gone
    }

    /// Makes an entry the newest.
    pub(super) fn touch(&mut self, key: &Text) {
        if let Some(entry) = self.entries.get_mut(key) {
            self.order.remove(&entry.place);
            self.order.insert(self.next, key.clone());
            entry.place = self.next;
            self.next += 1;
        }
    }

    fn remove(&mut self, key: &Text) -> Option<V> {
        let entry = self.entries.remove(key)?;
        self.order.remove(&entry.place);
        Some(entry.value)
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Keys and values, the oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Text, &V)> {
        self.order.values().filter_map(|key| Some((key, &self.entries.get(key)?.value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten_and_what_is_looked_at_stays() {
        let now = Timestamp::from_secs(100);
        let mut recent = Recent::new(2);
        let key = |name: &str| Text::from(name);
        assert!(recent.put(key("a"), 1, now).is_empty());
        assert!(recent.put(key("b"), 2, now).is_empty());
        recent.touch(&key("a"));
        assert_eq!(recent.put(key("c"), 3, now), [2]);
        assert_eq!(recent.get(&key("a"), now, None), Some(&1));
        assert_eq!(recent.get(&key("b"), now, None), None);
        assert_eq!(recent.put(key("a"), 4, now), [1]);
        assert_eq!(recent.iter().map(|(_, value)| *value).collect::<Vec<_>>(), [3, 4]);
        let later = Timestamp::from_secs(160);
        assert_eq!(recent.get(&key("a"), later, Some(Duration::from_secs(60))), None);
    }
}
