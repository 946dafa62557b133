//! Files of log hunts: what they say, and what is wrong with them.

mod demo;
mod meaning;
mod mistakes;
mod wild;

use log_rules::{Definitions, Problem};

/// Reads files: name and text of each.
fn read(files: &[(&str, &str)]) -> (Definitions, Vec<Problem>) {
    let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
    log_rules::read(&files.iter().map(owned).collect::<Vec<_>>())
}

/// The definitions of files without a problem.
fn good(files: &[(&str, &str)]) -> Definitions {
    let (definitions, problems) = read(files);
    let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(shown, [""; 0]);
    definitions
}

/// An engine and a tenant that the rules of tests can use.
const BASE: &str = "\
engine: lake
kind: datafusion
root: /logs
---
tenant: acme
datasets:
  process_creation:
    engine: lake
    table: acme/process_creation
    time: { event: event_time, ingest: ingested_at }
    columns: { Image: process_path }
    schema: [event_time, ingested_at, process_path, User, Host, CommandLine]
    retention: 30d
  logons: { engine: lake, table: acme/logons, time: { event: t } }
---
channel: soc
kind: webhook
url: https://soc.example/hook
secret: { env: SOC_SECRET }
";

const RULE: &str = "\
rule: susp-whoami
title: whoami run by a service account
severity: medium
attack: [T1033]
datasets: [process_creation]
schedule: { every: 10m, start_time: \"12:00:00\" }
query: |
  SELECT * FROM {table} WHERE Image LIKE '%whoami' AND User LIKE 'svc%'
";
