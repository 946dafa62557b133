//! Where in a stream a row stands, and half-open stretches of positions.

use std::fmt;

use base::Timestamp;

/// What the positions of a stream count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Domain {
    /// When a thing happened, in microseconds UTC. Rows may come late.
    EventTime,
    /// When the store took the row, in microseconds UTC.
    IngestTime,
    /// A number that the source gives to rows in the order in which they become visible.
    Cursor,
}

impl Domain {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::EventTime, Self::IngestTime, Self::Cursor];

    /// Its word in files and records.
    pub fn word(self) -> &'static str {
        match self {
            Self::EventTime => "event_time",
            Self::IngestTime => "ingest_time",
            Self::Cursor => "cursor",
        }
    }

    /// Reads what [`word`](Self::word) writes.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|domain| domain.word() == word)
    }

    /// Whether positions are moments.
    pub fn is_time(self) -> bool {
        self != Self::Cursor
    }
}

/// A place in a stream: microseconds since 1970 where the domain is a time, the source's number
/// where it is a cursor.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position(pub i64);

impl Position {
    /// Before everything.
    pub const MIN: Self = Self(i64::MIN);
    /// After everything.
    pub const MAX: Self = Self(i64::MAX);

    /// The position of a moment, in the time domains.
    pub fn at(moment: Timestamp) -> Self {
        Self(moment.as_micros())
    }

    /// The moment, in the time domains.
    pub fn moment(self) -> Timestamp {
        Timestamp::from_micros(self.0)
    }

    /// As a person reads it: a moment or a number.
    pub fn show(self, domain: Domain) -> String {
        if domain.is_time() { self.moment().to_string() } else { self.0.to_string() }
    }
}

impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// A half-open stretch `[from, to)`. Never empty.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window {
    from: Position,
    to: Position,
}

impl Window {
    /// `None` when the stretch would be empty or run backwards.
    pub fn new(from: Position, to: Position) -> Option<Self> {
        (from < to).then_some(Self { from, to })
    }

    /// The first position inside.
    pub fn from(self) -> Position {
        self.from
    }

    /// The first position after.
    pub fn to(self) -> Position {
        self.to
    }

    /// How many positions it has: microseconds, or numbers of a cursor.
    pub fn width(self) -> u64 {
        self.to.0.abs_diff(self.from.0)
    }

    /// Whether `position` lies inside.
    pub fn contains(self, position: Position) -> bool {
        self.from <= position && position < self.to
    }

    /// Whether the two share a position.
    pub fn meets(self, other: Self) -> bool {
        self.from < other.to && other.from < self.to
    }

    /// As a person reads it: `[from, to)`.
    pub fn show(self, domain: Domain) -> String {
        format!("[{}, {})", self.from.show(domain), self.to.show(domain))
    }
}

impl fmt::Debug for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {})", self.from.0, self.to.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_has_its_first_position_and_not_its_last() {
        let window = Window::new(Position(10), Position(20)).unwrap();
        assert!(window.contains(Position(10)) && !window.contains(Position(20)));
        assert!(window.meets(Window::new(Position(19), Position(30)).unwrap()));
        assert!(!window.meets(Window::new(Position(20), Position(30)).unwrap()));
        assert_eq!(Window::new(Position(5), Position(5)), None);
        assert_eq!(window.show(Domain::Cursor), "[10, 20)");
    }

    #[test]
    fn a_domain_reads_what_it_writes() {
        for domain in Domain::ALL {
            assert_eq!(Domain::parse(domain.word()), Some(domain));
        }
    }
}
