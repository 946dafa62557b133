//! What people ask for as values the minds work with. All problems are reported at once, with the
//! field that each is about. Pure.

use std::collections::BTreeSet;
use std::time::Duration;

use api::{ArtifactCall, ClientFilter, FlowLimits, HuntCondition, HuntRequest, Problem};
use base::{ByteSize, ClientId, parse_duration};
use model::hunt::{Condition, DEFAULT_CLIENT_QUERY, Filter, HuntLimits, HuntSpec};
use model::results::{ColumnFilter, Comparison};
use serde_json::Value;

use super::ask_bounds;
use super::error::problem;

/// Characters of a hunt's name.
pub(crate) const NAME_CHARS_MAX: usize = 200;
/// Tags of a hunt.
pub(crate) const TAGS_MAX: usize = 50;
/// Operating systems that clients may have.
const SYSTEMS: [&str; 4] = ["linux", "windows", "darwin", "freebsd"];
/// Bytes of a condition's query.
const QUERY_BYTES_MAX: usize = 64 << 10;

/// Reads artifact calls; parameters that are not texts are written as texts.
pub(crate) fn calls(said: &[ArtifactCall]) -> Vec<model::flow::ArtifactCall> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Bool(true) => "Y".to_owned(),
        Value::Bool(false) => "N".to_owned(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    let call = |call: &ArtifactCall| model::flow::ArtifactCall {
        name: call.name.clone(),
        parameters: call
            .parameters
            .iter()
            .map(|(name, value)| (name.clone(), text(value)))
            .collect(),
    };
    said.iter().map(call).collect()
}

/// Reads limits of one client's flow.
pub(crate) fn flow_limits(
    said: &FlowLimits,
    field: &str,
    wrong: &mut Vec<Problem>,
) -> model::flow::FlowLimits {
    let upload_bytes_max = match said.upload_bytes.parse::<ByteSize>() {
        Ok(size) => size.0,
        Err(bad) => {
            wrong.push(problem(format!("{field}.upload_bytes"), bad.to_string()));
            0
        }
    };
    let cpu = said.cpu.trim().trim_end_matches('%').trim();
    let cpu_percent = match cpu.parse::<u32>() {
        Ok(percent) if percent <= 100 => percent,
        Ok(_) | Err(_) => {
            let message =
                format!("`{}` is not a share such as `50%`, or `0` for no limit", said.cpu);
            wrong.push(problem(format!("{field}.cpu"), message));
            0
        }
    };
    model::flow::FlowLimits {
        rows_max: said.rows,
        upload_bytes_max,
        cpu_percent,
        timeout: duration(&said.timeout, || format!("{field}.timeout"), wrong),
        progress_timeout: duration(
            &said.progress_timeout,
            || format!("{field}.progress_timeout"),
            wrong,
        ),
    }
}

/// Reads a length of time; nothing stands for none.
pub(crate) fn duration(
    text: &str,
    field: impl Fn() -> String,
    wrong: &mut Vec<Problem>,
) -> Duration {
    match text.trim() {
        "" | "0" => Duration::ZERO,
        text => parse_duration(text).unwrap_or_else(|bad| {
            wrong.push(problem(field(), bad.to_string()));
            Duration::ZERO
        }),
    }
}

fn client_filter(said: &ClientFilter, field: &str, wrong: &mut Vec<Problem>) -> Filter {
    let mut clients = BTreeSet::new();
    for (index, text) in said.clients.iter().enumerate() {
        match text.trim().parse::<ClientId>() {
            Ok(client) => {
                clients.insert(client);
            }
            Err(bad) => wrong.push(problem(format!("{field}.clients[{index}]"), bad.to_string())),
        }
    }
    for (index, label) in said.labels.iter().enumerate() {
        if !model::client::is_label(label) {
            let message = format!("`{label}` is not a label: 1 to 100 printable characters");
            wrong.push(problem(format!("{field}.labels[{index}]"), message));
        }
    }
    let os = system(said, field, wrong);
    Filter { labels: said.labels.iter().cloned().collect(), os, clients }
}

