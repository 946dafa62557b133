//! What rules and packs of rules say alike: over what, when, for whom, and who is told.

use model::log::DatasetName;
use yaml_nodes::NodeKind;

use crate::definitions::{CatchUp, OnChange, Selection, Suppress};
use crate::schedule::Schedule;
use crate::take::{Section, Take};
use crate::timetable;

/// What rules and packs say alike.
#[derive(Debug)]
pub(crate) struct Manner {
    pub(crate) datasets: Vec<DatasetName>,
    pub(crate) tenants: Selection,
    pub(crate) schedule: Option<Schedule>,
    pub(crate) suppress: Option<Suppress>,
    pub(crate) notify: Vec<String>,
    pub(crate) critical: bool,
    pub(crate) catch_up: CatchUp,
    pub(crate) on_change: OnChange,
}

pub(crate) fn take(take: &mut Take<'_, '_>, section: &Section<'_>) -> Manner {
    Manner {
        datasets: names(take, section, "datasets"),
        tenants: selection(take, section),
        schedule: take.sub(section, "schedule").and_then(|sub| timetable::take(take, &sub)),
        suppress: suppress(take, section),
        notify: take.words(section, "notify"),
        critical: take.flag(section, "critical"),
        catch_up: catch_up(take, section),
        on_change: on_change(take, section),
    }
}

/// Names of a list, each once.
fn names<T>(take: &mut Take<'_, '_>, section: &Section<'_>, field: &str) -> Vec<T>
where
    T: std::str::FromStr + PartialEq,
    T::Err: std::fmt::Display,
{
    let mut names: Vec<T> = Vec::new();
    let path = section.at(field);
    for (place, (text, at)) in take.texts(section, field).into_iter().enumerate() {
        let path = format!("{path}[{place}]");
        take.places.insert(path.clone(), at);
        if let Some(name) = take.parse(&text, at, &path) {
            if names.contains(&name) {
                take.error(at, &path, format!("`{text}` is there twice"), "remove one");
            } else {
                names.push(name);
            }
        }
    }
    names
}

fn selection(take: &mut Take<'_, '_>, section: &Section<'_>) -> Selection {
    let everybody = || vec!["*".to_owned()];
    match take.sub(section, "tenants") {
        None => Selection { include: everybody(), exclude: Vec::new() },
        Some(sub) => {
            let given = sub.has("include");
            let include = take.words(&sub, "include");
            let exclude = take.words(&sub, "exclude");
            Selection { include: if given { include } else { everybody() }, exclude }
        }
    }
}

fn suppress(take: &mut Take<'_, '_>, section: &Section<'_>) -> Option<Suppress> {
    let sub = take.sub(section, "suppress")?;
    let by = take.words(&sub, "by");
    let during = take.duration(&sub, "for")?;
    if during.is_zero() {
        take.error(sub.place("for"), &sub.at("for"), "this suppresses nothing", "for example `1h`");
    }
    Some(Suppress { by, during })
}

fn catch_up(take: &mut Take<'_, '_>, section: &Section<'_>) -> CatchUp {
    match take.choice(section, "catch_up") {
        Some("newest_first") => CatchUp::NewestFirst,
        Some("weave") => CatchUp::Weave,
        _ => CatchUp::OldestFirst,
    }
}

fn on_change(take: &mut Take<'_, '_>, section: &Section<'_>) -> OnChange {
    match take.node(section, "on_change").map(|node| &node.kind) {
        Some(NodeKind::Text { .. }) => match take.choice(section, "on_change") {
            Some("reset") => OnChange::Reset,
            _ => OnChange::Forward,
        },
        Some(_) => match take.sub(section, "on_change") {
            Some(sub) => take.duration(&sub, "replay").map_or(OnChange::Forward, OnChange::Replay),
            None => OnChange::Forward,
        },
        None => OnChange::Forward,
    }
}
