//! Every mistake is told with its place and how to mend it.

use expect_test::{Expect, expect};

use crate::{BASE, RULE, read};

/// The problems of a file `x.yaml` beside the base.
fn check(text: &str, wanted: Expect) {
    let (_, problems) = read(&[("base.yaml", BASE), ("x.yaml", text)]);
    let shown: Vec<String> = problems
        .iter()
        .map(|problem| {
            let warning = problem.severity == log_rules::ProblemSeverity::Warning;
            format!("{}{problem}", if warning { "warning: " } else { "" })
        })
        .collect();
    wanted.assert_eq(&shown.join("\n"));
}

/// A rule with one line instead of another.
fn with(line: &str, instead: &str) -> String {
    assert!(RULE.contains(line), "{line}");
    RULE.replace(line, instead)
}

#[test]
fn a_good_rule_has_no_problem() {
    check(RULE, expect![[r#""#]]);
}

#[test]
fn unknown_names_are_found() {
    check(
        &with("[process_creation]", "[proces_creation]"),
        expect![
            "x.yaml:5:12: datasets[0]: there is no dataset `proces_creation`; did you mean `process_creation`?"
        ],
    );
    check(
        &format!("{RULE}notify: [sco]\n"),
        expect!["x.yaml:9:10: notify[0]: there is no channel `sco`; known: soc"],
    );
    check(
        &format!("{RULE}tenants: {{ include: [acne] }}\n"),
        expect![
            "warning: x.yaml:9:22: tenants.include[0]: `acne` fits no tenant; did you mean `acme`?"
        ],
    );
    check(
        &format!("{RULE}sigma: x.yml\n"),
        expect!["x.yaml:9:8: sigma: a rule has a `query` or a `sigma` file, not both; remove one"],
    );
    check(
        &with("Image LIKE", "Imag LIKE"),
        expect![
            "x.yaml:8:31: query: the dataset `process_creation` of the tenant `acme` has no column `Imag`; did you mean `Image`? Or map it under `columns` of the dataset"
        ],
    );
    check(
        "tenant: b\ndatasets:\n  x: { engine: lak, table: t, time: { event: t } }\noverrides: [ { rule: none, disabled: true } ]\nsecrets: { moon: { env: X } }\n",
        expect![[r#"
            x.yaml:3:16: datasets.x.engine: there is no engine `lak`; did you mean `lake`?
            x.yaml:4:22: overrides[0].rule: there is no rule `none`; define it: no rule is defined
            x.yaml:5:18: secrets.moon: there is no engine `moon`; known: lake"#]],
    );
    check(
        "tenants: b\n",
        expect!["x.yaml:1:1: this document does not say what it defines; did you mean `tenant`?"],
    );
    check(
        "severity: low\nrule: x\n",
        expect![[r#"
        x.yaml:1:1: schedule: `schedule` is missing; When it runs and which windows it reads.
        x.yaml:1:1: query: the rule asks nothing; write `query:` with SQL over `{table}`, or `sigma:` with a file"#]],
    );
    check(
        &format!("{RULE}descripton: x\n"),
        expect![
            "x.yaml:9:1: descripton: there is no field `descripton`; did you mean `description`?"
        ],
    );
    check(
        "tenant: b\ndatasets:\n  x: { engine: lake, table: t, time: { event: tt }, schema: [t], identity: [u], columns: { A: b } }\n",
        expect![[r#"
            x.yaml:3:47: datasets.x.time.event: there is no column `tt`; did you mean `t`?
            x.yaml:3:77: datasets.x.identity[0]: there is no column `u`; did you mean `t`?
            x.yaml:3:92: datasets.x.columns.A: there is no column `b`; did you mean `t`?"#]],
    );
}

#[test]
fn things_defined_twice_are_found() {
    check(
        &format!("{RULE}---\n{}", with("susp-whoami", "Susp-Whoami")),
        expect![
            "x.yaml:10:7: rule: the rule `Susp-Whoami` is defined twice: also in x.yaml, line 1; rename or remove one"
        ],
    );
    check(
        "engine: lake\nkind: none\n",
        expect![
            "x.yaml:1:9: engine: the engine `lake` is defined twice: also in base.yaml, line 1; rename or remove one"
        ],
    );
    check(
        "tenant: b\ndatasets:\n  x: { engine: lake, table: t, time: { event: t } }\n  x: { engine: lake, table: t, time: { event: t } }\n",
        expect!["x.yaml:4:3: datasets.x: this name is written twice; remove one"],
    );
    check(
        &with("[process_creation]", "[process_creation, process_creation]"),
        expect!["x.yaml:5:30: datasets[1]: `process_creation` is there twice; remove one"],
    );
}

#[test]
fn windows_must_fit_what_is_kept() {
    check(
        &with("every: 10m", "every: 10m, max_window: 31d"),
        expect![
            "x.yaml:6:37: schedule.max_window: `max_window` of 31d is longer than the retention: the dataset `process_creation` of the tenant `acme` keeps rows for 30d; make `max_window` shorter or keep rows longer"
        ],
    );
    check(
        &with("every: 10m", "every: 10m, first_from: 60d"),
        expect![
            "warning: x.yaml:6:37: schedule.first_from: the first window starts 60d ago: the dataset `process_creation` of the tenant `acme` keeps rows for 30d; write `first_from: earliest` for all that is there"
        ],
    );
    check(
        &with(
            "query: |\n  SELECT *",
            "kind: windowed\nspan: 40d\nquery: |\n  SELECT Host, event_time AS _instant",
        ),
        expect![
            "x.yaml:8:7: span: the span of 40d is longer than the retention: the dataset `process_creation` of the tenant `acme` keeps rows for 30d; make the span shorter or keep rows longer"
        ],
    );
}

#[test]
fn schedules_must_make_sense() {
    check(
        &with("every: 10m", "every: 10m, jitter: 10m"),
        expect![
            "x.yaml:6:33: schedule.jitter: the jitter of 10m is not shorter than the interval of 10m; make it a small part of the interval"
        ],
    );
    check(
        &with("every: 10m", "every: 10m, max_window: 5m"),
        expect![
            "x.yaml:6:37: schedule.max_window: `max_window` of 5m is shorter than the interval of 10m: every tick would need several windows; make it at least as long as `every`"
        ],
    );
    check(
        &with("every: 10m", "every: 10m, min_window: 7h"),
        expect![
            "x.yaml:6:37: schedule.min_window: `min_window` is longer than `max_window`; make it shorter"
        ],
    );
    check(
        &with("every: 10m", "every: 10 minutes"),
        expect![
            "x.yaml:6:20: schedule.every: `10 minutes` is not a length of time such as `30s`, `10m`, `2h` or `7d`"
        ],
    );
    check(
        &with("every: 10m, start_time: \"12:00:00\"", "cron: \"61 * * * *\""),
        expect![
            "x.yaml:6:19: schedule.cron: not a cron expression: Component error: Number out of bounds.; minute, hour, day of month, month, day of week, for example `30 6 * * 1-5`"
        ],
    );
    check(
        &with("every: 10m, start_time: \"12:00:00\"", "cron: \"* * * * * *\""),
        expect![
            "x.yaml:6:19: schedule.cron: a cron expression has five fields, this has 6; minute, hour, day of month, month, day of week, for example `30 6 * * 1-5`"
        ],
    );
    check(
        &with("every: 10m, start_time: \"12:00:00\"", "cron: \"0 6 * * *\", zone: Mars/Base"),
        expect![
            "x.yaml:6:38: schedule.zone: there is no time zone `Mars/Base`; use an IANA name such as `Europe/Berlin` or `UTC`"
        ],
    );
    check(
        &with("every: 10m, start_time: \"12:00:00\"", "log_buffer: 1m"),
        expect![[
            r#"x.yaml:6:11: schedule: the schedule does not say when; write `every: 10m`, or `cron: "0 6 * * *"`"#
        ]],
    );
    check(
        &with("\"12:00:00\"", "noon"),
        expect![[
            r#"x.yaml:6:37: schedule.start_time: `noon` is neither a time of day nor a moment; write it as "12:00:00" (UTC) or 2026-01-31T12:00:00Z"#
        ]],
    );
    check(
        &with("every: 10m", "every: 10m, first_from: soon"),
        expect![
            "x.yaml:6:37: schedule.first_from: `soon` says nothing about where to start; `one_interval`, `now`, `earliest`, or a length of time such as `1h`"
        ],
    );
    check(
        &with("every: 10m", "every: 10m, retry: never"),
        expect![
            "x.yaml:6:32: schedule.retry: `never` is none of its words; one of backoff, next_tick"
        ],
    );
}

#[test]
fn queries_must_be_what_they_are_declared() {
    check(
        &with("SELECT *", "SELECT Host, count(*)"),
        expect![
            "x.yaml:8:16: query: a per-event rule is a filter and a projection over `{table}`; `count` makes one value of many rows; declare `kind: windowed` with a span, or `kind: opaque`"
        ],
    );
    check(
        &with("SELECT * FROM {table}", "SELECT * FORM {table}"),
        expect![
            "x.yaml:8:12: query: not SQL: expected: end of statement, found: FORM; check the words around here"
        ],
    );
    check(
        &format!("{RULE}kind: windowed\n"),
        expect![
            "x.yaml:1:1: span: a windowed rule needs a span; say how far apart the rows of a match are at most, for example `span: 15m`"
        ],
    );
    check(
        &format!("{RULE}kind: windowed\nspan: 5m\n"),
        expect![
            "x.yaml:8:3: query: with `*` it is not known which columns tell matches apart; name them under `group_by`"
        ],
    );
    check(
        &format!("{RULE}span: 5m\n"),
        expect![
            "x.yaml:9:7: span: a rule of kind `per_event` has no span; leave it out, or write `kind: windowed`"
        ],
    );
    check(
        &format!("{RULE}kind: odd\n"),
        expect!["x.yaml:9:7: kind: `odd` is none of its words; one of per_event, windowed, opaque"],
    );
    check(
        &with(
            "query: |\n  SELECT * FROM {table} WHERE Image LIKE '%whoami' AND User LIKE 'svc%'",
            "kind: opaque\nquery: SELECT date_trunc('hour', event_time) AS h, count(*) AS n FROM {table} GROUP BY date_trunc('hour', event_time)",
        ),
        expect![
            "warning: x.yaml:8:88: query: rows are grouped by a stretch of time, which windows of an opaque rule can cut; declare `kind: windowed` with the stretch as span, and its end as `_instant`"
        ],
    );
    check(
        &with("User LIKE 'svc%'", "User IN {bad}"),
        expect![
            "x.yaml:8:3: query: `{bad}` has no value at the tenant `acme`; give it one under `lists` of the rule or of the tenant"
        ],
    );
    check(
        &format!("{RULE}lists: {{ bad: [x] }}\n"),
        expect![
            "warning: x.yaml:9:10: lists.bad: the query does not use `{bad}`; use it or remove it"
        ],
    );
    check(
        &format!("{RULE}lists: {{ bad: [] }}\n"),
        expect!["x.yaml:9:15: lists.bad: the list is empty; give it at least one value"],
    );
    check(
        &with("SELECT *", "SELECT Host")
            .replace("query:", "suppress: { by: [User], for: 1h }\nquery:"),
        expect![
            "x.yaml:7:18: suppress.by[0]: the answer has no column `User`; select it in the query, or suppress by another"
        ],
    );
}

#[test]
fn secrets_in_clear_are_found_and_not_shown() {
    check(
        "engine: pg\nkind: postgres\nurl: postgresql://u:hunter2@db/x\nsecret: hunter2\n",
        expect![[r#"
            x.yaml:3:6: url: a URL with a password in it stands here in clear; write `{ env: NAME }`, `{ file: PATH }` or `{ command: [PROGRAM] }`, and change the secret: it has been in a file
            x.yaml:4:9: secret: a secret stands here in clear; write `{ env: NAME }`, `{ file: PATH }` or `{ command: [PROGRAM] }`, and change the secret: it has been in a file"#]],
    );
    check(
        "engine: s3\nkind: datafusion\nroot: s3://b\noptions: { secret_access_key: hunter2, access_key_id: AK, region: eu }\n",
        expect![
            "x.yaml:4:31: options.secret_access_key: a secret stands here in clear; write `{ env: NAME }`, `{ file: PATH }` or `{ command: [PROGRAM] }`, and change the secret: it has been in a file"
        ],
    );
    check(
        "engine: pg\nkind: postgres\nurl: postgresql://db/x\npassword: hunter2\n",
        expect![[r#"
            x.yaml:4:1: password: there is no field `password`; known fields: engine, kind, root, options, memory, path, url, user, secret, database, ca_file, concurrency, timeout
            x.yaml:4:11: password: a secret stands here in clear; write `{ env: NAME }`, `{ file: PATH }` or `{ command: [PROGRAM] }`, and change the secret: it has been in a file"#]],
    );
    check(
        "channel: chat\nkind: slack\nurl: https://hooks.slack.com/services/T/B/x\n",
        expect![
            "x.yaml:3:6: url: a Slack URL is itself a secret and stands here in clear; write `{ env: NAME }`, `{ file: PATH }` or `{ command: [PROGRAM] }`, and change the secret: it has been in a file"
        ],
    );
    check(
        "engine: pg\nkind: postgres\nurl: postgresql://db/x\nsecret: { env: A, file: b }\n",
        expect![
            "x.yaml:4:9: secret: a secret is in exactly one place; write `{ env: NAME }`, `{ file: PATH }` or `{ command: [PROGRAM] }`"
        ],
    );
    let (_, problems) = read(&[(
        "x.yaml",
        "engine: pg\nkind: postgres\nurl: postgresql://u:hunter2@db/x\nsecret: hunter2\npassword: hunter2\n",
    )]);
    for problem in problems {
        assert!(!problem.render().contains("hunter2"), "{}", problem.render());
    }
}

#[test]
fn exceptions_have_an_owner_an_end_and_real_columns() {
    let tenant = |override_: &str| {
        format!(
            "{RULE}---\ntenant: b\ndatasets:\n  process_creation: {{ engine: lake, table: t, time: {{ event: t }}, schema: [t, Image, User], identity: [t] }}\noverrides:\n  - {{ rule: susp-whoami, {override_} }}\n"
        )
    };
    let whole = "owner: soc@acme, expires: 2027-01-31";
    check(&tenant(&format!("exceptions: [\"User = 'svc_scan'\"], {whole}")), expect![[r#""#]]);
    check(
        &tenant("exceptions: [\"User = 'svc_scan'\"]"),
        expect![[r#"
        x.yaml:14:38: overrides[0].owner: exceptions without `owner`; say who answers for the exceptions
        x.yaml:14:38: overrides[0].expires: exceptions without `expires`; say until when they hold, for example 2027-01-31"#]],
    );
    check(
        &tenant(&format!("exceptions: [\"Usr = 'svc_scan'\"], {whole}")),
        expect![
            "x.yaml:14:39: overrides[0].exceptions[0]: a match of `susp-whoami` has no column `Usr`; did you mean `User`?"
        ],
    );
    check(
        &tenant(&format!("exceptions: [\"User = \"], {whole}")),
        expect![
            "x.yaml:14:39: overrides[0].exceptions[0]: not a condition: Expected: an expression, found: EOF; for example `User = 'svc_scan' AND Port IN (22, 2222)`"
        ],
    );
    check(
        &tenant(&format!("exceptions: [\"lower(User) = 'x'\"], {whole}")),
        expect![[
            r#"x.yaml:14:39: overrides[0].exceptions[0]: `lower("User") = 'x'` cannot be asked of a row here; comparisons with values, LIKE, IN, IS NULL, AND, OR, NOT are possible"#
        ]],
    );
    check(
        &tenant("exceptions: [\"User = 'x'\"], owner: a, expires: soon"),
        expect![
            "x.yaml:14:73: overrides[0].expires: `soon` is not a moment; write it as 2026-01-31T12:00:00Z"
        ],
    );
    check(
        &tenant("reason: none"),
        expect![
            "warning: x.yaml:14:13: overrides[0]: this override changes nothing; write `disabled: true`, `severity`, `exceptions` or `lists`"
        ],
    );
}

#[test]
fn engines_channels_and_tests_have_their_fields() {
    check(
        "engine: a\nkind: datafusion\n",
        expect!["x.yaml:1:1: root: `root` is missing; the folder below which tables are"],
    );
    check(
        "engine: a\nkind: sqlite\npath: x\nurl: y\n",
        expect![
            "x.yaml:4:6: url: an engine of kind `sqlite` has no `url`; it belongs to engines that are servers"
        ],
    );
    check(
        "engine: a\nkind: postgre\n",
        expect!["x.yaml:2:7: kind: `postgre` is none of its words; did you mean `postgres`?"],
    );
    check(
        "engine: a\nkind: none\nconcurrency: 0\ntimeout: 5\n",
        expect![[r#"
        x.yaml:3:14: concurrency: 0 is not between 1 and 100000
        x.yaml:4:10: timeout: `5` is not a length of time such as `30s`, `10m`, `2h` or `7d`"#]],
    );
    check(
        "channel: a\nkind: syslog\nurl: https://x\n",
        expect![
            "x.yaml:3:6: url: this URL cannot be told anything; begin it with `tcp://` or `tls://` or `udp://`"
        ],
    );
    check(
        "channel: a\nkind: file\nurl: https://x\n",
        expect![[r#"
        x.yaml:1:1: path: `path` is missing; say where findings go
        x.yaml:3:6: url: a channel of kind `file` has no `url`; leave it out"#]],
    );
    check(
        &format!(
            "{RULE}tests:\n  - name: a\n    given: {{ logons: [ {{ a: 1 }} ] }}\n    expect: [ 5 ]\n"
        ),
        expect![[r#"
            x.yaml:11:14: tests[0].given.logons: the rule does not read `logons`; name it under `datasets` of the rule
            x.yaml:12:15: tests[0].expect[0]: a row has fields, this is a single text; for example `- { Host: h1 }`"#]],
    );
    check(
        &with("[T1033]", "[T103]"),
        expect![
            "x.yaml:4:10: attack[0]: `T103` is not the id of a technique; write it as T1033 or T1059.001"
        ],
    );
    check(
        "tenant: b\n",
        expect![
            "x.yaml:1:1: datasets: `datasets` is missing; Its logs, by the names that rules use."
        ],
    );
    check(
        "tenant: b\ndatasets:\n  x: { engine: lake, table: t }\n  y: { engine: lake, table: t, domain: ingest_time }\n",
        expect![[r#"
            x.yaml:3:6: datasets.x.time: the dataset names no clock; write `time: { event: COLUMN }`, or `domain: cursor` for the engine's own positions
            x.yaml:4:40: datasets.y.domain: positions are to count ingest_time, but `time` names no such column; write `time: { ingest: COLUMN }`"#]],
    );
}

#[test]
fn what_is_empty_is_missing() {
    check(
        "tenant: b\ndatasets:\n  x: { engine: lake, table: \"\", time: { event: t } }\n",
        expect![
            "x.yaml:3:6: datasets.x.table: `table` is missing; The table, folder or index, as the engine names it."
        ],
    );
    check(
        "tenant: b\ndatasets: {}\n",
        expect![
            "x.yaml:2:11: datasets: the tenant has no dataset; name at least one, with its engine and table"
        ],
    );
    check(
        "rule:\nschedule: { every: 5m }\nquery: \"\"\n",
        expect![[r#"
        x.yaml:1:1: rule: `rule` is missing; Its name.
        x.yaml:1:1: query: the rule asks nothing; write `query:` with SQL over `{table}`, or `sigma:` with a file"#]],
    );
    check(
        "engine: ''\nkind: none\n",
        expect!["x.yaml:1:1: engine: `engine` is missing; Its name, to which datasets refer."],
    );
    check("", expect![[r#""#]]);
    check(
        "- a\n- b\n",
        expect![
            "x.yaml:1:1: this document does not say what it defines; begin it with one of tenant, rule, engine, channel, sigma_pack"
        ],
    );
    check(
        "rule: [a\n",
        expect![
            "x.yaml:1:7: not YAML: unclosed bracket '['; check the indentation and the quotes around here"
        ],
    );
}

#[test]
fn sigma_files_must_be_there() {
    check(
        &with(
            "query: |\n  SELECT * FROM {table} WHERE Image LIKE '%whoami' AND User LIKE 'svc%'",
            "sigma: none.yml",
        ),
        expect![
            "x.yaml:7:8: sigma: there is no file `none.yml`; name a file beside this one, or from the top of the folder; for a whole folder use `sigma_pack:`"
        ],
    );
    check(
        "sigma_pack: p\npath: nowhere\nschedule: { every: 5m }\n",
        expect![
            "x.yaml:2:7: path: there are no Sigma rules under `nowhere`; name a folder beside this file, or from the top"
        ],
    );
    check(
        "title: alone\nlogsource: { category: x }\ndetection: { a: { b: c }, condition: a }\n",
        expect![
            "warning: x.yaml:1:1: nobody uses this Sigma rule; name its folder in a document `sigma_pack:`, or the file in a rule's `sigma:`"
        ],
    );
}
