//! Predicates, compiled together: fields and tests that occur several times are one.

use std::collections::HashMap;

use memchr::memmem::Finder;
use rows::{Name, Text};
use sigma::{Predicate, Test, TextPattern, TextTest, parts};

/// A predicate that is nested too deep to be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("rule {rule} is nested deeper than {DEPTH_MAX}; split it")]
pub struct TooNested {
    /// Which, counted from 0.
    pub rule: usize,
}

/// Predicates may be nested so deep; rules from files stay far below.
pub const DEPTH_MAX: usize = 512;

/// What all predicates ask about.
#[derive(Default)]
pub struct Plans {
    /// Fields by number; `None` stands for all texts of the record.
    pub subjects: Vec<Option<Name>>,
    /// Tests by number.
    pub tests: Vec<Compiled>,
    /// One for each predicate.
    pub plans: Vec<Plan>,
}

/// One test of one subject.
pub struct Compiled {
    /// The subject's number.
    pub subject: usize,
    /// The test.
    pub body: Body,
}

/// A test, ready to be asked.
pub enum Body {
    /// About texts.
    Needle(Needle),
    /// About texts.
    Regex(Box<regex::bytes::Regex>),
    /// About values.
    Value(Test),
    /// About the texts of this subject and another.
    Other {
        /// A [`Test::OtherField`].
        test: Test,
        /// The other subject's number.
        subject: usize,
    },
    /// Nothing satisfies it.
    Never,
}

/// A text that is looked for.
pub struct Needle {
    /// In texts as they are, not in folded ones.
    pub cased: bool,
    shape: Shape,
}

enum Shape {
    Equals(Text),
    StartsWith(Text),
    EndsWith(Text),
    Contains(Box<Finder<'static>>),
    Like(TextPattern),
}

/// A predicate over the numbers of tests.
pub enum Plan {
    /// All of these.
    And(Vec<Plan>),
    /// One of these.
    Or(Vec<Plan>),
    /// Not this.
    Not(Box<Plan>),
    /// So many of these.
    AtLeast(usize, Vec<Plan>),
    /// This test.
    Test(usize),
}

impl Needle {
    fn of(test: &TextTest) -> Self {
        let pattern = if test.cased { test.pattern.clone() } else { parts::folded(&test.pattern) };
        let shape = match pattern {
            TextPattern::Equals(text) => Shape::Equals(text),
            TextPattern::StartsWith(text) => Shape::StartsWith(text),
            TextPattern::EndsWith(text) => Shape::EndsWith(text),
            TextPattern::Contains(text) => {
                Shape::Contains(Box::new(Finder::new(&*text).into_owned()))
            }
            like @ TextPattern::Like(_) => Shape::Like(like),
        };
        Self { cased: test.cased, shape }
    }

    /// Whether a text, folded unless the needle is cased, satisfies it.
    pub fn found_in(&self, text: &[u8]) -> bool {
        match &self.shape {
            Shape::Equals(wanted) => text == wanted.as_bytes(),
            Shape::StartsWith(start) => text.starts_with(start),
            Shape::EndsWith(end) => text.ends_with(end),
            Shape::Contains(finder) => finder.find(text).is_some(),
            Shape::Like(pattern) => pattern.matches(text),
        }
    }

    fn cost(&self) -> u32 {
        match self.shape {
            Shape::Equals(_) | Shape::StartsWith(_) | Shape::EndsWith(_) => 2,
            Shape::Contains(_) => 3,
            Shape::Like(_) => 5,
        }
    }
}

/// Compiles predicates; they are known by their place from now on.
pub fn compile<'p>(
    predicates: impl IntoIterator<Item = &'p Predicate>,
) -> Result<Plans, TooNested> {
    let mut builder = Builder::default();
    for (rule, predicate) in predicates.into_iter().enumerate() {
        if deeper_than(predicate, DEPTH_MAX) {
            return Err(TooNested { rule });
        }
        let plan = builder.plan(predicate);
        builder.made.plans.push(plan);
    }
    Ok(builder.made)
}

/// Looks without recursion.
fn deeper_than(predicate: &Predicate, depth_max: usize) -> bool {
    let mut open = vec![(predicate, 0)];
    while let Some((one, depth)) = open.pop() {
        if depth > depth_max {
            return true;
        }
        match one {
            Predicate::And(of) | Predicate::Or(of) | Predicate::AtLeast { of, .. } => {
                open.extend(of.iter().map(|inner| (inner, depth + 1)));
            }
            Predicate::Not(inner) => open.push((inner, depth + 1)),
            Predicate::Field { .. } | Predicate::Keyword(_) => {}
        }
    }
    false
}

#[derive(Default)]
struct Builder {
    made: Plans,
    by_name: HashMap<Option<Name>, usize>,
    by_test: HashMap<(usize, String), usize>,
}

impl Builder {
    fn plan(&mut self, predicate: &Predicate) -> Plan {
        match predicate {
            Predicate::And(of) => Plan::And(self.plans(of)),
            Predicate::Or(of) => Plan::Or(self.plans(of)),
            Predicate::AtLeast { count, of } => Plan::AtLeast(*count, self.plans(of)),
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

    /// What costs least is asked first; the order has no other meaning.
    fn plans(&mut self, of: &[Predicate]) -> Vec<Plan> {
        let mut plans: Vec<(u32, Plan)> = of
            .iter()
            .map(|one| {
                let plan = self.plan(one);
                (self.cost(&plan), plan)
            })
            .collect();
        plans.sort_by_key(|(cost, _)| *cost);
        plans.into_iter().map(|(_, plan)| plan).collect()
    }

    fn cost(&self, plan: &Plan) -> u32 {
        match plan {
            Plan::Test(test) => {
                let compiled = &self.made.tests[*test];
                let own = match &compiled.body {
                    Body::Never | Body::Value(_) => 1,
                    Body::Needle(needle) => needle.cost(),
                    Body::Other { .. } => 6,
                    Body::Regex(_) => 20,
                };
                let everywhere = self.made.subjects[compiled.subject].is_none();
                own + if everywhere { 100 } else { 0 }
            }
            Plan::Not(inner) => self.cost(inner) + 1,
            Plan::And(of) | Plan::Or(of) | Plan::AtLeast(_, of) => {
                of.iter().map(|one| self.cost(one)).fold(2, u32::saturating_add)
            }
        }
    }

    fn subject(&mut self, field: Option<Name>) -> usize {
        let subjects = &mut self.made.subjects;
        *self.by_name.entry(field).or_insert_with_key(|field| {
            subjects.push(field.clone());
            subjects.len() - 1
        })
    }

    fn test(&mut self, subject: usize, test: &Test) -> usize {
        let key = (subject, format!("{test:?}"));
        if let Some(known) = self.by_test.get(&key) {
            return *known;
        }
        let body = match test {
            Test::Text(text) => Body::Needle(Needle::of(text)),
            Test::Regex { .. } => match parts::compiled(test) {
                Some(regex) => Body::Regex(Box::new(regex)),
                None => Body::Never,
            },
            Test::OtherField { field, .. } => {
                Body::Other { test: test.clone(), subject: self.subject(Some(field.clone())) }
            }
            other => Body::Value(other.clone()),
        };
        let number = self.made.tests.len();
        self.made.tests.push(Compiled { subject, body });
        self.by_test.insert(key, number);
        number
    }
}
