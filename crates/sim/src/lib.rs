//! Hunts, fleet and agents on one virtual clock and one seed. Never shipped.
