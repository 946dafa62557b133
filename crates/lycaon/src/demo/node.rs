//! One server of several over one PostgreSQL and a folder for uploads, on this machine.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use super::stage::{Actor, free_port};
use crate::complaint::{Complaint, Outcome};

/// A server of several.
pub(crate) struct Node {
    pub(crate) name: String,
    http_port: u16,
    /// Where agents connect to it.
    pub(crate) agents: SocketAddr,
}

/// What all nodes share.
#[derive(Clone, Copy)]
pub(crate) struct Common<'a> {
    /// Where folders and logs of nodes are made. The authority is in its `data`, uploads in its `objects`.
    pub(crate) folder: &'a Path,
    /// The URL of the database.
    pub(crate) database: &'a str,
    /// More settings about agents, as in a flow mapping: `, poll_secs: 60`.
    pub(crate) about_agents: &'a str,
    /// More settings, whole lines.
    pub(crate) more: &'a str,
}

impl Node {
    pub(crate) fn new(number: u32) -> Outcome<Self> {
        let agents = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port(None)?));
        Ok(Self { name: format!("node-{number}"), http_port: free_port(None)?, agents })
    }

    /// Where people reach it.
    pub(crate) fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.http_port)
    }

    /// Where it logs.
    pub(crate) fn log(&self, common: Common<'_>) -> PathBuf {
        common.folder.join(format!("{}.log", self.name))
    }

    /// Writes its configuration.
    pub(crate) fn write_config(&self, common: Common<'_>) -> Outcome<PathBuf> {
        let Common { folder, database, about_agents, more } = common;
        let quoted = |path: &Path| serde_json::Value::from(path.display().to_string());
        let own = folder.join(&self.name);
        std::fs::create_dir_all(&own).map_err(|e| Complaint::io("make", &own, &e))?;
        let config = own.join("server.yaml");
        let text = format!(
            "node: {{ name: {} }}\n\
             data_dir: {}\n\
             authority: {{ folder: {} }}\n\
             store: {{ postgres: {{ url: \"{database}\" }} }}\n\
             objects: {{ folder: {} }}\n\
             agents: {{ listen: \"{}\"{about_agents} }}\n\
             {more}\
             http: {{ listen: \"127.0.0.1:{}\" }}\n",
            self.name,
            quoted(&own.join("data")),
            quoted(&folder.join("data")),
            quoted(&folder.join("objects")),
            self.agents,
            self.http_port,
        );
        std::fs::write(&config, text).map_err(|e| Complaint::io("write", &config, &e))?;
        Ok(config)
    }

    pub(crate) fn start(&self, common: Common<'_>, config: &Path) -> Outcome<Actor> {
        Actor::server(&self.name, config, &self.log(common), None)
    }
}
