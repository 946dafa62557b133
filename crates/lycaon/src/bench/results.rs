//! `lycaon bench results`: a hunt with millions of rows, and what people ask of it.
//!
//! The rows go the way of all rows: into the records through the port that agents' batches take, then
//! into segments. That is done by a process of its own, so that the memory of the one that is measured
//! is that of questions and exports.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base::{Chain, FlowId, HuntId, SeededEntropy, Timestamp};
use fleet::enrolment::Enrolment;
use fleet::{ClientStore, TokenStore};
use flows::results::SqlQuery;
use flows::{FlowStore, ResultStore};
use futures_util::StreamExt;
use hunts::ports::{Decision, Grant, HuntStep, MemberKey, NewHunt};
use hunts::{AdmissionStore, HuntStore, MemberStore};
use model::client::{ClientFacts, EnrolmentToken};
use model::flow::{ArtifactCall, Flow, FlowEvent, FlowLimits, FlowYield};
use model::hunt::{Condition, EndReason, HuntEvent, HuntLimits, HuntSpec};
use model::org::{Actor, OrgId};
use model::results::{
    AttemptId, ColumnFilter, Comparison, FacetOrder, FacetQuery, ResultQuery, ResultScope, RowBatch,
};
use model::retry::RetryPlan;
use serde::Serialize;
use server::export::table::{Form, Stores, Wanted, stream};
use store_segments::{Compactor, Policy, SegmentedResults};
use store_sqlite::SqliteStore;

use crate::complaint::{Complaint, Outcome};
use crate::demo::this_program;
use crate::login::note;
use crate::machine::{SystemClock, SystemEntropy};
use crate::{os, segments, storage};

/// Results of a hunt on this machine.
#[derive(clap::Args, Debug)]
pub(crate) struct ResultsArgs {
    /// So many rows in all
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    rows: u64,
    /// From so many clients
    #[arg(long, value_name = "N", default_value_t = 18_000)]
    clients: u32,
    /// Where the installation is made, and left; without it a temporary folder
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// Ask of the rows that an earlier run left in the folder
    #[arg(long, requires = "folder")]
    again: bool,
    /// Only make the rows; used by the benchmark itself
    #[arg(long, hide = true)]
    fill: bool,
}

/// How long it took to make the rows.
#[derive(Debug, Serialize, serde::Deserialize)]
struct Filled {
    append_secs: f64,
    append_rows_per_sec: f64,
    to_segments_secs: f64,
    to_segments_rows_per_sec: f64,
    segments: u64,
    segment_bytes: u64,
}

#[derive(Debug, Serialize)]
struct Asked {
    first_page_cold_millis: f64,
    first_page_millis: f64,
    middle_page_millis: f64,
    sorted_page_millis: f64,
    sorted_text_page_millis: f64,
    filter_millis: f64,
    filter_and_sort_millis: f64,
    search_millis: f64,
    facet_millis: f64,
    facet_of_many_values_millis: f64,
    rare_by_clients_millis: f64,
    top_n_millis: f64,
    one_client_millis: f64,
    sql_group_millis: f64,
    peak_memory_bytes: u64,
}

#[derive(Debug, Serialize)]
struct Exported {
    format: &'static str,
    bytes: u64,
    secs: f64,
    megabytes_per_sec: f64,
    peak_memory_bytes: u64,
}

#[derive(Debug, Serialize)]
struct Figures {
    rows: u64,
    profile: &'static str,
    filled: Option<Filled>,
    asked: Asked,
    exports: Vec<Exported>,
}

const HUNT: HuntId = HuntId::from_bits(1);
const SCOPE: ResultScope = ResultScope::Hunt { hunt: HUNT, round: 1 };
/// Rows of one batch at most.
const BATCH_ROWS: u64 = 1_000;
/// Calls under way at once.
const AT_ONCE: usize = 64;

fn told(error: &dyn std::error::Error) -> Complaint {
    Complaint::failed(Chain(error).to_string())
}

pub(crate) fn run(args: ResultsArgs) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if let (true, Some(folder)) = (args.fill, &args.folder) {
        let filled = runtime.block_on(fill(folder, args.rows, args.clients))?;
        return super::print_line(&filled);
    }
    let temporary = tempfile::tempdir()?;
    let folder = args.folder.clone().unwrap_or_else(|| temporary.path().to_owned());
    let filled = if args.again { None } else { Some(filled(&folder, &args)?) };
    let figures = runtime.block_on(async {
        let (rows, asked, exports) = measure(&folder).await?;
        Ok::<_, Complaint>(Figures {
            rows,
            profile: if cfg!(debug_assertions) { "debug" } else { "optimised" },
            filled,
            asked,
            exports,
        })
    })?;
    super::print_whole(&figures)
}

