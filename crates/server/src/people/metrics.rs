//! `GET /metrics`: the server's figures in Prometheus' text form. Whoever may read the API may read
//! them: a scraper presents an API token.
//!
//! | name | labels | what |
//! |---|---|---|
//! | `lycaon_clients_connected` | | agents that are connected to this node |
//! | `lycaon_clients` | | agents that are enrolled |
//! | `lycaon_flows` | `state` | flows that wait for their client, or run |
//! | `lycaon_hunts` | `state` | hunts that recruit or admit |
//! | `lycaon_hunt_members` | `hunt`, `queue` | members of each hunt that recruits or admits |
//! | `lycaon_hunt_notice_seconds` | | until the last agent of this node was told of the newest offers |
//! | `lycaon_store_trouble` | | 1 while the records cannot be read or written |
//! | `lycaon_files_trouble` | | 1 while uploaded files cannot be kept, or slowly |
//! | `lycaon_problems` | | sentences that `/health` says |
//!
//! What the process itself counts follows: log hunts, where a scheduler runs in this server.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::IntoResponse;
use fleet::ports::{ClientList, PresenceFilter};
use flows::ports::FlowList;
use model::hunt::QueueCounts;
use model::store::Paging;

use super::People;
use super::error::ApiError;
use super::sign_in::Principal;
use crate::health::trouble::Place;

/// The form of the text.
const MEDIA: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The figures that a process counts by itself, as Prometheus' text.
pub type Counted = Arc<dyn Fn() -> String + Send + Sync>;

pub(crate) async fn metrics(
    State(people): State<Arc<People>>,
    Extension(who): Extension<Principal>,
) -> Result<impl IntoResponse, ApiError> {
    let mut page = Page::default();
    clients(&people, &who, &mut page).await?;
    hunts(&people, &who, &mut page).await?;
    let notice = people.hall.notice.longest().as_secs_f64();
    let help = "Until the last agent here was told of the newest offers";
    page.gauge("lycaon_hunt_notice_seconds", help, &[], notice);
    let trouble = |place| u64::from(people.troubles.is_in(place));
    let (records, files) = (trouble(Place::Records), trouble(Place::Files));
    page.gauge("lycaon_store_trouble", "1 while the records fail", &[], records);
    page.gauge("lycaon_files_trouble", "1 while the store of files fails", &[], files);
    let problems = people.health.problems().len() as u64;
    page.gauge("lycaon_problems", "Sentences that /health says", &[], problems);
    let mut text = page.text;
    if let Some(counted) = &people.counted {
        text.push_str(&counted());
    }
    Ok(([(hyper::header::CONTENT_TYPE, MEDIA)], text))
}

async fn clients(people: &People, who: &Principal, page: &mut Page) -> Result<(), ApiError> {
    let none = Paging::first(0);
    let connected = people.hall.presence(fleet::presence::Presence::count_here) as u64;
    page.gauge(
        "lycaon_clients_connected",
        "Agents that are connected to this node",
        &[],
        connected,
    );
    let all = ClientList {
        presence: PresenceFilter::Any,
        paging: none,
        ..ClientList::of(who.org.clone())
    };
    let enrolled = people.ports.clients.list(&all).await?.total;
    page.gauge("lycaon_clients", "Agents that are enrolled", &[], enrolled);
    for state in ["queued", "running"] {
        let list = FlowList { states: vec![state], paging: none, ..FlowList::of(who.org.clone()) };
        let flows = people.ports.flows.list(&list).await?.total;
        page.gauge("lycaon_flows", "Flows that are not over", &[("state", state)], flows);
    }
    Ok(())
}

async fn hunts(people: &People, who: &Principal, page: &mut Page) -> Result<(), ApiError> {
    let mut active = people.ports.hunts.active().await?.hunts;
    active.retain(|one| one.hunt.org == who.org);
    let mut states: BTreeMap<&str, u64> = BTreeMap::new();
    for one in &active {
        *states.entry(one.hunt.state.name()).or_default() += 1;
    }
    for (state, count) in states {
        page.gauge("lycaon_hunts", "Hunts that recruit or admit", &[("state", state)], count);
    }
    for one in &active {
        let hunt = one.hunt.id.to_string();
        for (queue, count) in queues(&one.counts) {
            let labels = [("hunt", hunt.as_str()), ("queue", queue)];
            page.gauge("lycaon_hunt_members", "Members of hunts by queue", &labels, count);
        }
    }
    Ok(())
}

fn queues(counts: &QueueCounts) -> [(&'static str, u64); 8] {
    [
        ("refused", counts.refused),
        ("pending", counts.pending),
        ("running", counts.running),
        ("completed", counts.completed),
        ("results", counts.results),
        ("failed", counts.failed),
        ("cancelled", counts.cancelled),
        ("expired", counts.expired),
    ]
}

/// Figures as they are written.
#[derive(Default)]
struct Page {
    text: String,
    last: &'static str,
}

impl Page {
    /// One figure. Those of one name stand together.
    fn gauge(
        &mut self,
        name: &'static str,
        help: &str,
        labels: &[(&str, &str)],
        value: impl std::fmt::Display,
    ) {
        // Writing to a string cannot fail.
        if self.last != name {
            let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} gauge");
            self.last = name;
        }
        let labels: Vec<String> =
            labels.iter().map(|(label, text)| format!("{label}=\"{text}\"")).collect();
        let labels =
            if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.text, "{name}{labels} {value}");
    }
}
