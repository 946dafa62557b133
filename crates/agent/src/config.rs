//! The agent's configuration file: its keys, their defaults, and everything that can be wrong with it.
//!
//! The file is YAML; the program parses it into a tree, and [`AgentConfig::read`] finds all problems at
//! once, each with its line and how to mend it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use base::{ByteSize, format_duration, parse_duration};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::TransportChoice;

/// The name that every Lycaon server's certificate carries, wherever the server is reached.
pub const SERVER_NAME: &str = "lycaon-server";

/// The configuration of an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentConfig {
    /// Where the server is, as `host:port`. Several are tried in turn.
    pub servers: Vec<String>,
    /// The name that the server's certificate must carry.
    #[serde(default = "default_server_name")]
    pub server_name: String,
    /// The only authority that the agent believes, as PEM text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_pem: Option<String>,
    /// The same, as the path of a PEM file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// Lets the agent enrol, once. Not needed afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enrolment_token: Option<String>,
    /// Where the agent keeps its key, its cursor and its spool.
    pub state_dir: PathBuf,
    /// Labels that client queries see beside those that the server gives.
    #[serde(default)]
    pub labels: Vec<String>,
    /// Disk that the spool may take.
    #[serde(default = "default_spool_size")]
    pub spool_size_max: String,
    /// Flows that are evaluated at once.
    #[serde(default = "default_flows_at_once")]
    pub flows_at_once: usize,
    /// Time between polls when no push arrives. Without it the server decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poll_every: Option<String>,
    /// `auto`, `websocket` or `http`.
    #[serde(default = "default_transport")]
    pub transport: String,
    /// `text` or `json`.
    #[serde(default = "default_log_format")]
    pub log_format: String,
    /// What is logged: `error`, `warn`, `info`, `debug`, `trace`.
    #[serde(default = "default_log_level")]
    pub log_level: String,
}

fn default_server_name() -> String {
    SERVER_NAME.to_owned()
}

fn default_spool_size() -> String {
    "256MiB".to_owned()
}

fn default_flows_at_once() -> usize {
    4
}

fn default_transport() -> String {
    "auto".to_owned()
}

fn default_log_format() -> String {
    "text".to_owned()
}

fn default_log_level() -> String {
    "info".to_owned()
}

/// Every key, in the order of the struct.
const KEYS: [&str; 13] = [
    "servers",
    "server_name",
    "ca_pem",
    "ca_file",
    "enrolment_token",
    "state_dir",
    "labels",
    "spool_size_max",
    "flows_at_once",
    "poll_every",
    "transport",
    "log_format",
    "log_level",
];

/// An example that [`AgentConfig::read`] accepts; for `--help`.
pub const EXAMPLE: &str = "\
servers: [\"hunt.example.org:8443\"]
state_dir: /var/lib/lycaon-agent
enrolment_token: t1234.secret
ca_file: /etc/lycaon/ca.pem
";

/// Something wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigProblem {
    /// Which key; empty when the file as a whole is meant.
    pub key: String,
    /// The line of that key in the file, from 1, where it is there.
    pub line: Option<usize>,
    /// What is wrong and how to mend it.
    pub text: String,
}

impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.text)
    }
}

/// What the checked texts of a configuration mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Bytes that the spool may take.
    pub spool_bytes_max: u64,
    /// Time between polls.
    pub poll_every: Option<Duration>,
    /// How frames may travel.
    pub transport: TransportChoice,
}

impl AgentConfig {
    /// A configuration with defaults for everything that has one.
    pub fn new(servers: Vec<String>, state_dir: PathBuf, ca_pem: String) -> Self {
        Self {
            servers,
            server_name: default_server_name(),
            ca_pem: Some(ca_pem),
            ca_file: None,
            enrolment_token: None,
            state_dir,
            labels: Vec::new(),
            spool_size_max: default_spool_size(),
            flows_at_once: default_flows_at_once(),
            poll_every: None,
            transport: default_transport(),
            log_format: default_log_format(),
            log_level: default_log_level(),
        }
    }

