//! Made-up logs of ordinary days: the same for the same seed.
//!
//! Nothing here is meant to be found; what is, is planted by `plants`.

use base::{Entropy, SeededEntropy, Timestamp};
use serde_json::{Map, Value, json};

/// The kinds of log that every tenant has, by the name that rules use.
pub(crate) const DATASETS: [&str; 5] =
    ["process_creation", "authentication", "dns", "web", "cloud_audit"];

/// The columns of each, besides `event_time` and `ingested_at`.
pub(crate) const COLUMNS: [&[&str]; 5] = [
    &["Host", "User", "Image", "CommandLine", "ParentImage", "ProcessId"],
    &["Host", "User", "SourceIp", "Outcome", "Method"],
    &["Host", "Query", "QueryType", "Answer"],
    &["Host", "ClientIp", "Method", "Path", "Status", "UserAgent", "Bytes"],
    &["Actor", "Action", "Resource", "Region", "SourceIp", "Result"],
];

/// A moment with all six digits of its fraction, so that texts sort as moments do.
pub(crate) fn moment(at: Timestamp) -> String {
    match jiff::Timestamp::from_microsecond(at.as_micros()) {
        Ok(at) => format!("{at:.6}"),
        Err(_) => at.to_string(),
    }
}

/// Where a tenant's events come from.
pub(crate) struct Days {
    tenant: u32,
    chance: SeededEntropy,
}

impl Days {
    /// Those of one tenant; the tenant is part of the seed.
    pub(crate) fn of(tenant: u32, seed: u64) -> Self {
        Self { tenant, chance: SeededEntropy::new(seed ^ (u64::from(tenant) << 32)) }
    }

    /// One event of a dataset at a moment. It is ingested a little later.
    pub(crate) fn event(&mut self, dataset: &str, at: Timestamp) -> Value {
        let mut row = Map::new();
        row.insert("event_time".into(), moment(at).into());
        // Most arrive within a few seconds.
        let delay = std::time::Duration::from_millis(200 + self.chance.next_u64() % 4_000);
        row.insert("ingested_at".into(), moment(at.plus(delay)).into());
        let own = match dataset {
            "process_creation" => self.process(),
            "authentication" => self.sign_in(),
            "dns" => self.lookup(),
            "web" => self.request(),
            _ => self.cloud_call(),
        };
        if let Value::Object(own) = own {
            row.extend(own);
        }
        Value::Object(row)
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[usize::try_from(self.chance.next_u64() % from.len() as u64).unwrap_or(0)]
    }

    fn number(&mut self, below: u64) -> u64 {
        self.chance.next_u64() % below
    }

    fn host(&mut self) -> String {
        let kind = self.pick(&["ws", "ws", "ws", "srv", "db"]);
        let number = self.number(60);
        format!("{kind}-{:02}-{number:03}", self.tenant)
    }

    fn user(&mut self) -> String {
        let first = self.pick(&["ana", "ben", "chen", "dora", "emil", "fatma", "goran", "hilde"]);
        format!("{first}.{}", self.pick(&["abel", "brandt", "costa", "diaz", "eide", "fuchs"]))
    }

    fn inner_address(&mut self) -> String {
        let (net, machine) = (self.number(20), 1 + self.number(250));
        format!("10.{}.{net}.{machine}", self.tenant % 250)
    }

    fn outer_address(&mut self) -> String {
        // Documentation networks: they belong to nobody.
        let net = self.pick(&["192.0.2", "198.51.100", "203.0.113"]);
        format!("{net}.{}", 1 + self.number(250))
    }

    fn process(&mut self) -> Value {
        let (image, line) = match self.number(8) {
            0 => ("/usr/bin/git", "git pull --rebase"),
            1 => ("/usr/bin/python3", "python3 manage.py runserver"),
            2 => ("/usr/sbin/cron", "/usr/sbin/cron -f"),
            3 => ("C:\\Program Files\\Office\\winword.exe", "winword.exe report.docx"),
            4 => ("C:\\Windows\\System32\\svchost.exe", "svchost.exe -k netsvcs"),
            5 => ("/usr/bin/grep", "grep -r TODO src"),
            6 => ("/usr/lib/systemd/systemd-journald", "systemd-journald"),
            _ => ("C:\\Windows\\explorer.exe", "explorer.exe"),
        };
        let parents = ["/usr/bin/bash", "/sbin/init", "C:\\Windows\\explorer.exe"];
        json!({
            "Host": self.host(),
            "User": self.user(),
            "Image": image,
            "CommandLine": line,
            "ParentImage": self.pick(&parents),
            "ProcessId": 300 + self.number(60_000),
        })
    }

    fn sign_in(&mut self) -> Value {
        // Now and then somebody mistypes.
        let outcome = if self.number(25) == 0 { "failure" } else { "success" };
        json!({
            "Host": self.host(),
            "User": self.user(),
            "SourceIp": self.inner_address(),
            "Outcome": outcome,
            "Method": self.pick(&["password", "key", "kerberos", "sso"]),
        })
    }

    fn lookup(&mut self) -> Value {
        let names = ["intranet.example", "mail.example", "cdn.example.net", "updates.example.org"];
        json!({
            "Host": self.host(),
            "Query": self.pick(&names),
            "QueryType": self.pick(&["A", "A", "AAAA", "HTTPS"]),
            "Answer": self.outer_address(),
        })
    }

    fn request(&mut self) -> Value {
        let paths = ["/", "/login", "/api/orders", "/static/app.js", "/favicon.ico", "/search"];
        let status = if self.number(30) == 0 { 404 } else { 200 };
        json!({
            "Host": format!("web-{:02}", self.tenant),
            "ClientIp": self.outer_address(),
            "Method": self.pick(&["GET", "GET", "GET", "POST"]),
            "Path": self.pick(&paths),
            "Status": status,
            "UserAgent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0",
            "Bytes": 200 + self.number(60_000),
        })
    }

    fn cloud_call(&mut self) -> Value {
        let actions = ["GetObject", "ListBuckets", "DescribeInstances", "PutObject"];
        json!({
            "Actor": self.user(),
            "Action": self.pick(&actions),
            "Resource": format!("bucket/reports-{:02}", self.tenant),
            "Region": self.pick(&["eu-central", "eu-north"]),
            "SourceIp": self.inner_address(),
            "Result": "success",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_days() {
        let day = |seed| {
            let mut days = Days::of(3, seed);
            DATASETS.map(|dataset| days.event(dataset, Timestamp::EPOCH).to_string())
        };
        assert_eq!(day(1), day(1));
        assert_ne!(day(1), day(2));
        assert!(
            day(1)[0].starts_with(r#"{"event_time":"1970-01-01T00:00:00.000000Z","ingested_at":""#)
        );
    }

    #[test]
    fn every_dataset_has_its_columns() {
        let mut days = Days::of(3, 1);
        for (dataset, columns) in DATASETS.iter().zip(COLUMNS) {
            let event = days.event(dataset, Timestamp::EPOCH);
            let names: Vec<&String> = event.as_object().unwrap().keys().skip(2).collect();
            assert_eq!(names, columns);
        }
    }
}
