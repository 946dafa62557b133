//! Repetition by hand, revisions and rounds of a hunt.

use api::{PageQuery, RetryRequest};
use api_client::Client;

use crate::complaint::Outcome;
use crate::login::note;
use crate::output::{OutputArgs, Record, record_of};
use crate::remote::{block_on, walk};

/// Which clients run again, and with which limits.
#[derive(clap::Args, Debug)]
pub(super) struct RetryArgs {
    /// `H.…`
    id: String,
    /// Only those that failed like this: `timeout`, `row_limit`, `agent_restarted`, …
    #[arg(long)]
    class: Option<String>,
    /// Only this client, `C.…`
    #[arg(long)]
    client: Option<String>,
    /// Give each so much time: `20m`
    #[arg(long, value_name = "DURATION")]
    timeout: Option<String>,
    /// Let each go without progress for so long
    #[arg(long, value_name = "DURATION")]
    progress_timeout: Option<String>,
    /// Let each bring so many rows
    #[arg(long, value_name = "N")]
    rows: Option<u64>,
    /// Let each bring files of so many bytes: `4GiB`
    #[arg(long, value_name = "SIZE")]
    upload_bytes: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn retry(client: &Client, args: &RetryArgs) -> Outcome {
    let wanted = RetryRequest {
        class: args.class.clone(),
        client: args.client.clone(),
        timeout: args.timeout.clone(),
        progress_timeout: args.progress_timeout.clone(),
        rows: args.rows,
        upload_bytes: args.upload_bytes.clone(),
    };
    let done = block_on(async { Ok(client.hunt_retry(&args.id, &wanted).await?) })?;
    if done.clients == 0 {
        note("no client failed like this");
    }
    args.output.one(record_of(&done))
}

/// Prints who changed what of a hunt, a line for each field.
pub(super) fn revisions(client: &Client, id: &str, output: &OutputArgs) -> Outcome {
    let revisions = block_on(async { Ok(client.hunt_revisions(id).await?) })?;
    let mut records = output.records(&["revision", "at", "by", "field", "before", "after"]);
    for revision in revisions {
        let line = |field: &str, before: &str, after: &str| {
            let mut record = Record::new();
            record.insert("revision".into(), revision.revision.into());
            record.insert("at".into(), revision.at.clone().into());
            record.insert("by".into(), revision.by.clone().into());
            record.insert("field".into(), field.into());
            record.insert("before".into(), before.into());
            record.insert("after".into(), after.into());
            record
        };
        if revision.changes.is_empty() {
            records.push(line("", "", ""))?;
        }
        for change in &revision.changes {
            records.push(line(&change.field, &change.before, &change.after))?;
        }
    }
    records.finish()
}

/// Prints the rounds of a hunt with their queues.
pub(super) fn rounds(client: &Client, id: &str, output: &OutputArgs) -> Outcome {
    let mut records = output.records(&["round", "tick"]);
    block_on(walk(
        None,
        |offset, limit| {
            let query = PageQuery { offset: Some(offset), limit: Some(limit) };
            async move { client.hunt_rounds(id, &query).await.map(|page| (page.items, page.total)) }
        },
        |round| {
            let mut record = Record::new();
            record.insert("round".into(), round.round.into());
            record.insert("tick".into(), round.tick.clone().into());
            record.extend(record_of(&round.counts));
            records.push(record)
        },
    ))?;
    records.finish()
}

/// Prints up to where a recurring hunt has read a client.
pub(super) fn checkpoints(client: &Client, id: &str, of: &str, output: &OutputArgs) -> Outcome {
    let marks = block_on(async { Ok(client.hunt_checkpoints(id, of).await?) })?;
    let mut records = output.records(&["source", "upto", "epoch", "round"]);
    for mark in &marks {
        records.push(record_of(mark))?;
    }
    records.finish()
}
