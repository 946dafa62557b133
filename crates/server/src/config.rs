//! The server's configuration: one structure, its defaults, and everything that can be wrong with
//! it, reported at once.
//!
//! Only the program reads files; it hands the text in. Units are in the names.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use base::{Rate, parse_duration};
use hunts::erasure::Retention;
use model::client::is_label;
use serde::Deserialize;

mod stores;

pub use stores::{
    AuthorityConfig, NodeConfig, ObjectsConfig, PostgresConfig, S3Config, SecretConfig, StoreConfig,
};

/// The file `server.yaml`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerConfig {
    /// Where everything is kept: database, results, files, certificates.
    pub data_dir: PathBuf,
    /// Where the records are.
    pub store: StoreConfig,
    /// Where uploaded files are.
    pub objects: ObjectsConfig,
    /// Which of several nodes this one is.
    pub node: NodeConfig,
    /// The certificate authority.
    pub authority: AuthorityConfig,
    /// The listener for agents.
    pub agents: AgentsConfig,
    /// The listener for people: API and web interface.
    pub http: HttpConfig,
    /// Limits over all hunts.
    pub hunts: HuntsConfig,
    /// Where artifacts come from besides the built-in ones.
    pub artifacts: ArtifactsConfig,
    /// What event artifacts bring.
    pub monitoring: MonitoringConfig,
    /// Files that artifacts need on clients.
    pub tools: ToolsConfig,
    /// Rules on a schedule over logs; none when left out.
    pub log_hunts: Option<LogHuntsConfig>,
}

/// `log_hunts:` in the server's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogHuntsConfig {
    /// The folder with the definitions.
    pub folder: PathBuf,
    /// Whether the scheduler runs in this server; otherwise what another one wrote is shown.
    #[serde(default = "yes")]
    pub run: bool,
    /// How many pieces of work run at once.
    #[serde(default = "slots")]
    pub slots: u32,
    /// Days for which settled windows and attempts are kept; 0 keeps them for ever.
    #[serde(default = "keep_runs_days")]
    pub keep_runs_days: u32,
    /// Days for which findings are kept; 0 keeps them for ever.
    #[serde(default)]
    pub keep_findings_days: u32,
}

fn keep_runs_days() -> u32 {
    90
}

fn yes() -> bool {
    true
}

fn slots() -> u32 {
    32
}

/// `agents:` in the server's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AgentsConfig {
    /// Where agents connect to.
    pub listen: SocketAddr,
    /// Names and addresses for the server's certificate, besides the loopback's.
    pub names: Vec<String>,
    /// Connections in all.
    pub connections_max: usize,
    /// Connections from one address.
    pub connections_per_address_max: usize,
    /// TLS handshakes under way at once.
    pub handshakes_max: usize,
    /// Of these, from one address.
    pub handshakes_per_address_max: usize,
    /// How long a TLS handshake may take.
    pub handshake_timeout_secs: u64,
    /// Messages of one agent in a second, in the long run; what it sends beyond that waits.
    pub messages_per_second_max: u32,
    /// Messages of more than 16 KiB that are taken in at once, over all agents: each may need a MiB of
    /// memory. Agents wait for their turn.
    pub large_messages_max: usize,
    /// Seconds between two polls of a connected agent.
    pub poll_secs: u32,
    /// For how long an agent's certificate is good.
    pub certificate_days: u32,
}

/// `http:` in the server's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpConfig {
    /// Where browsers and programs connect to.
    pub listen: SocketAddr,
    /// Names under which people reach the server, besides the loopback's.
    pub hosts: Vec<String>,
    /// Certificates in PEM form; with `tls_key_file`, HTTPS is spoken.
    pub tls_certificate_file: Option<PathBuf>,
    /// The key of the first certificate, in PEM form.
    pub tls_key_file: Option<PathBuf>,
    /// How long a browser stays signed in.
    pub session_hours: u32,
    /// How long a token for programs is good.
    pub token_days: u32,
    /// Wrong passwords from one address, or for one user, in 15 minutes.
    pub wrong_passwords_max: u32,
}

