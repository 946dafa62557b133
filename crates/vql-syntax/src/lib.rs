//! VQL text to tree and errors; formatter.
