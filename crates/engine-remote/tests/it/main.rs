//! The promises of engines, on real servers and on fakes, and what is each one's own.

mod postgres;
