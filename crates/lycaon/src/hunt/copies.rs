//! Hunts made of other hunts and of flows, their tags, and their deletion.

use api::{CopyRequest, HuntView, TagChange};
use api_client::Client;

use super::hunt_record;
use crate::complaint::{Complaint, Outcome};
use crate::login::note;
use crate::output::OutputArgs;
use crate::remote::block_on;

/// What to make a hunt of.
#[derive(clap::Args, Debug)]
pub(super) struct CopyArgs {
    /// `H.…` for `copy`, `F.…` for `from-flow`
    id: String,
    /// Its name [default: that of the original]
    #[arg(long)]
    name: Option<String>,
    /// Start it at once
    #[arg(long)]
    start: bool,
    #[command(flatten)]
    output: OutputArgs,
}

/// Which tags.
#[derive(clap::Args, Debug)]
pub(super) struct TagArgs {
    /// `H.…`
    id: String,
    /// `+x` adds the tag x, `-y` removes the tag y
    #[arg(required = true, allow_hyphen_values = true, value_name = "+TAG|-TAG")]
    changes: Vec<String>,
}

/// Which hunt is deleted.
#[derive(clap::Args, Debug)]
pub(super) struct DeleteArgs {
    /// `H.…`
    id: String,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl CopyArgs {
    fn request(&self) -> CopyRequest {
        CopyRequest { name: self.name.clone(), start: self.start }
    }

    fn show(&self, hunt: &HuntView) -> Outcome {
        if hunt.state == "draft" {
            note(&format!("made as a draft; begin with: lycaon hunt start {}", hunt.id));
        }
        self.output.one(hunt_record(hunt))
    }
}

pub(super) fn copy(client: &Client, args: &CopyArgs) -> Outcome {
    args.show(&block_on(async { Ok(client.copy_hunt(&args.id, &args.request()).await?) })?)
}

pub(super) fn from_flow(client: &Client, args: &CopyArgs) -> Outcome {
    args.show(&block_on(async { Ok(client.hunt_of_flow(&args.id, &args.request()).await?) })?)
}

pub(super) fn tag(client: &Client, args: &TagArgs) -> Outcome {
    let change = crate::client::label_change(&args.changes)?;
    let change = TagChange { add: change.add, remove: change.remove };
    let hunt = block_on(async { Ok(client.tag_hunt(&args.id, &change).await?) })?;
    OutputArgs::default().one(hunt_record(&hunt))
}

pub(super) fn delete(client: &Client, args: &DeleteArgs) -> Outcome {
    if !args.yes {
        return Err(Complaint::usage(format!(
            "deleting {} takes its rows, files and members away for good",
            args.id
        ))
        .hint("export what you want to keep, then add --yes"));
    }
    block_on(async { Ok(client.delete_hunt(&args.id).await?) })?;
    note(&format!("{} is deleted; its rows and files are being taken away", args.id));
    Ok(())
}
