//! CheckHuntCondition: what is asked of an agent, and what is done with its answers.

use base::ClientId;
use hunts::asked::Asked;
use hunts::decide::{QueryAnswer, QueryFailure};
use hunts::foreman::{Foreman, Newer, Offer};
use hunts::ports::Decided;
use hunts::steer::{self, CheckAnswer, PollAnswer};
use model::client::Client;
use model::hunt::OfferSeq;
use model::store::StoreError;
use wire::{Check, CheckFailure, ClientQuery, CursorAck, OfferAnswer, OfferId};

use crate::core::Core;
use crate::live::Touched;

/// What one client query may use on the client.
const QUERY_MILLIS_MAX: u32 = 10_000;
const QUERY_ROWS_MAX: u32 = 1_000;
const QUERY_BYTES_MAX: u32 = 900 << 10;
/// Bytes of rows of one answer over all its parts.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// Where an agent stands, as it says when it polls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Polled {
    /// Its cursor.
    pub(crate) cursor: OfferSeq,
    /// The recheck mark under which it polls.
    pub(crate) recheck: u64,
}

/// What it is told.
pub(crate) enum PollReply {
    /// It may keep this.
    Keep(CursorAck),
    /// It is to answer this.
    Ask(Check),
}

/// Answers a poll that is not up to date.
pub(crate) async fn answer_poll(
    core: &Core,
    foreman: &Foreman,
    client: &Client,
    polled: Polled,
) -> Result<PollReply, StoreError> {
    let (now, recheck) = (core.clock.now(), polled.recheck);
    let keep = |cursor: OfferSeq| PollReply::Keep(CursorAck { cursor: cursor.0, recheck });
    let members = &*core.ports.members;
    Ok(match steer::answer_poll(members, foreman, polled.cursor, client, now).await? {
        PollAnswer::UpToDate => keep(polled.cursor),
        PollAnswer::Keep(snapshot) => keep(snapshot),
        PollAnswer::Ask(newer) => PollReply::Ask(ask(core, client.id, &newer)),
    })
}

/// What a client is asked for this, noted as under way.
pub(crate) fn ask(core: &Core, client: ClientId, newer: &Newer) -> Check {
    touch_refused(core, newer);
    question(core.hall.ask(client, newer), newer)
}

fn touch_refused(core: &Core, newer: &Newer) {
    for decision in &newer.decided {
        core.live.touch(Touched::Hunt(decision.key.hunt));
    }
    for offer in newer.queries.iter().flat_map(|query| &query.offers) {
        core.live.touch(Touched::Hunt(offer.hunt));
    }
}

fn question(check: u64, newer: &Newer) -> Check {
    let offer = |offer: &Offer| {
        let Offer { hunt, round, revision } = *offer;
        OfferId { hunt, round, revision }.into()
    };
    let query = |query: &hunts::foreman::ClientQuery| ClientQuery {
        vql: query.vql.clone(),
        offers: query.offers.iter().map(offer).collect(),
        timeout_millis: QUERY_MILLIS_MAX,
        rows_max: QUERY_ROWS_MAX,
        bytes_max: QUERY_BYTES_MAX,
    };
    Check { check, snapshot: newer.snapshot.0, queries: newer.queries.iter().map(query).collect() }
}

/// Keeps a part of an answer until its last part comes. Rows beyond what one answer may have refuse
/// their own hunts only.
pub(crate) fn keep_part(parts: &mut Vec<QueryAnswer>, bytes: &mut usize, said: Vec<OfferAnswer>) {
    for answer in said {
        let offers = answer.offers.iter().map(|id| {
            let OfferId { hunt, round, revision } = *id;
            Offer { hunt, round, revision }
        });
        let size = answer.outcome.as_ref().map_or(0, |rows| rows.iter().map(String::len).sum());
        *bytes += size;
        let rows = match answer.outcome {
            Ok(_) if *bytes > ANSWER_BYTES_MAX => {
                Err(QueryFailure::Failed("the answer has too many bytes of rows".to_owned()))
            }
            Ok(rows) => Ok(rows),
            Err(CheckFailure::Failed(why)) => Err(QueryFailure::Failed(why)),
            Err(CheckFailure::Crashed) => Err(QueryFailure::Crashed),
        };
        parts.push(QueryAnswer { offers: offers.collect(), rows });
    }
}

/// Decides an answer; when that is durable, says how far the agent's cursor may move.
pub(crate) async fn take_answer(
    core: &Core,
    client: &Client,
    asked: &Asked,
    answers: &[QueryAnswer],
    recheck: u64,
) -> Result<CursorAck, StoreError> {
    let foreman = core.hall.foreman();
    let answer = CheckAnswer { client, asked, answers, recheck };
    let (members, judge, now) = (&*core.ports.members, &*core.judge, core.clock.now());
    let taken = steer::take_answer(members, judge, &foreman, answer, now).await?;
    answered(core, client.id, asked);
    if taken.decided.iter().any(|(_, decided)| matches!(decided, Decided::Recorded(_))) {
        core.manager_wake.notify_one();
    }
    Ok(CursorAck { cursor: taken.cursor.0, recheck })
}

fn answered(core: &Core, client: ClientId, asked: &Asked) {
    core.hall.answered(client);
    for offer in &asked.offers {
        core.live.touch(Touched::Hunt(offer.hunt));
    }
}
