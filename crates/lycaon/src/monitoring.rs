//! `lycaon monitoring`: which event artifacts run on which clients, and what they bring.

use std::path::{Path, PathBuf};
use std::time::Duration;

use api::{
    EventRowView, EventScanQuery, EventsQuery, MonitoringEntry, MonitoringLimits, MonitoringRemove,
    MonitoringSet, MonitoringView,
};
use api_client::Client;
use clap::Subcommand;
use serde::Deserialize;

use crate::call::CallArgs;
use crate::complaint::{Complaint, Outcome};
use crate::login::note;
use crate::output::{OutputArgs, Record, record_of};
use crate::remote::{ServerArgs, block_on, walk};

/// How often a follower asks for what is new.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Choose which event artifacts run on clients, and read what they bring
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example:\n  lycaon monitoring add Linux.Events.ProcessExecutions --label web\n  lycaon monitoring rows Linux.Events.ProcessExecutions --follow"
)]
pub(crate) struct MonitoringArgs {
    #[command(flatten)]
    server: ServerArgs,
    #[command(subcommand)]
    command: MonitoringCommand,
}

#[derive(Subcommand, Debug)]
enum MonitoringCommand {
    /// Show what is monitored
    #[command(after_help = "Example:\n  lycaon monitoring show --format json > monitoring.json")]
    Show {
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Monitor what a YAML file lists, and nothing else
    #[command(
        after_help = "Example:\n  lycaon monitoring set -f monitoring.yaml\n\nThe file:\n  entries:\n    - artifact: Linux.Events.ProcessExecutions\n      label: web\n      parameters: { CommandRegex: ssh }\n      limits: { cpu: 5%, batch_wait: 10s }"
    )]
    Set {
        /// The file
        #[arg(long, short, value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Monitor one artifact more, or the same differently
    #[command(
        after_help = "Example:\n  lycaon monitoring add Linux.Events.ProcessExecutions --label web --cpu 5%"
    )]
    Add {
        /// The event artifact's name
        artifact: String,
        /// Only on clients with this label
        #[arg(long)]
        label: Option<String>,
        #[command(flatten)]
        call: CallArgs,
        #[command(flatten)]
        limits: WatchLimitArgs,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Monitor one artifact no more; what it brought stays
    #[command(
        after_help = "Example:\n  lycaon monitoring remove Linux.Events.ProcessExecutions --label web"
    )]
    Remove {
        /// The event artifact's name
        artifact: String,
        /// The label of the entry
        #[arg(long)]
        label: Option<String>,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Show what each source brought each day on one client
    #[command(after_help = "Example:\n  lycaon monitoring days C.0123456789abcdef0123456789abcdef")]
    Days {
        /// `C.…`
        client: String,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Print rows in order of arrival
    #[command(
        after_help = "Example:\n  lycaon monitoring rows Linux.Events.ProcessExecutions --client C.0123… --from 2026-11-22 --where 'Name~ssh'\n  lycaon monitoring rows Linux.Events.ProcessExecutions --follow"
    )]
    Rows {
        /// `Artifact`, or one source of it as `Artifact/Source`
        source: String,
        #[command(flatten)]
        choice: RowChoiceArgs,
        #[command(flatten)]
        output: OutputArgs,
    },
}

/// Limits on each client; what is left out is as the artifact's author wishes.
#[derive(clap::Args, Clone, Debug)]
struct WatchLimitArgs {
    /// Share of one processor for each source: `5%`
    #[arg(long, value_name = "PERCENT")]
    cpu: Option<String>,
    /// Rows in a second for each source
    #[arg(long, value_name = "N")]
    rows_per_second: Option<u32>,
    /// How long a row may wait before it is sent: `5s`
    #[arg(long, value_name = "DURATION")]
    batch_wait: Option<String>,
}

