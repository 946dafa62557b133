//! `lycaon artifact collect`: one artifact on this machine, without a server; its rows are printed, or
//! everything that it brings becomes a folder or a zip.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use artifacts::{ArtifactSet, SourceChoice};
use model::artifact::{ArtifactKind, ParameterType};
use model::collect::CompiledCollection;
use rows::{Dict, Row};
use vql_eval::{Collected, Collection, CollectionPlan, StopReason, on_big_stack};
use vql_plugin::LogLine;

use super::archive::Archive;
use super::tools::ToolArgs;
use super::{DefinitionArgs, find, load};
use crate::call::CallArgs;
use crate::complaint::{Complaint, Outcome};
use crate::download::for_people;
use crate::local::{self, Errors, LocalArgs, Wishes};
use crate::login::note;
use crate::output::{OutputArgs, Records};

#[derive(clap::Args, Debug)]
pub(crate) struct CollectArgs {
    /// Its name
    name: String,
    /// Only this source; may be given several times
    #[arg(long = "source", value_name = "NAME")]
    sources: Vec<String>,
    /// Write everything into this folder, or zip when it ends in .zip: rows, files, log, manifest
    #[arg(long, value_name = "PATH", conflicts_with_all = ["format", "uploads"])]
    output: Option<PathBuf>,
    #[command(flatten)]
    call: CallArgs,
    #[command(flatten)]
    definitions: DefinitionArgs,
    #[command(flatten)]
    tools: ToolArgs,
    #[command(flatten)]
    local: LocalArgs,
    #[command(flatten)]
    format: OutputArgs,
}

pub(crate) fn run(args: CollectArgs) -> Outcome {
    let set = load(&args.definitions)?;
    let artifact = find(&set, &args.name)?;
    if !artifact.kind.is_for_clients() {
        let (name, kind) = (&artifact.name, artifact.kind.word());
        return Err(Complaint::failed(format!(
            "`{name}` is of the type {kind}, which does not run on a machine"
        ))
        .hint("artifacts of the types CLIENT and CLIENT_EVENT can be collected"));
    }
    let choice = match args.sources.as_slice() {
        [] => SourceChoice::All,
        names => SourceChoice::Named(names.to_vec()),
    };
    let collection = compiled(&set, &args.name, &args.call, &choice)?;
    let variables = args.tools.add(&set, &args.name, local::variables())?;
    let parameters = artifact.parameters.iter();
    let hidden = parameters
        .filter(|parameter| parameter.kind == ParameterType::Redacted)
        .map(|parameter| parameter.name.clone())
        .collect();
    let of = Local { collection, variables, kind: artifact.kind, hidden };
    match &args.output {
        None => of.print(&args.local, &args.format),
        Some(target) => of.write(&args.local, Archive::begin(target, &hostname())?, target),
    }
}

fn hostname() -> String {
    let facts = vql_machine::this_machine().facts();
    facts.map(|facts| facts.hostname).unwrap_or_else(|_| "machine".to_owned())
}

fn compiled(
    set: &ArtifactSet,
    name: &str,
    call: &CallArgs,
    choice: &SourceChoice,
) -> Outcome<CompiledCollection> {
    artifacts::compile(set, name, &call.parameters()?, choice).map_err(|errors| {
        let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
        Complaint::failed(lines.join("\n"))
            .hint(format!("`lycaon artifact show {name}` lists its parameters"))
    })
}

/// What is to be collected here.
struct Local {
    collection: CompiledCollection,
    variables: Dict,
    kind: ArtifactKind,
    /// Parameters whose text is not written down.
    hidden: Vec<String>,
}

impl Local {
    fn wishes(&self) -> Wishes {
        let resources = &self.collection.resources;
        Wishes {
            time_max: resources.timeout_secs.filter(|secs| *secs > 0).map(Duration::from_secs),
            rows_max: resources.rows_max.filter(|rows| *rows > 0),
            ..Wishes::default()
        }
    }

    fn plan(&self, catalog: &vql_plugin::Catalog) -> Outcome<CollectionPlan> {
        CollectionPlan::compile(self.collection.clone(), catalog)
            .map_err(|error| Complaint::failed(error.to_string()))
    }

    /// An artifact of events never ends by itself, so its time being over is how it ends well.
    fn judge(&self, errors: &Errors, stopped: Option<StopReason>) -> Outcome {
        if self.kind.is_event() && stopped == Some(StopReason::Time) {
            errors.forgive_the_end();
            return errors.judge(None);
        }
        errors.judge(stopped)
    }

    /// Prints the rows; with several sources each row says which one it comes from.
    fn print(&self, args: &LocalArgs, output: &OutputArgs) -> Outcome {
        let catalog = Arc::new(local::catalog());
        let plan = self.plan(&catalog)?;
        let several = plan.sources().count() > 1;
        let (setup, errors) = args.setup_with(&catalog, self.wishes())?;
        let collected = on_big_stack(|| {
            let mut collection = plan.start(setup, self.variables.clone());
            let mut records: Records = output.records(&[]);
            each(&mut collection, &mut |_, name, row| {
                let mut record = local::record(row);
                if several {
                    record.shift_insert(0, "_source".into(), name.into());
                }
                records.push(record)
            })?;
            records.finish()?;
            self.judge(&errors, collection.stop_reason())
        });
        collected.map_err(no_thread)?
    }

    /// Writes everything down.
    fn write(&self, args: &LocalArgs, mut archive: Archive, target: &Path) -> Outcome {
        let catalog = Arc::new(local::catalog());
        let plan = self.plan(&catalog)?;
        let log = archive.log();
        let wishes = Wishes {
            uploads: Some(archive.uploads()),
            log: Some(Arc::new(move |line: LogLine| log.line(&line))),
            ..self.wishes()
        };
        let (setup, errors) = args.setup_with(&catalog, wishes)?;
        let (judged, archive) = on_big_stack(|| {
            let mut collection = plan.start(setup, self.variables.clone());
            let done =
                each(&mut collection, &mut |source, name, row| archive.row(source, name, row));
            let judged = done.and_then(|()| self.judge(&errors, collection.stop_reason()));
            (judged, archive)
        })
        .map_err(no_thread)?;
        let outcome = match &judged {
            Ok(()) => "finished".to_owned(),
            Err(complaint) => complaint.message().to_owned(),
        };
        // What was collected before a failure is evidence too.
        let manifest = archive.finish(&self.collection, &self.hidden, &outcome)?;
        note(&format!(
            "{}: {} rows, {} files ({})",
            target.display(),
            manifest.rows,
            manifest.uploads,
            for_people(manifest.upload_bytes)
        ));
        judged
    }
}

/// Runs a collection; each row goes to `take` with the number and the name of its source.
fn each(
    collection: &mut Collection,
    take: &mut dyn FnMut(usize, &str, &Row) -> Outcome,
) -> Outcome {
    while let Some(found) = collection.next() {
        match found {
            Collected::Row { source, row } => {
                let name = collection.source_name(source).to_owned();
                take(source, &name, &row)?;
            }
            Collected::Skipped { source } => {
                let name = collection.source_name(source);
                note(&format!("{name} was left out: its precondition does not hold here"));
            }
            Collected::Finished { .. } => {}
        }
    }
    Ok(())
}

fn no_thread(error: std::io::Error) -> Complaint {
    Complaint::failed(format!("cannot start a thread for the query: {error}"))
}
