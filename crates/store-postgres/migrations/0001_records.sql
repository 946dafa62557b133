-- Log hunts. Moments and stretches of time are microseconds, positions those of the stream's domain,
-- ids 16 bytes. Words compare by their bytes, so that every server sorts them alike.

CREATE FUNCTION log_now() RETURNS bigint LANGUAGE sql VOLATILE
    AS 'SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint';

CREATE TABLE log_streams (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant text COLLATE "C" NOT NULL,
    dataset text COLLATE "C" NOT NULL,
    part text COLLATE "C" NOT NULL,
    rule text COLLATE "C" NOT NULL,
    epoch bigint NOT NULL,
    lane text COLLATE "C" NOT NULL,
    lane_order bigint NOT NULL,
    domain text NOT NULL,
    t0 bigint NOT NULL,
    planned_to bigint NOT NULL,
    checkpoint bigint NOT NULL,
    token bigint NOT NULL,
    status text NOT NULL,
    class text,
    wait bigint,
    message text,
    reason text,
    source_identity text,
    opened_at bigint NOT NULL,
    last_tick bigint,
    last_run bigint,
    last_class text,
    last_wait bigint,
    last_message text,
    heartbeat bigint NOT NULL,
    UNIQUE (tenant, dataset, part, rule, epoch, lane)
) WITH (fillfactor = 60);

CREATE INDEX log_streams_by_rule ON log_streams (rule, tenant);

-- Room is left on each page: a window moves several times, and a move that changes no index stays
-- on its page.
CREATE TABLE log_slices (
    stream bigint NOT NULL REFERENCES log_streams (id),
    to_pos bigint NOT NULL,
    id bytea PRIMARY KEY,
    from_pos bigint NOT NULL,
    tick bigint NOT NULL,
    state text NOT NULL,
    open boolean NOT NULL,
    attempts bigint NOT NULL,
    losses bigint NOT NULL,
    planned_at bigint NOT NULL,
    moved_at bigint NOT NULL,
    owner text,
    token bigint,
    until bigint,
    query_tag text,
    not_before bigint,
    class text,
    wait bigint,
    message text,
    actor text,
    reason text,
    revision text,
    rows bigint,
    findings_new bigint,
    bytes bigint,
    fingerprint text,
    source_clock bigint,
    took bigint,
    committed_at bigint,
    audit_at bigint,
    audits bigint,
    -- No two committed windows of a stream meet. Every stream has a stretch of numbers of its own, as
    -- wide as all positions together; so no extension is needed.
    CONSTRAINT log_slices_committed_once EXCLUDE USING gist (
        numrange(
            stream::numeric * 18446744073709551616 + from_pos,
            stream::numeric * 18446744073709551616 + to_pos
        ) WITH &&
    ) WHERE (state = 'committed')
) WITH (fillfactor = 70);

CREATE INDEX log_slices_by_end ON log_slices (stream, to_pos);
CREATE INDEX log_slices_open ON log_slices (stream) WHERE open;
CREATE INDEX log_slices_settled ON log_slices (moved_at) WHERE NOT open;
CREATE INDEX log_slices_watched ON log_slices (audit_at) WHERE audit_at IS NOT NULL;

CREATE TABLE log_runs (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stream bigint NOT NULL REFERENCES log_streams (id),
    from_pos bigint NOT NULL,
    to_pos bigint NOT NULL,
    owner text NOT NULL,
    token bigint NOT NULL,
    ended_at bigint NOT NULL,
    outcome text NOT NULL,
    rows bigint,
    findings_new bigint,
    bytes bigint,
    took_millis bigint,
    class text,
    wait bigint,
    message text
);

CREATE INDEX log_runs_by_stream ON log_runs (stream, seq);

CREATE TABLE log_findings (
    id bytea PRIMARY KEY,
    tenant text COLLATE "C" NOT NULL,
    dataset text COLLATE "C" NOT NULL,
    rule text COLLATE "C" NOT NULL,
    severity text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL,
    instant bigint NOT NULL,
    found_at bigint NOT NULL,
    late boolean NOT NULL,
    notified boolean NOT NULL,
    suppressed boolean NOT NULL,
    suppressed_by text,
    bucket text,
    title text NOT NULL,
    attack text[] COLLATE "C" NOT NULL,
    revision_first text NOT NULL,
    revision_last text NOT NULL,
    slice bytea NOT NULL,
    from_pos bigint NOT NULL,
    to_pos bigint NOT NULL,
    domain text NOT NULL,
    "position" bigint NOT NULL,
    assignee text,
    verdict text,
    comments text NOT NULL, -- a JSON list
    "row" text COLLATE "C" NOT NULL -- a JSON object
);

-- Newest first; and what filters and facets look at, so that counting need not touch the rows.
CREATE INDEX log_findings_newest ON log_findings (instant, id)
    INCLUDE (tenant, dataset, rule, severity, state, late, suppressed);
CREATE INDEX log_findings_by_tenant ON log_findings (tenant, instant, id);
CREATE INDEX log_findings_by_rule ON log_findings (rule, instant, id);
CREATE INDEX log_findings_by_severity ON log_findings (severity, instant, id);
CREATE INDEX log_findings_by_state ON log_findings (state, instant, id);
CREATE INDEX log_findings_stored ON log_findings (found_at);

-- Who was told of a bucket: only the first finding of each is.
CREATE TABLE log_buckets (
    tenant text COLLATE "C" NOT NULL,
    rule text COLLATE "C" NOT NULL,
    bucket text COLLATE "C" NOT NULL,
    finding bytea NOT NULL,
    PRIMARY KEY (tenant, rule, bucket)
);

CREATE INDEX log_buckets_by_finding ON log_buckets (finding);

CREATE TABLE log_outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key text NOT NULL,
    channel text NOT NULL,
    findings bytea NOT NULL, -- 16 bytes each
    at bigint NOT NULL,
    attempts bigint NOT NULL DEFAULT 0,
    token bigint NOT NULL DEFAULT 0,
    not_before bigint NOT NULL,
    owner text,
    leased_until bigint,
    error text,
    given_up boolean NOT NULL DEFAULT false
);

CREATE INDEX log_outbox_waiting ON log_outbox (id) WHERE NOT given_up;

CREATE TABLE log_pauses (
    tenant text COLLATE "C" PRIMARY KEY,
    mode text NOT NULL,
    since bigint NOT NULL,
    actor text NOT NULL,
    reason text NOT NULL
);

CREATE TABLE log_jobs (
    name text COLLATE "C" PRIMARY KEY,
    rule text NOT NULL,
    tenants text NOT NULL, -- names, parted by commas
    from_at bigint NOT NULL,
    to_at bigint NOT NULL,
    tell text NOT NULL,
    bytes_max bigint,
    at bigint NOT NULL,
    actor text NOT NULL,
    reason text NOT NULL,
    state text NOT NULL
);

CREATE TABLE log_notes (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at bigint NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    subject text NOT NULL,
    reason text NOT NULL
);
