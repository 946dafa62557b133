//! What good files say.

use std::time::Duration;

use base::Timestamp;
use expect_test::expect;
use log_rules::{FirstFrom, OnChange, Question, RuleClass, Ticks};
use model::log::{Domain, Severity};

use crate::{BASE, RULE, good};

#[test]
fn a_folder_becomes_definitions() {
    let definitions = good(&[("base.yaml", BASE), ("rules/a.yaml", RULE)]);
    let [rule] = &definitions.rules[..] else { panic!() };
    assert_eq!(rule.name.as_str(), "susp-whoami");
    assert_eq!(rule.severity, Severity::Medium);
    assert_eq!(rule.class, RuleClass::PerEvent);
    assert_eq!(rule.file, "rules/a.yaml");
    let noon = Timestamp::from_secs(12 * 3_600);
    let every = Duration::from_secs(600);
    assert_eq!(rule.schedule.ticks, Ticks::Every { every, anchor: noon });
    assert_eq!(rule.schedule.log_buffer, Duration::from_secs(60));
    assert_eq!(rule.schedule.first_from, FirstFrom::OneInterval);
    let datasets = &definitions.tenants[0].datasets;
    assert_eq!((datasets[0].domain, datasets[1].domain), (Domain::IngestTime, Domain::EventTime));
    let streams = definitions.streams();
    assert_eq!(streams.assignments.len(), 1);
    assert!(streams.inapplicable.is_empty());
}

