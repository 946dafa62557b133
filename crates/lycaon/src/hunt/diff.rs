//! What is new, gone or changed between two rounds of a hunt, or between two hunts. The server
//! compares; this prints what it says as it comes.

use std::pin::pin;

use api::{DiffLine, DiffQuery};
use api_client::Client;
use futures_util::StreamExt;

use crate::complaint::{Complaint, Outcome};
use crate::output::{OutputArgs, Record};
use crate::remote::block_on;

#[derive(clap::Args, Debug)]
pub(super) struct DiffArgs {
    /// The hunt, or the earlier of two, `H.…`
    before: String,
    /// The later hunt, `H.…`
    #[arg(conflicts_with = "rounds")]
    after: Option<String>,
    /// Two rounds of one hunt, the earlier first; the last two when left out
    #[arg(long, value_name = "N,M", value_delimiter = ',', num_args = 1)]
    rounds: Vec<u32>,
    /// Columns that name a row, such as `OSPath`; the whole row when left out
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    key: Vec<String>,
    /// Columns that do not count, such as a moment of reading
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    ignore: Vec<String>,
    /// Only rows of this source: `Artifact` or `Artifact/Source`
    #[arg(long)]
    source: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
}

fn query(args: &DiffArgs) -> Outcome<DiffQuery> {
    if let Some(both) = args.key.iter().find(|column| args.ignore.contains(column)) {
        return Err(Complaint::usage(format!("`{both}` cannot be a key and be ignored")));
    }
    let (before, after) = match args.rounds.as_slice() {
        [] => (None, None),
        [before, after] => (Some(*before), Some(*after)),
        _ => {
            return Err(Complaint::usage("--rounds takes two rounds, for example `--rounds 1,2`"));
        }
    };
    let list = |names: &[String]| Some(names.join(",")).filter(|names| !names.is_empty());
    Ok(DiffQuery {
        before,
        after,
        with: args.after.clone(),
        key: list(&args.key),
        ignore: list(&args.ignore),
        source: args.source.clone(),
    })
}

pub(super) fn run(client: &Client, args: &DiffArgs) -> Outcome {
    let query = query(args)?;
    let mut records = args.output.records(&["_change", "_client", "_hostname", "_source"]);
    block_on(async {
        let mut pieces = pin!(client.hunt_diff(&args.before, &query).await?);
        let mut rest = Vec::new();
        while let Some(piece) = pieces.next().await {
            rest.extend_from_slice(&piece?);
            while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = rest.drain(..=end).collect();
                records.push(record(&line)?)?;
            }
        }
        Ok(())
    })?;
    records.finish()
}

/// A difference as it is printed: the row's own columns, and what they were.
fn record(line: &[u8]) -> Outcome<Record> {
    let said: DiffLine = serde_json::from_slice(line).map_err(|error| {
        Complaint::failed(format!("the server's answer cannot be read: {error}"))
            .hint("is the server of another version?")
    })?;
    let mut record = Record::new();
    record.insert("_change".into(), said.change.into());
    record.insert("_client".into(), said.client.into());
    record.insert("_hostname".into(), said.hostname.into());
    record.insert("_source".into(), said.source.into());
    for (name, value) in said.row {
        record.entry(name).or_insert(value);
    }
    if let Some(was) = said.was {
        record.insert("_before".into(), was.into());
    }
    Ok(record)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_printed_with_the_columns_of_its_row() {
        let line = br#"{"change":"changed","client":"C.1","hostname":"h","source":"A","row":{"P":"a","S":2},"was":{"S":1}}"#;
        let shown = serde_json::Value::Object(record(line).unwrap()).to_string();
        expect_test::expect![[r#"{"_change":"changed","_client":"C.1","_hostname":"h","_source":"A","P":"a","S":2,"_before":{"S":1}}"#]]
            .assert_eq(&shown);
        assert!(record(b"oops\n").is_err());
    }
}
