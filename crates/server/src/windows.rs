//! Which sources of a flow read a window, and the collections that ask for it. Pure.
//!
//! A source reads a window when its VQL, or the prelude of its artifact, names `window_from` or
//! `window_to`. Sources of an artifact that share nothing become collections of their own, each from
//! its own checkpoint; sources that know each other's definitions stay together and begin at the
//! earliest of their checkpoints.

use std::time::Duration;

use model::window::FlowWindow;
use wire::{Collection, Source, Window};

fn micros(length: Duration) -> u64 {
    u64::try_from(length.as_micros()).unwrap_or(u64::MAX)
}

/// Whether a text names a window, as a word of its own.
fn names_window(vql: &str) -> bool {
    let mut words = vql.split(|c: char| !c.is_alphanumeric() && c != '_');
    words.any(|word| word == "window_from" || word == "window_to")
}

/// The collections of a flow, with the windows that its sources read. Apart, sources carry the
/// prelude of their artifact each; when that is more than `bytes_max`, they stay together.
pub(crate) fn with_windows(
    collections: &[Collection],
    flow: &FlowWindow,
    bytes_max: usize,
) -> Vec<Collection> {
    let apart = asked(collections, flow, true);
    let bytes: usize = apart.iter().map(prost::Message::encoded_len).sum();
    if bytes <= bytes_max { apart } else { asked(collections, flow, false) }
}

fn asked(collections: &[Collection], flow: &FlowWindow, apart: bool) -> Vec<Collection> {
    let mut asked = Vec::with_capacity(collections.len());
    for collection in collections {
        // Typed parameters define the names too; the word counts where it is used.
        let all = names_window(&uses(&collection.prelude));
        let reads = |source: &Source| {
            all || names_window(&source.vql) || names_window(&source.precondition)
        };
        if !collection.sources.iter().any(reads) {
            asked.push(collection.clone());
        } else if apart && collection.parallel {
            for source in &collection.sources {
                let window = reads(source).then(|| window(flow, std::slice::from_ref(source)));
                let sources = vec![source.clone()];
                asked.push(Collection { sources, window, ..collection.clone() });
            }
        } else {
            let sources: Vec<Source> =
                collection.sources.iter().filter(|source| reads(source)).cloned().collect();
            let window = Some(window(flow, &sources));
            asked.push(Collection { window, ..collection.clone() });
        }
    }
    asked
}

/// A prelude without the lines that only define a window's ends.
fn uses(prelude: &str) -> String {
    let defines = |line: &&str| {
        line.starts_with("LET window_from <=") || line.starts_with("LET window_to <=")
    };
    prelude.lines().filter(|line| !defines(line)).collect::<Vec<_>>().join("\n")
}

fn window(flow: &FlowWindow, sources: &[Source]) -> Window {
    let marks: Option<Vec<i64>> = sources
        .iter()
        .map(|source| flow.from_of(&source.name).map(|mark| mark.as_micros()))
        .collect();
    Window {
        sources: sources.iter().map(|source| source.name.clone()).collect(),
        from_micros: marks.and_then(|marks| marks.into_iter().min()),
        buffer_micros: micros(flow.buffer),
        first_micros: flow.first.map(micros),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Timestamp;
    use model::window::Checkpoint;

    fn flow(marks: &[(&str, i64)]) -> FlowWindow {
        let mark = |(source, secs): &(&str, i64)| Checkpoint {
            source: (*source).to_owned(),
            upto: Timestamp::from_secs(*secs),
            epoch: 1,
            round: 1,
        };
        let checkpoints = marks.iter().map(mark).collect();
        FlowWindow { buffer: Duration::from_secs(60), first: None, checkpoints }
    }

    fn collection(parallel: bool, sources: &[(&str, &str)]) -> Collection {
        let source = |(name, vql): &(&str, &str)| Source {
            name: (*name).to_owned(),
            vql: (*vql).to_owned(),
            precondition: String::new(),
        };
        let sources = sources.iter().map(source).collect();
        Collection { parallel, sources, ..Collection::default() }
    }

    /// Sources of a collection; those of its window and where it begins, in seconds.
    type Shown = (usize, Option<(Vec<String>, Option<i64>)>);

    fn shown(asked: &[Collection]) -> Vec<Shown> {
        let window =
            |it: &Window| (it.sources.clone(), it.from_micros.map(|from| from / 1_000_000));
        asked.iter().map(|it| (it.sources.len(), it.window.as_ref().map(window))).collect()
    }

    fn with_windows(collections: &[Collection], flow: &FlowWindow) -> Vec<Collection> {
        super::with_windows(collections, flow, 1 << 20)
    }

    #[test]
    fn sources_stay_together_when_they_would_be_too_much_apart() {
        let two = collection(true, &[("A/1", READS), ("A/2", READS)]);
        let asked = super::with_windows(&[two], &flow(&[("A/1", 7), ("A/2", 5)]), 100);
        let both = vec!["A/1".to_owned(), "A/2".to_owned()];
        assert_eq!(shown(&asked), [(2, Some((both, Some(5))))]);
    }

    const READS: &str = "SELECT * FROM log(from=window_from)";

    #[test]
    fn only_sources_that_name_a_window_read_one() {
        let plain = collection(false, &[("A", "SELECT * FROM info(windows=1, my_window_from=2)")]);
        assert_eq!(shown(&with_windows(&[plain], &flow(&[]))), [(1, None)]);
        let one = collection(false, &[("A/1", READS), ("A/2", "SELECT 1")]);
        let asked = with_windows(&[one], &flow(&[("A/1", 7)]));
        assert_eq!(shown(&asked), [(2, Some((vec!["A/1".into()], Some(7))))]);
    }

    #[test]
    fn sources_that_share_nothing_have_each_their_own_checkpoint() {
        let three = [("A/1", READS), ("A/2", READS), ("A/3", "SELECT 1")];
        let asked = with_windows(&[collection(true, &three)], &flow(&[("A/1", 7), ("A/2", 5)]));
        let want = [
            (1, Some((vec!["A/1".to_owned()], Some(7)))),
            (1, Some((vec!["A/2".to_owned()], Some(5)))),
            (1, None),
        ];
        assert_eq!(shown(&asked), want);
        let asked = with_windows(&[collection(false, &three)], &flow(&[("A/1", 7), ("A/2", 5)]));
        let both = vec!["A/1".to_owned(), "A/2".to_owned()];
        assert_eq!(shown(&asked), [(3, Some((both.clone(), Some(5))))]);
        let asked = with_windows(&[collection(false, &three)], &flow(&[("A/1", 7)]));
        assert_eq!(shown(&asked), [(3, Some((both, None)))], "one of them was never read");
    }

    #[test]
    fn a_parameter_of_that_name_is_not_yet_a_use() {
        let mut typed = collection(false, &[("A", "SELECT 1")]);
        typed.prelude = "LET window_from <= timestamp(epoch=window_from)".into();
        assert_eq!(shown(&with_windows(&[typed.clone()], &flow(&[]))), [(1, None)]);
        typed.prelude.push_str("\nLET recent = SELECT * FROM log(from=window_from)");
        assert_eq!(
            shown(&with_windows(&[typed], &flow(&[]))),
            [(1, Some((vec!["A".into()], None)))]
        );
    }
}
