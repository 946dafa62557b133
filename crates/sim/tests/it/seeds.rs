//! Which seeds are run, and how one is repeated.

use std::ops::Range;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// The seed that is asked for by `SIM_SEED`.
pub(crate) fn named() -> Option<u64> {
    number("SIM_SEED")
}

/// How many are asked for by `SIM_SEEDS`.
pub(crate) fn count() -> Option<u64> {
    number("SIM_SEEDS")
}

/// The seeds to run: the one that is named, as many as are asked for, or so many; beginning with
/// `SIM_FROM`, so that a long run can be cut into pieces.
pub(crate) fn seeds(usually: u64) -> Range<u64> {
    match named() {
        Some(seed) => seed..seed + 1,
        None => {
            let from = number("SIM_FROM").unwrap_or(0);
            from..from + count().unwrap_or(usually)
        }
    }
}

/// Ends a test whose seed failed, with the one command that repeats it.
pub(crate) fn failed(what: &str, test: &str, seed: u64) -> ! {
    panic!("{what}\nrepeat it with: SIM_SEED={seed} cargo test -p sim --test it -- --exact {test}")
}
