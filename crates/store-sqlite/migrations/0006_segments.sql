-- Rows of finished attempts leave for segments; here is which segments there are.

-- A batch's number is its arrival number: it must not be given again when the batch has left.
CREATE TABLE batches_kept (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  attempt    INTEGER NOT NULL,
  hunt_round INTEGER NOT NULL,
  source     INTEGER NOT NULL,
  seq        INTEGER NOT NULL,
  count      INTEGER NOT NULL,
  stored     INTEGER NOT NULL,
  packed     INTEGER NOT NULL,
  body       BLOB NOT NULL
);
INSERT INTO batches_kept
  SELECT id, attempt, hunt_round, source, seq, count, stored, packed, body FROM batches ORDER BY id;
DROP TABLE batches;
ALTER TABLE batches_kept RENAME TO batches;
CREATE UNIQUE INDEX batches_by_attempt ON batches (attempt, source, seq);
CREATE INDEX batches_by_hunt ON batches (hunt_round, source, id, attempt, count, stored)
  WHERE hunt_round > 0;

CREATE TABLE segments (
  key        TEXT PRIMARY KEY,
  hunt_round INTEGER NOT NULL,
  source     INTEGER NOT NULL,
  rows       INTEGER NOT NULL,
  batches    INTEGER NOT NULL,
  bytes      INTEGER NOT NULL,
  first      INTEGER NOT NULL,
  last       INTEGER NOT NULL,
  columns    TEXT NOT NULL, -- a JSON list of name and kind
  registered INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX segments_by_hunt ON segments (hunt_round, source, first, key);

-- Keys that are no longer live, or never were: none of them is ever registered. Kept for a while
-- after the object is gone, for whoever still writes one.
CREATE TABLE doomed_segments (
  key    TEXT PRIMARY KEY,
  since  INTEGER NOT NULL,
  erased INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX doomed_segments_waiting ON doomed_segments (since) WHERE erased = 0;

-- The largest number of a writer of segments that was seen.
CREATE TABLE segment_fence (one INTEGER PRIMARY KEY CHECK (one = 1), newest INTEGER NOT NULL);
INSERT INTO segment_fence VALUES (1, 0);
