//! A hunt as YAML: the form of `hunt.yaml`.
//!
//! The same as `api::HuntRequest`, and besides it the parts of the form that this version accepts only when
//! they ask for nothing (`limits.total` of zeros, `schedule: none`): a file that asks for more is
//! refused, never carried out without it.

use std::path::Path;

use api::{ArtifactCall, FlowLimits, HuntCondition, HuntLimits, HuntRequest};
use serde::Deserialize;

use crate::complaint::{Complaint, Outcome};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HuntFile {
    name: String,
    #[serde(default)]
    description: String,
    artifacts: Vec<ArtifactCall>,
    #[serde(default)]
    condition: HuntCondition,
    #[serde(default)]
    rate: Option<String>,
    #[serde(default)]
    limits: LimitsInFile,
    #[serde(default)]
    canary: Option<serde_json::Value>,
    #[serde(default)]
    expires: Option<String>,
    #[serde(default)]
    schedule: Option<String>,
    #[serde(default)]
    start: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LimitsInFile {
    clients: u64,
    running: u64,
    per_client: FlowLimits,
    total: Budget,
    stop_when: Option<serde_json::Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Budget {
    rows: u64,
    upload_bytes: u64,
    cpu_seconds: u64,
}

/// Reads a hunt; what is wrong is told with file, line and column.
pub(crate) fn read(path: &Path) -> Outcome<HuntRequest> {
    let text = std::fs::read_to_string(path).map_err(|e| Complaint::io("read", path, &e))?;
    parse(&text, &path.display().to_string())
}

fn parse(text: &str, name: &str) -> Outcome<HuntRequest> {
    let file: HuntFile = crate::yaml::parse(text, name)?;
    refuse_what_is_not_there(&file, name)?;
    let defaults = HuntRequest {
        name: file.name,
        description: file.description,
        artifacts: file.artifacts,
        condition: file.condition,
        rate: file.rate.unwrap_or_else(|| "unlimited".into()),
        limits: HuntLimits {
            clients: file.limits.clients,
            running: file.limits.running,
            per_client: file.limits.per_client,
        },
        expires: file.expires.unwrap_or_else(|| "7d".into()),
        start: file.start,
    };
    if defaults.artifacts.is_empty() {
        return Err(Complaint::failed(format!("{name}: the hunt collects nothing"))
            .hint("name at least one artifact: `artifacts: [{ name: Linux.Sys.Users }]`"));
    }
    Ok(defaults)
}

fn refuse_what_is_not_there(file: &HuntFile, name: &str) -> Outcome {
    let total = &file.limits.total;
    let asked = [
        ("limits.total", total.rows > 0 || total.upload_bytes > 0 || total.cpu_seconds > 0),
        ("limits.stop_when", file.limits.stop_when.is_some()),
        ("canary", file.canary.is_some()),
        ("schedule", file.schedule.as_deref().is_some_and(|text| text != "none")),
    ];
    match asked.iter().find(|(_, asked)| *asked) {
        None => Ok(()),
        Some((field, _)) => {
            Err(Complaint::failed(format!("{name}: this version cannot carry out `{field}`"))
                .hint("take it out of the file to run the hunt without it"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(text: &str, answer: Expect) {
        let told = match parse(text, "hunt.yaml") {
            Ok(request) => format!("{} {} {}", request.name, request.rate, request.expires),
            Err(complaint) => complaint.message().to_owned(),
        };
        answer.assert_eq(&told);
    }

    const WHOLE: &str = r#"
name: Suspicious cron entries
description: who persists through cron
artifacts:
  - name: Linux.Sys.Crontab
    parameters: { cronTabGlob: "/etc/cron*/*" }
condition:
  client: |
    SELECT OS, Architecture, Fqdn, Platform, config.Client_labels AS Labels FROM info()
  server: |
    SELECT * FROM rows WHERE Fqdn =~ '(?i)myhostname.+' AND 'MY_LABEL' IN Labels
  include: { labels: [], os: any, clients: [] }
  exclude: { labels: [], clients: [] }
rate: 20/min
limits:
  clients: 0
  running: 0
  per_client: { rows: 1000000, upload_bytes: 1GiB, cpu: 50%, timeout: 10m, progress_timeout: 2m }
  total: { rows: 0, upload_bytes: 0, cpu_seconds: 0 }
expires: 7d
schedule: none
"#;

    #[test]
    fn the_whole_form_is_read() {
        let request = parse(WHOLE, "hunt.yaml").unwrap();
        assert_eq!(request.condition.include.os.as_deref(), Some("any"));
        assert_eq!(request.limits.per_client.cpu, "50%");
        assert_eq!(request.artifacts[0].parameters["cronTabGlob"], "/etc/cron*/*");
        check(WHOLE, expect!["Suspicious cron entries 20/min 7d"]);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        check(
            "name: x\nartifact: []\n",
            expect![
                "hunt.yaml:2:1: unknown field `artifact`, expected one of name, description, artifacts, condition, rate, limits, canary, expires, schedule, start"
            ],
        );
        check("name: [\n", expect!["hunt.yaml:1:7: expected string scalar"]);
        check("name: x\nartifacts: []\n", expect!["hunt.yaml: the hunt collects nothing"]);
        check(
            "name: x\nartifacts: [{name: A}]\nlimits: { clients: many }\n",
            expect!["hunt.yaml:3:20: invalid u64"],
        );
        check("", expect!["hunt.yaml:1:1: unexpected end of input"]);
    }

    #[test]
    fn what_this_version_cannot_do_is_refused_and_not_dropped() {
        check(
            "name: x\nartifacts: [{name: A}]\ncanary: { clients: 10, then: gate }\n",
            expect!["hunt.yaml: this version cannot carry out `canary`"],
        );
        check(
            "name: x\nartifacts: [{name: A}]\nlimits: { total: { rows: 5 } }\n",
            expect!["hunt.yaml: this version cannot carry out `limits.total`"],
        );
    }
}
