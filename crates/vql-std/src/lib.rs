//! VQL plugins and functions that need no machine.
