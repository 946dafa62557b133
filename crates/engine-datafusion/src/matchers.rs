//! Compiled matchers, kept: the same rules are asked again with every tick, and tenants mostly have
//! the same ones. Compiling thousands of them takes longer than asking them of a small window.

use std::sync::{Arc, OnceLock};

use matcher::{Matcher, TooNested};
use parking_lot::Mutex;
use sigma::Predicate;

/// So many compiled rules are kept in all.
const RULES_MAX: usize = 50_000;

/// Matchers that were asked lately, the last one at the end.
pub(crate) struct Matchers {
    kept: Mutex<Vec<Kept>>,
    /// How many rules they may have in all.
    rules_max: usize,
}

/// A matcher is a function of its predicates, so that their text is the best of keys.
struct Kept {
    predicates: Vec<Arc<Predicate>>,
    matcher: Arc<Matcher>,
}

impl Kept {
    fn is_of(&self, predicates: &[Arc<Predicate>]) -> bool {
        let same = |(a, b): (&Arc<Predicate>, &Arc<Predicate>)| Arc::ptr_eq(a, b) || a == b;
        self.predicates.len() == predicates.len()
            && self.predicates.iter().zip(predicates).all(same)
    }
}

/// Those of this process.
pub(crate) fn matchers() -> &'static Matchers {
    static MATCHERS: OnceLock<Matchers> = OnceLock::new();
    MATCHERS.get_or_init(|| Matchers::holding(RULES_MAX))
}

impl Matchers {
    fn holding(rules_max: usize) -> Self {
        Self { kept: Mutex::default(), rules_max }
    }

    /// The matcher of these predicates, in this order.
    pub(crate) fn of(&self, predicates: Vec<Arc<Predicate>>) -> Result<Arc<Matcher>, TooNested> {
        if let Some(known) = self.known(&predicates) {
            return Ok(known);
        }
        let matcher = Arc::new(Matcher::new(predicates.iter().map(|one| &**one))?);
        let mut kept = self.kept.lock();
        kept.push(Kept { predicates, matcher: matcher.clone() });
        let mut rules: usize = kept.iter().map(|one| one.predicates.len().max(1)).sum();
        let mut gone = 0;
        while rules > self.rules_max && gone + 1 < kept.len() {
            rules -= kept[gone].predicates.len().max(1);
            gone += 1;
        }
        kept.drain(..gone);
        Ok(matcher)
    }

    fn known(&self, predicates: &[Arc<Predicate>]) -> Option<Arc<Matcher>> {
        let mut kept = self.kept.lock();
        let place = kept.iter().position(|one| one.is_of(predicates))?;
        let found = kept.remove(place);
        let matcher = found.matcher.clone();
        kept.push(found);
        Some(matcher)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(count: usize, text: &str) -> Vec<Arc<Predicate>> {
        let rule = format!(
            "title: A\nlogsource: {{category: c}}\ndetection:\n  s: {{f: {text}}}\n  condition: s\n"
        );
        let file = sigma::read_rules("a.yml", &rule);
        let predicate = file.rules.first().expect("a rule").conditions[0].clone();
        (0..count).map(|_| Arc::new(predicate.clone())).collect()
    }

    #[test]
    fn what_was_compiled_is_kept_whoever_asks_and_only_so_much_of_it() {
        let matchers = Matchers::holding(8);
        let of = |count, text| matchers.of(rules(count, text)).expect("plain rules");
        let first = of(3, "a");
        assert!(Arc::ptr_eq(&first, &of(3, "a")), "made from equal rules");
        assert!(!Arc::ptr_eq(&first, &of(3, "b")));
        assert!(!Arc::ptr_eq(&first, &of(2, "a")));
        assert!(Arc::ptr_eq(&first, &of(3, "a")), "all of them fit");
        of(5, "c");
        assert!(Arc::ptr_eq(&first, &of(3, "a")), "it was asked lately");
        assert_eq!(matchers.kept.lock().len(), 2, "the others made room");
        of(9, "d");
        assert_eq!(matchers.kept.lock().len(), 1, "one is kept, however large");
    }
}
