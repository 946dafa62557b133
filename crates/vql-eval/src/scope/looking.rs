//! Looking names up: from the newest layer to the oldest, and without a copy where that is possible.

use rows::Value;

use super::{Env, Layer, Slot};

/// What a name stands for, found without evaluating anything but cells.
pub(crate) enum Glance<'a> {
    Value(&'a Value),
    Slot(Slot),
    Nothing,
}

/// A value that is somewhere in the scope or the plan, or was computed.
pub(crate) enum Seen<'a> {
    Borrowed(&'a Value),
    Owned(Value),
}

impl Seen<'_> {
    pub(crate) fn into_value(self) -> Value {
        match self {
            Self::Borrowed(value) => value.clone(),
            Self::Owned(value) => value,
        }
    }
}

impl std::ops::Deref for Seen<'_> {
    type Target = Value;

    #[inline]
    fn deref(&self) -> &Value {
        match self {
            Self::Borrowed(value) => value,
            Self::Owned(value) => value,
        }
    }
}

impl Env {
    /// What the newest layer that has the name holds.
    pub(crate) fn glance(&self, name: &str) -> Glance<'_> {
        let mut env = self;
        loop {
            match &env.0.layer {
                Layer::Empty => {}
                Layer::Row(row) => {
                    if let Some(value) = row.get(name) {
                        return Glance::Value(value);
                    }
                }
                Layer::Cells(cells) => {
                    let below = env.0.parent.as_ref();
                    if let Some(value) = below.and_then(|below| cells.by_name(name, below)) {
                        return Glance::Value(value);
                    }
                }
                Layer::Args(args) => {
                    if let Some((_, slot)) = args.iter().rev().find(|(known, _)| known.is(name)) {
                        return match slot {
                            Slot::Value(value) => Glance::Value(value),
                            other => Glance::Slot(other.clone()),
                        };
                    }
                }
                Layer::Variables(variables) => {
                    if let Some(slot) = variables.read().get(name) {
                        return Glance::Slot(slot.clone());
                    }
                }
            }
            match &env.0.parent {
                Some(below) => env = below,
                None => return Glance::Nothing,
            }
        }
    }

    /// The value of a name that lies in a layer and needs nothing done: the quick way for most
    /// operands. `None` says nothing.
    #[inline]
    pub(crate) fn lying_value(&self, name: &str) -> Option<&Value> {
        let mut env = self;
        let found = loop {
            match &env.0.layer {
                Layer::Empty => {}
                Layer::Row(row) => {
                    if let Some(value) = row.get(name) {
                        break value;
                    }
                }
                Layer::Cells(cells) => {
                    if let Some(value) = cells.by_name(name, env.0.parent.as_ref()?) {
                        break value;
                    }
                }
                Layer::Args(args) => {
                    if let Some((_, slot)) = args.iter().rev().find(|(known, _)| known.is(name)) {
                        let Slot::Value(value) = slot else { return None };
                        break value;
                    }
                }
                Layer::Variables(_) => return None,
            }
            env = env.0.parent.as_ref()?;
        };
        (!matches!(found, Value::Object(_))).then_some(found)
    }

    /// What the newest layer that has the name holds, to keep.
    pub(crate) fn slot(&self, name: &str) -> Option<Slot> {
        match self.glance(name) {
            Glance::Value(value) => Some(Slot::Value(value.clone())),
            Glance::Slot(slot) => Some(slot),
            Glance::Nothing => None,
        }
    }

    /// The value of a variable; lazy definitions are evaluated here, in this scope.
    pub(crate) fn find(&self, name: &str) -> Option<Value> {
        self.look(name).map(Seen::into_value)
    }

    /// The same without a copy where that is possible.
    pub(crate) fn look(&self, name: &str) -> Option<Seen<'_>> {
        Some(match self.glance(name) {
            Glance::Value(value) => Seen::Borrowed(value),
            Glance::Slot(Slot::Value(value)) => Seen::Owned(value),
            Glance::Slot(Slot::Definition(definition)) => Seen::Owned(self.evaluate(&definition)),
            Glance::Nothing => return None,
        })
    }
}
