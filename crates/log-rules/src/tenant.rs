//! Documents that begin with `tenant:`.

use std::time::Duration;

use model::log::{DatasetName, Domain, Severity};
use sigma::LogSource;
use yaml_nodes::{NodeKind, join};

use crate::definitions::{Dataset, Exception, OnReplace, Override, Tenant};
use crate::engine::count;
use crate::take::{Section, Take};

const SKEW_MAX: Duration = Duration::from_secs(300);
const CONCURRENCY: u32 = 4;

pub(crate) fn take(take: &mut Take<'_, '_>, section: &Section<'_>) -> Option<Tenant> {
    let name = take.parsed(section, "tenant");
    let mut datasets = Vec::new();
    for (key, at, sub) in take.map_of_subs(section, "datasets") {
        let name: Option<DatasetName> = take.parse(&key, at, &sub.path);
        if let Some(dataset) = name.and_then(|name| dataset(take, &sub, name)) {
            datasets.push(dataset);
        }
    }
    if section.has("datasets") && take.map(section, "datasets").is_empty() {
        let hint = "name at least one, with its engine and table";
        take.error(section.place("datasets"), "datasets", "the tenant has no dataset", hint);
    }
    let (concurrency, bytes_per_day) = match take.sub(section, "limits") {
        Some(limits) => {
            (count(take, &limits, "concurrency", CONCURRENCY), take.size(&limits, "bytes_per_day"))
        }
        None => (CONCURRENCY, None),
    };
    let weight = count(take, section, "weight", 1);
    let mut secrets = Vec::new();
    for (key, at, node) in take.map(section, "secrets") {
        let path = join("secrets", &key);
        let engine = take.parse(&key, at, &path);
        let secret = take.secret_of(node, &path);
        secrets.extend(engine.zip(secret));
    }
    let lists = take.lists(section, "lists");
    let overrides =
        take.subs(section, "overrides").iter().filter_map(|sub| differing(take, sub)).collect();
    let name = name?;
    Some(Tenant { name, datasets, weight, concurrency, bytes_per_day, secrets, overrides, lists })
}

fn dataset(take: &mut Take<'_, '_>, section: &Section<'_>, name: DatasetName) -> Option<Dataset> {
    let engine = take.parsed(section, "engine");
    let table = take.text(section, "table");
    let (event_time, ingest_time, cursor) = match take.sub(section, "time") {
        Some(time) => {
            (take.text(&time, "event"), take.text(&time, "ingest"), take.text(&time, "cursor"))
        }
        None => (None, None, None),
    };
    let given = take.choice(section, "domain").and_then(Domain::parse);
    let best = match (&cursor, &ingest_time, &event_time) {
        (Some(_), ..) => Domain::Cursor,
        (None, Some(_), _) => Domain::IngestTime,
        (None, None, Some(_)) => Domain::EventTime,
        // The engine's own: file sets, row numbers, versions.
        (None, None, None) => Domain::Cursor,
    };
    let domain = given.unwrap_or(best);
    let needed = match domain {
        Domain::EventTime if event_time.is_none() => Some("event"),
        Domain::IngestTime if ingest_time.is_none() => Some("ingest"),
        _ => None,
    };
    if let Some(column) = needed {
        let message =
            format!("positions are to count {}, but `time` names no such column", domain.word());
        let hint = format!("write `time: {{ {column}: COLUMN }}`");
        take.error(section.place("domain"), &section.at("domain"), message, &hint);
    }
    if given.is_none() && !section.has("time") {
        let message = "the dataset names no clock";
        let hint =
            "write `time: { event: COLUMN }`, or `domain: cursor` for the engine's own positions";
        take.error(section.place("time"), &section.at("time"), message, hint);
    }
    let identity = take.words(section, "identity");
    let columns = take.map_of_texts(section, "columns");
    let schema = take.words(section, "schema");
    let log_source = log_source(take, section);
    let retention = take.duration(section, "retention");
    let log_buffer = take.duration(section, "log_buffer");
    let skew_max = take.duration(section, "skew_max").unwrap_or(SKEW_MAX);
    let lateness_max = take.duration(section, "lateness_max");
    let on_replace = match take.choice(section, "on_replace") {
        Some("continue") => OnReplace::Continue,
        _ => OnReplace::Stop,
    };
    let audit_ages = take.durations(section, "audit_ages");
    Some(Dataset {
        name,
        engine: engine?,
        table: table?,
        domain,
        event_time,
        ingest_time,
        cursor,
        identity,
        columns,
        schema,
        log_source,
        retention,
        log_buffer,
        skew_max,
        lateness_max,
        on_replace,
        audit_ages,
    })
}

fn log_source(take: &mut Take<'_, '_>, section: &Section<'_>) -> Option<LogSource> {
    let node = take.node(section, "log_source")?;
    if let NodeKind::Text { text, .. } = &node.kind {
        let source = if text.contains('/') {
            LogSource::parse(text)
        } else {
            LogSource::parse(&format!("{text}/*/*"))
        };
        if source.is_none() {
            let message = format!("`{text}` is not a log source");
            let hint = "write `category/product/service` with `*` for any, or the category alone";
            take.error(node.at, &section.at("log_source"), message, hint);
        }
        return source;
    }
    let sub = take.sub(section, "log_source")?;
    let mut part = |name: &str| take.text(&sub, name).map(|text| text.trim().to_ascii_lowercase());
    Some(LogSource {
        category: part("category"),
        product: part("product"),
        service: part("service"),
    })
}

fn differing(take: &mut Take<'_, '_>, section: &Section<'_>) -> Option<Override> {
    let rule = take.parsed(section, "rule");
    let disabled = take.flag(section, "disabled");
    let severity = take.choice(section, "severity").and_then(Severity::parse);
    let mut exceptions = Vec::new();
    let path = section.at("exceptions");
    for (place, (text, at)) in take.texts(section, "exceptions").into_iter().enumerate() {
        let path = format!("{path}[{place}]");
        take.places.insert(path.clone(), at);
        match sql_text::row_condition(&text) {
            Ok(read) => exceptions.push(Exception {
                text,
                predicate: read.predicate,
                columns: read.columns,
            }),
            Err(problem) => take.error(at, &path, problem.message, &problem.hint),
        }
    }
    let lists = take.lists(section, "lists");
    let owner = take.text(section, "owner");
    let expires = take.moment(section, "expires");
    let reason = take.text(section, "reason");
    if section.has("exceptions") {
        for (missing, name, hint) in [
            (owner.is_none(), "owner", "say who answers for the exceptions"),
            (
                !section.has("expires"),
                "expires",
                "say until when they hold, for example 2027-01-31",
            ),
        ] {
            if missing {
                let message = format!("exceptions without `{name}`");
                take.error(section.place("exceptions"), &section.at(name), message, hint);
            }
        }
    }
    let nothing = !disabled && severity.is_none() && exceptions.is_empty() && lists.is_empty();
    if nothing && !section.has("exceptions") && !section.has("lists") && !section.has("severity") {
        let hint = "write `disabled: true`, `severity`, `exceptions` or `lists`";
        take.reader.warning(
            section.place("rule"),
            &section.path,
            "this override changes nothing",
            hint,
        );
    }
    Some(Override { rule: rule?, disabled, severity, exceptions, lists, owner, expires, reason })
}
