//! The clues of all rules, found in one pass over a column.

use std::collections::HashMap;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use rows::{Name, Text, Value};
use sigma::{Anchor, Number, Predicate, Sight};

use crate::view::View;

/// Which rules are worth asking when a clue is seen.
pub struct Index {
    /// One for each field in which something is looked for; `None` stands for all texts.
    pub fields: Vec<(Option<Name>, Clues)>,
    /// Rules without a clue: they are always asked.
    pub always: Vec<u32>,
}

/// What is looked for in one field.
#[derive(Default)]
pub struct Clues {
    automaton: Option<AhoCorasick>,
    /// By pattern of the automaton.
    found: Vec<Vec<(u32, Anchor)>>,
    /// By the whole text.
    whole: HashMap<Text, Vec<u32>>,
    numbers: HashMap<i64, Vec<u32>>,
}

/// Rules by slot of a view.
pub struct Candidates {
    rules: Vec<u32>,
    /// Where in `rules` each slot ends.
    ends: Vec<u32>,
}

#[derive(Default)]
struct Wanted {
    texts: indexmap::IndexMap<Text, Vec<(u32, Anchor)>>,
    whole: HashMap<Text, Vec<u32>>,
    numbers: HashMap<i64, Vec<u32>>,
}

impl Index {
    /// Chooses the clues of each predicate.
    pub fn new<'p>(predicates: impl IntoIterator<Item = &'p Predicate>) -> Self {
        let mut wanted: indexmap::IndexMap<Option<Name>, Wanted> = indexmap::IndexMap::new();
        let mut always = Vec::new();
        for (rule, predicate) in (0..).zip(predicates) {
            let Some(witness) = sigma::witness(predicate) else {
                always.push(rule);
                continue;
            };
            for clue in witness.any {
                let of_field = wanted.entry(clue.field).or_default();
                match clue.sight {
                    Sight::Text { literal, anchor: Anchor::Whole } => {
                        of_field.whole.entry(literal).or_default().push(rule);
                    }
                    Sight::Text { literal, anchor } => {
                        of_field.texts.entry(literal).or_default().push((rule, anchor));
                    }
                    Sight::Number(number) => of_field.numbers.entry(number).or_default().push(rule),
                }
            }
        }
        let fields = wanted.into_iter().map(|(field, wanted)| (field, Clues::of(wanted))).collect();
        Self { fields, always }
    }
}

impl Clues {
    fn of(wanted: Wanted) -> Self {
        let Wanted { texts, whole, numbers } = wanted;
        let (literals, found): (Vec<Text>, Vec<_>) = texts.into_iter().unzip();
        let built = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(literals.iter().map(|text| text.as_bytes()));
        let mut clues = Self { automaton: None, found, whole, numbers };
        match built {
            _ if literals.is_empty() => {}
            Ok(automaton) => clues.automaton = Some(automaton),
            // Too many for one automaton: every text is worth asking all of them.
            Err(_) => {
                let everybody = std::mem::take(&mut clues.found).into_iter().flatten();
                clues.found = vec![everybody.collect()];
            }
        }
        clues
    }

    /// The rules whose clue is in a slot, for all slots. `rules` is how many rules there are.
    pub fn candidates(&self, view: &View, rules: usize) -> Candidates {
        let mut found = Candidates { rules: Vec::new(), ends: Vec::with_capacity(view.len()) };
        let mut last_slot: Vec<u32> = vec![u32::MAX; rules];
        for slot in (0..).take(view.len()) {
            let mut note = |rule: u32| {
                if last_slot[rule as usize] != slot {
                    last_slot[rule as usize] = slot;
                    found.rules.push(rule);
                }
            };
            if !self.found.is_empty() || !self.whole.is_empty() {
                view.any_folded(slot, |text| {
                    self.in_text(text, &mut note);
                    false
                });
            }
            if !self.numbers.is_empty() {
                view.with_values(slot, |values| {
                    let numbers = values.iter().filter_map(number);
                    let rules = numbers.filter_map(|number| self.numbers.get(&number));
                    rules.flatten().for_each(|rule| note(*rule));
                });
            }
            found.ends.push(u32::try_from(found.rules.len()).unwrap_or(u32::MAX));
        }
        found
    }

    fn in_text(&self, text: &[u8], note: &mut impl FnMut(u32)) {
        self.whole.get(text).into_iter().flatten().for_each(|rule| note(*rule));
        let Some(automaton) = &self.automaton else {
            return self.found.iter().flatten().for_each(|(rule, _)| note(*rule));
        };
        for seen in automaton.find_overlapping_iter(text) {
            for (rule, anchor) in &self.found[seen.pattern().as_usize()] {
                let holds = match anchor {
                    Anchor::Start => seen.start() == 0,
                    Anchor::End => seen.end() == text.len(),
                    Anchor::Whole => seen.start() == 0 && seen.end() == text.len(),
                    Anchor::Anywhere => true,
                };
                if holds {
                    note(*rule);
                }
            }
        }
    }
}

impl Candidates {
    /// The rules of a slot, each once.
    pub fn of(&self, slot: u32) -> &[u32] {
        let slot = slot as usize;
        let start = slot.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.rules[start as usize..self.ends[slot] as usize]
    }
}

/// The whole number that a value is or spells.
fn number(value: &Value) -> Option<i64> {
    let number = match value {
        Value::Int(number) => Number::Int(*number),
        Value::Float(number) => Number::Float(*number),
        Value::Text(text) => Number::parse(text.as_str()?)?,
        _ => return None,
    };
    match number {
        Number::Int(number) => Some(number),
        // Clues are small enough to be doubles.
        Number::Float(number) if number.fract() == 0.0 => Some(number as i64),
        Number::Float(_) => None,
    }
}
