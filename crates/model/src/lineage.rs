//! Where a hunt comes from, when it was not written anew.

use std::fmt;

use base::{FlowId, HuntId};

/// What a hunt was made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lineage {
    /// A copy of a hunt, as that was in this revision.
    Hunt {
        /// Which hunt.
        hunt: HuntId,
        /// Its revision at that moment.
        revision: u32,
    },
    /// What a flow collected, asked of many.
    Flow(FlowId),
}

impl fmt::Display for Lineage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hunt { hunt, revision } => write!(f, "{hunt} revision {revision}"),
            Self::Flow(flow) => write!(f, "{flow}"),
        }
    }
}

impl Lineage {
    /// Reads what [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(" revision ") {
            Some((hunt, revision)) => {
                Some(Self::Hunt { hunt: hunt.parse().ok()?, revision: revision.parse().ok()? })
            }
            None => text.parse().ok().map(Self::Flow),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lineage_reads_itself_back() {
        let hunt = Lineage::Hunt { hunt: HuntId::from_bits(7), revision: 3 };
        for lineage in [hunt, Lineage::Flow(FlowId::from_bits(9))] {
            assert_eq!(Lineage::parse(&lineage.to_string()), Some(lineage));
        }
        assert_eq!(Lineage::parse("somewhere"), None);
    }
}
