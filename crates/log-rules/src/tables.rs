//! Which fields there are: one table for the reader, the JSON Schema and the messages.

use crate::table::{Field, Kind, Table};

const fn must(name: &'static str, kind: Kind, doc: &'static str) -> Field {
    Field { name, kind, required: true, doc }
}

const fn may(name: &'static str, kind: Kind, doc: &'static str) -> Field {
    Field { name, kind, required: false, doc }
}

/// The kinds of documents, by the field with which they begin.
pub(crate) const DOCUMENTS: [&Table; 5] = [&TENANT, &RULE, &ENGINE, &CHANNEL, &PACK];

const COUNT: Kind = Kind::Number(1, 100_000);

/// Words of [`Kind::Choice`] fields.
pub(crate) const SEVERITIES: &[&str] = &["informational", "low", "medium", "high", "critical"];
pub(crate) const ENGINE_KINDS: &[&str] = &[
    "datafusion",
    "sqlite",
    "postgres",
    "clickhouse",
    "spark_connect",
    "flight_sql",
    "trino",
    "opensearch",
    "none",
];
pub(crate) const DOMAINS: &[&str] = &["event_time", "ingest_time", "cursor"];

pub(crate) static ENGINE: Table = Table {
    name: "engine",
    doc: "A query engine: where queries run.",
    fields: &[
        must("engine", Kind::Name, "Its name, to which datasets refer."),
        must(
            "kind",
            Kind::Choice(ENGINE_KINDS),
            "Which engine it is. `none` answers nothing and is for trying schedules.",
        ),
        may(
            "root",
            Kind::Text,
            "datafusion: the folder, or URL of an object store, below which tables are.",
        ),
        may(
            "options",
            Kind::MapOfSettings,
            "datafusion: settings of the object store, for instance `region`; secrets as `{ env: NAME }`.",
        ),
        may("memory", Kind::Size, "datafusion: the memory that queries may take together."),
        may(
            "path",
            Kind::Text,
            "sqlite: the database file; `{tenant}` stands for the tenant's name.",
        ),
        may(
            "url",
            Kind::Text,
            "Servers: where it is; `{tenant}` stands for the tenant's name. Never with a password in it.",
        ),
        may("user", Kind::Text, "Servers: as whom it is asked."),
        may("secret", Kind::Secret, "Servers: the password or token. A tenant may have its own."),
        may("database", Kind::Text, "Servers: the database, catalog or warehouse."),
        may(
            "ca_file",
            Kind::Text,
            "Servers: a file with certificates to trust instead of the usual ones.",
        ),
        may(
            "concurrency",
            COUNT,
            "How many queries it runs at once for all tenants; 4 unless it says otherwise.",
        ),
        may("timeout", Kind::Duration, "How long one query may take; 5m unless it says otherwise."),
    ],
};

pub(crate) static TENANT: Table = Table {
    name: "tenant",
    doc: "A customer and where its logs are.",
    fields: &[
        must("tenant", Kind::Name, "Its name."),
        must("datasets", Kind::MapOfTables(&DATASET), "Its logs, by the names that rules use."),
        may("limits", Kind::Table(&LIMITS), "What its queries may take."),
        may(
            "weight",
            COUNT,
            "Its share in the choice of what runs next; 1 unless it says otherwise.",
        ),
        may(
            "secrets",
            Kind::MapOfSecrets,
            "Secrets instead of those of engines, by the engine's name.",
        ),
        may(
            "lists",
            Kind::MapOfValues,
            "Lists of values, instead of those of rules with the same name.",
        ),
        may("overrides", Kind::Tables(&OVERRIDE), "What differs from the rules here."),
    ],
};

pub(crate) static LIMITS: Table = Table {
    name: "limits",
    doc: "What the queries of a tenant may take.",
    fields: &[
        may(
            "concurrency",
            COUNT,
            "How many of its queries run at once; 4 unless it says otherwise.",
        ),
        may("bytes_per_day", Kind::Size, "What may be read for it per day."),
    ],
};

