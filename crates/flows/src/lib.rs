//! One collection on one client.
