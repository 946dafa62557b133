//! Whom a hunt is about: a preview before it starts, and clients that are put in or taken out by hand.

use std::path::{Path, PathBuf};

use api::{HuntPreview, HuntRequest, RosterReply, RosterRequest};
use api_client::Client;
use serde_json::Value;

use crate::complaint::{Complaint, Outcome, problem_line};
use crate::output::{OutputArgs, record_of};
use crate::remote::block_on;

/// Which clients of which hunt.
#[derive(clap::Args, Debug)]
pub(super) struct RosterArgs {
    /// `H.…`
    id: String,
    /// `C.…`, or host names
    #[arg(value_name = "CLIENT")]
    clients: Vec<String>,
    /// More of them, one a line or separated by commas, or a table with a heading
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
}

impl RosterArgs {
    fn request(&self) -> Outcome<RosterRequest> {
        if self.clients.is_empty() && self.file.is_none() {
            return Err(Complaint::usage("no client is named")
                .hint("name some, or give a file of them with `-f FILE`"));
        }
        let clients_text = match &self.file {
            None => String::new(),
            Some(path) => read_list(path, None)?,
        };
        Ok(RosterRequest { clients: self.clients.clone(), clients_text })
    }
}

/// Reads a file of clients; what is wrong with it is told with file and line, without a server.
pub(super) fn read_list(path: &Path, column: Option<&str>) -> Outcome<String> {
    let text = std::fs::read_to_string(path).map_err(|e| Complaint::io("read", path, &e))?;
    let name = path.display();
    match api::client_list::read_client_list(&text, column) {
        Ok(names) if names.is_empty() => Err(Complaint::failed(format!("{name}: names no client"))
            .hint("write ids or host names, one a line or separated by commas")),
        Ok(_) => Ok(text),
        Err(problems) => {
            let lines: Vec<String> = problems
                .iter()
                .map(|wrong| match (wrong.line, wrong.hint.as_str()) {
                    (0, _) => wrong.message.clone(),
                    (line, "") => format!("{name}:{line}: {}", wrong.message),
                    (line, hint) => format!("{name}:{line}: {} ({hint})", wrong.message),
                })
                .collect();
            Err(Complaint::failed(lines.join("\n")))
        }
    }
}

pub(super) fn add(client: &Client, args: &RosterArgs) -> Outcome {
    let request = args.request()?;
    let reply = block_on(async { Ok(client.add_to_hunt(&args.id, &request).await?) })?;
    show(&args.output, &reply)
}

pub(super) fn remove(client: &Client, args: &RosterArgs) -> Outcome {
    let request = args.request()?;
    let reply = block_on(async { Ok(client.remove_from_hunt(&args.id, &request).await?) })?;
    show(&args.output, &reply)
}

fn show(output: &OutputArgs, reply: &RosterReply) -> Outcome {
    let mut records = output.records(&["client", "hostname", "outcome", "explanation"]);
    for item in &reply.items {
        records.push(record_of(item))?;
    }
    records.finish()
}

pub(super) fn preview(client: &Client, request: &HuntRequest, output: &OutputArgs) -> Outcome {
    let preview = block_on(async { Ok(client.preview_hunt(request).await?) })?;
    if !preview.problems.is_empty() {
        let lines: Vec<String> = preview.problems.iter().map(problem_line).collect();
        let lines = lines.join("\n  ");
        return Err(Complaint::failed(format!("the hunt cannot be made\n  {lines}")));
    }
    output.one(match output.is_table() {
        true => shortened(&preview),
        false => record_of(&preview),
    })
}

/// A preview for a terminal: lists on a line each.
fn shortened(preview: &HuntPreview) -> crate::output::Record {
    let mut record = record_of(preview);
    let counts = |counts: &[api::PreviewCount]| -> Value {
        let shown: Vec<String> = counts
            .iter()
            .map(|count| format!("{} {} ({} online)", count.clients, count.name, count.online))
            .collect();
        shown.join(", ").into()
    };
    record.insert("excluded_by".into(), counts(&preview.excluded_by));
    record.insert("systems".into(), counts(&preview.systems));
    record.insert("labels".into(), counts(&preview.labels));
    let sample: Vec<&str> = preview.sample.iter().map(|one| one.hostname.as_str()).collect();
    record.insert("sample".into(), sample.join(", ").into());
    record.insert("unknown".into(), preview.unknown.join(" ").into());
    record.shift_remove("problems");
    record
}
