//! A struct laid over a place in the file.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::thread;

use parking_lot::Mutex;
use parsers::profile::Struct;
use rows::{Dict, Name, Object, Text, Value};

use super::array::{ArrayObject, place_member};
use super::field::Found;
use super::{Overlay, SHOWN_DEPTH_MAX};

/// A struct at a place. Its fields are its members; so are `SizeOf`, `StartOf`, `EndOf` and
/// `ParentOf`. `@Field` stands for the place of a field instead of its content.
pub(super) struct StructObject {
    overlay: Arc<Overlay>,
    layout: Arc<Struct>,
    start: i64,
    parent: Option<Arc<StructObject>>,
    read: Mutex<HashMap<usize, Found>>,
    me: Weak<StructObject>,
}

impl StructObject {
    pub(super) fn make(
        overlay: &Arc<Overlay>,
        name: &str,
        start: i64,
        parent: Option<Arc<StructObject>>,
    ) -> Option<Arc<Self>> {
        let layout = overlay.profile.get(name)?.clone();
        Some(Arc::new_cyclic(|me| Self {
            overlay: overlay.clone(),
            layout,
            start,
            parent,
            read: Mutex::default(),
            me: me.clone(),
        }))
    }

    pub(super) fn size(&self) -> i64 {
        let Some(me) = self.me.upgrade() else { return 0 };
        self.overlay.amount(&self.layout.size, Some(&me)).unwrap_or(0).max(0)
    }

    /// What lies in a field; read once.
    fn found(&self, number: usize) -> Option<Found> {
        if let Some(found) = self.read.lock().get(&number) {
            return Some(found.clone());
        }
        let me = self.me.upgrade()?;
        let key = (thread::current().id(), Arc::as_ptr(&me).addr(), number);
        if !self.overlay.reading.lock().insert(key) {
            let (name, field) = (&self.layout.name, &self.layout.fields[number].name);
            self.overlay
                .tell(format!("field {field} of struct {name} depends on itself; NULL there"));
            return None;
        }
        let found = self.read_field(number, &me);
        self.overlay.reading.lock().remove(&key);
        let found = found?;
        if !matches!(found, Found::Passing(_)) {
            self.read.lock().insert(number, found.clone());
        }
        Some(found)
    }

    fn read_field(&self, number: usize, me: &Arc<Self>) -> Option<Found> {
        let _descent = self.overlay.descend()?;
        let kind = self.layout.fields[number].kind.as_ref()?;
        let place = self.start.checked_add(self.field_offset(number, me)?)?;
        Some(self.overlay.read(kind, place, Some(me)))
    }

    fn field_offset(&self, number: usize, me: &Arc<Self>) -> Option<i64> {
        self.overlay.field_offset(&self.layout.fields[number].offset, me)
    }

    fn field(&self, number: usize) -> Value {
        let found = self.found(number);
        found.map_or(Value::Null, |found| found.value(&self.overlay, self.me.upgrade().as_ref()))
    }

    /// What a result shows, `depth` structs deep.
    fn shown(&self, depth: usize) -> Value {
        let mut shown = Dict::new();
        for (number, field) in self.layout.fields.iter().enumerate() {
            if !field.name.starts_with("__") {
                let value = self.field(number);
                // `Value` fields may hand out the struct itself or the one around it.
                if !self.is_around(&value) {
                    shown.set(field.name.as_str(), self::shown(&value, &self.overlay, depth + 1));
                }
            }
        }
        Value::Dict(shown)
    }

    fn is_around(&self, value: &Value) -> bool {
        let Value::Object(object) = value else { return false };
        let Some(other) = object.as_any().downcast_ref::<Self>() else { return false };
        let mut at = Some(self);
        while let Some(structure) = at {
            if structure.start == other.start && Arc::ptr_eq(&structure.layout, &other.layout) {
                return true;
            }
            at = structure.parent.as_deref();
        }
        false
    }
}

/// The plain data that stands for a value in a result.
pub(super) fn shown(value: &Value, overlay: &Overlay, depth: usize) -> Value {
    if !overlay.may_show() {
        return Value::Null;
    }
    let Value::Object(object) = value else {
        return overlay.scope.materialise(value);
    };
    if depth > SHOWN_DEPTH_MAX {
        overlay.tell(format!("structs are nested deeper than {SHOWN_DEPTH_MAX}; NULL there"));
        return Value::Null;
    }
    if let Some(structure) = object.as_any().downcast_ref::<StructObject>() {
        return structure.shown(depth);
    }
    match object.as_any().downcast_ref::<ArrayObject>() {
        Some(array) => array.shown(depth + 1),
        None => overlay.scope.materialise(value),
    }
}

impl Object for StructObject {
    fn type_name(&self) -> &str {
        &self.layout.name
    }

    fn member(&self, name: &str) -> Option<Value> {
        if let Some(field) = name.strip_prefix('@') {
            let number = self.layout.field(field)?;
            return Some(Value::Object(Arc::new(Reference { of: self.me.upgrade()?, number })));
        }
        match name {
            "SizeOf" => return Some(Value::Int(self.size())),
            "StartOf" | "OffsetOf" => return Some(Value::Int(self.start)),
            "EndOf" => return Some(Value::Int(self.start.saturating_add(self.size()))),
            "ParentOf" => {
                let parent = self.parent.clone();
                return Some(parent.map_or(Value::Null, |parent| Value::Object(parent)));
            }
            _ => {}
        }
        self.layout.field(name).map(|number| self.field(number))
    }

    fn members(&self) -> Vec<Name> {
        self.layout.fields.iter().map(|field| Name::from(field.name.as_str())).collect()
    }

    fn to_text(&self) -> Text {
        self.materialise().to_text()
    }

    fn truth(&self) -> bool {
        true
    }

    fn materialise(&self) -> Value {
        self.shown(0)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The place of a field: `@Field`.
struct Reference {
    of: Arc<StructObject>,
    number: usize,
}

impl Object for Reference {
    fn type_name(&self) -> &str {
        "reference"
    }

    fn member(&self, name: &str) -> Option<Value> {
        let of = &self.of;
        if name == "Value" {
            return Some(of.field(self.number));
        }
        let offset = of.field_offset(self.number, of)?;
        let size = || of.found(self.number).map_or(0, |found| found.size(&of.overlay, Some(of)));
        match name {
            "RelOffset" => return Some(Value::Int(offset)),
            "RelEndOf" => return Some(Value::Int(offset.saturating_add(size()))),
            _ => {}
        }
        let name = match name {
            "Size" => "SizeOf",
            "Start" => "StartOf",
            "End" => "EndOf",
            other => other,
        };
        place_member(name, of.start.saturating_add(offset), size())
    }

    fn truth(&self) -> bool {
        true
    }

    fn materialise(&self) -> Value {
        shown(&self.of.field(self.number), &self.of.overlay, 0)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
