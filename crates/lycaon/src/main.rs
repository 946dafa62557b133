//! Server, command line, demo and benchmarks in one program.

fn main() {}
