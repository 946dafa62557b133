//! Runs the house's checks by name: `cargo run -p xtask -- tidy`.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use xtask::{docs, floors, log_schema, sources, tidy};

#[derive(Parser)]
#[command(about = "Checks of the house; all of them also run in `cargo test -p xtask`.")]
struct Cli {
    #[command(subcommand)]
    command: Check,
}

#[derive(Subcommand)]
enum Check {
    /// Write the reference pages of VQL and the JSON Schema of log hunts anew.
    Docs,
    /// Walk the floor plan: does every arrow between crates point down?
    Floors,
    /// List everybody who breaks a rule of tidy and is not excused.
    Tidy {
        /// List all of them, in the spelling of tidy-offenders.txt.
        #[arg(long)]
        all: bool,
    },
}

#[allow(clippy::print_stdout, reason = "a program prints")]
fn main() -> ExitCode {
    let wrong = match Cli::parse().command {
        Check::Docs => match docs::write().and_then(|_| log_schema::write()) {
            Ok(_) => Vec::new(),
            Err(error) => vec![format!("cannot write the reference pages: {error}")],
        },
        Check::Floors => {
            let (crates, arrows) = floors::drawn(&sources::metadata());
            floors::misplaced(&crates, &arrows)
        }
        Check::Tidy { all: true } => {
            let offences = tidy::offences(&sources::all());
            offences.iter().map(tidy::spelled).collect()
        }
        Check::Tidy { all: false } => {
            let list = include_str!("../tidy-offenders.txt");
            tidy::verdict(&tidy::offences(&sources::all()), list)
        }
    };
    for line in &wrong {
        println!("{line}");
    }
    if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
