//! `condition:` of a hunt file: that of the API, and lists of clients in files of their own.

use std::path::{Path, PathBuf};

use api::{ClientFilter, HuntCondition};
use serde::Deserialize;

use super::cohort::read_list;
use crate::complaint::{Complaint, Outcome};

/// Which clients a hunt wants.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ConditionInFile {
    client: Option<String>,
    server: Option<String>,
    include: FilterInFile,
    exclude: FilterInFile,
}

/// Selects clients by the server's own record.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct FilterInFile {
    labels: Vec<String>,
    os: Option<String>,
    clients: Vec<String>,
    /// A file of ids and host names, from the folder of the hunt file.
    clients_file: Option<PathBuf>,
    clients_column: Option<String>,
    skip_unknown: bool,
}

impl ConditionInFile {
    /// The condition with its lists read; `folder` is where the hunt file lies.
    pub(super) fn resolved(self, folder: &Path, name: &str) -> Outcome<HuntCondition> {
        Ok(HuntCondition {
            client: self.client,
            server: self.server,
            include: self.include.resolved(folder, (name, "include"))?,
            exclude: self.exclude.resolved(folder, (name, "exclude"))?,
        })
    }
}

impl FilterInFile {
    fn resolved(self, folder: &Path, (name, side): (&str, &str)) -> Outcome<ClientFilter> {
        if self.clients_file.is_none() && self.clients_column.is_some() {
            return Err(Complaint::failed(format!(
                "{name}: condition.{side}.clients_column names a column of no file"
            ))
            .hint("name the file in clients_file beside it"));
        }
        let clients_text = match &self.clients_file {
            None => String::new(),
            Some(file) => read_list(&folder.join(file), self.clients_column.as_deref())?,
        };
        Ok(ClientFilter {
            labels: self.labels,
            os: self.os,
            clients: self.clients,
            clients_text,
            clients_column: self.clients_column,
            skip_unknown: self.skip_unknown,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_lies_beside_the_hunt_file() {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("hosts.csv");
        std::fs::write(&list, "Asset,Owner\nweb1,ada\n").unwrap();
        let read = |yaml: &str| {
            let condition: ConditionInFile = crate::yaml::parse(yaml, "hunt.yaml").unwrap();
            condition.resolved(folder.path(), "hunt.yaml")
        };
        let good = "include: { clients_file: hosts.csv, clients_column: asset }\n";
        let include = read(good).unwrap().include;
        assert!(include.clients_text.contains("web1"));
        assert_eq!(include.clients_column.as_deref(), Some("asset"));
        let fails = |yaml: &str, said: &str| {
            let complaint = read(yaml).unwrap_err();
            assert!(complaint.message().contains(said), "{}", complaint.message());
        };
        fails("exclude: { clients_file: gone.csv }\n", "gone.csv: No such file");
        let column = "include: { clients_file: hosts.csv, clients_column: host }\n";
        fails(column, "hosts.csv:1: the table has no column `host` (it has Asset, Owner)");
        fails("include: { clients_column: host }\n", "names a column of no file");
        std::fs::write(&list, "\n# nobody\n").unwrap();
        fails("include: { clients_file: hosts.csv }\n", "names no client");
    }
}
