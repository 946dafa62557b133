-- The first schema. Ids are their 16 bytes, moments are microseconds since 1970, hashes their
-- bytes. Organisation, actor, round, revision, offer sequence and attempt are here from the start.

CREATE TABLE clients (
  id            BLOB PRIMARY KEY,
  org           TEXT NOT NULL,
  key_hash      BLOB NOT NULL,
  hostname      TEXT NOT NULL,
  fqdn          TEXT NOT NULL,
  os            TEXT NOT NULL,
  platform      TEXT NOT NULL,
  architecture  TEXT NOT NULL,
  agent_version TEXT NOT NULL,
  first_seen    INTEGER NOT NULL,
  last_seen     INTEGER NOT NULL,
  address       TEXT,
  revoked_at    INTEGER,
  recheck       INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE client_labels (
  client BLOB NOT NULL,
  label  TEXT NOT NULL,
  PRIMARY KEY (client, label)
) WITHOUT ROWID;
CREATE INDEX client_labels_by_label ON client_labels (label, client);

CREATE TABLE tokens (
  seq         INTEGER PRIMARY KEY,
  id          TEXT NOT NULL UNIQUE,
  org         TEXT NOT NULL,
  secret_hash BLOB NOT NULL,
  labels      TEXT NOT NULL,
  expires     INTEGER NOT NULL,
  uses_max    INTEGER NOT NULL,
  uses        INTEGER NOT NULL,
  revoked     INTEGER NOT NULL,
  creator     TEXT NOT NULL,
  created     INTEGER NOT NULL
);

CREATE TABLE users (
  name          TEXT PRIMARY KEY,
  org           TEXT NOT NULL,
  password_hash TEXT NOT NULL,
  roles         TEXT NOT NULL,
  disabled      INTEGER NOT NULL,
  created       INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE sign_ins (
  seq         INTEGER PRIMARY KEY,
  secret_hash BLOB NOT NULL UNIQUE,
  user        TEXT NOT NULL,
  kind        TEXT NOT NULL,
  note        TEXT NOT NULL,
  created     INTEGER NOT NULL,
  expires     INTEGER NOT NULL
);
CREATE INDEX sign_ins_by_user ON sign_ins (user);

CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE audit (
  seq    INTEGER PRIMARY KEY,
  at     INTEGER NOT NULL,
  org    TEXT NOT NULL,
  actor  TEXT NOT NULL,
  action TEXT NOT NULL,
  object TEXT NOT NULL,
  detail TEXT NOT NULL
);
CREATE INDEX audit_by_object ON audit (object);

-- The newest offer sequence number ever taken: one record, changed in the transaction of the hunt.
CREATE TABLE offers (one INTEGER PRIMARY KEY CHECK (one = 1), newest INTEGER NOT NULL);
INSERT INTO offers VALUES (1, 0);

CREATE TABLE hunts (
  id                 BLOB PRIMARY KEY,
  org                TEXT NOT NULL,
  spec               TEXT NOT NULL,
  search             TEXT NOT NULL,
  state              TEXT NOT NULL,
  revision           INTEGER NOT NULL,
  condition_revision INTEGER NOT NULL,
  round              INTEGER NOT NULL,
  offer              INTEGER NOT NULL,
  creator            TEXT NOT NULL,
  created            INTEGER NOT NULL,
  started            INTEGER,
  ended              INTEGER,
  end_reason         TEXT,
  ended_by           TEXT
) WITHOUT ROWID;
CREATE INDEX hunts_active ON hunts (state) WHERE state IN ('running', 'paused', 'draining');

CREATE TABLE members (
  hunt         BLOB NOT NULL,
  round        INTEGER NOT NULL,
  client       BLOB NOT NULL,
  queue        INTEGER NOT NULL,
  class        TEXT NOT NULL,
  detail       TEXT NOT NULL,
  rows         INTEGER NOT NULL,
  uploads      INTEGER NOT NULL,
  upload_bytes INTEGER NOT NULL,
  cpu_millis   INTEGER NOT NULL,
  revision     INTEGER NOT NULL,
  recheck      INTEGER NOT NULL,
  attempt      INTEGER NOT NULL,
  flow         BLOB,
  decided      INTEGER NOT NULL,
  admitted     INTEGER,
  updated      INTEGER NOT NULL,
  PRIMARY KEY (hunt, round, client)
) WITHOUT ROWID;
CREATE INDEX members_by_queue ON members (hunt, round, queue, updated, client);
CREATE INDEX members_by_client ON members (client, hunt, round);

-- How many members stand in each queue; changed in the transaction of the member.
CREATE TABLE member_counts (
  hunt  BLOB NOT NULL,
  round INTEGER NOT NULL,
  queue INTEGER NOT NULL,
  count INTEGER NOT NULL,
  PRIMARY KEY (hunt, round, queue)
) WITHOUT ROWID;

-- What rates are counted from; forgotten when no minute can reach it any more.
CREATE TABLE admissions (
  seq   INTEGER PRIMARY KEY,
  hunt  BLOB NOT NULL,
  at    INTEGER NOT NULL,
  count INTEGER NOT NULL
);

CREATE TABLE results_queue (
  seq     INTEGER PRIMARY KEY,
  hunt    BLOB NOT NULL,
  round   INTEGER NOT NULL,
  client  BLOB NOT NULL,
  flow    BLOB NOT NULL,
  attempt INTEGER NOT NULL,
  at      INTEGER NOT NULL
);
CREATE INDEX results_queue_by_hunt ON results_queue (hunt, round, seq);

-- What flows collect and within which limits; a hunt's thousand flows share one record.
CREATE TABLE asks (key INTEGER PRIMARY KEY, body TEXT NOT NULL UNIQUE);

CREATE TABLE flows (
  id            BLOB PRIMARY KEY,
  org           TEXT NOT NULL,
  client        BLOB NOT NULL,
  hunt          BLOB,
  round         INTEGER,
  actor         TEXT NOT NULL,
  ask           INTEGER NOT NULL REFERENCES asks (key),
  state         INTEGER NOT NULL,
  attempt       INTEGER NOT NULL,
  class         TEXT NOT NULL,
  detail        TEXT NOT NULL,
  rows          INTEGER NOT NULL,
  uploads       INTEGER NOT NULL,
  upload_bytes  INTEGER NOT NULL,
  cpu_millis    INTEGER NOT NULL,
  created       INTEGER NOT NULL,
  started       INTEGER,
  ended         INTEGER,
  deliver_until INTEGER NOT NULL,
  due           INTEGER
) WITHOUT ROWID;
CREATE INDEX flows_by_org ON flows (org, created, id);
CREATE INDEX flows_by_client ON flows (client, created, id);
CREATE INDEX flows_by_hunt ON flows (hunt, created, id) WHERE hunt IS NOT NULL;
CREATE INDEX flows_live ON flows (client, created, id) WHERE state < 2;
CREATE INDEX flows_due ON flows (due) WHERE due IS NOT NULL;

-- One round of one hunt, as a short number for what there are millions of.
CREATE TABLE hunt_rounds (
  key   INTEGER PRIMARY KEY,
  hunt  BLOB NOT NULL,
  round INTEGER NOT NULL,
  UNIQUE (hunt, round)
);

-- One attempt of one flow that has brought something. `finished` is set with the flow's end.
CREATE TABLE attempts (
  key        INTEGER PRIMARY KEY,
  flow       BLOB NOT NULL,
  attempt    INTEGER NOT NULL,
  client     BLOB NOT NULL,
  hunt_round INTEGER NOT NULL,
  finished   INTEGER NOT NULL,
  logs       INTEGER NOT NULL,
  UNIQUE (flow, attempt)
);
CREATE INDEX attempts_by_hunt ON attempts (hunt_round, finished) WHERE hunt_round > 0;

CREATE TABLE source_names (key INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);

CREATE TABLE attempt_sources (
  attempt INTEGER NOT NULL,
  source  INTEGER NOT NULL,
  batches INTEGER NOT NULL,
  rows    INTEGER NOT NULL,
  columns TEXT NOT NULL,
  PRIMARY KEY (attempt, source)
) WITHOUT ROWID;

-- Rows as they came, a batch in one record: one JSON object a line, compressed when `packed`.
CREATE TABLE batches (
  id         INTEGER PRIMARY KEY,
  attempt    INTEGER NOT NULL,
  hunt_round INTEGER NOT NULL,
  source     INTEGER NOT NULL,
  seq        INTEGER NOT NULL,
  count      INTEGER NOT NULL,
  stored     INTEGER NOT NULL,
  packed     INTEGER NOT NULL,
  body       BLOB NOT NULL
);
CREATE UNIQUE INDEX batches_by_attempt ON batches (attempt, source, seq);
CREATE INDEX batches_by_hunt ON batches (hunt_round, source, id, attempt, count)
  WHERE hunt_round > 0;

CREATE TABLE logs (
  id      INTEGER PRIMARY KEY,
  attempt INTEGER NOT NULL,
  seq     INTEGER NOT NULL,
  count   INTEGER NOT NULL,
  body    TEXT NOT NULL
);
CREATE UNIQUE INDEX logs_by_attempt ON logs (attempt, seq, count);

CREATE TABLE uploads (
  seq      INTEGER PRIMARY KEY,
  id       BLOB NOT NULL UNIQUE,
  client   BLOB NOT NULL,
  attempt  INTEGER NOT NULL,
  number   INTEGER NOT NULL,
  path     TEXT NOT NULL,
  accessor TEXT NOT NULL,
  declared INTEGER NOT NULL,
  size     INTEGER NOT NULL,
  sha256   BLOB,
  stored   INTEGER,
  UNIQUE (attempt, number)
);
CREATE INDEX uploads_open ON uploads (attempt) WHERE sha256 IS NULL;
