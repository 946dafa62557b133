//! Values and rows: what a query computes with, how values compare, and how they print.
//!
//! The value model of VQL: NULL, bools, 64-bit integers, floats, byte strings, arrays, ordered
//! dicts, moments, structured paths, and one open variant ([`Object`]) for things that are
//! computed on demand or know their members.
//!
//! # Invariants
//!
//! - **RO-1** Cloning a value costs a reference count, never a copy.
//! - **RO-2** Setting a key of a [`Dict`] that exists moves it to the end; updating keeps the place.
//! - **RO-3** Comparing and printing never fail and never panic, whatever the types.
//!
//! # Not here
//!
//! Arithmetic, member access and everything that can run a query: `vql-eval`. Reading JSON:
//! `rows-json`.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod compare;
mod dict;
mod json;
mod name;
mod number;
mod object;
mod path;
mod shape;
mod text;
mod time;
mod value;

pub use compare::{equal, greater, less, sort_less};
pub use dict::{Dict, Row};
pub use json::{write_json, write_json_row};
pub use name::{Name, NameHasher, NameHashing};
pub use number::{go_float, json_float};
pub use object::{Lazy, Object, ObjectKind, Rows};
pub use path::{Delegate, OsPath, PathStyle};
pub use shape::Shape;
pub use text::Text;
pub use time::{Time, Zone};
pub use value::Value;
