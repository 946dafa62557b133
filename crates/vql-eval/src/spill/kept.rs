//! The rows of a `LET … <=` that are too many for memory. They can be gone through as often as
//! wanted, and nothing else.

use std::any::Any;
use std::sync::Arc;

use rows::{Object, ObjectKind, Row, Text, Value};
use vql_plugin::{Level, RowStream, Stopped};

use crate::objects::{KeptRows, StoredQuery};
use crate::scope::Env;
use crate::session::Charge;
use crate::spill::{Stored, Writer};

/// More rows than these go to a file, unless the variable says otherwise.
const ROWS_IN_MEMORY: usize = 1_000;
const LIMIT_VARIABLE: &str = "VQL_MATERIALIZE_ROW_LIMIT";

/// Rows in a temporary file.
pub(crate) struct SpilledRows(Arc<Stored>);

impl SpilledRows {
    /// The rows in this object, if they are in a file.
    pub(crate) fn of(object: &Arc<dyn Object>) -> Option<&Self> {
        object.as_any().downcast_ref()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        usize::try_from(self.0.rows()).unwrap_or(usize::MAX)
    }

    /// All of them.
    pub(crate) fn stream(&self) -> RowStream {
        Box::new(self.0.read().map(|(_, row)| row))
    }
}

impl Object for SpilledRows {
    fn kind(&self) -> ObjectKind {
        ObjectKind::Rows
    }

    fn type_name(&self) -> &str {
        "rows"
    }

    fn to_text(&self) -> Text {
        Text::from("rows in a temporary file")
    }

    fn truth(&self) -> bool {
        self.0.rows() > 0
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Env {
    /// Runs a query now and keeps its rows: in memory, or in a file when they are too many and
    /// there can be one.
    pub(crate) fn keep_rows(&self, query: &StoredQuery) -> Value {
        let rows_max = self.rows_in_memory_max();
        let (mut rows, mut charge, mut bytes) = (Vec::new(), Charge::new(self.session()), 0);
        let mut source = self.rows_of_query(query);
        while let Some(row) = source.next() {
            if rows.len() >= rows_max || bytes >= self.session().stage_bytes() {
                match Writer::start(self.session()) {
                    None => {}
                    Some(Err(Stopped)) => return Value::Null,
                    Some(Ok(writer)) => {
                        let all = std::mem::take(&mut rows).into_iter().chain([row]).chain(source);
                        return self.write_rows(writer, all, charge).unwrap_or_default();
                    }
                }
            }
            let Ok(size) = charge.add_row(&row) else { break };
            bytes += size;
            rows.push(row);
        }
        KeptRows::value((rows, charge))
    }

    fn write_rows(
        &self,
        mut writer: Writer,
        rows: impl Iterator<Item = Row>,
        charge: Charge,
    ) -> Result<Value, Stopped> {
        for row in rows {
            let row = self.plain_row(row)?;
            writer.push(&Value::Null, &row)?;
        }
        drop(charge);
        Ok(Value::Object(Arc::new(SpilledRows(writer.finish()?))))
    }

    /// A row that can be stored: plain data, not nested too deep.
    pub(crate) fn plain_row(&self, row: Row) -> Result<Row, Stopped> {
        let row = match self.plain(&Value::Dict(row)) {
            Value::Dict(row) => row,
            _ => Row::new(),
        };
        self.session().measure(&Value::Dict(row.clone())).map(|_| row)
    }

    fn rows_in_memory_max(&self) -> usize {
        let wanted = self.find(LIMIT_VARIABLE).map(|value| self.forced(value));
        let number = match wanted {
            Some(Value::Int(number)) => usize::try_from(number).ok(),
            // Parameters of artifacts travel as text.
            Some(Value::Text(text)) => text.as_str().and_then(|text| text.trim().parse().ok()),
            _ => None,
        };
        number.filter(|number| *number > 0).unwrap_or(ROWS_IN_MEMORY)
    }

    /// The rows of an object that holds rows in memory. Rows in a file are not looked into, which
    /// is logged.
    pub(crate) fn rows_in_memory<'o>(&self, object: &'o Arc<dyn Object>) -> Option<&'o [Row]> {
        if let Some(spilled) = SpilledRows::of(object) {
            let text = format!(
                "{} stored rows are in a temporary file, where they have no members and no indexes; \
                 read them with FROM, or set {LIMIT_VARIABLE} higher before they are stored",
                spilled.len()
            );
            self.session().log_once(Level::Warn, text);
            return None;
        }
        object.rows()
    }
}