pub(crate) static DATASET: Table = Table {
    name: "dataset",
    doc: "One kind of log of a tenant.",
    fields: &[
        must("engine", Kind::Name, "The engine that reads it."),
        must("table", Kind::Text, "The table, folder or index, as the engine names it."),
        may("time", Kind::Table(&TIME), "The columns that say when."),
        may(
            "domain",
            Kind::Choice(DOMAINS),
            "What positions count; the best that the clocks allow unless it says otherwise: cursor, then ingest time, then event time.",
        ),
        may("identity", Kind::Texts, "Columns that tell rows apart."),
        may("columns", Kind::MapOfTexts, "From the names that rules use to columns of the table."),
        may(
            "schema",
            Kind::Texts,
            "The columns of the table: with them `lycaon log check` finds unknown columns in rules.",
        ),
        may(
            "log_source",
            Kind::LogSource,
            "Which of Sigma's log sources it holds; its own name as category unless it says otherwise.",
        ),
        may("retention", Kind::Duration, "How long rows are kept."),
        may(
            "log_buffer",
            Kind::Duration,
            "How long late rows are waited for, instead of what rules say.",
        ),
        may(
            "skew_max",
            Kind::Duration,
            "How far ahead of the source's clock an event's time may lie before it is looked at apart; 5m unless it says otherwise.",
        ),
        may(
            "lateness_max",
            Kind::Duration,
            "How far an event's time may lie from its ingest time: makes reads by ingest time cheap. Rows beyond it are read all the same, by a second query.",
        ),
        may(
            "on_replace",
            Kind::Choice(&["stop", "continue"]),
            "What to do when the table is not the one that was read so far: stop with a health error, or open a new epoch and read on.",
        ),
        may(
            "audit_ages",
            Kind::Durations,
            "Ages at which committed windows are looked at again for late rows.",
        ),
    ],
};

pub(crate) static TIME: Table = Table {
    name: "time",
    doc: "The columns that say when.",
    fields: &[
        may("event", Kind::Text, "When it happened."),
        may("ingest", Kind::Text, "When the store took the row."),
        may(
            "cursor",
            Kind::Text,
            "A number that the source gives to rows in the order in which they become visible.",
        ),
    ],
};

pub(crate) static OVERRIDE: Table = Table {
    name: "override",
    doc: "What differs for one rule at one tenant.",
    fields: &[
        must("rule", Kind::Name, "Which rule."),
        may("disabled", Kind::Flag, "It does not run here."),
        may("severity", Kind::Choice(SEVERITIES), "Another severity."),
        may(
            "exceptions",
            Kind::Texts,
            "Matches that satisfy one of these conditions are stored and not told.",
        ),
        may("lists", Kind::MapOfValues, "Values for lists of the rule."),
        may("owner", Kind::Text, "Who answers for it; required with exceptions."),
        may(
            "expires",
            Kind::Moment,
            "Matches after this date or moment are told again; required with exceptions.",
        ),
        may("reason", Kind::Text, "Why."),
    ],
};

