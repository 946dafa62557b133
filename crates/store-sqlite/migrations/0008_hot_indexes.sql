-- One index page less for what every client-flow writes: what is live on a client lies apart from what is
-- over in the same index.
DROP INDEX flows_live;
DROP INDEX flows_by_client;
CREATE INDEX flows_by_client ON flows (client, (state < 2), created, id);
