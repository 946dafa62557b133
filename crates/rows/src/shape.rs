//! Shapes: the names of a row's columns, shared by all rows that have the same ones.
//!
//! Adding a name to a shape leads to the same next shape every time (within a thread, and as long
//! as it is remembered), so rows that are put together key by key share theirs as well.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use crate::Name;
use crate::name::quick_hash;

/// The names of columns, in order, each once. Cheap to clone.
#[derive(Clone, Default)]
pub struct Shape(Option<Arc<Names>>);

#[derive(Default)]
struct Names {
    names: Vec<Name>,
    /// The lengths of all names.
    bytes: usize,
    /// Where each name is, when there are too many to look through.
    places: OnceLock<HashMap<Name, usize>>,
}

/// Up to so many names are looked through one by one, and their shapes are shared between rows
/// that were built alike. Larger ones are tables with keys rather than rows.
const FEW: usize = 24;
/// How many steps from shape to shape each thread remembers.
const STEPS: usize = 512;

struct Step {
    from: Shape,
    to: Shape,
}

thread_local! {
    static RECENT: RefCell<Vec<Option<Step>>> = const { RefCell::new(Vec::new()) };
}

impl Shape {
    /// A shape with these names; a name that comes again is left out.
    pub fn of<N: Into<Name>>(names: impl IntoIterator<Item = N>) -> Self {
        let mut shape = Self::default();
        for name in names {
            let name = name.into();
            if shape.place(&name).is_none() {
                shape.push(name);
            }
        }
        shape
    }

    /// The names, in order.
    #[inline]
    pub fn names(&self) -> &[Name] {
        self.0.as_ref().map_or(&[], |shape| &shape.names)
    }

    /// Whether both are the very same in memory. Different ones may have the same names.
    #[inline]
    pub fn same(&self, other: &Self) -> bool {
        self.address() == other.address()
    }

    /// Where a name is.
    #[inline]
    pub fn place(&self, name: &str) -> Option<usize> {
        let shape = self.0.as_ref()?;
        if shape.names.len() <= FEW {
            return shape.names.iter().position(|known| known.is(name));
        }
        shape.places.get_or_init(|| places(&shape.names)).get(name).copied()
    }

    /// The lengths of all names together.
    pub(crate) fn bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |shape| shape.bytes)
    }

    fn address(&self) -> usize {
        self.0.as_ref().map_or(0, |shape| Arc::as_ptr(shape) as usize)
    }

    /// Adds a name that is not there yet.
    pub(crate) fn push(&mut self, name: Name) {
        let count = self.names().len();
        if count >= FEW {
            return self.own(1).push(name);
        }
        let mixed = quick_hash(&name) ^ (self.address() as u64 >> 4).wrapping_mul(0x9e37_79b9);
        let place = usize::try_from(mixed % STEPS as u64).unwrap_or(0);
        let known = RECENT.try_with(|recent| {
            let mut recent = recent.borrow_mut();
            if recent.is_empty() {
                recent.resize_with(STEPS, || None);
            }
            match &mut recent[place] {
                Some(step) if step.from.same(self) && step.to.names()[count].is(&name) => {
                    step.to.clone()
                }
                other => {
                    let to = self.grown(name.clone());
                    *other = Some(Step { from: self.clone(), to: to.clone() });
                    to
                }
            }
        });
        // A thread that is ending remembers nothing any more.
        *self = known.unwrap_or_else(|_| self.grown(name));
    }

    fn grown(&self, name: Name) -> Self {
        let mut names = Names::default();
        names.names.reserve_exact(self.names().len() + 1);
        names.names.extend(self.names().iter().cloned());
        names.bytes = self.bytes();
        names.push(name);
        Self(Some(Arc::new(names)))
    }

    /// Removes the name at a place.
    pub(crate) fn remove(&mut self, place: usize) {
        if self.names().len() <= FEW {
            let names = self.names().iter().enumerate();
            *self = Self::of(names.filter(|(at, _)| *at != place).map(|(_, name)| name));
        } else {
            let own = self.own(0);
            own.places = OnceLock::new();
            own.bytes -= own.names.remove(place).len();
        }
    }

    /// The names for changing them: nobody else sees it.
    fn own(&mut self, more: usize) -> &mut Names {
        let shared = self.0.get_or_insert_default();
        if Arc::get_mut(shared).is_none() {
            let mut names = Vec::with_capacity(shared.names.len() + more);
            names.extend(shared.names.iter().cloned());
            let bytes = shared.bytes;
            *shared = Arc::new(Names { names, bytes, places: OnceLock::new() });
        }
        Arc::get_mut(shared).expect("nobody else has it: it was made here if somebody had")
    }
}

impl Names {
    fn push(&mut self, name: Name) {
        if let Some(places) = self.places.get_mut() {
            places.insert(name.clone(), self.names.len());
        }
        self.bytes += name.len();
        self.names.push(name);
    }
}

fn places(names: &[Name]) -> HashMap<Name, usize> {
    names.iter().cloned().enumerate().map(|(place, name)| (name, place)).collect()
}

impl std::fmt::Debug for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_are_built_alike_share_their_shape() {
        let [one, two] = [(); 2].map(|()| Shape::of(["a", "b", "c"]));
        assert!(one.same(&two));
        assert!(!one.same(&Shape::of(["a", "c", "b"])));
    }

    #[test]
    fn a_name_stands_once() {
        let shape = Shape::of(["a", "b", "a"]);
        assert_eq!(format!("{shape:?}"), r#"["a", "b"]"#);
    }

    #[test]
    fn many_names_are_found_as_few_are() {
        let names: Vec<_> = (0..FEW * 4).map(|at| format!("n{at}")).collect();
        let mut shape = Shape::of(names.iter().map(String::as_str));
        let before = shape.clone();
        assert_eq!(shape.place("n70"), Some(70));
        shape.remove(3);
        shape.push(Name::from("new"));
        assert_eq!(shape.place("n3"), None);
        assert_eq!(shape.place("n70"), Some(69));
        assert_eq!(shape.place("new"), Some(FEW * 4 - 1));
        assert_eq!((before.place("n3"), before.place("new")), (Some(3), None));
        assert_eq!(before.bytes() + "new".len() - "n3".len(), shape.bytes());
    }
}
