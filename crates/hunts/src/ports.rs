//! The records of hunts and their members.

use std::collections::BTreeSet;

use async_trait::async_trait;
use base::{ClientId, FlowId, HuntId, Rate, Timestamp};
use model::bounds::Spent;
use model::duty::Fence;
use model::flow::Flow;
use model::hunt::{EndReason, Hunt, HuntEvent, HuntRevision, HuntSpec, OfferSeq, QueueCounts};
use model::lineage::Lineage;
use model::member::{Member, MemberEvent, MemberQueue, Refusal};
use model::org::{Actor, OrgId};
use model::retry::LimitChange;
use model::store::{Page, Paging, StoreError};
use model::window::Checkpoint;

/// Remembers the hunts.
///
/// # Contract
///
/// - Every method that returned `Ok` is durable: a kill of the process loses nothing of it.
/// - Offer sequence numbers are taken from one record of the whole store, inside the transaction of
///   the change that needs them: their order is the order of commits. They never repeat.
/// - Start, resume after a drain, a new round, and an edit of the condition of a hunt that recruits
///   take a new one; nothing else does.
/// - A stop cancels all pending and running members of all rounds and their flows in its own
///   transaction. The end of recruitment, and the end of the hunt, expire those that nobody will
///   admit ([`crate::membership::is_stranded`]).
/// - A new round expires, in its own transaction, the members of the rounds before that wait or whose
///   flow was not delivered: their clients answer once, in the new round, for the whole stretch. Flows
///   that agents already run go on.
/// - The counts of a hunt are those of its current round, what it has used is that of all rounds.
/// - Every revision is kept with who made it and when, from the first on.
///
/// Every implementation runs `testkit::hunt_suite`.
#[async_trait]
pub trait HuntStore: Send + Sync {
    /// Writes a new draft.
    async fn create(&self, new: &NewHunt) -> Result<Hunt, StoreError>;

    /// Changes what a hunt asks for ([`crate::life::edited`]). [`StoreError::Conflict`] when its
    /// revision is not the one that the edit was made from, or when its state does not allow it.
    async fn edit(&self, edit: &HuntEdit) -> Result<Hunt, StoreError>;

    /// Lets an event move a hunt. [`StoreError::Conflict`] when it is not possible in its state.
    async fn transition(&self, step: &HuntStep) -> Result<Transitioned, StoreError>;

    /// The hunt with this id, and its counts.
    async fn get(&self, id: HuntId) -> Result<Option<HuntSummary>, StoreError>;

    /// Those that match, newest first, a page of them.
    async fn list(&self, query: &HuntList) -> Result<Page<HuntSummary>, StoreError>;

    /// Adds and removes tags; possible in every state, and no new revision. Returns the hunt as it is
    /// now.
    async fn set_tags(&self, id: HuntId, change: &TagChange) -> Result<Hunt, StoreError>;

    /// All hunts that recruit or admit, and the newest offer ever taken: one consistent view.
    async fn active(&self) -> Result<ActiveHunts, StoreError>;

    /// All revisions of a hunt, oldest first. Empty for a hunt that does not exist.
    async fn revisions(&self, id: HuntId) -> Result<Vec<HuntRevision>, StoreError>;

    /// The rounds that a hunt has begun, oldest first, a page of them.
    async fn rounds(&self, id: HuntId, paging: Paging) -> Result<Page<Round>, StoreError>;
}

/// A round of a hunt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Round {
    /// Its number, from 1.
    pub round: u32,
    /// Its tick; the start of the hunt for the first.
    pub tick: Timestamp,
    /// Its queues.
    pub counts: QueueCounts,
}

/// A hunt to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewHunt {
    /// Its id.
    pub id: HuntId,
    /// Its tenant.
    pub org: OrgId,
    /// What it asks for.
    pub spec: HuntSpec,
    /// Who makes it.
    pub by: Actor,
    /// When.
    pub now: Timestamp,
    /// What it is made of, when it is not written anew.
    pub copied_from: Option<Lineage>,
}

/// Which tags to add and which to take away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TagChange {
    /// These are set.
    pub add: BTreeSet<String>,
    /// These are removed; one that is also added stays.
    pub remove: BTreeSet<String>,
}

impl TagChange {
    /// The tags after this change.
    pub fn applied_to(&self, tags: &BTreeSet<String>) -> BTreeSet<String> {
        tags.difference(&self.remove).chain(&self.add).cloned().collect()
    }
}

/// A change of what a hunt asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HuntEdit {
    /// Which hunt.
    pub id: HuntId,
    /// The revision that the editor saw.
    pub revision: u32,
    /// What it asks for from now on.
    pub spec: HuntSpec,
    /// Who edits.
    pub by: Actor,
    /// When.
    pub now: Timestamp,
}

/// An event for a hunt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HuntStep {
    /// Which hunt.
    pub id: HuntId,
    /// What happens to it.
    pub event: HuntEvent,
    /// For an event that ends recruitment: why it does.
    pub reason: EndReason,
    /// Who.
    pub by: Actor,
    /// When.
    pub now: Timestamp,
}

