//! `lycaon token`: enrolment tokens, with which new agents become clients.

use api::TokenRequest;
use clap::Subcommand;

use crate::complaint::Outcome;
use crate::output::{OutputArgs, record_of};
use crate::remote::{ServerArgs, block_on};

/// Make, list and withdraw enrolment tokens
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  lycaon token create --label office --uses 200 --expires 7d")]
pub(crate) struct TokenArgs {
    #[command(flatten)]
    server: ServerArgs,
    #[command(subcommand)]
    command: TokenCommand,
}

#[derive(Subcommand, Debug)]
enum TokenCommand {
    /// Make a token; it is shown once
    #[command(
        after_help = "Example:\n  lycaon token create --label office --uses 200 --expires 7d --format json"
    )]
    Create {
        /// A label for every client that enrols with it; may be given several times
        #[arg(long = "label", value_name = "LABEL")]
        labels: Vec<String>,
        /// How often it may be used
        #[arg(long, default_value_t = 1, value_name = "N")]
        uses: u32,
        /// How long it may be used
        #[arg(long, default_value = "1d", value_name = "DURATION")]
        expires: String,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// List tokens, newest first
    #[command(after_help = "Example:\n  lycaon token list")]
    List {
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Withdraw a token; clients that enrolled with it stay
    #[command(after_help = "Example:\n  lycaon token revoke 0123456789abcdef")]
    Revoke {
        /// Its public part
        id: String,
        #[command(flatten)]
        output: OutputArgs,
    },
}

pub(crate) fn run(args: TokenArgs) -> Outcome {
    let client = args.server.client()?;
    match args.command {
        TokenCommand::Create { labels, uses, expires, output } => {
            let request = TokenRequest { labels, expires_after: expires, uses_max: uses };
            output.one(record_of(&block_on(async { Ok(client.create_token(&request).await?) })?))
        }
        TokenCommand::List { output } => {
            let tokens = block_on(async { Ok(client.tokens().await?) })?;
            let mut records = output.records(&["id", "labels", "uses", "uses_max", "expires"]);
            for token in tokens {
                let mut record = record_of(&token);
                record.shift_remove("token");
                records.push(record)?;
            }
            records.finish()
        }
        TokenCommand::Revoke { id, output } => {
            output.one(record_of(&block_on(async { Ok(client.revoke_token(&id).await?) })?))
        }
    }
}
