//! `lycaon results`: questions over all rows of a hunt or a flow.

use std::io::Write;
use std::path::{Path, PathBuf};

use api::{FacetsQuery, SqlRequest, TableQuery};
use api_client::Client;
use clap::Subcommand;
use futures_util::StreamExt;
use serde_json::{Map, Value};

use crate::complaint::{Complaint, Outcome};
use crate::download;
use crate::login::note;
use crate::output::{OutputArgs, record_of};
use crate::remote::{ServerArgs, block_on};
use crate::results::RowChoiceArgs;

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
        /// A column, or `_client`, `_hostname`, `_flow`, `_source`, `_stored`
        column: String,
        /// Which values come first: `rows`, `rare`, `clients`, `rare_clients`
        #[arg(long, value_name = "ORDER", default_value = "rows")]
        order: String,
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
    /// Its columns are those of the rows, and `_client`, `_hostname`, `_flow`, `_source`, `_stored` and `_json`,
    /// the whole row. A column is a number or a truth when all its values are, a text otherwise.
    #[command(
        after_help = "Example:\n  lycaon results sql H.0123… 'SELECT _hostname, max(Size) AS size FROM results GROUP BY 1 ORDER BY 2 DESC LIMIT 5'"
    )]
    Sql {
        /// `H.…` or `F.…`
        id: String,
        /// The SELECT
        query: String,
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
        ResultsCommand::Facets { id, column, order, choice, limit, output } => {
            let (filter, order) = (choice.filter(), Some(order));
            let RowChoiceArgs { source, search, .. } = choice;
            let query = FacetsQuery { column, order, source, search, filter, limit };
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
        ResultsCommand::Sql { id, query, source, limit, output } => {
            let request = SqlRequest { query, source, limit };
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
        ResultsCommand::Export { id, format, source, output } => {
            let query = TableQuery { format: Some(format), source, skip: None };
            block_on(export(&client, &id, query, &output))
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

/// Saves a table. What was cut before is beside the file, as `.part` with its mark as `.mark`.
async fn export(client: &Client, id: &str, query: TableQuery, path: &Path) -> Outcome {
    let of = of(id)?;
    if path == Path::new("-") {
        let (_, bytes) = client.table(of, id, &query, None).await?;
        return download::save(bytes, path).await;
    }
    let beside = |end: &str| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        path.with_file_name(format!("{}.{end}", name.unwrap_or_default()))
    };
    let (part, mark_file) = (beside("part"), beside("mark"));
    let held = std::fs::metadata(&part).map(|found| found.len()).unwrap_or(0);
    let mark = std::fs::read_to_string(&mark_file).ok().filter(|_| held > 0);
    let mut skip = 0;
    let opened = match &mark {
        Some(mark) => {
            let again = TableQuery { skip: Some(held), ..query.clone() };
            match client.table(of, id, &again, Some(mark)).await {
                Ok(opened) => {
                    skip = held;
                    note(&format!("goes on behind {}", download::for_people(held)));
                    opened
                }
                // The rows are others by now, or another format was asked for.
                Err(_) => client.table(of, id, &query, None).await?,
            }
        }
        None => client.table(of, id, &query, None).await?,
    };
    let (found, bytes) = opened;
    let bad = |error: std::io::Error| Complaint::io("write", path, &error);
    std::fs::write(&mark_file, &found).map_err(bad)?;
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .write(true)
        .append(skip > 0)
        .truncate(skip == 0)
        .open(&part)
        .map_err(bad)?;
    let mut bytes = std::pin::pin!(bytes);
    let mut size = skip;
    while let Some(chunk) = bytes.next().await {
        let chunk = chunk.map_err(|error| {
            Complaint::from(error).hint("the same command goes on where the download was cut")
        })?;
        file.write_all(&chunk).map_err(bad)?;
        size += chunk.len() as u64;
    }
    file.sync_all().map_err(bad)?;
    std::fs::rename(&part, path).map_err(bad)?;
    // It is only of use beside a part.
    let _ = std::fs::remove_file(&mark_file);
    note(&format!("{} ({})", path.display(), download::for_people(size)));
    Ok(())
}
