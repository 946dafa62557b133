//! `lycaon query`: evaluates VQL on this machine, without a server.

use std::io::Read;
use std::sync::Arc;

use clap::ArgAction;
use rows::{Dict, Value};
use vql_eval::{Program, Run, on_big_stack};

use crate::artifact::{DefinitionArgs, load};
use crate::call::key_value;
use crate::complaint::{Complaint, Outcome};
use crate::local::{self, LocalArgs};
use crate::login::note;
use crate::output::{OutputArgs, Records};

/// Evaluate VQL on this machine, without a server
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example:\n  lycaon query 'SELECT Pid, Name FROM pslist() WHERE Name =~ \"ssh\"'\n  lycaon query 'SELECT Size FROM stat(filename=Where)' --env Where=/etc/passwd --format csv\n  lycaon query - < my.vql"
)]
pub(crate) struct QueryArgs {
    /// The VQL; `-` reads it from standard input
    vql: String,
    /// Set a variable that the query knows, as text; may be given several times
    #[arg(long = "env", value_name = "NAME=VALUE", action = ArgAction::Append)]
    variables: Vec<String>,
    /// Only say whether it compiles
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    definitions: DefinitionArgs,
    #[command(flatten)]
    local: LocalArgs,
    #[command(flatten)]
    output: OutputArgs,
}

pub(crate) fn run(args: QueryArgs) -> Outcome {
    let text = text_of(&args.vql)?;
    let variables = variables(&args.variables)?;
    let catalog = Arc::new(local::catalog());
    let program = Program::compile(&text, &catalog)
        .map_err(|wrong| Complaint::failed(format!("the query does not compile\n\n{wrong}")))?;
    for warning in program.warnings() {
        note(&warning.render("query", &text));
    }
    if args.check {
        note("the query compiles");
        return Ok(());
    }
    let (mut setup, errors) = args.local.setup(&catalog)?;
    setup.artifacts = Arc::new(load(&args.definitions)?);
    let run = Run::new(setup, variables);
    let printed = on_big_stack(|| print_rows(&run, &program, &args.output)).map_err(|error| {
        Complaint::failed(format!("cannot start a thread for the query: {error}"))
    })?;
    printed?;
    errors.judge(run.stop_reason())
}

fn text_of(vql: &str) -> Outcome<String> {
    if vql != "-" {
        return Ok(vql.to_owned());
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map_err(|error| {
        Complaint::failed(format!("cannot read the query from standard input: {error}"))
    })?;
    Ok(text)
}

fn variables(given: &[String]) -> Outcome<Dict> {
    let mut variables = local::variables();
    for text in given {
        let (name, value) = key_value(text, "--env")?;
        variables.set(name, Value::text(value));
    }
    Ok(variables)
}

/// Each SELECT of the text is a list of its own: a table of its own, or records one after the other.
fn print_rows(run: &Run, program: &Arc<Program>, output: &OutputArgs) -> Outcome {
    let several = program.selects() > 1;
    let mut records: Records = output.records(&[]);
    let mut select = 0;
    for found in run.rows(program) {
        if several && found.select != select && output.is_table() {
            std::mem::replace(&mut records, output.records(&[])).finish()?;
            note("");
        }
        select = found.select;
        records.push(local::record(&found.row))?;
    }
    records.finish()
}
