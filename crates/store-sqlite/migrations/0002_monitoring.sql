-- Monitoring: the table of event artifacts that are wanted, and their rows by day of arrival.

CREATE TABLE monitoring (
  one      INTEGER PRIMARY KEY CHECK (one = 1),
  revision INTEGER NOT NULL,
  entries  TEXT NOT NULL
);
INSERT INTO monitoring VALUES (1, 0, '[]');

-- One run of one source on one client, and the number that its next batch has at least.
CREATE TABLE event_runs (
  client  BLOB NOT NULL,
  source  INTEGER NOT NULL,
  kind    INTEGER NOT NULL,
  run     BLOB NOT NULL,
  next    INTEGER NOT NULL,
  touched INTEGER NOT NULL,
  PRIMARY KEY (client, source, kind, run)
) WITHOUT ROWID;
CREATE INDEX event_runs_by_age ON event_runs (touched);

-- Changed in the transaction of the batch.
CREATE TABLE event_days (
  client  BLOB NOT NULL,
  source  INTEGER NOT NULL,
  kind    INTEGER NOT NULL,
  day     INTEGER NOT NULL,
  rows    INTEGER NOT NULL,
  bytes   INTEGER NOT NULL,
  columns TEXT NOT NULL,
  PRIMARY KEY (client, source, kind, day)
) WITHOUT ROWID;
CREATE INDEX event_days_by_day ON event_days (day);

-- Rows as they came, a batch in one record: on each line the moment by the client's clock, a tab,
-- and one JSON object; compressed when `packed`. Numbers are never given again.
CREATE TABLE event_batches (
  id     INTEGER PRIMARY KEY AUTOINCREMENT,
  client BLOB NOT NULL,
  source INTEGER NOT NULL,
  kind   INTEGER NOT NULL,
  day    INTEGER NOT NULL,
  stored INTEGER NOT NULL,
  count  INTEGER NOT NULL,
  packed INTEGER NOT NULL,
  body   BLOB NOT NULL
);
CREATE INDEX event_batches_by_client ON event_batches (client, source, kind, day, id, stored, count);
CREATE INDEX event_batches_by_source ON event_batches (source, kind, day, id, stored, count);