pub(crate) static RULE: Table = Table {
    name: "rule",
    doc: "What is asked, when, and who is told.",
    fields: &[
        must("rule", Kind::Name, "Its name."),
        may(
            "title",
            Kind::Text,
            "What it finds, in a few words; that of its Sigma rule unless it says otherwise.",
        ),
        may("description", Kind::Text, "What it finds and what to do then."),
        may(
            "severity",
            Kind::Choice(SEVERITIES),
            "How bad a match is; that of its Sigma rule, or medium, unless it says otherwise.",
        ),
        may("attack", Kind::Texts, "ATT&CK techniques, for instance `T1033`."),
        may(
            "datasets",
            Kind::Texts,
            "Which datasets it reads, one stream for each. A Sigma rule reads those of its log source unless it says otherwise.",
        ),
        may("tenants", Kind::Table(&SELECTION), "Whose; all unless it says otherwise."),
        must("schedule", Kind::Table(&SCHEDULE), "When it runs and which windows it reads."),
        may(
            "kind",
            Kind::Choice(&["per_event", "windowed", "opaque"]),
            "How its answer depends on the window; per_event unless it says otherwise.",
        ),
        may("span", Kind::Duration, "windowed: how far apart the rows of a match are at most."),
        may(
            "group_by",
            Kind::Texts,
            "windowed: the columns that tell matches of the same instant apart; the columns of the answer that are no aggregates unless it says otherwise.",
        ),
        may("query", Kind::Text, "SQL over `{table}`."),
        may("sigma", Kind::Text, "A file with a Sigma rule, instead of a query."),
        may("vql", Kind::Text, "VQL over the rows of the answer, which are its `source()`."),
        may("lists", Kind::MapOfValues, "Values for `{name}` in the query."),
        may("suppress", Kind::Table(&SUPPRESS), "Groups matches of which only the first is told."),
        may("notify", Kind::Texts, "Channels that are told."),
        may("disabled", Kind::Flag, "It does not run."),
        may("critical", Kind::Flag, "It goes before others."),
        may(
            "on_poison",
            Kind::Choice(&["quarantine", "block"]),
            "What happens to a window that fails at the smallest size again and again: a gap that is told, or the stream waits.",
        ),
        may(
            "catch_up",
            Kind::Choice(&["oldest_first", "newest_first", "weave"]),
            "In which order a backlog is read.",
        ),
        may(
            "on_change",
            Kind::ChoiceOrTable(&["forward", "reset"], &REPLAY),
            "What to do with the past when its logic changes.",
        ),
        may("tests", Kind::Tables(&TEST), "Cases that show that it works."),
    ],
};

pub(crate) static REPLAY: Table = Table {
    name: "replay",
    doc: "Read some of the past again as a job.",
    fields: &[must("replay", Kind::Duration, "How much of it.")],
};

pub(crate) static SELECTION: Table = Table {
    name: "selection",
    doc: "Patterns of names; `*` stands for any characters.",
    fields: &[
        may("include", Kind::Texts, "One of these must fit; `*` unless it says otherwise."),
        may("exclude", Kind::Texts, "None of these may."),
    ],
};

pub(crate) static SCHEDULE: Table = Table {
    name: "schedule",
    doc: "When a rule runs and which windows it reads.",
    fields: &[
        may("every", Kind::Duration, "It runs this far apart. This, or `cron`."),
        may(
            "start_time",
            Kind::Text,
            "With `every`: a tick among the others, a time of day in UTC or a moment; midnight unless it says otherwise.",
        ),
        may("cron", Kind::Text, "Minute, hour, day of month, month, day of week."),
        may(
            "zone",
            Kind::Text,
            "With `cron`: an IANA time zone, for instance `Europe/Berlin`; UTC unless it says otherwise.",
        ),
        may(
            "log_buffer",
            Kind::Duration,
            "A tick reads up to its instant less this, so that late rows are there; 60s unless it says otherwise.",
        ),
        may("start_delay", Kind::Duration, "A run starts not before its tick and this."),
        may(
            "jitter",
            Kind::Duration,
            "Spreads the streams of a tick over so long; the same for a stream each time.",
        ),
        may(
            "max_window",
            Kind::Duration,
            "The longest window of one run; 6h unless it says otherwise.",
        ),
        may(
            "min_window",
            Kind::Duration,
            "The shortest window into which a failing run is cut; 1m unless it says otherwise.",
        ),
        may(
            "first_from",
            Kind::ChoiceOrDuration(&["one_interval", "now", "earliest"]),
            "Where the first window starts; one interval before the first tick's end unless it says otherwise.",
        ),
        may(
            "retry",
            Kind::Choice(&["backoff", "next_tick"]),
            "When a failed run is tried again: after a wait that grows, or with the next tick, whose window it joins.",
        ),
        may(
            "attempts_max",
            Kind::Number(1, 1_000),
            "How often a window of the smallest size is tried; 5 unless it says otherwise.",
        ),
    ],
};

