//! Rules about several records: how often, how many different, which together, in which order.

use std::time::Duration;

/// A correlation rule and the rules that it is about.
#[derive(Clone, Debug)]
pub struct Correlation {
    /// What it is called.
    pub title: String,
    /// How far apart the records may be.
    pub timespan: Duration,
}
