//! `lycaon tool`: files that artifacts need on clients.

use std::path::{Path, PathBuf};

use api::ToolQuery;
use clap::Subcommand;
use futures_util::TryStreamExt;
use tokio_util::io::ReaderStream;

use crate::complaint::{Complaint, Outcome};
use crate::output::{OutputArgs, record_of};
use crate::remote::{ServerArgs, block_on};

/// Keep files on the server that artifacts need on clients
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example:\n  lycaon tool list\n  lycaon tool upload Osquery ./osqueryd --version 5.12.1"
)]
pub(crate) struct ToolArgs {
    #[command(flatten)]
    server: ServerArgs,
    #[command(subcommand)]
    command: ToolCommand,
}

#[derive(Subcommand, Debug)]
enum ToolCommand {
    /// List tools: files that are kept, and names that artifacts want and nobody has uploaded
    #[command(after_help = "Example:\n  lycaon tool list --format json")]
    List {
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Keep a file for the artifacts that declare a tool of this name
    #[command(after_help = "Example:\n  lycaon tool upload Osquery ./osqueryd --version 5.12.1")]
    Upload {
        /// The tool's name, as artifacts spell it
        name: String,
        /// The file
        file: PathBuf,
        /// Which version it is
        #[arg(long)]
        version: Option<String>,
        #[command(flatten)]
        output: OutputArgs,
    },
}

pub(crate) fn run(args: ToolArgs) -> Outcome {
    let client = args.server.client()?;
    match args.command {
        ToolCommand::List { output } => {
            let tools = block_on(async { Ok(client.tools().await?) })?;
            let mut records =
                output.records(&["name", "version", "filename", "size", "sha256", "artifacts"]);
            tools.iter().try_for_each(|tool| records.push(record_of(tool)))?;
            records.finish()
        }
        ToolCommand::Upload { name, file, version, output } => {
            let view = block_on(upload(&client, &name, (&file, version)))?;
            output.one(record_of(&view))
        }
    }
}

async fn upload(
    client: &api_client::Client,
    name: &str,
    (path, version): (&Path, Option<String>),
) -> Outcome<api::ToolView> {
    let bad = |error: std::io::Error| Complaint::io("read", path, &error);
    let file = tokio::fs::File::open(path).await.map_err(bad)?;
    let size = file.metadata().await.map_err(bad)?.len();
    let filename = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let query = ToolQuery { version, filename, size: Some(size) };
    let bytes = ReaderStream::with_capacity(file, 256 << 10).into_stream();
    Ok(client.upload_tool(name, &query, bytes).await?)
}
