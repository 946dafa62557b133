//! Byte strings that are cheap to clone. Usually UTF-8, never promised to be.

use std::borrow::{Borrow, Cow};
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

/// Text of VQL: bytes, cheap to clone. Length and index count bytes.
#[derive(Clone)]
pub struct Text(Bytes);

/// Texts up to this length lie in the value itself.
const SHORT_MAX: usize = 22;

#[derive(Clone)]
enum Bytes {
    Short(u8, [u8; SHORT_MAX]),
    /// Longer ones are shared between clones.
    Long(Arc<[u8]>),
}

impl Text {
    /// Text with these bytes.
    pub fn from_bytes(bytes: impl Into<Arc<[u8]>>) -> Self {
        let bytes = bytes.into();
        Self::short(&bytes).unwrap_or(Self(Bytes::Long(bytes)))
    }

    #[inline]
    fn short(bytes: &[u8]) -> Option<Self> {
        let mut short = [0; SHORT_MAX];
        short.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(Self(Bytes::Short(u8::try_from(bytes.len()).ok()?, short)))
    }

    /// Two texts, one behind the other.
    pub fn joined(left: &[u8], right: &[u8]) -> Self {
        let length = left.len() + right.len();
        if length <= SHORT_MAX {
            let mut short = [0; SHORT_MAX];
            short[..left.len()].copy_from_slice(left);
            short[left.len()..length].copy_from_slice(right);
            return Self(Bytes::Short(u8::try_from(length).unwrap_or(0), short));
        }
        let bytes: Arc<[u8]> =
            if right.is_empty() { left.into() } else { [left, right].concat().into() };
        Self(Bytes::Long(bytes))
    }

    /// The digits of a number.
    pub fn of_int(number: i64) -> Self {
        let mut digits = [0; SHORT_MAX];
        let mut from = SHORT_MAX;
        let mut left = number.unsigned_abs();
        loop {
            from -= 1;
            // Less than ten.
            digits[from] = b'0' + u8::try_from(left % 10).unwrap_or(0);
            left /= 10;
            if left == 0 {
                break;
            }
        }
        if number < 0 {
            from -= 1;
            digits[from] = b'-';
        }
        Self::from(&digits[from..])
    }

    /// The bytes.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Bytes::Short(length, bytes) => &bytes[..usize::from(*length).min(SHORT_MAX)],
            Bytes::Long(bytes) => bytes,
        }
    }

    /// The text as UTF-8, with replacement characters where it is not.
    pub fn to_str_lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.as_bytes())
    }

    /// The text, when it is valid UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(self.as_bytes()).ok()
    }
}

impl Default for Text {
    fn default() -> Self {
        Self(Bytes::Short(0, [0; SHORT_MAX]))
    }
}

impl Deref for Text {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl PartialEq for Text {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Text {}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // As a slice hashes, so that a table of texts can be asked with bytes.
        self.as_bytes().hash(state);
    }
}

impl Borrow<[u8]> for Text {
    fn borrow(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::from(text.as_bytes())
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::from(text.into_bytes())
    }
}

impl From<&[u8]> for Text {
    fn from(bytes: &[u8]) -> Self {
        Self::short(bytes).unwrap_or_else(|| Self(Bytes::Long(Arc::from(bytes))))
    }
}

impl From<Vec<u8>> for Text {
    fn from(bytes: Vec<u8>) -> Self {
        Self::short(&bytes).unwrap_or_else(|| Self(Bytes::Long(Arc::from(bytes))))
    }
}

impl From<Cow<'_, str>> for Text {
    fn from(text: Cow<'_, str>) -> Self {
        Self::from(text.as_ref())
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_str_lossy())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_str_lossy(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_texts_are_the_same_to_everybody() {
        for length in [0, 1, SHORT_MAX - 1, SHORT_MAX, SHORT_MAX + 1, 100] {
            let bytes = vec![b'x'; length];
            let texts = [
                Text::from(&*bytes),
                Text::from(bytes.clone()),
                Text::from_bytes(bytes.clone()),
                Text::joined(&bytes[..length / 2], &bytes[length / 2..]),
                Text::joined(&bytes, b""),
                Text::joined(b"", &bytes),
            ];
            for text in &texts {
                assert_eq!(text.as_bytes(), bytes);
                assert_eq!(*text, texts[0]);
                assert!(*text < Text::joined(&bytes, b"y"));
            }
        }
    }

    #[test]
    fn numbers_have_their_digits() {
        for number in [0, 7, 10, -1, 123_456, i64::MAX, i64::MIN] {
            assert_eq!(Text::of_int(number), number.to_string().as_str());
        }
    }

    #[test]
    fn a_value_has_three_words() {
        assert_eq!(size_of::<crate::Value>(), 24);
    }
}
