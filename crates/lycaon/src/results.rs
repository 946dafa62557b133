//! Rows of flows and hunts as records, and the flags that choose among them.

use api::{RowView, RowsQuery};
use serde_json::Value;

use crate::output::Record;

/// Which rounds of a hunt count.
#[derive(clap::Args, Clone, Copy, Debug, Default)]
pub(crate) struct RoundArgs {
    /// Of this round of a hunt; the current one when left out
    #[arg(long)]
    pub(crate) round: Option<u32>,
    /// Of all rounds of a hunt together
    #[arg(long, conflicts_with = "round")]
    all_rounds: bool,
}

impl RoundArgs {
    /// As the API takes it.
    pub(crate) fn all_rounds(self) -> Option<bool> {
        self.all_rounds.then_some(true)
    }
}

/// Which rows count.
#[derive(clap::Args, Clone, Debug, Default)]
pub(crate) struct RowChoiceArgs {
    /// Only rows of this source: `Artifact` or `Artifact/Source`
    #[arg(long)]
    pub(crate) source: Option<String>,
    /// Only rows in which any column has this text, letter case ignored
    #[arg(long, value_name = "TEXT")]
    pub(crate) search: Option<String>,
    /// Only rows for which this holds: `Column=text`, `Column!=text`, `Column~part`, `Column>text`,
    /// `Column<text`; may be given several times
    #[arg(long = "where", value_name = "CONDITION")]
    filters: Vec<String>,
}

impl RowChoiceArgs {
    /// The conditions as the API takes them.
    pub(crate) fn filter(&self) -> Option<String> {
        (!self.filters.is_empty()).then(|| self.filters.join("\n"))
    }
}

/// Which rows are printed, and in what order.
#[derive(clap::Args, Clone, Debug, Default)]
pub(crate) struct RowFilterArgs {
    #[command(flatten)]
    choice: RowChoiceArgs,
    /// Order by this column
    #[arg(long, value_name = "COLUMN")]
    sort: Option<String>,
    /// Largest first
    #[arg(long)]
    desc: bool,
    /// At most so many rows
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
}

impl RowFilterArgs {
    /// The same as the API asks it, without the page.
    pub(crate) fn query(&self) -> RowsQuery {
        RowsQuery {
            source: self.choice.source.clone(),
            search: self.choice.search.clone(),
            filter: self.choice.filter(),
            sort: self.sort.clone(),
            desc: self.desc.then_some(true),
            ..RowsQuery::default()
        }
    }
}

/// Names that say where a row comes from.
const ORIGIN: [&str; 5] = ["_client", "_hostname", "_source", "_flow", "_round"];

/// A row as a record. With `origin`, its client stands before its own columns and its flow behind them. A row's own
/// column of such a name is kept under that name and a prime.
pub(crate) fn row_record(view: RowView, origin: bool) -> Record {
    let mut record = Record::new();
    if origin {
        record.insert("_client".into(), view.client.into());
        record.insert("_hostname".into(), view.hostname.into());
    }
    for (name, value) in view.row {
        add(&mut record, name, value);
    }
    record.insert("_source".into(), view.source.into());
    if origin {
        record.insert("_flow".into(), view.flow.into());
        if let Some(round) = view.round {
            record.insert("_round".into(), round.into());
        }
    }
    record
}

fn add(record: &mut Record, mut name: String, value: Value) {
    while ORIGIN.contains(&name.as_str()) || record.contains_key(&name) {
        name.push('\'');
    }
    record.insert(name, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_cannot_forge_where_it_comes_from() {
        let row = serde_json::json!({"_client": "C.forged", "_source": "B", "Name": "x"});
        let view = RowView {
            client: "C.true".into(),
            hostname: "h".into(),
            flow: "F.1".into(),
            round: Some(1),
            source: "A".into(),
            stored: String::new(),
            row: row.as_object().unwrap().clone(),
        };
        let record = row_record(view, true);
        assert_eq!((&record["_source"], &record["_source'"]), (&"A".into(), &"B".into()));
        assert_eq!(
            (&record["_client"], &record["_client'"]),
            (&"C.true".into(), &"C.forged".into())
        );
    }
}