#[test]
fn what_differs_at_a_tenant_is_in_its_stream() {
    let rule = RULE
        .replace("User LIKE 'svc%'", "User IN {accounts} AND Host <> {jump}")
        .replace("query:", "lists: { accounts: [svc_a, svc_b], jump: j0 }\nquery:");
    let tenant = "\
tenant: b
lists: { jump: j1, unused: [1] }
datasets:
  process_creation: { engine: lake, table: t, time: { event: t }, log_buffer: 5m }
overrides:
  - { rule: susp-whoami, severity: high, lists: { accounts: [root] } }
  - { rule: susp-whoami, exceptions: [\"User = 'x'\"], owner: o, expires: 2027-01-31 }
---
tenant: c
datasets: { dns: { engine: lake, table: t, time: { event: t } } }
---
tenant: d
datasets:
  process_creation: { engine: lake, table: t, time: { event: t } }
overrides: [ { rule: susp-whoami, disabled: true } ]
";
    let definitions = good(&[("a", BASE), ("b", &rule), ("c", tenant)]);
    let streams = definitions.streams();
    let [acme, b] = &streams.assignments[..] else { panic!("{:?}", streams.assignments) };
    assert_eq!(acme.severity, Severity::Medium);
    assert_eq!(b.severity, Severity::High);
    assert_eq!(b.log_buffer, Duration::from_secs(300));
    expect![[r#"
        [("accounts", [Text("svc_a"), Text("svc_b")]), ("jump", [Text("j0")])]
        [("accounts", [Text("root")]), ("jump", [Text("j1")])]"#]]
    .assert_eq(&format!("{:?}\n{:?}", acme.lists, b.lists));
    assert_ne!(acme.revision, b.revision);
    let exception = &b.exceptions[0];
    let end: Timestamp = "2027-02-01T00:00:00Z".parse().unwrap();
    assert!(exception.holds_at(end.minus(Duration::from_micros(1))) && !exception.holds_at(end));
    let why: Vec<String> = streams.inapplicable.iter().map(|one| one.why.to_string()).collect();
    assert_eq!(why, ["the tenant has no dataset `process_creation`", "disabled"]);
}

#[test]
fn layout_changes_no_hash_and_meaning_does() {
    let hashes = |text: &str| {
        let definitions = good(&[("a", BASE), ("b", text)]);
        (definitions.rules[0].logic_hash.clone(), definitions.rules[0].meta_hash.clone())
    };
    let plain = hashes(RULE);
    let other_layout = RULE
        .replace(
            "title: whoami run by a service account",
            "# why\ntitle: \"whoami run by a service account\"",
        )
        .replace("SELECT * FROM {table} WHERE", "select *\n  from {table} -- all\n  where");
    assert_eq!(hashes(&other_layout), plain);
    let title = hashes(&RULE.replace("title: whoami", "title: Whoami"));
    assert!(title.0 == plain.0 && title.1 != plain.1);
    let query = hashes(&RULE.replace("'%whoami'", "'%id'"));
    assert!(query.0 != plain.0 && query.1 == plain.1);
}

#[test]
fn sigma_rules_come_alone_or_in_packs() {
    let sigma = "\
title: Whoami
logsource: { category: process_creation, product: windows }
detection: { a: { Image|endswith: whoami.exe }, condition: a }
level: low
tags: [attack.t1033, attack.discovery]
";
    let other = sigma
        .replace("title: Whoami", "title: Id\nname: id_run")
        .replace("level: low", "level: high");
    let own = "\
rule: own
sigma: ../sigma/whoami.yml
severity: critical
schedule: { every: 1h }
on_change: { replay: 7d }
---
sigma_pack: pack
path: sigma
schedule: { cron: \"*/5 * * * *\", zone: Europe/Berlin }
notify: [soc]
disabled: [id_run]
";
    let definitions = good(&[
        ("base.yaml", BASE),
        ("rules/own.yaml", own),
        ("sigma/whoami.yml", sigma),
        ("sigma/sub/id.yml", &other),
    ]);
    let shown: Vec<String> = definitions
        .rules
        .iter()
        .map(|rule| {
            let sigma = matches!(rule.question, Question::Sigma(_));
            format!(
                "{} {} {:?} {} {sigma} {:?}",
                rule.name,
                rule.severity.word(),
                rule.attack,
                rule.disabled,
                rule.pack
            )
        })
        .collect();
    expect![[r#"
        own critical ["T1033"] false true None
        whoami low ["T1033"] false true Some("pack")
        id_run high ["T1033"] true true Some("pack")"#]]
    .assert_eq(&shown.join("\n"));
    assert_eq!(definitions.rules[0].on_change, OnChange::Replay(Duration::from_secs(7 * 86_400)));
    let streams = definitions.streams();
    let reads: Vec<(usize, usize)> =
        streams.assignments.iter().map(|one| (one.rule, one.dataset)).collect();
    assert_eq!(reads, [(0, 0), (1, 0)]);
}

#[test]
fn a_correlation_is_a_windowed_rule_over_the_datasets_of_its_bases() {
    let correlation = "\
title: Failed logon
name: failed_logon
logsource: { category: logons }
detection: { a: { Outcome: failure }, condition: a }
---
title: Many failed logons
name: many_failed
correlation:
  type: event_count
  rules: [failed_logon]
  group-by: [User]
  timespan: 15m
  condition: { gte: 5 }
level: high
";
    let pack = "sigma_pack: pack\npath: sigma\nschedule: { every: 5m }\n";
    let definitions = good(&[("a", BASE), ("p", pack), ("sigma/many.yml", correlation)]);
    let [rule] = &definitions.rules[..] else { panic!("{:?}", definitions.rules) };
    assert_eq!((rule.name.as_str(), rule.file.as_str()), ("many_failed", "sigma/many.yml"));
    assert_eq!(rule.class, RuleClass::Windowed { span: Duration::from_secs(900) });
    assert_eq!(rule.group_by, ["User"]);
    let streams = definitions.streams();
    assert_eq!((streams.assignments[0].dataset, streams.assignments.len()), (1, 1));
}

#[test]
fn sigma_rules_go_through_the_pipelines_of_the_folder() {
    let rule = "\
title: Whoami
logsource: { category: process_creation }
detection: { a: { NewProcessName: /usr/bin/whoami }, condition: a }
";
    let pipeline = "\
name: names
priority: 10
transformations:
  - { id: a, type: field_name_mapping, mapping: { NewProcessName: Image } }
";
    let pack = "sigma_pack: pack\npath: sigma\nschedule: { every: 5m }\n";
    let files = [("a", BASE), ("p", pack), ("sigma/w.yml", rule), ("pipelines/n.yml", pipeline)];
    let definitions = good(&files);
    assert_eq!(definitions.pipelines.len(), 1);
    let Question::Sigma(sigma) = &definitions.rules[0].question else { panic!() };
    let mut fields = Vec::new();
    sigma.conditions[0].each_field(&mut |field| fields.push(field.as_str().to_owned()));
    assert_eq!(fields, ["Image"]);
    let without = good(&files[..3]);
    assert_ne!(without.rules[0].logic_hash, definitions.rules[0].logic_hash);
}

#[test]
fn a_windowed_rule_has_groups() {
    let text = "\
rule: brute-force
datasets: [logons]
schedule: { every: 5m }
kind: windowed
span: 15m
query: |
  SELECT User, count(*) AS n, max(t) AS _instant FROM {table}
  GROUP BY User HAVING count(*) > 10
tests:
  - name: too few
    given: { logons: [ { t: 2026-01-01T00:00:00Z, User: a, code: 007, n: 5, good: true } ] }
";
    let definitions = good(&[("a", BASE), ("b", text)]);
    let rule = &definitions.rules[0];
    assert_eq!(rule.class, RuleClass::Windowed { span: Duration::from_secs(900) });
    assert_eq!(rule.group_by, ["User"]);
    assert_eq!(rule.title, "brute-force");
    let row = &rule.tests[0].given[0].1[0];
    expect![[r#"{"t":"2026-01-01T00:00:00Z","User":"a","code":"007","n":5,"good":true}"#]]
        .assert_eq(&rows::Value::Dict(row.clone()).to_string());
}
