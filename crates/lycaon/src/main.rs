//! `lycaon`: server, command line, demo and load tests in one program.
//!
//! One thin module per command. A command reads its arguments, chooses the hands that do the work, and
//! prints what came of it; what it decides about hunts, flows or VQL belongs to a crate below.
//!
//! # Invariants
//!
//! - Exit status 0 for success, 1 for a failure, 2 for wrong usage.
//! - Records go to stdout, everything else to stderr; a failure is one message.

mod allocator;
mod artifact;
mod bench;
mod call;
mod client;
mod complaint;
mod credentials;
mod demo;
mod download;
mod figures;
mod flow;
mod gui;
mod help;
mod hunt;
mod init;
mod local;
mod log;
mod login;
mod machine;
mod migrate;
mod monitoring;
mod nodes;
mod os;
mod output;
mod query;
mod remote;
mod results;
mod rows;
mod segments;
mod serve;
mod storage;
mod token;
mod tool;
mod uploads;
mod yaml;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::complaint::Outcome;

/// Ask every machine one question; get every answer, once.
#[derive(Parser, Debug)]
#[command(version, disable_help_subcommand = true, max_term_width = 100)]
#[command(
    after_help = "Example:\n  lycaon demo\n  lycaon query 'SELECT * FROM info()'\n  lycaon hunt create -f hunt.yaml --start"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Demo(demo::DemoArgs),
    Init(init::InitArgs),
    Server(serve::ServerCommand),
    Query(query::QueryArgs),
    Artifact(artifact::ArtifactArgs),
    Help(help::HelpArgs),
    Login(login::LoginArgs),
    Logout(login::LogoutArgs),
    Whoami(login::WhoAmIArgs),
    Client(client::ClientArgs),
    Token(token::TokenArgs),
    Hunt(hunt::HuntArgs),
    Results(rows::ResultsArgs),
    Flow(flow::FlowArgs),
    Log(log::LogArgs),
    Migrate(migrate::MigrateArgs),
    Monitoring(monitoring::MonitoringArgs),
    Nodes(nodes::NodesArgs),
    Tool(tool::ToolArgs),
    Bench(bench::BenchArgs),
    Completions(CompletionArgs),
}

/// Print the completion script of a shell
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  lycaon completions bash > /etc/bash_completion.d/lycaon")]
struct CompletionArgs {
    /// Which shell
    shell: clap_complete::Shell,
}

fn main() -> ExitCode {
    allocator::give_back_soon();
    // Fails only when a provider is there already, and then it is the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(complaint) => complaint.tell(),
    }
}

fn run(command: Command) -> Outcome {
    match command {
        Command::Demo(args) => demo::run(args),
        Command::Init(args) => init::run(args),
        Command::Server(args) => serve::run(args),
        Command::Query(args) => query::run(args),
        Command::Help(args) => help::run(args),
        Command::Login(args) => login::login(args),
        Command::Logout(args) => login::logout(args),
        Command::Whoami(args) => login::whoami(args),
        Command::Token(args) => token::run(args),
        Command::Client(args) => client::run(args),
        Command::Hunt(args) => hunt::run(args),
        Command::Results(args) => rows::run(args),
        Command::Flow(args) => flow::run(args),
        Command::Log(args) => log::run(args),
        Command::Migrate(args) => migrate::run(args),
        Command::Monitoring(args) => monitoring::run(args),
        Command::Nodes(args) => nodes::run(args),
        Command::Tool(args) => tool::run(args),
        Command::Artifact(args) => artifact::run(args),
        Command::Bench(args) => bench::run(args),
        Command::Completions(args) => completions(&args),
    }
}

fn completions(args: &CompletionArgs) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "lycaon", &mut script);
    Ok(std::io::Write::write_all(&mut std::io::stdout(), &script)?)
}
