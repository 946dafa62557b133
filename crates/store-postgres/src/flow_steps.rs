//! Moves flows, and with each its member, its hunt's counters and its client's checkpoints.
//!
//! Steps of several flows become one transaction: the flows are locked in the order of their ids, then
//! their members in the order of their keys, and [`flows::life::after`] decides each step in turn.

use std::collections::{BTreeMap, BTreeSet};

use base::{ClientId, FlowId, HuntId};
use flows::life::after;
use flows::ports::{Applied, FlowStep};
use hunts::membership::after_flow;
use hunts::ports::MemberKey;
use model::flow::{Flow, FlowEvent, FlowOrigin, FlowState};
use model::member::Member;
use model::store::StoreError;
use model::window::{Checkpoint, advanced};
use tokio_postgres::Row;

use crate::RecordStore;
use crate::columns::{Columns, clean};
use crate::failure::Done;
use crate::flows_table::{lock, read_flow, update};
use crate::members_write::{MEMBER, MemberChanges, read_member};
use crate::transaction::{Lent, Question};
use crate::values::{Id, column};

/// The members that these flows belong to, locked in the order of their keys.
fn lock_members(ids: &[FlowId]) -> Question {
    let sql = format!(
        "SELECT {MEMBER} FROM flows f JOIN members m
             ON m.hunt = f.hunt AND m.round = f.round AND m.client = f.client
         WHERE f.id = ANY($1) ORDER BY m.hunt, m.round, m.client FOR NO KEY UPDATE OF m"
    );
    Question::new(sql, vec![column(ids, |id| Id(id.bits()))])
}

/// Which of the flows' hunts are in which round.
fn rounds_of(ids: &[FlowId]) -> Question {
    let sql = "SELECT DISTINCT h.id, h.round FROM flows f JOIN hunts h ON h.id = f.hunt
        WHERE f.id = ANY($1)";
    Question::new(sql, vec![column(ids, |id| Id(id.bits()))])
}

/// How far the sources of the flows' hunts were read on their clients.
fn checkpoints_of(ids: &[FlowId]) -> Question {
    let sql = format!(
        "SELECT {CHECKPOINT}, c.hunt, c.client FROM flows f JOIN checkpoints c
             ON c.hunt = f.hunt AND c.client = f.client WHERE f.id = ANY($1)"
    );
    Question::new(sql, vec![column(ids, |id| Id(id.bits()))])
}

/// The columns of a checkpoint, in the order of [`checkpoint_of`].
pub(crate) const CHECKPOINT: &str = "c.source, c.upto, c.epoch, c.round";

/// Reads a checkpoint.
pub(crate) fn checkpoint_of(row: &mut Columns<'_>) -> Done<Checkpoint> {
    Ok(Checkpoint {
        source: row.take()?,
        upto: row.moment()?,
        epoch: row.small()?,
        round: row.small()?,
    })
}

const PUT_CHECKPOINTS: &str = "INSERT INTO checkpoints (hunt, client, source, upto, epoch, round)
    SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::text[], $4::bigint[], $5::bigint[],
        $6::bigint[])
    ON CONFLICT (hunt, client, source) DO UPDATE SET upto = EXCLUDED.upto,
        epoch = EXCLUDED.epoch, round = EXCLUDED.round";

/// Whose checkpoint, by source.
type Mark = (HuntId, ClientId, String);

/// What steps start from and what becomes of it.
pub(crate) struct Work {
    flows: BTreeMap<FlowId, Flow>,
    members: MemberChanges,
    rounds: BTreeMap<HuntId, u32>,
    marks: BTreeMap<Mark, Checkpoint>,
    moved: BTreeSet<FlowId>,
    relimited: BTreeSet<FlowId>,
    marked: BTreeSet<Mark>,
}

/// What has to be known for steps of flows.
pub(crate) struct Wanted {
    pub(crate) flows: BTreeSet<FlowId>,
    /// Some may end: their members follow.
    pub(crate) ends: bool,
    /// Some may be repeated, if their hunt is still in their round.
    pub(crate) retries: bool,
    /// Some may say how far they have read.
    pub(crate) reads: bool,
}

impl Wanted {
    fn by(steps: &[FlowStep]) -> Self {
        // A receipt ends nothing, so that no member follows it.
        let ends = steps.iter().any(|step| !matches!(step.event, FlowEvent::Delivered { .. }));
        Self {
            flows: steps.iter().map(|step| step.flow).collect(),
            ends,
            retries: ends && steps.iter().any(|step| step.retry),
            reads: steps.iter().any(|step| !step.windows.is_empty()),
        }
    }
}