/// Which rows are printed.
#[derive(clap::Args, Clone, Debug)]
struct RowChoiceArgs {
    /// Only of this client: `C.…`
    #[arg(long)]
    client: Option<String>,
    /// Arrived on this day or at this moment, or later: `2026-11-22`, `2026-11-22T08:00:00Z`
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Arrived before this moment; a day means to its end
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Only rows for which this holds: `Column=text`, `Column!=text`, `Column~part`, `Column>text`,
    /// `Column<text`; may be given several times; needs --client
    #[arg(long = "where", value_name = "CONDITION", requires = "client")]
    filters: Vec<String>,
    /// The source's log instead of its rows
    #[arg(long)]
    log: bool,
    /// At most so many rows
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Go on with what arrives from now on; without --from only that
    #[arg(long, conflicts_with_all = ["to", "filters"])]
    follow: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MonitoringFile {
    entries: Vec<MonitoringEntry>,
}

pub(crate) fn run(args: MonitoringArgs) -> Outcome {
    let client = args.server.client()?;
    match args.command {
        MonitoringCommand::Show { output } => {
            show(&block_on(async { Ok(client.monitoring().await?) })?, &output)
        }
        MonitoringCommand::Set { file, output } => {
            let wanted = MonitoringSet { entries: read(&file)?.entries, revision: None };
            show(&block_on(async { Ok(client.set_monitoring(&wanted).await?) })?, &output)
        }
        MonitoringCommand::Add { artifact, label, call, limits, output } => {
            let limits = MonitoringLimits {
                cpu: limits.cpu,
                rows_per_second: limits.rows_per_second,
                batch_wait: limits.batch_wait,
                ..MonitoringLimits::default()
            };
            let parameters = call.call(&artifact)?.parameters;
            let entry = MonitoringEntry { artifact, label, parameters, limits };
            show(&block_on(async { Ok(client.add_monitoring(&entry).await?) })?, &output)
        }
        MonitoringCommand::Remove { artifact, label, output } => {
            let entry = MonitoringRemove { artifact, label };
            show(&block_on(async { Ok(client.remove_monitoring(&entry).await?) })?, &output)
        }
        MonitoringCommand::Days { client: of, output } => {
            let view = block_on(async { Ok(client.client_monitoring(&of).await?) })?;
            let mut records = output.records(&["source", "kind", "day", "rows", "bytes"]);
            view.days.iter().try_for_each(|day| records.push(record_of(day)))?;
            records.finish()
        }
        MonitoringCommand::Rows { source, choice, output } => {
            block_on(rows(&client, &source, &choice, &output))
        }
    }
}

fn read(path: &Path) -> Outcome<MonitoringFile> {
    let text = std::fs::read_to_string(path).map_err(|e| Complaint::io("read", path, &e))?;
    crate::yaml::parse(&text, &path.display().to_string())
}

fn show(view: &MonitoringView, output: &OutputArgs) -> Outcome {
    note(&format!("revision {}", view.revision));
    let mut records = output.records(&["label", "artifact", "parameters", "limits", "problem"]);
    view.entries.iter().try_for_each(|entry| records.push(record_of(entry)))?;
    records.finish()
}

fn row_record(view: EventRowView) -> Record {
    let mut record = Record::new();
    record.insert("_stored".into(), view.stored.into());
    record.insert("_client".into(), view.client.into());
    record.insert("_hostname".into(), view.hostname.into());
    for (mut name, value) in view.row {
        while record.contains_key(&name) || name == "_observed" || name == "_source" {
            name.push('\'');
        }
        record.insert(name, value);
    }
    record.insert("_observed".into(), view.observed.into());
    record.insert("_source".into(), view.source.into());
    record
}

async fn rows(
    client: &Client,
    source: &str,
    choice: &RowChoiceArgs,
    output: &OutputArgs,
) -> Outcome {
    match &choice.client {
        Some(of) if !choice.filters.is_empty() => {
            filtered(client, of, (source, choice), output).await
        }
        _ => scanned(client, source, choice, output).await,
    }
}

async fn filtered(
    client: &Client,
    of: &str,
    (source, choice): (&str, &RowChoiceArgs),
    output: &OutputArgs,
) -> Outcome {
    let query = EventsQuery {
        source: Some(source.to_owned()),
        log: choice.log.then_some(true),
        from: choice.from.clone(),
        to: choice.to.clone(),
        filter: Some(choice.filters.join("\n")),
        ..EventsQuery::default()
    };
    let mut records = output.records(&[]);
    walk(
        choice.limit,
        |offset, limit| {
            let query = EventsQuery { offset: Some(offset), limit: Some(limit), ..query.clone() };
            async move { client.event_rows(of, &query).await.map(|page| (page.items, page.total)) }
        },
        |view| records.push(row_record(view)),
    )
    .await?;
    records.finish()
}

async fn scanned(
    client: &Client,
    source: &str,
    choice: &RowChoiceArgs,
    output: &OutputArgs,
) -> Outcome {
    let from_now = choice.follow && choice.from.is_none();
    let mut query = EventScanQuery {
        source: Some(source.to_owned()),
        client: choice.client.clone(),
        log: choice.log.then_some(true),
        from: choice.from.clone(),
        to: choice.to.clone(),
        after: from_now.then(|| "now".to_owned()),
    };
    let mut left = choice.limit.unwrap_or(u64::MAX);
    let mut records = output.records(&[]);
    loop {
        let page = client.scan_events(&query).await?;
        let taken = page.items.into_iter().take(usize::try_from(left).unwrap_or(usize::MAX));
        for view in taken {
            records.push(row_record(view))?;
            left -= 1;
        }
        query.after = Some(page.place);
        if left == 0 || (page.end && !choice.follow) {
            return records.finish();
        }
        if page.end {
            // A follower wants to see what is there, however few rows that are.
            records.flush()?;
            tokio::time::sleep(ASK_AGAIN_AFTER).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_lists_entries_with_strict_keys() {
        let text = "entries:\n  - artifact: A\n    label: web\n    parameters: { x: 1 }\n";
        let file: MonitoringFile = crate::yaml::parse(text, "m.yaml").unwrap();
        assert_eq!(file.entries[0].label.as_deref(), Some("web"));
        let wrong = "entries:\n  - artifact: A\n    lable: web\n";
        let complaint = crate::yaml::parse::<MonitoringFile>(wrong, "m.yaml").unwrap_err();
        assert!(format!("{complaint:?}").contains("m.yaml:3"), "{complaint:?}");
    }

    #[test]
    fn a_row_cannot_forge_where_it_comes_from() {
        let row = serde_json::json!({"_client": "C.forged", "_stored": "never", "Name": "x"});
        let view = EventRowView {
            client: "C.true".into(),
            hostname: "h".into(),
            source: "A".into(),
            stored: "then".into(),
            observed: "before".into(),
            row: row.as_object().unwrap().clone(),
        };
        let record = row_record(view);
        assert_eq!(
            (&record["_client"], &record["_client'"]),
            (&"C.true".into(), &"C.forged".into())
        );
        assert_eq!((&record["_stored"], &record["_stored'"]), (&"then".into(), &"never".into()));
    }
}
