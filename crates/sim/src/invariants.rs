//! E1 to E6 of endpoint hunts, as questions to the stores and to the agents.

use std::collections::{BTreeMap, BTreeSet};

use base::{HuntId, Rate, Timestamp};
use hunts::admission::WINDOW;
use hunts::ports::{Admissions, HuntSummary, MemberKey, MemberList};
use model::flow::{Flow, FlowState};
use model::hunt::{HuntState, OfferSeq};
use model::member::{Member, MemberState};
use model::org::OrgId;
use model::results::{AttemptId, ResultQuery, ResultScope};
use model::store::Paging;
use testkit::stores::Stores;

use crate::server::CEILING;

/// What must still be there when it was there once.
#[derive(Default)]
pub(crate) struct Memory {
    members: BTreeSet<MemberKey>,
}

/// What an agent did, as far as the checks want to know.
pub(crate) struct Witness<'a> {
    pub(crate) client: base::ClientId,
    pub(crate) number: u64,
    /// The cursor that it keeps.
    pub(crate) cursor: OfferSeq,
    /// Attempts whose evaluation it ended by itself.
    pub(crate) finished: &'a BTreeSet<AttemptId>,
    /// Batches that were acknowledged as stored.
    pub(crate) acknowledged: &'a BTreeMap<(AttemptId, String), u64>,
}

type Checked = Result<(), String>;

fn must(holds: bool, what: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(what()) }
}

