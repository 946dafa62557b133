//! The words behind a field's name (`CommandLine|base64offset|contains`): which there are, and what
//! they make of a value. Nothing is left of them in the tree.

use rows::{Name, Text};

use crate::predicate::{Anchor, Comparison, Network, Number, Test, TextTest, TimePart};
use crate::text::{Piece, TextPattern, pieces, plain};
use crate::variants::{self, Utf16};

/// What is wrong, and how to mend it.
pub(crate) type Refused = (String, &'static str);

/// A value as it is written in a rule.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Scalar {
    Text(String),
    Number(Number, String),
    Bool(bool),
    Null,
}

/// All modifiers, for messages.
const KNOWN: &[&str] = &[
    "contains",
    "startswith",
    "endswith",
    "all",
    "exists",
    "cased",
    "neq",
    "windash",
    "base64",
    "base64offset",
    "utf16",
    "utf16le",
    "utf16be",
    "wide",
    "re",
    "i",
    "m",
    "s",
    "cidr",
    "lt",
    "lte",
    "gt",
    "gte",
    "minute",
    "hour",
    "day",
    "week",
    "month",
    "year",
    "fieldref",
    "expand",
];

/// The modifiers of one field.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Modifiers {
    /// What is done to each value, in the order written.
    steps: Vec<Step>,
    subject: Subject,
    anchor: Option<Anchor>,
    cased: bool,
    ignore_case: bool,
    multi_line: bool,
    dot_all: bool,
    /// Every value must match, not one of them.
    pub(crate) all: bool,
    /// No value may match.
    pub(crate) not_equal: bool,
    /// Names between percent signs stand for values that a pipeline gives.
    pub(crate) expand: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    AnyDash,
    Utf16(Utf16),
    Base64,
    Base64AtOffsets,
}

/// What a value is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Subject {
    #[default]
    Value,
    Regex,
    Network,
    Number(Comparison),
    TimePart(TimePart),
    Existence,
    OtherField,
}

