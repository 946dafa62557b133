//! Sessions: single steps as question and answer, and whole conversations over a bad network.

mod network;
mod steps;
