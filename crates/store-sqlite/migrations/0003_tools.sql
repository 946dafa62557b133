-- Files that artifacts need on clients; their bytes lie in the folder of uploaded files.

CREATE TABLE tools (
  name     TEXT NOT NULL,
  version  TEXT NOT NULL,
  filename TEXT NOT NULL,
  sha256   BLOB NOT NULL,
  size     INTEGER NOT NULL,
  stored   INTEGER NOT NULL,
  PRIMARY KEY (name, version)
) WITHOUT ROWID;
