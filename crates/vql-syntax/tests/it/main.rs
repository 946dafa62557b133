//! Case files, round trips and hostile input for the parser, the printer and the formatter.

mod cases;
mod formatting;
mod generated;
mod lambdas;
mod spans;
