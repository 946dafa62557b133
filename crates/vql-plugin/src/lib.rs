//! What a VQL plugin or function is.
