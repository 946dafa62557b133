//! What a plugin says about itself: the source of its help, its reference page and the messages
//! about its arguments.

use std::fmt::Write;

use crate::Permission;

/// Whether something yields rows or a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Yields rows; stands after FROM.
    Plugin,
    /// Yields a value; stands in an expression.
    Function,
}

/// One declared argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArgSpec {
    /// Its name in VQL.
    pub name: &'static str,
    /// Its type in words.
    pub type_name: &'static str,
    /// What it means.
    pub doc: &'static str,
    /// Whether it must be given.
    pub required: bool,
    /// What it is when it is left out, as written in the declaration.
    pub default: Option<&'static str>,
    /// Whether it is handed over unevaluated.
    pub lazy: bool,
}

/// What a plugin or function is called, takes, needs and means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Its name in VQL.
    pub name: &'static str,
    /// Whether it yields rows or a value.
    pub kind: Kind,
    /// What it does; the first line is a summary.
    pub doc: &'static str,
    /// Its arguments, in the order declared.
    pub args: Vec<ArgSpec>,
    /// Whether it takes arguments of any name.
    pub free_form: bool,
    /// Whether arguments of any name are handed over unevaluated.
    pub lazy_form: bool,
    /// What it needs to be allowed to do.
    pub needs: &'static [Permission],
}

impl Spec {
    /// The argument of that name.
    pub fn arg(&self, name: &str) -> Option<&ArgSpec> {
        self.args.iter().find(|arg| arg.name == name)
    }

    /// The first sentence or line of the documentation.
    pub fn summary(&self) -> &'static str {
        self.doc.trim().lines().next().unwrap_or("").trim()
    }

    /// The reference page, in Markdown.
    pub fn reference_page(&self) -> String {
        let mut page = String::new();
        // Writing to a string cannot fail.
        let _ = writeln!(page, "## {}\n\n{}\n", self.name, unindent(self.doc));
        if !self.needs.is_empty() {
            let needs: Vec<_> = self.needs.iter().map(|need| format!("`{need}`")).collect();
            let _ = writeln!(page, "Needs {}.\n", needs.join(", "));
        }
        if self.free_form {
            page.push_str("Takes arguments of any name.\n\n");
        }
        if !self.args.is_empty() {
            page.push_str("| argument | type | default | meaning |\n|---|---|---|---|\n");
        }
        for arg in &self.args {
            let default = match arg.default {
                Some(default) => format!("`{default}`"),
                None if arg.required => "required".to_owned(),
                None => String::new(),
            };
            let doc = unindent(arg.doc).replace('\n', " ").replace('|', "\\|");
            let _ = writeln!(page, "| `{}` | {} | {default} | {doc} |", arg.name, arg.type_name);
        }
        page
    }

    /// The call with all its arguments on one line: `range(start=0, end, step=1)`.
    pub fn signature(&self) -> String {
        let args: Vec<_> = self
            .args
            .iter()
            .map(|arg| match arg.default {
                Some(default) => format!("{}={default}", arg.name),
                None if arg.required => arg.name.to_owned(),
                None => format!("[{}]", arg.name),
            })
            .collect();
        let more = if self.free_form { "…" } else { "" };
        format!("{}({}{more})", self.name, args.join(", "))
    }
}

fn unindent(doc: &str) -> String {
    doc.trim()
        .lines()
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use rows::Text;

    use crate::{Arguments, Entry, Kind};

    crate::plugin_args! {
        /// Finds files.
        ///
        /// Names are matched with wildcards.
        pub struct FindArgs for "find" {
            /// Where to look.
            root: Text,
            /// What to call it; `a|b`.
            kind: Option<Text> as "type",
            /// Stop after so many
            /// files.
            files_max: i64 = 100,
        }
    }

    #[test]
    fn the_reference_page_comes_from_the_declaration() {
        let spec = Entry::intrinsic::<FindArgs>(Kind::Plugin).spec;
        assert_eq!(spec.signature(), "find(root, [type], files_max=100)");
        assert_eq!(spec.summary(), "Finds files.");
        assert_eq!(FindArgs::NAME, "find");
        expect![[r#"
            ## find

            Finds files.

            Names are matched with wildcards.

            | argument | type | default | meaning |
            |---|---|---|---|
            | `root` | string | required | Where to look. |
            | `type` | string |  | What to call it; `a\|b`. |
            | `files_max` | int | `100` | Stop after so many files. |
        "#]]
        .assert_eq(&spec.reference_page());
    }
}