/// Reads an operating system; a word that no client has would leave everybody out in silence.
fn system(said: &ClientFilter, field: &str, wrong: &mut Vec<Problem>) -> Option<String> {
    let os = said.os.as_deref()?.trim().to_ascii_lowercase();
    match os.as_str() {
        "" | "any" => None,
        "macos" => Some("darwin".to_owned()),
        os if SYSTEMS.contains(&os) => Some(os.to_owned()),
        os => {
            let known = SYSTEMS.join(", ");
            let message = format!("`{os}` is none of the systems {known}, nor `any`");
            wrong.push(problem(format!("{field}.os"), message));
            None
        }
    }
}

/// Reads tags.
pub(crate) fn tags(said: &[String], field: &str, wrong: &mut Vec<Problem>) -> BTreeSet<String> {
    let mut tags = BTreeSet::new();
    for (index, tag) in said.iter().enumerate() {
        let tag = tag.trim();
        if model::client::is_label(tag) {
            tags.insert(tag.to_owned());
        } else {
            let message = format!("`{tag}` is not a tag: 1 to 100 printable characters");
            wrong.push(problem(format!("{field}[{index}]"), message));
        }
    }
    if tags.len() > TAGS_MAX {
        wrong.push(problem(field, format!("a hunt has at most {TAGS_MAX} tags")));
    }
    tags
}

/// Reads a hunt's condition. Whether its queries are good VQL is not looked at here.
pub(crate) fn condition(said: &HuntCondition, wrong: &mut Vec<Problem>) -> Condition {
    let given = |text: &Option<String>| {
        text.as_deref().filter(|text| !text.trim().is_empty()).map(str::to_owned)
    };
    for (field, text) in [("condition.client", &said.client), ("condition.server", &said.server)] {
        if text.as_ref().is_some_and(|text| text.len() > QUERY_BYTES_MAX) {
            let message = format!("has more than {QUERY_BYTES_MAX} bytes");
            wrong.push(problem(field, message));
        }
    }
    Condition {
        client: given(&said.client).unwrap_or_else(|| DEFAULT_CLIENT_QUERY.to_owned()),
        server: given(&said.server).unwrap_or_default(),
        include: client_filter(&said.include, "condition.include", wrong),
        exclude: client_filter(&said.exclude, "condition.exclude", wrong),
    }
}

/// Reads the limits of a hunt.
pub(crate) fn hunt_limits(said: &api::HuntLimits, wrong: &mut Vec<Problem>) -> HuntLimits {
    HuntLimits {
        clients_max: said.clients,
        running_max: said.running,
        per_client: flow_limits(&said.per_client, "limits.per_client", wrong),
        total: ask_bounds::budgets(&said.total, wrong),
        stop_when: ask_bounds::stop_when(said.stop_when.as_ref(), wrong),
    }
}

/// Reads a rate.
pub(crate) fn rate(text: &str, wrong: &mut Vec<Problem>) -> base::Rate {
    text.parse().unwrap_or_else(|bad: base::BadQuantity| {
        wrong.push(problem("rate", bad.to_string()));
        base::Rate::Unlimited
    })
}

/// Reads how long a hunt recruits.
pub(crate) fn expiry(text: &str, wrong: &mut Vec<Problem>) -> Duration {
    let expires = duration(text, || "expires".to_owned(), wrong);
    if expires.is_zero() && wrong.iter().all(|problem| problem.field != "expires") {
        wrong.push(problem("expires", "a hunt must end by itself; for example `7d`"));
    }
    expires
}

/// Reads what a hunt asks for.
pub(crate) fn hunt_spec(said: &HuntRequest, wrong: &mut Vec<Problem>) -> HuntSpec {
    HuntSpec {
        name: hunt_name(&said.name, wrong),
        description: said.description.clone(),
        artifacts: calls(&said.artifacts),
        condition: condition(&said.condition, wrong),
        rate: rate(&said.rate, wrong),
        limits: hunt_limits(&said.limits, wrong),
        expires_after: expiry(&said.expires, wrong),
        canary: ask_bounds::canary(said.canary.as_ref(), wrong),
        retry: ask_bounds::retry(&said.retry, wrong),
        schedule: ask_bounds::schedule(said.schedule.as_ref(), wrong),
        tags: tags(&said.tags, "tags", wrong),
    }
}

/// Reads a hunt's name.
pub(crate) fn hunt_name(text: &str, wrong: &mut Vec<Problem>) -> String {
    let name = text.trim();
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX || name.contains(char::is_control) {
        wrong
            .push(problem("name", format!("must have 1 to {NAME_CHARS_MAX} printable characters")));
    }
    name.to_owned()
}

