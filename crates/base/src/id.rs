//! Identifiers that cannot be taken for one another.
//!
//! Each spells itself as a prefix, a dot and 32 hex digits. Flow, hunt, upload, session and node
//! ids begin with their moment of birth in milliseconds, so their spelling sorts by age.

use std::fmt;
use std::str::FromStr;

use crate::{Entropy, Timestamp};

/// A text that does not spell the wanted kind of identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an identifier of the form `{wanted}.` and 32 hex digits")]
pub struct BadId {
    /// What was given.
    pub text: String,
    /// The prefix that was wanted.
    pub wanted: &'static str,
}

macro_rules! typed_id {
    ($(#[$doc:meta])* $Id:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $Id(u128);

        impl $Id {
            /// The identifier with these bits; for stores and the wire.
            pub const fn from_bits(bits: u128) -> Self {
                Self(bits)
            }

            /// The bits of this identifier; for stores and the wire.
            pub const fn bits(self) -> u128 {
                self.0
            }
        }

        impl fmt::Display for $Id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, ".{:032x}"), self.0)
            }
        }

        impl fmt::Debug for $Id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $Id {
            type Err = BadId;

            fn from_str(text: &str) -> Result<Self, BadId> {
                let bad = || BadId { text: text.chars().take(80).collect(), wanted: $prefix };
                let digits = text.strip_prefix(concat!($prefix, ".")).ok_or_else(bad)?;
                let plain = digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit());
                if !plain {
                    return Err(bad());
                }
                u128::from_str_radix(digits, 16).map(Self).map_err(|_| bad())
            }
        }
    };
}

macro_rules! sortable_id {
    ($($Id:ident),*) => {$(
        impl $Id {
            /// Mints an identifier that sorts by `now`. The entropy is handed in, so that a
            /// simulation repeats.
            pub fn mint(now: Timestamp, entropy: &mut dyn Entropy) -> Self {
                let millis = u128::try_from(now.as_micros() / 1_000).unwrap_or(0);
                Self((millis << 80) | (entropy.next_u128() >> 48))
            }
        }
    )*};
}

typed_id!(
    /// One enrolled agent: the first 32 hex digits of the SHA-256 of its public key.
    ClientId, "C");
typed_id!(
    /// One collection on one client.
    FlowId, "F");
typed_id!(
    /// One question to many clients.
    HuntId, "H");
typed_id!(
    /// One file sent by a flow.
    UploadId, "U");
typed_id!(
    /// One signed-in person or one connected agent.
    SessionId, "S");
typed_id!(
    /// One start of a server process.
    NodeId, "N");
sortable_id!(FlowId, HuntId, UploadId, SessionId, NodeId);

impl ClientId {
    /// The identity that belongs to a key with this SHA-256.
    pub fn from_key_hash(sha256: [u8; 32]) -> Self {
        let mut first = [0u8; 16];
        first.copy_from_slice(&sha256[..16]);
        Self(u128::from_be_bytes(first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SeededEntropy;

    #[test]
    fn an_id_reads_what_it_writes() {
        let id =
            HuntId::mint(Timestamp::from_micros(1_700_000_000_000_000), &mut SeededEntropy::new(1));
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn another_kind_of_id_is_refused_with_a_sentence() {
        let wrong = "F.00000000000000000000000000000001".parse::<HuntId>().unwrap_err();
        assert_eq!(
            wrong.to_string(),
            "`F.00000000000000000000000000000001` is not an identifier of the form `H.` and 32 hex digits"
        );
        for text in ["", "H.", "H.1", "H.+0000000000000000000000000000001", "H.zz"] {
            assert!(text.parse::<HuntId>().is_err(), "{text}");
        }
    }

    #[test]
    fn later_ids_sort_later() {
        let mut entropy = SeededEntropy::new(7);
        let older = FlowId::mint(Timestamp::from_micros(1_000_000), &mut entropy);
        let newer = FlowId::mint(Timestamp::from_micros(2_000_000), &mut entropy);
        assert!(older < newer && older.to_string() < newer.to_string());
    }
}
