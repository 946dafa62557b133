//! What only one server at a time may do, and how it shows that it is the one.

use std::fmt;

/// Work that one node does for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Duty {
    /// Ends hunts that are over, makes their rounds, admits their members.
    HuntManager,
    /// Gives up what is overdue, forgets what is too old.
    Janitor,
    /// Moves rows that rest from the records to segments.
    Compactor,
}

impl Duty {
    /// Every duty.
    pub const ALL: [Self; 3] = [Self::HuntManager, Self::Janitor, Self::Compactor];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::HuntManager => "hunt_manager",
            Self::Janitor => "janitor",
            Self::Compactor => "compactor",
        }
    }

    /// The duty with this word.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|duty| duty.name() == name)
    }
}

impl fmt::Display for Duty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Shows that a write comes from whoever has a duty. A store refuses one that is older than another
/// that was given out since: its holder was away for too long and does not know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fence {
    /// For which duty.
    pub duty: Duty,
    /// Grows each time that the duty changes hands.
    pub token: u64,
}

impl Fence {
    /// Whether this one counts where `newest` is the newest token that was given out for its duty.
    pub fn holds(self, newest: u64) -> bool {
        self.token >= newest
    }

    /// What the store says of one that does not count any more.
    pub fn refusal(self) -> crate::store::StoreError {
        crate::store::StoreError::conflict(format!(
            "another node is the {} now; this one's leave (number {}) is over",
            self.duty, self.token
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duties_have_names_of_their_own() {
        for duty in Duty::ALL {
            assert_eq!(Duty::from_name(duty.name()), Some(duty));
        }
        assert_eq!(Duty::from_name("nobody"), None);
    }
}
