//! VQL plugins that only rules of log hunts know, one to a file of the same name.

pub(super) mod source;
