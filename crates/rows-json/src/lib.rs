//! Rows and values from and to JSON text.
