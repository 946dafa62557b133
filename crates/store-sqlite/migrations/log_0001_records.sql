-- Log hunts. Moments and stretches of time are microseconds, positions those of the stream's domain,
-- ids 16 bytes.

CREATE TABLE log_streams (
    id INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    dataset TEXT NOT NULL,
    part TEXT NOT NULL,
    rule TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    lane TEXT NOT NULL,
    lane_order INTEGER NOT NULL,
    domain TEXT NOT NULL,
    t0 INTEGER NOT NULL,
    planned_to INTEGER NOT NULL,
    checkpoint INTEGER NOT NULL,
    token INTEGER NOT NULL,
    status TEXT NOT NULL,
    class TEXT,
    wait INTEGER,
    message TEXT,
    reason TEXT,
    source_identity TEXT,
    opened_at INTEGER NOT NULL,
    last_tick INTEGER,
    last_run INTEGER,
    last_class TEXT,
    last_wait INTEGER,
    last_message TEXT,
    heartbeat INTEGER NOT NULL,
    UNIQUE (tenant, dataset, part, rule, epoch, lane)
) STRICT;

CREATE INDEX log_streams_by_rule ON log_streams (rule, tenant);

-- By stream and end: what ends after a checkpoint is one range.
CREATE TABLE log_slices (
    stream INTEGER NOT NULL REFERENCES log_streams (id),
    to_pos INTEGER NOT NULL,
    id BLOB NOT NULL,
    from_pos INTEGER NOT NULL,
    tick INTEGER NOT NULL,
    state TEXT NOT NULL,
    open INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    losses INTEGER NOT NULL,
    planned_at INTEGER NOT NULL,
    moved_at INTEGER NOT NULL,
    owner TEXT,
    token INTEGER,
    until INTEGER,
    query_tag TEXT,
    not_before INTEGER,
    class TEXT,
    wait INTEGER,
    message TEXT,
    actor TEXT,
    reason TEXT,
    revision TEXT,
    rows INTEGER,
    findings_new INTEGER,
    bytes INTEGER,
    fingerprint TEXT,
    source_clock INTEGER,
    took INTEGER,
    committed_at INTEGER,
    audit_at INTEGER,
    audits INTEGER,
    PRIMARY KEY (stream, to_pos, id)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX log_slices_by_id ON log_slices (id);
CREATE INDEX log_slices_open ON log_slices (stream) WHERE open = 1;
CREATE INDEX log_slices_settled ON log_slices (moved_at) WHERE open = 0;
CREATE INDEX log_slices_watched ON log_slices (audit_at) WHERE audit_at IS NOT NULL;

CREATE TABLE log_runs (
    seq INTEGER PRIMARY KEY,
    stream INTEGER NOT NULL REFERENCES log_streams (id),
    from_pos INTEGER NOT NULL,
    to_pos INTEGER NOT NULL,
    owner TEXT NOT NULL,
    token INTEGER NOT NULL,
    ended_at INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    rows INTEGER,
    findings_new INTEGER,
    bytes INTEGER,
    took_millis INTEGER,
    class TEXT,
    wait INTEGER,
    message TEXT
) STRICT;

CREATE INDEX log_runs_by_stream ON log_runs (stream);

CREATE TABLE log_findings (
    id BLOB NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL,
    dataset TEXT NOT NULL,
    rule TEXT NOT NULL,
    severity TEXT NOT NULL,
    state TEXT NOT NULL,
    instant INTEGER NOT NULL,
    found_at INTEGER NOT NULL,
    late INTEGER NOT NULL,
    notified INTEGER NOT NULL,
    suppressed INTEGER NOT NULL,
    suppressed_by TEXT,
    bucket TEXT,
    title TEXT NOT NULL,
    attack TEXT NOT NULL, -- a JSON list of texts
    revision_first TEXT NOT NULL,
    revision_last TEXT NOT NULL,
    slice BLOB NOT NULL,
    from_pos INTEGER NOT NULL,
    to_pos INTEGER NOT NULL,
    domain TEXT NOT NULL,
    position INTEGER NOT NULL,
    assignee TEXT,
    verdict TEXT,
    comments TEXT NOT NULL, -- a JSON list
    row TEXT NOT NULL -- a JSON object
) STRICT;

-- Newest first, of all, of a tenant, of a rule; and with it what filters and facets look at, so that
-- counting does not touch the rows.
CREATE INDEX log_findings_newest
    ON log_findings (instant, tenant, dataset, rule, severity, state, late, suppressed);
CREATE INDEX log_findings_by_tenant
    ON log_findings (tenant, instant, dataset, rule, severity, state, late, suppressed);
CREATE INDEX log_findings_by_rule
    ON log_findings (rule, instant, tenant, dataset, severity, state, late, suppressed);
CREATE INDEX log_findings_stored ON log_findings (found_at);

-- Who was told of a bucket: only the first finding of each is.
CREATE TABLE log_buckets (
    tenant TEXT NOT NULL,
    rule TEXT NOT NULL,
    bucket TEXT NOT NULL,
    finding BLOB NOT NULL,
    PRIMARY KEY (tenant, rule, bucket)
) STRICT, WITHOUT ROWID;

CREATE INDEX log_buckets_by_finding ON log_buckets (finding);

-- Numbers are never used twice: a token of one delivery must not fit another.
CREATE TABLE log_outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL,
    channel TEXT NOT NULL,
    findings BLOB NOT NULL, -- 16 bytes each
    at INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    token INTEGER NOT NULL DEFAULT 0,
    not_before INTEGER NOT NULL,
    owner TEXT,
    leased_until INTEGER,
    error TEXT,
    given_up INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX log_outbox_waiting ON log_outbox (id) WHERE given_up = 0;

CREATE TABLE log_pauses (
    tenant TEXT NOT NULL PRIMARY KEY,
    mode TEXT NOT NULL,
    since INTEGER NOT NULL,
    actor TEXT NOT NULL,
    reason TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE log_jobs (
    name TEXT NOT NULL PRIMARY KEY,
    rule TEXT NOT NULL,
    tenants TEXT NOT NULL, -- names, parted by commas
    from_at INTEGER NOT NULL,
    to_at INTEGER NOT NULL,
    tell TEXT NOT NULL,
    bytes_max INTEGER,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    reason TEXT NOT NULL,
    state TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE log_notes (
    seq INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    reason TEXT NOT NULL
) STRICT;
