//! Looks at every change of the records right when it was made, whoever made it and whether he ever
//! hears of it: the cheap form of the invariants. What it sees it remembers for the end.

use std::collections::BTreeSet;

use base::HuntId;
use hunts::admission::WINDOW;
use hunts::ports::Admissions;
use model::results::AttemptId;
use parking_lot::Mutex;
use testkit::stores::Stores;

use crate::invariants::{check_counters, check_rates};

/// A promise that is broken on purpose, so that the checks can be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planted {
    /// Decisions are acknowledged and never made (E1).
    ForgetsDecisions,
    /// A batch that comes again is stored again (E2).
    StoresTwice,
    /// Admissions are dated as no clock says (E3).
    ForgetsTimes,
    /// Rows are acknowledged and never stored (E4).
    LosesRows,
    /// Clients are asked the server's condition (E5).
    TellsTheCondition,
    /// The end of a hunt is acknowledged and never made (E6).
    NeverEnds,
}

/// What was seen.
pub(crate) struct Watch {
    stores: Stores,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    blame: Option<String>,
    /// Every admission that was made, answered or not.
    made: Vec<Admissions>,
    /// The same as a store counts them: what lies in the future of a clock that steps back, or of a node
    /// whose clock is behind, counts as made now.
    counted: Vec<Admissions>,
    batches: BTreeSet<(AttemptId, String, u64)>,
    steps: u64,
    trace: u64,
}

impl Watch {
    pub(crate) fn new(stores: Stores) -> Self {
        Self { stores, seen: Mutex::default() }
    }

    /// Remembers the first thing that went wrong.
    pub(crate) fn blame(&self, what: String) {
        self.seen.lock().blame.get_or_insert(what);
    }

    pub(crate) fn blamed(&self) -> Option<String> {
        self.seen.lock().blame.clone()
    }

    pub(crate) fn made(&self) -> Vec<Admissions> {
        self.seen.lock().made.clone()
    }

    /// Members that were admitted, attempts counted.
    pub(crate) fn admitted(&self) -> u64 {
        self.seen.lock().made.iter().map(|some| some.count).sum()
    }

    /// Changes that were looked at.
    pub(crate) fn steps(&self) -> u64 {
        self.seen.lock().steps
    }

    /// All that was seen, in order, in one number.
    pub(crate) fn trace(&self) -> u64 {
        self.seen.lock().trace
    }

    /// Something happened.
    pub(crate) fn note(&self, what: &str) {
        let mut seen = self.seen.lock();
        for byte in what.bytes() {
            seen.trace = (seen.trace ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    /// A hunt or something of it was changed: E3 for those who run, E4 for the counters.
    pub(crate) async fn hunt(&self, id: HuntId) {
        self.seen.lock().steps += 1;
        let Ok(Some(hunt)) = self.stores.hunts.get(id).await else { return };
        self.note(&format!("{id} {:?} {:?}", hunt.hunt.state, hunt.counts));
        if let Err(what) = check_counters(&self.stores, &hunt).await {
            self.blame(what);
        }
    }

    /// Members were admitted: E3.
    pub(crate) async fn admission(&self, made: Admissions) {
        let recent = {
            let mut seen = self.seen.lock();
            seen.made.push(made);
            let from = made.at.minus(WINDOW);
            for some in &mut seen.counted {
                some.at = some.at.min(made.at);
            }
            // What is older than any rate asks for may be forgotten, and must not come back when a clock
            // steps back.
            seen.counted.retain(|some| some.at.plus(WINDOW * 2) >= made.at);
            seen.counted.push(made);
            // Only whoever is let in is judged: what others count differently later is no admission.
            let own = |some: &&Admissions| some.hunt == made.hunt && some.at >= from;
            match made.count {
                0 => Vec::new(),
                _ => seen.counted.iter().filter(own).copied().collect::<Vec<_>>(),
            }
        };
        if let Err(what) = check_rates(&self.stores, &recent).await {
            self.blame(what);
        }
        let hunt = self.stores.hunts.get(made.hunt).await.ok().flatten();
        if let Some(why) = hunt.as_ref().and_then(hunts::bounds::over)
            && made.count > 0
        {
            self.blame(format!("E3: {} admitted members although it is over: {why:?}", made.hunt));
        }
        self.hunt(made.hunt).await;
    }

    /// A batch was stored: E2.
    pub(crate) fn batch(&self, attempt: AttemptId, source: &str, seq: u64) {
        let fresh = self.seen.lock().batches.insert((attempt, source.to_owned(), seq));
        if !fresh {
            self.blame(format!("E2: batch {seq} of {source} of {attempt:?} is stored twice"));
        }
    }
}
