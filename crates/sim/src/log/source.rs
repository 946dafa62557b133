//! A tenant's logs: planted rows that become visible in their own time, late, out of order, with no
//! time or a future one, in equal copies; that expire, and that a restored backup loses.
//!
//! It remembers every read, so that the oracle knows what could be seen when.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use base::{Clock, Entropy, Timestamp};
use loghunt::engine::{Description, Horizon, Match};
use model::log::{Domain, Position, TenantName, Window};
use parking_lot::Mutex;
use rows::Row;
use testkit::stores::pick;

use super::time::{TrueTime, WrongClock};

/// Three of one user within a span are what the windowed rule looks for.
pub(crate) const THRESHOLD: usize = 3;

/// For so long a row may have been taken and cannot be seen yet.
pub(crate) const OPEN_MAX: Duration = Duration::from_secs(1800);

/// Something that happened, and when which clock saw it.
#[derive(Clone, Debug)]
pub(crate) struct Planted {
    /// Tells what happened apart; copies of one row share it.
    pub(crate) number: i64,
    pub(crate) event: Option<Timestamp>,
    pub(crate) ingest: Timestamp,
    pub(crate) seq: i64,
    /// From then on it is in answers.
    pub(crate) visible: Timestamp,
    /// From then on it no longer is: a backup without it was restored.
    pub(crate) lost: Option<Timestamp>,
    /// Rules are about it.
    pub(crate) hit: bool,
    pub(crate) user: u64,
}

impl Planted {
    pub(crate) fn position(&self, domain: Domain) -> Position {
        match domain {
            Domain::EventTime => self.event.map_or(Position::MIN, Position::at),
            Domain::IngestTime => Position::at(self.ingest),
            Domain::Cursor => Position(self.seq),
        }
    }

    fn as_match(&self, domain: Domain) -> Match {
        Match {
            row: Row::from([
                ("number", rows::Value::from(self.number)),
                ("user", rows::Value::from(format!("u{}", self.user))),
            ]),
            position: self.position(domain),
            event_time: self.event,
            identity: None,
        }
    }
}

/// A read that was begun, and how it ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReadNote {
    pub(crate) at: Timestamp,
    /// What was there then is in the answer: a backup may be restored between a question and its answer.
    pub(crate) answered: Timestamp,
    pub(crate) emit: Window,
    /// The answer was handed over whole.
    pub(crate) complete: bool,
}

/// One table of one tenant.
pub(crate) struct Source {
    pub(crate) tenant: TenantName,
    pub(crate) table: String,
    pub(crate) domain: Domain,
    /// It knows its open transactions: nothing appears behind what it calls stable.
    pub(crate) knows_stable: bool,
    pub(crate) retention: Option<Duration>,
    pub(crate) clock: WrongClock,
    time: TrueTime,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    rows: Vec<Planted>,
    restored: u32,
    reads: HashMap<Arc<str>, ReadNote>,
    /// When a window last looked like this.
    looks: HashMap<(Window, Arc<str>), Timestamp>,
}

/// What makes a source.
pub(crate) struct Making {
    pub(crate) tenant: TenantName,
    pub(crate) domain: Domain,
    pub(crate) knows_stable: bool,
    pub(crate) retention: Option<Duration>,
    pub(crate) time: TrueTime,
}

impl Source {
    pub(crate) fn new(making: Making) -> Self {
        let Making { tenant, domain, knows_stable, retention, time } = making;
        Self {
            table: format!("{tenant}_logins"),
            tenant,
            domain,
            knows_stable,
            retention,
            clock: WrongClock::new(time, 0),
            time,
            state: Mutex::default(),
        }
    }

