//! `lycaon log findings`: what was found, and what people do about it.

use base::{Clock, Timestamp};
use clap::Subcommand;
use loghunt::ports::{FindingQuery, TriageChange};
use model::log::{Finding, FindingId, FindingState, RuleName, Severity, TenantName};
use model::store::{Page, Paging};
use serde_json::{Value, json};

use super::state::{StateArgs, actor, broken};
use super::tick::runtime;
use crate::complaint::{Complaint, Outcome};
use crate::machine::SystemClock;
use crate::output::{OutputArgs, record_of};

/// List findings, show one, say what came of it
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example:\n  lycaon log findings list --config rules/ --tenant acme --severity high\n  lycaon log findings triage N.0123… --state closed --verdict false_positive --comment 'a scanner'"
)]
pub(super) struct FindingsArgs {
    #[command(subcommand)]
    command: FindingsCommand,
}

#[derive(Subcommand, Debug)]
enum FindingsCommand {
    List(ListArgs),
    Show(ShowArgs),
    Triage(TriageArgs),
}

/// List findings, newest first
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example:\n  lycaon log findings list --config rules/ --rule susp-whoami --state new"
)]
struct ListArgs {
    #[command(flatten)]
    at: StateArgs,
    /// Only of this tenant; may be given several times
    #[arg(long, value_name = "NAME")]
    tenant: Vec<TenantName>,
    /// Only of this rule; may be given several times
    #[arg(long, value_name = "NAME")]
    rule: Vec<RuleName>,
    /// Only with this severity: informational, low, medium, high, critical
    #[arg(long, value_name = "WORD")]
    severity: Vec<String>,
    /// Only in this state: new, triaged, closed
    #[arg(long = "in-state", value_name = "WORD")]
    states: Vec<String>,
    /// Only with this ATT&CK technique
    #[arg(long, value_name = "ID")]
    attack: Option<String>,
    /// That happened at this moment or later
    #[arg(long, value_name = "INSTANT")]
    from: Option<Timestamp>,
    /// That happened before this moment
    #[arg(long, value_name = "INSTANT")]
    to: Option<Timestamp>,
    /// Whose row has this text in it
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: u64,
    #[command(flatten)]
    output: OutputArgs,
}

/// Show one finding
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example:\n  lycaon log findings show --config rules/ N.0123456789abcdef0123456789abcdef"
)]
struct ShowArgs {
    #[command(flatten)]
    at: StateArgs,
    /// `N.…`
    id: String,
    #[command(flatten)]
    output: OutputArgs,
}

/// Say where you are with a finding
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example:\n  lycaon log findings triage N.0123456789abcdef0123456789abcdef --to triaged --assignee ann --comment 'asked the owner'"
)]
struct TriageArgs {
    #[command(flatten)]
    at: StateArgs,
    /// `N.…`
    id: String,
    /// new, triaged, closed
    #[arg(long = "to", value_name = "WORD")]
    to_state: Option<String>,
    /// Who has it; an empty text for nobody
    #[arg(long, value_name = "NAME")]
    assignee: Option<String>,
    /// What it turned out to be, for instance `true_positive`
    #[arg(long, value_name = "WORD")]
    verdict: Option<String>,
    /// A sentence
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &FindingsArgs) -> Outcome {
    match &args.command {
        FindingsCommand::List(args) => list(args),
        FindingsCommand::Show(args) => show(args),
        FindingsCommand::Triage(args) => triage(args),
    }
}

fn list(args: &ListArgs) -> Outcome {
    let severity = |word: &String| {
        Severity::parse(word)
            .ok_or_else(|| Complaint::usage(format!("--severity: `{word}` is no severity")))
    };
    let state = |word: &String| {
        FindingState::parse(word)
            .ok_or_else(|| Complaint::usage(format!("--in-state: `{word}` is no state")))
    };
    let query = FindingQuery {
        tenants: args.tenant.clone(),
        rules: args.rule.clone(),
        severities: args.severity.iter().map(severity).collect::<Outcome<_>>()?,
        states: args.states.iter().map(state).collect::<Outcome<_>>()?,
        attack: args.attack.clone(),
        from: args.from,
        to: args.to,
        search: args.search.clone(),
        paging: Paging::first(args.limit),
        ..FindingQuery::default()
    };
    runtime()?.block_on(async {
        let records = args.at.open_existing().await?;
        let Page { items, .. } = records.findings.findings(&query).await.map_err(broken)?;
        let mut out = args.output.records(&["finding", "instant", "tenant", "rule", "severity"]);
        for finding in &items {
            out.push(record_of(&json_of(finding)))?;
        }
        out.finish()
    })
}

fn show(args: &ShowArgs) -> Outcome {
    let id = id(&args.id)?;
    runtime()?.block_on(async {
        let records = args.at.open_existing().await?;
        let found = records.findings.finding(id).await.map_err(broken)?;
        let found = found.ok_or_else(|| Complaint::failed(format!("there is no finding {id}")))?;
        args.output.one(record_of(&json_of(&found)))
    })
}

fn triage(args: &TriageArgs) -> Outcome {
    let id = id(&args.id)?;
    let state = args.to_state.as_ref().map(|word| {
        FindingState::parse(word)
            .ok_or_else(|| Complaint::usage(format!("--to: `{word}` is no state")))
    });
    let change = TriageChange {
        state: state.transpose()?,
        assignee: args.assignee.clone(),
        verdict: args.verdict.clone(),
        comment: args.comment.clone(),
        at: SystemClock.now(),
        actor: actor(),
    };
    runtime()?.block_on(async {
        let records = args.at.open(None).await?;
        let found = records.findings.triage(id, &change).await.map_err(broken)?;
        args.output.one(record_of(&json_of(&found)))
    })
}

fn id(text: &str) -> Outcome<FindingId> {
    FindingId::parse(text)
        .ok_or_else(|| Complaint::usage(format!("`{text}` is not a finding; they look like N.…")))
}

fn json_of(finding: &Finding) -> Value {
    let comments = finding.triage.comments.iter().map(
        |one| json!({ "at": one.at.to_string(), "by": one.actor.to_string(), "text": one.text }),
    );
    json!({
        "finding": finding.id.to_string(),
        "instant": finding.instant.to_string(),
        "tenant": finding.tenant.as_str(),
        "rule": finding.rule.as_str(),
        "severity": finding.severity.word(),
        "title": &*finding.title,
        "dataset": finding.dataset.as_str(),
        "state": finding.triage.state.word(),
        "row": crate::local::record(&finding.row),
        "attack": &*finding.attack,
        "assignee": finding.triage.assignee,
        "verdict": finding.triage.verdict,
        "comments": comments.collect::<Vec<_>>(),
        "late": finding.late,
        "suppressed_by": finding.suppressed_by.as_deref(),
        "notified": finding.notified,
        "revision_first": &*finding.revision_first,
        "revision_last": &*finding.revision_last,
        "slice": finding.slice.to_string(),
        "window": finding.window.show(finding.domain),
        "found_at": finding.found_at.to_string(),
    })
}
