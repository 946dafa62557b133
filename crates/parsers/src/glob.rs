//! Glob patterns over path components: what a pattern means and whether a name fits it.
//!
//! Pure: it never sees a directory. The walk that uses it is a plugin's.
//!
//! Grammar of one component: `*` any run, `?` any character, `[abc]`, `[a-z]`, `[!a]` and
//! `[^a]` a character of a set, `**` any depth of directories (at most [`DEPTH_DEFAULT`]),
//! `**5` at most five. `{a,b}` is an alternative, may nest and may span components.
//! A backslash is an ordinary character. A set without its closing bracket is literal text.
//!
//! # Invariants
//!
//! - **GL-1** Matching takes time at most proportional to the product of both lengths.
//! - **GL-2** One pattern expands to at most [`ALTERNATIVES_MAX`] alternatives.

/// How deep `**` goes when no number follows it.
pub const DEPTH_DEFAULT: usize = 30;

/// More alternatives than this from one pattern are refused.
pub const ALTERNATIVES_MAX: usize = 10_000;

/// Why a text is not a usable pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadGlob {
    /// The alternatives multiply beyond the limit.
    #[error(
        "the pattern `{pattern}` stands for more than {ALTERNATIVES_MAX} alternatives; split it into several"
    )]
    TooManyAlternatives {
        /// The beginning of the pattern.
        pattern: String,
    },
}

/// Whether letters of either case are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// `A` is not `a`.
    Matters,
    /// `A` is `a`.
    Ignored,
}

/// What one component of a pattern asks of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Component {
    /// Exactly this name.
    Literal(String),
    /// A name of this shape.
    Shape(Vec<Atom>),
    /// Any chain of directories, from none to `depth` of them.
    Recursive {
        /// How many directories at most.
        depth: usize,
    },
}

/// One step of a shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Atom {
    /// This character.
    Char(char),
    /// Any one character.
    Any,
    /// Any run of characters, also none.
    Run,
    /// One character inside (or outside, when `negated`) the ranges.
    Set {
        /// The set is complemented.
        negated: bool,
        /// Inclusive ranges.
        ranges: Vec<(char, char)>,
    },
}

impl Component {
    /// Reads one component. Never fails: what has no special meaning is literal.
    pub fn parse(text: &str) -> Self {
        if let Some(rest) = text.strip_prefix("**") {
            if rest.is_empty() {
                return Self::Recursive { depth: DEPTH_DEFAULT };
            }
            if let Ok(depth) = rest.parse::<u16>() {
                return Self::Recursive { depth: usize::from(depth) };
            }
        }
        if !text.contains(['*', '?', '[']) {
            return Self::Literal(text.to_owned());
        }
        let atoms = atoms(text);
        if atoms.iter().all(|atom| matches!(atom, Atom::Char(_))) {
            return Self::Literal(text.to_owned());
        }
        Self::Shape(atoms)
    }

    /// Whether `name` fits. A recursive component fits every name.
    pub fn matches(&self, name: &str, case: Case) -> bool {
        match self {
            Self::Literal(text) => match case {
                Case::Matters => text == name,
                Case::Ignored => same_ignoring_case(text, name),
            },
            Self::Shape(atoms) => shape_matches(atoms, name, case),
            Self::Recursive { .. } => true,
        }
    }
}

/// Splits a component into its atoms.
fn atoms(text: &str) -> Vec<Atom> {
    let chars: Vec<char> = text.chars().collect();
    let mut atoms = Vec::with_capacity(chars.len());
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        match c {
            '*' => {
                if atoms.last() != Some(&Atom::Run) {
                    atoms.push(Atom::Run);
                }
            }
            '?' => atoms.push(Atom::Any),
            '[' => {
                if let Some((set, next)) = set(&chars, at + 1) {
                    atoms.push(set);
                    at = next;
                    continue;
                }
                atoms.push(Atom::Char('['));
            }
            other => atoms.push(Atom::Char(other)),
        }
        at += 1;
    }
    atoms
}

