//! `lycaon client`: the server's records of its clients.

use api::{ClientsQuery, LabelChange};
use clap::Subcommand;

use crate::complaint::{Complaint, Outcome};
use crate::output::{OutputArgs, record_of};
use crate::remote::{ServerArgs, block_on, walk};

/// List, show and label clients
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example:\n  lycaon client list office --online\n  lycaon client label C.0123… +office -- -lab"
)]
pub(crate) struct ClientArgs {
    #[command(flatten)]
    server: ServerArgs,
    #[command(subcommand)]
    command: ClientCommand,
}

#[derive(Subcommand, Debug)]
enum ClientCommand {
    /// List clients
    #[command(after_help = "Example:\n  lycaon client list web --label office --format csv")]
    List {
        /// Part of an id, a name, an address or a label
        search: Option<String>,
        /// Only clients with exactly this label
        #[arg(long)]
        label: Option<String>,
        /// Only clients that are connected now
        #[arg(long)]
        online: bool,
        /// At most so many
        #[arg(long, value_name = "N")]
        limit: Option<u64>,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Show one client
    #[command(after_help = "Example:\n  lycaon client show C.0123456789abcdef0123456789abcdef")]
    Show {
        /// `C.…`
        id: String,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Add (`+x`) and remove (`-y`) labels of a client
    #[command(
        after_help = "Example:\n  lycaon client label C.0123456789abcdef0123456789abcdef +office -lab"
    )]
    Label {
        /// `C.…`
        id: String,
        /// `+x` adds the label x, `-y` removes the label y
        #[arg(required = true, allow_hyphen_values = true, value_name = "+LABEL|-LABEL")]
        changes: Vec<String>,
    },
    /// Revoke a client's certificate: it is disconnected and may not come back
    #[command(after_help = "Example:\n  lycaon client revoke C.0123456789abcdef0123456789abcdef")]
    Revoke {
        /// `C.…`
        id: String,
    },
}

pub(crate) fn run(args: ClientArgs) -> Outcome {
    let server = args.server;
    match args.command {
        ClientCommand::List { search, label, online, limit, output } => {
            let query = ClientsQuery {
                search,
                label,
                online: online.then_some(true),
                ..Default::default()
            };
            list(&server, query, limit, &output)
        }
        ClientCommand::Show { id, output } => {
            let client = server.client()?;
            output.one(record_of(&block_on(async { Ok(client.client(&id).await?) })?))
        }
        ClientCommand::Label { id, changes } => {
            let change = label_change(&changes)?;
            let client = server.client()?;
            let view = block_on(async { Ok(client.label(&id, &change).await?) })?;
            OutputArgs::default().one(record_of(&view))
        }
        ClientCommand::Revoke { id } => {
            let client = server.client()?;
            let view = block_on(async { Ok(client.revoke_client(&id).await?) })?;
            OutputArgs::default().one(record_of(&view))
        }
    }
}

fn list(
    server: &ServerArgs,
    query: ClientsQuery,
    limit: Option<u64>,
    output: &OutputArgs,
) -> Outcome {
    let client = server.client()?;
    let mut records = output.records(&["id", "hostname", "os", "labels", "online", "last_seen"]);
    block_on(walk(
        limit,
        |offset, limit| {
            let query = ClientsQuery { offset: Some(offset), limit: Some(limit), ..query.clone() };
            let client = client.clone();
            async move { client.clients(&query).await.map(|page| (page.items, page.total)) }
        },
        |view| records.push(record_of(&view)),
    ))?;
    records.finish()
}

pub(crate) fn label_change(changes: &[String]) -> Outcome<LabelChange> {
    let mut change = LabelChange::default();
    for text in changes {
        match (text.strip_prefix('+'), text.strip_prefix('-')) {
            (Some(label), _) if !label.is_empty() => change.add.push(label.to_owned()),
            (_, Some(label)) if !label.is_empty() => change.remove.push(label.to_owned()),
            _ => {
                return Err(Complaint::usage(format!("`{text}` neither adds nor removes a label"))
                    .hint("write `+office` to add a label and `-office` to remove it"));
            }
        }
    }
    Ok(change)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_added_and_removed_by_sign() {
        let change = label_change(&["+a".into(), "-b".into(), "+c-d".into()]).unwrap();
        assert_eq!(
            (change.add, change.remove),
            (vec!["a".into(), "c-d".into()], vec!["b".to_owned()])
        );
        assert!(label_change(&["office".into()]).is_err() && label_change(&["+".into()]).is_err());
    }
}
