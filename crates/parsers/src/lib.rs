//! Evidence formats: bytes and text to rows.
