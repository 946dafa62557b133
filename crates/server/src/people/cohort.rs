//! Whom a hunt is about: lists of clients become ids, and a preview counts them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use api::client_list::{ClientName, ListedClient, read_client_list, read_client_name};
use api::{
    ClientFilter, ClientListReply, ClientListRequest, HuntCondition, HuntPreview, HuntRequest,
    PreviewClient, PreviewCount, Problem, ResolvedClient,
};
use axum::extract::State;
use axum::{Extension, Json};
use base::{ClientId, format_duration};
use fleet::ports::ClientList;
use hunts::preview::{self, Survey, Tally};
use model::store::Paging;

use super::error::{ApiError, problem};
use super::extract::Body;
use super::sign_in::Principal;
use super::{People, hunts as hunt_pages};

type Shared = State<Arc<People>>;
type Who = Extension<Principal>;

/// Clients that a preview looks at, at once.
const PREVIEW_PAGE: u64 = 5_000;
/// Labels and reasons of a preview, the commonest.
const PREVIEW_COUNTS_MAX: usize = 50;
/// Clients of the same name that are named.
const NAMESAKES_MAX: usize = 5;

/// Clients that somebody named.
#[derive(Default)]
pub(crate) struct Resolved {
    /// As they were named.
    pub(crate) clients: Vec<ResolvedClient>,
    /// Their ids, once each, in the order in which they were named.
    pub(crate) ids: Vec<ClientId>,
    /// What is wrong.
    pub(crate) problems: Vec<Problem>,
}

/// Where a list was named, for problems.
pub(crate) struct Fields<'a> {
    /// The field of the single names.
    pub(crate) names: &'a str,
    /// The field of the pasted text.
    pub(crate) text: &'a str,
}

fn at_line(field: &str, line: u64, message: String, hint: &str) -> Problem {
    let line = (line > 0).then_some(line);
    Problem { line, hint: hint.to_owned(), ..problem(field, message) }
}

/// Finds the clients that are named one by one and in a pasted text.
pub(crate) async fn resolve(
    people: &People,
    who: &Principal,
    names: &[String],
    text: (&str, Option<&str>),
    fields: Fields<'_>,
) -> Result<Resolved, ApiError> {
    let mut found = Resolved::default();
    let mut listed: Vec<(String, ListedClient)> = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let field = format!("{}[{index}]", fields.names);
        match read_client_name(name) {
            Ok(name) => listed.push((field, ListedClient { line: 0, name })),
            Err(why) => found.problems.push(problem(field, why)),
        }
    }
    match read_client_list(text.0, text.1) {
        Ok(names) => {
            listed.extend(names.into_iter().map(|listed| (fields.text.to_owned(), listed)));
        }
        Err(problems) => found
            .problems
            .extend(problems.into_iter().map(|p| at_line(fields.text, p.line, p.message, &p.hint))),
    }
    let hosts: BTreeSet<String> = listed
        .iter()
        .filter_map(|(_, listed)| match &listed.name {
            ClientName::Host(host) => Some(host.clone()),
            ClientName::Id(_) => None,
        })
        .collect();
    let mut by_name: BTreeMap<String, Vec<ClientId>> = BTreeMap::new();
    if !hosts.is_empty() {
        for (name, id) in people.ports.clients.named(&who.org, &hosts).await? {
            by_name.entry(name).or_default().push(id);
        }
    }
    let mut known: BTreeSet<ClientId> = BTreeSet::new();
    for (field, ListedClient { line, name }) in listed {
        let (spelled, id) = match name {
            ClientName::Id(id) => {
                let client = people.ports.clients.get(id).await?;
                let own = client.is_some_and(|client| client.org == who.org);
                (id.to_string(), own.then_some(id).ok_or_else(|| unknown(&id.to_string())))
            }
            ClientName::Host(host) => {
                let id = only(&host, by_name.get(&host).map_or(&[], Vec::as_slice));
                (host, id)
            }
        };
        match id {
            Ok(id) => {
                if known.insert(id) {
                    found.ids.push(id);
                    found.clients.push(ResolvedClient { name: spelled, client: id.to_string() });
                }
            }
            Err((message, hint)) => found.problems.push(at_line(&field, line, message, hint)),
        }
    }
    Ok(found)
}

fn unknown(name: &str) -> (String, &'static str) {
    (format!("no client is called `{name}`"), "take it out, or set skip_unknown")
}

/// The only client of a name.
fn only(host: &str, ids: &[ClientId]) -> Result<ClientId, (String, &'static str)> {
    match ids {
        [] => Err(unknown(host)),
        [id] => Ok(*id),
        [first @ .., _] => {
            let mut shown: Vec<String> =
                ids.iter().take(NAMESAKES_MAX).map(ToString::to_string).collect();
            if first.len() >= NAMESAKES_MAX {
                shown.push("…".to_owned());
            }
            let message =
                format!("{} clients are called `{host}`: {}", ids.len(), shown.join(", "));
            Err((message, "name the one that is meant by its id, or revoke those that are gone"))
        }
    }
}

