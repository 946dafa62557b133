//! `lycaon hunt`: make, steer, watch and read hunts.

mod bounds;
mod cohort;
mod condition;
mod copies;
mod diff;
mod file;
mod steer;
mod watch;

use std::path::PathBuf;

use api::{HuntView, HuntsQuery, MembersQuery, RowsQuery, ZipQuery};
use api_client::Client;
use clap::Subcommand;

use crate::complaint::{Complaint, Outcome};
use crate::download;
use crate::login::note;
use crate::output::{OutputArgs, Record, record_of};
use crate::remote::{ServerArgs, block_on, walk};
use crate::results::{RoundArgs, RowFilterArgs, row_record};

pub(crate) use file::read as read_hunt_file;
pub(crate) use watch::{bar, is_quiet};

/// Ask many clients one question
///
/// Four verbs stay apart. `pause`: clients are still checked and queued, nobody is admitted, running
/// flows go on. `drain`: nobody new is checked, those pending still run. `stop`: nobody new, running flows
/// are cancelled. `resume`: from paused or draining.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example:\n  lycaon hunt create -f hunt.yaml --start\n  lycaon hunt watch H.0123…"
)]
pub(crate) struct HuntArgs {
    #[command(flatten)]
    server: ServerArgs,
    #[command(subcommand)]
    command: HuntCommand,
}

