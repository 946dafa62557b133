//! The windows of a recurring hunt's sources, opened by this machine's clock when their queries
//! start.

use base::Timestamp;
use model::collect::CompiledCollection;
use wire::{Window, WindowDone};

/// How queries see where a window begins and ends.
const NAMES: [&str; 2] = ["window_from", "window_to"];

/// Tells a collection its window. Gives what was read by each source, once it has run to its end.
pub(crate) fn open(
    window: &Window,
    collection: &mut CompiledCollection,
    clock: Timestamp,
) -> Vec<WindowDone> {
    let (from, to, anew) = window.open(clock);
    let mut moments = String::new();
    for (name, moment) in NAMES.into_iter().zip([from, to]) {
        collection.environment.retain(|(known, _)| known != name);
        collection.environment.push((name.to_owned(), moment.to_string()));
        // An artifact that declares it as a parameter says itself what to make of the text.
        if !collection.prelude.contains(&format!("LET {name} <=")) {
            moments.push_str(&format!("LET {name} <= timestamp(epoch={name})\n"));
        }
    }
    collection.prelude.insert_str(0, &moments);
    let done = |source: &String| WindowDone {
        source: source.clone(),
        from_micros: from.as_micros(),
        to_micros: to.as_micros(),
        anew,
    };
    window.sources.iter().map(done).collect()
}

/// What the log says of a window that could not go on from its checkpoint.
pub(crate) fn warning(window: &Window, clock: Timestamp) -> Option<String> {
    let (_, _, anew) = window.open(clock);
    let from = Timestamp::from_micros(window.from_micros?);
    anew.then(|| {
        format!(
            "the clock of this machine says {clock}, but it was read up to {from} already: the clock \
             was set back; {} begins anew",
            window.sources.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(from: Option<i64>) -> Window {
        Window {
            sources: vec!["A/B".into()],
            from_micros: from,
            buffer_micros: 60_000_000,
            first_micros: None,
        }
    }

    #[test]
    fn queries_see_their_window_as_moments() {
        let environment = vec![("window_to".to_owned(), "2000-01-01T00:00:00Z".to_owned())];
        let mut collection = CompiledCollection {
            environment,
            prelude: "LET window_to <= timestamp(epoch=window_to)".into(),
            ..CompiledCollection::default()
        };
        let clock = Timestamp::from_secs(1_000);
        let done = open(&window(Some(500_000_000)), &mut collection, clock);
        assert_eq!((done[0].from_micros, done[0].to_micros), (500_000_000, 940_000_000));
        assert_eq!((done[0].source.as_str(), done[0].anew), ("A/B", false));
        let told: Vec<&str> = collection.environment.iter().map(|(_, it)| it.as_str()).collect();
        assert_eq!(told, ["1970-01-01T00:08:20Z", "1970-01-01T00:15:40Z"]);
        let prelude = "LET window_from <= timestamp(epoch=window_from)\n\
                       LET window_to <= timestamp(epoch=window_to)";
        assert_eq!(collection.prelude, prelude);
    }

    #[test]
    fn a_clock_that_was_set_back_is_told() {
        let clock = Timestamp::from_secs(1_000);
        assert_eq!(warning(&window(None), clock), None);
        assert_eq!(warning(&window(Some(1_000_000_000)), clock), None);
        let told = warning(&window(Some(2_000_000_000)), clock).unwrap();
        assert!(told.contains("set back") && told.contains("A/B"), "{told}");
        let mut collection = CompiledCollection::default();
        let done = open(&window(Some(2_000_000_000)), &mut collection, clock);
        assert_eq!((done[0].from_micros, done[0].to_micros, done[0].anew), (0, 940_000_000, true));
    }
}
