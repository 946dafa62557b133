//! `lycaon results`: questions over all rows of a hunt or a flow.

use std::path::PathBuf;

use api::{FacetsQuery, SqlRequest, TableQuery};
use clap::Subcommand;
use serde_json::{Map, Value};

use crate::complaint::{Complaint, Outcome};
use crate::download;
use crate::login::note;
use crate::output::{OutputArgs, record_of};
use crate::remote::{ServerArgs, block_on};
use crate::results::{RoundArgs, RowChoiceArgs};

/// Ask all rows of a hunt or a flow at once
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example:\n  lycaon results facets H.0123… Name --order rare\n  lycaon results sql H.0123… 'SELECT Name, count(*) AS n FROM results GROUP BY Name'"
)]
pub(crate) struct ResultsArgs {
    #[command(flatten)]
    server: ServerArgs,
    #[command(subcommand)]
    command: ResultsCommand,
}

#[derive(Subcommand, Debug)]
enum ResultsCommand {
    /// Show which values a column has, in how many rows and on how many clients
    #[command(
        after_help = "Example:\n  lycaon results facets H.0123… Name\n  lycaon results facets H.0123… Name --order rare_clients --limit 20"
    )]
    Facets {
        /// `H.…` or `F.…`
        id: String,
        /// A column, or `_client`, `_hostname`, `_flow`, `_round`, `_source`, `_stored`
        column: String,
        /// Which values come first: `rows`, `rare`, `clients`, `rare_clients`
        #[arg(long, value_name = "ORDER", default_value = "rows")]
        order: String,
        #[command(flatten)]
        rounds: RoundArgs,
        #[command(flatten)]
        choice: RowChoiceArgs,
        /// At most so many values
        #[arg(long, value_name = "N")]
        limit: Option<u64>,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Ask in SQL: one SELECT over the table `results`
    ///
    /// Its columns are those of the rows, and `_client`, `_hostname`, `_flow`, `_round`, `_source`, `_stored` and
    /// `_json`, the whole row. A column is a number or a truth when all its values are, a text otherwise.
    #[command(
        after_help = "Example:\n  lycaon results sql H.0123… 'SELECT _hostname, max(Size) AS size FROM results GROUP BY 1 ORDER BY 2 DESC LIMIT 5'"
    )]
    Sql {
        /// `H.…` or `F.…`
        id: String,
        /// The SELECT
        query: String,
        #[command(flatten)]
        rounds: RoundArgs,
        /// Only rows of this source
        #[arg(long)]
        source: Option<String>,
        /// At most so many rows
        #[arg(long, value_name = "N")]
        limit: Option<u64>,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Save all rows as one table; a download that was cut goes on
    #[command(
        after_help = "Example:\n  lycaon results export H.0123… --format parquet -o rows.parquet"
    )]
    Export {
        /// `H.…` or `F.…`
        id: String,
        /// `ndjson`, `csv` or `parquet`
        #[arg(long, value_name = "FORMAT", default_value = "ndjson")]
        format: String,
        #[command(flatten)]
        rounds: RoundArgs,
        /// Only rows of this source
        #[arg(long)]
        source: Option<String>,
        /// Where to; `-` for standard output
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
}

pub(crate) fn run(args: ResultsArgs) -> Outcome {
    let client = args.server.client()?;
    match args.command {
        ResultsCommand::Facets { id, column, order, rounds, choice, limit, output } => {
            let (round, all_rounds) = (rounds.round, rounds.all_rounds());
            let (filter, order) = (choice.filter(), Some(order));
            let RowChoiceArgs { source, search, .. } = choice;
            let query =
                FacetsQuery { column, order, round, all_rounds, source, search, filter, limit };
            let found = block_on(async { Ok(client.facets(of(&id)?, &id, &query).await?) })?;
            let mut records = output.records(&["value", "rows", "clients"]);
            for value in &found.values {
                records.push(record_of(value))?;
            }
            records.finish()?;
            if (found.values.len() as u64) < found.distinct {
                note(&format!(
                    "{} of {} values in {} rows",
                    found.values.len(),
                    found.distinct,
                    found.rows
                ));
            }
            Ok(())
        }
        ResultsCommand::Sql { id, query, rounds, source, limit, output } => {
            let (round, all_rounds) = (rounds.round, rounds.all_rounds());
            let request = SqlRequest { query, round, all_rounds, source, limit };
            let answer = block_on(async { Ok(client.sql(of(&id)?, &id, &request).await?) })?;
            let columns: Vec<&str> = answer.columns.iter().map(String::as_str).collect();
            let mut records = output.records(&columns);
            for row in answer.rows {
                records.push(in_order(row, &columns))?;
            }
            records.finish()?;
            if answer.truncated {
                note("there were more rows; ask for them with --limit, or for less");
            }
            Ok(())
        }
        ResultsCommand::Export { id, format, rounds, source, output } => {
            let (round, all_rounds) = (rounds.round, rounds.all_rounds());
            let query = TableQuery { format: Some(format), round, all_rounds, source, skip: None };
            let of = of(&id)?;
            let open = async |skip: Option<u64>, mark: Option<&str>| {
                client.table(of, &id, &TableQuery { skip, ..query.clone() }, mark).await
            };
            block_on(download::go_on(&output, open))
        }
    }
}

/// The kind of thing that an id names, as paths spell it.
fn of(id: &str) -> Outcome<&'static str> {
    match id.get(..2) {
        Some("H.") => Ok("hunts"),
        Some("F.") => Ok("flows"),
        _ => Err(Complaint::usage(format!("`{id}` is neither a hunt (`H.…`) nor a flow (`F.…`)"))),
    }
}

fn in_order(mut row: Map<String, Value>, columns: &[&str]) -> Map<String, Value> {
    let cell = |column: &&str| ((*column).to_owned(), row.remove(*column).unwrap_or(Value::Null));
    columns.iter().map(cell).collect()
}
