//! Values that know where they lie: arrays, and numbers of varying length.

use std::any::Any;
use std::sync::{Arc, OnceLock};

use rows::{Object, ObjectKind, Text, Value};

use super::Overlay;
use super::field::Elements;
use super::structure::StructObject;

/// The elements of an array. Used as a value it is a plain array; it also knows its place.
pub(super) struct ArrayObject {
    overlay: Arc<Overlay>,
    elements: Arc<Elements>,
    parent: Option<Arc<StructObject>>,
    made: OnceLock<Value>,
}

impl ArrayObject {
    pub(super) fn value(
        overlay: Arc<Overlay>,
        elements: Arc<Elements>,
        parent: Option<Arc<StructObject>>,
    ) -> Value {
        Value::Object(Arc::new(Self { overlay, elements, parent, made: OnceLock::new() }))
    }

    fn get(&self) -> &Value {
        self.made.get_or_init(|| {
            let parent = self.parent.as_ref();
            Value::array(self.elements.of.iter().map(|found| found.value(&self.overlay, parent)))
        })
    }

    /// What a result shows, `depth` structs deep.
    pub(super) fn shown(&self, depth: usize) -> Value {
        let parent = self.parent.as_ref();
        let elements = self.elements.of.iter().map(|found| {
            super::structure::shown(&found.value(&self.overlay, parent), &self.overlay, depth)
        });
        Value::array(elements)
    }
}

impl Object for ArrayObject {
    fn kind(&self) -> ObjectKind {
        ObjectKind::Lazy
    }

    fn type_name(&self) -> &str {
        "array"
    }

    fn member(&self, name: &str) -> Option<Value> {
        let Elements { start, size, .. } = *self.elements;
        place_member(name, start, size).or_else(|| (name == "Value").then(|| self.get().clone()))
    }

    fn to_text(&self) -> Text {
        self.materialise().to_text()
    }

    fn truth(&self) -> bool {
        !self.elements.of.is_empty()
    }

    fn materialise(&self) -> Value {
        self.shown(0)
    }

    fn force(&self) -> Option<Value> {
        Some(self.get().clone())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A plain value that also knows its place.
pub(super) struct Measured {
    value: Value,
    start: i64,
    size: i64,
}

impl Measured {
    pub(super) fn value(value: Value, start: i64, size: i64) -> Value {
        Value::Object(Arc::new(Self { value, start, size }))
    }
}

impl Object for Measured {
    fn kind(&self) -> ObjectKind {
        ObjectKind::Lazy
    }

    fn type_name(&self) -> &str {
        "number"
    }

    fn member(&self, name: &str) -> Option<Value> {
        let value = || matches!(name, "Value" | "ValueOf").then(|| self.value.clone());
        place_member(name, self.start, self.size).or_else(value)
    }

    fn to_text(&self) -> Text {
        self.value.to_text()
    }

    fn truth(&self) -> bool {
        self.value.truth()
    }

    fn materialise(&self) -> Value {
        self.value.clone()
    }

    fn force(&self) -> Option<Value> {
        Some(self.value.clone())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// What everything that lies somewhere can say about its place.
pub(super) fn place_member(name: &str, start: i64, size: i64) -> Option<Value> {
    Some(Value::Int(match name {
        "SizeOf" => size,
        "StartOf" | "OffsetOf" => start,
        "EndOf" => start.saturating_add(size),
        _ => return None,
    }))
}