/// Turns host names and pasted lists of a condition into ids.
pub(crate) async fn resolve_condition(
    people: &People,
    who: &Principal,
    condition: &mut HuntCondition,
    wrong: &mut Vec<Problem>,
) -> Result<(), ApiError> {
    for (side, filter) in [("include", &mut condition.include), ("exclude", &mut condition.exclude)]
    {
        resolve_filter(people, who, (side, filter), wrong).await?;
    }
    Ok(())
}

async fn resolve_filter(
    people: &People,
    who: &Principal,
    (side, filter): (&str, &mut ClientFilter),
    wrong: &mut Vec<Problem>,
) -> Result<(), ApiError> {
    let named_any = !filter.clients.is_empty() || !filter.clients_text.trim().is_empty();
    if !named_any {
        return Ok(());
    }
    let names = format!("condition.{side}.clients");
    let text = format!("condition.{side}.clients_text");
    let fields = Fields { names: &names, text: &text };
    let pasted = (filter.clients_text.as_str(), filter.clients_column.as_deref());
    let found = resolve(people, who, &filter.clients, pasted, fields).await?;
    if found.ids.is_empty() && found.problems.is_empty() {
        // An include that names nobody would ask everybody.
        wrong.push(problem(text.clone(), "names no client"));
    }
    if !filter.skip_unknown {
        wrong.extend(found.problems);
    } else if found.ids.is_empty() && side == "include" {
        wrong.push(problem(names.clone(), "none of these names is a client's"));
    }
    *filter = ClientFilter {
        labels: std::mem::take(&mut filter.labels),
        os: filter.os.take(),
        clients: found.ids.iter().map(ToString::to_string).collect(),
        ..ClientFilter::default()
    };
    Ok(())
}

/// `POST /clients/resolve`
pub(crate) async fn resolve_list(
    State(people): Shared,
    Extension(who): Who,
    Body(said): Body<ClientListRequest>,
) -> Result<Json<ClientListReply>, ApiError> {
    let fields = Fields { names: "clients", text: "text" };
    let found = resolve(&people, &who, &[], (&said.text, said.column.as_deref()), fields).await?;
    Ok(Json(ClientListReply { clients: found.clients, problems: found.problems }))
}

/// `POST /hunts/preview`
pub(crate) async fn preview(
    State(people): Shared,
    Extension(who): Who,
    Body(said): Body<HuntRequest>,
) -> Result<Json<HuntPreview>, ApiError> {
    let (spec, problems) = hunt_pages::read(&people, &who, said).await?;
    let online = people.hall.presence(fleet::presence::Presence::online);
    let now = people.clock.now();
    let mut survey = Survey::default();
    let mut offset = 0;
    loop {
        let paging = Paging { offset, limit: PREVIEW_PAGE };
        let query = ClientList { paging, ..ClientList::of(who.org.clone()) };
        let page = people.ports.clients.list(&query).await?;
        for client in &page.items {
            survey.count(&spec.condition, client, online.contains(&client.id), now);
        }
        offset += PREVIEW_PAGE;
        if offset >= page.total {
            break;
        }
    }
    let duration = |clients: u64| {
        let ceiling = people.settings.admission_ceiling;
        format_duration(preview::duration(&spec, ceiling, clients))
    };
    Ok(Json(HuntPreview {
        asked: survey.asked.clients,
        online: survey.asked.online,
        recent: survey.recent,
        excluded: survey.excluded.clients,
        excluded_by: counts(&survey.excluded_by),
        systems: counts(&survey.systems),
        labels: counts(&survey.labels),
        sample: survey
            .sample
            .iter()
            .map(|(client, online)| PreviewClient {
                id: client.id.to_string(),
                hostname: client.facts.hostname.clone(),
                os: client.facts.os.clone(),
                labels: client.labels.iter().cloned().collect(),
                online: *online,
                last_seen: client.last_seen.to_string(),
            })
            .collect(),
        duration_online: duration(survey.asked.online),
        duration_all: duration(survey.asked.clients),
        unknown: preview::unknown(&spec).into_iter().map(str::to_owned).collect(),
        problems,
    }))
}

/// The commonest first.
fn counts(tallies: &BTreeMap<String, Tally>) -> Vec<PreviewCount> {
    let mut found: Vec<PreviewCount> = tallies
        .iter()
        .map(|(name, tally)| PreviewCount {
            name: name.clone(),
            clients: tally.clients,
            online: tally.online,
        })
        .collect();
    found.sort_by(|a, b| b.clients.cmp(&a.clients).then_with(|| a.name.cmp(&b.name)));
    found.truncate(PREVIEW_COUNTS_MAX);
    found
}
