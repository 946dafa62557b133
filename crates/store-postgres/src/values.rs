//! How values are bound: ids as 16 bytes, one column of many records as an array.

use std::error::Error;

use base::Timestamp;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{IsNull, ToSql, Type, accepts, to_sql_checked};

use crate::columns::clean;
use crate::filter::Bound;

/// The bits of an id, or of a hash of 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Id(pub(crate) u128);

impl ToSql for Id {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.extend_from_slice(&self.0.to_be_bytes());
        Ok(IsNull::No)
    }

    accepts!(BYTEA);
    to_sql_checked!();
}

/// A count as a column holds it.
pub(crate) fn int(count: u64) -> i64 {
    loghunt::flat::int(count)
}

/// A value to be bound.
pub(crate) fn one(value: impl ToSql + Sync + Send + 'static) -> Bound {
    Box::new(value)
}

/// A text to be bound.
pub(crate) fn text(text: &str) -> Bound {
    Box::new(clean(text))
}

/// A moment to be bound.
pub(crate) fn moment(moment: Timestamp) -> Bound {
    Box::new(moment.as_micros())
}

/// One column of many records, as an array.
pub(crate) fn column<'i, I: 'i, T>(
    items: impl IntoIterator<Item = &'i I>,
    value: impl FnMut(&'i I) -> T,
) -> Bound
where
    T: ToSql + Sync + Send + 'static,
{
    Box::new(items.into_iter().map(value).collect::<Vec<T>>())
}

/// What is bound, as the client takes it.
pub(crate) fn bound(values: &[Bound]) -> Vec<&(dyn ToSql + Sync)> {
    values.iter().map(|value| &**value as &(dyn ToSql + Sync)).collect()
}
