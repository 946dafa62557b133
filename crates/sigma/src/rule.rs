//! What a rule says about itself, and what it asks.

use std::sync::Arc;

use rows::{Dict, Text};

use crate::predicate::Predicate;
use crate::written::{WrittenRule, Wrong};

/// A detection rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// What it is called.
    pub title: String,
    /// Its identifier, as written.
    pub id: Option<String>,
    /// A short name, for other files to refer to.
    pub name: Option<String>,
    /// How ripe it is: `stable`, `test`, `experimental`, `deprecated`, `unsupported`.
    pub status: Option<String>,
    /// How bad it is when it matches.
    pub level: Option<Level>,
    /// What it finds.
    pub description: String,
    /// Who wrote it.
    pub author: String,
    /// When it was written and last changed, as written.
    pub dates: (Option<String>, Option<String>),
    /// Where to read more.
    pub references: Vec<String>,
    /// Among others, ATT&CK techniques.
    pub tags: Vec<String>,
    /// Fields of the record that a person wants to see.
    pub fields: Vec<String>,
    /// What else looks like it.
    pub false_positives: Vec<String>,
    /// Which records it is about.
    pub source: LogSource,
    /// What it asks of a record: one predicate for each condition. A record that satisfies one of
    /// them is found. Empty as long as there are placeholders.
    pub conditions: Vec<Predicate>,
    /// Names behind `expand` whose values only a pipeline knows: the rule finds nothing before.
    pub placeholders: Vec<String>,
    /// Fields that the format does not know, as written.
    pub custom: Dict,
    /// The file that it was read from.
    pub file: Arc<str>,
    /// What pipelines change.
    pub(crate) written: WrittenRule,
}

/// Which records a rule is about; what is left out is any.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct LogSource {
    /// What happened, for instance `process_creation`.
    pub category: Option<String>,
    /// What wrote the log, for instance `windows`.
    pub product: Option<String>,
    /// Which of its logs, for instance `security`.
    pub service: Option<String>,
}

/// How bad a match is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Only for context.
    Informational,
    /// Worth a note.
    Low,
    /// Worth a look.
    Medium,
    /// Worth a look now.
    High,
    /// Worth waking somebody.
    Critical,
}

impl Level {
    pub(crate) const WORDS: [(&'static str, Level); 5] = [
        ("informational", Self::Informational),
        ("low", Self::Low),
        ("medium", Self::Medium),
        ("high", Self::High),
        ("critical", Self::Critical),
    ];

    /// Its word in rules.
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, level)| *level == self).map_or("", |(word, _)| word)
    }
}

impl LogSource {
    /// `category/product/service`, with `*` for what is left out.
    pub fn key(&self) -> String {
        let part = |part: &Option<String>| part.as_deref().unwrap_or("*").to_owned();
        [part(&self.category), part(&self.product), part(&self.service)].join("/")
    }

    /// Reads `category/product/service`; `*` or nothing stands for any.
    pub fn parse(key: &str) -> Option<Self> {
        let mut parts = key.split('/').map(|part| {
            let part = part.trim();
            (!part.is_empty() && part != "*").then(|| part.to_ascii_lowercase())
        });
        let (category, product, service) = (parts.next()?, parts.next()?, parts.next()?);
        parts.next().is_none().then_some(Self { category, product, service })
    }

    /// Whether a rule about `wanted` looks at records of `self`: every part that `self` gives is given
    /// by `wanted` and is the same. A log of which the rule says nothing is not looked at.
    pub fn covers(&self, wanted: &Self) -> bool {
        let fits = |ours: &Option<String>, theirs: &Option<String>| match (ours, theirs) {
            (Some(ours), Some(theirs)) => ours.eq_ignore_ascii_case(theirs),
            (Some(_), None) => false,
            (None, _) => true,
        };
        fits(&self.category, &wanted.category)
            && fits(&self.product, &wanted.product)
            && fits(&self.service, &wanted.service)
    }

    /// How many parts are given.
    pub fn parts(&self) -> usize {
        [&self.category, &self.product, &self.service].iter().filter(|part| part.is_some()).count()
    }
}

impl Rule {
    /// Makes the conditions of what is written.
    pub(crate) fn lower(&mut self) -> Result<(), Vec<Wrong>> {
        self.placeholders = self.written.placeholders();
        self.conditions.clear();
        if self.placeholders.is_empty() {
            self.conditions = self.written.lower()?;
        }
        Ok(())
    }

    /// The same for something that has been lowered before.
    pub(crate) fn lower_again(&mut self) {
        let lowered = self.lower();
        debug_assert!(lowered.is_ok(), "{lowered:?}");
    }

    /// A text among the fields that the format does not know, for instance `details`.
    pub fn custom_text(&self, field: &str) -> Option<Text> {
        match self.custom.get(field) {
            Some(rows::Value::Text(text)) => Some(text.clone()),
            _ => None,
        }
    }
}
