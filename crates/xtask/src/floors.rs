//! The floor plan as data, and the walk that compares it with what Cargo knows.
//!
//! # Invariants
//!
//! - Every crate of the workspace stands on exactly one floor.
//! - An arrow points to a lower floor, or it is listed in [`WITHIN`] with its reason.
//! - Tests may use the proof floor's `testkit` from anywhere; nothing shipped does.
//! - A floor's crates carry the `clippy.toml` that says what must not happen there.
//!
//! # Not here
//!
//! What a line of code may say: that is `tidy`.

use cargo_metadata::{DependencyKind, Metadata};

/// Lowest floor first. A crate may use the floors below its own.
pub const FLOORS: &[(&str, &[&str])] = &[
    ("words", &["base", "rows", "model"]),
    (
        "grammars",
        &[
            "vql-syntax",
            "yaml-nodes",
            "rows-json",
            "artifacts",
            "parsers",
            "sigma",
            "yara",
            "log-rules",
            "sql-text",
            "rows-arrow",
            "records",
            "wire",
            "api",
        ],
    ),
    (
        "minds",
        &[
            "vql-plugin",
            "vql-eval",
            "vql-std",
            "vql-help",
            "link",
            "fleet",
            "flows",
            "hunts",
            "matcher",
            "loghunt",
        ],
    ),
    (
        "hands",
        &[
            "agent",
            "server",
            "accessors",
            "vql-machine",
            "vql-records",
            "spool",
            "store-sqlite",
            "store-files",
            "store-objects",
            "store-postgres",
            "store-segments",
            "scheduler",
            "notify",
            "engine-datafusion",
            "engine-sqlite",
            "engine-remote",
            "api-client",
        ],
    ),
    ("programs", &["lycaon-agent", "lycaon"]),
    ("proof", &["testkit", "sim", "xtask"]),
];

/// The few arrows inside a floor, each with its reason.
pub const WITHIN: &[(&str, &str, &str)] = &[
    ("rows", "base", "a value may hold a timestamp"),
    ("model", "base", "nouns have identifiers and moments"),
    ("model", "rows", "parameters and facts are values"),
    ("artifacts", "vql-syntax", "an artifact's queries are checked where they are written"),
    ("artifacts", "yaml-nodes", "an artifact file is YAML whose mistakes are shown in place"),
    ("sigma", "yaml-nodes", "a rule file is YAML whose mistakes are shown in place"),
    ("log-rules", "yaml-nodes", "a definition is YAML whose mistakes are shown in place"),
    ("log-rules", "sigma", "a rule's question may be a Sigma rule"),
    ("log-rules", "sql-text", "a rule in SQL is checked where it is written"),
    ("sql-text", "sigma", "predicates become conditions"),
    ("vql-eval", "vql-plugin", "evaluation calls plugins"),
    ("vql-std", "vql-plugin", "these are plugins"),
    ("vql-help", "vql-plugin", "help is about what plugins declare"),
    ("hunts", "flows", "a hunt's work is done by flows"),
    ("sim", "testkit", "the simulated fleet is made of the example machine"),
];

/// The few arrows that only tests have, each with its reason.
const IN_TESTS: &[(&str, &str, &str)] = &[
    ("vql-machine", "accessors", "plugins about files are asked about real ones"),
    ("store-segments", "store-sqlite", "rows leave real records for segments"),
];

/// How high each proof crate may reach; they are never shipped.
const PROOF_REACH: &[(&str, usize)] = &[("testkit", 2), ("sim", 3), ("xtask", 4)];

/// The floor of minds: these must not touch the world, and their `clippy.toml` says so.
pub const MINDS: usize = 2;

/// One crate using another, as Cargo knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrow {
    /// Who uses.
    pub from: String,
    /// Who is used.
    pub to: String,
    /// Only in tests.
    pub dev: bool,
}

/// The floor of a crate, counted from 0.
pub fn floor_of(krate: &str) -> Option<usize> {
    FLOORS.iter().position(|(_, crates)| crates.contains(&krate))
}

/// What is wrong with these crates and arrows; empty when the plan is kept.
pub fn misplaced(crates: &[String], arrows: &[Arrow]) -> Vec<String> {
    let homeless = crates
        .iter()
        .filter(|krate| floor_of(krate).is_none())
        .map(|krate| format!("{krate} stands on no floor; give it one in xtask/src/floors.rs"));
    let missing = FLOORS
        .iter()
        .flat_map(|(_, crates)| *crates)
        .filter(|krate| !crates.iter().any(|name| name == *krate))
        .map(|krate| format!("{krate} is on the floor plan but does not exist"));
    let wrong = arrows
        .iter()
        .filter(|arrow| !allowed(arrow))
        .map(|arrow| format!("{} must not use {}; see docs/ARCHITECTURE.md", arrow.from, arrow.to));
    homeless.chain(missing).chain(wrong).collect()
}

