//! Cells as columns of one type, for SQL and for tables that leave. Pure.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanBuilder, Float64Builder, Int64Builder, StringBuilder};
use arrow::datatypes::DataType;
use flows::cell::Cell;
use flows::hot::ColumnKind;

/// A column of one type that is being made. What does not fit becomes a null.
pub(crate) enum TypedBuilder {
    Integers(Int64Builder),
    Numbers(Float64Builder),
    Booleans(BooleanBuilder),
    Texts(StringBuilder),
}

/// The type of columns of a kind.
pub(crate) fn data_type(kind: ColumnKind) -> DataType {
    match kind {
        ColumnKind::Integers => DataType::Int64,
        ColumnKind::Numbers => DataType::Float64,
        ColumnKind::Booleans => DataType::Boolean,
        ColumnKind::Texts | ColumnKind::Mixed => DataType::Utf8,
    }
}

impl TypedBuilder {
    pub(crate) fn new(kind: ColumnKind) -> Self {
        match kind {
            ColumnKind::Integers => Self::Integers(Int64Builder::new()),
            ColumnKind::Numbers => Self::Numbers(Float64Builder::new()),
            ColumnKind::Booleans => Self::Booleans(BooleanBuilder::new()),
            ColumnKind::Texts | ColumnKind::Mixed => Self::Texts(StringBuilder::new()),
        }
    }

    pub(crate) fn push(&mut self, cell: &Cell<'_>) {
        match self {
            Self::Integers(builder) => {
                builder.append_option(cell.text().and_then(|text| text.parse().ok()));
            }
            Self::Numbers(builder) => builder.append_option(match cell {
                Cell::Number { value, .. } => Some(*value),
                Cell::Nothing | Cell::Text(_) => None,
            }),
            Self::Booleans(builder) => builder.append_option(match cell.text() {
                Some("true") => Some(true),
                Some("false") => Some(false),
                _ => None,
            }),
            Self::Texts(builder) => builder.append_option(cell.text()),
        }
    }

    pub(crate) fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Integers(builder) => Arc::new(builder.finish()),
            Self::Numbers(builder) => Arc::new(builder.finish()),
            Self::Booleans(builder) => Arc::new(builder.finish()),
            Self::Texts(builder) => Arc::new(builder.finish()),
        }
    }
}