/// `hunts:` in the server's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HuntsConfig {
    /// How fast clients are admitted over all hunts: `20000/min`, or `unlimited`.
    pub admission_ceiling: String,
    /// How long a flow that a person asked for waits for its client.
    pub deliver_within: String,
    /// Days after its end for which a hunt is kept with all it brought; 0 keeps hunts for ever.
    pub keep_days: u32,
    /// The same for hunts with a tag; of several tags the longest time counts, 0 is for ever.
    pub keep_days_by_tag: BTreeMap<String, u32>,
}

/// `monitoring:` in the server's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MonitoringConfig {
    /// Days, besides the present one, for which rows are kept; 0 keeps them for ever.
    pub keep_days: u32,
}

impl Default for MonitoringConfig {
    fn default() -> Self {
        Self { keep_days: 90 }
    }
}

/// `tools:` in the server's configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ToolsConfig {
    /// A folder of files that are kept when the server starts: each for the tool that has its name, or
    /// whose URL ends in it.
    pub folder: Option<PathBuf>,
}

/// `artifacts:` in the server's configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ArtifactsConfig {
    /// Folders with further artifact files.
    pub folders: Vec<PathBuf>,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("lycaon-data"),
            store: StoreConfig::default(),
            objects: ObjectsConfig::default(),
            node: NodeConfig::default(),
            authority: AuthorityConfig::default(),
            agents: AgentsConfig::default(),
            http: HttpConfig::default(),
            hunts: HuntsConfig::default(),
            artifacts: ArtifactsConfig::default(),
            monitoring: MonitoringConfig::default(),
            tools: ToolsConfig::default(),
            log_hunts: None,
        }
    }
}

impl Default for AgentsConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 8800),
            names: Vec::new(),
            connections_max: 100_000,
            connections_per_address_max: 4_096,
            handshakes_max: 512,
            handshakes_per_address_max: 128,
            handshake_timeout_secs: 10,
            messages_per_second_max: 200,
            large_messages_max: 64,
            poll_secs: 60,
            certificate_days: 1_825,
        }
    }
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8889),
            hosts: Vec::new(),
            tls_certificate_file: None,
            tls_key_file: None,
            session_hours: 12,
            token_days: 90,
            wrong_passwords_max: 10,
        }
    }
}

impl Default for HuntsConfig {
    fn default() -> Self {
        Self {
            admission_ceiling: "20000/min".into(),
            deliver_within: "7d".into(),
            keep_days: 0,
            keep_days_by_tag: BTreeMap::new(),
        }
    }
}

/// One thing that is wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigProblem {
    /// The line, from 1, where it is known.
    pub line: Option<usize>,
    /// The field, as `http.listen`; empty when it is about the file.
    pub field: String,
    /// What is wrong and how to mend it.
    pub message: String,
}

/// Everything that is wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.text())]
pub struct BadConfig {
    /// The file's name.
    pub file: String,
    /// What is wrong; never empty.
    pub problems: Vec<ConfigProblem>,
}

