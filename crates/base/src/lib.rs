//! Ids, timestamps, clocks, entropy, error chains.