fn allowed(arrow: &Arrow) -> bool {
    let (Some(from), Some(to)) = (floor_of(&arrow.from), floor_of(&arrow.to)) else { return false };
    let listed = WITHIN.iter().any(|(a, b, _)| (*a, *b) == (&arrow.from, &arrow.to));
    let listed_test = IN_TESTS.iter().any(|(a, b, _)| (*a, *b) == (&arrow.from, &arrow.to));
    let test_of_a_port = arrow.dev && (arrow.to == "testkit" || listed_test);
    let reach = PROOF_REACH.iter().find(|(krate, _)| *krate == arrow.from).map(|(_, top)| *top);
    match reach {
        Some(top) => to <= top || listed,
        None => to < from && FLOORS[to].0 != "proof" || listed || test_of_a_port,
    }
}

/// The crates of the workspace and the arrows between them.
pub fn drawn(metadata: &Metadata) -> (Vec<String>, Vec<Arrow>) {
    let packages = metadata.workspace_packages();
    let crates: Vec<String> = packages.iter().map(|package| package.name.to_string()).collect();
    let arrows = packages
        .iter()
        .flat_map(|package| {
            package.dependencies.iter().filter(|used| used.path.is_some()).map(|used| Arrow {
                from: package.name.to_string(),
                to: used.name.clone(),
                dev: used.kind == DependencyKind::Development,
            })
        })
        .collect();
    (crates, arrows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources;

    fn arrow(from: &str, to: &str) -> Arrow {
        Arrow { from: from.into(), to: to.into(), dev: false }
    }

    fn wrong(arrows: &[Arrow]) -> usize {
        let all: Vec<String> =
            FLOORS.iter().flat_map(|(_, crates)| *crates).map(|krate| krate.to_string()).collect();
        misplaced(&all, arrows).len()
    }

    #[test]
    fn arrows_point_down() {
        assert_eq!(wrong(&[arrow("hunts", "flows"), arrow("wire", "base")]), 0);
        assert_eq!(wrong(&[arrow("flows", "hunts")]), 1);
        assert_eq!(wrong(&[arrow("model", "hunts")]), 1);
        assert_eq!(wrong(&[arrow("server", "store-sqlite")]), 1, "no hand uses another hand");
        assert_eq!(wrong(&[arrow("lycaon", "testkit")]), 1, "nothing shipped uses the proof");
    }

    #[test]
    fn a_test_may_use_the_testkit() {
        let used_in_tests = Arrow { dev: true, ..arrow("store-sqlite", "testkit") };
        assert_eq!(wrong(&[used_in_tests]), 0);
        assert_eq!(wrong(&[arrow("store-sqlite", "testkit")]), 1);
        assert_eq!(wrong(&[arrow("testkit", "server")]), 1, "the testkit stays below the hands");
    }

    #[test]
    fn a_crate_on_no_floor_is_named() {
        let mut all: Vec<String> =
            FLOORS.iter().flat_map(|(_, crates)| *crates).map(|krate| krate.to_string()).collect();
        all.push("attic".into());
        assert_eq!(
            misplaced(&all, &[]),
            ["attic stands on no floor; give it one in xtask/src/floors.rs"]
        );
    }

    #[test]
    fn the_workspace_keeps_the_floor_plan() {
        let (crates, arrows) = drawn(&sources::metadata());
        assert!(arrows.len() > 20, "cargo metadata lists the arrows");
        assert_eq!(misplaced(&crates, &arrows), [""; 0]);
    }

    #[test]
    fn every_mind_has_the_bans_of_its_floor() {
        let root = sources::root();
        for krate in FLOORS[MINDS].1 {
            let path = root.join("crates").join(krate).join("clippy.toml");
            let bans = std::fs::read_to_string(&path).unwrap_or_default();
            for banned in ["std::time::SystemTime::now", "std::fs::", "tokio::spawn"] {
                assert!(bans.contains(banned), "{} must ban {banned}", path.display());
            }
        }
    }

    #[test]
    fn the_architecture_page_names_every_crate() {
        let page = std::fs::read_to_string(sources::root().join("docs/ARCHITECTURE.md")).unwrap();
        for krate in FLOORS.iter().flat_map(|(_, crates)| *crates) {
            assert!(
                page.contains(&format!("`{krate}`")),
                "docs/ARCHITECTURE.md says nothing of `{krate}`"
            );
        }
    }
}
