//! The plugin `sigma`: Sigma rules over the rows of queries.

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};

use rows::{Dict, Row, Value};
use sigma::{Rule, read_rules};
use vql_plugin::{
    Entry, Failure, Lambda, Level, Plugin, Query, RowStream, Scope, plugin_args, stream,
};

use crate::sigma::hits::{Matcher, Ready, Settings};
use crate::sigma::log_sources::LogSources;
use crate::sigma::mapping::Mapping;

pub(super) fn entry() -> Entry {
    Entry::plugin(Sigma)
}

plugin_args! {
    /// Sigma rules over event logs or any other rows: one row for each event that a rule finds.
    ///
    /// Each rule goes to the queries of its log source; each query runs once, and all of its rules are
    /// asked of each row. A hit has the columns of the row and `_Rule` (`Title`, `Id`, `Level`, `Tags`,
    /// ...), `_Match`, `_References` and `Details`. Rules that cannot be read, and rules for which there
    /// is no log source, are logged; the others still run.
    pub struct SigmaArgs for "sigma" {
        /// The rules: YAML, also several documents in one text.
        rules: Vec<String>,
        /// What `sigma_log_sources()` gives: a query for each log source.
        log_sources: Value,
        /// Lambdas by the name of a rule's field, such as `x=>x.EventData.Image`. Other fields are
        /// those of the row of the same name.
        field_mapping: Option<Dict>,
        /// Tell about every rule and every row, with the values that the rule saw.
        debug: bool = false,
        /// A lambda over `_Rule`; rules for which it is false are left out.
        rule_filter: Option<Lambda>,
        /// A lambda over the row that gives `Details` when the rule has no `details` of its own. A
        /// rule's own is a lambda, or a text with `%Field%` in it.
        default_details: Option<Lambda>,
    }
}

struct Sigma;

impl Plugin for Sigma {
    type Args = SigmaArgs;

    fn rows(&self, args: SigmaArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let sources = LogSources::of(&args.log_sources)?;
        let settings = Arc::new(Settings {
            mapping: Mapping::read(&args.field_mapping.unwrap_or_default(), scope)?,
            default_details: args.default_details,
            debug: args.debug,
        });
        let mut rules = Vec::new();
        for (number, text) in args.rules.iter().enumerate() {
            let file =
                if args.rules.len() == 1 { "rules".into() } else { format!("rules[{number}]") };
            rules.extend(ready(&file, text, args.rule_filter.as_ref(), scope));
        }
        complain_of_homeless(&rules, &sources, scope);
        let mut bound: Vec<(Value, Matcher)> = Vec::new();
        for (source, query) in sources.0 {
            let fitting: Vec<Arc<Ready>> =
                rules.iter().filter(|ready| source.covers(&ready.rule().source)).cloned().collect();
            if !fitting.is_empty() {
                bound.push((query, Matcher::new(fitting, settings.clone())));
            }
        }
        Ok(match bound.len() {
            0 => stream::empty(),
            1 => match bound.pop() {
                Some((query, matcher)) => hits(query, matcher, scope),
                None => stream::empty(),
            },
            _ => together(bound, scope),
        })
    }
}

/// So many lines about rules that cannot be read.
const PROBLEMS_MAX: usize = 100;

/// The rules of a text that are wanted.
fn ready(file: &str, text: &str, wanted: Option<&Lambda>, scope: &Scope) -> Vec<Arc<Ready>> {
    let read = read_rules(file, text);
    for problem in read.problems.iter().take(PROBLEMS_MAX) {
        scope.log(Level::Warn, &format!("sigma: {problem}"));
    }
    if let Some(more) = read.problems.len().checked_sub(PROBLEMS_MAX).filter(|more| *more > 0) {
        scope.log(Level::Warn, &format!("sigma: {more} more problems in {file} are not told"));
    }
    for correlation in &read.correlations {
        let title = &correlation.title;
        scope.log(
            Level::Warn,
            &format!(
                "sigma: `{title}` is left out with its rules: only log hunts correlate events"
            ),
        );
    }
    let make = |rule: Rule| {
        let (ready, wrong) = Ready::new(rule, scope);
        if let Some(wrong) = wrong {
            scope.log(Level::Warn, &format!("sigma: {wrong}"));
        }
        Arc::new(ready)
    };
    let fits = |ready: &Arc<Ready>| {
        wanted.is_none_or(|wanted| scope.truth(&scope.call(wanted, &[ready.record().clone()])))
    };
    read.rules.into_iter().map(make).filter(fits).collect()
}

/// Says which rules no query was given for.
fn complain_of_homeless(rules: &[Arc<Ready>], sources: &LogSources, scope: &Scope) {
    const NAMED_MAX: usize = 10;
    let homeless: Vec<String> = rules
        .iter()
        .map(|ready| ready.rule())
        .filter(|rule| !sources.0.iter().any(|(source, _)| source.covers(&rule.source)))
        .map(|rule| format!("`{}` ({})", rule.title, rule.source.key()))
        .collect();
    if homeless.is_empty() {
        return;
    }
    let more = match homeless.len().saturating_sub(NAMED_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let named = homeless.iter().take(NAMED_MAX).cloned().collect::<Vec<_>>().join(", ");
    scope.log(Level::Warn, &format!("sigma: no log source for {named}{more}"));
}

/// The hits in the rows of one query.
fn hits(query: Value, mut matcher: Matcher, scope: &Scope) -> RowStream {
    let rows = Query(query).rows(scope);
    let scope = scope.clone();
    Box::new(rows.flat_map(move |row| matcher.rows(&row, &scope)))
}

/// How many hits may wait for whoever takes them.
const AHEAD_MAX: usize = 64;

/// The hits of several queries, which run side by side: one that never ends must not keep the others
/// from beginning.
fn together(bound: Vec<(Value, Matcher)>, scope: &Scope) -> RowStream {
    let (send, receive) = sync_channel(AHEAD_MAX);
    for (query, matcher) in bound {
        let (send, own) = (send.clone(), scope.clone());
        let run = move || forward(query, matcher, &own, &send);
        if let Err(error) = std::thread::Builder::new().name("vql sigma".into()).spawn(run) {
            let text = format!("sigma: no thread could be started for a log source: {error}");
            scope.log(Level::Error, &text);
        }
    }
    drop(send);
    Box::new(receive.into_iter())
}

fn forward(query: Value, matcher: Matcher, scope: &Scope, send: &SyncSender<Row>) {
    for row in hits(query, matcher, scope) {
        if send.send(row).is_err() {
            return;
        }
    }
}
