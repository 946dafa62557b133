//! What people's programs ask the server.