/// What an event did to a hunt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transitioned {
    /// The hunt as it is now.
    pub hunt: Hunt,
    /// Flows that were cancelled or superseded with it; their clients are to be told.
    pub cancelled: Vec<(ClientId, FlowId)>,
}

/// A hunt with the counts of its current round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HuntSummary {
    /// The hunt.
    pub hunt: Hunt,
    /// Its queues.
    pub counts: QueueCounts,
    /// What it has done and used beyond them.
    pub progress: Progress,
}

/// What a hunt has done and used, beyond its queues.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Members of the current round that were admitted at least once.
    pub admitted: u64,
    /// Of these, those that wait for their next attempt.
    pub retrying: u64,
    /// Members of the rounds before that still run.
    pub running_before: u64,
    /// What all finished attempts have used, over all rounds.
    pub spent: Spent,
}

/// All hunts that recruit or admit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActiveHunts {
    /// The hunts.
    pub hunts: Vec<HuntSummary>,
    /// The newest offer ever taken, also by hunts that are over.
    pub newest: OfferSeq,
}

/// Which hunts are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HuntList {
    /// Of this organisation.
    pub org: OrgId,
    /// This text is in the id, the name, the description or an artifact's name; letter case ignored.
    pub text: Option<String>,
    /// In one of these states, by name; empty for any but archived.
    pub states: Vec<&'static str>,
    /// With this tag.
    pub tag: Option<String>,
    /// A page of them.
    pub paging: Paging,
}

impl HuntList {
    /// All hunts of an organisation that are not archived, the first page.
    pub fn of(org: OrgId) -> Self {
        Self { org, text: None, states: Vec::new(), tag: None, paging: Paging::default() }
    }
}

/// Names a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberKey {
    /// Which hunt.
    pub hunt: HuntId,
    /// Which round.
    pub round: u32,
    /// Which client.
    pub client: ClientId,
}

/// Remembers who takes part in which hunt, and why not.
///
/// # Contract
///
/// - Every method that returned `Ok` is durable.
/// - There is at most one record per key.
/// - [`decide`](Self::decide) settles each decision by [`crate::membership::settle`], in one
///   transaction for all of them, with the hunt's counters in it. A repeated decision is `Known`.
/// - Counters always equal a recount, and so does a hunt's progress.
/// - A checkpoint belongs to (hunt, client, source); only the end of a flow moves it.
///
/// Every implementation runs `testkit::hunt_suite`.
#[async_trait]
pub trait MemberStore: Send + Sync {
    /// Records decisions, of one client or of many. The answer has one entry for each, in order.
    async fn decide(
        &self,
        decisions: &[Decision],
        now: Timestamp,
    ) -> Result<Vec<Decided>, StoreError>;

    /// The member with this key.
    async fn member(&self, key: MemberKey) -> Result<Option<Member>, StoreError>;

    /// Those that match, in the order asked for, a page of them.
    async fn members(&self, query: &MemberList) -> Result<Page<Member>, StoreError>;

    /// All hunts that a client has a record in, newest hunt first.
    async fn of_client(&self, client: ClientId, paging: Paging)
    -> Result<Page<Member>, StoreError>;

    /// The counters of a round.
    async fn counts(&self, hunt: HuntId, round: u32) -> Result<QueueCounts, StoreError>;

    /// Counts the members of a round themselves, to compare with the counters.
    async fn recount(&self, hunt: HuntId, round: u32) -> Result<QueueCounts, StoreError>;

    /// What a hunt has done and used, counted from the records of members and flows, to compare with
    /// what is kept.
    async fn recount_progress(&self, hunt: HuntId) -> Result<Progress, StoreError>;

    /// How far the sources of a recurring hunt have been read on one client, by source.
    async fn checkpoints(
        &self,
        hunt: HuntId,
        client: ClientId,
    ) -> Result<Vec<Checkpoint>, StoreError>;

    /// The results queue of a round: which flows brought rows or files, oldest first, a page of it.
    async fn results_queue(
        &self,
        hunt: HuntId,
        round: u32,
        paging: Paging,
    ) -> Result<Page<ResultPointer>, StoreError>;
}

/// Whether a client belongs into a hunt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Of which client, for which hunt and round.
    pub key: MemberKey,
    /// The revision of the condition that was decided.
    pub revision: u32,
    /// The client's recheck mark that it was decided under.
    pub recheck: u64,
    /// `Ok` when it belongs into it.
    pub verdict: Result<(), Refusal>,
}

/// What became of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decided {
    /// The member's record says so now. Holds its queue, which is `Refused` also for a client that
    /// belongs into a hunt which is full.
    Recorded(MemberQueue),
    /// There was a record, and it stays.
    Known,
    /// The condition was changed meanwhile: a newer offer exists and the client will be asked again.
    Superseded,
    /// The hunt does not recruit, not in this round, or is not there any more.
    Closed,
}

