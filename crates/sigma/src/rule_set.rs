//! Many predicates, asked of one record after the other.
//!
//! Tests that occur in several predicates are one test. A field is looked up at most once per
//! record, its text is folded once, and all literals that rules look for in it are found in one
//! pass. Everything is done only when a predicate gets as far as asking for it.

use std::collections::HashMap;

use rows::{Name, Text, Value};

use crate::literals::Literals;
use crate::modifier::compile;
use crate::predicate::{Predicate, Test, TextTest};
use crate::record::Fields;
use crate::text::fold_into;
use crate::values::{other_field, satisfy};

/// Predicates, compiled together.
pub struct RuleSet {
    subjects: Vec<Subject>,
    tests: Vec<Compiled>,
    predicates: Vec<Plan>,
}

/// What belongs to one record while it is asked; kept to be used again.
#[derive(Default)]
pub struct Scratch {
    subjects: Vec<Seen>,
    /// Whether a test holds; `None` before it is asked.
    outcomes: Vec<Option<bool>>,
}

/// A field, or all texts of the record, and the literals that are looked for in it.
struct Subject {
    /// `None` stands for all texts.
    field: Option<Name>,
    folded: Literals,
    cased: Literals,
}

/// One test of one subject.
struct Compiled {
    subject: usize,
    body: Body,
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
    loaded: bool,
    scanned: bool,
    values: Vec<Value>,
    texts: Vec<Text>,
}

impl RuleSet {
    /// Compiles predicates; they are known by their place from now on.
    pub fn new<'p>(predicates: impl IntoIterator<Item = &'p Predicate>) -> Self {
        let mut builder = Builder::default();
        let predicates = predicates.into_iter().map(|one| builder.plan(one)).collect();
        let mut subjects = builder.subjects;
        for subject in &mut subjects {
            subject.folded.build();
            subject.cased.build();
        }
        Self { subjects, tests: builder.tests, predicates }
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
        for (place, plan) in self.predicates.iter().enumerate() {
            if question.holds(plan) {
                hits.push(place);
            }
        }
    }
}

impl Scratch {
    fn begin(&mut self, set: &RuleSet) {
        self.outcomes.clear();
        self.outcomes.resize(set.tests.len(), None);
        self.subjects.resize_with(set.subjects.len(), Seen::default);
        for seen in &mut self.subjects {
            if seen.loaded {
                seen.loaded = false;
                seen.scanned = false;
                seen.values.clear();
                seen.texts.clear();
            }
        }
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
        self.tests.push(Compiled { subject, body });
        self.by_test.insert(key, number);
        number
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
        if let Some(known) = self.scratch.outcomes[test] {
            return known;
        }
        let compiled = &self.set.tests[test];
        self.load(compiled.subject);
        let outcome = match &compiled.body {
            Body::Literal => {
                self.scan(compiled.subject);
                return self.scratch.outcomes[test].unwrap_or(false);
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
        self.scratch.outcomes[test] = Some(outcome);
        outcome
    }

    fn seen(&self, subject: usize) -> &Seen {
        &self.scratch.subjects[subject]
    }

    /// Looks the subject up, once per record.
    fn load(&mut self, subject: usize) {
        let seen = &mut self.scratch.subjects[subject];
        if seen.loaded {
            return;
        }
        seen.loaded = true;
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
        let seen = &mut self.scratch.subjects[subject];
        if seen.scanned {
            return;
        }
        seen.scanned = true;
        let Subject { folded, cased, .. } = &self.set.subjects[subject];
        let outcomes = &mut self.scratch.outcomes;
        for test in folded.tests.iter().chain(&cased.tests) {
            outcomes[*test] = Some(false);
        }
        let mut lower = Vec::new();
        for text in &seen.texts {
            if !folded.tests.is_empty() {
                lower.clear();
                fold_into(text, &mut lower);
                folded.find(&lower, outcomes);
            }
            if !cased.tests.is_empty() {
                cased.find(text, outcomes);
            }
        }
    }
}
