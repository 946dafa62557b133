//! Many predicates, asked of one record after the other.
//!
//! Tests that occur in several predicates are one test. A field is looked up at most once per
//! record, its text is folded once, and all literals that rules look for in it are found in one
//! pass. Fields in which some rule has its witness are searched first: only predicates of which the
//! record has a clue, and those that have no witness, are asked at all. Everything else is done only
//! when a predicate gets as far as asking for it. Nothing is done for each test or rule of the set.

use std::collections::HashMap;

use rows::{Name, Text, Value};

use crate::literals::Literals;
use crate::modifier::compile;
use crate::predicate::{Anchor, Number, Predicate, Test, TextTest};
use crate::record::Fields;
use crate::text::{TextPattern, fold_into};
use crate::values::{number, other_field, satisfy};
use crate::witness::{Clue, Sight, witness};

/// Predicates, compiled together.
pub struct RuleSet {
    subjects: Vec<Subject>,
    tests: Vec<Compiled>,
    predicates: Vec<Plan>,
    /// Predicates that every record is asked.
    always: Vec<usize>,
    /// Subjects in which there are clues.
    watched: Vec<usize>,
}

/// What belongs to one record while it is asked; kept to be used again.
#[derive(Default)]
pub struct Scratch {
    /// Counts records, so that nothing must be wiped out between them.
    round: u64,
    subjects: Vec<Seen>,
    outcomes: Vec<Outcome>,
    /// In which round a predicate was last found worth asking.
    woken: Vec<u64>,
    candidates: Vec<usize>,
}

/// Whether a test holds, as far as it is known in its round.
#[derive(Clone, Copy, Default)]
struct Outcome {
    round: u64,
    holds: bool,
}

/// A field, or all texts of the record, and the literals that are looked for in it.
struct Subject {
    /// `None` stands for all texts.
    field: Option<Name>,
    folded: Literals,
    cased: Literals,
    /// Predicates that a number in the field makes worth asking.
    numbers: HashMap<i64, Vec<usize>>,
}

/// One test of one subject.
struct Compiled {
    subject: usize,
    body: Body,
    /// Predicates that this makes worth asking when it holds.
    wakes: Vec<usize>,
}

enum Body {
    /// Found by the literals of its subject.
    Literal,
    Pattern(TextTest),
    Regex(Box<regex::bytes::Regex>),
    Other {
        test: Test,
        field: usize,
    },
    Value(Test),
    Never,
}

/// A predicate over the numbers of tests.
enum Plan {
    And(Vec<Plan>),
    Or(Vec<Plan>),
    Not(Box<Plan>),
    AtLeast(usize, Vec<Plan>),
    Test(usize),
}

/// A subject of the record at hand.
#[derive(Default)]
struct Seen {
    /// The rounds in which it was looked up and searched.
    loaded: u64,
    scanned: u64,
    values: Vec<Value>,
    texts: Vec<Text>,
    /// Room for a text in lower case.
    lower: Vec<u8>,
}

impl RuleSet {
    /// Compiles predicates; they are known by their place from now on.
    pub fn new<'p>(predicates: impl IntoIterator<Item = &'p Predicate>) -> Self {
        let mut builder = Builder::default();
        let mut always = Vec::new();
        let mut plans = Vec::new();
        for (place, predicate) in predicates.into_iter().enumerate() {
            plans.push(builder.plan(predicate));
            match witness(predicate) {
                Some(found) => found.any.iter().for_each(|clue| builder.watch(clue, place)),
                None => always.push(place),
            }
        }
        let Builder { mut subjects, tests, .. } = builder;
        for subject in &mut subjects {
            subject.folded.build();
            subject.cased.build();
        }
        let mut watched: Vec<usize> = (0..subjects.len())
            .filter(|at| {
                let of = |literals: &Literals| {
                    literals.tests.iter().any(|test| !tests[*test].wakes.is_empty())
                };
                !subjects[*at].numbers.is_empty()
                    || of(&subjects[*at].folded)
                    || of(&subjects[*at].cased)
            })
            .collect();
        // All texts of a record last: they are the most work.
        watched.sort_by_key(|at| subjects[*at].field.is_none());
        Self { subjects, tests, predicates: plans, always, watched }
    }

    /// How many predicates there are.
    pub fn len(&self) -> usize {
        self.predicates.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.predicates.is_empty()
    }

    /// The places of the predicates that the record satisfies, ascending.
    pub fn matching(&self, record: &dyn Fields, scratch: &mut Scratch, hits: &mut Vec<usize>) {
        hits.clear();
        scratch.begin(self);
        let mut question = Question { set: self, record, scratch };
        for subject in &self.watched {
            question.look_for_clues(*subject);
        }
        let mut candidates = std::mem::take(&mut question.scratch.candidates);
        candidates.sort_unstable();
        for place in &candidates {
            if question.holds(&self.predicates[*place]) {
                hits.push(*place);
            }
        }
        scratch.candidates = candidates;
    }
}

