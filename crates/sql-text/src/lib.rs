//! SQL of several dialects: templates with bound windows, and predicates as conditions.
//!
//! A rule's SQL is read once ([`Template`]), checked against its class, and written for each
//! tenant's table and each engine's dialect ([`Template::render`] with a [`Target`]). Conditions
//! made from predicates become statements with [`select`].
//!
//! # Not here
//!
//! Connections and types of engines: the engines. Which windows are read: `loghunt`.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod columns;
mod condition;
mod depth;
mod dialect;
mod documents;
mod expression;
mod lower;
mod networks;
mod outputs;
mod parameter;
mod placeholders;
mod plain;
mod row_condition;
mod shape;
mod sqlite_functions;
mod statement;
mod target;
mod template;
mod texts;

pub use columns::{Column, ColumnKind, Columns, TableColumns};
pub use condition::{Unsupported, condition};
pub use dialect::{Dialect, Unquotable};
pub use lower::{Held, Lowered, lower};
pub use outputs::Outputs;
pub use parameter::{Parameter, ParameterStyle};
pub use plain::INSTANT;

pub use row_condition::{RowCondition, row_condition};
pub use sqlite_functions::SqliteFunctions;
pub use statement::{Sql, Statement};
pub use target::{
    Clock, ClockForm, EVENT, HIDDEN, POSITION, Prune, Restriction, Target, identity_column, select,
};
pub use template::{Class, RenderError, Template, TemplateProblem};
