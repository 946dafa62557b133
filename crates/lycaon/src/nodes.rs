//! `lycaon nodes`: the server processes of an installation.

use crate::complaint::Outcome;
use crate::output::{OutputArgs, record_of};
use crate::remote::{ServerArgs, block_on};

/// Show the server processes that live, their agents and their duties
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  lycaon nodes\n  lycaon nodes --format json")]
pub(crate) struct NodesArgs {
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    output: OutputArgs,
}

pub(crate) fn run(args: NodesArgs) -> Outcome {
    let client = args.server.client()?;
    let nodes = block_on(async { Ok(client.nodes().await?) })?;
    let columns = ["name", "clients", "duties", "agents", "people", "version", "silent_ms", "id"];
    let mut records = args.output.records(&columns);
    for node in nodes {
        records.push(record_of(&node))?;
    }
    records.finish()
}