/// Which members are wanted. All conditions must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberList {
    /// Of this hunt.
    pub hunt: HuntId,
    /// In this round.
    pub round: u32,
    /// In this queue.
    pub queue: Option<MemberQueue>,
    /// This text is in the client's id or host name, or in the reason; letter case ignored.
    pub text: Option<String>,
    /// In this order.
    pub sort: MemberSort,
    /// The other way round.
    pub descending: bool,
    /// A page of them.
    pub paging: Paging,
}

impl MemberList {
    /// All members of a round, those that changed last first, the first page.
    pub fn of(hunt: HuntId, round: u32) -> Self {
        let (sort, paging) = (MemberSort::Updated, Paging::default());
        Self { hunt, round, queue: None, text: None, sort, descending: true, paging }
    }
}

/// The order of a list of members; ties are broken by client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberSort {
    /// By the client's host name.
    Hostname,
    /// By queue, in the order of [`MemberQueue::ALL`].
    Queue,
    /// By the moment of decision.
    Decided,
    /// By the last change.
    Updated,
}

/// The record in a hunt's results queue that points to a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResultPointer {
    /// Whose flow.
    pub client: ClientId,
    /// The flow.
    pub flow: FlowId,
    /// The attempt that finished.
    pub attempt: u32,
    /// When.
    pub at: Timestamp,
}

/// Starts what was decided, within rate and limits.
///
/// # Contract
///
/// - Every method that returned `Ok` is durable.
/// - [`admit`](Self::admit) is one transaction that looks again at everything: the hunt's state,
///   its rate and limits, the server's ceiling, each member's state. Two managers, or one that was
///   restarted, together never exceed them.
/// - In any 60 seconds, ends included, never more members of a hunt are admitted than its rate;
///   attempts count alike. Times of admission are stored. Should the clock step back, admissions in
///   its future count as made now.
/// - A grant carries a time of [`clock`](Self::clock), so that managers on nodes whose clocks differ
///   count the same minutes.
/// - A first attempt gets a new flow, a later one its flow again ([`crate::membership::flow_for`]);
///   the flow of a recurring hunt begins at its client's checkpoints.
/// - Nobody is admitted into a hunt that has used up a budget or whose clients fail too often, and
///   nobody but its canaries while its gate is closed ([`crate::bounds`]).
/// - A grant whose fence is older than one that was given out for its duty since is
///   [`StoreError::Conflict`] and admits nobody.
/// - Members that wait longest go first. Those decided under a superseded condition are passed
///   over, and those whose client still runs a flow of a round before.
///
/// Every implementation runs `testkit::hunt_suite`.
#[async_trait]
pub trait AdmissionStore: Send + Sync {
    /// The moment by which admissions are dated: the store's own clock where several nodes share it,
    /// otherwise `here`, the caller's.
    async fn clock(&self, here: Timestamp) -> Result<Timestamp, StoreError>;

    /// Moves up to `grant.flow_ids.len()` pending members to running and queues their flows. Returns
    /// the flows.
    async fn admit(&self, grant: &Grant) -> Result<Vec<Flow>, StoreError>;

    /// All admissions since `since`, oldest first. Those that no rate needs any more, older than two
    /// minutes, may be forgotten.
    async fn admissions(&self, since: Timestamp) -> Result<Vec<Admissions>, StoreError>;

    /// Lets a person or the end of a hunt move a member: `Cancel`, `Withdraw`, `Expire` or `Retry`; other events
    /// are [`StoreError::Refused`]. A running member's flow moves with it and is returned when its
    /// client is to be told. An event that changes nothing gives `None` too.
    async fn move_member(
        &self,
        key: MemberKey,
        event: &MemberEvent,
        now: Timestamp,
    ) -> Result<Option<FlowId>, StoreError>;

    /// Lets failed members of the current round wait for another attempt, with other limits if they
    /// are given. Returns how many. [`StoreError::Conflict`] when nobody would admit them.
    async fn retry_failed(&self, wanted: &RetryFailed) -> Result<u64, StoreError>;
}

/// Which failed members a person lets run again, and with which limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryFailed {
    /// Of this hunt.
    pub hunt: HuntId,
    /// Those that failed like this ([`model::flow::FlowFailure::class`]).
    pub class: Option<&'static str>,
    /// This one only.
    pub client: Option<ClientId>,
    /// What their next attempts may use.
    pub limits: LimitChange,
    /// When.
    pub now: Timestamp,
}

/// A leave to admit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Into which hunt.
    pub hunt: HuntId,
    /// Ids for new flows; at most so many members are admitted.
    pub flow_ids: Vec<FlowId>,
    /// How fast the server admits over all hunts.
    pub ceiling: Rate,
    /// The manager's leave to be the manager. `None` where there can be no other one.
    pub fence: Option<Fence>,
    /// When, by the store's [`clock`](AdmissionStore::clock).
    pub now: Timestamp,
}

/// Some members of a hunt that were admitted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admissions {
    /// Into which hunt.
    pub hunt: HuntId,
    /// When.
    pub at: Timestamp,
    /// How many.
    pub count: u64,
}
