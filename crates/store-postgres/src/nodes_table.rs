//! Which servers live, by the database's clock, and who is connected to which.
//!
//! Notes of who came and went are written one call at a time over all servers: a client that comes to
//! two of them at the same moment is displaced from one.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_trait::async_trait;
use base::{ClientId, HuntId, NodeId, SessionId};
use fleet::NodeStore;
use fleet::nodes::{Beat, Displaced, LiveNode, Move, Node, Standing};
use model::store::StoreError;
use tokio_postgres::Row;

use crate::RecordStore;
use crate::columns::Columns;
use crate::failure::{Done, Failure};
use crate::transaction::Question;
use crate::values::{Id, column, int, moment, one, text};

/// Who notes moves: "LYCW".
const MOVES_LOCK: i64 = 0x4c59_4357;

const BURY: &str =
    "DELETE FROM nodes WHERE until <= coalesce($1::bigint, record_now()) RETURNING id";

const BEAT: &str = "INSERT INTO nodes (id, name, version, agents, people, started, clients,
        asked_hunts, asked_counts, heard, until)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9,
        coalesce($11::bigint, record_now()), coalesce($11::bigint, record_now()) + $10)
    ON CONFLICT (id) DO UPDATE SET clients = EXCLUDED.clients,
        asked_hunts = EXCLUDED.asked_hunts, asked_counts = EXCLUDED.asked_counts,
        heard = EXCLUDED.heard, until = EXCLUDED.until
    RETURNING (xmax = 0)";

const LIVE: &str = "WITH clock AS MATERIALIZED (SELECT coalesce($1::bigint, record_now()) AS now)
    SELECT id, name, version, agents, people, started, clients, now - heard,
        asked_hunts, asked_counts
    FROM nodes, clock WHERE until > now ORDER BY id";

const THERE: &str = "SELECT w.client, w.node, w.session FROM whereabouts w
    JOIN nodes n ON n.id = w.node AND n.until > coalesce($1::bigint, record_now())";

const PUT: &str = "INSERT INTO whereabouts (client, node, session)
    SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::bytea[])
    ON CONFLICT (client) DO UPDATE SET node = EXCLUDED.node, session = EXCLUDED.session";

type There = BTreeMap<ClientId, (NodeId, SessionId)>;

fn read_there(row: &Row) -> Done<(ClientId, (NodeId, SessionId))> {
    let mut row = Columns::of(row);
    let client = ClientId::from_bits(row.bits()?);
    Ok((client, (NodeId::from_bits(row.bits()?), SessionId::from_bits(row.bits()?))))
}

fn read_node(row: &Row) -> Done<LiveNode> {
    let mut row = Columns::of(row);
    let node = Node {
        id: NodeId::from_bits(row.bits()?),
        name: row.take()?,
        version: row.take()?,
        agents: row.take()?,
        people: row.take()?,
        started: row.moment()?,
    };
    let clients = row.count()?;
    let silent = Duration::from_micros(row.count()?);
    let (hunts, counts): (Vec<Vec<u8>>, Vec<i64>) = (row.take()?, row.take()?);
    let mut asked = Vec::with_capacity(hunts.len());
    for (hunt, count) in hunts.into_iter().zip(counts) {
        let bits: [u8; 16] = hunt.try_into().map_err(|_| Failure::Unreadable("hunt"))?;
        asked.push((
            HuntId::from_bits(u128::from_be_bytes(bits)),
            u64::try_from(count).unwrap_or(0),
        ));
    }
    Ok(LiveNode { beat: Beat { node, clients, asked }, silent })
}

/// Lets moves happen to who is where; the answer is which sessions are over.
fn happen(there: &mut There, node: NodeId, moves: &[Move]) -> Vec<Displaced> {
    let mut displaced = Vec::new();
    for step in moves {
        match *step {
            Move::Came(client, session) => {
                let before = there.insert(client, (node, session));
                if let Some((other, session)) = before.filter(|(other, _)| *other != node) {
                    displaced.push(Displaced { node: other, client, session });
                }
            }
            Move::Stayed(client, session) => match there.get(&client) {
                Some((other, _)) if *other != node => {
                    displaced.push(Displaced { node, client, session });
                }
                Some(_) | None => {
                    there.insert(client, (node, session));
                }
            },
            Move::Left(client, session) => {
                if there.get(&client) == Some(&(node, session)) {
                    there.remove(&client);
                }
            }
        }
    }
    displaced
}