/// Reads a set whose first character stands at `at`; `None` when it is never closed.
fn set(chars: &[char], mut at: usize) -> Option<(Atom, usize)> {
    let negated = matches!(chars.get(at), Some('!' | '^'));
    if negated {
        at += 1;
    }
    let mut ranges = Vec::new();
    let first = at;
    loop {
        let low = *chars.get(at)?;
        if low == ']' && at > first {
            return Some((Atom::Set { negated, ranges }, at + 1));
        }
        let high = match (chars.get(at + 1), chars.get(at + 2)) {
            (Some('-'), Some(&high)) if high != ']' => Some(high),
            _ => None,
        };
        match high {
            Some(high) => {
                ranges.push((low.min(high), low.max(high)));
                at += 3;
            }
            None => {
                ranges.push((low, low));
                at += 1;
            }
        }
    }
}

/// Greedy match that returns only to the last run, which keeps it quadratic at worst.
fn shape_matches(atoms: &[Atom], name: &str, case: Case) -> bool {
    let name: Vec<char> = name.chars().collect();
    let (mut atom, mut at) = (0, 0);
    let mut resume: Option<(usize, usize)> = None;
    while at < name.len() {
        match atoms.get(atom) {
            Some(Atom::Run) => {
                resume = Some((atom, at));
                atom += 1;
                continue;
            }
            Some(one) if atom_matches(one, name[at], case) => {
                atom += 1;
                at += 1;
                continue;
            }
            _ => {}
        }
        let Some((run, from)) = resume else { return false };
        resume = Some((run, from + 1));
        atom = run + 1;
        at = from + 1;
    }
    atoms[atom..].iter().all(|rest| *rest == Atom::Run)
}

fn atom_matches(atom: &Atom, c: char, case: Case) -> bool {
    match atom {
        Atom::Run | Atom::Any => true,
        Atom::Char(wanted) => *wanted == c || (case == Case::Ignored && folded_eq(*wanted, c)),
        Atom::Set { negated, ranges } => {
            let holds = |c: char| ranges.iter().any(|(low, high)| *low <= c && c <= *high);
            let inside = holds(c)
                || (case == Case::Ignored
                    && (c.to_lowercase().any(holds) || c.to_uppercase().any(holds)));
            inside != *negated
        }
    }
}

fn folded_eq(a: char, b: char) -> bool {
    a.eq_ignore_ascii_case(&b) || a.to_lowercase().eq(b.to_lowercase())
}

fn same_ignoring_case(a: &str, b: &str) -> bool {
    let (mut a, mut b) = (a.chars(), b.chars());
    loop {
        match (a.next(), b.next()) {
            (None, None) => return true,
            (Some(x), Some(y)) if folded_eq(x, y) => {}
            _ => return false,
        }
    }
}

/// Writes out the `{a,b}` alternatives of a pattern, in order.
///
/// A brace without its partner, or with nothing to choose from (`{a}`), is literal text.
pub fn alternatives(pattern: &str) -> Result<Vec<String>, BadGlob> {
    let mut done = Vec::new();
    let mut todo = vec![pattern.to_owned()];
    while let Some(text) = todo.pop() {
        if done.len() + todo.len() > ALTERNATIVES_MAX {
            let pattern = pattern.chars().take(60).collect();
            return Err(BadGlob::TooManyAlternatives { pattern });
        }
        match first_choice(&text) {
            None => done.push(text),
            Some((open, close, choices)) => {
                for choice in choices.into_iter().rev() {
                    todo.push(format!("{}{}{}", &text[..open], choice, &text[close + 1..]));
                }
            }
        }
    }
    Ok(done)
}

