-- Which node has which duty. One process at a time has this file open, so every lease is over when it is
-- opened; the tokens stay.

CREATE TABLE leases (
  duty  TEXT PRIMARY KEY,
  token INTEGER NOT NULL,
  node  BLOB NOT NULL,
  until INTEGER NOT NULL
) WITHOUT ROWID;
