//! Starting, pausing, draining, resuming, stopping and editing a hunt.

use std::path::PathBuf;

use api::{HuntEdit, HuntView};
use api_client::Client;

use super::{file, hunt_record};
use crate::complaint::{Complaint, Outcome};
use crate::output::OutputArgs;
use crate::remote::block_on;

/// Which hunt.
#[derive(clap::Args, Debug)]
pub(crate) struct VerbArgs {
    /// `H.…`
    id: String,
    #[command(flatten)]
    output: OutputArgs,
}

/// What to change; the rest stays.
#[derive(clap::Args, Debug)]
pub(crate) struct EditArgs {
    /// `H.…`
    id: String,
    /// New rate: `20/min` or `unlimited`
    #[arg(long)]
    rate: Option<String>,
    /// New expiry, from the start: `7d`
    #[arg(long, value_name = "DURATION")]
    expires: Option<String>,
    /// Recruit at most so many clients, 0 for no limit
    #[arg(long, value_name = "N")]
    clients_max: Option<u64>,
    /// At most so many flows under way at once, 0 for no limit
    #[arg(long, value_name = "N")]
    running_max: Option<u64>,
    /// New description
    #[arg(long)]
    description: Option<String>,
    /// Take rate, limits, expiry, condition, canary, retry, schedule and description from this file
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn verb(client: &Client, verb: &str, args: &VerbArgs) -> Outcome {
    let hunt = block_on(async { Ok(client.hunt_verb(&args.id, verb).await?) })?;
    args.output.one(hunt_record(&hunt))
}

pub(super) fn edit(client: &Client, args: &EditArgs) -> Outcome {
    let from_file = args.file.as_deref().map(file::read).transpose()?;
    block_on(async {
        let now = client.hunt(&args.id).await?;
        let edit = edited(&now, args, from_file)?;
        let hunt = client.edit_hunt(&args.id, &edit).await?;
        args.output.one(hunt_record(&hunt))
    })
}

fn edited(now: &HuntView, args: &EditArgs, file: Option<api::HuntRequest>) -> Outcome<HuntEdit> {
    let mut edit = HuntEdit { revision: now.revision, ..HuntEdit::default() };
    if let Some(file) = file {
        edit.rate = Some(file.rate);
        edit.limits = Some(file.limits);
        edit.expires = Some(file.expires);
        edit.condition = Some(file.condition);
        edit.description = Some(file.description);
        edit.canary = file.canary;
        edit.retry = Some(file.retry);
        edit.schedule = file.schedule;
    }
    edit.rate = args.rate.clone().or(edit.rate);
    edit.expires = args.expires.clone().or(edit.expires);
    edit.description = args.description.clone().or(edit.description);
    if args.clients_max.is_some() || args.running_max.is_some() {
        let mut limits = edit.limits.take().unwrap_or_else(|| now.spec.limits.clone());
        limits.clients = args.clients_max.unwrap_or(limits.clients);
        limits.running = args.running_max.unwrap_or(limits.running);
        edit.limits = Some(limits);
    }
    let nothing = edit.rate.is_none()
        && edit.limits.is_none()
        && edit.expires.is_none()
        && edit.condition.is_none()
        && edit.description.is_none()
        && edit.canary.is_none()
        && edit.retry.is_none()
        && edit.schedule.is_none();
    if nothing {
        return Err(Complaint::usage("nothing to change").hint(
            "give --rate, --expires, --clients-max, --running-max, --description or -f FILE",
        ));
    }
    Ok(edit)
}