/// Makes the rows in a process of its own.
fn filled(folder: &Path, args: &ResultsArgs) -> Outcome<Filled> {
    note(&format!("{} rows of {} clients into {}", args.rows, args.clients, folder.display()));
    let (rows, clients) = (args.rows.to_string(), args.clients.to_string());
    let made = std::process::Command::new(this_program()?)
        .args(["bench", "results", "--fill", "--rows", &rows, "--clients", &clients, "--folder"])
        .arg(folder)
        .stderr(std::process::Stdio::inherit())
        .output()?;
    if !made.status.success() {
        return Err(Complaint::failed("the rows could not be made; see above"));
    }
    serde_json::from_slice(&made.stdout).map_err(|error| told(&error))
}

/// Runs a call for each thing, many at once.
async fn each<T, F>(things: impl Iterator<Item = T>, call: impl Fn(T) -> F) -> Outcome
where
    F: Future<Output = Result<(), model::store::StoreError>>,
{
    let mut calls = futures_util::stream::iter(things.map(call)).buffer_unordered(AT_ONCE);
    while let Some(done) = calls.next().await {
        done.map_err(|error| told(&error))?;
    }
    Ok(())
}

async fn fill(folder: &Path, rows: u64, clients: u32) -> Outcome<Filled> {
    std::fs::create_dir_all(folder)?;
    let store = Arc::new(storage::open_records(folder)?);
    let flows = running(&store, clients).await?;
    let began = Instant::now();
    each(flows.iter().zip(0u64..), |(flow, number)| {
        let store = store.clone();
        let share = rows / u64::from(clients) + u64::from(number < rows % u64::from(clients));
        async move { append(&store, flow, number, share).await }
    })
    .await?;
    let append_secs = began.elapsed().as_secs_f64();
    let results = SegmentedResults::new(store.clone(), segments::folder(folder)?);
    let policy = Policy { rows_least: 0, rest: Duration::ZERO, ..Policy::default() };
    let (clock, entropy) = (Arc::new(SystemClock), Box::new(SystemEntropy));
    let compactor = Arc::new(Compactor::new(results, policy, clock, entropy));
    let began = Instant::now();
    let mut segments = 0;
    loop {
        let done = compactor.round(None).await.map_err(|error| told(&error))?;
        segments += done.segments;
        if done.segments == 0 && done.merged == 0 {
            break;
        }
    }
    let to_segments_secs = began.elapsed().as_secs_f64();
    let view = flows::HotRows::view(&*store, SCOPE, None).await.map_err(|error| told(&error))?;
    Ok(Filled {
        append_secs,
        append_rows_per_sec: rows as f64 / append_secs.max(0.001),
        to_segments_secs,
        to_segments_rows_per_sec: rows as f64 / to_segments_secs.max(0.001),
        segments,
        segment_bytes: view.segments.iter().map(|segment| segment.bytes).sum(),
    })
}

/// A hunt that runs on so many clients.
async fn running(store: &Arc<SqliteStore>, clients: u32) -> Outcome<Vec<Flow>> {
    let now = Timestamp::from_secs(1_750_000_000);
    let token = EnrolmentToken {
        id: "bench".into(),
        secret_hash: [1; 32],
        org: OrgId::default(),
        labels: std::collections::BTreeSet::new(),
        expires: Timestamp::from_secs(2_000_000_000),
        uses_max: clients,
        uses: 0,
        revoked: false,
    };
    let by = || Actor::User("bench".into());
    let failed = |error: model::store::StoreError| told(&error);
    store.create_token(&token, &by(), now).await.map_err(failed)?;
    each(0..clients, |number| {
        let store = store.clone();
        async move { enrol(&store, number, now).await }
    })
    .await?;
    let spec = HuntSpec {
        name: "bench".into(),
        description: String::new(),
        artifacts: vec![ArtifactCall { name: "Linux.Sys.Pslist".into(), parameters: vec![] }],
        condition: Condition::default(),
        rate: base::Rate::Unlimited,
        limits: HuntLimits {
            per_client: FlowLimits { rows_max: 0, ..FlowLimits::default() },
            ..HuntLimits::default()
        },
        expires_after: Duration::from_secs(7 * 86_400),
        canary: None,
        retry: RetryPlan::of_hunts(),
        schedule: None,
        tags: Default::default(),
    };
    let org = OrgId::default();
    let new = NewHunt { id: HUNT, org, spec, by: by(), now, copied_from: None };
    HuntStore::create(&**store, &new).await.map_err(failed)?;
    let step =
        HuntStep { id: HUNT, event: HuntEvent::Start, reason: EndReason::Asked, by: by(), now };
    store.transition(&step).await.map_err(failed)?;
    let decisions: Vec<Decision> = (0..clients)
        .map(|number| Decision {
            key: MemberKey {
                hunt: HUNT,
                round: 1,
                client: base::ClientId::from_key_hash(key_hash(number)),
            },
            revision: 1,
            recheck: 0,
            verdict: Ok(()),
        })
        .collect();
    store.decide(&decisions, now).await.map_err(failed)?;
    let mut entropy = SeededEntropy::new(1);
    let flow_ids = (0..clients).map(|_| FlowId::mint(now, &mut entropy)).collect();
    let grant = Grant { hunt: HUNT, flow_ids, ceiling: base::Rate::Unlimited, fence: None, now };
    store.admit(&grant).await.map_err(failed)
}

