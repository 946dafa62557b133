//! Ordered maps with text keys, and rows, which are such maps.

use std::fmt;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::{Name, Shape, Value};

/// An ordered map with text keys. Clones share their content until one of them is changed.
#[derive(Clone, Default)]
pub struct Dict(Arc<Content>);

/// So many values lie beside each other without an allocation of their own.
type Values = SmallVec<[Value; 4]>;

#[derive(Clone, Default)]
struct Content {
    shape: Shape,
    /// As many as the shape has names.
    values: Values,
}

/// One row of a query: its columns in order.
pub type Row = Dict;

impl Dict {
    /// An empty dict.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty dict with room for `size` keys.
    pub fn with_capacity(size: usize) -> Self {
        let values = Values::with_capacity(size);
        Self(Arc::new(Content { shape: Shape::default(), values }))
    }

    /// A row of this shape: for whoever makes many alike. Values that are missing are NULL,
    /// surplus ones are dropped.
    pub fn of_shape(shape: &Shape, values: impl IntoIterator<Item = Value>) -> Self {
        let count = shape.names().len();
        let mut row: Values = SmallVec::with_capacity(count);
        row.extend(values.into_iter().take(count));
        row.resize(count, Value::Null);
        Self(Arc::new(Content { shape: shape.clone(), values: row }))
    }

    /// The names of the keys, shared with dicts that were made alike.
    pub fn shape(&self) -> &Shape {
        &self.0.shape
    }

    /// Sets a key. One that exists is removed first, so the key is always the last afterwards.
    pub fn set(&mut self, key: impl Into<Name>, value: impl Into<Value>) {
        let key = key.into();
        let content = Arc::make_mut(&mut self.0);
        if let Some(place) = content.shape.place(&key) {
            if place + 1 == content.values.len() {
                content.values[place] = value.into();
                return;
            }
            content.shape.remove(place);
            content.values.remove(place);
        }
        content.shape.push(key);
        content.values.push(value.into());
    }

    /// Sets a key. One that exists keeps its place.
    pub fn update(&mut self, key: impl Into<Name>, value: impl Into<Value>) {
        let key = key.into();
        let content = Arc::make_mut(&mut self.0);
        match content.shape.place(&key) {
            Some(place) => content.values[place] = value.into(),
            None => {
                content.shape.push(key);
                content.values.push(value.into());
            }
        }
    }

    /// This dict with one more key; for writing rows down.
    #[must_use]
    pub fn with(mut self, key: impl Into<Name>, value: impl Into<Value>) -> Self {
        self.set(key, value);
        self
    }

    /// The value of a key.
    #[inline]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.values.get(self.0.shape.place(key)?)
    }

    /// Whether there is such a key.
    pub fn contains(&self, key: &str) -> bool {
        self.0.shape.place(key).is_some()
    }

    /// Removes a key, keeping the order of the others.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        let place = self.0.shape.place(key)?;
        let content = Arc::make_mut(&mut self.0);
        content.shape.remove(place);
        Some(content.values.remove(place))
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.0.values.len()
    }

    /// Whether there are no keys.
    pub fn is_empty(&self) -> bool {
        self.0.values.is_empty()
    }

    /// Keys and values, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&Name, &Value)> + ExactSizeIterator {
        self.keys().zip(&self.0.values)
    }

    /// The keys, in order.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &Name> + ExactSizeIterator {
        self.0.shape.names().iter()
    }

    /// The values, in order.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &Value> + ExactSizeIterator {
        self.0.values.iter()
    }

    /// The key and value at a place.
    pub fn at(&self, index: usize) -> Option<(&Name, &Value)> {
        Some((self.0.shape.names().get(index)?, self.0.values.get(index)?))
    }

    /// The value at a place, as [`Shape::place`] gave it.
    #[inline]
    pub fn value_at(&self, place: usize) -> Option<&Value> {
        self.0.values.get(place)
    }

    /// Changes every value in place.
    pub fn map_values(&mut self, mut change: impl FnMut(&Name, &mut Value)) {
        let content = Arc::make_mut(&mut self.0);
        for (key, value) in content.shape.names().iter().zip(&mut content.values) {
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
        let pairs = pairs.into_iter();
        let mut dict = Self::with_capacity(pairs.size_hint().0.min(1024));
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Change {
        Set(u8, i64),
        Update(u8, i64),
        Remove(u8),
    }

    fn any_change() -> impl Strategy<Value = Change> {
        // More keys than are looked through one by one.
        prop_oneof![
            3 => (0..60_u8, any::<i64>()).prop_map(|(key, value)| Change::Set(key, value)),
            2 => (0..60_u8, any::<i64>()).prop_map(|(key, value)| Change::Update(key, value)),
            1 => (0..60_u8).prop_map(Change::Remove),
        ]
    }

    proptest! {
        #[test]
        fn a_dict_is_a_list_of_pairs(changes in prop::collection::vec(any_change(), 0..150)) {
            let mut dict = Dict::new();
            let mut pairs: Vec<(String, i64)> = Vec::new();
            let mut before = Vec::new();
            for change in changes {
                before.push((dict.clone(), pairs.len()));
                let key = |key: u8| format!("key {key}");
                match change {
                    Change::Set(k, value) => {
                        dict.set(key(k), value);
                        pairs.retain(|(known, _)| *known != key(k));
                        pairs.push((key(k), value));
                    }
                    Change::Update(k, value) => {
                        dict.update(key(k), value);
                        match pairs.iter_mut().find(|(known, _)| *known == key(k)) {
                            Some(pair) => pair.1 = value,
                            None => pairs.push((key(k), value)),
                        }
                    }
                    Change::Remove(k) => {
                        let was = pairs.iter().find(|(known, _)| *known == key(k)).map(|(_, v)| *v);
                        prop_assert_eq!(dict.remove(&key(k)).map(|v| v.to_text()), was.map(|v| Value::from(v).to_text()));
                        pairs.retain(|(known, _)| *known != key(k));
                    }
                }
                let found: Vec<_> =
                    dict.iter().map(|(key, value)| (key.as_str().to_owned(), value.clone())).collect();
                let wanted: Vec<_> =
                    pairs.iter().map(|(key, value)| (key.clone(), Value::Int(*value))).collect();
                prop_assert_eq!(found, wanted);
                for (key, value) in &pairs {
                    prop_assert_eq!(dict.get(key), Some(&Value::Int(*value)));
                }
                prop_assert!(dict.get("never there").is_none());
            }
            // Clones that were taken before a change do not see it.
            prop_assert!(before.iter().all(|(dict, count)| dict.len() == *count));
        }
    }

    #[test]
    fn a_row_of_a_shape_has_its_columns_whatever_the_values() {
        let shape = Shape::of(["a", "b"]);
        let shown = |values: Vec<Value>| format!("{:?}", Dict::of_shape(&shape, values));
        assert_eq!(shown(vec![1.into()]), r#"{"a": Int(1), "b": Null}"#);
        assert_eq!(shown(vec![1.into(), 2.into(), 3.into()]), r#"{"a": Int(1), "b": Int(2)}"#);
    }
}
