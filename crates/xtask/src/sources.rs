//! The files of this repository, read once, with tests told apart from the rest.
//!
//! Relies on every file being formatted: a function ends at the first line that is a closing
//! brace at its own depth. The formatter runs before the tests do.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_metadata::{Metadata, MetadataCommand};

/// A text file of the repository.
#[derive(Clone, Debug)]
pub struct Source {
    /// From the repository's root, with `/`.
    pub path: String,
    /// Everything in it.
    pub text: String,
}

/// A function outside of tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// From its first line to its closing brace.
    pub lines: usize,
}

impl Source {
    /// The crate it belongs to, when it belongs to one.
    pub fn krate(&self) -> Option<&str> {
        self.path.strip_prefix("crates/")?.split('/').next()
    }

    /// Is the whole file a test, an example or a measurement?
    pub fn is_test(&self) -> bool {
        ["/tests/", "/benches/", "/fuzz/"].iter().any(|part| self.path.contains(part))
            || matches!(self.krate(), Some("testkit" | "sim"))
            || self.path.ends_with("/tests.rs")
    }

    /// Each line with whether it belongs to a test.
    pub fn lines(&self) -> Vec<(&str, bool)> {
        let whole = self.is_test();
        let mut inside: Option<usize> = None;
        let mut announced = false;
        let mut marked = Vec::new();
        for line in self.text.lines() {
            if inside.is_none() && announced && line.trim_end().ends_with('{') {
                inside = Some(depth(line));
            }
            announced = line.trim() == "#[cfg(test)]" || announced && line.trim().starts_with("#[");
            let test = whole || inside.is_some() || announced;
            marked.push((line, test));
            if inside.is_some_and(|at| line.trim() == "}" && depth(line) == at) {
                inside = None;
            }
        }
        marked
    }

    /// The functions outside of tests.
    pub fn functions(&self) -> Vec<Function> {
        let lines: Vec<&str> =
            self.lines().into_iter().filter(|(_, test)| !test).map(|(line, _)| line).collect();
        let mut found = Vec::new();
        for (at, line) in lines.iter().enumerate() {
            let Some(name) = function_name(line) else { continue };
            let closing = format!("{}}}", " ".repeat(depth(line)));
            let end = lines[at..].iter().position(|later| {
                *later == closing || later.trim_end().ends_with(';') && depth(later) == depth(line)
            });
            if let Some(length) = end {
                found.push(Function { name, lines: length + 1 });
            }
        }
        found
    }
}

fn depth(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

fn function_name(line: &str) -> Option<String> {
    let mut rest = line.trim_start();
    for word in
        ["pub(crate) ", "pub(super) ", "pub ", "const ", "async ", "unsafe ", "extern \"C\" "]
    {
        rest = rest.strip_prefix(word).unwrap_or(rest);
    }
    let name = rest.strip_prefix("fn ")?;
    Some(name.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect())
}

/// The root of the repository.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).expect("this crate lies two folders below the root").to_path_buf()
}

/// What Cargo knows of the workspace, without third-party crates.
pub fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .other_options(vec!["--offline".to_owned()])
        .exec()
        .expect("cargo metadata reads the manifests of this workspace")
}

/// Every text file that is or will be in the repository.
pub fn all() -> Vec<Source> {
    let root = root();
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(&root)
        .output();
    let listed = match listed {
        Ok(output) if output.status.success() => output.stdout,
        // A source archive has no git folder: walk instead.
        _ => return walk(&root),
    };
    String::from_utf8_lossy(&listed)
        .lines()
        .filter_map(|path| {
            let text = fs::read_to_string(root.join(path)).ok()?;
            Some(Source { path: path.to_owned(), text })
        })
        .collect()
}

fn walk(root: &Path) -> Vec<Source> {
    let mut found = Vec::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(folder) = open.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if path.is_dir() {
                if !["target", "node_modules", "dist", ".git", ".demo"].contains(&name.as_str()) {
                    open.push(path);
                }
            } else if let Ok(text) = fs::read_to_string(&path) {
                let path = path.strip_prefix(root).unwrap_or(&path);
                found.push(Source { path: path.to_string_lossy().replace('\\', "/"), text });
            }
        }
    }
    found
}

/// The Rust files among [`all`].
pub fn rust() -> Vec<Source> {
    all().into_iter().filter(|source| source.path.ends_with(".rs")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source { path: "crates/base/src/x.rs".into(), text: text.into() }
    }

    #[test]
    fn a_function_is_measured_to_its_closing_brace() {
        let text = "//! X.\n\npub async fn one(\n    a: u8,\n) {\n    if a {\n    }\n}\n\ntrait T {\n    fn two();\n}\n";
        assert_eq!(
            source(text).functions(),
            [Function { name: "one".into(), lines: 6 }, Function { name: "two".into(), lines: 1 }]
        );
    }

    #[test]
    fn test_modules_are_told_apart() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\nfn c() {}\n";
        let marks: Vec<bool> = source(text).lines().into_iter().map(|(_, test)| test).collect();
        assert_eq!(marks, [false, true, true, true, true, false]);
    }

    #[test]
    fn this_file_is_found() {
        assert!(rust().iter().any(|source| source.path == "crates/xtask/src/sources.rs"));
    }
}