pub(crate) static SUPPRESS: Table = Table {
    name: "suppress",
    doc: "Groups matches of which only the first is told; the others are stored and counted.",
    fields: &[
        must("by", Kind::Texts, "Columns with equal values."),
        must("for", Kind::Duration, "Within so long, counted on a grid of the match's instant."),
    ],
};

pub(crate) static TEST: Table = Table {
    name: "test",
    doc: "A case that shows that a rule works.",
    fields: &[
        must("name", Kind::Text, "What it shows."),
        must("given", Kind::MapOfRows, "Rows by dataset."),
        may(
            "expect",
            Kind::Rows,
            "What must be found, in any order: each is part of a row of its own. Nothing else may be found.",
        ),
    ],
};

pub(crate) static CHANNEL: Table = Table {
    name: "channel",
    doc: "Who is told.",
    fields: &[
        must("channel", Kind::Name, "The name to which rules refer."),
        must("kind", Kind::Choice(&["webhook", "slack", "syslog", "file"]), "How."),
        may(
            "url",
            Kind::ChoiceOrTable(&[], &SECRET),
            "webhook and syslog: where. slack: `{ env: NAME }`, as the URL is itself secret.",
        ),
        may("secret", Kind::Secret, "webhook: what it is signed with."),
        may("path", Kind::Text, "file: to which lines are added."),
        may("format", Kind::Choice(&["lycaon", "ocsf", "ecs"]), "In which form a finding is told."),
    ],
};

pub(crate) static SECRET: Table = Table {
    name: "secret",
    doc: "Where a secret is: one of these.",
    fields: &[
        may("env", Kind::Text, "In an environment variable."),
        may("file", Kind::Text, "In a file; its last line break does not count."),
        may("command", Kind::Texts, "What a program prints; program and arguments."),
    ],
};

pub(crate) static LOG_SOURCE: Table = Table {
    name: "log_source",
    doc: "One of Sigma's log sources.",
    fields: &[
        may("category", Kind::Text, "What happened, for instance `process_creation`."),
        may("product", Kind::Text, "What wrote the log, for instance `windows`."),
        may("service", Kind::Text, "Which of its logs, for instance `security`."),
    ],
};

pub(crate) static PACK: Table = Table {
    name: "sigma_pack",
    doc: "A folder of Sigma rules that run on one schedule.",
    fields: &[
        must("sigma_pack", Kind::Name, "Its name."),
        must("path", Kind::Text, "The folder, or file, beside this file or from the top."),
        must("schedule", Kind::Table(&SCHEDULE), "When they run and which windows they read."),
        may("tenants", Kind::Table(&SELECTION), "Whose; all unless it says otherwise."),
        may(
            "datasets",
            Kind::Texts,
            "Which datasets they read; those of their log sources unless it says otherwise.",
        ),
        may("severity_min", Kind::Choice(SEVERITIES), "Rules of a lower level do not run."),
        may("suppress", Kind::Table(&SUPPRESS), "Groups matches of which only the first is told."),
        may("notify", Kind::Texts, "Channels that are told."),
        may("disabled", Kind::Texts, "Names of rules of the pack that do not run."),
        may("critical", Kind::Flag, "They go before others."),
        may(
            "catch_up",
            Kind::Choice(&["oldest_first", "newest_first", "weave"]),
            "In which order a backlog is read.",
        ),
        may(
            "on_change",
            Kind::ChoiceOrTable(&["forward", "reset"], &REPLAY),
            "What to do with the past when the logic of one changes.",
        ),
    ],
};