    /// Plants what happens from `from` to `to`: about one thing each `apart`.
    pub(crate) fn plant(
        &self,
        entropy: &mut dyn Entropy,
        (from, to): (Timestamp, Timestamp),
        apart: Duration,
    ) {
        let mut planted = Vec::new();
        let mut now = from;
        let apart = u64::try_from(apart.as_micros()).unwrap_or(u64::MAX);
        while now < to {
            now = now.plus(Duration::from_micros(1 + pick(entropy, 2 * apart)));
            let number = i64::try_from(planted.len()).unwrap_or(i64::MAX);
            let one = self.happens(entropy, now, number);
            let copies = if pick(entropy, 30) == 0 { 2 + pick(entropy, 2) } else { 1 };
            planted.extend((0..copies).map(|_| one.clone()));
        }
        // A source counts rows in the order in which it takes them.
        planted.sort_by_key(|row| row.ingest);
        for (seq, row) in (1..).zip(&mut planted) {
            row.seq = seq;
        }
        self.state.lock().rows = planted;
    }

    fn happens(&self, entropy: &mut dyn Entropy, now: Timestamp, number: i64) -> Planted {
        let secs =
            |entropy: &mut dyn Entropy, end: u64| Duration::from_millis(pick(entropy, end * 1000));
        let ingest = now.plus(match pick(entropy, 40) {
            0 => secs(entropy, 3 * 3600),
            _ => secs(entropy, 30),
        });
        let visible = ingest.plus(match pick(entropy, 60) {
            0 => secs(entropy, OPEN_MAX.as_secs()),
            _ => secs(entropy, 20),
        });
        let event = match pick(entropy, 80) {
            0 => None,
            1 => Some(now.plus(Duration::from_secs(3 * 86_400))),
            _ => Some(now),
        };
        Planted {
            number,
            event,
            ingest,
            seq: 0,
            visible,
            lost: None,
            hit: pick(entropy, 3) == 0,
            user: pick(entropy, 3),
        }
    }

    /// A backup is restored: what was taken since `since` is gone, the table is another one, and rows
    /// that come from now on are counted from where the backup ended.
    pub(crate) fn restore(&self, since: Timestamp) {
        let now = self.time.now();
        let mut state = self.state.lock();
        state.restored += 1;
        let mut next = 1;
        for row in state.rows.iter_mut().filter(|row| row.lost.is_none()) {
            if row.ingest < since {
                next = row.seq + 1;
            } else if row.ingest <= now {
                row.lost = Some(now);
            } else {
                row.seq = next;
                next += 1;
            }
        }
    }

    pub(crate) fn rows(&self) -> Vec<Planted> {
        self.state.lock().rows.clone()
    }

    pub(crate) fn read(&self, tag: &str) -> Option<ReadNote> {
        self.state.lock().reads.get(tag).copied()
    }

    pub(crate) fn begin(&self, tag: &Arc<str>, emit: Window) {
        let at = self.time.now();
        let note = ReadNote { at, answered: at, emit, complete: false };
        self.state.lock().reads.insert(tag.clone(), note);
    }

    pub(crate) fn answer(&self, tag: &str) {
        let now = self.time.now();
        if let Some(note) = self.state.lock().reads.get_mut(tag) {
            note.answered = now;
        }
    }

    pub(crate) fn complete(&self, tag: &str) {
        if let Some(note) = self.state.lock().reads.get_mut(tag) {
            note.complete = true;
        }
    }

    fn in_answers(&self, row: &Planted, now: Timestamp) -> bool {
        let kept = self.retention.is_none_or(|kept| row.ingest.plus(kept) > now);
        kept && row.visible <= now && row.lost.is_none_or(|lost| lost > now)
    }

    /// What can be seen now in a window.
    pub(crate) fn visible(&self, window: Window) -> Vec<Planted> {
        self.visible_by(self.domain, window)
    }

    fn visible_by(&self, domain: Domain, window: Window) -> Vec<Planted> {
        let now = self.time.now();
        let state = self.state.lock();
        let inside =
            |row: &&Planted| window.contains(row.position(domain)) && self.in_answers(row, now);
        state.rows.iter().filter(inside).cloned().collect()
    }

    pub(crate) fn describe(&self) -> Description {
        let now = self.time.now();
        let state = self.state.lock();
        let seen = state.rows.iter().filter(|row| self.in_answers(row, now));
        let oldest = match self.domain {
            Domain::Cursor => seen.map(|row| Position(row.seq)).min(),
            Domain::EventTime | Domain::IngestTime => None,
        };
        Description {
            identity: format!("{}.{}", self.table, state.restored).into(),
            columns: Vec::new(),
            parts: Vec::new(),
            oldest,
        }
    }