    /// Reads the tree of a file. `text` is the file itself, to name lines.
    pub fn read(text: &str, tree: Value) -> Result<Self, Vec<ConfigProblem>> {
        let problem = |key: &str, said: String| ConfigProblem {
            key: key.to_owned(),
            line: line_of(text, key),
            text: said,
        };
        let Value::Object(mut given) = tree else {
            let said = "the configuration must be a list of `key: value` lines".to_owned();
            return Err(vec![problem("", said)]);
        };
        let mut wrong = Vec::new();
        for key in given.keys().filter(|key| !KEYS.contains(&key.as_str())) {
            let said = match nearest(key) {
                Some(near) => format!("there is no such key; did you mean `{near}`?"),
                None => format!("there is no such key; the keys are {}", KEYS.join(", ")),
            };
            wrong.push(problem(key, said));
        }
        given.retain(|key, value| KEYS.contains(&key.as_str()) && !value.is_null());
        for key in ["servers", "state_dir"].iter().filter(|key| !given.contains_key(**key)) {
            wrong.push(problem(key, "is missing; it has no default".to_owned()));
        }
        // Each value is tried alone, so that one mistake does not hide the next.
        for (key, value) in &given {
            if let Err(error) = try_alone(key, value) {
                wrong.push(problem(key, error));
            }
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let config: Self = serde_json::from_value(Value::Object(given))
            .map_err(|error| vec![problem("", error.to_string())])?;
        match config.check() {
            Ok(_) => Ok(config),
            Err(found) => Err(found.into_iter().map(|(key, said)| problem(key, said)).collect()),
        }
    }

    /// Finds what the types cannot forbid: pairs of a key and what is wrong with it.
    pub fn check(&self) -> Result<Checked, Vec<(&'static str, String)>> {
        let mut wrong = Vec::new();
        if self.servers.is_empty() {
            wrong.push(("servers", "is empty; name at least one as `host:port`".to_owned()));
        }
        for server in &self.servers {
            if !is_address(server) {
                wrong.push(("servers", format!("`{server}` is not of the form `host:port`")));
            }
        }
        match (&self.ca_pem, &self.ca_file) {
            (None, None) => {
                wrong.push(("ca_pem", "is missing; give it or `ca_file`".to_owned()));
            }
            (Some(_), Some(_)) => {
                wrong.push(("ca_file", "is given beside `ca_pem`; keep one of them".to_owned()));
            }
            (Some(pem), None) if !pem.contains("-----BEGIN CERTIFICATE-----") => {
                let said = "is not a PEM certificate; use `ca_file` for a path".to_owned();
                wrong.push(("ca_pem", said));
            }
            (Some(_), None) | (None, Some(_)) => {}
        }
        if self.enrolment_token.as_ref().is_some_and(|token| !token.contains('.')) {
            let said = "is not of the form `id.secret`; copy it whole".to_owned();
            wrong.push(("enrolment_token", said));
        }
        if let Some(label) = self.labels.iter().find(|label| !model::client::is_label(label)) {
            wrong.push((
                "labels",
                format!("`{label}` is not a label: 1 to 100 printable characters"),
            ));
        }
        if rustls_pki_types::ServerName::try_from(self.server_name.as_str()).is_err() {
            wrong.push(("server_name", format!("`{}` is not a host name", self.server_name)));
        }
        if !(1..=64).contains(&self.flows_at_once) {
            wrong.push(("flows_at_once", "must be from 1 to 64".to_owned()));
        }
        if !["text", "json"].contains(&self.log_format.as_str()) {
            wrong.push(("log_format", "must be `text` or `json`".to_owned()));
        }
        if !["error", "warn", "info", "debug", "trace"].contains(&self.log_level.as_str()) {
            wrong.push(("log_level", "must be error, warn, info, debug or trace".to_owned()));
        }
        let checked = self.read_texts(&mut wrong);
        if wrong.is_empty() { Ok(checked) } else { Err(wrong) }
    }

    fn read_texts(&self, wrong: &mut Vec<(&'static str, String)>) -> Checked {
        const SPOOL_MIN: u64 = 8 << 20;
        let spool_bytes_max = match self.spool_size_max.parse::<ByteSize>() {
            Ok(size) if size.0 >= SPOOL_MIN => size.0,
            Ok(_) => {
                wrong.push(("spool_size_max", "must be at least 8MiB".to_owned()));
                SPOOL_MIN
            }
            Err(error) => {
                wrong.push(("spool_size_max", error.to_string()));
                SPOOL_MIN
            }
        };
        let poll_every = match self.poll_every.as_deref().map(parse_duration) {
            None => None,
            Some(Ok(every)) if every >= Duration::from_secs(1) => Some(every),
            Some(Ok(every)) => {
                let said = format!("{} is too often; at least 1s", format_duration(every));
                wrong.push(("poll_every", said));
                None
            }
            Some(Err(error)) => {
                wrong.push(("poll_every", error.to_string()));
                None
            }
        };
        let transport = match self.transport.as_str() {
            "auto" => TransportChoice::Auto,
            "websocket" => TransportChoice::WebSocket,
            "http" => TransportChoice::Http,
            _ => {
                wrong.push(("transport", "must be `auto`, `websocket` or `http`".to_owned()));
                TransportChoice::Auto
            }
        };
        Checked { spool_bytes_max, poll_every, transport }
    }
}

/// Whether a value has the type of its key.
fn try_alone(key: &str, value: &Value) -> Result<(), String> {
    let texts = || {
        let list = value.as_array();
        list.is_some_and(|items| items.iter().all(Value::is_string))
    };
    match key {
        "servers" | "labels" if !texts() => {
            Err("must be a list of texts, such as [\"a\", \"b\"]".to_owned())
        }
        "flows_at_once" if !value.is_u64() => Err("must be a whole number".to_owned()),
        "servers" | "labels" | "flows_at_once" => Ok(()),
        _ if value.is_string() => Ok(()),
        _ => Err("must be a text; put it in quotes".to_owned()),
    }
}

fn is_address(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let plain = !bare.is_empty() && !bare.contains(char::is_whitespace) && !bare.contains('/');
    plain && (bare == host) != bare.contains(':') && port.parse::<u16>().is_ok_and(|port| port > 0)
}

/// The line on which a key of the first level stands.
fn line_of(text: &str, key: &str) -> Option<usize> {
    if key.is_empty() {
        return None;
    }
    let is_key = |line: &str| {
        let line = line.trim_start_matches(['"', '\'']);
        line.strip_prefix(key)
            .is_some_and(|rest| rest.trim_start_matches(['"', '\'', ' ']).starts_with(':'))
    };
    text.lines().position(is_key).map(|at| at + 1)
}

/// The key that shares most of its letters' order with a wrong one.
fn nearest(wrong: &str) -> Option<&'static str> {
    let wrong = wrong.to_ascii_lowercase().replace('-', "_");
    let near = |key: &&&str| {
        key.contains(&*wrong)
            || wrong.contains(**key)
            || key.trim_end_matches('s') == wrong
            || key.split('_').any(|part| part.len() > 3 && wrong.split('_').any(|w| w == part))
    };
    KEYS.iter().find(near).copied()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn problems(text: &str, tree: Value) -> Vec<String> {
        match AgentConfig::read(text, tree) {
            Ok(_) => Vec::new(),
            Err(wrong) => wrong.iter().map(ConfigProblem::to_string).collect(),
        }
    }

    fn good() -> Value {
        json!({ "servers": ["a:1", "[::1]:8443"], "state_dir": "/x", "ca_file": "/ca.pem" })
    }

    #[test]
    fn a_short_configuration_is_enough() {
        assert_eq!(problems("", good()), [""; 0]);
        let config = AgentConfig::read("", good()).unwrap();
        assert_eq!((config.server_name.as_str(), config.flows_at_once), ("lycaon-server", 4));
        assert_eq!(config.check().unwrap().spool_bytes_max, 256 << 20);
    }

    #[test]
    fn all_problems_are_told_at_once_with_their_lines() {
        let text = "server: a:1\nstate_dir: 7\nflows_at_once: many\n";
        let tree = json!({ "server": "a:1", "state_dir": 7, "flows_at_once": "many" });
        assert_eq!(
            problems(text, tree),
            [
                "line 1: server: there is no such key; did you mean `servers`?",
                "servers: is missing; it has no default",
                "line 2: state_dir: must be a text; put it in quotes",
                "line 3: flows_at_once: must be a whole number",
            ]
        );
    }

    #[test]
    fn what_the_types_allow_is_checked_too() {
        let mut tree = good();
        tree["servers"] = json!(["nowhere", "http://x/y:1", "::1:80"]);
        tree["ca_pem"] = json!("/a/path");
        tree["enrolment_token"] = json!("short");
        tree["spool_size_max"] = json!("1MiB");
        tree["poll_every"] = json!("soon");
        tree["transport"] = json!("pigeon");
        tree["log_format"] = json!("xml");
        let found = problems("", tree);
        assert_eq!(found.len(), 9, "{found:#?}");
        assert_eq!(problems("", json!([1])).len(), 1);
    }

    #[test]
    fn a_configuration_reads_what_it_writes() {
        let pem = "-----BEGIN CERTIFICATE-----".to_owned();
        let config = AgentConfig::new(vec!["a:1".into()], "/x".into(), pem);
        let tree = serde_json::to_value(&config).unwrap();
        assert_eq!(AgentConfig::read("", tree), Ok(config));
    }
}
