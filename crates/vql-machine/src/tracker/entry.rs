//! Between rows and the tracker: what a row says was seen of a process, and what a query sees of
//! a tracked process.

use rows::{Dict, Row, Time, Value};
use vql_plugin::Scope;

use super::state::{Change, Counts, News, Sighting, Tracked};

/// A row of a sync query.
pub(crate) fn sighting(row: &Row, scope: &Scope) -> Result<Sighting, String> {
    let id = id(row.get("id")).ok_or("a row without `id`; name the process's number `id`")?;
    let mut data = match row.get("data").map(|data| scope.materialise(data)) {
        Some(Value::Dict(data)) => data,
        None | Some(Value::Null) => Dict::new(),
        Some(other) => return Err(format!("`data` should be a dict not {}", other.type_name())),
    };
    let parent = self::id(row.get("parent_id"));
    for (name, value) in [("Pid", Some(&id)), ("Ppid", parent.as_ref())] {
        if let Some(value) = value.filter(|_| !data.contains(name)) {
            data.set(name, number(value));
        }
    }
    Ok(Sighting { parent, start: time(row.get("start_time")), data, id })
}

/// A row of an update query.
pub(crate) fn news(row: &Row, scope: &Scope) -> Result<News, String> {
    let kind = row.get("update_type").map(Value::to_text).unwrap_or_default();
    match kind.to_str_lossy().as_ref() {
        "start" => Ok(News::Start(sighting(row, scope)?)),
        "exit" => {
            let id = id(row.get("id")).ok_or("an exit without `id`")?;
            Ok(News::Exit { id, end: time(row.get("end_time")) })
        }
        other => Err(format!("`update_type` should be start or exit, not `{other}`")),
    }
}

/// Ids are numbers or texts.
pub(crate) fn id(value: Option<&Value>) -> Option<String> {
    let text = match value? {
        Value::Null => return None,
        other => other.to_text().to_str_lossy().into_owned(),
    };
    (!text.is_empty()).then_some(text)
}

fn number(id: &str) -> Value {
    let number = super::state::number(id);
    number.parse::<i64>().map_or_else(|_| Value::text(number.to_owned()), Value::Int)
}

fn time(value: Option<&Value>) -> Option<Time> {
    match value? {
        Value::Time(time) => Some(*time),
        Value::Int(epoch) => Some(Time::from_epoch(*epoch)),
        Value::Float(epoch) => Some(Time::from_epoch_float(*epoch)),
        Value::Text(text) => Time::parse(text.as_str()?),
        _ => None,
    }
    .filter(|time| *time != Time::zero())
}

/// A tracked process as functions give it.
pub(crate) fn dict(known: &Tracked) -> Dict {
    Dict::new()
        .with("Id", &*known.id)
        .with("ParentId", known.parent.as_deref())
        .with("StartTime", known.start)
        .with("EndTime", known.end)
        .with("Data", known.data.clone())
}

/// A tracked process as a row of a process list: what was told about it, and its times.
pub(crate) fn row(known: &Tracked) -> Row {
    let mut row = Row::new()
        .with("Pid", number(&known.id))
        .with("Ppid", known.parent.as_deref().map_or(Value::Null, number));
    for (name, value) in known.data.iter().filter(|(name, _)| !matches!(&***name, "Pid" | "Ppid")) {
        row.set(name.clone(), value.clone());
    }
    for (name, value) in
        [("CreateTime", known.start), ("StartTime", known.start), ("EndTime", known.end)]
    {
        if !row.contains(name) {
            row.set(name, value);
        }
    }
    row.with("TrackerId", &*known.id)
}

/// A change as a row of updates.
pub(super) fn update(change: &Change) -> Row {
    let (kind, known) = match change {
        Change::Started(known) => ("start", known),
        Change::Exited(known) => ("exit", known),
    };
    Row::new()
        .with("update_type", kind)
        .with("id", &*known.id)
        .with("parent_id", known.parent.as_deref())
        .with("start_time", known.start)
        .with("end_time", known.end)
        .with("data", known.data.clone())
        .with("stats", ())
}

/// Sizes as a row of updates.
pub(super) fn stats(counts: Counts) -> Row {
    let stats = Dict::new()
        .with("Running", counts.running)
        .with("Exited", counts.ended)
        .with("Expired", counts.expired)
        .with("CrowdedOut", counts.crowded_out);
    Row::new()
        .with("update_type", "stats")
        .with("id", ())
        .with("parent_id", ())
        .with("start_time", ())
        .with("end_time", ())
        .with("data", ())
        .with("stats", stats)
}