    pub(crate) fn horizon(&self) -> Horizon {
        let now = self.time.now();
        let state = self.state.lock();
        // Rows that were taken and cannot be seen yet are open transactions.
        let kept = |row: &&Planted| row.ingest <= now && row.lost.is_none();
        let open = state.rows.iter().filter(kept).filter(|row| row.visible > now);
        let stable = match self.domain {
            Domain::Cursor => {
                let taken = state.rows.iter().filter(kept).map(|row| row.seq);
                let next = taken.max().unwrap_or(0) + 1;
                Some(Position(open.map(|row| row.seq).min().unwrap_or(next)))
            }
            Domain::IngestTime if self.knows_stable => {
                open.map(|row| Position::at(row.ingest)).min().or(Some(Position::at(now)))
            }
            Domain::EventTime | Domain::IngestTime => None,
        };
        Horizon { clock: Some(self.clock.now()), stable }
    }

    pub(crate) fn fingerprint(&self, window: Window) -> Arc<str> {
        let seen = self.visible(window);
        let now = self.time.now();
        let mixed = seen.iter().fold(0i64, |mixed, row| {
            mixed ^ row.seq.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as i64)
        });
        let fingerprint: Arc<str> = format!("{}:{mixed:x}", seen.len()).into();
        self.state.lock().looks.insert((window, fingerprint.clone()), now);
        fingerprint
    }

    /// Rows of a window that came between two looks at it, and whether others went away meanwhile.
    pub(crate) fn came_between(
        &self,
        window: Window,
        before: &Arc<str>,
        after: &Arc<str>,
    ) -> (u64, bool) {
        let state = self.state.lock();
        let look =
            |fingerprint: &Arc<str>| state.looks.get(&(window, fingerprint.clone())).copied();
        let (Some(before), Some(after)) = (look(before), look(after)) else { return (0, true) };
        let within = |row: &&Planted| window.contains(row.position(self.domain));
        let (mut came, mut went) = (0, false);
        for row in state.rows.iter().filter(within) {
            let (then, now) = (self.in_answers(row, before), self.in_answers(row, after));
            came += u64::from(now && !then);
            went |= then && !now;
        }
        (came, went)
    }

    /// Rows that rules are about, in a window.
    pub(crate) fn hits(&self, window: Window) -> Vec<Match> {
        let seen = self.visible(window);
        seen.iter().filter(|row| row.hit).map(|row| row.as_match(self.domain)).collect()
    }

    /// The earliest and the latest event in a window.
    pub(crate) fn event_bounds(&self, window: Window) -> Option<(Timestamp, Timestamp)> {
        let seen = self.visible(window);
        let events = || seen.iter().filter_map(|row| row.event);
        events().min().zip(events().max())
    }

    /// Where the number of one user's hits within the span rises to [`THRESHOLD`]; the window is one of
    /// event times.
    pub(crate) fn crossings(&self, read: Window, span: Duration) -> Vec<(u64, Timestamp)> {
        let mut seen = self.visible_by(Domain::EventTime, read);
        seen.retain(|row| row.hit && row.event.is_some());
        crossings(&seen, span)
    }
}

/// Where the number of one user's rows within the span rises to [`THRESHOLD`].
pub(crate) fn crossings(rows: &[Planted], span: Duration) -> Vec<(u64, Timestamp)> {
    let mut found = Vec::new();
    for row in rows {
        let Some(at) = row.event else { continue };
        let of_user = || rows.iter().filter(|other| other.user == row.user);
        let within = |other: &&Planted| {
            other.event.is_some_and(|event| at.minus(span) < event && event <= at)
        };
        let before = of_user().filter(within).filter(|other| other.event < Some(at)).count();
        let now = of_user().filter(within).count();
        if before < THRESHOLD && now >= THRESHOLD && !found.contains(&(row.user, at)) {
            found.push((row.user, at));
        }
    }
    found
}