impl BadConfig {
    fn text(&self) -> String {
        let line = |problem: &ConfigProblem| {
            let place = match problem.line {
                Some(line) => format!("{}:{line}", self.file),
                None => self.file.clone(),
            };
            match problem.field.as_str() {
                "" => format!("{place}: {}", problem.message),
                field => format!("{place}: {field}: {}", problem.message),
            }
        };
        self.problems.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

impl ServerConfig {
    /// Reads and checks a configuration file's text. `file` is its name, for messages.
    pub fn parse(file: &str, text: &str) -> Result<Self, BadConfig> {
        let bad = |problems| BadConfig { file: file.to_owned(), problems };
        // An empty file is a configuration of defaults only.
        let only_comments =
            text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'));
        let config: Self = if only_comments {
            Self::default()
        } else {
            serde_saphyr::from_str(text).map_err(|error| {
                let line = error.location().map(|place| place.line() as usize);
                let message = error.without_snippet().to_string();
                bad(vec![ConfigProblem { line, field: String::new(), message }])
            })?
        };
        let mut problems = config.check();
        for problem in &mut problems {
            problem.line = line_of(text, &problem.field);
        }
        if problems.is_empty() { Ok(config) } else { Err(bad(problems)) }
    }

    /// Finds what the types cannot forbid.
    pub fn check(&self) -> Vec<ConfigProblem> {
        let mut problems = Vec::new();
        let mut wrong = |field: &str, message: String| {
            problems.push(ConfigProblem { line: None, field: field.to_owned(), message });
        };
        if self.data_dir.as_os_str().is_empty() {
            wrong("data_dir", "is empty; name a directory, for example `/var/lib/lycaon`".into());
        }
        let at_least_one = [
            ("agents.connections_max", self.agents.connections_max as u64),
            ("agents.connections_per_address_max", self.agents.connections_per_address_max as u64),
            ("agents.handshakes_max", self.agents.handshakes_max as u64),
            ("agents.handshakes_per_address_max", self.agents.handshakes_per_address_max as u64),
            ("agents.messages_per_second_max", self.agents.messages_per_second_max.into()),
            ("agents.large_messages_max", self.agents.large_messages_max as u64),
            ("agents.handshake_timeout_secs", self.agents.handshake_timeout_secs),
            ("agents.poll_secs", self.agents.poll_secs.into()),
            ("agents.certificate_days", self.agents.certificate_days.into()),
            ("http.session_hours", self.http.session_hours.into()),
            ("http.token_days", self.http.token_days.into()),
            ("http.wrong_passwords_max", self.http.wrong_passwords_max.into()),
        ];
        for (field, value) in at_least_one {
            if value == 0 {
                wrong(field, "is 0; it must be at least 1".into());
            }
        }
        if self.agents.listen == self.http.listen && self.agents.listen.port() != 0 {
            wrong("http.listen", "is also agents.listen; choose another port".into());
        }
        for (field, names) in
            [("agents.names", &self.agents.names), ("http.hosts", &self.http.hosts)]
        {
            for name in names.iter().filter(|name| !is_host_name(name)) {
                wrong(field, format!("`{name}` is not a host name or address without a port"));
            }
        }
        if self.http.tls_certificate_file.is_some() != self.http.tls_key_file.is_some() {
            wrong(
                "http.tls_certificate_file",
                "needs http.tls_key_file beside it, and the other way round".into(),
            );
        }
        if !self.http.listen.ip().is_loopback() && self.http.tls_certificate_file.is_none() {
            wrong(
                "http.listen",
                "is reachable from other machines; give http.tls_certificate_file and \
                 http.tls_key_file, or listen on 127.0.0.1"
                    .into(),
            );
        }
        if self.log_hunts.as_ref().is_some_and(|log_hunts| log_hunts.slots == 0) {
            wrong("log_hunts.slots", "is 0; it must be at least 1".into());
        }
        let stores = (&self.store, &self.objects);
        for (field, message) in stores::problems(stores, &self.authority) {
            wrong(field, message);
        }
        if let Err(bad) = self.hunts.admission_ceiling.parse::<Rate>() {
            wrong("hunts.admission_ceiling", bad.to_string());
        }
        for tag in self.hunts.keep_days_by_tag.keys().filter(|tag| !is_label(tag)) {
            let message = format!("`{tag}` is not a tag: 1 to 100 printable characters");
            wrong("hunts.keep_days_by_tag", message);
        }
        if let Err(bad) = parse_duration(&self.hunts.deliver_within) {
            wrong("hunts.deliver_within", bad.to_string());
        }
        problems
    }

    /// The admission ceiling over all hunts.
    pub fn admission_ceiling(&self) -> Rate {
        self.hunts.admission_ceiling.parse().unwrap_or_default()
    }

    /// How long a direct flow waits for its client.
    pub fn deliver_within(&self) -> Duration {
        parse_duration(&self.hunts.deliver_within).unwrap_or(Duration::from_secs(7 * 86_400))
    }

    /// How long hunts are kept after their end.
    pub fn retention(&self) -> Retention {
        let days = |days: u32| Duration::from_secs(u64::from(days) * 86_400);
        let by_tag = &self.hunts.keep_days_by_tag;
        Retention {
            keep: days(self.hunts.keep_days),
            by_tag: by_tag.iter().map(|(tag, keep)| (tag.clone(), days(*keep))).collect(),
        }
    }

    /// For how long an agent's certificate is good.
    pub fn certificate_life(&self) -> Duration {
        Duration::from_secs(u64::from(self.agents.certificate_days) * 86_400)
    }
}

fn is_host_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.' || c == '_';
    name.parse::<IpAddr>().is_ok() || (!name.is_empty() && name.chars().all(plain))
}

/// The line of a field such as `http.listen` in a file that indents its maps.
fn line_of(text: &str, field: &str) -> Option<usize> {
    let mut wanted = field.split('.');
    let mut key = wanted.next().filter(|key| !key.is_empty())?;
    let mut found = None;
    for (index, line) in text.lines().enumerate() {
        let Some((name, _)) = line.trim().split_once(':') else { continue };
        if name.trim_matches(['"', '\'']) == key {
            found = Some(index + 1);
            match wanted.next() {
                Some(next) => key = next,
                None => break,
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, answer: expect_test::Expect) {
        let said = match ServerConfig::parse("server.yaml", text) {
            Ok(_) => "good\n".to_owned(),
            Err(bad) => format!("{bad}\n"),
        };
        answer.assert_eq(&said);
    }

    #[test]
    fn an_empty_file_means_the_defaults() {
        assert_eq!(ServerConfig::parse("x", "# nothing\n"), Ok(ServerConfig::default()));
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        check(
            "data_dir: /tmp/x\nhtp:\n  listen: 127.0.0.1:1\n",
            expect_test::expect![[r#"
            server.yaml:2: unknown field `htp`, expected one of data_dir, store, objects, node, authority, agents, http, hunts, artifacts, monitoring, tools, log_hunts at line 2, column 1
        "#]],
        );
        check(
            "agents:\n  listen: everywhere\n",
            expect_test::expect![[r#"
            server.yaml:2: invalid socket address syntax at line 2, column 11
        "#]],
        );
    }

    #[test]
    fn several_nodes_share_files_and_authority_and_name_their_secrets() {
        check(
            "store:\n  postgres:\n    url: mysql://db\nobjects:\n  s3:\n    bucket: b\n    endpoint: http://s3\n    access_key_id: k\n",
            expect_test::expect![[r#"
                server.yaml:3: store.postgres.url: is no URL of a database; write `postgresql://USER@HOST:5432/DATABASE?sslmode=require`
                server.yaml:2: store.postgres: is for several nodes, which must sign alike: give authority.folder, with the same `ca.pem` and `ca.key` on each of them
                server.yaml:8: objects.s3.access_key_id: needs objects.s3.secret_access_key beside it, and the other way round
                server.yaml:7: objects.s3.endpoint: is not encrypted; use https://, or set objects.s3.allow_http: true
            "#]],
        );
        check(
            "store:\n  postgres:\n    url: postgresql://l@db/l\n    password: { env: PGPASSWORD }\nobjects: { folder: /shared }\nauthority: { folder: /etc/lycaon }\nnode: { name: a }\n",
            expect_test::expect![[r#"
                good
            "#]],
        );
        check(
            "store:\n  postgres:\n    url: postgresql://l@db/l\n    password: secret\n",
            expect_test::expect![[r#"
                server.yaml:4: unknown variant `secret`, expected one of env, file, command at line 4, column 15
            "#]],
        );
    }

    #[test]
    fn all_problems_are_reported_at_once_with_their_lines() {
        check(
            "agents:\n  poll_secs: 0\n  names: ['a b']\nhttp:\n  listen: 0.0.0.0:80\nhunts:\n  admission_ceiling: fast\n",
            expect_test::expect![[r#"
                server.yaml:2: agents.poll_secs: is 0; it must be at least 1
                server.yaml:3: agents.names: `a b` is not a host name or address without a port
                server.yaml:5: http.listen: is reachable from other machines; give http.tls_certificate_file and http.tls_key_file, or listen on 127.0.0.1
                server.yaml:7: hunts.admission_ceiling: `fast` is not a rate such as `20/min`, `1/s`, `600/h` or `unlimited`
            "#]],
        );
    }
}
