-- Where a hunt comes from, when it was over, and the mark of its deletion.

ALTER TABLE hunts ADD COLUMN copied_from TEXT;
ALTER TABLE hunts ADD COLUMN closed INTEGER;
ALTER TABLE hunts ADD COLUMN deleted INTEGER;
CREATE INDEX hunts_deleted ON hunts (deleted) WHERE deleted IS NOT NULL;
-- What was over before this was written down counts from the end of its recruitment.
UPDATE hunts SET closed = ended WHERE state IN ('stopped', 'completed', 'archived');

-- 1: a person put it in, 2: a person took it out.
ALTER TABLE members ADD COLUMN hand INTEGER NOT NULL DEFAULT 0;

-- Lists of host names are looked up by them.
CREATE INDEX clients_by_hostname ON clients (lower(hostname));
CREATE INDEX clients_by_fqdn ON clients (lower(fqdn));

-- The hash that an incoming file was announced with, and who refers to which content.
ALTER TABLE uploads ADD COLUMN announced BLOB;
CREATE INDEX uploads_by_content ON uploads (ifnull(sha256, announced))
  WHERE ifnull(sha256, announced) IS NOT NULL;

-- Content that nobody refers to any more and that is being taken away.
CREATE TABLE condemned (sha256 BLOB PRIMARY KEY) WITHOUT ROWID;
