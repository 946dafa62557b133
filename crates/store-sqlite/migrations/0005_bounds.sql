-- Bounds of hunts, their revisions, and the rounds and checkpoints of recurring ones. Whoever deletes a
-- hunt deletes from hunt_revisions, rounds, hunt_spent and checkpoints too.

ALTER TABLE hunts ADD COLUMN paused INTEGER;
ALTER TABLE hunts ADD COLUMN pause_reason TEXT;
ALTER TABLE hunts ADD COLUMN paused_by TEXT;
ALTER TABLE hunts ADD COLUMN gate TEXT NOT NULL DEFAULT 'closed';
ALTER TABLE hunts ADD COLUMN round_started INTEGER;
UPDATE hunts SET round_started = started;

-- For a flow of a recurring hunt: how its windows are cut and where they begin, as JSON.
ALTER TABLE flows ADD COLUMN windows TEXT;

CREATE TABLE hunt_revisions (
  hunt     BLOB NOT NULL,
  revision INTEGER NOT NULL,
  at       INTEGER NOT NULL,
  by       TEXT NOT NULL,
  spec     TEXT NOT NULL,
  PRIMARY KEY (hunt, revision)
) WITHOUT ROWID;
INSERT INTO hunt_revisions SELECT id, revision, created, creator, spec FROM hunts;

-- A round with how many members were admitted, and how many of them wait for another attempt; changed
-- in the transaction of the member. `tick` is set when the round begins.
CREATE TABLE rounds (
  hunt     BLOB NOT NULL,
  round    INTEGER NOT NULL,
  tick     INTEGER,
  admitted INTEGER NOT NULL,
  retrying INTEGER NOT NULL,
  PRIMARY KEY (hunt, round)
) WITHOUT ROWID;
INSERT INTO rounds SELECT id, round, started,
  (SELECT count(*) FROM members WHERE hunt = id AND round = hunts.round AND flow IS NOT NULL),
  (SELECT count(*) FROM members
    WHERE hunt = id AND round = hunts.round AND flow IS NOT NULL AND queue = 1)
  FROM hunts WHERE started IS NOT NULL;

-- What the finished attempts of a hunt have used; changed in the transaction of the flow.
CREATE TABLE hunt_spent (
  hunt         BLOB PRIMARY KEY,
  rows         INTEGER NOT NULL,
  uploads      INTEGER NOT NULL,
  upload_bytes INTEGER NOT NULL,
  cpu_millis   INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO hunt_spent
  SELECT hunt, sum(rows), sum(uploads), sum(upload_bytes), sum(cpu_millis)
  FROM flows WHERE hunt IS NOT NULL AND state = 2 GROUP BY hunt;

-- Up to where a source was read on a client, by the client's clock.
CREATE TABLE checkpoints (
  hunt   BLOB NOT NULL,
  client BLOB NOT NULL,
  source TEXT NOT NULL,
  upto   INTEGER NOT NULL,
  epoch  INTEGER NOT NULL,
  round  INTEGER NOT NULL,
  PRIMARY KEY (hunt, client, source)
) WITHOUT ROWID;

CREATE INDEX member_counts_live ON member_counts (hunt, queue, round) WHERE count > 0;