impl Scratch {
    fn begin(&mut self, set: &RuleSet) {
        self.round += 1;
        self.outcomes.resize(set.tests.len(), Outcome::default());
        self.woken.resize(set.predicates.len(), 0);
        self.subjects.resize_with(set.subjects.len(), Seen::default);
        self.candidates.clear();
        self.candidates.extend(&set.always);
    }
}

#[derive(Default)]
struct Builder {
    subjects: Vec<Subject>,
    by_name: HashMap<Option<Name>, usize>,
    tests: Vec<Compiled>,
    by_test: HashMap<(usize, String), usize>,
}

impl Builder {
    fn plan(&mut self, predicate: &Predicate) -> Plan {
        let mut plans = |of: &[Predicate]| -> Vec<Plan> {
            let mut plans: Vec<Plan> = of.iter().map(|one| self.plan(one)).collect();
            // What costs least is asked first; the order has no other meaning.
            plans.sort_by_key(|plan| self.cost(plan));
            plans
        };
        match predicate {
            Predicate::And(of) => Plan::And(plans(of)),
            Predicate::Or(of) => Plan::Or(plans(of)),
            Predicate::AtLeast { count, of } => Plan::AtLeast(*count, plans(of)),
            Predicate::Not(inner) => Plan::Not(Box::new(self.plan(inner))),
            Predicate::Field { field, test } => {
                let subject = self.subject(Some(field.clone()));
                Plan::Test(self.test(subject, test))
            }
            Predicate::Keyword(test) => {
                let subject = self.subject(None);
                Plan::Test(self.test(subject, test))
            }
        }
    }

    fn cost(&self, plan: &Plan) -> u32 {
        match plan {
            Plan::Test(test) => {
                let compiled = &self.tests[*test];
                let all_texts = self.subjects[compiled.subject].field.is_none();
                let own = match &compiled.body {
                    Body::Value(_) | Body::Never => 1,
                    Body::Literal => 2,
                    Body::Other { .. } | Body::Pattern(_) => 4,
                    Body::Regex(_) => 8,
                };
                own + if all_texts { 100 } else { 0 }
            }
            Plan::Not(inner) => self.cost(inner) + 1,
            Plan::And(of) | Plan::Or(of) | Plan::AtLeast(_, of) => {
                of.iter().map(|one| self.cost(one)).max().unwrap_or(0) + 2
            }
        }
    }

    fn subject(&mut self, field: Option<Name>) -> usize {
        *self.by_name.entry(field).or_insert_with_key(|field| {
            self.subjects.push(Subject {
                field: field.clone(),
                folded: Literals::default(),
                cased: Literals::default(),
                numbers: HashMap::new(),
            });
            self.subjects.len() - 1
        })
    }

    fn test(&mut self, subject: usize, test: &Test) -> usize {
        let key = (subject, format!("{test:?}"));
        if let Some(known) = self.by_test.get(&key) {
            return *known;
        }
        let number = self.tests.len();
        let body = self.body(subject, number, test);
        self.tests.push(Compiled { subject, body, wakes: Vec::new() });
        self.by_test.insert(key, number);
        number
    }

    /// A clue makes a predicate worth asking.
    fn watch(&mut self, clue: &Clue, predicate: usize) {
        let subject = self.subject(clue.field.clone());
        let wakes = match &clue.sight {
            // All texts of a record have no numbers; a number is found there by its spelling.
            Sight::Number(number) => self.subjects[subject].numbers.entry(*number).or_default(),
            Sight::Text { literal, anchor } => {
                let literal = literal.clone();
                let pattern = match anchor {
                    Anchor::Whole => TextPattern::Equals(literal),
                    Anchor::Start => TextPattern::StartsWith(literal),
                    Anchor::End => TextPattern::EndsWith(literal),
                    Anchor::Anywhere => TextPattern::Contains(literal),
                };
                let test = self.test(subject, &Test::Text(TextTest { pattern, cased: false }));
                &mut self.tests[test].wakes
            }
        };
        if wakes.last() != Some(&predicate) {
            wakes.push(predicate);
        }
    }

    fn body(&mut self, subject: usize, number: usize, test: &Test) -> Body {
        match test {
            Test::Text(text) => {
                let pattern = if text.cased { text.pattern.clone() } else { text.pattern.folded() };
                let owner = &mut self.subjects[subject];
                let literals = if text.cased { &mut owner.cased } else { &mut owner.folded };
                if literals.take(&pattern, number) {
                    Body::Literal
                } else {
                    Body::Pattern(TextTest { pattern, cased: text.cased })
                }
            }
            Test::Regex { .. } => match compile(test) {
                Some(Ok(regex)) => Body::Regex(Box::new(regex)),
                // Refused when the rule was read; a tree made by hand finds nothing.
                _ => Body::Never,
            },
            Test::OtherField { field, .. } => {
                Body::Other { test: test.clone(), field: self.subject(Some(field.clone())) }
            }
            other => Body::Value(other.clone()),
        }
    }
}

/// One record and what has been found out about it.
struct Question<'q> {
    set: &'q RuleSet,
    record: &'q dyn Fields,
    scratch: &'q mut Scratch,
}