#[derive(Subcommand, Debug)]
enum HuntCommand {
    /// Make a hunt from a file
    #[command(
        after_help = "Example:\n  lycaon hunt create -f hunt.yaml --start\n\nA small hunt.yaml:\n  name: Who persists through cron\n  artifacts: [{ name: Linux.Sys.Crontab }]\n  condition: { include: { labels: [office] } }\n  rate: 20/min"
    )]
    Create {
        /// The hunt, as YAML
        #[arg(short, long, value_name = "FILE")]
        file: PathBuf,
        /// Start it at once
        #[arg(long)]
        start: bool,
        /// Only say what it would do
        #[arg(long, conflicts_with = "start")]
        preview: bool,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Say whom a hunt would ask, by the server's records
    #[command(after_help = "Example:\n  lycaon hunt preview -f hunt.yaml")]
    Preview {
        /// The hunt, as YAML
        #[arg(short, long, value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Make a hunt that asks for the same as another one: condition, exclusions, limits, tags
    #[command(after_help = "Example:\n  lycaon hunt copy H.0123… --name 'Cron again' --start")]
    Copy(copies::CopyArgs),
    /// Make a hunt of what a flow collected from one client
    #[command(after_help = "Example:\n  lycaon hunt from-flow F.0123… --name 'Cron everywhere'")]
    FromFlow(copies::CopyArgs),
    /// Add (`+x`) and remove (`-y`) tags of a hunt
    #[command(after_help = "Example:\n  lycaon hunt tag H.0123… +case-7 -sweep")]
    Tag(copies::TagArgs),
    /// Put clients into a running hunt, whatever its condition says
    #[command(
        after_help = "Example:\n  lycaon hunt add H.0123… web1 C.0123…\n  lycaon hunt add H.0123… -f hosts.csv"
    )]
    Add(cohort::RosterArgs),
    /// Take clients out of a hunt while they wait; who was admitted stays
    #[command(after_help = "Example:\n  lycaon hunt remove H.0123… web1")]
    Remove(cohort::RosterArgs),
    /// Delete a hunt that is over, with its rows, files and members
    #[command(after_help = "Example:\n  lycaon hunt delete H.0123… --yes")]
    Delete(copies::DeleteArgs),
    /// List hunts, newest first
    #[command(after_help = "Example:\n  lycaon hunt list cron --state running")]
    List {
        /// Part of an id, a name or a description
        search: Option<String>,
        /// Only hunts in this state: draft, running, paused, draining, stopped, completed, archived
        #[arg(long)]
        state: Option<String>,
        /// Only hunts with this tag
        #[arg(long)]
        tag: Option<String>,
        /// At most so many
        #[arg(long, value_name = "N")]
        limit: Option<u64>,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Show a hunt with its queues
    #[command(
        after_help = "Example:\n  lycaon hunt show H.0123456789abcdef0123456789abcdef --format json"
    )]
    Show {
        /// `H.…`
        id: String,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Watch a hunt's queues live
    #[command(after_help = "Example:\n  lycaon hunt watch H.0123… --until-quiet")]
    Watch(watch::WatchArgs),
    /// Begin to recruit
    #[command(after_help = "Example:\n  lycaon hunt start H.0123456789abcdef0123456789abcdef")]
    Start(steer::VerbArgs),
    /// Go on asking and queueing, admit nobody; running flows go on
    #[command(after_help = "Example:\n  lycaon hunt pause H.0123456789abcdef0123456789abcdef")]
    Pause(steer::VerbArgs),
    /// Ask nobody new, run those that wait
    #[command(after_help = "Example:\n  lycaon hunt drain H.0123456789abcdef0123456789abcdef")]
    Drain(steer::VerbArgs),
    /// Ask and admit again
    #[command(after_help = "Example:\n  lycaon hunt resume H.0123456789abcdef0123456789abcdef")]
    Resume(steer::VerbArgs),
    /// End now and cancel what runs
    #[command(after_help = "Example:\n  lycaon hunt stop H.0123456789abcdef0123456789abcdef")]
    Stop(steer::VerbArgs),
    /// Let in others than its canaries
    #[command(after_help = "Example:\n  lycaon hunt widen H.0123456789abcdef0123456789abcdef")]
    Widen(steer::VerbArgs),
    /// Let clients that failed run again
    #[command(after_help = "Example:\n  lycaon hunt retry H.0123… --class timeout --timeout 20m")]
    Retry(bounds::RetryArgs),
    /// Who changed what of a hunt
    #[command(after_help = "Example:\n  lycaon hunt revisions H.0123456789abcdef0123456789abcdef")]
    Revisions {
        /// `H.…`
        id: String,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// List the rounds of a recurring hunt with their queues
    #[command(after_help = "Example:\n  lycaon hunt rounds H.0123456789abcdef0123456789abcdef")]
    Rounds {
        /// `H.…`
        id: String,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Up to where a recurring hunt has read a client
    #[command(after_help = "Example:\n  lycaon hunt checkpoints H.0123… C.0123…")]
    Checkpoints {
        /// `H.…`
        id: String,
        /// `C.…`
        client: String,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Put an ended hunt away
    #[command(after_help = "Example:\n  lycaon hunt archive H.0123456789abcdef0123456789abcdef")]
    Archive(steer::VerbArgs),
    /// Change rate, limits, expiry or condition of a hunt
    #[command(
        after_help = "Example:\n  lycaon hunt edit H.0123… --rate 60/min --expires 14d\n  lycaon hunt edit H.0123… -f hunt.yaml"
    )]
    Edit(steer::EditArgs),
    /// List a hunt's members with their state and reason
    #[command(after_help = "Example:\n  lycaon hunt members H.0123… --queue failed")]
    Members {
        /// `H.…`
        id: String,
        /// Only this queue: refused, pending, running, completed, results, failed, cancelled, expired
        #[arg(long)]
        queue: Option<String>,
        /// Of this round; the current one when left out
        #[arg(long)]
        round: Option<u32>,
        /// Part of an id, a name or a reason
        #[arg(long)]
        search: Option<String>,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Why is a client, or is it not, in a hunt?
    #[command(after_help = "Example:\n  lycaon hunt why H.0123… web1.example.org")]
    Why {
        /// `H.…`
        id: String,
        /// `C.…`, or a host name
        client: String,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Print the rows of all its clients
    #[command(
        after_help = "Example:\n  lycaon hunt results H.0123… --where 'User=root' --sort Command --format csv"
    )]
    Results {
        /// `H.…`
        id: String,
        #[command(flatten)]
        rounds: RoundArgs,
        #[command(flatten)]
        filter: RowFilterArgs,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Say what is new, gone or changed between two rounds of a hunt, or between two hunts
    #[command(
        after_help = "Example:\n  lycaon hunt diff H.0123… --rounds 1,2 --key OSPath --ignore Atime\n  lycaon hunt diff H.0123… H.4567…"
    )]
    Diff(diff::DiffArgs),
    /// Compare a hunt's counters with a count of its records
    #[command(after_help = "Example:\n  lycaon hunt recount H.0123456789abcdef0123456789abcdef")]
    Recount {
        /// `H.…`
        id: String,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Save rows and files of all its clients as a zip; a download that was cut goes on
    #[command(after_help = "Example:\n  lycaon hunt export H.0123… -o cron.zip")]
    Export {
        /// `H.…`
        id: String,
        /// Of this round; the current one when left out
        #[arg(long)]
        round: Option<u32>,
        /// Where to; `-` for standard output
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
}

pub(crate) fn run(args: HuntArgs) -> Outcome {
    // The file is read before any server is asked, so that its problems are told without one.
    if let HuntCommand::Create { file, start, preview, output } = args.command {
        let mut request = read_hunt_file(&file)?;
        request.start = request.start || start;
        return create(&args.server.client()?, &request, preview, &output);
    }
    if let HuntCommand::Preview { file, output } = args.command {
        let request = read_hunt_file(&file)?;
        return cohort::preview(&args.server.client()?, &request, &output);
    }
    let client = args.server.client()?;
    match args.command {
        HuntCommand::Create { .. } | HuntCommand::Preview { .. } => Ok(()),
        HuntCommand::Copy(args) => copies::copy(&client, &args),
        HuntCommand::FromFlow(args) => copies::from_flow(&client, &args),
        HuntCommand::Tag(args) => copies::tag(&client, &args),
        HuntCommand::Add(args) => cohort::add(&client, &args),
        HuntCommand::Remove(args) => cohort::remove(&client, &args),
        HuntCommand::Delete(args) => copies::delete(&client, &args),
        HuntCommand::List { search, state, tag, limit, output } => {
            let query = HuntsQuery { search, state, tag, ..HuntsQuery::default() };
            list(&client, &query, limit, &output)
        }
        HuntCommand::Show { id, output } => {
            output.one(hunt_record(&block_on(async { Ok(client.hunt(&id).await?) })?))
        }
        HuntCommand::Watch(args) => block_on(watch::run(&client, &args)),
        HuntCommand::Start(args) => steer::verb(&client, "start", &args),
        HuntCommand::Pause(args) => steer::verb(&client, "pause", &args),
        HuntCommand::Drain(args) => steer::verb(&client, "drain", &args),
        HuntCommand::Resume(args) => steer::verb(&client, "resume", &args),
        HuntCommand::Stop(args) => steer::verb(&client, "stop", &args),
        HuntCommand::Archive(args) => steer::verb(&client, "archive", &args),
        HuntCommand::Widen(args) => steer::verb(&client, "widen", &args),
        HuntCommand::Retry(args) => bounds::retry(&client, &args),
        HuntCommand::Revisions { id, output } => bounds::revisions(&client, &id, &output),
        HuntCommand::Rounds { id, output } => bounds::rounds(&client, &id, &output),
        HuntCommand::Checkpoints { id, client: of, output } => {
            bounds::checkpoints(&client, &id, &of, &output)
        }
        HuntCommand::Edit(args) => steer::edit(&client, &args),
        HuntCommand::Members { id, queue, round, search, output } => {
            let query = MembersQuery { round, queue, search, ..MembersQuery::default() };
            members(&client, &id, &query, &output)
        }
        HuntCommand::Why { id, client: of, output } => why(&client, &id, &of, &output),
        HuntCommand::Results { id, rounds, filter, output } => {
            results(&client, (&id, rounds), &filter, &output)
        }
        HuntCommand::Diff(args) => diff::run(&client, &args),
        HuntCommand::Recount { id, output } => recount(&client, &id, &output),
        HuntCommand::Export { id, round, output } => {
            let open = async |skip: Option<u64>, mark: Option<&str>| {
                client.zip("hunts", &id, &ZipQuery { round, skip }, mark).await
            };
            block_on(download::go_on(&output, open))
        }
    }
}

fn create(
    client: &Client,
    request: &api::HuntRequest,
    preview: bool,
    output: &OutputArgs,
) -> Outcome {
    if preview {
        return cohort::preview(client, request, output);
    }
    let hunt = block_on(async { Ok(client.create_hunt(request).await?) })?;
    if hunt.state == "draft" {
        note(&format!("made as a draft; begin with: lycaon hunt start {}", hunt.id));
    }
    output.one(hunt_record(&hunt))
}

/// A hunt on a few lines: what is asked, its state, its queues.
pub(crate) fn hunt_record(hunt: &HuntView) -> Record {
    let mut record = Record::new();
    record.insert("id".into(), hunt.id.clone().into());
    record.insert("name".into(), hunt.spec.name.clone().into());
    record.insert("state".into(), hunt.state.clone().into());
    record.insert("rate".into(), hunt.spec.rate.clone().into());
    record.extend(record_of(&hunt.counts));
    record.insert("rows".into(), hunt.rows.into());
    record.insert("uploads".into(), hunt.uploads.into());
    let artifacts: Vec<&str> = hunt.spec.artifacts.iter().map(|call| call.name.as_str()).collect();
    record.insert("artifacts".into(), artifacts.into());
    let mut rest = record_of(hunt);
    for known in ["id", "state", "counts", "rows", "uploads"] {
        rest.shift_remove(known);
    }
    record.extend(rest);
    record
}

fn list(client: &Client, query: &HuntsQuery, limit: Option<u64>, output: &OutputArgs) -> Outcome {
    let mut records = output.records(&["id", "name", "state", "rate"]);
    block_on(walk(
        limit,
        |offset, limit| {
            let query = HuntsQuery { offset: Some(offset), limit: Some(limit), ..query.clone() };
            async move { client.hunts(&query).await.map(|page| (page.items, page.total)) }
        },
        |view| {
            let mut record = hunt_record(&view);
            for long in ["spec", "artifacts", "verbs"] {
                record.shift_remove(long);
            }
            records.push(record)
        },
    ))?;
    records.finish()
}

fn members(client: &Client, id: &str, query: &MembersQuery, output: &OutputArgs) -> Outcome {
    let mut records = output.records(&["client", "hostname", "state", "reason", "attempt", "flow"]);
    block_on(walk(
        None,
        |offset, limit| {
            let query = MembersQuery { offset: Some(offset), limit: Some(limit), ..query.clone() };
            async move { client.hunt_members(id, &query).await.map(|page| (page.items, page.total)) }
        },
        |view| records.push(record_of(&view)),
    ))?;
    records.finish()
}

fn why(client: &Client, id: &str, of: &str, output: &OutputArgs) -> Outcome {
    let why = block_on(async { Ok(client.hunt_why(id, of).await?) })?;
    let mut record = record_of(&why);
    if let Some(serde_json::Value::Object(member)) = record.shift_remove("member") {
        for (name, value) in member {
            record.entry(name).or_insert(value);
        }
    }
    output.one(record)
}

fn results(
    client: &Client,
    (id, rounds): (&str, RoundArgs),
    filter: &RowFilterArgs,
    output: &OutputArgs,
) -> Outcome {
    let mut records = output.records(&["_client", "_hostname"]);
    block_on(walk(
        filter.limit,
        |offset, limit| {
            let (offset, limit) = (Some(offset), Some(limit));
            let (round, all_rounds) = (rounds.round, rounds.all_rounds());
            let query = RowsQuery { round, all_rounds, offset, limit, ..filter.query() };
            async move { client.hunt_results(id, &query).await.map(|page| (page.items, page.total)) }
        },
        |view| records.push(row_record(view, true)),
    ))?;
    records.finish()
}

fn recount(client: &Client, id: &str, output: &OutputArgs) -> Outcome {
    let recount = block_on(async { Ok(client.hunt_recount(id).await?) })?;
    output.one(record_of(&recount))?;
    if recount.equal {
        return Ok(());
    }
    Err(Complaint::failed("the counters differ from a count of the records")
        .hint("this is a fault of the server: please report it with the server's log"))
}
