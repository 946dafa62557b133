//! VQL tree to plan to lazy rows.