impl Question<'_> {
    fn holds(&mut self, plan: &Plan) -> bool {
        match plan {
            Plan::And(of) => of.iter().all(|one| self.holds(one)),
            Plan::Or(of) => of.iter().any(|one| self.holds(one)),
            Plan::Not(inner) => !self.holds(inner),
            Plan::AtLeast(count, of) => {
                let mut left = *count;
                left == 0
                    || of.iter().any(|one| {
                        left -= usize::from(self.holds(one));
                        left == 0
                    })
            }
            Plan::Test(test) => self.test(*test),
        }
    }

    fn test(&mut self, test: usize) -> bool {
        let known = self.scratch.outcomes[test];
        if known.round == self.scratch.round {
            return known.holds;
        }
        let compiled = &self.set.tests[test];
        self.load(compiled.subject);
        let outcome = match &compiled.body {
            Body::Literal => {
                self.scan(compiled.subject);
                let found = self.scratch.outcomes[test];
                // What was not found in the pass is not there.
                found.round == self.scratch.round && found.holds
            }
            Body::Never => false,
            Body::Pattern(wanted) => {
                let mut folded = Vec::new();
                self.seen(compiled.subject).texts.iter().any(|text| {
                    if wanted.cased {
                        return wanted.pattern.matches(text);
                    }
                    folded.clear();
                    fold_into(text, &mut folded);
                    wanted.pattern.matches(&folded)
                })
            }
            Body::Regex(regex) => {
                self.seen(compiled.subject).texts.iter().any(|text| regex.is_match(text))
            }
            Body::Other { test, field } => {
                self.load(*field);
                other_field(test, &self.seen(compiled.subject).texts, &self.seen(*field).texts)
            }
            Body::Value(test) => satisfy(&self.seen(compiled.subject).values, test),
        };
        self.scratch.outcomes[test] = Outcome { round: self.scratch.round, holds: outcome };
        outcome
    }

    fn seen(&self, subject: usize) -> &Seen {
        &self.scratch.subjects[subject]
    }

    /// Searches a subject, and notes the predicates that what is found makes worth asking.
    fn look_for_clues(&mut self, subject: usize) {
        self.load(subject);
        self.scan(subject);
        let numbers = &self.set.subjects[subject].numbers;
        if numbers.is_empty() {
            return;
        }
        let Scratch { subjects, woken, candidates, round, .. } = &mut *self.scratch;
        for value in &subjects[subject].values {
            let whole = match number(value) {
                Some(Number::Int(whole)) => whole,
                Some(Number::Float(number)) if number.fract() == 0.0 => number as i64,
                _ => continue,
            };
            for predicate in numbers.get(&whole).into_iter().flatten() {
                wake(*predicate, *round, woken, candidates);
            }
        }
    }

    /// Looks the subject up, once per record.
    fn load(&mut self, subject: usize) {
        let round = self.scratch.round;
        let seen = &mut self.scratch.subjects[subject];
        if seen.loaded == round {
            return;
        }
        seen.loaded = round;
        seen.values.clear();
        seen.texts.clear();
        let texts = &mut seen.texts;
        match &self.set.subjects[subject].field {
            None => self.record.each_text(&mut |text| texts.push(Text::from(text))),
            Some(name) => {
                match self.record.field(name) {
                    None | Some(Value::Null) => {}
                    Some(Value::Array(values)) => {
                        seen.values.extend(values.iter().filter(|one| !one.is_null()).cloned());
                    }
                    Some(value) => seen.values.push(value),
                }
                for value in &seen.values {
                    match value {
                        Value::Text(text) => texts.push(text.clone()),
                        other => texts.push(other.to_text()),
                    }
                }
            }
        }
    }

    /// Finds all literals in the subject, once per record.
    fn scan(&mut self, subject: usize) {
        let Scratch { subjects, outcomes, woken, candidates, round, .. } = &mut *self.scratch;
        let (round, seen) = (*round, &mut subjects[subject]);
        if seen.scanned == round {
            return;
        }
        seen.scanned = round;
        let Subject { folded, cased, .. } = &self.set.subjects[subject];
        let tests = &self.set.tests;
        let mut note = |test: usize| {
            let outcome = &mut outcomes[test];
            if outcome.round == round && outcome.holds {
                return;
            }
            *outcome = Outcome { round, holds: true };
            for predicate in &tests[test].wakes {
                wake(*predicate, round, woken, candidates);
            }
        };
        let lower = &mut seen.lower;
        for text in &seen.texts {
            if !folded.tests.is_empty() {
                lower.clear();
                fold_into(text, lower);
                folded.find(lower, &mut note);
            }
            if !cased.tests.is_empty() {
                cased.find(text, &mut note);
            }
        }
    }
}

fn wake(predicate: usize, round: u64, woken: &mut [u64], candidates: &mut Vec<usize>) {
    if std::mem::replace(&mut woken[predicate], round) != round {
        candidates.push(predicate);
    }
}
