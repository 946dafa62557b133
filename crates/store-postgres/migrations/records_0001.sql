-- The records of an installation. Moments are microseconds since 1970, ids 16 bytes. Words compare by
-- their bytes, so that every server sorts them alike.

-- Texts in lower case, for searches. Without ICU only the letters of ASCII are folded.
DO $do$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_collation WHERE collname = 'und-x-icu') THEN
        CREATE FUNCTION folded(text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
            AS 'SELECT lower($1 COLLATE "und-x-icu")';
    ELSE
        CREATE FUNCTION folded(text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
            AS 'SELECT lower($1)';
    END IF;
END
$do$;

CREATE FUNCTION record_now() RETURNS bigint LANGUAGE sql VOLATILE
    AS 'SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint';

-- Which node has which duty, by the server's clock. Tokens never fall.
CREATE TABLE leases (
    duty text COLLATE "C" PRIMARY KEY,
    token bigint NOT NULL,
    node bytea NOT NULL,
    until bigint NOT NULL
) WITH (fillfactor = 20);

CREATE TABLE clients (
    id bytea PRIMARY KEY,
    org text COLLATE "C" NOT NULL,
    key_hash bytea NOT NULL,
    hostname text COLLATE "C" NOT NULL,
    fqdn text COLLATE "C" NOT NULL,
    os text COLLATE "C" NOT NULL,
    platform text COLLATE "C" NOT NULL,
    architecture text COLLATE "C" NOT NULL,
    agent_version text COLLATE "C" NOT NULL,
    labels text[] COLLATE "C" NOT NULL,
    first_seen bigint NOT NULL,
    last_seen bigint NOT NULL,
    address text COLLATE "C",
    revoked_at bigint,
    recheck bigint NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX clients_by_hostname ON clients (lower(hostname));
CREATE INDEX clients_by_fqdn ON clients (lower(fqdn));
CREATE INDEX clients_by_label ON clients USING gin (labels);

CREATE TABLE tokens (
    seq bigint GENERATED ALWAYS AS IDENTITY,
    id text COLLATE "C" PRIMARY KEY,
    org text COLLATE "C" NOT NULL,
    secret_hash bytea NOT NULL,
    labels text[] COLLATE "C" NOT NULL,
    expires bigint NOT NULL,
    uses_max bigint NOT NULL,
    uses bigint NOT NULL,
    revoked boolean NOT NULL,
    creator text NOT NULL,
    created bigint NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE users (
    name text COLLATE "C" PRIMARY KEY,
    org text COLLATE "C" NOT NULL,
    password_hash text NOT NULL,
    roles text[] COLLATE "C" NOT NULL,
    disabled boolean NOT NULL,
    created bigint NOT NULL
);

CREATE TABLE sign_ins (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    secret_hash bytea NOT NULL UNIQUE,
    username text COLLATE "C" NOT NULL,
    kind text NOT NULL,
    note text NOT NULL,
    created bigint NOT NULL,
    expires bigint NOT NULL
);
CREATE INDEX sign_ins_by_user ON sign_ins (username);

CREATE TABLE settings (key text COLLATE "C" PRIMARY KEY, value text NOT NULL);

CREATE TABLE audit (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at bigint NOT NULL,
    org text COLLATE "C" NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    object text COLLATE "C" NOT NULL,
    detail text NOT NULL
);
CREATE INDEX audit_by_object ON audit (object, seq);

-- The newest offer sequence number ever taken: one record, changed last in the transaction of the
-- hunt and locked until its commit.
CREATE TABLE offers (one boolean PRIMARY KEY CHECK (one), newest bigint NOT NULL);
INSERT INTO offers VALUES (true, 0);

CREATE TABLE hunts (
    id bytea PRIMARY KEY,
    org text COLLATE "C" NOT NULL,
    spec text NOT NULL,
    search text NOT NULL,
    state text COLLATE "C" NOT NULL,
    revision bigint NOT NULL,
    condition_revision bigint NOT NULL,
    round bigint NOT NULL,
    offer bigint NOT NULL,
    creator text NOT NULL,
    created bigint NOT NULL,
    started bigint,
    ended bigint,
    end_reason text,
    ended_by text,
    paused bigint,
    pause_reason text,
    paused_by text,
    gate text NOT NULL,
    round_started bigint,
    closed bigint,
    copied_from text,
    -- Set when it is deleted; nobody finds it from then on, and its records go a piece at a time.
    deleted bigint
) WITH (fillfactor = 70);
CREATE INDEX hunts_active ON hunts (state) WHERE state IN ('running', 'paused', 'draining');

CREATE INDEX hunts_deleted ON hunts (deleted) WHERE deleted IS NOT NULL;

CREATE TABLE hunt_revisions (
    hunt bytea NOT NULL,
    revision bigint NOT NULL,
    at bigint NOT NULL,
    by text NOT NULL,
    spec text NOT NULL,
    PRIMARY KEY (hunt, revision)
);

-- The rounds that have begun.
CREATE TABLE rounds (
    hunt bytea NOT NULL,
    round bigint NOT NULL,
    tick bigint NOT NULL,
    PRIMARY KEY (hunt, round)
);

-- Up to where a source was read on a client, by the client's clock.
CREATE TABLE checkpoints (
    hunt bytea NOT NULL,
    client bytea NOT NULL,
    source text COLLATE "C" NOT NULL,
    upto bigint NOT NULL,
    epoch bigint NOT NULL,
    round bigint NOT NULL,
    PRIMARY KEY (hunt, client, source)
) WITH (fillfactor = 70);

CREATE TABLE members (
    hunt bytea NOT NULL,
    round bigint NOT NULL,
    client bytea NOT NULL,
    queue bigint NOT NULL,
    class text NOT NULL,
    detail text NOT NULL,
    rows bigint NOT NULL,
    uploads bigint NOT NULL,
    upload_bytes bigint NOT NULL,
    cpu_millis bigint NOT NULL,
    revision bigint NOT NULL,
    recheck bigint NOT NULL,
    attempt bigint NOT NULL,
    flow bytea,
    decided bigint NOT NULL,
    admitted bigint,
    updated bigint NOT NULL,
    -- The numbers of `records::hand_number`.
    hand bigint NOT NULL,
    PRIMARY KEY (hunt, round, client)
) WITH (fillfactor = 70);
CREATE INDEX members_by_queue ON members (hunt, round, queue, updated, client);
CREATE INDEX members_by_client ON members (client, hunt, round);

-- How many members stand in each queue (the numbers of `records::queue_number`), how many were admitted,
-- and how many of these wait for another attempt; changed in the transaction of the member. A round
-- has several records, each for a share of the clients, so that transactions about different clients do
-- not wait for one another. Those of round 0 hold what all finished attempts of the hunt have used.
CREATE TABLE member_counts (
    hunt bytea NOT NULL,
    round bigint NOT NULL,
    share bigint NOT NULL,
    q0 bigint NOT NULL,
    q1 bigint NOT NULL,
    q2 bigint NOT NULL,
    q3 bigint NOT NULL,
    q4 bigint NOT NULL,
    q5 bigint NOT NULL,
    q6 bigint NOT NULL,
    q7 bigint NOT NULL,
    admitted bigint NOT NULL,
    retrying bigint NOT NULL,
    rows bigint NOT NULL,
    uploads bigint NOT NULL,
    upload_bytes bigint NOT NULL,
    cpu_millis bigint NOT NULL,
    PRIMARY KEY (hunt, round, share)
) WITH (fillfactor = 20);

-- One transaction admits at a time: this record is locked first.
CREATE TABLE admission_gate (one boolean PRIMARY KEY CHECK (one));
INSERT INTO admission_gate VALUES (true);

-- What rates are counted from; forgotten when no minute can reach it any more.
CREATE TABLE admissions (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    hunt bytea NOT NULL,
    at bigint NOT NULL,
    count bigint NOT NULL
);

CREATE TABLE results_queue (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    hunt bytea NOT NULL,
    round bigint NOT NULL,
    client bytea NOT NULL,
    flow bytea NOT NULL,
    attempt bigint NOT NULL,
    at bigint NOT NULL
);
CREATE INDEX results_queue_by_hunt ON results_queue (hunt, round, seq);

-- What flows collect and within which limits; a hunt's thousand flows share one record. Never changed.
CREATE TABLE asks (
    key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest bytea NOT NULL UNIQUE,
    body text NOT NULL
);

CREATE TABLE flows (
    id bytea PRIMARY KEY,
    org text COLLATE "C" NOT NULL,
    client bytea NOT NULL,
    hunt bytea,
    round bigint,
    actor text NOT NULL,
    ask bigint NOT NULL,
    state bigint NOT NULL,
    attempt bigint NOT NULL,
    class text NOT NULL,
    detail text NOT NULL,
    rows bigint NOT NULL,
    uploads bigint NOT NULL,
    upload_bytes bigint NOT NULL,
    cpu_millis bigint NOT NULL,
    created bigint NOT NULL,
    started bigint,
    ended bigint,
    deliver_until bigint NOT NULL,
    due bigint,
    windows text -- for a flow of a recurring hunt, as JSON
) WITH (fillfactor = 70);
CREATE INDEX flows_by_org ON flows (org, created, id);
CREATE INDEX flows_by_client ON flows (client, created, id);
CREATE INDEX flows_by_hunt ON flows (hunt, created, id) WHERE hunt IS NOT NULL;
CREATE INDEX flows_live ON flows (client, created, id) WHERE state < 2;
CREATE INDEX flows_due ON flows (due) WHERE due IS NOT NULL;

-- What an attempt of a flow has brought so far: rows of each source (kind 0), log lines (kind 1, no
-- source). Whether the attempt is finished is a matter of its flow.
CREATE TABLE attempt_sources (
    flow bytea NOT NULL,
    attempt bigint NOT NULL,
    kind bigint NOT NULL,
    source text COLLATE "C" NOT NULL,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    hunt bytea,
    batches bigint NOT NULL,
    rows bigint NOT NULL,
    columns text NOT NULL,
    PRIMARY KEY (flow, attempt, kind, source)
) WITH (fillfactor = 70);
CREATE INDEX attempt_sources_by_hunt ON attempt_sources (hunt) WHERE hunt IS NOT NULL;

-- Rows as they came, a batch in one record: one JSON object a line, compressed when `packed`. A number
-- is never given again.
CREATE TABLE batches (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    flow bytea NOT NULL,
    attempt bigint NOT NULL,
    source text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    hunt bytea,
    round bigint,
    count bigint NOT NULL,
    stored bigint NOT NULL,
    packed boolean NOT NULL,
    body bytea NOT NULL
);
-- The bodies are compressed already.
ALTER TABLE batches ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE UNIQUE INDEX batches_by_attempt ON batches (flow, attempt, source, seq);
CREATE INDEX batches_by_hunt ON batches (hunt, round, id)
    INCLUDE (flow, attempt, source, count, stored) WHERE hunt IS NOT NULL;

-- Rows of finished attempts leave for segments; here is which segments there are.
CREATE TABLE segments (
    key text COLLATE "C" PRIMARY KEY,
    hunt bytea NOT NULL,
    round bigint NOT NULL,
    source text COLLATE "C" NOT NULL,
    rows bigint NOT NULL,
    batches bigint NOT NULL,
    bytes bigint NOT NULL,
    first bigint NOT NULL,
    last bigint NOT NULL,
    columns text NOT NULL, -- a JSON list of name and kind
    registered bigint NOT NULL
);
CREATE INDEX segments_by_hunt ON segments (hunt, round, source, first, key);

-- Keys that are no longer live, or never were: none of them is ever registered. Kept for a while after
-- the object is gone, for whoever still writes one.
CREATE TABLE doomed_segments (
    key text COLLATE "C" PRIMARY KEY,
    since bigint NOT NULL,
    erased boolean NOT NULL
);
CREATE INDEX doomed_segments_waiting ON doomed_segments (since) WHERE NOT erased;

-- The largest number of a writer of segments that was seen. Whoever changes the register locks it.
CREATE TABLE segment_fence (one boolean PRIMARY KEY CHECK (one), newest bigint NOT NULL);
INSERT INTO segment_fence VALUES (true, 0);

CREATE TABLE logs (
    flow bytea NOT NULL,
    attempt bigint NOT NULL,
    seq bigint NOT NULL,
    hunt bytea,
    count bigint NOT NULL,
    body text NOT NULL,
    PRIMARY KEY (flow, attempt, seq)
);
CREATE INDEX logs_by_hunt ON logs (hunt) WHERE hunt IS NOT NULL;

CREATE TABLE uploads (
    seq bigint GENERATED ALWAYS AS IDENTITY,
    id bytea PRIMARY KEY,
    client bytea NOT NULL,
    flow bytea NOT NULL,
    attempt bigint NOT NULL,
    number bigint NOT NULL,
    path text NOT NULL,
    accessor text NOT NULL,
    declared bigint NOT NULL,
    size bigint NOT NULL,
    sha256 bytea,
    stored bigint,
    -- The hash that it was announced with, while it arrives.
    announced bytea,
    UNIQUE (flow, attempt, number)
);
CREATE INDEX uploads_by_content ON uploads ((coalesce(sha256, announced)));
CREATE INDEX uploads_open ON uploads (flow) WHERE sha256 IS NULL;

-- Content that nobody refers to any more and that is being taken away.
CREATE TABLE condemned (sha256 bytea PRIMARY KEY);

-- Monitoring: the table of event artifacts that are wanted, and their rows by day of arrival.
CREATE TABLE monitoring (
    one boolean PRIMARY KEY CHECK (one),
    revision bigint NOT NULL,
    entries text NOT NULL
);
INSERT INTO monitoring VALUES (true, 0, '[]');

-- One run of one source on one client, and the number that its next batch has at least.
CREATE TABLE event_runs (
    client bytea NOT NULL,
    source text COLLATE "C" NOT NULL,
    kind bigint NOT NULL,
    run bytea NOT NULL,
    next bigint NOT NULL,
    touched bigint NOT NULL,
    PRIMARY KEY (client, source, kind, run)
) WITH (fillfactor = 70);

-- Changed in the transaction of the batch.
CREATE TABLE event_days (
    client bytea NOT NULL,
    source text COLLATE "C" NOT NULL,
    kind bigint NOT NULL,
    day bigint NOT NULL,
    rows bigint NOT NULL,
    bytes bigint NOT NULL,
    columns text NOT NULL,
    PRIMARY KEY (client, source, kind, day)
) WITH (fillfactor = 70);
CREATE INDEX event_days_by_day ON event_days (day);

-- The newest number of a batch of events. Locked until commit: the order of numbers is the order of
-- commits, so whoever follows the events misses none.
CREATE TABLE event_numbers (one boolean PRIMARY KEY CHECK (one), newest bigint NOT NULL);
INSERT INTO event_numbers VALUES (true, 0);

-- Rows as they came, a batch in one record: on each line the moment by the client's clock, a tab, and
-- one JSON object; compressed when `packed`.
CREATE TABLE event_batches (
    id bigint PRIMARY KEY,
    client bytea NOT NULL,
    source text COLLATE "C" NOT NULL,
    kind bigint NOT NULL,
    day bigint NOT NULL,
    stored bigint NOT NULL,
    count bigint NOT NULL,
    packed boolean NOT NULL,
    body bytea NOT NULL
);
ALTER TABLE event_batches ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE INDEX event_batches_by_client
    ON event_batches (client, source, kind, day, id) INCLUDE (stored, count);
CREATE INDEX event_batches_by_source
    ON event_batches (source, kind, day, id) INCLUDE (stored, count);

CREATE TABLE tools (
    name text COLLATE "C" NOT NULL,
    version text COLLATE "C" NOT NULL,
    filename text NOT NULL,
    sha256 bytea NOT NULL,
    size bigint NOT NULL,
    stored bigint NOT NULL,
    PRIMARY KEY (name, version)
);
