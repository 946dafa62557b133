//! Rules that cannot be compiled are sorted out, so that the others can be used.

use crate::rules::{bad_rules, compiler};
use crate::source::parts;
use crate::{BadRules, Variable};

/// Rules without those that are bad.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Linted {
    /// The text of the good ones.
    pub text: String,
    /// Names of the bad ones (empty for what is no rule), and why they are bad. Places are those in
    /// the text that was given.
    pub bad: Vec<(String, BadRules)>,
}

/// Sorts out rules that cannot be compiled. With `without_meta` also leaves out what rules say about
/// themselves, which makes them smaller.
pub fn lint(text: &str, without_meta: bool, variables: &[(String, Variable)]) -> Linted {
    let mut linted = Linted::default();
    let mut compiler = compiler(variables);
    for part in parts(text) {
        let piece = &text[part.span.clone()];
        if let Err(error) = compiler.add_rules_str(piece) {
            let mut bad = bad_rules(&error, piece);
            let before = &text[..part.span.start];
            if bad.line == 1 {
                let line_start = before.rfind('\n').map_or(0, |at| at + 1);
                bad.column += before[line_start..].chars().count();
            }
            bad.line += before.matches('\n').count();
            linted.bad.push((part.name, bad));
            continue;
        }
        match part.meta.filter(|_| without_meta) {
            Some(meta) => {
                linted.text += &text[part.span.start..meta.start];
                linted.text += &text[meta.end..part.span.end];
            }
            None => linted.text += piece,
        }
        linted.text.push('\n');
    }
    linted
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn bad_rules_are_left_out_and_named() {
        let text = "import \"math\"\nimport \"nothing\"\nrule a { meta: x = 1 condition: true }\n  rule b { condition: $x }\nrule c { condition: a }\nrubbish";
        let linted = lint(text, true, &[]);
        expect![[r#"
            import "math"
            rule a { condition: true }
            rule c { condition: a }
        "#]]
        .assert_eq(&linted.text);
        expect![[r#"
            [
                (
                    "",
                    BadRules {
                        line: 2,
                        column: 1,
                        message: "unknown import nothing",
                    },
                ),
                (
                    "b",
                    BadRules {
                        line: 4,
                        column: 23,
                        message: "unknown variable $x",
                    },
                ),
                (
                    "",
                    BadRules {
                        line: 6,
                        column: 1,
                        message: "syntax error",
                    },
                ),
            ]
        "#]]
        .assert_debug_eq(&linted.bad);
    }
}