fn key_hash(number: u32) -> [u8; 32] {
    let mut hash = [7; 32];
    hash[..4].copy_from_slice(&number.wrapping_mul(2_654_435_761).to_be_bytes());
    hash[4..8].copy_from_slice(&number.to_be_bytes());
    hash
}

async fn enrol(
    store: &SqliteStore,
    number: u32,
    now: Timestamp,
) -> Result<(), model::store::StoreError> {
    let enrolment = Enrolment {
        token: "bench".into(),
        secret_hash: [1; 32],
        key_hash: key_hash(number),
        facts: ClientFacts {
            hostname: format!("host-{number:05}"),
            os: "linux".into(),
            ..ClientFacts::default()
        },
        address: None,
    };
    let enrolled = ClientStore::enrol(store, &enrolment, now).await;
    enrolled.map(|_| ()).map_err(|error| model::store::StoreError::broken("enrol", error))
}

/// One row as a process list has it: a few columns, some of few values and some of many.
fn row(client: u64, number: u64) -> String {
    const NAMES: [&str; 12] = [
        "systemd",
        "sshd",
        "bash",
        "cron",
        "kworker/0:1",
        "nginx",
        "postgres",
        "python3",
        "containerd",
        "dbus-daemon",
        "agetty",
        "rsyslogd",
    ];
    let mixed = (client * 1_000_003 + number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let name = NAMES[usize::try_from(mixed >> 60).unwrap_or(0) % NAMES.len()];
    let rare = if mixed % 1_000_000 == 7 { "xmrig" } else { name };
    format!(
        r#"{{"Pid":{},"Ppid":{},"Name":"{rare}","Exe":"/usr/bin/{rare}","CommandLine":"/usr/bin/{rare} --id {:x} --socket /run/{rare}/{}.sock","Username":"user{}","Rss":{},"Elevated":{}}}"#,
        1 + mixed % 65_536,
        mixed >> 32 & 0x3fff,
        mixed >> 20,
        number % 97,
        mixed >> 8 & 0x1f,
        (mixed >> 16 & 0xff_ffff) * 64,
        mixed >> 40 & 7 == 0,
    )
}

async fn append(
    store: &SqliteStore,
    flow: &Flow,
    number: u64,
    rows: u64,
) -> Result<(), model::store::StoreError> {
    let attempt = AttemptId { flow: flow.id, attempt: 1 };
    let now = Timestamp::from_secs(1_750_000_000 + i64::try_from(number).unwrap_or(0));
    let (mut seq, mut made) = (0, 0);
    while made < rows {
        let end = rows.min(made + BATCH_ROWS);
        let batch = RowBatch {
            attempt,
            source: "Linux.Sys.Pslist".into(),
            seq,
            rows: (made..end).map(|at| row(number, at)).collect(),
        };
        store.append(flow.client, &batch, now).await?;
        (seq, made) = (seq + 1, end);
    }
    let outcome = Ok(FlowYield { rows, ..FlowYield::default() });
    let event = FlowEvent::Ended { attempt: 1, outcome };
    store.apply(&flows::ports::FlowStep::new(flow.id, event, now)).await.map(|_| ())
}

fn page(change: impl FnOnce(&mut ResultQuery)) -> ResultQuery {
    let mut query = ResultQuery {
        scope: SCOPE,
        source: None,
        search: None,
        filters: Vec::new(),
        sort: None,
        offset: 0,
        limit: 50,
    };
    change(&mut query);
    query
}

fn facet(column: &str, order: FacetOrder) -> FacetQuery {
    FacetQuery { of: page(|_| {}), column: column.into(), order, limit: 20 }
}

fn filter(column: &str, comparison: Comparison, text: &str) -> Vec<ColumnFilter> {
    vec![ColumnFilter { column: column.into(), comparison, text: text.into() }]
}

/// How long a question takes, in milliseconds.
async fn timed<T>(
    what: &str,
    ask: impl Future<Output = Result<T, model::store::StoreError>>,
) -> Outcome<f64> {
    let began = Instant::now();
    ask.await.map_err(|error| told(&error))?;
    let millis = began.elapsed().as_secs_f64() * 1_000.0;
    note(&format!("{what}: {millis:.0} ms"));
    Ok(millis)
}

fn peak() -> u64 {
    os::usage(std::process::id()).map_or(0, |usage| usage.peak)
}

async fn measure(folder: &Path) -> Outcome<(u64, Asked, Vec<Exported>)> {
    let store = Arc::new(storage::open_records(folder)?);
    let results = SegmentedResults::new(store.clone(), segments::folder(folder)?);
    let mut exports = Vec::new();
    for form in [Form::Ndjson, Form::Csv, Form::Parquet] {
        exports.push(export(&results, &store, form).await?);
    }
    os::forget_peak();
    let fresh = SegmentedResults::new(store, segments::folder(folder)?);
    let asked = ask(&fresh).await?;
    let all = fresh.page(&page(|query| query.limit = 1)).await.map_err(|error| told(&error))?;
    Ok((all.total, asked, exports))
}

async fn ask(results: &SegmentedResults) -> Outcome<Asked> {
    use Comparison::{Contains, Equals};
    let of = |change: &dyn Fn(&mut ResultQuery)| page(change);
    let look = async |what: &str, query: ResultQuery| timed(what, results.page(&query)).await;
    let count = async |what: &str, query: FacetQuery| timed(what, results.facet(&query)).await;
    let sorted = |column: &'static str, desc| {
        move |query: &mut ResultQuery| query.sort = Some((column.to_owned(), desc))
    };
    let sql = SqlQuery {
        scope: SCOPE,
        source: None,
        text: "SELECT Name, count(*) AS n, avg(Rss) AS rss FROM results GROUP BY Name".into(),
        rows_max: 100,
    };
    let cold = look("first page of a program that has just started", page(|_| {})).await?;
    let first = results.page(&page(|query| query.limit = 1)).await.map_err(|error| told(&error))?;
    let flow = first.rows.first().map(|row| row.flow);
    Ok(Asked {
        first_page_cold_millis: cold,
        first_page_millis: look("first page", page(|_| {})).await?,
        middle_page_millis: look("middle page", of(&|query| query.offset = first.total / 2))
            .await?,
        sorted_page_millis: look("sorted page", of(&sorted("Rss", false))).await?,
        sorted_text_page_millis: look("page sorted by text", of(&sorted("CommandLine", true)))
            .await?,
        filter_millis: look("filter", of(&|query| query.filters = filter("Name", Equals, "xmrig")))
            .await?,
        filter_and_sort_millis: look(
            "filter and sort",
            of(&|query| {
                query.filters = filter("CommandLine", Contains, "id abc");
                query.sort = Some(("Pid".into(), true));
            }),
        )
        .await?,
        search_millis: look("search", of(&|query| query.search = Some("xmrig".into()))).await?,
        facet_millis: count("facet", facet("Name", FacetOrder::MostRows)).await?,
        facet_of_many_values_millis: count("facet of many", facet("Pid", FacetOrder::MostRows))
            .await?,
        rare_by_clients_millis: count("rare", facet("Name", FacetOrder::FewestClients)).await?,
        top_n_millis: look(
            "top 10",
            of(&|query| {
                query.sort = Some(("Rss".into(), true));
                query.limit = 10;
            }),
        )
        .await?,
        one_client_millis: match flow {
            None => 0.0,
            Some(flow) => {
                look("one client", of(&|query| query.scope = ResultScope::Flow(flow))).await?
            }
        },
        sql_group_millis: timed("SQL", results.sql(&sql)).await?,
        peak_memory_bytes: peak(),
    })
}

async fn export(
    results: &SegmentedResults,
    store: &Arc<SqliteStore>,
    form: Form,
) -> Outcome<Exported> {
    os::forget_peak();
    let stores = Stores { results: Arc::new(results.clone()), clients: store.clone() };
    let wanted = Wanted { scope: SCOPE, source: None, form, skip: 0 };
    let began = Instant::now();
    let mut bytes = stream(stores, wanted).await.map_err(|error| told(&error))?;
    let mut size = 0u64;
    while let Some(chunk) = bytes.next().await {
        size += chunk?.len() as u64;
    }
    let secs = began.elapsed().as_secs_f64();
    note(&format!("{}: {secs:.1} s", form.name()));
    Ok(Exported {
        format: form.name(),
        bytes: size,
        secs,
        megabytes_per_sec: size as f64 / 1e6 / secs.max(0.001),
        peak_memory_bytes: peak(),
    })
}
