//! Names of columns, keys, variables and arguments.

use std::borrow::{Borrow, Cow};
use std::cell::RefCell;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::{Arc, PoisonError, RwLock};

use crate::Text;

/// The name of a column, key, variable or argument. Case-sensitive, cheap to clone.
#[derive(Clone, Eq, PartialOrd, Ord)]
pub struct Name(Arc<str>);

/// Names up to this length are remembered, so that a plugin that writes the same columns into
/// every row does not allocate them every time.
const REMEMBERED_MAX_BYTES: usize = 64;
/// How many are remembered, by all threads and by each of them.
const REMEMBERED: usize = 512;

thread_local! {
    static RECENT: RefCell<Vec<Option<Name>>> = const { RefCell::new(Vec::new()) };
}

/// What all threads remember, so that a name is at the same address in each.
static KNOWN: [RwLock<Option<Name>>; REMEMBERED] = [const { RwLock::new(None) }; REMEMBERED];

impl Name {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the name `other`; names that come from one place are compared by address.
    #[inline]
    pub fn is(&self, other: &str) -> bool {
        self.0.len() == other.len() && (std::ptr::eq(&*self.0, other) || &*self.0 == other)
    }

    fn known(text: &str, place: usize) -> Self {
        let known = KNOWN[place].read().unwrap_or_else(PoisonError::into_inner);
        match &*known {
            Some(name) if name.is(text) => return name.clone(),
            _ => drop(known),
        }
        let name = Self(Arc::from(text));
        let mut known = KNOWN[place].write().unwrap_or_else(PoisonError::into_inner);
        match &*known {
            // Another thread was quicker.
            Some(there) if there.is(text) => there.clone(),
            _ => known.insert(name).clone(),
        }
    }

    fn remembered(text: &str) -> Self {
        if text.len() > REMEMBERED_MAX_BYTES {
            return Self(Arc::from(text));
        }
        let place = usize::try_from(quick_hash(text) % REMEMBERED as u64).unwrap_or(0);
        let known = RECENT.try_with(|recent| {
            let mut recent = recent.borrow_mut();
            if recent.is_empty() {
                recent.resize(REMEMBERED, None);
            }
            match &mut recent[place] {
                Some(name) if name.is(text) => name.clone(),
                other => other.insert(Self::known(text, place)).clone(),
            }
        });
        // A thread that is ending remembers nothing any more.
        known.unwrap_or_else(|_| Self(Arc::from(text)))
    }
}

/// Spreads short texts over small tables. Not for tables that grow with what others send.
pub(crate) fn quick_hash(text: &str) -> u64 {
    quick_hash_of(text.as_bytes())
}

fn quick_hash_of(text: &[u8]) -> u64 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut hash = text.len() as u64;
    let mut chunks = text.chunks_exact(8);
    for chunk in &mut chunks {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        hash = (hash.rotate_left(5) ^ u64::from_le_bytes(word)).wrapping_mul(FACTOR);
    }
    let rest = chunks.remainder().iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
    hash = (hash.rotate_left(5) ^ rest).wrapping_mul(FACTOR);
    hash ^ (hash >> 32)
}

/// Hashes names for tables whose names come from programs, not from evidence: it is quick, and
/// whoever chooses the names can make it slow.
#[derive(Clone, Copy, Debug, Default)]
pub struct NameHasher(u64);

/// Makes [`NameHasher`]s.
pub type NameHashing = std::hash::BuildHasherDefault<NameHasher>;

impl Hasher for NameHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = self.0.rotate_left(5) ^ quick_hash_of(bytes);
    }

    fn write_u8(&mut self, _end_of_text: u8) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

impl PartialEq for Name {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.is(other)
    }
}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Name {
    fn from(name: &str) -> Self {
        Self::remembered(name)
    }
}

impl From<String> for Name {
    fn from(name: String) -> Self {
        Self::remembered(&name)
    }
}

impl From<&Name> for Name {
    fn from(name: &Name) -> Self {
        name.clone()
    }
}

impl From<Cow<'_, str>> for Name {
    fn from(name: Cow<'_, str>) -> Self {
        Self::remembered(&name)
    }
}

impl From<&Text> for Name {
    /// Bytes that are not UTF-8 become replacement characters.
    fn from(name: &Text) -> Self {
        Self::from(name.to_str_lossy())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_itself_however_it_was_made() {
        let long = "x".repeat(REMEMBERED_MAX_BYTES + 1);
        for text in ["", "Pid", "a name with blanks", long.as_str()] {
            let [one, two] = [Name::from(text), Name::from(text.to_owned())];
            assert_eq!(one, two);
            assert_eq!(one.as_str(), text);
            assert_ne!(one, Name::from("another"));
        }
    }

    #[test]
    fn more_names_than_are_remembered() {
        let names: Vec<_> = (0..REMEMBERED * 4).map(|at| Name::from(format!("n{at}"))).collect();
        for (at, name) in names.iter().enumerate() {
            assert_eq!(name.as_str(), format!("n{at}"));
        }
    }
}