impl Modifiers {
    /// Reads the words in order.
    pub(crate) fn read<'w>(words: impl Iterator<Item = &'w str>) -> Result<Self, Refused> {
        let mut modifiers = Self::default();
        for word in words {
            modifiers.add(word)?;
        }
        Ok(modifiers)
    }

    /// Whether values are names of other fields.
    pub(crate) fn is_about_another_field(&self) -> bool {
        self.subject == Subject::OtherField
    }

    fn add(&mut self, word: &str) -> Result<(), Refused> {
        let subject = match word {
            "contains" => return self.anchored(Anchor::Anywhere),
            "startswith" => return self.anchored(Anchor::Start),
            "endswith" => return self.anchored(Anchor::End),
            "windash" => return self.step(Step::AnyDash),
            "wide" | "utf16le" => return self.step(Step::Utf16(Utf16::Little)),
            "utf16be" => return self.step(Step::Utf16(Utf16::Big)),
            "utf16" => return self.step(Step::Utf16(Utf16::Marked)),
            "base64" => return self.step(Step::Base64),
            "base64offset" => return self.step(Step::Base64AtOffsets),
            "all" => return set(&mut self.all),
            "neq" => return set(&mut self.not_equal),
            "cased" => return set(&mut self.cased),
            "i" | "ignorecase" if self.subject == Subject::Regex => {
                return set(&mut self.ignore_case);
            }
            "m" | "multiline" if self.subject == Subject::Regex => return set(&mut self.multi_line),
            "s" | "dotall" if self.subject == Subject::Regex => return set(&mut self.dot_all),
            "i" | "m" | "s" | "ignorecase" | "multiline" | "dotall" => {
                return Err((format!("`{word}` only goes behind `re`"), "write `|re|i`"));
            }
            "re" => Subject::Regex,
            "cidr" => Subject::Network,
            "lt" => Subject::Number(Comparison::Less),
            "lte" => Subject::Number(Comparison::AtMost),
            "gt" => Subject::Number(Comparison::Greater),
            "gte" => Subject::Number(Comparison::AtLeast),
            "minute" => Subject::TimePart(TimePart::Minute),
            "hour" => Subject::TimePart(TimePart::Hour),
            "day" => Subject::TimePart(TimePart::Day),
            "week" => Subject::TimePart(TimePart::Week),
            "month" => Subject::TimePart(TimePart::Month),
            "year" => Subject::TimePart(TimePart::Year),
            "exists" => Subject::Existence,
            "fieldref" => Subject::OtherField,
            "expand" => return set(&mut self.expand),
            _ => return Err(unknown(word)),
        };
        if self.subject != Subject::Value || !self.steps.is_empty() {
            return Err((
                format!("`{word}` does not go with the modifiers before it"),
                "a value is one of: a text, a regular expression, a number, a network, a field",
            ));
        }
        self.subject = subject;
        Ok(())
    }

    fn anchored(&mut self, anchor: Anchor) -> Result<(), Refused> {
        if !matches!(self.subject, Subject::Value | Subject::Regex | Subject::OtherField) {
            return Err((
                "`contains`, `startswith` and `endswith` are about texts".into(),
                "remove it",
            ));
        }
        if self.anchor.replace(anchor).is_some_and(|before| before != anchor) {
            return Err((
                "only one of `contains`, `startswith` and `endswith` has a meaning".into(),
                "keep one of them",
            ));
        }
        Ok(())
    }

    fn step(&mut self, step: Step) -> Result<(), Refused> {
        // Where the dashes stand does not depend on what is around the value; its encoding does.
        let too_late = self.anchor.is_some() && step != Step::AnyDash;
        if self.subject != Subject::Value || too_late {
            return Err((
                "a modifier that changes the text does not go here".into(),
                "write it first, directly behind the field",
            ));
        }
        self.steps.push(step);
        Ok(())
    }

    /// The tests that stand for one value: any of them is enough.
    pub(crate) fn tests(&self, value: &Scalar) -> Result<Vec<Test>, Refused> {
        match self.subject {
            Subject::Value => self.plain_tests(value),
            Subject::Regex => Ok(vec![self.regex(&text_of(value, "a regular expression")?)?]),
            Subject::Network => {
                let text = text_of(value, "a network")?;
                let network = Network::parse(&text).ok_or((
                    format!("`{text}` is not a network"),
                    "for example 10.0.0.0/8 or fe80::/10",
                ))?;
                Ok(vec![Test::Cidr(network)])
            }
            Subject::Number(is) => Ok(vec![Test::Number { is, than: number_of(value)? }]),
            Subject::TimePart(part) => match number_of(value)? {
                Number::Int(is) => Ok(vec![Test::TimePart { part, is }]),
                Number::Float(_) => {
                    Err(("a part of a time is a whole number".into(), "for example 3"))
                }
            },
            Subject::Existence => match truth_of(value) {
                Some(wanted) => Ok(vec![Test::Exists(wanted)]),
                None => Err(("`exists` wants true or false".into(), "write true or false")),
            },
            Subject::OtherField => {
                let field = Name::from(text_of(value, "the name of another field")?);
                let anchor = self.anchor.unwrap_or(Anchor::Whole);
                Ok(vec![Test::OtherField { field, anchor, cased: self.cased }])
            }
        }
    }

    fn plain_tests(&self, value: &Scalar) -> Result<Vec<Test>, Refused> {
        let untouched = self.steps.is_empty() && self.anchor.is_none();
        let text = match value {
            Scalar::Null if untouched => return Ok(vec![Test::Null]),
            Scalar::Null => {
                return Err((
                    "there is no value here for the modifiers".into(),
                    "write '' for the empty text",
                ));
            }
            Scalar::Bool(wanted) if untouched => return Ok(vec![Test::Bool(*wanted)]),
            Scalar::Number(than, _) if untouched => {
                return Ok(vec![Test::Number { is: Comparison::Equal, than: *than }]);
            }
            Scalar::Bool(truth) => truth.to_string(),
            Scalar::Number(_, text) | Scalar::Text(text) => text.clone(),
        };
        let mut variants = vec![pieces(&text)];
        for step in &self.steps {
            let mut next = Vec::new();
            for variant in &variants {
                next.extend(step.of(variant)?);
            }
            variants = next;
        }
        let test = |variant: Vec<Piece>| {
            let pattern = TextPattern::of(self.anchored_pieces(variant));
            Test::Text(TextTest { pattern, cased: self.cased })
        };
        Ok(variants.into_iter().map(test).collect())
    }

    fn anchored_pieces(&self, mut pieces: Vec<Piece>) -> Vec<Piece> {
        if matches!(self.anchor, Some(Anchor::End | Anchor::Anywhere)) {
            pieces.insert(0, Piece::AnyMany);
        }
        if matches!(self.anchor, Some(Anchor::Start | Anchor::Anywhere)) {
            pieces.push(Piece::AnyMany);
        }
        pieces
    }

    fn regex(&self, written: &str) -> Result<Test, Refused> {
        let pattern = match self.anchor {
            Some(Anchor::Start) => format!(r"\A(?:{written})"),
            Some(Anchor::End) => format!(r"(?:{written})\z"),
            _ => written.to_owned(),
        };
        let test = Test::Regex {
            pattern: Text::from(pattern.as_str()),
            ignore_case: self.ignore_case,
            multi_line: self.multi_line,
            dot_all: self.dot_all,
        };
        match compile(&test) {
            Some(Err(error)) => Err((
                format!("not a regular expression that can be used: {}", one_line(&error)),
                "look-around and back-references are not possible; write the rest without them",
            )),
            _ => Ok(test),
        }
    }

    /// For texts anywhere in a record: found inside the text unless something else is said.
    pub(crate) fn keyword_tests(&self, value: &Scalar) -> Result<Vec<Test>, Refused> {
        let mut modifiers = self.clone();
        match self.subject {
            Subject::Regex => return self.tests(value),
            Subject::Value => {}
            _ => {
                return Err((
                    "this modifier needs a field; here is none".into(),
                    "name a field, or remove the modifier",
                ));
            }
        }
        modifiers.anchor = modifiers.anchor.or(Some(Anchor::Anywhere));
        modifiers.tests(value)
    }
}