/// The first brace group with a top-level comma: where it opens, closes, and what it offers.
fn first_choice(text: &str) -> Option<(usize, usize, Vec<String>)> {
    for (open, _) in text.match_indices('{') {
        let mut depth = 0usize;
        let mut start = open + 1;
        let mut choices = Vec::new();
        for (at, byte) in text.bytes().enumerate().skip(open) {
            match byte {
                b'{' => depth += 1,
                b',' if depth == 1 => {
                    choices.push(text[start..at].to_owned());
                    start = at + 1;
                }
                b'}' if depth == 1 => {
                    if choices.is_empty() {
                        break;
                    }
                    choices.push(text[start..at].to_owned());
                    return Some((open, at, choices));
                }
                b'}' => depth -= 1,
                _ => {}
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    #[track_caller]
    fn check(pattern: &str, names: &[&str], answer: Expect) {
        let component = Component::parse(pattern);
        let lines: Vec<String> = names
            .iter()
            .map(|name| {
                let exact = component.matches(name, Case::Matters);
                let loose = component.matches(name, Case::Ignored);
                format!(
                    "{name}: {}",
                    match (exact, loose) {
                        (true, true) => "yes",
                        (false, true) => "ignoring case",
                        (true, false) => "only with case",
                        (false, false) => "no",
                    }
                )
            })
            .collect();
        answer.assert_eq(&lines.join("\n"));
    }

    #[test]
    fn a_star_is_any_run() {
        check(
            "*.txt",
            &["a.txt", ".txt", "a.TXT", "a.txt.gz"],
            expect![[r#"
            a.txt: yes
            .txt: yes
            a.TXT: ignoring case
            a.txt.gz: no"#]],
        );
        check(
            "a*b*c",
            &["abc", "axxbyyc", "abcd", "aXbc"],
            expect![[r#"
            abc: yes
            axxbyyc: yes
            abcd: no
            aXbc: yes"#]],
        );
    }

    #[test]
    fn sets_may_be_negated_and_hold_a_bracket() {
        check(
            "[a-c]?",
            &["a1", "d1", "C9"],
            expect![[r#"
            a1: yes
            d1: no
            C9: ignoring case"#]],
        );
        check(
            "[!0-9]x",
            &["ax", "1x"],
            expect![[r#"
            ax: yes
            1x: no"#]],
        );
        check(
            "[]x]",
            &["]", "x", "y"],
            expect![[r#"
            ]: yes
            x: yes
            y: no"#]],
        );
        check(
            "[open",
            &["[open", "o"],
            expect![[r#"
            [open: yes
            o: no"#]],
        );
    }

    #[test]
    fn depth_forms_are_recursive() {
        assert_eq!(Component::parse("**"), Component::Recursive { depth: DEPTH_DEFAULT });
        assert_eq!(Component::parse("**5"), Component::Recursive { depth: 5 });
        assert!(matches!(Component::parse("**x"), Component::Shape(_)));
    }

    #[test]
    fn braces_multiply_and_nest() {
        let written = |pattern| alternatives(pattern).unwrap().join(" ");
        assert_eq!(written("/{a,b}/{1,2}"), "/a/1 /a/2 /b/1 /b/2");
        assert_eq!(written("/{a,b{c,d}}"), "/a /bc /bd");
        assert_eq!(written("/{etc/passwd,root}/x"), "/etc/passwd/x /root/x");
        assert_eq!(written("{a}"), "{a}");
        assert_eq!(written("{GUID}/{x,y}"), "{GUID}/x {GUID}/y");
        assert_eq!(written("{a,b"), "{a,b");
        assert_eq!(written("{,x}y"), "y xy");
    }

    #[test]
    fn a_pattern_that_explodes_is_refused() {
        let bomb = "{a,b}".repeat(40);
        assert!(alternatives(&bomb).unwrap_err().to_string().contains("split it"));
    }

    #[test]
    fn a_hostile_pattern_does_not_hang() {
        let pattern = Component::parse(&"a*".repeat(200));
        assert!(!pattern.matches(&"a".repeat(150), Case::Ignored));
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(pattern in "\\PC{0,40}", name in "\\PC{0,40}") {
            for text in alternatives(&pattern).unwrap_or_default().iter().take(20) {
                let _ = Component::parse(text).matches(&name, Case::Ignored);
            }
        }

        #[test]
        fn a_name_matches_itself(name in "[a-zA-Z0-9 ._-]{1,30}") {
            proptest::prop_assert!(Component::parse(&name).matches(&name, Case::Matters));
        }
    }
}
