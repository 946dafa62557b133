//! `lycaon help`: of a command, or of a VQL plugin or function.

use clap::CommandFactory;
use vql_plugin::{Catalog, Kind, Spec};

use crate::complaint::{Complaint, Outcome};
use crate::local;
use crate::output::{OutputArgs, Record};

/// Show help for a command, or the reference of VQL
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example:\n  lycaon help hunt create\n  lycaon help vql\n  lycaon help vql pslist"
)]
pub(crate) struct HelpArgs {
    /// A command, or `vql` and the name of a plugin or function
    words: Vec<String>,
    #[command(flatten)]
    output: OutputArgs,
}

pub(crate) fn run(args: HelpArgs) -> Outcome {
    let words: Vec<&str> = args.words.iter().map(String::as_str).collect();
    match words[..] {
        ["vql"] => list(&args.output),
        ["vql", name] => reference(name),
        _ => of_command(&words),
    }
}

fn of_command(words: &[&str]) -> Outcome {
    let mut command = crate::Cli::command();
    command.build();
    let mut here = &mut command;
    for word in words {
        here = here.find_subcommand_mut(word).ok_or_else(|| {
            Complaint::usage(format!("there is no command `{}`", words.join(" ")))
                .hint("`lycaon --help` lists the commands; `lycaon help vql NAME` explains VQL")
        })?;
    }
    Ok(here.print_long_help()?)
}

fn list(output: &OutputArgs) -> Outcome {
    let mut records = output.records(&["name", "kind", "summary"]);
    for spec in local::catalog().specs() {
        let mut record = Record::new();
        record.insert("name".into(), spec.name.into());
        record.insert("kind".into(), kind_word(spec.kind).into());
        record.insert("summary".into(), spec.summary().into());
        records.push(record)?;
    }
    records.finish()
}

fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Plugin => "plugin",
        Kind::Function => "function",
    }
}

fn reference(name: &str) -> Outcome {
    let catalog = local::catalog();
    let found: Vec<&Spec> = catalog.specs().filter(|spec| spec.name == name).collect();
    let elsewhere = known_elsewhere(&found, name);
    if found.is_empty() && elsewhere.is_empty() {
        return Err(unknown(&catalog, name));
    }
    use std::io::Write;
    let mut out = std::io::stdout();
    for line in elsewhere {
        writeln!(out, "{line}")?;
    }
    for spec in found {
        writeln!(out, "{} {}", kind_word(spec.kind), spec.signature())?;
        writeln!(out, "\n{}", spec.reference_page().trim_end())?;
    }
    Ok(())
}

/// What is known of the name where it is not offered: as a plugin, a function, an accessor.
fn known_elsewhere(found: &[&Spec], name: &str) -> Vec<String> {
    let offered = |kind: Kind| found.iter().any(|spec| spec.kind == kind);
    let of_kind = |kind: Kind| {
        let known = vql_plugin::elsewhere(name, kind).filter(|_| !offered(kind))?;
        Some(format!("{} {known}", kind_word(kind)))
    };
    let accessor = || {
        let known = vql_plugin::accessor_elsewhere(name);
        known
            .filter(|_| accessors::all().get(name).is_err())
            .map(|known| format!("accessor {known}"))
    };
    [of_kind(Kind::Plugin), of_kind(Kind::Function), accessor()].into_iter().flatten().collect()
}

fn unknown(catalog: &Catalog, name: &str) -> Complaint {
    let mut near = catalog.similar(name, Kind::Plugin);
    near.extend(catalog.similar(name, Kind::Function));
    let complaint = Complaint::failed(format!("no plugin or function is called `{name}`"));
    if near.is_empty() {
        return complaint.hint("`lycaon help vql` lists all names");
    }
    complaint.hint(format!("did you mean {}?", near.join(" or ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_offered_is_not_said_to_be_elsewhere() {
        let catalog = local::catalog();
        let offered = |kind: Kind, name: &str| {
            catalog.specs().any(|spec| spec.kind == kind && spec.name == name)
        };
        let mut stale: Vec<&str> = Vec::new();
        for kind in [Kind::Plugin, Kind::Function] {
            let known = vql_plugin::all_elsewhere(kind).map(|known| known.name);
            stale.extend(known.filter(|name| offered(kind, name)));
        }
        let accessors = accessors::all();
        let known = vql_plugin::all_accessors_elsewhere().map(|known| known.name);
        stale.extend(known.filter(|name| accessors.get(name).is_ok()));
        assert!(
            stale.is_empty(),
            "remove these lines from crates/vql-plugin/src/elsewhere: {stale:?}"
        );
    }
}