/// The compiled form of a test that is a regular expression.
pub(crate) fn compile(test: &Test) -> Option<Result<regex::bytes::Regex, regex::Error>> {
    /// For rules of hostile origin; real ones stay far below.
    const SIZE_MAX_BYTES: usize = 4 << 20;
    let Test::Regex { pattern, ignore_case, multi_line, dot_all } = test else { return None };
    let compiled = regex::bytes::RegexBuilder::new(&pattern.to_str_lossy())
        .case_insensitive(*ignore_case)
        .multi_line(*multi_line)
        .dot_matches_new_line(*dot_all)
        .size_limit(SIZE_MAX_BYTES)
        .dfa_size_limit(SIZE_MAX_BYTES)
        .build();
    Some(compiled)
}

fn one_line(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("");
    last.trim().trim_start_matches("error: ").to_owned()
}

fn set(flag: &mut bool) -> Result<(), Refused> {
    *flag = true;
    Ok(())
}

fn unknown(word: &str) -> Refused {
    let message = match yaml_nodes::nearest(word, KNOWN.iter().copied()) {
        Some(like) => format!("there is no modifier `{word}`; did you mean `{like}`?"),
        None => format!("there is no modifier `{word}`; there are {}", KNOWN.join(", ")),
    };
    (message, "see the modifiers of the Sigma specification, version 2")
}

impl Step {
    fn of(self, variant: &[Piece]) -> Result<Vec<Vec<Piece>>, Refused> {
        if self == Self::AnyDash {
            return variants::with_any_dash(variant).ok_or((
                format!("the dashes here have more than {} forms", variants::VARIANTS_MAX),
                "split the value",
            ));
        }
        let text = plain(variant).ok_or((
            "a text with wildcards cannot be encoded".to_owned(),
            "remove the wildcards, or write a backslash before each",
        ))?;
        let encoded: Vec<Vec<u8>> = match self {
            Self::AnyDash => Vec::new(),
            Self::Utf16(layout) => vec![variants::utf16(&text, layout)],
            Self::Base64 => vec![variants::base64(&text).into_bytes()],
            Self::Base64AtOffsets => {
                variants::base64_at_offsets(&text).map(String::into_bytes).to_vec()
            }
        };
        if encoded.iter().any(Vec::is_empty) {
            return Err((
                "the value is too short: encoded, nothing certain is left of it".into(),
                "write a longer value",
            ));
        }
        Ok(encoded.into_iter().map(|bytes| vec![Piece::Literal(Text::from(bytes))]).collect())
    }
}

fn text_of(value: &Scalar, wanted: &str) -> Result<String, Refused> {
    match value {
        Scalar::Text(text) | Scalar::Number(_, text) => Ok(text.clone()),
        Scalar::Bool(truth) => Ok(truth.to_string()),
        Scalar::Null => Err((format!("{wanted} is wanted here"), "write it behind the colon")),
    }
}

fn number_of(value: &Scalar) -> Result<Number, Refused> {
    let refused = |text: &str| (format!("`{text}` is not a number"), "for example 10 or 2.5");
    match value {
        Scalar::Number(number, _) => Ok(*number),
        Scalar::Text(text) => Number::parse(text).ok_or_else(|| refused(text)),
        Scalar::Bool(_) | Scalar::Null => Err(refused("this")),
    }
}

fn truth_of(value: &Scalar) -> Option<bool> {
    match value {
        Scalar::Bool(truth) => Some(*truth),
        Scalar::Text(text) => match text.to_ascii_lowercase().as_str() {
            "true" | "yes" => Some(true),
            "false" | "no" => Some(false),
            _ => None,
        },
        Scalar::Number(..) | Scalar::Null => None,
    }
}
