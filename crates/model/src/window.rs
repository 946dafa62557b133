//! Recurring hunts: when their rounds begin, and which stretch of a client's time each reads.
//!
//! Windows are in the **client's** clock and half open: `[from, to)`. `to` is the agent's clock when
//! its query starts, less a buffer; `from` is the checkpoint of (hunt, client, source), which is the
//! `to` of the last attempt that finished.

use std::time::Duration;

use base::Timestamp;

/// When rounds begin, and how their windows are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// When rounds begin.
    pub ticks: Ticks,
    /// A window ends so long before the client's clock: what happened later may not be written yet.
    pub buffer: Duration,
    /// How far back the first window of a client reaches; `None` for everything.
    pub first: Option<Duration>,
}

/// When rounds begin. The first begins with the hunt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ticks {
    /// So often, counted from the start of the hunt.
    Every(Duration),
    /// At the times of a cron expression of five fields, in UTC.
    Cron(String),
}

/// How far a source of a hunt has been read on one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The source, `Artifact` or `Artifact/Source`.
    pub source: String,
    /// Up to here, by the client's clock.
    pub upto: Timestamp,
    /// Counts how often the source was started anew because the client's clock was set back; from 1.
    pub epoch: u32,
    /// The round that brought it here.
    pub round: u32,
}

/// The windows of a flow: how they are cut, and where they begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowWindow {
    /// See [`Schedule::buffer`].
    pub buffer: Duration,
    /// See [`Schedule::first`].
    pub first: Option<Duration>,
    /// The checkpoints of its client when it was admitted. Sources without one are read as
    /// `first` says.
    pub checkpoints: Vec<Checkpoint>,
}

impl FlowWindow {
    /// Where the window of a source begins; `None` when it was never read.
    pub fn from_of(&self, source: &str) -> Option<Timestamp> {
        self.checkpoints.iter().find(|mark| mark.source == source).map(|mark| mark.upto)
    }
}

/// A window as an agent has read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowRead {
    /// The source.
    pub source: String,
    /// Where it began.
    pub from: Timestamp,
    /// Where it ended.
    pub to: Timestamp,
    /// The client's clock stood before the checkpoint: the source was read as for the first time.
    pub anew: bool,
}

/// The window of a source that starts now, by the client's clock.
///
/// A clock that stands before `from` was set back: the window is that of a source which was never
/// read. A clock that went on, but by less than the buffer, gives an empty window.
pub fn window(
    from: Option<Timestamp>,
    (buffer, first): (Duration, Option<Duration>),
    clock: Timestamp,
) -> (Timestamp, Timestamp, bool) {
    let to = clock.minus(buffer);
    let earliest = || first.map_or(Timestamp::EPOCH, |first| to.minus(first)).min(to);
    match from {
        None => (earliest(), to, false),
        Some(from) if clock < from => (earliest(), to, true),
        Some(from) => (from, to.max(from), false),
    }
}

/// The checkpoint of a source after a window was read to its end. `None` when the window does not go
/// on from the checkpoint: then the checkpoint stays, whatever the client says.
pub fn advanced(held: Option<&Checkpoint>, read: &WindowRead, round: u32) -> Option<Checkpoint> {
    let (source, upto) = (read.source.clone(), read.to);
    match held {
        None => Some(Checkpoint { source, upto, epoch: 1, round }),
        Some(held) if read.anew && read.to < held.upto => {
            Some(Checkpoint { source, upto, epoch: held.epoch.saturating_add(1), round })
        }
        // Sources that are read together begin at the earliest of their checkpoints.
        Some(held) if !read.anew && read.from <= held.upto && read.to >= held.upto => {
            Some(Checkpoint { source, upto, epoch: held.epoch, round })
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    const BUFFER: Duration = Duration::from_secs(60);

    #[test]
    fn windows_meet_end_to_end_and_a_clock_set_back_begins_anew() {
        let check = |from: Option<i64>, first: Option<u64>, clock: i64, want: (i64, i64, bool)| {
            let cut = (BUFFER, first.map(Duration::from_secs));
            let (from, to, anew) = window(from.map(at), cut, at(clock));
            assert_eq!((from, to, anew), (at(want.0), at(want.1), want.2));
        };
        check(None, None, 1_000, (0, 940, false));
        check(None, Some(100), 1_000, (840, 940, false));
        check(Some(940), None, 2_000, (940, 1_940, false));
        check(Some(940), None, 950, (940, 940, false));
        check(Some(940), None, 900, (0, 840, true));
        check(Some(940), Some(10), 900, (830, 840, true));
    }

    #[test]
    fn a_checkpoint_advances_only_from_where_it_stands() {
        let held = Checkpoint { source: "A".into(), upto: at(940), epoch: 1, round: 1 };
        let read =
            |from, to, anew| WindowRead { source: "A".into(), from: at(from), to: at(to), anew };
        let next = |read: &WindowRead| advanced(Some(&held), read, 2).map(|c| (c.upto, c.epoch));
        assert_eq!(next(&read(940, 2_000, false)), Some((at(2_000), 1)));
        assert_eq!(next(&read(950, 2_000, false)), None, "it would leave a gap");
        assert_eq!(next(&read(900, 930, false)), None, "it would go back");
        assert_eq!(next(&read(0, 800, true)), Some((at(800), 2)));
        assert_eq!(next(&read(0, 1_000, true)), None, "not before the checkpoint");
        assert_eq!(advanced(None, &read(0, 5, false), 1).unwrap().epoch, 1);
    }
}
