-- Which servers live and who is connected to which. Not logged: servers say it all again, and a crash of
-- the database ends every session anyway as far as these tables know.

CREATE UNLOGGED TABLE nodes (
    id bytea PRIMARY KEY,
    name text NOT NULL,
    version text NOT NULL,
    agents text NOT NULL,
    people text NOT NULL,
    started bigint NOT NULL,
    clients bigint NOT NULL,
    asked_hunts bytea[] NOT NULL,
    asked_counts bigint[] NOT NULL,
    heard bigint NOT NULL,
    until bigint NOT NULL
) WITH (fillfactor = 20);

CREATE UNLOGGED TABLE whereabouts (
    client bytea PRIMARY KEY,
    node bytea NOT NULL,
    session bytea NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX whereabouts_by_node ON whereabouts (node);
