//! Ordered maps with text keys, and rows, which are such maps.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use indexmap::IndexMap;

use crate::{Text, Value};

/// The name of a column, key, variable or argument. Case-sensitive, cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

impl Name {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
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
        Self(Arc::from(name))
    }
}

impl From<String> for Name {
    fn from(name: String) -> Self {
        Self(Arc::from(name))
    }
}

impl From<&Name> for Name {
    fn from(name: &Name) -> Self {
        name.clone()
    }
}

impl From<Cow<'_, str>> for Name {
    fn from(name: Cow<'_, str>) -> Self {
        Self(Arc::from(name.as_ref()))
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

/// An ordered map with text keys. Clones share their content until one of them is changed.
#[derive(Clone, Default)]
pub struct Dict(Arc<IndexMap<Name, Value>>);

/// One row of a query: its columns in order.
pub type Row = Dict;

impl Dict {
    /// An empty dict.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty dict with room for `size` keys.
    pub fn with_capacity(size: usize) -> Self {
        Self(Arc::new(IndexMap::with_capacity(size)))
    }

    /// Sets a key. One that exists is removed first, so the key is always the last afterwards.
    pub fn set(&mut self, key: impl Into<Name>, value: impl Into<Value>) {
        let key = key.into();
        let map = Arc::make_mut(&mut self.0);
        map.shift_remove(&key);
        map.insert(key, value.into());
    }

    /// Sets a key. One that exists keeps its place.
    pub fn update(&mut self, key: impl Into<Name>, value: impl Into<Value>) {
        Arc::make_mut(&mut self.0).insert(key.into(), value.into());
    }

    /// This dict with one more key; for writing rows down.
    #[must_use]
    pub fn with(mut self, key: impl Into<Name>, value: impl Into<Value>) -> Self {
        self.set(key, value);
        self
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }

    /// Whether there is such a key.
    pub fn contains(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// Removes a key, keeping the order of the others.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        Arc::make_mut(&mut self.0).shift_remove(key)
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no keys.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Keys and values, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&Name, &Value)> + ExactSizeIterator {
        self.0.iter()
    }

    /// The keys, in order.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &Name> + ExactSizeIterator {
        self.0.keys()
    }

    /// The values, in order.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &Value> + ExactSizeIterator {
        self.0.values()
    }

    /// The key and value at a place.
    pub fn at(&self, index: usize) -> Option<(&Name, &Value)> {
        self.0.get_index(index)
    }

    /// Changes every value in place.
    pub fn map_values(&mut self, mut change: impl FnMut(&Name, &mut Value)) {
        for (key, value) in Arc::make_mut(&mut self.0) {
            change(key, value);
        }
    }

    /// Whether both are the very same map in memory.
    pub fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<K: Into<Name>, V: Into<Value>> FromIterator<(K, V)> for Dict {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut dict = Self::new();
        for (key, value) in pairs {
            dict.set(key, value);
        }
        dict
    }
}

impl<K: Into<Name>, V: Into<Value>, const N: usize> From<[(K, V); N]> for Dict {
    fn from(pairs: [(K, V); N]) -> Self {
        pairs.into_iter().collect()
    }
}

impl fmt::Debug for Dict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
