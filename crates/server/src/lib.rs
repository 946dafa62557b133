//! The server's tasks and HTTP handlers, over ports only.
