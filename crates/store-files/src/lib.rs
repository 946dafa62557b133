//! Uploaded files, content-addressed, on a local disk.
