//! The columns of a table, as conditions need them: which stands for a field, and what it holds.

use crate::Dialect;

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: ColumnKind,
}

/// What a column holds, as far as conditions need to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ColumnKind {
    /// Texts.
    Text,
    /// Whole numbers.
    Int,
    /// Numbers with a fraction.
    Float,
    /// Truth values.
    Bool,
    /// Moments.
    Time {
        /// They are printed in the session's zone; otherwise they are taken for UTC.
        zoned: bool,
    },
    /// Addresses of the internet in the engine's own type.
    Address,
    /// Anything, each row for itself: SQLite.
    Any,
    /// Arrays, maps, bytes and the like.
    Other,
}

impl ColumnKind {
    /// Reads an engine's name of a type.
    pub fn of(dialect: Dialect, type_name: &str) -> Self {
        if dialect == Dialect::Sqlite {
            return Self::Any;
        }
        let lower = type_name.to_ascii_lowercase();
        let mut name = lower.trim();
        for wrapper in ["lowcardinality(", "nullable("] {
            name = name.strip_prefix(wrapper).unwrap_or(name);
        }
        if let Some(values) = name.strip_prefix("dictionary(") {
            name = values.rsplit_once(',').map_or(name, |(_, values)| values.trim());
        }
        let word: &str = name.split(['(', ')', ' ', ';']).next().unwrap_or("");
        match word {
            _ if name.ends_with("[]") => Self::Other,
            // Cut into words.
            "text" if dialect == Dialect::OpenSearch => Self::Other,
            "text" | "varchar" | "char" | "character" | "bpchar" | "name" | "citext" | "string"
            | "utf8" | "largeutf8" | "utf8view" | "fixedstring" | "uuid" | "keyword"
            | "wildcard" | "enum8" | "enum16" => Self::Text,
            "smallint" | "integer" | "int" | "bigint" | "tinyint" | "int2" | "int4" | "int8"
            | "int16" | "int32" | "int64" | "uint8" | "uint16" | "uint32" | "uint64" | "long"
            | "short" | "byte" => Self::Int,
            "real" | "double" | "float" | "float4" | "float8" | "float16" | "float32"
            | "float64" | "numeric" | "decimal" | "decimal128" | "decimal256" => Self::Float,
            "boolean" | "bool" => Self::Bool,
            "timestamp" | "timestamptz" | "datetime" | "datetime64" | "timestamp_ntz" | "date"
            | "date32" | "date64" => {
                Self::Time { zoned: word == "timestamptz" || name.ends_with("with time zone") }
            }
            "inet" | "ipv4" | "ipv6" | "ipaddress" | "ip" => Self::Address,
            _ => Self::Other,
        }
    }
}

/// Which column stands for a field.
pub trait Columns {
    /// The column behind a field's name; `None` when the table has none.
    fn column(&self, field: &str) -> Option<Column>;

    /// All columns, for texts that are looked for anywhere.
    fn all(&self) -> Vec<Column>;
}

/// Columns with the engine's names of their types, and what rules call them.
#[derive(Clone, Debug, Default)]
pub struct TableColumns {
    columns: Vec<Column>,
    names: Vec<(String, String)>,
}

impl TableColumns {
    /// From `(name, type)` as an engine describes them, and `(field, column)` as a tenant's file
    /// maps them. A field that is not mapped is a column by its own name; where there is none of
    /// that very name, one that differs in case only.
    pub fn new(
        dialect: Dialect,
        described: &[(String, String)],
        mapped: &[(String, String)],
    ) -> Self {
        let column = |(name, kind): &(String, String)| Column {
            name: name.clone(),
            kind: ColumnKind::of(dialect, kind),
        };
        Self { columns: described.iter().map(column).collect(), names: mapped.to_vec() }
    }
}

impl Columns for TableColumns {
    fn column(&self, field: &str) -> Option<Column> {
        let mapped = self.names.iter().find(|(name, _)| name == field);
        let wanted = mapped.map_or(field, |(_, column)| column);
        let exact = self.columns.iter().find(|column| column.name == wanted);
        exact
            .or_else(|| self.columns.iter().find(|one| one.name.eq_ignore_ascii_case(wanted)))
            .cloned()
    }

    fn all(&self) -> Vec<Column> {
        self.columns.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_known_by_the_names_that_engines_give_them() {
        let check = |dialect, name: &str, wanted| {
            assert_eq!(ColumnKind::of(dialect, name), wanted, "{name}");
        };
        let time = |zoned| ColumnKind::Time { zoned };
        check(Dialect::DataFusion, "Dictionary(Int32, Utf8)", ColumnKind::Text);
        check(Dialect::DataFusion, "Timestamp(Microsecond, Some(\"UTC\"))", time(false));
        check(Dialect::DataFusion, "List(Utf8)", ColumnKind::Other);
        check(Dialect::ClickHouse, "LowCardinality(Nullable(String))", ColumnKind::Text);
        check(Dialect::ClickHouse, "Nullable(UInt16)", ColumnKind::Int);
        check(Dialect::Postgres, "character varying(20)", ColumnKind::Text);
        check(Dialect::Postgres, "timestamp with time zone", time(true));
        check(Dialect::Postgres, "text[]", ColumnKind::Other);
        check(Dialect::Sqlite, "INTEGER", ColumnKind::Any);
        check(Dialect::Trino, "varchar(10)", ColumnKind::Text);
    }

    #[test]
    fn a_field_is_a_column_by_mapping_or_by_name() {
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        let columns = TableColumns::new(
            Dialect::Postgres,
            &[pair("process_path", "text"), pair("host", "text")],
            &[pair("Image", "process_path"), pair("User", "gone")],
        );
        let name = |field: &str| columns.column(field).map(|column| column.name);
        assert_eq!(name("Image").as_deref(), Some("process_path"));
        assert_eq!(name("Host").as_deref(), Some("host"));
        assert_eq!(name("User"), None);
    }
}
