//! Finding files by patterns: the plugin, and what it makes of its arguments.

use std::sync::Arc;

use parsers::glob::{Component, alternatives};
use rows::{OsPath, Row, Value};
use vql_plugin::{
    Accessor, Entry, Failure, FileInfo, Lambda, Permission, Plugin, RowStream, Scope, plugin_args,
};

use crate::walk::{Hit, Pattern, Recurse, Walk, WalkOptions};
use crate::{Machine, file_rows};

pub(super) fn entry(_machine: &Arc<dyn Machine>) -> Entry {
    Entry::plugin(Glob)
}

plugin_args! {
    /// Finds files by patterns: one row per file that fits any of them.
    ///
    /// In a component, `*` is any run of characters, `?` any one, `[abc]` one of a set; `{a,b}` is a
    /// choice; `**` is any depth of directories up to 30, `**5` up to five. Letters may differ in
    /// case; a component without wildcards prefers the file that is spelled exactly so.
    /// Directories that cannot be listed are logged and passed over. Links are followed, but `**`
    /// goes into a directory behind a link only once, so cycles of links end.
    pub struct GlobArgs for "glob" {
        /// The patterns.
        globs: Vec<Value>,
        /// Where the patterns start.
        root: Option<Arc<OsPath>>,
        /// What the files are reached through.
        accessor: String = "",
        /// Links are not followed.
        nosymlink: bool = false,
        /// Whether to go into a directory, given its row: `x=>NOT x.Name =~ "proc"`.
        recursion_callback: Option<Lambda>,
        /// Stay on the file system on which a pattern starts.
        one_filesystem: bool = false,
    }
}

struct Glob;

impl Plugin for Glob {
    type Args = GlobArgs;
    const NEEDS: &'static [Permission] = &[Permission::FilesystemRead];

    fn rows(&self, args: GlobArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let accessor = scope.accessor(&args.accessor)?;
        let mut root = args.root;
        let mut patterns = Vec::new();
        for glob in &args.globs {
            let glob = scope.materialise(glob);
            for path in pattern_paths(&glob, &*accessor)? {
                if path.delegate().is_some() && root.is_none() {
                    root = Some(Arc::new(path.with_components([])));
                }
                patterns.push(pattern(&glob, &path));
            }
        }
        let root = match root {
            Some(root) => (*root).clone(),
            None => accessor.parse(b"")?,
        };
        let recurse = args.recursion_callback.map(|lambda| {
            let scope = scope.clone();
            let asks = move |info: &FileInfo| {
                let answer = scope.call(&lambda, &[Value::Dict(file_rows::row(info))]);
                scope.truth(&answer)
            };
            Box::new(asks) as Recurse
        });
        let options = WalkOptions {
            follow_links: !args.nosymlink,
            one_filesystem: args.one_filesystem,
            recurse,
        };
        let walk = Walk::new(accessor, scope.clone(), root, patterns, options);
        Ok(Box::new(walk.map(row)))
    }
}

/// The paths that a pattern's choices spell. A structured path has no choices.
fn pattern_paths(glob: &Value, accessor: &dyn Accessor) -> Result<Vec<OsPath>, Failure> {
    match glob {
        Value::Path(path) => Ok(vec![(**path).clone()]),
        Value::Dict(_) => Ok(vec![accessor.parse(&glob.to_text())?]),
        other => {
            let text = other.to_text();
            if text.first() == Some(&b'{') && text.last() == Some(&b'}') && text.contains(&b'"') {
                return Ok(vec![accessor.parse(&text)?]);
            }
            let texts = alternatives(&text.to_str_lossy())?;
            let paths = texts.iter().map(|text| accessor.parse(text.as_bytes()));
            Ok(paths.collect::<Result<_, _>>()?)
        }
    }
}

fn pattern(glob: &Value, path: &OsPath) -> Pattern {
    let components =
        path.components().iter().map(|part| Component::parse(&part.to_str_lossy())).collect();
    Pattern { source: glob.to_text(), components }
}

fn row(hit: Hit) -> Row {
    let mut row = file_rows::row(&hit.info);
    row.set("Globs", Value::array(hit.sources));
    row
}