impl Work {
    /// Begins the transaction with what is wanted and with more questions; gives the answers of these.
    pub(crate) async fn load(
        lent: &Lent,
        wanted: &Wanted,
        more: Vec<Question>,
    ) -> Done<(Self, Vec<Vec<Row>>)> {
        let ids: Vec<FlowId> = wanted.flows.iter().copied().collect();
        let Wanted { ends, retries, reads, .. } = *wanted;
        let mut questions = vec![lock(&ids)];
        let others = [(ends, lock_members as fn(&[FlowId]) -> Question), (retries, rounds_of)];
        for (wanted, question) in others.into_iter().chain([(reads, checkpoints_of as _)]) {
            if wanted {
                questions.push(question(&ids));
            }
        }
        questions.extend(more);
        let mut answers = lent.begin(questions).await?.into_iter();
        let mut next = |wanted: bool| -> Vec<Row> {
            if wanted { answers.next().unwrap_or_default() } else { Vec::new() }
        };
        let flows = next(true).iter().map(read_flow).collect::<Done<Vec<Flow>>>()?;
        let members = next(ends).iter().map(read_member).collect::<Done<Vec<Member>>>()?;
        let mut rounds = BTreeMap::new();
        for row in &next(retries) {
            let mut row = Columns::of(row);
            rounds.insert(HuntId::from_bits(row.bits()?), row.small()?);
        }
        let mut marks = BTreeMap::new();
        for row in &next(reads) {
            let mut row = Columns::of(row);
            let mark = checkpoint_of(&mut row)?;
            let (hunt, client) = (HuntId::from_bits(row.bits()?), ClientId::from_bits(row.bits()?));
            marks.insert((hunt, client, mark.source.clone()), mark);
        }
        let work = Self {
            flows: flows.into_iter().map(|flow| (flow.id, flow)).collect(),
            members: MemberChanges::of(members),
            rounds,
            marks,
            moved: BTreeSet::new(),
            relimited: BTreeSet::new(),
            marked: BTreeSet::new(),
        };
        Ok((work, answers.collect()))
    }

    /// A flow as it stands.
    pub(crate) fn flow(&self, id: FlowId) -> Option<&Flow> {
        self.flows.get(&id)
    }

    /// Whether there is anything to write.
    pub(crate) fn has_moved(&self) -> bool {
        !self.moved.is_empty()
    }

    /// Applies a step.
    pub(crate) fn apply(&mut self, step: &FlowStep) -> Result<Applied, StoreError> {
        let unknown = || StoreError::not_found(format!("flow {}", step.flow));
        let flow = self.flows.get(&step.flow).ok_or_else(unknown)?;
        let Some(moved) = after(flow, &step.event, step.retry, step.now) else {
            return Ok(Applied { flow: flow.clone(), moved: false });
        };
        if moved.limits != flow.limits {
            self.relimited.insert(moved.id);
        }
        self.moved.insert(moved.id);
        if let FlowOrigin::Hunt { hunt, round } = moved.origin {
            self.note_end((hunt, round), &moved, step);
            self.follow((hunt, round), &moved, step);
        }
        self.flows.insert(moved.id, moved.clone());
        Ok(Applied { flow: moved, moved: true })
    }

    /// What a flow of a hunt that has finished used and read.
    fn note_end(&mut self, (hunt, round): (HuntId, u32), flow: &Flow, step: &FlowStep) {
        let FlowState::Done(brought) = &flow.life.state else { return };
        self.members.spend(hunt, flow.client, brought);
        if flow.window.is_none() {
            return;
        }
        for read in &step.windows {
            let mark = (hunt, flow.client, clean(&read.source));
            if let Some(next) = advanced(self.marks.get(&mark), read, round) {
                self.marks.insert(mark.clone(), next);
                self.marked.insert(mark);
            }
        }
    }

    /// Moves the member of a flow that is over.
    fn follow(&mut self, (hunt, round): (HuntId, u32), flow: &Flow, step: &FlowStep) {
        if !flow.life.is_over() {
            return;
        }
        let key = MemberKey { hunt, round, client: flow.client };
        let retry = step.retry && self.rounds.get(&hunt) == Some(&round);
        let Some(member) = self.members.find(&key) else { return };
        if let Some(moved) = after_flow(member, flow, retry, step.now) {
            self.members.put(moved);
        }
    }

    /// What is to be written.
    pub(crate) async fn writes(&self, store: &RecordStore, lent: &Lent) -> Done<Vec<Question>> {
        let mut moved = Vec::with_capacity(self.moved.len());
        for id in &self.moved {
            let Some(flow) = self.flows.get(id) else { continue };
            let ask = match self.relimited.contains(id) {
                true => Some(store.ask_within(lent, flow).await?),
                false => None,
            };
            moved.push((flow, ask));
        }
        let mut writes = vec![update(&moved)];
        let marks = || self.marked.iter().filter_map(|mark| Some((mark, self.marks.get(mark)?)));
        if !self.marked.is_empty() {
            let all: Vec<_> = marks().collect();
            let values = vec![
                column(&all, |((hunt, _, _), _)| Id(hunt.bits())),
                column(&all, |((_, client, _), _)| Id(client.bits())),
                column(&all, |((_, _, source), _)| source.clone()),
                column(&all, |(_, mark)| mark.upto.as_micros()),
                column(&all, |(_, mark)| i64::from(mark.epoch)),
                column(&all, |(_, mark)| i64::from(mark.round)),
            ];
            writes.push(Question::new(PUT_CHECKPOINTS, values));
        }
        writes.extend(self.members.writes());
        Ok(writes)
    }
}

/// Applies steps in order. One whose flow is not known disturbs no other.
pub(crate) async fn apply_all(
    store: &RecordStore,
    lent: Lent,
    steps: &[FlowStep],
) -> Done<Vec<Result<Applied, StoreError>>> {
    let (mut work, _) = Work::load(&lent, &Wanted::by(steps), Vec::new()).await?;
    let outcomes = steps.iter().map(|step| work.apply(step)).collect();
    if !work.has_moved() {
        lent.roll_back().await?;
        return Ok(outcomes);
    }
    let writes = work.writes(store, &lent).await?;
    lent.commit(writes).await?;
    Ok(outcomes)
}