/// Checks everything that must hold at any time.
pub(crate) async fn check_always(
    stores: &Stores,
    hunts: &[HuntId],
    agents: &[Witness<'_>],
    memory: &mut Memory,
    now: Timestamp,
) -> Checked {
    for id in hunts {
        let Some(hunt) = stores.hunts.get(*id).await.map_err(|error| error.to_string())? else {
            continue;
        };
        let members = members_of(stores, *id).await?;
        check_counters(stores, &hunt).await?;
        check_asked(&hunt, &members, agents, now)?;
        check_flows(stores, &hunt, &members).await?;
        check_rows(stores, &hunt, agents).await?;
        let keys: BTreeSet<MemberKey> = members.values().map(key_of).collect();
        memory.members.retain(|key| key.hunt != *id || !keys.contains(key));
        let lost = memory.members.iter().find(|key| key.hunt == *id);
        must(lost.is_none(), || format!("E4: member {lost:?} was lost"))?;
        memory.members.extend(keys);
    }
    check_acknowledged(stores, agents).await
}

fn key_of(member: &Member) -> MemberKey {
    MemberKey { hunt: member.hunt, round: member.round, client: member.client }
}

type Members = BTreeMap<base::ClientId, Member>;

async fn members_of(stores: &Stores, hunt: HuntId) -> Result<Members, String> {
    let query = MemberList { paging: Paging::ALL, ..MemberList::of(hunt, 1) };
    let page = stores.members.members(&query).await.map_err(|error| error.to_string())?;
    let total = page.items.len();
    let members: Members = page.items.into_iter().map(|member| (member.client, member)).collect();
    must(members.len() == total, || format!("E1: a client has two records in {hunt}"))?;
    Ok(members)
}

pub(crate) async fn check_counters(stores: &Stores, hunt: &HuntSummary) -> Checked {
    let id = hunt.hunt.id;
    let recount = stores.members.recount(id, 1).await.map_err(|error| error.to_string())?;
    must(hunt.counts == recount, || {
        format!("E4: counters of {id} are {:?}, a recount gives {recount:?}", hunt.counts)
    })?;
    let progress = stores.members.recount_progress(id).await.map_err(|error| error.to_string())?;
    must(hunt.progress == progress, || {
        format!("E4: progress of {id} is {:?}, a recount gives {progress:?}", hunt.progress)
    })?;
    if let Some(canary) = hunt.hunt.canary() {
        must(progress.admitted <= canary.clients, || {
            format!("E3: {} canaries of {id} were admitted, {canary:?}", progress.admitted)
        })?;
    }
    let max = hunt.hunt.spec.limits.running_max;
    must(max == 0 || recount.running <= max, || {
        format!("E3: {} members of {id} run, {max} may", recount.running)
    })?;
    let max = hunt.hunt.spec.limits.clients_max;
    must(max == 0 || recount.recruited() <= max, || {
        format!("{} members of {id} were recruited, {max} may", recount.recruited())
    })
}

/// E1: a cursor that was acknowledged lies above no offer that was not decided.
fn check_asked(
    hunt: &HuntSummary,
    members: &Members,
    agents: &[Witness<'_>],
    now: Timestamp,
) -> Checked {
    let HuntSummary { hunt, .. } = hunt;
    if !hunt.state.recruits() || hunt.expires().is_some_and(|end| end <= now) {
        return Ok(());
    }
    for agent in agents.iter().filter(|agent| agent.cursor >= hunt.offer) {
        let member = members.get(&agent.client);
        let decided = member.is_some_and(|member| {
            let waits = matches!(member.state, MemberState::Pending | MemberState::Refused(_));
            !waits || member.flow.is_some() || member.revision >= hunt.condition_revision
        });
        must(decided, || {
            format!(
                "E1: agent {} is through with offer {:?} of {} (condition of revision {}) but has {member:?}",
                agent.number, hunt.offer, hunt.id, hunt.condition_revision
            )
        })?;
    }
    Ok(())
}

async fn flows_of(stores: &Stores, hunt: HuntId) -> Result<Vec<Flow>, String> {
    let mut query = flows::ports::FlowList::of(OrgId::default());
    query.hunt = Some(hunt);
    query.paging = Paging::ALL;
    Ok(stores.flows.list(&query).await.map_err(|error| error.to_string())?.items)
}

/// E2: a member has one flow at most, and both agree on where they are.
async fn check_flows(stores: &Stores, hunt: &HuntSummary, members: &Members) -> Checked {
    let id = hunt.hunt.id;
    let mut seen = BTreeSet::new();
    for flow in flows_of(stores, id).await? {
        must(seen.insert(flow.client), || format!("E2: {} has two flows in {id}", flow.client))?;
        let member = members.get(&flow.client);
        let agrees = member.is_some_and(|member| {
            let same_attempt = member.attempt == flow.life.attempt;
            member.flow == Some(flow.id)
                && match (&member.state, &flow.life.state) {
                    (MemberState::Running, FlowState::Queued | FlowState::Running) => same_attempt,
                    (MemberState::Results(a), FlowState::Done(b)) => a == b && same_attempt,
                    (MemberState::Completed, FlowState::Done(brought)) => !brought.has_results(),
                    (MemberState::Failed(a), FlowState::Failed(b)) => a == b && same_attempt,
                    (MemberState::Pending, FlowState::Failed(_)) => {
                        member.attempt == flow.life.attempt + 1
                    }
                    (MemberState::Cancelled, FlowState::Cancelled) => true,
                    // Cancelled or over while it waited for its next attempt.
                    (MemberState::Cancelled | MemberState::Expired, FlowState::Failed(_)) => true,
                    (MemberState::Expired, FlowState::Expired) => true,
                    _ => false,
                }
        });
        must(agrees, || format!("E2: flow {flow:?} and member {member:?} disagree"))?;
    }
    Ok(())
}

/// E2: a hunt's rows are those of finished attempts, each once.
async fn check_rows(stores: &Stores, hunt: &HuntSummary, agents: &[Witness<'_>]) -> Checked {
    let scope = ResultScope::Hunt { hunt: hunt.hunt.id, round: 1 };
    let query = ResultQuery {
        scope,
        source: None,
        search: None,
        filters: Vec::new(),
        sort: None,
        offset: 0,
        limit: 1_000_000,
    };
    let page = stores.results.page(&query).await.map_err(|error| error.to_string())?;
    let mut seen = BTreeSet::new();
    for row in &page.rows {
        must(seen.insert((row.flow, &row.json)), || format!("E2: row {row:?} is stored twice"))?;
        let agent = agents.iter().find(|agent| agent.client == row.client);
        let mine = |attempt: &&AttemptId| attempt.flow == row.flow;
        let finished = agent.into_iter().flat_map(|agent| agent.finished.iter().filter(mine));
        let of_finished = finished
            .map(|attempt| format!("\"try\":{},", attempt.attempt))
            .any(|mark| row.json.contains(&mark));
        must(of_finished, || format!("E2: row {row:?} is of an attempt that never finished"))?;
    }
    let tries: BTreeSet<(base::ClientId, &str)> = page
        .rows
        .iter()
        .map(|row| (row.client, row.json.split("\"try\":").nth(1).unwrap_or("")))
        .map(|(client, rest)| (client, rest.split(',').next().unwrap_or("")))
        .collect();
    let clients: BTreeSet<base::ClientId> = page.rows.iter().map(|row| row.client).collect();
    must(tries.len() == clients.len(), || "E2: rows of two attempts are mixed".to_owned())?;
    let recount = stores.results.recount(scope).await.map_err(|error| error.to_string())?;
    let same = recount.declared == recount.counted && recount.kept == recount.counted;
    must(same, || format!("E4: rows of {}: {recount:?}", hunt.hunt.id))
}

/// E4: no acknowledged row is lost.
async fn check_acknowledged(stores: &Stores, agents: &[Witness<'_>]) -> Checked {
    for agent in agents {
        for ((attempt, source), batches) in agent.acknowledged {
            let tally =
                stores.results.received(*attempt).await.map_err(|error| error.to_string())?;
            let kept = tally.sources.get(source).map_or(0, |count| count.batches);
            must(kept >= *batches, || {
                format!("E4: {batches} batches of {attempt:?} {source} acknowledged, {kept} kept")
            })?;
        }
    }
    Ok(())
}

/// E3: in any 60 seconds never more admissions than the rate.
pub(crate) async fn check_rates(stores: &Stores, made: &[Admissions]) -> Checked {
    check_rate("the server", CEILING, made)?;
    let hunts: BTreeSet<HuntId> = made.iter().map(|some| some.hunt).collect();
    for id in hunts {
        let hunt = stores.hunts.get(id).await.map_err(|error| error.to_string())?;
        let Some(hunt) = hunt else { continue };
        let own: Vec<Admissions> = made.iter().filter(|some| some.hunt == id).copied().collect();
        check_rate(&format!("hunt {id}"), hunt.hunt.spec.rate, &own)?;
    }
    Ok(())
}

fn check_rate(whose: &str, rate: Rate, made: &[Admissions]) -> Checked {
    let Rate::PerMinute(rate) = rate else { return Ok(()) };
    for first in made {
        let end = first.at.plus(WINDOW);
        let within = made.iter().filter(|some| first.at <= some.at && some.at <= end);
        let count: u64 = within.map(|some| some.count).sum();
        must(count <= u64::from(rate), || {
            format!("E3: {whose} admitted {count} in the minute from {}, {rate} may", first.at)
        })?;
    }
    Ok(())
}

/// E6: what has ended leaves nobody behind.
pub(crate) async fn check_ended(stores: &Stores, hunts: &[HuntId]) -> Checked {
    for id in hunts {
        let hunt = stores.hunts.get(*id).await.map_err(|error| error.to_string())?;
        let Some(HuntSummary { hunt, counts, .. }) = hunt else { continue };
        let over =
            matches!(hunt.state, HuntState::Completed | HuntState::Stopped | HuntState::Draft);
        must(over && counts.pending + counts.running == 0, || {
            format!("E6: {id} is {} with {counts:?}", hunt.state.name())
        })?;
    }
    Ok(())
}
