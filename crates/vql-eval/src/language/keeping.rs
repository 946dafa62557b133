//! Values that functions keep between calls, charged to the query for as long as they are kept.

use std::any::Any;
use std::time::Duration;

use base::Timestamp;
use parking_lot::Mutex;
use rows::{Dict, Name, Object, Text, Value};
use vql_plugin::{Scope, Stopped};

use crate::language::recent::Recent;

/// A bounded number of values by key.
pub(super) struct Shelf {
    values: Recent<(Value, usize)>,
    scope: Scope,
    charged: usize,
}

impl Shelf {
    pub(super) fn new(size_max: usize, scope: &Scope) -> Self {
        Self { values: Recent::new(size_max), scope: scope.clone(), charged: 0 }
    }

    pub(super) fn get(
        &self,
        key: &Text,
        now: Timestamp,
        age_max: Option<Duration>,
    ) -> Option<Value> {
        self.values.get(key, now, age_max).map(|(value, _)| value.clone())
    }

    /// Keeps plain data. Returns what it replaces, to be dropped where no lock is held.
    pub(super) fn put(
        &mut self,
        key: Text,
        value: Value,
        now: Timestamp,
    ) -> Result<Vec<Value>, Stopped> {
        let size = value.size_bytes() + 2 * key.len() + 64;
        self.scope.charge(size)?;
        self.charged += size;
        let mut gone = Vec::new();
        for (value, size) in self.values.put(key, (value, size), now) {
            self.scope.release(size);
            self.charged -= size;
            gone.push(value);
        }
        Ok(gone)
    }

    pub(super) fn touch(&mut self, key: &Text) {
        self.values.touch(key);
    }

    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    pub(super) fn names(&self) -> Vec<Name> {
        self.values.iter().map(|(key, _)| Name::from(key)).collect()
    }

    pub(super) fn to_dict(&self) -> Dict {
        self.values.iter().map(|(key, (value, _))| (Name::from(key), value.clone())).collect()
    }
}

impl Drop for Shelf {
    fn drop(&mut self) {
        self.scope.release(self.charged);
    }
}

/// What `lru(…)` makes: like a dict, but it forgets.
pub(super) struct Lru {
    shelf: Mutex<Shelf>,
    scope: Scope,
}

impl Lru {
    pub(super) fn new(size_max: usize, scope: &Scope) -> Self {
        Self { shelf: Mutex::new(Shelf::new(size_max, scope)), scope: scope.clone() }
    }

    /// Sets a member.
    pub(super) fn set(&self, key: Text, value: Value) -> Result<(), Stopped> {
        let now = self.scope.host().clock().now();
        let gone = self.shelf.lock().put(key, value, now);
        gone.map(drop)
    }
}

impl Object for Lru {
    fn type_name(&self) -> &str {
        "lru"
    }

    fn member(&self, name: &str) -> Option<Value> {
        let key = Text::from(name);
        let mut shelf = self.shelf.lock();
        let found = shelf.get(&key, self.scope.host().clock().now(), None)?;
        shelf.touch(&key);
        Some(found)
    }

    fn members(&self) -> Vec<Name> {
        self.shelf.lock().names()
    }

    fn truth(&self) -> bool {
        self.shelf.lock().len() > 0
    }

    fn materialise(&self) -> Value {
        Value::Dict(self.shelf.lock().to_dict())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
