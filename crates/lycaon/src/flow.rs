//! `lycaon flow`: one collection on one client.

use std::time::Duration;

use api::{FlowRequest, FlowView, FlowsQuery, RowsQuery};
use api_client::Client;
use clap::Subcommand;

use crate::call::{CallArgs, LimitArgs};
use crate::complaint::{Complaint, Outcome};
use crate::login::note;
use crate::output::{OutputArgs, record_of};
use crate::remote::{ServerArgs, block_on, walk};
use crate::results::{RowFilterArgs, row_record};

/// Collect artifacts from one client
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example:\n  lycaon flow start C.0123… Linux.Sys.Users --wait\n  lycaon flow results F.0123…"
)]
pub(crate) struct FlowArgs {
    #[command(flatten)]
    server: ServerArgs,
    #[command(subcommand)]
    command: FlowCommand,
}

#[derive(Subcommand, Debug)]
enum FlowCommand {
    /// Start a flow
    #[command(
        after_help = "Example:\n  lycaon flow start C.0123… Generic.FileFinder --arg WithHash=Y --wait"
    )]
    Start {
        /// `C.…`
        client: String,
        /// The artifact's name
        artifact: String,
        #[command(flatten)]
        call: CallArgs,
        #[command(flatten)]
        limits: LimitArgs,
        /// Wait until it has ended, then print its rows; a failed flow is a failure
        #[arg(long)]
        wait: bool,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// List flows, newest first
    #[command(after_help = "Example:\n  lycaon flow list --client C.0123… --state failed")]
    List {
        /// Only flows of this client
        #[arg(long)]
        client: Option<String>,
        /// Only flows in this state: queued, running, done, failed, cancelled, expired
        #[arg(long)]
        state: Option<String>,
        /// At most so many
        #[arg(long, value_name = "N")]
        limit: Option<u64>,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Show a flow
    #[command(after_help = "Example:\n  lycaon flow show F.0123456789abcdef0123456789abcdef")]
    Show {
        /// `F.…`
        id: String,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Print the rows of a flow
    #[command(after_help = "Example:\n  lycaon flow results F.0123… --format csv > users.csv")]
    Results {
        /// `F.…`
        id: String,
        #[command(flatten)]
        filter: RowFilterArgs,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Print the log of a flow
    #[command(after_help = "Example:\n  lycaon flow log F.0123456789abcdef0123456789abcdef")]
    Log {
        /// `F.…`
        id: String,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Stop a flow
    #[command(after_help = "Example:\n  lycaon flow cancel F.0123456789abcdef0123456789abcdef")]
    Cancel {
        /// `F.…`
        id: String,
        #[command(flatten)]
        output: OutputArgs,
    },
}

pub(crate) fn run(args: FlowArgs) -> Outcome {
    let client = args.server.client()?;
    match args.command {
        FlowCommand::Start { client: on, artifact, call, limits, wait, output } => {
            let request = FlowRequest {
                client: on,
                artifacts: vec![call.call(&artifact)?],
                limits: limits.limits(),
            };
            start(&client, &request, wait, &output)
        }
        FlowCommand::List { client: of, state, limit, output } => {
            list(&client, of.as_deref(), state, limit, &output)
        }
        FlowCommand::Show { id, output } => {
            output.one(record_of(&block_on(async { Ok(client.flow(&id).await?) })?))
        }
        FlowCommand::Results { id, filter, output } => {
            block_on(results(&client, &id, &filter, &output))
        }
        FlowCommand::Log { id, output } => log(&client, &id, &output),
        FlowCommand::Cancel { id, output } => {
            output.one(record_of(&block_on(async { Ok(client.cancel_flow(&id).await?) })?))
        }
    }
}

fn start(client: &Client, request: &FlowRequest, wait: bool, output: &OutputArgs) -> Outcome {
    block_on(async {
        let flow = client.start_flow(request).await?;
        if !wait {
            return output.one(record_of(&flow));
        }
        note(&format!("{} waits for {}", flow.id, flow.hostname));
        let ended = until_ended(client, flow).await?;
        results(client, &ended.id, &RowFilterArgs::default(), output).await?;
        match ended.state.as_str() {
            "done" => Ok(()),
            state => Err(Complaint::failed(format!("{} is {state}: {}", ended.id, ended.reason))
                .hint(format!("its log may say more: lycaon flow log {}", ended.id))),
        }
    })
}

const ASK_AGAIN_AFTER: Duration = Duration::from_millis(300);

async fn until_ended(client: &Client, mut flow: FlowView) -> Outcome<FlowView> {
    while matches!(flow.state.as_str(), "queued" | "running") {
        tokio::time::sleep(ASK_AGAIN_AFTER).await;
        flow = client.flow(&flow.id).await?;
    }
    Ok(flow)
}

fn list(
    client: &Client,
    of: Option<&str>,
    state: Option<String>,
    limit: Option<u64>,
    output: &OutputArgs,
) -> Outcome {
    let mut records = output.records(&["id", "hostname", "state", "rows", "uploads", "created"]);
    block_on(walk(
        limit,
        |offset, limit| {
            let query =
                FlowsQuery { state: state.clone(), offset: Some(offset), limit: Some(limit) };
            async move { client.flows(of, &query).await.map(|page| (page.items, page.total)) }
        },
        |view| records.push(record_of(&view)),
    ))?;
    records.finish()
}

async fn results(
    client: &Client,
    id: &str,
    filter: &RowFilterArgs,
    output: &OutputArgs,
) -> Outcome {
    let mut records = output.records(&[]);
    walk(
        filter.limit,
        |offset, limit| {
            let query = RowsQuery { offset: Some(offset), limit: Some(limit), ..filter.query() };
            async move { client.flow_results(id, &query).await.map(|page| (page.items, page.total)) }
        },
        |view| records.push(row_record(view, false)),
    )
    .await?;
    records.finish()
}

fn log(client: &Client, id: &str, output: &OutputArgs) -> Outcome {
    let mut records = output.records(&["time", "level", "text"]);
    block_on(walk(
        None,
        |offset, limit| {
            let page = api::PageQuery { offset: Some(offset), limit: Some(limit) };
            async move { client.flow_log(id, &page).await.map(|page| (page.items, page.total)) }
        },
        |line| records.push(record_of(&line)),
    ))?;
    records.finish()
}