/// Reads filters of rows, one a line: `Column=text`, `Column!=text`, `Column~text`, `Column>text`,
/// `Column<text`.
pub(crate) fn column_filters(text: &str) -> Result<Vec<ColumnFilter>, String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(column_filter).collect()
}

fn column_filter(line: &str) -> Result<ColumnFilter, String> {
    let at = line.find(['=', '!', '~', '>', '<']);
    let parts = at.map(|at| line.split_at(at)).and_then(|(column, rest)| {
        let comparisons = [
            ("!=", Comparison::Differs),
            ("=", Comparison::Equals),
            ("~", Comparison::Contains),
            (">", Comparison::Greater),
            ("<", Comparison::Less),
        ];
        let found = comparisons.into_iter().find(|(sign, _)| rest.starts_with(sign));
        found.map(|(sign, comparison)| (column.trim(), comparison, rest[sign.len()..].trim()))
    });
    match parts {
        Some((column, comparison, text)) if !column.is_empty() => {
            Ok(ColumnFilter { column: column.to_owned(), comparison, text: text.to_owned() })
        }
        Some(_) | None => {
            Err(format!("`{line}` is not a filter; write `Column=text`, `!=`, `~`, `>` or `<`"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_problems_of_a_hunt_are_told_at_once_with_their_fields() {
        let said: HuntRequest = serde_json::from_value(serde_json::json!({
            "name": " ",
            "artifacts": [],
            "rate": "fast",
            "expires": "0",
            "limits": { "per_client": { "cpu": "200%", "timeout": "soon", "upload_bytes": "1 mile" } },
            "condition": { "include": { "labels": [" x"], "clients": ["H.1"] } },
        }))
        .unwrap();
        let mut wrong = Vec::new();
        hunt_spec(&said, &mut wrong);
        let fields: Vec<&str> = wrong.iter().map(|problem| problem.field.as_str()).collect();
        expect_test::expect![[r#"
            [
                "name",
                "condition.include.clients[0]",
                "condition.include.labels[0]",
                "rate",
                "limits.per_client.upload_bytes",
                "limits.per_client.cpu",
                "limits.per_client.timeout",
                "expires",
            ]
        "#]]
        .assert_debug_eq(&fields);
    }

    #[test]
    fn a_request_reads_what_the_answer_shows() {
        let said: HuntRequest = serde_json::from_value(serde_json::json!({
            "name": "cron",
            "artifacts": [{ "name": "Linux.Sys.Crontab", "parameters": { "depth": 3, "all": true } }],
            "condition": { "server": "SELECT * FROM rows", "exclude": { "os": "windows" } },
            "rate": "20/min",
            "limits": {
                "clients": 5,
                "per_client": { "cpu": "50%" },
                "total": { "rows": 7, "upload_bytes": "1MiB" },
                "stop_when": { "failed_share": "20%", "after_clients": 50 },
            },
            "canary": { "clients": 10, "then": "auto" },
            "retry": { "row_limit": { "times": 1, "limit": "300%" } },
            "schedule": { "cron": "0 6 * * *", "buffer": "5m" },
        }))
        .unwrap();
        let mut wrong = Vec::new();
        let spec = hunt_spec(&said, &mut wrong);
        assert_eq!(wrong, []);
        let shown = super::super::view::hunt_request(&spec);
        assert_eq!(hunt_spec(&shown, &mut wrong), spec);
        assert_eq!(spec.artifacts[0].parameters[0], ("depth".to_owned(), "3".to_owned()));
    }

    #[test]
    fn filters_are_read_line_by_line() {
        let read = |text: &str| column_filters(text);
        let filters = read("Name~cron\n\n_client != C.1\nSize>10").unwrap();
        let shown: Vec<_> =
            filters.iter().map(|f| (f.column.as_str(), f.comparison, f.text.as_str())).collect();
        assert_eq!(
            shown,
            [
                ("Name", Comparison::Contains, "cron"),
                ("_client", Comparison::Differs, "C.1"),
                ("Size", Comparison::Greater, "10"),
            ]
        );
        assert!(read("nothing").is_err() && read("=x").is_err() && read("A!x").is_err());
    }
}