#[async_trait]
impl NodeStore for RecordStore {
    async fn beat(&self, beat: &Beat, life: Duration) -> Result<Standing, StoreError> {
        let micros = i64::try_from(life.as_micros()).unwrap_or(i64::MAX / 4);
        self.step("give a sign of life", |lent| async move {
            let bury = Question::new(BURY, vec![one(self.replaced_clock())]);
            let answers = lent.begin(vec![bury]).await?;
            let mut dead = Vec::new();
            for row in &answers[0] {
                dead.push(Id(Columns::of(row).bits()?));
            }
            let Node { id, name, version, agents, people, started } = &beat.node;
            let values = vec![
                one(Id(id.bits())),
                text(name),
                text(version),
                text(agents),
                text(people),
                moment(*started),
                one(int(beat.clients)),
                column(&beat.asked, |(hunt, _)| Id(hunt.bits())),
                column(&beat.asked, |(_, count)| int(*count)),
                one(micros),
                one(self.replaced_clock()),
            ];
            let mut questions = vec![Question::new(BEAT, values)];
            if !dead.is_empty() {
                let forget = "DELETE FROM whereabouts WHERE node = ANY($1)";
                questions.push(Question::new(forget, vec![one(dead)]));
            }
            let answers = lent.ask(questions).await?;
            let is_new: bool = match answers[0].first() {
                Some(row) => Columns::of(row).take()?,
                None => true,
            };
            lent.commit(Vec::new()).await?;
            Ok(if is_new { Standing::New } else { Standing::Known })
        })
        .await
    }

    async fn leave(&self, node: NodeId) -> Result<(), StoreError> {
        let of = || vec![one(Id(node.bits()))];
        self.step("forget a node", |lent| async move {
            lent.begin(Vec::new()).await?;
            let forget = [
                Question::new("DELETE FROM nodes WHERE id = $1", of()),
                Question::new("DELETE FROM whereabouts WHERE node = $1", of()),
            ];
            lent.commit(forget.into()).await
        })
        .await
    }

    async fn nodes(&self) -> Result<Vec<LiveNode>, StoreError> {
        let live = Question::new(LIVE, vec![one(self.replaced_clock())]);
        self.read("read the nodes", |db| async move {
            live.rows(&db).await?.iter().map(read_node).collect()
        })
        .await
    }

    async fn moved(&self, node: NodeId, moves: &[Move]) -> Result<Vec<Displaced>, StoreError> {
        let clients: BTreeSet<ClientId> = moves
            .iter()
            .map(|step| match step {
                Move::Came(client, _) | Move::Stayed(client, _) | Move::Left(client, _) => *client,
            })
            .collect();
        let clients = &clients;
        self.step("note who came and went", |lent| async move {
            let lock = "SELECT pg_advisory_xact_lock($1)";
            let whose = column(clients, |client| Id(client.bits()));
            let look = format!("{THERE} WHERE w.client = ANY($2)");
            let questions = vec![
                Question::new(lock, vec![one(MOVES_LOCK)]),
                Question::new(look, vec![one(self.replaced_clock()), whose]),
            ];
            let answers = lent.begin(questions).await?;
            let before = answers[1].iter().map(read_there).collect::<Done<There>>()?;
            let mut after = before.clone();
            let displaced = happen(&mut after, node, moves);
            let gone: Vec<Id> = clients
                .iter()
                .filter(|client| !after.contains_key(client))
                .map(|client| Id(client.bits()))
                .collect();
            let put: Vec<_> =
                after.iter().filter(|(client, at)| before.get(client) != Some(at)).collect();
            let mut writes = Vec::new();
            if !gone.is_empty() {
                let sql = "DELETE FROM whereabouts WHERE client = ANY($1)";
                writes.push(Question::new(sql, vec![one(gone)]));
            }
            if !put.is_empty() {
                let values = vec![
                    column(&put, |(client, _)| Id(client.bits())),
                    column(&put, |(_, (node, _))| Id(node.bits())),
                    column(&put, |(_, (_, session))| Id(session.bits())),
                ];
                writes.push(Question::new(PUT, values));
            }
            lent.commit(writes).await?;
            Ok(displaced)
        })
        .await
    }

    async fn whereabouts(&self) -> Result<Vec<(ClientId, NodeId)>, StoreError> {
        let there = Question::new(THERE, vec![one(self.replaced_clock())]);
        self.read("read who is connected where", |db| async move {
            let rows = there.rows(&db).await?;
            let pair = |row: &Row| read_there(row).map(|(client, (node, _))| (client, node));
            rows.iter().map(pair).collect()
        })
        .await
    }
}
