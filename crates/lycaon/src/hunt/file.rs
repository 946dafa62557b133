//! A hunt as YAML: the form of `hunt.yaml`.
//!
//! The same as `api::HuntRequest`, but a schedule may also be said in words: `none`, `every 1h`, or a
//! cron expression.

use std::path::Path;

use api::{ArtifactCall, HuntCanary, HuntLimits, HuntRequest, HuntSchedule, RetryRules};
use serde::Deserialize;

use super::condition::ConditionInFile;
use crate::complaint::{Complaint, Outcome};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HuntFile {
    name: String,
    #[serde(default)]
    description: String,
    artifacts: Vec<ArtifactCall>,
    #[serde(default)]
    condition: ConditionInFile,
    #[serde(default)]
    rate: Option<String>,
    #[serde(default)]
    limits: HuntLimits,
    #[serde(default)]
    canary: Option<HuntCanary>,
    #[serde(default)]
    retry: RetryRules,
    #[serde(default)]
    expires: Option<String>,
    #[serde(default)]
    schedule: Option<ScheduleInFile>,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    start: bool,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum ScheduleInFile {
    Words(String),
    Fields(HuntSchedule),
}

fn schedule(said: ScheduleInFile) -> Option<HuntSchedule> {
    let words = match said {
        ScheduleInFile::Fields(fields) => return Some(fields),
        ScheduleInFile::Words(words) => words,
    };
    let words = words.trim();
    let (every, cron) = match words.strip_prefix("every ") {
        _ if words.is_empty() || words == "none" => return None,
        Some(every) => (Some(every.trim().to_owned()), None),
        None => (None, Some(words.to_owned())),
    };
    Some(HuntSchedule { every, cron, buffer: "1m".into(), first: None })
}

/// Reads a hunt; what is wrong is told with file, line and column.
pub(crate) fn read(path: &Path) -> Outcome<HuntRequest> {
    let text = std::fs::read_to_string(path).map_err(|e| Complaint::io("read", path, &e))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    parse(&text, &path.display().to_string(), folder)
}

fn parse(text: &str, name: &str, folder: &Path) -> Outcome<HuntRequest> {
    let file: HuntFile = crate::yaml::parse(text, name)?;
    let plain = HuntRequest::of(file.name, file.artifacts);
    let asked = HuntRequest {
        description: file.description,
        condition: file.condition.resolved(folder, name)?,
        rate: file.rate.unwrap_or(plain.rate),
        limits: file.limits,
        expires: file.expires.unwrap_or(plain.expires),
        canary: file.canary,
        retry: file.retry,
        schedule: file.schedule.and_then(schedule),
        tags: file.tags,
        start: file.start,
        name: plain.name,
        artifacts: plain.artifacts,
    };
    if asked.artifacts.is_empty() {
        return Err(Complaint::failed(format!("{name}: the hunt collects nothing"))
            .hint("name at least one artifact: `artifacts: [{ name: Linux.Sys.Users }]`"));
    }
    Ok(asked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(text: &str, answer: Expect) {
        let told = match parse(text, "hunt.yaml", Path::new("")) {
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
tags: [persistence]
"#;

    #[test]
    fn the_whole_form_is_read() {
        let request = parse(WHOLE, "hunt.yaml", Path::new("")).unwrap();
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
                "hunt.yaml:2:1: unknown field `artifact`, expected one of name, description, artifacts, condition, rate, limits, canary, retry, expires, schedule, tags, start"
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
    fn bounds_and_schedules_are_read() {
        let read = |text: &str| {
            let text = format!("name: x\nartifacts: [{{name: A}}]\n{text}\n");
            parse(&text, "hunt.yaml", Path::new("")).unwrap()
        };
        let hunt = read(
            "limits: { total: { rows: 5, upload_bytes: 1GiB }, stop_when: { failed_share: 20%, after_clients: 50 } }",
        );
        assert_eq!(hunt.limits.total.rows, 5);
        assert_eq!(hunt.limits.total.upload_bytes, "1GiB");
        assert_eq!(hunt.limits.stop_when.unwrap().failed_share, "20%");
        let hunt = read(
            "canary: { clients: 10, then: auto }\nretry: { timeout: { times: 2, limit: 300% } }",
        );
        assert_eq!(hunt.canary.unwrap().then, "auto");
        assert_eq!(hunt.retry["timeout"].limit, "300%");
        let schedule = |text: &str| read(&format!("schedule: {text}")).schedule;
        assert_eq!(schedule("none"), None);
        assert_eq!(schedule("every 1h").unwrap().every.as_deref(), Some("1h"));
        assert_eq!(schedule("'0 6 * * *'").unwrap().cron.as_deref(), Some("0 6 * * *"));
        assert_eq!(schedule("{ every: 1d, buffer: 5m }").unwrap().buffer, "5m");
    }
}
