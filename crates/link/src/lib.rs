//! Agent-server session without sockets.
