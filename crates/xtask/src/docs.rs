//! The reference pages of VQL, made from what plugins, functions and accessors declare.
//!
//! One page per name in `docs/reference/vql/`, an index, and a page about accessors. `xtask docs`
//! writes them; a test says when they are stale, so they cannot rot.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fleet::memory::MemFleet;
use flows::memory::MemFlows;
use hunts::memory::MemHunts;
use model::org::OrgId;
use vql_plugin::{Catalog, Kind, Spec};
use vql_records::Records;

use crate::sources;

const MADE_BY: &str =
    "<!-- Made by `cargo run -p xtask -- docs` from the declarations in the code. -->\n";

/// Everything that queries may call, as the programs put it together.
pub fn catalog() -> Catalog {
    vql_std::self_describing(
        vql_eval::language()
            .and(vql_std::catalog())
            .and(vql_machine::catalog(vql_machine::this_machine()))
            .and(records()),
    )
}

/// What the server offers besides: plugins about its records, of which there are none here.
fn records() -> Catalog {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.expect("a runtime without any driver needs nothing of the machine");
    let flows = Arc::new(MemFlows::new());
    vql_records::catalog(&Arc::new(Records {
        clients: Arc::new(MemFleet::default()),
        flows: flows.clone(),
        results: flows.clone(),
        monitoring: flows.clone(),
        hunts: Arc::new(MemHunts::new(flows)),
        org: OrgId::default(),
        runtime: runtime.handle().clone(),
    }))
}

/// Where the pages are.
pub fn folder() -> PathBuf {
    sources::root().join("docs/reference/vql")
}

/// All pages by file name.
pub fn pages() -> BTreeMap<String, String> {
    let catalog = catalog();
    let mut by_name: BTreeMap<&str, Vec<&Spec>> = BTreeMap::new();
    for spec in catalog.specs() {
        by_name.entry(spec.name).or_default().push(spec);
    }
    let mut pages = BTreeMap::from([
        ("README.md".to_owned(), index(&by_name)),
        ("accessors.md".to_owned(), accessors_page()),
    ]);
    for (name, specs) in by_name {
        let mut page = MADE_BY.to_owned();
        for spec in specs {
            // Writing to a string cannot fail.
            let _ = write!(page, "\n{}", section(spec));
        }
        pages.insert(format!("{name}.md"), page);
    }
    pages
}

fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Plugin => "plugin",
        Kind::Function => "function",
    }
}

fn section(spec: &Spec) -> String {
    let signature = spec.signature();
    let body = spec.reference_page();
    let body = body.split_once("\n\n").map_or(body.as_str(), |(_, body)| body);
    format!(
        "# {} ({})\n\n```text\n{signature}\n```\n\n{}\n",
        spec.name,
        kind_word(spec.kind),
        body.trim_end()
    )
}

fn index(by_name: &BTreeMap<&str, Vec<&Spec>>) -> String {
    let mut page = format!("{MADE_BY}\n# VQL: plugins and functions\n");
    let kinds = [
        (Kind::Plugin, "Plugins yield rows and stand after FROM."),
        (Kind::Function, "Functions yield a value and stand in expressions."),
    ];
    for (kind, words) in kinds {
        let _ = write!(page, "\n{words}\n\n| name | what it does | needs |\n|---|---|---|\n");
        for spec in by_name.values().flatten().filter(|spec| spec.kind == kind) {
            let needs: Vec<String> = spec.needs.iter().map(|need| format!("`{need}`")).collect();
            let summary = spec.summary().replace('|', "\\|");
            let _ =
                writeln!(page, "| [`{0}`]({0}.md) | {summary} | {1} |", spec.name, needs.join(" "));
        }
    }
    page.push_str("\nFiles are read through [accessors](accessors.md).\n");
    page
}

fn accessors_page() -> String {
    let mut page = format!(
        "{MADE_BY}\n# Accessors\n\nThe argument `accessor` says what a path is read through.\n\n\
         | name | what it reads |\n|---|---|\n"
    );
    for (name, accessor) in accessors::all().iter() {
        let other = if name.as_str() == accessor.name() {
            String::new()
        } else {
            format!("The same as `{}`. ", accessor.name())
        };
        let _ = writeln!(page, "| `{name}` | {other}{} |", accessor.doc());
    }
    page
}

/// What differs between the pages and the folder, in words.
pub fn stale() -> Vec<String> {
    let pages = pages();
    let mut wrong = Vec::new();
    for (name, page) in &pages {
        match fs::read_to_string(folder().join(name)) {
            Ok(found) if found == *page => {}
            Ok(_) => wrong.push(format!("docs/reference/vql/{name} is stale")),
            Err(_) => wrong.push(format!("docs/reference/vql/{name} is missing")),
        }
    }
    wrong.extend(strangers(&pages).iter().map(|path| format!("{} has no source", path.display())));
    wrong
}

/// Files of the folder that no declaration makes.
fn strangers(pages: &BTreeMap<String, String>) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder()).into_iter().flatten().flatten().map(|entry| entry.path());
    let known = |path: &Path| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| pages.contains_key(name))
    };
    let mut strangers: Vec<PathBuf> = entries.filter(|path| !known(path)).collect();
    strangers.sort();
    strangers
}

/// Writes the pages and removes those that nobody declares any more.
pub fn write() -> std::io::Result<usize> {
    let pages = pages();
    fs::create_dir_all(folder())?;
    for stranger in strangers(&pages) {
        fs::remove_file(stranger)?;
    }
    for (name, page) in &pages {
        fs::write(folder().join(name), page)?;
    }
    Ok(pages.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_pages_are_current() {
        assert_eq!(stale(), Vec::<String>::new(), "run `cargo run -p xtask -- docs`");
    }

    #[test]
    fn every_declaration_has_words() {
        for spec in catalog().specs() {
            assert!(!spec.summary().is_empty(), "{} says nothing about itself", spec.name);
            for arg in &spec.args {
                assert!(!arg.doc.trim().is_empty(), "{}: {} has no words", spec.name, arg.name);
            }
        }
    }
}
