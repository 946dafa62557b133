//! Rules as text become rules that can be searched for.

use boreal::compiler::{AddRuleError, CompilerParams};
use boreal::{Compiler, Scanner};

use crate::short;

/// Rules that can be searched for. Cheap to clone, may be used by several threads.
#[derive(Clone, Debug)]
pub struct Rules {
    pub(crate) scanner: Scanner,
    warnings: Vec<String>,
}

/// A value that rules may use by name.
#[derive(Clone, Debug, PartialEq)]
pub enum Variable {
    /// TRUE or FALSE.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number with a fraction.
    Float(f64),
    /// Text.
    Text(Vec<u8>),
}

/// Why rules cannot be compiled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct BadRules {
    /// Counted from 1.
    pub line: usize,
    /// Counted in characters, from 1.
    pub column: usize,
    /// What is wrong there.
    pub message: String,
}

impl Rules {
    /// Compiles rules, or the short form of rules, into the namespace `namespace` (`default` when
    /// it is empty). Rules may use the variables by their names.
    pub fn compile(
        text: &str,
        namespace: &str,
        variables: &[(String, Variable)],
    ) -> Result<Self, BadRules> {
        let expanded = short::expand(text);
        let text = expanded.as_deref().unwrap_or(text);
        let mut compiler = compiler(variables);
        let namespace = if namespace.is_empty() { "default" } else { namespace };
        let status = compiler
            .add_rules_str_in_namespace(text, namespace)
            .map_err(|error| bad_rules(&error, text))?;
        let warnings =
            status.warnings().map(|warning| bad_rules(warning, text).to_string()).collect();
        Ok(Self { scanner: compiler.finalize(), warnings })
    }

    /// What is odd about the rules, though they can be searched for.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

/// A compiler that knows the variables and reads no files.
pub(crate) fn compiler(variables: &[(String, Variable)]) -> Compiler {
    let mut compiler = Compiler::new();
    // What nests deeper than this would overflow the stack of a small thread.
    let params = CompilerParams::default().disable_includes(true).max_condition_depth(40);
    compiler.set_params(params);
    for (name, value) in variables {
        match value.clone() {
            Variable::Bool(value) => compiler.define_symbol(name, value),
            Variable::Int(value) => compiler.define_symbol(name, value),
            Variable::Float(value) => compiler.define_symbol(name, value),
            Variable::Text(value) => compiler.define_symbol(name, value),
        };
    }
    compiler
}

/// What the library says about a text, with the place counted by us.
pub(crate) fn bad_rules(error: &AddRuleError, text: &str) -> BadRules {
    let diagnostic = error.to_diagnostic();
    let start = diagnostic.labels.first().map_or(0, |label| label.range.start).min(text.len());
    let before = String::from_utf8_lossy(&text.as_bytes()[..start]);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let details = diagnostic.labels.iter().map(|label| &label.message);
    let details = details.chain(&diagnostic.notes).filter(|detail| !detail.is_empty());
    let message = details.fold(diagnostic.message.clone(), |text, detail| text + "; " + detail);
    BadRules {
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
        message,
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(text: &str, said: Expect) {
        let found = match Rules::compile(text, "", &[("answer".into(), Variable::Int(42))]) {
            Ok(rules) => format!("ok {:?}", rules.warnings()),
            Err(bad) => bad.to_string(),
        };
        said.assert_eq(&found);
    }

    #[test]
    fn bad_rules_say_where_they_are_bad() {
        check("rule a { condition: answer == 42 }", expect![[r#"ok []"#]]);
        check(
            "rule a {\n  condition:\n    $x\n}",
            expect!["line 3, column 5: unknown variable $x"],
        );
        check(
            "rule a { strings: $a = \"é\" condition: $a and }",
            expect!["line 1, column 46: syntax error"],
        );
        check(
            "import \"nothing\"\nrule a { condition: true }",
            expect!["line 1, column 1: unknown import nothing"],
        );
        check("include \"/etc/passwd\"", expect!["line 1, column 1: includes are not allowed"]);
        check(
            "rule a { condition: true } rule a { condition: true }",
            expect!["line 1, column 33: rule `a` is already declared in this namespace"],
        );
        check(
            "rule a { strings: $a = { 41 [2- 3 } condition: $a }",
            expect!["line 1, column 29: syntax error"],
        );
        check(
            "rule a { strings: $a = /(/ condition: $a }",
            expect!["line 1, column 25: syntax error"],
        );
        check("", expect!["ok []"]);
    }
}
