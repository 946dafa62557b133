//! What a rule asks of one record, as plain data, and what each node means.
//!
//! A field of a record has a value or none; NULL counts as none. A test of a field that holds an
//! array is satisfied when it is satisfied by any element. Texts are compared without regard to
//! case unless a test is `cased`; numbers and other values are compared by their text where a text
//! is wanted.

use std::net::IpAddr;

use rows::{Name, Text};

use crate::text::TextPattern;

/// What is asked of one record.
#[derive(Clone, Debug, PartialEq)]
pub enum Predicate {
    /// All of these; without any, every record.
    And(Vec<Predicate>),
    /// One of these; without any, no record.
    Or(Vec<Predicate>),
    /// Not this.
    Not(Box<Predicate>),
    /// So many of these, or more.
    AtLeast {
        /// How many.
        count: usize,
        /// Of which.
        of: Vec<Predicate>,
    },
    /// A field's value satisfies a test.
    Field {
        /// The field, as the rule calls it.
        field: Name,
        /// The test.
        test: Test,
    },
    /// Any text anywhere in the record satisfies a test of texts.
    Keyword(Test),
}

/// What is asked of one value.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// Its text looks like that.
    Text(TextTest),
    /// A regular expression is found in its text.
    Regex {
        /// The expression.
        pattern: Text,
        /// Case does not matter.
        ignore_case: bool,
        /// `^` and `$` also match at lines.
        multi_line: bool,
        /// A dot also matches the end of a line.
        dot_all: bool,
    },
    /// It is a number, or a text that spells one, and compares like that.
    Number {
        /// How it compares.
        is: Comparison,
        /// With what.
        than: Number,
    },
    /// It is this truth value, or a text that spells it.
    Bool(bool),
    /// It is an address in this network.
    Cidr(Network),
    /// There is a value (or there is none).
    Exists(bool),
    /// There is no value.
    Null,
    /// Its text compares like that with the text of another field of the record.
    OtherField {
        /// The other field.
        field: Name,
        /// Where in the value the other's text stands.
        anchor: Anchor,
        /// Case matters.
        cased: bool,
    },
    /// It is a moment, and a part of it (in UTC) is this number.
    TimePart {
        /// The part.
        part: TimePart,
        /// The number.
        is: i64,
    },
}

/// A test of a text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TextTest {
    /// What it must look like.
    pub pattern: TextPattern,
    /// Case matters.
    pub cased: bool,
}

/// How a number compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `=`
    Equal,
    /// `>=`
    AtLeast,
    /// `>`
    Greater,
}

/// A number of a rule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// Without a fraction.
    Int(i64),
    /// With one.
    Float(f64),
}

/// Where in a text another text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Anchor {
    /// It is all of it.
    Whole,
    /// At its start.
    Start,
    /// At its end.
    End,
    /// Anywhere.
    Anywhere,
}

/// A part of a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimePart {
    /// 0 to 59.
    Minute,
    /// 0 to 23.
    Hour,
    /// Of the month, from 1.
    Day,
    /// ISO week of the year, from 1.
    Week,
    /// From 1.
    Month,
    /// With four digits.
    Year,
}

impl Number {
    /// Reads a number as texts in records spell it: decimal, with or without a fraction.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Ok(whole) = text.parse() {
            return Some(Self::Int(whole));
        }
        // Not the words that Rust reads as numbers: `inf`, `nan`.
        let digits = text.bytes().any(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|number: &f64| digits && number.is_finite()).map(Self::Float)
    }

    /// How this compares with another; `None` when neither is larger, smaller or equal.
    pub fn order(self, other: Self) -> Option<std::cmp::Ordering> {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => Some(a.cmp(&b)),
            (a, b) => a.as_float().partial_cmp(&b.as_float()),
        }
    }

    fn as_float(self) -> f64 {
        match self {
            Self::Int(number) => number as f64,
            Self::Float(number) => number,
        }
    }
}

impl Comparison {
    /// Whether a number that is ordered like that against the rule's satisfies it.
    pub fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Self::Less => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::Equal => order.is_eq(),
            Self::AtLeast => order.is_ge(),
            Self::Greater => order.is_gt(),
        }
    }
}

/// Addresses that share their first bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// Reads `10.0.0.0/8`, `fe80::/10`, or an address alone.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.trim().split_once('/') {
            Some((address, bits)) => (address.parse().ok()?, Some(bits.parse().ok()?)),
            None => (text.trim().parse().ok()?, None),
        };
        let most = if matches!(address, IpAddr::V4(_)) { 32 } else { 128 };
        let bits = bits.unwrap_or(most);
        (bits <= most).then_some(Self { address, bits })
    }

    /// The first address.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// How many bits are shared.
    pub fn bits(&self) -> u8 {
        self.bits
    }

    /// Whether an address is one of them. An IPv4 address written as IPv6 is that IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                let different = ours.to_bits() ^ theirs.to_bits();
                different.leading_zeros() >= u32::from(self.bits)
            }
            (IpAddr::V6(ours), canonical) => {
                let theirs = match (canonical, address) {
                    (_, IpAddr::V6(theirs)) => theirs,
                    _ => return false,
                };
                let different = ours.to_bits() ^ theirs.to_bits();
                different.leading_zeros() >= u32::from(self.bits)
            }
            (IpAddr::V4(_), IpAddr::V6(_)) => false,
        }
    }
}

impl Predicate {
    /// How many nodes the tree has.
    pub fn nodes(&self) -> usize {
        1 + match self {
            Self::And(of) | Self::Or(of) | Self::AtLeast { of, .. } => {
                of.iter().map(Self::nodes).sum()
            }
            Self::Not(inner) => inner.nodes(),
            Self::Field { .. } | Self::Keyword(_) => 0,
        }
    }

    /// Calls `see` for every field that the tree names, also more than once.
    pub fn each_field<'p>(&'p self, see: &mut dyn FnMut(&'p Name)) {
        match self {
            Self::And(of) | Self::Or(of) | Self::AtLeast { of, .. } => {
                of.iter().for_each(|one| one.each_field(see));
            }
            Self::Not(inner) => inner.each_field(see),
            Self::Field { field, test } => {
                see(field);
                if let Test::OtherField { field, .. } = test {
                    see(field);
                }
            }
            Self::Keyword(_) => {}
        }
    }

    /// All of these, without a node for a single one.
    pub(crate) fn all(mut of: Vec<Predicate>) -> Self {
        if of.len() == 1 { of.remove(0) } else { Self::And(of) }
    }

    /// One of these, without a node for a single one.
    pub(crate) fn any(mut of: Vec<Predicate>) -> Self {
        if of.len() == 1 { of.remove(0) } else { Self::Or(of) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_know_their_addresses() {
        let check = |network: &str, address: &str, wanted: bool| {
            let network = Network::parse(network).unwrap();
            assert_eq!(network.contains(address.parse().unwrap()), wanted, "{network:?} {address}");
        };
        check("10.0.0.0/8", "10.255.0.1", true);
        check("10.0.0.0/8", "11.0.0.1", false);
        check("10.0.0.0/8", "::ffff:10.0.0.1", true);
        check("0.0.0.0/0", "1.2.3.4", true);
        check("0.0.0.0/0", "::1", false);
        check("192.168.1.7", "192.168.1.7", true);
        check("fe80::/10", "febf::1", true);
        check("fe80::/10", "fec0::1", false);
        check("::/0", "1.2.3.4", false);
        assert_eq!(Network::parse("10.0.0.0/33"), None);
        assert_eq!(Network::parse("10.0.0/8"), None);
    }
}
